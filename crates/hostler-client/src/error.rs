//! What can go wrong with a call, sorted by what the caller can do.

use hostler_api::Problem;
use hostler_core::{Code, Kind};

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A call that did not give what was asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server said no, and why.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Nothing was sent, because the server could not be reached.
    #[error("cannot reach the server at {address}: {cause}")]
    Unreachable {
        /// Where it should be.
        address: String,
        /// What the system said.
        cause: String,
        /// What to do about it.
        remedy: String,
    },
    /// The request was sent and its answer was lost: it may have been done or not.
    #[error("the connection to {address} was lost before {request} was answered: {cause}")]
    Lost {
        /// The server.
        address: String,
        /// The method and path.
        request: String,
        /// What the system said.
        cause: String,
        /// Whether repeating it can do harm; false for requests that only read.
        changes: bool,
    },
    /// The request was sent and not answered in time: it may have been done or not.
    #[error("{address} did not answer {request} within {seconds} s")]
    TimedOut {
        /// The server.
        address: String,
        /// The method and path.
        request: String,
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// The answer is not one that this API gives.
    #[error("{address} answered {request} with something else than Hostler's API: {cause}")]
    Malformed {
        /// The server.
        address: String,
        /// The method and path.
        request: String,
        /// What is wrong with it.
        cause: String,
        /// The HTTP status.
        status: u16,
    },
    /// The client was set up or used wrongly; nothing was sent.
    #[error("{message}")]
    Setup {
        /// What is wrong.
        message: String,
        /// What to do about it.
        remedy: String,
    },
}

impl Error {
    pub(crate) fn setup(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Setup { message: message.into(), remedy: remedy.into() }
    }

    /// A short stable word: the problem's code, or one of this crate's.
    pub fn code(&self) -> &str {
        match self {
            Self::Problem(problem) => &problem.code,
            Self::Unreachable { .. } => "server_unreachable",
            Self::Lost { .. } => "answer_lost",
            Self::TimedOut { .. } => "answer_timeout",
            Self::Malformed { .. } => "answer_malformed",
            Self::Setup { .. } => "client_setup",
        }
    }

    /// What the caller can do. A code that this version does not know is
    /// judged by its HTTP status.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Problem(problem) => kind_of_problem(problem),
            Self::Unreachable { .. } => Kind::Unavailable,
            Self::Lost { .. } | Self::TimedOut { .. } => Kind::Timeout,
            // A proxy that cannot reach the server answers with a page of its own.
            Self::Malformed { status: 502..=504, .. } => Kind::Unavailable,
            Self::Malformed { .. } => Kind::Bug,
            Self::Setup { .. } => Kind::Invalid,
        }
    }

    /// The exit code of a program that ends because of this.
    pub fn exit_code(&self) -> u8 {
        self.kind().exit_code()
    }

    /// What to do next.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(problem.help.as_str()).filter(|help| !help.is_empty()),
            Self::Unreachable { remedy, .. } | Self::Setup { remedy, .. } => Some(remedy),
            Self::Lost { changes: true, .. } | Self::TimedOut { .. } => {
                Some("it may have been carried out; look at the resource before you try again")
            }
            Self::Lost { .. } => Some("try again; nothing was to be changed"),
            Self::Malformed { .. } => {
                Some("check that the address is a Hostler server's and not another program's")
            }
        }
    }

    /// Names the request in the server's log.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => problem.request_id.as_deref(),
            _ => None,
        }
    }

    /// The server's problem document, where it sent one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}

/// What the caller can do about `problem`.
pub(crate) fn kind_of_problem(problem: &Problem) -> Kind {
    if let Some(code) = Code::parse(&problem.code) {
        return code.kind();
    }
    match problem.status {
        401 => Kind::Unauthenticated,
        403 => Kind::Denied,
        404 => Kind::NotFound,
        405 | 413 | 415 | 422 | 501 => Kind::Unsupported,
        409 | 410 | 412 | 428 => Kind::Conflict,
        429 | 507 => Kind::Exhausted,
        502 | 503 => Kind::Unavailable,
        504 => Kind::Timeout,
        400..=499 => Kind::Invalid,
        _ => Kind::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: &str, status: u16) -> Error {
        Error::Problem(Box::new(Problem {
            kind: format!("/problems/{code}"),
            title: "a title".into(),
            status,
            code: code.into(),
            detail: "what happened".into(),
            help: String::new(),
            retryable: false,
            errors: vec![],
            details: std::collections::BTreeMap::new(),
            request_id: Some("r-1".into()),
        }))
    }

    #[test]
    fn a_known_code_decides_and_an_unknown_one_leaves_it_to_the_status() {
        assert_eq!(problem("vm_busy", 500).kind(), Kind::Conflict);
        assert_eq!(problem("of_a_later_version", 404).exit_code(), 4);
        assert_eq!(problem("of_a_later_version", 418).exit_code(), 2);
        assert_eq!(problem("of_a_later_version", 500).exit_code(), 70);
    }

    #[test]
    fn an_unknown_outcome_is_told_as_such() {
        let lost = Error::Lost {
            address: "unix:/x".into(),
            request: "DELETE /api/v1/vms/1".into(),
            cause: "reset".into(),
            changes: true,
        };
        assert_eq!(lost.kind(), Kind::Timeout);
        assert!(lost.help().is_some_and(|help| help.contains("may have been carried out")));
    }
}
