//! Lists.

use std::time::Duration;

use hostler_kube_double::Options;
use serde_json::{Value, json};

use crate::client::{Ask, VMIS, VMS, failure, fleet, start, start_with, vm};

fn names(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["metadata"]["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn pages_follow_each_other_and_count_what_remains() {
    let (double, client) = start().await;
    fleet(&client, 13).await;
    let first = client.get(format!("{VMIS}?limit=5")).await.json();
    assert_eq!(
        (&first["kind"], &first["apiVersion"]),
        (&json!("VirtualMachineInstanceList"), &json!("kubevirt.io/v1"))
    );
    assert_eq!(names(&first), ["p1", "p10", "p11", "p12", "p13"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 8);
    assert_eq!(first["metadata"]["resourceVersion"], double.revision().to_string());
    // What comes in between does not come in.
    let token = first["metadata"]["continue"].as_str().unwrap();
    client.delete(format!("{VMIS}/p2")).await;
    let second = client.get(format!("{VMIS}?limit=50&continue={token}")).await.json();
    assert_eq!(names(&second), ["p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"]);
    assert_eq!(second["metadata"]["continue"], "");
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn what_remains_is_not_counted_with_a_selector() {
    let (_double, client) = start().await;
    fleet(&client, 13).await;
    for selector in ["labelSelector=g%3Da", "fieldSelector=metadata.namespace%3Ddefault"] {
        let page = client.get(format!("{VMIS}?limit=5&{selector}")).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), 5);
        assert!(page["metadata"].get("remainingItemCount").is_none());
        assert_ne!(page["metadata"]["continue"], "");
    }
}

#[tokio::test]
async fn version_0_ignores_the_limit() {
    let (_double, client) = start().await;
    fleet(&client, 13).await;
    let page = client.get(format!("{VMIS}?limit=5&resourceVersion=0")).await.json();
    assert_eq!(names(&page).len(), 13);
    assert_eq!(page["metadata"]["continue"], "");
}

#[tokio::test]
async fn a_token_with_a_version_is_400() {
    let (_double, client) = start().await;
    fleet(&client, 3).await;
    let page = client.get(format!("{VMIS}?limit=1")).await.json();
    let token = page["metadata"]["continue"].as_str().unwrap();
    let words = "specifying resource version is not allowed when using continue";
    client
        .get(format!("{VMIS}?limit=1&continue={token}&resourceVersion=281"))
        .await
        .is(400, &failure(400, "BadRequest", words, None));
}

#[tokio::test]
async fn a_garbage_token_is_400() {
    let (_double, client) = start().await;
    let words = "invalid continue token: continue key is not valid: invalid character 'Ï' looking \
                 for beginning of value";
    client
        .get(format!("{VMIS}?limit=5&continue=zzz"))
        .await
        .is(400, &failure(400, "BadRequest", words, None));
}

#[tokio::test]
async fn a_future_version_times_out_after_three_seconds() {
    let (double, client) = start().await;
    assert_eq!(Options::default().future_wait, Duration::from_secs(3));
    let began = tokio::time::Instant::now();
    let path = format!("{VMIS}?resourceVersion=99999999&resourceVersionMatch=NotOlderThan");
    let answer = client.get(path).await;
    assert!(began.elapsed() >= Duration::from_secs(3));
    let words =
        format!("Timeout: Too large resource version: 99999999, current: {}", double.revision());
    let details = json!({
        "causes": [{
            "reason": "ResourceVersionTooLarge", "message": "Too large resource version",
        }],
        "retryAfterSeconds": 1,
    });
    answer.is(504, &failure(504, "Timeout", &words, Some(details)));
}

#[tokio::test]
async fn a_version_that_comes_in_time_is_told() {
    let options = Options { future_wait: Duration::from_secs(30), ..Options::default() };
    let (double, client) = start_with(options).await;
    let next = double.revision() + 1;
    let path = format!("{VMIS}?resourceVersion={next}");
    let (list, ()) = tokio::join!(client.get(path), fleet(&client, 1));
    assert_eq!(names(&list.json()), ["p1"]);
}

#[tokio::test]
async fn a_version_that_is_no_number_is_400() {
    let (_double, client) = start().await;
    let words = "invalid resource version: resourceVersion: Invalid value: \"abc\": \
                 strconv.ParseUint: parsing \"abc\": invalid syntax";
    client
        .get(format!("{VMIS}?resourceVersion=abc"))
        .await
        .is(400, &failure(400, "BadRequest", words, None));
}

#[tokio::test]
async fn options_that_do_not_go_together_are_422() {
    let (_double, client) = start().await;
    for (query, words) in [
        (
            "resourceVersionMatch=Exact",
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: \
             resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (
            "watch=1&sendInitialEvents=true",
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: \
             sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
    ] {
        let answer = client.get(format!("{VMIS}?{query}")).await;
        assert_eq!((answer.status, &answer.json()["message"]), (422, &json!(words)));
    }
}

#[tokio::test]
async fn metadata_alone_and_tables_are_told_to_those_who_accept_them() {
    let (_double, client) = start().await;
    fleet(&client, 1).await;
    let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let list = client.send(Ask { accept, ..Ask::new("GET", VMIS) }).await.json();
    assert_eq!(
        (&list["kind"], &list["apiVersion"]),
        (&json!("PartialObjectMetadataList"), &json!("meta.k8s.io/v1"))
    );
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
    assert!(list["items"][0].get("spec").is_none());
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let table = client.send(Ask { accept, ..Ask::new("GET", VMIS) }).await.json();
    let heads: Vec<&str> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        heads,
        ["Name", "Age", "Phase", "IP", "NodeName", "Ready", "Live-Migratable", "Paused"]
    );
    assert_eq!(table["rows"][0]["cells"][2], "Running");
}

#[tokio::test]
async fn all_namespaces_are_told_in_pages_without_a_gap() {
    let (double, client) = start().await;
    for namespace in ["default-2", "a"] {
        double
            .put(json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace },
            }))
            .unwrap();
    }
    let mut wanted = Vec::new();
    for namespace in ["a", "default", "default-2"] {
        for name in ["x", "y"] {
            let mut machine = vm(name);
            machine["metadata"]["namespace"] = namespace.into();
            double.put(machine).unwrap();
            wanted.push(format!("{namespace}/{name}"));
        }
    }
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/apis/kubevirt.io/v1/virtualmachines?limit=1&continue={token}");
        let page = client.get(path).await.json();
        for item in page["items"].as_array().unwrap() {
            let meta = &item["metadata"];
            found.push(format!(
                "{}/{}",
                meta["namespace"].as_str().unwrap(),
                meta["name"].as_str().unwrap()
            ));
        }
        token = page["metadata"]["continue"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn ten_thousand_machines_are_seeded_and_told() {
    let (double, client) = start().await;
    let began = tokio::time::Instant::now();
    let seeded = double.seed_vms(10_000).unwrap();
    println!("seeded in {:?}", began.elapsed());
    assert_eq!(seeded.len(), 10_000);
    let page = client.get(format!("{VMS}?limit=500")).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 500);
    assert_eq!(page["metadata"]["remainingItemCount"], 9_500);
    let one = double.get("virtualmachineinstances", "default", "vm-09999").unwrap();
    assert_eq!(one["status"]["phase"], "Running");
    assert_eq!(
        one["metadata"]["ownerReferences"][0]["uid"],
        double.get("virtualmachines", "default", "vm-09999").unwrap()["metadata"]["uid"]
    );
    let addresses: std::collections::BTreeSet<String> = double
        .list("virtualmachineinstances")
        .iter()
        .map(|one| one["metadata"]["uid"].to_string())
        .collect();
    assert_eq!(addresses.len(), 10_000);
}
