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
