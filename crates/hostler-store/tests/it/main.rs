//! The store from outside: what it promises, on files and in memory, through
//! crashes, full disks and damage.

#![expect(clippy::unwrap_used, reason = "a helper that fails has to fail its test")]

mod access;
mod adoptions;
mod alerts;
mod backup;
mod clusters;
mod common;
mod crash;
mod events;
mod files;
mod history;
mod inventory;
mod leases;
mod migrations;
mod model;
mod operations;
mod queue;
mod real;
mod templates;
mod vms;
