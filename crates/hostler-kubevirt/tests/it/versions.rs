//! Which version of a group is spoken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hostler_kube_double::Double;
use hostler_kubevirt::call::Selection;
use hostler_kubevirt::error::Cause;
use hostler_kubevirt::provider::KubeVirt;
use hostler_kubevirt::resource::{ObjectKey, Resource};
use hostler_kubevirt::versions::SNAPSHOT;
use hostler_provider::{InstanceTypes, Kind, Provider};
use serde_json::{Value, json};

use crate::place::{Place, busy, config, cx};
use crate::server::{Asked, Server, ok, refusal, text};
use crate::sizes::kind;

const TYPES: Resource = Resource::CLUSTER_INSTANCE_TYPES;

fn group(name: &str, versions: &[&str]) -> Value {
    let each: Vec<Value> = versions.iter().map(|it| json!({ "version": it })).collect();
    json!({ "name": name, "preferredVersion": each.first(), "versions": each })
}

fn groups(groups: &[Value]) -> Value {
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

fn list() -> Value {
    json!({ "metadata": { "resourceVersion": "1" }, "items": [] })
}

fn paths(server: &Server) -> Vec<String> {
    server.asked().into_iter().map(|asked: Asked| asked.path).collect()
}

/// A cluster that serves a group in these versions alone from the beginning.
async fn serving(group: &str, versions: &[&str]) -> Place {
    let double = Double::start(busy()).await.unwrap();
    let size = json!({ "cpu": { "guest": 4 }, "memory": { "guest": "2Gi" } });
    double.put(kind("VirtualMachineClusterInstancetype", "u1.medium", size)).unwrap();
    double.serve_group(group, versions);
    let provider = Arc::new(KubeVirt::new(config(&double)));
    Place { double, provider }
}

#[tokio::test]
async fn e4_each_group_is_spoken_in_the_version_that_the_cluster_prefers() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/apis" => ok(&groups(&[
            group("instancetype.kubevirt.io", &["v1", "v1beta1"]),
            group("subresources.kubevirt.io", &["v1alpha3", "v1"]),
            group("cdi.kubevirt.io", &["v2", "v1beta1"]),
        ])),
        path if path.ends_with("/start") => text(202, ""),
        path if path.ends_with("/datavolumes/web") => ok(&json!({})),
        _ => ok(&list()),
    })
    .await;
    let caller = server.caller().await.in_its_versions();
    let key = ObjectKey::in_namespace("default", "web");
    caller.list(&cx(), &Selection::all(TYPES, None)).await.unwrap();
    caller.subresource(&cx(), Resource::VMS, &key, "start", None).await.unwrap();
    caller.get(&cx(), Resource::DATA_VOLUMES, &key).await.unwrap();
    caller.list(&cx(), &Selection::all(Resource::VMS, None)).await.unwrap();
    let namespace = "namespaces/default";
    let wanted = [
        "/apis".to_owned(),
        "/apis/instancetype.kubevirt.io/v1/virtualmachineclusterinstancetypes".to_owned(),
        format!("/apis/subresources.kubevirt.io/v1alpha3/{namespace}/virtualmachines/web/start"),
        format!("/apis/cdi.kubevirt.io/v1beta1/{namespace}/datavolumes/web"),
        // Of a group that it does not tell of, the best that is known.
        "/apis/kubevirt.io/v1/virtualmachines".to_owned(),
    ];
    assert_eq!(paths(&server), wanted, "asked once for all of them");
}

#[tokio::test]
async fn e4_a_cluster_that_does_not_tell_is_spoken_to_in_what_is_known_best() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/apis" => refusal(403, "Forbidden", "not for you"),
        _ => ok(&list()),
    })
    .await;
    let caller = server.caller().await.in_its_versions();
    for _ in 0..2 {
        caller.list(&cx(), &Selection::all(Resource::VMS, None)).await.unwrap();
    }
    caller.list(&cx(), &Selection::all(TYPES, None)).await.unwrap();
    let vms = "/apis/kubevirt.io/v1/virtualmachines";
    let types = "/apis/instancetype.kubevirt.io/v1beta1/virtualmachineclusterinstancetypes";
    assert_eq!(paths(&server), ["/apis", vms, vms, types]);
}

#[tokio::test]
async fn e4_where_versions_cannot_be_asked_for_the_question_fails_so_and_the_next_asks_again() {
    let is_broken = Arc::new(AtomicBool::new(true));
    let broken = is_broken.clone();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/apis" if broken.load(Ordering::Relaxed) => refusal(500, "InternalError", "down"),
        "/apis" => ok(&groups(&[])),
        _ => text(202, ""),
    })
    .await;
    let caller = server.caller().await.in_its_versions();
    let key = ObjectKey::in_namespace("default", "web");
    let start = async || caller.subresource(&cx(), Resource::VMS, &key, "start", None).await;
    let failed = start().await.unwrap_err();
    assert!(!failed.error.is_unknown(), "nothing was asked of the VM: {}", failed.error);
    assert!(failed.error.message().starts_with("cannot start default/web"), "{}", failed.error);
    assert_eq!(paths(&server), ["/apis"]);
    is_broken.store(false, Ordering::Relaxed);
    start().await.unwrap();
}

#[tokio::test]
async fn e4_a_cluster_that_was_updated_is_asked_again() {
    let is_new = Arc::new(AtomicBool::new(false));
    let updated = is_new.clone();
    let server = Server::start(move |asked| {
        let version = if updated.load(Ordering::Relaxed) { "v1" } else { "v1beta1" };
        match asked.path.as_str() {
            "/apis" => ok(&groups(&[group(TYPES.group, &[version])])),
            path if path.contains(&format!("/{version}/")) => ok(&list()),
            _ => text(404, "404 page not found\n"),
        }
    })
    .await;
    let caller = server.caller().await.in_its_versions();
    let ask = async || caller.list(&cx(), &Selection::all(TYPES, None)).await;
    ask().await.unwrap();
    is_new.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        assert_eq!(ask().await.unwrap_err().cause, Cause::KindMissing, "it was asked just now");
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    assert_eq!(ask().await.unwrap_err().cause, Cause::KindMissing);
    ask().await.unwrap();
    assert_eq!(paths(&server).iter().filter(|path| *path == "/apis").count(), 2);
}

#[tokio::test]
async fn e4_instance_types_are_read_in_the_version_that_is_there() {
    for versions in [&["v1", "v1beta1"] as &[&str], &["v1"], &["v2", "v1beta1"]] {
        let place = serving("instancetype.kubevirt.io", versions).await;
        let told = InstanceTypes::instance_types(&*place.provider, &cx()).await.unwrap();
        assert_eq!(told.items.len(), 1, "{versions:?}: {:?}", told.unread);
    }
}

#[tokio::test]
async fn e4_a_group_in_no_version_that_is_known_says_so_and_what_to_do() {
    let place = serving("instancetype.kubevirt.io", &["v2", "v3"]).await;
    let told = InstanceTypes::instance_types(&*place.provider, &cx()).await.unwrap();
    assert!(told.items.is_empty());
    let why = "the cluster serves instancetype.kubevirt.io in v2, v3 only, and this version of \
               Hostler knows v1beta1, v1; update Hostler, or have the cluster serve one of these";
    assert!(!told.unread.is_empty() && told.unread.iter().all(|it| it.ends_with(why)), "{told:?}");

    let place = serving("kubevirt.io", &["v2"]).await;
    let refused = place.provider.probe(&cx()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported, "{refused}");
    assert!(refused.message().contains("serves kubevirt.io in v2 only"), "{refused}");
}

#[test]
fn the_clusters_preference_is_taken_where_it_is_known() {
    assert_eq!(SNAPSHOT.choose(Some("v1alpha1"), &["v1beta1", "v1alpha1"]), Some("v1alpha1"));
}

#[test]
fn else_the_best_that_both_know() {
    assert_eq!(SNAPSHOT.choose(Some("v2"), &["v2", "v1alpha1", "v1beta1"]), Some("v1beta1"));
    assert_eq!(SNAPSHOT.choose(None, &["v1alpha1"]), Some("v1alpha1"));
}

#[test]
fn what_is_not_served_is_not_chosen() {
    assert_eq!(SNAPSHOT.choose(Some("v1beta1"), &["v1alpha1"]), Some("v1alpha1"));
    assert_eq!(SNAPSHOT.choose(Some("v1beta1"), &[]), None);
    assert_eq!(SNAPSHOT.choose(Some("v7"), &["v7"]), None);
}
