//! What the server tells of itself.

use hostler_kube_double::Installation;
use serde_json::{Value, json};

use crate::client::start;

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn groups_and_versions_are_told_the_preferred_first() {
    let (_double, client) = start().await;
    assert_eq!(client.get("/api").await.json()["versions"], json!(["v1"]));
    let groups = client.get("/apis").await.json();
    let names = names(&groups["groups"]);
    for name in ["kubevirt.io", "subresources.kubevirt.io", "snapshot.kubevirt.io"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let group = client.get("/apis/snapshot.kubevirt.io").await.json();
    assert_eq!(group["preferredVersion"]["groupVersion"], "snapshot.kubevirt.io/v1beta1");
    assert_eq!(group["versions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn resources_tell_scope_and_status() {
    let (_double, client) = start().await;
    let list = client.get("/apis/kubevirt.io/v1").await.json();
    let found = names(&list["resources"]);
    assert!(found.contains(&"virtualmachines/status"));
    assert!(!found.contains(&"virtualmachineinstances/status"), "it has none");
    let list = client.get("/api/v1").await.json();
    let node = list["resources"].as_array().unwrap().iter().find(|r| r["name"] == "nodes").unwrap();
    assert_eq!(node["namespaced"], false);
    let list = client.get("/apis/subresources.kubevirt.io/v1").await.json();
    assert!(names(&list["resources"]).contains(&"virtualmachines/migrate"));
}

#[tokio::test]
async fn versions_are_those_of_kubernetes_and_of_kubevirt() {
    let (_double, client) = start().await;
    assert_eq!(client.get("/version").await.json()["minor"], "36");
    let told = client.get("/apis/subresources.kubevirt.io/v1/version").await.json();
    assert_eq!(told["gitVersion"], "v1.9.0");
    client.get("/healthz").await.is_text(200, "ok");
}

#[tokio::test]
async fn an_older_kubevirt_serves_older_versions() {
    let (double, client) = start().await;
    double.serve_group("clone.kubevirt.io", &["v1alpha1"]);
    let group = client.get("/apis/clone.kubevirt.io").await.json();
    assert_eq!(group["preferredVersion"]["version"], "v1alpha1");
    let path = "/apis/clone.kubevirt.io/v1beta1/virtualmachineclones";
    client.get(path).await.is_text(404, "404 page not found\n");
    assert_eq!(client.get(path.replace("v1beta1", "v1alpha1")).await.status, 200);
}

#[tokio::test]
async fn without_kubevirt_its_groups_are_gone() {
    let (double, client) = start().await;
    double.serve_group("kubevirt.io", &[]);
    for path in [
        "/apis/kubevirt.io",
        "/apis/kubevirt.io/v1/virtualmachines",
        "/apis/subresources.kubevirt.io/v1",
    ] {
        client.get(path).await.is_text(404, "404 page not found\n");
    }
    assert!(
        !names(&client.get("/apis").await.json()["groups"]).contains(&"subresources.kubevirt.io")
    );
}

#[tokio::test]
async fn the_installation_may_be_absent_degraded_or_of_another_version() {
    let (double, client) = start().await;
    let path = "/apis/kubevirt.io/v1/kubevirts";
    let condition = |list: &Value, kind: &str| {
        let conditions = list["items"][0]["status"]["conditions"].as_array().unwrap().clone();
        conditions.iter().find(|one| one["type"] == kind).unwrap()["status"].clone()
    };
    let list = client.get(path).await.json();
    assert_eq!(list["items"][0]["status"]["observedKubeVirtVersion"], "v1.9.0");
    assert_eq!(
        (condition(&list, "Available"), condition(&list, "Degraded")),
        (json!("True"), json!("False"))
    );
    double.set_installation(&Installation::Degraded("v1.4.0".into(), "NotReady".into())).unwrap();
    let list = client.get(path).await.json();
    assert_eq!(list["items"][0]["status"]["observedKubeVirtVersion"], "v1.4.0");
    assert_eq!(
        (condition(&list, "Available"), condition(&list, "Degraded")),
        (json!("False"), json!("True"))
    );
    double.set_installation(&Installation::Updating("v1.8.0".into(), "v1.9.0".into())).unwrap();
    let list = client.get(path).await.json();
    assert_eq!(list["items"][0]["status"]["phase"], "Deploying");
    double.set_installation(&Installation::Absent).unwrap();
    assert_eq!(client.get(path).await.json()["items"], json!([]));
}
