//! Hosts.

use std::sync::Arc;

use hostler_api::v1::{self, GuestSupport};
use hostler_api::{Page, Ref, Time};
use hostler_engine::HostView;

use super::error::Result;
use super::facts::{Telling, cache_status, stale_since};
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::HostList, list).route(v1::HostShow, show)
}

async fn list(app: App, call: Call<v1::HostList>) -> Result<Reply<Page<v1::Host>>> {
    let take = |request: &_| app.engine.hosts().list(request);
    let convert = |view: &Arc<HostView>| Ok(host(view));
    lists::page(&app, "hosts", &call.query, HostView::FIELDS, take, convert).map(Reply::page)
}

async fn show(app: App, call: Call<v1::HostShow>) -> Result<Reply<v1::Host>> {
    let view = app.engine.hosts().get(ids::of_path(&call.path.host)?)?;
    Ok(Reply::of(host(&view)))
}

fn host(view: &HostView) -> v1::Host {
    let seen = &view.observed.host;
    let guests = |guests: &Vec<hostler_core::host::GuestSupport>| {
        guests.iter().map(guest).collect::<Vec<_>>()
    };
    let told = Telling::of(view.stale());
    v1::Host {
        id: view.id.to_string(),
        name: view.name.clone(),
        provider: Ref::new(view.provider.0, &view.provider.1),
        simulated: view.simulated,
        state: view.state.as_str().to_owned(),
        reason: view.reason.clone(),
        observed_at: Some(Time(seen.observed_at)),
        cache_status: cache_status(view.freshness),
        stale_since: stale_since(view.freshness),
        arch: told.fact(&seen.arch),
        cpu_model: told.fact(&seen.cpu_model),
        cpu_count: told.fact(&seen.cpu_count),
        memory_bytes: told.fact(&seen.memory_bytes),
        memory_free_bytes: told.fact(&seen.memory_free_bytes),
        hypervisor: told.fact(&seen.hypervisor),
        guests: told.fact_as(&seen.guests, guests),
        vm_count: view.vm_count,
        vm_running_count: view.vm_running_count,
    }
}

fn guest(support: &hostler_core::host::GuestSupport) -> GuestSupport {
    GuestSupport {
        arch: support.arch.clone(),
        hypervisors: support.hypervisors.clone(),
        machines: support.machines.clone(),
    }
}
