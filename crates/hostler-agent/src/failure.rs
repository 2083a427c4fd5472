//! Why the program cannot go on, for the person at the terminal.

/// Why the program cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was asked for makes no sense: wrong flags, wrong configuration.
    #[error("{0}")]
    Usage(String),
    /// Something did not work.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// What the program's exit code is.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

/// A result with a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;
