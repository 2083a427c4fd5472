//! Removes what operations left behind that have ended undone: the effects of
//! calls that came even after the operation had made sure (I4).
//!
//! ```text
//!  an operation ended undone with a call unanswered ─► looked for, ever more seldom ─┐
//!  a VM is seen whose mark belongs to no row ─► whose is it?                          │
//!        │ no operation of ours: left alone, unsaid (I17)                             │
//!        │ adopted under another id: left alone                                       │
//!        │ deleted, settled by hand, too late, in use: left alone, told once          │
//!        └ of an operation that ended undone ─────────────────────────────────────────┤
//!                                                                                     ▼
//!                                  its steps undone once more, last first: removed and told
//! ```
//!
//! Only what an operation of ours is known to have made is touched, and only for
//! kinds whose things bear a mark or name that nobody else ever uses. So this
//! needs no claim, may happen at any time, and on two servers at once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::{OperationId, ProviderId, VmId};
use hostler_core::operation::{Journal, OperationState, Resource, Trace};
use hostler_provider::Cx;
use hostler_store::{NewEvent, OperationFilter, OperationRow};
use serde_json::json;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::Inner;
use crate::operations::{Leaves, StepCx, StepError, StepRequest};

/// The longest pause between two looks for what one operation left.
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// For so much longer than it is looked for nobody adopts what an operation left: its
/// removal may be under way.
const GRACE: Duration = Duration::from_secs(3600);
/// How many ended operations are read at once, and in all, after a start.
const PAGE: u32 = 100;
const PAGES_MAX: usize = 10;

/// Operations that ended undone with a call unanswered, and when each is looked
/// after next. Kept in memory: a start reads it from the journals.
#[derive(Default)]
pub(crate) struct Leftovers(Mutex<HashMap<OperationId, Watched>>);

struct Watched {
    next: Instant,
    pause: Duration,
}

impl Leftovers {
    /// Has an ended operation looked after, for the first time after `pause`.
    pub(crate) fn watch(&self, id: OperationId, pause: Duration) {
        let next = Instant::now() + pause;
        self.lock().entry(id).or_insert(Watched { next, pause });
    }

    /// Those that it is time for; each gets its next time.
    fn due(&self) -> Vec<OperationId> {
        let now = Instant::now();
        let mut due = Vec::new();
        for (id, watched) in self.lock().iter_mut().filter(|(_, watched)| watched.next <= now) {
            due.push(*id);
            watched.pause = (watched.pause * 2).min(PAUSE_MAX);
            watched.next = now + watched.pause;
        }
        due
    }

    fn forget(&self, id: OperationId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<OperationId, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works until the engine stops.
pub(crate) async fn run(engine: Arc<Inner>) {
    // The sender lives as long as the engine, so this cannot fail before it stops.
    let _ = engine.begun.subscribe().wait_for(|begun| *begun).await;
    let mut is_loaded = false;
    let mut judged = HashSet::new();
    loop {
        if !is_loaded {
            is_loaded = match load(&engine).await {
                Ok(()) => true,
                Err(error) => {
                    warn!(%error, "cannot read which operations ended undone");
                    false
                }
            };
        }
        for id in engine.leftovers.due() {
            if let Err(error) = look_after(&engine, id).await {
                debug!(op_id = %id, error = %error.error, "cannot look for leftovers now");
            }
        }
        let strays = strays(&engine);
        judged.retain(|vm| strays.iter().any(|stray| stray.tag == *vm));
        for stray in strays {
            if judged.contains(&stray.tag) {
                continue;
            }
            match judge(&engine, &stray).await {
                Ok(is_judged) if is_judged => drop(judged.insert(stray.tag)),
                Ok(_) => {}
                Err(error) => {
                    debug!(vm = %stray.tag, error = %error.error, "cannot judge a stray VM now");
                }
            }
        }
        tokio::time::sleep(engine.pace.leftovers).await;
    }
}

/// Finds the operations to look after among those that ended before a start.
async fn load(engine: &Inner) -> Result<(), hostler_store::Error> {
    let mut filter = OperationFilter {
        states: vec![OperationState::Failed, OperationState::Cancelled],
        limit: PAGE,
        ..OperationFilter::default()
    };
    for _ in 0..PAGES_MAX {
        let records = engine.store.operations_with_journals(&filter).await?;
        for (row, entries) in &records {
            let is_due = is_swept(engine, row) && !is_long_ago(engine, row);
            if is_due && Journal::read(entries.iter().map(|entry| &entry.event)).has_unsettled() {
                engine.leftovers.watch(row.id, engine.pace.leftovers);
            }
        }
        match records.last() {
            Some((last, _)) if records.len() == PAGE as usize => filter.before = Some(last.id),
            _ => break,
        }
    }
    Ok(())
}

/// What an operation that ended undone may have left.
fn leaves(engine: &Inner, row: &OperationRow) -> Leaves {
    let undone = matches!(row.state, OperationState::Failed | OperationState::Cancelled);
    let runner = undone.then(|| engine.registry.runner(&row.kind).ok()).flatten();
    runner.map_or(Leaves::Nothing, |runner| runner.leaves())
}

/// Whether an operation that ended undone may have left something.
fn is_swept(engine: &Inner, row: &OperationRow) -> bool {
    leaves(engine, row) != Leaves::Nothing
}

/// Whether it may have left the VM that it was about.
fn may_leave_vm(engine: &Inner, row: &OperationRow) -> bool {
    leaves(engine, row) == Leaves::TheVm
}

fn is_long_ago(engine: &Inner, row: &OperationRow) -> bool {
    let earliest = engine.clock.now().minus(engine.pace.leftovers_within);
    row.finished_at.is_none_or(|ended| ended < earliest)
}

/// The latest operation on a VM.
async fn latest(engine: &Inner, vm: VmId) -> Result<Option<OperationRow>, hostler_store::Error> {
    let filter = OperationFilter {
        resource: Some(Resource::Vm(vm)),
        limit: 1,
        ..OperationFilter::default()
    };
    Ok(engine.store.operations(&filter).await?.into_iter().next())
}

/// The operation whose undoing may yet remove what bears this mark, if there is one.
pub(crate) async fn remover(
    engine: &Inner,
    mark: VmId,
) -> Result<Option<OperationId>, hostler_store::Error> {
    let Some(row) = latest(engine, mark).await?.filter(|row| may_leave_vm(engine, row)) else {
        return Ok(None);
    };
    let over = row.finished_at.map(|ended| ended.plus(engine.pace.leftovers_within).plus(GRACE));
    if over.is_some_and(|over| over < engine.clock.now())
        || engine.journal(row.id).await?.is_settled_by_hand()
    {
        return Ok(None);
    }
    Ok(Some(row.id))
}

/// Looks for what one ended operation left, and removes it.
async fn look_after(engine: &Arc<Inner>, id: OperationId) -> Result<(), StepError> {
    let row = engine.store.operation(id).await?;
    let Some(row) = row.filter(|row| is_swept(engine, row) && !is_long_ago(engine, row)) else {
        engine.leftovers.forget(id);
        return Ok(());
    };
    match undo_again(engine, &row).await? {
        Found::Removed => {
            let message = format!("what {} left behind after its end was removed", row.kind);
            tell(engine, &row, None, message).await;
        }
        Found::Nothing => {}
        Found::Kept(_) => engine.leftovers.forget(id),
    }
    Ok(())
}

/// What undoing once more came to.
enum Found {
    Nothing,
    Removed,
    /// It was not touched, and why.
    Kept(&'static str),
}

/// Undoes all steps of an ended operation once more, the last first.
async fn undo_again(engine: &Arc<Inner>, row: &OperationRow) -> Result<Found, StepError> {
    let journal = engine.journal(row.id).await?;
    if journal.is_settled_by_hand() {
        return Ok(Found::Kept("its making was declared settled by hand"));
    }
    // What was written and could not be read since counts, too.
    engine.reread().await?;
    let made = row.resources.iter().filter(|_| may_leave_vm(engine, row));
    for vm in made.filter_map(crate::vm_among) {
        if engine.store.vm(vm).await?.is_some() {
            return Ok(Found::Kept("it is managed again"));
        }
        if engine.fleet.read().is_adopted(vm) {
            return Ok(Found::Kept("somebody adopted it"));
        }
    }
    let Some(plan) = journal.plan() else { return Ok(Found::Nothing) };
    let runner = engine.registry.runner(&row.kind)?;
    let mut found = Found::Nothing;
    for step in (0..journal.started()).rev() {
        let budget = runner.budget(&row.params, plan, step)?;
        let cx = StepCx::after_the_end(engine, row.id, budget);
        let (params, state) = (row.params.clone(), journal.state().cloned());
        let request = StepRequest { params, plan: plan.clone(), state, step };
        if runner.undo(&request, &cx).await?.trace == Trace::Removed {
            found = Found::Removed;
        }
    }
    Ok(found)
}

/// A VM that bears our mark for an id that no row has, and is not managed under another.
struct Stray {
    provider: ProviderId,
    /// The id in its mark.
    tag: VmId,
    /// The id under which it is shown, if it has one yet.
    shown_as: Option<VmId>,
    name: String,
    observed_at: Timestamp,
}

fn strays(engine: &Inner) -> Vec<Stray> {
    let state = engine.fleet.read();
    let seen = state.providers.iter().filter_map(|(id, entry)| Some((*id, entry.seen.as_ref()?)));
    let vms = seen.flat_map(|(id, seen)| seen.vms.values().map(move |vm| (id, vm)));
    let stray = vms.filter_map(|(provider, vm)| {
        let tag = vm.tag.as_ref().map(|tag| tag.vm)?;
        let shown_as = state.vm_id(provider, vm);
        let is_managed = |id: &VmId| state.rows.contains_key(id);
        (!is_managed(&tag) && !shown_as.as_ref().is_some_and(is_managed)).then(|| Stray {
            provider,
            tag,
            shown_as,
            name: vm.name.clone(),
            observed_at: vm.observed_at,
        })
    });
    stray.collect()
}

/// Removes a stray VM or leaves it alone; whether that is for good.
async fn judge(engine: &Arc<Inner>, stray: &Stray) -> Result<bool, StepError> {
    // Of another installation, or of ours before the store was restored.
    let Some(row) = latest(engine, stray.tag).await? else { return Ok(true) };
    // What is shown may be from before the end.
    if row.finished_at.is_none_or(|ended| stray.observed_at <= ended) {
        return Ok(false);
    }
    let found = if !may_leave_vm(engine, &row) {
        Found::Kept("it was deleted, and came back")
    } else if is_long_ago(engine, &row) {
        Found::Kept("its making was undone, and it came too long after")
    } else {
        match undo_again(engine, &row).await {
            Err(error) if is_in_use(&error) => {
                Found::Kept("its making was undone, and it is in use all the same")
            }
            found => found?,
        }
    };
    match found {
        Found::Nothing => Ok(false),
        Found::Removed => {
            let message = format!("VM {} came after its making was undone: removed", stray.name);
            tell(engine, &row, Some(stray), message).await;
            Ok(false)
        }
        Found::Kept(why) if is_there(engine, stray).await? => {
            let name = &stray.name;
            let message = format!("VM {name} bears the mark of a VM that is gone: {why}");
            tell(engine, &row, Some(stray), format!("{message}; it is left alone")).await;
            Ok(true)
        }
        Found::Kept(_) => Ok(false),
    }
}

fn is_in_use(error: &StepError) -> bool {
    error.error.code() == hostler_core::Code::ProviderConflict
}

/// Whether the VM is there now, and not only in the picture.
async fn is_there(engine: &Inner, stray: &Stray) -> Result<bool, StepError> {
    let provider = engine.provider(stray.provider)?;
    let Some(create) = provider.create() else { return Ok(false) };
    let cx = Cx::within(engine.pace.look).with_clock(engine.clock.clone());
    Ok(cx.run("find VM", create.find_vm(&cx, stray.tag)).await?.is_some())
}

async fn tell(engine: &Inner, row: &OperationRow, stray: Option<&Stray>, message: String) {
    warn!(op_id = %row.id, message, "an operation left something behind");
    let of_row = || row.resources.iter().find_map(crate::vm_among);
    let vm = stray.map(|stray| stray.shown_as.unwrap_or(stray.tag)).or_else(of_row);
    let event = NewEvent {
        at: engine.clock.now(),
        kind: "vm.leftover".into(),
        resource_kind: vm.map(|_| "vm".to_owned()),
        resource_id: vm.map(|vm| vm.to_string()),
        resource_name: stray.map(|stray| stray.name.clone()),
        message,
        data: json!({ "operation": row.id, "kind": row.kind }),
    };
    engine.publish(vec![event]).await;
}
