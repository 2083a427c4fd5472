//! Jobs of VMs: migrations, saves, dumps, backups, snapshots.
//!
//! libvirt tells of no job that begins, and nothing lists them. So VMs are asked
//! that are known to have one, by their state, by a migration's events, or by
//! the last pass; and of the others a few in turn, so that every job is found.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_libvirt_rpc::{Domain, Uuid};
use hostler_provider::{Batch, Cx, Kind, Measured, Result};

use super::ledger::Manner;
use super::usage::{AT_ONCE, NOT_ASKED, Part, silence};
use super::{Turn, is_of_host, stats};
use crate::Libvirt;
use crate::connection::reference;
use crate::seats::Told;

/// VMs asked in turn that are not known to have a job.
const IN_TURN: usize = 16;

/// Who may have a job.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<State>);

#[derive(Default)]
struct State {
    hinted: HashSet<Uuid>,
    /// Whose turn it was last.
    last: Option<Uuid>,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This VM has a job, or had one a moment ago.
    pub(crate) fn hint(&self, uuid: Uuid) {
        self.lock().hinted.insert(uuid);
    }

    fn forget(&self, uuid: Uuid) {
        self.lock().hinted.remove(&uuid);
    }

    fn is_hinted(&self, uuid: Uuid) -> bool {
        self.lock().hinted.contains(&uuid)
    }

    /// Who is to be asked now.
    fn choose(&self, mut active: Vec<Domain>) -> Vec<Domain> {
        let mut state = self.lock();
        let present: HashSet<Uuid> = active.iter().map(|domain| domain.uuid).collect();
        state.hinted.retain(|uuid| present.contains(uuid));
        active.sort_by_key(|domain| domain.uuid.0);
        let (hinted, mut others): (Vec<_>, Vec<_>) =
            active.into_iter().partition(|domain| state.hinted.contains(&domain.uuid));
        let behind = |domain: &Domain| state.last.is_some_and(|last| domain.uuid.0 <= last.0);
        let begin = others.partition_point(behind);
        others.rotate_left(begin);
        others.truncate(IN_TURN);
        if let Some(last) = others.last() {
            state.last = Some(last.uuid);
        }
        hinted.into_iter().chain(others).collect()
    }
}

impl Libvirt {
    /// The pass `job`.
    pub(super) async fn measure_jobs(&self, cx: &Cx) -> Result<Batch> {
        let turn = Turn::new(cx, self.link.config.patience);
        let chosen = self.link.jobs.choose(self.active(&turn.cx).await?);
        let measured = stream::iter(chosen).map(|domain| self.measure_job(&turn, domain));
        let measured: Result<Vec<Part>> = measured.buffer_unordered(AT_ONCE).try_collect().await;
        let parts = match measured {
            // A driver that knows no jobs.
            Err(error) if error.kind() == Kind::Unsupported => return Ok(Batch::default()),
            measured => measured?,
        };
        let mut batch = Batch::default();
        for part in parts {
            batch.vms.extend(part.vms);
            batch.silent.extend(part.silent);
        }
        Ok(batch)
    }

    async fn measure_job(&self, turn: &Turn, domain: Domain) -> Result<Part> {
        let mut part = Part::default();
        // The pass `stats` tells who does not answer.
        if matches!(self.measuring.silent.manner(&domain), Manner::NotNow(_)) {
            return Ok(part);
        }
        let doing = format!("cannot read the job of \"{}\"", domain.name);
        let of = domain.clone();
        let asked = self.ask(turn, doing, |c| async move { c.domain_job_stats(&of, 0).await });
        match asked.await? {
            // Bounded and unbounded; the others are over, or no job.
            (Told::Answer(Ok(told)), _) if matches!(told.kind, 1 | 2) => {
                self.link.jobs.hint(domain.uuid);
                let (of, points) = (reference(&domain), stats::job(&told.params));
                part.vms.push(Measured { of, at: turn.cx.now(), points });
            }
            (Told::Answer(Ok(_)), _) => self.link.jobs.forget(domain.uuid),
            (Told::Answer(Err(error)), _)
                if is_of_host(&error) || error.kind() == Kind::Unsupported =>
            {
                return Err(error);
            }
            // Stopped meanwhile; or it arrives, and only where it comes from is told how far it is.
            (Told::Answer(Err(_)), _) => self.link.jobs.forget(domain.uuid),
            (Told::Late, call) => {
                let left = self.blame(turn, vec![domain], call, &mut part).await;
                debug_assert!(left.is_empty(), "one that was asked alone is to blame");
            }
            (Told::NotAsked, _) if self.link.jobs.is_hinted(domain.uuid) => {
                part.silent.push(silence(&domain, NOT_ASKED));
            }
            (Told::NotAsked, _) => {}
        }
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(number: u8) -> Domain {
        Domain { id: 1, ..Domain::by_uuid(Uuid([number; 16])) }
    }

    fn all() -> Vec<Domain> {
        (0..40).map(domain).collect()
    }

    #[test]
    fn every_job_is_found_though_each_pass_asks_few() {
        let jobs = Jobs::default();
        let mut asked = HashSet::new();
        for _ in 0..3 {
            let chosen = jobs.choose(all());
            assert_eq!(chosen.len(), IN_TURN);
            asked.extend(chosen.into_iter().map(|domain| domain.uuid));
        }
        assert_eq!(asked.len(), 40);
    }

    #[test]
    fn one_that_is_known_to_have_a_job_is_always_asked_while_it_is_there() {
        let jobs = Jobs::default();
        jobs.hint(domain(39).uuid);
        for _ in 0..5 {
            let chosen = jobs.choose(all());
            assert_eq!((chosen.len(), chosen[0].uuid), (IN_TURN + 1, domain(39).uuid));
        }
        jobs.forget(domain(39).uuid);
        jobs.hint(domain(7).uuid);
        jobs.choose(vec![domain(1)]);
        assert!(!jobs.is_hinted(domain(7).uuid), "it is gone");
        assert!(jobs.choose(Vec::new()).is_empty());
    }
}
