//! Who has which console through this provider. KubeVirt cannot be asked, so that of
//! two here the second is refused, or the first is told that it was taken over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_core::vm::observed::ConsoleKind;
use hostler_provider::VmRef;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

type Name = (String, ConsoleKind);

/// All consoles that are open here, or being opened.
#[derive(Default)]
pub(crate) struct Consoles {
    slots: Mutex<HashMap<Name, Arc<Slot>>>,
    /// What carries their bytes.
    pub(super) tasks: TaskTracker,
}

/// One console of one VM.
#[derive(Default)]
struct Slot {
    turn: tokio::sync::Mutex<()>,
    holder: Mutex<Option<Arc<CancellationToken>>>,
}

/// A console that somebody wants. Its slot is forgotten with the last of these.
pub(super) struct Place {
    consoles: Arc<Consoles>,
    name: Name,
    slot: Arc<Slot>,
}

/// A console that somebody has; dropping it gives it back.
pub(super) struct Held {
    place: Place,
    taken: Arc<CancellationToken>,
}

impl Consoles {
    /// The place of a console, whether anybody is there or not.
    pub(super) fn place(consoles: &Arc<Self>, vm: &VmRef, kind: ConsoleKind) -> Place {
        let name = (vm.external_ref.clone(), kind);
        let slot = consoles.lock().entry(name.clone()).or_default().clone();
        Place { consoles: consoles.clone(), name, slot }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }
}

impl Slot {
    fn holder(&self) -> MutexGuard<'_, Option<Arc<CancellationToken>>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until nobody else opens this console.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.slot.turn.lock().await
    }

    /// Whether somebody has it.
    pub(super) fn is_held(&self) -> bool {
        self.slot.holder().is_some()
    }

    /// Takes it; whoever had it is told.
    pub(super) fn hold(&self) -> Held {
        let taken = Arc::new(CancellationToken::new());
        if let Some(before) = self.slot.holder().replace(taken.clone()) {
            before.cancel();
        }
        let (consoles, name, slot) = (self.consoles.clone(), self.name.clone(), self.slot.clone());
        Held { place: Self { consoles, name, slot }, taken }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut slots = self.consoles.lock();
        // The table's and this one: nobody else wants it.
        if Arc::strong_count(&self.slot) <= 2 {
            slots.remove(&self.name);
        }
    }
}

impl Held {
    /// Waits until it is taken over.
    pub(super) async fn taken_over(&self) {
        self.taken.cancelled().await;
    }

    /// The place, to open it again.
    pub(super) const fn place(&self) -> &Place {
        &self.place
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut holder = self.place.slot.holder();
        if holder.as_ref().is_some_and(|present| Arc::ptr_eq(present, &self.taken)) {
            *holder = None;
        }
    }
}
