//! Measuring a simulated world: what is told, and what is not told any more.

use std::time::Duration;

use hostler_core::metrics::{Cost, Metric};
use hostler_core::vm::PowerState;
use hostler_engine::{CollectPace, Collected, PassFigures, ProviderPass};
use hostler_provider::{Kind, VmRef};
use hostler_sim::{Verb, When, World};

use crate::world::{Lab, Tuning, foreign};

async fn lab() -> Lab {
    let interval = Duration::from_millis(100);
    let collect = Some(CollectPace { interval, ..CollectPace::default() });
    let world = World::small(1);
    for name in ["web", "db"] {
        let vm = foreign(&world, name);
        world.set_power(&vm, PowerState::Running, "booted");
    }
    Lab::tuned(world, None, Tuning { collect, ..Tuning::default() }).await
}

/// What is told of a VM's pass.
fn pass(collected: &Collected, vm: &str, pass: Cost) -> Option<PassFigures> {
    let vm = collected.vms.iter().find(|figures| figures.of.name == vm)?;
    vm.passes.iter().find(|it| it.pass == pass).cloned()
}

/// How passes of a kind go; which kind is made first is chance.
fn going(lab: &Lab, pass: Cost) -> Option<ProviderPass> {
    let collected = lab.engine.metrics().collected();
    collected.providers.first()?.passes.iter().find(|it| it.pass == pass).cloned()
}

fn value(figures: &PassFigures, metric: Metric) -> Option<f64> {
    figures.points().find(|point| point.metric == metric).map(|point| point.value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_d9_running_vms_are_measured_at_their_pace() {
    let lab = lab().await;
    let cpu = |vm: &str| {
        let stats = pass(&lab.engine.metrics().collected(), vm, Cost::Stats)?;
        value(&stats, Metric::VmCpuUsageRatio)
    };
    lab.until("there are rates", || cpu("web").is_some() && cpu("db").is_some()).await;
    lab.until("and states", || going(&lab, Cost::State).is_some_and(|it| it.age.is_some())).await;
    let collected = lab.engine.metrics().collected();
    assert!(cpu("web").is_some_and(|ratio| (0.0..=1.0).contains(&ratio)));
    assert_eq!(collected.hosts.len(), 1);
    let pool = &collected.pools[0].passes[0];
    assert_eq!(value(pool, Metric::PoolCapacityBytes), Some(100.0 * f64::from(1 << 30)));
    let passes = &collected.providers[0].passes;
    assert!(passes.iter().all(|it| it.age.is_some() && it.failure.is_none()), "{passes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_a_hung_vm_is_named_and_costs_itself() {
    let lab = lab().await;
    let stats = |vm: &str| pass(&lab.engine.metrics().collected(), vm, Cost::Stats);
    lab.until("both are measured", || stats("web").is_some() && stats("db").is_some()).await;
    lab.world.faults().hang_vm("db");
    lab.until("one is silent", || stats("db").is_some_and(|it| it.silent.is_some())).await;
    assert!(stats("db").is_some_and(|it| !it.is_reached && it.reading.is_some()));
    let web = stats("web").unwrap();
    assert!(web.is_reached && web.silent.is_none());
    assert_eq!(going(&lab, Cost::Stats).unwrap().silent, 1);
    lab.world.faults().unhang();
    lab.until("it answers again", || stats("db").is_some_and(|it| it.is_reached)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x17_a_stopped_vm_has_no_figures_of_running_ones() {
    let lab = lab().await;
    let stats = |vm: &str| pass(&lab.engine.metrics().collected(), vm, Cost::Stats);
    lab.until("it is measured", || stats("db").is_some()).await;
    let collected = lab.engine.metrics().collected();
    let view = &collected.vms.iter().find(|it| it.of.name == "db").unwrap().of;
    let external_ref = view.external_ref().unwrap().to_owned();
    let db = VmRef { external_ref, name: "db".to_owned() };
    lab.world.set_power(&db, PowerState::Stopped, "shutdown");
    lab.until("they are gone", || stats("db").is_none()).await;
    let state = || pass(&lab.engine.metrics().collected(), "db", Cost::State);
    lab.until("its state is told", || state().is_some()).await;
    lab.world.vanish_vm(&db);
    let is_told = || lab.engine.metrics().collected().vms.iter().any(|it| it.of.name == "db");
    lab.until("it is not told at all", || !is_told()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_a16_a_provider_that_cannot_be_measured_is_told_and_harms_nothing() {
    let lab = lab().await;
    let failure = || {
        let pass = going(&lab, Cost::State)?;
        Some((pass.failure.clone(), pass.age.is_some()))
    };
    lab.until("it is measured", || matches!(failure(), Some((None, true)))).await;
    lab.world.faults().fail_verb(Verb::Measure, 1_000_000, When::Before, Kind::Unavailable);
    lab.until("that is told", || matches!(failure(), Some((Some(_), true)))).await;
    // What was read is told with its age, as long as that is not too long.
    let state = pass(&lab.engine.metrics().collected(), "web", Cost::State).unwrap();
    assert!(!state.is_reached && state.reading.is_some());
    lab.world.faults().reset();
    lab.until("it is measured again", || matches!(failure(), Some((None, true)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x20_another_pace_counts_at_once() {
    let lab = lab().await;
    let interval = || going(&lab, Cost::State).map(|it| it.interval);
    let slow = CollectPace { interval: Duration::from_secs(3600), ..CollectPace::default() };
    lab.until("it is measured", || interval().is_some()).await;
    lab.engine.set_collect_pace(slow.clone());
    lab.until("the slow pace", || interval() == Some(slow.interval)).await;
    // The next pass would be due in an hour.
    let quick = CollectPace { interval: Duration::from_secs(7), ..slow };
    lab.engine.set_collect_pace(quick.clone());
    lab.until("the quick pace", || interval() == Some(quick.interval)).await;
}
