//! Networks that guests can be connected to, as they were seen.

use crate::clock::Timestamp;

/// A network, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedNetwork {
    /// How the provider names it for ever.
    pub external_ref: String,
    /// The host it belongs to, in the provider's terms; `None` when it spans hosts.
    pub host_ref: Option<String>,
    /// Its name, unique within the host.
    pub name: String,
    /// How it reaches the world: `nat`, `route`, `bridge`, `isolated` …
    pub forward: String,
    /// The host's bridge behind it, where there is one.
    pub bridge: Option<String>,
    /// Whether it can be used now.
    pub active: bool,
    /// Whether it starts with the host.
    pub autostart: bool,
    /// Its subnets in CIDR form.
    pub subnets: Vec<String>,
    /// When it was read.
    pub observed_at: Timestamp,
}
