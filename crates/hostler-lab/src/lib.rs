//! Private libvirt daemons and the sample guest, so that tests and developers can use real virtual
//! machines without touching the machine they sit at.
//!
//! | want | use |
//! |---|---|
//! | a libvirtd that runs real QEMU guests | [`Lab`] |
//! | a libvirtd that serves thousands of pretend domains | [`TestDaemon`] |
//! | something that boots in seconds | [`guest::build`] |
//! | a Prometheus to compare with | [`prometheus::fetch`] |
//! | a mail server that keeps what it takes | [`mail::fetch`] |
//! | an InfluxDB or VictoriaMetrics to send to | [`time_series::fetch`] |
//! | an exporter to compare with | [`libvirt_exporter::fetch`] |
//! | the system packages all this needs | [`packages`] |
//!
//! Everything is kept below directories the caller names, runs in its own mount, network, process
//! and IPC namespaces, and is gone when its handle is dropped (or when the process that held the
//! handle dies, however it dies). Nothing here is part of the product.

mod deadline;
mod error;
mod hash;
mod process;

pub mod guest;
mod lab;
pub mod libvirt_exporter;
pub mod lxc;
pub mod mail;
pub mod packages;
pub mod prometheus;
mod test_daemon;
pub mod time_series;
mod unpacked;

pub use deadline::{Stopwatch, poll_until, timed};
pub use error::{Error, Result};
pub use hash::Fingerprint;
pub use lab::{Gateway, Lab, LabOptions, NetworkState, SshServer, TlsListener};
pub use process::{command_line, find_program, is_root, run, run_quietly, terminate};
pub use test_daemon::{TestDaemon, test_domains};
