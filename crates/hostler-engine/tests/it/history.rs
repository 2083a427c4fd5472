//! What was measured is kept, ends when its thing does, and answers queries.

use std::time::Duration;

use hostler_core::clock::{Clock, SystemClock};
use hostler_core::vm::PowerState;
use hostler_core::{Code, Timestamp};
use hostler_engine::promql::{Series, Value};
use hostler_engine::{Answer, CollectPace, Engine, When};
use hostler_provider::VmRef;
use hostler_sim::World;
use hostler_store::history::{Archive, Options};

use crate::world::{Lab, PATIENCE, Tuning, admin, foreign};

/// A lab that measures two VMs ten times a second and keeps it, and one of the VMs.
async fn lab(directory: &tempfile::TempDir) -> (Lab, VmRef) {
    let history = Archive::open(&directory.path().join("history"), Options::default()).unwrap();
    let interval = Duration::from_millis(100);
    let collect = Some(CollectPace { interval, ..CollectPace::default() });
    let world = World::small(1);
    let both = ["web", "db"].map(|name| {
        let vm = foreign(&world, name);
        world.set_power(&vm, PowerState::Running, "booted");
        vm
    });
    let tuning = Tuning { collect, history: Some(history), ..Tuning::default() };
    let [_, db] = both;
    (Lab::tuned(world, None, tuning).await, db)
}

/// Values of a query at present; none where there are none.
async fn now(engine: &Engine, query: &str) -> Vec<f64> {
    let at = When::At(SystemClock.now());
    match engine.metrics().query(query, at).await.unwrap() {
        Answer::Instant(Value::Vector(points)) => points.iter().map(|it| it.value).collect(),
        other => panic!("{query}: {other:?}"),
    }
}

async fn until(engine: &Engine, query: &str, is_it: impl Fn(&[f64]) -> bool) -> Vec<f64> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = now(engine, query).await;
        if is_it(&found) {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{query}: {found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn range(engine: &Engine, query: &str, start: Timestamp) -> Vec<Series> {
    let when = When::Range { start, end: SystemClock.now(), step: Duration::from_millis(100) };
    match engine.metrics().query(query, when).await.unwrap() {
        Answer::Range(series) => series,
        other => panic!("{query}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_d22_what_was_measured_answers_queries() {
    let (directory, start) = (tempfile::tempdir().unwrap(), SystemClock.now());
    let (lab, _) = lab(&directory).await;
    let running = "count(hostler_vm_vcpus)";
    until(&lab.engine, running, |it| it == [2.0]).await;
    // Several passes later there is something to compare with.
    let rate = "rate(hostler_vm_cpu_seconds_total{vm=\"web\"}[1m])";
    let rates = until(&lab.engine, rate, |it| it.len() == 1).await;
    assert!(rates[0] > 0.0, "{rates:?}");
    let kept = range(&lab.engine, "hostler_vm_cpu_seconds_total", start).await;
    assert_eq!(kept.len(), 2);
    let is_grown = |it: &Series| it.samples.windows(2).all(|two| two[0].value <= two[1].value);
    assert!(kept.iter().all(is_grown), "{kept:?}");
    let counts = lab.engine.metrics().history().unwrap();
    assert!(counts.samples > 0 && counts.passes_missed == 0, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x17_a_vm_that_is_gone_is_not_carried_on() {
    let directory = tempfile::tempdir().unwrap();
    let (lab, db) = lab(&directory).await;
    let of_db = "hostler_vm_vcpus{vm=\"db\"}";
    until(&lab.engine, of_db, |it| it == [1.0]).await;
    lab.world.vanish_vm(&db);
    // Long before the five minutes for which queries look back.
    until(&lab.engine, of_db, <[f64]>::is_empty).await;
    until(&lab.engine, "hostler_vm_vcpus{vm=\"web\"}", |it| it == [1.0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_a_vm_that_hangs_for_a_while_has_a_gap_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (lab, _) = lab(&directory).await;
    let cpu = "hostler_vm_cpu_seconds_total{vm=\"db\"}";
    until(&lab.engine, cpu, |it| it.len() == 1).await;
    lab.world.faults().hang_vm("db");
    // A pass without it, and nobody else is disturbed.
    let other = "hostler_vm_cpu_seconds_total{vm=\"web\"}";
    let before = now(&lab.engine, other).await[0];
    until(&lab.engine, other, |it| it.first().is_some_and(|value| *value > before)).await;
    lab.world.faults().unhang();
    let stood = now(&lab.engine, cpu).await;
    until(&lab.engine, cpu, |it| it.first() > stood.first()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x17_what_a_removed_provider_told_is_not_carried_on() {
    let directory = tempfile::tempdir().unwrap();
    let (lab, _) = lab(&directory).await;
    let other = World::small(2);
    let vm = foreign(&other, "far");
    other.set_power(&vm, PowerState::Running, "booted");
    let id = lab.attach("other", &other).await;
    let of_far = "hostler_vm_vcpus{vm=\"far\"}";
    until(&lab.engine, of_far, |it| it == [1.0]).await;
    lab.engine.providers().remove(&admin(), id).await.unwrap();
    until(&lab.engine, of_far, <[f64]>::is_empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (mut lab, _) = lab(&directory).await;
    until(&lab.engine, "count(hostler_vm_vcpus)", |it| it == [2.0]).await;
    let then = SystemClock.now();
    lab.restart().await;
    let at = When::At(then);
    let kept = lab.engine.metrics().query("count(hostler_vm_vcpus)", at).await.unwrap();
    let Answer::Instant(Value::Vector(points)) = kept else { panic!("{kept:?}") };
    assert_eq!(points.iter().map(|it| it.value).collect::<Vec<_>>(), [2.0]);
}

#[tokio::test]
async fn a_query_that_takes_too_much_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let (lab, _) = lab(&directory).await;
    let year = Duration::from_secs(365 * 86_400);
    let when = When::Range {
        start: SystemClock.now().minus(year),
        end: SystemClock.now(),
        step: Duration::from_secs(1),
    };
    let refused = lab.engine.metrics().query("hostler_vm_vcpus", when).await.unwrap_err();
    assert_eq!(refused.code(), Code::LimitExceeded);
    assert!(refused.to_string().contains("a longer step"), "{refused}");
}
