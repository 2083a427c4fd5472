//! What is told of all VMs together, whatever hangs: libvirt keeps state and
//! network counters itself and asks no hypervisor for them.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use hostler_core::metrics::states::States;
use hostler_core::vm::PowerState;
use hostler_libvirt_rpc::{Domain, DomainStats, TypedParam, Uuid, flags};
use hostler_provider::{Batch, Cx, Kind, Measured, Result, VmRef};

use super::{hypervisor, is_of_host, stats};
use crate::Libvirt;
use crate::connection::reference;
use crate::inventory::PARALLEL;
use crate::state::State;

/// How long all VMs together may take.
const PATIENCE: Duration = Duration::from_secs(5);
impl Libvirt {
    /// The pass `state`.
    pub(super) async fn measure_states(&self, cx: &Cx) -> Result<Batch> {
        let host = self.link.host(cx).await?;
        let (vms, pools, size) = tokio::join!(
            self.measure_vm_states(cx),
            self.measure_pools(cx, &host.reference),
            self.measure_host_size(cx),
        );
        let pools = match pools {
            Err(error) if is_of_host(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, raw = error.raw(), "pools cannot be measured");
                Vec::new()
            }
            Ok(pools) => pools,
        };
        Ok(Batch { vms: vms?, pools, hosts: vec![size?], ..Batch::default() })
    }

    async fn measure_vm_states(&self, cx: &Cx) -> Result<Vec<Measured<VmRef>>> {
        let before = self.link.cache.ticket();
        let records = self.records(cx).await?;
        let at = cx.now();
        let present: HashSet<Uuid> = records.iter().map(|record| record.domain.uuid).collect();
        self.measuring.detected.retain(&present);
        self.measuring.starts.retain(&present);
        self.link.cache.retain_measured(before, &present);
        let states: Vec<_> = records.iter().map(stats::state).collect();
        let saved = self.saved(cx, &states).await?;
        let words = &States::default();
        let saved = &saved;
        let measured = stream::iter(records.into_iter().zip(states)).map(|told| async move {
            let (record, state) = told;
            let domain = &record.domain;
            let state = state?.with_saved_memory(saved.contains(&domain.uuid));
            if state.has_job() {
                self.link.jobs.hint(domain.uuid);
            }
            let mut points = words.points(state.power);
            points.extend(self.measuring.starts.seen(domain, state.reason, at));
            if state.power.is_live() {
                points.extend(stats::network(&record.params));
            }
            if runs_here(state, &record) {
                points.extend(self.detect(cx, domain).await.as_ref().map(hypervisor::point));
            }
            let of = reference(domain);
            (!points.is_empty()).then_some(Measured { of, at, points })
        });
        Ok(measured.buffered(PARALLEL).filter_map(std::future::ready).collect().await)
    }

    /// State and network counters of all, or what of it this driver can tell.
    async fn records(&self, cx: &Cx) -> Result<Vec<DomainStats>> {
        let whole = flags::stats::STATE | flags::stats::INTERFACE;
        let attempts = [
            (whole, flags::stats_flags::NOWAIT),
            // A driver that need not wait for anything knows no such flag. A virtual
            // switch may be asked for counters, and hang.
            (flags::stats::STATE, 0),
        ];
        for (groups, flags) in attempts {
            let cx = cx.at_most(PATIENCE.min(cx.remaining() / 2));
            let told = self.link.look(&cx, "cannot read states", |c| async move {
                c.all_domain_stats(&[], groups, flags).await
            });
            match told.await {
                Err(error)
                    if matches!(
                        error.kind(),
                        Kind::Unsupported | Kind::Invalid | Kind::Timeout
                    ) => {}
                told => return told,
            }
        }
        self.single_records(cx).await
    }

    /// The same of a driver without such a call, VM by VM.
    async fn single_records(&self, cx: &Cx) -> Result<Vec<DomainStats>> {
        let list =
            self.link.look(cx, "cannot list VMs", |c| async move { c.list_all_domains(0).await });
        let read = stream::iter(list.await?).map(|domain| async move {
            let doing = format!("cannot read the state of \"{}\"", domain.name);
            let of = &domain;
            let told = self.link.look(cx, &doing, |c| async move { c.domain_state(of).await });
            let told = told.await.ok()?;
            let params = vec![
                TypedParam::new("state.state", told.state),
                TypedParam::new("state.reason", told.reason),
            ];
            Some(DomainStats { domain, params })
        });
        Ok(read.buffered(PARALLEL).filter_map(std::future::ready).collect().await)
    }

    /// Those whose memory is on disk; asked only where that makes a difference.
    async fn saved(&self, cx: &Cx, states: &[Option<State>]) -> Result<HashSet<Uuid>> {
        let differs = |state: &State| state.with_saved_memory(true) != *state;
        if !states.iter().flatten().any(differs) {
            return Ok(HashSet::new());
        }
        let of = flags::list_domains::MANAGED_SAVE;
        let list: Result<Vec<Domain>> = self
            .link
            .look(cx, "cannot list VMs", |c| async move { c.list_all_domains(of).await })
            .await;
        match list {
            Ok(list) => Ok(list.into_iter().map(|domain| domain.uuid).collect()),
            Err(error) if matches!(error.kind(), Kind::Unsupported | Kind::Invalid) => {
                Ok(HashSet::new())
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether it is this host that runs it. While it moves, or is about to begin,
/// the host that it leaves says so no more and the other one not yet, so that
/// never both do (X35).
fn runs_here(state: State, record: &DomainStats) -> bool {
    match state.power {
        PowerState::Starting => false,
        // After a switch with memory still to come it runs where it arrived.
        PowerState::Migrating => stats::is_running(record),
        power => power.is_live(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x35_a_vm_that_moves_is_told_to_run_on_one_host_at_most() {
        let told = |number: i32, reason: i32| {
            let params = vec![
                TypedParam::new("state.state", number),
                TypedParam::new("state.reason", reason),
            ];
            let record = DomainStats { domain: Domain::by_uuid(Uuid([1; 16])), params };
            runs_here(stats::state(&record).unwrap(), &record)
        };
        // Where it comes from, and where it goes to, in the order of a migration.
        for (number, reason, runs) in [
            (1, 1, true),
            (3, 11, false),
            (3, 2, false),
            (3, 12, false),
            (1, 10, true),
            (1, 2, true),
            (5, 4, false),
        ] {
            assert_eq!(told(number, reason), runs, "{number} {reason}");
        }
        assert!(told(3, 1) && told(3, 5) && told(7, 0), "it is held, and by this host");
    }
}
