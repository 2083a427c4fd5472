//! `hostler op`.

use clap::Subcommand;
use hostler_api::{Nothing, v1};
use hostler_client::{Client, Item, Terms, Waited, is_settled};
use hostler_core::Kind;

use super::{DryRunArg, ListArgs, WatchArg, list};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Cell, Column, Resource, View, age, opt, text};
use crate::select::{narrowing, one_vm};
use crate::terminal::Tone;
use crate::watch;
use crate::work::{Interrupts, Meter, WaitArgs, waiting};

/// How many operations a list shows when nobody says.
const LIST_DEFAULT: u32 = 100;

/// What can be done with operations.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List operations, newest first.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler op list",
        "hostler op list --state needs_attention",
        "hostler op list --vm web --watch"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        /// Only those in this state, for example needs_attention.
        #[arg(long)]
        state: Option<String>,
        /// Only those that work on this VM (name or id).
        #[arg(long, add = Names::Vm)]
        vm: Option<String>,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show an operation and its steps.
    #[command(after_long_help = examples!(
        "hostler op show 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
        "hostler op show 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e --watch"
    ))]
    Show {
        /// Its id.
        #[arg(add = Names::Operation)]
        operation: String,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Wait for an operation; the exit code is its outcome's.
    #[command(after_long_help = examples!(
        "hostler op wait 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
        "hostler op wait 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e --timeout 5m"
    ))]
    Wait {
        /// Its id.
        #[arg(add = Names::Operation)]
        operation: String,
        /// Wait at most this long.
        #[arg(long, value_name = "DURATION", value_parser = crate::text::parse_duration)]
        timeout: Option<std::time::Duration>,
    },
    /// Cancel an operation: what it did is undone.
    #[command(after_long_help = examples!(
        "hostler op cancel 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
        "hostler op cancel 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e --no-wait"
    ))]
    Cancel {
        /// Its id.
        #[arg(add = Names::Operation)]
        operation: String,
        #[command(flatten)]
        wait: WaitArgs,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Try again what an operation that needs attention could not do.
    #[command(after_long_help = examples!(
        "hostler op retry 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
        "hostler op retry 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e --timeout 5m"
    ))]
    Retry {
        /// Its id.
        #[arg(add = Names::Operation)]
        operation: String,
        #[command(flatten)]
        wait: WaitArgs,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Declare settled by hand what an operation that needs attention could not do.
    #[command(after_long_help = examples!(
        "hostler op resolve 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e --note 'removed the volume by hand'"
    ))]
    Resolve {
        /// Its id.
        #[arg(add = Names::Operation)]
        operation: String,
        /// What was done, for whoever reads the record later.
        #[arg(long)]
        note: String,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    let client = app.client()?;
    let path = |operation: &str| v1::OperationPath { operation: operation.to_owned() };
    match verb {
        Verb::List { mut list, state, vm, watch } => {
            let mut terms: Vec<String> =
                state.map(|state| format!("state={state}")).into_iter().collect();
            if let Some(vm) = vm {
                terms.push(format!("vm={}", one_vm(&client, &vm).await?.value.id));
            }
            terms.extend(list.filter.take());
            list.filter = narrowing(&[], Some(&terms.join(" AND ")))?;
            list.limit = list.limit.or(Some(LIST_DEFAULT));
            self::list::<v1::OperationList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { operation, watch } if watch.watch => {
            let look = || async { Ok(vec![read(&client, &operation).await?]) };
            let is_done = |seen: &[Item<v1::Operation>]| {
                seen.iter().all(|operation| is_settled(&operation.value.state))
            };
            watch::run(app, &client, look, is_done).await
        }
        Verb::Show { operation, .. } => super::view_one(app, &read(&client, &operation).await?),
        Verb::Wait { operation, timeout } => {
            wait_for(app, &client, &operation, WaitArgs { timeout, ..WaitArgs::default() }).await
        }
        Verb::Cancel { operation, wait, dry_run } => {
            if planned(app, &client, &operation, "is cancelled", dry_run).await? {
                return Ok(());
            }
            client.call::<v1::OperationCancel>(&path(&operation), &Nothing {}, &Nothing {}).await?;
            app.say(format!("cancelling operation {operation}"));
            if wait.no_wait {
                return Ok(());
            }
            match wait_for(app, &client, &operation, wait).await {
                // That it ended as cancelled is what was asked for.
                Err(failure) if failure.exit_code() == Kind::Cancelled.exit_code() => Ok(()),
                outcome => outcome,
            }
        }
        Verb::Retry { operation, wait, dry_run } => {
            if planned(app, &client, &operation, "is tried again", dry_run).await? {
                return Ok(());
            }
            client.call::<v1::OperationRetry>(&path(&operation), &Nothing {}, &Nothing {}).await?;
            app.say(format!("operation {operation} is tried again"));
            if wait.no_wait { Ok(()) } else { wait_for(app, &client, &operation, wait).await }
        }
        Verb::Resolve { operation, note, dry_run } => {
            if planned(app, &client, &operation, "is declared settled", dry_run).await? {
                return Ok(());
            }
            let body = v1::OperationResolution { note };
            client.call::<v1::OperationResolve>(&path(&operation), &Nothing {}, &body).await?;
            app.say(format!("operation {operation} is settled"));
            Ok(())
        }
    }
}

/// Reads an operation as it is now.
async fn read(client: &Client, id: &str) -> Result<Item<v1::Operation>> {
    let path = v1::OperationPath { operation: id.to_owned() };
    let query = v1::OperationWait::default();
    let answer =
        client.ask::<v1::OperationShow>(&path, &query, &Nothing {}, &Terms::default()).await?;
    Ok(Item { value: answer.value, json: answer.json })
}

/// Tells what would be done to an operation, if only that is wanted.
async fn planned(
    app: &App,
    client: &Client,
    id: &str,
    what: &str,
    dry_run: DryRunArg,
) -> Result<bool> {
    if !dry_run.is_given() {
        return Ok(false);
    }
    let operation = read(client, id).await?.value;
    let line = format!("~ operation {id} ({}, {}) {what}", operation.kind, operation.state);
    dry_run.tell(app, &[line])
}

/// Waits for an operation; its outcome becomes this command's.
async fn wait_for(app: &App, client: &Client, id: &str, wait: WaitArgs) -> Result {
    let mut interrupts = Interrupts::listen();
    let mut meter = Meter::default();
    let progress = |operation: &v1::Operation| {
        let line = meter.line(operation, tokio::time::Instant::now());
        app.terminal.redraw(&crate::text::printable(&line));
    };
    let waited = tokio::select! {
        waited = client.wait_operation(id, waiting(app, wait), progress) => waited,
        () = interrupts.heard() => {
            app.terminal.redraw("");
            app.say(format!("operation {id} goes on"));
            return Err(Failure::told(130));
        }
    };
    app.terminal.redraw("");
    let (answer, is_settled) = match waited? {
        Waited::Settled(answer) => (answer, true),
        Waited::Running(answer) => (answer, false),
    };
    let operation = &answer.value;
    let outcome = match operation.state.as_str() {
        "succeeded" => Ok(()),
        _ if is_settled => Err(Failure::of_operation(operation).during(format!("operation {id}"))),
        state => {
            Err(Failure::new(Kind::Timeout.exit_code(), format!("operation {id} is still {state}")))
        }
    };
    let view = app.view()?;
    if view.is_for_people() {
        app.say(format!("operation {id} ({}) is {}", operation.kind, operation.state));
    } else {
        view.one(&Item { value: answer.value, json: answer.json })?;
    }
    outcome
}

impl Resource for v1::Operation {
    const NOUN: &'static str = "operation";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("id", |operation, _| text(operation.id.as_str())),
        Column::new("kind", |operation, _| text(operation.kind.as_str())),
        Column::new("target", |operation, _| target(operation)),
        Column::new("state", |operation, _| state(&operation.state)),
        Column::new("progress", |operation, _| progress(operation)),
        Column::new("age", |operation, now| age(Some(operation.created_at), now)),
        Column::new("by", |operation, _| text(operation.created_by.as_str())),
        Column::wide("phase", |operation, _| opt(operation.phase.as_ref())),
        Column::wide("error", |operation, _| {
            opt(operation.error.as_ref().map(|error| format!("{} [{}]", error.detail, error.code)))
        }),
        Column::wide("raw-error", |operation, _| opt(operation.error_raw.as_ref())),
        Column::wide("note", |operation, _| opt(operation.note.as_ref())),
        Column::wide("finished", |operation, _| opt(operation.finished_at)),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn details(&self, view: &View<'_>) -> Vec<(&'static str, String)> {
        let widest = self.steps.iter().map(|step| step.state.len()).max().unwrap_or(0).max(9);
        let line = |step: &v1::OperationStep| {
            let state = state(&step.state);
            let word = view.terminal.paint(state.tone, &format!("{:<widest$}", step.state));
            let note = step.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            format!("{word} {}", crate::text::printable(&format!("{}{note}", step.name)))
        };
        vec![("Steps", self.steps.iter().map(line).collect::<Vec<_>>().join("\n"))]
    }
}

fn target(operation: &v1::Operation) -> Cell {
    // The first is what it was asked for; the others are what it needs for that.
    opt(operation.resources.first().map(|resource| {
        let name = resource.name.as_ref().unwrap_or(&resource.id);
        format!("{} {name}", resource.kind)
    }))
}

fn progress(operation: &v1::Operation) -> Cell {
    let progress = &operation.progress;
    let fraction = progress.fraction.map(|fraction| format!(" {:.0}%", fraction * 100.0));
    let done = format!("{}/{}", progress.steps_done, progress.steps_total);
    text(done + &fraction.unwrap_or_default())
}

fn state(state: &str) -> Cell {
    let tone = match state {
        "succeeded" | "done" => Tone::Good,
        "failed" | "failed_undone" | "undo_failed" | "needs_attention" => Tone::Bad,
        "cancelled" | "cancelling" | "undoing" | "undone" | "not_undone" => Tone::Warn,
        _ => Tone::Plain,
    };
    text(state).toned(tone)
}
