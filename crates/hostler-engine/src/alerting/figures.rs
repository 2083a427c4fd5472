//! How alerting goes, as metrics: what is evaluated, which alerts there are, and how
//! receivers are told. Nothing of it names an address: receivers have names.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hostler_core::alert::rule::CheckedRule;
use hostler_core::metrics::{Labels, Metric, Point};

use super::Alerting;
use super::known::{Deliveries, Known};

/// Evaluations since the server started.
#[derive(Debug, Default)]
pub(super) struct Evaluations {
    made: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
}

impl Evaluations {
    /// Counts one of a rule.
    pub(super) fn count(&self, is_ok: bool, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.made.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(!is_ok), Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn points(&self) -> [Point; 3] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        [
            (Metric::AlertEvaluationsTotal, read(&self.made)),
            (Metric::AlertEvaluationsFailedTotal, read(&self.failed)),
            (Metric::AlertEvaluationSecondsTotal, read(&self.micros) / 1e6),
        ]
        .map(|(metric, value)| Point::plain(metric, value))
    }
}

impl Alerting {
    /// How it goes. `can_evaluate`: whether there is a history to ask. `waiting`: how many
    /// notices wait for each receiver, where the store says so.
    pub(crate) fn points(
        &self,
        can_evaluate: bool,
        waiting: Option<&[(String, u64)]>,
    ) -> Vec<Point> {
        let known = self.known();
        let mut points = rules(&known);
        points.extend(self.evaluations.points());
        if can_evaluate {
            points.extend(alerts(&known));
        }
        for name in known.config.receivers.keys() {
            let count = |all: &[(String, u64)]| {
                all.iter().find(|(of, _)| of == name).map_or(0, |(_, count)| *count)
            };
            points.extend(receiver(name, known.deliveries.get(name), waiting.map(count)));
        }
        points
    }
}

fn rules(known: &Known) -> Vec<Point> {
    let all = known.groups_of_rules.iter().flat_map(|group| &group.rules);
    let (alert, record): (Vec<_>, Vec<_>) =
        all.partition(|rule| matches!(rule.rule, CheckedRule::Alert(_)));
    [("alert", alert.len()), ("record", record.len())]
        .map(|(kind, count)| Point::labelled(Metric::AlertRules, Labels::one(kind), count as f64))
        .into()
}

fn alerts(known: &Known) -> [Point; 2] {
    let alerts = known.alerts();
    let firing = alerts.values().filter(|it| it.instance.is_firing()).count();
    [("pending", alerts.len() - firing), ("firing", firing)]
        .map(|(state, count)| Point::labelled(Metric::Alerts, Labels::one(state), count as f64))
}

fn receiver(name: &str, so_far: Option<&Deliveries>, waiting: Option<u64>) -> Vec<Point> {
    let none = Deliveries::default();
    let so_far = so_far.unwrap_or(&none);
    // What was given up is counted as lost; nobody can say whether the next one will be, too.
    let is_failing = so_far.is_trying.map(|is_trying| if is_trying { 1.0 } else { 0.0 });
    let told = [
        (Metric::ReceiverNoticesSentTotal, Some(so_far.delivered as f64)),
        (Metric::ReceiverNoticesLostTotal, Some(so_far.lost as f64)),
        (Metric::ReceiverTriesFailedTotal, Some(so_far.failed as f64)),
        (Metric::ReceiverFailing, is_failing),
        (Metric::ReceiverNoticesWaiting, waiting.map(|count| count as f64)),
    ];
    let point = |(metric, value): (Metric, Option<f64>)| {
        Some(Point::labelled(metric, Labels::one(name), value?))
    };
    told.into_iter().filter_map(point).collect()
}
