//! Version 1 of the API: `/api/v1`. Additive only.

mod adoptions;
mod agents;
mod alert_rules;
mod alerts;
mod batch;
mod changes;
mod clones;
mod clusters;
mod consoles;
mod convert;
mod custom_metrics;
mod deletions;
mod devices;
mod disks;
mod events;
mod hosts;
mod images;
mod instance_types;
mod live;
mod metrics;
mod migrations;
mod networks;
mod operations;
mod outlook;
mod outputs;
mod pools;
mod providers;
mod server;
mod session;
mod silences;
mod snapshots;
mod template_deployments;
mod templates;
mod tokens;
mod vm_spec;
mod vms;
mod volumes;

pub use adoptions::*;
pub use agents::*;
pub use alert_rules::*;
pub use alerts::*;
pub use batch::*;
pub use changes::*;
pub use clones::*;
pub use clusters::*;
pub use consoles::*;
pub use custom_metrics::*;
pub use deletions::*;
pub use devices::*;
pub use disks::*;
pub use events::*;
pub use hosts::*;
pub use images::*;
pub use instance_types::*;
pub use live::*;
pub use metrics::*;
pub use migrations::*;
pub use networks::*;
pub use operations::*;
pub use outlook::*;
pub use outputs::*;
pub use pools::*;
pub use providers::*;
pub use server::*;
pub use session::*;
pub use silences::*;
pub use snapshots::*;
pub use template_deployments::*;
pub use templates::*;
pub use tokens::*;
pub use vm_spec::*;
pub use vms::*;
pub use volumes::*;

use crate::endpoint::Described;

macro_rules! endpoints {
    ($($name:ident),* $(,)?) => {
        /// Every endpoint of this version, in the order of the document.
        pub fn endpoints() -> Vec<Described> {
            vec![$(Described::of::<$name>(),)*]
        }
    };
}

endpoints![
    ServerShow,
    SessionOpen,
    SessionShow,
    SessionClose,
    TokenList,
    TokenCreate,
    TokenDelete,
    VmList,
    VmCreate,
    VmPlan,
    VmShow,
    VmUpdate,
    VmChange,
    VmChangePlan,
    VmDeletionShow,
    VmDelete,
    VmDefinition,
    VmStart,
    VmStop,
    VmReboot,
    VmReset,
    VmPause,
    VmResume,
    VmSave,
    VmClone,
    VmMigrate,
    VmDestinations,
    InstanceTypeList,
    PreferenceList,
    MigrationList,
    VmRelease,
    AdoptionList,
    AdoptionDecide,
    AdoptionShow,
    AdoptionPlan,
    AdoptionAdopt,
    AdoptionIgnore,
    AdoptionOffer,
    SnapshotList,
    SnapshotCreate,
    SnapshotRevert,
    SnapshotDelete,
    DiskList,
    DiskAttach,
    DiskPlan,
    DiskDetach,
    DiskGrow,
    VmMetrics,
    ConsoleOpen,
    ConsoleConnect,
    HostList,
    HostShow,
    HostMetrics,
    MetricsQuery,
    CustomMetricList,
    CustomMetricPush,
    CustomMetricPushText,
    VmOutlook,
    HostOutlook,
    PoolOutlook,
    AgentList,
    AgentMetrics,
    OutputList,
    ProviderList,
    ProviderShow,
    ProviderCreate,
    ProviderDelete,
    ClusterList,
    ClusterCreate,
    ClusterTest,
    ClusterShow,
    ClusterDelete,
    ClusterRotate,
    ClusterDeclare,
    PoolList,
    PoolShow,
    VolumeList,
    VolumeCreate,
    VolumePlan,
    VolumeDelete,
    NetworkList,
    NetworkShow,
    ImageList,
    ImageImport,
    ImageShow,
    ImageDelete,
    TemplateList,
    TemplateCreate,
    TemplateShow,
    TemplateUpdate,
    TemplateDelete,
    TemplatePreview,
    TemplateDeploy,
    TemplateVersionList,
    TemplateVersionCreate,
    TemplateVersionShow,
    TemplateVersionWrite,
    TemplateVersionActivate,
    TemplateVersionDeprecate,
    TemplateVersionArchive,
    TemplateVersionPreview,
    TemplateVersionDeploy,
    OperationList,
    OperationShow,
    OperationCancel,
    OperationRetry,
    OperationResolve,
    AlertList,
    AlertHistory,
    AlertShow,
    AlertAcknowledge,
    AlertUnacknowledge,
    AlertRuleList,
    AlertReceiverList,
    SilenceList,
    SilenceCreate,
    SilenceShow,
    SilenceExpire,
    EventStream,
    EventSocket,
    EventList,
    LiveStream,
    LiveSocket,
];

/// Declares an endpoint: its documentation, constants and types in one place.
macro_rules! endpoint {
    (
        $(#[doc = $summary:literal])+
        $name:ident {
            id: $id:literal, tag: $tag:literal, $method:ident $path:literal,
            needs: $needs:ident,
            $(path: $p:ty,)? $(query: $q:ty,)? $(body: $bk:ident $b:ty,)?
            reply: $rk:ident $r:ty $(, status: $status:ident)?
            $(, errors: [$($code:ident),* $(,)?])? $(,)?
        }
    ) => {
        $(#[doc = $summary])+
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl $crate::Endpoint for $name {
            const ID: &'static str = $id;
            const TAG: &'static str = $tag;
            const SUMMARY: &'static str = $crate::v1::first_line(concat!($($summary, "\n"),+));
            const DESCRIPTION: &'static str = $crate::v1::other_lines(concat!($($summary, "\n"),+));
            const METHOD: http::Method = http::Method::$method;
            const PATH: &'static str = $path;
            const STATUS: http::StatusCode =
                endpoint!(@or http::StatusCode::OK $(, http::StatusCode::$status)?);
            const NEEDS: hostler_core::access::Permission =
                hostler_core::access::Permission::$needs;
            const ERRORS: &'static [hostler_core::Code] = &[$($(hostler_core::Code::$code),*)?];
            const BODY: $crate::BodyKind =
                endpoint!(@or $crate::BodyKind::None $(, $crate::BodyKind::$bk)?);
            const REPLY: $crate::ReplyKind = $crate::ReplyKind::$rk;
            type Path = endpoint!(@type $crate::Nothing $(, $p)?);
            type Query = endpoint!(@type $crate::Nothing $(, $q)?);
            type Body = endpoint!(@type $crate::Nothing $(, $b)?);
            type Reply = $r;
        }
    };
    (@or $default:expr) => { $default };
    (@or $default:expr, $given:expr) => { $given };
    (@type $default:ty) => { $default };
    (@type $default:ty, $given:ty) => { $given };
}
use endpoint;

/// The first line of a doc comment, without its leading space.
const fn first_line(doc: &'static str) -> &'static str {
    let (line, _) = doc.as_bytes().split_at(line_end(doc));
    trim(line)
}

/// What follows the first line of a doc comment.
const fn other_lines(doc: &'static str) -> &'static str {
    let (_, rest) = doc.as_bytes().split_at(line_end(doc));
    trim(rest)
}

const fn line_end(doc: &str) -> usize {
    let bytes = doc.as_bytes();
    let mut at = 0;
    while at < bytes.len() && bytes[at] != b'\n' {
        at += 1;
    }
    at
}

const fn trim(text: &'static [u8]) -> &'static str {
    match std::str::from_utf8(text.trim_ascii()) {
        Ok(text) => text,
        Err(_) => "",
    }
}
