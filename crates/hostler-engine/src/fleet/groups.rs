//! Which group of a provider's abilities an action asks for.

use hostler_core::vm::Action;
use hostler_provider::Group;

/// The group that `action` needs; `None` where Hostler does it alone.
pub(super) const fn group_of(action: Action) -> Option<Group> {
    match action {
        Action::Start
        | Action::Stop
        | Action::ForceStop
        | Action::Reboot
        | Action::Reset
        | Action::Pause
        | Action::Resume
        | Action::Save => Some(Group::Power),
        Action::Migrate => Some(Group::Migrate),
        Action::Delete => Some(Group::Create),
        Action::Console => Some(Group::Console),
        Action::Snapshot | Action::Revert | Action::DeleteSnapshot => Some(Group::Snapshots),
        Action::Clone => Some(Group::Clones),
        Action::AttachDisk | Action::DetachDisk | Action::GrowDisk => Some(Group::Disks),
        Action::Change => Some(Group::Configure),
        Action::Update => None,
    }
}
