//! What every handler can reach.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use hostler_core::Clock;
use hostler_core::id::IdSource;
use hostler_engine::Engine;
use hostler_store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Auth;
use crate::http::consoles::{Holders, Tickets};
use crate::http::live::Live;
use crate::http::{Checkup, Cursors, Meters, Replays};
use crate::sealing::Keyring;
use crate::wiring::Wiring;

/// What every handler can reach. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of a running server.
pub struct Parts {
    /// Decides and does everything.
    pub engine: Engine,
    /// Keeps tokens, sessions and replies.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids and secrets come from.
    pub ids: IdSource,
    /// Finds out who asks.
    pub auth: Auth,
    /// Console tickets that were not used yet.
    pub tickets: Tickets,
    /// Consoles in use.
    pub holders: Holders,
    /// Signs cursors.
    pub cursors: Cursors,
    /// Answers that were given before.
    pub replays: Replays,
    /// The latest look at the engine's health.
    pub checkup: Checkup,
    /// Counts.
    pub meters: Arc<Meters>,
    /// Connects providers that users add.
    pub wiring: Wiring,
    /// Seals what is kept and nobody may read.
    pub keyring: Keyring,
    /// How much streams may take.
    pub streams: Streams,
    /// The live stream.
    pub live: Live,
    /// Whether everything shown is made up.
    pub is_demo: bool,
    /// The certificate to trust, as PEM, where it is our own.
    pub authority_pem: Option<String>,
    /// How browsers reach the server, once it listens.
    pub base_url: OnceLock<String>,
    /// Set when the server takes no new requests.
    pub draining: CancellationToken,
    /// Requests at work.
    pub requests: TaskTracker,
    /// Streams and consoles that outlive their requests.
    pub tasks: TaskTracker,
}

/// How many long-lived streams there may be.
#[derive(Debug, Clone)]
pub struct Streams {
    /// Clients that follow events.
    pub followers: Arc<Semaphore>,
    /// Clients of the live stream.
    pub live: Arc<Semaphore>,
    /// Consoles.
    pub consoles: Arc<Semaphore>,
}

impl App {
    /// Of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}
