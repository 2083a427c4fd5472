//! The one error of this crate: a sentence for the developer who reads it.
//!
//! Nothing here is recovered from by kind; whoever sees it is a person at a terminal or a failing
//! test. So it carries text, built from the outside in, and no codes.

use std::fmt;

/// What failed, on what, and (after the colons) why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
}

/// Results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says `message`: lower case, no full stop, what failed and on what.
    pub fn new(message: impl Into<String>) -> Error {
        Error { message: message.into() }
    }

    /// The same error, with what was being done put before it.
    #[must_use]
    pub fn context(self, doing: impl fmt::Display) -> Error {
        Error { message: format!("{doing}: {}", self.message) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::new(error.to_string())
    }
}

/// Puts what was being done before an error from anywhere.
pub(crate) trait Context<T> {
    /// See [`Error::context`]; `doing` is only called on failure.
    fn context<D: fmt::Display>(self, doing: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn context<D: fmt::Display>(self, doing: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.into().context(doing()))
    }
}
