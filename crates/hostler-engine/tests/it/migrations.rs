//! Migrations: what is refused before anything is taken on, what is told of those that
//! providers remember or have forgotten, and who is named where one does not answer.

use std::time::Duration;

use hostler_core::Code;
use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::query::ListRequest;
use hostler_engine::{DeleteOptions, Pace, ToldBy, ToldMigrations};
use hostler_provider::{Group, Kind};
use hostler_sim::{Sim, Verb, When, World};
use hostler_store::KeptMigration;

use crate::world::{Lab, PATIENCE, Tuning, admin, foreign, pace};

/// More than the simulator remembers of one VM.
const MOVES: usize = 13;

/// A world of two hosts where providers are asked for what is over as often as `pace` says.
async fn two_hosts(pace: Pace) -> (Lab, VmId) {
    let tuning = Tuning { pace, ..Tuning::default() };
    let lab = Lab::tuned(World::small(1), None, tuning).await;
    lab.second_host().await;
    let vm = lab.create("web").await;
    (lab, vm)
}

/// Moves it to the other host, and waits until it is seen there.
async fn moved(lab: &Lab, vm: VmId) {
    let here = || lab.engine.vms().get(vm).unwrap().host.as_ref().unwrap().1.clone();
    let to = if here() == "h1" { "h2" } else { "h1" };
    let migrations = lab.engine.migrations();
    let accepted = migrations.begin(&admin(), None, vm, Some(lab.host(to))).await.unwrap();
    let ended = lab.end(&accepted).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    lab.until("it is seen there", || here() == to).await;
}

/// Waits until so many are kept.
async fn kept(lab: &Lab, count: usize) -> Vec<KeptMigration> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let kept = lab.store.kept_migrations().await.unwrap();
        if kept.len() == count {
            return kept;
        }
        assert!(tokio::time::Instant::now() < deadline, "{} are kept, not {count}", kept.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many are told by their provider, and how many by what was kept.
fn told_by(told: &ToldMigrations) -> (usize, usize) {
    let of = |by: ToldBy| told.items.iter().filter(|one| one.told_by == by).count();
    (of(ToldBy::Provider), of(ToldBy::History))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c13_a_vm_is_moved_and_what_is_remembered_names_its_hosts() {
    let lab = Lab::new().await;
    lab.second_host().await;
    let vm = lab.create("web").await;
    let migrations = lab.engine.migrations();
    let accepted = migrations.begin(&admin(), None, vm, Some(lab.host("h2"))).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert_eq!(lab.told("vm.migrated").await, 1);
    let row = lab.store.vm(vm).await.unwrap().unwrap();
    assert_eq!(row.host, Some(lab.host("h2")), "and remembered there, should its host be silent");
    for asked in [None, Some(vm)] {
        let told = migrations.list(asked).await.unwrap();
        let [only] = told.items.as_slice() else { panic!("{told:?}") };
        let name = |of: &Option<(_, String)>| of.as_ref().map(|(_, name)| name.clone());
        assert_eq!(
            (name(&only.source), name(&only.target)),
            (Some("h1".into()), Some("h2".into()))
        );
        assert_eq!((only.vm.0, told.silent.len()), (vm, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c13_a_vm_that_is_there_already_is_a_success_and_no_news() {
    let lab = Lab::new().await;
    lab.second_host().await;
    let vm = lab.create("web").await;
    let here = lab.engine.vms().get(vm).unwrap().host.as_ref().unwrap().0;
    let migrations = lab.engine.migrations();
    let accepted = migrations.begin(&admin(), None, vm, Some(here)).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert_eq!(lab.told("vm.migrated").await, 0, "nothing moved");
    assert_eq!(migrations.list(Some(vm)).await.unwrap().items.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c13_what_cannot_be_is_refused_before_it_is_taken_on() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let elsewhere = World::new(3);
    elsewhere.add_host(hostler_sim::HostSetup::new("far"));
    lab.attach("other", &elsewhere).await;
    let migrations = lab.engine.migrations();
    let far = migrations.begin(&admin(), None, vm, Some(lab.host("far"))).await.unwrap_err();
    assert_eq!(far.code(), Code::CapabilityMissing, "{far}");
    assert!(far.message().contains("of provider other"), "{far}");
    let theirs = foreign(&lab.world, "theirs");
    let find = || {
        let all = lab.engine.vms().list(&ListRequest::first(100)).items;
        all.into_iter().find(|vm| vm.name == theirs.name)
    };
    lab.until("the foreign VM is shown", || find().is_some()).await;
    let refused = migrations.begin(&admin(), None, find().unwrap().id, None).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmNotManaged);
    assert_eq!(lab.told("vm.migrated").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_who_does_not_answer_is_named_and_who_cannot_migrate_is_not() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let plain = World::small(4);
    let row = lab.attach("plain", &plain).await;
    let migrations = lab.engine.migrations();
    assert_eq!(migrations.list(None).await.unwrap().silent, []);
    lab.world.faults().fail_verb(Verb::Migrations, 100, When::Before, Kind::Denied);
    let told = migrations.list(None).await.unwrap();
    let [one] = told.silent.as_slice() else { panic!("{told:?}") };
    assert_eq!((one.name.as_str(), one.id), ("sim", lab.provider));
    assert!(!one.reason.is_empty());
    let of_one = migrations.list(Some(vm)).await.unwrap();
    assert_eq!((of_one.silent.len(), of_one.items.len()), (1, 0));
    assert_eq!(of_one.silent[0].id, lab.provider);
    // One that has no migrations is not silent about them.
    let without = Sim::new(&plain).with_groups(&[Group::Power]);
    let of_row = lab.store.provider(row).await.unwrap().unwrap();
    lab.engine.providers().attach(of_row, std::sync::Arc::new(without)).await.unwrap();
    assert_eq!(migrations.list(None).await.unwrap().silent.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_what_a_provider_has_forgotten_was_kept_by_passes_that_nobody_asked_for() {
    let soon = Pace { migrations: Duration::from_millis(10), ..pace() };
    let (lab, vm) = two_hosts(soon).await;
    for number in 1..=MOVES {
        moved(&lab, vm).await;
        kept(&lab, number).await;
    }
    let told = lab.engine.migrations().list(None).await.unwrap();
    assert_eq!(told.silent, []);
    let (live, old) = told_by(&told);
    assert_eq!(live + old, MOVES, "each once: {told:?}");
    assert!(live > 0 && old > 0, "{live} are told by the provider, {old} were kept");
    let of_one = lab.engine.migrations().list(Some(vm)).await.unwrap();
    assert_eq!(told_by(&of_one), (live, old));
    for one in &told.items {
        let name = |of: &Option<(_, String)>| of.as_ref().map(|(_, name)| name.clone());
        assert_eq!(one.vm, (vm, "web".to_owned()));
        assert_eq!(one.provider.0, lab.provider);
        assert!(one.observed.ended_at.is_some() && one.simulated);
        let hosts = [name(&one.source), name(&one.target)];
        assert!(hosts.contains(&Some("h1".into())) && hosts.contains(&Some("h2".into())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_what_a_silent_provider_told_is_told_with_its_time_also_after_a_restart() {
    let (mut lab, vm) = two_hosts(pace()).await;
    moved(&lab, vm).await;
    // Who reads the list keeps what is over; what the provider tells now is told as that.
    let told = lab.engine.migrations().list(None).await.unwrap();
    assert_eq!(told_by(&told), (1, 0));
    let seen = lab.store.kept_migrations().await.unwrap();
    let [only] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((only.vm, only.provider), (vm, lab.provider));

    lab.world.faults().fail_verb(Verb::Migrations, 100, When::Before, Kind::Unavailable);
    for restarted in [false, true] {
        if restarted {
            lab.restart().await;
        }
        for asked in [None, Some(vm)] {
            let told = lab.engine.migrations().list(asked).await.unwrap();
            assert_eq!((told_by(&told), told.silent.len()), ((0, 1), 1), "{told:?}");
            let one = &told.items[0];
            assert_eq!(one.observed, only.told, "as of when it was told");
            assert_eq!((&one.source, &one.target), (&only.source, &only.target));
            assert_eq!(told.silent[0].id, lab.provider);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_what_is_kept_outlives_its_vm_and_not_its_time() {
    let soon = Pace { retention: Duration::from_millis(20), ..pace() };
    let (lab, vm) = two_hosts(soon).await;
    moved(&lab, vm).await;
    lab.engine.migrations().list(None).await.unwrap();
    let options = DeleteOptions { force: true, ..DeleteOptions::default() };
    let accepted = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    lab.until("the VM is gone", || lab.engine.vms().get(vm).is_err()).await;
    for asked in [None, Some(vm)] {
        let told = lab.engine.migrations().list(asked).await.unwrap();
        assert_eq!(told_by(&told), (0, 1), "{told:?}");
        assert_eq!(told.items[0].vm, (vm, "web".to_owned()));
    }
    let missing = VmId::new(hostler_core::Timestamp::from_millis(1), [9; 10]);
    let none = lab.engine.migrations().list(Some(missing)).await.unwrap_err();
    assert_eq!(none.code(), Code::VmNotFound);

    // One that was over before the time for which they are kept goes by itself.
    let mut old = kept(&lab, 1).await.remove(0);
    old.told.external_ref = "long ago".to_owned();
    let ended = old.told.ended_at.unwrap().minus(Pace::default().migrations_keep_for);
    old.told.ended_at = Some(ended);
    lab.store.keep_migrations(&[old], 10).await.unwrap();
    let left = kept(&lab, 1).await;
    assert_ne!(left[0].told.external_ref, "long ago");
}
