//! `hostler event`.

use clap::{Args, Subcommand};
use hostler_api::{Nothing, v1};
use hostler_client::{Followed, Item};

use super::{ListArgs, WatchArg};
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::output::{Cell, Column, Format, Resource, View, count, json_line, opt, text};
use crate::work::Interrupts;

/// How many events a list shows when nobody says.
const LIST_DEFAULT: u32 = 100;

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List past events, newest first.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler event list",
        "hostler event list --limit 20 --follow"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        /// Go on with those to come.
        #[arg(short, long, conflicts_with_all = ["filter", "search", "sort"])]
        follow: bool,
    },
    /// Show events as they come, until Ctrl-C.
    #[command(visible_alias = "watch")]
    Follow(FollowArgs),
}

/// Which events to follow.
#[derive(Debug, Clone, Default, Args)]
#[command(after_long_help = examples!(
    "hostler event follow",
    "hostler event follow --types 'vm.*,operation.changed' -o json"
))]
pub(crate) struct FollowArgs {
    /// Only these kinds, separated by commas; `vm.*` takes a family.
    #[arg(long, value_name = "KINDS")]
    types: Option<String>,
    /// Begin after this number; otherwise with what happens next.
    #[arg(long, value_name = "NUMBER")]
    since: Option<u64>,
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { mut list, follow } => {
            list.limit = list.limit.or(Some(LIST_DEFAULT));
            if !follow {
                let watch = WatchArg::default();
                return super::list::<v1::EventList, _>(app, Nothing {}, &list, watch).await;
            }
            let client = app.client()?;
            let mut page =
                super::read::<v1::EventList, v1::Event>(&client, Nothing {}, &list).await?;
            // The newest last, where those to come continue.
            page.items.reverse();
            let since = page.items.last().map(|event| event.value.seq);
            let mut printer = Printer::default();
            for event in &page.items {
                printer.print(app, event)?;
            }
            stream(app, FollowArgs { types: None, since }, printer).await
        }
        Verb::Follow(args) => stream(app, args, Printer::default()).await,
    }
}

/// Prints events as they come; a gap is told, not passed over.
async fn stream(app: &App, args: FollowArgs, mut printer: Printer) -> Result {
    let mut interrupts = Interrupts::listen();
    let client = app.client()?;
    let query = v1::EventQuery { since: args.since, types: args.types };
    let mut events = client.events(query).await?;
    loop {
        let followed = tokio::select! {
            followed = events.next() => followed?,
            () = interrupts.heard() => return Err(Failure::told(130)),
        };
        match followed {
            Followed::Event(event) => printer.print(app, &event)?,
            Followed::Resync => app.say("some events were lost here"),
        }
    }
}

/// Prints events one by one, with the column names above the first.
#[derive(Default)]
struct Printer {
    is_begun: bool,
}

impl Printer {
    fn print(&mut self, app: &App, event: &Item<v1::Event>) -> Result {
        let view = app.view()?;
        let text = match view.format {
            Format::Json | Format::Yaml => json_line(&event.json),
            // One by one, columns cannot be aligned: a line each, as in a log.
            Format::Table | Format::Wide if view.columns.is_empty() => line(&event.value),
            _ => {
                let view = View { headers: view.headers && !self.is_begun, ..view };
                view.render_list(std::slice::from_ref(event))?
            }
        };
        self.is_begun = true;
        app.terminal.write(&text)
    }
}

/// An event in one line, whatever its message holds.
fn line(event: &v1::Event) -> String {
    let resource = resource(event).text.unwrap_or_else(|| "-".into());
    let line = format!("{} {} {resource}: {}", event.at, event.kind, event.message);
    crate::text::printable(&line) + "\n"
}

impl Resource for v1::Event {
    const NOUN: &'static str = "event";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("at", |event, _| text(event.at.to_string())),
        Column::new("type", |event, _| text(event.kind.as_str())),
        Column::new("resource", |event, _| resource(event)),
        Column::new("message", |event, _| text(event.message.as_str())),
        Column::wide("seq", |event, _| count(event.seq)),
    ];

    fn id(&self) -> String {
        self.seq.to_string()
    }
}

fn resource(event: &v1::Event) -> Cell {
    opt(event.resource.as_ref().map(|resource| {
        let name = resource.name.as_ref().unwrap_or(&resource.id);
        format!("{} {name}", resource.kind)
    }))
}
