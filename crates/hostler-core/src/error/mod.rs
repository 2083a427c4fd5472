//! Errors sorted by what the caller can do about them.
//!
//! A [`Code`] is the contract; its [`Kind`] decides HTTP status, CLI exit code
//! and whether a retry helps. The message is for the person who caused the
//! error; what must not leave the server lives in `internal`, which has no way
//! into an answer because `Display` never prints it.

mod codes;
mod texts;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use codes::Code;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an error; a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Correct the request.
    Invalid,
    /// Log in.
    Unauthenticated,
    /// Ask for a permission.
    Denied,
    /// Look for the right thing.
    NotFound,
    /// Look again at its state, then decide.
    Conflict,
    /// Use a provider that can do it.
    Unsupported,
    /// Make room, or wait.
    Exhausted,
    /// Try again later.
    Unavailable,
    /// Look whether it happened, then try again.
    Timeout,
    /// Nothing: it was asked for.
    Cancelled,
    /// Report it.
    Bug,
}

impl Kind {
    /// The word used in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unsupported => "unsupported",
            Self::Exhausted => "exhausted",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Bug => "bug",
        }
    }

    /// Whether the same request may succeed later without any change.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Exhausted | Self::Unavailable | Self::Timeout)
    }

    /// The exit code of the command line for an error of this kind.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Invalid => 2,
            Self::Unauthenticated | Self::Denied => 3,
            Self::NotFound => 4,
            Self::Conflict => 5,
            Self::Unsupported => 6,
            Self::Exhausted => 7,
            Self::Unavailable | Self::Timeout => 8,
            Self::Cancelled => 9,
            Self::Bug => 70,
        }
    }
}

impl Code {
    /// The code written as `text`, if this version knows it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One fault of a document: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// A JSON pointer to the field, for example `/disks/0/size_bytes`.
    pub pointer: String,
    /// A short stable word, for example `too_small`.
    pub code: String,
    /// What is wrong with it, for people.
    pub detail: String,
}

impl Fault {
    /// A fault of the field at `pointer`.
    pub fn new(
        pointer: impl Into<String>,
        code: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }
}

/// An error that may be shown to the person who caused it.
///
/// ```
/// use hostler_core::{Code, Error, Kind};
/// let error = Error::new(Code::VmNotFound, "there is no VM named \"web\"");
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert_eq!(error.to_string(), "there is no VM named \"web\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>); // boxed: results of small values stay small

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    code: Code,
    message: String,
    faults: Vec<Fault>,
    details: BTreeMap<String, String>,
    internal: Option<String>,
}

impl Error {
    /// An error with a public message: lower case, no full stop, what failed
    /// and on what, then what to do if known.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            message: message.into(),
            faults: Vec::new(),
            details: BTreeMap::new(),
            internal: None,
        }))
    }

    /// All the faults of a document at once.
    pub fn faults(code: Code, faults: Vec<Fault>) -> Self {
        let message = match faults.as_slice() {
            [] => code.title().to_owned(),
            [only] => format!("{} {}", only.pointer, only.detail),
            [first, rest @ ..] => {
                format!("{} {} (and {} more)", first.pointer, first.detail, rest.len())
            }
        };
        let mut error = Self::new(code, message);
        error.0.faults = faults;
        error
    }

    /// A mistake of ours; the message goes to the log, never to the caller.
    pub fn bug(internal: impl Into<String>) -> Self {
        Self::new(Code::InternalError, Code::InternalError.title()).with_internal(internal)
    }

    /// Adds a detail that programs may read, for example the operation in the way.
    #[must_use]
    pub fn with_detail(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0.details.insert(key.to_owned(), value.to_string());
        self
    }

    /// Names the fields that it is about, beside its own message.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        self.0.faults = faults;
        self
    }

    /// Adds what only the server's log may show.
    #[must_use]
    pub fn with_internal(mut self, internal: impl Into<String>) -> Self {
        self.0.internal = Some(internal.into());
        self
    }

    /// What went wrong, as a contract.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        self.0.code.kind()
    }

    /// The public message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Faults of the document sent, empty for other errors.
    pub fn fault_list(&self) -> &[Fault] {
        &self.0.faults
    }

    /// Details that programs may read.
    pub fn details(&self) -> &BTreeMap<String, String> {
        &self.0.details
    }

    /// What only the server's log may show.
    pub fn internal(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn e1_every_code_has_its_own_word_and_parses_back() {
        let words: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!(!code.title().is_empty() && !code.help().is_empty());
        }
        assert_eq!(Code::parse("no_such_code"), None);
    }

    #[test]
    fn the_internal_part_is_never_displayed() {
        let error = Error::bug("row 7 of table vms is NULL");
        assert!(!error.to_string().contains("row 7"));
        assert_eq!(error.internal(), Some("row 7 of table vms is NULL"));
    }

    #[test]
    fn all_faults_are_kept_and_the_first_is_told() {
        let error = Error::faults(
            Code::SpecInvalid,
            vec![
                Fault::new("/name", "empty", "is empty"),
                Fault::new("/cpu/count", "too_small", "must be at least 1"),
            ],
        );
        assert_eq!(error.to_string(), "/name is empty (and 1 more)");
        assert_eq!(error.fault_list().len(), 2);
    }

    #[test]
    fn only_errors_that_pass_by_themselves_are_retryable() {
        assert!(Kind::Unavailable.is_retryable() && Kind::Timeout.is_retryable());
        assert!(!Kind::Conflict.is_retryable() && !Kind::Bug.is_retryable());
    }
}
