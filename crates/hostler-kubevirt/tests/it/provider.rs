//! A cluster as a provider: what it tells of itself and holds, and what it tells
//! while it is not followed.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::clock::ManualClock;
use hostler_core::vm::PowerState;
use hostler_kube_double::{Double, Fault, Installation, Options, Refused, What};
use hostler_kubevirt::config::{KubeVirtConfig, Namespaces};
use hostler_kubevirt::health::Health;
use hostler_kubevirt::provider::KubeVirt;
use hostler_provider::{Change, Kind, Power, Provider, StopMode};
use serde_json::json;

use crate::place::{PATIENCE, Place, busy, config, cx, machine};

async fn health(provider: &KubeVirt) -> Health {
    provider.cluster().unwrap().report(&cx()).await.unwrap().health
}

#[tokio::test]
async fn e7_an_address_is_all_it_takes() {
    let double = Double::start(Options { tls: true, ..busy() }).await.unwrap();
    double.seed_vms(2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, double.kubeconfig()).unwrap();
    let uri = format!("kubevirt://{}?context=double", path.display());
    let provider = KubeVirt::new(KubeVirtConfig::parse(&uri).unwrap());
    let probe = provider.probe(&cx()).await.unwrap();
    assert!(probe.product.starts_with("KubeVirt 1.9.0, Kubernetes 1."), "{}", probe.product);
    assert_eq!((provider.kind(), probe.version.as_str()), ("kubevirt", "kubevirt.io/v1"));
    let inventory = provider.inventory(&cx()).await.unwrap();
    assert_eq!((inventory.vms.len(), inventory.hosts.len()), (2, 3));
    let pools: Vec<_> = inventory.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(pools, ["default.standard"]);
    let networks: Vec<_> = inventory.networks.iter().map(|network| network.name.as_str()).collect();
    assert_eq!(networks, ["pod"]);
    assert_eq!(health(&provider).await, Health::Healthy);
}

#[tokio::test]
async fn e13_a_cluster_that_cannot_be_used_says_why() {
    let double = Double::start(busy()).await.unwrap();
    let mut wrong = config(&double);
    wrong.context = Some("nowhere".into());
    let refused = KubeVirt::new(wrong).probe(&cx()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid, "{refused}");

    double.set_installation(&Installation::Absent).unwrap();
    let provider = KubeVirt::new(config(&double));
    let missing = provider.probe(&cx()).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::Unsupported, "{missing}");
    assert_eq!(health(&provider).await, Health::Unhealthy);

    let text = double.kubeconfig().replace(double.token(), "expired");
    let mut stranger = config(&double);
    stranger.source = hostler_kubevirt::config::Source::Text(text);
    let provider = KubeVirt::new(stranger);
    assert_eq!(provider.probe(&cx()).await.unwrap_err().kind(), Kind::Denied);
    assert_eq!(provider.inventory(&cx()).await.unwrap_err().kind(), Kind::Denied);

    let address = double.address();
    let lonely = KubeVirt::new(config(&double));
    double.stop().await;
    let gone = lonely.probe(&cx()).await.unwrap_err();
    assert_eq!(gone.kind(), Kind::Unavailable, "{gone} at {address}");
    assert_eq!(lonely.inventory(&cx()).await.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn f1_two_vms_of_one_name_in_two_namespaces_are_two() {
    let place = Place::start(busy()).await;
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "b" } });
    place.double.put(namespace).unwrap();
    let first = place.made("web", "Halted", PowerState::Stopped).await;
    place.double.put(machine("b", "web", "Halted")).unwrap();
    let second = place.vm_in("b", "web");
    place.until(&second, PowerState::Stopped).await;
    place.power().start(&cx(), &second).await.unwrap();
    assert_eq!(place.listed(&first).await, Some(PowerState::Stopped));
    assert_eq!(place.listed(&second).await, Some(PowerState::Running));

    let mut narrow = config(&place.double);
    narrow.namespaces = Namespaces::Only(vec!["b".into()]);
    let narrow = KubeVirt::new(narrow);
    let inventory = narrow.inventory(&cx()).await.unwrap();
    let seen: Vec<_> = inventory.vms.iter().map(|vm| &vm.external_ref).collect();
    assert_eq!(seen, [&second.external_ref]);
    narrow.stop(&cx(), &second, StopMode::Force).await.unwrap();
    assert_eq!(place.listed(&first).await, Some(PowerState::Stopped));
}

#[tokio::test]
async fn f1_a_node_that_takes_no_vms_is_closed_with_the_reason() {
    let place = Place::start(busy()).await;
    place
        .double
        .edit("nodes", "", "n2", |node| node["spec"]["unschedulable"] = json!(true))
        .unwrap();
    // Soon after its nodes were last heard of.
    let now = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_228_200_000)));
    let inventory = place.provider.inventory(&cx().with_clock(now)).await.unwrap();
    let closed = |name: &str| {
        let host = inventory.hosts.iter().find(|host| host.host.external_ref == name).unwrap();
        host.closed.clone()
    };
    assert!(closed("n2").is_some());
    assert_eq!((closed("n1"), closed("n3")), (None, None));
}

#[tokio::test]
async fn e9_changes_are_told_under_the_name_of_the_vm_and_seen_when_looked_at() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    let mut changes = place.watch().subscribe().await.unwrap();
    place
        .double
        .edit("virtualmachines", "default", "web", |machine| {
            machine["spec"]["runStrategy"] = json!("Always");
        })
        .unwrap();
    let runs = async {
        loop {
            match changes.recv().await.unwrap() {
                Change::Vm(told) => assert_eq!(told, vm),
                other => panic!("{other:?}"),
            }
            if place.seen(&vm).await.unwrap().power == PowerState::Running {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, runs).await.unwrap();
    place.double.remove("virtualmachines", "default", "web").unwrap();
    let gone = async {
        while place.seen(&vm).await.is_some() {
            changes.recv().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

/// The cluster forgot our version, and takes its time to list anew.
#[tokio::test]
async fn e22_x26_while_it_is_rebuilt_reads_are_stale_and_writes_wait() {
    let place = Place::start(busy()).await;
    let running = place.made("old", "Always", PowerState::Running).await;
    let now = Timestamp::from_millis(4_102_444_800_000);
    let later = cx().with_clock(Arc::new(ManualClock::at(now)));
    let fresh = place.provider.inventory(&later).await.unwrap();
    assert!(fresh.vms.iter().all(|vm| vm.observed_at == now));
    assert_eq!(fresh.stale, None);

    let slow = What::Slow(Duration::from_secs(3));
    place.double.fault(Fault::new(slow).verb("list").class("virtualmachines").times(1));
    place.double.compact();
    place.double.expire_watches();
    let refused = async {
        loop {
            if let Err(error) = place.power().pause(&cx(), &running).await {
                return error;
            }
            if let Err(error) = place.power().resume(&cx(), &running).await {
                return error;
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(2), refused).await.unwrap();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Unavailable, false), "{refused}");
    assert!(refused.retry_after().is_some());
    place.double.put(machine("default", "new", "Halted")).unwrap();
    let stale = place.provider.inventory(&later).await.unwrap();
    let names: Vec<_> = stale.vms.iter().map(|vm| vm.name.as_str()).collect();
    assert_eq!(names, ["old"], "as it was");
    assert!(stale.vms.iter().all(|vm| vm.observed_at < now), "and when it was so");
    let told = stale.stale.unwrap();
    assert!(stale.vms.iter().all(|vm| vm.observed_at == told.since));
    assert!(told.reason.contains("listed anew"), "{}", told.reason);
    let asked = place.watch().observe(&later, &running).await.unwrap().unwrap();
    assert_eq!(asked.observed_at, now, "looking at one asks the cluster");

    let rebuilt = async {
        while place.provider.inventory(&cx()).await.unwrap().vms.len() != 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, rebuilt).await.unwrap();
    place.power().stop(&cx(), &running, StopMode::Force).await.unwrap();
}

#[tokio::test]
async fn e10_an_older_picture_is_told_for_a_minute_and_then_why_there_is_no_other() {
    let double = Double::start(busy()).await.unwrap();
    double.seed_vms(1).unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_228_200_000)));
    let mut timed = config(&double);
    timed.clock = clock.clone();
    let provider = KubeVirt::new(timed);
    assert_eq!(provider.inventory(&cx()).await.unwrap().stale, None);
    let refused = Refused::new(403, "Forbidden", "no list for you", json!({}));
    let lists = Fault::new(What::Answer(refused)).verb("list").class("virtualmachines");
    double.fault(lists);
    double.compact();
    double.expire_watches();
    let told_stale = async |wanted: bool| {
        while provider.inventory(&cx()).await.unwrap().stale.is_some() != wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told_stale(true)).await.unwrap();
    clock.advance(Duration::from_secs(59));
    assert!(provider.inventory(&cx()).await.unwrap().stale.is_some());
    clock.advance(Duration::from_secs(2));
    let failed = provider.inventory(&cx()).await.unwrap_err();
    assert_eq!(failed.kind(), Kind::Denied, "{failed}");
    double.clear_faults();
    tokio::time::timeout(PATIENCE, async {
        while provider.inventory(&cx()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        told_stale(false).await;
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn e11_with_virt_api_down_verbs_fail_and_reads_go_on() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    place.double.set_virt_api_down(true);
    let refused = place.power().start(&cx(), &vm).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable, "{refused}");
    assert_eq!(place.listed(&vm).await, Some(PowerState::Stopped));
    place.double.set_virt_api_down(false);
    place.power().start(&cx(), &vm).await.unwrap();
    assert_eq!(place.listed(&vm).await, Some(PowerState::Running));
}

#[tokio::test]
async fn e22_while_it_is_not_followed_verbs_and_the_inventory_look_by_asking() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    let forbidden = Refused::new(403, "Forbidden", "no watch for you", json!({}));
    place.double.fault(Fault::new(What::Answer(forbidden)).verb("watch"));
    place.double.drop_watches();
    let lists = || place.double.counts().of("list", "virtualmachines");
    let asked = async {
        let before = lists();
        while lists() == before {
            place.provider.inventory(&cx()).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap();
    place.power().start(&cx(), &vm).await.unwrap();
    assert_eq!(place.seen(&vm).await.unwrap().power, PowerState::Running);
    assert!(place.double.counts().of("get", "virtualmachineinstances") > 0);

    place.double.put(machine("default", "new", "Halted")).unwrap();
    assert_eq!(place.listed(&place.vm("new")).await, Some(PowerState::Stopped));
    let refused = Refused::new(403, "Forbidden", "no list for you", json!({}));
    place.double.fault(Fault::new(What::Answer(refused)).verb("list"));
    let no_guess = place.provider.inventory(&cx()).await.unwrap_err();
    assert_eq!((no_guess.kind(), no_guess.is_unknown()), (Kind::Denied, false), "{no_guess}");
}

#[tokio::test]
async fn e22_dropping_the_provider_ends_following_and_closes_the_channel() {
    let Place { double, provider } = Place::start(busy()).await;
    let mut changes = provider.watch().unwrap().subscribe().await.unwrap();
    provider.inventory(&cx()).await.unwrap();
    drop(provider);
    let closed = async { while changes.recv().await.is_some() {} };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
    drop(double);
}

#[tokio::test]
async fn e7_credentials_that_were_renewed_are_read_anew() {
    let double = Double::start(busy()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, double.kubeconfig().replace(double.token(), "expired")).unwrap();
    let mut config = config(&double);
    config.source = hostler_kubevirt::config::Source::File(path.clone());
    let provider = KubeVirt::new(config);
    assert_eq!(provider.inventory(&cx()).await.unwrap_err().kind(), Kind::Denied);
    std::fs::write(&path, double.kubeconfig()).unwrap();
    let known = async {
        while provider.inventory(&cx()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.unwrap();
    assert_eq!(provider.inventory(&cx()).await.unwrap().hosts.len(), 3);
}
