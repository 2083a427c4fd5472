//! Asks a cluster for what its health is judged by. Every question has its own
//! answer: one that fails makes only that not known.

use hostler_provider::Cx;
use serde_json::Value;

use super::{Api, Facts, Found, Installation, Need, rights};
use crate::call::Caller;
use crate::config::Namespaces;
use crate::error::{Cause, Failure, word};
use crate::installation;

/// What our account has to be allowed to do, group, resource and verbs. The manifests' roles are
/// these, which tests and `cargo xtask check manifests` hold.
const IN_NAMESPACES: &[(&str, &str, &[&str])] = &[
    ("kubevirt.io", "virtualmachines", &["get", "list", "watch", "create", "patch", "delete"]),
    ("kubevirt.io", "virtualmachineinstances", &["get", "list", "watch"]),
    ("kubevirt.io", "virtualmachineinstancemigrations", &["list", "watch", "create", "delete"]),
    ("subresources.kubevirt.io", "virtualmachines/start", &["update"]),
    ("subresources.kubevirt.io", "virtualmachines/stop", &["update"]),
    ("subresources.kubevirt.io", "virtualmachines/restart", &["update"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/pause", &["update"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/unpause", &["update"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/softreboot", &["update"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/reset", &["update"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/console", &["get"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/vnc", &["get"]),
];
const OF_THE_CLUSTER: &[(&str, &str, &[&str])] =
    &[("", "nodes", &["list", "watch"]), ("kubevirt.io", "kubevirts", &["list", "watch"])];

/// What some things need, and whose absence is no fault: which hypervisor a launcher asked for,
/// volumes, cloud-init, networks, classes of storage.
const HELPS_IN_NAMESPACES: &[(&str, &str, &[&str])] = &[
    ("", "pods", &["list"]),
    ("", "persistentvolumeclaims", &["get", "list", "create", "delete"]),
    ("cdi.kubevirt.io", "datavolumes", &["get", "list", "create", "delete"]),
    ("", "secrets", &["get", "list", "create", "delete"]),
    ("k8s.cni.cncf.io", "network-attachment-definitions", &["list"]),
];
const HELPS_OF_THE_CLUSTER: &[(&str, &str, &[&str])] = &[
    ("storage.k8s.io", "storageclasses", &["get", "list"]),
    ("cdi.kubevirt.io", "storageprofiles", &["get"]),
];

/// All that our account has to be allowed to do.
pub fn needs(namespaces: &Namespaces) -> Vec<Need> {
    in_scopes(namespaces, IN_NAMESPACES, OF_THE_CLUSTER)
}

/// What else it may well be allowed to do.
pub fn helps(namespaces: &Namespaces) -> Vec<Need> {
    in_scopes(namespaces, HELPS_IN_NAMESPACES, HELPS_OF_THE_CLUSTER)
}

/// Group, resource and verbs.
type Row = (&'static str, &'static str, &'static [&'static str]);

fn in_scopes(namespaces: &Namespaces, in_namespaces: &[Row], of_the_cluster: &[Row]) -> Vec<Need> {
    let mut all = Vec::new();
    let mut add = |rows: &[Row], scope: Option<String>| {
        for (group, resource, verbs) in rows {
            all.extend(verbs.iter().map(|verb| {
                let namespace = scope.clone();
                Need { verb, group, resource, namespace }
            }));
        }
    };
    for scope in namespaces.scopes() {
        add(in_namespaces, scope);
    }
    add(of_the_cluster, None);
    all
}

/// Asks for everything but the lags, which whoever follows the cluster knows.
pub async fn ask(caller: &Caller, cx: &Cx, namespaces: &Namespaces) -> Facts {
    let api = api(caller, cx).await;
    if !matches!(api, Api::Answers(_)) {
        return Facts::nothing_but(api);
    }
    let (kubevirt, virt_api, gaps) = futures_util::join!(
        kubevirt(caller, cx),
        virt_api(caller, cx),
        rights::gaps(caller, cx, needs(namespaces)),
    );
    let mut facts = Facts {
        api,
        kubevirt,
        virt_api,
        virt_api_version: None,
        gaps: Found::Yes(Vec::new()),
        lags: Vec::new(),
    };
    if facts.version().is_none() && facts.virt_api == Found::Yes(()) {
        facts.virt_api_version = virt_api_version(caller, cx).await;
    }
    match gaps {
        // `/version` is told to anybody; this is the first that needs credentials.
        Err(failure) if failure.cause == Cause::AuthFailed => {
            Facts::nothing_but(Api::AuthFailed(failure.error.message().to_owned()))
        }
        Err(failure) => {
            facts.gaps = Found::NotKnown(failure.error.message().to_owned());
            facts
        }
        Ok(gaps) => {
            facts.gaps = Found::Yes(gaps);
            facts
        }
    }
}

async fn api(caller: &Caller, cx: &Cx) -> Api {
    let why = |failure: &Failure| failure.error.message().to_owned();
    match caller.get_path(cx, "/version").await {
        Ok(reply) => {
            let version: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            match version.get("gitVersion").and_then(Value::as_str) {
                Some(version) => Api::Answers(word(version)),
                None => Api::Unreachable("what answers there is no Kubernetes API".to_owned()),
            }
        }
        Err(failure) => match failure.cause {
            Cause::AuthFailed => Api::AuthFailed(why(&failure)),
            // It may be closed to us; that it answers is what was asked.
            Cause::Forbidden => Api::Answers("unknown version".to_owned()),
            _ => Api::Unreachable(why(&failure)),
        },
    }
}

async fn kubevirt(caller: &Caller, cx: &Cx) -> Found<Installation> {
    match installation::look(caller, cx).await {
        Ok(Some(installation)) => Found::Yes(installation),
        Ok(None) => Found::Absent,
        Err(failure) => Found::NotKnown(failure.error.message().to_owned()),
    }
}

async fn virt_api(caller: &Caller, cx: &Cx) -> Found<()> {
    match caller.get_path(cx, "/apis/subresources.kubevirt.io/v1/healthz").await {
        Ok(_) => Found::Yes(()),
        Err(failure) => match failure.cause {
            // It answered, though not to us; whether we may is another question.
            Cause::Forbidden => Found::Yes(()),
            Cause::KindMissing => Found::Absent,
            _ => Found::NotKnown(failure.error.message().to_owned()),
        },
    }
}

/// The version by KubeVirt's own server, which whoever may use it may ask for.
async fn virt_api_version(caller: &Caller, cx: &Cx) -> Option<String> {
    let reply = caller.get_path(cx, "/apis/subresources.kubevirt.io/v1/version").await.ok()?;
    let version: Value = serde_json::from_slice(&reply.body).ok()?;
    version.get("gitVersion").and_then(Value::as_str).map(word)
}
