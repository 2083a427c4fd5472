//! Which action is admitted in which state: one pure function, matched without
//! `_`, used by the engine to refuse, by the API to list `actions`, and so by
//! the UI to grey buttons with the reason.
//!
//! | state | start | stop | force stop | reboot | reset | pause | resume | save | migrate | delete |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | running | there | yes | yes | yes | yes | yes | there | yes | yes | no |
//! | paused | no | no | yes | no | yes | there | yes | yes | no | no |
//! | suspended | no | no | yes | no | yes | no | yes | no | no | no |
//! | crashed | no | no | yes | no | yes | no | no | no | no | no |
//! | stopped, failed | yes | there | there | no | no | no | no | no | no | yes |
//! | saved | yes | there | there | no | no | no | no | there | no | yes |
//! | starting | there | no | yes | no | no | no | no | no | no | no |
//! | stopping | no | there | yes | no | yes | no | no | no | no | no |
//! | migrating, saving … | no | no | no | no | no | no | no | no | no | no |
//! | missing | no | no | no | no | no | no | no | no | no | yes |
//! | unknown | no | no | no | no | no | no | no | no | no | no |
//!
//! A snapshot can be taken of what runs, is paused or is off, and such a VM can be put
//! back to one. Not of one that is saved: disks of another time than its memory would
//! be its ruin. One that crashed can be put back to what it was before.
//! Snapshots can be deleted wherever the VM stands still or runs. What a snapshot can be
//! taken of can be cloned: what is saved cannot, for its disks are only whole together
//! with its memory, which a clone does not get. What a VM is can be changed in the same
//! states, and while its guest sleeps or has crashed; one that is saved resumes as what it
//! was. Disks are added and taken off in the same states; but a guest that is
//! paused cannot let go of one.

use super::status::VmState;
use crate::error::{Code, Error};

/// Something a user wants to happen to a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Make it run; a saved one resumes.
    Start,
    /// Ask the guest to shut down.
    Stop,
    /// Cut its power.
    ForceStop,
    /// Ask the guest to reboot.
    Reboot,
    /// Press its reset button.
    Reset,
    /// Stop its processors.
    Pause,
    /// Let its processors run again.
    Resume,
    /// Write its memory to disk and stop it.
    Save,
    /// Move it to another host while it runs.
    Migrate,
    /// Delete it.
    Delete,
    /// Open a console.
    Console,
    /// Change its description or labels, which are Hostler's own.
    Update,
    /// Take a snapshot of it.
    Snapshot,
    /// Put it back to a snapshot.
    Revert,
    /// Delete a snapshot of it.
    DeleteSnapshot,
    /// Make another VM of it, or of one of its snapshots.
    Clone,
    /// Change what it is: processors, memory, devices.
    Change,
    /// Add a disk to it.
    AttachDisk,
    /// Take a disk off it.
    DetachDisk,
    /// Make a disk of it larger.
    GrowDisk,
}

impl Action {
    /// Every action, in the order in which user interfaces list them.
    pub const ALL: &'static [Self] = &[
        Self::Start,
        Self::Stop,
        Self::ForceStop,
        Self::Reboot,
        Self::Reset,
        Self::Pause,
        Self::Resume,
        Self::Save,
        Self::Migrate,
        Self::Delete,
        Self::Console,
        Self::Update,
        Self::Snapshot,
        Self::Revert,
        Self::DeleteSnapshot,
        Self::Clone,
        Self::Change,
        Self::AttachDisk,
        Self::DetachDisk,
        Self::GrowDisk,
    ];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::ForceStop => "force_stop",
            Self::Reboot => "reboot",
            Self::Reset => "reset",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Save => "save",
            Self::Migrate => "migrate",
            Self::Delete => "delete",
            Self::Console => "console",
            Self::Update => "update",
            Self::Snapshot => "snapshot",
            Self::Revert => "revert",
            Self::DeleteSnapshot => "delete_snapshot",
            Self::Clone => "clone",
            Self::Change => "change",
            Self::AttachDisk => "attach_disk",
            Self::DetachDisk => "detach_disk",
            Self::GrowDisk => "grow_disk",
        }
    }
}

/// The verdict on an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Go ahead.
    Start,
    /// Nothing to do: it is as wanted.
    AlreadyThere,
    /// Not now, and why.
    Denied(Denial),
}

/// Why an action is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The contract.
    pub code: Code,
    /// For people: what the state is, and what is possible from it.
    pub message: String,
}

impl Denial {
    /// A refusal with a message for people.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::new(denial.code, denial.message)
    }
}

/// Whether `action` is admitted in `state`.
pub fn admit(state: VmState, action: Action) -> Admission {
    use Action as A;
    use Admission::{AlreadyThere, Start};
    use VmState as S;
    match (state, action) {
        // An operation holds it; the claim would refuse anyway, this says it earlier.
        (S::Deleting, A::Delete) => AlreadyThere,
        (S::Creating | S::Deleting, _) => {
            deny(Code::VmBusy, format!("the VM is {}", state.as_str()))
        }
        (S::Unknown, A::Update) => Start, // description and labels are ours
        (S::Unknown, _) => deny(
            Code::VmStateUnknown,
            "the VM's present state is unknown; wait until its provider answers",
        ),
        (_, A::Update) => Start,
        (S::Missing, A::Delete) => Start,
        (S::Missing, _) => wrong("the provider no longer has this VM; only delete is possible"),
        (S::Running, _) => admit_running(action),
        (S::Paused, _) => admit_paused(action),
        (S::Stopped | S::Failed | S::Saved, _) => admit_off(state, action),
        (S::Suspended | S::Crashed, A::Change) => Start,
        (S::Suspended, A::Resume | A::ForceStop | A::Reset | A::Console) => Start,
        (S::Crashed, A::Revert) | (S::Crashed | S::Suspended, A::DeleteSnapshot) => Start,
        (S::Suspended, _) => wrong("the guest sleeps; resume or force_stop it first"),
        (S::Crashed, A::ForceStop | A::Reset | A::Console) => Start,
        (S::Crashed, _) => wrong("the guest crashed and is held; reset or force_stop it first"),
        (S::Starting, A::Start) | (S::Stopping, A::Stop) | (S::Saving, A::Save) => AlreadyThere,
        (S::Starting | S::Stopping, A::ForceStop | A::Console) | (S::Stopping, A::Reset) => Start,
        (
            S::Starting | S::Stopping | S::Saving | S::Dumping | S::Snapshotting | S::Migrating,
            _,
        ) => wrong(format!("the VM is {}; wait until that is over", state.as_str())),
    }
}

fn admit_running(action: Action) -> Admission {
    match action {
        Action::Start | Action::Resume => Admission::AlreadyThere,
        Action::Delete => wrong("the VM is running; stop it first, or delete it with force"),
        Action::Stop
        | Action::ForceStop
        | Action::Reboot
        | Action::Reset
        | Action::Pause
        | Action::Save
        | Action::Migrate
        | Action::Console
        | Action::Update
        | Action::Snapshot
        | Action::Revert
        | Action::DeleteSnapshot
        | Action::Clone
        | Action::Change
        | Action::AttachDisk
        | Action::DetachDisk
        | Action::GrowDisk => Admission::Start,
    }
}

fn admit_paused(action: Action) -> Admission {
    match action {
        Action::Pause => Admission::AlreadyThere,
        Action::Resume
        | Action::ForceStop
        | Action::Reset
        | Action::Save
        | Action::Console
        | Action::Update
        | Action::Snapshot
        | Action::Revert
        | Action::DeleteSnapshot
        | Action::Clone
        | Action::Change
        | Action::AttachDisk
        | Action::GrowDisk => Admission::Start,
        // Its guest would have to let go of it.
        Action::DetachDisk => {
            wrong("the VM is paused, so its guest cannot let go; resume it first")
        }
        Action::Start => wrong("the VM is paused; resume it instead"),
        Action::Stop | Action::Reboot => {
            wrong("the VM is paused, so its guest cannot hear; resume it first")
        }
        Action::Migrate => wrong("the VM is paused; resume it first"),
        Action::Delete => wrong("the VM is paused; stop it first, or delete it with force"),
    }
}

fn admit_off(state: VmState, action: Action) -> Admission {
    match action {
        Action::Stop | Action::ForceStop => Admission::AlreadyThere,
        Action::Save if state == VmState::Saved => Admission::AlreadyThere,
        Action::Start | Action::Delete | Action::Update | Action::DeleteSnapshot => {
            Admission::Start
        }
        Action::Change if state == VmState::Saved => {
            wrong("the VM is saved, and its memory belongs to it as it is; start it first")
        }
        Action::Change => Admission::Start,
        Action::Snapshot
        | Action::Revert
        | Action::Clone
        | Action::AttachDisk
        | Action::DetachDisk
        | Action::GrowDisk
            if state == VmState::Saved =>
        {
            wrong(
                "the VM is saved, and its memory belongs to its disks as they are; start it first",
            )
        }
        Action::Snapshot
        | Action::Revert
        | Action::Clone
        | Action::AttachDisk
        | Action::DetachDisk
        | Action::GrowDisk => Admission::Start,
        Action::Reboot
        | Action::Reset
        | Action::Pause
        | Action::Resume
        | Action::Save
        | Action::Migrate
        | Action::Console => wrong(format!("the VM is {}; start it first", state.as_str())),
    }
}

fn wrong(message: impl Into<String>) -> Admission {
    deny(Code::VmWrongState, message)
}

fn deny(code: Code, message: impl Into<String>) -> Admission {
    Admission::Denied(Denial::new(code, message))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;

    #[test]
    fn c4_the_whole_table_is_as_documented() {
        let mut table = String::new();
        for state in VmState::ALL {
            write!(table, "{:13}", state.as_str()).unwrap();
            for action in Action::ALL {
                let mark = match admit(*state, *action) {
                    Admission::Start => "yes",
                    Admission::AlreadyThere => "there",
                    Admission::Denied(_) => "-",
                };
                write!(table, " {mark:5}").unwrap();
            }
            table.truncate(table.trim_end().len());
            table.push('\n');
        }
        //             start stop  force reboo reset pause resum save  migra delet conso update snaps revert delsn clone chang attac detac
        expect![[r#"
            creating      -     -     -     -     -     -     -     -     -     -     -     -     -     -     -     -     -     -     -     -
            deleting      -     -     -     -     -     -     -     -     -     there -     -     -     -     -     -     -     -     -     -
            running       there yes   yes   yes   yes   yes   there yes   yes   -     yes   yes   yes   yes   yes   yes   yes   yes   yes   yes
            paused        -     -     yes   -     yes   there yes   yes   -     -     yes   yes   yes   yes   yes   yes   yes   yes   -     yes
            starting      there -     yes   -     -     -     -     -     -     -     yes   yes   -     -     -     -     -     -     -     -
            stopping      -     there yes   -     yes   -     -     -     -     -     yes   yes   -     -     -     -     -     -     -     -
            stopped       yes   there there -     -     -     -     -     -     yes   -     yes   yes   yes   yes   yes   yes   yes   yes   yes
            saved         yes   there there -     -     -     -     there -     yes   -     yes   -     -     yes   -     -     -     -     -
            suspended     -     -     yes   -     yes   -     yes   -     -     -     yes   yes   -     -     yes   -     yes   -     -     -
            saving        -     -     -     -     -     -     -     there -     -     -     yes   -     -     -     -     -     -     -     -
            dumping       -     -     -     -     -     -     -     -     -     -     -     yes   -     -     -     -     -     -     -     -
            snapshotting  -     -     -     -     -     -     -     -     -     -     -     yes   -     -     -     -     -     -     -     -
            migrating     -     -     -     -     -     -     -     -     -     -     -     yes   -     -     -     -     -     -     -     -
            crashed       -     -     yes   -     yes   -     -     -     -     -     yes   yes   -     yes   yes   -     yes   -     -     -
            failed        yes   there there -     -     -     -     -     -     yes   -     yes   yes   yes   yes   yes   yes   yes   yes   yes
            missing       -     -     -     -     -     -     -     -     -     yes   -     yes   -     -     -     -     -     -     -     -
            unknown       -     -     -     -     -     -     -     -     -     -     -     yes   -     -     -     -     -     -     -     -
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn i6_nothing_is_done_to_a_vm_whose_state_is_unknown() {
        for action in Action::ALL.iter().filter(|a| **a != Action::Update) {
            let Admission::Denied(denial) = admit(VmState::Unknown, *action) else {
                panic!("{action:?} was admitted");
            };
            assert_eq!(denial.code, Code::VmStateUnknown);
        }
    }

    #[test]
    fn every_refusal_says_the_state_or_what_to_do() {
        for state in VmState::ALL {
            for action in Action::ALL {
                if let Admission::Denied(denial) = admit(*state, *action) {
                    assert!(denial.message.len() > 10, "{state:?} {action:?}");
                }
            }
        }
    }
}
