//! `vm.start`, `vm.stop` and the other power verbs: one step, no undo. What was
//! asked either happened or did not; the VM's state says which.
//!
//! ```text
//!   asked ─┬─ answered ──────────────► succeeded, or failed without effect
//!          └─ no answer · cancelled ─► looked at, until as asked or the window is over:
//!                                      failed | cancelled, "the VM is running"
//! ```

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::ProviderId;
use hostler_core::operation::{Fate, Trace};
use hostler_core::vm::{Action, PowerState, VmState};
use hostler_core::{Code, Error};
use hostler_provider::{Group, Provider, StopMode, VmRef};
use serde::{Deserialize, Serialize};

use super::at_vm::look;
use super::{AtVm, Operation, StepCx, StepError, Undo, lacks};

/// A power verb, as users ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerVerb {
    /// Make it run.
    Start,
    /// Turn it off.
    Stop(StopMode),
    /// Ask the guest to reboot.
    Reboot,
    /// Press its reset button.
    Reset,
    /// Stop its processors.
    Pause,
    /// Let its processors run again.
    Resume,
    /// Write its memory to disk and turn it off.
    Save,
}

impl PowerVerb {
    /// The action to be admitted.
    pub const fn action(self) -> Action {
        match self {
            Self::Start => Action::Start,
            Self::Stop(StopMode::Force) => Action::ForceStop,
            Self::Stop(StopMode::Graceful { .. } | StopMode::GracefulThenForce { .. }) => {
                Action::Stop
            }
            Self::Reboot => Action::Reboot,
            Self::Reset => Action::Reset,
            Self::Pause => Action::Pause,
            Self::Resume => Action::Resume,
            Self::Save => Action::Save,
        }
    }
}

/// Turns a VM on or off, or something between.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VmPower {
    #[serde(flatten)]
    pub(crate) at: AtVm,
    pub(crate) verb: Verb,
}

/// A power verb, as it is journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verb {
    Start,
    Stop { within_seconds: u64 },
    StopThenForce { within_seconds: u64 },
    ForceStop,
    Reboot,
    Reset,
    Pause,
    Resume,
    Save,
}

impl From<PowerVerb> for Verb {
    fn from(verb: PowerVerb) -> Self {
        match verb {
            PowerVerb::Start => Self::Start,
            PowerVerb::Stop(StopMode::Graceful { within }) => {
                Self::Stop { within_seconds: whole_seconds(within) }
            }
            PowerVerb::Stop(StopMode::GracefulThenForce { within }) => {
                Self::StopThenForce { within_seconds: whole_seconds(within) }
            }
            PowerVerb::Stop(StopMode::Force) => Self::ForceStop,
            PowerVerb::Reboot => Self::Reboot,
            PowerVerb::Reset => Self::Reset,
            PowerVerb::Pause => Self::Pause,
            PowerVerb::Resume => Self::Resume,
            PowerVerb::Save => Self::Save,
        }
    }
}

/// As journals have it: no guest gets less time than was asked for.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

impl Verb {
    /// Whether this state is what was asked for. A reset leaves no mark, so that
    /// waiting for one tells nothing.
    fn is_reached(self, power: PowerState) -> bool {
        match self {
            Self::Start | Self::Resume => power == PowerState::Running,
            Self::Stop { .. } | Self::StopThenForce { .. } | Self::ForceStop => is_off(power),
            Self::Pause => power == PowerState::Paused,
            Self::Save => power == PowerState::Saved,
            Self::Reboot | Self::Reset => true,
        }
    }
}

/// Whether a VM in this state is off.
pub(crate) fn is_off(power: PowerState) -> bool {
    matches!(power, PowerState::Stopped | PowerState::Saved | PowerState::Failed)
}

/// What a power verb left: it cannot be undone, but it can be told. `wanted`
/// says which state it was to bring about; nothing more comes once it has.
pub(crate) async fn what_is(
    cx: &StepCx,
    provider: &dyn Provider,
    vm: impl Future<Output = Result<Option<VmRef>, StepError>> + Send,
    wanted: impl Fn(PowerState) -> bool + Send,
) -> Result<Undo, StepError> {
    if cx.fate() == Fate::Refused {
        return Ok(Undo::nothing().for_good());
    }
    let power = async {
        match vm.await? {
            Some(vm) => look(cx, provider, &vm).await.map(|seen| seen.map(|seen| seen.power)),
            None => Ok(None),
        }
    };
    let found = match power.await {
        Ok(Some(power)) => {
            let found = Undo::kept(format!("the VM is {}", VmState::from(power).as_str()));
            if wanted(power) { found.for_good() } else { found }
        }
        Ok(None) => Undo::kept("the VM is not there any more").for_good(),
        // Nothing is left over whatever happened, so nobody has to be called for
        // it: the inventory will tell.
        Err(error) if error.is_transient && cx.fate() == Fate::Unsettled => {
            Undo::kept(format!("whether it happened is not known: {}", error.error.message()))
        }
        Err(error) => return Err(error),
    };
    // What was answered has had its effect.
    Ok(if cx.fate() == Fate::Done { found.for_good() } else { found })
}

impl VmPower {
    /// Asks for what must not happen twice. After a crash in between nobody can
    /// tell whether it happened, and saying so beats doing it again.
    async fn once(
        &self,
        cx: &StepCx,
        call: impl Future<Output = hostler_provider::Result<()>>,
    ) -> Result<(), StepError> {
        if cx.cx().resumed().is_some() {
            let message = "the server stopped while it asked; it may or may not have happened";
            return Err(StepError::lasting(Error::new(Code::ProviderTimeout, message)));
        }
        cx.cx().checkpoint(serde_json::json!("asked")).await?;
        cx.cx()
            .run("reset VM", call)
            .await
            .map_err(|e| StepError { is_transient: false, ..StepError::from(e) })
    }
}

#[async_trait]
impl Operation for VmPower {
    const KIND: &'static str = "vm.power";
    type Step = ();
    type State = ();

    fn provider(&self, (): &()) -> Option<ProviderId> {
        Some(self.at.provider)
    }

    fn plan(&self) -> Vec<()> {
        vec![()]
    }

    fn step_name((): ()) -> &'static str {
        "power"
    }

    fn budget(&self, (): ()) -> Duration {
        match self.verb {
            Verb::Stop { within_seconds } | Verb::StopThenForce { within_seconds } => {
                Duration::from_secs(within_seconds.saturating_add(60))
            }
            // Writing and reading memory takes as long as the disk needs.
            Verb::Save | Verb::Start => Duration::from_secs(1800),
            Verb::ForceStop | Verb::Reboot | Verb::Reset | Verb::Pause | Verb::Resume => {
                Duration::from_secs(120)
            }
        }
    }

    async fn run(&self, (): (), cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        let provider = self.at.provider(cx).await?;
        let power = provider.power().ok_or_else(|| lacks(Group::Power))?;
        let vm = &self.at.reference();
        let call = cx.cx();
        let within = |seconds: u64| Duration::from_secs(seconds);
        match self.verb {
            Verb::Start => call.run("start VM", power.start(call, vm)).await?,
            Verb::Stop { within_seconds } => {
                let mode = StopMode::Graceful { within: within(within_seconds) };
                // A guest that does not obey is an answer, not a fault that passes.
                let stopped = call.run("stop VM", power.stop(call, vm, mode)).await;
                stopped.map_err(|e| StepError { is_transient: false, ..StepError::from(e) })?;
            }
            Verb::StopThenForce { within_seconds } => {
                let mode = StopMode::GracefulThenForce { within: within(within_seconds) };
                call.run("stop VM", power.stop(call, vm, mode)).await?;
            }
            Verb::ForceStop => {
                call.run("stop VM", power.stop(call, vm, StopMode::Force)).await?;
            }
            Verb::Reboot => self.once(cx, power.reboot(call, vm)).await?,
            Verb::Reset => self.once(cx, power.reset(call, vm)).await?,
            Verb::Pause => call.run("pause VM", power.pause(call, vm)).await?,
            Verb::Resume => call.run("resume VM", power.resume(call, vm)).await?,
            Verb::Save => call.run("save VM", power.save(call, vm)).await?,
        }
        Ok(())
    }

    async fn undo(&self, (): (), cx: &StepCx, (): &()) -> Result<Undo, StepError> {
        let provider = cx.provider(self.at.provider)?;
        let vm = async { Ok(Some(self.at.reference())) };
        let found = what_is(cx, provider.as_ref(), vm, |power| self.verb.is_reached(power)).await?;
        let leaves_no_mark = matches!(self.verb, Verb::Reboot | Verb::Reset);
        Ok(match found.trace {
            Trace::Kept(now) if leaves_no_mark && cx.fate() == Fate::Unsettled => {
                Undo::kept(format!("it may or may not have happened; {now}")).for_good()
            }
            _ => found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_gets_at_least_the_time_that_was_asked_for() {
        let within = |millis| {
            let mode = StopMode::Graceful { within: Duration::from_millis(millis) };
            Verb::from(PowerVerb::Stop(mode))
        };
        for (millis, within_seconds) in [(0, 0), (50, 1), (1000, 1), (1001, 2)] {
            assert_eq!(within(millis), Verb::Stop { within_seconds });
        }
    }
}
