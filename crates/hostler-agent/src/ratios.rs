//! Shares of time, computed from two passes (D9): what passed between them, over
//! what could have. A counter that fell began anew, and then there is no share.

use std::collections::HashMap;

use hostler_core::metrics::{Metric, Point};
use hostler_provider::{Batch, Measured};

/// Modes in which a processor did nothing.
const IDLE: [&str; 2] = ["idle", "iowait"];

/// The shares between an earlier and a later pass of one source.
pub(crate) fn between(earlier: &Batch, later: &Batch) -> Batch {
    let hosts = pairs(&earlier.hosts, &later.hosts, |one| one.clone());
    let hosts = hosts.filter_map(|(before, after)| with(after, host(before, after)?));
    let key = |one: &hostler_provider::ContainerRef| (one.engine, one.id.clone());
    let containers = pairs(&earlier.containers, &later.containers, key);
    let containers =
        containers.filter_map(|(before, after)| with(after, container(before, after)?));
    Batch { hosts: hosts.collect(), containers: containers.collect(), ..Batch::default() }
}

/// The same thing of both passes.
fn pairs<'a, R, K: std::hash::Hash + Eq>(
    earlier: &'a [Measured<R>],
    later: &'a [Measured<R>],
    key: impl Fn(&R) -> K,
) -> impl Iterator<Item = (&'a Measured<R>, &'a Measured<R>)> {
    let known: HashMap<K, &Measured<R>> = earlier.iter().map(|one| (key(&one.of), one)).collect();
    later.iter().filter_map(move |after| Some((*known.get(&key(&after.of))?, after)))
}

fn with<R: Clone>(of: &Measured<R>, point: Point) -> Option<Measured<R>> {
    let is_sound = point.is_sound() && point.value >= 0.0;
    is_sound.then(|| Measured { of: of.of.clone(), at: of.at, points: vec![point] })
}

/// The share of the processors' time in which they were not idle.
fn host(before: &Measured<String>, after: &Measured<String>) -> Option<Point> {
    let (mut all, mut idle) = (0.0, 0.0);
    for point in of(after, Metric::HostCpuSecondsTotal) {
        let mode = point.labels.values().first()?;
        let mut earlier = of(before, Metric::HostCpuSecondsTotal);
        let earlier = earlier.find(|earlier| earlier.labels == point.labels)?;
        let spent = point.value - earlier.value;
        // Time waiting for I/O is an estimate of the kernel's and may fall a little.
        if spent < 0.0 && &**mode != "iowait" {
            return None;
        }
        let spent = spent.max(0.0);
        all += spent;
        idle += if IDLE.contains(&&**mode) { spent } else { 0.0 };
    }
    (all > 0.0).then(|| Point::plain(Metric::HostCpuUsageRatio, (all - idle) / all))
}

/// The share of the processors' time that it may take which it took.
fn container<R>(before: &Measured<R>, after: &Measured<R>) -> Option<Point> {
    let value = |of_pass: &Measured<R>, metric| of(of_pass, metric).next().map(|one| one.value);
    let spent = value(after, Metric::ContainerCpuSecondsTotal)?
        - value(before, Metric::ContainerCpuSecondsTotal)?;
    let cpus = value(after, Metric::ContainerCpus)?;
    let passed = after.at.since(before.at).as_secs_f64();
    let is_known = spent >= 0.0 && cpus > 0.0 && passed > 0.0;
    // The two clocks are read one after the other, so that all of it can be a little more.
    let share = (spent / passed / cpus).min(1.0);
    is_known.then(|| Point::plain(Metric::ContainerCpuUsageRatio, share))
}

fn of<R>(measured: &Measured<R>, metric: Metric) -> impl Iterator<Item = &Point> {
    measured.points.iter().filter(move |point| point.metric == metric)
}

#[cfg(test)]
mod tests {
    use hostler_core::Timestamp;
    use hostler_core::metrics::Labels;
    use hostler_provider::ContainerRef;

    use super::*;

    fn host_at(seconds: i64, modes: &[(&str, f64)]) -> Batch {
        let point = |(mode, value): &(&str, f64)| {
            Point::labelled(Metric::HostCpuSecondsTotal, Labels::one(*mode), *value)
        };
        let points = modes.iter().map(point).collect();
        let at = Timestamp::from_millis(seconds * 1000);
        Batch { hosts: vec![Measured { of: "h".to_owned(), at, points }], ..Batch::default() }
    }

    fn share(batch: &Batch) -> Option<f64> {
        let hosts = batch.hosts.iter().flat_map(|one| &one.points);
        let all = hosts.chain(batch.containers.iter().flat_map(|one| &one.points));
        all.map(|point| point.value).next()
    }

    #[test]
    fn d9_a_hosts_share_comes_from_two_passes() {
        let before = host_at(0, &[("user", 10.0), ("idle", 100.0), ("iowait", 5.0)]);
        let after = host_at(5, &[("user", 12.0), ("idle", 105.0), ("iowait", 6.0)]);
        assert_eq!(share(&between(&before, &after)), Some(0.25));
    }

    #[test]
    fn d9_a_counter_that_began_anew_makes_no_share() {
        let before = host_at(0, &[("user", 10.0), ("idle", 100.0)]);
        let after = host_at(5, &[("user", 1.0), ("idle", 105.0)]);
        assert_eq!(share(&between(&before, &after)), None);
        assert_eq!(share(&between(&before, &before)), None, "nothing passed");
        assert_eq!(share(&between(&Batch::default(), &after)), None);
    }

    fn container_at(seconds: i64, id: &str, spent: f64, cpus: Option<f64>) -> Batch {
        let of = ContainerRef { id: id.into(), name: "web".into(), engine: "docker" };
        let mut points = vec![Point::plain(Metric::ContainerCpuSecondsTotal, spent)];
        points.extend(cpus.map(|cpus| Point::plain(Metric::ContainerCpus, cpus)));
        let at = Timestamp::from_millis(seconds * 1000);
        Batch { containers: vec![Measured { of, at, points }], ..Batch::default() }
    }

    #[test]
    fn d3_a_containers_share_is_of_what_it_may_take() {
        let before = container_at(0, "a", 1.0, Some(0.5));
        let of = |after: &Batch| share(&between(&before, after));
        assert_eq!(of(&container_at(10, "a", 3.5, Some(0.5))), Some(0.5));
        assert_eq!(of(&container_at(10, "a", 6.01, Some(0.5))), Some(1.0));
        assert_eq!(of(&container_at(10, "a", 0.5, Some(0.5))), None, "it was started anew");
        assert_eq!(of(&container_at(10, "b", 3.5, Some(0.5))), None, "another one");
        assert_eq!(of(&container_at(10, "a", 3.5, None)), None, "of how many is not known");
    }
}
