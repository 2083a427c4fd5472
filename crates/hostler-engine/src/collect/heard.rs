//! How agents are heard. One that was never heard has no age, and what it asks is
//! told only while it says so.

use super::{AgentJoin, AgentState, AgentView};
use hostler_core::metrics::{Labels, Metric, Point};

/// What is told of an agent.
pub(super) fn of(view: &AgentView) -> Vec<Point> {
    let name = view.name.as_str();
    let mut points = Vec::new();
    let is_up = match view.state {
        AgentState::Connecting => None,
        AgentState::Ok => Some(1.0),
        AgentState::Trouble(_) => Some(0.0),
    };
    let one = || Labels::one(name);
    points.extend(is_up.map(|up| Point::labelled(Metric::AgentUp, one(), up)));
    let joined = match &view.join {
        AgentJoin::Unknown => "",
        AgentJoin::None => "alone",
        AgentJoin::Host(..) => "host",
        AgentJoin::Unclear(_) => "unclear",
    };
    let version = view.version.as_deref().unwrap_or_default();
    let host = view.host_name().unwrap_or_default();
    let labels = Labels::new([name, host, version, view.state.as_str(), joined]);
    points.push(Point::labelled(Metric::AgentInfo, labels, 1.0));
    let age = view.age.map(|age| super::said::millis(age.as_secs_f64()));
    points.extend(age.map(|age| Point::labelled(Metric::AgentAgeSeconds, one(), age)));
    for source in &view.sources {
        let labels = || Labels::new([name, source.asked.as_str(), source.pass.as_str()]);
        let up = if source.failure.is_none() { 1.0 } else { 0.0 };
        points.push(Point::labelled(Metric::AgentSourceUp, labels(), up));
        let age = source.age.map(|age| super::said::millis(age.as_secs_f64()));
        points.extend(age.map(|age| Point::labelled(Metric::AgentSourceAgeSeconds, labels(), age)));
    }
    points.extend(view.left_out.iter().map(|(reason, count)| {
        let labels = Labels::new([name, reason.as_str()]);
        Point::labelled(Metric::AgentLeftOutTotal, labels, *count as f64)
    }));
    points
}
