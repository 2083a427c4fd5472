//! Storage pools and volumes, as they were seen.

use crate::clock::Timestamp;
use crate::fact::Fact;

/// A place that holds volumes, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPool {
    /// How the provider names it for ever.
    pub external_ref: String,
    /// The host it belongs to, in the provider's terms; `None` when shared.
    pub host_ref: Option<String>,
    /// Its name, unique within the host.
    pub name: String,
    /// What it is made of: `dir`, `logical`, `rbd` …
    pub kind: String,
    /// Whether it can be used now.
    pub active: bool,
    /// When it was read.
    pub observed_at: Timestamp,
    /// Its size in bytes.
    pub capacity_bytes: Fact<u64>,
    /// Bytes in use.
    pub allocated_bytes: Fact<u64>,
    /// Bytes that can still be written.
    pub available_bytes: Fact<u64>,
}

/// A volume, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedVolume {
    /// Its name, unique within the pool.
    pub name: String,
    /// How it is stored: `qcow2`, `raw` …, as the provider says.
    pub format: Option<String>,
    /// The size a guest sees, in bytes.
    pub capacity_bytes: u64,
    /// The bytes it takes in the pool.
    pub allocated_bytes: u64,
    /// Where it is, as the host names it.
    pub path: Option<String>,
    /// The volume it is an overlay of, where it is one.
    pub backing: Option<String>,
}
