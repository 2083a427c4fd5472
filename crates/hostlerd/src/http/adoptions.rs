//! VMs that were made elsewhere, and deciding what becomes of them.

use std::sync::Arc;

use hostler_api::v1::{self, AdoptionAction};
use hostler_api::{Nothing, Page, Time, v1::VmSpec};
use hostler_core::access::Actor;
use hostler_core::vm::adoption::Risk;
use hostler_core::{Error, id::VmId};
use hostler_engine::{AdoptRequest, PendingView};

use super::error::Result;
use super::{Api, Call, Reply, ids, lists, vms};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::AdoptionList, list)
        .route(v1::AdoptionShow, show)
        .route(v1::AdoptionPlan, plan)
        .route(v1::AdoptionAdopt, adopt)
        .route(v1::AdoptionIgnore, ignore)
        .route(v1::AdoptionOffer, offer)
        .route(v1::AdoptionDecide, decide)
        .route(v1::VmRelease, release)
}

async fn list(app: App, call: Call<v1::AdoptionList>) -> Result<Reply<Page<v1::PendingAdoption>>> {
    let take = |request: &_| app.engine.adoptions().list(request);
    let convert = |row: &Arc<PendingView>| Ok(pending(row));
    lists::page(&app, "adoptions", &call.query, PendingView::FIELDS, take, convert).map(Reply::page)
}

async fn show(app: App, call: Call<v1::AdoptionShow>) -> Result<Reply<v1::PendingAdoption>> {
    let found = app.engine.adoptions().get(ids::of_path(&call.path.vm)?)?;
    Ok(Reply::of(pending(&found)))
}

async fn plan(app: App, call: Call<v1::AdoptionPlan>) -> Result<Reply<v1::AdoptionPlanned>> {
    let (id, request) = (ids::of_path(&call.path.vm)?, read(&call.body));
    let review = app.engine.adoptions().review(&call.caller.actor, id, &request).await?;
    Ok(Reply::of(v1::AdoptionPlanned {
        adoptable: review.is_possible(),
        spec: VmSpec::from_core(&review.spec)?,
        risks: review.risks.iter().map(risk).collect(),
    }))
}

async fn adopt(app: App, call: Call<v1::AdoptionAdopt>) -> Result<Reply<v1::Vm>> {
    let (id, request) = (ids::of_path(&call.path.vm)?, read(&call.body));
    let vm = app.engine.adoptions().adopt(&call.caller.actor, id, &request).await?;
    vms::told_to(&app, &call, &vm)
}

async fn ignore(app: App, call: Call<v1::AdoptionIgnore>) -> Result<Reply<v1::PendingAdoption>> {
    let id = ids::of_path(&call.path.vm)?;
    let adoptions = app.engine.adoptions();
    let ignored = adoptions.ignore(&call.caller.actor, id, &call.body.reason).await?;
    Ok(Reply::of(pending(&ignored)))
}

async fn offer(app: App, call: Call<v1::AdoptionOffer>) -> Result<Reply<v1::PendingAdoption>> {
    let id = ids::of_path(&call.path.vm)?;
    let offered = app.engine.adoptions().offer(&call.caller.actor, id).await?;
    Ok(Reply::of(pending(&offered)))
}

async fn release(app: App, call: Call<v1::VmRelease>) -> Result<Reply<Nothing>> {
    let id = ids::of_path(&call.path.vm)?;
    app.engine.adoptions().release(&call.caller.actor, id).await?;
    Ok(Reply::of(Nothing {}))
}

async fn decide(app: App, call: Call<v1::AdoptionDecide>) -> Result<Reply<v1::AdoptionDecided>> {
    let decisions = &call.body;
    if decisions.vms.len() > v1::DECISIONS_MAX {
        let detail = format!("has more than {} entries", v1::DECISIONS_MAX);
        return Err(ids::fault("/vms", "too_many", &detail));
    }
    let mut results = Vec::new();
    for vm in &decisions.vms {
        let refused = one(&app, &call.caller.actor, decisions, vm).await.err();
        results.push(v1::AdoptionResult {
            vm: vm.clone(),
            done: refused.is_none(),
            code: refused.as_ref().map(|error| error.code().as_str().to_owned()),
            error: refused.map(|error| error.message().to_owned()),
        });
    }
    Ok(Reply::of(v1::AdoptionDecided { results }))
}

/// Decides about one of many.
async fn one(
    app: &App,
    actor: &Actor,
    decisions: &v1::AdoptionDecisions,
    vm: &str,
) -> Result<(), Error> {
    let id: VmId = vm.parse().map_err(|error: hostler_core::id::ParseIdError| {
        Error::new(hostler_core::Code::IdInvalid, error.to_string())
    })?;
    let adoptions = app.engine.adoptions();
    if decisions.action == AdoptionAction::Ignore {
        let reason = decisions.reason.as_deref().unwrap_or_default();
        return adoptions.ignore(actor, id, reason).await.map(drop);
    }
    let request = AdoptRequest {
        name: None,
        project: decisions.project.clone(),
        read_only: decisions.action == AdoptionAction::AdoptReadOnly,
        reason: decisions.reason.clone(),
    };
    adoptions.adopt(actor, id, &request).await.map(drop)
}

fn read(body: &v1::AdoptionRequest) -> AdoptRequest {
    let v1::AdoptionRequest { name, project, read_only, reason } = body.clone();
    AdoptRequest { name, project, read_only, reason }
}

fn pending(view: &PendingView) -> v1::PendingAdoption {
    let vm = &view.vm;
    v1::PendingAdoption {
        vm: hostler_api::Ref::new(vm.id, &vm.name),
        status: view.status().to_owned(),
        origin: view.origin.as_str().to_owned(),
        provider: vm.provider.as_ref().map(|(id, name)| hostler_api::Ref::new(id, name)),
        host: vm.host.as_ref().map(|(id, name)| hostler_api::Ref::new(id, name)),
        external_ref: vm.external_ref().map(str::to_owned),
        namespace: vm.namespace().map(str::to_owned),
        governance: vms::governance(vm.governance()),
        state: vm.status.state.as_str().to_owned(),
        cpu_count: vm.cpu_count(),
        memory_bytes: vm.memory_bytes(),
        first_seen_at: Time(view.first_seen_at),
        simulated: vm.simulated,
        adoptable: view.is_adoptable(),
        risks: view.review.risks.iter().map(risk).collect(),
        ignored: view.ignored.as_ref().map(|it| v1::AdoptionIgnored {
            by: it.by.clone(),
            at: Time(it.at),
            reason: it.reason.clone(),
        }),
        adopted: view.adopted.as_ref().map(vms::adopted),
    }
}

fn risk(risk: &Risk) -> v1::AdoptionRisk {
    let Risk { code, detail, forbids } = risk.clone();
    v1::AdoptionRisk { code: code.to_owned(), detail, forbids }
}
