//! Doing things that take time: submit, show progress, wait, tell the outcome.
//!
//! ```text
//! submit ─► wait ─► succeeded           ► 0
//!   │        │  ├─► failed …            ► the code of the error's kind
//!   │        │  └─► time is up          ► 8, the operation goes on
//!   │        └─ Ctrl-C ─► 130, goes on ─ Ctrl-C again within 2 s ─► cancel
//!   └─► refused                         ► the code of the error's kind
//! ```
//!
//! Of several targets each is told by itself; the exit code is 1 when some
//! succeeded and some did not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use hostler_api::{Nothing, v1};
use hostler_client::{Answer, Client, Item, Waited, Waiting};
use hostler_core::Kind;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::output::Format;
use crate::text::{parse_duration, show_duration, show_size};

/// How many operations are submitted and waited for at once.
const AT_ONCE: usize = 16;
/// How long a second Ctrl-C is waited for.
const SECOND_PRESS: Duration = Duration::from_secs(2);

/// Whether and how long to wait.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WaitArgs {
    /// Do not wait for the end; show the operation's id.
    #[arg(long, help_heading = "Waiting")]
    pub(crate) no_wait: bool,
    /// Wait at most this long; the operation goes on afterwards.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = "Waiting")]
    pub(crate) timeout: Option<Duration>,
    /// Whether it is a failure that nothing had to be done.
    #[arg(skip)]
    pub(crate) strict: bool,
}

/// One thing to be done.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// For messages, for example `vm "web"`.
    pub(crate) called: String,
    /// The id that the request needs.
    pub(crate) id: String,
}

/// The words for what is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    /// As in "cannot start".
    pub(crate) verb: &'static str,
    /// As in "vm web started".
    pub(crate) done: &'static str,
}

/// Operations that were submitted and have not been seen to end: id and target.
type Running = Rc<RefCell<BTreeMap<String, String>>>;

/// Submits an operation for each target, waits, and tells what became of them.
///
/// `is_list` says whether the result is a list even when there is one target.
pub(crate) async fn run<F>(
    app: &App,
    client: &Client,
    wait: WaitArgs,
    words: Words,
    targets: Vec<Target>,
    is_list: bool,
    submit: impl Fn(String) -> F,
) -> Result
where
    F: Future<Output = hostler_client::Result<Answer<v1::Operation>>>,
{
    let total = targets.len();
    let mut interrupts = Interrupts::listen();
    let running = Running::default();
    let work = futures_util::stream::iter(targets.into_iter().enumerate())
        .map(|(at, target)| {
            let (running, submitted) = (Rc::clone(&running), submit(target.id.clone()));
            async move {
                let mut outcome = one(app, client, wait, submitted, &target, &running, total).await;
                let what = format!("cannot {} {}", words.verb, target.called);
                outcome.failure = outcome.failure.map(|failure| failure.during(what));
                tell(app, &target, words, &outcome, wait, total);
                (at, outcome)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>();
    let mut outcomes = tokio::select! {
        outcomes = work => outcomes,
        () = interrupts.heard() => {
            return detach(app, client, &running, &mut interrupts).await;
        }
    };
    outcomes.sort_by_key(|(at, _)| *at);
    let outcomes: Vec<Outcome> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    show(app, &outcomes, is_list, wait)?;
    sum_up(outcomes)
}

/// What became of one target.
struct Outcome {
    operation: Option<Item<v1::Operation>>,
    failure: Option<Failure>,
}

/// Submits for one target and waits for it.
async fn one(
    app: &App,
    client: &Client,
    wait: WaitArgs,
    submitted: impl Future<Output = hostler_client::Result<Answer<v1::Operation>>>,
    target: &Target,
    running: &Running,
    total: usize,
) -> Outcome {
    let answer = match submitted.await {
        Ok(answer) => answer,
        Err(error) => return Outcome { operation: None, failure: Some(error.into()) },
    };
    if wait.no_wait || hostler_client::is_settled(&answer.value.state) {
        return outcome_of(answer, wait.strict);
    }
    let id = answer.value.id.clone();
    running.borrow_mut().insert(id.clone(), target.called.clone());
    let mut progress = Progress::new(app, running, total);
    let waited =
        client.wait_operation(&id, waiting(app, wait), |operation| progress.news(operation)).await;
    running.borrow_mut().remove(&id);
    app.terminal.redraw("");
    match waited {
        Ok(Waited::Settled(answer)) => outcome_of(*answer, wait.strict),
        Ok(Waited::Running(answer)) => {
            let failure = still_running(&id, wait.timeout);
            Outcome { failure: Some(failure), ..outcome_of(*answer, false) }
        }
        Err(error) => {
            let hint = format!("the operation goes on: `hostler op wait {id}`");
            Outcome { operation: None, failure: Some(Failure::from(error).with_hint(hint)) }
        }
    }
}

/// What an operation that is not waited for any longer came to.
fn outcome_of(answer: Answer<v1::Operation>, strict: bool) -> Outcome {
    let operation = &answer.value;
    let is_bad = matches!(operation.state.as_str(), "failed" | "cancelled" | "needs_attention");
    let failure = match was_so_already(operation) {
        _ if is_bad => Some(Failure::of_operation(operation)),
        Some(note) if strict => Some(Failure::new(Kind::Conflict.exit_code(), note)),
        _ => None,
    };
    Outcome { operation: Some(Item { value: answer.value, json: answer.json }), failure }
}

/// The note of an operation for which nothing had to be done.
fn was_so_already(operation: &v1::Operation) -> Option<&str> {
    let note = operation.note.as_deref().filter(|note| note.starts_with("already"))?;
    (operation.state == "succeeded").then_some(note)
}

fn still_running(id: &str, timeout: Option<Duration>) -> Failure {
    let time = timeout.map(show_duration).unwrap_or_default();
    Failure::new(Kind::Timeout.exit_code(), format!("not done within {time}, and still at work"))
        .with_hint(format!("`hostler op wait {id}` waits on"))
}

/// How often to ask: often where a person watches, seldom where none does.
pub(crate) fn waiting(app: &App, wait: WaitArgs) -> Waiting {
    let every = Duration::from_secs(if app.terminal.can_redraw { 1 } else { 30 });
    Waiting { every, timeout: wait.timeout, ..Waiting::default() }
}

/// Tells the person what became of one target.
fn tell(app: &App, target: &Target, words: Words, outcome: &Outcome, wait: WaitArgs, total: usize) {
    app.terminal.redraw("");
    if let Some(failure) = &outcome.failure {
        // The only one is told at the very end.
        if total > 1 {
            failure.print(&app.terminal);
        }
        return;
    }
    let Some(operation) = &outcome.operation else { return };
    let operation = &operation.value;
    if let Some(note) = was_so_already(operation) {
        app.say(format!("{}: {note}", target.called));
        return;
    }
    let line = match (&operation.note, operation.state.as_str()) {
        (Some(note), "succeeded") => format!("{} {} ({note})", target.called, words.done),
        (_, "succeeded") => format!("{} {}", target.called, words.done),
        _ if wait.no_wait => {
            format!("{}: operation {} goes on", target.called, operation.id)
        }
        (_, state) => format!("{}: operation {} is {state}", target.called, operation.id),
    };
    app.say(line);
}

/// The operations as data: ids where nobody waits, documents where asked for.
fn show(app: &App, outcomes: &[Outcome], is_list: bool, wait: WaitArgs) -> Result {
    let view = app.view()?;
    let operations: Vec<_> = outcomes.iter().filter_map(|o| o.operation.as_ref()).collect();
    match view.format {
        Format::Json | Format::Yaml => {
            let mut documents: Vec<_> = operations.iter().map(|item| item.json.clone()).collect();
            match (is_list, documents.len()) {
                (false, 0) => Ok(()),
                (false, _) => view.document(&documents.swap_remove(0)),
                (true, _) => view.document(&serde_json::Value::Array(documents)),
            }
        }
        Format::Template => {
            app.terminal.write(&view.templated(operations.iter().map(|item| &item.json))?)
        }
        Format::Id | Format::Name | Format::Table | Format::Wide | Format::Csv if wait.no_wait => {
            ids(app, &operations)
        }
        Format::Id => subjects(app, &operations, false),
        Format::Name => subjects(app, &operations, true),
        Format::Table | Format::Wide | Format::Csv => Ok(()),
    }
}

/// The operations, for a later `op wait`.
fn ids(app: &App, operations: &[&Item<v1::Operation>]) -> Result {
    let text: String = operations.iter().map(|item| format!("{}\n", item.value.id)).collect();
    app.terminal.write(&text)
}

/// What was worked on: the VM, whose id or name the next command needs.
fn subjects(app: &App, operations: &[&Item<v1::Operation>], by_name: bool) -> Result {
    let subject = |item: &&Item<v1::Operation>| {
        let operation = &item.value;
        let word = match operation.resources.first() {
            Some(v1::ResourceRef { name: Some(name), .. }) if by_name => name,
            Some(resource) => &resource.id,
            None => &operation.id,
        };
        crate::text::printable(word) + "\n"
    };
    app.terminal.write(&operations.iter().map(subject).collect::<String>())
}

/// The exit code of all outcomes together.
fn sum_up(outcomes: Vec<Outcome>) -> Result {
    let total = outcomes.len();
    sum(outcomes.into_iter().filter_map(|o| o.failure).collect(), total)
}

/// What the failures among `total` targets, which have been told, come to.
pub(crate) fn sum(mut failures: Vec<Failure>, total: usize) -> Result {
    match (failures.len(), total) {
        (0, _) => Ok(()),
        (1, 1) => Err(failures.swap_remove(0)),
        (failed, total) => {
            let first = failures.first().map_or(1, Failure::exit_code);
            let is_same = failures.iter().all(|failure| failure.exit_code() == first);
            let exit = if failed == total && is_same { first } else { 1 };
            Err(Failure::new(exit, format!("{failed} of {total} failed")))
        }
    }
}

/// Hears Ctrl-C from the moment it is made, so that none is lost in between.
pub(crate) struct Interrupts(Option<Signal>);

impl Interrupts {
    /// Listens from now on; where that is impossible, Ctrl-C ends the program.
    pub(crate) fn listen() -> Self {
        Self(signal(SignalKind::interrupt()).ok())
    }

    /// Ends when Ctrl-C is pressed.
    pub(crate) async fn heard(&mut self) {
        match &mut self.0 {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Leaves the operations at work, or cancels them on a second Ctrl-C.
async fn detach(
    app: &App,
    client: &Client,
    running: &Running,
    interrupts: &mut Interrupts,
) -> Result {
    app.terminal.redraw("");
    let running = running.borrow().clone();
    if running.is_empty() {
        app.say("left before the server answered; look whether it was done");
        return Err(Failure::told(130));
    }
    for (id, called) in &running {
        app.say(format!("{called}: operation {id} goes on; `hostler op wait {id}` waits for it"));
    }
    app.say("press Ctrl-C again to cancel");
    if tokio::time::timeout(SECOND_PRESS, interrupts.heard()).await.is_err() {
        return Err(Failure::told(130));
    }
    for (id, called) in &running {
        let path = v1::OperationPath { operation: id.clone() };
        match client.call::<v1::OperationCancel>(&path, &Nothing {}, &Nothing {}).await {
            Ok(_) => app.say(format!("{called}: cancelling operation {id}")),
            Err(error) => {
                Failure::from(error).during(format!("cannot cancel {id}")).print(&app.terminal);
            }
        }
    }
    Err(Failure::told(130))
}

/// The line of progress on stderr, where a person watches.
pub(crate) struct Progress<'a> {
    app: &'a App,
    running: &'a Running,
    total: usize,
    meter: Meter,
}

impl<'a> Progress<'a> {
    fn new(app: &'a App, running: &'a Running, total: usize) -> Self {
        Self { app, running, total, meter: Meter::default() }
    }

    /// Draws the line anew.
    fn news(&mut self, operation: &v1::Operation) {
        let line = self.meter.line(operation, Instant::now());
        let running = self.running.borrow();
        let called = running.get(&operation.id).map_or("", String::as_str);
        let shown = match self.total {
            1 => format!("{called}: {line}"),
            total => format!("{} of {total} at work; {called}: {line}", running.len()),
        };
        let width = self.app.terminal.width.unwrap_or(80).saturating_sub(1);
        let shown: String = crate::text::printable(&shown).chars().take(width).collect();
        self.app.terminal.redraw(&shown);
    }
}

/// Turns news into a line with rate and remaining time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    phase: Option<String>,
    began: Option<(Instant, u64)>,
}

impl Meter {
    /// What an operation is doing, in one line.
    pub(crate) fn line(&mut self, operation: &v1::Operation, now: Instant) -> String {
        let progress = &operation.progress;
        if self.phase != operation.phase {
            self.phase.clone_from(&operation.phase);
            self.began = None;
        }
        let mut line = operation.state.clone();
        if let Some(phase) = &operation.phase {
            // Steps count from one for people; the one at work is not done yet.
            let step = (progress.steps_done + 1).min(progress.steps_total);
            line = format!("step {step}/{} {phase}", progress.steps_total);
        }
        if let Some(fraction) = progress.fraction {
            line.push_str(&format!(" {:.0}%", (fraction * 100.0).clamp(0.0, 100.0)));
        }
        if let Some(done) = progress.bytes_done {
            let total = progress.bytes_total;
            line.push_str(&format!(" {}", show_size(done)));
            line.push_str(&total.map(|t| format!(" of {}", show_size(t))).unwrap_or_default());
            line.push_str(&self.rate(done, total, now));
        }
        if let Some(note) = &progress.note {
            line.push_str(&format!(" ({note})"));
        }
        line
    }

    /// The average rate since the step was first seen, and how long it will take.
    fn rate(&mut self, done: u64, total: Option<u64>, now: Instant) -> String {
        let (began, before) = *self.began.get_or_insert((now, done));
        let millis = u64::try_from((now - began).as_millis()).unwrap_or(u64::MAX);
        let moved = done.saturating_sub(before);
        if millis < 500 || moved == 0 {
            return String::new();
        }
        let per_second = moved.saturating_mul(1000) / millis;
        let left = total.map(|total| total.saturating_sub(done) / per_second.max(1));
        let left = left.map(|seconds| show_duration(Duration::from_secs(seconds)));
        let left = left.map(|left| format!(", {left} left")).unwrap_or_default();
        format!(", {}/s{left}", show_size(per_second))
    }
}

/// Writes the progress of an upload.
pub(crate) fn upload_line(app: &App, done: u64, total: Option<u64>) {
    if app.terminal.can_redraw {
        let of = total.map(|total| format!(" of {}", show_size(total))).unwrap_or_default();
        app.terminal.redraw(&format!("{}{of} sent", show_size(done)));
        let _ = std::io::stderr().flush();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(progress: &serde_json::Value) -> v1::Operation {
        serde_json::from_value(json!({
            "id": "op-1", "kind": "vm.create", "state": "running", "phase": "make_disks",
            "progress": progress, "steps": [], "resources": [], "created_by": "test",
            "cancellable": true, "error": null, "note": null,
            "created_at": "2026-11-21T04:00:00Z", "updated_at": "2026-11-21T04:00:00Z",
            "finished_at": null,
        }))
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn progress_tells_step_share_rate_and_remaining_time() {
        let mut meter = Meter::default();
        let news = |done: u64| {
            operation(&json!({"steps_done": 1, "steps_total": 4, "fraction": 0.256,
                "note": "copying", "bytes_done": done, "bytes_total": 1 << 30}))
        };
        let first = meter.line(&news(0), Instant::now());
        assert_eq!(first, "step 2/4 make_disks 26% 0 B of 1 GiB (copying)");
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = meter.line(&news(512 << 20), Instant::now());
        assert_eq!(
            second,
            "step 2/4 make_disks 26% 512 MiB of 1 GiB, 256 MiB/s, 2s left (copying)"
        );
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let mut meter = Meter::default();
        let mut news = operation(&json!({"steps_done": 0, "steps_total": 4, "fraction": null,
            "note": null, "bytes_done": null, "bytes_total": null}));
        news.phase = None;
        assert_eq!(meter.line(&news, Instant::now()), "running");
    }

    #[test]
    fn the_exit_code_tells_all_from_some() {
        let outcome = |failure: Option<u8>| Outcome {
            operation: None,
            failure: failure.map(|exit| Failure::new(exit, "x")),
        };
        let exit = |outcomes: &[Option<u8>]| {
            let outcomes = outcomes.iter().map(|failure| outcome(*failure)).collect();
            sum_up(outcomes).map_or_else(|failure| failure.exit_code(), |()| 0)
        };
        assert_eq!(exit(&[None, None]), 0);
        assert_eq!(exit(&[Some(5)]), 5);
        assert_eq!(exit(&[Some(5), Some(5)]), 5);
        assert_eq!(exit(&[Some(5), None]), 1);
        assert_eq!(exit(&[Some(5), Some(8)]), 1);
    }
}
