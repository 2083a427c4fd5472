//! Playing fate: what befalls a world without anybody asking for it.

use hostler_core::vm::{Governance, PowerState};
use hostler_provider::{Change, VmRef, VolumeRef};

use super::World;
use super::vm::Guest;

impl World {
    /// Sets what kind of guest runs in a VM.
    pub fn set_guest(&self, vm: &VmRef, guest: Guest) {
        self.change(|state| {
            if let Ok(vm) = state.vm_mut(vm) {
                vm.guest = guest;
            }
        });
    }

    /// Sets what kind of guest runs in every VM made from now on.
    pub fn set_default_guest(&self, guest: Guest) {
        self.change(|state| state.default_guest = guest);
    }

    /// The guest's kernel panics; the VM is held for inspection.
    pub fn crash_guest(&self, vm: &VmRef) {
        self.set_power(vm, PowerState::Crashed, "panicked");
    }

    /// The process behind the VM dies.
    pub fn kill_vm(&self, vm: &VmRef) {
        self.set_power(vm, PowerState::Failed, "crashed");
    }

    /// Writing fails for lack of room, so the hypervisor holds the VM.
    pub fn io_error(&self, vm: &VmRef) {
        self.set_power(vm, PowerState::Paused, "io_error");
    }

    /// Somebody else removes the VM behind our back, whatever its state.
    pub fn vanish_vm(&self, vm: &VmRef) {
        self.change(|state| {
            if let Some(mut gone) = state.vms.remove(&vm.external_ref) {
                gone.hang_up();
                state.told.push(Change::Vm(vm.clone()));
            }
        });
    }

    /// Somebody else renames the VM.
    pub fn rename_vm(&self, vm: &VmRef, name: &str) {
        self.change(|state| {
            if let Some(found) = state.vms.get_mut(&vm.external_ref) {
                name.clone_into(&mut found.name);
                let told = Change::Vm(found.vm_ref());
                state.told.push(told);
            }
        });
    }

    /// The VM is in a namespace from now on, as those of a cluster are.
    pub fn put_in(&self, vm: &VmRef, namespace: &str) {
        self.change(|state| {
            if let Some(found) = state.vms.get_mut(&vm.external_ref) {
                found.namespace = Some(namespace.to_owned());
                let told = Change::Vm(found.vm_ref());
                state.told.push(told);
            }
        });
    }

    /// The VM says by labels what it belongs to, as those of a cluster do.
    pub fn belongs_to(&self, vm: &VmRef, system: &str, service: &str, instance: &str) {
        let said = [system, service, instance].map(|name| Some(name.to_owned()));
        self.change(|state| {
            if let Some(found) = state.vms.get_mut(&vm.external_ref) {
                let [system, service, instance] = said;
                found.governance = Governance { system, service, instance };
                let told = Change::Vm(found.vm_ref());
                state.told.push(told);
            }
        });
    }

    /// The VM says that it runs by something else than the simulator.
    pub fn run_by(&self, vm: &VmRef, hypervisor: &str) {
        self.change(|state| {
            if let Some(found) = state.vms.get_mut(&vm.external_ref) {
                hypervisor.clone_into(&mut found.hypervisor);
                let told = Change::Vm(found.vm_ref());
                state.told.push(told);
            }
        });
    }

    /// Somebody else moves the VM to another host while it runs.
    pub fn move_vm(&self, vm: &VmRef, host: &str) {
        self.change(|state| {
            if let Some(found) = state.vms.get_mut(&vm.external_ref) {
                host.clone_into(&mut found.host);
                let told = Change::Vm(found.vm_ref());
                state.told.push(told);
            }
        });
    }

    /// A host loses power: it no longer answers, and what ran on it has ended,
    /// which nobody can see until it is back.
    pub fn crash_host(&self, host: &str) {
        self.change(|state| {
            if let Some(host) = state.hosts.get_mut(host) {
                host.down = Some("no route to host (simulated)".to_owned());
            }
            let mut broken = Vec::new();
            for vm in state.vms.values_mut().filter(|vm| vm.host == host) {
                broken.extend(vm.migration.take());
                if vm.power.is_live() {
                    vm.turn += 1;
                    vm.power = PowerState::Stopped;
                    // What a hypervisor says that lost its notes with the power.
                    "unknown".clone_into(&mut vm.reason);
                    vm.running_since = None;
                }
                vm.hang_up();
            }
            for migration in broken {
                state.break_migration(&migration, PowerState::Stopped);
            }
            state.told.push(Change::Inventory);
        });
    }

    /// Cuts a host off; what runs there runs on.
    pub fn isolate_host(&self, host: &str) {
        self.change(|state| {
            if let Some(host) = state.hosts.get_mut(host) {
                host.down = Some("no route to host (simulated)".to_owned());
            }
            state.told.push(Change::Inventory);
        });
    }

    /// The host answers again.
    pub fn restore_host(&self, host: &str) {
        self.change(|state| {
            if let Some(host) = state.hosts.get_mut(host) {
                host.down = None;
            }
            state.told.push(Change::Inventory);
        });
    }

    /// The connection to the provider is lost: every call fails as unavailable
    /// without effect, and nothing is told.
    pub fn disconnect(&self) {
        self.faults().set_disconnected(true);
    }

    /// The connection is back; watchers are told that they missed something.
    pub fn reconnect(&self) {
        self.faults().set_disconnected(false);
        self.emit(Change::Lost { reason: "the connection was lost".to_owned() });
    }

    /// Tells watchers something, true or not: events from the past, of unknown
    /// VMs, or without cause.
    pub fn emit(&self, change: Change) {
        self.change(|state| state.told.push(change));
    }

    /// A guest writes into a volume: its bytes have this checksum now.
    pub fn write_volume(&self, volume: &VolumeRef, checksum: u64) {
        self.change(|state| {
            let home = state.home(&volume.host_ref, &volume.pool);
            if let Some(pool) = state.pools.get_mut(&home)
                && let Some(written) = pool.volumes.get_mut(&volume.name)
            {
                written.checksum = checksum;
            }
        });
    }

    /// Something else takes all the room that a pool has left.
    pub fn fill_pool(&self, host: &str, pool: &str) {
        self.leave_room(host, pool, 0);
    }

    /// Something else takes the room of a pool until so many bytes are left.
    pub fn leave_room(&self, host: &str, pool: &str, bytes: u64) {
        self.change(|state| {
            let home = state.home(host, pool);
            if let Some(pool) = state.pools.get_mut(&home) {
                pool.foreign_bytes = 0;
                pool.foreign_bytes = pool.available().saturating_sub(bytes);
            }
            state.told.push(Change::Inventory);
        });
    }
}
