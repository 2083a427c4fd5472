//! The series that are held, with what has to be known of them at each push: whose they
//! are, and which families they make.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::metrics::MetricKind;
use hostler_core::metrics::custom::family;
use hostler_core::metrics::series::SeriesKey;
use tokio::time::Instant;

use super::Of;

/// A series: its name and own labels, and what it is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Series {
    pub(super) key: SeriesKey,
    pub(super) of: Of,
}

/// Its newest sample.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) kind: MetricKind,
    pub(super) value: f64,
    pub(super) at: Timestamp,
    /// When it arrived; ages are counted from this, whatever clocks do.
    pub(super) arrived: Instant,
    /// How old it was by then.
    pub(super) lag: Duration,
    pub(super) by: Arc<str>,
    /// As what it goes on in the history; `None` where it has ended there or never began.
    pub(super) written: Option<SeriesKey>,
}

impl Held {
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.arrived).saturating_add(self.lag)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct State {
    series: BTreeMap<Series, Held>,
    /// How many series each user has.
    users: HashMap<Arc<str>, usize>,
    /// The kind of each family, and how many series it has.
    families: HashMap<Box<str>, (MetricKind, usize)>,
}

impl State {
    pub(super) fn all(&self) -> impl Iterator<Item = (&Series, &Held)> {
        self.series.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    pub(super) fn get(&self, series: &Series) -> Option<&Held> {
        self.series.get(series)
    }

    pub(super) fn get_mut(&mut self, series: &Series) -> Option<&mut Held> {
        self.series.get_mut(series)
    }

    /// How many series somebody has.
    pub(super) fn of_user(&self, by: &str) -> usize {
        self.users.get(by).copied().unwrap_or(0)
    }

    /// The kind of the family that this name belongs to, if it has any series.
    pub(super) fn kind(&self, name: &str) -> Option<MetricKind> {
        self.families.get(family(name)).map(|(kind, _)| *kind)
    }

    /// Holds a sample instead of the one before; the series is whose it is.
    pub(super) fn hold(&mut self, series: Series, held: Held) {
        self.remove(&series);
        *self.users.entry(held.by.clone()).or_default() += 1;
        let name = family(series.key.name());
        let of_family = self.families.entry(name.into()).or_insert((held.kind, 0));
        of_family.1 += 1;
        self.series.insert(series, held);
    }

    pub(super) fn remove(&mut self, series: &Series) -> Option<Held> {
        let held = self.series.remove(series)?;
        if let Some(count) = self.users.get_mut(&held.by) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&held.by);
            }
        }
        let name = family(series.key.name());
        if let Some((_, count)) = self.families.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.families.remove(name);
            }
        }
        Some(held)
    }
}
