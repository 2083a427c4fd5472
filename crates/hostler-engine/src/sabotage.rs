//! Faults that the engine inflicts on itself, so that proofs can crash it at
//! every journal write and repeat every step. Not compiled into any decision:
//! without a [`Sabotage`] in the configuration nothing here runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// On which side of a journal write the engine freezes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The write never reaches the store.
    Before,
    /// The store has it, and nobody here learns of it.
    After,
}

/// What goes wrong.
#[derive(Debug, Default)]
pub struct Sabotage {
    freeze: Option<(u64, Side)>,
    repeat_steps: bool,
    writes: AtomicU64,
    frozen: AtomicBool,
}

impl Sabotage {
    /// Freezes for ever at journal write number `write`, counted from 0: what a
    /// crash looks like from outside.
    pub fn freezing_at(write: u64, side: Side) -> Self {
        Self { freeze: Some((write, side)), ..Self::default() }
    }

    /// Runs every step twice.
    pub fn repeating_steps() -> Self {
        Self { repeat_steps: true, ..Self::default() }
    }

    /// Whether it froze.
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Acquire)
    }

    /// How many journal writes there were.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    pub(crate) fn repeats_steps(&self) -> bool {
        self.repeat_steps
    }

    /// Called at both sides of each journal write.
    pub(crate) async fn at_write(sabotage: Option<&Self>, side: Side) {
        let Some(sabotage) = sabotage else { return };
        let write = match side {
            Side::Before => sabotage.writes.load(Ordering::Acquire),
            Side::After => sabotage.writes.fetch_add(1, Ordering::AcqRel),
        };
        if sabotage.is_frozen() || sabotage.freeze == Some((write, side)) {
            sabotage.frozen.store(true, Ordering::Release);
            // Whoever kills the program at this point has to know that it is reached.
            tracing::warn!(write, ?side, "frozen, as asked");
            std::future::pending::<()>().await;
        }
    }
}
