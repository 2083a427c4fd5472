//! What was measured, and how it is compared: medians, ranges and ratios.
//!
//! Rounds are interleaved, so the values of one round were measured next to each other. The ratio of
//! a comparison is that of the medians; the ratios within single rounds show how far it can be
//! believed.

use std::time::Duration;

/// What the values of a comparison count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds; fewer are better.
    Seconds,
    /// Things in a second; more are better.
    PerSecond,
    /// Bytes; fewer are better.
    Bytes,
    /// A share of one processor's time; less is better.
    Processor,
}

impl Unit {
    /// A value with three significant digits and the unit that fits it.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Unit::PerSecond => format!("{} /s", significant(value)),
            Unit::Processor => format!("{} %", significant(value * 100.0)),
            Unit::Bytes if value >= 1048576.0 => format!("{} MiB", significant(value / 1048576.0)),
            Unit::Bytes if value >= 1024.0 => format!("{} KiB", significant(value / 1024.0)),
            Unit::Bytes => format!("{} B", significant(value)),
            Unit::Seconds if value >= 1.0 => format!("{} s", significant(value)),
            Unit::Seconds if value >= 0.001 => format!("{} ms", significant(value * 1e3)),
            Unit::Seconds => format!("{} µs", significant(value * 1e6)),
        }
    }

    /// Which side of 1 is the better one.
    pub(crate) fn better(self) -> &'static str {
        match self {
            Unit::Seconds | Unit::Bytes | Unit::Processor => "below 1",
            Unit::PerSecond => "above 1",
        }
    }
}

/// Three significant digits, never in scientific notation.
pub(crate) fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        size if size >= 0.1 => format!("{value:.3}"),
        size if size >= 0.01 => format!("{value:.4}"),
        _ => format!("{value:.5}"),
    }
}

/// The values of one thing, one of each round, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// What did it, such as `virsh list --all`.
    pub(crate) who: String,
    /// A value a round.
    pub(crate) values: Vec<f64>,
}

impl Sample {
    /// Nothing measured yet.
    pub(crate) fn of(who: impl Into<String>) -> Sample {
        Sample { who: who.into(), values: Vec::new() }
    }

    /// A limit that was set: the same in each of so many rounds.
    pub(crate) fn limit(value: f64, rounds: usize) -> Sample {
        Sample { who: "limit".into(), values: vec![value; rounds] }
    }

    /// Adds the value of the next round.
    pub(crate) fn add(&mut self, value: f64) {
        self.values.push(value);
    }

    /// Adds a duration as the value of the next round.
    pub(crate) fn took(&mut self, duration: Duration) {
        self.add(duration.as_secs_f64());
    }

    /// The value in the middle.
    pub(crate) fn median(&self) -> Option<f64> {
        median(&self.values)
    }

    /// The lowest and the highest.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        range(&self.values)
    }
}

/// Two ways to the same end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    /// What is measured, from when to when.
    pub(crate) what: String,
    /// What the values count.
    pub(crate) unit: Unit,
    /// What is judged.
    pub(crate) ours: Sample,
    /// What it is judged by.
    pub(crate) theirs: Sample,
}

impl Comparison {
    /// Ours by theirs, of the medians; none where theirs is 0 or nothing was measured.
    pub(crate) fn ratio(&self) -> Option<f64> {
        divided(self.ours.median()?, self.theirs.median()?)
    }

    /// The lowest and the highest ratio within a round.
    pub(crate) fn ratio_range(&self) -> Option<(f64, f64)> {
        let pairs = self.ours.values.iter().zip(&self.theirs.values);
        let ratios: Vec<f64> = pairs.filter_map(|(ours, theirs)| divided(*ours, *theirs)).collect();
        range(&ratios)
    }
}

fn divided(ours: f64, theirs: f64) -> Option<f64> {
    let ratio = ours / theirs;
    ratio.is_finite().then_some(ratio)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The middle one; of an even number, between the two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn range(values: &[f64]) -> Option<(f64, f64)> {
    let sorted = sorted(values);
    Some((*sorted.first()?, *sorted.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample { who: "x".into(), values: values.to_vec() }
    }

    fn comparison(ours: &[f64], theirs: &[f64]) -> Comparison {
        let (ours, theirs) = (sample(ours), sample(theirs));
        Comparison { what: "w".into(), unit: Unit::Seconds, ours, theirs }
    }

    #[test]
    fn the_median_is_in_the_middle_however_many_rounds_there_are() {
        assert_eq!(sample(&[5.0, 1.0, 100.0]).median(), Some(5.0));
        assert_eq!(sample(&[4.0, 1.0, 2.0, 100.0]).median(), Some(3.0));
        assert_eq!(sample(&[7.0]).median(), Some(7.0));
        assert_eq!(sample(&[]).median(), None);
    }

    #[test]
    fn ratios_are_of_medians_and_their_range_is_of_rounds() {
        let it = comparison(&[1.0, 2.0, 9.0], &[2.0, 4.0, 3.0]);
        assert_eq!(it.ratio(), Some(2.0 / 3.0));
        assert_eq!(it.ratio_range(), Some((0.5, 3.0)));
    }

    #[test]
    fn nothing_is_compared_with_nothing() {
        assert_eq!(comparison(&[1.0], &[]).ratio(), None);
        assert_eq!(comparison(&[1.0], &[0.0]).ratio(), None);
        assert_eq!(comparison(&[1.0], &[0.0]).ratio_range(), None);
        assert_eq!(comparison(&[], &[]).ratio_range(), None);
    }

    #[test]
    fn values_are_shown_with_the_unit_that_fits_them() {
        let shown = [0.000_25, 0.012_34, 1.5, 123.4].map(|value| Unit::Seconds.show(value));
        assert_eq!(shown, ["250 µs", "12.3 ms", "1.50 s", "123 s"]);
        assert_eq!(Unit::PerSecond.show(12_345.6), "12346 /s");
        let shown = [1.5, 2048.0, 3_145_728.0].map(|value| Unit::Bytes.show(value));
        assert_eq!(shown, ["1.50 B", "2.00 KiB", "3.00 MiB"]);
        assert_eq!(Unit::Processor.show(0.0123), "1.23 %");
        let ratios = [0.0, 0.004_641, 0.0456, 0.333_33, 12.34].map(significant);
        assert_eq!(ratios, ["0.00", "0.00464", "0.0456", "0.333", "12.3"]);
    }
}
