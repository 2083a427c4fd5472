//! Starting, stopping and pausing. Each verb looks first, so that repeating it
//! is harmless, and looks again, so that success means that it was seen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::vm::PowerState;
use hostler_libvirt_rpc::{Connection, Domain, flags};
use hostler_provider::{Change, Cx, Error, Kind, Power, Result, StopMode, VmRef};
use tokio::time::Instant;

use crate::Libvirt;
use crate::connection::{Link, domain_of};
use crate::error::FILE_MISSING;
use crate::inventory::optional;
use crate::state::State;

/// A guest may not listen yet, or not any more: it is asked again this often.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How long a guest agent may take to accept a shutdown.
const AGENT_PATIENCE: Duration = Duration::from_secs(3);

#[async_trait]
impl Power for Libvirt {
    async fn start(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(&self.link, cx, vm, "start")?;
        let state = job.state().await?;
        match state.power {
            PowerState::Running | PowerState::Migrating => return Ok(()),
            PowerState::Starting => return job.until(runs).await,
            PowerState::Stopped | PowerState::Failed | PowerState::Saved => {}
            PowerState::Paused => return Err(job.wrong("it is paused; resume it instead")),
            PowerState::Suspended => return Err(job.wrong("its guest sleeps; resume it instead")),
            _ => return Err(job.in_the_way(state)),
        }
        let started =
            job.change(|c, d| async move { c.domain_create(&d, 0).await.map(drop) }).await;
        if let Err(error) = started {
            // Somebody else may have been quicker, which is as good.
            if error.kind() != Kind::Conflict || !runs(job.state().await?.power) {
                return Err(job.explain_start(error).await);
            }
        }
        // A VM that was saved while paused comes back paused.
        if job.state().await?.power == PowerState::Paused {
            job.change(|c, d| async move { c.domain_resume(&d).await }).await?;
        }
        job.until(runs).await
    }

    async fn stop(&self, cx: &Cx, vm: &VmRef, mode: StopMode) -> Result<()> {
        let job = Job::new(&self.link, cx, vm, "stop")?;
        let Some(state) = job.state_if_there().await? else { return Err(job.missing()) };
        if is_off(state.power) {
            return Ok(());
        }
        match mode {
            StopMode::Force => job.cut().await,
            StopMode::Graceful { within } => job.ask_off(state, within).await,
            StopMode::GracefulThenForce { within } => match job.ask_off(state, within).await {
                // Whatever kept the guest from obeying, cutting its power is what was asked next.
                Err(error) if error.kind() != Kind::Cancelled && error.kind() != Kind::NotFound => {
                    job.cut().await
                }
                other => other,
            },
        }
    }

    async fn reboot(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(&self.link, cx, vm, "reboot")?;
        let state = job.state().await?;
        if !matches!(state.power, PowerState::Running | PowerState::Stopping) {
            return Err(job.in_the_way(state));
        }
        let acpi = flags::reboot::ACPI;
        let asked = job.change(|c, d| async move { c.domain_reboot(&d, acpi).await }).await;
        match asked {
            // Other drivers have no power button, but a way of their own.
            Err(error) if matches!(error.kind(), Kind::Unsupported | Kind::Invalid) => {
                job.change(|c, d| async move { c.domain_reboot(&d, 0).await }).await
            }
            other => other,
        }
    }

    async fn reset(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(&self.link, cx, vm, "reset")?;
        let state = job.state().await?;
        if is_off(state.power) {
            return Err(job.in_the_way(state));
        }
        job.change(|c, d| async move { c.domain_reset(&d, 0).await }).await?;
        // A guest that crashed is held after the reset too, until it is let run.
        if matches!(job.state().await?.power, PowerState::Crashed | PowerState::Paused)
            && state.power == PowerState::Crashed
        {
            job.change(|c, d| async move { c.domain_resume(&d).await }).await?;
        }
        Ok(())
    }

    async fn pause(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(&self.link, cx, vm, "pause")?;
        let state = job.state().await?;
        match state.power {
            PowerState::Paused => return Ok(()),
            PowerState::Running => {}
            _ => return Err(job.in_the_way(state)),
        }
        job.change(|c, d| async move { c.domain_suspend(&d).await }).await?;
        job.until(|power| power == PowerState::Paused).await
    }

    async fn resume(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(&self.link, cx, vm, "resume")?;
        let state = job.state().await?;
        match state.power {
            PowerState::Running => return Ok(()),
            PowerState::Paused => {
                job.change(|c, d| async move { c.domain_resume(&d).await }).await?;
            }
            PowerState::Suspended => {
                job.change(|c, d| async move { c.domain_pm_wakeup(&d, 0).await }).await?;
            }
            _ => return Err(job.in_the_way(state)),
        }
        job.until(runs).await
    }

    async fn save(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let job = Job::new(&self.link, cx, vm, "save")?;
        let state = job.state().await?;
        match state.power {
            PowerState::Saved => return Ok(()),
            PowerState::Saving => {}
            PowerState::Running | PowerState::Paused => {
                cx.progress(None, "writing memory to disk");
                job.change(|c, d| async move { c.domain_managed_save(&d, 0).await }).await?;
            }
            _ => return Err(job.in_the_way(state)),
        }
        job.until(|power| power == PowerState::Saved).await
    }
}

/// One verb on one VM.
struct Job<'a> {
    link: &'a Link,
    cx: &'a Cx,
    vm: &'a VmRef,
    domain: Domain,
    verb: &'static str,
    /// Whether a change was made: then no later failure is without effect.
    changed: AtomicBool,
}

impl<'a> Job<'a> {
    fn new(link: &'a Link, cx: &'a Cx, vm: &'a VmRef, verb: &'static str) -> Result<Self> {
        let changed = AtomicBool::new(false);
        Ok(Self { link, cx, vm, domain: domain_of(vm)?, verb, changed })
    }

    fn doing(&self) -> String {
        format!("cannot {} {}", self.verb, self.vm)
    }

    async fn state(&self) -> Result<State> {
        self.state_if_there().await?.ok_or_else(|| self.missing())
    }

    async fn state_if_there(&self) -> Result<Option<State>> {
        let (domain, doing) = (&self.domain, self.doing());
        let read = self.link.look(self.cx, &doing, |c| async move {
            let state = c.domain_state(domain).await?;
            // Without managed save in the driver there is none either.
            let saved = optional(c.domain_has_managed_save(domain, 0).await)?.unwrap_or(false);
            Ok(State::of(state.state, state.reason).with_saved_memory(saved))
        });
        crate::inventory::present(read.await).map_err(|error| self.told(error))
    }

    async fn change<F>(&self, call: impl FnOnce(Connection, Domain) -> F + Send) -> Result<()>
    where
        F: Future<Output = hostler_libvirt_rpc::Result<()>> + Send,
    {
        let domain = self.domain.clone();
        let changed = self.link.change(self.cx, &self.doing(), |c| call(c, domain)).await;
        match changed {
            Ok(()) => {
                self.changed.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(self.told(error)),
        }
    }

    /// A failure after a change says nothing about the change.
    fn told(&self, error: Error) -> Error {
        match self.changed.load(Ordering::Relaxed) {
            true => error.with_unknown_effect(),
            false => error,
        }
    }

    /// Waits until it is as wanted. When the deadline passes, what was asked may
    /// still come true.
    async fn until(&self, wanted: impl Fn(PowerState) -> bool) -> Result<()> {
        let mut changes = self.link.hub.subscribe();
        loop {
            if wanted(self.state().await?.power) {
                return Ok(());
            }
            self.pause(&mut changes, self.cx.deadline()).await?;
        }
    }

    /// Until something may have changed, or it is time to look anyway.
    async fn pause(
        &self,
        changes: &mut tokio::sync::mpsc::Receiver<Change>,
        deadline: Instant,
    ) -> Result<()> {
        let (doing, uuid) = (self.doing(), self.domain.uuid);
        self.link.until_touched(self.cx, &doing, uuid, changes, deadline).await
    }

    /// Asks the guest to shut down and waits until it is off.
    async fn ask_off(&self, state: State, within: Duration) -> Result<()> {
        match state.power {
            PowerState::Running | PowerState::Stopping => {}
            PowerState::Paused => {
                return Err(self.wrong("it is paused, so its guest cannot hear; resume it first"));
            }
            PowerState::Suspended => {
                return Err(self.wrong("its guest sleeps and cannot hear; resume it first"));
            }
            _ => return Err(self.in_the_way(state)),
        }
        let deadline = Instant::now() + within;
        let mut changes = self.link.hub.subscribe();
        let mut ask_at = Instant::now();
        loop {
            if Instant::now() >= ask_at {
                self.ask_guest().await?;
                ask_at = Instant::now() + ASK_AGAIN;
            }
            match self.state_if_there().await? {
                None => return Ok(()), // a transient VM is gone when it is off
                Some(state) if is_off(state.power) => return Ok(()),
                Some(_) => {}
            }
            if Instant::now() >= deadline {
                let message = format!(
                    "{}: its guest did not shut down within {within:?} and is still running",
                    self.doing()
                );
                return Err(self.told(Error::new(Kind::Timeout, message)));
            }
            self.pause(&mut changes, deadline.min(ask_at)).await?;
        }
    }

    /// Presses the power button, and asks the agent too where there is one: a
    /// guest may listen to either.
    async fn ask_guest(&self) -> Result<()> {
        let acpi = flags::shutdown::ACPI;
        let pressed = self.change(|c, d| async move { c.domain_shutdown(&d, acpi).await }).await;
        let known = self.link.read(self.cx, &self.domain).await;
        if known.is_ok_and(|known| known.domain.agent_connected == Some(true)) {
            let cx = self.cx.at_most(AGENT_PATIENCE);
            let (domain, doing) = (&self.domain, self.doing());
            let agent = flags::shutdown::GUEST_AGENT;
            let asked = self
                .link
                .change(&cx, &doing, |c| async move { c.domain_shutdown(domain, agent).await });
            match asked.await {
                Ok(()) => self.changed.store(true, Ordering::Relaxed),
                Err(error) => {
                    let vm = self.vm;
                    tracing::debug!(%vm, %error, "the guest agent did not take the shutdown");
                }
            }
        }
        match pressed {
            // It may have obeyed while it was asked, or it has no power button.
            Err(error) if error.kind() == Kind::Conflict || error.kind() == Kind::NotFound => {
                Ok(())
            }
            Err(error) if matches!(error.kind(), Kind::Unsupported | Kind::Invalid) => {
                self.change(|c, d| async move { c.domain_shutdown(&d, 0).await }).await
            }
            other => other,
        }
    }

    /// Cuts the power. Works on a guest that hangs, since its process is killed.
    async fn cut(&self) -> Result<()> {
        let cut = self.change(|c, d| async move { c.domain_destroy(&d, 0).await }).await;
        match cut {
            Err(error) if !matches!(error.kind(), Kind::Conflict | Kind::NotFound) => {
                return Err(error);
            }
            _ => {}
        }
        let mut changes = self.link.hub.subscribe();
        loop {
            match self.state_if_there().await? {
                None => return Ok(()),
                Some(state) if is_off(state.power) => return Ok(()),
                Some(_) => self.pause(&mut changes, self.cx.deadline()).await?,
            }
        }
    }

    /// A start that failed because of saved memory or a missing file is told as
    /// such: the way out is another one than for a VM that cannot start at all.
    async fn explain_start(&self, error: Error) -> Error {
        if error.is_unknown() {
            return error;
        }
        let domain = &self.domain;
        let saved = self
            .link
            .look(self.cx, "saved", |c| async move { c.domain_has_managed_save(domain, 0).await });
        let why = if saved.await.unwrap_or(false) {
            "its saved memory cannot be restored; it is kept until the VM is deleted".to_owned()
        } else if let Some(file) = self.missing_file(&error).await {
            format!("its file {file} is not there")
        } else {
            return error;
        };
        let explained = Error::new(error.kind(), format!("{}: {why}", self.doing()));
        match error.raw() {
            Some(raw) => explained.with_raw(raw),
            None => explained,
        }
    }

    /// Which file the daemon missed, if it is one that the VM's configuration
    /// names: other paths of the host are for administrators alone.
    async fn missing_file(&self, error: &Error) -> Option<String> {
        let words = error.raw().filter(|_| error.message().ends_with(FILE_MISSING))?;
        let known = self.link.read(self.cx, &self.domain).await.ok()?;
        let named = |file: &&String| words.contains(&format!("'{file}'"));
        known.domain.volumes.iter().find(named).cloned()
    }

    fn wrong(&self, why: &str) -> Error {
        self.told(Error::new(Kind::Conflict, format!("{}: {why}", self.doing())))
    }

    fn in_the_way(&self, state: State) -> Error {
        let power = hostler_core::vm::VmState::from(state.power);
        self.wrong(&format!("it is {} ({})", power.as_str(), state.reason))
    }

    fn missing(&self) -> Error {
        self.told(Error::new(Kind::NotFound, format!("{}: it is not there", self.doing())))
    }
}

const fn is_off(power: PowerState) -> bool {
    matches!(power, PowerState::Stopped | PowerState::Failed | PowerState::Saved)
}

const fn runs(power: PowerState) -> bool {
    matches!(power, PowerState::Running)
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::config::LibvirtConfig;
    use crate::watch::POLL;

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_vm_looks_when_that_vm_changed_and_not_for_others() {
        let (agents, _queue) = mpsc::channel(1);
        let link = Link::new(LibvirtConfig::new("test:///default"), agents);
        let vm = |n: u8| VmRef {
            external_ref: uuid::Uuid::from_bytes([n; 16]).into(),
            name: "v".into(),
        };
        let (own, cx) = (vm(1), Cx::within(Duration::from_secs(60)));
        let job = Job::new(&link, &cx, &own, "start").unwrap();
        let lost = || Change::Lost { reason: "x".into() };
        for (told, is_woken) in [
            (Change::Vm(vm(2)), false),
            (Change::Inventory, false),
            (Change::Vm(own.clone()), true),
            (lost(), true),
        ] {
            let mut changes = link.hub.subscribe();
            link.hub.publish(&told);
            let since = Instant::now();
            job.pause(&mut changes, cx.deadline()).await.unwrap();
            assert_eq!(since.elapsed() < POLL, is_woken, "{told:?}");
        }
    }
}
