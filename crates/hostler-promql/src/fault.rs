//! What can be wrong: with the text of a query, said with its place there, and
//! with applying a query to what the history holds.

use std::fmt;
use std::ops::Range;

/// Why a text is no query of ours, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The part of the text that is meant, in bytes. All of it where the fault
    /// is in no single part.
    pub at: Range<usize>,
    /// The line it begins in, from 1.
    pub line: usize,
    /// The character of that line it begins at, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

impl Fault {
    /// A fault at a place of `text`.
    pub(crate) fn new(text: &str, at: Range<usize>, what: impl Into<String>) -> Self {
        let before = text.get(..at.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).map_or(0, |line| line.chars().count()) + 1;
        let line = before.matches('\n').count() + 1;
        Self { at, line, column, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for Fault {}

/// What a [`Source`](crate::Source) fails with: whatever its store says.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Why a query gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The query cannot be applied to this data: two series that come out the
    /// same, or several where one has to be.
    #[error("{0}")]
    Data(String),
    /// The times asked for make no range, or one beyond what is counted in.
    #[error("{0}")]
    Times(String),
    /// A limit was reached; a narrower query, a shorter range or a longer step
    /// stays below it.
    #[error("the query takes more than {most} {what}")]
    TooMuch {
        /// Steps, series, samples or points.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// The caller gave it up.
    #[error("the query was cancelled")]
    Cancelled,
    /// The history could not be read.
    #[error("the history cannot be read: {0}")]
    Source(#[source] SourceError),
}

/// The result of an evaluation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_line_and_character() {
        let fault = Fault::new("up +\n \"ü\" ?", 11..12, "unexpected");
        assert_eq!((fault.line, fault.column), (2, 6));
        assert_eq!(fault.to_string(), "line 2, column 6: unexpected");
        assert_eq!(Fault::new("", 0..0, "empty").to_string(), "line 1, column 1: empty");
    }
}
