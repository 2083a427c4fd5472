//! Disks of a domain: where their bytes are, how the guest sees them, and in
//! which order they are tried at boot.

use std::collections::HashMap;

use hostler_core::vm::VmSpec;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::devices::{
    BootDevice, CacheMode, DiskBus, DiskDevice, DiskSpec, VolumeFormat,
};
use hostler_provider::{Error, Kind, Result};

use super::Plan;
use super::platform::{Platform, bus_word};
use crate::xml::element::{BadCharacter, Element};

/// A volume as a domain refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Where it is.
    pub(crate) place: Place,
    /// How it is stored, as was asked or judged: the hypervisor never guesses.
    pub(crate) format: VolumeFormat,
}

/// Where the bytes of a volume are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file of the host.
    File(String),
    /// A block device of the host.
    Block(String),
    /// Known only through its pool.
    Volume {
        /// The pool's name.
        pool: String,
        /// The volume's name.
        volume: String,
    },
}

/// How the guest sees one disk.
struct Shown {
    device: &'static str,
    bus: DiskBus,
    read_only: bool,
}

/// Builds all disks, the seed last.
pub(super) fn build(plan: &Plan<'_>, boot: &BootOrder) -> Result<Vec<Element>> {
    let mut names = TargetNames::default();
    let mut disks = Vec::new();
    if plan.disks.len() != plan.spec.disks.len() {
        return Err(Error::new(Kind::Bug, "disks and their places do not match"));
    }
    for (disk, placed) in plan.spec.disks.iter().zip(&plan.disks) {
        let shown = shown_as(disk)?;
        let options = Options { boot: boot.disk(&disk.name), ..Options::of(disk) };
        disks.push(element(&shown, placed.as_ref(), &options, &names.next(shown.bus)));
    }
    if let Some(seed) = &plan.seed {
        let shown = seed_as(plan);
        let target = names.next(shown.bus);
        disks.push(element(&shown, Some(seed), &Options::default(), &target));
    }
    Ok(disks)
}

/// The names of devices and those of the disks of the spec, the seed last, as [`build`] gives
/// them out.
pub(super) fn targets(plan: &Plan<'_>) -> Vec<(String, String)> {
    let mut names = TargetNames::default();
    let disks = plan.spec.disks.iter().map(|disk| (bus_of(disk), disk.name.as_str()));
    let seed = plan.seed.iter().map(|_| (seed_as(plan).bus, SEED_DISK));
    disks.chain(seed).map(|(bus, name)| (names.next(bus), name.to_owned())).collect()
}

fn shown_as(disk: &DiskSpec) -> Result<Shown> {
    let bus = bus_of(disk);
    let (device, read_only) = match disk.device {
        DiskDevice::Disk => ("disk", disk.read_only),
        DiskDevice::Cdrom => ("cdrom", true),
    };
    if disk.device == DiskDevice::Cdrom && bus == DiskBus::Virtio {
        let message = format!(
            "disk \"{}\": a CD-ROM drive cannot be on the bus virtio; use scsi or sata",
            disk.name
        );
        return Err(Error::new(Kind::Invalid, message));
    }
    Ok(Shown { device, bus, read_only })
}

/// Where a disk that comes later is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The name of its device, which no other disk has.
    pub(crate) target: String,
    /// What it bears for ever.
    pub(crate) alias: String,
    /// The SCSI controller and the unit there, for a disk of that bus.
    pub(crate) unit: Option<(u32, u32)>,
}

/// The document of one disk that is added to a domain that is there.
pub(crate) fn later(disk: &DiskSpec, placed: &Placed, slot: &Slot) -> Result<String> {
    let shown = shown_as(disk)?;
    let address = slot.unit.map(|(controller, unit)| {
        Element::new("address")
            .attribute("type", "drive")
            .attribute("controller", controller)
            .attribute("bus", 0)
            .attribute("target", 0)
            .attribute("unit", unit)
    });
    element(&shown, Some(placed), &Options::of(disk), &slot.target)
        .child(Element::new("alias").attribute("name", &slot.alias))
        .maybe(address)
        .to_xml()
        .map_err(|bad| Error::new(Kind::Invalid, bad.to_string()))
}

/// The document of a paravirtual SCSI controller.
pub(crate) fn scsi_controller(index: u32) -> std::result::Result<String, BadCharacter> {
    Element::new("controller")
        .attribute("type", "scsi")
        .attribute("model", "virtio-scsi")
        .attribute("index", index)
        .to_xml()
}

/// The first device name of that bus that is not `taken`.
pub(crate) fn free_target(bus: DiskBus, taken: impl Fn(&str) -> bool) -> String {
    let mut names = TargetNames::default();
    loop {
        let name = names.next(bus);
        if !taken(&name) {
            return name;
        }
    }
}

/// The bus of a disk of the spec.
pub(crate) fn bus_of(disk: &DiskSpec) -> DiskBus {
    disk.bus.unwrap_or(match disk.device {
        DiskDevice::Disk => DiskBus::Virtio,
        DiskDevice::Cdrom => Platform::cdrom_bus(),
    })
}

/// The buses in use, the seed's included.
pub(super) fn buses(plan: &Plan<'_>) -> Vec<DiskBus> {
    let disks = plan.spec.disks.iter().map(bus_of);
    disks.chain(plan.seed.iter().map(|_| seed_as(plan).bus)).collect()
}

/// The seed goes where the first disk is: a guest that boots from there surely
/// has the driver, while cloud kernels often lack SATA and CD-ROM drivers.
/// Cloud-init looks at every block device, drive or disk.
fn seed_as(plan: &Plan<'_>) -> Shown {
    let first = plan.spec.disks.iter().find(|d| d.device == DiskDevice::Disk);
    match first.map(bus_of) {
        Some(DiskBus::Virtio) => Shown { device: "disk", bus: DiskBus::Virtio, read_only: true },
        Some(bus) => Shown { device: "cdrom", bus, read_only: true },
        None => Shown { device: "cdrom", bus: Platform::cdrom_bus(), read_only: true },
    }
}

/// What else is said about a disk.
#[derive(Default)]
struct Options<'a> {
    cache: Option<CacheMode>,
    discard: bool,
    serial: Option<&'a str>,
    boot: Option<usize>,
}

impl<'a> Options<'a> {
    fn of(disk: &'a DiskSpec) -> Self {
        let serial = disk.serial.as_deref();
        Self { cache: disk.cache, discard: disk.discard, serial, boot: None }
    }
}

fn element(shown: &Shown, placed: Option<&Placed>, options: &Options<'_>, target: &str) -> Element {
    let format = placed.map_or(VolumeFormat::Raw, |p| p.format).as_str();
    let mut driver = Element::new("driver").attribute("name", "qemu").attribute("type", format);
    if let Some(cache) = options.cache {
        driver = driver.attribute("cache", cache_word(cache));
    }
    if options.discard {
        driver = driver.attribute("discard", "unmap");
    }
    let (kind, source) = match placed.map(|p| &p.place) {
        Some(Place::File(path)) => ("file", Some(Element::new("source").attribute("file", path))),
        Some(Place::Block(path)) => ("block", Some(Element::new("source").attribute("dev", path))),
        Some(Place::Volume { pool, volume }) => {
            let source = Element::new("source").attribute("pool", pool).attribute("volume", volume);
            ("volume", Some(source))
        }
        None => ("file", None),
    };
    // An empty element ends the chain: nobody looks into the volume for more.
    let ends = placed.map(|_| Element::new("backingStore"));
    Element::new("disk")
        .attribute("type", kind)
        .attribute("device", shown.device)
        .child(driver)
        .maybe(source)
        .maybe(ends)
        .child(
            Element::new("target").attribute("dev", target).attribute("bus", bus_word(shown.bus)),
        )
        .maybe(shown.read_only.then(|| Element::new("readonly")))
        .maybe(options.serial.map(|serial| Element::text("serial", serial)))
        .maybe(options.boot.map(|order| Element::new("boot").attribute("order", order)))
}

const fn cache_word(cache: CacheMode) -> &'static str {
    match cache {
        CacheMode::None => "none",
        CacheMode::Writethrough => "writethrough",
        CacheMode::Writeback => "writeback",
        CacheMode::Directsync => "directsync",
        CacheMode::Unsafe => "unsafe",
    }
}

/// Gives out device names: `vda`, `vdb` … for virtio, `hda` … for IDE, `sda` …
/// for all others together, as libvirt counts them.
#[derive(Default)]
struct TargetNames(HashMap<&'static str, usize>);

impl TargetNames {
    fn next(&mut self, bus: DiskBus) -> String {
        let prefix = match bus {
            DiskBus::Virtio => "vd",
            DiskBus::Ide => "hd",
            DiskBus::Scsi | DiskBus::Sata | DiskBus::Usb => "sd",
        };
        let count = self.0.entry(prefix).or_default();
        let letters = letters(*count);
        *count += 1;
        format!("{prefix}{letters}")
    }
}

/// 0 is `a`, 25 is `z`, 26 is `aa`.
fn letters(mut index: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'a' + u8::try_from(index % 26).expect("less than 26"));
        if index < 26 {
            break;
        }
        index = index / 26 - 1;
    }
    letters.iter().rev().map(|b| char::from(*b)).collect()
}

/// In which order devices are tried at boot.
pub(super) struct BootOrder(Vec<BootDevice>);

impl BootOrder {
    /// As the spec says; where it says nothing, disks in their order.
    pub(super) fn of(spec: &VmSpec) -> Self {
        if spec.boot.is_empty() {
            Self(spec.disks.iter().map(|d| BootDevice::Disk(d.name.clone())).collect())
        } else {
            Self(spec.boot.clone())
        }
    }

    fn disk(&self, name: &str) -> Option<usize> {
        self.position(|device| matches!(device, BootDevice::Disk(d) if d == name))
    }

    pub(super) fn nic(&self, index: usize) -> Option<usize> {
        self.position(|device| matches!(device, BootDevice::Nic(n) if *n as usize == index))
    }

    fn position(&self, is: impl Fn(&BootDevice) -> bool) -> Option<usize> {
        self.0.iter().position(is).map(|position| position + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_go_on_after_z() {
        let names: Vec<_> = [0, 1, 25, 26, 27, 51, 52, 701, 702].map(letters).to_vec();
        assert_eq!(names, ["a", "b", "z", "aa", "ab", "az", "ba", "zz", "aaa"]);
    }

    #[test]
    fn buses_that_share_a_prefix_share_the_count() {
        let mut names = TargetNames::default();
        let given: Vec<_> =
            [DiskBus::Sata, DiskBus::Usb, DiskBus::Virtio, DiskBus::Scsi, DiskBus::Ide]
                .map(|bus| names.next(bus))
                .to_vec();
        assert_eq!(given, ["sda", "sdb", "vda", "sdc", "hda"]);
    }
}
