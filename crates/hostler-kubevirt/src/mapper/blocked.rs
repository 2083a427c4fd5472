//! What cannot be done with this VM of KubeVirt, though its state would let it,
//! and why.
//!
//! An action that its state answers already (starting what runs, stopping what
//! is off) is not blocked: it has nothing to do and succeeds.

use hostler_core::vm::observed::Blocked;
use hostler_core::vm::{Action, PowerState};

use super::consoles;
use super::state::RunStrategy;
use crate::objects::domain::DomainSpec;
use crate::objects::{VirtualMachine, VirtualMachineInstance};

/// All that is blocked; each action at most once, with its first reason.
pub(super) fn blocked(
    vm: Option<&VirtualMachine>,
    vmi: Option<&VirtualMachineInstance>,
    domain: Option<&DomainSpec>,
    power: PowerState,
) -> Vec<Blocked> {
    let mut found: Vec<Blocked> = Vec::new();
    let mut add = |actions: &[Action], reason: String| {
        for action in actions {
            let is_there = match action {
                Action::Start => power.is_live(),
                Action::Stop | Action::ForceStop => !power.is_live(),
                _ => false,
            };
            if !is_there && !found.iter().any(|blocked| blocked.action == *action) {
                found.push(Blocked { action: *action, reason: reason.clone() });
            }
        }
    };
    add(&[Action::Save], "KubeVirt cannot write a VM's memory to disk and resume it".into());
    let reason = "Hostler makes no claims of clusters larger yet; edit the claim's \
                  spec.resources.requests.storage, where its storage class allows it";
    add(&[Action::GrowDisk], reason.into());
    if power.is_live() {
        let reason = "KubeVirt puts back stopped VMs only; stop it first";
        add(&[Action::Revert], reason.into());
    }
    if vm.is_none() {
        let reason = "it is seen as an instance without a VM, and snapshots are of VMs";
        add(&[Action::Snapshot, Action::Revert, Action::DeleteSnapshot], reason.into());
        let reason = "it is seen as an instance without a VM, and clones are of VMs";
        add(&[Action::Clone], reason.into());
        let reason = "it is seen as an instance without a VM, in which no change would last";
        add(&[Action::AttachDisk, Action::DetachDisk], reason.into());
    }
    match vm {
        Some(vm) => of_vm(vm, vmi.is_some(), &mut add),
        None => add(
            &[Action::Start, Action::Stop, Action::ForceStop],
            "it is seen as an instance without a VM: it cannot be stopped and started, only deleted"
                .into(),
        ),
    }
    if let Some(vmi) = vmi {
        of_instance(vmi, &mut add);
    }
    if let Some(domain) = domain {
        of_domain(domain, vmi, &mut add);
    }
    found
}

fn of_vm(vm: &VirtualMachine, has_instance: bool, add: &mut impl FnMut(&[Action], String)) {
    if vm.metadata.is_being_deleted() {
        add(&[Action::Start], "it is being deleted".into());
    }
    if let Some(name) = vm.status.snapshot_in_progress.text() {
        let reason = format!("the snapshot \"{}\" of it is being taken", super::message(name));
        let all =
            [Action::Start, Action::Stop, Action::ForceStop, Action::Revert, Action::Snapshot];
        add(&all, reason);
    }
    if let Some(name) = vm.status.restore_in_progress.text() {
        let reason = format!("the restore \"{}\" of it is under way", super::message(name));
        add(&[Action::Start, Action::Revert, Action::Snapshot], reason);
    }
    match RunStrategy::of(vm) {
        // A verb of KubeVirt answers 409 to each of these.
        Some(RunStrategy::Always) => add(
            &[Action::Start],
            "its run strategy is Always: the cluster starts it by itself, as soon as it can".into(),
        ),
        Some(RunStrategy::Once) => add(
            &[Action::Start],
            "its run strategy is Once: it was started and is not started again; change the \
             strategy first"
                .into(),
        ),
        Some(RunStrategy::WaitAsReceiver) => add(
            &[Action::Start],
            "its run strategy is WaitAsReceiver: it starts when its memory arrives".into(),
        ),
        Some(RunStrategy::Halted) if has_instance => add(
            &[Action::Stop],
            "its run strategy is Halted: it is being stopped already; force_stop it to hasten that"
                .into(),
        ),
        Some(RunStrategy::Halted | RunStrategy::Manual | RunStrategy::RerunOnFailure) => {}
        None => add(
            &[Action::Start, Action::Stop, Action::ForceStop],
            "its run strategy is one that this driver does not know".into(),
        ),
    }
}

fn of_instance(vmi: &VirtualMachineInstance, add: &mut impl FnMut(&[Action], String)) {
    let condition = vmi.status.conditions.of("LiveMigratable");
    if let Some(condition) = condition.filter(|condition| condition.holds() == Some(false)) {
        let why = condition.why().unwrap_or("the cluster gives no reason");
        add(&[Action::Migrate], super::message(why));
    }
}

fn of_domain(
    domain: &DomainSpec,
    vmi: Option<&VirtualMachineInstance>,
    add: &mut impl FnMut(&[Action], String),
) {
    let devices = domain.devices.as_ref();
    if devices.is_some_and(|devices| consoles::kinds(devices).is_empty()) {
        add(&[Action::Console], "it has neither a serial line nor a screen".into());
    }
    let agent = vmi.is_some_and(|vmi| vmi.status.conditions.is_true("AgentConnected"));
    if domain.features.acpi.enabled.is_false() && !agent {
        let reason = "it has no ACPI and its guest agent is not connected: its guest cannot hear";
        add(&[Action::Reboot], reason.into());
    }
}
