//! What of a domain document a change of its specification is about: read from what runs and
//! from the definition alike, so that the two can be compared, and a change with what came of
//! it (C20).

use std::collections::BTreeMap;

use hostler_core::vm::spec::CpuTopology;
use roxmltree::Node;

use super::read::AGENT_CHANNEL;
use crate::xml::parse::{BadXml, Find, parse, size_bytes};

/// The processor that the guest sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cpu {
    pub(crate) mode: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) topology: Option<CpuTopology>,
    /// Features by name, with what becomes of each.
    pub(crate) features: BTreeMap<String, String>,
}

/// A network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Nic {
    pub(crate) kind: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) mac: Option<String>,
    pub(crate) link_up: bool,
}

/// What a document says of what can be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facets {
    pub(crate) kind: Option<String>,
    pub(crate) machine: Option<String>,
    pub(crate) description: String,
    pub(crate) cpu_count: Option<u32>,
    pub(crate) cpu_max: Option<u32>,
    pub(crate) cpu: Cpu,
    /// The most memory, in KiB.
    pub(crate) memory_kib: Option<u64>,
    /// The memory that it has, in KiB.
    pub(crate) current_kib: Option<u64>,
    pub(crate) hugepages: bool,
    /// Devices by when they are tried at boot: names of disks' devices, `nic` and a number.
    pub(crate) boot: BTreeMap<u32, String>,
    /// The names of disks' devices, sorted.
    pub(crate) disks: Vec<String>,
    pub(crate) nics: Vec<Nic>,
    pub(crate) graphics: Vec<String>,
    pub(crate) video: Vec<String>,
    pub(crate) serial_console: bool,
    pub(crate) rng: bool,
    pub(crate) balloon: bool,
    pub(crate) guest_agent: bool,
    pub(crate) tpm: Vec<String>,
    /// Models and actions.
    pub(crate) watchdog: Vec<(String, String)>,
    pub(crate) panic: Vec<String>,
}

impl Facets {
    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        Ok(Self::of(parse(xml, "domain")?.root_element()))
    }

    /// Reads the root of a document.
    pub(crate) fn of(root: Node<'_, '_>) -> Self {
        let kib = |name| Some(size_bytes(root.get(name)?, "KiB")? / 1024);
        let vcpu = root.get("vcpu");
        let max = vcpu.and_then(|v| v.text()?.trim().parse().ok());
        let current = vcpu.and_then(|v| v.attribute("current")?.parse().ok());
        let os_type = root.get("os").and_then(|os| os.get("type"));
        let backing = root.get("memoryBacking");
        let base = Self {
            kind: root.attr("type"),
            machine: os_type.and_then(|kind| kind.attr("machine")),
            description: root.text_of("description").unwrap_or_default().to_owned(),
            cpu_count: current.or(max),
            cpu_max: max,
            cpu: root.get("cpu").map(cpu).unwrap_or_default(),
            memory_kib: kib("memory"),
            current_kib: kib("currentMemory").or_else(|| kib("memory")),
            hugepages: backing.is_some_and(|b| b.get("hugepages").is_some()),
            ..Self::default()
        };
        match root.get("devices") {
            Some(devices) => base.with_devices(devices),
            None => base,
        }
    }

    fn with_devices(self, devices: Node<'_, '_>) -> Self {
        let models = |name: &'static str| -> Vec<String> {
            devices.all(name).filter_map(|device| device.attr("model")).collect()
        };
        let has = |name: &'static str| devices.get(name).is_some();
        let videos = devices.all("video").filter_map(|v| v.get("model")?.attr("type"));
        let channels = devices.all("channel").filter_map(|channel| channel.get("target"));
        let targets = devices.all("disk").filter_map(|disk| disk.get("target")?.attr("dev"));
        let mut disks: Vec<String> = targets.collect();
        disks.sort_unstable();
        Self {
            boot: boot(devices),
            disks,
            nics: devices.all("interface").map(nic).collect(),
            graphics: devices.all("graphics").filter_map(|g| g.attr("type")).collect(),
            video: videos.collect(),
            serial_console: has("serial") || has("console"),
            rng: has("rng"),
            balloon: models("memballoon").iter().any(|model| model != "none"),
            guest_agent: channels.into_iter().any(is_agent),
            tpm: models("tpm"),
            watchdog: devices
                .all("watchdog")
                .filter_map(|w| Some((w.attr("model")?, w.attr("action").unwrap_or_default())))
                .collect(),
            panic: models("panic"),
            ..self
        }
    }

    /// Whether what runs as `self` is not what `next` would start: something waits. What libvirt
    /// fills in when it starts a domain is no difference; nor is memory that a balloon holds.
    pub(crate) fn waits_for(&self, next: &Self) -> bool {
        let grows = next.memory_kib > self.memory_kib;
        let holds = self.current_kib > next.memory_kib;
        let same = |one: &Self| Self {
            description: String::new(),
            cpu: Cpu { topology: one.cpu.topology, ..Cpu::default() },
            memory_kib: None,
            current_kib: None,
            ..one.clone()
        };
        grows || holds || self.cpu.waits_for(&next.cpu) || same(self) != same(next)
    }

    /// Whether a field is in `kept` as it is here, by its path in the specification.
    pub(crate) fn is_kept(&self, kept: &Self, path: &str) -> bool {
        let field = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        match field {
            "description" => self.description == kept.description,
            "cpu" => {
                (self.cpu_count, self.cpu_max) == (kept.cpu_count, kept.cpu_max)
                    && !kept.cpu.waits_for(&self.cpu)
            }
            "memory" => {
                (self.memory_kib, self.current_kib, self.hugepages)
                    == (kept.memory_kib, kept.current_kib, kept.hugepages)
            }
            "machine" => self.kind == kept.kind,
            "boot" => self.boot == kept.boot,
            "nics" => {
                let is_kept = |(asked, kept): (&Nic, &Nic)| {
                    let mac = asked.mac.clone().or_else(|| kept.mac.clone());
                    *kept == Nic { mac, ..asked.clone() }
                };
                self.nics.len() == kept.nics.len() && self.nics.iter().zip(&kept.nics).all(is_kept)
            }
            "graphics" => self.graphics == kept.graphics,
            "video" => self.video == kept.video,
            "serial_console" => self.serial_console == kept.serial_console,
            "rng" => self.rng == kept.rng,
            "balloon" => self.balloon == kept.balloon,
            "guest_agent" => self.guest_agent == kept.guest_agent,
            "tpm" => self.tpm == kept.tpm,
            // libvirt gives every q35 machine one of its own.
            "watchdog" => self.watchdog.is_empty() || self.watchdog == kept.watchdog,
            "panic" => self.panic == kept.panic,
            _ => true,
        }
    }
}

impl Cpu {
    /// Whether this, which runs, is not what `next` would start. A running domain shows the
    /// model that a mode came to, and more features than were asked for.
    fn waits_for(&self, next: &Self) -> bool {
        let is_exact = |mode: &str| matches!(mode, "host-passthrough" | "maximum");
        let (live, wanted) = (self.mode.as_deref(), next.mode.as_deref());
        let other_mode = match wanted {
            Some(mode) if is_exact(mode) => live != wanted,
            Some("custom") => live != wanted || self.model != next.model,
            _ => live.is_some_and(is_exact),
        };
        let lacks = |(name, policy): (&String, &String)| match self.features.get(name) {
            Some(there) => !is_same_policy(there, policy),
            None => true,
        };
        other_mode || next.features.iter().any(lacks)
    }
}

/// `optional` becomes either, as the host has it.
fn is_same_policy(live: &str, asked: &str) -> bool {
    let is_on = |policy: &str| matches!(policy, "require" | "force");
    asked == "optional" || is_on(live) == is_on(asked)
}

fn cpu(node: Node<'_, '_>) -> Cpu {
    let topology = node.get("topology").and_then(|t| {
        let part = |name| t.attribute(name).map_or(Some(1), |text| text.parse().ok());
        Some(CpuTopology {
            sockets: part("sockets")?,
            dies: part("dies")?,
            cores: part("cores")?,
            threads: part("threads")?,
        })
    });
    let features = node.all("feature").filter_map(|f| Some((f.attr("name")?, f.attr("policy")?)));
    Cpu {
        mode: node.attr("mode"),
        model: node.text_of("model").map(|model| model.trim().to_owned()),
        topology,
        features: features.collect(),
    }
}

fn nic(node: Node<'_, '_>) -> Nic {
    let names = ["network", "bridge", "dev"];
    Nic {
        kind: node.attr("type"),
        source: node.get("source").and_then(|s| names.iter().find_map(|name| s.attr(name))),
        model: node.get("model").and_then(|m| m.attr("type")),
        mac: node.get("mac").and_then(|m| m.attr("address")).map(|m| m.to_ascii_lowercase()),
        link_up: node.get("link").is_none_or(|link| link.attribute("state") != Some("down")),
    }
}

fn boot(devices: Node<'_, '_>) -> BTreeMap<u32, String> {
    let order = |device: Node<'_, '_>| device.get("boot")?.attribute("order")?.parse().ok();
    let disks = devices
        .all("disk")
        .filter_map(|disk| Some((order(disk)?, disk.get("target")?.attr("dev")?)));
    let nics = devices.all("interface").enumerate();
    let nics = nics.filter_map(|(index, nic)| Some((order(nic)?, format!("nic {index}"))));
    disks.chain(nics).collect()
}

/// Whether it is the target of the guest agent's channel.
pub(crate) fn is_agent(target: Node<'_, '_>) -> bool {
    target.attribute("name") == Some(AGENT_CHANNEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inner: &str) -> Facets {
        Facets::read(&format!("<domain type='kvm'>{inner}</domain>")).unwrap()
    }

    const BASE: &str = "<memory unit='MiB'>64</memory><vcpu current='1'>2</vcpu>";

    #[test]
    fn c20_what_libvirt_fills_in_is_no_change_that_waits() {
        let next = read(&format!(
            "{BASE}<cpu mode='custom' check='none'><model>qemu64</model></cpu>\
             <devices><rng model='virtio'/></devices>"
        ));
        let live = read(&format!(
            "{BASE}<cpu mode='custom' check='full'><model>qemu64</model>\
             <feature policy='require' name='hypervisor'/></cpu><resource/>\
             <devices><rng model='virtio'><alias name='rng0'/></rng></devices><seclabel/>"
        ));
        assert!(!live.waits_for(&next));
        let host = read(&format!(
            "{BASE}<cpu mode='host-model'/>\
            <devices><rng model='virtio'/></devices>"
        ));
        assert!(!live.waits_for(&host), "a mode comes to a model");
    }

    #[test]
    fn c20_what_only_a_start_brings_waits() {
        let live = read(BASE);
        for next in [
            "<memory unit='MiB'>128</memory><vcpu current='1'>2</vcpu>",
            "<memory unit='MiB'>32</memory><vcpu current='1'>2</vcpu>",
            "<memory unit='MiB'>64</memory><vcpu>2</vcpu>",
            "<memory unit='MiB'>64</memory><vcpu current='1'>4</vcpu>",
            "<memory unit='MiB'>64</memory><vcpu current='1'>2</vcpu><cpu mode='maximum'/>",
            "<memory unit='MiB'>64</memory><vcpu current='1'>2</vcpu>\
             <devices><disk><target dev='vda'/></disk></devices>",
            "<memory unit='MiB'>64</memory><vcpu current='1'>2</vcpu>\
             <cpu><feature policy='disable' name='vmx'/></cpu>",
        ] {
            assert!(live.waits_for(&read(next)), "{next}");
        }
        let held = read(
            "<memory unit='MiB'>64</memory><currentMemory unit='MiB'>32\
            </currentMemory><vcpu current='1'>2</vcpu>",
        );
        let smaller = read("<memory unit='MiB'>32</memory><vcpu current='1'>2</vcpu>");
        assert!(!held.waits_for(&smaller), "the balloon holds the rest");
    }

    #[test]
    fn c20_what_was_asked_for_and_not_kept_is_found_by_its_path() {
        let asked = read(
            "<memory>4</memory><vcpu>2</vcpu><devices>\
            <interface type='user'/><tpm model='tpm-crb'/></devices>",
        );
        let kept = read(
            "<memory>8</memory><vcpu>2</vcpu><devices>\
            <interface type='user'><mac address='52:54:00:00:00:01'/></interface></devices>",
        );
        for (path, is_kept) in [
            ("/memory/bytes", false),
            ("/cpu/count", true),
            ("/nics", true),
            ("/tpm", false),
            ("/rng", true),
        ] {
            assert_eq!(asked.is_kept(&kept, path), is_kept, "{path}");
        }
    }
}
