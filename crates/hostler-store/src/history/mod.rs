//! History: what was measured, kept for days, weeks and years in a small place. An
//! embedded store of time series; everything in it is synchronous and knows no clock.
//!
//! ```text
//!             append ──► log (fsync by sync) ──► head (in memory)
//!                                                   │ checkpoint: by size and by age
//!                                                   ▼
//!                         raw: a partition a day ──roll up, once a day is over──► 5m, 1h
//!                                │ retention, room                                  │
//!                                ▼                                                  ▼
//!                              removed                                           removed
//! ```
//!
//! | to learn about | read |
//! |---|---|
//! | how samples become bytes | `chunk.rs`, `bits.rs` |
//! | what a crash leaves, and how damage is read around | `wal.rs`, `open.rs` |
//! | what is taken and what is dropped | `append.rs` |
//! | series in memory, and how they get to a partition | `head.rs`, `checkpoint.rs` |
//! | a partition, and all of them | `partition.rs`, `partitions.rs`, `index.rs` |
//! | questions | `select.rs`, `rolled.rs` |
//! | roll-ups, retention, room | `roll.rs`, `maintain.rs` |
//! | the way back after a clock was wrong | `forget.rs` |
//! | what waits to be sent elsewhere | `outbox/mod.rs` |
//!
//! **What is promised.** What `append` took and `sync` confirmed is there after
//! `kill -9` and a power cut. What `append` took alone is there after `kill -9`. Damage
//! costs what is damaged, is told as a [`Finding`], and never keeps the rest from being
//! opened. Memory is bounded by the series that are being measured
//! ([`Options::series_max`]), the log ([`Options::log_bytes`]) and the limits of a question.
//!
//! **The end of a series.** A VM that is gone is not a VM whose values stay as they
//! were: [`Archive::end`] writes the mark that Prometheus writes, a NaN of its own
//! ([`STALE_BITS`]), which `select` gives back, so that a query sees that there is a gap.
//! A measured NaN is no value and is dropped.

mod append;
mod bits;
mod checkpoint;
mod chunk;
mod error;
mod forget;
mod head;
mod index;
mod maintain;
mod open;
mod outbox;
mod partition;
mod partitions;
mod roll;
mod rolled;
mod select;
mod wal;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use append::{Appended, Dropped, Taken};
pub use error::{Error, Finding, FindingKind, Result};
pub use head::{STALE_BITS, is_stale};
pub use maintain::{Maintained, Stats};
pub use open::Options;
pub use outbox::{Batch, Gone, Outbox, OutboxFigures, OutboxLosses, OutboxOptions, Take};
pub use partition::Tier;
pub use roll::Bucket;
pub use rolled::{Rolled, RolledSeries};
pub use select::Limits;

use error::Findings;
use head::Head;
use partitions::Partitions;

/// The history. Clones are cheap and share it; all calls may be made at once from many
/// threads, and block: in asynchronous code, through `spawn_blocking`.
#[derive(Clone)]
pub struct Archive {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    path: PathBuf,
    /// Held by who writes partitions. Taken before `head`.
    writing: Mutex<Writing>,
    /// Taken before the partitions' own lock.
    head: Mutex<Head>,
    partitions: Partitions,
    findings: Arc<Mutex<Findings>>,
    /// No second process opens it while this is held.
    _lock: File,
}

/// What only who writes partitions needs.
#[derive(Debug, Default)]
struct Writing {
    /// When the last checkpoint was made, as its caller said.
    checkpoint_ms: Option<i64>,
    /// Days that are known to be rolled up.
    rolled_days: BTreeSet<i64>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Archive {
    fn head(&self) -> MutexGuard<'_, Head> {
        self.inner.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, kind: FindingKind, piece: impl Into<String>, lost: impl Into<String>) {
        let mut findings = self.inner.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.add(kind, piece.into(), lost.into());
    }

    /// What was found damaged or had to be given up since it was opened, oldest first, and how
    /// many findings there were beyond those that are kept.
    pub fn findings(&self) -> (Vec<Finding>, u64) {
        self.inner.findings.lock().unwrap_or_else(PoisonError::into_inner).all()
    }
}
