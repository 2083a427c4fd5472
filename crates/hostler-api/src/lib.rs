//! The wire of Hostler: every endpoint is a value, every body a type.
//!
//! One definition, many derivations: [`Endpoint`] gives the server its route
//! and permission check, the Rust client its method, [`openapi::document`] its
//! operation and the tests their list ([`v1::endpoints`]). The document cannot
//! lie, because a handler with other types does not compile.
//!
//! `/api/v1` is additive only. Types here are promises; they are converted
//! explicitly from and to the core's, which may change freely.

mod endpoint;
pub mod negotiate;
pub mod openapi;
mod page;
mod problem;
mod secret;
mod status;
pub mod v1;
mod value;

pub use endpoint::{BodyKind, Described, Endpoint, Nothing, ReplyKind};
pub use page::{LIMIT_DEFAULT, LIMIT_MAX, ListQuery, Page, PageQuery, SilentSource, item_members};
pub use problem::{PROBLEM_JSON, Problem, ProblemFault};
pub use secret::Secret;
pub use status::status_of;
pub use value::{CacheStatus, Fact, Ref, Time};

/// The header by which a client makes a POST or DELETE safe to repeat.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header of an answer that was given before for the same key.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// The header that names a request in answers and logs.
pub const REQUEST_ID: &str = "x-request-id";
/// The WebSocket subprotocol of consoles.
pub const CONSOLE_PROTOCOL: &str = "hostler.console.v1";
/// What precedes the ticket in the list of WebSocket subprotocols.
pub const TICKET_PROTOCOL_PREFIX: &str = "hostler.ticket.";
/// The WebSocket subprotocol of the event stream.
pub const EVENTS_PROTOCOL: &str = "hostler.events.v1";
/// The WebSocket subprotocol of the live stream.
pub const LIVE_PROTOCOL: &str = "hostler.live.v1";
