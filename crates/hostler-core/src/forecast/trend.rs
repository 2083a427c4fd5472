//! The direction of a series, and when it arrives somewhere.
//!
//! The line is Theil and Sen's: the median of the slopes between all pairs of
//! points. A third of the values may be wild and it stays where it was. How sure
//! the slope is follows from the ranks of those slopes (Sen 1968), widened where
//! neighbours resemble each other, as measured values do.

use std::time::Duration;

use super::stats::{median, number, seconds, spread, thinned};
use super::{Interval, NotEnough, sound, span};
use crate::metrics::series::Sample;

/// The most points that a line is drawn through; more are stood for by medians.
pub const POINTS_MAX: usize = 300;
/// How much further than it looked back a trend may look ahead.
pub const AHEAD_MAX: u32 = 4;
/// How many times the line is tried on the past.
pub const TRIALS: usize = 8;
/// The most points of a line that is tried: there are several.
const TRIED_POINTS_MAX: usize = 100;
/// So many usual distances from the line have left it.
const LEFT: f64 = 4.0;
const DAY: Duration = Duration::from_secs(86_400);
/// The standard deviations that hold 95 %.
const Z95: f64 = 1.96;

/// What a trend needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needs {
    /// So many values.
    pub points: usize,
    /// So far back.
    pub span: Duration,
}

impl Default for Needs {
    /// 30 values over 6 hours.
    fn default() -> Self {
        Self { points: 30, span: Duration::from_secs(6 * 3600) }
    }
}

/// A line through a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// The middle of the time that was looked at, milliseconds since 1970.
    pub centre_ms: i64,
    /// The end of it.
    pub end_ms: i64,
    /// The line's value at the centre.
    pub level: f64,
    /// How much it rises in a second.
    pub slope: f64,
    /// What holds the true slope 95 times of 100.
    pub slope_interval: Interval,
    /// How far values usually are from the line.
    pub spread: f64,
    /// How many values it goes by.
    pub points: usize,
    /// How far back they reach.
    pub span: Duration,
}

/// Where a series may not go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// It must not rise to this.
    Above(f64),
    /// It must not fall to this.
    Below(f64),
}

/// When a trend arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrival {
    /// It is there already.
    Reached,
    /// Then, if it goes on as it did. Milliseconds since 1970.
    At {
        /// Hardly before.
        earliest_ms: i64,
        /// Most likely.
        likely_ms: i64,
        /// Hardly after; `None` where it may as well not arrive within the horizon.
        latest_ms: Option<i64>,
    },
    /// Not within the horizon, and that is sure.
    NotWithin,
}

/// How good such lines were on the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackTest {
    /// From how many points of the past it was tried.
    pub trials: usize,
    /// How far ahead of these points.
    pub ahead: Duration,
    /// How far the line was off there, on average.
    pub mean_error: f64,
    /// How far off it is to say "as now".
    pub naive_error: f64,
}

/// The line through these samples.
///
/// # Errors
/// When there are too few or they do not reach back far enough.
pub fn trend(samples: &[Sample], needs: Needs) -> Result<Trend, NotEnough> {
    let samples = sound(samples);
    let (points, reaches) = (samples.len(), span(&samples));
    if points < needs.points.max(3) {
        return Err(NotEnough::Points { have: points, need: needs.points.max(3) });
    }
    if reaches < needs.span || reaches.is_zero() {
        let need = needs.span.max(Duration::from_secs(1));
        return Err(NotEnough::Span { have: reaches, need });
    }
    let thin = thinned(&samples, POINTS_MAX);
    let missing = NotEnough::Points { have: points, need: needs.points };
    let (Some(first), Some(last)) = (thin.first(), thin.last()) else { return Err(missing) };
    let centre_ms = i64::midpoint(first.at_ms, last.at_ms);
    let end_ms = samples.last().map_or(last.at_ms, |sample| sample.at_ms);

    let mut slopes = slopes(&thin);
    slopes.sort_by(f64::total_cmp);
    let slope = median(&slopes).ok_or(missing.clone())?;
    let rests: Vec<f64> =
        thin.iter().map(|at| at.value - slope * seconds(centre_ms, at.at_ms)).collect();
    let level = median(&rests).ok_or(missing.clone())?;
    let off: Vec<f64> = rests.iter().map(|rest| rest - level).collect();
    let spread = spread(&off).ok_or(missing)?;
    let slope_interval = interval(&slopes, thin.len(), resemblance(&off), slope);
    Ok(Trend { centre_ms, end_ms, level, slope, slope_interval, spread, points, span: reaches })
}

/// How good lines were that ended at points of the past, each looking back as far as
/// this and ahead to the horizon, or both a third of what there is.
///
/// # Errors
/// When there are too few samples, or too many are missing where it is tried.
pub fn back_test(
    samples: &[Sample],
    back: Duration,
    horizon: Duration,
) -> Result<BackTest, NotEnough> {
    let samples = sound(samples);
    let need = Needs::default().points;
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Err(NotEnough::Points { have: 0, need });
    };
    if samples.len() < need {
        return Err(NotEnough::Points { have: samples.len(), need });
    }
    let third = span(&samples) / 3;
    let (ahead, back) = (horizon.min(third), back.min(third));
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let from_ms = first.at_ms.saturating_add(millis(back));
    let room = i128::from(last.at_ms.saturating_sub(millis(ahead))) - i128::from(from_ms);
    let mut off = Vec::with_capacity(TRIALS);
    for trial in 0..TRIALS {
        let part = room * i128::try_from(trial).unwrap_or(0) / (TRIALS as i128 - 1);
        let origin_ms = from_ms.saturating_add(i64::try_from(part).unwrap_or(0));
        off.extend(tried(&samples, origin_ms, millis(back), millis(ahead)));
    }
    if off.len() * 2 < TRIALS {
        return Err(NotEnough::Gaps { have: number(off.len()) / number(TRIALS), need: 0.5 });
    }
    let mean = |errors: &mut dyn Iterator<Item = f64>| errors.sum::<f64>() / number(off.len());
    Ok(BackTest {
        trials: off.len(),
        ahead,
        mean_error: mean(&mut off.iter().map(|(line, _)| *line)),
        naive_error: mean(&mut off.iter().map(|(_, naive)| *naive)),
    })
}

/// How far a line that ends at `origin_ms` is off `ahead_ms` later, and how far its last
/// value is; none where values are missing.
fn tried(samples: &[Sample], origin_ms: i64, back_ms: i64, ahead_ms: i64) -> Option<(f64, f64)> {
    let since_ms = origin_ms.saturating_sub(back_ms);
    let goal_ms = origin_ms.saturating_add(ahead_ms);
    let at = |ms: i64| samples.partition_point(|it| it.at_ms <= ms);
    let past = samples.get(at(since_ms.saturating_sub(1))..at(origin_ms))?;
    let came = samples.get(at(goal_ms).checked_sub(1)?)?;
    // What came long before is not what came then.
    if came.at_ms <= goal_ms.saturating_sub((ahead_ms / 10).max(1)) {
        return None;
    }
    let needs = Needs { points: 5, span: Duration::ZERO };
    let line = trend(&thinned(past, TRIED_POINTS_MAX), needs).ok()?;
    let last = past.last()?;
    Some(((line.value_at(came.at_ms) - came.value).abs(), (last.value - came.value).abs()))
}

fn slopes(points: &[Sample]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (at, one) in points.iter().enumerate() {
        for other in points.iter().skip(at + 1) {
            slopes.push((other.value - one.value) / seconds(one.at_ms, other.at_ms));
        }
    }
    slopes
}

/// How much each value resembles the one before, from 0 to almost 1.
fn resemblance(off: &[f64]) -> f64 {
    let total: f64 = off.iter().map(|value| value * value).sum();
    let pairs: f64 = off.windows(2).map(|pair| pair.iter().product::<f64>()).sum();
    if total > 0.0 { (pairs / total).clamp(0.0, 0.95) } else { 0.0 }
}

/// The slopes between which the true one lies, by their ranks.
fn interval(sorted: &[f64], points: usize, resemblance: f64, slope: f64) -> Interval {
    let n = number(points);
    let pairs = number(sorted.len());
    let spread = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    // Values that resemble each other are worth fewer.
    let widened = Z95 * spread * ((1.0 + resemblance) / (1.0 - resemblance)).sqrt();
    let share = |rank: f64| super::stats::sorted_quantile(sorted, rank / pairs);
    let low = share((pairs - widened) / 2.0).unwrap_or(slope);
    let high = share((pairs + widened) / 2.0).unwrap_or(slope);
    Interval { low, high }
}

impl Trend {
    /// The line's value at a time.
    pub fn value_at(&self, at_ms: i64) -> f64 {
        self.level + self.slope * seconds(self.centre_ms, at_ms)
    }

    /// Whether the newest values still lie along it. A line by medians does not bend for
    /// values that have just begun to go elsewhere, so that without this it would go on as
    /// if they were not. The newest are those of a day, so that the shape of a day is no
    /// turn; where it looked back less than three, a tenth.
    ///
    /// # Errors
    /// [`NotEnough::Turned`] when they have left it.
    pub fn still_holds(&self, samples: &[Sample]) -> Result<(), NotEnough> {
        let newest = if self.span < 3 * DAY { self.span / 10 } else { DAY };
        let newest = i64::try_from(newest.as_millis()).unwrap_or(i64::MAX);
        let since_ms = self.end_ms.saturating_sub(newest);
        let samples = sound(samples);
        let of_it = samples.iter().filter(|it| (since_ms..=self.end_ms).contains(&it.at_ms));
        let off: Vec<f64> = of_it.map(|it| it.value - self.value_at(it.at_ms)).collect();
        let off = median(&off).unwrap_or(0.0).abs();
        // A last digit that flickers is no turn.
        let usual = self.spread.max(self.level.abs() * 1e-6);
        if off > LEFT * usual { Err(NotEnough::Turned { off, usual }) } else { Ok(()) }
    }

    /// When it arrives at a threshold, looking as far ahead as the horizon.
    ///
    /// # Errors
    /// [`NotEnough::Span`] when the horizon is further than [`AHEAD_MAX`] times
    /// what was looked back at, and [`NotEnough::Noise`] when it may arrive
    /// within the horizon and may as well go the other way.
    pub fn time_to(&self, threshold: Threshold, horizon: Duration) -> Result<Arrival, NotEnough> {
        let need = horizon / AHEAD_MAX;
        if self.span < need {
            return Err(NotEnough::Span { have: self.span, need });
        }
        // Turned so that the threshold lies above.
        let (goal, level, slope, steep, flat) = match threshold {
            Threshold::Above(goal) => {
                let Interval { low, high } = self.slope_interval;
                (goal, self.level, self.slope, high, low)
            }
            Threshold::Below(goal) => {
                let Interval { low, high } = self.slope_interval;
                (-goal, -self.level, -self.slope, -low, -high)
            }
        };
        let to_end = seconds(self.centre_ms, self.end_ms);
        if level + slope * to_end >= goal {
            return Ok(Arrival::Reached);
        }
        // Seconds after the centre at which a line of this slope is there.
        let crossing = |from: f64, slope: f64| (slope > 0.0).then(|| (goal - from) / slope);
        let last = to_end + horizon.as_secs_f64();
        let within = |at: Option<f64>| at.filter(|at| *at <= last);
        let at_ms = |at: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "within the horizon")]
            let millis = (at.max(to_end) * 1000.0) as i64;
            self.centre_ms.saturating_add(millis)
        };
        // A value may be above the line by as much as values are.
        let Some(earliest) = within(crossing(level + self.spread, steep)) else {
            return Ok(Arrival::NotWithin);
        };
        let latest = within(crossing(level - self.spread, flat));
        match within(crossing(level, slope)) {
            // It has to rise for sure; how fast may be unsure.
            Some(likely) if flat > 0.0 => Ok(Arrival::At {
                earliest_ms: at_ms(earliest),
                likely_ms: at_ms(likely),
                latest_ms: latest.map(at_ms),
            }),
            _ => Err(NotEnough::Noise),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests_support::{DAY, Seeded, hourly, wave};
    use super::*;

    const HOUR: f64 = 3600.0;

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * 86_400)
    }

    fn line(seed: u64, hours: usize, slope: f64, noise: f64) -> Vec<Sample> {
        let mut seeded = Seeded::new(seed);
        hourly(hours, |hour| 100.0 + slope * number(hour) + noise * seeded.normal())
    }

    #[test]
    fn c22d_a_line_without_noise_arrives_when_it_arrives() {
        let samples = line(1, 48, 1.0, 0.0);
        let trend = trend(&samples, Needs::default()).unwrap();
        assert!((trend.slope * HOUR - 1.0).abs() < 1e-9);
        // 147 at the last hour; 171 is a day later.
        let end = samples[47].at_ms;
        let Arrival::At { earliest_ms, likely_ms, latest_ms } =
            trend.time_to(Threshold::Above(171.0), days(2)).unwrap()
        else {
            panic!("{trend:?}")
        };
        let day_later = end + 86_400_000;
        for told in [earliest_ms, likely_ms, latest_ms.unwrap()] {
            assert!((told - day_later).abs() < 1000, "{told} is not {day_later}");
        }
        assert_eq!(trend.time_to(Threshold::Above(120.0), days(1)), Ok(Arrival::Reached));
        assert_eq!(trend.time_to(Threshold::Below(50.0), days(1)), Ok(Arrival::NotWithin));
        assert_eq!(trend.time_to(Threshold::Above(1e9), days(1)), Ok(Arrival::NotWithin));
    }

    #[test]
    fn c22d_falling_is_rising_the_other_way() {
        let samples = line(2, 48, -1.0, 0.0);
        let trend = trend(&samples, Needs::default()).unwrap();
        let told = trend.time_to(Threshold::Below(41.0), days(1)).unwrap();
        let Arrival::At { likely_ms, .. } = told else { panic!("{told:?}") };
        // 53 at the last hour.
        assert!((likely_ms - samples[47].at_ms - 12 * 3_600_000).abs() < 1000);
        assert_eq!(trend.time_to(Threshold::Below(60.0), days(1)), Ok(Arrival::Reached));
    }

    #[test]
    fn d22_the_interval_of_the_slope_holds_the_true_one_as_often_as_it_says() {
        let held = (0..200).filter(|seed| {
            let trend = trend(&line(*seed, 72, 0.5, 3.0), Needs::default()).unwrap();
            trend.slope_interval.holds(0.5 / HOUR)
        });
        let held = held.count();
        println!("the 95 % interval of the slope held {held} of 200");
        assert!((186..=200).contains(&held), "{held} of 200");
    }

    #[test]
    fn d22_values_that_resemble_their_neighbours_make_the_interval_wider() {
        let held = (0..200).filter(|seed| {
            let (mut seeded, mut off) = (Seeded::new(1000 + seed), 0.0);
            let samples = hourly(96, |hour| {
                off = 0.7 * off + seeded.normal();
                0.2 * number(hour) + off
            });
            let trend = trend(&samples, Needs::default()).unwrap();
            trend.slope_interval.holds(0.2 / HOUR)
        });
        let held = held.count();
        println!("with neighbours alike it held {held} of 200");
        assert!(held >= 176, "{held} of 200");
    }

    #[test]
    fn d22_wild_values_do_not_bend_the_line() {
        let mut samples = line(3, 96, 0.5, 1.0);
        for sample in samples.iter_mut().step_by(5) {
            sample.value += 500.0;
        }
        let trend = trend(&samples, Needs::default()).unwrap();
        assert!((trend.slope * HOUR - 0.5).abs() < 0.1, "{trend:?}");
    }

    #[test]
    fn d22_the_time_told_is_near_the_true_one_and_the_interval_holds_it() {
        let (mut held, mut off) = (0, 0.0);
        for seed in 0..100 {
            let samples = line(seed, 96, 0.5, 2.0);
            let trend = trend(&samples, Needs::default()).unwrap();
            let told = trend.time_to(Threshold::Above(172.0), days(4)).unwrap();
            let Arrival::At { earliest_ms, likely_ms, latest_ms } = told else {
                panic!("{told:?}")
            };
            // 100 + 0.5 h is 172 at hour 144.
            let truth = samples[0].at_ms + 144 * 3_600_000;
            let latest_ms = latest_ms.unwrap();
            assert!(earliest_ms <= likely_ms && likely_ms <= latest_ms);
            held += usize::from((earliest_ms..=latest_ms).contains(&truth));
            off += seconds(truth, likely_ms).abs() / HOUR / 100.0;
        }
        println!("the time held {held} of 100, off by {off:.2} h of 49 on average");
        assert!(held >= 95 && off < 4.0, "{held} of 100, {off} h");
    }

    #[test]
    fn d22_what_the_data_does_not_carry_is_not_told() {
        let short = line(4, 20, 1.0, 0.0);
        assert_eq!(
            trend(&short, Needs::default()).unwrap_err(),
            NotEnough::Points { have: 20, need: 30 }
        );
        let needs = Needs { points: 3, span: days(2) };
        assert!(matches!(trend(&short, needs).unwrap_err(), NotEnough::Span { .. }));
        let nothing = hourly(100, |_| f64::NAN);
        let missing = trend(&nothing, Needs::default()).unwrap_err();
        assert_eq!(missing, NotEnough::Points { have: 0, need: 30 });
        // One time, many values: no span to speak of.
        let at_once = vec![Sample { at_ms: 5, value: 1.0 }; 50];
        assert!(trend(&at_once, Needs { points: 0, span: Duration::ZERO }).is_err());
        let far = [i64::MIN, 0, i64::MAX].map(|at_ms| Sample { at_ms, value: f64::MAX });
        assert!(trend(&far, Needs { points: 3, span: Duration::ZERO }).is_ok(), "no overflow");
        let two_days = trend(&line(5, 48, 1.0, 0.0), Needs::default()).unwrap();
        let missing = two_days.time_to(Threshold::Above(1e4), days(30)).unwrap_err();
        assert!(matches!(missing, NotEnough::Span { .. }), "{missing}");
    }

    #[test]
    fn d22_noise_without_direction_gets_no_date() {
        let mut told = 0;
        for seed in 0..100 {
            let trend = trend(&line(seed, 72, 0.0, 10.0), Needs::default()).unwrap();
            match trend.time_to(Threshold::Above(125.0), days(6)) {
                Err(NotEnough::Noise) | Ok(Arrival::NotWithin) => {}
                other => {
                    told += 1;
                    println!("seed {seed}: {other:?}");
                }
            }
        }
        assert!(told <= 5, "{told} of 100 dates for nothing");
    }

    #[test]
    fn d22_what_may_arrive_just_before_or_just_after_the_horizon_gets_no_date() {
        // 100 and half a unit an hour from the start on: 72 hours after its end it is at 172.
        let trend = trend(&line(3, 72, 0.5, 4.0), Needs::default()).unwrap();
        let Interval { low, high } = trend.slope_interval;
        assert!(low > 0.0, "it rises for sure: {low} to {high}");
        let after = |slope: f64| trend.level + slope * 3600.0 * 1.5 * 72.0;
        let goal = f64::midpoint(after(trend.slope), after(high));
        let missing = trend.time_to(Threshold::Above(goal), days(3)).unwrap_err();
        assert_eq!(missing, NotEnough::Noise);
        assert!(missing.to_string().ends_with("say either way"), "{missing}");
    }

    #[test]
    fn d22_the_newest_of_three_days_are_a_day_whose_shape_is_no_turn() {
        // The last tenth of three days is the evening, always far above the line.
        let shape = |hour: usize| if hour % DAY >= 17 { 10.0 } else { number(hour % 2) };
        let samples = hourly(3 * DAY + 1, shape);
        let trend = trend(&samples, Needs::default()).unwrap();
        assert_eq!(trend.span, days(3));
        assert_eq!(trend.still_holds(&samples), Ok(()));
        // Of less, it is only the last tenth that can be looked at, and that has left it.
        let fewer = &samples[1..samples.len() - 1];
        let trend = self::trend(fewer, Needs::default()).unwrap();
        assert!(trend.span < days(3));
        assert!(matches!(trend.still_holds(fewer), Err(NotEnough::Turned { .. })));
    }

    #[test]
    fn d22_a_line_is_tried_on_the_past_and_its_error_is_that_of_its_values() {
        // Beside noise of 2 a line through as much as it looks ahead is off by little more.
        let tested = back_test(&line(6, 28 * DAY, 0.5, 2.0), days(7), days(7)).unwrap();
        assert_eq!((tested.trials, tested.ahead), (TRIALS, days(7)));
        assert!(tested.mean_error < 5.0, "{tested:?}");
        // Half a unit an hour is 84 in a week.
        assert!((tested.naive_error - 84.0).abs() < 5.0, "{tested:?}");
        let short = back_test(&line(6, 36, 0.5, 2.0), days(7), days(7)).unwrap();
        assert_eq!(short.ahead, Duration::from_secs(35 * 1200), "a third of what there is");
    }

    #[test]
    fn d22_on_what_turns_again_and_again_a_line_is_worse_than_as_now() {
        // Up for five days, down for five.
        let saw = |hour: usize| number((hour % (10 * DAY)).abs_diff(5 * DAY));
        let tested = back_test(&hourly(40 * DAY, saw), days(5), days(5)).unwrap();
        assert!(tested.mean_error > tested.naive_error, "{tested:?}");
    }

    #[test]
    fn d22_where_values_are_missing_nothing_is_said_of_the_past() {
        let few = back_test(&line(7, 20, 1.0, 0.0), days(1), days(1)).unwrap_err();
        assert_eq!(few, NotEnough::Points { have: 20, need: 30 });
        assert!(back_test(&[], days(1), days(1)).is_err());
        // Two islands, and nothing where it would be tried.
        let mut islands = line(7, 40 * DAY, 1.0, 0.0);
        islands.retain(|it| {
            let hour = (it.at_ms - 1_700_006_400_000) / 3_600_000;
            !(40..20 * 24).contains(&hour) && !(20 * 24 + 5..39 * 24).contains(&hour)
        });
        let missing = back_test(&islands, days(2), days(2)).unwrap_err();
        assert!(matches!(missing, NotEnough::Gaps { .. }), "{missing}");
    }

    #[test]
    fn d22_a_line_that_the_newest_values_have_left_is_none() {
        // Flat for a week, and growing since yesterday.
        let turned = |grown: usize, noise: f64| {
            let mut seeded = Seeded::new(8);
            hourly(7 * DAY, |hour| {
                let grew = number(hour.saturating_sub(7 * DAY - grown)) * 5.0;
                100.0 + grew + noise * seeded.normal()
            })
        };
        for noise in [0.0, 1.0] {
            let samples = turned(24, noise);
            let line = trend(&samples, Needs::default()).unwrap();
            let left = line.still_holds(&samples).unwrap_err();
            assert!(matches!(left, NotEnough::Turned { .. }), "{left}");
            let samples = turned(0, noise);
            let line = trend(&samples, Needs::default()).unwrap();
            assert_eq!(line.still_holds(&samples), Ok(()));
        }
        for seed in 0..100 {
            let waves = hourly(7 * DAY, |hour| 0.1 * number(hour) + 5.0 * wave(hour + 7 * seed));
            let line = trend(&waves, Needs::default()).unwrap();
            assert_eq!(line.still_holds(&waves), Ok(()), "a wave is no turn: {seed}");
            let noise = super::tests::line(seed as u64, 40, 0.3, 2.0);
            let line = trend(&noise, Needs::default()).unwrap();
            assert_eq!(line.still_holds(&noise), Ok(()), "noise is no turn: {seed}");
        }
    }

    proptest! {
        /// Whatever was measured: times are in their order and not in the past, and no
        /// figure is told that is none.
        #[test]
        fn d22_times_are_in_order_and_figures_are_figures(
            values in proptest::collection::vec((-1e12_f64..1e12, 1_i64..50_000_000), 0..200),
            goal in -1e12_f64..1e12,
            horizon in 0_u64..10_000_000,
            is_above in any::<bool>(),
        ) {
            let mut at_ms = 0;
            let samples: Vec<Sample> = values
                .iter()
                .map(|(value, later)| {
                    at_ms += later;
                    Sample { at_ms, value: *value }
                })
                .collect();
            let horizon = Duration::from_secs(horizon);
            let threshold = if is_above { Threshold::Above(goal) } else { Threshold::Below(goal) };
            if let Ok(line) = trend(&samples, Needs { points: 3, span: Duration::ZERO }) {
                let Interval { low, high } = line.slope_interval;
                prop_assert!(low <= line.slope && line.slope <= high, "{:?}", line);
                if let Ok(Arrival::At { earliest_ms, likely_ms, latest_ms }) =
                    line.time_to(threshold, horizon)
                {
                    prop_assert!(line.end_ms <= earliest_ms && earliest_ms <= likely_ms);
                    prop_assert!(latest_ms.is_none_or(|latest| likely_ms <= latest));
                }
                if let Err(NotEnough::Turned { off, usual }) = line.still_holds(&samples) {
                    prop_assert!(off.is_finite() && off > usual);
                }
            }
            if let Ok(tested) = back_test(&samples, horizon, horizon) {
                prop_assert!(tested.trials * 2 >= TRIALS && tested.trials <= TRIALS);
                prop_assert!(tested.mean_error.is_finite() && tested.mean_error >= 0.0);
                prop_assert!(tested.naive_error.is_finite() && tested.naive_error >= 0.0);
                prop_assert!(tested.ahead <= horizon);
            }
        }
    }

    #[test]
    fn d22_a_constant_never_arrives_and_that_is_sure() {
        let trend = trend(&hourly(48, |_| 7.0), Needs::default()).unwrap();
        assert_eq!(trend.slope, 0.0);
        assert_eq!(trend.time_to(Threshold::Above(8.0), days(7)), Ok(Arrival::NotWithin));
        assert_eq!(trend.time_to(Threshold::Above(7.0), days(7)), Ok(Arrival::Reached));
    }

    #[test]
    fn d22_gaps_and_a_daily_wave_leave_the_direction() {
        let samples: Vec<Sample> = hourly(10 * DAY, |hour| 0.3 * number(hour) + 5.0 * wave(hour))
            .into_iter()
            .enumerate()
            .filter(|(hour, _)| !(50..90).contains(hour) && hour % 7 != 0)
            .map(|(_, sample)| sample)
            .collect();
        let trend = trend(&samples, Needs::default()).unwrap();
        assert!((trend.slope * HOUR - 0.3).abs() < 0.03, "{trend:?}");
        assert!(trend.slope_interval.holds(0.3 / HOUR));
    }
}
