//! What ends a command, how it is told, and the exit code.
//!
//! | exit | meaning | what to do |
//! |---|---|---|
//! | 0 | done | |
//! | 1 | some of several targets failed, or an operation failed without saying why | look at the messages |
//! | 2 | wrong usage or an invalid request | correct it |
//! | 3 | not logged in, or not allowed | log in, ask for the permission |
//! | 4 | not found | look for the right name |
//! | 5 | conflict: exists, busy, wrong state, changed | look again, then decide |
//! | 6 | not supported there | use another provider |
//! | 7 | no room | make room |
//! | 8 | unreachable, or not done in time | try later; look first whether it happened |
//! | 9 | cancelled | |
//! | 70 | a mistake of Hostler's | report it |
//! | 130 | left by Ctrl-C while the work goes on | `hostler op wait` |

use hostler_api::{Problem, v1};
use hostler_client::Error;
use hostler_core::{Code, Kind};

use crate::terminal::{Terminal, Tone};
use crate::text::printable;

/// A result with a [`Failure`].
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Why a command ends without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    exit: u8,
    /// Nothing when everything has been said already.
    told: Option<Box<Told>>,
}

/// What is said about a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Told {
    message: String,
    code: Option<String>,
    request_id: Option<String>,
    /// Each fault of a document, a line each.
    faults: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: u8, message: impl Into<String>) -> Self {
        let told = Told { message: message.into(), ..Told::default() };
        Self { exit, told: Some(Box::new(told)) }
    }

    /// The command was not understood.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid.exit_code(), message)
    }

    /// There is nothing of that name.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound.exit_code(), message)
    }

    /// Everything has been said; only the exit code is left.
    pub(crate) fn told(exit: u8) -> Self {
        Self { exit, told: None }
    }

    /// The reason why `operation` did not succeed.
    pub(crate) fn of_operation(operation: &v1::Operation) -> Self {
        let id = &operation.id;
        let failure = match &operation.error {
            Some(problem) => Self::from(problem),
            None if operation.state == "cancelled" => {
                Self::new(Kind::Cancelled.exit_code(), "it was cancelled")
            }
            None => Self::new(1, format!("the operation ended as {}", operation.state)),
        };
        if operation.state != "needs_attention" {
            return failure;
        }
        failure.with_hint(format!(
            "it could not be undone: `hostler op show {id}` says why; then `hostler op retry {id}`, \
             or settle it by hand and `hostler op resolve {id}`"
        ))
    }

    /// Says before the message what was attempted, unless the server has said
    /// so itself.
    #[must_use]
    pub(crate) fn during(mut self, what: impl AsRef<str>) -> Self {
        let what = what.as_ref();
        let target = what.split('"').nth(1).map(|name| format!("\"{name}\""));
        if let Some(told) = &mut self.told {
            let is_named = target.is_some_and(|target| told.message.contains(&target));
            if !(is_named && told.message.starts_with("cannot ")) {
                told.message = format!("{what}: {}", told.message);
            }
        }
        self
    }

    /// What to do next.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(told) = &mut self.told {
            told.hint = Some(hint.into());
        }
        self
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.exit
    }

    /// Whether the server named this code.
    pub(crate) fn has_code(&self, code: Code) -> bool {
        self.told.as_ref().is_some_and(|told| told.code.as_deref() == Some(code.as_str()))
    }

    /// Whether the resource was not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.exit == Kind::NotFound.exit_code()
    }

    /// The lines to be shown, without colours, each with the word before it.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let Some(told) = &self.told else { return Vec::new() };
        let mut line = printable(&told.message);
        if let Some(code) = &told.code {
            line.push_str(&format!(" [{}]", printable(code)));
        }
        if let Some(id) = &told.request_id {
            line.push_str(&format!(" (request {})", printable(id)));
        }
        let mut lines = vec![("error", line)];
        lines.extend(told.faults.iter().map(|fault| ("", printable(fault))));
        lines.extend(told.hint.as_ref().map(|hint| ("hint", printable(hint))));
        lines
    }

    /// Tells it on stderr.
    pub(crate) fn print(&self, terminal: &Terminal) {
        for (word, text) in self.lines() {
            let tone = if word == "error" { Tone::Bad } else { Tone::Weak };
            match word {
                "" => terminal.say(&format!("  {text}")),
                word => terminal.say(&format!("{}: {text}", terminal.err_paint(tone, word))),
            }
        }
    }
}

impl From<&Problem> for Failure {
    fn from(problem: &Problem) -> Self {
        // Only the list tells more than the message when there is more than one.
        let faults = if problem.errors.len() > 1 { problem.errors.as_slice() } else { &[] };
        let mut hint = Some(problem.help.clone()).filter(|help| !help.is_empty());
        if !problem.errors.is_empty() {
            // The help for these says where the faults are; here they are shown.
            hint = None;
        }
        if let Some(operation) = problem.details.get("operation") {
            hint = Some(format!(
                "`hostler op wait {operation}` waits for it, `hostler op cancel {operation}` \
                 cancels it"
            ));
        }
        if problem.code == Code::CredentialsMissing.as_str() {
            hint = Some(
                "give a token with --token-file, HOSTLER_TOKEN_FILE or a context \
                 (`hostler context add`)"
                    .into(),
            );
        }
        let told = Told {
            message: problem.detail.clone(),
            code: Some(problem.code.clone()),
            request_id: problem.request_id.clone(),
            faults: faults.iter().map(|f| format!("{}: {}", f.pointer, f.detail)).collect(),
            hint,
        };
        let exit = Error::Problem(Box::new(problem.clone())).exit_code();
        Self { exit, told: Some(Box::new(told)) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(problem) = error.problem() {
            return Self::from(problem);
        }
        let told = Told {
            message: error.to_string(),
            code: Some(error.code().to_owned()),
            request_id: None,
            faults: Vec::new(),
            hint: error.help().map(str::to_owned),
        };
        Self { exit: error.exit_code(), told: Some(Box::new(told)) }
    }
}

impl From<hostler_core::Error> for Failure {
    fn from(error: hostler_core::Error) -> Self {
        let status = hostler_api::status_of(error.code()).as_u16();
        Self::from(&Problem::new(&error, status))
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::error::Fault;

    use super::*;

    fn shown(failure: &Failure) -> String {
        let line = |(word, text): (&str, String)| format!("{word}: {text}");
        failure.lines().into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn an_error_names_its_code_its_request_and_the_next_step() {
        let error = hostler_core::Error::new(Code::VmBusy, "vm \"web\" is being stopped")
            .with_detail("operation", "op-1");
        let mut problem = Problem::new(&error, 409);
        problem.request_id = Some("r-1".into());
        let failure =
            Failure::from(Error::Problem(Box::new(problem))).during("cannot start vm \"web\"");
        assert_eq!(failure.exit_code(), 5);
        assert_eq!(
            shown(&failure),
            "error: cannot start vm \"web\": vm \"web\" is being stopped [vm_busy] (request r-1)\n\
             hint: `hostler op wait op-1` waits for it, `hostler op cancel op-1` cancels it"
        );
    }

    #[test]
    fn what_was_attempted_is_said_once() {
        let of = |message: &str| shown(&Failure::new(5, message).during("cannot start vm \"a\""));
        assert_eq!(of("it sleeps"), "error: cannot start vm \"a\": it sleeps");
        assert_eq!(
            of("cannot start VM \"a\": it sleeps"),
            "error: cannot start VM \"a\": it sleeps"
        );
        let other = "cannot start VM \"b\": it sleeps";
        assert_eq!(of(other), format!("error: cannot start vm \"a\": {other}"));
    }

    #[test]
    fn every_fault_of_a_document_is_shown() {
        let faults = vec![Fault::new("/name", "empty", "is empty"), Fault::new("/a", "b", "c")];
        let failure = Failure::from(hostler_core::Error::faults(Code::SpecInvalid, faults));
        assert!(shown(&failure).ends_with("\n: /name: is empty\n: /a: c"), "{}", shown(&failure));
    }

    #[test]
    fn what_a_server_says_cannot_move_the_cursor() {
        let failure = Failure::new(1, "a\u{1b}[2Jb\nc");
        assert_eq!(shown(&failure), "error: a\\x1b[2Jb\\nc");
    }

    #[test]
    fn every_kind_has_the_exit_code_of_the_table() {
        for code in Code::ALL {
            let error = hostler_core::Error::new(*code, "x");
            assert_eq!(Failure::from(error).exit_code(), code.kind().exit_code(), "{code}");
        }
    }
}
