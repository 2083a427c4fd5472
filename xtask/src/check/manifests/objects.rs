//! Each object by itself: a kind that there is, the fields without which it does nothing, and what
//! its containers may do.

use serde_json::Value;

use super::{Finding, Object, containers, list, text};

/// A kind of object: its API, whether it is in a namespace, and fields that it must have.
struct Known {
    api: &'static str,
    kind: &'static str,
    namespaced: bool,
    fields: &'static [&'static str],
}

const fn known(
    api: &'static str,
    kind: &'static str,
    namespaced: bool,
    fields: &'static [&'static str],
) -> Known {
    Known { api, kind, namespaced, fields }
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const MONITORING: &str = "monitoring.coreos.com/v1";
const POD: &[&str] = &[
    "/spec/selector/matchLabels",
    "/spec/template/metadata/labels",
    "/spec/template/spec/containers",
    "/spec/template/spec/serviceAccountName",
];

const KINDS: &[Known] = &[
    known("v1", "Namespace", false, &[]),
    known("v1", "ServiceAccount", true, &["/automountServiceAccountToken"]),
    known("v1", "ConfigMap", true, &["/data"]),
    known("v1", "Service", true, &["/spec/selector", "/spec/ports"]),
    known("apps/v1", "StatefulSet", true, POD),
    known("apps/v1", "DaemonSet", true, POD),
    known(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        true,
        &["/spec/podSelector", "/spec/policyTypes"],
    ),
    known(RBAC, "ClusterRole", false, &["/rules"]),
    known(RBAC, "ClusterRoleBinding", false, &["/roleRef", "/subjects"]),
    known(RBAC, "RoleBinding", true, &["/roleRef", "/subjects"]),
    known(MONITORING, "ServiceMonitor", true, &["/spec/selector/matchLabels", "/spec/endpoints"]),
    known(
        MONITORING,
        "PodMonitor",
        true,
        &["/spec/selector/matchLabels", "/spec/podMetricsEndpoints"],
    ),
    known(MONITORING, "PrometheusRule", true, &["/spec/groups"]),
];

const SHAPE: &str = "the API server would refuse it, or it would do nothing: write it as the \
                     reference of its kind says, or add its kind to objects.rs beside this check";
const SAFETY: &str = "whoever breaks into the program gets what its container has: give it nothing \
                      that it does not use";
const PROBES: &str = "a pod that hangs is only replaced, and only gets requests when it can answer \
                      them, where Kubernetes asks it";

/// What a name may be made of: a label of a DNS name.
fn is_name(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let ends = name.starts_with('-') || name.ends_with('-');
    (1..=63).contains(&name.len()) && name.bytes().all(inner) && !ends
}

pub(super) fn findings(objects: &[Object]) -> Vec<Finding> {
    let mut found = Vec::new();
    for object in objects {
        found.extend(shape(object));
        if object.is_workload() {
            found.extend(pod(object, objects));
            for container in containers(object) {
                found.extend(container_faults(object, container));
            }
        }
    }
    let key = |it: &Object| (it.kind().to_owned(), it.namespace().to_owned(), it.name().to_owned());
    let mut seen = std::collections::BTreeSet::new();
    let twice = objects.iter().filter(|object| !seen.insert(key(object)));
    found.extend(twice.map(|object| object.finding("it is there twice", SHAPE)));
    found
}

fn shape(object: &Object) -> Vec<Finding> {
    let (api, kind) = (object.text("/apiVersion"), object.kind());
    let Some(known) = KINDS.iter().find(|it| (it.api, it.kind) == (api, kind)) else {
        return vec![object.finding(format!("{api} {kind} is not known"), SHAPE)];
    };
    let mut found = Vec::new();
    if !is_name(object.name()) {
        found.push(object.finding("its name is none", SHAPE));
    }
    if known.namespaced == object.namespace().is_empty() {
        let what = if known.namespaced { "it has no namespace" } else { "it is in no namespace" };
        found.push(object.finding(what, SHAPE));
    }
    let is_empty = |field: &&&str| match object.at(field) {
        None | Some(Value::Null) => true,
        // An empty list or map selects everything or nothing, and never what was meant.
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(_) => false,
    };
    let missing = known.fields.iter().filter(is_empty);
    found.extend(missing.map(|field| object.finding(format!("{field} is missing"), SHAPE)));
    found
}

/// What a pod has of its node needs a namespace that says so, and nobody is root.
fn pod(workload: &Object, objects: &[Object]) -> Vec<Finding> {
    let spec = "/spec/template/spec";
    let at = |field: &str| workload.at(&format!("{spec}{field}"));
    let mut found = Vec::new();
    let mut needs = |holds: bool, what: &str| {
        if !holds {
            found.push(workload.finding(what, SAFETY));
        }
    };
    needs(at("/securityContext/runAsNonRoot") == Some(&Value::Bool(true)), "it may run as root");
    let user = at("/securityContext/runAsUser").and_then(Value::as_u64);
    needs(user.is_some_and(|user| user >= 10_000), "its user may be one of the node's");
    let seccomp = workload.text(&format!("{spec}/securityContext/seccompProfile/type"));
    needs(seccomp == "RuntimeDefault", "no system call is kept from it");
    needs(at("/automountServiceAccountToken").is_some(), "it does not say whether it asks the API");
    needs(at("/hostIPC").is_none(), "it shares the node's memory");
    let volumes = workload.list(&format!("{spec}/volumes"));
    let paths = volumes.iter().filter(|volume| volume.get("hostPath").is_some());
    let of_node = paths.count() > 0 || at("/hostPID").is_some() || at("/hostNetwork").is_some();
    let level = objects.iter().filter(|it| it.kind() == "Namespace");
    let level = level
        .filter(|it| it.name() == workload.namespace())
        .map(|it| it.text("/metadata/labels/pod-security.kubernetes.io~1enforce"));
    let wanted = if of_node { "privileged" } else { "restricted" };
    for level in level {
        needs(level == wanted, &format!("its namespace enforces {level:?}, not {wanted}"));
    }
    found
}

fn container_faults(workload: &Object, container: &Value) -> Vec<Finding> {
    let at = |field: &str| container.pointer(field);
    let name = text(container, "/name");
    let mut found = Vec::new();
    let mut needs = |holds: bool, what: &str, remedy: &'static str| {
        if !holds {
            found.push(workload.finding(format!("container {name}: {what}"), remedy));
        }
    };
    let context = "/securityContext";
    for (field, wanted) in [
        ("allowPrivilegeEscalation", false),
        ("readOnlyRootFilesystem", true),
        ("privileged", false),
    ] {
        let is = at(&format!("{context}/{field}")) == Some(&Value::Bool(wanted));
        needs(is, &format!("{field} is not {wanted}"), SAFETY);
    }
    let dropped = list(container, "/securityContext/capabilities/drop");
    needs(dropped == [Value::from("ALL")], "it keeps capabilities", SAFETY);
    needs(at("/securityContext/capabilities/add").is_none(), "it gets capabilities", SAFETY);
    needs(at("/securityContext/runAsUser").is_none(), "its user is not the pod's", SAFETY);
    for field in ["requests/cpu", "requests/memory", "limits/memory"] {
        needs(at(&format!("/resources/{field}")).is_some(), &format!("no {field}"), SAFETY);
    }
    for probe in ["livenessProbe", "readinessProbe"] {
        needs(at(&format!("/{probe}/httpGet/path")).is_some(), &format!("no {probe}"), PROBES);
    }
    let volumes = workload.list("/spec/template/spec/volumes");
    for mount in list(container, "/volumeMounts") {
        let is_it = |volume: &&Value| text(volume, "/name") == text(mount, "/name");
        let of_node = volumes.iter().find(is_it).is_some_and(|it| it.get("hostPath").is_some());
        let is_read_only = mount.get("readOnly") == Some(&Value::Bool(true));
        needs(!of_node || is_read_only, "it may write to the node", SAFETY);
    }
    found
}
