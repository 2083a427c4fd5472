//! What goes wrong on the way, in words that hold no secret.

use std::time::Duration;

/// What comes of a request, or why nothing did.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no answer. Statuses of failure are answers, not errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client cannot be made of what was configured.
    #[error("{what}; {remedy}")]
    Setup {
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// No connection came about.
    #[error("{server} cannot be reached: {cause}")]
    Unreachable {
        /// Scheme, host and port.
        server: String,
        /// What the system or the resolver said.
        cause: String,
    },
    /// The server is not who it should be, or speaks no TLS that we do.
    #[error("{server} is not trusted: {cause}")]
    Untrusted {
        /// Scheme, host and port.
        server: String,
        /// What TLS said.
        cause: String,
    },
    /// It took too long.
    #[error("{server} did not answer within {} s", after.as_secs_f64())]
    TimedOut {
        /// Scheme, host and port.
        server: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer is larger than any that makes sense.
    #[error("the answer of {server} is larger than {max} bytes")]
    TooLarge {
        /// Scheme, host and port.
        server: String,
        /// The most that is read.
        max: usize,
    },
    /// The connection broke, or what came over it is not HTTP.
    #[error("the connection to {server} broke: {cause}")]
    Broken {
        /// Scheme, host and port.
        server: String,
        /// What was seen.
        cause: String,
    },
}

impl Error {
    /// Whether the same request may have an answer later, with nothing changed here.
    ///
    /// An untrusted server counts: its certificate may be renewed there.
    pub const fn is_passing(&self) -> bool {
        !matches!(self, Self::Setup { .. } | Self::TooLarge { .. })
    }
}
