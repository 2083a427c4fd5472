//! Clusters: providers that are many hosts under one authority, with a health and features of
//! their own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::page::PageQuery;
use crate::secret::Secret;
use crate::value::Time;
use crate::{Fact, ListQuery, Nothing, Page};

mod kubeconfigs;

pub use kubeconfigs::{AT_ONCE_MAX, ClusterKubeconfig, ClusterKubeconfigUse, ClusterRotateRequest};

endpoint! {
    /// List clusters: how each is, and what it can.
    ///
    /// A cluster is a provider, and has the same id. With `features` or `hardware`, each is told
    /// with what it lacks of them. With `compatible_with_template`, only those are told that have
    /// all the features and all the hardware that the template requires. Sorts and filters by `name`, `id`, `kind`, `health`, `version`,
    /// `source`, `fits`.
    ClusterList {
        id: "cluster_list", tag: "clusters", GET "/api/v1/clusters",
        needs: InfraRead,
        query: ClusterListQuery,
        reply: Json Page<Cluster>,
        errors: [QueryInvalid, CursorInvalid, TemplateNotFound, TemplateVersionNotFound,
            TemplateWrongState],
    }
}

endpoint! {
    /// Show a cluster: how it is and why, and what it can.
    ClusterShow {
        id: "cluster_show", tag: "clusters", GET "/api/v1/clusters/{cluster}",
        needs: InfraRead,
        path: ClusterPath,
        query: ClusterShowQuery,
        reply: Json Cluster,
        errors: [IdInvalid, ClusterNotFound, QueryInvalid, TemplateNotFound,
            TemplateVersionNotFound, TemplateWrongState],
    }
}

endpoint! {
    /// Add a cluster by its kubeconfig.
    ///
    /// The kubeconfig is kept sealed and never shown again. It has to hold its credentials itself:
    /// files that it names are not read, and commands that it names are run only where somebody
    /// who administers the server's machine allows it on that machine. The cluster need not answer
    /// yet; it is asked from then on.
    ClusterCreate {
        id: "cluster_create", tag: "clusters", POST "/api/v1/clusters",
        needs: ProviderManage,
        body: Json ClusterRequest,
        reply: Json Cluster, status: CREATED,
        errors: [SpecInvalid, ProviderConflict, IdempotencyMismatch],
    }
}

endpoint! {
    /// Try a kubeconfig without keeping anything.
    ///
    /// Answers with what the cluster tells, also where that is that it cannot be reached.
    ClusterTest {
        id: "cluster_test", tag: "clusters", POST "/api/v1/clusters/test",
        needs: ProviderManage,
        body: Json ClusterKubeconfig,
        reply: Json ClusterTested,
        errors: [SpecInvalid, ProviderTimeout, RateLimited],
    }
}

endpoint! {
    /// Give a cluster another kubeconfig, such as one whose credentials are good for longer.
    ///
    /// It is tried first: where the cluster cannot be reached by it, does not know it, or is
    /// another one, nothing changes. What is known of the cluster stays, and so do the namespaces
    /// that are looked at and the context, unless others are given.
    ClusterRotate {
        id: "cluster_rotate", tag: "clusters", PUT "/api/v1/clusters/{cluster}/kubeconfig",
        needs: ProviderManage,
        path: ClusterPath,
        body: Json ClusterRotateRequest,
        reply: Json Cluster,
        errors: [IdInvalid, ClusterNotFound, SpecInvalid, ProviderConflict, ProviderUnavailable,
            ProviderDenied, ProviderTimeout, RateLimited],
    }
}

endpoint! {
    /// Say which hardware a cluster has or lacks, whatever its hosts tell.
    ///
    /// A JSON merge patch: `null` takes back what was said of a piece of hardware, so that its
    /// hosts decide again; what was said of others stays, whoever said it and when. So two who
    /// declare at once lose nothing of each other, and there is no ETag to be sent.
    ClusterDeclare {
        id: "cluster_declare", tag: "clusters", PATCH "/api/v1/clusters/{cluster}/hardware",
        needs: ProviderManage,
        path: ClusterPath,
        body: MergePatch ClusterHardwarePatch,
        reply: Json Cluster,
        errors: [IdInvalid, ClusterNotFound, SpecInvalid],
    }
}

endpoint! {
    /// Remove a cluster, and forget its kubeconfig.
    ///
    /// Nothing in the cluster is touched. Refused while Hostler manages VMs there.
    ClusterDelete {
        id: "cluster_delete", tag: "clusters", DELETE "/api/v1/clusters/{cluster}",
        needs: ProviderManage,
        path: ClusterPath,
        reply: Empty Nothing, status: NO_CONTENT,
        errors: [IdInvalid, ClusterNotFound, ProviderConflict],
    }
}

/// The most features, and the most hardware, that can be asked for at once.
pub const REQUIRED_MAX: usize = 64;
/// The longest name of a feature or of hardware, in bytes.
pub const REQUIRED_NAME_MAX: usize = 253;
/// The largest kubeconfig that is taken, in bytes.
pub const KUBECONFIG_MAX: usize = 256 << 10;

/// Names a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterPath {
    /// The cluster's id, which is its provider's.
    pub cluster: String,
}

/// What is wanted of the list of clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterListQuery {
    /// How many items at most: 1 to 1000, 100 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Fields to sort by, separated by commas; `-` before a name for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// Which items: terms like `health=healthy`, `name=eu-*`, joined by `AND`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Free text that the name or another shown text has to contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// The members that each item is to have, separated by commas: `id,name,health`. The
    /// items then lack all others, also those that they always have otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<String>,
    /// Features that are required, separated by commas, at most 64: `HotplugNICs,GPU`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// Hardware that is required, separated by commas, at most 64: `kvm,nvidia.com/TU104GL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    /// Only clusters that have all that this template requires: its id, or `ID@VERSION`; without
    /// a version its default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compatible_with_template: Option<String>,
}

impl From<ListQuery> for ClusterListQuery {
    fn from(list: ListQuery) -> Self {
        let ListQuery { limit, cursor, sort, filter, search, fields } = list;
        Self { limit, cursor, sort, filter, search, fields, ..Self::default() }
    }
}

impl PageQuery for ClusterListQuery {
    fn cursor(&self) -> Option<&String> {
        self.cursor.as_ref()
    }

    fn turn_to(&mut self, cursor: Option<String>) {
        self.cursor = cursor;
    }
}

impl ClusterListQuery {
    /// What it has in common with other lists.
    pub fn list(&self) -> ListQuery {
        let Self { limit, cursor, sort, filter, search, fields, .. } = self.clone();
        ListQuery { limit, cursor, sort, filter, search, fields }
    }
}

/// What a cluster is to be compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterShowQuery {
    /// Features that are required, separated by commas, at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// Hardware that is required, separated by commas, at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    /// A template whose features and hardware are required, too: its id, or `ID@VERSION`; without
    /// a version its default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// A cluster to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterRequest {
    /// Its name, unique among providers.
    pub name: String,
    /// The kubeconfig's text, at most 256 KiB. Files have to be within it:
    /// `kubectl config view --raw --flatten --minify`.
    pub kubeconfig: Secret,
    /// The context of the kubeconfig; its current one where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The namespaces that are looked at, at most 64; all where not given, which needs rights in
    /// the whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// How many questions are put to the cluster at once, from 1 to 200; 20 where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub at_once: Option<u32>,
    /// Whether the server may run the command that the kubeconfig gets its credentials by. Only
    /// who administers the server's machine may say so, and on that machine.
    #[serde(default)]
    pub allow_exec: bool,
}

/// Which hardware a cluster has, whatever its hosts tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterHardwarePatch {
    /// By name, whether it is there, or `null`: its hosts decide. At most 64 at once, and at
    /// most 64 that stay declared.
    #[schemars(extend("maxProperties" = hostler_core::cluster::DECLARED_MAX))]
    pub hardware: BTreeMap<String, Option<bool>>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cluster {
    /// Its id, which is its provider's.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The word for its kind, for example `kubevirt`.
    pub kind: String,
    /// Where it is, without secrets.
    pub uri: String,
    /// How it was given: `configuration`, `address` or `kubeconfig`.
    pub source: String,
    /// Whether its data is made up.
    pub simulated: bool,
    /// `unknown` (not asked yet), `healthy`, `unhealthy` (it answers, and something is missing) or
    /// `unreachable`.
    pub health: String,
    /// Why it is not healthy, and what is to be noticed although it is.
    pub reasons: Vec<ClusterReason>,
    /// When it told this; null: never since the server started.
    pub reported_at: Option<Time>,
    /// How long ago that is.
    pub age_seconds: Option<f64>,
    /// Whether that is too long ago to rely on.
    pub stale: bool,
    /// Why asking it again did not end well; null where the latest attempt did.
    pub failure: Option<String>,
    /// How far what is known of each kind of object may be behind the cluster.
    pub watch_lags: Vec<ClusterWatchLag>,
    /// What it can; null where that could not be found out.
    pub capabilities: Option<ClusterCapabilities>,
    /// Classes of storage that claims may name; null where they could not be read.
    pub storage_classes: Option<Vec<ClusterStorageClass>>,
    /// What an administrator said of its hardware.
    pub declared_hardware: BTreeMap<String, bool>,
    /// How many VMs it holds; null before the first inventory.
    pub vm_count: Option<u32>,
    /// How many hosts it has; null before the first inventory.
    pub host_count: Option<u32>,
    /// How its kubeconfig is used; null where it was given by an address.
    pub kubeconfig: Option<ClusterKubeconfigUse>,
    /// Whether it has all of what was asked for; null where nothing was.
    pub fits: Option<bool>,
    /// What it lacks of what was asked for; null where nothing was.
    pub lacks: Option<Vec<ClusterLack>>,
}

/// Why a cluster is not healthy, or what is to be noticed although it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterReason {
    /// The word for machines, for example `AuthFailed`, `RightsMissing`.
    pub code: String,
    /// The same for people, with the remedy where there is one.
    pub message: String,
    /// Whether it is only to be noticed.
    pub warning: bool,
}

/// How far what is known of one kind of object may be behind the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterWatchLag {
    /// The kind, as the cluster calls it.
    pub kind: String,
    /// Since how long nothing was heard of it; null: nothing ever was.
    pub silent_seconds: Option<f64>,
    /// What is told of it is from before this moment, while it is read anew; null while it is
    /// followed.
    pub stale_since: Option<Time>,
}

/// What a cluster can, and how that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterCapabilities {
    /// The version of what runs VMs there; null where it is not told.
    pub version: Option<String>,
    /// When this was detected.
    pub detected_at: Time,
    /// The names of the features that can be used.
    pub enabled_features: Vec<String>,
    /// Every feature that is known of.
    pub features: Vec<ClusterFeature>,
    /// Hardware for guests.
    pub hardware: Vec<ClusterHardware>,
    /// What each newer version would turn on and off, while all that is configured stays as it
    /// is, the next one first; empty where no newer one is known. Without a value where that
    /// cannot be told: the version is not known, or what decides could not be read.
    pub upgrades: Fact<Vec<ClusterUpgrade>>,
}

/// What a newer version would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterUpgrade {
    /// The newer version.
    pub version: String,
    /// What is otherwise then than it is now, by name.
    pub changes: Vec<ClusterFeatureChange>,
}

/// A feature that another version turns on or off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterFeatureChange {
    /// Its name, as the product's documents call it.
    pub name: String,
    /// True: it is off now and on then. False: the other way round.
    pub turns_on: bool,
    /// Why it is so then.
    pub why: String,
    /// Whether this is concluded from another version than those two.
    pub inferred: bool,
}

/// A feature of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterFeature {
    /// Its name, as the product's documents call it.
    pub name: String,
    /// Whether it can be used; null where that cannot be told.
    pub enabled: Option<bool>,
    /// How far the product has brought it in this version: `not_yet`, `alpha`, `beta`, `ga`,
    /// `deprecated`, `discontinued` or `unknown`.
    pub stage: String,
    /// Why it can be used or not.
    pub why: String,
    /// Whether this is concluded from an older version, because the cluster's is newer than what
    /// is known here.
    pub inferred: bool,
    /// What would change it.
    pub remedy: Option<String>,
}

/// Hardware that guests may be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterHardware {
    /// Its name.
    pub name: String,
    /// Whether it is there; null where that cannot be told.
    pub present: Option<bool>,
    /// On how many hosts it was seen; null where nobody looked.
    pub hosts: Option<u32>,
    /// Who says so.
    pub source: String,
    /// Whether an administrator says so, whatever the hosts tell.
    pub declared: bool,
}

/// A class of storage that claims may name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterStorageClass {
    /// Its name.
    pub name: String,
    /// Who provides it.
    pub provisioner: String,
    /// Whether a claim without a class gets it.
    pub default: bool,
    /// Whether volumes of it can grow; null where that is not told.
    pub can_grow: Option<bool>,
}

/// Something that was asked for, and a cluster does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterLack {
    /// The name of the feature or the hardware.
    pub name: String,
    /// `feature` or `hardware`.
    pub kind: String,
    /// Why it does not count as there.
    pub why: String,
    /// What would change it.
    pub remedy: Option<String>,
}

/// What a cluster told by a kubeconfig that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterTested {
    /// The server that the kubeconfig names.
    pub server: String,
    /// The context of it that was used.
    pub context: String,
    /// `healthy`, `unhealthy` or `unreachable`.
    pub health: String,
    /// Whether the cluster answers and knows the credentials, so that it can be added or its
    /// kubeconfig be replaced by this.
    pub usable: bool,
    /// Why it is not healthy, and what is to be noticed although it is.
    pub reasons: Vec<ClusterReason>,
    /// What it can; null where that could not be found out.
    pub capabilities: Option<ClusterCapabilities>,
    /// Classes of storage that claims may name; null where they could not be read.
    pub storage_classes: Option<Vec<ClusterStorageClass>>,
    /// How long asking took.
    pub took_seconds: f64,
}
