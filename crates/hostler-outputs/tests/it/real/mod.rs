//! Against the real ones: what was sent is read back with every bit, also when it was sent
//! twice, and whoever is away is told to be.

mod influx;
mod postgres;
mod remote_write;

use std::time::Duration;

use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_outputs::{Kind, Options, Output, STALE_BITS};

/// Values that do not survive careless hands.
pub(crate) const VALUES: [f64; 9] =
    [0.1, 1.0 / 3.0, 5e-324, 2.2e-308, -1.797e308, 9_007_199_254_740_993.0, 1e21, 0.0, 123.456];

/// Label values that do not either.
pub(crate) const NASTY: [&str; 6] = ["web 1", "a=b,c", "\"q\"", "ünï🦀", "c:\\x\\y", "it's; -- $1"];

/// A time that any of them takes, some while ago.
pub(crate) const START_MS: i64 = 1_700_000_000_123;

pub(crate) fn output(kind: Kind) -> Output {
    let timeout = Duration::from_secs(60);
    Output::new(&Options { kind, labels: Vec::new(), timeout, ca_file: None }).unwrap()
}

pub(crate) fn key(vm: &str) -> SeriesKey {
    SeriesKey::new("hostler_test_ratio", [("vm", vm), ("host", "h1")]).unwrap()
}

/// What VictoriaMetrics keeps exactly: decimals of one size, since it keeps no floating point.
pub(crate) const DECIMALS: [f64; 9] = [0.1, 12.5, 1024.0, 3.125, -7.0, 99.75, 1e6, 0.0, 123.456];

/// A value of each of the nasty names at a time.
pub(crate) fn pass(at: usize) -> Vec<(SeriesKey, Sample)> {
    pass_of(&VALUES, at)
}

pub(crate) fn pass_of(values: &[f64], at: usize) -> Vec<(SeriesKey, Sample)> {
    let at_ms = START_MS + 1000 * at as i64;
    let value = values[at % values.len()];
    NASTY.iter().map(|vm| (key(vm), Sample { at_ms, value })).collect()
}

pub(crate) fn end(vm: &str, at: usize) -> (SeriesKey, Sample) {
    let at_ms = START_MS + 1000 * at as i64;
    (key(vm), Sample { at_ms, value: f64::from_bits(STALE_BITS) })
}

/// Times and bits of a series of [`pass_of`].
pub(crate) fn expected(values: &[f64], passes: usize) -> Vec<(i64, u64)> {
    let one = |at: usize| (START_MS + 1000 * at as i64, values[at % values.len()].to_bits());
    (0..passes).map(one).collect()
}
