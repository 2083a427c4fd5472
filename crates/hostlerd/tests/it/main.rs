//! The real server, in process, on a simulated world: over TLS and over its socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod activation;
mod adoptions;
mod agents;
mod alerting;
mod bounds;
mod changes;
mod client;
mod clusters;
mod compression;
mod consoles;
mod contract;
mod coverage;
mod custom_metrics;
mod declared;
mod events;
mod fixture;
mod health;
mod hypervisor;
mod kept;
mod limits;
mod lists;
mod live;
mod local;
mod login;
mod metrics;
mod migrations;
mod origins;
mod outlook;
mod outputs;
mod pages;
mod process;
mod program;
mod real;
mod replays;
mod silence;
mod sockets;
mod stopping;
mod templates;
