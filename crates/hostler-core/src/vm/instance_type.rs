//! Instance types and preferences: sizes that a provider offers for VMs, and what it fills in
//! where a VM says nothing. How one is named, what was seen of it, and what it does to a
//! specification ([ADR 30](../../../../docs/adr/0030-instance-types.md)).
//!
//! ```text
//!   asked: instance_type "u1.small",           ┌─► sized: the type, 1 processor, 2 GiB
//!          size left out, or the same ─► found ┤        (placed by that, stored, made)
//!                                       │      └─► contradiction: told by its field
//!                                       └─ none of that name: refused, with near names
//! ```
//!
//! A size is a provider's to change. What a VM was given when it was made is in its
//! specification; what it has now, its provider says.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::spec::VmSpec;
use crate::clock::Timestamp;
use crate::error::{Code, Error, Fault, Result};
use crate::fact::Fact;
use crate::settings::distance;

/// How many names a refusal tells.
const NAMES_TOLD: usize = 5;

/// Names an instance type or a preference towards its provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeRef {
    /// Its name.
    pub name: String,
    /// The namespace that it is of; `None` for those of the whole provider.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl TypeRef {
    /// One of the whole provider.
    pub fn wide(name: impl Into<String>) -> Self {
        Self { name: name.into(), namespace: None }
    }

    /// One of a namespace.
    pub fn of(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { name: name.into(), namespace: Some(namespace.into()) }
    }
}

impl fmt::Display for TypeRef {
    /// `NAME`, or `NAMESPACE/NAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What its makers say of an instance type or a preference to people. Each is `None` where
/// they say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeText {
    /// How it is called.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Of which class it is: `general.purpose`, `memory.intensive` …
    pub class: Option<String>,
    /// Who made it.
    pub vendor: Option<String>,
    /// Its labels at its provider.
    pub labels: BTreeMap<String, String>,
}

/// A size that VMs can have, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceType {
    /// How it is named.
    pub id: TypeRef,
    /// What is said of it.
    pub text: TypeText,
    /// Processors of a VM of it.
    pub cpu_count: Fact<u32>,
    /// Memory of a VM of it, in bytes.
    pub memory_bytes: Fact<u64>,
    /// The most memory that such a VM can be given while it runs, in bytes; `None` where it
    /// sets none.
    pub memory_max_bytes: Option<u64>,
    /// By how much less memory than the guest has is taken of its host, in percent; `None`
    /// where it says nothing.
    pub overcommit_percent: Option<u32>,
    /// Whether its processors are its VMs' alone.
    pub has_dedicated_cpus: bool,
    /// The graphics devices that it passes through, in the provider's words.
    pub gpus: Vec<String>,
    /// The other devices that it passes through.
    pub host_devices: Vec<String>,
    /// When it was seen.
    pub observed_at: Timestamp,
}

/// What is filled in where a VM says nothing, as it was seen. Each is `None` where it prefers
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// How it is named.
    pub id: TypeRef,
    /// What is said of it.
    pub text: TypeText,
    /// `bios` or `uefi`.
    pub firmware: Option<String>,
    /// The machine type.
    pub machine: Option<String>,
    /// The architecture.
    pub arch: Option<String>,
    /// The bus of disks.
    pub disk_bus: Option<String>,
    /// The model of network interfaces.
    pub nic_model: Option<String>,
    /// What a VM needs to be of it.
    pub requires: Requirements,
    /// When it was seen.
    pub observed_at: Timestamp,
}

/// What a preference asks of a VM. Each is `None` where it asks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The fewest processors.
    pub cpu_count: Option<u32>,
    /// The least memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// The architecture.
    pub arch: Option<String>,
}

impl InstanceType {
    /// By how many percent its VMs' memory is lent out although their processors are their own
    /// (F3): who pays for the one cannot bear the other.
    fn lent_percent(&self) -> Option<u32> {
        self.overcommit_percent.filter(|percent| self.has_dedicated_cpus && *percent > 0)
    }
}

impl VmSpec {
    /// Whether it says its size. One that was asked for by an instance type alone does not,
    /// before [`VmSpec::size_by`].
    pub const fn is_sized(&self) -> bool {
        self.cpu.count > 0 && self.memory.bytes > 0
    }

    /// Takes the size of its instance type.
    ///
    /// # Errors
    /// `SpecInvalid` where it says another size, the type tells none, or promises its VMs
    /// processors of their own while it lends out their memory.
    pub fn size_by(&mut self, found: &InstanceType) -> Result<()> {
        let mut faults = Vec::new();
        if let Some(percent) = found.lent_percent() {
            let detail = format!(
                "\"{}\" promises processors of their own, and takes {percent} % less memory of \
                 the host than its VMs have: one is broken where the host is full; choose \
                 another, or have one of both taken out of it",
                found.id
            );
            faults.push(Fault::new("/instance_type", "contradicts_itself", detail));
        }
        let cpus = found.cpu_count.value().copied().map(u64::from);
        let count = u64::from(self.cpu.count);
        let count = of_type(found, "/cpu/count", "processors", count, cpus, &mut faults);
        let bytes = found.memory_bytes.value().copied();
        let given = self.memory.bytes;
        let bytes = of_type(found, "/memory/bytes", "bytes of memory", given, bytes, &mut faults);
        if !faults.is_empty() {
            return Err(Error::faults(Code::SpecInvalid, faults));
        }
        self.cpu.count = u32::try_from(count).unwrap_or(u32::MAX);
        self.memory.bytes = bytes;
        self.check()
    }

    /// Whether it is as a preference asks.
    ///
    /// # Errors
    /// `SpecInvalid` with all that it lacks.
    pub fn check_preference(&self, preference: &Preference) -> Result<()> {
        let asks = &preference.requires;
        let mut faults = Vec::new();
        let by_type = self.instance_type.as_ref().map(|_| "/instance_type");
        let least = [
            (asks.cpu_count.map(u64::from), u64::from(self.cpu.count), "/cpu/count", "processors"),
            (asks.memory_bytes, self.memory.bytes, "/memory/bytes", "bytes of memory"),
        ];
        for (least, given, pointer, what) in least {
            if let Some(least) = least.filter(|least| given < *least) {
                let detail = format!(
                    "gives {given} {what}, and preference \"{}\" asks for {least} at least",
                    preference.id
                );
                faults.push(Fault::new(by_type.unwrap_or(pointer), "below_preference", detail));
            }
        }
        if let (Some(asked), Some(given)) = (&asks.arch, &self.machine.arch)
            && asked != given
        {
            let detail = format!("is {given}, and preference \"{}\" is for {asked}", preference.id);
            faults.push(Fault::new("/machine/arch", "below_preference", detail));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::faults(Code::SpecInvalid, faults)) }
    }
}

/// One part of a size: the type's, which the request may repeat.
fn of_type(
    found: &InstanceType,
    pointer: &str,
    what: &str,
    given: u64,
    of_type: Option<u64>,
    faults: &mut Vec<Fault>,
) -> u64 {
    let name = &found.id;
    match of_type {
        None => {
            let detail = format!("\"{name}\" does not tell how many {what} it has; choose another");
            faults.push(Fault::new("/instance_type", "no_size", detail));
        }
        Some(size) if given != 0 && given != size => {
            let detail = format!(
                "is {given}, and instance type \"{name}\" has {size} {what}; leave it out, or \
                 choose another type"
            );
            faults.push(Fault::new(pointer, "contradicts_instance_type", detail));
        }
        Some(size) => return size,
    }
    given
}

/// The refusal of a name that is none of what is offered: `code` is that of instance types or
/// of preferences.
pub fn unknown<'a>(
    code: Code,
    noun: &str,
    wanted: &TypeRef,
    offered: impl IntoIterator<Item = &'a TypeRef>,
) -> Error {
    let offered: Vec<&TypeRef> = offered.into_iter().collect();
    let how_far = |one: &TypeRef| match one.name == wanted.name {
        // Of another namespace, or of all.
        true => 0,
        false => distance(&one.to_string(), &wanted.to_string()),
    };
    let limit = 1 + wanted.name.chars().count() / 3;
    let mut near: Vec<(usize, &TypeRef)> = offered.iter().map(|one| (how_far(one), *one)).collect();
    near.sort();
    near.dedup();
    let told = |some: Vec<&TypeRef>| {
        let some = some.into_iter().take(NAMES_TOLD).map(|one| format!("\"{one}\""));
        some.collect::<Vec<_>>().join(", ")
    };
    let meant: Vec<&TypeRef> =
        near.iter().filter(|(far, _)| *far <= limit).map(|(_, one)| *one).collect();
    let hint = match (near.len(), meant.is_empty()) {
        (0, _) => "none is offered".to_owned(),
        (_, false) => format!("did you mean {}?", told(meant)),
        (all, true) => {
            let more = all.saturating_sub(NAMES_TOLD);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("there are {}{more}", told(near.into_iter().map(|(_, one)| one).collect()))
        }
    };
    Error::new(code, format!("there is no {noun} \"{wanted}\"; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(name: &str, cpus: u32, bytes: u64) -> InstanceType {
        let at = Timestamp::from_millis(1);
        InstanceType {
            id: TypeRef::wide(name),
            text: TypeText::default(),
            cpu_count: Fact::seen(cpus, "test", at),
            memory_bytes: Fact::seen(bytes, "test", at),
            memory_max_bytes: None,
            overcommit_percent: None,
            has_dedicated_cpus: false,
            gpus: Vec::new(),
            host_devices: Vec::new(),
            observed_at: at,
        }
    }

    fn preference(requires: Requirements) -> Preference {
        Preference {
            id: TypeRef::of("shop", "fedora"),
            text: TypeText::default(),
            firmware: None,
            machine: None,
            arch: None,
            disk_bus: None,
            nic_model: None,
            requires,
            observed_at: Timestamp::from_millis(1),
        }
    }

    fn asked(cpus: u32, bytes: u64) -> VmSpec {
        let mut spec = VmSpec::new("web", bytes);
        spec.cpu.count = cpus;
        spec.instance_type = Some(TypeRef::wide("u1.small"));
        spec
    }

    fn faults(result: Result<()>) -> Vec<(String, String)> {
        let error = result.unwrap_err();
        error.fault_list().iter().map(|f| (f.pointer.clone(), f.code.clone())).collect()
    }

    fn fault(pointer: &str, code: &str) -> (String, String) {
        (pointer.to_owned(), code.to_owned())
    }

    #[test]
    fn e8_a_vm_takes_the_size_of_its_type_and_may_repeat_it() {
        for mut spec in [asked(0, 0), asked(2, 0), asked(0, 4 << 30), asked(2, 4 << 30)] {
            spec.check().unwrap();
            spec.size_by(&size("u1.small", 2, 4 << 30)).unwrap();
            assert_eq!((spec.cpu.count, spec.memory.bytes), (2, 4 << 30));
            assert!(spec.is_sized());
        }
        assert!(!asked(2, 0).is_sized());
    }

    #[test]
    fn e8_another_size_than_the_types_is_told_by_its_field_and_nothing_is_changed() {
        let mut spec = asked(4, 1 << 30);
        let result = spec.size_by(&size("u1.small", 2, 4 << 30));
        let code = "contradicts_instance_type";
        assert_eq!(faults(result), [fault("/cpu/count", code), fault("/memory/bytes", code)]);
        assert_eq!((spec.cpu.count, spec.memory.bytes), (4, 1 << 30));
    }

    #[test]
    fn e8_a_type_that_tells_no_size_sizes_nothing() {
        let found = InstanceType {
            cpu_count: Fact::unavailable("test", "unread"),
            ..size("x", 1, 1 << 30)
        };
        assert_eq!(faults(asked(0, 0).size_by(&found)), [fault("/instance_type", "no_size")]);
    }

    #[test]
    fn f3_processors_of_their_own_and_memory_that_is_lent_out_contradict_each_other() {
        let lends = InstanceType {
            overcommit_percent: Some(50),
            has_dedicated_cpus: true,
            ..size("x", 1, 1 << 30)
        };
        let contradicts = [fault("/instance_type", "contradicts_itself")];
        assert_eq!(faults(asked(0, 0).size_by(&lends)), contradicts);
        for alone in [
            InstanceType { overcommit_percent: Some(0), ..lends.clone() },
            InstanceType { has_dedicated_cpus: false, ..lends },
        ] {
            asked(0, 0).size_by(&alone).unwrap();
        }
    }

    #[test]
    fn e8_a_size_is_left_out_only_beside_a_type_and_nothing_arranges_the_types_processors() {
        let mut spec = asked(0, 0);
        spec.instance_type = None;
        let codes = [fault("/cpu/count", "too_small"), fault("/memory/bytes", "too_small")];
        assert_eq!(faults(spec.check()), codes);
        let mut spec = asked(0, 0);
        spec.cpu.max_count = Some(4);
        assert_eq!(faults(spec.check()), [fault("/cpu/max_count", "with_instance_type")]);
    }

    #[test]
    fn e8_what_a_preference_asks_is_checked_against_the_size() {
        let asks = Requirements {
            cpu_count: Some(2),
            memory_bytes: Some(2 << 30),
            arch: Some("aarch64".into()),
        };
        let preference = preference(asks);
        let mut spec = asked(1, 1 << 30);
        let code = "below_preference";
        let by_type = fault("/instance_type", code);
        assert_eq!(faults(spec.check_preference(&preference)), [by_type.clone(), by_type]);
        spec.instance_type = None;
        spec.machine.arch = Some("x86_64".into());
        let pointers = ["/cpu/count", "/memory/bytes", "/machine/arch"];
        assert_eq!(faults(spec.check_preference(&preference)), pointers.map(|p| fault(p, code)));
        let mut spec = asked(2, 2 << 30);
        spec.machine.arch = Some("aarch64".into());
        spec.check_preference(&preference).unwrap();
    }

    #[test]
    fn an_unknown_name_is_told_with_those_near_to_it() {
        let all = [TypeRef::wide("u1.small"), TypeRef::wide("u1.large"), TypeRef::of("a", "big")];
        let told = |wanted: TypeRef, all: &[TypeRef]| {
            let error = unknown(Code::InstanceTypeNotFound, "instance type", &wanted, all);
            error.message().to_owned()
        };
        for (wanted, ends) in [
            (TypeRef::wide("u1.smal"), "no instance type \"u1.smal\"; did you mean \"u1.small\"?"),
            (TypeRef::wide("big"), "no instance type \"big\"; did you mean \"a/big\"?"),
            (TypeRef::of("b", "u1.small"), "\"b/u1.small\"; did you mean \"u1.small\"?"),
        ] {
            let message = told(wanted, &all);
            assert!(message.ends_with(ends), "{message}");
        }
        let message = told(TypeRef::wide("gigantic-one"), &all);
        assert!(message.contains("; there are \""), "{message}");
        assert!(all.iter().all(|one| message.contains(&format!("\"{one}\""))), "{message}");
        assert!(told(TypeRef::wide("x"), &[]).ends_with("none is offered"));
    }
}
