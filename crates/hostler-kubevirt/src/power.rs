//! Starting, stopping and pausing, by KubeVirt's own verbs only: nothing here ever
//! writes a run strategy (X25). Each verb looks first, so that repeating it is
//! harmless, and looks again, so that success means that it was seen.
//!
//! How a VM is to be run decides what a verb may do, and what the cluster makes of
//! it:
//!
//! | run strategy | start | stop | reboot without an agent |
//! |---|---|---|---|
//! | Always | nothing: the cluster starts it | makes it Halted | restart |
//! | Halted | makes it Always | only sooner than it stops anyway | softreboot |
//! | Manual | asked for | asked for | restart |
//! | RerunOnFailure | asked for; after a failure the cluster does it | asked for | restart |
//! | Once | refused: it would run twice | refused: it would become Halted, and Always by the next start | softreboot |
//! | WaitAsReceiver | refused | asked for | restart |
//!
//! **The power button** is `softreboot`: the guest agent, else ACPI, which nobody
//! answers for. So where no agent is connected the VM is restarted: a new instance,
//! the guest shut down before; where its strategy does not allow that, the button is
//! pressed all the same. Which of both was done is told as progress.
//!
//! **There is no stop that a guest can refuse**: a guest that does not obey within
//! its own grace period is cut off by the cluster. Who asks gracefully gets that
//! period, and a `Timeout` if it is longer than they wait.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::vm::{Action, PowerState};
use hostler_provider::{Cx, Error, Kind, Power, Result, StopMode, VmRef};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::call::Result as Asked;
use crate::error::{Cause, Failure, WrongState};
use crate::mapper::state::RunStrategy;
use crate::mapper::{MappedVm, VmKind};
use crate::provider::KubeVirt;
use crate::resource::{ObjectKey, Resource};

/// How soon a VM is looked at again when nothing of it is told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How soon a start is asked for again while an earlier stop is not done with.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// How much longer than a guest's grace period the cluster takes to cut it off.
const CUT_OFF: Duration = Duration::from_secs(30);

#[async_trait]
impl Power for KubeVirt {
    async fn start(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(self, cx, vm, "start")?;
        let seen = job.there().await?;
        match seen.vm.power {
            PowerState::Running => return Ok(()),
            PowerState::Migrating if seen.vm.power_reason != "receiver" => return Ok(()),
            PowerState::Starting => return job.until(cx.remaining(), runs).await,
            PowerState::Stopped | PowerState::Failed => {}
            PowerState::Paused => return Err(job.wrong("it is paused; resume it instead")),
            _ => return Err(job.in_the_way(&seen)),
        }
        if job.starts_by_itself(&seen)? {
            cx.progress(None, "the cluster starts it by itself");
            return job.until(cx.remaining(), runs).await;
        }
        job.warn(&seen, Action::Start);
        job.ask_start(seen).await?;
        job.until(cx.remaining(), runs).await
    }

    async fn stop(&self, cx: &Cx, vm: &VmRef, mode: StopMode) -> Result<()> {
        let job = Job::new(self, cx, vm, "stop")?;
        let seen = job.there().await?;
        if is_off(&seen) {
            return Ok(());
        }
        let strategy = job.may_be_stopped(&seen)?;
        let (grace, wait) = match mode {
            StopMode::Force => (Some(0), cx.remaining()),
            StopMode::Graceful { within } => (None, within),
            StopMode::GracefulThenForce { within } => {
                (Some(whole_seconds(within)), within + CUT_OFF)
            }
        };
        let is_asked = seen.vm.power == PowerState::Stopping && grace.is_none();
        if !is_asked {
            job.warn(&seen, Action::Stop);
            let body = grace.map(|seconds| json!({ "gracePeriod": seconds }));
            match job.ask(Resource::VMS, &seen, "stop", body.as_ref()).await {
                Ok(()) => {}
                Err(failure) => match failure.cause {
                    // Its guest was quicker; or it failed, and is not started again.
                    Cause::WrongState(WrongState::NotRunning) => {
                        return job.until(wait, has_ended).await;
                    }
                    // It stops already, and no later than it was asked to now.
                    Cause::WrongState(WrongState::Other) if strategy == RunStrategy::Halted => {}
                    _ => return Err(job.noted(failure)),
                },
            }
        }
        job.until(wait, |seen| is_off(seen) && seen.instance_uid.is_none()).await
    }

    async fn reboot(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(self, cx, vm, "reboot")?;
        let seen = job.there().await?;
        if seen.vm.power != PowerState::Running {
            return Err(job.in_the_way(&seen));
        }
        let asked = if hears_the_button(&seen) {
            cx.progress(None, "the guest is asked to reboot");
            job.ask(Resource::VMIS, &seen, "softreboot", None).await
        } else {
            let why = "no guest agent is connected, which would be asked to reboot: the VM is \
                       shut down and started again";
            cx.progress(None, why);
            tracing::info!(%vm, "restarted instead of rebooted: no guest agent is connected");
            job.ask(Resource::VMS, &seen, "restart", None).await
        };
        asked.map_err(|failure| job.noted(failure))
    }

    async fn reset(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(self, cx, vm, "reset")?;
        let seen = job.there().await?;
        if !matches!(seen.vm.power, PowerState::Running | PowerState::Paused) {
            return Err(job.in_the_way(&seen));
        }
        let asked = job.ask(Resource::VMIS, &seen, "reset", None).await;
        asked.map_err(|failure| job.noted(failure))
    }

    async fn pause(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(self, cx, vm, "pause")?;
        let seen = job.there().await?;
        match seen.vm.power {
            PowerState::Paused => return Ok(()),
            PowerState::Running => {}
            _ => return Err(job.in_the_way(&seen)),
        }
        job.change_instance(&seen, "pause", |vm| vm.vm.power == PowerState::Paused).await
    }

    async fn resume(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(self, cx, vm, "resume")?;
        let seen = job.there().await?;
        match seen.vm.power {
            PowerState::Running => return Ok(()),
            PowerState::Paused => {}
            _ => return Err(job.in_the_way(&seen)),
        }
        job.change_instance(&seen, "unpause", runs).await
    }

    async fn save(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(self, cx, vm, "save")?;
        job.there().await?;
        let message = format!("{}: KubeVirt cannot write a VM's memory to disk", job.doing);
        Err(Error::new(Kind::Unsupported, message))
    }
}

/// One verb on one VM.
pub(crate) struct Job<'a> {
    pub(crate) provider: &'a KubeVirt,
    pub(crate) cx: &'a Cx,
    vm: &'a VmRef,
    pub(crate) doing: String,
}

impl<'a> Job<'a> {
    pub(crate) fn new(
        provider: &'a KubeVirt,
        cx: &'a Cx,
        vm: &'a VmRef,
        verb: &str,
    ) -> Result<Self> {
        let doing = format!("cannot {verb} {vm}");
        if cx.is_cancelled() {
            return Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")));
        }
        Ok(Self { provider, cx, vm, doing })
    }

    /// The VM before anything is done.
    pub(crate) async fn there(&self) -> Result<MappedVm> {
        match self.provider.look(self.cx, self.vm).await {
            Ok(Some(seen)) => Ok(seen),
            Ok(None) => Err(self.missing()),
            Err(error) => Err(error.context(&self.doing)),
        }
    }

    pub(crate) fn missing(&self) -> Error {
        Error::new(Kind::NotFound, format!("{}: it is not there any more", self.doing))
    }

    pub(crate) fn wrong(&self, what: &str) -> Error {
        Error::new(Kind::Conflict, format!("{}: {what}", self.doing))
    }

    fn in_the_way(&self, seen: &MappedVm) -> Error {
        self.wrong(&told(seen))
    }

    pub(crate) fn noted(&self, failure: Failure) -> Error {
        self.provider.shared.link.noted(failure)
    }

    /// Says what will become of it where somebody keeps the VM as it is (X25).
    fn warn(&self, seen: &MappedVm, action: Action) {
        if let Some(caution) = seen.vm.caution(action) {
            self.cx.progress(None, caution);
        }
    }

    /// Asks the cluster, unless what is known of it is being rebuilt (X26).
    async fn ask(
        &self,
        resource: Resource,
        seen: &MappedVm,
        verb: &str,
        body: Option<&Value>,
    ) -> Asked<()> {
        let shared = &self.provider.shared;
        let ours = |error: Error| Failure { cause: Cause::LeftAlone, error };
        shared.fleet.may_write().map_err(|error| ours(error.context(&self.doing)))?;
        let caller = shared.link.caller(self.cx).await.map_err(ours)?;
        let key = ObjectKey::in_namespace(&*seen.namespace, &*seen.vm.name);
        caller.subresource(self.cx, resource, &key, verb, body).await
    }

    /// A verb of the instance. Refused since somebody else was quicker is success.
    async fn change_instance(
        &self,
        seen: &MappedVm,
        verb: &str,
        done: fn(&MappedVm) -> bool,
    ) -> Result<()> {
        match self.ask(Resource::VMIS, seen, verb, None).await {
            Ok(()) => self.until(self.cx.remaining(), done).await,
            Err(failure) if matches!(failure.cause, Cause::WrongState(_)) => {
                let now = self.provider.look(self.cx, self.vm).await?;
                if now.as_ref().is_some_and(done) { Ok(()) } else { Err(self.noted(failure)) }
            }
            Err(failure) => Err(self.noted(failure)),
        }
    }

    /// Asks for a start. What is known may lie a moment behind: where the cluster
    /// refuses, it is asked how the VM really is, and whether it starts already; and
    /// where an earlier stop is not done with, it is asked again.
    async fn ask_start(&self, mut seen: MappedVm) -> Result<()> {
        loop {
            let failure = match self.ask(Resource::VMS, &seen, "start", None).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let Cause::WrongState(state) = failure.cause else { return Err(self.noted(failure)) };
            let shared = &self.provider.shared;
            let caller = shared.link.caller(self.cx).await?;
            let asked = shared.fleet.ask(self.cx, &shared.link, &caller, self.vm).await?;
            seen = asked.ok_or_else(|| self.missing())?;
            let comes = match seen.vm.power {
                PowerState::Running | PowerState::Starting => true,
                PowerState::Stopped | PowerState::Failed => self.starts_by_itself(&seen)?,
                // On its way out, or between two looks.
                _ => false,
            };
            if comes {
                return Ok(());
            }
            if state != WrongState::Underway || self.cx.remaining() < LOOK_AGAIN {
                return Err(self.noted(failure));
            }
            self.pause(ASK_AGAIN).await?;
        }
    }

    /// Waits, unless somebody cancels: nothing was done yet.
    async fn pause(&self, time: Duration) -> Result<()> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.cx.cancellation().cancelled() => {
                Err(Error::new(Kind::Cancelled, format!("{}: cancelled", self.doing)))
            }
        }
    }

    /// Whether the cluster starts a VM that is off without being asked.
    fn starts_by_itself(&self, seen: &MappedVm) -> Result<bool> {
        let has_failed = seen.vm.power == PowerState::Failed;
        let is_new = seen.vm.power_reason == "not_yet_handled";
        match self.strategy(seen)? {
            RunStrategy::Always => Ok(true),
            RunStrategy::RerunOnFailure => Ok(has_failed || is_new),
            RunStrategy::Once if is_new => Ok(true),
            RunStrategy::Halted | RunStrategy::Manual => Ok(false),
            RunStrategy::Once => Err(self.wrong(
                "it is to run Once, and did; set its run strategy to Manual or Always in the \
                 cluster to start it again",
            )),
            RunStrategy::WaitAsReceiver => {
                Err(self.wrong("it waits for the memory of a VM of another cluster"))
            }
        }
    }

    /// Refuses a stop that would change for good how the VM is to be run: stopped,
    /// one that is to run Once is Halted, and the next start makes that Always.
    fn may_be_stopped(&self, seen: &MappedVm) -> Result<RunStrategy> {
        match self.strategy(seen)? {
            RunStrategy::Once => Err(self.wrong(
                "it is to run Once: stopping it would make that Halted, and starting it then \
                 Always; shut it down from within, or set its run strategy to Manual in the \
                 cluster first",
            )),
            strategy => Ok(strategy),
        }
    }

    fn strategy(&self, seen: &MappedVm) -> Result<RunStrategy> {
        match (seen.kind, seen.run_strategy.value()) {
            (VmKind::Machine, Some(strategy)) => Ok(*strategy),
            (VmKind::Machine, None) => {
                let what = "its run strategy is not known to this driver; start and stop it in \
                            the cluster";
                Err(Error::new(Kind::Unsupported, format!("{}: {what}", self.doing)))
            }
            (VmKind::Instance, _) => {
                let what = "it is an instance without a VM, which cannot be started, and is gone \
                            when it is stopped; delete it instead";
                Err(Error::new(Kind::Unsupported, format!("{}: {what}", self.doing)))
            }
            (VmKind::Unseen, _) => {
                let what = "its VM was deleted, or not seen yet; try again in a moment";
                Err(Error::new(Kind::Unavailable, format!("{}: {what}", self.doing)))
            }
        }
    }

    /// Waits until the VM is seen so, for as long as the context allows and no longer
    /// than `within`. It was asked for, so that any other end has an unknown effect.
    async fn until(&self, within: Duration, done: impl Fn(&MappedVm) -> bool) -> Result<()> {
        let mut changes = self.provider.shared.hub.subscribe();
        let by = self.cx.deadline().min(Instant::now() + within);
        let mut last = None;
        while Instant::now() < by {
            match self.provider.look(self.cx, self.vm).await {
                Ok(Some(seen)) if done(&seen) => return Ok(()),
                Ok(Some(seen)) => last = Some(seen),
                Ok(None) => return Err(self.missing().with_unknown_effect()),
                // What passes by itself is waited for; nothing else is.
                Err(error) if error.kind().is_transient() => {}
                Err(error) => return Err(error.context(&self.doing).with_unknown_effect()),
            }
            tokio::select! {
                _ = changes.recv() => while changes.try_recv().is_ok() {},
                () = sleep_until(by.min(Instant::now() + LOOK_AGAIN)) => {}
                () = self.cx.cancellation().cancelled() => {
                    let message = format!("{}: cancelled", self.doing);
                    return Err(Error::new(Kind::Cancelled, message).with_unknown_effect());
                }
            }
        }
        let what = last.as_ref().map_or_else(|| "it was not seen since".to_owned(), told);
        let message = format!("{}: it was asked for, but {what} after {within:?}", self.doing);
        let error = Error::new(Kind::Timeout, message).with_unknown_effect();
        Err(match last.and_then(|seen| seen.vm.message) {
            Some(words) => error.with_raw(words),
            None => error,
        })
    }
}

fn runs(seen: &MappedVm) -> bool {
    seen.vm.power == PowerState::Running
}

/// Off, and staying so: one that is always to run is started again. An instance that
/// is over is still to go where the VM is Halted; until it has, its VM's own word
/// lies behind, and what is told would be unknown for a moment.
fn is_off(seen: &MappedVm) -> bool {
    let settled = match seen.run_strategy.value() {
        Some(RunStrategy::Always) => false,
        Some(RunStrategy::Halted) => seen.instance_uid.is_none(),
        _ => true,
    };
    seen.vm.power == PowerState::Stopped && settled
}

fn has_ended(seen: &MappedVm) -> bool {
    matches!(seen.vm.power, PowerState::Stopped | PowerState::Failed)
}

/// Whether the guest is asked to reboot: where it hears, and where nothing else is
/// allowed.
fn hears_the_button(seen: &MappedVm) -> bool {
    let has_agent = seen.agent_connected.value() == Some(&true);
    let may_restart = matches!(
        seen.run_strategy.value(),
        Some(
            RunStrategy::Always
                | RunStrategy::Manual
                | RunStrategy::RerunOnFailure
                | RunStrategy::WaitAsReceiver
        )
    );
    has_agent || !may_restart
}

/// Seconds, rounded up: a guest gets all of the time that it was given. At least
/// one, since none would cut its power at once.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// What it does at present, for a message.
pub(crate) fn told(seen: &MappedVm) -> String {
    let state = match seen.vm.power {
        PowerState::Running => "running",
        PowerState::Paused => "paused",
        PowerState::Starting => "starting",
        PowerState::Stopping => "stopping",
        PowerState::Stopped => "stopped",
        PowerState::Migrating => "migrating",
        PowerState::Failed => "failed",
        PowerState::Unknown => "in a state that the cluster does not know",
        _ => "busy",
    };
    format!("it is {state} ({})", seen.vm.power_reason)
}
