//! Operations: their rows, journals, claims, leases and idempotency keys.
//!
//! ```text
//!  submit ── one transaction: key · claims · VM row · operation · Planned · public events
//!     │
//!     ▼                        epoch 1        epoch 2
//!  pending ── acquire_lease ─► append* ─╳      append* ─► final: claims released
//!                                       Lost ◄─┘
//!                 anybody: append_unleased (cancel, retry, resolve)
//! ```
//!
//! The journal is the truth. The state beside it is folded from the journal in
//! the transaction that appends, so that the two can't disagree, whoever else
//! has appended meanwhile. Who drives an operation proves it by the epoch of
//! its lease; time only decides when another may try, never who is right.

mod append;
mod lease;
mod read;
mod submit;

use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::{HostId, OperationId, ProviderId, VmId};
use hostler_core::operation::{Event, Journal, OperationState, Plan, Resource};
use hostler_core::template::FromTemplate;
use hostler_core::vm::devices::DiskSpec;
use hostler_core::vm::spec::VmSpec;
use hostler_core::vm::status::Phase;
use serde_json::Value;

use crate::connection::{Connection, query};
use crate::error::{Conflict, Error, Result};
use crate::{NewEvent, Reply, StoredEvent, replies, row, statements};

pub(crate) use append::park_unfinished;

/// A name for a request that its sender may repeat, and what it was about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The client's key; every actor has keys of its own.
    pub key: String,
    /// SHA-256 of the request: method, path and body.
    pub body_hash: [u8; 32],
}

/// A VM that comes into being with an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVm {
    /// Its identity.
    pub id: VmId,
    /// Where it will be, if that is decided.
    pub provider: Option<ProviderId>,
    /// On which host, if that is decided.
    pub host: Option<HostId>,
    /// How the provider names it, if it is there already.
    pub external_ref: Option<String>,
    /// Where its life stands.
    pub phase: Phase,
    /// What was asked; its name must be free in its project.
    pub spec: VmSpec,
    /// What belongs to it at the provider, in the engine's words.
    pub bindings: Value,
    /// What it is made from, where that is a template.
    pub template: Option<FromTemplate>,
}

/// What somebody read of a VM before they decided about it: looking takes time, and only what
/// is kept claims the VM.
#[derive(Debug, Clone, PartialEq)]
pub struct AsRead {
    /// The VM.
    pub vm: VmId,
    /// The generation of its specification; `None`: whatever is asked of it.
    pub generation: Option<u64>,
    /// What belonged to it, in the engine's words.
    pub bindings: Value,
}

/// An operation to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOperation {
    /// Its identity; time-ordered, which is the order of lists.
    pub id: OperationId,
    /// What it does, for example `vm.create`.
    pub kind: String,
    /// Its parameters, in the engine's words.
    pub params: Value,
    /// Who asked for it.
    pub actor: String,
    /// What it is shown with.
    pub resources: Vec<Resource>,
    /// What no other operation may work on until it has ended.
    pub claims: Vec<Resource>,
    /// Its steps: the first event of its journal.
    pub plan: Plan,
    /// The name of the request, if it has one.
    pub idempotency: Option<IdempotencyKey>,
    /// Something worth saying, for example `already running`.
    pub note: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The VM that it makes.
    pub vm: Option<NewVm>,
    /// The VM whose phase it changes at once.
    pub phase: Option<(VmId, Phase)>,
    /// What it was prepared from, which has to be so still when it is kept.
    pub as_read: Option<AsRead>,
    /// Where it works, if that is decided.
    pub provider: Option<ProviderId>,
    /// What is told about it.
    pub events: Vec<NewEvent>,
}

/// What became of a submitted operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It is kept; these events were.
    New(Vec<StoredEvent>),
    /// The same request made this operation before; nothing was written.
    Replay(OperationId),
}

/// The right to drive an operation, as long as it is the operation's latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Who drives an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The server's name for itself.
    pub holder: String,
    /// Grows by each acquisition.
    pub epoch: Epoch,
    /// When another server may take it, by the clock of who renewed it.
    pub expires_at: Timestamp,
}

/// An operation as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRow {
    /// Its identity.
    pub id: OperationId,
    /// What it does.
    pub kind: String,
    /// Its parameters, in the engine's words.
    pub params: Value,
    /// Who asked for it.
    pub actor: String,
    /// What it works on.
    pub resources: Vec<Resource>,
    /// What its journal amounts to.
    pub state: OperationState,
    /// Something worth saying.
    pub note: Option<String>,
    /// How many events its journal has.
    pub journal_len: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its journal grew last.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Who drives it.
    pub lease: Option<Lease>,
    /// Where it works; `None` while that is not decided.
    pub provider: Option<ProviderId>,
}

/// An event of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its place, from 0, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Which operations; everything that is not given does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationFilter {
    /// In one of these states; empty: in any.
    pub states: Vec<OperationState>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Asked for by this actor.
    pub actor: Option<String>,
    /// Working on this.
    pub resource: Option<Resource>,
    /// Older than this one: the last of the page before.
    pub before: Option<OperationId>,
    /// At most so many.
    pub limit: u32,
}

impl Default for OperationFilter {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            kind: None,
            actor: None,
            resource: None,
            before: None,
            limit: 100,
        }
    }
}

/// A change of the rows beside the journal, kept together with the event that
/// caused it.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Where a VM was put; from then on the operation works there, too.
    SetVmPlacement {
        /// The VM.
        vm: VmId,
        /// The provider.
        provider: ProviderId,
        /// The host, where the provider tells.
        host: Option<HostId>,
        /// How the provider names it, once it does.
        external_ref: Option<String>,
    },
    /// What belongs to a VM at its provider.
    SetVmBindings {
        /// The VM.
        vm: VmId,
        /// In the engine's words.
        bindings: Value,
    },
    /// What is asked of a VM from now on; its generation grows.
    SetVmSpec {
        /// The VM.
        vm: VmId,
        /// The specification.
        spec: Box<VmSpec>,
    },
    /// What is asked of a VM is changed from one specification to another; what others wrote
    /// of it meanwhile stays, where the change is not about it. Its generation grows if that
    /// changes it.
    ChangeVmSpec {
        /// The VM.
        vm: VmId,
        /// What the change began from.
        from: Box<VmSpec>,
        /// What it was to become.
        to: Box<VmSpec>,
    },
    /// A disk among what is asked of a VM, its other words as they are now: put there in the
    /// place of one of that name, or taken out. Its generation grows if that changes it.
    SetVmDisk {
        /// The VM.
        vm: VmId,
        /// The name of the disk.
        name: String,
        /// The disk of that name from now on; `None`: there is none.
        disk: Option<Box<DiskSpec>>,
    },
    /// Where the life of a VM stands.
    SetVmPhase {
        /// The VM.
        vm: VmId,
        /// The phase.
        phase: Phase,
    },
    /// A VM is no longer managed; its name is free. No error if it is gone.
    DeleteVm {
        /// The VM.
        vm: VmId,
    },
}

/// What is told about a change of an operation, given what its journal amounts
/// to with it. Asked in the transaction that makes the change, so that it counts
/// what others appended since the writer has read, and is told in that order.
pub type Tell<'a> = dyn Fn(&Journal) -> Vec<NewEvent> + Send + Sync + 'a;

/// What the driver of an operation writes at once.
#[derive(Clone, Copy)]
pub struct Append<'a> {
    /// How long the journal has to be; `None`: however long it is. Given before
    /// an effect (`Started`), so that no step begins after a cancel that the
    /// driver has not seen; left out after one (`Done`, `Failed`), which is
    /// noted whatever else happened.
    pub expected_len: Option<u64>,
    /// The events, in order.
    pub events: &'a [Event],
    /// What changes with them.
    pub effects: &'a [Effect],
    /// What is told about it.
    pub tell: &'a Tell<'a>,
    /// When.
    pub now: Timestamp,
}

/// What an append came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    /// How many events the journal has now. More than the driver knows of:
    /// somebody else appended, and it has to be read again.
    pub journal_len: u64,
    /// What the journal amounts to now.
    pub state: OperationState,
    /// The public events, with their numbers.
    pub events: Vec<StoredEvent>,
}

/// What an idempotency key stands for.
pub(crate) enum KeyHolder {
    Operation(OperationId),
    Reply(Reply),
}

/// What this key stands for, if it stands for anything.
pub(crate) async fn key_holder(
    connection: &mut Connection,
    actor: &str,
    key: &IdempotencyKey,
) -> Result<Option<KeyHolder>> {
    let query = query(statements::IDEMPOTENCY).bind(actor.to_owned()).bind(key.key.clone());
    let Some(row) = connection.optional(query).await? else { return Ok(None) };
    if row::hash(&row, "body_hash")? != key.body_hash {
        return Err(key_mismatch(key));
    }
    Ok(Some(match row::optional_parsed(&row, "operation_id")? {
        Some(operation) => KeyHolder::Operation(operation),
        None => KeyHolder::Reply(replies::read(&row)?),
    }))
}

pub(crate) fn key_mismatch(key: &IdempotencyKey) -> Error {
    let message = format!("the Idempotency-Key {:?} was used for a different request", key.key);
    Error::conflict(Conflict::IdempotencyMismatch, message)
}

/// The operation that has claimed `resource`, if one has.
pub(crate) async fn claim_holder(
    connection: &mut Connection,
    resource: &Resource,
) -> Result<Option<OperationId>> {
    let query = query(statements::CLAIM_HOLDER).bind(resource.to_string());
    let row = connection.optional(query).await?;
    row.map(|row| row::parsed(&row, "operation_id")).transpose()
}

pub(crate) fn busy(resource: Resource, operation: OperationId) -> Error {
    let message = format!("operation {operation} is working on {resource}; wait for it");
    Error::conflict(Conflict::Busy { resource, operation }, message)
}

/// A duration as the database keeps it: microseconds.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
