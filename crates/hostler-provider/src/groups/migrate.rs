//! Moving VMs to other hosts while they run.
//!
//! ```text
//!   migrate_vm ─► the VM is off `from` already? ──────────────────────────► done
//!      │
//!      └─► a migration that bears the operation's mark? ─ no ─► it is begun
//!              │ yes, or begun now                               (one for one operation)
//!              ▼
//!          followed to its end ─► seen at its new host: done
//!                              └► the reason: failed, and where it is
//! ```
//!
//! A migration belongs to the place, not to the call: when the call ends early (its
//! deadline, a cancel, a lost answer) the migration goes on. [`Migrate::cancel`] ends
//! it, and asking for the same again follows it on.

use async_trait::async_trait;
use hostler_core::id::OperationId;
use hostler_core::migration::{Destinations, Migration};

use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// Moving VMs to other hosts while they run.
#[async_trait]
pub trait Migrate: Send + Sync {
    /// Whether the VM can be migrated, and to which hosts, as far as the place can tell
    /// without beginning anything. That a host is not refused is no promise.
    ///
    /// # Errors
    /// `NotFound` for a VM that is not there. One that is not running has destinations
    /// all the same: its state is not what is asked here.
    async fn destinations(&self, cx: &Cx, vm: &VmRef) -> Result<Destinations>;

    /// Moves it off `from` and returns when it was seen to run elsewhere. A VM that is
    /// on `to`, or where none is named on any host but `from`, is success, whoever moved
    /// it.
    ///
    /// What is begun bears the operation's mark from the first moment it can be seen,
    /// and there is never more than one for one operation: asked again, it is followed
    /// on, and one that has failed is told again and not tried anew.
    ///
    /// How far it is is told through the context, in bytes where the place tells them.
    ///
    /// # Errors
    /// `NotFound`: there is no such VM. `Conflict`: it does not run; another migration of
    /// it is under way; it is on a third host by now; or the migration failed or was
    /// ended by somebody, with the reason, and the VM runs where it was. `Unsupported`:
    /// this VM cannot be migrated, or a host cannot be named there. `Invalid` or
    /// `NotFound`: there is no host `to`. `Exhausted`: it has no room.
    ///
    /// `Timeout` and `Cancelled` after it was asked for are of unknown effect: it goes on.
    async fn migrate_vm(&self, cx: &Cx, request: &MigrateVm<'_>) -> Result<()>;

    /// Ends the migration that bears the operation's mark, and returns when it is over.
    /// Absent or over is success, so that success does not say where the VM is: one that
    /// was quicker has moved it. After that, look.
    ///
    /// # Errors
    /// `Conflict`: it has come too far to be ended and is not over yet.
    async fn cancel(&self, cx: &Cx, vm: &VmRef, operation: OperationId) -> Result<()>;

    /// The migrations of one VM, or of all: under way and over, as far back as the place
    /// remembers, whoever asked for them; the latest first. Of a VM that is not there:
    /// none.
    async fn migrations(&self, cx: &Cx, vm: Option<&VmRef>) -> Result<Vec<Migration>>;
}

/// A migration to be asked for.
#[derive(Debug, Clone, Copy)]
pub struct MigrateVm<'a> {
    /// The operation that asks for it, which becomes the mark.
    pub operation: OperationId,
    /// The VM.
    pub vm: &'a VmRef,
    /// The host that it is to leave, in the provider's terms: where it was seen when
    /// this was decided.
    pub from: &'a str,
    /// The host that it is to go to; `None`: the place chooses.
    pub to: Option<&'a str>,
}
