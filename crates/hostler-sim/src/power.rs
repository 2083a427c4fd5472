//! Starting, stopping and pausing simulated VMs. The rules are in
//! [`crate::world::guest`]; here is only the waiting for their effect.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::vm::PowerState;
use hostler_provider::{Cx, Error, Kind, Power, Result, StopMode, VmRef};

use crate::late::Landing;
use crate::verb::Verb;
use crate::world::guest::{gone, wrong_state};
use crate::world::state::State;
use crate::{Sim, Target};

#[async_trait]
impl Power for Sim {
    async fn start(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let effect = async {
            self.world.change(|state| state.begin_start(vm))?;
            self.reaches(vm, PowerState::Starting, PowerState::Running).await
        };
        self.gate(cx, Verb::Start, Target::Vm(vm), landing(vm, State::begin_start), effect).await
    }

    async fn stop(&self, cx: &Cx, vm: &VmRef, mode: StopMode) -> Result<()> {
        let landing = landing(vm, move |state, vm| match mode {
            StopMode::Force => state.cut_power(vm),
            StopMode::Graceful { .. } => state.ask_shutdown(vm).map(drop),
            StopMode::GracefulThenForce { .. } => {
                state.ask_shutdown(vm)?;
                match state.vm(vm)?.power {
                    PowerState::Stopping => Ok(()),
                    _ => state.cut_power(vm),
                }
            }
        });
        self.gate(cx, Verb::Stop, Target::Vm(vm), landing, async {
            match mode {
                StopMode::Force => self.world.change(|state| state.cut_power(vm)),
                StopMode::Graceful { within } => {
                    if self.shuts_down(vm, within).await? {
                        return Ok(());
                    }
                    let message = format!("the guest of {vm} did not shut down within {within:?}");
                    // It was asked, and may still obey.
                    Err(Error::new(Kind::Timeout, message).with_unknown_effect())
                }
                StopMode::GracefulThenForce { within } => {
                    if self.shuts_down(vm, within).await? {
                        return Ok(());
                    }
                    self.world.change(|state| state.cut_power(vm))
                }
            }
        })
        .await
    }

    async fn reboot(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.at_once(cx, Verb::Reboot, vm, State::ask_reboot).await
    }

    async fn reset(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.at_once(cx, Verb::Reset, vm, State::press_reset).await
    }

    async fn pause(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.at_once(cx, Verb::Pause, vm, State::pause).await
    }

    async fn resume(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.at_once(cx, Verb::Resume, vm, State::resume).await
    }

    async fn save(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let effect = async {
            self.world.change(|state| state.begin_save(vm))?;
            self.reaches(vm, PowerState::Saving, PowerState::Saved).await
        };
        self.gate(cx, Verb::Save, Target::Vm(vm), landing(vm, State::begin_save), effect).await
    }
}

/// A verb on its way to a VM, for when its caller has given up.
fn landing(
    vm: &VmRef,
    effect: impl FnOnce(&mut State, &VmRef) -> Result<()> + Send + 'static,
) -> Landing {
    let vm = vm.clone();
    // Nobody hears of a refusal any more.
    Box::new(move |state| drop(effect(state, &vm)))
}

impl Sim {
    async fn at_once(
        &self,
        cx: &Cx,
        verb: Verb,
        vm: &VmRef,
        effect: fn(&mut State, &VmRef) -> Result<()>,
    ) -> Result<()> {
        let now = async { self.world.change(|state| effect(state, vm)) };
        self.gate(cx, verb, Target::Vm(vm), landing(vm, effect), now).await
    }

    /// Waits while the VM is on its way, and says whether it arrived.
    async fn reaches(&self, vm: &VmRef, by: PowerState, wanted: PowerState) -> Result<()> {
        let arrived = self.world.wait_for(|state| match state.vm(vm) {
            Err(_) => Some(None),
            Ok(found) => (found.power != by).then_some(Some(found.power)),
        });
        match arrived.await {
            Some(power) if power == wanted => Ok(()),
            Some(other) => Err(wrong_state(vm, other).with_unknown_effect()),
            None => Err(gone(vm)),
        }
    }

    /// Presses the power button and waits until the VM is off.
    async fn shuts_down(&self, vm: &VmRef, within: Duration) -> Result<bool> {
        let times_off = self.world.change(|state| state.ask_shutdown(vm))?;
        let off = self.world.wait_for(|state| match state.vm(vm) {
            // Somebody may have started it again before this could look.
            Ok(found) => (!found.power.is_live() || found.times_off > times_off).then_some(()),
            Err(_) => Some(()), // gone is off
        });
        Ok(tokio::time::timeout(within, off).await.is_ok())
    }
}
