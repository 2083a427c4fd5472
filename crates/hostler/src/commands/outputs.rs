//! `hostler output`.

use std::time::Duration;

use clap::Subcommand;
use hostler_api::{Nothing, v1};

use super::{ListArgs, WatchArg};
use crate::app::App;
use crate::failure::Result;
use crate::output::{Cell, Column, Resource, bytes, count, opt, text};
use crate::terminal::Tone;
use crate::text::show_duration;

/// What can be done with outputs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List where the history is sent to, what waits for it and what is lost.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler output list",
        "hostler output list --filter state=failing -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    let Verb::List { list, watch } = verb;
    super::list::<v1::OutputList, _>(app, Nothing {}, &list, watch).await
}

impl Resource for v1::OutputStatus {
    const NOUN: &'static str = "output";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |output, _| text(output.name.as_str())),
        Column::new("state", |output, _| state(output)),
        Column::new("sent", |output, _| count(output.sent)),
        Column::new("waiting", |output, _| count(output.waiting.samples)),
        Column::new("oldest", |output, _| oldest(output)),
        Column::new("lost", |output, _| lost(output)),
        Column::new("reason", |output, _| opt(output.reason.as_ref())),
        Column::wide("kind", |output, _| text(output.kind.as_str())),
        Column::wide("target", |output, _| text(output.target.as_str())),
        Column::wide("arrived", |output, _| opt(output.sent_at)),
        Column::wide("failing-since", |output, _| opt(output.failing_since)),
        Column::wide("size", |output, _| bytes(Some(output.waiting.bytes))),
        Column::wide("failed-tries", |output, _| count(output.failed_tries)),
        Column::wide("unsupported", |output, _| count(output.dropped.unsupported)),
    ];

    fn id(&self) -> String {
        self.name.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

fn state(output: &v1::OutputStatus) -> Cell {
    let tone = match output.state.as_str() {
        "ok" => Tone::Good,
        "failing" => Tone::Bad,
        _ => Tone::Plain,
    };
    text(output.state.as_str()).toned(tone)
}

/// How long the oldest sample has waited, by the server's clock.
fn oldest(output: &v1::OutputStatus) -> Cell {
    let Some(age) = output.waiting.oldest_age_seconds else { return Cell::default() };
    let shown = show_duration(Duration::try_from_secs_f64(age).unwrap_or_default());
    Cell { text: Some(shown), ..text(age.to_string()) }
}

/// What should have arrived and will not; what its protocol cannot tell is none of it.
fn lost(output: &v1::OutputStatus) -> Cell {
    let v1::OutputDropped { full, old, disk, refused, unsupported: _ } = output.dropped;
    let lost = [full, old, disk, refused].into_iter().fold(0, u64::saturating_add);
    let tone = if lost > 0 { Tone::Bad } else { Tone::Plain };
    count(lost).toned(tone)
}
