//! Days and weeks that repeat, and those that do not.

use super::super::tests_support::{DAY, Seeded, hourly, wave};
use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// Splits off the last hours: what is known, and what is to be forecast.
fn split(samples: &[Sample], hours: usize) -> (&[Sample], &[Sample]) {
    samples.split_at(samples.len() - hours)
}

/// Mean error and share held of a forecast against what came.
fn judge(forecast: &Forecast, truth: &[Sample]) -> (f64, f64) {
    let pairs = forecast.ahead.iter().zip(truth);
    let off: f64 = pairs.clone().map(|(told, came)| (told.value - came.value).abs()).sum();
    let held = pairs.filter(|(told, came)| told.interval.holds(came.value)).count();
    (off / number(truth.len()), number(held) / number(truth.len()))
}

fn daily(seed: u64, days: usize) -> Vec<Sample> {
    let mut seeded = Seeded::new(seed);
    hourly(days * DAY, |hour| {
        50.0 + 0.05 * number(hour) + 20.0 * wave(hour) + 2.0 * seeded.normal()
    })
}

#[test]
fn d22_a_daily_wave_on_a_line_is_forecast_within_its_noise() {
    let (mut error, mut held, mut told) = (0.0, 0.0, 0.0);
    for seed in 0..20 {
        let samples = daily(seed, 15);
        let (known, truth) = split(&samples, DAY);
        let forecast = forecast(known, HOUR, DAY).unwrap();
        assert_eq!(forecast.model, Model::Day, "seed {seed}");
        assert_eq!(forecast.ahead.len(), DAY);
        assert_eq!(forecast.ahead[0].at_ms, truth[0].at_ms + 3_600_000);
        let (off, in_interval) = judge(&forecast, truth);
        error += off / 20.0;
        held += in_interval / 20.0;
        told += forecast.back_test.held / 20.0;
        assert!(forecast.back_test.naive_error > 10.0);
        assert!(forecast.back_test.mean_share.unwrap() < 0.1);
    }
    println!("off by {error:.2} of noise 2, held {held:.3}, said {told:.3}, wanted {HELD}");
    assert!(error < 2.5, "{error}");
    assert!((0.82..=0.98).contains(&held), "{held}");
    assert!((0.82..=0.98).contains(&told), "{told}");
}

#[test]
fn d22_a_week_with_a_weekend_is_known_when_there_are_weeks_enough() {
    let mut seeded = Seeded::new(7);
    let samples = hourly(42 * DAY, |hour| {
        let works = (hour / DAY) % 7 < 5;
        let day = if works { 30.0 + 20.0 * wave(hour) } else { 5.0 };
        day + seeded.normal()
    });
    let (known, truth) = split(&samples, 2 * DAY);
    let forecast = forecast(known, HOUR, 2 * DAY).unwrap();
    assert_eq!(forecast.model, Model::Week);
    let (off, held) = judge(&forecast, truth);
    println!("week: off by {off:.2} of noise 1, held {held:.2}");
    assert!(off < 1.5 && held > 0.75, "{off} {held}");
    assert_eq!(forecast.back_test.trials, TRIALS_MAX);
}

#[test]
fn d22_a_line_is_a_line() {
    let mut seeded = Seeded::new(8);
    let samples = hourly(10 * DAY, |hour| 3.0 * number(hour) + seeded.normal());
    let (known, truth) = split(&samples, DAY);
    let forecast = forecast(known, HOUR, DAY).unwrap();
    assert!(judge(&forecast, truth).0 < 3.0, "{forecast:?}");
}

#[test]
fn d22_a_walk_at_random_is_refused_since_nothing_beats_saying_as_now() {
    let refused = (0..25).filter(|seed| {
        let (mut seeded, mut at) = (Seeded::new(*seed), 100.0);
        let samples = hourly(15 * DAY, |_| {
            at += seeded.normal();
            at
        });
        matches!(forecast(&samples, HOUR, DAY), Err(NotEnough::NoModel { .. }))
    });
    let refused = refused.count();
    println!("{refused} of 25 walks refused");
    assert!(refused >= 18, "{refused} of 25");
}

#[test]
fn d22_a_constant_stays_as_it_is_exactly() {
    let forecast = forecast(&hourly(10 * DAY, |_| 7.0), HOUR, DAY).unwrap();
    assert!(
        forecast
            .ahead
            .iter()
            .all(|told| { told.value == 7.0 && told.interval == Interval { low: 7.0, high: 7.0 } })
    );
    assert_eq!((forecast.back_test.mean_error, forecast.back_test.held), (0.0, 1.0));
}

#[test]
fn d22_gaps_are_borne_and_too_many_are_told() {
    let samples = daily(3, 15);
    let (known, truth) = split(&samples, DAY);
    let with_gaps = |every: usize| -> Vec<Sample> {
        let kept = known.iter().enumerate().filter(|(at, _)| at % every != 0);
        kept.map(|(_, sample)| *sample).collect()
    };
    // Every seventh: at each hour of the day some are there.
    let told = forecast(&with_gaps(7), HOUR, DAY).unwrap();
    assert!(judge(&told, truth).0 < 3.0);
    let missing = forecast(&with_gaps(2), HOUR, DAY).unwrap_err();
    assert!(matches!(missing, NotEnough::Gaps { .. }), "{missing}");
}

#[test]
fn d22_too_short_a_past_is_told_with_what_is_needed() {
    let missing = forecast(&daily(4, 4), HOUR, DAY).unwrap_err();
    let NotEnough::Span { need, .. } = missing else { panic!("{missing}") };
    // What it asks for is enough.
    let hours = usize::try_from(need.as_secs() / 3600).unwrap();
    assert!(forecast(&daily(4, 30)[..hours], HOUR, DAY).is_ok());
    assert!(forecast(&[], HOUR, DAY).is_err());
    assert!(forecast(&daily(4, 1)[..1], HOUR, DAY).is_err());
}

#[test]
fn no_step_and_no_horizon_is_too_odd() {
    let samples = daily(5, 10);
    for step in [0, 1, 7, 3600, 86_400, 10_000_000] {
        for ahead in [0, 1, 5, STEPS_MAX, usize::MAX] {
            // What matters is that it answers.
            let _ = forecast(&samples, Duration::from_secs(step), ahead);
        }
    }
    let far = [Sample { at_ms: i64::MIN, value: 1.0 }, Sample { at_ms: i64::MAX, value: 1.0 }];
    assert!(forecast(&far, Duration::MAX, 1).is_err());
    assert!(forecast(&far, HOUR, 1).is_err());
    assert!(forecast(&far, Duration::from_millis(1), 1).is_err());
}
