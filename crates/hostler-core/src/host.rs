//! A machine that runs virtual machines, as it was seen.

use crate::clock::Timestamp;
use crate::fact::Fact;

/// A host as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedHost {
    /// How the provider names it for ever, for example the host's UUID.
    pub external_ref: String,
    /// Its present name.
    pub name: String,
    /// When it was read.
    pub observed_at: Timestamp,
    /// Its processor architecture.
    pub arch: Fact<String>,
    /// The model of its processors.
    pub cpu_model: Fact<String>,
    /// Logical processors online.
    pub cpu_count: Fact<u32>,
    /// Installed memory, in bytes.
    pub memory_bytes: Fact<u64>,
    /// Memory not in use now, in bytes.
    pub memory_free_bytes: Fact<u64>,
    /// The hypervisor and its version, for example `QEMU 7.2.22`.
    pub hypervisor: Fact<String>,
    /// What it can run.
    pub guests: Fact<Vec<GuestSupport>>,
}

/// One kind of guest that a host can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestSupport {
    /// The guest's architecture.
    pub arch: String,
    /// How it would run: `kvm`, `qemu` (emulated), `lxc`, `test` …
    pub hypervisors: Vec<String>,
    /// The machine types there are for it; the first is the default.
    pub machines: Vec<String>,
}

impl ObservedHost {
    /// Whether the host can run guests of `arch` by hypervisor `kind`; `None`
    /// when it could not be read.
    pub fn supports(&self, arch: &str, kind: &str) -> Option<bool> {
        let guests = self.guests.value()?;
        Some(guests.iter().any(|g| g.arch == arch && g.hypervisors.iter().any(|h| h == kind)))
    }
}
