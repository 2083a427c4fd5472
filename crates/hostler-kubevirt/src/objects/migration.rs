//! A wish that an instance moves to another node, and how that went.

use serde::Deserialize;

use super::Object;
use super::meta::{Condition, ObjectMeta};
use super::part::{Many, Nest, Part, Present, Time};
use crate::quantity::Quantity;

/// `VirtualMachineInstanceMigration` of `kubevirt.io`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VirtualMachineInstanceMigration {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) spec: Nest<MigrationSpec>,
    pub(crate) status: Nest<MigrationStatus>,
}

impl Object for VirtualMachineInstanceMigration {
    const KIND: &'static str = "VirtualMachineInstanceMigration";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MigrationSpec {
    pub(crate) vmi_name: Part<String>,
    pub(crate) priority: Part<String>,
    pub(crate) send_to: Part<Present>,
    pub(crate) receive: Part<Present>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MigrationStatus {
    pub(crate) phase: Part<String>,
    pub(crate) conditions: Many<Condition>,
    pub(crate) phase_transition_timestamps: Many<PhaseTransition>,
    pub(crate) migration_state: Part<MigrationState>,
}

/// When a phase was entered; instances have these, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PhaseTransition {
    pub(crate) phase: Part<String>,
    pub(crate) phase_transition_timestamp: Part<Time>,
}

/// How a migration goes; kept by the instance, and copied into the migration
/// when it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MigrationState {
    pub(crate) migration_uid: Part<String>,
    pub(crate) mode: Part<String>,
    pub(crate) source_node: Part<String>,
    pub(crate) target_node: Part<String>,
    pub(crate) source_pod: Part<String>,
    pub(crate) target_pod: Part<String>,
    pub(crate) start_timestamp: Part<Time>,
    pub(crate) end_timestamp: Part<Time>,
    pub(crate) completed: Part<bool>,
    pub(crate) failed: Part<bool>,
    pub(crate) failure_reason: Part<String>,
    pub(crate) abort_requested: Part<bool>,
    pub(crate) abort_status: Part<String>,
    pub(crate) migration_policy_name: Part<String>,
    pub(crate) migration_configuration: Nest<MigrationConfiguration>,
}

impl MigrationState {
    /// Whether memory is on its way now.
    pub(crate) fn is_under_way(&self) -> bool {
        self.start_timestamp.is_some()
            && self.end_timestamp.is_none()
            && !self.completed.is_true()
            && !self.failed.is_true()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MigrationConfiguration {
    pub(crate) bandwidth_per_migration: Part<Quantity>,
    #[serde(rename = "completionTimeoutPerGiB")]
    pub(crate) completion_timeout_per_gi_b: Part<u64>,
    pub(crate) progress_timeout: Part<u64>,
}
