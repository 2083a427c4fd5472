//! What is told of providers: whether they answer, and what they can do.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::query::{Field, Row, Value};
use hostler_core::vm::devices::VolumeFormat;
use hostler_provider::Group;
use hostler_store::ProviderRow;

use crate::fleet::freshness::Freshness;

/// Whether a provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderState {
    /// It has not answered yet since the server started.
    Connecting,
    /// It answers.
    Healthy,
    /// It answers, with an older picture only: it is being listed anew.
    Rebuilding,
    /// It does not answer.
    Unreachable,
}

impl ProviderState {
    /// Whether it answers; `None` before it was asked.
    pub const fn answers(self) -> Option<bool> {
        match self {
            Self::Connecting => None,
            Self::Healthy | Self::Rebuilding => Some(true),
            Self::Unreachable => Some(false),
        }
    }

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Healthy => "healthy",
            Self::Rebuilding => "rebuilding",
            Self::Unreachable => "unreachable",
        }
    }
}

/// A provider as it is told.
#[derive(Debug, Clone)]
pub struct ProviderView {
    /// What is configured.
    pub row: ProviderRow,
    /// The word for its kind.
    pub kind: &'static str,
    /// Whether everything it tells is made up.
    pub simulated: bool,
    /// Whether it answers.
    pub state: ProviderState,
    /// Why it does not, or only with what is old.
    pub reason: Option<String>,
    /// Since when.
    pub silent_since: Option<Timestamp>,
    /// Whether what is told of it is the newest there is to tell.
    pub freshness: Freshness,
    /// What answered.
    pub product: Option<String>,
    /// When its latest inventory was taken.
    pub observed_at: Option<Timestamp>,
    /// How long that took.
    pub inventory_took: Option<Duration>,
    /// What it can do.
    pub groups: Arc<[Group]>,
    /// In which formats it makes volumes; the first is taken where none is asked for.
    pub volume_formats: &'static [VolumeFormat],
    /// How many VMs it holds.
    pub vm_count: Option<usize>,
}

impl ProviderView {
    /// The fields that lists of providers can be filtered and sorted by.
    pub const FIELDS: &'static [Field] =
        &[Field::text("name"), Field::text("id"), Field::text("kind"), Field::text("state")];
}

impl Row for ProviderView {
    fn id(&self) -> String {
        self.row.id.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "name" => self.row.name.as_str().into(),
            "id" => self.row.id.to_string().into(),
            "kind" => self.kind.into(),
            "state" => self.state.as_str().into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.row.name.to_lowercase().contains(needle) || self.row.uri.contains(needle)
    }
}
