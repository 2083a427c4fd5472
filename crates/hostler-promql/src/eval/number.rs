//! Arithmetic that several functions share, with the corner cases of Prometheus:
//! infinities, NaN, and sums that keep their digits.

use hostler_core::metrics::series::Sample;

use super::select::seconds;

/// A count as a value.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(super) fn count(count: usize) -> f64 {
    count as f64
}

/// A sum with what rounding took from it (Neumaier's).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) sum: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(self, value: f64) -> Self {
        let sum = self.sum + value;
        let lost = if self.sum.abs() >= value.abs() {
            (self.sum - sum) + value
        } else {
            (value - sum) + self.sum
        };
        Self { sum, lost: self.lost + lost }
    }

    /// The sum as it is, whatever it is.
    pub(super) fn exact(self) -> f64 {
        self.sum + self.lost
    }

    /// The sum; of infinities what was lost makes no sense.
    pub(super) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.exact() }
    }
}

/// The straight line with the least squares: its slope by second, and its value at a time.
pub(super) fn regression(samples: &[Sample], at_ms: i64) -> (f64, f64) {
    let first = samples.first().map_or(f64::NAN, |sample| sample.value);
    // Exact, where rounding would give a slope of almost nothing.
    if samples.iter().skip(1).all(|sample| sample.value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let mut sums = [Sum::default(); 4];
    for sample in samples {
        let (x, y) = (seconds(sample.at_ms - at_ms), sample.value);
        for (sum, term) in sums.iter_mut().zip([x, y, x * y, x * x]) {
            *sum = sum.add(term);
        }
    }
    let [x, y, xy, xx] = sums.map(Sum::exact);
    let n = count(samples.len());
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

/// The value below which this share of the values is, between two of them where it falls there.
pub(super) fn quantile(share: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || share.is_nan() {
        return f64::NAN;
    }
    if share < 0.0 {
        return f64::NEG_INFINITY;
    }
    if share > 1.0 {
        return f64::INFINITY;
    }
    // NaN counts as the smallest.
    values.sort_unstable_by(|one, other| {
        other.is_nan().cmp(&one.is_nan()).then_with(|| one.total_cmp(other))
    });
    let rank = share * count(values.len() - 1);
    let weight = rank - rank.floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of values"
    )]
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let value = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    value(lower) * (1.0 - weight) + value(upper) * weight
}

/// The larger; NaN if one is, unless the other is infinitely large.
pub(super) fn larger(one: f64, other: f64) -> f64 {
    if one == f64::INFINITY || other == f64::INFINITY {
        f64::INFINITY
    } else if one.is_nan() || other.is_nan() {
        f64::NAN
    } else {
        one.max(other)
    }
}

/// The smaller; NaN if one is, unless the other is infinitely small.
pub(super) fn smaller(one: f64, other: f64) -> f64 {
    -larger(-one, -other)
}
