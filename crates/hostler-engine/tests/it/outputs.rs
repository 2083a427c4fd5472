//! What is recorded arrives elsewhere too, whatever happens there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::alert::Period;
use hostler_core::alert::rule::{Rule, RuleFile, RuleGroup};
use hostler_core::metrics::series::{Comparison, Matcher, Sample, SeriesKey};
use hostler_core::vm::PowerState;
use hostler_engine::{
    Again, AlertingConfig, CollectPace, NotSent, Output, OutputPace, OutputSetup, OutputState,
    OutputView, RuleSource, Sent, check_rules,
};
use hostler_provider::VmRef;
use hostler_sim::World;
use hostler_store::history::{Archive, Limits, Options, Outbox, OutboxOptions, is_stale};

use crate::world::{Lab, PATIENCE, Tuning, foreign};

/// Times and bits of each series, in the order in which they came.
type Taken = BTreeMap<SeriesKey, Vec<(i64, u64)>>;

/// A server of somebody else, as a test wants it to be.
#[derive(Default)]
struct Far {
    mood: Mutex<Mood>,
    taken: Mutex<Taken>,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Mood {
    #[default]
    Well,
    Away,
    /// Never answers.
    Hung,
    /// Does not take batches in which a series of this name is.
    Refuses(&'static str),
    /// Has nothing to be told of what comes, as line protocol has of ends.
    Indifferent,
}

impl Far {
    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn taken(&self) -> Taken {
        self.taken.lock().unwrap().clone()
    }
}

#[async_trait]
impl Output for Far {
    fn wants_each_once(&self) -> bool {
        false
    }

    async fn send(&self, samples: &[(SeriesKey, Sample)]) -> Result<Sent, NotSent> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Well => {}
            Mood::Indifferent => return Ok(Sent::default()),
            Mood::Away => {
                let told = "nobody is there".to_owned();
                return Err(NotSent { again: Again::After(Duration::ZERO), told });
            }
            Mood::Hung => std::future::pending().await,
            Mood::Refuses(name) => {
                if samples.iter().any(|(key, _)| key.name() == name) {
                    let told = format!("no {name} here");
                    return Err(NotSent { again: Again::Never, told });
                }
            }
        }
        let mut taken = self.taken.lock().unwrap();
        for (key, sample) in samples {
            taken.entry(key.clone()).or_default().push((sample.at_ms, sample.value.to_bits()));
        }
        Ok(Sent { taken: samples.len() as u64, left_out: 0 })
    }
}

fn setup(directory: &tempfile::TempDir, name: &str, far: &Arc<Far>) -> OutputSetup {
    OutputSetup {
        name: name.into(),
        kind: "test",
        target: "far away".into(),
        output: far.clone(),
        outbox: Outbox::open(&directory.path().join(name), OutboxOptions::default()).unwrap(),
        pace: OutputPace {
            linger: Duration::ZERO,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(20),
            ..OutputPace::default()
        },
    }
}

/// A lab that measures two VMs ten times a second and sends that to these; one of the VMs.
async fn lab(directory: &tempfile::TempDir, outputs: Vec<OutputSetup>) -> (Lab, VmRef, Archive) {
    let history = Archive::open(&directory.path().join("history"), Options::default()).unwrap();
    let interval = Duration::from_millis(100);
    let collect = Some(CollectPace { interval, ..CollectPace::default() });
    let world = World::small(1);
    let [_, db] = ["web", "db"].map(|name| {
        let vm = foreign(&world, name);
        world.set_power(&vm, PowerState::Running, "booted");
        vm
    });
    let kept = Some(history.clone());
    let tuning = Tuning { collect, history: kept, outputs, ..Tuning::default() };
    (Lab::tuned(world, None, tuning).await, db, history)
}

/// All that the history has, with the ends.
fn kept(history: &Archive) -> Taken {
    let all = [Matcher::new("__name__", Comparison::Matches, ".+").unwrap()];
    let limits = Limits { series: usize::MAX, samples: usize::MAX };
    let found = history.select(&all, 0, i64::MAX, limits).unwrap();
    let bits = |it: &Sample| (it.at_ms, it.value.to_bits());
    found.into_iter().map(|it| (it.key, it.samples.iter().map(bits).collect())).collect()
}

fn view(lab: &Lab, name: &str) -> OutputView {
    lab.engine.outputs().into_iter().find(|view| view.name == name).unwrap()
}

async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until all that was recorded up to now has arrived, and compares it: in order, with
/// every bit, and nothing beside it.
async fn same(history: &Archive, far: &Far) {
    let now = kept(history);
    let taken = until("all arrives", || {
        let taken = far.taken();
        let has = |key: &SeriesKey| taken.get(key).map_or(0, Vec::len);
        now.iter().all(|(key, samples)| has(key) >= samples.len()).then_some(taken)
    })
    .await;
    let after = kept(history);
    for (key, samples) in taken {
        let kept = after.get(&key).map(|kept| &kept[..samples.len().min(kept.len())]);
        assert_eq!(kept, Some(&samples[..]), "{key}");
    }
}

async fn arrived(lab: &Lab, name: &str, more_than: u64) -> u64 {
    until("something arrives", || {
        Some(view(lab, name).counts.sent).filter(|sent| *sent > more_than)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d22_c25_what_the_history_has_arrives_and_ends_there_too() {
    let (directory, far) = (tempfile::tempdir().unwrap(), Arc::new(Far::default()));
    let (lab, db, history) = lab(&directory, vec![setup(&directory, "far", &far)]).await;
    arrived(&lab, "far", 100).await;
    lab.world.vanish_vm(&db);
    let of_db = |(key, samples): (&SeriesKey, &Vec<(i64, u64)>)| {
        let is_end = samples.last().is_some_and(|it| is_stale(f64::from_bits(it.1)));
        key.label("vm") == "db" && is_end
    };
    until("db ends", || far.taken().iter().any(of_db).then_some(())).await;
    let sent = view(&lab, "far").counts.sent;
    arrived(&lab, "far", sent + 100).await;
    same(&history, &far).await;
    let view = view(&lab, "far");
    assert_eq!((view.state, view.counts.refused), (OutputState::Ok, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rules_record_and_which_alerts_there_are_arrives_too() {
    let (directory, far) = (tempfile::tempdir().unwrap(), Arc::new(Far::default()));
    let (lab, _, history) = lab(&directory, vec![setup(&directory, "far", &far)]).await;
    arrived(&lab, "far", 0).await;
    let rule = |alert: Option<&str>, record: Option<&str>| Rule {
        alert: alert.map(Into::into),
        record: record.map(Into::into),
        expr: "vector(1)".into(),
        ..Rule::default()
    };
    let rules = vec![rule(None, Some("one:recorded")), rule(Some("Always"), None)];
    let group = RuleGroup {
        name: "tests".into(),
        interval: Some(Period::seconds(15)),
        query_offset: None,
        limit: None,
        rules,
    };
    let groups = check_rules(&RuleFile { groups: vec![group] }).unwrap();
    let rules = vec![RuleSource { name: "test.yaml".into(), groups }];
    let config = AlertingConfig { rules, ..AlertingConfig::default() };
    lab.engine.alerts().configure(config).await.unwrap();
    lab.engine.alerts().evaluate_now().await;
    let has = |name: &str| far.taken().keys().any(|key| key.name() == name);
    until("both arrive", || (has("one:recorded") && has("ALERTS")).then_some(())).await;
    same(&history, &far).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a15_one_that_hangs_and_one_that_is_away_cost_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let [well, hung, away] = [Mood::Well, Mood::Hung, Mood::Away].map(|mood| {
        let far = Arc::new(Far::default());
        far.set(mood);
        far
    });
    let outputs = [("well", &well), ("hung", &hung), ("away", &away)];
    let outputs = outputs.map(|(name, far)| setup(&directory, name, far)).into();
    let (lab, _, history) = lab(&directory, outputs).await;
    arrived(&lab, "well", 500).await;
    let told = until("it is told", || match view(&lab, "away").state {
        OutputState::Failing { told, .. } => Some(told),
        _ => None,
    });
    assert_eq!(told.await, "nobody is there");
    let (waiting, counts) = (view(&lab, "away").waiting, view(&lab, "away").counts);
    assert!(waiting.samples >= 500 && waiting.bytes > 0 && waiting.oldest_ms.is_some());
    assert!(counts.sent == 0 && counts.failed_tries > 0, "{counts:?}");
    let stuck = view(&lab, "hung");
    assert!(stuck.state == OutputState::Untried && stuck.waiting.samples >= 500, "{stuck:?}");
    let counts = lab.engine.metrics().history().unwrap();
    assert_eq!(counts.passes_missed, 0);
    // What was away has it all when it is back, in order.
    away.set(Mood::Well);
    same(&history, &away).await;
    same(&history, &well).await;
    assert!(hung.taken().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_sent_is_sent_after_a_restart() {
    let (directory, far) = (tempfile::tempdir().unwrap(), Arc::new(Far::default()));
    let (mut lab, _, history) = lab(&directory, vec![setup(&directory, "far", &far)]).await;
    arrived(&lab, "far", 100).await;
    far.set(Mood::Away);
    until("something waits", || (view(&lab, "far").waiting.samples > 300).then_some(())).await;
    lab.restart().await;
    until("it is tried", || (view(&lab, "far").counts.failed_tries > 0).then_some(())).await;
    far.set(Mood::Well);
    arrived(&lab, "far", 600).await;
    same(&history, &far).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_was_asked_to_take_has_not_arrived() {
    let (directory, far) = (tempfile::tempdir().unwrap(), Arc::new(Far::default()));
    far.set(Mood::Away);
    let (lab, ..) = lab(&directory, vec![setup(&directory, "far", &far)]).await;
    let is_failing = |view: &OutputView| matches!(view.state, OutputState::Failing { .. });
    until("a failure", || is_failing(&view(&lab, "far")).then_some(())).await;
    far.set(Mood::Indifferent);
    // It goes on, and knows no more of the other side than before.
    let seen = || Some(view(&lab, "far")).filter(|view| view.waiting.samples == 0);
    let view = until("an empty queue", seen).await;
    assert_eq!((view.counts.sent, view.sent_at), (0, None), "{view:?}");
    assert!(is_failing(&view), "{view:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_dropped_alone_and_told() {
    let (directory, far) = (tempfile::tempdir().unwrap(), Arc::new(Far::default()));
    far.set(Mood::Refuses("hostler_vm_vcpus"));
    // A pass at a time: what is refused is found each by itself.
    let mut output = setup(&directory, "far", &far);
    output.pace.batch = 1;
    let (lab, _, history) = lab(&directory, vec![output]).await;
    let refused = until("it is told", || view(&lab, "far").refusal).await;
    assert_eq!((refused.told.as_str(), refused.samples), ("no hostler_vm_vcpus here", 1));
    // All else arrives.
    let now = kept(&history);
    let rest = || now.iter().filter(|(key, _)| key.name() != "hostler_vm_vcpus");
    until("the rest arrives", || {
        let taken = far.taken();
        let has = |key: &SeriesKey| taken.get(key).map_or(0, Vec::len);
        rest().all(|(key, samples)| has(key) >= samples.len()).then_some(())
    })
    .await;
    let taken = far.taken();
    for (key, samples) in rest() {
        assert_eq!(&taken[key][..samples.len()], &samples[..], "{key}");
    }
    assert!(!taken.keys().any(|key| key.name() == "hostler_vm_vcpus"));
    let view = view(&lab, "far");
    assert_eq!(view.state, OutputState::Ok);
    assert!(view.counts.refused > 0, "{view:?}");
}
