//! What to do when the stream of a console broke off, which says nothing of why: a VM
//! that stopped, one that moved, somebody else who opened it, a server that went, all
//! end a stream in the same way. What tells them apart is how the VM is seen now.

use hostler_core::vm::PowerState;

use crate::mapper::MappedVm;

/// What became of a VM whose console broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum After {
    /// It was turned off: so is its console.
    Over,
    /// Its memory is on its way to another node: that has to end first.
    Moving,
    /// It runs on there.
    Moved(Option<String>),
    /// It runs where it ran. Going on would cut off whoever has it now.
    CutOff,
}

/// Decides, by the instance and the node that the stream was opened to, and the VM now.
pub(super) fn after(run: &str, node: Option<&str>, now: Option<&MappedVm>) -> After {
    let Some(now) = now.filter(|now| now.instance_uid.as_deref() == Some(run)) else {
        return After::Over;
    };
    match now.vm.power {
        PowerState::Stopped | PowerState::Stopping | PowerState::Failed => After::Over,
        PowerState::Migrating => After::Moving,
        _ if now.vm.host_ref.as_deref() != node => After::Moved(now.vm.host_ref.clone()),
        _ => After::CutOff,
    }
}

/// Whether a VM that is seen so has certainly lost its console, whatever its stream says.
pub(super) fn has_ended(run: &str, now: Option<&MappedVm>) -> bool {
    now.is_none_or(|now| {
        now.instance_uid.as_deref() != Some(run)
            || matches!(now.vm.power, PowerState::Stopped | PowerState::Failed)
    })
}
