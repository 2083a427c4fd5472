//! Medians and their kin: a few wild values do not move them, as they would move
//! a mean.

use super::Sample;

/// What a median deviation has to be multiplied by to compare with a bell's spread.
const BELL: f64 = 1.4826;

/// The value below which this share lies (0 to 1), between two by proportion;
/// none of nothing.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted_quantile(&sorted, share)
}

/// The same of values that are sorted.
pub(super) fn sorted_quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[expect(clippy::cast_precision_loss, reason = "an index far below 2^53")]
    let place = share.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and an index"
    )]
    let below = place.floor() as usize;
    let low = *sorted.get(below)?;
    let high = *sorted.get(below + 1).unwrap_or(&low);
    Some(low + (high - low) * place.fract())
}

/// The middle one.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// How far values usually are from their median, comparable with a bell's spread.
pub(super) fn spread(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let apart: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    Some(median(&apart)? * BELL)
}

/// A number of things as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(super) fn number(count: usize) -> f64 {
    count as f64
}

/// Seconds between two times, exact up to a millisecond for 285,000 years.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(super) fn seconds(from_ms: i64, to_ms: i64) -> f64 {
    to_ms.saturating_sub(from_ms) as f64 / 1000.0
}

/// At most `most` samples that stand for all: medians of as many equal parts.
pub(super) fn thinned(samples: &[Sample], most: usize) -> Vec<Sample> {
    if samples.len() <= most {
        return samples.to_vec();
    }
    let part = samples.len().div_ceil(most.max(1));
    let of_part = |part: &[Sample]| {
        let values: Vec<f64> = part.iter().map(|sample| sample.value).collect();
        let middle = part.get(part.len() / 2)?;
        Some(Sample { at_ms: middle.at_ms, value: median(&values)? })
    };
    samples.chunks(part).filter_map(of_part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_not_moved_by_a_wild_value() {
        assert_eq!(median(&[1.0, 2.0, 1e9]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(median(&[]), None);
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 1.0), Some(3.0));
        assert_eq!(quantile(&[7.0], 0.3), Some(7.0));
        assert_eq!(spread(&[1.0, 1.0, 5.0]), Some(0.0));
        assert_eq!(spread(&[1.0, 2.0, 3.0, 4.0, 900.0]), Some(BELL));
    }

    #[test]
    fn many_samples_are_stood_for_by_few() {
        let samples: Vec<Sample> =
            (0..1000).map(|at| Sample { at_ms: at, value: number(at as usize) }).collect();
        let few = thinned(&samples, 100);
        assert_eq!(few.len(), 100);
        assert_eq!(few[0].value, 4.5);
        assert_eq!(thinned(&samples, 1000), samples);
    }
}
