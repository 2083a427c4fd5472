//! A VM and its running instance, merged into one (E5, E6).
//!
//! A `VirtualMachine` lasts; its `VirtualMachineInstance` of the same name is
//! there while it runs. Either may be absent: a VM without an instance is off,
//! and an instance without a VM is a VM of its own kind, which ends for good
//! when it stops. An instance may also say that it is of a VM which was not
//! seen: it has that VM's identity, so that nothing new seems to be there when
//! the two arrive one after the other.

use std::collections::BTreeMap;

use hostler_core::metrics::hypervisor::DetectionResult;
use hostler_core::vm::change::Keeper;
use hostler_core::vm::{ObservedVm, PowerState, Tag};
use hostler_core::{Fact, Timestamp};

use super::migrations::{self, MappedMigration};
use super::resources::{self, Referred, View};
use super::source::{VM_SPEC, VMI_STATUS};
use super::state::{RunStrategy, State, state};
use super::troubles::{Trouble, troubles};
use super::{
    Incompatible, MADE_AS_ANNOTATION, MappedNic, MappedVolume, Names, Owner, PrimaryAddress,
    Surroundings, TAG_LABEL, TypeRef, blocked, cautions, consoles, disks, guest, hypervisor,
    message, nics, owners,
};
use crate::objects::meta::{ObjectMeta, OwnerReference};
use crate::objects::{VirtualMachine, VirtualMachineInstance};

/// What a VM is read from: a VM that is off, one that runs, or an instance that
/// nobody's VM stands behind.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// No instance of it was seen.
    Off(&'a VirtualMachine),
    /// With its instance.
    Both(&'a VirtualMachine, &'a VirtualMachineInstance),
    /// Without a VM.
    Alone(&'a VirtualMachineInstance),
}

/// Which kind a VM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VmKind {
    /// A `VirtualMachine`: stays when it is stopped.
    Machine,
    /// A `VirtualMachineInstance` alone: gone when it is deleted, never started again.
    Instance,
    /// The instance of a VM that was not seen: deleted, or not received yet.
    Unseen,
}

/// Whether a running VM can be moved to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveMigration {
    /// It can.
    Possible,
    /// It cannot, in the cluster's words.
    Blocked(String),
}

/// A VM of KubeVirt in Hostler's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedVm {
    /// Its kind.
    pub kind: VmKind,
    /// Its namespace; name and namespace together name it to the cluster.
    pub namespace: String,
    /// What every provider tells. `external_ref` is the UID of the VM, even if
    /// only its instance was seen, or of the instance that stands alone;
    /// `NAMESPACE/NAME` where no UID is told, which no server leaves out.
    /// `host_ref` is the name of the node.
    pub vm: ObservedVm,
    /// Which hypervisor runs it, concluded; `None` while it is off.
    pub runs_by: Option<DetectionResult>,
    /// The UID of its instance: another one each time it is started.
    pub instance_uid: Option<String>,
    /// All that the cluster says is wrong with it, worst first; `vm.message` is the same in
    /// one text.
    pub troubles: Vec<Trouble>,
    /// How it is to be run; absent where it is an instance alone, or the word
    /// is not known here.
    pub run_strategy: Fact<RunStrategy>,
    /// The address under which it is to be reached (X23).
    pub primary_address: Fact<PrimaryAddress>,
    /// More of each of its interfaces, in the order of `vm.nics`.
    pub nics: Vec<MappedNic>,
    /// Its volumes.
    pub volumes: Vec<MappedVolume>,
    /// Whether its guest agent is connected.
    pub agent_connected: Fact<bool>,
    /// Whether it can be moved while it runs.
    pub live_migration: Fact<LiveMigration>,
    /// Its last migration, or the one under way, as its instance tells it.
    pub migration: Option<MappedMigration>,
    /// Who else looks after it.
    pub owners: Vec<Owner>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Up to which generation its controller has looked at it; `None` for an instance alone, and
    /// where it is not told.
    pub observed_generation: Option<u64>,
}

/// All VMs of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappedVms {
    /// Those that could be mapped, VMs before instances without one.
    pub vms: Vec<MappedVm>,
    /// What was refused. While there is any, the list is not known to be whole.
    pub refused: Vec<Incompatible>,
}

/// Maps one VM, received at `seen_at`. Fails only where it has no name or no
/// namespace, or the two objects are of different names (E6).
pub fn map_vm(
    source: Source<'_>,
    around: &Surroundings,
    seen_at: Timestamp,
) -> Result<MappedVm, Incompatible> {
    let (vm, vmi) = match source {
        Source::Off(vm) => (Some(vm), None),
        Source::Both(vm, vmi) => (Some(vm), Some(vmi)),
        Source::Alone(vmi) => (None, Some(vmi)),
    };
    let names = names(source)?;
    let references = References::of(vm, &names.namespace);
    let view = references.view(vm, vmi, around, seen_at);
    let state = state(vm, vmi);
    let nics = nics::nics(&view);
    let troubles = troubles(vm, vmi);
    let primary_address = nics::primary(&view, &nics);
    let owners = owners::owners(meta(source));
    let kept_by: Vec<Keeper> = owners.iter().cloned().map(Keeper::from).collect();
    let strategy = run_strategy(source, seen_at);
    let power = state.power;
    let vm_seen = ObservedVm {
        message: told_troubles(&troubles),
        primary_address: primary_address.value().map(|primary| primary.address.clone()),
        instance_type: references.instance_type.as_ref().map(|(name, _)| name.clone()),
        preference: references.preference.as_ref().map(|(name, _)| name.clone()),
        cautions: cautions::cautions(strategy.value().copied(), power, &kept_by),
        kept_by,
        ..observe(source, &view, &names, state, &nics, around)
    };
    let migration = vmi.and_then(|vmi| migrations::of_instance(vmi, &names));
    Ok(MappedVm {
        kind: kind(source),
        vm: vm_seen,
        runs_by: hypervisor::conclude(vmi, around).and_then(hypervisor::detection),
        instance_uid: vmi.and_then(|vmi| vmi.metadata.uid.owned()),
        troubles,
        run_strategy: strategy,
        primary_address,
        nics: nics.mapped,
        volumes: disks::volumes(&view, &names.namespace),
        agent_connected: agent_connected(vmi, seen_at),
        live_migration: live_migration(vmi, seen_at),
        migration,
        owners,
        created_at: meta(source).creation_timestamp.at(),
        observed_generation: vm.and_then(|vm| *vm.status.observed_generation),
        namespace: names.namespace,
    })
}

/// Maps all VMs of a cluster, each with its instance looked up (F4).
///
/// An instance belongs to the VM of its name, unless it says that it belongs to
/// another one: a VM deleted and made anew does not get the instance that the
/// old one left behind.
pub fn map_vms(
    vms: &[VirtualMachine],
    vmis: &[VirtualMachineInstance],
    around: &Surroundings,
    seen_at: Timestamp,
) -> MappedVms {
    let mut instances: BTreeMap<(&str, &str), &VirtualMachineInstance> = BTreeMap::new();
    let mut sources = Vec::new();
    let mut left = Vec::new();
    for vmi in vmis {
        match key(&vmi.metadata) {
            Some(key) => drop(instances.insert(key, vmi)),
            None => left.push(Source::Alone(vmi)),
        }
    }
    for vm in vms {
        let found = key(&vm.metadata).and_then(|key| {
            let vmi = instances.get(&key).copied().filter(|vmi| belongs(vmi, vm))?;
            instances.remove(&key);
            Some(vmi)
        });
        sources.push(found.map_or(Source::Off(vm), |vmi| Source::Both(vm, vmi)));
    }
    sources.extend(instances.into_values().map(Source::Alone));
    sources.extend(left);
    let mut all = MappedVms::default();
    for source in sources {
        match map_vm(source, around, seen_at) {
            Ok(vm) => all.vms.push(vm),
            Err(error) => all.refused.push(error),
        }
    }
    all
}

fn key(meta: &ObjectMeta) -> Option<(&str, &str)> {
    Some((meta.namespace.text()?, meta.name.text()?))
}

/// Whether an instance under the name of a VM is that VM's, and not one that a
/// VM of that name left behind.
pub(crate) fn belongs(vmi: &VirtualMachineInstance, vm: &VirtualMachine) -> bool {
    match (vm_of(vmi).and_then(|owner| owner.uid.text()), vm.metadata.uid.text()) {
        (Some(owner), Some(uid)) => owner == uid,
        _ => true,
    }
}

fn names(source: Source<'_>) -> Result<Names, Incompatible> {
    match source {
        Source::Off(vm) => Names::of("VirtualMachine", &vm.metadata),
        Source::Alone(vmi) => Names::of("VirtualMachineInstance", &vmi.metadata),
        Source::Both(vm, vmi) => {
            let names = Names::of("VirtualMachine", &vm.metadata)?;
            if Names::of("VirtualMachineInstance", &vmi.metadata)? == names {
                return Ok(names);
            }
            let what = "its name is another than that of its VM";
            Err(Incompatible::new("VirtualMachineInstance", what))
        }
    }
}

fn kind(source: Source<'_>) -> VmKind {
    match source {
        Source::Off(_) | Source::Both(..) => VmKind::Machine,
        Source::Alone(vmi) if vm_of(vmi).is_some() => VmKind::Unseen,
        Source::Alone(_) => VmKind::Instance,
    }
}

/// The VM that an instance says it is of.
fn vm_of(vmi: &VirtualMachineInstance) -> Option<&OwnerReference> {
    vmi.metadata.controller().filter(|owner| owner.kind.text() == Some("VirtualMachine"))
}

/// How the VM is named for ever that an instance is of, or is.
pub(crate) fn identity_by_instance(vmi: &VirtualMachineInstance) -> Option<String> {
    let unseen = vm_of(vmi).and_then(|owner| owner.uid.owned());
    unseen.or_else(|| vmi.metadata.uid.owned())
}

/// How it is named for ever.
fn identity(source: Source<'_>, names: &Names) -> String {
    let told = match source {
        Source::Alone(vmi) => identity_by_instance(vmi),
        Source::Off(vm) | Source::Both(vm, _) => vm.metadata.uid.owned(),
    };
    told.unwrap_or_else(|| format!("{}/{}", names.namespace, names.name))
}

/// The lasting object: marks and owners count where they last.
fn meta<'a>(source: Source<'a>) -> &'a ObjectMeta {
    match source {
        Source::Off(vm) | Source::Both(vm, _) => &vm.metadata,
        Source::Alone(vmi) => &vmi.metadata,
    }
}

/// The instance type and the preference that a VM names.
pub(crate) fn types_of(vm: &VirtualMachine) -> (Option<TypeRef>, Option<TypeRef>) {
    let Some(namespace) = vm.metadata.namespace.text() else { return (None, None) };
    let References { instance_type, preference } = References::of(Some(vm), namespace);
    (instance_type.map(|(name, _)| name), preference.map(|(name, _)| name))
}

/// What a VM refers to: a name, and the revision that it is bound to.
#[derive(Debug, Default)]
struct References {
    instance_type: Option<(TypeRef, Option<String>)>,
    preference: Option<(TypeRef, Option<String>)>,
}

impl References {
    fn of(vm: Option<&VirtualMachine>, namespace: &str) -> Self {
        let Some(vm) = vm else { return Self::default() };
        let read = |asked: Option<&crate::objects::TypeReference>,
                    told: Option<&crate::objects::TypeReference>| {
            let name = resources::type_ref(asked?, namespace)?;
            let bound = told.and_then(|told| told.controller_revision_ref.name.owned());
            Some((name, asked?.revision_name.owned().or(bound)))
        };
        Self {
            instance_type: read(vm.spec.instancetype.as_ref(), vm.status.instancetype_ref.as_ref()),
            preference: read(vm.spec.preference.as_ref(), vm.status.preference_ref.as_ref()),
        }
    }

    fn view<'a>(
        &'a self,
        vm: Option<&'a VirtualMachine>,
        vmi: Option<&'a VirtualMachineInstance>,
        around: &'a Surroundings,
        at: Timestamp,
    ) -> View<'a> {
        let spec = match (vmi, vm) {
            (Some(vmi), _) => vmi.spec.as_ref(),
            (None, Some(vm)) => vm.spec.template.spec.as_ref(),
            (None, None) => None,
        };
        let is_off = vmi.is_none();
        let instance_type = self.instance_type.as_ref().filter(|_| is_off);
        let preference = self.preference.as_ref().filter(|_| is_off);
        View {
            spec,
            vmi,
            instance_type: instance_type.map(|(name, revision)| Referred {
                name,
                revision: revision.as_deref(),
                found: around.types.instance_types.get(name),
                why_not: around.types.no_instance_type.get(name).map(String::as_str),
            }),
            preference: preference.map(|(name, revision)| Referred {
                name,
                revision: revision.as_deref(),
                found: around.types.preferences.get(name),
                why_not: around.types.no_preference.get(name).map(String::as_str),
            }),
            at,
        }
    }
}

fn observe(
    source: Source<'_>,
    view: &View<'_>,
    names: &Names,
    state: State,
    nics: &nics::Nics,
    around: &Surroundings,
) -> ObservedVm {
    let (meta, at) = (meta(source), view.at);
    let vm = match source {
        Source::Off(vm) | Source::Both(vm, _) => Some(vm),
        Source::Alone(_) => None,
    };
    let cpu_count = resources::cpu_count(view);
    let memory_bytes = resources::memory(view);
    ObservedVm {
        external_ref: identity(source, names),
        host_ref: view
            .vmi
            .filter(|_| state.power.is_live() || state.power == PowerState::Unknown)
            .and_then(|vmi| vmi.status.node_name.owned()),
        name: names.name.clone(),
        namespace: Some(names.namespace.clone()),
        governance: owners::governance(meta),
        // Labels of an instance come from a template: they do not mark the VM.
        tag: tag(meta, names).filter(|_| kind(source) != VmKind::Unseen),
        blocked: blocked::blocked(vm, view.vmi, view.domain(), state.power),
        consoles: consoles::consoles(view.vmi, state.power, at),
        power: state.power,
        power_reason: state.reason,
        message: None,
        observed_at: at,
        persistent: match kind(source) {
            VmKind::Machine => Fact::seen(true, VM_SPEC, at),
            VmKind::Instance => Fact::seen(false, VM_SPEC, at),
            VmKind::Unseen => Fact::unavailable(VM_SPEC, UNSEEN),
        },
        autostart: run_strategy(source, at)
            .map(|strategy| matches!(strategy, RunStrategy::Always | RunStrategy::RerunOnFailure)),
        cpu_max: resources::cpu_max(view, &cpu_count),
        cpu_count,
        memory_max_bytes: resources::memory_max(view, &memory_bytes),
        memory_bytes,
        arch: resources::architecture(view),
        machine: resources::machine(view),
        hypervisor: hypervisor::fact(hypervisor::conclude(view.vmi, around), at),
        firmware: resources::firmware(view),
        disks: disks::disks(view, &names.namespace, around),
        nics: nics.observed.clone(),
        primary_address: None,
        needs_restart: needs_restart(source, at),
        guest: guest::told(running(view.vmi), at),
        instance_type: None,
        preference: None,
        kept_by: Vec::new(),
        cautions: Vec::new(),
        description: description(meta),
    }
}

/// Whether what runs is not what it was changed to since, by the condition that its controller
/// sets then.
fn needs_restart(source: Source<'_>, at: Timestamp) -> Fact<bool> {
    match source {
        Source::Off(vm) | Source::Both(vm, _) => {
            let waits = vm.status.conditions.of("RestartRequired");
            Fact::seen(waits.is_some_and(|one| one.holds() == Some(true)), VM_SPEC, at)
        }
        Source::Alone(_) => Fact::unsupported(VM_SPEC, "it is an instance without a VM"),
    }
}

/// Our mark: the label, unless the annotation beside it shows that it was
/// copied from another VM.
fn tag(meta: &ObjectMeta, names: &Names) -> Option<Tag> {
    let vm = meta.label(TAG_LABEL)?.parse().ok()?;
    let here = format!("{}/{}", names.namespace, names.name);
    let is_ours = meta.annotation(MADE_AS_ANNOTATION).is_none_or(|made_as| made_as == here);
    is_ours.then_some(Tag { vm })
}

/// All that is wrong, for people.
fn told_troubles(troubles: &[Trouble]) -> Option<String> {
    let told: Vec<&str> = troubles.iter().map(|trouble| trouble.message.as_str()).collect();
    (!told.is_empty()).then(|| message(&told.join("; ")))
}

/// Free text, under the keys that Kubernetes and its consoles use.
fn description(meta: &ObjectMeta) -> Option<String> {
    let keys = ["kubernetes.io/description", "description"];
    keys.iter().find_map(|key| meta.annotation(key)).map(message)
}

const UNSEEN: &str = "the VM that it is an instance of was not seen";

fn run_strategy(source: Source<'_>, at: Timestamp) -> Fact<RunStrategy> {
    let vm = match (source, kind(source)) {
        (Source::Off(vm) | Source::Both(vm, _), _) => vm,
        (_, VmKind::Unseen) => return Fact::unavailable(VM_SPEC, UNSEEN),
        _ => {
            let reason = "an instance without a VM is not started again";
            return Fact::unsupported(VM_SPEC, reason);
        }
    };
    match RunStrategy::of(vm) {
        Some(strategy) => Fact::seen(strategy, VM_SPEC, at),
        None => Fact::unavailable(VM_SPEC, "its run strategy is not known to this driver"),
    }
}

/// The instance, where it runs; only then does it tell of its guest.
fn running(vmi: Option<&VirtualMachineInstance>) -> Option<&VirtualMachineInstance> {
    vmi.filter(|vmi| vmi.status.phase.text() == Some("Running"))
}

const NOT_RUNNING: &str = "it is told only of a running instance";

/// The condition is there only while the agent is connected.
fn agent_connected(vmi: Option<&VirtualMachineInstance>, at: Timestamp) -> Fact<bool> {
    match running(vmi) {
        Some(vmi) => Fact::seen(vmi.status.conditions.is_true("AgentConnected"), VMI_STATUS, at),
        None => Fact::unavailable(VMI_STATUS, NOT_RUNNING),
    }
}

fn live_migration(vmi: Option<&VirtualMachineInstance>, at: Timestamp) -> Fact<LiveMigration> {
    let Some(vmi) = running(vmi) else { return Fact::unavailable(VMI_STATUS, NOT_RUNNING) };
    let condition = vmi.status.conditions.of("LiveMigratable");
    let verdict = condition.and_then(|condition| match condition.holds()? {
        true => Some(LiveMigration::Possible),
        false => {
            let why = condition.why().unwrap_or("the cluster gives no reason");
            Some(LiveMigration::Blocked(message(why)))
        }
    });
    super::told(verdict, VMI_STATUS, at, "the cluster has not found out yet")
}
