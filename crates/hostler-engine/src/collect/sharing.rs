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
//! The first whose latest value is fresh tells the metric with all its labels; of
//! values that are all old, the first. A counter that two may tell counts the same
//! for both, so that it goes on where the one takes over from the other.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use hostler_core::metrics::Metric;

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hostler_core::Timestamp;
    use hostler_core::id::ProviderId;
    use hostler_core::metrics::{Cost, Point};
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
