//! Storage pools.

use std::sync::Arc;

use hostler_api::v1;
use hostler_api::{Page, Ref, Time};
use hostler_engine::PoolView;

use super::error::Result;
use super::facts::{Telling, cache_status, stale_since};
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::PoolList, list).route(v1::PoolShow, show)
}

async fn list(app: App, call: Call<v1::PoolList>) -> Result<Reply<Page<v1::Pool>>> {
    let take = |request: &_| app.engine.pools().list(request);
    let convert = |view: &Arc<PoolView>| Ok(pool(view));
    lists::page(&app, "pools", &call.query, PoolView::FIELDS, take, convert).map(Reply::page)
}

async fn show(app: App, call: Call<v1::PoolShow>) -> Result<Reply<v1::Pool>> {
    let view = app.engine.pools().get(ids::of_path(&call.path.pool)?)?;
    Ok(Reply::of(pool(&view)))
}

fn pool(view: &PoolView) -> v1::Pool {
    let seen = &view.observed;
    let told = Telling::of(view.stale.as_deref());
    v1::Pool {
        id: view.id.to_string(),
        name: seen.name.clone(),
        provider: Ref::new(view.provider.0, &view.provider.1),
        host: view.host.as_ref().map(|(id, name)| Ref::new(id, name)),
        simulated: view.simulated,
        kind: seen.kind.clone(),
        active: seen.active,
        capacity_bytes: told.fact(&seen.capacity_bytes),
        allocated_bytes: told.fact(&seen.allocated_bytes),
        available_bytes: told.fact(&seen.available_bytes),
        observed_at: Time(seen.observed_at),
        stale: view.stale.is_some(),
        cache_status: cache_status(view.freshness),
        stale_since: stale_since(view.freshness),
    }
}
