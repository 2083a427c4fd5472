//! Operations.

mod convert;
mod filter;

use std::time::Duration;

use hostler_api::v1;
use hostler_api::{CacheStatus, Endpoint, Page, Time};
use hostler_core::access::Role;
use hostler_core::id::OperationId;
use hostler_engine::{Accepted, OperationView};
use http::HeaderName;

use super::conditions::WAIT_MAX;
use super::error::Result;
use super::{Api, Call, Reply, ids};
use crate::app::App;
use crate::auth::Caller;

/// The longest note.
const NOTE_BYTES_MAX: usize = 4096;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::OperationList, list)
        .route(v1::OperationShow, show)
        .route(v1::OperationCancel, cancel)
        .route(v1::OperationRetry, retry)
        .route(v1::OperationResolve, resolve)
}

/// The answer for an operation that was taken on, or was before under the same key.
/// It is waited for as long as the caller prefers.
pub(super) async fn accepted<E>(
    app: &App,
    call: &Call<E>,
    accepted: Accepted,
) -> Result<Reply<v1::Operation>>
where
    E: Endpoint<Reply = v1::Operation>,
{
    let reply = told(app, call, accepted.operation).await?;
    Ok(reply.replayed(accepted.replayed))
}

async fn told<E>(app: &App, call: &Call<E>, view: OperationView) -> Result<Reply<v1::Operation>>
where
    E: Endpoint<Reply = v1::Operation>,
{
    let id = view.row.id;
    let view = match call.wait() {
        Some(patience) => wait(app, id, patience).await?,
        None => view,
    };
    let reply = Reply::of(convert::operation(&view, is_admin(&call.caller)));
    let reply = reply.at(&format!("/api/v1/operations/{id}"));
    Ok(match call.wait() {
        Some(wait) => {
            let applied = format!("wait={}", wait.as_secs());
            reply.with(HeaderName::from_static("preference-applied"), &applied)
        }
        None => reply,
    })
}

/// An operation that was taken on among others, after what is left of the time to wait.
pub(super) async fn after<E: Endpoint>(
    app: &App,
    call: &Call<E>,
    view: OperationView,
    left: Option<Duration>,
) -> Result<v1::Operation> {
    let view = match left {
        Some(patience) => wait(app, view.row.id, patience).await?,
        None => view,
    };
    Ok(convert::operation(&view, is_admin(&call.caller)))
}

async fn list(app: App, call: Call<v1::OperationList>) -> Result<Reply<Page<v1::Operation>>> {
    let wanted = filter::read(&app.cursors, &call.query)?;
    let (views, more) = app.engine.operations().list(&wanted).await?;
    let last = views.last().filter(|_| more).map(|view| view.row.id.to_string());
    let next_cursor = last.map(|id| app.cursors.seal_text(filter::LIST, &call.query, &id));
    let admin = is_admin(&call.caller);
    let items = views.iter().map(|view| convert::operation(view, admin)).collect();
    let observed_at = Some(Time(app.clock.now()));
    Ok(Reply::page(Page {
        items,
        next_cursor,
        observed_at,
        stale: false,
        cache_status: Some(CacheStatus::Fresh),
        stale_since: None,
        silent: Vec::new(),
        approx_total: None,
    }))
}

async fn show(app: App, call: Call<v1::OperationShow>) -> Result<Reply<v1::Operation>> {
    let id: OperationId = ids::of_path(&call.path.operation)?;
    let patience = call.query.wait.map(|seconds| Duration::from_secs(seconds.into()));
    let view = match patience {
        Some(patience) if patience > WAIT_MAX => return Err(filter::too_long()),
        Some(patience) => wait(&app, id, patience).await?,
        None => app.engine.operations().get(id).await?,
    };
    Ok(Reply::of(convert::operation(&view, is_admin(&call.caller))))
}

async fn cancel(app: App, call: Call<v1::OperationCancel>) -> Result<Reply<v1::Operation>> {
    let id = ids::of_path(&call.path.operation)?;
    let view = app.engine.operations().cancel(&call.caller.actor, id).await?;
    told(&app, &call, view).await
}

async fn retry(app: App, call: Call<v1::OperationRetry>) -> Result<Reply<v1::Operation>> {
    let id = ids::of_path(&call.path.operation)?;
    let view = app.engine.operations().retry(&call.caller.actor, id).await?;
    told(&app, &call, view).await
}

async fn resolve(app: App, call: Call<v1::OperationResolve>) -> Result<Reply<v1::Operation>> {
    let id = ids::of_path(&call.path.operation)?;
    let note = call.body.note.trim();
    if note.is_empty() || note.len() > NOTE_BYTES_MAX {
        let detail = format!("must say in 1 to {NOTE_BYTES_MAX} bytes what was done");
        return Err(ids::fault("/note", "bad_length", &detail));
    }
    let view = app.engine.operations().resolve(&call.caller.actor, id, note).await?;
    told(&app, &call, view).await
}

/// The operation when it has ended; as it is after a while, or when the server stops.
async fn wait(app: &App, id: OperationId, patience: Duration) -> Result<OperationView> {
    let operations = app.engine.operations();
    tokio::select! {
        () = app.draining.cancelled() => Ok(operations.get(id).await?),
        view = operations.wait(id, patience) => Ok(view?),
    }
}

/// Whether they may see a provider's own words.
fn is_admin(caller: &Caller) -> bool {
    caller.actor.role == Role::Admin
}
