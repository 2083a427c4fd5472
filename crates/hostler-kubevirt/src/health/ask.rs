//! Asks a cluster for what its health is judged by. Every question has its own
//! answer: one that fails makes only that not known.

use hostler_provider::Cx;
use serde_json::{Value, json};

use super::{Api, Facts, Found, Installation, Need, Purpose};
use crate::call::{Caller, Result, Selection};
use crate::capabilities::Gates;
use crate::config::Namespaces;
use crate::error::{Cause, Failure, word};
use crate::resource::Resource;

/// Installations of KubeVirt that are looked at; there should be one.
const INSTALLATIONS: usize = 10;

/// Without these a cluster cannot be told of, or its VMs not turned on and off: group, resource
/// and verbs. The manifests' roles are these lists, which tests and `cargo xtask check manifests`
/// hold.
const IN_NAMESPACES: &[Row] = &[
    ("kubevirt.io", "virtualmachines", &["get", "list", "watch"]),
    ("kubevirt.io", "virtualmachineinstances", &["get", "list", "watch"]),
    ("subresources.kubevirt.io", "virtualmachines/start", &["update"]),
    ("subresources.kubevirt.io", "virtualmachines/stop", &["update"]),
    ("subresources.kubevirt.io", "virtualmachines/restart", &["update"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/pause", &["update"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/unpause", &["update"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/softreboot", &["update"]),
    ("subresources.kubevirt.io", "virtualmachineinstances/reset", &["update"]),
];
const OF_THE_CLUSTER: &[Row] =
    &[("", "nodes", &["list", "watch"]), ("kubevirt.io", "kubevirts", &["list", "watch"])];

/// What one thing needs, and whose absence is no fault of the cluster: only that does not work.
const HELPS_IN_NAMESPACES: &[HelpRow] = &[
    ("kubevirt.io", "virtualmachines", &["create", "patch", "delete"], Purpose::Making),
    ("kubevirt.io", "virtualmachineinstances", &["delete"], Purpose::Making),
    (
        "kubevirt.io",
        "virtualmachineinstancemigrations",
        &["get", "list", "create", "delete"],
        Purpose::Migrating,
    ),
    ("subresources.kubevirt.io", "virtualmachineinstances/console", &["get"], Purpose::Consoles),
    ("subresources.kubevirt.io", "virtualmachineinstances/vnc", &["get"], Purpose::Consoles),
    (
        "snapshot.kubevirt.io",
        "virtualmachinesnapshots",
        &["get", "list", "create", "delete"],
        Purpose::Snapshots,
    ),
    ("snapshot.kubevirt.io", "virtualmachinerestores", &["get", "create"], Purpose::Snapshots),
    ("", "pods", &["list"], Purpose::Hypervisors),
    ("", "persistentvolumeclaims", &["get", "list", "create", "delete"], Purpose::Volumes),
    ("cdi.kubevirt.io", "datavolumes", &["get", "create", "delete"], Purpose::Copies),
    ("k8s.cni.cncf.io", "network-attachment-definitions", &["get", "list"], Purpose::Networks),
    ("instancetype.kubevirt.io", "virtualmachineinstancetypes", &["list"], Purpose::Sizes),
    ("instancetype.kubevirt.io", "virtualmachinepreferences", &["list"], Purpose::Sizes),
];
const HELPS_OF_THE_CLUSTER: &[HelpRow] = &[
    ("storage.k8s.io", "storageclasses", &["get", "list"], Purpose::Volumes),
    ("cdi.kubevirt.io", "storageprofiles", &["get"], Purpose::Volumes),
    ("instancetype.kubevirt.io", "virtualmachineclusterinstancetypes", &["list"], Purpose::Sizes),
    ("instancetype.kubevirt.io", "virtualmachineclusterpreferences", &["list"], Purpose::Sizes),
];

/// Documents of cloud-init. Whoever may read secrets may read all of a namespace, those of others
/// too: so these have a role of their own, which is bound only where somebody chose to.
const SEEDS_IN_NAMESPACES: &[HelpRow] =
    &[("", "secrets", &["get", "list", "create", "delete"], Purpose::CloudInit)];

/// Group, resource and verbs.
type Row = (&'static str, &'static str, &'static [&'static str]);
/// The same, and what it is for.
type HelpRow = (&'static str, &'static str, &'static [&'static str], Purpose);

/// All that our account may well be allowed to do; without a purpose where everything depends on
/// it.
pub fn needs(namespaces: &Namespaces) -> Vec<Need> {
    let mut all = Vec::new();
    for scope in namespaces.scopes() {
        add(&mut all, IN_NAMESPACES.iter().map(for_everything), scope.as_deref());
        add(&mut all, HELPS_IN_NAMESPACES.iter().copied().map(for_one), scope.as_deref());
        add(&mut all, SEEDS_IN_NAMESPACES.iter().copied().map(for_one), scope.as_deref());
    }
    add(&mut all, OF_THE_CLUSTER.iter().map(for_everything), None);
    add(&mut all, HELPS_OF_THE_CLUSTER.iter().copied().map(for_one), None);
    all
}

fn for_everything(row: &Row) -> (Row, Option<Purpose>) {
    (*row, None)
}

fn for_one((group, resource, verbs, purpose): HelpRow) -> (Row, Option<Purpose>) {
    ((group, resource, verbs), Some(purpose))
}

fn add(
    all: &mut Vec<Need>,
    rows: impl Iterator<Item = (Row, Option<Purpose>)>,
    namespace: Option<&str>,
) {
    for ((group, resource, verbs), purpose) in rows {
        all.extend(verbs.iter().map(|verb| {
            let namespace = namespace.map(str::to_owned);
            Need { verb, group, resource, namespace, purpose }
        }));
    }
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
        gaps(caller, cx, namespaces),
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
    let everywhere = Selection::all(Resource::KUBEVIRTS, None);
    match caller.list_page(cx, &everywhere, INSTALLATIONS, None).await {
        Ok(page) => match the_one(page.items.iter().map(installation).collect()) {
            Some(installation) => Found::Yes(installation),
            None => Found::Absent,
        },
        Err(failure) => match failure.cause {
            Cause::KindMissing => Found::Absent,
            _ => Found::NotKnown(failure.error.message().to_owned()),
        },
    }
}

/// Of several installations the one that counts: the only one that is deployed. KubeVirt
/// itself leaves any beside the first alone, and says so in its object.
pub(super) fn the_one(mut all: Vec<Installation>) -> Option<Installation> {
    let is_deployed = |it: &Installation| it.phase == "Deployed";
    let deployed = all.iter().filter(|it| is_deployed(it)).count();
    let at = all.iter().position(is_deployed).unwrap_or_default();
    if all.is_empty() {
        return None;
    }
    let mut one = all.remove(at);
    one.is_ambiguous = !all.is_empty() && deployed != 1;
    one.others = all.into_iter().map(|other| other.place).collect();
    Some(one)
}

/// What a KubeVirt object tells.
pub(super) fn installation(object: &Value) -> Installation {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let condition = |kind: &str| {
        let of_kind = |it: &&Value| it.get("type").and_then(Value::as_str) == Some(kind);
        match conditions?.iter().find(of_kind)?.get("status")?.as_str()? {
            "True" => Some(true),
            "False" => Some(false),
            // `Unknown` is a word of its own, and not known.
            _ => None,
        }
    };
    let names = |list: &str| {
        let path = format!("/spec/configuration/developerConfiguration/{list}");
        let all = object.pointer(&path).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let told = |path: &str| text(path).filter(|text| !text.is_empty()).map(word);
    let version = told("/status/observedKubeVirtVersion");
    let namespace = text("/metadata/namespace").unwrap_or_default();
    let name = text("/metadata/name").unwrap_or_default();
    Installation {
        place: word(&format!("{namespace}/{name}")),
        phase: told("/status/phase").unwrap_or_default(),
        available: condition("Available"),
        degraded: condition("Degraded"),
        target: told("/status/targetKubeVirtVersion").filter(|it| Some(it) != version.as_ref()),
        version,
        gates: Gates { listed: names("featureGates"), disabled: names("disabledFeatureGates") },
        others: Vec::new(),
        is_ambiguous: false,
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

/// What of the needs is not allowed.
async fn gaps(caller: &Caller, cx: &Cx, namespaces: &Namespaces) -> Result<Vec<Need>> {
    let mut gaps = Vec::new();
    for need in needs(namespaces) {
        let answer = caller.review(cx, &review(&need)).await?;
        if answer.pointer("/status/allowed") != Some(&Value::Bool(true)) {
            gaps.push(need);
        }
    }
    Ok(gaps)
}

fn review(need: &Need) -> Value {
    let (resource, subresource) = need.resource.split_once('/').unwrap_or((need.resource, ""));
    json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "namespace": need.namespace.as_deref().unwrap_or_default(),
            "verb": need.verb,
            "group": need.group,
            "resource": resource,
            "subresource": subresource,
        }},
    })
}
