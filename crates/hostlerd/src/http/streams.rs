//! What all long answers share, whatever they tell: who may go on listening, and how
//! it is said over a WebSocket or as server-sent events.
//!
//! ```text
//!  events ─┐            ┌─ socket   (messages, pings, farewells; hears the client)
//!          ├─ Follow ───┤
//!  live ───┘  (Guard)   └─ sse      (text that every HTTP client can read)
//! ```

mod guard;
pub(in crate::http) mod socket;
pub(in crate::http) mod sse;

use std::future::Future;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;

pub(in crate::http) use guard::{Guard, Sign};

/// Something that a client follows.
pub(in crate::http) trait Follow: Send + 'static {
    /// The WebSocket subprotocol.
    const PROTOCOL: &'static str;
    /// The longest message of a client.
    const MESSAGE_BYTES_MAX: usize;
    /// A client that gives no sign of life for so long has gone; longer than it takes
    /// two pings to be answered.
    const IDLE_MAX: Duration;

    /// What comes next. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = Said> + Send;

    /// Takes what the client said.
    fn hear(&mut self, text: &str);
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Said {
    /// A message, as JSON.
    Message {
        /// What a browser resumes after, where it can.
        id: Option<u64>,
        /// Its kind, where it is no common one.
        kind: Option<&'static str>,
        /// The document; shared by all who are told the same.
        text: Utf8Bytes,
    },
    /// That the connection is alive.
    Alive,
    /// That it is over: the code of RFC 6455, 7.4, and the reason.
    End(u16, &'static str),
}

impl Said {
    /// A common message.
    pub(in crate::http) const fn message(text: Utf8Bytes) -> Self {
        Self::Message { id: None, kind: None, text }
    }

    /// The server stops.
    pub(in crate::http) const STOPPING: Self = Self::End(1012, "the server is stopping");
    /// Whoever was let in would not be let in any more.
    pub(in crate::http) const THROWN_OUT: Self = Self::End(1008, "your credentials have ended");
}
