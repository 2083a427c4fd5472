//! Another kubeconfig for a cluster: what the old connection still says does not count, what
//! could not be measured is measured from then on, and another cluster is told from the same.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::Code;
use hostler_core::cluster::{AUTH_FAILED, Health, Report};
use hostler_core::id::ProviderId;
use hostler_core::query::ListRequest;
use hostler_core::vm::{PowerState, VmSpec};
use hostler_engine::{ClusterView, CollectPace, Pace};
use hostler_provider::{Cluster, Cx, Error, Inventory, Kind, Probe, Provider, Result};
use hostler_sim::cluster::healthy;
use hostler_sim::{HostSetup, Sim, Verb, World};
use hostler_store::SealedSecret;

use crate::clusters::{FOR_EVER, add, cluster, is, secret, soon, view, wrong};
use crate::world::{Lab, Tuning, admin, foreign};

async fn rotate(lab: &Lab, id: ProviderId, world: &World) -> hostler_core::Result<ClusterView> {
    let fresh = SealedSecret { sealed: b"fresh".to_vec(), ..secret() };
    let provider = Arc::new(Sim::new(world));
    lab.engine.clusters().rotate(&admin(), id, "sim:fresh", provider, &fresh).await
}

/// Asserts that something stays so for a while.
async fn stays(what: &str, long: Duration, is_so: impl Fn() -> bool) {
    let end = tokio::time::Instant::now() + long;
    while tokio::time::Instant::now() < end {
        assert!(is_so(), "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_after_a_restart_another_cluster_is_told_from_the_one_before() {
    let tuning = Tuning { pace: soon(), ..Tuning::default() };
    let mut lab = Lab::tuned(World::small(1), None, tuning).await;
    let world = cluster(2, healthy());
    world.add_vm("h1", VmSpec::new("web", 1 << 20), None, vec![]);
    let id = add(&lab, "eu", 2, &world).await;
    lab.until("its VM is seen", || view(&lab, id).provider.vm_count == Some(1)).await;

    // Its credentials are good no more, so that nothing is seen of it.
    lab.restart().await;
    let row = lab.store.provider(id).await.unwrap().unwrap();
    let mute = cluster(3, wrong(Health::Unhealthy, AUTH_FAILED));
    mute.faults().set_verb_latency(Verb::Probe, FOR_EVER);
    lab.engine.providers().attach(row, Arc::new(Sim::new(&mute))).await.unwrap();
    // Another cluster, whose host has the same name.
    let elsewhere = cluster(9, healthy());
    elsewhere.add_vm("h1", VmSpec::new("web", 1 << 20), None, vec![]);
    let error = rotate(&lab, id, &elsewhere).await.unwrap_err();
    assert_eq!(error.code(), Code::ProviderConflict, "{error}");
    assert!(error.message().contains("none of the VMs"), "{error}");
    rotate(&lab, id, &world).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_vms_clusters_are_told_apart_by_their_hosts() {
    let tuning = Tuning { pace: soon(), ..Tuning::default() };
    let lab = Lab::tuned(World::small(1), None, tuning).await;
    let id = add(&lab, "eu", 2, &cluster(2, healthy())).await;
    lab.until("its host is seen", || view(&lab, id).host_count == Some(1)).await;
    let elsewhere = World::new(9);
    elsewhere.add_host(HostSetup::new("other"));
    elsewhere.set_cluster(healthy());
    let error = rotate(&lab, id, &elsewhere).await.unwrap_err();
    assert!(error.message().contains("none of the hosts"), "{error}");
    rotate(&lab, id, &cluster(3, healthy())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_the_old_connection_fails_is_not_told_of_the_new_one() {
    let pace = Pace { inventory_deadline: Duration::from_millis(600), ..soon() };
    let lab = Lab::tuned(World::small(1), None, Tuning { pace, ..Tuning::default() }).await;
    let (old, new) = (cluster(2, healthy()), cluster(3, healthy()));
    let id = add(&lab, "eu", 2, &old).await;
    is(&lab, id, Health::Healthy).await;
    lab.until("it is seen", || view(&lab, id).host_count == Some(1)).await;
    let told = lab.told("provider.state").await;

    old.faults().reset();
    old.faults().set_verb_latency(Verb::Report, FOR_EVER);
    old.faults().set_verb_latency(Verb::Inventory, FOR_EVER);
    let under_way = |verb| old.faults().calls().contains(&verb);
    lab.until("both hang", || under_way(Verb::Report) && under_way(Verb::Inventory)).await;
    rotate(&lab, id, &new).await.unwrap();
    // What the new one answers does not hide at once what the old one left.
    new.faults().set_verb_latency(Verb::Report, Duration::from_millis(300));
    new.faults().set_verb_latency(Verb::Inventory, Duration::from_millis(300));
    stays("nothing failed", Duration::from_millis(1200), || view(&lab, id).failure.is_none()).await;
    assert_eq!(lab.told("provider.state").await, told, "it was never silent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_old_connection_sees_too_late_is_not_taken_for_what_is_so() {
    let tuning = Tuning { pace: soon(), ..Tuning::default() };
    let lab = Lab::tuned(World::small(1), None, tuning).await;
    let (old, new) = (cluster(2, healthy()), cluster(3, healthy()));
    let id = add(&lab, "eu", 2, &old).await;
    lab.until("it is seen", || view(&lab, id).host_count == Some(1)).await;
    old.faults().reset();
    old.faults().set_verb_latency(Verb::Inventory, Duration::from_millis(500));
    lab.until("it is asked", || old.faults().calls().contains(&Verb::Inventory)).await;
    old.add_host(HostSetup::new("late"));
    rotate(&lab, id, &new).await.unwrap();
    new.faults().set_verb_latency(Verb::Inventory, Duration::from_millis(300));
    let hosts = || view(&lab, id).host_count;
    stays("it has one host", Duration::from_millis(1200), || hosts() == Some(1)).await;
}

/// A cluster whose kubeconfig cannot be opened: it tells why, and can nothing else.
struct Shut;

#[async_trait]
impl Provider for Shut {
    fn kind(&self) -> &'static str {
        "sim"
    }

    async fn probe(&self, _: &Cx) -> Result<Probe> {
        Err(Error::new(Kind::Unavailable, "shut"))
    }

    async fn inventory(&self, _: &Cx) -> Result<Inventory> {
        Err(Error::new(Kind::Unavailable, "shut"))
    }

    fn cluster(&self) -> Option<&dyn Cluster> {
        Some(self)
    }
}

#[async_trait]
impl Cluster for Shut {
    async fn report(&self, _: &Cx) -> Result<Report> {
        Ok(wrong(Health::Unreachable, "KubeconfigShut"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_what_could_not_be_opened_is_measured_once_it_has_another_kubeconfig() {
    let interval = Duration::from_millis(200);
    let collect = Some(CollectPace { interval, ..CollectPace::default() });
    let tuning = Tuning { pace: soon(), collect, ..Tuning::default() };
    let mut lab = Lab::tuned(World::small(1), None, tuning).await;
    let world = cluster(2, healthy());
    let web = foreign(&world, "web");
    world.set_power(&web, PowerState::Running, "booted");
    let id = add(&lab, "eu", 2, &world).await;
    lab.until("its VM is seen", || view(&lab, id).provider.vm_count == Some(1)).await;
    lab.restart().await;
    let row = lab.store.provider(id).await.unwrap().unwrap();
    lab.engine.providers().attach(row, Arc::new(Shut)).await.unwrap();
    is(&lab, id, Health::Unreachable).await;

    rotate(&lab, id, &world).await.unwrap();
    let measured = || {
        let collected = lab.engine.metrics().collected();
        collected.vms.iter().any(|vm| vm.of.name == "web" && !vm.passes.is_empty())
    };
    lab.until("it is measured", measured).await;
    // Each pass is made once, also after yet another kubeconfig.
    rotate(&lab, id, &world).await.unwrap();
    world.faults().reset();
    tokio::time::sleep(interval * 10).await;
    let calls = world.faults().calls();
    let made = calls.into_iter().filter(|verb| *verb == Verb::Measure).count();
    assert!((4..=26).contains(&made), "two passes, about ten times each, and not {made} in all");
    assert_eq!(lab.engine.vms().list(&ListRequest::first(9)).items.len(), 1);
}
