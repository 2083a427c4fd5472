//! Building a world: hosts, pools, networks, and what was there before Hostler.

use std::net::Ipv4Addr;

use hostler_core::id::VmId;
use hostler_core::vm::devices::VolumeFormat;
use hostler_core::vm::{PowerState, VmSpec};
use hostler_provider::{Change, DiskBinding, VmRef, VolumeRef};

use super::World;
use super::state::{Host, Network, Pool, Volume, on};
use super::vm::Vm;

/// A host to add.
#[derive(Debug, Clone)]
pub struct HostSetup {
    /// Its name, which is also its external reference.
    pub name: String,
    /// The architecture of it and of its guests.
    pub arch: String,
    /// Logical processors.
    pub cpu_count: u32,
    /// Memory in bytes; starting a VM that does not fit is refused.
    pub memory_bytes: u64,
}

impl HostSetup {
    /// An `x86_64` host with 8 processors and 32 GiB.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            arch: "x86_64".to_owned(),
            cpu_count: 8,
            memory_bytes: 32 << 30,
        }
    }
}

/// A pool to add.
#[derive(Debug, Clone)]
pub struct PoolSetup {
    /// The host it is on.
    pub host: String,
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub capacity_bytes: u64,
    /// Whether it can be used.
    pub active: bool,
}

impl PoolSetup {
    /// An active pool of 100 GiB.
    pub fn new(host: &str, name: &str) -> Self {
        Self {
            host: host.to_owned(),
            name: name.to_owned(),
            capacity_bytes: 100 << 30,
            active: true,
        }
    }
}

/// A network to add.
#[derive(Debug, Clone)]
pub struct NetworkSetup {
    /// The host it is on.
    pub host: String,
    /// Its name.
    pub name: String,
    /// The host's bridge behind it.
    pub bridge: String,
    /// Its /24 subnet, any address of it.
    pub subnet: Ipv4Addr,
}

impl NetworkSetup {
    /// A NAT network 192.168.122.0/24 on bridge `virbr0`.
    pub fn new(host: &str, name: &str) -> Self {
        Self {
            host: host.to_owned(),
            name: name.to_owned(),
            bridge: "virbr0".to_owned(),
            subnet: Ipv4Addr::new(192, 168, 122, 1),
        }
    }
}

impl World {
    /// Adds a host.
    pub fn add_host(&self, setup: HostSetup) {
        self.change(|state| {
            let host = Host { setup: setup.clone(), down: None, closed: None };
            state.hosts.insert(setup.name, host);
            state.told.push(Change::Inventory);
        });
    }

    /// Adds a pool.
    pub fn add_pool(&self, setup: PoolSetup) {
        self.change(|state| {
            let key = on(&setup.host, &setup.name);
            let pool = Pool { setup, foreign_bytes: 0, volumes: Default::default() };
            state.pools.insert(key, pool);
            state.told.push(Change::Inventory);
        });
    }

    /// Adds a network.
    pub fn add_network(&self, setup: NetworkSetup) {
        self.change(|state| {
            let key = on(&setup.host, &setup.name);
            state.networks.insert(key, Network { setup, leases: 0 });
            state.told.push(Change::Inventory);
        });
    }

    /// Puts a volume into a pool, complete, as somebody else's. A pool that is
    /// not there is made.
    pub fn add_volume(&self, volume: &VolumeRef, capacity_bytes: u64, format: VolumeFormat) {
        self.change(|state| {
            let key = state.home(&volume.host_ref, &volume.pool);
            let pool = state.pools.entry(key).or_insert_with(|| Pool {
                setup: PoolSetup::new(&volume.host_ref, &volume.pool),
                foreign_bytes: 0,
                volumes: Default::default(),
            });
            let volume_there = Volume {
                format,
                capacity_bytes,
                allocated_bytes: capacity_bytes,
                checksum: 0,
                complete: true,
                foreign: true,
                filling: 0,
            };
            pool.volumes.insert(volume.name.clone(), volume_there);
        });
    }

    /// Puts a VM onto a host, stopped, past all checks: without a tag it is
    /// somebody else's, with one it is ours from an earlier life.
    pub fn add_vm(
        &self,
        host: &str,
        spec: VmSpec,
        tag: Option<VmId>,
        disks: Vec<DiskBinding>,
    ) -> VmRef {
        let identity = self.random();
        self.change(|state| {
            let vm = Vm::new(state, identity, host, spec, tag, disks, None);
            let vm_ref = vm.vm_ref();
            state.vms.insert(vm.external_ref.clone(), vm);
            state.told.push(Change::Vm(vm_ref.clone()));
            vm_ref
        })
    }

    /// From now on VMs that are put back get other volumes, as clusters have it; those that they
    /// had are left as they are.
    pub fn move_disks_on_revert(&self) {
        self.change(|state| state.disks_move_on_revert = true);
    }

    /// Closes a host to new VMs, or opens it again.
    pub fn close_host(&self, host: &str, why: Option<&str>) {
        self.change(|state| {
            if let Some(host) = state.hosts.get_mut(host) {
                host.closed = why.map(str::to_owned);
            }
            state.told.push(Change::Inventory);
        });
    }

    /// Puts a VM into a state at once, past all rules.
    pub fn set_power(&self, vm: &VmRef, power: PowerState, reason: &str) {
        self.change(|state| state.set_power(&vm.external_ref, power, reason));
    }
}
