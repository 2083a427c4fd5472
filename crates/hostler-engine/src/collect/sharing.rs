//! Who tells a metric of a thing, where several measured it: exactly one, so that
//! nothing is there twice (X22, X35).
//!
//! ```text
//!  of          first                    then           then
//!  a host      its own kernel           the provider   the hypervisor by an agent
//!  a VM, pool  the provider             an agent's hypervisor
//!  a container this server's machine    agents         the provider
//! ```
//!
//! By what a VM runs, an agent may also see by its process, and the surest of these
//! tells it: looking at a process is more than concluding from an API (X2).
//!
//! The first whose latest value is fresh tells any other metric with all its labels; of
//! values that are all old, the first. A counter that two may tell counts the same
//! for both, so that it goes on where the one takes over from the other.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use hostler_core::metrics::hypervisor::{Confidence, surest};
use hostler_core::metrics::{Metric, Point};

use super::PassFigures;
use super::held::Origin;

/// Who measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeasuredBy {
    /// The thing's own provider.
    Provider,
    /// An agent, by its name.
    Agent(Arc<str>),
    /// This server, of its own machine.
    Own,
}

/// Metrics of a reading that another tells.
pub(crate) type Elsewhere = Option<Arc<HashSet<Metric>>>;

/// Decides for each metric who tells it; `passes` are in the order of the table above,
/// and afterwards by the kind of pass.
pub(super) fn settle(passes: &mut [PassFigures]) {
    let Some(first) = passes.first().map(|it| it.origin) else { return };
    if passes.iter().all(|it| it.origin == first) {
        return;
    }
    let mut told_by: HashMap<Metric, Origin> = HashMap::new();
    told_by.extend(surest_of(passes).map(|origin| (Metric::VmHypervisorInfo, origin)));
    for is_fresh in [true, false] {
        for figures in passes.iter_mut().filter(|it| it.is_fresh == is_fresh) {
            let Some(reading) = &figures.reading else { continue };
            let mut elsewhere = HashSet::new();
            for point in reading.points.iter().chain(&reading.own) {
                match told_by.entry(point.metric) {
                    Entry::Vacant(place) => drop(place.insert(figures.origin)),
                    Entry::Occupied(by) if *by.get() == figures.origin => {}
                    Entry::Occupied(_) => drop(elsewhere.insert(point.metric)),
                }
            }
            figures.elsewhere = Some(elsewhere).filter(|it| !it.is_empty()).map(Arc::new);
        }
    }
    passes.sort_by_key(|it| it.pass);
}

/// Who is surest of what a VM runs by, among those whose values are fresh.
fn surest_of(passes: &[PassFigures]) -> Option<Origin> {
    let fresh = passes.iter().filter(|it| it.is_fresh);
    let told = fresh.filter_map(|it| {
        let mut points = it.reading.as_ref()?.points.iter();
        Some((it.origin, points.find_map(confidence)?))
    });
    let told: Vec<(Origin, Confidence)> = told.collect();
    let at = surest(told.iter().map(|(_, confidence)| *confidence))?;
    told.get(at).map(|(origin, _)| *origin)
}

/// How sure a point says that it is, where it is one that does.
pub(super) fn confidence(point: &Point) -> Option<Confidence> {
    let is_it = point.metric == Metric::VmHypervisorInfo;
    point.labels.values().last().filter(|_| is_it).and_then(|word| Confidence::of_word(word))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hostler_core::Timestamp;
    use hostler_core::id::ProviderId;
    use hostler_core::metrics::{Cost, Labels, Point};
    use hostler_provider::Asked;
    use tokio::time::Instant;

    use super::*;
    use crate::collect::Reading;
    use crate::collect::machines::MachineKey;

    fn of(origin: Origin, pass: Cost, is_fresh: bool, told: &[(Metric, f64)]) -> PassFigures {
        let points = told.iter().map(|(metric, value)| Point::plain(*metric, *value));
        let points: Vec<Point> = points.collect();
        let rates = vec![None; points.len()];
        let (at, arrived) = (Timestamp::from_millis(1), Instant::now());
        PassFigures {
            pass,
            by: MeasuredBy::Provider,
            origin,
            reading: Some(Arc::new(Reading { at, arrived, points, rates, own: Vec::new() })),
            age: Duration::ZERO,
            is_fresh,
            silent: None,
            is_reached: is_fresh,
            elsewhere: None,
        }
    }

    fn told(passes: &[PassFigures]) -> Vec<(Metric, f64)> {
        let points = passes.iter().flat_map(PassFigures::points);
        let mut told: Vec<_> = points.map(|point| (point.metric, point.value)).collect();
        told.sort_by_key(|(metric, _)| *metric);
        told
    }

    /// What a VM runs by, by several who are not as sure.
    fn runs_by(told: &[(Origin, bool, &str, &str)]) -> Vec<String> {
        let figures = told.iter().map(|(origin, is_fresh, accelerator, confidence)| {
            let mut figures = of(*origin, Cost::State, *is_fresh, &[]);
            let labels = Labels::new(["x", accelerator, "x", confidence]);
            let points = vec![Point::labelled(Metric::VmHypervisorInfo, labels, 1.0)];
            let (at, arrived) = (Timestamp::from_millis(1), Instant::now());
            let rates = vec![None];
            figures.reading =
                Some(Arc::new(Reading { at, arrived, points, rates, own: Vec::new() }));
            figures
        });
        let mut figures: Vec<PassFigures> = figures.collect();
        settle(&mut figures);
        let points = figures.iter().flat_map(PassFigures::points);
        points.map(|point| point.labels.values()[1].to_string()).collect()
    }

    #[tokio::test]
    async fn x2_x35_by_what_a_vm_runs_is_told_once_by_the_surest() {
        let provider = Origin::Provider(ProviderId::new(Timestamp::from_millis(1), [1; 10]));
        let process = Origin::Machine(MachineKey::default(), Asked::Launchers);
        let api = (provider, true, "kvm", "low");
        assert_eq!(runs_by(&[api, (process, true, "tcg", "high")]), ["tcg"]);
        // As sure as each other: the provider, as for every other metric.
        assert_eq!(
            runs_by(&[(provider, true, "kvm", "high"), (process, true, "tcg", "high")]),
            ["kvm"]
        );
        // An agent that fell silent, or cannot tell, gives way to what was concluded.
        assert_eq!(runs_by(&[api, (process, false, "tcg", "high")]), ["kvm"]);
        assert_eq!(runs_by(&[api, (process, true, "unknown", "unknown")]), ["kvm"]);
    }

    const CPUS: Metric = Metric::HostCpus;
    const FREE: Metric = Metric::HostMemoryFreeBytes;
    const TOTAL: Metric = Metric::HostMemoryTotalBytes;

    #[tokio::test]
    async fn x35_each_metric_is_told_by_one_and_a_silent_one_gives_way() {
        let kernel = Origin::Machine(MachineKey::default(), Asked::Kernel);
        let provider = Origin::Provider(ProviderId::new(Timestamp::from_millis(1), [1; 10]));
        let both = |is_fresh| {
            let mut passes = vec![
                of(kernel, Cost::Stats, is_fresh, &[(FREE, 1.0)]),
                of(kernel, Cost::State, is_fresh, &[(CPUS, 1.0)]),
                of(provider, Cost::State, true, &[(CPUS, 2.0), (TOTAL, 2.0)]),
                of(provider, Cost::Stats, true, &[(FREE, 2.0)]),
            ];
            settle(&mut passes);
            passes
        };
        assert_eq!(told(&both(true)), [(CPUS, 1.0), (TOTAL, 2.0), (FREE, 1.0)]);
        let passes: Vec<Cost> = both(true).iter().map(|it| it.pass).collect();
        assert!(passes.is_sorted(), "{passes:?}");
        assert_eq!(told(&both(false)), [(CPUS, 2.0), (TOTAL, 2.0), (FREE, 2.0)]);
        // One that is alone keeps all it has.
        let mut alone = vec![of(kernel, Cost::Stats, true, &[(FREE, 1.0)])];
        settle(&mut alone);
        assert_eq!(told(&alone), [(FREE, 1.0)]);
    }
}
