//! `hostler`, the command line of Hostler.
//!
//! `hostler NOUN VERB [NAME…]`: the same verbs for every noun, and shortcuts
//! for the daily ones. Data goes to stdout, everything else to stderr; the exit
//! code says what the caller can do ([`failure`]).
//!
//! | to learn about | read |
//! |---|---|
//! | the grammar | [`cli`] |
//! | which server is addressed, and as whom | [`config`] |
//! | how names become resources | [`select`], [`resolve`] |
//! | how the shell completes them | [`complete`] |
//! | how lists and resources are shown | [`output`] |
//! | how operations are waited for | [`work`] |

#[macro_use]
mod help;

mod app;
mod cli;
mod commands;
mod complete;
mod config;
mod failure;
mod output;
mod resolve;
mod select;
mod terminal;
mod text;
mod watch;
mod work;

use std::process::ExitCode;

use clap::Parser;

use app::App;
use cli::Cli;
use config::Environment;
use failure::Failure;
use terminal::Terminal;

fn main() -> ExitCode {
    if complete::answer_shell() {
        return ExitCode::SUCCESS;
    }
    let cli = Cli::parse();
    let environment = Environment::read();
    let terminal = Terminal::new(cli.global.color, &environment);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            Failure::new(70, format!("the system gives no threads: {error}")).print(&terminal);
            return ExitCode::from(70);
        }
    };
    let app = App::new(cli.global, environment, terminal);
    let outcome = runtime.block_on(commands::run(&app, cli.command));
    // A thread may still wait for a key on stdin; nobody wants that key now.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(&app.terminal);
            ExitCode::from(failure.exit_code())
        }
    }
}
