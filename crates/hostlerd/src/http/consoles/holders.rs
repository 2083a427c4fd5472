//! Who uses which serial console through this server. A serial line is for one at
//! a time: whoever wants one that is in use is told by whom, before they try.
//!
//! ```text
//!            connect                    ends
//!   free ─────────────► held by ada ──────────► free
//!                            │
//!                            └─ bob takes over ─► held by bob; ada's is closed with 4409
//! ```
//!
//! Somebody who came past this server, for example with `virsh console`, is not in
//! here; then the provider refuses when the console is connected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hostler_api::Time;
use hostler_core::id::VmId;
use hostler_core::vm::observed::ConsoleKind;
use hostler_core::{Code, Error, Result, Timestamp};

/// Serial consoles in use.
#[derive(Debug, Default)]
pub struct Holders(Arc<Mutex<Table>>);

type Table = HashMap<VmId, Arc<Holder>>;

/// Somebody who uses a serial console.
#[derive(Debug)]
struct Holder {
    actor: String,
    since: Timestamp,
    /// Whether somebody else takes it from them, or has.
    is_contested: Mutex<bool>,
}

/// The use of a console, until dropped; nothing is kept of consoles that several
/// may use.
#[derive(Debug)]
pub(super) struct Held {
    table: Arc<Mutex<Table>>,
    of: Option<(VmId, Arc<Holder>)>,
}

/// An attempt to take a console over: those who use it are told why theirs ends,
/// should it end.
#[derive(Debug)]
pub(super) struct Contest(Option<Arc<Holder>>);

impl Holders {
    /// Refuses when somebody uses this console, and it is for one.
    pub(super) fn refuse(&self, vm: VmId, kind: ConsoleKind) -> Result<()> {
        match self.present(vm, kind) {
            None => Ok(()),
            Some(holder) => {
                let since = Time(holder.since).to_string();
                let message = format!("{} uses this console since {since}", holder.actor);
                Err(Error::new(Code::ConsoleBusy, message)
                    .with_detail("held_by", &holder.actor)
                    .with_detail("since", since))
            }
        }
    }

    /// Begins to take a console from whoever uses it.
    pub(super) fn contest(&self, vm: VmId, kind: ConsoleKind) -> Contest {
        let holder = self.present(vm, kind);
        if let Some(holder) = &holder {
            holder.contest(true);
        }
        Contest(holder)
    }

    /// Remembers who uses a console from now on.
    pub(super) fn hold(&self, vm: VmId, kind: ConsoleKind, actor: &str, now: Timestamp) -> Held {
        let of = (kind == ConsoleKind::Serial).then(|| {
            let is_contested = Mutex::new(false);
            let holder = Arc::new(Holder { actor: actor.to_owned(), since: now, is_contested });
            self.table().insert(vm, Arc::clone(&holder));
            (vm, holder)
        });
        Held { table: Arc::clone(&self.0), of }
    }

    fn present(&self, vm: VmId, kind: ConsoleKind) -> Option<Arc<Holder>> {
        match kind {
            ConsoleKind::Serial => self.table().get(&vm).cloned(),
            // Screens are shared by those who look at them.
            ConsoleKind::Vnc | ConsoleKind::Spice => None,
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

impl Holder {
    fn contest(&self, is_contested: bool) {
        *self.is_contested.lock().expect("nothing panics while it holds this lock") = is_contested;
    }
}

impl Held {
    /// Whether somebody else takes it over.
    pub(super) fn is_contested(&self) -> bool {
        self.of.as_ref().is_some_and(|(_, holder)| {
            *holder.is_contested.lock().expect("nothing panics while it holds this lock")
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some((vm, holder)) = &self.of else { return };
        let mut table = self.table.lock().expect("nothing panics while it holds this lock");
        // Whoever took it over stands there by now.
        if table.get(vm).is_some_and(|present| Arc::ptr_eq(present, holder)) {
            table.remove(vm);
        }
    }
}

impl Contest {
    /// It did not come to that: the others still have it.
    pub(super) fn lost(self) {
        if let Some(holder) = self.0 {
            holder.contest(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIAL: ConsoleKind = ConsoleKind::Serial;

    fn vm(n: u8) -> VmId {
        VmId::new(Timestamp::from_millis(1), [n; 10])
    }

    fn now() -> Timestamp {
        Timestamp::from_millis(1_795_230_000_000)
    }

    #[test]
    fn whoever_comes_second_is_told_who_was_first_and_since_when() {
        let holders = Holders::default();
        assert!(holders.refuse(vm(1), SERIAL).is_ok());
        let held = holders.hold(vm(1), SERIAL, "token:ada", now());
        let error = holders.refuse(vm(1), SERIAL).unwrap_err();
        assert_eq!(error.code(), Code::ConsoleBusy);
        assert_eq!(error.details()["held_by"], "token:ada");
        assert_eq!(error.details()["since"], Time(now()).to_string());
        assert!(holders.refuse(vm(2), SERIAL).is_ok(), "another VM's is free");
        assert!(holders.refuse(vm(1), ConsoleKind::Vnc).is_ok(), "screens are shared");
        drop(held);
        assert!(holders.refuse(vm(1), SERIAL).is_ok());
    }

    #[test]
    fn whoever_was_disconnected_does_not_free_the_console_of_their_successor() {
        let holders = Holders::default();
        let ada = holders.hold(vm(1), SERIAL, "ada", now());
        holders.contest(vm(1), SERIAL).lost();
        assert!(!ada.is_contested());
        let _contest = holders.contest(vm(1), SERIAL);
        let bob = holders.hold(vm(1), SERIAL, "bob", now());
        assert!(ada.is_contested() && !bob.is_contested());
        drop(ada);
        assert_eq!(holders.refuse(vm(1), SERIAL).unwrap_err().details()["held_by"], "bob");
        drop(bob);
        assert!(holders.table().is_empty());
    }

    #[test]
    fn screens_are_held_by_nobody() {
        let holders = Holders::default();
        let held = holders.hold(vm(1), ConsoleKind::Vnc, "ada", now());
        assert!(holders.table().is_empty() && !held.is_contested());
    }
}
