//! The mapper over objects as real servers send them (`../objects`), over the
//! same with parts changed, and over random ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod blocked;
mod cluster;
mod disks;
mod hosts;
mod migrations;
mod nics;
mod objects;
mod owners;
mod quantity;
mod random;
mod resources;
mod snapshots;
mod state;
mod support;
mod troubles;
mod versions;
mod vms;
