//! How much a connection may take.

use std::time::Duration;

/// How much connections may take; tests use smaller ones than the server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
    /// From connecting to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request's head to its last; also until the first byte
    /// of a connection's first request.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// How long a client may leave an answer unread.
    pub unread: Duration,
    /// How often connections are looked at.
    pub tick: Duration,
    /// The bytes of a request's head.
    pub head_bytes: usize,
    /// The headers of a request.
    pub headers: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            connections_per_address: 256,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            unread: Duration::from_secs(30),
            tick: Duration::from_secs(1),
            head_bytes: 32 << 10,
            headers: 100,
            streams: 128,
        }
    }
}
