//! Providers.

use std::sync::Arc;

use hostler_api::v1;
use hostler_api::{Nothing, Page, Time};
use hostler_engine::ProviderView;
use hostler_store::ProviderRow;

use super::error::Result;
use super::facts::{cache_status, stale_since};
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;
use crate::wiring::{check_reach, without_password};

pub(super) fn route(api: Api) -> Api {
    api.route(v1::ProviderList, list)
        .route(v1::ProviderShow, show)
        .route(v1::ProviderCreate, create)
        .route(v1::ProviderDelete, delete)
}

async fn list(app: App, call: Call<v1::ProviderList>) -> Result<Reply<Page<v1::Provider>>> {
    let take = |request: &_| app.engine.providers().list(request);
    let convert = |view: &Arc<ProviderView>| Ok(provider(view));
    let fields = ProviderView::FIELDS;
    lists::page(&app, "providers", &call.query, fields, take, convert).map(Reply::page)
}

async fn show(app: App, call: Call<v1::ProviderShow>) -> Result<Reply<v1::Provider>> {
    let view = app.engine.providers().get(ids::of_path(&call.path.provider)?)?;
    Ok(Reply::of(provider(&view)))
}

async fn create(app: App, call: Call<v1::ProviderCreate>) -> Result<Reply<v1::Provider>> {
    let v1::ProviderRequest { name, uri } = call.body;
    hostler_core::name::check(&name)
        .map_err(|bad| ids::fault("/name", "bad_name", &bad.to_string()))?;
    if !call.peer.is_servers_user() {
        check_reach(&uri).map_err(|why| ids::fault("/uri", "not_yours", &why))?;
    }
    let connected = app.wiring.connect(&uri).map_err(|why| ids::fault("/uri", "unusable", &why))?;
    let (id, created_at) = (app.engine.providers().next_id(), app.clock.now());
    let row = ProviderRow { id, name, uri, from_config: false, created_at };
    let view = app.engine.providers().add(&call.caller.actor, row, connected).await?;
    Ok(Reply::of(provider(&view)).at(&format!("/api/v1/providers/{id}")))
}

async fn delete(app: App, call: Call<v1::ProviderDelete>) -> Result<Reply<Nothing>> {
    let id = ids::of_path(&call.path.provider)?;
    app.engine.providers().remove(&call.caller.actor, id).await?;
    Ok(Reply::of(Nothing {}))
}

fn provider(view: &ProviderView) -> v1::Provider {
    v1::Provider {
        id: view.row.id.to_string(),
        name: view.row.name.clone(),
        kind: view.kind.to_owned(),
        uri: without_password(&view.row.uri),
        simulated: view.simulated,
        state: view.state.as_str().to_owned(),
        reason: view.reason.clone(),
        product: view.product.clone(),
        observed_at: view.observed_at.map(Time),
        cache_status: cache_status(view.freshness),
        stale_since: stale_since(view.freshness),
        inventory_seconds: view.inventory_took.map(|took| took.as_secs_f64()),
        groups: view.groups.iter().map(|group| group.as_str().to_owned()).collect(),
        volume_formats: view.volume_formats.iter().copied().map(Into::into).collect(),
        vm_count: view.vm_count.and_then(|count| u32::try_from(count).ok()),
        from_config: view.row.from_config,
    }
}
