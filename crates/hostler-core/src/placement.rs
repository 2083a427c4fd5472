//! On which host a VM may run: pure, with the reason for each refusal.
//!
//! Filter, then score. A host is refused for a fact against it or for a fact
//! that is missing: a host whose free memory is unknown is not a host with
//! room. Among the rest the one with most free memory after placement wins;
//! equals are told apart by name, so that the answer is the same each time.

use std::collections::BTreeSet;

use crate::error::{Code, Error, Result};
use crate::fact::Fact;
use crate::id::{HostId, ProviderId};
use crate::vm::devices::{DiskSource, NicSource};
use crate::vm::spec::{Accelerator, VmSpec};

/// Where the user wants it; unset means anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Only hosts of this provider.
    #[serde(default)]
    pub provider: Option<ProviderId>,
    /// Only this host.
    #[serde(default)]
    pub host: Option<HostId>,
}

/// A host that is being considered.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The host.
    pub host: HostId,
    /// The provider it belongs to.
    pub provider: ProviderId,
    /// Its name, for messages.
    pub name: String,
    /// Why nothing can be made there now, if so: `does not answer`, `is in maintenance`.
    pub closed: Option<String>,
    /// Memory that new VMs can have, in bytes: free, less what was promised to
    /// VMs that are still being made.
    pub memory_available_bytes: Fact<u64>,
    /// Logical processors.
    pub cpu_count: Fact<u32>,
    /// Which (architecture, hypervisor) pairs it runs; the first is its own.
    pub guests: Vec<(String, String)>,
    /// Names of usable pools.
    pub pools: BTreeSet<String>,
    /// Names of usable networks.
    pub networks: BTreeSet<String>,
}

/// A host and why it was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The host.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Every reason against it.
    pub reasons: Vec<String>,
}

/// The outcome: where it goes, and why not elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The chosen host.
    pub host: HostId,
    /// Its provider.
    pub provider: ProviderId,
    /// Its name.
    pub name: String,
    /// Hosts that could take it too, best first.
    pub alternatives: Vec<HostId>,
    /// Hosts that could not.
    pub refused: Vec<Refusal>,
}

/// Chooses a host for `spec`. The error lists for every host why not.
pub fn place(spec: &VmSpec, wish: &Wish, hosts: &[Candidate]) -> Result<Placement> {
    let mut fits: Vec<(&Candidate, u64)> = Vec::new();
    let mut refused = Vec::new();
    for candidate in hosts {
        let reasons = refusals(spec, wish, candidate);
        match (reasons.is_empty(), candidate.memory_available_bytes.value()) {
            (true, Some(free)) => fits.push((candidate, free.saturating_sub(spec.memory.bytes))),
            _ => refused.push(Refusal {
                host: candidate.host,
                name: candidate.name.clone(),
                reasons,
            }),
        }
    }
    fits.sort_by(|(a, left_a), (b, left_b)| left_b.cmp(left_a).then_with(|| a.name.cmp(&b.name)));
    match fits.split_first() {
        Some(((best, _), rest)) => Ok(Placement {
            host: best.host,
            provider: best.provider,
            name: best.name.clone(),
            alternatives: rest.iter().map(|(c, _)| c.host).collect(),
            refused,
        }),
        None => Err(nowhere(&refused)),
    }
}

fn nowhere(refused: &[Refusal]) -> Error {
    if refused.is_empty() {
        let message = "no host can take the VM: no host is known; look at `hostler provider list`";
        return Error::new(Code::NoHostFits, message);
    }
    let each: Vec<_> =
        refused.iter().map(|r| format!("{} {}", r.name, r.reasons.join(" and "))).collect();
    let mut error =
        Error::new(Code::NoHostFits, format!("no host can take the VM: {}", each.join("; ")));
    for refusal in refused {
        error = error.with_detail(&format!("host.{}", refusal.name), refusal.reasons.join("; "));
    }
    error
}

fn refusals(spec: &VmSpec, wish: &Wish, host: &Candidate) -> Vec<String> {
    // A host that was not asked for needs no further examination.
    if wish.host.is_some_and(|wanted| wanted != host.host) {
        return vec!["is not the host asked for".into()];
    }
    if wish.provider.is_some_and(|wanted| wanted != host.provider) {
        return vec!["belongs to another provider than asked for".into()];
    }
    if let Some(why) = &host.closed {
        return vec![why.clone()];
    }
    let mut reasons = Vec::new();
    refuse_for_memory(spec, host, &mut reasons);
    refuse_for_cpu(spec, host, &mut reasons);
    refuse_for_hypervisor(spec, host, &mut reasons);
    refuse_for_names(spec, host, &mut reasons);
    reasons
}

fn refuse_for_memory(spec: &VmSpec, host: &Candidate, reasons: &mut Vec<String>) {
    match host.memory_available_bytes.value() {
        None => reasons.push(format!(
            "has unknown free memory ({})",
            host.memory_available_bytes.reason().unwrap_or("not told")
        )),
        Some(free) if *free < spec.memory.bytes => reasons.push(format!(
            "has {} MiB of memory left, {} MiB are needed",
            free >> 20,
            spec.memory.bytes >> 20
        )),
        Some(_) => {}
    }
}

fn refuse_for_cpu(spec: &VmSpec, host: &Candidate, reasons: &mut Vec<String>) {
    // One VM with more processors than the host has never runs well, and KVM refuses some.
    if let Some(count) = host.cpu_count.value()
        && spec.cpu.count > *count
    {
        reasons.push(format!("has {count} processors, {} are needed", spec.cpu.count));
    }
}

fn refuse_for_hypervisor(spec: &VmSpec, host: &Candidate, reasons: &mut Vec<String>) {
    let Some((own, _)) = host.guests.first() else {
        reasons.push("runs no kind of guest".into());
        return;
    };
    let arch = spec.machine.arch.as_deref().unwrap_or(own);
    let mut kinds = host.guests.iter().filter(|(a, _)| a == arch).map(|(_, kind)| kind.as_str());
    let fits = match spec.machine.accelerator {
        Accelerator::Auto => kinds.next().is_some(),
        Accelerator::Kvm => kinds.any(|kind| kind == "kvm"),
        Accelerator::Tcg => kinds.any(|kind| kind != "kvm"),
    };
    if !fits {
        let how = match spec.machine.accelerator {
            Accelerator::Auto => "",
            Accelerator::Kvm => " with hardware virtualisation",
            Accelerator::Tcg => " by emulation",
        };
        reasons.push(format!("cannot run {arch} guests{how}"));
    }
}

fn refuse_for_names(spec: &VmSpec, host: &Candidate, reasons: &mut Vec<String>) {
    let mut makes_volumes = spec.cloud_init.is_some();
    for disk in &spec.disks {
        makes_volumes |= disk.source.makes_volume();
        let pool = match &disk.source {
            DiskSource::Empty { pool, .. } | DiskSource::Image { pool, .. } => pool.as_ref(),
            DiskSource::Volume { pool, .. } => Some(pool),
            DiskSource::NoMedia {} => None,
        };
        if let Some(pool) = pool
            && !host.pools.contains(pool)
        {
            reasons.push(format!("has no usable pool \"{pool}\""));
        }
    }
    if makes_volumes && host.pools.is_empty() {
        reasons.push("has no usable storage pool".into());
    }
    for nic in &spec.nics {
        if let NicSource::Network(network) = &nic.source
            && !host.networks.contains(network)
        {
            reasons.push(format!("has no usable network \"{network}\""));
        }
    }
    reasons.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    const NOW: Timestamp = Timestamp::from_millis(1);
    const GIB: u64 = 1 << 30;

    fn host(n: u8, free: u64) -> Candidate {
        Candidate {
            host: HostId::new(NOW, [n; 10]),
            provider: ProviderId::new(NOW, [1; 10]),
            name: format!("h{n}"),
            closed: None,
            memory_available_bytes: Fact::seen(free, "test", NOW),
            cpu_count: Fact::seen(8, "test", NOW),
            guests: vec![("x86_64".into(), "qemu".into())],
            pools: ["default".to_owned()].into(),
            networks: ["default".to_owned()].into(),
        }
    }

    fn spec() -> VmSpec {
        VmSpec::new("web", GIB)
    }

    #[test]
    fn the_host_with_most_room_wins_and_ties_go_by_name() {
        let hosts = [host(1, 2 * GIB), host(2, 8 * GIB), host(3, 8 * GIB)];
        let placement = place(&spec(), &Wish::default(), &hosts).unwrap();
        assert_eq!(placement.name, "h2");
        assert_eq!(placement.alternatives, [hosts[2].host, hosts[0].host]);
    }

    #[test]
    fn every_host_says_why_not() {
        let mut closed = host(1, 8 * GIB);
        closed.closed = Some("does not answer since 40 s".into());
        let mut tight = host(2, GIB / 2);
        tight.networks.clear();
        let mut spec = spec();
        spec.machine.accelerator = Accelerator::Kvm;
        spec.nics.push(crate::vm::devices::NicSpec {
            source: NicSource::Network("default".into()),
            model: crate::vm::devices::NicModel::Virtio,
            mac: None,
            link_up: true,
        });
        let error = place(&spec, &Wish::default(), &[closed, tight]).unwrap_err();
        assert_eq!(error.code(), Code::NoHostFits);
        assert_eq!(
            error.to_string(),
            "no host can take the VM: h1 does not answer since 40 s; h2 has 512 MiB of memory \
             left, 1024 MiB are needed and cannot run x86_64 guests with hardware virtualisation \
             and has no usable network \"default\""
        );
    }

    #[test]
    fn x17_unknown_memory_is_not_free_memory() {
        let mut blind = host(1, 0);
        blind.memory_available_bytes = Fact::unavailable("libvirt", "call timed out");
        let error = place(&spec(), &Wish::default(), &[blind]).unwrap_err();
        assert!(error.to_string().contains("unknown free memory (call timed out)"));
    }

    #[test]
    fn a_pinned_host_is_the_only_one_considered() {
        let hosts = [host(1, 2 * GIB), host(2, 8 * GIB)];
        let wish = Wish { host: Some(hosts[0].host), provider: None };
        assert_eq!(place(&spec(), &wish, &hosts).unwrap().name, "h1");
    }

    #[test]
    fn no_host_at_all_is_its_own_message() {
        let error = place(&spec(), &Wish::default(), &[]).unwrap_err();
        assert!(error.to_string().contains("no host is known"));
    }

    proptest::proptest! {
        #[test]
        fn i16_a_chosen_host_always_has_the_memory(free in proptest::collection::vec(0_u64..4 * GIB, 0..8)) {
            let hosts: Vec<_> = free.iter().enumerate().map(|(n, f)| host(n as u8, *f)).collect();
            match place(&spec(), &Wish::default(), &hosts) {
                Ok(placement) => {
                    let chosen = hosts.iter().find(|h| h.host == placement.host).unwrap();
                    proptest::prop_assert!(chosen.memory_available_bytes.value().unwrap() >= &GIB);
                }
                Err(_) => proptest::prop_assert!(free.iter().all(|f| *f < GIB)),
            }
        }
    }
}
