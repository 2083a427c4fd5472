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

use super::check::DESCRIPTION_MAX_BYTES;
use super::instance_type::TypeRef;
use super::observed::{ObservedVm, PowerState};
use super::spec::{FirmwareKind, VmSpec};
use crate::clock::Timestamp;
use crate::fact::Fact;
use crate::id::VmId;
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
    /// The mark of Hostler's that it bore: whose it was before. What cleans up after the
    /// operation that made it then has to leave it alone (I17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<VmId>,
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
    /// Of what was seen and is not managed. `is_managed` says whether a VM is: somebody
    /// made a copy of that one then, mark and all, and none of Hostler's is lost.
    pub fn of(seen: &ObservedVm, is_managed: impl Fn(VmId) -> bool) -> Self {
        Self::of_mark(seen.tag.as_ref().map(|tag| tag.vm), is_managed)
    }

    /// The same of what was adopted and bore this mark then.
    pub fn of_mark(mark: Option<VmId>, is_managed: impl Fn(VmId) -> bool) -> Self {
        match mark {
            Some(vm) if !is_managed(vm) => Self::Lost,
            Some(_) | None => Self::Foreign,
        }
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
    let mut spec = VmSpec::new(name, memory(seen).unwrap_or(0));
    project.clone_into(&mut spec.project);
    spec.description = description(seen).unwrap_or_default().to_owned();
    // Nobody asked for these, and whether it has them is seen.
    spec.serial_console = false;
    spec.rng = false;
    spec.balloon = false;
    spec.guest_agent = false;
    if let Some(count) = seen.cpu_count.value() {
        spec.cpu.count = (*count).max(1);
        spec.cpu.max_count = seen.cpu_max.value().copied().filter(|most| most > count);
    }
    sized_by_type(seen, &mut spec);
    spec.machine.arch = known(&seen.arch);
    spec.machine.kind = known(&seen.machine);
    if seen.firmware.value().is_some_and(|firmware| firmware == "uefi") {
        spec.firmware.kind = FirmwareKind::Uefi;
    }
    spec.autostart = seen.autostart.value().copied().unwrap_or(false);
    let risks = risks(seen, &spec);
    Review { spec, risks }
}

/// Its types, where what it has of them is known: what is written down says its size, and
/// leaves to the type only what the type says.
fn sized_by_type(seen: &ObservedVm, spec: &mut VmSpec) {
    let named = |named: &Option<TypeRef>| {
        named.clone().filter(|named| {
            let namespace = named.namespace.as_deref();
            name::check(&named.name).is_ok() && namespace.is_none_or(|it| name::check(it).is_ok())
        })
    };
    spec.preference = named(&seen.preference);
    let (Some(of), Some(bytes), Some(_)) =
        (named(&seen.instance_type), seen.memory_bytes.value(), seen.cpu_count.value())
    else {
        return;
    };
    spec.instance_type = Some(of);
    spec.memory.bytes = *bytes;
    spec.cpu.max_count = None;
}

/// What was read, where it is a name that can be written down.
fn known(fact: &Fact<String>) -> Option<String> {
    fact.value().filter(|text| name::check(text).is_ok()).cloned()
}

/// How much memory it can have; where only its next start decides that, how much it has.
fn memory(seen: &ObservedVm) -> Option<u64> {
    seen.memory_max_bytes.value().or_else(|| seen.memory_bytes.value()).copied()
}

/// What its provider says about it, where that can be written down.
fn description(seen: &ObservedVm) -> Option<&str> {
    let text = seen.description.as_deref()?;
    (text.len() <= DESCRIPTION_MAX_BYTES && name::is_plain_text(text)).then_some(text)
}

fn why<T>(fact: &Fact<T>) -> &str {
    fact.reason().unwrap_or("its provider does not tell")
}

/// What stands in the way of writing it down so.
fn obstacles(seen: &ObservedVm, spec: &VmSpec) -> Vec<Risk> {
    let forbidding = |code, detail: String| Risk { code, detail, forbids: true };
    if !seen.is_read() {
        let detail = "its configuration could not be read yet; try again when its host answers";
        return vec![forbidding("not_read", detail.to_owned())];
    }
    let faults = spec.check().err().map(|error| error.fault_list().to_vec()).unwrap_or_default();
    let told = faults.iter().map(|fault| {
        let field = fault.pointer.trim_start_matches('/');
        match field {
            "memory/bytes" if memory(seen).is_none() => {
                let why = why(&seen.memory_bytes);
                let detail =
                    format!("how much memory it has is not known ({why}); adopt it once it is");
                forbidding("size_unknown", detail)
            }
            "name" => {
                let remedy = "give it another name, which changes nothing at its host";
                forbidding("not_possible", format!("{field} {}; {remedy}", fault.detail))
            }
            _ => forbidding("not_possible", format!("{field} {}", fault.detail)),
        }
    });
    told.collect()
}

fn risks(seen: &ObservedVm, spec: &VmSpec) -> Vec<Risk> {
    let mut risks = obstacles(seen, spec);
    let mut add = |code, forbids, detail: String| risks.push(Risk { code, detail, forbids });
    if seen.is_read() && seen.cpu_count.value().is_none() {
        let (why, count) = (why(&seen.cpu_count), spec.cpu.count);
        let detail =
            format!("how many processors it has is not known ({why}); {count} is written down");
        add("size_unknown", false, detail);
    }
    if seen.description.is_some() && description(seen).is_none() {
        let detail = format!(
            "its description stays at its provider and is not taken over: it is longer than \
             {DESCRIPTION_MAX_BYTES} bytes, or has control characters"
        );
        add("description_left_out", false, detail);
    }
    if seen.persistent.value() == Some(&false) {
        let detail =
            "it is transient: once it is off nothing is left of it, and it cannot be started again";
        add("transient", false, detail.to_owned());
    }
    if seen.tag.is_some() {
        let detail = "it bears Hostler's mark: of this server before it lost its records, of another \
                      server that may manage it as well, or of a VM that it is a copy of";
        add("marked", false, detail.to_owned());
    }
    for keeper in &seen.kept_by {
        let detail = format!(
            "it is kept by {keeper}, by its {}, which puts back what is changed here; change it \
             there, or adopt it for reading only",
            keeper.evidence
        );
        add("kept_by", false, detail);
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
    use super::super::change::Keeper;
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
    fn e8_an_instance_type_is_written_down_with_the_size_that_it_gives() {
        let mut seen = read("web");
        seen.cpu_count = fact(2);
        seen.cpu_max = fact(8);
        seen.memory_bytes = fact(4 << 30);
        seen.memory_max_bytes = fact(16 << 30);
        seen.instance_type = Some(TypeRef::wide("u1.medium"));
        seen.preference = Some(TypeRef::of("shop", "fedora"));
        let spec = review(&seen, "web", "default").spec;
        spec.check().unwrap();
        assert_eq!((spec.cpu.count, spec.cpu.max_count, spec.memory.bytes), (2, None, 4 << 30));
        assert_eq!((spec.instance_type, spec.preference), (seen.instance_type, seen.preference));
        // Where its size is not known, no type stands in for it.
        let mut unread = read("web");
        unread.instance_type = Some(TypeRef::wide("u1.medium"));
        unread.memory_bytes = Fact::unavailable("test", "its type was not read");
        unread.memory_max_bytes = Fact::unavailable("test", "its type was not read");
        let review = review(&unread, "web", "default");
        assert!(!review.is_possible());
        assert_eq!(review.spec.instance_type, None);
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
        assert!(!(spec.serial_console || spec.rng || spec.balloon || spec.guest_agent));
        assert_eq!(spec.description, "made by hand");
    }

    #[test]
    fn x30_a_vm_that_is_off_has_the_memory_that_it_is_given_where_no_most_is_told() {
        let mut seen = read("web");
        seen.memory_max_bytes = Fact::unavailable("test", "its template does not tell");
        seen.memory_bytes = fact(1 << 30);
        let told = review(&seen, "web", "default");
        assert!(told.is_possible() && told.risks.is_empty(), "{:?}", told.risks);
        assert_eq!(told.spec.memory.bytes, 1 << 30);

        seen.memory_bytes = Fact::unavailable("test", "its instance type was not read");
        let told = review(&seen, "web", "default");
        assert!(!told.is_possible());
        let [risk] = told.risks.as_slice() else { panic!("{:?}", told.risks) };
        assert_eq!(risk.code, "size_unknown");
        assert!(risk.detail.contains("its instance type was not read"), "{}", risk.detail);
    }

    #[test]
    fn x25_who_keeps_it_elsewhere_is_known_before_it_is_adopted() {
        let keeper = |tool: &str, name: Option<&str>| Keeper {
            tool: tool.to_owned(),
            name: name.map(str::to_owned),
            evidence: "label x".to_owned(),
        };
        let mut seen = read("web");
        seen.kept_by = vec![keeper("argocd", Some("shop:web")), keeper("helm", None)];
        let told = review(&seen, "web", "default");
        assert!(told.is_possible(), "it is known, and forbids nothing");
        let [argocd, helm] = told.risks.as_slice() else { panic!("{:?}", told.risks) };
        assert_eq!((argocd.code, helm.code), ("kept_by", "kept_by"));
        assert!(argocd.detail.starts_with("it is kept by argocd (shop:web), by its label x"));
        assert!(helm.detail.starts_with("it is kept by helm, by its label x"), "{}", helm.detail);
    }

    #[test]
    fn x17_what_is_not_known_of_its_size_is_told_and_not_made_up_unsaid() {
        let mut seen = read("web");
        seen.cpu_count = Fact::unavailable("test", "the cluster decides");
        let told = review(&seen, "web", "default");
        assert!(told.is_possible());
        let [risk] = told.risks.as_slice() else { panic!("{:?}", told.risks) };
        assert_eq!(
            risk.detail,
            "how many processors it has is not known (the cluster decides); 1 is written down"
        );
    }

    #[test]
    fn x30_no_description_keeps_a_vm_from_being_adopted() {
        for odd in ["x".repeat(DESCRIPTION_MAX_BYTES + 1), "a\u{1b}[31mb".to_owned()] {
            let mut seen = read("web");
            seen.description = Some(odd);
            let told = review(&seen, "web", "default");
            assert!(told.is_possible());
            assert_eq!(told.spec.description, "");
            assert_eq!(codes(&seen, "web"), ["description_left_out"]);
        }
    }

    #[test]
    fn x30_a_copy_of_a_vm_that_is_managed_is_nothing_that_was_lost() {
        let id = VmId::from_uuid(uuid::Uuid::nil());
        let mut seen = read("web");
        assert_eq!(Origin::of(&seen, |_| false), Origin::Foreign);
        seen.tag = Some(super::super::Tag { vm: id });
        assert_eq!(Origin::of(&seen, |_| false), Origin::Lost);
        assert_eq!(Origin::of(&seen, |vm| vm == id), Origin::Foreign);
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
        seen.tag = Some(super::super::Tag { vm: VmId::from_uuid(uuid::Uuid::nil()) });
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
