//! What the guest of an instance says of itself, as its node had it from the guest's agent and
//! wrote it into the instance. The host name and the agent's version are not among it: the
//! cluster tells these only to who asks for one instance at a time, and nobody does here.

use hostler_core::vm::guest::{self, GuestInfo};
use hostler_core::{Fact, Timestamp};

use crate::objects::VirtualMachineInstance;
use crate::objects::part::Part;

/// What it says while its agent is connected: of an agent that is gone, what it said last may
/// be of another system by now.
pub(super) fn told(running: Option<&VirtualMachineInstance>, at: Timestamp) -> Fact<GuestInfo> {
    let none = |reason| Fact::unavailable(guest::SOURCE, reason);
    let Some(vmi) = running else { return none("its guest tells it only while it runs") };
    if !vmi.status.conditions.is_true("AgentConnected") {
        return none("no guest agent is connected");
    }
    let os = &vmi.status.guest_os_info;
    let text = |part: &Part<String>| part.text().and_then(guest::text);
    let told = GuestInfo {
        os_id: text(&os.id),
        os_name: text(&os.name),
        os_pretty_name: text(&os.pretty_name),
        os_version: text(&os.version).or_else(|| text(&os.version_id)),
        kernel_release: text(&os.kernel_release),
        kernel_version: text(&os.kernel_version),
        machine: text(&os.machine),
        host_name: None,
        agent_version: None,
    };
    match told.is_empty() {
        true => none("its guest agent has not told it yet"),
        false => Fact::seen(told, guest::SOURCE, at),
    }
}
