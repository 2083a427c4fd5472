//! What a cluster can: features, by KubeVirt's version and what its object says, and
//! hardware, by what nodes can give (E14, E15, X29). All of it is pure.
//!
//! ```text
//!   version ────────┐
//!   listed gates ───┼─► evaluate ──► features, each with its stage, why and remedy
//!   disabled gates ─┘      ▲
//!                          └ gates: the table, by release
//!   allocatable of nodes ──────► hardware
//! ```

mod evaluate;
mod gates;
mod hardware;

pub use evaluate::{Gates, features, upgrade, upgrades};
pub use hardware::hardware;
