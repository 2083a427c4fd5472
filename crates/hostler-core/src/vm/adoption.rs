//! Taking VMs into Hostler's care that were made elsewhere (E17–E19, X30, X31).
//!
//! ```text
//!            ┌────────────── released (a VM that was adopted) ◄──────────┐
//!            ▼                                                           │
//!  seen ─► pending ── adopted ─────► managed, or managed for reading ────┘
//!            │  ▲
//!            ▼  └ offered again: by hand, or as another VM of that name
//!         ignored (who, when, why)
//! ```
//!
//! Nothing of the VM changes by any of it: neither its definition nor its state. What it
//! is remembered by is its provider and the provider's lasting name for it, so a VM that
//! is made anew under the same name is another one, and pending again.

use serde::{Deserialize, Serialize};

use super::observed::{ObservedVm, PowerState};
use super::spec::{FirmwareKind, VmSpec};
use crate::clock::Timestamp;
use crate::fact::Fact;
use crate::name;

/// How a VM came into Hostler's care.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Who decided it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Whether it is only looked at: nothing that changes it is offered.
    #[serde(default)]
    pub read_only: bool,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a VM is nobody's here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// It was made elsewhere.
    Foreign,
    /// It bears a mark of Hostler's, and no record of it is left.
    Lost,
}

impl Origin {
    /// Of what was seen, where no record is of it.
    pub const fn of(seen: &ObservedVm) -> Self {
        if seen.tag.is_some() { Self::Lost } else { Self::Foreign }
    }

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Lost => "lost",
        }
    }
}

/// Something to know before a VM is adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// A word for programs.
    pub code: &'static str,
    /// The same for people, and what it means for them.
    pub detail: String,
    /// Whether it cannot be adopted because of it.
    pub forbids: bool,
}

/// What adopting would write down, and what to know before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What is written down as asked; of the devices nothing, which stay as they are.
    pub spec: VmSpec,
    /// What to know.
    pub risks: Vec<Risk>,
}

impl Review {
    /// Whether nothing forbids to adopt it.
    pub fn is_possible(&self) -> bool {
        !self.risks.iter().any(|risk| risk.forbids)
    }
}

/// What adopting this VM under `name` in `project` would write down.
pub fn review(seen: &ObservedVm, name: &str, project: &str) -> Review {
    let memory = seen.memory_max_bytes.value().copied().unwrap_or(0);
    let mut spec = VmSpec::new(name, memory);
    project.clone_into(&mut spec.project);
    spec.description = seen.description.clone().unwrap_or_default();
    if let Some(count) = seen.cpu_count.value() {
        spec.cpu.count = (*count).max(1);
        spec.cpu.max_count = seen.cpu_max.value().copied().filter(|most| most > count);
    }
    spec.machine.arch = known(&seen.arch);
    spec.machine.kind = known(&seen.machine);
    if seen.firmware.value().is_some_and(|firmware| firmware == "uefi") {
        spec.firmware.kind = FirmwareKind::Uefi;
    }
    spec.autostart = seen.autostart.value().copied().unwrap_or(false);
    let risks = risks(seen, &spec);
    Review { spec, risks }
}

/// What was read, where it is a name that can be written down.
fn known(fact: &Fact<String>) -> Option<String> {
    fact.value().filter(|text| name::check(text).is_ok()).cloned()
}

fn risks(seen: &ObservedVm, spec: &VmSpec) -> Vec<Risk> {
    let mut risks = Vec::new();
    let mut add = |code, forbids, detail: String| risks.push(Risk { code, detail, forbids });
    if !seen.is_read() {
        let detail = "its configuration could not be read yet; try again when its host answers";
        add("not_read", true, detail.to_owned());
    } else if let Err(error) = spec.check() {
        for fault in error.fault_list() {
            let remedy = match fault.pointer.as_str() {
                "/name" => "; give it another name, which changes nothing at its host",
                _ => "",
            };
            let detail =
                format!("{} {}{remedy}", fault.pointer.trim_start_matches('/'), fault.detail);
            add("not_possible", true, detail);
        }
    }
    if seen.persistent.value() == Some(&false) {
        let detail =
            "it is transient: once it is off nothing is left of it, and it cannot be started again";
        add("transient", false, detail.to_owned());
    }
    if seen.tag.is_some() {
        let detail = "it bears Hostler's mark, of this server before it lost its records, or of another \
                      server that may manage it as well";
        add("marked", false, detail.to_owned());
    }
    match seen.power {
        PowerState::Crashed | PowerState::Failed => {
            add("at_fault", false, format!("it is at fault now ({})", seen.power_reason));
        }
        PowerState::Unknown => {
            add("state_unknown", false, "what it is doing is not known now".to_owned());
        }
        _ => {}
    }
    if seen.hypervisor.value().is_some_and(|kind| kind == "qemu") {
        add("emulated", false, "it runs emulated, without hardware virtualisation".to_owned());
    }
    for blocked in &seen.blocked {
        add(
            "blocked",
            false,
            format!("{} is not possible: {}", blocked.action.as_str(), blocked.reason),
        );
    }
    risks
}

#[cfg(test)]
mod tests {
    use super::super::observed::tests_support::vm;
    use super::*;

    fn read(name: &str) -> ObservedVm {
        let mut seen = vm(name, PowerState::Running);
        seen.memory_max_bytes = fact(2 << 30);
        seen.cpu_count = fact(2);
        seen.cpu_max = fact(4);
        seen.machine = fact("pc-q35-7.2".to_owned());
        seen.firmware = fact("uefi".to_owned());
        seen.autostart = fact(true);
        seen.description = Some("made by hand".to_owned());
        seen
    }

    fn fact<T>(value: T) -> Fact<T> {
        Fact::seen(value, "test", Timestamp::from_millis(1))
    }

    fn codes(seen: &ObservedVm, name: &str) -> Vec<&'static str> {
        review(seen, name, "default").risks.iter().map(|risk| risk.code).collect()
    }

    #[test]
    fn e19_what_was_seen_is_written_down_and_of_devices_nothing() {
        let review = review(&read("web"), "web", "lab");
        assert!(review.is_possible() && review.risks.is_empty(), "{:?}", review.risks);
        let spec = review.spec;
        assert_eq!((spec.name.as_str(), spec.project.as_str()), ("web", "lab"));
        assert_eq!((spec.cpu.count, spec.cpu.max_count), (2, Some(4)));
        assert_eq!((spec.memory.bytes, spec.firmware.kind), (2 << 30, FirmwareKind::Uefi));
        assert_eq!(spec.machine.kind.as_deref(), Some("pc-q35-7.2"));
        assert!(spec.autostart && spec.disks.is_empty() && spec.nics.is_empty());
        assert_eq!(spec.description, "made by hand");
    }

    #[test]
    fn x30_a_name_that_cannot_be_taken_over_asks_for_another() {
        let seen = read("my VM (old)");
        let refused = review(&seen, "my VM (old)", "default");
        assert!(!refused.is_possible());
        assert!(refused.risks[0].detail.contains("another name"), "{:?}", refused.risks);
        assert!(review(&seen, "my-vm", "default").is_possible());
    }

    #[test]
    fn x30_what_to_know_before_is_told() {
        let mut seen = read("web");
        seen.persistent = fact(false);
        seen.hypervisor = fact("qemu".to_owned());
        seen.power = PowerState::Crashed;
        assert_eq!(codes(&seen, "web"), ["transient", "at_fault", "emulated"]);
        assert_eq!(Origin::of(&seen), Origin::Foreign);
        seen.tag = Some(super::super::Tag { vm: crate::id::VmId::from_uuid(uuid::Uuid::nil()) });
        assert_eq!(Origin::of(&seen), Origin::Lost);
        assert!(codes(&seen, "web").contains(&"marked"));
    }

    #[test]
    fn x17_a_vm_that_was_not_read_is_not_adopted() {
        let mut seen = read("web");
        seen.disks = Fact::unavailable("test", "no answer");
        assert!(!review(&seen, "web", "default").is_possible());
        assert_eq!(codes(&seen, "web"), ["not_read"]);
    }
}
