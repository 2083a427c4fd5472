//! Operations: changes that take time, survive crashes and can be looked at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::Time;
use crate::{ListQuery, Page, Problem};

endpoint! {
    /// List operations, newest first.
    ///
    /// Filters by `state`, `kind`, `actor`, `vm` (an id).
    OperationList {
        id: "operation_list", tag: "operations", GET "/api/v1/operations",
        needs: OperationRead,
        query: ListQuery,
        reply: Json Page<Operation>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Show an operation, or wait for its end.
    OperationShow {
        id: "operation_show", tag: "operations", GET "/api/v1/operations/{operation}",
        needs: OperationRead,
        path: OperationPath,
        query: OperationWait,
        reply: Json Operation,
        errors: [IdInvalid, OperationNotFound, QueryInvalid],
    }
}

endpoint! {
    /// Cancel an operation: what it did is undone, as far as it can be.
    OperationCancel {
        id: "operation_cancel", tag: "operations", POST "/api/v1/operations/{operation}/cancel",
        needs: OperationManage,
        path: OperationPath,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, OperationNotFound, OperationFinished, OperationNotCancellable],
    }
}

endpoint! {
    /// Try again what an operation that needs attention could not do.
    OperationRetry {
        id: "operation_retry", tag: "operations", POST "/api/v1/operations/{operation}/retry",
        needs: OperationManage,
        path: OperationPath,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, OperationNotFound, OperationNotStuck],
    }
}

endpoint! {
    /// Declare settled by hand what an operation that needs attention could not do.
    OperationResolve {
        id: "operation_resolve", tag: "operations", POST "/api/v1/operations/{operation}/resolve",
        needs: OperationManage,
        path: OperationPath,
        body: Json OperationResolution,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, OperationNotFound, OperationNotStuck, SpecInvalid],
    }
}

/// Names an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperationPath {
    /// The operation's id.
    pub operation: String,
}

/// Whether to wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationWait {
    /// Answer when it has ended or needs attention, or after this many seconds, at most 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u32>,
}

/// How the matter was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationResolution {
    /// What was done, for whoever reads the record later.
    pub note: String,
}

/// A change that takes time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// What it does: `vm.create`, `vm.start` …
    pub kind: String,
    /// `pending`, `running`, `cancelling`, `succeeded`, `failed`, `cancelled`, `needs_attention`.
    pub state: String,
    /// The step at work; null before the first and after the last.
    pub phase: Option<String>,
    /// How far it has come.
    pub progress: OperationProgress,
    /// Its steps.
    pub steps: Vec<OperationStep>,
    /// What it works on.
    pub resources: Vec<ResourceRef>,
    /// Who asked for it.
    pub created_by: String,
    /// Whether a cancel would be obeyed now.
    pub cancellable: bool,
    /// Why it failed or needs attention.
    pub error: Option<Problem>,
    /// The provider's own words about the error, for administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_raw: Option<String>,
    /// Something worth saying about a success, for example `already running`.
    pub note: Option<String>,
    /// When it was asked for.
    pub created_at: Time,
    /// When it last moved.
    pub updated_at: Time,
    /// When it ended.
    pub finished_at: Option<Time>,
}

/// How far an operation has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationProgress {
    /// Steps done.
    pub steps_done: u32,
    /// Steps in all.
    pub steps_total: u32,
    /// Of the step at work, from 0 to 1; null when it cannot be told.
    pub fraction: Option<f64>,
    /// What is being done, for people.
    pub note: Option<String>,
    /// Bytes moved by the step at work.
    pub bytes_done: Option<u64>,
    /// Bytes to move by the step at work.
    pub bytes_total: Option<u64>,
}

/// A step of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperationStep {
    /// What it does.
    pub name: String,
    /// `pending`, `running`, `done`; `failed`: failed, and left nothing to undo;
    /// `failed_undone`: failed, and what it had done is undone; `undoing`;
    /// `undone`; `not_undone`: took effect, or may have, and cannot be undone;
    /// `undo_failed`: could not be undone, though it can be.
    pub state: String,
    /// What else has to be said of it, for example `the VM is stopped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A resource by kind and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceRef {
    /// `vm`, `host`, `provider`, `pool`, `volume`, `network`, `image` or `operation`.
    pub kind: String,
    /// Its id; of a volume its pool's id and its name, with a slash between.
    pub id: String,
    /// Its name when that is known.
    pub name: Option<String>,
}
