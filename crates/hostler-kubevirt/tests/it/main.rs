//! The mapper over objects as real servers send them (`../objects`), over the
//! same with parts changed, and over random ones; and the driver against small
//! servers that answer as a real one was seen to answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod asking;
mod blocked;
mod cluster;
mod conformance;
mod disks;
mod double;
mod following;
mod health;
mod hosts;
mod migrate;
mod migrations;
mod nics;
mod objects;
mod owners;
mod place;
mod power;
mod provider;
mod quantity;
mod random;
mod resources;
mod server;
mod snapshots;
mod state;
mod support;
mod tls;
mod troubles;
mod versions;
mod vms;
