//! What can go wrong with the store, sorted by what the caller does about it,
//! and how that is told in the words of [`hostler_core::Error`].
//!
//! Nothing that SQLite says reaches a user: it stays in the error's source,
//! which becomes the `internal` part.

use std::fmt;

use hostler_core::Code;
use hostler_core::id::OperationId;
use hostler_core::operation::Resource;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the store.
#[derive(Debug)]
pub struct Error {
    kind: StoreErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Somebody else was first; nothing was written.
    Conflict(Conflict),
    /// There is no such row.
    NotFound(Missing),
    /// The lease is not held (any more): stop driving this operation at once.
    Lost,
    /// The disk, or the room that is kept for operations at work, is used up.
    Full,
    /// It does not answer; the same may succeed later.
    Unavailable,
    /// The file is damaged, or the disk lost what it had confirmed. Nothing is
    /// written any more until the file is opened again.
    Corrupt,
    /// The file can't be used as asked: another server has it open, it is not
    /// Hostler's, it is of a newer version, or it is in the way.
    Refused,
    /// A mistake of ours.
    Bug,
}

/// What was in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// A VM has this name.
    VmExists,
    /// An image has this name.
    ImageExists,
    /// A template has this name.
    TemplateExists,
    /// There are as many templates, or versions of one, as are kept.
    TemplatesFull,
    /// A version of the template is active.
    TemplateActive,
    /// A token that opens something has this name.
    TokenExists,
    /// A provider has this name.
    ProviderExists,
    /// VMs are managed at this provider.
    ProviderInUse {
        /// How many.
        vms: u64,
    },
    /// Another operation works on the resource.
    Busy {
        /// The resource.
        resource: Resource,
        /// The operation in the way.
        operation: OperationId,
    },
    /// The Idempotency-Key stands for another request.
    IdempotencyMismatch,
    /// The VM was changed since it was read.
    Changed {
        /// The generation that was expected.
        expected: u64,
        /// The one there is.
        found: u64,
    },
    /// Somebody appended to the journal since it was read.
    JournalGrew {
        /// The length that was expected.
        expected: u64,
        /// The one there is.
        found: u64,
    },
    /// The operation has ended.
    Finished,
}

/// What there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A VM.
    Vm,
    /// An operation.
    Operation,
    /// An image.
    Image,
    /// A template.
    Template,
    /// A version of a template.
    TemplateVersion,
    /// A provider.
    Provider,
    /// A token.
    Token,
}

impl Error {
    pub(crate) fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn conflict(conflict: Conflict, message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Conflict(conflict), message)
    }

    pub(crate) fn missing(what: Missing, id: impl fmt::Display) -> Self {
        let word = match what {
            Missing::Vm => "VM",
            Missing::Operation => "operation",
            Missing::Image => "image",
            Missing::Template => "template",
            Missing::TemplateVersion => "version of a template",
            Missing::Provider => "provider",
            Missing::Token => "token",
        };
        Self::new(StoreErrorKind::NotFound(what), format!("there is no {word} {id}"))
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Refused, message)
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Corrupt, message)
    }

    pub(crate) fn bug(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Bug, message)
    }

    /// An error of the file system on `doing`.
    pub(crate) fn io(doing: impl fmt::Display, error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                StoreErrorKind::Full
            }
            _ => StoreErrorKind::Unavailable,
        };
        Self::new(kind, format!("cannot {doing}: {error}")).with_source(error)
    }

    #[must_use]
    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller does about it.
    pub const fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }

    /// Whether the driver of an operation has to stop because another drives it.
    pub const fn is_lost(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Lost)
    }

    /// Whether the journal grew since it was read, so that it must be read again.
    pub const fn is_journal_grew(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Conflict(Conflict::JournalGrew { .. }))
    }

    /// The code under which it is told.
    fn code(&self) -> Code {
        match &self.kind {
            StoreErrorKind::Conflict(conflict) => conflict.code(),
            StoreErrorKind::NotFound(Missing::Vm) => Code::VmNotFound,
            StoreErrorKind::NotFound(Missing::Operation) => Code::OperationNotFound,
            StoreErrorKind::NotFound(Missing::Image) => Code::ImageNotFound,
            StoreErrorKind::NotFound(Missing::Template) => Code::TemplateNotFound,
            StoreErrorKind::NotFound(Missing::TemplateVersion) => Code::TemplateVersionNotFound,
            StoreErrorKind::NotFound(Missing::Provider) => Code::ProviderNotFound,
            StoreErrorKind::NotFound(Missing::Token) => Code::TokenNotFound,
            StoreErrorKind::Full => Code::StoreFull,
            StoreErrorKind::Lost
            | StoreErrorKind::Unavailable
            | StoreErrorKind::Corrupt
            | StoreErrorKind::Refused => Code::StoreUnavailable,
            StoreErrorKind::Bug => Code::InternalError,
        }
    }
}

impl Conflict {
    const fn code(&self) -> Code {
        match self {
            Self::VmExists => Code::VmExists,
            Self::ImageExists => Code::ImageExists,
            Self::TemplateExists => Code::TemplateExists,
            Self::TemplatesFull => Code::TemplateLimitReached,
            Self::TemplateActive => Code::TemplateWrongState,
            Self::TokenExists => Code::TokenExists,
            Self::ProviderExists | Self::ProviderInUse { .. } => Code::ProviderConflict,
            Self::Busy { resource, .. } => match resource {
                Resource::Vm(_) => Code::VmBusy,
                Resource::Image(_) => Code::ImageInUse,
                Resource::Volume(_) => Code::VolumeBusy,
                Resource::Host(_)
                | Resource::Provider(_)
                | Resource::Pool(_)
                | Resource::Network(_) => Code::ProviderConflict,
            },
            Self::IdempotencyMismatch => Code::IdempotencyMismatch,
            Self::Changed { .. } => Code::PreconditionFailed,
            // A cancel that lost the race: ask again, which reads the journal again.
            Self::JournalGrew { .. } => Code::StoreUnavailable,
            Self::Finished => Code::OperationFinished,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<Error> for hostler_core::Error {
    fn from(error: Error) -> Self {
        let code = error.code();
        let internal = match &error.source {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        // What concerns the file is the administrator's matter and names paths: it goes to the
        // log, and the caller reads what the code says.
        let mut told = match &error.kind {
            StoreErrorKind::Conflict(_) | StoreErrorKind::NotFound(_) => {
                Self::new(code, error.message)
            }
            StoreErrorKind::Bug => return Self::bug(internal),
            StoreErrorKind::Lost
            | StoreErrorKind::Full
            | StoreErrorKind::Unavailable
            | StoreErrorKind::Corrupt
            | StoreErrorKind::Refused => Self::new(code, code.title()).with_internal(internal),
        };
        if let StoreErrorKind::Conflict(conflict) = &error.kind {
            match conflict {
                Conflict::Busy { operation, resource } => {
                    told =
                        told.with_detail("operation", operation).with_detail("resource", resource);
                }
                Conflict::Changed { expected, found } => {
                    told = told.with_detail("expected", expected).with_detail("found", found);
                }
                Conflict::ProviderInUse { vms } => told = told.with_detail("vms", vms),
                Conflict::VmExists
                | Conflict::ImageExists
                | Conflict::TemplateExists
                | Conflict::TemplatesFull
                | Conflict::TemplateActive
                | Conflict::TokenExists
                | Conflict::ProviderExists
                | Conflict::IdempotencyMismatch
                | Conflict::JournalGrew { .. }
                | Conflict::Finished => {}
            }
        }
        told
    }
}

/// Primary result codes of SQLite that decide what is done about them.
mod sqlite {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const READONLY: i32 = 8;
    pub(super) const NOTADB: i32 = 26;
    /// Extended codes of IOERR: the disk did not confirm what it was given.
    pub(super) const IOERR_FSYNC: i32 = 1034;
    pub(super) const IOERR_DIR_FSYNC: i32 = 1290;
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(database) => {
                database.code().and_then(|code| code.parse::<i32>().ok())
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                return Self::new(
                    StoreErrorKind::Unavailable,
                    "the database does not answer in time or is being closed",
                )
                .with_source(error);
            }
            sqlx::Error::Io(_) => Some(sqlite::IOERR),
            _ => None,
        };
        let Some(code) = code else {
            return Self::bug("a statement failed in a way that was not foreseen")
                .with_source(error);
        };
        let (kind, message) = match code {
            // After a failed fsync the kernel may have dropped the pages that were not
            // written, so a later fsync that succeeds proves nothing.
            sqlite::IOERR_FSYNC | sqlite::IOERR_DIR_FSYNC => (
                StoreErrorKind::Corrupt,
                "the disk did not confirm what was written; look at the disk, then restart",
            ),
            _ => match code & 0xff {
                sqlite::FULL => (StoreErrorKind::Full, "the disk that holds the database is full"),
                sqlite::CORRUPT | sqlite::NOTADB => {
                    (StoreErrorKind::Corrupt, "the database file is damaged")
                }
                sqlite::BUSY | sqlite::LOCKED => {
                    (StoreErrorKind::Unavailable, "another program holds the database")
                }
                sqlite::IOERR | sqlite::CANTOPEN | sqlite::READONLY => {
                    (StoreErrorKind::Unavailable, "the database file cannot be read or written")
                }
                _ => (StoreErrorKind::Bug, "a statement was refused by the database"),
            },
        };
        Self::new(kind, message).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_core::Timestamp;
    use hostler_core::id::VmId;

    #[test]
    fn a_busy_vm_names_the_operation_in_its_way() {
        let operation = OperationId::new(Timestamp::from_millis(1), [1; 10]);
        let resource = Resource::Vm(VmId::new(Timestamp::from_millis(1), [2; 10]));
        let error = Error::conflict(Conflict::Busy { resource, operation }, "busy");
        let told = hostler_core::Error::from(error);
        assert_eq!(told.code(), Code::VmBusy);
        assert_eq!(told.details().get("operation"), Some(&operation.to_string()));
    }

    #[test]
    fn what_concerns_the_file_is_told_to_the_log_alone() {
        let error = Error::corrupt("/var/lib/hostler/hostler.db is damaged");
        let told = hostler_core::Error::from(error);
        assert_eq!(told.code(), Code::StoreUnavailable);
        assert!(!told.to_string().contains("/var/lib"));
        assert!(told.internal().is_some_and(|text| text.contains("/var/lib")));
    }

    #[test]
    fn a_full_file_system_is_told_as_full() {
        let error = Error::io("write", std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert_eq!(*error.kind(), StoreErrorKind::Full);
        assert_eq!(hostler_core::Error::from(error).code(), Code::StoreFull);
    }
}
