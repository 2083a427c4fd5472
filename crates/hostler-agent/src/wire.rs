//! A snapshot as a server ingests it.

use hostler_api::Time;
use hostler_api::v1::{
    AGENT_SCHEMA, AgentBatches, AgentMeasured, AgentPass, AgentPoint, AgentResource, AgentSilent,
};
use hostler_core::Timestamp;
use hostler_provider::{Batch, Machine, Measured};

use crate::shelf::{Slot, Snapshot};

/// Who measured.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Which machine it is.
    pub(crate) machine: Machine,
    /// When the agent started.
    pub(crate) started_at: Timestamp,
}

/// What is known now; what is stale is not.
pub(crate) fn batches(snapshot: &Snapshot, origin: &Origin, now: Timestamp) -> AgentBatches {
    let ids = &origin.machine.ids;
    AgentBatches {
        schema: AGENT_SCHEMA,
        host: origin.machine.name.clone(),
        system_uuid: ids.system.clone(),
        machine_id: ids.installation.clone(),
        boot_id: ids.boot.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: Time(origin.started_at),
        now: Time(now),
        passes: snapshot.slots.iter().map(pass).collect(),
    }
}

fn pass(slot: &Slot) -> AgentPass {
    let good = slot.good.as_ref();
    let batch = slot.fresh().map(|good| &*good.batch);
    let silent = batch.into_iter().flat_map(|batch| &batch.silent).map(|one| AgentSilent {
        external_ref: one.vm.external_ref.clone(),
        name: one.vm.name.clone(),
        reason: one.reason.clone(),
    });
    AgentPass {
        source: slot.pass.source.to_owned(),
        cost: slot.pass.cost.as_str().to_owned(),
        interval_seconds: slot.pass.interval.as_secs_f64(),
        ended_at: good.map(|good| Time(good.at)),
        took_seconds: good.map(|good| good.took.as_secs_f64()),
        error: slot.error.clone(),
        measured: batch.map(measured).unwrap_or_default(),
        silent: silent.collect(),
    }
}

fn measured(batch: &Batch) -> Vec<AgentMeasured> {
    let vms = batch.vms.iter().map(|one| {
        let (external_ref, name) = (one.of.external_ref.clone(), one.of.name.clone());
        of(AgentResource::Vm { external_ref, name }, one)
    });
    let hosts = batch.hosts.iter().map(|one| of(AgentResource::Host { name: one.of.clone() }, one));
    let pools =
        batch.pools.iter().map(|one| of(AgentResource::Pool { name: one.of.name.clone() }, one));
    let containers = batch.containers.iter().map(|one| {
        let (id, name) = (one.of.id.clone(), one.of.name.clone());
        of(AgentResource::Container { id, name, engine: one.of.engine.to_owned() }, one)
    });
    vms.chain(hosts).chain(pools).chain(containers).collect()
}

fn of<R>(resource: AgentResource, one: &Measured<R>) -> AgentMeasured {
    let points = one.points.iter().map(|point| AgentPoint {
        metric: point.metric.name().to_owned(),
        labels: point.labels.values().iter().map(|label| label.to_string()).collect(),
        value: point.value,
    });
    AgentMeasured { of: resource, at: Time(one.at), points: points.collect() }
}
