//! Which consoles a VM has now.

use hostler_core::vm::PowerState;
use hostler_core::vm::observed::ConsoleKind;
use hostler_core::{Fact, Timestamp};

use super::source::VMI_SPEC;
use crate::objects::VirtualMachineInstance;
use crate::objects::domain::Devices;

/// The kinds that a VM of these devices has once it runs: both, unless it says
/// otherwise.
pub(super) fn kinds(devices: &Devices) -> Vec<ConsoleKind> {
    let mut kinds = Vec::new();
    if !devices.autoattach_serial_console.is_false() {
        kinds.push(ConsoleKind::Serial);
    }
    if !devices.autoattach_graphics_device.is_false() {
        kinds.push(ConsoleKind::Vnc);
    }
    kinds
}

/// Those that can be opened now: none unless a hypervisor holds it.
pub(super) fn consoles(
    vmi: Option<&VirtualMachineInstance>,
    power: PowerState,
    at: Timestamp,
) -> Fact<Vec<ConsoleKind>> {
    let Some(vmi) = vmi.filter(|vmi| vmi.status.phase.text() == Some("Running")) else {
        return match power {
            PowerState::Unknown => Fact::unavailable(VMI_SPEC, "its state is unknown"),
            _ => Fact::seen(Vec::new(), VMI_SPEC, at),
        };
    };
    let devices = vmi.spec.as_ref().and_then(|spec| spec.domain.as_ref()?.devices.as_ref());
    match devices {
        Some(devices) => Fact::seen(kinds(devices), VMI_SPEC, at),
        None => Fact::unavailable(VMI_SPEC, "the instance does not tell its devices"),
    }
}
