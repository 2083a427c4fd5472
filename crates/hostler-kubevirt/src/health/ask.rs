//! Asks a cluster for what its health is judged by. Every question has its own
//! answer: one that fails makes only that not known.

use hostler_provider::Cx;
use serde_json::Value;

use super::{Api, Facts, Found, Installation, Need, Purpose, rights};
use crate::call::{self, Caller, Reply};
use crate::config::Namespaces;
use crate::error::{Cause, Failure, word};
use crate::installation;
use crate::versions::SUBRESOURCES;

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
    ("snapshot.kubevirt.io", "virtualmachinesnapshotcontents", &["get"], Purpose::Snapshots),
    (
        "snapshot.kubevirt.io",
        "virtualmachinerestores",
        &["get", "create", "delete"],
        Purpose::Snapshots,
    ),
    (
        "clone.kubevirt.io",
        "virtualmachineclones",
        &["get", "list", "create", "delete"],
        Purpose::Clones,
    ),
    ("snapshot.kubevirt.io", "virtualmachinerestores", &["delete"], Purpose::Clones),
    ("", "persistentvolumeclaims", &["patch"], Purpose::Clones),
    ("subresources.kubevirt.io", "virtualmachines/addvolume", &["update"], Purpose::Disks),
    ("subresources.kubevirt.io", "virtualmachines/removevolume", &["update"], Purpose::Disks),
    (
        "subresources.kubevirt.io",
        "virtualmachineinstances/filesystemlist",
        &["get"],
        Purpose::Guests,
    ),
    ("subresources.kubevirt.io", "virtualmachineinstances/userlist", &["get"], Purpose::Guests),
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
        // Without chosen namespaces the question would be for the secrets of all of them, which
        // nobody is to grant; where the role is bound is then not known here.
        if scope.is_some() {
            add(&mut all, SEEDS_IN_NAMESPACES.iter().copied().map(for_one), scope.as_deref());
        }
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
    match of_virt_api(caller, cx, "healthz").await {
        Ok(_) => Found::Yes(()),
        Err(failure) => match failure.cause {
            // It answered, though not to us; whether we may is another question.
            Cause::Forbidden => Found::Yes(()),
            Cause::KindMissing => Found::Absent,
            _ => Found::NotKnown(failure.error.message().to_owned()),
        },
    }
}

/// A document of KubeVirt's own server, in the version of its group that is spoken.
async fn of_virt_api(caller: &Caller, cx: &Cx, what: &str) -> call::Result<Reply> {
    let doing = format!("cannot look at {what} of KubeVirt's own server");
    let version = caller.version(cx, &SUBRESOURCES, &doing).await?;
    caller.get_path(cx, &format!("/apis/{}/{version}/{what}", SUBRESOURCES.name)).await
}

/// The version by KubeVirt's own server, which whoever may use it may ask for.
async fn virt_api_version(caller: &Caller, cx: &Cx) -> Option<String> {
    let reply = of_virt_api(caller, cx, "version").await.ok()?;
    let version: Value = serde_json::from_slice(&reply.body).ok()?;
    version.get("gitVersion").and_then(Value::as_str).map(word)
}
