//! The operations that are proved: how each is prepared, asked for and checked.

use std::time::Duration;

use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::vm::PowerState;
use hostler_core::vm::status::VmState;
use hostler_engine::{Accepted, DeleteOptions, OperationView, PowerVerb, StepState};
use hostler_provider::StopMode;
use hostler_sim::Verb;

use crate::world::{Lab, admin, vm_of};

/// An operation to be proved.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    Create,
    Delete,
    Power(PowerVerb),
}

pub(crate) const GRACEFUL: StopMode = StopMode::Graceful { within: Duration::from_secs(5) };
pub(crate) const THEN_FORCE: StopMode =
    StopMode::GracefulThenForce { within: Duration::from_secs(5) };

/// What the VM does before a verb, and after it.
fn before_and_after(verb: PowerVerb) -> (PowerState, PowerState) {
    use PowerState::{Paused, Running, Saved, Stopped};
    match verb {
        PowerVerb::Start => (Stopped, Running),
        PowerVerb::Stop(_) => (Running, Stopped),
        PowerVerb::Reboot | PowerVerb::Reset => (Running, Running),
        PowerVerb::Pause => (Running, Paused),
        PowerVerb::Resume => (Paused, Running),
        PowerVerb::Save => (Running, Saved),
    }
}

impl Subject {
    /// Prepares what the operation needs to be admitted.
    pub(crate) async fn prepare(self, lab: &Lab) -> Option<VmId> {
        match self {
            Self::Create => None,
            Self::Delete => Some(lab.create("web").await),
            Self::Power(verb) => {
                let vm = lab.create("web").await;
                let before = match verb {
                    PowerVerb::Start => Some(PowerVerb::Stop(StopMode::Force)),
                    PowerVerb::Resume => Some(PowerVerb::Pause),
                    _ => None,
                };
                if let Some(before) = before {
                    let asked = lab.engine.vms().power(&admin(), None, vm, before).await.unwrap();
                    lab.end(&asked).await;
                }
                Some(vm)
            }
        }
    }

    pub(crate) async fn submit(self, lab: &Lab, vm: Option<VmId>) -> Accepted {
        let vms = lab.engine.vms();
        let accepted = match (self, vm) {
            (Self::Create, _) => vms.create(&admin(), None, lab.request("web")).await,
            (Self::Delete, Some(vm)) => {
                let options = DeleteOptions { disks: true, force: true };
                vms.delete(&admin(), None, vm, options).await
            }
            (Self::Power(verb), Some(vm)) => vms.power(&admin(), None, vm, verb).await,
            (subject, None) => panic!("{subject:?} needs a VM"),
        };
        accepted.unwrap()
    }

    /// The calls by which it changes anything, in their order.
    pub(crate) fn changes(self) -> Vec<Verb> {
        match self {
            Self::Create => vec![Verb::EnsureVolume, Verb::EnsureVm, Verb::Start],
            Self::Delete => vec![Verb::Stop, Verb::RemoveVm, Verb::RemoveVolume],
            Self::Power(verb) => vec![match verb {
                PowerVerb::Start => Verb::Start,
                PowerVerb::Stop(_) => Verb::Stop,
                PowerVerb::Reboot => Verb::Reboot,
                PowerVerb::Reset => Verb::Reset,
                PowerVerb::Pause => Verb::Pause,
                PowerVerb::Resume => Verb::Resume,
                PowerVerb::Save => Verb::Save,
            }],
        }
    }

    /// The last of these from which there is a way back when it is refused.
    pub(crate) fn last_way_back(self) -> Verb {
        match self {
            Self::Create => Verb::Start,
            Self::Delete => Verb::RemoveVm,
            Self::Power(_) => self.changes()[0],
        }
    }

    /// The last of these that can be cancelled on its way.
    pub(crate) fn last_cancellable(self) -> Verb {
        match self {
            Self::Delete => Verb::Stop,
            Self::Create | Self::Power(_) => self.last_way_back(),
        }
    }

    /// Checks that the world is as the operation's end says.
    pub(crate) async fn check(self, lab: &Lab, ended: &OperationView, how: &str) {
        let vm = vm_of(ended);
        let exists = match (self, ended.state()) {
            (_, OperationState::NeedsAttention) => panic!("{how}: stuck: {:?}", ended.error()),
            (Self::Create, OperationState::Succeeded) => true,
            (Self::Create, _) => false,
            (Self::Delete, OperationState::Succeeded) => false,
            (Self::Delete, _) | (Self::Power(_), _) => true,
        };
        let wanted = if exists { vec![vm] } else { Vec::new() };
        lab.assert_clean(&wanted, &[], how);
        assert_eq!(lab.store.vm(vm).await.unwrap().is_some(), exists, "{how}: row");
        assert_eq!(lab.claims().await, 0, "{how}: claims");
        self.check_power(lab, ended, how);
        if matches!(self, Self::Create) && exists {
            assert_eq!(lab.world.live_count(vm), 1, "{how}: runs once");
            lab.sees(vm, VmState::Running).await;
        }
    }

    /// Checks that the VM's power state is what the end claims.
    fn check_power(self, lab: &Lab, ended: &OperationView, how: &str) {
        let (before, after) = match self {
            Self::Create => return,
            Self::Delete => (PowerState::Running, PowerState::Stopped),
            Self::Power(verb) => before_and_after(verb),
        };
        let Some(record) = lab.world.vm_of(vm_of(ended)) else { return };
        if ended.state() == OperationState::Succeeded {
            assert_eq!(record.power, after, "{how}: it says that it succeeded");
            return;
        }
        let step = &ended.steps()[0];
        match (&step.note, step.state) {
            (Some(note), StepState::Failed | StepState::NotUndone) => {
                let claim = format!("the VM is {}", VmState::from(record.power).as_str());
                assert!(note.ends_with(&claim), "{how}: it says `{note}`, but {claim}");
            }
            (None, StepState::Failed | StepState::Undone | StepState::Pending) => {
                assert_eq!(record.power, before, "{how}: it says that nothing happened");
            }
            other => panic!("{how}: claims nothing: {other:?}"),
        }
    }
}
