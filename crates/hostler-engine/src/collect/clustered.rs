//! How clusters are, as metrics of their providers.

use hostler_core::cluster::Health;
use hostler_core::metrics::{Labels, Metric, Point};

use super::said::{millis, one_hot};
use crate::ClusterView;

/// What is said of one cluster.
pub(super) fn of(cluster: &ClusterView) -> Vec<Point> {
    let present = cluster.health();
    let is_so =
        |health: &Health| one_hot(Metric::ClusterHealth, health.as_str(), *health == present);
    let mut points: Vec<Point> = Health::ALL.iter().map(is_so).collect();
    let Some(age) = cluster.age else { return points };
    points.push(Point::plain(Metric::ClusterReportAgeSeconds, millis(age.as_secs_f64())));
    let lags = cluster.report.iter().flat_map(|report| &report.lags);
    points.extend(lags.filter_map(|lag| {
        // What was silent then is silent longer by now, for all that is known.
        let silent = millis((lag.silent? + age).as_secs_f64());
        let labels = Labels::one(lag.kind.as_str());
        Some(Point::labelled(Metric::ClusterWatchLagSeconds, labels, silent))
    }));
    points
}
