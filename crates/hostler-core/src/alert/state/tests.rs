//! The life of alerts, by tables and by a thousand random lives.

use proptest::prelude::*;

use super::*;
use crate::alert::Period;
use crate::alert::template::Template;
use crate::alert::tests_support::set;

const INTERVAL: i64 = 15;

fn rule() -> AlertRule {
    let template = |text: &str| Template::read(text).0;
    AlertRule {
        name: "Hot".into(),
        expression: "x > 1".into(),
        interval: Period::seconds(15),
        hold: Period::seconds(30),
        keep_firing_for: Period::ZERO,
        no_data: NoData::Keep,
        labels: vec![("severity".into(), template("warning"))],
        annotations: vec![("summary".into(), template("{{ $labels.vm }} at {{ $value }}"))],
        limit: 10,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((1_000_000 + seconds) * 1_000)
}

fn hot(vm: &str, value: f64) -> Sample {
    Sample { labels: set(&[("__name__", "x"), ("vm", vm)]), value }
}

/// Plays one life: each letter is an evaluation, an interval after the last.
/// `x` holds, `.` does not, `?` no data, `!` failed. Gives a letter for what
/// changed at each: `p` pending, `f` firing, `d` dropped, `r` resolved, `n`
/// resolved without data, `-` nothing.
fn play(rule: &AlertRule, life: &str) -> String {
    let mut state = RuleState::default();
    let mut told = String::new();
    for (step_at, letter) in life.chars().enumerate() {
        let now = at(i64::try_from(step_at).unwrap() * INTERVAL);
        let samples = [hot("web", 2.0)];
        let (next, transitions) = match letter {
            'x' => step(state, rule, &samples, Data::There, now),
            '.' => step(state, rule, &[], Data::There, now),
            '?' => step(state, rule, &[], Data::Absent, now),
            _ => (failed(state, "the query took too long", now), Vec::new()),
        };
        assert!(transitions.len() <= 1);
        told.push(transitions.first().map_or('-', letter_of));
        // Stored and read back between any two evaluations.
        let text = serde_json::to_string(&next).unwrap();
        state = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{state:?}"), format!("{next:?}"));
    }
    told
}

fn letter_of(transition: &Transition) -> char {
    match transition.change {
        Change::Pending => 'p',
        Change::Dropped => 'd',
        Change::Firing => 'f',
        Change::Resolved(Cause::NoData) => 'n',
        Change::Resolved(_) => 'r',
    }
}

#[test]
fn c25c_an_alert_fires_when_it_held_for_long_enough_and_resolves_when_it_is_over() {
    let kept = AlertRule { keep_firing_for: Period::seconds(30), ..rule() };
    let at_once = AlertRule { hold: Period::ZERO, ..rule() };
    for (rule, life, told) in [
        (rule(), "xxx.", "p-fr"),
        (rule(), "xx.xxxx", "p-dp-f-"),
        (rule(), "..x.", "--pd"),
        (at_once.clone(), "x.x", "frf"),
        // Three absent evaluations make 30 s: the first begins to count.
        (kept.clone(), "xxx...x", "p-f--rp"),
        (kept.clone(), "xxx..x..x...", "p-f--------r"),
        (kept, "x.", "pd"),
        // What fails changes nothing, and is not watched.
        (rule(), "x!xx", "p--f"),
        (rule(), "xxx!!!.", "p-f---r"),
    ] {
        assert_eq!(play(&rule, life), told, "{life}");
    }
}

#[test]
fn not_to_know_is_not_to_be_well() {
    let with = |no_data| AlertRule { no_data, ..rule() };
    for (no_data, life, told) in [
        (NoData::Keep, "xxx??x.", "p-f---r"),
        (NoData::Keep, "x?xxx", "pdp-f"),
        (NoData::Keep, "??", "--"),
        (NoData::Ok, "xxx?", "p-fn"),
        (NoData::Firing, "x??", "p-f"),
        (NoData::Firing, "???.", "p-fr"),
        (NoData::Firing, "xxx???.", "p-f---r"),
    ] {
        assert_eq!(play(&with(no_data), life), told, "{no_data:?} {life}");
    }
    // An hour of 15 s, the first of which begins to count.
    let life = format!("xxx{}", "?".repeat(242));
    let told = play(&rule(), &life);
    assert_eq!(told.find('n'), Some(3 + 240), "{told}");
}

#[test]
fn an_alert_without_data_of_its_own_is_kept_while_others_are_computed() {
    let rule = AlertRule { hold: Period::ZERO, ..rule() };
    let both = [hot("a", 2.0), hot("b", 2.0)];
    let (state, _) = step(RuleState::default(), &rule, &both, Data::There, at(0));
    let is_gone = |labels: &LabelSet| labels.get("vm").is_some_and(|vm| vm == "a");
    let (state, told) = step(state, &rule, &[], Data::AbsentFor(&is_gone), at(15));
    let [over] = &*told else { panic!("{told:?}") };
    assert_eq!(over.change, Change::Resolved(Cause::Over));
    assert_eq!(over.instance.labels["vm"], "b");
    assert_eq!(state.instances[0].no_data_since, Some(at(15)));
}

#[test]
fn an_instance_bears_its_labels_texts_and_value() {
    let (state, _) = step(RuleState::default(), &rule(), &[hot("web", 2.5)], Data::There, at(0));
    let instance = &state.instances[0];
    let labels = set(&[("alertname", "Hot"), ("severity", "warning"), ("vm", "web")]);
    assert_eq!(instance.labels, labels);
    assert_eq!(instance.annotations, set(&[("summary", "web at 2.5")]));
    // Texts follow the value.
    let (state, _) = step(state, &rule(), &[hot("web", f64::INFINITY)], Data::There, at(15));
    assert_eq!(state.instances[0].annotations["summary"], "web at +Inf");
    assert_eq!(state.instances[0].active_since, at(0));
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<RuleState>(&text).unwrap(), state);
}

#[test]
fn what_was_stored_by_the_first_version_is_still_read() {
    let golden = include_str!("golden.json");
    let state: RuleState = serde_json::from_str(golden).unwrap();
    assert_eq!(state.instances.len(), 1);
    let again: serde_json::Value = serde_json::to_value(&state).unwrap();
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(golden).unwrap());
}

#[test]
fn a_restart_does_not_begin_anew() {
    let rule = AlertRule { hold: Period::seconds(60), ..rule() };
    let mut state = RuleState::default();
    for seconds in [0, 15, 30, 45] {
        let (next, _) = step(state, &rule, &[hot("web", 2.0)], Data::There, at(seconds));
        state = next;
    }
    // Off for ten minutes, which nobody watched: one interval counts.
    let (state, told) = step(state, &rule, &[hot("web", 2.0)], Data::There, at(645));
    assert_eq!(told.len(), 1, "45 s and 15 s are 60 s");
    assert_eq!(told[0].change, Change::Firing);
    assert_eq!((state.instances[0].active_since, told[0].at), (at(0), at(645)));
    let (_, told) = step(state, &rule, &[], Data::There, at(660));
    assert_eq!(told[0].change, Change::Resolved(Cause::Over));
}

#[test]
fn too_many_instances_are_told_and_change_nothing() {
    let rule = AlertRule { limit: 2, hold: Period::ZERO, ..rule() };
    let (state, _) = step(RuleState::default(), &rule, &[hot("a", 2.0)], Data::There, at(0));
    let three = [hot("b", 2.0), hot("c", 2.0), hot("d", 2.0)];
    let (state, told) = step(state, &rule, &three, Data::There, at(15));
    assert!(told.is_empty());
    assert_eq!(state.health, Health::TooMany { found: 3, limit: 2 });
    assert_eq!(state.instances[0].labels["vm"], "a");
    let (state, told) = step(state, &rule, &three[..2], Data::There, at(30));
    assert_eq!((told.len(), state.health), (3, Health::Ok));
}

#[test]
fn what_is_kept_takes_no_place_from_what_holds() {
    let rule = AlertRule { limit: 2, hold: Period::ZERO, ..rule() };
    let two = [hot("a", 2.0), hot("b", 2.0)];
    let (state, _) = step(RuleState::default(), &rule, &two, Data::There, at(0));
    let is_gone = |labels: &LabelSet| labels["vm"] < "c".into();
    let new = [hot("c", 2.0)];
    let (state, told) = step(state, &rule, &new, Data::AbsentFor(&is_gone), at(15));
    assert_eq!(state.instances.len(), 2);
    assert_eq!(told.iter().map(letter_of).collect::<String>(), "fn");
}

#[test]
fn two_samples_of_one_alert_are_told_as_such() {
    let mut rule = rule();
    rule.labels.push(("vm".into(), Template::read("all").0));
    let both = [hot("a", 2.0), hot("b", 2.0)];
    let (state, told) = step(RuleState::default(), &rule, &both, Data::There, at(0));
    assert!(told.is_empty() && state.instances.is_empty());
    assert!(matches!(state.health, Health::Duplicate { .. }));
}

#[test]
fn alerts_of_a_rule_that_is_gone_end() {
    let rule = AlertRule { hold: Period::ZERO, ..rule() };
    let (state, _) = step(RuleState::default(), &rule, &[hot("a", 2.0)], Data::There, at(0));
    let told = removed(state, at(15));
    assert_eq!(told[0].change, Change::Resolved(Cause::RuleGone));
    assert!(removed(RuleState::default(), at(15)).is_empty());
}

/// One evaluation of a random life: what was seen, and by how much the clock moved.
#[derive(Debug, Clone, Copy)]
enum Seen {
    Holds,
    HoldsNot,
    Absent,
    Failed,
}

fn lives() -> impl Strategy<Value = Vec<(Seen, i64)>> {
    let seen = prop_oneof![
        6 => Just(Seen::Holds),
        3 => Just(Seen::HoldsNot),
        1 => Just(Seen::Absent),
        1 => Just(Seen::Failed),
    ];
    // Mostly an interval; now and then the clock jumps, either way.
    let moves = prop_oneof![8 => Just(INTERVAL), 1 => 0_i64..100_000, 1 => -100_000_i64..0];
    proptest::collection::vec((seen, moves), 1..120)
}

fn rules() -> impl Strategy<Value = AlertRule> {
    let no_data = prop_oneof![Just(NoData::Keep), Just(NoData::Ok), Just(NoData::Firing)];
    (0_u32..80, 0_u32..80, no_data).prop_map(|(hold, keep, no_data)| AlertRule {
        hold: Period::seconds(hold),
        keep_firing_for: Period::seconds(keep),
        no_data,
        ..rule()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn f20_no_alert_fires_or_resolves_early_twice_or_out_of_turn(
        rule in rules(),
        life in lives(),
    ) {
        let mut state = RuleState::default();
        let mut clock = 0;
        // Evaluations in a row that held (or stood for holding), as they really were:
        // each is one interval of real time, whatever the clock says.
        let (mut held, mut not_held) = (0_i64, 0_i64);
        let mut last: BTreeMap<LabelSet, Change> = BTreeMap::new();
        for (seen, moved) in life {
            clock += moved;
            let samples = [hot("web", 2.0)];
            // Without data, an alert that is there goes on; none begins but the stand-in.
            let stands_for_holding = matches!(seen, Seen::Absent)
                && rule.no_data == NoData::Firing
                && state.instances.iter().any(|one| !one.labels.contains_key(NO_DATA_LABEL));
            let (next, told) = match seen {
                Seen::Holds => step(state, &rule, &samples, Data::There, at(clock)),
                Seen::HoldsNot => step(state, &rule, &[], Data::There, at(clock)),
                Seen::Absent => step(state, &rule, &[], Data::Absent, at(clock)),
                Seen::Failed => (failed(state, "why", at(clock)), Vec::new()),
            };
            match seen {
                Seen::Holds => (held, not_held) = (held + 1, 0),
                Seen::Absent if stands_for_holding => (held, not_held) = (held + 1, 0),
                // Time passes, but an evaluation that failed proves nothing.
                Seen::Failed => {}
                Seen::HoldsNot | Seen::Absent => (held, not_held) = (0, not_held + 1),
            }
            for transition in &told {
                let is_stand_in = transition.instance.labels.contains_key(NO_DATA_LABEL);
                let labels = &transition.instance.labels;
                let before = last.insert(labels.clone(), transition.change);
                match transition.change {
                    Change::Pending => prop_assert!(
                        !matches!(before, Some(Change::Pending | Change::Firing))
                    ),
                    Change::Dropped => prop_assert_eq!(before, Some(Change::Pending)),
                    Change::Firing => {
                        prop_assert!(before != Some(Change::Firing));
                        prop_assert!(is_stand_in || (held - 1) * INTERVAL >= i64::from(u32::try_from(
                            rule.hold.duration().as_secs()).unwrap()));
                    }
                    Change::Resolved(cause) => {
                        prop_assert_eq!(before, Some(Change::Firing));
                        if cause == Cause::Over && rule.no_data != NoData::Ok && !is_stand_in {
                            prop_assert!((not_held - 1) * INTERVAL >= i64::from(u32::try_from(
                                rule.keep_firing_for.duration().as_secs()).unwrap()));
                        }
                    }
                }
            }
            // What is told and what is kept agree.
            for instance in &next.instances {
                let expected =
                    if instance.is_firing() { Change::Firing } else { Change::Pending };
                prop_assert_eq!(last.get(&instance.labels), Some(&expected));
            }
            state = next;
        }
    }
}
