//! Checks of a [`VmSpec`] that need nothing but the document: all its faults at
//! once, each with a JSON pointer, so that a form can mark every field.

use std::collections::BTreeSet;

use super::cloud_init::{CloudInit, DOCUMENT_MAX_BYTES};
use super::devices::{BootDevice, DiskDevice, DiskSource, DiskSpec, NicSource, NicSpec};
use super::instance_type::TypeRef;
use super::spec::{CpuMode, CpuSpec, FirmwareKind, VmSpec};
use crate::error::{Code, Error, Fault, Result};
use crate::name::{self, BadName};

/// The least memory a VM can have: below that no firmware starts.
pub const MEMORY_MIN_BYTES: u64 = 1 << 20;
/// The most memory accepted: 64 TiB.
pub const MEMORY_MAX_BYTES: u64 = 64 << 40;
/// The most virtual processors accepted.
pub const CPU_MAX: u32 = 4096;
/// The largest disk accepted: 1 PiB.
pub const DISK_MAX_BYTES: u64 = 1 << 50;
/// The most disks, and the most NICs, of one VM.
pub const DEVICES_MAX: usize = 64;
/// The name under which a VM's cloud-init seed is kept among its disks.
pub const SEED_DISK: &str = "cloud-init";
/// The longest description of a VM, in bytes.
pub const DESCRIPTION_MAX_BYTES: usize = 4096;
/// The most labels of one VM.
pub const LABELS_MAX: usize = 64;

impl VmSpec {
    /// Whether the document makes sense by itself; all faults at once.
    pub fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        self.check_identity(&mut faults);
        self.check_types(&mut faults);
        let by_type = self.instance_type.is_some();
        // What a request leaves to its instance type is not known yet.
        if !(by_type && self.cpu.count == 0) {
            check_cpu(&self.cpu, &mut faults);
        }
        if !(by_type && self.memory.bytes == 0) {
            faults.range("/memory/bytes", self.memory.bytes, MEMORY_MIN_BYTES, MEMORY_MAX_BYTES);
        }
        if self.firmware.secure_boot && self.firmware.kind != FirmwareKind::Uefi {
            faults.add("/firmware/secure_boot", "needs_uefi", "needs firmware kind uefi");
        }
        for (field, value) in [("arch", &self.machine.arch), ("kind", &self.machine.kind)] {
            if let Some(value) = value {
                faults.name(&format!("/machine/{field}"), name::check(value));
            }
        }
        check_disks(&self.disks, &mut faults);
        check_nics(&self.nics, &mut faults);
        self.check_boot(&mut faults);
        if let Some(init) = &self.cloud_init {
            check_cloud_init(init, &mut faults);
        }
        faults.into_result()
    }

    fn check_identity(&self, faults: &mut Faults) {
        faults.name("/name", name::check_vm(&self.name));
        faults.name("/project", name::check_vm(&self.project));
        faults.text("/description", &self.description, DESCRIPTION_MAX_BYTES);
        if self.labels.len() > LABELS_MAX {
            faults.add("/labels", "too_many", format!("has more than {LABELS_MAX} entries"));
        }
        for (key, value) in &self.labels {
            let pointer = format!("/labels/{}", key.replace('~', "~0").replace('/', "~1"));
            faults.name(&pointer, check_label_key(key));
            faults.text(&pointer, value, 256);
        }
    }

    fn check_types(&self, faults: &mut Faults) {
        let named = [("instance_type", &self.instance_type), ("preference", &self.preference)];
        for (field, named) in named {
            let Some(TypeRef { name, namespace }) = named else { continue };
            faults.name(&format!("/{field}/name"), name::check(name));
            faults.optional_name(&format!("/{field}/namespace"), namespace.as_deref());
        }
        let arranged = [
            ("max_count", self.cpu.max_count.is_some()),
            ("topology", self.cpu.topology.is_some()),
        ];
        for (field, is_given) in arranged {
            if is_given && self.instance_type.is_some() {
                let detail = "is the instance type's to say; leave it out";
                faults.add(&format!("/cpu/{field}"), "with_instance_type", detail);
            }
        }
    }

    fn check_boot(&self, faults: &mut Faults) {
        for (index, device) in self.boot.iter().enumerate() {
            let pointer = format!("/boot/{index}");
            match device {
                BootDevice::Disk(disk) if !self.disks.iter().any(|d| d.name == *disk) => {
                    faults.add(&pointer, "unknown_disk", format!("names no disk: `{disk}`"));
                }
                BootDevice::Nic(nic) if *nic as usize >= self.nics.len() => {
                    faults.add(&pointer, "unknown_nic", format!("names no NIC: {nic}"));
                }
                BootDevice::Disk(_) | BootDevice::Nic(_) => {}
            }
        }
    }
}

/// Label keys are names, optionally after a DNS prefix: `example.org/tier`.
fn check_label_key(key: &str) -> Result<(), BadName> {
    match key.split_once('/') {
        Some((prefix, rest)) => name::check(prefix).and_then(|()| name::check(rest)),
        None => name::check(key),
    }
}

fn check_cpu(cpu: &CpuSpec, faults: &mut Faults) {
    faults.range("/cpu/count", u64::from(cpu.count), 1, u64::from(CPU_MAX));
    let max = cpu.max_count.unwrap_or(cpu.count);
    if max < cpu.count {
        faults.add("/cpu/max_count", "too_small", "is less than count");
    }
    if max > CPU_MAX {
        faults.add("/cpu/max_count", "too_large", format!("is more than {CPU_MAX}"));
    }
    if let Some(t) = cpu.topology {
        let product =
            [t.sockets, t.dies, t.cores, t.threads].into_iter().try_fold(1_u32, u32::checked_mul);
        if product != Some(max) {
            let detail = format!("sockets × dies × cores × threads must be {max}");
            faults.add("/cpu/topology", "wrong_product", detail);
        }
    }
    if let CpuMode::Named(model) = &cpu.mode {
        faults.name("/cpu/mode/named", name::check(model));
    }
    for (index, feature) in cpu.features.iter().enumerate() {
        faults.name(&format!("/cpu/features/{index}/name"), name::check(&feature.name));
    }
}

fn check_disks(disks: &[DiskSpec], faults: &mut Faults) {
    if disks.len() > DEVICES_MAX {
        faults.add("/disks", "too_many", format!("has more than {DEVICES_MAX} entries"));
    }
    let mut seen = BTreeSet::new();
    for (index, disk) in disks.iter().enumerate() {
        let at = |field: &str| format!("/disks/{index}/{field}");
        faults.name(&at("name"), name::check_vm(&disk.name));
        if disk.name == SEED_DISK {
            faults.add(&at("name"), "reserved", "is the name of the cloud-init seed");
        }
        if !seen.insert(&disk.name) {
            faults.add(&at("name"), "duplicate", "is used by another disk");
        }
        if let Some(serial) = &disk.serial {
            faults.name(&at("serial"), name::check(serial));
        }
        check_source(disk, index, faults);
    }
}

fn check_source(disk: &DiskSpec, index: usize, faults: &mut Faults) {
    let at = |field: &str| format!("/disks/{index}/source/{field}");
    match &disk.source {
        DiskSource::Empty { size_bytes, pool, .. } => {
            faults.range(&at("empty/size_bytes"), *size_bytes, 1 << 16, DISK_MAX_BYTES);
            faults.optional_name(&at("empty/pool"), pool.as_deref());
            if disk.device == DiskDevice::Cdrom {
                faults.add(&at("empty"), "useless", "an empty volume in a CD-ROM drive");
            }
        }
        DiskSource::Image { image, size_bytes, pool, .. } => {
            faults.name(&at("image/image"), name::check(image));
            if let Some(size) = size_bytes {
                faults.range(&at("image/size_bytes"), *size, 1 << 16, DISK_MAX_BYTES);
            }
            faults.optional_name(&at("image/pool"), pool.as_deref());
        }
        DiskSource::Volume { pool, volume } => {
            faults.name(&at("volume/pool"), name::check(pool));
            faults.name(&at("volume/volume"), name::check(volume));
        }
        DiskSource::NoMedia {} if disk.device == DiskDevice::Disk => {
            faults.add(&at("no_media"), "needs_cdrom", "only a CD-ROM drive can be empty");
        }
        DiskSource::NoMedia {} => {}
    }
}

fn check_nics(nics: &[NicSpec], faults: &mut Faults) {
    if nics.len() > DEVICES_MAX {
        faults.add("/nics", "too_many", format!("has more than {DEVICES_MAX} entries"));
    }
    let mut seen = BTreeSet::new();
    for (index, nic) in nics.iter().enumerate() {
        if let Some(mac) = &nic.mac {
            let pointer = format!("/nics/{index}/mac");
            match parse_mac(mac) {
                None => faults.add(
                    &pointer,
                    "not_a_mac",
                    "is not an address like 52:54:00:12:34:56 (unicast)",
                ),
                Some(parsed) if !seen.insert(parsed) => {
                    faults.add(&pointer, "duplicate", "is used by another NIC");
                }
                Some(_) => {}
            }
        }
        match &nic.source {
            NicSource::Network(n) => {
                faults.name(&format!("/nics/{index}/source/network"), name::check(n))
            }
            NicSource::Bridge(n) => {
                faults.name(&format!("/nics/{index}/source/bridge"), name::check(n))
            }
            NicSource::Direct(n) => {
                faults.name(&format!("/nics/{index}/source/direct"), name::check(n))
            }
            NicSource::User {} => {}
        }
    }
}

/// The six bytes of a unicast MAC address in colon form.
pub fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let part =
            parts.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    let unicast = bytes[0] & 1 == 0 && bytes != [0; 6];
    (parts.next().is_none() && unicast).then_some(bytes)
}

fn check_cloud_init(init: &CloudInit, faults: &mut Faults) {
    let documents = [("user_data", &init.user_data), ("network_config", &init.network_config)];
    for (field, document) in documents {
        if let Some(document) = document {
            faults.text(&format!("/cloud_init/{field}"), document, DOCUMENT_MAX_BYTES);
        }
    }
    if let Some(hostname) = &init.hostname {
        faults.name("/cloud_init/hostname", name::check_vm(hostname));
    }
    if init.user_data.is_some() && !init.ssh_keys.is_empty() {
        let detail = "cannot be given beside user_data; put the keys into user_data";
        faults.add("/cloud_init/ssh_keys", "exclusive", detail);
    }
    for (index, key) in init.ssh_keys.iter().enumerate() {
        let pointer = format!("/cloud_init/ssh_keys/{index}");
        faults.text(&pointer, key, 16 * 1024);
        if key.contains('\n') || key.split_whitespace().count() < 2 {
            faults.add(&pointer, "not_a_key", "is not a public key of one line");
        }
    }
}

/// Collects faults, so that none hides another.
#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, pointer: &str, code: &str, detail: impl Into<String>) {
        self.0.push(Fault::new(pointer, code, detail));
    }

    fn name(&mut self, pointer: &str, verdict: Result<(), BadName>) {
        if let Err(bad) = verdict {
            self.add(pointer, "bad_name", bad.to_string());
        }
    }

    fn optional_name(&mut self, pointer: &str, name: Option<&str>) {
        if let Some(name) = name {
            self.name(pointer, name::check(name));
        }
    }

    fn range(&mut self, pointer: &str, value: u64, min: u64, max: u64) {
        if value < min {
            self.add(pointer, "too_small", format!("must be at least {min}"));
        } else if value > max {
            self.add(pointer, "too_large", format!("must be at most {max}"));
        }
    }

    fn text(&mut self, pointer: &str, text: &str, max: usize) {
        if text.len() > max {
            self.add(pointer, "too_long", format!("is longer than {max} bytes"));
        }
        if !name::is_plain_text(text) {
            self.add(pointer, "control_character", "contains a control character");
        }
    }

    fn into_result(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::faults(Code::SpecInvalid, self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::devices::{NicModel, VolumeFormat};
    use crate::vm::spec::CpuTopology;

    fn disk(name: &str, source: DiskSource) -> DiskSpec {
        DiskSpec {
            name: name.into(),
            device: DiskDevice::Disk,
            bus: None,
            source,
            read_only: false,
            cache: None,
            discard: false,
            serial: None,
        }
    }

    fn good() -> VmSpec {
        let mut spec = VmSpec::new("web-1", 1 << 30);
        spec.disks.push(disk(
            "root",
            DiskSource::Empty {
                size_bytes: 1 << 30,
                pool: None,
                format: Some(VolumeFormat::Qcow2),
            },
        ));
        spec.nics.push(NicSpec {
            source: NicSource::Network("default".into()),
            model: NicModel::Virtio,
            mac: Some("52:54:00:12:34:56".into()),
            link_up: true,
        });
        spec.boot.push(BootDevice::Disk("root".into()));
        spec
    }

    fn pointers(spec: &VmSpec) -> Vec<String> {
        match spec.check() {
            Ok(()) => Vec::new(),
            Err(error) => error.fault_list().iter().map(|f| f.pointer.clone()).collect(),
        }
    }

    #[test]
    fn c1_a_sensible_document_has_no_fault() {
        assert_eq!(pointers(&good()), Vec::<String>::new());
    }

    #[test]
    fn c1_every_fault_is_reported_with_its_field() {
        let mut spec = good();
        spec.name = "../x".into();
        spec.cpu.count = 0;
        spec.memory.bytes = 1;
        spec.firmware.secure_boot = true;
        spec.nics[0].mac = Some("01:00:5e:00:00:01".into());
        spec.boot.push(BootDevice::Nic(7));
        assert_eq!(
            pointers(&spec),
            [
                "/name",
                "/cpu/count",
                "/memory/bytes",
                "/firmware/secure_boot",
                "/nics/0/mac",
                "/boot/1"
            ]
        );
    }

    #[test]
    fn a_topology_must_multiply_to_the_maximum_without_overflow() {
        let mut spec = good();
        spec.cpu.count = 2;
        spec.cpu.max_count = Some(8);
        spec.cpu.topology = Some(CpuTopology { sockets: 2, dies: 1, cores: 2, threads: 2 });
        assert_eq!(pointers(&spec), Vec::<String>::new());
        spec.cpu.topology =
            Some(CpuTopology { sockets: u32::MAX, dies: 2, cores: u32::MAX, threads: 9 });
        assert_eq!(pointers(&spec), ["/cpu/topology"]);
    }

    #[test]
    fn disks_need_names_of_their_own_and_possible_sources() {
        let mut spec = good();
        spec.disks.push(disk("root", DiskSource::NoMedia {}));
        assert_eq!(pointers(&spec), ["/disks/1/name", "/disks/1/source/no_media"]);
    }

    #[test]
    fn i5_a_disk_cannot_take_the_name_of_the_seed_which_is_always_deleted() {
        let mut spec = good();
        spec.disks[0].name = SEED_DISK.into();
        spec.boot.clear();
        assert_eq!(pointers(&spec), ["/disks/0/name"]);
    }

    #[test]
    fn control_characters_never_reach_a_driver() {
        let mut spec = good();
        spec.description = "a\u{1b}[2Jb".into();
        spec.labels.insert("k".into(), "v\0".into());
        assert_eq!(pointers(&spec), ["/description", "/labels/k"]);
    }

    #[test]
    fn a_mac_address_is_six_bytes_and_unicast() {
        assert!(parse_mac("52:54:00:12:34:56").is_some());
        for bad in [
            "",
            "52:54:00:12:34",
            "52:54:00:12:34:56:78",
            "52:54:00:12:34:+5",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
        ] {
            assert!(parse_mac(bad).is_none(), "{bad}");
        }
    }
}
