//! The promises of [`crate::Migrate`]. They need a second host that takes the harness's
//! smallest VM; where there is none they are skipped.

use hostler_core::id::OperationId;
use hostler_core::migration::{Destinations, MigrationPhase};
use hostler_core::vm::{ObservedVm, PowerState};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::late;
use super::trial::{Check, Made, Trial, check, fail, refused, skip};
use crate::{Cx, Kind, MigrateVm, Result, VmRef};

/// Between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);

/// A running VM with the host where it is.
struct Running {
    made: Made,
    from: String,
}

impl Running {
    async fn new(t: &Trial<'_>) -> Check<Self> {
        let made = t.running().await?;
        let from = host_of(t, &made.vm).await?;
        Ok(Self { made, from })
    }

    /// The same, with a host that would take it.
    async fn with_target(t: &Trial<'_>) -> Check<(Self, String)> {
        let running = Self::new(t).await?;
        let target = target(t, &running.made.vm).await?;
        Ok((running, target))
    }

    fn request<'a>(&'a self, operation: OperationId, to: Option<&'a str>) -> MigrateVm<'a> {
        MigrateVm { operation, vm: &self.made.vm, from: &self.from, to }
    }
}

/// Memory and a boot's time: as long as a migration of the smallest VM may take.
fn long(t: &Trial<'_>) -> Cx {
    Cx::within(t.setting.call_within + t.setting.boot_within)
}

fn operation(t: &Trial<'_>) -> OperationId {
    t.setting.ids.next(OperationId::new)
}

async fn seen(t: &Trial<'_>, vm: &VmRef) -> Check<ObservedVm> {
    match t.listed(vm).await? {
        Some(seen) => Ok(seen),
        None => fail("it is not in the inventory"),
    }
}

async fn host_of(t: &Trial<'_>, vm: &VmRef) -> Check<String> {
    match seen(t, vm).await?.host_ref {
        Some(host) => Ok(host),
        None => fail("a running VM is on no host"),
    }
}

async fn destinations(t: &Trial<'_>, vm: &VmRef) -> Check<Destinations> {
    Ok(t.migrate()?.destinations(&t.cx(), vm).await?)
}

async fn target(t: &Trial<'_>, vm: &VmRef) -> Check<String> {
    let places = destinations(t, vm).await?;
    if let Some(why) = places.blocked {
        return skip(format!("the smallest VM cannot be migrated here: {why}"));
    }
    match places.hosts.into_iter().find(|host| host.refused.is_none()) {
        Some(host) => Ok(host.host_ref),
        None => skip("there is no second host that takes the VM"),
    }
}

/// Goes on only if it runs on this host.
async fn runs_on(t: &Trial<'_>, vm: &VmRef, host: &str) -> Check {
    let seen = seen(t, vm).await?;
    check(seen.host_ref.as_deref() == Some(host), || {
        format!("it is on {:?} instead of {host}", seen.host_ref)
    })?;
    check(seen.power == PowerState::Running, || {
        format!("it is {:?} ({}) instead of running", seen.power, seen.power_reason)
    })
}

/// How many migrations of it bear this mark.
async fn marked(t: &Trial<'_>, vm: &VmRef, operation: OperationId) -> Check<usize> {
    let all = t.migrate()?.migrations(&t.cx(), Some(vm)).await?;
    Ok(all.iter().filter(|one| one.operation == Some(operation)).count())
}

pub(super) async fn destinations_are_the_other_hosts(t: &Trial<'_>) -> Check {
    let running = Running::new(t).await?;
    let places = destinations(t, &running.made.vm).await?;
    let mut told: Vec<_> = places.hosts.into_iter().map(|host| host.host_ref).collect();
    let hosts = t.provider.inventory(&t.cx()).await?.hosts;
    let mut others: Vec<_> = hosts.into_iter().map(|host| host.host.external_ref).collect();
    others.retain(|host| *host != running.from);
    others.sort();
    told.sort();
    check(told == others, || format!("{told:?} are told, and the other hosts are {others:?}"))
}

pub(super) async fn destinations_of_an_absent_vm_are_not_found(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    refused(t.migrate()?.destinations(&t.cx(), &made.vm).await, &[Kind::NotFound]).map(drop)
}

pub(super) async fn migrate_moves_it_and_it_runs_on(t: &Trial<'_>) -> Check {
    let (running, to) = Running::with_target(t).await?;
    let operation = operation(t);
    t.migrate()?.migrate_vm(&long(t), &running.request(operation, Some(&to))).await?;
    runs_on(t, &running.made.vm, &to).await
}

pub(super) async fn migrate_twice_moves_it_once(t: &Trial<'_>) -> Check {
    let (running, to) = Running::with_target(t).await?;
    let operation = operation(t);
    let request = running.request(operation, Some(&to));
    t.migrate()?.migrate_vm(&long(t), &request).await?;
    t.migrate()?.migrate_vm(&long(t), &request).await?;
    // What another operation asks for is so already.
    let other = self::operation(t);
    t.migrate()?.migrate_vm(&long(t), &running.request(other, Some(&to))).await?;
    runs_on(t, &running.made.vm, &to).await?;
    let count = t.migrate()?.migrations(&t.cx(), Some(&running.made.vm)).await?.len();
    check(count == 1, || format!("{count} migrations are told instead of one"))
}

pub(super) async fn migrate_back_moves_it_back(t: &Trial<'_>) -> Check {
    let (running, to) = Running::with_target(t).await?;
    let (there, back) = (operation(t), operation(t));
    t.migrate()?.migrate_vm(&long(t), &running.request(there, Some(&to))).await?;
    let (vm, from) = (&running.made.vm, to.as_str());
    let request = MigrateVm { operation: back, vm, from, to: Some(&running.from) };
    t.migrate()?.migrate_vm(&long(t), &request).await?;
    runs_on(t, vm, &running.from).await
}

pub(super) async fn a_migration_is_told_with_our_mark_and_its_hosts(t: &Trial<'_>) -> Check {
    let (running, to) = Running::with_target(t).await?;
    let (operation, vm) = (operation(t), &running.made.vm);
    t.migrate()?.migrate_vm(&long(t), &running.request(operation, Some(&to))).await?;
    for of in [Some(vm), None] {
        let all = t.migrate()?.migrations(&t.cx(), of).await?;
        let Some(told) = all.iter().find(|one| one.operation == Some(operation)) else {
            return fail(format!("no migration bears the mark of {operation}: {all:?}"));
        };
        let hosts = (told.source_host_ref.as_deref(), told.target_host_ref.as_deref());
        let is_right = told.vm_ref == vm.external_ref
            && told.phase == MigrationPhase::Succeeded
            && hosts == (Some(running.from.as_str()), Some(to.as_str()))
            && told.reason.is_none();
        check(is_right, || format!("{told:?}"))?;
        check(told.started_at <= told.ended_at, || format!("it ended before it began: {told:?}"))?;
    }
    Ok(())
}

pub(super) async fn migrations_of_an_absent_vm_are_none(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    let told = t.migrate()?.migrations(&t.cx(), Some(&made.vm)).await?;
    check(told.is_empty(), || format!("{told:?}"))
}

pub(super) async fn migrate_of_a_stopped_vm_is_a_conflict(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let from = &t.setting.host_ref;
    let to = target(t, &made.vm).await?;
    let request = MigrateVm { operation: operation(t), vm: &made.vm, from, to: Some(&to) };
    refused(t.migrate()?.migrate_vm(&t.cx(), &request).await, &[Kind::Conflict])?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn migrate_of_an_absent_vm_is_not_found(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    let (vm, from) = (&made.vm, t.setting.host_ref.as_str());
    let request = MigrateVm { operation: operation(t), vm, from, to: None };
    refused(t.migrate()?.migrate_vm(&t.cx(), &request).await, &[Kind::NotFound]).map(drop)
}

pub(super) async fn migrate_to_an_unknown_host_is_refused(t: &Trial<'_>) -> Check {
    let running = Running::new(t).await?;
    let request = running.request(operation(t), Some("no-such-host"));
    let kinds = [Kind::NotFound, Kind::Invalid, Kind::Unsupported];
    refused(t.migrate()?.migrate_vm(&t.cx(), &request).await, &kinds)?;
    runs_on(t, &running.made.vm, &running.from).await
}

/// Asks for a migration and gives the call up as soon as the migration can be seen, if
/// it is ever seen under way; the end of the call, if it came.
async fn begun(t: &Trial<'_>, request: &MigrateVm<'_>) -> Check<(Option<Result<()>>, bool)> {
    let token = CancellationToken::new();
    let cx = long(t).with_cancel(token.clone());
    let migrate = t.migrate()?;
    let call = migrate.migrate_vm(&cx, request);
    let watching = async {
        let until = Instant::now() + t.setting.boot_within;
        while Instant::now() < until {
            let all = migrate.migrations(&t.cx(), Some(request.vm)).await?;
            let is_it = |phase: MigrationPhase| !phase.is_over();
            if all.iter().any(|one| one.operation == Some(request.operation) && is_it(one.phase)) {
                return Ok(true);
            }
            sleep(LOOK).await;
        }
        Ok(false)
    };
    tokio::pin!(call, watching);
    tokio::select! {
        ended = &mut call => Ok((Some(ended), false)),
        seen = &mut watching => {
            let seen: Result<bool> = seen;
            let is_under_way = seen?;
            token.cancel();
            Ok((Some(call.await), is_under_way))
        }
    }
}

pub(super) async fn a_second_migration_at_the_same_time_is_a_conflict(t: &Trial<'_>) -> Check {
    let (running, to) = Running::with_target(t).await?;
    let (first, second) = (operation(t), operation(t));
    let (_, is_under_way) = begun(t, &running.request(first, Some(&to))).await?;
    if !is_under_way {
        return skip("migrations are too quick here to be seen under way");
    }
    let asked = t.migrate()?.migrate_vm(&t.cx(), &running.request(second, Some(&to))).await;
    match asked {
        // The first was over before the second was asked for.
        Ok(()) => {}
        Err(error) => check(error.kind() == Kind::Conflict && !error.is_unknown(), || {
            format!("instead of a conflict: {:?}: {error}", error.kind())
        })?,
    }
    let count = marked(t, &running.made.vm, second).await?;
    check(count == 0, || "the second was begun all the same".to_owned())?;
    // Asked again, the first is followed to its end.
    t.migrate()?.migrate_vm(&long(t), &running.request(first, Some(&to))).await?;
    let count = marked(t, &running.made.vm, first).await?;
    check(count == 1, || format!("{count} migrations bear one mark"))?;
    runs_on(t, &running.made.vm, &to).await
}

pub(super) async fn cancel_leaves_it_running_where_it_was(t: &Trial<'_>) -> Check {
    let (running, to) = Running::with_target(t).await?;
    let (operation, vm) = (operation(t), &running.made.vm);
    let (ended, is_under_way) = begun(t, &running.request(operation, Some(&to))).await?;
    if !is_under_way {
        return skip("migrations are too quick here to be seen under way");
    }
    if let Some(Err(error)) = &ended {
        check(error.is_unknown(), || format!("it is under way, and is told as none: {error}"))?;
    }
    t.migrate()?.cancel(&long(t), vm, operation).await?;
    t.migrate()?.cancel(&long(t), vm, operation).await?;
    let all = t.migrate()?.migrations(&t.cx(), Some(vm)).await?;
    check(all.iter().all(|one| one.phase.is_over()), || format!("it is not over: {all:?}"))?;
    // It may have been quicker than the cancel; then it has to say so.
    let has_moved = all.iter().any(|one| one.phase == MigrationPhase::Succeeded);
    runs_on(t, vm, if has_moved { &to } else { &running.from }).await
}

pub(super) async fn cancel_of_what_was_never_asked_succeeds(t: &Trial<'_>) -> Check {
    let running = Running::new(t).await?;
    t.migrate()?.cancel(&t.cx(), &running.made.vm, operation(t)).await?;
    runs_on(t, &running.made.vm, &running.from).await
}

pub(super) async fn cancel_of_what_is_over_changes_nothing(t: &Trial<'_>) -> Check {
    let (running, to) = Running::with_target(t).await?;
    let (operation, vm) = (operation(t), &running.made.vm);
    t.migrate()?.migrate_vm(&long(t), &running.request(operation, Some(&to))).await?;
    t.migrate()?.cancel(&t.cx(), vm, operation).await?;
    runs_on(t, vm, &to).await?;
    let count = marked(t, vm, operation).await?;
    check(count == 1, || "what is over is not remembered".to_owned())
}

/// A call that is cut off on its way says that nothing happened only if that is true
/// for ever; and asked again, it is done once.
pub(super) async fn a_look_after_a_cancelled_migrate_tells_the_truth(t: &Trial<'_>) -> Check {
    let (running, to) = Running::with_target(t).await?;
    let (operation, vm) = (operation(t), &running.made.vm);
    let request = running.request(operation, Some(&to));
    let migrate = t.migrate()?;
    let call = |cx: Cx| async move { migrate.migrate_vm(&cx, &request).await };
    let ended = late::cut_off(t, late::POINTS[1], call).await;
    sleep(late::SETTLED).await;
    let at = host_of(t, vm).await?;
    let begun = marked(t, vm, operation).await? > 0;
    if late::says_nothing(&ended) && (begun || at != running.from) {
        return fail("it said that nothing happened, and began it");
    }
    check(ended.is_err() || at == to, || "it said that it moved, and did not".to_owned())?;
    t.migrate()?.migrate_vm(&long(t), &request).await?;
    let count = marked(t, vm, operation).await?;
    check(count == 1, || format!("{count} migrations bear one mark"))?;
    runs_on(t, vm, &to).await
}
