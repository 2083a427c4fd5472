//! Agents, and what they measured of their machines.

use std::sync::Arc;

use hostler_api::v1;
use hostler_api::{Page, Ref, Time};
use hostler_engine::{AgentJoin, AgentSource, AgentView};

use super::error::Result;
use super::measured::measured;
use super::{Api, Call, Reply, lists};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::AgentList, list).route(v1::AgentMetrics, metrics)
}

async fn list(app: App, call: Call<v1::AgentList>) -> Result<Reply<Page<v1::Agent>>> {
    let take = |request: &_| app.engine.agents().list(request);
    let convert = |view: &Arc<AgentView>| Ok(agent(view));
    lists::page(&app, "agents", &call.query, AgentView::FIELDS, take, convert).map(Reply::page)
}

async fn metrics(app: App, call: Call<v1::AgentMetrics>) -> Result<Reply<v1::Measured>> {
    let (name, passes) = app.engine.agents().figures(&call.path.agent)?;
    Ok(Reply::of(measured(Ref::new(&name, &name), false, &passes, "")))
}

fn agent(view: &AgentView) -> v1::Agent {
    let (joined, host, joined_reason) = match &view.join {
        AgentJoin::Unknown => ("unknown", None, None),
        AgentJoin::None => ("alone", None, None),
        AgentJoin::Host(id, name) => ("host", Some(Ref::new(id, name)), None),
        AgentJoin::Unclear(why) => ("unclear", None, Some(why.clone())),
    };
    let left_out = view.left_out.iter();
    v1::Agent {
        name: view.name.clone(),
        kind: if view.is_own { "own" } else { "agent" }.to_owned(),
        address: view.address.clone(),
        state: view.state.as_str().to_owned(),
        reason: view.reason.clone(),
        machine: view.machine.clone(),
        host,
        joined: joined.to_owned(),
        joined_reason,
        version: view.version.clone(),
        started_at: view.started_at.map(Time),
        heard_at: view.heard_at.map(Time),
        age_seconds: view.age.map(|age| age.as_secs_f64()),
        clock_ahead_seconds: view.clock_ahead_seconds,
        interval_seconds: view.interval.as_secs_f64(),
        sources: view.sources.iter().map(source).collect(),
        left_out: left_out.map(|(reason, count)| (reason.as_str().to_owned(), *count)).collect(),
    }
}

fn source(view: &AgentSource) -> v1::AgentSource {
    v1::AgentSource {
        source: view.asked.as_str().to_owned(),
        pass: view.pass.as_str().to_owned(),
        age_seconds: view.age.map(|age| age.as_secs_f64()),
        interval_seconds: view.interval.as_secs_f64(),
        failure: view.failure.clone(),
    }
}
