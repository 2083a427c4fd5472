//! The agent from outside: what it serves, to whom, and that nothing that hangs
//! delays anybody.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;
mod reader;
mod real;
mod serving;
mod tls;
mod world;
