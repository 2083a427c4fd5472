//! What a fleet does when nobody asks it to: guests reboot, shut down, are
//! paused, crash, and come back. By seed, so that the same things happen in the
//! same order.

use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_provider::{Result, VmRef};

use super::Dice;
use crate::world::World;
use crate::world::state::State;

/// One future of the VMs that a world has now. VMs made later are left alone:
/// what users make in a demo is theirs.
pub struct Life {
    world: World,
    dice: Dice,
    vms: Vec<VmRef>,
}

impl Life {
    /// The future of `seed`.
    pub fn new(world: &World, seed: u64) -> Self {
        let vms = world.census().vms.into_iter().map(|record| record.vm).collect();
        Self { world: world.clone(), dice: Dice::new(seed), vms }
    }

    /// Lets something happen to one VM, or nothing. The chances are such that
    /// about seven of ten VMs run in the long term.
    pub fn tick(&self) {
        let Some(vm) = self.vms.get(self.dice.below(self.vms.len())) else { return };
        let (chance, event) = (self.dice.below(100), self.dice.below(100));
        // A VM that was removed, or has no room to start, is passed over.
        let _passed_over: Result<()> = self.world.change(|state| befall(state, vm, chance, event));
    }
}

/// Lets something happen every so often, for ever; drop it to end it.
pub async fn live(world: World, seed: u64, every: Duration) {
    let life = Life::new(&world, seed);
    loop {
        tokio::time::sleep(every).await;
        life.tick();
    }
}

fn befall(state: &mut State, vm: &VmRef, chance: usize, event: usize) -> Result<()> {
    let power = state.vm(vm)?.power;
    let is_moved = match power {
        PowerState::Running => chance < 35,
        _ => chance < 80,
    };
    if !is_moved {
        return Ok(());
    }
    match power {
        PowerState::Running => match event {
            0..30 => state.ask_reboot(vm),
            30..65 => state.ask_shutdown(vm).map(drop),
            65..80 => state.pause(vm),
            80..88 => state.begin_save(vm),
            88..94 => {
                state.set_power(&vm.external_ref, PowerState::Crashed, "panicked");
                Ok(())
            }
            94..97 => {
                state.set_power(&vm.external_ref, PowerState::Failed, "crashed");
                Ok(())
            }
            _ => {
                state.set_power(&vm.external_ref, PowerState::Paused, "io_error");
                Ok(())
            }
        },
        PowerState::Stopped | PowerState::Saved | PowerState::Failed => state.begin_start(vm),
        PowerState::Paused | PowerState::Suspended => state.resume(vm),
        PowerState::Crashed => state.press_reset(vm),
        // On its way already.
        PowerState::Starting
        | PowerState::Stopping
        | PowerState::Saving
        | PowerState::Dumping
        | PowerState::Snapshotting
        | PowerState::Migrating
        | PowerState::Unknown => Ok(()),
    }
}
