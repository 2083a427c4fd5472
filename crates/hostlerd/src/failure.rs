//! Why a command ends with something else than success.

/// Why the program cannot go on, for the person at the terminal.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
    exit_code: u8,
}

impl Failure {
    /// Something that was asked for did not work.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 1 }
    }

    /// What was asked for makes no sense: wrong flags, wrong configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 2 }
    }

    /// What the program's exit code is.
    pub const fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// The same failure, saying first what was being done.
    #[must_use]
    pub fn while_doing(self, doing: &str) -> Self {
        Self { message: format!("{doing}: {}", self.message), exit_code: self.exit_code }
    }
}

impl From<hostler_core::Error> for Failure {
    fn from(error: hostler_core::Error) -> Self {
        // Whoever runs the server may see what callers of its API must not.
        match error.internal() {
            Some(internal) => Self::new(format!("{error} ({internal})")),
            None => Self::new(error.to_string()),
        }
    }
}

/// A result with a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;
