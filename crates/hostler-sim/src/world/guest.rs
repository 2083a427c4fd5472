//! The life of a guest: which state follows which, at once or in its time.
//!
//! ```text
//!            begin_start           (guest.start)
//!   stopped ────────────► starting ────────────► running ◄─────────► paused
//!   saved  ─┘                                    │  │  │   pause, resume
//!   failed ─┘       ask_shutdown (if it obeys)   │  │  └► suspended, crashed (by itself)
//!      ▲     (guest.shutdown)                    │  │
//!      ├──────────────────── stopping ◄──────────┘  │ begin_save
//!      ├── cut_power, from any live state           ▼
//!      │                       (guest.save)
//!   saved ◄───────────────────────────────────── saving
//! ```
//!
//! What takes its time is a [`Due`]; it is void when another change of state
//! came first, as when the power is cut while the guest shuts down.

use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_provider::{Change, Error, Kind, Result, VmRef};
use tokio::time::Instant;

use super::state::{Due, State, no_such_vm};
use super::vm::Vm;

impl State {
    /// Puts a VM into a state now and tells so. Absent VMs are left alone.
    pub(crate) fn set_power(&mut self, external_ref: &str, power: PowerState, reason: &str) {
        let Some(vm) = self.vms.get_mut(external_ref) else { return };
        vm.turn += 1;
        vm.times_off += u64::from(vm.power.is_live() && !power.is_live());
        vm.power = power;
        reason.clone_into(&mut vm.reason);
        if !power.is_live() {
            vm.running_since = None;
            vm.hang_up();
            // What is saved goes on as what it was.
            if power != PowerState::Saved
                && let Some(spec) = vm.becomes.take()
            {
                vm.spec = spec;
            }
        } else if power == PowerState::Running && vm.running_since.is_none() {
            vm.running_since = Some(Instant::now());
        }
        let vm_ref = vm.vm_ref();
        let broken = vm.migration.take_if(|_| power != PowerState::Migrating);
        self.told.push(Change::Vm(vm_ref));
        if let Some(migration) = broken {
            self.break_migration(&migration, power);
        }
    }

    /// Lets a VM reach a state after some time.
    fn set_power_after(
        &mut self,
        external_ref: &str,
        after: Duration,
        becomes: PowerState,
        reason: &'static str,
    ) {
        if after.is_zero() {
            return self.set_power(external_ref, becomes, reason);
        }
        let Some(vm) = self.vms.get(external_ref) else { return };
        let (turn, migration) = (vm.turn, None);
        let due = Due { after, vm: vm.external_ref.clone(), turn, becomes, reason, migration };
        self.due.push(due);
    }

    /// What was to come comes, unless something else came first.
    pub(crate) fn come_true(&mut self, due: &Due) {
        if self.vms.get(&due.vm).is_none_or(|vm| vm.turn != due.turn) {
            return;
        }
        match &due.migration {
            Some(migration) => self.arrive(migration),
            None => self.set_power(&due.vm, due.becomes, due.reason),
        }
    }

    /// Begins to start it. Running or starting is success.
    pub(crate) fn begin_start(&mut self, vm: &VmRef) -> Result<()> {
        let found = self.vm(vm)?;
        let (takes, bytes, host) = (found.guest.start, found.spec.memory.bytes, found.host.clone());
        let reason = match found.power {
            PowerState::Running | PowerState::Starting => return Ok(()),
            PowerState::Saved => "restored",
            PowerState::Stopped | PowerState::Failed => "booted",
            other => return Err(wrong_state(vm, other)),
        };
        let installed = self.hosts.get(&host).map_or(0, |host| host.setup.memory_bytes);
        if self.live_memory(&host).saturating_add(bytes) > installed {
            let message = format!("host {host} has not enough free memory for {vm}");
            return Err(Error::new(Kind::Exhausted, message));
        }
        self.set_power(&vm.external_ref, PowerState::Starting, reason);
        self.set_power_after(&vm.external_ref, takes, PowerState::Running, reason);
        Ok(())
    }

    /// Presses the power button. A guest that does not hear it runs on. Returns
    /// how often the VM was off before.
    pub(crate) fn ask_shutdown(&mut self, vm: &VmRef) -> Result<u64> {
        let found = self.vm(vm)?;
        let times_off = found.times_off;
        if found.power == PowerState::Running && found.guest.obeys_acpi {
            let takes = found.until_booted() + found.guest.shutdown;
            self.set_power(&vm.external_ref, PowerState::Stopping, "shutdown");
            self.set_power_after(&vm.external_ref, takes, PowerState::Stopped, "shutdown");
        }
        Ok(times_off)
    }

    /// Cuts its power. Off is success.
    pub(crate) fn cut_power(&mut self, vm: &VmRef) -> Result<()> {
        if self.vm(vm)?.power.is_live() {
            self.set_power(&vm.external_ref, PowerState::Stopped, "destroyed");
        }
        Ok(())
    }

    /// Asks the guest to reboot.
    pub(crate) fn ask_reboot(&mut self, vm: &VmRef) -> Result<()> {
        let found = self.vm_mut(vm)?;
        if found.power != PowerState::Running {
            return Err(wrong_state(vm, found.power));
        }
        if found.guest.obeys_acpi {
            let down = found.until_booted() + found.guest.shutdown;
            found.running_since = Some(Instant::now() + down);
            self.told.push(Change::Vm(vm.clone()));
        }
        Ok(())
    }

    /// Presses the reset button: the guest boots anew, and runs unless paused.
    pub(crate) fn press_reset(&mut self, vm: &VmRef) -> Result<()> {
        let found = self.vm_mut(vm)?;
        let becomes = match found.power {
            PowerState::Paused => PowerState::Paused,
            PowerState::Running
            | PowerState::Stopping
            | PowerState::Suspended
            | PowerState::Crashed => PowerState::Running,
            other => return Err(wrong_state(vm, other)),
        };
        found.running_since = Some(Instant::now());
        let reason = if becomes == PowerState::Paused { "user" } else { "booted" };
        self.set_power(&vm.external_ref, becomes, reason);
        Ok(())
    }

    /// Stops its processors. Paused is success.
    pub(crate) fn pause(&mut self, vm: &VmRef) -> Result<()> {
        match self.vm(vm)?.power {
            PowerState::Paused => Ok(()),
            PowerState::Running => {
                self.set_power(&vm.external_ref, PowerState::Paused, "user");
                Ok(())
            }
            other => Err(wrong_state(vm, other)),
        }
    }

    /// Lets its processors run again. Running is success.
    pub(crate) fn resume(&mut self, vm: &VmRef) -> Result<()> {
        let reason = match self.vm(vm)?.power {
            PowerState::Running => return Ok(()),
            PowerState::Paused => "unpaused",
            PowerState::Suspended => "wakeup",
            other => return Err(wrong_state(vm, other)),
        };
        self.set_power(&vm.external_ref, PowerState::Running, reason);
        Ok(())
    }

    /// Begins to write its memory to disk. Saved is success.
    pub(crate) fn begin_save(&mut self, vm: &VmRef) -> Result<()> {
        let found = self.vm(vm)?;
        let takes = found.guest.save;
        match found.power {
            PowerState::Saved | PowerState::Saving => Ok(()),
            PowerState::Running | PowerState::Paused => {
                self.set_power(&vm.external_ref, PowerState::Saving, "user");
                self.set_power_after(&vm.external_ref, takes, PowerState::Saved, "saved");
                Ok(())
            }
            other => Err(wrong_state(vm, other)),
        }
    }

    /// Takes the VM out of the world. Absent is success; a live one is a conflict.
    pub(crate) fn remove_vm(&mut self, vm: &VmRef) -> Result<()> {
        match self.vms.get(&vm.external_ref) {
            None => return Ok(()),
            Some(found) if found.power.is_live() => return Err(wrong_state(vm, found.power)),
            Some(_) => {}
        }
        self.vms.remove(&vm.external_ref);
        self.migrations.retain(|one| one.vm.external_ref != vm.external_ref);
        self.told.push(Change::Vm(vm.clone()));
        Ok(())
    }
}

impl Vm {
    /// How long until the guest hears the power button.
    fn until_booted(&self) -> Duration {
        let booted_at = self.running_since.map(|since| since + self.guest.boot);
        booted_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether the guest hears what it is told.
    pub(crate) fn is_booted(&self) -> bool {
        self.until_booted().is_zero()
    }

    /// Closes its consoles.
    pub(crate) fn hang_up(&mut self) {
        for (_, open) in self.consoles.drain(..) {
            open.cancel();
        }
    }
}

/// The refusal of a verb in a state that has no use for it.
pub(crate) fn wrong_state(vm: &VmRef, power: PowerState) -> Error {
    let word = hostler_core::vm::VmState::from(power).as_str();
    Error::new(Kind::Conflict, format!("VM {vm} is {word}"))
}

/// The refusal when a VM went while somebody waited for it.
pub(crate) fn gone(vm: &VmRef) -> Error {
    no_such_vm(vm).with_unknown_effect()
}
