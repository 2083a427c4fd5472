//! What is refused before a provider is asked, and what a mark is.

use super::*;
use crate::vm::devices::{CacheMode, VolumeFormat};

fn disk(name: &str) -> DiskSpec {
    DiskSpec {
        name: name.into(),
        device: DiskDevice::Disk,
        bus: None,
        source: DiskSource::Empty {
            size_bytes: 1 << 30,
            pool: None,
            format: Some(VolumeFormat::Qcow2),
        },
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    }
}

fn seen(name: &str) -> AttachedDisk {
    AttachedDisk {
        external_ref: name.into(),
        name: name.into(),
        mark: None,
        state: DiskState::Attached,
        message: None,
        device: "disk".into(),
        bus: None,
        volume: None,
        source: None,
        capacity_bytes: None,
        read_only: false,
        fixed: None,
    }
}

fn limits() -> DiskLimits {
    DiskLimits {
        live_buses: vec![DiskBus::Scsi, DiskBus::Virtio],
        live_cdrom: false,
        offline: true,
        offline_buses: vec![DiskBus::Virtio, DiskBus::Scsi, DiskBus::Sata],
        offline_cdrom: true,
        max_per_vm: 3,
        formats: vec![VolumeFormat::Qcow2, VolumeFormat::Raw],
        images: true,
        caches: CacheMode::ALL.to_vec(),
        discard: true,
        shares: false,
        live_growth: true,
        offline_growth: false,
    }
}

#[test]
fn c7_what_a_provider_cannot_add_is_refused_before_it_is_asked() {
    use PowerState::{Running, Stopped};
    let code = |limits: &DiskLimits, disk: &DiskSpec, power, existing| {
        limits.refuses(disk, power, existing).map(|denial| denial.code)
    };
    let (all, plain) = (limits(), disk("data"));
    let on_sata = DiskSpec { bus: Some(DiskBus::Sata), ..plain.clone() };
    let on_scsi = DiskSpec { bus: Some(DiskBus::Scsi), ..plain.clone() };
    let cdrom = DiskSpec { device: DiskDevice::Cdrom, ..plain.clone() };
    let off_only = DiskLimits { live_buses: Vec::new(), ..limits() };
    let on_only = DiskLimits { offline: false, ..limits() };
    for (limits, disk, power, existing, refused) in [
        (&all, &plain, Running, 2, None),
        (&all, &on_scsi, Running, 0, None),
        (&all, &on_sata, Running, 0, Some(Code::CapabilityMissing)),
        (&all, &on_sata, Stopped, 0, None),
        (&all, &cdrom, Running, 0, Some(Code::CapabilityMissing)),
        (&all, &cdrom, Stopped, 0, None),
        (&all, &plain, Stopped, 3, Some(Code::LimitExceeded)),
        (&off_only, &plain, Running, 0, Some(Code::VmWrongState)),
        (&off_only, &plain, Stopped, 0, None),
        (&on_only, &plain, Stopped, 0, Some(Code::VmWrongState)),
    ] {
        assert_eq!(code(limits, disk, power, existing), refused, "{disk:?} {power:?}");
    }
    assert_eq!(
        all.refuses(&on_sata, Running, 0).unwrap().message,
        "its provider adds no sata disk to a VM that is on; ask for scsi or virtio, or stop it first"
    );
}

#[test]
fn c7_what_a_provider_never_takes_is_refused_whether_the_vm_is_on_or_off() {
    use PowerState::{Running, Stopped};
    let plain = DiskLimits {
        live_buses: vec![DiskBus::Scsi],
        offline_buses: vec![DiskBus::Scsi],
        offline_cdrom: false,
        formats: vec![VolumeFormat::Raw],
        images: false,
        caches: vec![CacheMode::None, CacheMode::Writeback],
        discard: false,
        ..limits()
    };
    let raw = |image: bool| match image {
        false => DiskSource::Empty { size_bytes: 1, pool: None, format: Some(VolumeFormat::Raw) },
        true => DiskSource::Image {
            image: "debian".into(),
            size_bytes: None,
            pool: None,
            format: Some(VolumeFormat::Raw),
        },
    };
    let fits = DiskSpec { source: raw(false), ..disk("data") };
    let cases = [
        (fits.clone(), None),
        (disk("data"), Some("its provider keeps no disk as qcow2; ask for the format raw")),
        (
            DiskSpec { source: raw(true), ..fits.clone() },
            Some("its provider makes no disk of an image; name a volume with its bytes"),
        ),
        (
            DiskSpec { cache: Some(CacheMode::Unsafe), ..fits.clone() },
            Some("its provider caches no disk by unsafe; ask for none or writeback"),
        ),
        (DiskSpec { cache: Some(CacheMode::None), ..fits.clone() }, None),
        (
            DiskSpec { discard: true, ..fits.clone() },
            Some(
                "its provider cannot be asked to free what a disk's guest discards; leave that out",
            ),
        ),
        (
            DiskSpec { device: DiskDevice::Cdrom, ..fits.clone() },
            Some("its provider adds no CD-ROM drive to a VM that exists; make the VM with it"),
        ),
    ];
    for (disk, refused) in cases {
        for power in [Running, Stopped] {
            let told = plain.refuses(&disk, power, 0).map(|denial| denial.message);
            assert_eq!(told.as_deref(), refused, "{disk:?} {power:?}");
        }
    }
    let virtio = DiskSpec { bus: Some(DiskBus::Virtio), ..fits };
    assert_eq!(
        plain.refuses(&virtio, Stopped, 0).unwrap().message,
        "its provider adds no virtio disk to a VM that is off; ask for scsi"
    );
}

#[test]
fn e8_an_added_disk_needs_a_name_of_its_own_and_a_source_that_makes_sense() {
    let mut spec = VmSpec::new("web", 1 << 30);
    spec.disks.push(disk("root"));
    let code = |existing: &[AttachedDisk], disk: &DiskSpec| {
        check_addition(&spec, existing, disk).map_err(|error| error.code())
    };
    assert_eq!(code(&[], &disk("data")), Ok(()));
    assert_eq!(code(&[], &disk("root")), Err(Code::DiskExists));
    assert_eq!(code(&[seen("data")], &disk("data")), Err(Code::DiskExists));
    for bad in [disk("../etc"), disk(SEED_DISK)] {
        let error = check_addition(&spec, &[], &bad).unwrap_err();
        assert_eq!(error.code(), Code::SpecInvalid);
        assert_eq!(error.fault_list()[0].pointer, "/name", "as in the document that was sent");
    }
    let drive =
        DiskSpec { device: DiskDevice::Cdrom, source: DiskSource::NoMedia {}, ..disk("drive") };
    assert_eq!(code(&[], &drive), Err(Code::SpecInvalid));
}

#[test]
fn e8_the_disk_that_a_guest_runs_from_stays_while_it_is_on() {
    use PowerState::{Running, Stopped};
    let mut spec = VmSpec::new("web", 1 << 30);
    let stays = |spec: &VmSpec, disk: &str, power| {
        needed(spec, disk, Some("vda"), power).map(|denial| denial.code)
    };
    // Of an adopted VM only what is seen is known.
    assert_eq!(stays(&spec, "vda", Running), Some(Code::DiskNeeded));
    spec.disks = vec![disk("root"), disk("data")];
    assert_eq!(stays(&spec, "root", Running), Some(Code::DiskNeeded));
    assert_eq!(stays(&spec, "root", Stopped), None);
    assert_eq!(stays(&spec, "data", Running), None);
    spec.boot = vec![BootDevice::Nic(0), BootDevice::Disk("data".into())];
    assert_eq!(stays(&spec, "data", Running), Some(Code::DiskNeeded));
    assert_eq!(stays(&spec, "root", Running), None);
    assert_eq!(stays(&spec, SEED_DISK, Stopped), Some(Code::DiskNeeded));
}

#[test]
fn a_disk_that_is_taken_off_is_not_tried_to_boot_from() {
    let mut spec = VmSpec::new("web", 1 << 30);
    spec.disks = vec![disk("root"), disk("data")];
    spec.boot = vec![BootDevice::Disk("data".into()), BootDevice::Disk("root".into())];
    spec.without_disk("data");
    assert_eq!(spec.boot, [BootDevice::Disk("root".into())]);
    assert_eq!(spec.check(), Ok(()));
    let larger = DiskSpec { read_only: true, ..disk("root") };
    spec.with_disk(larger.clone());
    assert_eq!(spec.disks, [larger]);
}

/// Journals and names at providers hold these.
#[test]
fn a_mark_is_twelve_digits_and_read_as_it_was_written() {
    let id: Uuid = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".parse().unwrap();
    let mark = DiskMark::of(id);
    assert_eq!(serde_json::to_string(&mark).unwrap(), "\"5f6a7b8c9d0e\"");
    assert_eq!(serde_json::from_str::<DiskMark>("\"5f6a7b8c9d0e\"").unwrap(), mark);
    for bad in ["", "5f6a7b8c9d0", "5F6A7B8C9D0E", "5f6a7b8c9d0e0", "5f6a7b8c9d0g"] {
        assert_eq!(DiskMark::parse(bad), None, "{bad}");
    }
    assert!(serde_json::from_str::<DiskMark>("\"../../../../x\"").is_err());
}

#[test]
fn c7_growth_is_refused_by_state_and_never_becomes_a_loss() {
    let only_on = limits();
    assert_eq!(only_on.refuses_growth(PowerState::Running), None);
    let off = only_on.refuses_growth(PowerState::Stopped).unwrap();
    assert_eq!(off.code, Code::VmWrongState);
    assert!(off.message.contains("start it first"), "{}", off.message);
    let never = DiskLimits { live_growth: false, ..limits() };
    let never = never.refuses_growth(PowerState::Running).unwrap();
    assert_eq!(never.code, Code::CapabilityMissing);

    assert!(check_growth("data", Some(1), 2).unwrap());
    assert!(!check_growth("data", Some(2), 2).unwrap());
    assert!(check_growth("data", None, 2).unwrap(), "what is not told may be less");
    let fault = |now, wanted| {
        let error = check_growth("data", now, wanted).unwrap_err();
        error.fault_list()[0].code.clone()
    };
    assert_eq!(fault(Some(3), 2), "shrinks");
    assert_eq!(fault(None, u64::MAX), "too_large");
}
