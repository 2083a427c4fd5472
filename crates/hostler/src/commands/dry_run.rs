//! `--dry-run`: what would be done, and nothing more.

use clap::{Args, ValueEnum};
use hostler_core::Kind;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::text::printable;

/// Where a plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// Here, without asking the server more than it lists anyway.
    Client,
    /// By the server.
    Server,
}

/// For changes that are so small that the server makes no plan for them.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct DryRunArg {
    /// Only say what would be done; names are looked up, nothing is changed.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "client", value_name = "WHERE")]
    dry_run: Option<DryRun>,
}

/// For changes that the server makes a plan for.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct ServerDryRunArg {
    /// Only show what would be done and whether it is possible: as the server sees it, or as
    /// far as it can be told here.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "server", value_name = "WHERE")]
    dry_run: Option<DryRun>,
}

impl ServerDryRunArg {
    /// Whether nothing is to be done.
    pub(crate) fn is_given(self) -> bool {
        self.dry_run.is_some()
    }

    /// Whether the plan is to be made here.
    pub(crate) fn is_client(self) -> bool {
        self.dry_run == Some(DryRun::Client)
    }
}

impl DryRunArg {
    /// Whether nothing is to be done.
    pub(crate) fn is_given(self) -> bool {
        self.dry_run.is_some()
    }

    /// Tells what would be done, a line each: `+` comes, `~` changes, `-` goes.
    /// `false` when it is to be done.
    pub(crate) fn tell(self, app: &App, lines: &[String]) -> Result<bool> {
        match self.dry_run {
            None => Ok(false),
            Some(DryRun::Client) => {
                let text: String = lines.iter().map(|line| printable(line) + "\n").collect();
                app.terminal.write(&text)?;
                app.say("nothing was done");
                Ok(true)
            }
            // A plan made here must not pass for the server's.
            Some(DryRun::Server) => Err(Failure::new(
                Kind::Unsupported.exit_code(),
                "the server makes no plan for this",
            )
            .with_hint("--dry-run=client says what would be asked of it")),
        }
    }
}
