//! What this server is and can do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::Time;

endpoint! {
    /// What this server is and can do.
    ///
    /// Clients ask for features by name instead of comparing versions.
    ServerShow {
        id: "server_show", tag: "server", GET "/api/v1",
        needs: Public,
        reply: Json Server,
    }
}

/// What this server is and can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// Always `hostler`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it can do, by name.
    pub features: Vec<String>,
    /// Whether everything it shows is made up, because it runs as a demo.
    pub simulated: bool,
    /// Its present time, so that clients can tell ages.
    pub now: Time,
}
