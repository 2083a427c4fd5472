//! Instance types and preferences of a simulated world: a few from its beginning, and those
//! that a test or the demo gives it. As made up as all else here.

use std::collections::BTreeMap;

use async_trait::async_trait;
use hostler_core::vm::instance_type::{Requirements, TypeText};
use hostler_core::vm::{InstanceType, Preference, TypeRef, VmSpec};
use hostler_core::{Fact, Timestamp};
use hostler_provider::{Cx, Error, InstanceTypes, Kind, Offered, Result};

use crate::verb::Verb;
use crate::world::World;
use crate::world::state::{SOURCE, State};
use crate::{Sim, Target};

const GIB: u64 = 1 << 30;

/// A size to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Its namespace; `None` for one of the whole provider.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Processors.
    pub cpu_count: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// What it is for.
    pub class: String,
}

/// What a simulated world offers, by its names.
#[derive(Debug)]
pub(crate) struct Offer {
    sizes: BTreeMap<(Option<String>, String), Size>,
    preferences: Vec<Taste>,
    /// Why there may be more.
    unread: Vec<String>,
}

/// A preference to offer.
#[derive(Debug)]
struct Taste {
    name: &'static str,
    description: &'static str,
    firmware: Option<&'static str>,
    disk_bus: &'static str,
    requires: Requirements,
}

impl Default for Offer {
    fn default() -> Self {
        let size = |name: &str, cpu_count, memory, class: &str| Size {
            namespace: None,
            name: name.to_owned(),
            cpu_count,
            memory_bytes: memory,
            class: class.to_owned(),
        };
        let general = "general.purpose";
        let sizes = [
            size("u1.small", 1, 2 * GIB, general),
            size("u1.medium", 1, 4 * GIB, general),
            size("u1.large", 2, 8 * GIB, general),
            size("m1.large", 2, 16 * GIB, "memory.intensive"),
        ];
        let taste = |name, description, firmware, disk_bus, cpus, memory| Taste {
            name,
            description,
            firmware,
            disk_bus,
            requires: Requirements { cpu_count: cpus, memory_bytes: memory, arch: None },
        };
        let preferences = vec![
            taste("linux", "any Linux (simulated)", None, "virtio", None, None),
            taste(
                "windows.11",
                "Windows 11 (simulated)",
                Some("uefi"),
                "sata",
                Some(2),
                Some(4 * GIB),
            ),
        ];
        let mut offer = Self { sizes: BTreeMap::new(), preferences, unread: Vec::new() };
        sizes.into_iter().for_each(|size| offer.add(size));
        offer
    }
}

impl Offer {
    fn add(&mut self, size: Size) {
        self.sizes.insert((size.namespace.clone(), size.name.clone()), size);
    }
}

impl World {
    /// Offers one more size, or another one under its name.
    pub fn offer(&self, size: Size) {
        self.change(|state| state.offer.add(size));
    }

    /// Takes a size back. VMs of it stay as they are.
    pub fn withdraw(&self, namespace: Option<&str>, name: &str) {
        let key = (namespace.map(str::to_owned), name.to_owned());
        self.change(|state| drop(state.offer.sizes.remove(&key)));
    }

    /// Says from now on that a part of what is offered could not be read; empty: nothing.
    pub fn leave_types_unread(&self, why: &[&str]) {
        let why = why.iter().map(|why| (*why).to_owned()).collect();
        self.change(|state| state.offer.unread = why);
    }
}

impl State {
    fn instance_types(&self, now: Timestamp) -> Offered<InstanceType> {
        let items = self.offer.sizes.values().map(|size| InstanceType {
            id: TypeRef { name: size.name.clone(), namespace: size.namespace.clone() },
            text: TypeText {
                class: Some(size.class.clone()),
                vendor: Some("hostler.example".to_owned()),
                ..TypeText::default()
            },
            cpu_count: Fact::seen(size.cpu_count, SOURCE, now),
            memory_bytes: Fact::seen(size.memory_bytes, SOURCE, now),
            memory_max_bytes: None,
            overcommit_percent: None,
            has_dedicated_cpus: false,
            gpus: Vec::new(),
            host_devices: Vec::new(),
            observed_at: now,
        });
        Offered { items: items.collect(), unread: self.offer.unread.clone() }
    }

    fn preferences(&self, now: Timestamp) -> Offered<Preference> {
        let items = self.offer.preferences.iter().map(|taste| Preference {
            id: TypeRef::wide(taste.name),
            text: TypeText {
                description: Some(taste.description.to_owned()),
                vendor: Some("hostler.example".to_owned()),
                ..TypeText::default()
            },
            firmware: taste.firmware.map(str::to_owned),
            machine: None,
            arch: None,
            disk_bus: Some(taste.disk_bus.to_owned()),
            nic_model: None,
            requires: taste.requires.clone(),
            observed_at: now,
        });
        Offered { items: items.collect(), unread: self.offer.unread.clone() }
    }

    /// Whether a VM of this world can be of what the specification names.
    ///
    /// # Errors
    /// `NotFound` for what is not offered, `Conflict` for a size that has changed since it was
    /// looked up, `Invalid` for what a preference does not go with.
    pub(crate) fn check_types(&self, spec: &VmSpec) -> Result<()> {
        if let Some(wanted) = &spec.instance_type {
            let key = (wanted.namespace.clone(), wanted.name.clone());
            let missing = || format!("there is no instance type \"{wanted}\"");
            let size =
                self.offer.sizes.get(&key).ok_or_else(|| Error::new(Kind::NotFound, missing()))?;
            if (size.cpu_count, size.memory_bytes) != (spec.cpu.count, spec.memory.bytes) {
                let message = format!(
                    "instance type \"{wanted}\" has {} processors and {} bytes of memory, not {} \
                     and {}: it was changed since it was looked up; ask again",
                    size.cpu_count, size.memory_bytes, spec.cpu.count, spec.memory.bytes
                );
                return Err(Error::new(Kind::Conflict, message));
            }
        }
        let Some(wanted) = &spec.preference else { return Ok(()) };
        let told = self.preferences(Timestamp::from_millis(0)).items;
        let Some(found) = told.into_iter().find(|one| one.id == *wanted) else {
            let message = format!("there is no preference \"{wanted}\"");
            return Err(Error::new(Kind::NotFound, message));
        };
        spec.check_preference(&found).map_err(|error| {
            let faults = error.fault_list().iter().map(|f| format!("{}: {}", f.pointer, f.detail));
            Error::new(Kind::Invalid, faults.collect::<Vec<_>>().join("; "))
        })
    }
}

#[async_trait]
impl InstanceTypes for Sim {
    async fn instance_types(&self, cx: &Cx) -> Result<Offered<InstanceType>> {
        self.call(cx, Verb::InstanceTypes, Target::Everything, async {
            Ok(self.world.read(|state| state.instance_types(cx.now())))
        })
        .await
    }

    async fn preferences(&self, cx: &Cx) -> Result<Offered<Preference>> {
        self.call(cx, Verb::Preferences, Target::Everything, async {
            Ok(self.world.read(|state| state.preferences(cx.now())))
        })
        .await
    }
}
