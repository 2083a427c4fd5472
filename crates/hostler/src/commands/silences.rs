//! `hostler silence`: for how long nobody is told about what, and why.

use std::time::Duration;

use clap::{Args, Subcommand};
use hostler_api::{Nothing, Time, v1};
use hostler_client::{Client, Terms};
use hostler_core::Timestamp;

use super::{DryRunArg, ListArgs, WatchArg, alerts};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Cell, Column, Resource, age, count, text};
use crate::terminal::Tone;
use crate::text::{parse_duration, show_duration};

/// What can be done with silences.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List silences that hold or are to come.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler silence list",
        "hostler silence list --all -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        /// Also those that are over.
        #[arg(short, long)]
        all: bool,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show a silence.
    #[command(after_long_help = examples!("hostler silence show 0192d0c4-0000-7000-8000-000000000001"))]
    Show {
        /// Its id.
        #[arg(add = Names::Silence)]
        silence: String,
    },
    /// Let nobody be told about some alerts for a time; its id is shown on stdout.
    #[command(visible_alias = "add")]
    Create(CreateArgs),
    /// End silences now; they stay listed as a record.
    #[command(visible_aliases = ["delete", "rm"])]
    #[command(after_long_help = examples!(
        "hostler silence expire 0192d0c4-0000-7000-8000-000000000001",
        "hostler silence list -q --filter created_by=ada | xargs hostler silence expire"
    ))]
    Expire {
        /// Their ids.
        #[arg(required = true, value_name = "SILENCE", add = Names::Silence)]
        silences: Vec<String>,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
}

/// Which alerts, from when, until when, and why.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler silence create host=h1 --for 2h --comment 'new memory is put in'",
    "hostler silence create 'vm=~\"web-.*\"' severity!=critical --for 30m --comment deploy",
    "hostler silence create --alert HostDown --until 2026-12-24T08:00:00Z --comment 'known'"
))]
pub(crate) struct CreateArgs {
    /// Alerts that fit all of these: LABEL=VALUE, !=, =~ or !~.
    #[arg(value_name = "MATCHER", required_unless_present = "alert", conflicts_with = "alert")]
    matchers: Vec<String>,
    /// Exactly this alert: its id, the beginning of it, or its name.
    #[arg(long, value_name = "ALERT", add = Names::Alert)]
    alert: Option<String>,
    /// For how long, for example 90m, 2h or 7d.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    #[arg(required_unless_present = "until", conflicts_with = "until")]
    duration: Option<Duration>,
    /// Until when, for example 2026-12-24T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Time>,
    /// From when; from now on when not given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<Time>,
    /// Why.
    #[arg(short, long, value_name = "TEXT")]
    comment: String,
    #[command(flatten)]
    dry_run: DryRunArg,
}

fn parse_time(text: &str) -> Result<Time, String> {
    text.parse::<Timestamp>().map(Time)
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { mut list, all, watch } => {
            if !all {
                list.filter = Some(match list.filter.filter(|filter| !filter.trim().is_empty()) {
                    Some(filter) => format!("state!=expired AND {filter}"),
                    None => "state!=expired".to_owned(),
                });
            }
            super::list::<v1::SilenceList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { silence } => {
            let client = app.client()?;
            let path = v1::SilencePath { silence };
            super::show::<v1::SilenceShow, _>(app, &client, path, WatchArg::default()).await
        }
        Verb::Create(args) => create(app, args).await,
        Verb::Expire { silences, dry_run } => expire(app, &silences, dry_run).await,
    }
}

async fn create(app: &App, args: CreateArgs) -> Result {
    let client = app.client()?;
    let CreateArgs { matchers, alert, duration, until, from, comment, dry_run } = args;
    let alert = match alert {
        Some(wanted) => Some(alerts::find(&client, &wanted).await?.value),
        None => None,
    };
    let what = match &alert {
        Some(alert) => format!("alert \"{}\"", alert.name),
        None => matchers.join(", "),
    };
    let how_long = match (duration, until) {
        (Some(duration), _) => format!("for {}", show_duration(duration)),
        (None, Some(until)) => format!("until {until}"),
        (None, None) => String::new(),
    };
    if dry_run.tell(app, &[format!("+ silence of {what} {how_long}: {comment}")])? {
        return Ok(());
    }
    let body = v1::SilenceRequest {
        matchers,
        alert: alert.map(|alert| alert.id),
        starts_at: from,
        ends_at: until,
        duration_seconds: duration.map(|duration| duration.as_secs()),
        comment,
    };
    let answer = client
        .ask::<v1::SilenceCreate>(&Nothing {}, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during("cannot make the silence"))?;
    let view = app.view()?;
    if view.is_document() {
        return view.document(&answer.json);
    }
    let made = answer.value;
    // One that was thought to silence something and does not has a typing error in it.
    let now = match made.silences {
        0 if made.state == "active" => "; no alert fits it now".to_owned(),
        0 => String::new(),
        1 => "; one alert fits it now".to_owned(),
        many => format!("; {many} alerts fit it now"),
    };
    app.say(format!("silence of {what} made until {}{now}", made.ends_at));
    app.terminal.write(&format!("{}\n", crate::text::printable(&made.id)))
}

async fn expire(app: &App, silences: &[String], dry_run: DryRunArg) -> Result {
    let client = app.client()?;
    // All are looked up before the first is ended.
    let mut found = Vec::new();
    for id in silences {
        found.push(show(&client, id).await?);
    }
    let lines: Vec<String> = found
        .iter()
        .map(|silence| {
            format!("- silence {} of {} ({})", silence.id, matchers(silence), silence.state)
        })
        .collect();
    if dry_run.tell(app, &lines)? {
        return Ok(());
    }
    for silence in found {
        let path = v1::SilencePath { silence: silence.id.clone() };
        client
            .call::<v1::SilenceExpire>(&path, &Nothing {}, &Nothing {})
            .await
            .map_err(|error| Failure::from(error).during("cannot end the silence"))?;
        app.say(match silence.state.as_str() {
            "expired" => format!("silence {} was over already", silence.id),
            _ => format!("silence {} of {} ended", silence.id, matchers(&silence)),
        });
    }
    Ok(())
}

async fn show(client: &Client, id: &str) -> Result<v1::Silence> {
    let path = v1::SilencePath { silence: id.to_owned() };
    Ok(client.show::<v1::SilenceShow>(&path).await?.value)
}

fn matchers(silence: &v1::Silence) -> String {
    silence.matchers.join(", ")
}

impl Resource for v1::Silence {
    const NOUN: &'static str = "silence";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("id", |silence, _| text(silence.id.as_str())),
        Column::new("state", |silence, _| {
            let tone = if silence.state == "expired" { Tone::Weak } else { Tone::Plain };
            text(silence.state.as_str()).toned(tone)
        }),
        Column::new("matchers", |silence, _| text(matchers(silence))),
        Column::new("silences", |silence, _| count(silence.silences)),
        Column::new("ends", ends),
        Column::new("by", |silence, _| text(silence.created_by.as_str())),
        Column::new("comment", |silence, _| text(silence.comment.as_str())),
        Column::wide("starts", |silence, _| text(silence.starts_at.to_string())),
        Column::wide("age", |silence, now| age(Some(silence.created_at), now)),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }
}

/// How long it goes on, or how long ago it ended.
fn ends(silence: &v1::Silence, now: Timestamp) -> Cell {
    let end = silence.ends_at.0;
    let shown = if end > now {
        format!("in {}", show_duration(end.since(now)))
    } else {
        format!("{} ago", show_duration(now.since(end)))
    };
    Cell { text: Some(shown), ..text(silence.ends_at.to_string()) }
}
