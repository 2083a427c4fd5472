//! The mapper over objects as real servers send them (`../objects`), over the
//! same with parts changed, and over random ones; and the driver against small
//! servers that answer as a real one was seen to answer; and, where there is one, against a real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api_server;
mod asking;
mod blocked;
mod clones;
mod cluster;
mod conformance;
mod console;
mod create;
mod disk_verbs;
mod disks;
mod double;
mod following;
mod health;
mod hosts;
mod metrics;
mod migrate;
mod migrations;
mod nics;
mod objects;
mod owners;
mod place;
mod plugged;
mod power;
mod provider;
mod quantity;
mod random;
mod real;
mod removing;
mod report;
mod resources;
mod reverting;
mod rights;
mod server;
mod silence;
mod sizes;
mod snapshot_verbs;
mod snapshots;
mod state;
mod storage;
mod support;
mod taking_over;
mod tls;
mod troubles;
mod versions;
mod vms;
