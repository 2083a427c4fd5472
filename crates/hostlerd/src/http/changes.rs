//! Changing what VMs are.

use hostler_api::v1::{
    self, FieldChange, ManagedField, TakesEffect, VmChangePlanned, VmChangeRequest,
};
use hostler_core::vm::change::{Change, ChangePlan, Managed, Takes};
use hostler_engine::SpecChange;

use super::error::Result;
use super::operations::accepted;
use super::vms::{in_spec, keeper};
use super::{Api, Call, Reply, ids};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::VmChange, change).route(v1::VmChangePlan, plan)
}

async fn change(app: App, call: Call<v1::VmChange>) -> Result<Reply<v1::Operation>> {
    let (vm, generation) = (ids::of_path(&call.path.vm)?, call.generation()?);
    let (actor, wanted) = (&call.caller.actor, request(&call.body)?);
    let taken = app.engine.changes().make(actor, call.key()?, vm, generation, wanted).await;
    accepted(&app, &call, taken.map_err(in_spec)?).await
}

async fn plan(app: App, call: Call<v1::VmChangePlan>) -> Result<Reply<VmChangePlanned>> {
    let (vm, wanted) = (ids::of_path(&call.path.vm)?, request(&call.body)?);
    let plan = app.engine.changes().plan(&call.caller.actor, vm, &wanted).await;
    Ok(Reply::of(planned(plan.map_err(in_spec)?)))
}

fn request(body: &VmChangeRequest) -> Result<SpecChange> {
    let managed =
        |one: &ManagedField| Managed { field: one.field.clone(), manager: one.manager.clone() };
    Ok(SpecChange {
        spec: body.spec.to_core().map_err(in_spec)?,
        take_over: body.take_over.iter().map(managed).collect(),
        from_gitops: body.from_gitops,
    })
}

fn planned(plan: ChangePlan) -> VmChangePlanned {
    let managed = |Managed { field, manager }| ManagedField { field, manager };
    VmChangePlanned {
        changes: plan.changes.into_iter().map(field).collect(),
        managed_by_others: plan.managed_by_others.into_iter().map(managed).collect(),
        kept_by: plan.kept_by.map(keeper),
    }
}

fn field(change: Change) -> FieldChange {
    let (takes, reason) = match change.takes {
        Takes::Live => (TakesEffect::Live, None),
        Takes::NextStart => (TakesEffect::NextStart, None),
        Takes::Refused(why) => (TakesEffect::Refused, Some(why)),
    };
    FieldChange {
        path: change.field.path,
        from: change.field.from.unwrap_or_default(),
        to: change.field.to.unwrap_or_default(),
        takes,
        reason,
        at_risk: change.at_risk.map(str::to_owned),
    }
}
