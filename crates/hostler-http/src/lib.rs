//! Requests to the servers of others: receivers of alerts, stores of metrics, agents.
//! One client with one set of habits, so that none of those who send has its own.
//!
//! - A request ends: connecting, sending and reading share one deadline.
//! - An answer is never larger than its reader expects.
//! - Nobody is sent elsewhere: a redirect is an answer like any other, since it would carry
//!   tokens and metrics to a server that nobody configured.
//! - What is told of a failure names the server and never the rest of its URL, which is
//!   itself a secret of some receivers.
//! - TLS is rustls with ring, and trusts the system's authorities or exactly one file.
//!
//! ```text
//!  Options ──► Client ── Request { method, Target, headers, body } ──► Answer | Error
//! ```

mod answer;
mod client;
mod error;
mod target;
mod tls;

pub use answer::Answer;
pub use bytes::Bytes;
pub use client::{Client, Options, Request};
pub use error::{Error, Result};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use target::Target;
pub use tls::config as tls_config;
