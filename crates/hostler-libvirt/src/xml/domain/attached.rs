//! The disks of a domain document one by one, and where another one would go: what has to be
//! known to add a disk to a domain that is there, or to take one off it.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::files::names;
use super::read;
use crate::xml::parse::{BadXml, Find, parse};

/// A disk as a document has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    /// The name of its device, one for each disk of a domain: `vda`.
    pub(crate) target: String,
    /// What the VM's specification calls it, where our mark says so.
    pub(crate) name: Option<String>,
    /// `disk`, `cdrom`, `lun` …
    pub(crate) device: String,
    /// The bus the guest sees.
    pub(crate) bus: Option<String>,
    /// How it is stored, as the document says.
    pub(crate) format: Option<String>,
    /// Where its bytes are: a path, `pool/volume`, an URL without secrets.
    pub(crate) source: Option<String>,
    /// The pool and the volume, where the document names them so.
    pub(crate) volume: Option<(String, String)>,
    /// Whether the guest may only read.
    pub(crate) read_only: bool,
    /// Its alias: ours and the user's begin with `ua-` and stay, libvirt's own do not.
    pub(crate) alias: Option<String>,
    /// The element as it is written.
    pub(crate) text: String,
}

/// What a document says of disks and of room for more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The disks in their order.
    pub(crate) disks: Vec<Attached>,
    /// The guest's architecture.
    pub(crate) arch: String,
    /// Its machine type.
    pub(crate) machine: Option<String>,
    /// `kvm`, `qemu`, `test` …
    pub(crate) kind: String,
    /// How many ports of a PCI Express machine have no device; `None` for other machines.
    pub(crate) free_ports: Option<usize>,
    /// The first paravirtual SCSI controller.
    pub(crate) scsi: Option<u32>,
    /// All SCSI controllers.
    scsi_indexes: BTreeSet<u32>,
    /// Controllers and units that SCSI disks are at.
    units: BTreeSet<(u32, u32)>,
}

impl Layout {
    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        let document = parse(xml, "domain")?;
        let root = document.root_element();
        let kind = root.get("os").and_then(|os| os.get("type"));
        let mut layout = Self {
            arch: kind.and_then(|kind| kind.attr("arch")).unwrap_or_default(),
            machine: kind.and_then(|kind| kind.attr("machine")),
            kind: root.attr("type").unwrap_or_default(),
            ..Self::default()
        };
        let Some(devices) = root.get("devices") else { return Ok(layout) };
        let names = names(root);
        let named = |mut disk: Attached| {
            disk.name = names.get(&disk.target).cloned();
            disk
        };
        let disks = devices.all("disk").filter_map(|node| attached(node, xml));
        layout.disks = disks.map(named).collect();
        layout.free_ports = free_ports(devices);
        for controller in devices.all("controller") {
            if controller.attribute("type") != Some("scsi") {
                continue;
            }
            let Some(index) = number(controller.attribute("index")) else { continue };
            layout.scsi_indexes.insert(index);
            let model = controller.attribute("model").unwrap_or_default();
            if layout.scsi.is_none() && model.starts_with("virtio") {
                layout.scsi = Some(index);
            }
        }
        let scsi = |node: &Node<'_, '_>| {
            node.get("target").is_some_and(|t| t.attribute("bus") == Some("scsi"))
        };
        layout.units = devices.all("disk").filter(scsi).filter_map(unit).collect();
        Ok(layout)
    }

    /// Whether there is a SCSI controller of that number.
    pub(crate) fn has_scsi(&self, index: u32) -> bool {
        self.scsi_indexes.contains(&index)
    }

    /// The first number that no SCSI controller has.
    pub(crate) fn next_scsi(&self) -> u32 {
        (0..).find(|index| !self.scsi_indexes.contains(index)).unwrap_or(u32::MAX)
    }

    /// Whether a disk is at that unit of a SCSI controller.
    pub(crate) fn has_unit(&self, controller: u32, unit: u32) -> bool {
        self.units.contains(&(controller, unit))
    }

    /// Whether a disk has that device name.
    pub(crate) fn has_target(&self, target: &str) -> bool {
        self.disks.iter().any(|disk| disk.target == target)
    }
}

fn attached(node: Node<'_, '_>, xml: &str) -> Option<Attached> {
    let seen = read::disk(node)?;
    let source = node.get("source");
    let named = |name| source.and_then(|source| source.attr(name));
    Some(Attached {
        target: seen.target,
        name: None,
        device: seen.device,
        bus: seen.bus,
        format: seen.format,
        source: seen.source,
        volume: named("pool").zip(named("volume")),
        read_only: seen.read_only,
        alias: node.get("alias").and_then(|alias| alias.attr("name")),
        text: xml.get(node.range()).unwrap_or_default().to_owned(),
    })
}

/// Ports that no device is at. One port holds one device.
fn free_ports(devices: Node<'_, '_>) -> Option<usize> {
    let controllers = || devices.all("controller").filter(|c| c.attribute("type") == Some("pci"));
    if !controllers().any(|c| c.attribute("model") == Some("pcie-root")) {
        return None;
    }
    let is_port = |model: &str| matches!(model, "pcie-root-port" | "pcie-switch-downstream-port");
    let ports = controllers().filter(|c| c.attribute("model").is_some_and(is_port));
    let ports: BTreeSet<u32> = ports.filter_map(|c| number(c.attribute("index"))).collect();
    let places = devices.descendants().filter(|n| n.has_tag_name("address"));
    let places = places.filter(|n| n.attribute("type") == Some("pci"));
    let taken: BTreeSet<u32> = places.filter_map(|n| number(n.attribute("bus"))).collect();
    Some(ports.difference(&taken).count())
}

fn unit(disk: Node<'_, '_>) -> Option<(u32, u32)> {
    let address = disk.get("address")?;
    Some((number(address.attribute("controller"))?, number(address.attribute("unit"))?))
}

/// A number as libvirt writes them: decimal, or hexadecimal after `0x`.
fn number(text: Option<&str>) -> Option<u32> {
    let text = text?;
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<domain type='kvm'><name>n</name>\
        <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><devices>\
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
        <source file='/p/a' index='1'/><backingStore/><target dev='vda' bus='virtio'/>\
        <alias name='virtio-disk0'/><address type='pci' bus='0x03' slot='0x00'/></disk>\
        <disk type='volume'><source pool='p' volume='v'/><target dev='sda' bus='scsi'/>\
        <alias name='ua-mine'/>\
        <address type='drive' controller='1' bus='0' target='0' unit='2'/></disk>\
        <controller type='scsi' index='0' model='lsilogic'/>\
        <controller type='scsi' index='1' model='virtio-scsi'>\
        <address type='pci' bus='0x01'/></controller>\
        <controller type='pci' index='0' model='pcie-root'/>\
        <controller type='pci' index='1' model='pcie-root-port'>\
        <address type='pci' bus='0x00'/></controller>\
        <controller type='pci' index='2' model='pcie-root-port'/>\
        <controller type='pci' index='3' model='pcie-root-port'/></devices></domain>";

    #[test]
    fn c7_disks_are_read_with_what_tells_them_apart() {
        let layout = Layout::read(XML).unwrap();
        let [vda, sda] = layout.disks.as_slice() else { panic!("{:?}", layout.disks) };
        assert_eq!((vda.target.as_str(), vda.source.as_deref()), ("vda", Some("/p/a")));
        assert_eq!((vda.alias.as_deref(), vda.volume.as_ref()), (Some("virtio-disk0"), None));
        assert_eq!(sda.volume, Some(("p".into(), "v".into())));
        assert_eq!(sda.source.as_deref(), Some("p/v"));
        assert!(sda.text.starts_with("<disk type='volume'>") && sda.text.ends_with("</disk>"));
        assert!(layout.has_target("sda") && !layout.has_target("sdb"));
    }

    #[test]
    fn c7_the_room_for_another_disk_is_read() {
        let layout = Layout::read(XML).unwrap();
        assert_eq!(layout.free_ports, Some(1));
        assert_eq!((layout.scsi, layout.next_scsi()), (Some(1), 2));
        assert!(layout.has_unit(1, 2) && !layout.has_unit(1, 0) && !layout.has_unit(0, 2));
        assert_eq!((layout.arch.as_str(), layout.kind.as_str()), ("x86_64", "kvm"));
        let old = "<domain><name>n</name><devices><controller type='pci' index='0' \
            model='pci-root'/></devices></domain>";
        assert_eq!(Layout::read(old).unwrap().free_ports, None, "no PCI Express machine");
    }
}
