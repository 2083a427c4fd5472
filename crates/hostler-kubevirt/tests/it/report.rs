//! What a cluster tells of itself when it is asked: each state of its health, what it
//! can, and where that cannot be found out, why (E12–E15, E22, X28, X29).

use std::time::Duration;

use hostler_core::cluster::{Capabilities, Feature, Health, Report, Stage};
use hostler_kube_double::{Double, Fault, Installation, Options, Refusal, Refused, What};
use hostler_kubevirt::config::Source;
use hostler_kubevirt::provider::KubeVirt;
use hostler_provider::{Cx, Kind, Provider};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::place::{PATIENCE, Place, busy, config, cx};

async fn report(provider: &KubeVirt) -> Report {
    provider.cluster().unwrap().report(&cx()).await.unwrap()
}

fn codes(report: &Report) -> Vec<&str> {
    report.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

fn feature<'a>(of: &'a Capabilities, name: &str) -> &'a Feature {
    of.features.iter().find(|feature| feature.name == name).unwrap()
}

fn edit_gates(double: &Double, gates: Value) {
    let developer = "/spec/configuration/developerConfiguration";
    let edit = |object: &mut Value| *object.pointer_mut(developer).unwrap() = gates;
    double.edit("kubevirts", "kubevirt", "kubevirt", edit).unwrap();
}

async fn at_version(version: &str) -> Place {
    Place::start(Options { kubevirt_version: version.into(), ..busy() }).await
}

#[tokio::test]
async fn e12_e13_e22_a_cluster_that_is_well_tells_its_health_and_what_it_can() {
    let place = at_version("v1.7.2").await;
    edit_gates(&place.double, json!({ "featureGates": ["Snapshot", "NoSuchGate"] }));
    let before = hostler_core::Timestamp::from_millis(0);
    let told = report(&place.provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Healthy, vec![]), "{:?}", told.reasons);
    let kinds: Vec<_> = told.lags.iter().map(|lag| lag.kind.as_str()).collect();
    assert_eq!(kinds, ["virtualmachines", "virtualmachineinstances", "nodes"]);
    let is_fresh = |silent: Option<Duration>| silent.is_some_and(|it| it < PATIENCE);
    assert!(told.lags.iter().all(|lag| is_fresh(lag.silent) && lag.stale_since.is_none()));

    let can = told.capabilities.unwrap();
    assert_eq!(can.version.as_deref(), Some("1.7.2"));
    assert!(can.detected_at > before);
    assert_eq!(feature(&can, "Snapshot").is_on, Some(true));
    assert_eq!(feature(&can, "NUMA").stage, Stage::Ga);
    assert_eq!(feature(&can, "HostDisk").is_on, Some(false));
    assert_eq!(feature(&can, "NoSuchGate").is_on, None);
    let kvm = can.hardware.iter().find(|it| it.name == "kvm").unwrap();
    assert_eq!((kvm.is_there, kvm.hosts), (Some(true), Some(3)));
    // E16: what a template requires is compared with exactly this.
    assert!(can.lacks(&["Snapshot".into(), "NUMA".into()], &["kvm".into()]).is_empty());
    assert_eq!(can.lacks(&["HostDisk".into()], &["nvidia.com/A10".into()]).len(), 2);

    let classes = told.storage_classes.unwrap();
    assert_eq!(classes.len(), 1);
    let class = &classes[0];
    assert_eq!(
        (class.name.as_str(), class.is_default, class.can_grow),
        ("standard", true, Some(true))
    );
    assert_eq!(class.provisioner, "hostpath.csi.k8s.io");
}

#[tokio::test]
async fn e22_x29_the_next_report_shows_what_was_changed_in_between() {
    let place = at_version("v1.8.1").await;
    let on = |report: &Report| feature(report.capabilities.as_ref().unwrap(), "Snapshot").is_on;
    assert_eq!(on(&report(&place.provider).await), Some(false));
    edit_gates(&place.double, json!({ "featureGates": ["Snapshot"] }));
    assert_eq!(on(&report(&place.provider).await), Some(true));
    place.double.set_installation(&Installation::Deployed("v1.9.0".into())).unwrap();
    edit_gates(&place.double, json!({ "disabledFeatureGates": ["Snapshot"] }));
    assert_eq!(on(&report(&place.provider).await), Some(false));
    edit_gates(&place.double, json!({}));
    assert_eq!(on(&report(&place.provider).await), Some(true), "beta is on by itself now");
}

#[tokio::test]
async fn e12_e13_a_cluster_that_does_not_answer_is_unreachable_and_that_is_no_error() {
    let Place { double, provider } = Place::start(busy()).await;
    report(&provider).await;
    double.stop().await;
    let told = report(&provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Unreachable, vec!["Unreachable"]));
    assert!(told.capabilities.is_none() && told.storage_classes.is_none());
}

#[tokio::test]
async fn e12_f7_a_silent_cluster_is_told_within_the_deadline() {
    let place = Place::start(busy()).await;
    report(&place.provider).await;
    place.double.fault(Fault::new(What::Silence));
    let cx = Cx::within(Duration::from_secs(2));
    let told = place.provider.cluster().unwrap().report(&cx).await.unwrap();
    assert_eq!(told.health, Health::Unreachable);
    assert!(!cx.remaining().is_zero(), "some of the time is left");

    let token = CancellationToken::new();
    let cx = crate::place::cx().with_cancel(token.clone());
    let cluster = place.provider.cluster().unwrap();
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        token.cancel();
    };
    let (ended, ()) = tokio::join!(cluster.report(&cx), cancel);
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Cancelled, false));
}

#[tokio::test]
async fn x28_an_expired_token_is_unhealthy_and_not_unreachable() {
    let double = Double::start(busy()).await.unwrap();
    let mut stranger = config(&double);
    stranger.source = Source::Text(double.kubeconfig().replace(double.token(), "expired"));
    let told = report(&KubeVirt::new(stranger)).await;
    assert_eq!((told.health, codes(&told)), (Health::Unhealthy, vec!["AuthFailed"]));
    assert!(told.capabilities.is_none());
}

#[tokio::test]
async fn e12_e13_what_is_wrong_with_kubevirt_is_unhealthy_with_its_reason() {
    let place = at_version("v1.8.0").await;
    let double = &place.double;
    double.set_installation(&Installation::Absent).unwrap();
    let told = report(&place.provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Unhealthy, vec!["NoKubeVirt"]));
    assert!(told.capabilities.is_none());

    let degraded = Installation::Degraded("v1.8.0".into(), "HandlerMissing".into());
    double.set_installation(&degraded).unwrap();
    let told = report(&place.provider).await;
    assert_eq!(told.health, Health::Unhealthy);
    assert_eq!(codes(&told), ["NotAvailable", "Degraded"]);
    assert!(told.capabilities.is_some(), "what it can is known all the same");

    double.set_installation(&Installation::Deployed("v0.59.0".into())).unwrap();
    let told = report(&place.provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Unhealthy, vec!["TooOld"]));
    let can = told.capabilities.unwrap();
    assert_eq!(feature(&can, "NUMA").is_on, None);
    assert!(can.upgrades.reason().unwrap().contains("older than all"), "{:?}", can.upgrades);

    double.set_installation(&Installation::Deployed("v1.8.0".into())).unwrap();
    double.set_virt_api_down(true);
    let told = report(&place.provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Unhealthy, vec!["VirtApiDown"]));
    double.set_virt_api_down(false);

    double.refuse(Refusal::of("update", "subresources.kubevirt.io", "virtualmachines/start"));
    let told = report(&place.provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Unhealthy, vec!["RightsMissing"]));
    assert!(told.reasons[0].message.contains("update virtualmachines/start"));
}

#[tokio::test]
async fn e12_a_version_that_is_not_told_is_a_warning_and_decides_nothing() {
    let place = at_version("devel").await;
    let told = report(&place.provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Healthy, vec!["VersionNotKnown"]));
    assert!(told.reasons[0].is_warning);
    let can = told.capabilities.unwrap();
    assert_eq!(can.version.as_deref(), Some("devel"));
    assert!(can.features.iter().all(|feature| feature.is_on.is_none()));
    assert_eq!(can.upgrades.value(), None, "not that there is no newer one");
    assert!(can.upgrades.reason().unwrap().contains("devel"), "{:?}", can.upgrades);
}

#[tokio::test]
async fn x29_an_update_under_way_tells_what_it_will_change() {
    let place = at_version("v1.8.0").await;
    let updating = Installation::Updating("v1.8.0".into(), "v1.9.0".into());
    place.double.set_installation(&updating).unwrap();
    let told = report(&place.provider).await;
    assert_eq!(told.health, Health::Unhealthy, "it is not deployed while it is updated");
    let update = told.reasons.iter().find(|it| it.code == "UpdateUnderWay").unwrap();
    assert!(update.is_warning);
    let words = &update.message;
    assert!(words.starts_with("KubeVirt is being brought from 1.8.0 to 1.9.0; this turns on"));
    assert!(words.contains("DeclarativeHotplugVolumes") && words.contains(" more"), "{words}");
    assert!(!words.contains("turns off"), "{words}");
}

#[tokio::test]
async fn x29_the_installation_is_found_wherever_it_lives_and_several_are_a_reason() {
    let place = at_version("v1.7.0").await;
    let double = &place.double;
    let mut object = double.get("kubevirts", "kubevirt", "kubevirt").unwrap();
    double.set_installation(&Installation::Absent).unwrap();
    object["metadata"] = json!({ "name": "kubevirt-hyperconverged", "namespace": "default" });
    double.put(object.clone()).unwrap();
    let told = report(&place.provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Healthy, vec![]), "{:?}", told.reasons);
    assert_eq!(told.capabilities.unwrap().version.as_deref(), Some("1.7.0"));

    // Deployed, too: nobody can tell which of both the cluster runs.
    object["metadata"] = json!({ "name": "other", "namespace": "kube-system" });
    double.put(object).unwrap();
    let told = report(&place.provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Unhealthy, vec!["SeveralKubeVirts"]));
    assert!(told.capabilities.is_none());
    let words = &told.reasons[0].message;
    assert!(
        words.contains("default/kubevirt-hyperconverged") && words.contains("kube-system/other")
    );

    // The one that KubeVirt left alone does not count.
    let edit = |it: &mut Value| it["status"]["phase"] = json!("");
    double.edit("kubevirts", "kube-system", "other", edit).unwrap();
    let told = report(&place.provider).await;
    assert_eq!((told.health, codes(&told)), (Health::Healthy, vec!["SeveralKubeVirts"]));
    assert!(told.capabilities.is_some());
}

#[tokio::test]
async fn x29_what_hosts_tell_comes_from_the_installation_that_counts() {
    let place = at_version("v1.7.0").await;
    let mut object = place.double.get("kubevirts", "kubevirt", "kubevirt").unwrap();
    object["metadata"] = json!({ "name": "a", "namespace": "default" });
    object["status"]["phase"] = json!("");
    object["status"]["observedKubeVirtVersion"] = json!("v1.3.0");
    place.double.put(object).unwrap();
    let told = async || {
        let inventory = place.provider.inventory(&cx()).await.unwrap();
        inventory.hosts[0].host.hypervisor.value().cloned()
    };
    let until = async |wanted: Option<&str>| {
        let told = async {
            while told().await.as_deref() != wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, told).await.is_ok(), "{wanted:?} is never told");
    };
    until(Some("KubeVirt 1.7.0")).await;
    let edit = |it: &mut Value| it["status"]["phase"] = json!("Deployed");
    place.double.edit("kubevirts", "default", "a", edit).unwrap();
    until(None).await;
}

#[tokio::test]
async fn e14_without_the_right_to_see_the_installation_the_version_is_asked_for_elsewhere() {
    let place = at_version("v1.7.0").await;
    place.double.refuse(Refusal::of("list", "kubevirt.io", "kubevirts"));
    let told = report(&place.provider).await;
    let wanted = vec!["KubeVirtNotKnown", "RightsMissing"];
    assert_eq!((told.health, codes(&told)), (Health::Unhealthy, wanted));
    let can = told.capabilities.unwrap();
    assert_eq!(can.version.as_deref(), Some("1.7.0"));
    assert_eq!(feature(&can, "NUMA").is_on, Some(true));
    assert_eq!(feature(&can, "Snapshot").is_on, None, "the object decides that");
    assert_eq!(can.upgrades.value(), None, "and what newer versions change, too");
    assert!(can.upgrades.reason().unwrap().contains("could not be read"), "{:?}", can.upgrades);
}

#[tokio::test]
async fn x28_what_may_not_be_listed_is_told_and_nothing_else_is_lost() {
    let place = at_version("v1.7.0").await;
    place.double.refuse(Refusal::of("*", "storage.k8s.io", "storageclasses"));
    let told = report(&place.provider).await;
    let wanted = vec!["RightsLimited", "StorageClassesNotKnown"];
    assert_eq!((told.health, codes(&told)), (Health::Healthy, wanted));
    assert!(told.reasons[1].message.contains("grant `list`"), "{}", told.reasons[1].message);
    assert_eq!(told.storage_classes, None);

    let double = Double::start(busy()).await.unwrap();
    double.refuse(Refusal::of("*", "", "nodes"));
    let told = report(&KubeVirt::new(config(&double))).await;
    assert_eq!(codes(&told), ["RightsMissing", "WatchLagging"]);
    let nodes = told.lags.iter().find(|lag| lag.kind == "nodes").unwrap();
    assert_eq!(nodes.silent, None, "nothing was ever heard of them");
    let hardware = told.capabilities.unwrap().hardware;
    assert!(!hardware.is_empty() && hardware.iter().all(|it| it.is_there.is_none()));
}

#[tokio::test]
async fn x26_x28_while_a_kind_is_listed_anew_its_age_is_told() {
    let place = Place::start(busy()).await;
    report(&place.provider).await;
    let refused = Refused::new(403, "Forbidden", "no watch for you", json!({}));
    place.double.fault(Fault::new(What::Answer(refused.clone())).verb("watch"));
    place.double.fault(Fault::new(What::Answer(refused)).verb("list").class("virtualmachines"));
    place.double.drop_watches();
    let stale = async {
        loop {
            let told = report(&place.provider).await;
            let vms = told.lags.iter().find(|lag| lag.kind == "virtualmachines").unwrap().clone();
            if let Some(since) = vms.stale_since {
                return (since, vms.silent);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (since, silent) = tokio::time::timeout(PATIENCE, stale).await.unwrap();
    assert!(since.as_micros() > 0 && silent.is_some());
}

#[tokio::test]
async fn e15_hardware_is_what_nodes_can_give() {
    let double = Double::start(busy()).await.unwrap();
    let edit = |node: &mut Value| {
        node["status"]["allocatable"]["nvidia.com/TU104GL"] = json!("2");
        node["status"]["allocatable"]["hugepages-1Gi"] = json!("8Gi");
    };
    double.edit("nodes", "", "n2", edit).unwrap();
    let can = report(&KubeVirt::new(config(&double))).await.capabilities.unwrap();
    let of = |name: &str| {
        let found = can.hardware.iter().find(|it| it.name == name).unwrap();
        (found.is_there, found.hosts)
    };
    assert_eq!(of("nvidia.com/TU104GL"), (Some(true), Some(1)));
    assert_eq!(of("hugepages-1Gi"), (Some(true), Some(1)));
    assert_eq!(of("tun"), (Some(false), Some(0)));
    assert_eq!(of("kvm"), (Some(true), Some(3)));
    assert_eq!(can.lacks(&[], &["kvm".into(), "example.com/fpga".into()]).len(), 1);
}
