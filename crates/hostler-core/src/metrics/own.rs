//! What is computed from what was measured: shares instead of sums. Nothing is
//! computed from what is missing.

use std::time::Duration;

use super::{Labels, Metric, Point};
use crate::clock::Timestamp;

/// How old what a balloon driver told may be to say what the guest uses (X15).
pub const BALLOON_FRESH: Duration = Duration::from_secs(60);

/// Points with the rates of those that are counters.
#[derive(Debug, Clone, Copy)]
struct Seen<'a> {
    points: &'a [Point],
    rates: &'a [Option<f64>],
}

impl<'a> Seen<'a> {
    fn value(self, metric: Metric) -> Option<f64> {
        self.points.iter().find(|point| point.metric == metric).map(|point| point.value)
    }

    /// The rates of a metric, by its labels.
    fn rates(self, metric: Metric) -> impl Iterator<Item = (&'a Labels, f64)> {
        let pairs = self.points.iter().zip(self.rates);
        pairs
            .filter(move |(point, _)| point.metric == metric)
            .filter_map(|(point, rate)| Some((&point.labels, (*rate)?)))
    }

    fn rate(self, metric: Metric) -> Option<f64> {
        self.rates(metric).next().map(|(_, rate)| rate)
    }
}

/// What follows from one pass over a thing: `points` read at `at`, and how fast
/// those grow that are counters (see [`super::rate::per_second`]).
pub fn own(points: &[Point], rates: &[Option<f64>], at: Timestamp) -> Vec<Point> {
    let seen = Seen { points, rates };
    let mut own = Vec::new();
    let cpus = seen.value(Metric::VmVcpus).filter(|cpus| *cpus >= 1.0);
    if let (Some(rate), Some(cpus)) = (seen.rate(Metric::VmCpuSecondsTotal), cpus) {
        own.push(Point::plain(Metric::VmCpuUsageRatio, rate / cpus));
    }
    for (vcpu, rate) in seen.rates(Metric::VmVcpuSecondsTotal) {
        own.push(Point::labelled(Metric::VmVcpuUsageRatio, vcpu.clone(), rate));
    }
    if let Some(used) = guest_memory(seen, at) {
        own.push(Point::plain(Metric::VmMemoryGuestUsedRatio, used));
    }
    if let Some(used) = host_cpu(seen) {
        own.push(Point::plain(Metric::HostCpuUsageRatio, used));
    }
    let cpus = seen.value(Metric::ContainerCpus).filter(|cpus| *cpus > 0.0);
    if let (Some(rate), Some(cpus)) = (seen.rate(Metric::ContainerCpuSecondsTotal), cpus) {
        own.push(Point::plain(Metric::ContainerCpuUsageRatio, rate / cpus));
    }
    own
}

/// What the guest uses of its memory: only it can tell, and only while it does.
fn guest_memory(seen: Seen<'_>, at: Timestamp) -> Option<f64> {
    let told_at = seen.value(Metric::VmMemoryBalloonUpdateTimeSeconds)?;
    let age = at.as_micros() as f64 / 1e6 - told_at;
    // One that is told to be of the future comes from a clock that was put back.
    if !(-1.0..=BALLOON_FRESH.as_secs_f64()).contains(&age) {
        return None;
    }
    let available = seen.value(Metric::VmMemoryGuestAvailableBytes)?;
    let usable = seen.value(Metric::VmMemoryGuestUsableBytes)?;
    (available > 0.0 && usable <= available).then(|| (available - usable) / available)
}

fn host_cpu(seen: Seen<'_>) -> Option<f64> {
    let (mut all, mut idle) = (0.0, None);
    for (labels, rate) in seen.rates(Metric::HostCpuSecondsTotal) {
        let mode = labels.values().first().map_or("", |mode| mode);
        all += rate;
        if matches!(mode, "idle" | "iowait") {
            *idle.get_or_insert(0.0) += rate;
        }
    }
    idle.filter(|_| all > 0.0).map(|idle| ((all - idle) / all).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn plain(given: &[(Metric, f64)]) -> Vec<Point> {
        given.iter().map(|(metric, value)| Point::plain(*metric, *value)).collect()
    }

    #[test]
    fn d9_the_use_of_processors_is_over_those_that_are_online() {
        let vcpu = |n: &str| Point::labelled(Metric::VmVcpuSecondsTotal, Labels::one(n), 9.0);
        let mut points = plain(&[(Metric::VmCpuSecondsTotal, 50.0), (Metric::VmVcpus, 4.0)]);
        points.extend([vcpu("0"), vcpu("1")]);
        let rates = [Some(2.0), None, Some(0.75), None];
        let told = own(&points, &rates, NOW);
        assert_eq!(
            told,
            [
                Point::plain(Metric::VmCpuUsageRatio, 0.5),
                Point::labelled(Metric::VmVcpuUsageRatio, Labels::one("0"), 0.75),
            ]
        );
        // Without knowing how many there are there is no share.
        assert_eq!(own(&points[..1], &rates[..1], NOW), []);
    }

    #[test]
    fn d2_x15_the_memory_a_guest_uses_is_told_only_while_it_tells() {
        let points = |told_at: f64, usable: f64| {
            plain(&[
                (Metric::VmMemoryGuestAvailableBytes, 1000.0),
                (Metric::VmMemoryGuestUsableBytes, usable),
                (Metric::VmMemoryBalloonUpdateTimeSeconds, told_at),
                (Metric::VmMemoryHostResidentBytes, 5000.0),
            ])
        };
        let told = |points: &[Point]| own(points, &[None; 4], NOW);
        let used = [Point::plain(Metric::VmMemoryGuestUsedRatio, 0.75)];
        assert_eq!(told(&points(995.0, 250.0)), used);
        assert_eq!(told(&points(939.0, 250.0)), [], "a minute old");
        assert_eq!(told(&points(1002.0, 250.0)), [], "of the future");
        assert_eq!(told(&points(0.0, 250.0)), [], "never told");
        assert_eq!(told(&points(995.0, 2000.0)), [], "more than there is");
    }

    #[test]
    fn d3_a_containers_share_is_of_the_processors_that_it_may_use() {
        let points =
            plain(&[(Metric::ContainerCpuSecondsTotal, 9.0), (Metric::ContainerCpus, 0.5)]);
        let told = own(&points, &[Some(0.25), None], NOW);
        assert_eq!(told, [Point::plain(Metric::ContainerCpuUsageRatio, 0.5)]);
        // Without knowing how many these are, or how fast it runs, there is no share.
        assert_eq!(own(&points[..1], &[Some(0.25)], NOW), []);
        assert_eq!(own(&points, &[None, None], NOW), []);
    }

    #[test]
    fn a_host_is_busy_while_it_is_not_idle() {
        let mode =
            |mode: &str| Point::labelled(Metric::HostCpuSecondsTotal, Labels::one(mode), 0.0);
        let points = [mode("user"), mode("idle"), mode("iowait")];
        let told = own(&points, &[Some(0.5), Some(1.0), Some(0.5)], NOW);
        assert_eq!(told, [Point::plain(Metric::HostCpuUsageRatio, 0.25)]);
        assert_eq!(own(&points[..1], &[Some(1.0)], NOW), [], "what is idle is not known");
    }
}
