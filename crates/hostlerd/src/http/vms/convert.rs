//! VMs: from the engine's views to the wire, and from requests to the engine.

use std::collections::BTreeMap;

use hostler_api::v1::{
    self, ActionVerdict, AddressObserved, DiskObserved, Governance, GuestObserved, HostRefusal,
    NicObserved, Vm, VmAdopted, VmKeeper, VmObserved, VmPlanned, VmRequest, VmSpec, VmStatus,
    VmSummary, VmTemplate,
};
use hostler_api::{Fact, Ref, Time};
use hostler_core::access::{Actor, Permission, may};
use hostler_core::error::Fault;
use hostler_core::metrics::hypervisor::Confidence;
use hostler_core::placement::Wish;
use hostler_core::vm::adoption::Adopted;
use hostler_core::vm::change::Keeper;
use hostler_core::vm::observed::{ObservedAddress, ObservedDisk, ObservedNic};
use hostler_core::vm::{self as core, Action, Admission, GuestInfo, ObservedVm};
use hostler_core::{Code, Error, Quality};
use hostler_engine::{BoundVolume, VmCreateRequest, VmDeletion, VmPlan, VmView, VolumeKind};

use crate::http::error::Result;
use crate::http::facts::{Telling, cache_status, stale_since};
use crate::http::{ids, instance_types};

pub(super) fn request(body: &VmRequest) -> Result<VmCreateRequest> {
    let wish = Wish {
        provider: ids::of_document(body.provider.as_deref(), "/provider")?,
        host: ids::of_document(body.host.as_deref(), "/host")?,
    };
    let spec = body.spec.to_core().map_err(in_spec)?;
    Ok(VmCreateRequest { spec, wish, start: body.start })
}

/// Faults of the specification point into it, and it is a part of the document
/// that was sent.
pub(in crate::http) fn in_spec(error: Error) -> Error {
    // What others manage is named in their words.
    if error.fault_list().is_empty() || error.code() == Code::VmFieldsManaged {
        return error;
    }
    let faults = error.fault_list().iter().map(|fault| {
        let pointer = format!("/spec{}", fault.pointer);
        Fault::new(pointer, fault.code.as_str(), fault.detail.as_str())
    });
    Error::faults(error.code(), faults.collect())
}

/// What goes with a VM.
pub(super) fn deletion(deletion: VmDeletion) -> v1::VmDeletion {
    let volume = |one: BoundVolume| v1::VmVolume {
        pool: one.volume.pool,
        volume: one.volume.name,
        disk: one.disk,
        kind: match one.kind {
            VolumeKind::Disk => v1::VmVolumeKind::Disk,
            VolumeKind::LeftBehind => v1::VmVolumeKind::LeftBehind,
            VolumeKind::Seed => v1::VmVolumeKind::Seed,
            VolumeKind::Given => v1::VmVolumeKind::Given,
        },
        goes: one.goes,
        used_by: one.used_by.map(|(id, name)| Ref::new(id, name)),
    };
    v1::VmDeletion {
        volumes: deletion.volumes.into_iter().map(volume).collect(),
        others: deletion.others,
        ends_snapshots: deletion.ends_snapshots,
    }
}

pub(in crate::http) fn planned(plan: VmPlan) -> VmPlanned {
    let placement = plan.placement;
    let refused = placement.refused.into_iter().map(|refusal| HostRefusal {
        host: Ref::new(refusal.host, refusal.name),
        reasons: refusal.reasons,
    });
    VmPlanned {
        host: Ref::new(placement.host, placement.name),
        provider: Ref::new(placement.provider, plan.provider_name),
        alternatives: plan.alternatives.into_iter().map(|(id, name)| Ref::new(id, name)).collect(),
        refused: refused.collect(),
        steps: plan.steps,
        changes: plan.changes,
    }
}

/// For whom a VM is told.
pub(super) struct Viewer<'a> {
    /// Who asks: they are offered only what they may do.
    pub(super) actor: &'a Actor,
    /// Whether everything is made up, also what is at no provider yet (X17).
    pub(super) is_demo: bool,
}

pub(super) fn summary(vm: &VmView, viewer: &Viewer<'_>) -> VmSummary {
    VmSummary {
        id: vm.id.to_string(),
        name: vm.name.clone(),
        project: vm.project.clone(),
        provider: vm.provider.as_ref().map(|(id, name)| Ref::new(id, name)),
        host: vm.host.as_ref().map(|(id, name)| Ref::new(id, name)),
        namespace: vm.namespace().map(str::to_owned),
        governance: governance(vm.governance()),
        managed: vm.managed,
        simulated: simulated(viewer.is_demo, vm.provider.is_some(), vm.simulated),
        status: status(vm),
        cache_status: cache_status(vm.freshness),
        stale_since: stale_since(vm.freshness),
        cpu_count: vm.cpu_count(),
        memory_bytes: vm.memory_bytes(),
        addresses: vm.addresses(),
        labels: vm.labels(),
        operation: vm.operation.map(|id| id.to_string()),
        actions: actions(vm, viewer.actor),
        created_at: Time(vm.created_at),
    }
}

/// A VM, without what its provider's groups can do.
pub(super) fn vm(vm: &VmView, viewer: &Viewer<'_>) -> Result<Vm> {
    let spec = match &vm.row {
        Some(row) => {
            let mut spec = VmSpec::from_core(&row.spec)?;
            spec.cloud_init = None; // holds secrets
            Some(spec)
        }
        None => None,
    };
    Ok(Vm {
        summary: summary(vm, viewer),
        description: vm.description(),
        external_ref: vm.external_ref().map(str::to_owned),
        generation: vm.generation(),
        spec,
        observed: vm.observed.as_deref().map(|seen| observed(seen, Telling::of(vm.stale()))),
        consoles: vm.consoles().into_iter().map(Into::into).collect(),
        adopted: vm.adopted().map(adopted),
        template: vm.template().map(|from| VmTemplate {
            template: Ref::new(from.template, &from.name),
            version: from.version,
        }),
        snapshot_limits: None,
        clone_limits: None,
        disk_limits: None,
        console_limits: None,
    })
}

/// How it came into care.
pub(in crate::http) fn adopted(how: &Adopted) -> VmAdopted {
    VmAdopted {
        by: how.by.clone(),
        at: Time(how.at),
        read_only: how.read_only,
        reason: how.reason.clone(),
    }
}

/// What it belongs to; nothing where it was never seen.
pub(in crate::http) fn governance(told: Option<&core::Governance>) -> Governance {
    let core::Governance { system, service, instance } = told.cloned().unwrap_or_default();
    Governance { system, service, instance }
}

/// Whether it is made up: its provider's word. One that is at none (yet, or any
/// more) is neither real nor made up, except where everything is.
const fn simulated(is_demo: bool, is_placed: bool, provider_says: bool) -> Option<bool> {
    match (is_demo, is_placed) {
        (true, _) => Some(true),
        (false, true) => Some(provider_says),
        (false, false) => None,
    }
}

fn status(vm: &VmView) -> VmStatus {
    VmStatus {
        state: vm.status.state.as_str().to_owned(),
        reason: vm.status.reason.clone(),
        message: vm.status.message.clone(),
        quality: vm.status.quality.as_str().to_owned(),
        observed_at: vm.status.observed_at.map(Time),
        last_seen: vm.status.last_seen.map(|state| state.as_str().to_owned()),
    }
}

/// What this caller can do with the VM now; they are not offered what they may not do.
fn actions(vm: &VmView, actor: &Actor) -> BTreeMap<String, ActionVerdict> {
    let verdict = |action: Action, admission: Admission| {
        let refused = may(actor, permission(action)).err();
        match (refused, admission) {
            (Some(error), _) => denied(error.code().as_str(), error.message()),
            (None, Admission::Denied(denial)) => denied(denial.code.as_str(), &denial.message),
            (None, Admission::Start) => {
                let seen = vm.observed.as_ref();
                let warning = seen.and_then(|seen| seen.caution(action)).map(str::to_owned);
                ActionVerdict { warning, ..allowed(false) }
            }
            (None, Admission::AlreadyThere) => allowed(true),
        }
    };
    let named = |(action, admission): (Action, Admission)| {
        (action.as_str().to_owned(), verdict(action, admission))
    };
    vm.actions().into_iter().map(named).collect()
}

pub(in crate::http) const fn allowed(already: bool) -> ActionVerdict {
    ActionVerdict { allowed: true, already, code: None, reason: None, warning: None }
}

pub(in crate::http) fn denied(code: &str, reason: &str) -> ActionVerdict {
    let (code, reason) = (Some(code.to_owned()), Some(reason.to_owned()));
    ActionVerdict { allowed: false, already: false, code, reason, warning: None }
}

const fn permission(action: Action) -> Permission {
    match action {
        Action::Start
        | Action::Stop
        | Action::ForceStop
        | Action::Reboot
        | Action::Reset
        | Action::Pause
        | Action::Resume
        | Action::Save => Permission::VmPower,
        Action::Migrate => Permission::VmMigrate,
        Action::Delete => Permission::VmDelete,
        Action::Console => Permission::VmConsole,
        Action::Update
        | Action::Change
        | Action::AttachDisk
        | Action::DetachDisk
        | Action::GrowDisk => Permission::VmUpdate,
        Action::Snapshot | Action::Revert | Action::DeleteSnapshot => Permission::VmSnapshot,
        Action::Clone => Permission::VmCreate,
    }
}

fn observed(vm: &ObservedVm, told: Telling<'_>) -> VmObserved {
    VmObserved {
        name: vm.name.clone(),
        observed_at: Time(vm.observed_at),
        persistent: told.fact(&vm.persistent),
        autostart: told.fact(&vm.autostart),
        instance_type: vm.instance_type.as_ref().map(instance_types::type_ref),
        preference: vm.preference.as_ref().map(instance_types::type_ref),
        cpu_count: told.fact(&vm.cpu_count),
        cpu_max: told.fact(&vm.cpu_max),
        memory_bytes: told.fact(&vm.memory_bytes),
        memory_max_bytes: told.fact(&vm.memory_max_bytes),
        arch: told.fact(&vm.arch),
        machine: told.fact(&vm.machine),
        hypervisor: told.fact(&vm.hypervisor),
        hypervisor_confidence: confidence(&told.fact(&vm.hypervisor)),
        firmware: told.fact(&vm.firmware),
        disks: told.fact_as(&vm.disks, |disks| disks.iter().map(disk).collect()),
        nics: told.fact_as(&vm.nics, |nics| nics.iter().map(nic).collect()),
        primary_address: vm.primary_address.as_ref().map(address),
        needs_restart: Some(told.fact(&vm.needs_restart)),
        guest: Some(told.fact_as(&vm.guest, guest)),
        kept_by: vm.kept_by.iter().cloned().map(keeper).collect(),
    }
}

pub(in crate::http) fn keeper(keeper: Keeper) -> VmKeeper {
    let Keeper { tool, name, evidence } = keeper;
    VmKeeper { tool, name, evidence }
}

fn guest(told: &GuestInfo) -> GuestObserved {
    GuestObserved {
        system: told.system(),
        os_id: told.os_id.clone(),
        os_name: told.os_name.clone(),
        os_version: told.os_version.clone(),
        kernel_release: told.kernel_release.clone(),
        kernel_version: told.kernel_version.clone(),
        machine: told.machine.clone(),
        host_name: told.host_name.clone(),
        agent_version: told.agent_version.clone(),
    }
}

/// How sure it is by what a VM runs; nothing where that is not told.
fn confidence(told: &Fact<String>) -> Option<String> {
    told.value.as_ref()?;
    let is = |quality: Quality| told.quality == quality.as_str();
    let sure = match (is(Quality::Ok), is(Quality::Partial)) {
        (true, _) => Confidence::High,
        (_, true) => Confidence::Low,
        (false, false) => Confidence::Unknown,
    };
    Some(sure.as_str().to_owned())
}

fn disk(disk: &ObservedDisk) -> DiskObserved {
    DiskObserved {
        target: disk.target.clone(),
        device: disk.device.clone(),
        bus: disk.bus.clone(),
        source: disk.source.clone(),
        format: disk.format.clone(),
        capacity_bytes: disk.capacity_bytes,
        read_only: disk.read_only,
    }
}

fn address(one: &ObservedAddress) -> AddressObserved {
    AddressObserved { address: one.address.to_string(), source: one.source.to_owned() }
}

fn nic(nic: &ObservedNic) -> NicObserved {
    let addresses = nic.addresses.iter().map(address);
    NicObserved {
        mac: nic.mac.clone(),
        kind: nic.kind.clone(),
        source: nic.source.clone(),
        model: nic.model.clone(),
        host_device: nic.host_device.clone(),
        addresses: addresses.collect(),
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::Timestamp;

    use super::{Telling, confidence, simulated};

    #[test]
    fn x17_nothing_is_called_real_before_its_provider_is_known() {
        assert_eq!(simulated(false, false, false), None);
        assert_eq!(simulated(false, true, false), Some(false));
        assert_eq!(simulated(false, true, true), Some(true));
        assert_eq!(simulated(true, false, false), Some(true), "in a demo everything is");
    }

    #[test]
    fn x2_how_sure_it_is_by_what_a_vm_runs_is_said_beside_it() {
        let at = Timestamp::from_millis(1);
        let seen = hostler_core::Fact::seen("kvm".to_owned(), "test", at);
        let low = hostler_core::Fact::partial("kvm".to_owned(), "test", at, "concluded");
        let none = hostler_core::Fact::unsupported("test", "nobody tells");
        let told = |fact, silent| confidence(&Telling::of(silent).fact(fact));
        assert_eq!(told(&seen, None).as_deref(), Some("high"));
        assert_eq!(told(&low, None).as_deref(), Some("low"));
        assert_eq!(told(&seen, Some("no answer")).as_deref(), Some("unknown"));
        assert_eq!(told(&none, None), None);
    }
}
