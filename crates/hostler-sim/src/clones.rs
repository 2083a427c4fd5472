//! Clones of simulated VMs. The rules are in [`crate::world::clones`].

use async_trait::async_trait;
use hostler_core::clone::CloneLimits;
use hostler_core::id::VmId;
use hostler_provider::{CloneHandle, Clones, Cx, EnsureClone, Result};

use crate::verb::Verb;
use crate::world::clones::{LIMITS, Wanted};
use crate::world::state::State;
use crate::{Sim, Target};

#[async_trait]
impl Clones for Sim {
    fn limits(&self) -> CloneLimits {
        LIMITS
    }

    async fn ensure_clone(&self, cx: &Cx, request: &EnsureClone<'_>) -> Result<CloneHandle> {
        let (wanted, identity) = (Wanted::of(request), self.world.random());
        let late = wanted.clone();
        // Nobody hears of a refusal any more.
        let landing = Box::new(move |state: &mut State| drop(state.ensure_clone(identity, &late)));
        let effect = async { self.world.change(|state| state.ensure_clone(identity, &wanted)) };
        self.gate(cx, Verb::EnsureClone, Target::Vm(request.source), landing, effect).await
    }

    async fn remove_clone(&self, cx: &Cx, vm: VmId) -> Result<bool> {
        let landing = Box::new(move |state: &mut State| drop(state.remove_clone(vm)));
        let effect = async {
            if self.world.read(|state| state.tagged(vm).is_none()) {
                // It may be on a host that does not answer: "nothing" would be a guess.
                self.world.all_answer()?;
            }
            self.world.change(|state| state.remove_clone(vm))
        };
        self.gate(cx, Verb::RemoveClone, Target::Everything, landing, effect).await
    }
}
