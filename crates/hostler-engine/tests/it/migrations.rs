//! Migrations: what is refused before anything is taken on, what is told of those that
//! providers remember, and who is named where one does not answer.

use hostler_core::Code;
use hostler_core::operation::OperationState;
use hostler_core::query::ListRequest;
use hostler_provider::{Group, Kind};
use hostler_sim::{Sim, Verb, When, World};

use crate::world::{Lab, admin, foreign};

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
    migrations.list(Some(vm)).await.unwrap_err();
    // One that has no migrations is not silent about them.
    let without = Sim::new(&plain).with_groups(&[Group::Power]);
    let of_row = lab.store.provider(row).await.unwrap().unwrap();
    lab.engine.providers().attach(of_row, std::sync::Arc::new(without)).await.unwrap();
    assert_eq!(migrations.list(None).await.unwrap().silent.len(), 1);
}
