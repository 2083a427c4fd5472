//! What running VMs use, asked of their hypervisors a few at a time.
//!
//! libvirt asks one VM of a call after the other, without a limit on how long
//! each may take: one that hangs keeps the answers of all others in its call.
//!
//! ```text
//!   batch ── answered ──► whole: told · not whole: again, alone, a few times
//!     │ late
//!     ▼
//!   who is it? (the daemon knows without asking them)
//!     ├─ these ──► silent, until that call is answered
//!     ├─ the others ──► a batch again
//!     └─ nobody can tell ──► each alone
//! ```
//!
//! With NOWAIT libvirt does not wait for a VM that something else holds: it
//! leaves out what only the hypervisor knows. So the others of a late batch can
//! be asked again though the batch still hangs, and a VM that another client
//! holds costs nobody anything.

use std::collections::{HashMap, HashSet};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::Timestamp;
use hostler_libvirt_rpc::{Domain, DomainControlInfo, DomainStats, Uuid, flags};
use hostler_provider::{Batch, Cx, Error, Kind, Measured, Result, Silent, VmRef};
use tokio::time::sleep;

use super::ledger::{CallId, Manner};
use super::{Turn, is_of_host, stats};
use crate::Libvirt;
use crate::connection::reference;
use crate::seats::Told;

/// Batches asked at once.
pub(super) const AT_ONCE: usize = 3;
/// Calls that hang besides.
pub(super) const BENCH: usize = 4;
/// VMs of a batch. Measured with 20 guests on a busy machine, where each takes a
/// tenth of a second to answer: batches of 4 and 8 are as quick as one another,
/// single VMs a tenth slower, one batch of all takes three times as long. Of
/// these two the smaller one is further from being late for slowness alone.
const BATCH: usize = 4;
/// What is asked.
const GROUPS: u32 = flags::stats::STATE
    | flags::stats::CPU_TOTAL
    | flags::stats::BALLOON
    | flags::stats::VCPU
    | flags::stats::BLOCK
    | flags::stats::DIRTYRATE;
/// Pauses before a VM is asked again that something else holds: most hold it for
/// a moment.
const AGAIN: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(150), Duration::from_millis(400)];
/// What is said of those that were not asked.
pub(super) const NOT_ASKED: &str =
    "it was not asked in time: others of its host answer late, or not at all";
/// How long the daemon may take to say who can be reached.
const CONTROL_PATIENCE: Duration = Duration::from_secs(2);

/// What `virDomainControlState` says.
mod control {
    pub(super) const JOB: u32 = 1;
    pub(super) const OCCUPIED: u32 = 2;
    pub(super) const ERROR: u32 = 3;
}

/// What became of some VMs.
#[derive(Default)]
pub(super) struct Part {
    pub(super) vms: Vec<Measured<VmRef>>,
    pub(super) silent: Vec<Silent>,
    /// Those that there was no time for.
    waiting: Vec<Uuid>,
}

impl Libvirt {
    /// The pass `stats`.
    pub(super) async fn measure_usage(&self, cx: &Cx) -> Result<Batch> {
        let turn = Turn::new(cx, self.link.config.patience);
        let active = self.active(&turn.cx).await?;
        let present: HashSet<Uuid> = active.iter().map(|domain| domain.uuid).collect();
        self.measuring.silent.retain(&present);
        let mut all = Part::default();
        let (mut together, mut batches) = (Vec::new(), Vec::new());
        for domain in active {
            match self.measuring.silent.manner(&domain) {
                Manner::Together => together.push(domain),
                Manner::Apart => batches.push(vec![domain]),
                Manner::NotNow(reason) => {
                    all.silent.push(Silent { vm: reference(&domain), reason });
                }
            }
        }
        let waiting = std::mem::take(&mut *self.waiting());
        together.sort_by_key(|domain| !waiting.contains(&domain.uuid));
        batches.splice(0..0, together.chunks(BATCH).map(<[Domain]>::to_vec));
        let measured = stream::iter(batches)
            .map(|batch| self.measure_batch(&turn, batch))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|some| {
                all.vms.extend(some.vms);
                all.silent.extend(some.silent);
                self.waiting().extend(some.waiting);
                std::future::ready(Ok(()))
            });
        let (measured, host) = tokio::join!(measured, self.measure_host_usage(&turn.cx));
        measured?;
        let (vms, silent) = (all.vms, all.silent);
        Ok(Batch { vms, silent, hosts: vec![host?], ..Batch::default() })
    }

    fn waiting(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.measuring.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a batch, and what is left of it while some of it hang.
    async fn measure_batch(&self, turn: &Turn, batch: Vec<Domain>) -> Result<Part> {
        let mut all = Part::default();
        let mut waiting = vec![batch];
        while let Some(group) = waiting.pop() {
            let doing = match group.as_slice() {
                [one] => format!("cannot measure \"{}\"", one.name),
                _ => "cannot measure VMs".to_owned(),
            };
            let domains = group.clone();
            let asked = self.ask(turn, doing, |c| async move {
                c.all_domain_stats(&domains, GROUPS, flags::stats_flags::NOWAIT).await
            });
            match asked.await? {
                (Told::Answer(Ok(records)), _) => {
                    self.take(turn, &group, records, &mut all).await?;
                }
                (Told::Answer(Err(error)), _) => match group.as_slice() {
                    _ if is_of_host(&error) => return Err(error),
                    // This driver measures nothing at all.
                    _ if is_unable(&error) => {}
                    [one] => self.keep_silence(one, None, error.message(), &mut all),
                    _ => waiting.extend(group.into_iter().map(|one| vec![one])),
                },
                (Told::Late, call) => {
                    waiting.extend(self.blame(turn, group, call, &mut all).await);
                }
                (Told::NotAsked, _) => {
                    all.silent.extend(group.iter().map(|one| silence(one, NOT_ASKED)));
                    all.waiting.extend(group.iter().map(|one| one.uuid));
                }
            }
        }
        Ok(all)
    }

    /// Takes what was told of a group.
    async fn take(
        &self,
        turn: &Turn,
        group: &[Domain],
        records: Vec<DomainStats>,
        all: &mut Part,
    ) -> Result<()> {
        let at = turn.cx.now();
        let mut records: HashMap<Uuid, DomainStats> =
            records.into_iter().map(|record| (record.domain.uuid, record)).collect();
        for domain in group {
            // Gone, or stopped, since it was listed.
            let Some(record) = records.remove(&domain.uuid).filter(is_active) else { continue };
            if stats::is_whole(&record.params) {
                self.measuring.silent.answered(domain.uuid);
                all.vms.extend(measured(domain, at, &record));
            } else {
                self.ask_again(turn, domain, all).await?;
            }
        }
        Ok(())
    }

    /// Asks one again that something else held.
    async fn ask_again(&self, turn: &Turn, domain: &Domain, all: &mut Part) -> Result<()> {
        for pause in AGAIN {
            sleep(pause.min(turn.cx.remaining())).await;
            let only = domain.clone();
            let doing = format!("cannot measure \"{}\"", domain.name);
            let asked = self.ask(turn, doing, |c| async move {
                c.all_domain_stats(&[only], GROUPS, flags::stats_flags::NOWAIT).await
            });
            let records = match asked.await? {
                (Told::Answer(Ok(records)), _) => records,
                (Told::Answer(Err(error)), _) if is_of_host(&error) => return Err(error),
                (Told::Late, call) => {
                    self.blame(turn, vec![domain.clone()], call, all).await;
                    return Ok(());
                }
                (Told::Answer(Err(_)) | Told::NotAsked, _) => continue,
            };
            let Some(record) = records.into_iter().find(is_active) else { return Ok(()) };
            if stats::is_whole(&record.params) {
                self.measuring.silent.answered(domain.uuid);
                all.vms.extend(measured(domain, turn.cx.now(), &record));
                return Ok(());
            }
        }
        let control = self.control(&turn.cx, domain).await;
        let reason = match control.as_ref() {
            Ok(control) => holder(control),
            Err(_) => None,
        };
        let reason = reason.unwrap_or_else(|| "something else holds it".to_owned());
        self.keep_silence(domain, None, &reason, all);
        Ok(())
    }

    /// Finds out on whom a late call hangs; gives what is to be asked again.
    pub(super) async fn blame(
        &self,
        turn: &Turn,
        group: Vec<Domain>,
        call: CallId,
        all: &mut Part,
    ) -> Vec<Vec<Domain>> {
        let patience = turn.patience;
        let told = stream::iter(group)
            .map(|domain| async move { (self.control(&turn.cx, &domain).await, domain) })
            .buffered(AT_ONCE);
        let told: Vec<(Result<DomainControlInfo>, Domain)> = told.collect().await;
        let is_only = told.len() == 1;
        let (mut blamed, mut others) = (Vec::new(), Vec::new());
        for (control, domain) in told {
            let hangs = control.as_ref().is_ok_and(|control| hangs(control, patience));
            if hangs || is_only {
                let reason = control.as_ref().ok().and_then(holder);
                let reason = reason.unwrap_or_else(|| {
                    format!("its hypervisor did not answer within {patience:?}")
                });
                blamed.push((domain, reason));
            } else {
                others.push(domain);
            }
        }
        for (domain, reason) in &blamed {
            self.keep_silence(domain, Some(call), reason, all);
        }
        match (blamed.is_empty(), others.is_empty()) {
            (_, true) => Vec::new(),
            (false, false) => vec![others],
            (true, false) => others.into_iter().map(|one| vec![one]).collect(),
        }
    }

    /// Whether the daemon can reach a VM's hypervisor; waits for no hypervisor.
    async fn control(&self, cx: &Cx, domain: &Domain) -> Result<DomainControlInfo> {
        let doing = format!("cannot ask about \"{}\"", domain.name);
        let cx = cx.at_most(CONTROL_PATIENCE);
        self.link.look(&cx, &doing, |c| async move { c.domain_control_info(domain, 0).await }).await
    }

    fn keep_silence(&self, domain: &Domain, held: Option<CallId>, reason: &str, all: &mut Part) {
        tracing::debug!(vm = %domain.name, reason, "a VM was not measured");
        self.measuring.silent.silent(domain, held, reason);
        all.silent.push(silence(domain, reason));
    }
}

/// One that was asked, or would have been.
pub(super) fn silence(domain: &Domain, reason: &str) -> Silent {
    Silent { vm: reference(domain), reason: reason.to_owned() }
}

/// A driver without such statistics, or without the flag that lets them be asked safely.
fn is_unable(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unsupported | Kind::Invalid)
}

fn is_active(record: &DomainStats) -> bool {
    stats::state(record).is_some_and(|state| state.power.is_live())
}

/// `None` where the driver tells nothing of what is asked.
fn measured(domain: &Domain, at: Timestamp, record: &DomainStats) -> Option<Measured<VmRef>> {
    let points = stats::usage(&record.params);
    (!points.is_empty()).then(|| Measured { of: reference(domain), at, points })
}

/// Whether a VM is one that a late call may hang on. Others are at a command for
/// a moment, too; a job does not say whether it gets on.
fn hangs(control: &DomainControlInfo, patience: Duration) -> bool {
    match control.state {
        control::OCCUPIED => Duration::from_millis(control.state_time_ms) >= patience / 2,
        control::ERROR => true,
        _ => false,
    }
}

/// What holds a VM, in words.
fn holder(control: &DomainControlInfo) -> Option<String> {
    let seconds = control.state_time_ms / 1000;
    match control.state {
        control::JOB => Some(format!("a job of {seconds} s holds it")),
        control::OCCUPIED => {
            Some(format!("its hypervisor has not answered a command for {seconds} s"))
        }
        control::ERROR => Some("libvirt has lost its hypervisor's monitor".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(state: u32, state_time_ms: u64) -> DomainControlInfo {
        DomainControlInfo { state, details: 0, state_time_ms }
    }

    #[test]
    fn f7_who_is_at_a_command_for_a_moment_is_not_blamed() {
        let patience = Duration::from_secs(2);
        assert!(hangs(&control(control::OCCUPIED, 1_000), patience));
        assert!(!hangs(&control(control::OCCUPIED, 999), patience));
        assert!(!hangs(&control(0, 0), patience));
        assert!(!hangs(&control(control::JOB, 99_999), patience));
        assert!(hangs(&control(control::ERROR, 0), patience));
    }

    #[test]
    fn f7_the_silent_are_told_with_what_holds_them() {
        let words = |state| holder(&control(state, 3_034));
        assert_eq!(words(0), None);
        assert_eq!(words(control::JOB).unwrap(), "a job of 3 s holds it");
        let occupied = "its hypervisor has not answered a command for 3 s";
        assert_eq!(words(control::OCCUPIED).unwrap(), occupied);
        assert!(words(control::ERROR).unwrap().contains("monitor"));
    }
}
