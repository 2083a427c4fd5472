//! Live migrations: VMs that change hosts while they run. What was seen of one, where
//! a VM could go, and whether what one was asked for is so already.
//!
//! ```text
//!   waiting ─► preparing ─► copying ─┬─► succeeded   it runs at the target
//!      │           │           │     └─► failed      it did not get there
//!      └───────────┴───────────┴───────► cancelled   somebody ended it
//! ```
//!
//! Where a VM is, its host says and never its migration: one that failed may have
//! failed after the VM had moved.

use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::fact::Fact;
use crate::id::OperationId;

/// How far a migration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MigrationPhase {
    /// It waits for its turn, or for a place.
    Waiting,
    /// The target is made ready.
    Preparing,
    /// Memory is being sent; the VM runs, or is held for a moment at the end.
    Copying,
    /// It is over: the VM runs at the target.
    Succeeded,
    /// It is over: the VM did not get there.
    Failed,
    /// It is over: somebody ended it.
    Cancelled,
    /// The provider's word for it is not known here.
    Unknown,
}

impl MigrationPhase {
    /// Every phase.
    pub const ALL: &'static [Self] = &[
        Self::Waiting,
        Self::Preparing,
        Self::Copying,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Preparing => "preparing",
            Self::Copying => "copying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// The one written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|phase| phase.as_str() == text)
    }

    /// Whether nothing comes after it. Of an unknown one nobody can tell: no.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How memory is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MigrationMode {
    /// While the VM runs at the source; until the end there is a way back.
    PreCopy,
    /// While the VM runs at the target already: there is no way back.
    PostCopy,
    /// While the VM is held.
    Paused,
}

impl MigrationMode {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreCopy => "pre_copy",
            Self::PostCopy => "post_copy",
            Self::Paused => "paused",
        }
    }
}

/// A migration as its provider tells of it, under way or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The provider's lasting name for it.
    pub external_ref: String,
    /// The operation of ours that asked for it: our mark on it. `None` when it was
    /// somebody else, or the provider itself.
    pub operation: Option<OperationId>,
    /// The provider's lasting name for its VM.
    pub vm_ref: String,
    /// The VM's name when it was asked for, for people.
    pub vm_name: String,
    /// How far it is.
    pub phase: MigrationPhase,
    /// The provider's own word for that, for people who know it.
    pub phase_said: String,
    /// The host that the VM leaves; `None` while nobody tells.
    pub source_host_ref: Option<String>,
    /// The host that it goes to; `None` while none was chosen, or nobody tells.
    pub target_host_ref: Option<String>,
    /// How memory is sent; `None` where that is not told.
    pub mode: Option<MigrationMode>,
    /// When it was asked for.
    pub requested_at: Option<Timestamp>,
    /// When memory began to be sent.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Bytes sent so far.
    pub bytes_done: Fact<u64>,
    /// Bytes to be sent in all, as far as that can be known: a guest goes on writing.
    pub bytes_total: Fact<u64>,
    /// Whether somebody asked to end it.
    pub is_cancel_requested: bool,
    /// Why it failed, or why it waits; for people, in the provider's words made plain.
    pub reason: Option<String>,
    /// When this was seen.
    pub observed_at: Timestamp,
}

/// Where a VM could go now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destinations {
    /// Why it cannot be migrated at all, if so; then no host is of use.
    pub blocked: Option<String>,
    /// Whether the provider finds a host by itself when none is named.
    pub is_chosen_there: bool,
    /// Every host of the provider but the one where it is.
    pub hosts: Vec<Destination>,
}

/// A host that a VM could go to, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The host, in the provider's terms.
    pub host_ref: String,
    /// Why it would not be taken there, as far as that is known before; for people.
    pub refused: Option<String>,
}

impl Destinations {
    /// Whether the VM can go to `to`, or to any host when none is named, as far as
    /// that can be known before.
    ///
    /// # Errors
    /// `CapabilityMissing` where this VM cannot be migrated, or where a host has to be
    /// named; `NoHostFits` with each host's reason, or the reason of the one named;
    /// `HostNotFound` for one that the provider does not have.
    pub fn admit(&self, to: Option<&str>) -> Result<()> {
        if let Some(why) = &self.blocked {
            return Err(Error::new(Code::CapabilityMissing, why.clone()));
        }
        match to {
            Some(to) => match self.hosts.iter().find(|host| host.host_ref == to) {
                None => {
                    let message = format!("its provider has no host \"{to}\" besides its own");
                    Err(Error::new(Code::HostNotFound, message))
                }
                Some(Destination { refused: Some(why), .. }) => {
                    let message = format!("host \"{to}\" does not take it: {why}");
                    Err(Error::new(Code::NoHostFits, message))
                }
                Some(Destination { refused: None, .. }) => Ok(()),
            },
            None if !self.is_chosen_there => {
                let message = "its provider chooses no host by itself; name one";
                Err(Error::new(Code::CapabilityMissing, message))
            }
            None if self.hosts.iter().any(|host| host.refused.is_none()) => Ok(()),
            None => Err(Error::new(Code::NoHostFits, self.nowhere())),
        }
    }

    /// Why there is no host for it.
    fn nowhere(&self) -> String {
        /// So many hosts are named with their reasons; a cluster may have hundreds.
        const NAMED: usize = 5;
        if self.hosts.is_empty() {
            return "its provider has no other host".to_owned();
        }
        let named = self.hosts.iter().take(NAMED).map(|host| {
            let why = host.refused.as_deref().unwrap_or_default();
            format!("{} ({why})", host.host_ref)
        });
        let named: Vec<_> = named.collect();
        let more = match self.hosts.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("no other host takes it: {}{more}", named.join(", "))
    }
}

/// Whether there is anything to do for a VM that is to leave one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// It is where it is to leave.
    ToDo,
    /// It is where it is wanted.
    Done,
    /// It is on a third host: what was asked for was decided by a picture that is old.
    Overtaken,
}

/// Whether a VM that is to leave `from`, for `to` or for any host, and is on `at`, has
/// to move. So that asking twice moves it once, wherever it went.
pub fn errand(from: &str, to: Option<&str>, at: &str) -> Errand {
    match to {
        Some(to) if at == to => Errand::Done,
        None if at != from => Errand::Done,
        _ if at == from => Errand::ToDo,
        _ => Errand::Overtaken,
    }
}

#[cfg(test)]
mod tests;
