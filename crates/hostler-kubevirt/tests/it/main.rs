//! The driver against small servers that answer as a real one was seen to answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod asking;
mod double;
mod following;
mod health;
mod server;
mod tls;
