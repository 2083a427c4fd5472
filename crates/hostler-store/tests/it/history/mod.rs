//! History from outside: what it takes, answers and keeps, through crashes, damage
//! and years.

mod crash;
mod damage;
mod fleet;
mod model;
mod questions;
mod retention;

use std::path::Path;

use hostler_core::metrics::series::{Matcher, Sample, SeriesData, SeriesKey};
use hostler_store::history::{Archive, Limits, Options};

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// Midnight, and where a partition of each tier begins: day 19680 is a multiple of 32.
pub(crate) const START: i64 = 19_680 * DAY;

/// Small everywhere, so that a few samples reach every border.
pub(crate) fn small() -> Options {
    Options { chunk_samples: 7, log_bytes: 64 << 10, ..Options::default() }
}

pub(crate) fn open(path: &Path, options: &Options) -> Archive {
    Archive::open(path, options.clone()).unwrap()
}

pub(crate) fn key(name: &str, vm: usize) -> SeriesKey {
    SeriesKey::new(name, [("vm", format!("vm-{vm}")), ("host", "h1".into())]).unwrap()
}

pub(crate) fn at(key: &SeriesKey, at_ms: i64, value: f64) -> (SeriesKey, Sample) {
    (key.clone(), Sample { at_ms, value })
}

/// Everything that there is.
pub(crate) fn all(archive: &Archive) -> Vec<SeriesData> {
    let limits = Limits { series: usize::MAX, samples: usize::MAX };
    archive.select(&[], i64::MIN, i64::MAX, limits).unwrap()
}

pub(crate) fn of(archive: &Archive, name: &str) -> Vec<(i64, f64)> {
    let found =
        archive.select(&[Matcher::named(name)], i64::MIN, i64::MAX, Limits::default()).unwrap();
    assert!(found.len() <= 1, "{} series", found.len());
    let samples = found.into_iter().flat_map(|data| data.samples);
    samples.map(|sample| (sample.at_ms, sample.value)).collect()
}
