//! Virtual machines.

mod convert;

use std::time::Duration;

use hostler_api::v1::{self, VmStopMode};
use hostler_api::{Endpoint, Page};
use hostler_core::id::VmId;
use hostler_engine::{DeleteOptions, PowerVerb, VmChange, VmView};
use hostler_provider::StopMode;

use super::error::Result;
use super::operations::accepted;
use super::{Api, Call, Reply, clones, disks, ids, lists, snapshots};
use crate::app::App;
use convert::Viewer;
pub(super) use convert::{adopted, allowed, denied, governance, in_spec, keeper, planned};

/// The longest that a guest may be given to shut down.
const STOP_SECONDS_MAX: u32 = 3600;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::VmList, list)
        .route(v1::VmCreate, create)
        .route(v1::VmPlan, plan)
        .route(v1::VmShow, show)
        .route(v1::VmUpdate, update)
        .route(v1::VmDeletionShow, deletion)
        .route(v1::VmDelete, delete)
        .route(v1::VmDefinition, definition)
        .route(v1::VmStart, |app, call| power(app, call, PowerVerb::Start))
        .route(v1::VmStop, stop)
        .route(v1::VmReboot, |app, call| power(app, call, PowerVerb::Reboot))
        .route(v1::VmReset, |app, call| power(app, call, PowerVerb::Reset))
        .route(v1::VmPause, |app, call| power(app, call, PowerVerb::Pause))
        .route(v1::VmResume, |app, call| power(app, call, PowerVerb::Resume))
        .route(v1::VmSave, |app, call| power(app, call, PowerVerb::Save))
}

async fn list(app: App, call: Call<v1::VmList>) -> Result<Reply<Page<v1::VmSummary>>> {
    let viewer = viewer(&app, &call);
    let take = |request: &_| app.engine.vms().list(request);
    let convert = |vm: &std::sync::Arc<VmView>| Ok(convert::summary(vm, &viewer));
    lists::page(&app, "vms", &call.query, VmView::FIELDS, take, convert).map(Reply::page)
}

async fn create(app: App, call: Call<v1::VmCreate>) -> Result<Reply<v1::Operation>> {
    let request = convert::request(&call.body)?;
    let made = app.engine.vms().create(&call.caller.actor, call.key()?, request).await;
    accepted(&app, &call, made.map_err(convert::in_spec)?).await
}

async fn plan(app: App, call: Call<v1::VmPlan>) -> Result<Reply<v1::VmPlanned>> {
    let request = convert::request(&call.body)?;
    let plan = app.engine.vms().plan(&call.caller.actor, &request).await;
    Ok(Reply::of(convert::planned(plan.map_err(convert::in_spec)?)))
}

async fn show(app: App, call: Call<v1::VmShow>) -> Result<Reply<v1::Vm>> {
    let vm = app.engine.vms().get(ids::of_path(&call.path.vm)?)?;
    told(&app, &vm, &viewer(&app, &call))
}

async fn update(app: App, call: Call<v1::VmUpdate>) -> Result<Reply<v1::Vm>> {
    let (id, generation) = (ids::of_path(&call.path.vm)?, call.generation()?);
    let v1::VmPatch { description, labels } = call.body.clone();
    let (actor, change) = (&call.caller.actor, VmChange { description, labels });
    let vm = app.engine.vms().update(actor, id, generation, change).await?;
    told(&app, &vm, &viewer(&app, &call))
}

async fn deletion(app: App, call: Call<v1::VmDeletionShow>) -> Result<Reply<v1::VmDeletion>> {
    let id = ids::of_path(&call.path.vm)?;
    let deletion = app.engine.vms().deletion(id, call.query.disks).await?;
    Ok(Reply::of(convert::deletion(deletion)))
}

async fn delete(app: App, call: Call<v1::VmDelete>) -> Result<Reply<v1::Operation>> {
    let id = ids::of_path(&call.path.vm)?;
    let generation = call.generation_if_given()?;
    let options = DeleteOptions { disks: call.query.disks, force: call.query.force, generation };
    let taken = app.engine.vms().delete(&call.caller.actor, call.key()?, id, options).await?;
    accepted(&app, &call, taken).await
}

async fn definition(app: App, call: Call<v1::VmDefinition>) -> Result<Reply<String>> {
    let id = ids::of_path(&call.path.vm)?;
    let text = app.engine.vms().definition(&call.caller.actor, id).await?;
    Ok(Reply::of(text))
}

async fn stop(app: App, call: Call<v1::VmStop>) -> Result<Reply<v1::Operation>> {
    let seconds = call.body.timeout_seconds;
    if seconds == 0 || seconds > STOP_SECONDS_MAX {
        let detail = format!("must be from 1 to {STOP_SECONDS_MAX}");
        return Err(ids::fault("/timeout_seconds", "out_of_range", &detail));
    }
    let within = Duration::from_secs(seconds.into());
    let mode = match call.body.mode {
        VmStopMode::Graceful => StopMode::Graceful { within },
        VmStopMode::GracefulThenForce => StopMode::GracefulThenForce { within },
        VmStopMode::Force => StopMode::Force,
    };
    power(app, call, PowerVerb::Stop(mode)).await
}

async fn power<E>(app: App, call: Call<E>, verb: PowerVerb) -> Result<Reply<v1::Operation>>
where
    E: Endpoint<Path = v1::VmPath, Reply = v1::Operation>,
{
    let id: VmId = ids::of_path(&call.path.vm)?;
    let taken = app.engine.vms().power(&call.caller.actor, call.key()?, id, verb).await?;
    accepted(&app, &call, taken).await
}

fn viewer<'a, E: Endpoint>(app: &App, call: &'a Call<E>) -> Viewer<'a> {
    Viewer { actor: &call.caller.actor, is_demo: app.is_demo }
}

/// A VM as the answer to whoever calls.
pub(super) fn told_to<E: Endpoint>(
    app: &App,
    call: &Call<E>,
    vm: &VmView,
) -> Result<Reply<v1::Vm>> {
    told(app, vm, &viewer(app, call))
}

fn told(app: &App, vm: &VmView, viewer: &Viewer<'_>) -> Result<Reply<v1::Vm>> {
    let mut vm_told = convert::vm(vm, viewer)?;
    vm_told.snapshot_limits = app.engine.snapshots().limits(vm).map(snapshots::limits);
    vm_told.clone_limits = app.engine.clones().limits(vm).map(clones::limits);
    vm_told.disk_limits = app.engine.disks().limits(vm).as_ref().map(disks::limits);
    vm_told.console_limits = app.engine.vms().cuts_off_unseen(vm).map(|kinds| v1::ConsoleLimits {
        cuts_off_unseen: kinds.iter().copied().map(Into::into).collect(),
    });
    Ok(Reply::of(vm_told).generation(vm.generation()))
}
