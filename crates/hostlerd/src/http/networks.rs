//! Networks.

use std::sync::Arc;

use hostler_api::v1;
use hostler_api::{Page, Ref, Time};
use hostler_engine::NetworkView;

use super::error::Result;
use super::facts::{cache_status, stale_since};
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::NetworkList, list).route(v1::NetworkShow, show)
}

async fn list(app: App, call: Call<v1::NetworkList>) -> Result<Reply<Page<v1::Network>>> {
    let take = |request: &_| app.engine.networks().list(request);
    let convert = |view: &Arc<NetworkView>| Ok(network(view));
    lists::page(&app, "networks", &call.query, NetworkView::FIELDS, take, convert).map(Reply::page)
}

async fn show(app: App, call: Call<v1::NetworkShow>) -> Result<Reply<v1::Network>> {
    let view = app.engine.networks().get(ids::of_path(&call.path.network)?)?;
    Ok(Reply::of(network(&view)))
}

fn network(view: &NetworkView) -> v1::Network {
    let seen = &view.observed;
    v1::Network {
        id: view.id.to_string(),
        name: seen.name.clone(),
        provider: Ref::new(view.provider.0, &view.provider.1),
        host: view.host.as_ref().map(|(id, name)| Ref::new(id, name)),
        simulated: view.simulated,
        forward: seen.forward.clone(),
        bridge: seen.bridge.clone(),
        active: seen.active,
        autostart: seen.autostart,
        subnets: seen.subnets.clone(),
        observed_at: Time(seen.observed_at),
        stale: view.stale.is_some(),
        cache_status: cache_status(view.freshness),
        stale_since: stale_since(view.freshness),
    }
}
