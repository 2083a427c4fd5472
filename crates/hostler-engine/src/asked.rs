//! A VM with its provider, ready to be asked: what the use cases look at before they take
//! a change of it on.

use std::sync::Arc;

use hostler_core::Result;
use hostler_core::id::VmId;
use hostler_core::vm::PowerState;
use hostler_provider::Provider;
use hostler_store::AsRead;

use crate::operations::AtVm;
use crate::vms::{Vms, place_of};
use crate::{Inner, VmView};

/// A VM with its provider.
pub(crate) struct Asked {
    pub(crate) vm: Arc<VmView>,
    /// Where it is.
    pub(crate) at: AtVm,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Asked {
    /// The VM with that id, at its provider.
    pub(crate) fn of(engine: &Arc<Inner>, vm: VmId) -> Result<Self> {
        let vm = Vms::new(engine).get(vm)?;
        let at = place_of(&vm)?;
        let provider = engine.provider(at.provider)?;
        Ok(Self { vm, at, provider })
    }

    /// What it does, as far as that was seen; nothing is done where it was not.
    pub(crate) fn power(&self) -> PowerState {
        self.vm.observed.as_ref().map_or(PowerState::Unknown, |seen| seen.power)
    }
}

impl VmView {
    /// What an operation is prepared from that goes by the VM's volumes, and by what is asked
    /// of it where a generation is given.
    pub(crate) fn as_read(&self, generation: Option<u64>) -> Option<AsRead> {
        let bindings = self.row.as_ref()?.bindings.clone();
        Some(AsRead { vm: self.id, generation, bindings })
    }
}
