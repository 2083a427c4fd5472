//! The real program against a scripted server: its grammar, what it sends,
//! what it prints and with which code it ends.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on stops the test")]

mod adoptions;
mod alerts;
mod bulk;
mod changing;
mod clones;
mod clusters;
mod completing;
mod consoles;
mod contexts;
mod custom_metrics;
mod disks;
mod documents;
mod editing;
mod errors;
mod help;
mod lists;
mod migrations;
mod other;
mod outlook;
mod outputs;
mod planning;
mod power;
mod rig;
mod snapshots;
mod stats;
mod templates;
mod terminals;
mod volumes;
mod watching;
