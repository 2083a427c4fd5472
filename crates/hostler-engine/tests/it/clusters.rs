//! Clusters: asked by themselves, told with their age, and given other credentials.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Code;
use hostler_core::access::{Actor, Role};
use hostler_core::clock::{Clock, SystemClock};
use hostler_core::cluster::{AUTH_FAILED, Health, Reason, Report};
use hostler_core::id::ProviderId;
use hostler_core::query::{ListParams, ListRequest};
use hostler_core::vm::VmSpec;
use hostler_engine::{ClusterSource, ClusterView, Pace, Wanted};
use hostler_sim::cluster::healthy;
use hostler_sim::{Sim, Verb, World};
use hostler_store::{ProviderRow, SealedSecret};

use crate::world::{Lab, Tuning, admin, foreign, pace};

pub(crate) const FOR_EVER: Duration = Duration::from_secs(3600);

/// An engine that asks clusters soon.
async fn lab(world: World) -> Lab {
    Lab::tuned(world, None, Tuning { pace: soon(), ..Tuning::default() }).await
}

/// The pace of one that asks clusters soon.
pub(crate) fn soon() -> Pace {
    let ms = Duration::from_millis;
    Pace { cluster: ms(120), cluster_deadline: ms(500), ..pace() }
}

pub(crate) fn cluster(seed: u64, report: Report) -> World {
    let world = World::small(seed);
    world.set_cluster(report);
    world
}

pub(crate) fn wrong(health: Health, code: &str) -> Report {
    let reason = Reason { code: code.into(), message: format!("{code}!"), is_warning: false };
    Report { health, reasons: vec![reason], ..Report::default() }
}

pub(crate) fn secret() -> SealedSecret {
    SealedSecret {
        key_id: "k".into(),
        sealed: b"sealed".to_vec(),
        given_by: "token:ci".into(),
        given_at: SystemClock.now(),
    }
}

/// Adds a cluster as if by a kubeconfig.
pub(crate) async fn add(lab: &Lab, name: &str, number: u8, world: &World) -> ProviderId {
    let row = ProviderRow {
        id: ProviderId::new(SystemClock.now(), [number; 10]),
        name: name.into(),
        uri: "sim:sealed".into(),
        from_config: false,
        created_at: SystemClock.now(),
    };
    let id = row.id;
    let provider = Arc::new(Sim::new(world));
    lab.engine.clusters().add(&admin(), row, provider, &secret()).await.unwrap();
    id
}

pub(crate) fn view(lab: &Lab, id: ProviderId) -> ClusterView {
    lab.engine.clusters().get(id, &Wanted::default()).unwrap()
}

pub(crate) async fn is(lab: &Lab, id: ProviderId, health: Health) {
    lab.until(&format!("it is {health:?}"), || view(lab, id).health() == health).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_e13_a_cluster_is_unknown_until_it_was_asked_and_each_change_is_told() {
    let lab = lab(World::small(1)).await;
    let world = cluster(2, healthy());
    world.faults().set_verb_latency(Verb::Report, Duration::from_millis(200));
    let id = add(&lab, "eu", 2, &world).await;
    let first = view(&lab, id);
    assert_eq!((first.health(), first.reported_at, first.stale), (Health::Unknown, None, false));
    assert_eq!(first.source(), ClusterSource::Secret);
    is(&lab, id, Health::Healthy).await;
    world.set_cluster(wrong(Health::Unhealthy, AUTH_FAILED));
    is(&lab, id, Health::Unhealthy).await;
    world.set_cluster(wrong(Health::Unreachable, "Unreachable"));
    is(&lab, id, Health::Unreachable).await;
    let told = view(&lab, id);
    assert_eq!(told.report.unwrap().reasons[0].message, "Unreachable!");
    world.set_cluster(healthy());
    is(&lab, id, Health::Healthy).await;
    // Told before they are events.
    while lab.told("cluster.health").await < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(lab.told("cluster.health").await, 4, "what stays the same is told once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_a_cluster_that_hangs_delays_no_other_and_grows_old() {
    let lab = lab(World::small(1)).await;
    let (hung, fine) = (cluster(2, healthy()), cluster(3, healthy()));
    let (a, b) = (add(&lab, "a", 2, &hung).await, add(&lab, "b", 3, &fine).await);
    is(&lab, a, Health::Healthy).await;
    is(&lab, b, Health::Healthy).await;
    hung.faults().set_verb_latency(Verb::Report, FOR_EVER);
    fine.set_cluster(wrong(Health::Unhealthy, "NoKubeVirt"));
    is(&lab, b, Health::Unhealthy).await;
    // Its last word stays, with its age and why there is no newer one.
    lab.until("it is old", || view(&lab, a).stale).await;
    let old = view(&lab, a);
    assert_eq!(old.health(), Health::Healthy);
    assert!(old.failure.is_some() && old.age > Some(Duration::from_millis(500)), "{old:?}");
    let listed = lab.engine.clusters().list(&ListRequest::first(9), &Wanted::default(), false);
    assert!(listed.freshness.is_stale() && listed.items.len() == 2);
    hung.faults().set_verb_latency(Verb::Report, Duration::ZERO);
    lab.until("it is fresh", || !view(&lab, a).stale && view(&lab, a).failure.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e15_e16_clusters_are_compared_with_what_is_wanted_and_declared() {
    let lab = lab(World::small(1)).await;
    let full = add(&lab, "full", 2, &cluster(2, healthy())).await;
    let mute = add(&lab, "mute", 3, &cluster(3, wrong(Health::Unhealthy, "X"))).await;
    is(&lab, full, Health::Healthy).await;
    is(&lab, mute, Health::Unhealthy).await;
    let wanted = Wanted {
        features: vec!["GPU".into(), "Sidecar".into()],
        hardware: vec!["kvm".into(), "fpga".into()],
    };
    let lacks = |id| -> Vec<String> {
        let view = lab.engine.clusters().get(id, &wanted).unwrap();
        assert_eq!(view.fits(), Some(view.lacks.as_ref().unwrap().is_empty()));
        view.lacks.unwrap().into_iter().map(|lack| lack.name).collect()
    };
    assert_eq!(lacks(full), ["Sidecar", "fpga"]);
    assert_eq!(lacks(mute), ["GPU", "Sidecar", "kvm", "fpga"]);
    let declared = BTreeMap::from([("fpga".to_owned(), true), ("kvm".to_owned(), false)]);
    let said = declared.iter().map(|(name, is_there)| (name.clone(), Some(*is_there))).collect();
    lab.engine.clusters().declare(&admin(), full, said).await.unwrap();
    assert_eq!(lacks(full), ["Sidecar", "kvm"]);
    assert_eq!(lab.store.declared_hardware().await.unwrap()[&full], declared);
    let params = ListParams { filter: Some("fits=true"), ..ListParams::default() };
    let fitting = ListRequest::parse(&params, ClusterView::FIELDS, None).unwrap();
    let modest = Wanted { features: vec!["GPU".into()], hardware: Vec::new() };
    let listed = lab.engine.clusters().list(&fitting, &modest, false);
    let names: Vec<&str> = listed.items.iter().map(|it| it.provider.row.name.as_str()).collect();
    assert_eq!(names, ["full"]);
    assert_eq!(view(&lab, full).fits(), None, "nothing was wanted");
    let reader = Actor { name: "token:x".into(), role: Role::Reader };
    let denied = lab.engine.clusters().declare(&reader, full, BTreeMap::new()).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_no_cluster_is_not_among_them() {
    let lab = lab(World::small(1)).await;
    let error = lab.engine.clusters().get(lab.provider, &Wanted::default()).unwrap_err();
    assert_eq!(error.code(), Code::ClusterNotFound);
    let error = lab.engine.clusters().remove(&admin(), lab.provider).await.unwrap_err();
    assert_eq!(error.code(), Code::ClusterNotFound);
    let plain: Arc<dyn hostler_provider::Provider> = Arc::new(Sim::new(&lab.world));
    let error = lab.engine.clusters().test(&admin(), &plain).await.unwrap_err();
    assert_eq!(error.code(), Code::CapabilityMissing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_kubeconfig_takes_the_place_of_the_old_one_and_nothing_is_forgotten() {
    let lab = lab(World::small(1)).await;
    let world = cluster(2, healthy());
    let vm = world.add_vm("h1", VmSpec::new("web", 1 << 20), None, vec![]);
    let id = add(&lab, "eu", 2, &world).await;
    is(&lab, id, Health::Healthy).await;
    let listed = || lab.engine.vms().list(&ListRequest::first(9)).items;
    lab.until("its VM is seen", || listed().len() == 1).await;
    let before = listed()[0].id;
    // The same place over another connection; the old one is not let in any more.
    let fresh = Arc::new(Sim::new(&world));
    let told = SealedSecret { sealed: b"fresh".to_vec(), ..secret() };
    let told_view =
        lab.engine.clusters().rotate(&admin(), id, "sim:fresh", fresh, &told).await.unwrap();
    assert_eq!(told_view.provider.row.uri, "sim:fresh");
    assert_eq!(listed()[0].id, before);
    assert_eq!(lab.store.provider_secret(id).await.unwrap(), Some(told));
    assert_eq!(lab.told("cluster.kubeconfig_replaced").await, 1);
    // What changes is heard over the new one.
    world.vanish_vm(&vm);
    lab.until("the VM is gone", || listed().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubeconfig_that_does_not_work_changes_nothing() {
    let lab = lab(World::small(1)).await;
    let world = cluster(2, healthy());
    world.add_vm("h1", VmSpec::new("web", 1 << 20), None, vec![]);
    let id = add(&lab, "eu", 2, &world).await;
    is(&lab, id, Health::Healthy).await;
    lab.until("it is seen", || view(&lab, id).host_count == Some(1)).await;
    let elsewhere = World::new(9);
    elsewhere.add_host(hostler_sim::HostSetup::new("other"));
    elsewhere.set_cluster(healthy());
    for (world, code) in [
        (cluster(4, wrong(Health::Unreachable, "Unreachable")), Code::ProviderUnavailable),
        (cluster(5, wrong(Health::Unhealthy, AUTH_FAILED)), Code::ProviderDenied),
        (elsewhere, Code::ProviderConflict),
    ] {
        let fresh = Arc::new(Sim::new(&world));
        let clusters = lab.engine.clusters();
        let told = SealedSecret { sealed: b"fresh".to_vec(), ..secret() };
        let error = clusters.rotate(&admin(), id, "sim:fresh", fresh, &told).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(view(&lab, id).provider.row.uri, "sim:sealed");
        assert_eq!(lab.store.provider_secret(id).await.unwrap().unwrap().sealed, b"sealed");
    }
    assert_eq!(lab.told("cluster.kubeconfig_replaced").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_removed_is_forgotten_with_its_secret() {
    let lab = lab(World::small(1)).await;
    let id = add(&lab, "eu", 2, &cluster(2, healthy())).await;
    is(&lab, id, Health::Healthy).await;
    lab.engine.clusters().remove(&admin(), id).await.unwrap();
    assert_eq!(lab.store.provider_secret(id).await.unwrap(), None);
    assert!(lab.engine.clusters().get(id, &Wanted::default()).is_err());
    assert!(lab.store.provider(id).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_given_twice_is_to_be_noticed_at_both() {
    let lab = lab(World::small(1)).await;
    let world = cluster(2, healthy());
    foreign(&world, "web");
    foreign(&world, "db");
    let (eu, again) = (add(&lab, "eu", 2, &world).await, add(&lab, "again", 3, &world).await);
    let other = add(&lab, "us", 4, &cluster(4, healthy())).await;
    let told = |id| {
        let view = view(&lab, id);
        let twice = view.reasons().filter(|reason| reason.code == "SeenTwice");
        twice.map(|reason| (reason.message.clone(), reason.is_warning)).collect::<Vec<_>>()
    };
    lab.until("it is noticed", || !told(eu).is_empty() && !told(again).is_empty()).await;
    lab.until("both VMs are counted", || told(eu)[0].0.starts_with("2 of its VMs")).await;
    assert!(told(eu)[0].0.contains("provider again") && told(eu)[0].1, "{:?}", told(eu));
    assert!(told(again)[0].0.contains("provider eu"), "{:?}", told(again));
    is(&lab, eu, Health::Healthy).await;
    lab.until("the other is seen", || view(&lab, other).host_count == Some(1)).await;
    assert_eq!(told(other), []);
    let listed =
        lab.engine.clusters().list(&ListRequest::first(9), &Wanted::default(), false).items;
    assert_eq!(listed.iter().filter(|it| it.beside.len() == 1).count(), 2);
    lab.engine.clusters().remove(&admin(), again).await.unwrap();
    assert_eq!(told(eu), [], "there is only one again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e15_what_is_declared_at_once_is_known_as_it_is_stored_and_no_word_is_lost() {
    let lab = lab(World::small(1)).await;
    let id = add(&lab, "eu", 2, &cluster(2, healthy())).await;
    let mut all = BTreeMap::new();
    for round in 0..20 {
        let declared = |name: &str| BTreeMap::from([(format!("{name}{round}"), Some(true))]);
        let (clusters, by) = (lab.engine.clusters(), admin());
        let (one, two, three) = tokio::join!(
            clusters.declare(&by, id, declared("a")),
            clusters.declare(&by, id, declared("b")),
            clusters.declare(&by, id, declared("c")),
        );
        assert!(one.is_ok() && two.is_ok() && three.is_ok());
        let stored = lab.store.declared_hardware().await.unwrap();
        assert_eq!(view(&lab, id).declared, stored[&id], "round {round}");
        all.extend(["a", "b", "c"].map(|name| (format!("{name}{round}"), true)));
        assert_eq!(stored[&id], all, "what each said stays");
    }
    let back = BTreeMap::from([("a0".to_owned(), None), ("never".to_owned(), None)]);
    let told = lab.engine.clusters().declare(&admin(), id, back).await.unwrap();
    all.remove("a0");
    assert_eq!(told.declared, all, "that is taken back, and nothing else");
    let more = (0..6).map(|n| (format!("more{n}"), Some(true))).collect();
    let error = lab.engine.clusters().declare(&admin(), id, more).await.unwrap_err();
    assert_eq!(error.fault_list()[0].code, "too_many", "65 would be declared");
    assert_eq!(view(&lab, id).declared, all);
}
