//! Calls whose effect comes late: the caller has given up, and the place does
//! all the same what it was asked.
//!
//! ```text
//!   caller ──► arrives ──► error with unknown effect, or no answer at all
//!                  └─ later, by itself or by World::land ──► the effect
//! ```
//!
//! Such an effect meets the world as it is then: a VM that is there already is
//! not made twice, and a start of a VM that is gone changes nothing.

use std::time::Duration;

use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use hostler_provider::{DiskBinding, EnsureVm, Kind, VolumeRef};

use crate::world::World;
use crate::world::state::State;

/// A call whose effect comes late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    /// The kind of the error that the caller gets at once, its effect unknown;
    /// `None`: no answer ever, so that the caller's deadline or cancel ends the
    /// call.
    pub answer: Option<Kind>,
    /// How long after the call the effect comes; `None`: when [`World::land`]
    /// says so.
    pub after: Option<Duration>,
}

impl Late {
    /// No answer, and an effect so long after the call.
    pub const fn silent(after: Duration) -> Self {
        Self { answer: None, after: Some(after) }
    }

    /// No answer, and an effect when [`World::land`] says so.
    pub const fn held() -> Self {
        Self { answer: None, after: None }
    }

    /// The same with an error at once instead of no answer.
    #[must_use]
    pub const fn answered(self, kind: Kind) -> Self {
        Self { answer: Some(kind), ..self }
    }
}

/// What a call does to the world, kept until its time comes.
pub(crate) type Landing = Box<dyn FnOnce(&mut State) + Send>;

/// A request that outlives its caller.
pub(crate) struct OwnedVm {
    vm: VmId,
    spec: VmSpec,
    host_ref: String,
    disks: Vec<DiskBinding>,
    seed: Option<VolumeRef>,
}

impl OwnedVm {
    pub(crate) fn of(request: &EnsureVm<'_>) -> Self {
        Self {
            vm: request.vm,
            spec: request.spec.clone(),
            host_ref: request.host_ref.to_owned(),
            disks: request.disks.to_vec(),
            seed: request.seed.cloned(),
        }
    }

    pub(crate) fn request(&self) -> EnsureVm<'_> {
        EnsureVm {
            vm: self.vm,
            spec: &self.spec,
            host_ref: &self.host_ref,
            disks: &self.disks,
            seed: self.seed.as_ref(),
        }
    }
}

impl World {
    /// Lets all effects that are held back come true, in the order of their
    /// calls; how many there were.
    pub fn land(&self) -> usize {
        let held = self.take_held();
        let count = held.len();
        held.into_iter().for_each(|landing| self.change(landing));
        count
    }

    /// Lets an effect come true after its time, or holds it back.
    pub(crate) fn land_late(&self, after: Option<Duration>, landing: Landing) {
        match after {
            None => self.hold(landing),
            Some(after) => self.after(after, move |world| world.change(landing)),
        }
    }
}
