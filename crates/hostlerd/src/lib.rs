//! The server of Hostler: HTTP, authentication, configuration and wiring around
//! the engine. The engine decides; this crate lets people and programs ask.
//!
//! ```text
//!  TCP + TLS ─┐                      ┌ identify ─ may? ─ read ─┐
//!             ├─ listen ── guard ── http::Api                  ├── handler ── engine
//!  unix ──────┘                      └ problem ◄── any refusal ┘
//! ```
//!
//! * `listen` accepts connections and bounds them: how many, how long, how slow.
//! * `http` is the glue: one place authenticates, checks the permission, reads
//!   the request by its endpoint's types and writes problem documents.
//! * `wiring` is the only place that knows which providers exist.

pub mod agents;
pub mod alerting;
pub mod app;
pub mod arguments;
pub mod auth;
mod commands;
pub mod config;
pub mod entropy;
pub mod failure;
mod housekeeping;
pub mod http;
pub mod listen;
mod local_client;
mod logging;
mod notify;
mod outputs;
mod qemu_img;
pub mod sealing;
pub mod server;
pub mod tls;
pub mod wiring;

/// Runs the program.
pub fn main() -> std::process::ExitCode {
    let arguments = <arguments::Arguments as clap::Parser>::parse();
    match commands::execute(arguments) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code().into()
        }
    }
}
