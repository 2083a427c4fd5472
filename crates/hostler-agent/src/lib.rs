//! The agent of Hostler: measures the machine it runs on, its containers and its
//! VMs, all the time and at its own pace, and serves what it measured last.
//!
//! ```text
//!  node ─────────────┐  one task for each pass of each source:
//!  docker, podman ───┤  interval, jitter, deadline, adaptive pace
//!  libvirt (if told) ┤
//!  kubevirt (if told)┘
//!        │ Batch
//!        ▼
//!      Shelf ── copy ──► GET /metrics        text 0.0.4 or OpenMetrics 1.0
//!                   └──► GET /api/v1/batch   for a server to ingest
//! ```
//!
//! Nobody who asks makes anything be measured, and what hangs delays nobody. What
//! was not measured is not there: no value is invented or carried on (X17).

mod agent;
mod arguments;
mod collect;
pub mod config;
mod exposition;
mod failure;
mod http;
mod logging;
mod pace;
mod run;
mod serve;
mod shelf;
mod sources;
mod tls;
mod wire;

pub use agent::{Agent, Setup};
pub use arguments::Flags;
pub use failure::{Failure, Result};
pub use sources::{Kind, Source};
pub use tls::Identity;

/// Runs the program.
pub fn main() -> std::process::ExitCode {
    let flags = <Flags as clap::Parser>::parse();
    match run::run(flags) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code().into()
        }
    }
}
