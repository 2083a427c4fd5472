//! Watches.

use std::time::Duration;

use hostler_kube_double::Options;
use serde_json::{Value, json};

use crate::client::{VMIS, VMS, failure, fleet, start, start_with, vm, vmi};

fn told(kind: &str, name: &str, version: u64) -> (String, String, String) {
    (kind.into(), name.into(), version.to_string())
}

#[tokio::test]
async fn changes_come_in_order_with_their_versions() {
    let (double, client) = start().await;
    fleet(&client, 2).await;
    let old = double.revision();
    let mut watch = client.watch(&format!("{VMIS}?watch=1&resourceVersion={old}")).await;
    client
        .merge(format!("{VMIS}/p1"), &json!({ "metadata": { "annotations": { "n": "1" } } }))
        .await;
    client.delete(format!("{VMIS}/p2")).await;
    client.post(VMIS, &vmi("p3", "a")).await;
    assert_eq!(watch.told().await, told("MODIFIED", "p1", old + 1));
    assert_eq!(watch.told().await, told("DELETED", "p2", old + 2));
    assert_eq!(watch.told().await, told("ADDED", "p3", old + 3));
}

#[tokio::test]
async fn a_bookmark_tells_kind_and_version_alone() {
    let options = Options { bookmark_every: Duration::from_millis(50), ..Options::default() };
    let (double, client) = start_with(options).await;
    let version = double.revision();
    let path = format!("{VMIS}?watch=1&allowWatchBookmarks=true&resourceVersion={version}");
    let mut watch = client.watch(&path).await;
    let expected = json!({ "type": "BOOKMARK", "object": {
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
        "metadata": { "resourceVersion": version.to_string() },
    } });
    assert_eq!(watch.next().await, Some(expected));
    let mut plain = client.watch(&format!("{VMIS}?watch=1&resourceVersion={version}")).await;
    plain.is_quiet().await;
}

#[tokio::test]
async fn a_watch_ends_after_its_time_with_a_bookmark() {
    let (double, client) = start().await;
    let version = double.revision();
    let path = format!(
        "{VMIS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion={version}"
    );
    let mut watch = client.watch(&path).await;
    assert_eq!(watch.told().await.0, "BOOKMARK");
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn an_object_that_leaves_the_selection_is_deleted_with_its_old_labels() {
    let (double, client) = start().await;
    fleet(&client, 3).await;
    let old = double.revision();
    let path = format!("{VMIS}?watch=1&labelSelector=g%3Da&resourceVersion={old}");
    let mut watch = client.watch(&path).await;
    client.merge(format!("{VMIS}/p3"), &json!({ "metadata": { "labels": { "g": "b" } } })).await;
    let event = watch.next().await.expect("an event");
    assert_eq!(event["type"], "DELETED");
    assert_eq!(event["object"]["metadata"]["labels"], json!({ "g": "a" }));
    assert_eq!(event["object"]["metadata"]["resourceVersion"], (old + 1).to_string());
    client.merge(format!("{VMIS}/p3"), &json!({ "metadata": { "labels": { "g": "a" } } })).await;
    assert_eq!(watch.told().await, told("ADDED", "p3", old + 2));
}

#[tokio::test]
async fn without_a_version_what_is_there_comes_first() {
    let (double, client) = start().await;
    fleet(&client, 12).await;
    for query in ["watch=1", "watch=1&resourceVersion=0"] {
        let mut watch = client.watch(&format!("{VMIS}?{query}")).await;
        for _ in 0..12 {
            assert_eq!(watch.told().await.0, "ADDED");
        }
        watch.is_quiet().await;
    }
    drop(double);
}

#[tokio::test]
async fn a_streaming_list_ends_with_its_bookmark() {
    let (double, client) = start().await;
    fleet(&client, 1).await;
    let path = format!(
        "{VMIS}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&\
         resourceVersionMatch=NotOlderThan"
    );
    let mut watch = client.watch(&path).await;
    assert_eq!(watch.told().await.0, "ADDED");
    let expected = json!({ "type": "BOOKMARK", "object": {
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "metadata": {
            "annotations": { "k8s.io/initial-events-end": "true" },
            "resourceVersion": double.revision().to_string(),
        },
    } });
    assert_eq!(watch.next().await, Some(expected));
    client.delete(format!("{VMIS}/p1")).await;
    assert_eq!(watch.told().await.0, "DELETED");
}

#[tokio::test]
async fn with_etcd_3_4_a_streaming_list_is_an_error_event_500() {
    let (double, client) = start().await;
    double.set_streaming_lists(false);
    let path = format!("{VMIS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    let mut watch = client.watch(&path).await;
    assert_eq!(watch.status, 200);
    let event = watch.next().await.expect("an event");
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(500)));
    let words = event["object"]["message"].as_str().unwrap();
    assert!(words.contains("RequestWatchProgress is disabled"), "{words}");
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_future_version_is_200_and_silence() {
    let (double, client) = start().await;
    let mut watch = client.watch(&format!("{VMIS}?watch=1&resourceVersion=99999999")).await;
    assert_eq!(watch.status, 200);
    fleet(&client, 1).await;
    watch.is_quiet().await;
    drop(double);
}

#[tokio::test]
async fn a_version_that_is_no_number_is_500_without_a_reason() {
    let (_double, client) = start().await;
    let words = "resourceVersion: Invalid value: \"abc\": strconv.ParseUint: parsing \"abc\": \
                 invalid syntax";
    let mut expected = failure(500, "", words, None);
    expected.as_object_mut().unwrap().remove("reason");
    client.get(format!("{VMIS}?watch=1&resourceVersion=abc")).await.is(500, &expected);
}

#[tokio::test]
async fn who_falls_behind_what_is_kept_is_told_so() {
    let (double, client) = start_with(Options { kept_changes: 3, ..Options::default() }).await;
    fleet(&client, 1).await;
    let old = double.revision();
    fleet_more(&client).await;
    let mut watch = client.watch(&format!("{VMIS}?watch=1&resourceVersion={old}")).await;
    let event = watch.next().await.expect("an event");
    assert_eq!(event["object"]["code"], 410);
    let newest = double.revision();
    let mut watch = client.watch(&format!("{VMIS}?watch=1&resourceVersion={}", newest - 3)).await;
    assert_eq!(watch.told().await, told("ADDED", "q3", newest - 2));
}

async fn fleet_more(client: &crate::client::Client) {
    for at in 1..=5 {
        assert_eq!(client.post(VMIS, &vmi(&format!("q{at}"), "a")).await.status, 201);
    }
}

#[tokio::test]
async fn an_open_watch_that_fell_behind_a_compaction_is_told_so() {
    let (double, client) = start().await;
    let mut watch =
        client.watch(&format!("{VMIS}?watch=1&resourceVersion={}", double.revision())).await;
    double.set_silent(true);
    fleet(&client, 2).await;
    double.compact();
    double.set_silent(false);
    let event = watch.next().await.expect("an event");
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_watch_on_one_name_or_namespace_hears_of_no_other() {
    let (double, client) = start().await;
    double
        .put(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "other" } }))
        .unwrap();
    let old = double.revision();
    let by_field = format!("{VMS}?watch=1&fieldSelector=metadata.name%3Db&resourceVersion={old}");
    let mut named = client.watch(&by_field).await;
    let mut spaced = client.watch(&format!("{VMS}?watch=1&resourceVersion={old}")).await;
    let other = VMS.replace("default", "other");
    assert_eq!(client.post(other, &vm("b")).await.status, 201);
    assert_eq!(client.post(VMS, &vm("a")).await.status, 201);
    assert_eq!(client.post(VMS, &vm("b")).await.status, 201);
    assert_eq!(named.told().await.1, "b");
    named.is_quiet().await;
    assert_eq!(spaced.told().await.1, "a");
}

#[tokio::test]
async fn another_version_of_the_group_is_told_in_its_own_name() {
    let (double, client) = start().await;
    fleet(&client, 1).await;
    let path = VMIS.replace("/v1/", "/v1alpha3/");
    assert_eq!(client.get(format!("{path}/p1")).await.json()["apiVersion"], "kubevirt.io/v1alpha3");
    let mut watch = client.watch(&format!("{path}?watch=1")).await;
    let event: Value = watch.next().await.expect("an event");
    assert_eq!(event["object"]["apiVersion"], "kubevirt.io/v1alpha3");
    drop(double);
}
