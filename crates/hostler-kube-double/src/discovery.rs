//! What the server tells of itself: versions, groups, resources.

use serde_json::{Value, json};

use crate::kinds::{Catalog, Kind};
use crate::route::{AUTHORIZATION, VERB_VERSIONS, VERBS};

/// What virt-api offers on machines and instances, as recorded from main in August 2026.
pub(crate) const SUBRESOURCES: &[&str] = &[
    "expand-vm-spec",
    "virtualmachineinstances/vnc",
    "virtualmachineinstances/vnc/screenshot",
    "virtualmachineinstances/console",
    "virtualmachineinstances/portforward",
    "virtualmachineinstances/backup",
    "virtualmachineinstances/redefine-checkpoint",
    "virtualmachineinstances/pause",
    "virtualmachineinstances/unpause",
    "virtualmachineinstances/freeze",
    "virtualmachineinstances/unfreeze",
    "virtualmachineinstances/reset",
    "virtualmachineinstances/softreboot",
    "virtualmachines/start",
    "virtualmachines/stop",
    "virtualmachines/restart",
    "virtualmachines/migrate",
    "virtualmachines/expand-spec",
    "virtualmachines/objectgraph",
    "virtualmachines/evacuate/cancel",
    "virtualmachineinstances/guestosinfo",
    "virtualmachineinstances/userlist",
    "virtualmachineinstances/filesystemlist",
    "virtualmachineinstances/addvolume",
    "virtualmachineinstances/removevolume",
    "virtualmachineinstances/objectgraph",
    "virtualmachineinstances/sev/fetchcertchain",
    "virtualmachineinstances/sev/querylaunchmeasurement",
    "virtualmachineinstances/sev/setupsession",
    "virtualmachineinstances/sev/injectlaunchsecret",
    "virtualmachineinstances/evacuate/cancel",
];
pub(crate) const OBJECT_VERBS: &[&str] =
    &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// `/version`: of Kubernetes.
pub(crate) fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "gitVersion": "v1.36.2",
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "2026-07-14T00:00:00Z",
        "goVersion": "go1.26.1", "compiler": "gc", "platform": "linux/amd64",
    })
}

/// `version` of virt-api: of KubeVirt.
pub(crate) fn virt_api_version(version: &str) -> Value {
    json!({
        "gitVersion": version, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2026-07-14T00:00:00Z", "goVersion": "go1.26.1", "compiler": "gc",
        "platform": "linux/amd64",
    })
}

/// `/api`.
pub(crate) fn core_versions() -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
}

/// `/apis`.
pub(crate) fn groups(catalog: &Catalog) -> Value {
    let mut groups: Vec<Value> = catalog
        .groups()
        .map(|(name, versions)| {
            let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
            group_of(name, &versions)
        })
        .collect();
    groups.push(group_of(AUTHORIZATION, &["v1"]));
    if has_virt_api(catalog) {
        groups.push(group_of(VERBS, VERB_VERSIONS));
    }
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/{group}`.
pub(crate) fn group(catalog: &Catalog, name: &str) -> Option<Value> {
    let versions: Vec<&str> = match name {
        AUTHORIZATION => vec!["v1"],
        VERBS if has_virt_api(catalog) => VERB_VERSIONS.to_vec(),
        _ => catalog.versions(name).iter().map(String::as_str).collect(),
    };
    if versions.is_empty() {
        return None;
    }
    let mut group = group_of(name, &versions);
    crate::json::set(&mut group, "/kind", "APIGroup".into());
    crate::json::set(&mut group, "/apiVersion", "v1".into());
    Some(group)
}

fn group_of(name: &str, versions: &[&str]) -> Value {
    let each: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    json!({ "name": name, "preferredVersion": each.first(), "versions": each })
}

fn has_virt_api(catalog: &Catalog) -> bool {
    !catalog.versions("kubevirt.io").is_empty()
}

/// `/apis/{group}/{version}`.
pub(crate) fn resources(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    let resources: Vec<Value> = match group {
        VERBS if has_virt_api(catalog) && VERB_VERSIONS.contains(&version) => {
            SUBRESOURCES.iter().map(|name| verb(name)).collect()
        }
        AUTHORIZATION if version == "v1" => vec![
            json!({
                "name": "selfsubjectaccessreviews", "singularName": "selfsubjectaccessreview",
                "namespaced": false, "kind": "SelfSubjectAccessReview", "verbs": ["create"],
            }),
            json!({
                "name": "selfsubjectrulesreviews", "singularName": "selfsubjectrulesreview",
                "namespaced": false, "kind": "SelfSubjectRulesReview", "verbs": ["create"],
            }),
        ],
        _ if catalog.versions(group).iter().any(|one| one == version) => {
            catalog.of_group(group).into_iter().flat_map(resource).collect()
        }
        _ => return None,
    };
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
        "resources": resources,
    }))
}

fn verb(name: &str) -> Value {
    let is_read = ["vnc", "console", "list", "info", "expand", "portforward", "graph", "fetch"]
        .iter()
        .any(|part| name.contains(part));
    let verbs = if is_read { ["get"] } else { ["update"] };
    json!({ "name": name, "singularName": "", "namespaced": true, "kind": "", "verbs": verbs })
}

fn resource(kind: &'static Kind) -> Vec<Value> {
    let mut resources = vec![json!({
        "name": kind.plural, "singularName": kind.kind.to_lowercase(),
        "namespaced": kind.namespaced, "kind": kind.kind, "verbs": OBJECT_VERBS,
    })];
    if kind.has_status {
        resources.push(json!({
            "name": format!("{}/status", kind.plural), "singularName": "",
            "namespaced": kind.namespaced, "kind": kind.kind, "verbs": ["get", "patch", "update"],
        }));
    }
    resources
}
