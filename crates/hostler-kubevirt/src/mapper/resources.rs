//! Processors, memory, firmware, machine and architecture of a VM.
//!
//! Where the VM runs, its instance says it all: instance type, preference and
//! the cluster's defaults are written into it when it is made. Where it is off,
//! the template says what is written there, then the instance type, and for
//! what neither says the preference. What only KubeVirt's defaults would decide
//! at the next start is absent, and says so.

use hostler_core::{Fact, Timestamp};

use super::source::{INSTANCE_TYPE, PREFERENCE, VM_SPEC, VMI_SPEC, VMI_STATUS};
use super::{MappedInstanceType, MappedPreference, TypeRef, arch};
use crate::objects::domain::{Cpu, DomainSpec, InstanceSpec};
use crate::objects::{TypeReference, VirtualMachineInstance};
use crate::quantity::Quantity;

/// Something that a VM refers to by name.
#[derive(Debug)]
pub(super) struct Referred<'a, T> {
    /// How it is called.
    pub(super) name: &'a TypeRef,
    /// The revision that the VM is bound to, whatever becomes of the object.
    pub(super) revision: Option<&'a str>,
    /// What was read of it, if it was.
    pub(super) found: Option<&'a T>,
    /// Why it was not, where that is known.
    pub(super) why_not: Option<&'a str>,
}

impl<T> Referred<'_, T> {
    /// `: and why`, where that is known.
    fn why_not(&self) -> String {
        self.why_not.map(|why| format!(": {why}")).unwrap_or_default()
    }
}

/// What a VM is read from.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// The spec of the instance, or of the template where it is off.
    pub(super) spec: Option<&'a InstanceSpec>,
    /// The instance, where there is one.
    pub(super) vmi: Option<&'a VirtualMachineInstance>,
    /// Its instance type; `None` where it runs, since the instance says it all.
    pub(super) instance_type: Option<Referred<'a, MappedInstanceType>>,
    /// Its preference, likewise.
    pub(super) preference: Option<Referred<'a, MappedPreference>>,
    /// When it was received.
    pub(super) at: Timestamp,
}

impl<'a> View<'a> {
    pub(super) fn domain(&self) -> Option<&'a DomainSpec> {
        self.spec?.domain.as_ref()
    }

    /// Where the spec comes from.
    pub(super) const fn source(&self) -> &'static str {
        if self.vmi.is_some() { VMI_SPEC } else { VM_SPEC }
    }

    fn seen<T>(&self, value: T) -> Fact<T> {
        Fact::seen(value, self.source(), self.at)
    }

    /// The instance's word, which is missing in instances of older versions.
    fn status<T>(
        &self,
        read: impl FnOnce(&VirtualMachineInstance) -> Option<T>,
    ) -> Option<Fact<T>> {
        let value = read(self.vmi?)?;
        Some(Fact::seen(value, VMI_STATUS, self.at))
    }

    /// A fact from the instance type; why not, where it does not tell.
    fn of_type<T>(
        &self,
        what: &str,
        read: impl FnOnce(&MappedInstanceType) -> &Fact<T>,
    ) -> Option<Fact<T>>
    where
        T: Clone,
    {
        let referred = self.instance_type.as_ref()?;
        let name = &referred.name.name;
        let Some(found) = referred.found else {
            let why = referred.why_not();
            let reason = format!("its instance type \"{name}\" was not read{why}");
            return Some(Fact::unavailable(INSTANCE_TYPE, reason));
        };
        let fact = read(found).clone();
        Some(match (fact.value(), referred.revision) {
            (Some(value), Some(revision)) => {
                let reason = format!(
                    "{what} of its instance type \"{name}\" now; it is bound to the revision \
                     \"{revision}\", which was not read"
                );
                Fact::partial(value.clone(), INSTANCE_TYPE, self.at, reason)
            }
            _ => fact,
        })
    }

    fn absent<T>(&self, what: &str) -> Fact<T> {
        let reason = match self.vmi {
            Some(_) => format!("the instance does not tell {what}"),
            None => format!("its template does not tell {what}; the cluster decides at its start"),
        };
        Fact::unavailable(self.source(), reason)
    }
}

/// Processors that a topology has. What it does not tell is one, as KubeVirt
/// counts; `None` where it tells nothing, or too much for a number.
fn product(cpu: &Cpu, sockets: Option<u32>) -> Option<u32> {
    let given = |part: Option<u32>| part.filter(|count| *count > 0);
    let parts = [given(sockets), given(*cpu.cores), given(*cpu.threads)];
    if parts.iter().all(Option::is_none) {
        return None;
    }
    parts.iter().try_fold(1_u32, |product, part| product.checked_mul(part.unwrap_or(1)))
}

fn count(quantity: Quantity) -> Option<u32> {
    quantity.round_up().filter(|count| *count > 0).and_then(|count| u32::try_from(count).ok())
}

fn bytes(quantity: Quantity) -> Option<u64> {
    quantity.round_up().filter(|bytes| *bytes > 0)
}

/// Processors online.
pub(super) fn cpu_count(view: &View<'_>) -> Fact<u32> {
    let now = view.status(|vmi| {
        let topology = vmi.status.current_cpu_topology.as_ref()?;
        product(topology, *topology.sockets)
    });
    if let Some(now) = now {
        return now;
    }
    let Some(domain) = view.domain() else { return view.absent("its processors") };
    if let Some(count) = product(&domain.cpu, *domain.cpu.sockets) {
        return view.seen(count);
    }
    if let Some(told) = view.of_type("the processors", |t| &t.cpu_count) {
        return told;
    }
    // Without a topology KubeVirt makes a socket of each processor limited or asked for.
    let resources = &domain.resources;
    let asked = resources.limits.get("cpu").or_else(|| resources.requests.get("cpu"));
    match asked.copied().and_then(count) {
        Some(count) => view.seen(count),
        None => view.absent("its processors"),
    }
}

/// Processors that can be online.
pub(super) fn cpu_max(view: &View<'_>, online: &Fact<u32>) -> Fact<u32> {
    let domain = view.domain();
    let max = domain.and_then(|d| {
        let sockets = (*d.cpu.max_sockets).filter(|sockets| *sockets > 0)?;
        product(&d.cpu, Some(sockets))
    });
    match (max, view.vmi) {
        (Some(max), _) => view.seen(max),
        // An instance that names no most has no room for more.
        (None, Some(_)) if domain.is_some() => online.clone(),
        _ => view.absent("how many processors it can have"),
    }
}

/// Memory that the guest has, in bytes.
pub(super) fn memory(view: &View<'_>) -> Fact<u64> {
    let now = view.status(|vmi| (*vmi.status.memory.guest_current).and_then(bytes));
    if let Some(now) = now {
        return now;
    }
    let Some(domain) = view.domain() else { return view.absent("its memory") };
    if let Some(bytes) = (*domain.memory.guest).and_then(bytes) {
        return view.seen(bytes);
    }
    if let Some(told) = view.of_type("the memory", |t| &t.memory_bytes) {
        return told;
    }
    // Without a size for the guest, it gets what is asked for, or else the limit.
    let resources = &domain.resources;
    let asked = resources.requests.get("memory").or_else(|| resources.limits.get("memory"));
    match asked.copied().and_then(bytes) {
        Some(bytes) => view.seen(bytes),
        None => view.absent("its memory"),
    }
}

/// Memory that the guest can have, in bytes.
pub(super) fn memory_max(view: &View<'_>, now: &Fact<u64>) -> Fact<u64> {
    let domain = view.domain();
    let max = domain.and_then(|d| (*d.memory.max_guest).and_then(bytes));
    match (max, view.vmi) {
        (Some(max), _) => view.seen(max),
        (None, Some(_)) if domain.is_some() => now.clone(),
        _ => match view.of_type("the most memory", |t| &t.memory_max_bytes) {
            Some(told) if told.value().is_some() => told,
            _ => view.absent("how much memory it can have"),
        },
    }
}

/// The architecture, in Hostler's words.
pub(super) fn architecture(view: &View<'_>) -> Fact<String> {
    match view.spec.and_then(|spec| spec.architecture.text()) {
        Some(word) => view.seen(arch(word)),
        None => view
            .preferred("architecture", |p| p.arch.clone())
            .unwrap_or_else(|| view.absent("its architecture")),
    }
}

/// The machine type: the instance's exact one, else the one asked for, which
/// may be an alias as `q35`.
pub(super) fn machine(view: &View<'_>) -> Fact<String> {
    if let Some(now) = view.status(|vmi| vmi.status.machine.kind.owned()) {
        return now;
    }
    match view.domain().and_then(|domain| domain.machine.kind.owned()) {
        Some(machine) => view.seen(machine),
        None => view
            .preferred("machine type", |p| p.machine.clone())
            .unwrap_or_else(|| view.absent("its machine type")),
    }
}

/// `bios` or `uefi`.
pub(super) fn firmware(view: &View<'_>) -> Fact<String> {
    let Some(domain) = view.domain() else { return view.absent("its firmware") };
    let loader = &domain.firmware.bootloader;
    match (loader.efi.is_some(), loader.bios.is_some()) {
        (true, false) => return view.seen("uefi".to_owned()),
        (false, true) => return view.seen("bios".to_owned()),
        (true, true) => {
            return Fact::unavailable(view.source(), "it names two kinds of firmware");
        }
        (false, false) => {}
    }
    if let Some(preferred) = view.preferred("firmware", |p| p.firmware.map(str::to_owned)) {
        return preferred;
    }
    // On x86 an instance that names no boot loader is one with a BIOS; elsewhere
    // there is none, or another.
    let is_x86 = view.spec.and_then(|spec| spec.architecture.text()) == Some("amd64");
    if view.vmi.is_some() && is_x86 {
        return view.seen("bios".to_owned());
    }
    view.absent("its firmware")
}

impl View<'_> {
    /// What the preference fills in; `None` where there is none, or it has no
    /// preference in this.
    fn preferred<T>(
        &self,
        what: &str,
        read: impl FnOnce(&MappedPreference) -> Option<T>,
    ) -> Option<Fact<T>> {
        let referred = self.preference.as_ref()?;
        let name = &referred.name.name;
        let Some(found) = referred.found else {
            let why = referred.why_not();
            let reason = format!("its preference \"{name}\", which may tell it, was not read{why}");
            return Some(Fact::unavailable(PREFERENCE, reason));
        };
        let value = read(found)?;
        Some(match referred.revision {
            None => Fact::seen(value, PREFERENCE, self.at),
            Some(revision) => Fact::partial(
                value,
                PREFERENCE,
                self.at,
                format!(
                    "the {what} of its preference \"{name}\" now; it is bound to the revision \
                     \"{revision}\", which was not read"
                ),
            ),
        })
    }
}

/// The name that a reference means.
pub(super) fn type_ref(reference: &TypeReference, namespace: &str) -> Option<TypeRef> {
    let name = reference.name.owned()?;
    // Without a kind it is the cluster's; the API takes any case, and the plural.
    let kind = reference.kind.text().unwrap_or("virtualmachinecluster").to_ascii_lowercase();
    let is_cluster = kind.starts_with("virtualmachinecluster");
    Some(TypeRef { namespace: (!is_cluster).then(|| namespace.to_owned()), name })
}
