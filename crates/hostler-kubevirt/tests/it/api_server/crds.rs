//! What a cluster with KubeVirt has before anything is made in it: the definitions of KubeVirt's
//! kinds, nodes, a class of storage, and the installation's object.
//!
//! Definitions are taken from the folder that [`FOLDER`] names, one in each `*.yaml`, as
//! `kubectl get crd NAME -o yaml` writes it. Of kinds that it lacks, and where it is not set, they
//! are made from the stand-in's table: they let all fields through.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use hostler_kube_double::{KINDS, Kind};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ApiServer, Result, START_WITHIN};

/// Names the folder with definitions.
pub(super) const FOLDER: &str = "HOSTLER_KUBEVIRT_CRDS";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Makes all of that, and waits until it is served.
pub(super) async fn furnish(server: &ApiServer) -> Result<()> {
    let definitions = definitions(std::env::var_os(FOLDER))?;
    for definition in &definitions {
        server.ask("POST", DEFINITIONS, definition).await?;
    }
    for kind in KINDS.iter().filter(|kind| kind.custom) {
        let path = format!("/apis/{}/{}/{}", kind.group, kind.versions[0], kind.plural);
        until_served(server, &path).await?;
    }
    until_served(server, "/api/v1/namespaces/default").await?;
    for (path, object) in objects() {
        let made = server.ask("POST", path, &object).await?;
        // It is dropped where the kind has a status subresource.
        if let (Some(name), Some(status)) =
            (object["metadata"]["name"].as_str(), object.get("status"))
            && made.get("status") != Some(status)
        {
            let status = json!({ "status": status });
            server.ask("PATCH", &format!("{path}/{name}/status"), &status).await?;
        }
    }
    Ok(())
}

async fn until_served(server: &ApiServer, path: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        match server.ask("GET", path, &Value::Null).await {
            Ok(_) => return Ok(()),
            Err(refusal) if begun.elapsed() > START_WITHIN => return Err(refusal),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// One definition of each kind that KubeVirt, CDI and Multus bring along.
pub(super) fn definitions(folder: Option<OsString>) -> Result<Vec<Value>> {
    let mut found = match &folder {
        Some(folder) => read(Path::new(folder))?,
        None => Vec::new(),
    };
    let is_missing = |kind: &&Kind| {
        let name = Value::from(kind.qualified());
        !found.iter().any(|one| one["metadata"]["name"] == name)
    };
    let made: Vec<_> =
        KINDS.iter().filter(|kind| kind.custom).filter(is_missing).map(permissive).collect();
    found.extend(made);
    Ok(found)
}

fn read(folder: &Path) -> Result<Vec<Value>> {
    let told = |error: &dyn std::fmt::Display| format!("{FOLDER}: {}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| told(&error))? {
        let path = entry.map_err(|error| told(&error))?.path();
        if path.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| told(&error))?;
        let definition: Value = serde_saphyr::from_str(&text)
            .map_err(|error| format!("{FOLDER}: {}: {error}", path.display()))?;
        if definition["kind"] == "CustomResourceDefinition" {
            found.push(anew(&definition));
        }
    }
    if found.is_empty() {
        return Err(told(&"no *.yaml in it is a CustomResourceDefinition"));
    }
    Ok(found)
}

/// Without what the server that it was read from wrote into it.
fn anew(definition: &Value) -> Value {
    let metadata = &definition["metadata"];
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": metadata["name"], "annotations": metadata["annotations"] },
        "spec": definition["spec"],
    })
}

fn permissive(kind: &Kind) -> Value {
    let versions: Vec<Value> = kind
        .versions
        .iter()
        .enumerate()
        .map(|(at, version)| {
            let subresources = if kind.has_status { json!({ "status": {} }) } else { json!({}) };
            let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
            json!({
                "name": version, "served": true, "storage": at == 0,
                "schema": { "openAPIV3Schema": any }, "subresources": subresources,
            })
        })
        .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": kind.qualified() },
        "spec": {
            "group": kind.group, "versions": versions,
            "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
            "names": {
                "kind": kind.kind, "listKind": format!("{}List", kind.kind),
                "plural": kind.plural, "singular": kind.kind.to_lowercase(),
            },
        },
    })
}

/// What is in it, each with where it is made.
fn objects() -> Vec<(&'static str, Value)> {
    let named = |kind: &str, name: &str| json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name } });
    let mut all = vec![("/api/v1/namespaces", named("Namespace", "kubevirt"))];
    for name in ["n1", "n2", "n3"] {
        let room = json!({
            "cpu": "16", "memory": "64Gi", "pods": "110", "devices.kubevirt.io/kvm": "1k",
        });
        let mut node = named("Node", name);
        node["metadata"]["labels"] = json!({ "kubevirt.io/schedulable": "true" });
        node["status"] = json!({
            "capacity": room, "allocatable": room,
            "conditions": [{ "type": "Ready", "status": "True", "reason": "KubeletReady" }],
        });
        all.push(("/api/v1/nodes", node));
    }
    let is_default = json!({ "storageclass.kubernetes.io/is-default-class": "true" });
    all.push((
        "/apis/storage.k8s.io/v1/storageclasses",
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": { "name": "standard", "annotations": is_default },
            "provisioner": "nobody.example.org",
        }),
    ));
    let conditions = [("Available", "True"), ("Progressing", "False"), ("Degraded", "False")];
    let conditions = conditions.map(|(kind, is)| json!({ "type": kind, "status": is }));
    all.push((
        "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts",
        json!({
            "apiVersion": "kubevirt.io/v1", "kind": "KubeVirt",
            "metadata": { "name": "kubevirt" }, "spec": {},
            "status": {
                "phase": "Deployed", "observedKubeVirtVersion": "v1.9.0",
                "targetKubeVirtVersion": "v1.9.0", "conditions": conditions,
            },
        }),
    ));
    all
}
