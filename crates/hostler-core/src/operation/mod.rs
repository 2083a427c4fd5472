//! Long-running changes to the world: what their journal says, and so what has
//! to happen next. The engine drives, the store keeps, this module decides.
//!
//! [`journal::next`] is the whole recovery policy: a pure fold over events.

pub mod journal;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Fault};
use crate::id::{HostId, ImageId, NetworkId, PoolId, ProviderId, VmId};
use crate::storage::VolumeKey;

pub use journal::{Event, Fate, Journal, Next, Plan, Trace};

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every step is done.
    Succeeded,
    /// A step failed and what was done has been undone.
    Failed,
    /// It was cancelled and what was done has been undone.
    Cancelled,
}

impl Outcome {
    /// The word used on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where an operation stands, as told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationState {
    /// Not yet begun.
    Pending,
    /// At work.
    Running,
    /// Undoing what was done, after a failure or on request.
    Cancelling,
    /// Ended well.
    Succeeded,
    /// Ended badly, cleanly.
    Failed,
    /// Ended on request.
    Cancelled,
    /// Cannot go on by itself; a person has to look.
    NeedsAttention,
}

impl OperationState {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Pending,
        Self::Running,
        Self::Cancelling,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::NeedsAttention,
    ];

    /// The word used on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NeedsAttention => "needs_attention",
        }
    }

    /// The state written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }

    /// Whether nothing will happen any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Something that an operation works on, and that can be claimed by one
/// operation at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Resource {
    /// A VM.
    Vm(VmId),
    /// A host.
    Host(HostId),
    /// A provider.
    Provider(ProviderId),
    /// A pool.
    Pool(PoolId),
    /// A volume, or the name of one that is to be made.
    Volume(VolumeKey),
    /// A network.
    Network(NetworkId),
    /// An image.
    Image(ImageId),
}

impl Resource {
    /// The word for its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Vm(_) => "vm",
            Self::Host(_) => "host",
            Self::Provider(_) => "provider",
            Self::Pool(_) => "pool",
            Self::Volume(_) => "volume",
            Self::Network(_) => "network",
            Self::Image(_) => "image",
        }
    }

    /// Its id as text.
    pub fn id(&self) -> String {
        match self {
            Self::Vm(id) => id.to_string(),
            Self::Host(id) => id.to_string(),
            Self::Provider(id) => id.to_string(),
            Self::Pool(id) => id.to_string(),
            Self::Volume(key) => key.to_string(),
            Self::Network(id) => id.to_string(),
            Self::Image(id) => id.to_string(),
        }
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind(), self.id())
    }
}

/// A failure as it is journaled: what an [`Error`] was, kept for years.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The code's word; unknown ones of newer versions stay readable.
    pub code: String,
    /// The public message.
    pub message: String,
    /// Faults of the document, if that was the matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Details for programs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// Whether the step surely changed nothing, so that failing is honest even at
    /// the point of no return.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub surely_nothing: bool,
    /// Whether a call was never answered, so that it may still take effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// What only administrators may see, for example the provider's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
            faults: error.fault_list().to_vec(),
            details: error.details().clone(),
            surely_nothing: false,
            unsettled: false,
            internal: error.internal().map(str::to_owned),
        }
    }
}

impl From<&Failure> for Error {
    fn from(failure: &Failure) -> Self {
        let code = Code::parse(&failure.code).unwrap_or(Code::InternalError);
        let mut error = if failure.faults.is_empty() {
            Self::new(code, failure.message.clone())
        } else {
            Self::faults(code, failure.faults.clone())
        };
        for (key, value) in &failure.details {
            error = error.with_detail(key, value);
        }
        match &failure.internal {
            Some(internal) => error.with_internal(internal.clone()),
            None => error,
        }
    }
}
