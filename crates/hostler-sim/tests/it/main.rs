//! The simulator as its users see it: through the driver boundary.

#![expect(clippy::unwrap_used, reason = "a helper that fails has to fail its test")]

mod clones;
mod conformance;
mod console;
mod demo;
mod faults;
mod histories;
mod migrate;
mod snapshots;
mod support;
mod world;
