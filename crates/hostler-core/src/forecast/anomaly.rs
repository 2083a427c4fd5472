//! What is not as it always was, and why that is said.
//!
//! Two ways: a value far from those of the same hour on other days, for several
//! values in a row; and a level that changed and stayed. Both go by medians, so
//! that yesterday's anomaly does not hide today's.

use std::time::Duration;

use super::stats::{median, number, spread};
use super::{Interval, NotEnough, sound, span};
use crate::metrics::series::Sample;

/// How strict it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strictness {
    /// How many usual distances from the usual is unusual.
    pub distance: f64,
    /// How many values in a row have to be so.
    pub in_a_row: usize,
    /// On how many other days there has to be something to compare with.
    pub days: usize,
}

impl Default for Strictness {
    fn default() -> Self {
        Self { distance: 6.0, in_a_row: 3, days: 7 }
    }
}

/// The fewest values at each side of a change.
pub const SIDE_MIN: usize = 24;
/// A change of level has to be so many usual distances.
const CHANGE_MIN: f64 = 4.0;
/// The chance that a series without change looks as changed as that.
const CHANCE_MAX: f64 = 1e-4;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Something unusual.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// In which way.
    pub kind: FindingKind,
    /// What was to be expected.
    pub expected: Interval,
    /// What was seen: the last value, or the new level.
    pub seen: f64,
    /// Since when, milliseconds since 1970.
    pub since_ms: i64,
    /// How many usual distances it is away.
    pub distance: f64,
    /// The reason, in words and figures.
    pub reason: String,
}

/// In which way something is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// Other than at this hour of other days.
    HourOfDay,
    /// The level changed, and stayed.
    Level,
}

/// Whether the newest values are other than those of the same hour on other
/// days. Hours are those of UTC: they are for comparing, not for showing. For
/// series of a value a minute or fewer: each unusual one costs a look at all.
///
/// # Errors
/// When there is too little to compare with, or it never changed.
pub fn hour_of_day(
    samples: &[Sample],
    strictness: Strictness,
) -> Result<Option<Finding>, NotEnough> {
    let samples = sound(samples);
    let in_a_row = strictness.in_a_row.max(1);
    let Some(newest) = samples.last() else {
        return Err(NotEnough::Points { have: 0, need: in_a_row });
    };
    let today = newest.at_ms.div_euclid(DAY_MS);
    let mut found: Option<Finding> = None;
    let mut row = 0;
    for sample in
        samples.iter().rev().take_while(|sample| sample.at_ms > newest.at_ms.saturating_sub(DAY_MS))
    {
        let usual = Usual::of(&samples, sample.at_ms, today, strictness);
        let usual = match usual {
            Ok(usual) => usual,
            // Nothing is known of an hour further back: what was found ends there.
            Err(_) if row >= in_a_row => break,
            Err(missing) => return Err(missing),
        };
        let distance = (sample.value - usual.middle).abs() / usual.spread;
        if distance < strictness.distance {
            break;
        }
        row += 1;
        let first = found.get_or_insert_with(|| Finding {
            kind: FindingKind::HourOfDay,
            expected: usual.expected(strictness.distance),
            seen: sample.value,
            since_ms: sample.at_ms,
            distance,
            reason: String::new(),
        });
        first.since_ms = sample.at_ms;
    }
    Ok(found.filter(|_| row >= in_a_row).map(|mut found| {
        let Finding { expected, seen, distance, .. } = &found;
        found.reason = format!(
            "{seen:.4} where {:.4} to {:.4} is usual at this hour: {distance:.1} times the usual \
             distance, for {row} values in a row",
            expected.low, expected.high
        );
        found
    }))
}

/// What is usual at an hour.
struct Usual {
    middle: f64,
    spread: f64,
}

impl Usual {
    fn of(
        samples: &[Sample],
        at_ms: i64,
        today: i64,
        strictness: Strictness,
    ) -> Result<Self, NotEnough> {
        let hour = |at_ms: i64| at_ms.div_euclid(HOUR_MS).rem_euclid(24);
        let is_other_day = |one: &&Sample| {
            one.at_ms.div_euclid(DAY_MS) != today && one.at_ms.saturating_add(DAY_MS / 2) <= at_ms
        };
        let same_hour = |one: &&Sample| hour(one.at_ms) == hour(at_ms);
        let history: Vec<&Sample> = samples.iter().filter(is_other_day).filter(same_hour).collect();
        let mut days: Vec<i64> = history.iter().map(|one| one.at_ms.div_euclid(DAY_MS)).collect();
        days.dedup();
        if days.len() < strictness.days.max(3) {
            let (have, need) = (days.len(), strictness.days.max(3));
            let day = |days: usize| Duration::from_secs(86_400) * u32::try_from(days).unwrap_or(0);
            return Err(NotEnough::Span { have: day(have), need: day(need) });
        }
        let values: Vec<f64> = history.iter().map(|one| one.value).collect();
        let (middle, spread) = match (median(&values), spread(&values)) {
            (Some(middle), Some(spread)) => (middle, spread),
            _ => return Err(NotEnough::Points { have: 0, need: strictness.days }),
        };
        // A last digit that flickers is no scatter to measure by.
        if spread <= middle.abs() * 1e-6 {
            return Err(NotEnough::Constant);
        }
        Ok(Self { middle, spread })
    }

    fn expected(&self, distance: f64) -> Interval {
        let away = distance * self.spread;
        Interval { low: self.middle - away, high: self.middle + away }
    }
}

/// Whether the level changed, and stayed changed. A line that rises is no
/// change of level, and a wave that comes every day is none either.
///
/// # Errors
/// When there are too few values, or they never changed.
pub fn change_of_level(samples: &[Sample]) -> Result<Option<Finding>, NotEnough> {
    let samples = sound(samples);
    if samples.len() < 2 * SIDE_MIN {
        return Err(NotEnough::Points { have: samples.len(), need: 2 * SIDE_MIN });
    }
    let raw: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    let first = raw.first().copied().unwrap_or_default();
    if raw.iter().all(|value| (value - first).abs() <= first.abs() * 1e-6) {
        return Err(NotEnough::Constant);
    }
    let values = without_days(&samples, &raw);
    let (split, chance) = most_likely_split(&values);
    if chance > CHANCE_MAX || split < SIDE_MIN || values.len() - split < SIDE_MIN {
        return Ok(None);
    }
    let (before, after) = values.split_at(split);
    let (Some(old), Some(new)) = (median(before), median(after)) else { return Ok(None) };
    let rest = before.iter().map(|value| value - old).chain(after.iter().map(|value| value - new));
    let rest: Vec<f64> = rest.collect();
    // Two levels without any scatter are as clear as can be.
    let usual = spread(&rest).unwrap_or(0.0).max((new - old).abs() * 1e-3);
    let distance = (new - old).abs() / usual;
    let off: f64 = rest.iter().map(|value| value.abs()).sum();
    if distance < CHANGE_MIN || off > 0.7 * off_a_line(&samples, &values) {
        return Ok(None);
    }
    let Some(since) = samples.get(split) else { return Ok(None) };
    let expected = Interval { low: old - 2.0 * usual, high: old + 2.0 * usual };
    let reason = format!(
        "the level went from {old:.4} to {new:.4} and stayed there for {} values: {distance:.1} \
         times the usual distance",
        after.len()
    );
    Ok(Some(Finding {
        kind: FindingKind::Level,
        expected,
        seen: new,
        since_ms: since.at_ms,
        distance,
        reason,
    }))
}

/// The values without what every day brings, where there are days enough to tell.
fn without_days(samples: &[Sample], values: &[f64]) -> Vec<f64> {
    if span(samples) < Duration::from_secs(4 * 86_400) {
        return values.to_vec();
    }
    let middle = median(values).unwrap_or(0.0);
    let hour = |at_ms: i64| at_ms.div_euclid(HOUR_MS).rem_euclid(24);
    let usual: Vec<f64> = (0..24)
        .map(|wanted| {
            let same = samples.iter().filter(|sample| hour(sample.at_ms) == wanted);
            let same: Vec<f64> = same.map(|sample| sample.value).collect();
            median(&same).unwrap_or(middle)
        })
        .collect();
    let usual_at = |at_ms: i64| usize::try_from(hour(at_ms)).ok().and_then(|at| usual.get(at));
    let without = |sample: &Sample| sample.value - usual_at(sample.at_ms).unwrap_or(&middle);
    samples.iter().map(|sample| without(sample) + middle).collect()
}

/// Where the ranks before and after differ most, and the chance of that
/// (Pettitt 1979).
fn most_likely_split(values: &[f64]) -> (usize, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |at: usize| values.get(at).copied().unwrap_or_default();
    order.sort_by(|one, other| value(*one).total_cmp(&value(*other)));
    let mut ranks = vec![0.0; values.len()];
    // Equal values share a rank: among few distinct values order says nothing.
    for same in order.chunk_by(|one, other| value(*one) == value(*other)) {
        let below = order.partition_point(|at| value(*at) < value(same[0]));
        for at in same {
            if let Some(rank) = ranks.get_mut(*at) {
                *rank = number(below) + (number(same.len()) + 1.0) / 2.0;
            }
        }
    }
    let n = number(values.len());
    let (mut sum, mut best, mut split) = (0.0, 0.0_f64, 0);
    for (at, rank) in ranks.iter().enumerate() {
        sum += rank;
        let apart = (2.0 * sum - number(at + 1) * (n + 1.0)).abs();
        if apart > best {
            (best, split) = (apart, at + 1);
        }
    }
    let chance = 2.0 * (-6.0 * best * best / (n * n * n + n * n)).exp();
    (split, chance.min(1.0))
}

/// How far the values are off a straight line, added up.
fn off_a_line(samples: &[Sample], values: &[f64]) -> f64 {
    let points: Vec<Sample> = samples
        .iter()
        .zip(values)
        .map(|(sample, value)| Sample { at_ms: sample.at_ms, value: *value })
        .collect();
    let needs = super::trend::Needs { points: 3, span: Duration::ZERO };
    match super::trend::trend(&points, needs) {
        Ok(line) => {
            points.iter().map(|point| (point.value - line.value_at(point.at_ms)).abs()).sum()
        }
        Err(_) => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::{DAY, Seeded, hourly, wave};
    use super::*;

    fn usual(seed: u64, days: usize) -> Vec<Sample> {
        let mut seeded = Seeded::new(seed);
        hourly(days * DAY, |hour| 50.0 + 20.0 * wave(hour) + 2.0 * seeded.normal())
    }

    #[test]
    fn d22_values_far_from_this_hour_of_other_days_are_found_with_the_reason() {
        let mut samples = usual(1, 15);
        let length = samples.len();
        for sample in &mut samples[length - 5..] {
            sample.value += 40.0;
        }
        let found = hour_of_day(&samples, Strictness::default()).unwrap().unwrap();
        assert_eq!(found.kind, FindingKind::HourOfDay);
        assert_eq!(found.since_ms, samples[length - 5].at_ms);
        assert_eq!(found.seen, samples[length - 1].value);
        assert!(!found.expected.holds(found.seen) && found.distance > 6.0);
        assert!(found.reason.contains("usual at this hour"), "{}", found.reason);
        assert!(found.reason.contains("5 values in a row"), "{}", found.reason);
    }

    #[test]
    fn d22_a_high_value_at_an_hour_that_is_always_high_is_usual() {
        for seed in 0..100 {
            let samples = usual(seed, 15);
            assert_eq!(hour_of_day(&samples, Strictness::default()), Ok(None), "seed {seed}");
            let found = change_of_level(&samples).unwrap();
            assert!(found.is_none(), "seed {seed}: {found:?}");
        }
    }

    #[test]
    fn d22_a_single_wild_value_is_not_told() {
        let mut samples = usual(2, 15);
        samples.last_mut().unwrap().value += 500.0;
        assert_eq!(hour_of_day(&samples, Strictness::default()), Ok(None));
    }

    #[test]
    fn d22_nothing_is_found_in_what_is_constant_or_sparse() {
        let constant = hourly(15 * DAY, |_| 5.0);
        let strictness = Strictness::default();
        assert_eq!(hour_of_day(&constant, strictness), Err(NotEnough::Constant));
        assert_eq!(change_of_level(&constant), Err(NotEnough::Constant));
        // Constant, and then not: there is no scatter to measure by.
        let mut once = constant;
        for sample in once.iter_mut().rev().take(5) {
            sample.value = 6.0;
        }
        assert_eq!(hour_of_day(&once, strictness), Err(NotEnough::Constant));
        let short = usual(3, 4);
        assert!(matches!(hour_of_day(&short, strictness), Err(NotEnough::Span { .. })));
        assert!(hour_of_day(&[], strictness).is_err());
        let far = [i64::MIN, 0, i64::MAX].map(|at_ms| Sample { at_ms, value: 1.0 });
        assert!(hour_of_day(&far, strictness).is_err());
        let few = &short[..2 * SIDE_MIN - 1];
        assert_eq!(change_of_level(few), Err(NotEnough::Points { have: 47, need: 48 }));
    }

    #[test]
    fn d22_a_level_that_changed_and_stayed_is_found_where_it_changed() {
        let mut off = 0;
        for seed in 0..50 {
            let mut seeded = Seeded::new(seed);
            let samples = hourly(8 * DAY, |hour| {
                let level = if hour < 100 { 20.0 } else { 35.0 };
                level + 5.0 * wave(hour) + seeded.normal()
            });
            let found = change_of_level(&samples).unwrap();
            let found = found.unwrap_or_else(|| panic!("seed {seed}"));
            assert_eq!(found.kind, FindingKind::Level);
            off += (found.since_ms - samples[100].at_ms).abs() / HOUR_MS;
            assert!((found.seen - found.expected.high).abs() > 5.0, "{found:?}");
            assert!(found.reason.contains("the level went from"), "{}", found.reason);
        }
        println!("the change was found {:.1} h from where it was", number(off as usize) / 50.0);
        assert!(off <= 50 * 6, "{off}");
    }

    #[test]
    fn d22_a_line_that_rises_and_mere_noise_are_no_change_of_level() {
        for seed in 0..100 {
            let mut seeded = Seeded::new(seed);
            let noise = hourly(8 * DAY, |_| 10.0 + seeded.normal());
            assert_eq!(change_of_level(&noise), Ok(None), "noise {seed}");
            let line = hourly(8 * DAY, |hour| 0.5 * number(hour) + seeded.normal());
            let found = change_of_level(&line).unwrap();
            assert!(found.is_none(), "line {seed}: {found:?}");
        }
    }

    #[test]
    fn d22_two_levels_without_scatter_are_found() {
        let samples = hourly(3 * DAY, |hour| if hour < 36 { 1.0 } else { 2.0 });
        let found = change_of_level(&samples).unwrap().unwrap();
        assert_eq!((found.seen, found.since_ms), (2.0, samples[36].at_ms));
    }
}
