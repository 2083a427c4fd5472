//! Every document against libvirt's own schemas, checked by another program.

use std::process::Command;

use hostler_lab::{packages, run_quietly};

use super::*;

const SCHEMAS: &str = "/usr/share/libvirt/schemas";

type Change = Box<dyn Fn(&mut VmSpec)>;

/// Machines that differ from each other in every choice there is.
fn machines() -> Vec<VmSpec> {
    let changed = |change: Change| {
        let mut spec = VmSpec::new("one", 1 << 30);
        spec.disks.push(disk("root", DiskDevice::Disk));
        change(&mut spec);
        spec
    };
    let changes = disks_and_nics().into_iter().chain(screens()).chain(others());
    changes.map(changed).chain([full()]).collect()
}

fn disks_and_nics() -> Vec<Change> {
    let mut changes: Vec<Change> = vec![Box::new(|_| {})];
    for bus in [DiskBus::Virtio, DiskBus::Scsi, DiskBus::Sata, DiskBus::Ide, DiskBus::Usb] {
        changes.push(Box::new(move |s| s.disks[0].bus = Some(bus)));
        changes.push(Box::new(move |s| {
            s.machine.kind = Some("pc".into());
            s.disks[0].bus = Some(bus);
            s.disks[0].device = DiskDevice::Cdrom;
        }));
    }
    for cache in [
        CacheMode::None,
        CacheMode::Writethrough,
        CacheMode::Writeback,
        CacheMode::Directsync,
        CacheMode::Unsafe,
    ] {
        changes.push(Box::new(move |s| s.disks[0].cache = Some(cache)));
    }
    for model in [NicModel::Virtio, NicModel::E1000e, NicModel::E1000, NicModel::Rtl8139] {
        changes.push(Box::new(move |s| {
            s.nics.push(NicSpec { source: NicSource::User {}, model, mac: None, link_up: false });
        }));
    }
    changes
}

fn screens() -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for graphics in [GraphicsSpec::Vnc, GraphicsSpec::Spice] {
        for video in [
            VideoModel::Virtio,
            VideoModel::Vga,
            VideoModel::Qxl,
            VideoModel::Bochs,
            VideoModel::None,
        ] {
            changes.push(Box::new(move |s| {
                (s.graphics, s.video) = (Some(graphics), Some(video));
            }));
        }
    }
    changes
}

fn others() -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for mode in [CpuMode::HostPassthrough, CpuMode::HostModel, CpuMode::Maximum] {
        changes.push(Box::new(move |s| s.cpu.mode = mode.clone()));
    }
    for model in [WatchdogModel::I6300esb, WatchdogModel::Itco, WatchdogModel::Ib700] {
        for action in [
            WatchdogAction::Reset,
            WatchdogAction::Shutdown,
            WatchdogAction::Poweroff,
            WatchdogAction::Pause,
            WatchdogAction::None,
        ] {
            changes.push(Box::new(move |s| s.watchdog = Some(WatchdogSpec { model, action })));
        }
    }
    changes.push(Box::new(|s| s.tpm = Some(TpmSpec { model: TpmModel::Tis })));
    changes.push(Box::new(|s| s.panic = Some(PanicModel::Hyperv)));
    changes.push(Box::new(|s| s.machine.kind = Some("pc".into())));
    changes.push(Box::new(|s| {
        (s.balloon, s.rng, s.guest_agent, s.serial_console) = (false, false, false, false);
    }));
    changes.push(Box::new(|s| {
        s.machine.arch = Some("aarch64".into());
        s.firmware.kind = FirmwareKind::Uefi;
        s.graphics = Some(GraphicsSpec::Vnc);
    }));
    changes
}

#[test]
fn c1_every_document_is_valid_by_libvirts_own_schemas() {
    packages::ensure(packages::SCHEMAS, &mut |line| eprintln!("{line}")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let common = std::fs::read_to_string(format!("{SCHEMAS}/domaincommon.rng")).unwrap();
    let mut files = Vec::new();
    for (index, spec) in machines().iter().enumerate() {
        // Combinations that are refused before are another test's matter.
        let Ok(xml) = to_xml(&plan(spec)) else { continue };
        // Younger than some schemas; such a host is told apart before anything is made.
        if xml.contains("\"itco\"") && !common.contains("itco") {
            continue;
        }
        let file = directory.path().join(format!("domain-{index}.xml"));
        std::fs::write(&file, xml).unwrap();
        files.push(file);
    }
    assert!(files.len() > 45, "only {} documents", files.len());
    // As virt-xml-validate does, but reading the schema once.
    let mut check = Command::new("xmllint");
    check.args(["--noout", "--relaxng"]).arg(format!("{SCHEMAS}/domain.rng")).args(&files);
    run_quietly(&mut check).unwrap();

    // What is wrong is found: the check itself checks something.
    let wrong = directory.path().join("domain-wrong.xml");
    let xml = to_xml(&plan(&full()))
        .unwrap()
        .replace("<vcpu", "<virtual-cpu")
        .replace("</vcpu", "</virtual-cpu");
    std::fs::write(&wrong, xml).unwrap();
    run_quietly(Command::new("virt-xml-validate").arg(&wrong).arg("domain")).unwrap_err();

    let volume = directory.path().join("volume.xml");
    for format in [VolumeFormat::Qcow2, VolumeFormat::Raw] {
        let xml = crate::xml::volume::build("a-root", 1 << 30, format).to_xml().unwrap();
        std::fs::write(&volume, xml).unwrap();
        run_quietly(Command::new("virt-xml-validate").arg(&volume).arg("storagevol")).unwrap();
    }
}
