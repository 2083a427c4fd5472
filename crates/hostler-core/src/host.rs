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
    /// By what else it is known to be the machine that it is, as far as the provider tells.
    pub ids: MachineIds,
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

/// By what a machine can be told from others: UUIDs in lower case. What is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineIds {
    /// What its firmware says. Some firmware says the same of every machine.
    pub system: Option<String>,
    /// What its installation says. Machines that were copied may say the same.
    pub installation: Option<String>,
    /// What its kernel has said since it was started: containers that call themselves
    /// machines say the same as the machine that they are on.
    pub boot: Option<String>,
}

impl MachineIds {
    /// Thirty-two hexadecimal digits, with or without hyphens, as a UUID in lower case.
    /// Those of one digit again and again are what firmware says that has none.
    pub fn uuid(text: &str) -> Option<String> {
        let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
        let digits = digits.to_ascii_lowercase();
        let first = digits.chars().next()?;
        let is_one = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_one || digits.chars().all(|digit| digit == first) {
            return None;
        }
        let mut written = String::with_capacity(36);
        for (at, digit) in digits.chars().enumerate() {
            if matches!(at, 8 | 12 | 16 | 20) {
                written.push('-');
            }
            written.push(digit);
        }
        Some(written)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x22_a_machine_says_which_it_is_or_nothing() {
        let known = Some("6dad91f5-27f6-4f4b-8b4c-0b1dd9ac1f11".to_owned());
        let uuid = MachineIds::uuid;
        assert_eq!(uuid("6DAD91F5-27F6-4F4B-8B4C-0B1DD9AC1F11\n"), known);
        assert_eq!(uuid("6dad91f527f64f4b8b4c0b1dd9ac1f11\n"), known);
        for none in ["", "Not Settable", "00000000-0000-0000-0000-000000000000", "ffff", "é"] {
            assert_eq!(uuid(none), None, "{none}");
        }
        assert_eq!(uuid(&"f".repeat(32)), None);
    }
}
