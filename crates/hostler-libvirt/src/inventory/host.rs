//! The host itself: who it is, what it has, what it can run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_core::Fact;
use hostler_core::host::{MachineIds, ObservedHost};
use hostler_libvirt_rpc::NamedStat;
use hostler_provider::{Cx, Error, HostInventory, Kind, Probe, Result};

use super::if_able;
use crate::connection::Link;
use crate::xml::capabilities::Capabilities;

/// Where facts of this driver come from.
pub(crate) const SOURCE: &str = "libvirt";

/// What does not change while a daemon runs.
#[derive(Debug)]
pub(crate) struct HostFacts {
    /// How the host is named for ever: its UUID, or its name where it has none.
    pub(crate) reference: String,
    /// Its name.
    pub(crate) name: String,
    /// What it can run.
    pub(crate) capabilities: Capabilities,
    /// libvirt's version, for example 9000000.
    pub(crate) library: u64,
    /// The hypervisor's name and version, where it tells one.
    pub(crate) hypervisor: Option<String>,
}

impl HostFacts {
    /// What answered, for people.
    pub(crate) fn product(&self) -> String {
        let library = format!("libvirt {}", version(self.library));
        match &self.hypervisor {
            Some(hypervisor) => format!("{hypervisor} / {library}"),
            None => library,
        }
    }
}

/// Keeps the facts of one connection.
#[derive(Default)]
pub(crate) struct HostCell(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    facts: Option<Arc<HostFacts>>,
    generation: u64,
}

impl HostCell {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets: the daemon may have been upgraded.
    pub(crate) fn clear(&self) {
        let mut kept = self.lock();
        kept.facts = None;
        kept.generation += 1;
    }
}

impl Link {
    /// The facts of the host, read once for each connection.
    pub(crate) async fn host(&self, cx: &Cx) -> Result<Arc<HostFacts>> {
        let generation = {
            let kept = self.host.lock();
            if let Some(facts) = &kept.facts {
                return Ok(facts.clone());
            }
            kept.generation
        };
        let facts = Arc::new(self.read_host(cx).await?);
        let mut kept = self.host.lock();
        if kept.generation == generation {
            kept.facts = Some(facts.clone());
        }
        Ok(facts)
    }

    async fn read_host(&self, cx: &Cx) -> Result<HostFacts> {
        let doing = "cannot read the host";
        let xml = self.look(cx, doing, |c| async move { c.capabilities().await }).await?;
        let capabilities = Capabilities::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, "the host's capabilities make no sense").with_raw(bad)
        })?;
        let name = self.look(cx, doing, |c| async move { c.hostname().await }).await?;
        let library = self.look(cx, doing, |c| async move { c.library_version().await }).await?;
        let hypervisor = self.look(cx, doing, |c| async move {
            let kind = c.hypervisor_type().await?;
            Ok(format!("{kind} {}", version(c.hypervisor_version().await?)))
        });
        Ok(HostFacts {
            reference: capabilities.uuid.clone().unwrap_or_else(|| name.clone()),
            name,
            capabilities,
            library,
            // Kept for as long as the connection: only what holds for as long.
            hypervisor: if_able(hypervisor.await)?,
        })
    }

    /// Refuses references to another host.
    pub(crate) async fn expect_host(&self, cx: &Cx, host_ref: &str) -> Result<Arc<HostFacts>> {
        let host = self.host(cx).await?;
        if host.reference == host_ref {
            Ok(host)
        } else {
            let message = format!("this connection has no host {host_ref}");
            Err(Error::new(Kind::NotFound, message))
        }
    }

    /// Asks the daemon for its version now.
    pub(crate) async fn probe(&self, cx: &Cx) -> Result<Probe> {
        self.hurry_if_lost();
        let doing = "cannot reach libvirt";
        let library = self.look(cx, doing, |c| async move { c.library_version().await }).await?;
        let host = self.host(cx).await?;
        Ok(Probe { product: host.product(), version: version(library) })
    }

    /// The host as it is now.
    pub(crate) async fn observe_host(&self, cx: &Cx) -> Result<HostInventory> {
        let facts = self.host(cx).await?;
        let doing = "cannot read the host";
        let node = self.look(cx, doing, |c| async move { c.node_info().await }).await;
        let memory = self.look(cx, doing, |c| async move { c.node_memory_stats(-1).await }).await;
        let at = cx.now();
        let cpu_model = match (&facts.capabilities.cpu_model, &node) {
            (Some(model), _) => Fact::seen(model.clone(), SOURCE, at),
            (None, Ok(node)) if !node.model.is_empty() => {
                Fact::seen(node.model.clone(), SOURCE, at)
            }
            _ => Fact::unsupported(SOURCE, "this libvirt does not tell the model"),
        };
        let arch = facts.capabilities.arch.clone();
        let host = ObservedHost {
            external_ref: facts.reference.clone(),
            name: facts.name.clone(),
            // Its own reference is the firmware's, unless somebody configured another.
            ids: MachineIds::default(),
            observed_at: at,
            arch: match arch {
                Some(arch) => Fact::seen(arch, SOURCE, at),
                None => Fact::unsupported(SOURCE, "this libvirt does not tell the architecture"),
            },
            cpu_model,
            cpu_count: fact(&node, at, |n| u32::try_from(n.cpus).ok().filter(|n| *n > 0)),
            memory_bytes: fact(&node, at, |n| n.memory_kib.checked_mul(1024).filter(|n| *n > 0)),
            memory_free_bytes: fact(&memory, at, |stats| free_bytes(stats)),
            hypervisor: match facts.hypervisor {
                Some(_) => Fact::seen(facts.product(), SOURCE, at),
                None => Fact::unsupported(SOURCE, "this libvirt does not tell its hypervisor"),
            },
            guests: Fact::seen(facts.capabilities.support(), SOURCE, at),
        };
        Ok(HostInventory { host, closed: None })
    }

    /// One that refuses us is left its pause: whoever probes often would else
    /// make us look like an attack.
    fn hurry_if_lost(&self) {
        if matches!(self.state(), crate::ConnectionState::Lost { denied: false, .. }) {
            self.hurry();
        }
    }
}

/// A value read by a call that may have failed, or not have told it.
fn fact<T, U>(
    read: &Result<T>,
    at: hostler_core::Timestamp,
    value: impl FnOnce(&T) -> Option<U>,
) -> Fact<U> {
    match read {
        Ok(told) => match value(told) {
            Some(value) => Fact::seen(value, SOURCE, at),
            None => Fact::unavailable(SOURCE, "libvirt's answer does not contain it"),
        },
        Err(error) if error.kind() == Kind::Unsupported => {
            Fact::unsupported(SOURCE, "this libvirt driver does not tell it")
        }
        Err(error) => Fact::unavailable(SOURCE, error.message()),
    }
}

/// Memory that programs could have at once: caches are given back on demand.
fn free_bytes(stats: &[NamedStat]) -> Option<u64> {
    let value = |name| stats.iter().find(|s| s.field == name).map(|s| s.value);
    let free = value("free")?;
    let caches = value("cached").unwrap_or(0).saturating_add(value("buffers").unwrap_or(0));
    free.saturating_add(caches).checked_mul(1024)
}

/// libvirt's version numbers: 9000000 is 9.0.0.
pub(crate) fn version(number: u64) -> String {
    format!("{}.{}.{}", number / 1_000_000, number / 1_000 % 1_000, number % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_numbers_are_told_as_people_write_them() {
        assert_eq!(version(9_000_000), "9.0.0");
        assert_eq!(version(7_002_022), "7.2.22");
    }

    #[test]
    fn x17_free_memory_is_absent_when_libvirt_does_not_tell_it() {
        let stat = |field: &str, value| NamedStat { field: field.into(), value };
        assert_eq!(free_bytes(&[stat("total", 9)]), None);
        let stats = [stat("free", 1), stat("cached", 2), stat("buffers", 3)];
        assert_eq!(free_bytes(&stats), Some(6 * 1024));
    }
}
