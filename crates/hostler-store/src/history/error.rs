//! What can go wrong with history, and what was found to be wrong in it.
//!
//! Damage is a [`Finding`], not an error: what is damaged is left out and told, the
//! rest is read. An error is what the caller has to act upon.

use std::fmt;
use std::path::{Path, PathBuf};

use hostler_core::Code;

/// A result with this module's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why history did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it open, or it is of a newer version: nothing was touched.
    #[error("cannot use the history in {path:?}: {why}")]
    Refused {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The disk, or what a user may use of it, is used up. Nothing was taken.
    #[error("cannot {doing}: the disk is full")]
    Full {
        /// What was being done.
        doing: String,
    },
    /// The file system or the engine below refused; the same may succeed later.
    #[error("cannot {doing}: {why}")]
    Unavailable {
        /// What was being done.
        doing: String,
        /// What came back.
        why: String,
    },
    /// The question has more of an answer than its limits let through.
    #[error("more than {limit} {what} fit; {remedy}")]
    TooMuch {
        /// `series` or `samples`.
        what: &'static str,
        /// How many were allowed.
        limit: usize,
        /// What to change.
        remedy: &'static str,
    },
}

impl Error {
    /// An error of the file system on `doing`.
    pub(super) fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        let doing = doing.to_string();
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Full { doing }
            }
            _ => Self::Unavailable { doing, why: error.to_string() },
        }
    }

    pub(super) fn refused(path: &Path, why: impl Into<String>) -> Self {
        Self::Refused { path: path.to_owned(), why: why.into() }
    }
}

impl From<Error> for hostler_core::Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::TooMuch { .. } => return Self::new(Code::LimitExceeded, error.to_string()),
            Error::Full { .. } => Code::StoreFull,
            Error::Refused { .. } | Error::Unavailable { .. } => Code::StoreUnavailable,
        };
        // It names paths, which are the administrator's matter.
        Self::new(code, code.title()).with_internal(error.to_string())
    }
}

/// Something that is damaged or was given up, and what is lost by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which kind.
    pub kind: FindingKind,
    /// Which piece: a file or a directory below that of the history.
    pub piece: String,
    /// What is lost, in words.
    pub lost: String,
}

/// Which kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// The last row that was being written when the process or the machine stopped.
    CutOff,
    /// Rows in the write-ahead log that are not as they were written.
    DamagedLog,
    /// A whole partition that cannot be opened; it was put aside.
    DamagedPartition,
    /// A chunk within a partition that cannot be read.
    DamagedChunk,
    /// Samples of a time that is yet to come: the clock was ahead, or is behind now.
    AheadOfClock,
    /// Days that were dropped before their time, because history may not take more room.
    OverBudget,
}

/// The most findings that are kept; later ones are counted.
const FINDINGS_MAX: usize = 256;

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    /// How many more there were.
    beyond: u64,
}

impl Findings {
    pub(super) fn add(&mut self, kind: FindingKind, piece: String, lost: String) {
        let finding = Finding { kind, piece, lost };
        if self.kept.contains(&finding) {
            return;
        }
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(finding);
        } else {
            self.beyond += 1;
        }
    }

    pub(super) fn all(&self) -> (Vec<Finding>, u64) {
        (self.kept.clone(), self.beyond)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.piece, self.lost)
    }
}

/// What the engine below answers, sorted by what is done about it.
#[derive(Debug)]
pub(super) enum Fault {
    /// What is on the disk is not what was written.
    Damaged(String),
    /// It may work later.
    Passing(Error),
}

impl Fault {
    /// Does something with the engine, and tells its errors and its panics apart: it has
    /// some that only damage brings about.
    pub(super) fn catch<T>(
        doing: &str,
        work: impl FnOnce() -> fjall::Result<T>,
    ) -> Result<T, Self> {
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(Self::sort(doing, &error)),
            Err(_) => Err(Self::Damaged("the engine panicked over it".into())),
        }
    }

    fn sort(doing: &str, error: &fjall::Error) -> Self {
        match error {
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
                Self::from_io(doing, error)
            }
            fjall::Error::Locked | fjall::Error::Poisoned | fjall::Error::KeyspaceDeleted => {
                Self::Passing(Error::Unavailable { doing: doing.into(), why: error.to_string() })
            }
            _ => Self::Damaged(error.to_string()),
        }
    }

    /// What is missing, too short or no sense is damage; the rest is the machine's trouble.
    fn from_io(doing: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::UnexpectedEof
            | ErrorKind::InvalidData
            | ErrorKind::InvalidInput
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory => Self::Damaged(error.to_string()),
            _ => Self::Passing(Error::io(doing, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_to_the_user_and_a_path_is_not() {
        let limit = Error::TooMuch { what: "series", limit: 3, remedy: "name more labels" };
        let told = hostler_core::Error::from(limit);
        assert_eq!(told.code(), Code::LimitExceeded);
        assert!(told.to_string().contains("more than 3 series fit; name more labels"), "{told}");
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let told = hostler_core::Error::from(Error::io("write /srv/history/wal/1.wal", &full));
        assert_eq!(told.code(), Code::StoreFull);
        assert!(!told.to_string().contains("/srv"), "{told}");
        assert!(told.internal().is_some_and(|text| text.contains("/srv")));
    }

    #[test]
    fn a_panic_of_the_engine_and_what_is_missing_are_damage_and_a_refusal_is_not() {
        let fault = |error| Fault::catch("read", || Err::<(), _>(error)).unwrap_err();
        let io = |kind| fjall::Error::Io(std::io::Error::from(kind));
        assert!(matches!(fault(io(std::io::ErrorKind::NotFound)), Fault::Damaged(_)));
        assert!(matches!(fault(fjall::Error::Unrecoverable), Fault::Damaged(_)));
        assert!(matches!(fault(fjall::Error::Locked), Fault::Passing(_)));
        let denied = fault(io(std::io::ErrorKind::PermissionDenied));
        assert!(matches!(denied, Fault::Passing(Error::Unavailable { .. })));
        let full = fault(io(std::io::ErrorKind::StorageFull));
        assert!(matches!(full, Fault::Passing(Error::Full { .. })));
        let panicked = Fault::catch("read", || -> fjall::Result<()> { panic!("of the engine") });
        assert!(matches!(panicked, Err(Fault::Damaged(_))));
    }

    #[test]
    fn i12_findings_are_told_once_and_counted_beyond_a_limit() {
        let mut findings = Findings::default();
        for number in 0..FINDINGS_MAX + 10 {
            for _ in 0..2 {
                findings.add(
                    FindingKind::DamagedLog,
                    format!("wal/{}", number.min(300)),
                    "x".into(),
                );
            }
        }
        let (kept, beyond) = findings.all();
        assert_eq!((kept.len(), beyond), (FINDINGS_MAX, 20));
        assert_eq!(kept[3].to_string(), "wal/3: x");
    }
}
