//! This machine: what its kernel and its container engines tell about it. Both
//! the agent and a server on a hypervisor measure the machine they run on.
//!
//! ```text
//!  /proc, /sys ──────────── host ───────► Node        (Metrics: hosts)
//!  docker.sock, podman.sock ┐
//!                           containers ─► Containers  (Metrics: containers)
//!  /sys/fs/cgroup, /proc/PID ┘
//!  /proc/PID of QEMU ─────── launchers ──► Launchers  (Metrics: VMs of KubeVirt)
//! ```
//!
//! Every parser is pure, takes what kernels of any age write and leaves out what
//! is not there: an absent file is an absent value, never 0 (X17). Containers are
//! a kind of their own, and never told as VMs (D3, X16).

mod containers;
mod host;
mod launchers;
mod points;
mod tree;

pub use containers::{Containers, Engine};
pub use host::Node;
pub use launchers::Launchers;
