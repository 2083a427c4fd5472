//! What every story needs: a home for a server, the server, the command line, the API.

mod agent;
mod api;
mod cluster;
mod golden;
mod home;
mod http;
mod libvirt;
mod prometheus;
mod server;

pub(crate) use agent::Agent;
pub(crate) use api::Api;
pub(crate) use cluster::Cluster;
pub(crate) use golden::Golden;
pub(crate) use home::Home;
pub(crate) use http::{Answer, Exchange};
pub(crate) use libvirt::{domains, files, lab, virsh, volumes};
pub(crate) use prometheus::Prometheus;
pub(crate) use server::Server;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hostler_lab::poll_until;

/// How long something may take that takes seconds on a quiet machine. Only a hang is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until `look` gives something; what it last said is in the message when it never does.
#[track_caller]
pub(crate) fn eventually<T, E: Display>(what: &str, look: impl FnMut() -> Result<T, E>) -> T {
    poll_until(PATIENCE, look)
        .unwrap_or_else(|error| panic!("{what}: not within {PATIENCE:?}: {error}"))
}

/// `Ok` where `is_so`, else what is there instead.
pub(crate) fn check(is_so: bool, instead: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(instead()) }
}

/// The built program of that name.
pub(crate) fn program(name: &str) -> PathBuf {
    // …/target/debug/deps/it-0123 is us; the programs are two levels up.
    let us = std::env::current_exe().unwrap();
    let directory = us.ancestors().nth(2).unwrap();
    let path = directory.join(name);
    let built = changed(&path).unwrap_or_else(|| {
        panic!(
            "{} is not there: `cargo xtask test e2e` builds it first (or: cargo build -p {name})",
            path.display()
        )
    });
    // Cargo does not build the programs for us, and a story told by yesterday's program is none.
    if let Some(newer) = sources(&path).into_iter().find(|it| changed(it) > Some(built)) {
        panic!(
            "{} was built before {} changed: `cargo xtask test e2e` builds it first (or: cargo \
             build -p {name})",
            path.display(),
            newer.display()
        );
    }
    path
}

/// What cargo noted that the program was built from (`program.d`: `program: source source …`).
fn sources(program: &Path) -> Vec<PathBuf> {
    let noted = std::fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    noted
        .split_once(": ")
        .map_or(vec![], |(_, sources)| sources.split_whitespace().map(PathBuf::from).collect())
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|it| it.modified()).ok()
}
