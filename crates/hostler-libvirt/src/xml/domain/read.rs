//! Reads any domain document: ours, virt-manager's, or one from the future.
//! What it does not know it passes over; what is not said is absent (X17).

use hostler_core::id::VmId;
use hostler_core::vm::lifecycle::Action;
use hostler_core::vm::observed::{Blocked, ConsoleKind, ObservedDisk, ObservedNic, Tag};
use roxmltree::Node;

use super::NAMESPACE;
use crate::xml::parse::{BadXml, Find, parse, size_bytes};

/// The name of the guest agent's channel.
pub(crate) const AGENT_CHANNEL: &str = "org.qemu.guest_agent.0";

/// What a domain document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Domain {
    /// `kvm`, `qemu`, `lxc`, `test` …
    pub(crate) kind: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// Its UUID.
    pub(crate) uuid: Option<String>,
    /// Free text.
    pub(crate) description: Option<String>,
    /// Our mark.
    pub(crate) tag: Option<Tag>,
    /// Processors online.
    pub(crate) cpu_count: Option<u32>,
    /// Processors that can be online.
    pub(crate) cpu_max: Option<u32>,
    /// Memory now, in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// Memory that it can have, in bytes.
    pub(crate) memory_max_bytes: Option<u64>,
    /// Its architecture.
    pub(crate) arch: Option<String>,
    /// Its machine type.
    pub(crate) machine: Option<String>,
    /// `bios` or `uefi`; `None` where there is no firmware, as in containers.
    pub(crate) firmware: Option<&'static str>,
    /// Whether it has a variable store of its own.
    pub(crate) has_nvram: bool,
    /// Its disks.
    pub(crate) disks: Vec<ObservedDisk>,
    /// Paths and `pool/volume` names that it uses, backing chains and what it
    /// boots from included.
    pub(crate) volumes: Vec<String>,
    /// Its network interfaces.
    pub(crate) nics: Vec<ObservedNic>,
    /// Its consoles.
    pub(crate) consoles: Vec<ConsoleKind>,
    /// Its number while it runs: another one each time it is started.
    pub(crate) id: Option<i32>,
    /// The name of the serial line to be opened, where it is not the first one.
    pub(crate) serial_alias: Option<String>,
    /// Where its first display that speaks RFB listens, while it runs.
    pub(crate) screen: Option<Screen>,
    /// Which of its displays, counted from 0, speaks RFB.
    pub(crate) vnc_index: Option<u32>,
    /// Whether its guest agent is connected; `None` when it has no channel or is off.
    pub(crate) agent_connected: Option<bool>,
    /// Whether it hands QEMU an accelerator past its type (X4).
    pub(crate) has_own_accelerator: bool,
    /// What it can never take part in.
    pub(crate) blocked: Vec<Blocked>,
    /// Whether something waits for its next start, where that was looked at: no document
    /// tells it alone.
    pub(crate) waits: Option<bool>,
}

/// Where a display listens, as its host sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Screen {
    /// On a TCP port.
    Tcp {
        /// An address of the host, or the one that stands for all of them.
        address: String,
        /// The port.
        port: u16,
    },
    /// On a unix socket.
    Unix {
        /// Its path.
        path: String,
    },
}

impl Domain {
    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        let document = parse(xml, "domain")?;
        let root = document.root_element();
        let devices = root.get("devices");
        let device = |name: &'static str| devices.iter().flat_map(move |d| d.all(name));
        let (cpu_count, cpu_max) = processors(root);
        let kind = root.get("os").and_then(|os| os.get("type"));
        let memory = |name| root.get(name).and_then(|node| size_bytes(node, "KiB"));
        let vnc = device("graphics").position(|g| g.attribute("type") == Some("vnc"));
        Ok(Self {
            kind: root.attr("type"),
            name: root.text_of("name").ok_or(BadXml::Missing("name"))?.to_owned(),
            uuid: root.text_of("uuid").map(|uuid| uuid.trim().to_owned()),
            description: root.text_of("description").map(str::to_owned),
            tag: tag(root),
            cpu_count,
            cpu_max,
            memory_bytes: memory("currentMemory").or_else(|| memory("memory")),
            memory_max_bytes: memory("memory"),
            arch: kind.and_then(|k| k.attr("arch")),
            machine: kind.and_then(|k| k.attr("machine")),
            firmware: firmware(root),
            has_nvram: root.get("os").is_some_and(|os| os.get("nvram").is_some()),
            disks: device("disk").filter_map(disk).collect(),
            volumes: device("disk")
                .flat_map(volumes)
                .chain(device("filesystem").flat_map(volumes))
                .chain(boot_files(root))
                .collect(),
            serial_alias: serial_alias(devices),
            nics: device("interface").map(nic).collect(),
            consoles: consoles(devices),
            id: root.attribute("id").and_then(|id| id.parse().ok()),
            screen: device("graphics")
                .find(|g| g.attribute("type") == Some("vnc"))
                .and_then(screen),
            vnc_index: vnc.and_then(|index| u32::try_from(index).ok()),
            agent_connected: device("channel").find_map(agent_state),
            has_own_accelerator: has_own_accelerator(root),
            blocked: blocked(devices),
            waits: None,
        })
    }
}

fn processors(root: Node<'_, '_>) -> (Option<u32>, Option<u32>) {
    let Some(vcpu) = root.get("vcpu") else { return (None, None) };
    let max = vcpu.text().and_then(|t| t.trim().parse().ok());
    let current = vcpu.attribute("current").and_then(|c| c.parse().ok());
    (current.or(max), max)
}

/// Our mark, from our namespace only: an element of the same name in another
/// one is somebody else's.
fn tag(root: Node<'_, '_>) -> Option<Tag> {
    let metadata = root.get("metadata")?;
    let mark = metadata.children().find(|n| n.has_tag_name((NAMESPACE, "vm")))?;
    let vm: VmId = mark.attribute("id")?.parse().ok()?;
    Some(Tag { vm })
}

fn firmware(root: Node<'_, '_>) -> Option<&'static str> {
    let os = root.get("os")?;
    // Containers and paravirtual Xen have no firmware at all.
    if os.text_of("type") != Some("hvm") {
        return None;
    }
    let loader = os.get("loader");
    let efi = os.attribute("firmware") == Some("efi")
        || loader.is_some_and(|l| l.attribute("type") == Some("pflash"));
    if efi {
        return Some("uefi");
    }
    let path = loader.and_then(|l| l.text()).unwrap_or_default();
    if path.contains("OVMF") || path.contains("AAVMF") {
        return Some("uefi"); // given as a ROM, the way of long ago
    }
    let arch = os.get("type").and_then(|t| t.attribute("arch")).unwrap_or_default();
    matches!(arch, "x86_64" | "i686").then_some("bios")
}

/// A disk, if it has a device name.
pub(super) fn disk(node: Node<'_, '_>) -> Option<ObservedDisk> {
    let target = node.get("target")?;
    let device = node.attr("device").unwrap_or_else(|| "disk".to_owned());
    let source = node.get("source").and_then(source_name);
    Some(ObservedDisk {
        target: target.attr("dev")?,
        read_only: device == "cdrom" || node.get("readonly").is_some(),
        device,
        bus: target.attr("bus"),
        // Without a medium there is nothing that could be in a format.
        format: source.as_ref().and_then(|_| node.get("driver")?.attr("type")),
        source,
        capacity_bytes: None,
    })
}

/// Names a source without the secrets that it may carry: only what says where.
fn source_name(source: Node<'_, '_>) -> Option<String> {
    if let (Some(pool), Some(volume)) = (source.attribute("pool"), source.attribute("volume")) {
        return Some(format!("{pool}/{volume}"));
    }
    if let (Some(protocol), name) = (source.attribute("protocol"), source.attribute("name")) {
        let host = source.get("host").and_then(|h| h.attribute("name")).unwrap_or_default();
        let name = name.unwrap_or_default().split('?').next().unwrap_or_default();
        return Some(format!("{protocol}://{host}/{name}"));
    }
    ["file", "dev", "dir"].iter().find_map(|name| source.attr(name))
}

/// Everything a disk reads from, down its backing chain.
fn volumes(disk: Node<'_, '_>) -> Vec<String> {
    let sources = disk.descendants().filter(|n| n.is_element() && n.has_tag_name("source"));
    sources.filter_map(source_name).collect()
}

/// What it boots from without a disk, and its firmware with the variables.
fn boot_files(root: Node<'_, '_>) -> impl Iterator<Item = String> {
    let names = ["loader", "nvram", "kernel", "initrd", "dtb"];
    let os = root.get("os");
    names.into_iter().filter_map(move |name| {
        let text = os?.text_of(name)?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    })
}

fn nic(node: Node<'_, '_>) -> ObservedNic {
    let source = node.get("source").and_then(|source| {
        ["network", "bridge", "dev", "portgroup"].iter().find_map(|name| source.attr(name))
    });
    ObservedNic {
        mac: node.get("mac").and_then(|m| m.attr("address")).map(|m| m.to_ascii_lowercase()),
        kind: node.attr("type").unwrap_or_else(|| "unknown".to_owned()),
        source,
        model: node.get("model").and_then(|m| m.attr("type")),
        host_device: node.get("target").and_then(|t| t.attr("dev")),
        addresses: Vec::new(),
    }
}

/// Only a pseudo-terminal or socket can be opened through the daemon; a
/// serial line that goes to a file is no console.
fn is_openable(line: Node<'_, '_>) -> bool {
    matches!(line.attribute("type"), Some("pty" | "unix"))
}

/// The daemon opens the first line when none is named, whatever it goes to.
fn serial_alias(devices: Option<Node<'_, '_>>) -> Option<String> {
    let devices = devices?;
    let mut lines = devices.all("console").chain(devices.all("serial"));
    if lines.next().is_none_or(is_openable) {
        return None;
    }
    lines.find(|line| is_openable(*line))?.get("alias")?.attr("name")
}

fn consoles(devices: Option<Node<'_, '_>>) -> Vec<ConsoleKind> {
    let Some(devices) = devices else { return Vec::new() };
    let mut kinds = Vec::new();
    if devices.all("serial").chain(devices.all("console")).any(is_openable) {
        kinds.push(ConsoleKind::Serial);
    }
    let screen = |kind| devices.all("graphics").any(|g| g.attribute("type") == Some(kind));
    if screen("vnc") {
        kinds.push(ConsoleKind::Vnc);
    }
    if screen("spice") {
        kinds.push(ConsoleKind::Spice);
    }
    kinds
}

/// The first way in that a display has. One that is not running has a port of
/// -1, or a socket without a path.
fn screen(graphics: Node<'_, '_>) -> Option<Screen> {
    let port = graphics.attribute("port").and_then(|p| p.parse().ok()).filter(|port| *port > 0);
    let tcp = |address: Option<String>| Some(Screen::Tcp { address: address?, port: port? });
    let unix = |path: Option<String>| path.map(|path| Screen::Unix { path });
    let mut listens = graphics.all("listen").peekable();
    if listens.peek().is_none() {
        // As it was told before there could be several.
        return unix(graphics.attr("socket")).or_else(|| tcp(graphics.attr("listen")));
    }
    listens.find_map(|listen| match listen.attribute("type") {
        Some("socket") => unix(listen.attr("socket")),
        Some("address" | "network") => tcp(listen.attr("address")),
        _ => None,
    })
}

fn agent_state(channel: Node<'_, '_>) -> Option<bool> {
    let target = channel.get("target").filter(|t| t.attribute("name") == Some(AGENT_CHANNEL))?;
    Some(target.attribute("state")? == "connected")
}

/// Arguments that libvirt hands to QEMU as they are. The last accelerator that
/// QEMU can have is the one it takes, so what it takes is not certain.
fn has_own_accelerator(root: Node<'_, '_>) -> bool {
    let Some(line) = root.get("commandline") else { return false };
    let mut values = line.all("arg").filter_map(|argument| argument.attribute("value"));
    values.any(|value| {
        let word = value.trim_start_matches('-');
        let is_option = word.len() < value.len() && matches!(word, "accel" | "enable-kvm");
        is_option || value.contains("accel=")
    })
}

/// The state of a passed-through device cannot be written to disk.
fn blocked(devices: Option<Node<'_, '_>>) -> Vec<Blocked> {
    let passed = devices.is_some_and(|devices| {
        devices.all("hostdev").any(|d| d.attribute("type") != Some("usb"))
            || devices.all("interface").any(|i| i.attribute("type") == Some("hostdev"))
    });
    let reason = "it has a device of the host passed through";
    if passed {
        vec![Blocked { action: Action::Save, reason: reason.to_owned() }]
    } else {
        Vec::new()
    }
}
