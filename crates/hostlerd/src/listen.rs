//! Connections: accepting them, and bounding them. No client, however slow,
//! silent or numerous, takes more than its share (A38, A39).
//!
//! ```text
//!  accept ─► permit (in all, per address) ─► TLS within 5 s ─► HTTP under a guard
//!     └─ none left: closed at once                              (see `guard`)
//! ```

mod guard;
mod http;
mod limits;
mod passed;
mod peer;
mod permits;
mod tcp;
mod unix;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use guard::{Activity, Verdict};
pub use limits::Limits;
pub use passed::Passed;
pub use peer::Peer;
pub use permits::Permits;
pub use tcp::{PlainListener, TlsListener};
pub use unix::LocalListener;

/// What all listeners share.
#[derive(Clone)]
pub struct Shared {
    /// Answers requests.
    pub router: Router,
    /// Bounds connections.
    pub limits: Limits,
    /// Who may still connect.
    pub permits: Permits,
    /// Stops accepting, and ends connections after the request at work.
    pub stop: CancellationToken,
    /// Ends connections at once.
    pub abort: CancellationToken,
    /// Every connection and listener.
    pub tasks: TaskTracker,
}

impl Shared {
    /// Answers by `router` within `limits`.
    pub fn new(router: Router, limits: Limits) -> Self {
        Self {
            router,
            limits,
            permits: Permits::new(limits.connections, limits.connections_per_address),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }
}
