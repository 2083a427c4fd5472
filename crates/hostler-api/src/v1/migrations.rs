//! Live migrations: moving a running VM to another host, and what providers tell of all
//! such moves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Operation, VmPath, endpoint};
use crate::{Fact, ListQuery, Page, Ref, Time};

endpoint! {
    /// Move a running VM to another host of its provider.
    ///
    /// Without a host, the provider chooses one. Answers with the operation at work; send
    /// `Prefer: wait=30` to wait for its end. Cancelling that operation ends the
    /// migration, and the VM runs on where it was, unless it has arrived by then. A VM
    /// that is on that host already is a success.
    VmMigrate {
        id: "vm_migrate", tag: "vms", POST "/api/v1/vms/{vm}/migrate",
        needs: VmMigrate,
        path: VmPath,
        body: Json VmMigrateRequest,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, VmNotFound, HostNotFound, SpecInvalid, VmWrongState, VmStateUnknown,
            VmNotManaged, VmReadOnly, VmBusy, NoHostFits, CapabilityMissing, IdempotencyMismatch,
            ProviderUnavailable, ProviderTimeout, ClusterRebuilding],
    }
}

endpoint! {
    /// Show the hosts that a VM could go to while it runs, and why not to the others.
    ///
    /// That a host is not refused is no promise: its provider decides when it is asked.
    VmDestinations {
        id: "vm_destinations", tag: "vms", GET "/api/v1/vms/{vm}/destinations",
        needs: VmRead,
        path: VmPath,
        reply: Json Destinations,
        errors: [IdInvalid, VmNotFound, VmStateUnknown, CapabilityMissing, ProviderUnavailable,
            ProviderTimeout],
    }
}

endpoint! {
    /// List live migrations, under way and over, the latest first.
    ///
    /// They are read from the providers when asked for, as far back as these remember,
    /// whoever asked for them. What was seen to be over is kept beyond that, for 90 days, the
    /// latest 100 of a VM and 10,000 in all: `told_by` tells it apart, and `observed_at` as of
    /// when it is. `silent` names the providers that did not answer, with why: of theirs there
    /// is what was kept. Filter by `vm` (its id) to ask the provider of one VM alone, and to
    /// read what was kept of a VM that is gone.
    MigrationList {
        id: "migration_list", tag: "migrations", GET "/api/v1/migrations",
        needs: VmRead,
        query: ListQuery,
        reply: Json Page<Migration>,
        errors: [QueryInvalid, CursorInvalid, VmNotFound, CapabilityMissing, ProviderUnavailable,
            ProviderTimeout],
    }
}

/// Where a VM is to go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmMigrateRequest {
    /// The id of the host that it is to go to; the provider chooses when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Where a VM could go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Destinations {
    /// Why it cannot be migrated at all; null where it can.
    pub blocked: Option<String>,
    /// Whether its provider finds a host by itself where none is named.
    pub chosen_by_provider: bool,
    /// The other hosts of its provider.
    pub hosts: Vec<Destination>,
}

/// A host that a VM could go to, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// The host.
    pub host: Ref,
    /// Why it would not be taken there; null where nothing is known against it.
    pub refused: Option<String>,
}

/// A live migration, as its provider tells or told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Migration {
    /// The provider's lasting name for it; two providers may have one name.
    pub id: String,
    /// `provider`: its provider tells it so now. `history`: it did at `observed_at`, which was
    /// kept; it tells it no more, or does not answer.
    pub told_by: String,
    /// The VM; one that is `history` may be of a VM that is gone.
    pub vm: Ref,
    /// The VM's provider.
    pub provider: Ref,
    /// The operation that asked for it; null when it was somebody else.
    pub operation: Option<String>,
    /// `waiting`, `preparing`, `copying`, `succeeded`, `failed`, `cancelled` or `unknown`.
    pub phase: String,
    /// The provider's own word for that; may be empty.
    pub phase_said: String,
    /// The host that the VM leaves; null while it is not told.
    pub source: Option<Ref>,
    /// The host that it goes to; null while none was chosen, or it is not told.
    pub target: Option<Ref>,
    /// How memory is sent: `pre_copy`, `post_copy` or `paused`; null where it is not told.
    pub mode: Option<String>,
    /// When it was asked for.
    pub requested_at: Option<Time>,
    /// When memory began to be sent.
    pub started_at: Option<Time>,
    /// When it was over.
    pub ended_at: Option<Time>,
    /// Bytes sent so far.
    pub bytes_done: Fact<u64>,
    /// Bytes to be sent in all, as far as that can be known.
    pub bytes_total: Fact<u64>,
    /// Whether somebody asked to end it.
    pub cancel_requested: bool,
    /// Why it failed.
    pub reason: Option<String>,
    /// When this was seen.
    pub observed_at: Time,
    /// Whether it is made up.
    pub simulated: bool,
}
