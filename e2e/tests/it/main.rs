//! What users see of the whole: the real `hostlerd` and `hostler`, as they are built, against a
//! private libvirtd with real guests. Needs root; `cargo xtask test e2e` builds and installs what
//! it takes.
//!
//! | story | told in |
//! |---|---|
//! | every verb of the command line on a guest that boots | `real/verbs.rs` |
//! | what is said when something is wrong, and the exit codes | `real/errors.rs` |
//! | the server killed at every journal write | `real/crash.rs` |
//! | libvirtd killed, frozen, changed behind our back | `real/libvirtd.rs` |
//! | a thousand VMs that are not ours | `real/inventory.rs` |
//! | yesterday's backup brought back | `real/backup.rs` |
//! | metrics and health, as Prometheus sees them | `real/metrics.rs` |
//! | TLS, tokens and login links | `real/tls.rs` |
//!
//! Each test has its own state directory, socket, ports and daemon; dropping them ends everything,
//! on a panic too. `UPDATE_EXPECT=1` rewrites the golden texts.

#![expect(clippy::unwrap_used, reason = "in a test program, what fails must end the test")]

mod real;
mod rig;
