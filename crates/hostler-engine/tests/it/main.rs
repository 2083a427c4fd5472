//! The engine over a simulated provider and a real store in memory: proofs for
//! every operation, random histories, and what users see.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod adoptions;
mod agents;
mod alerting;
mod changes;
mod clocks;
mod clones;
mod clusters;
mod deletions;
mod disks;
mod events;
mod fairness;
mod fleet;
mod forgetting;
mod grown;
mod histories;
mod history;
mod image_files;
mod images;
mod instance_types;
mod late;
mod metrics;
mod migrations;
mod outlook;
mod outputs;
mod placing;
mod proofs;
mod requests;
mod rotations;
mod sharing;
mod snapshots;
mod steps;
mod stuck;
mod subject;
mod templates;
mod unwinding;
mod volumes;
mod world;
