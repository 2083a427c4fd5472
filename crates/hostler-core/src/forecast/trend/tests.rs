//! Lines through what is known to be a line, to be noise, or to have changed.

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
        let Arrival::At { earliest_ms, likely_ms, latest_ms } = told else { panic!("{told:?}") };
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
