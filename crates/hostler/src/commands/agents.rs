//! `hostler agent`.

use clap::Subcommand;
use hostler_api::{Nothing, v1};

use super::{ListArgs, WatchArg};
use crate::app::App;
use crate::failure::Result;
use crate::output::{Cell, Column, Resource, View, age, opt, text};
use crate::terminal::Tone;
use crate::text::{printable, show_duration};

/// What can be done with agents.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List agents, and whether each is heard.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler agent list",
        "hostler agent list --filter 'state!=ok' -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show what an agent last measured of its machine.
    #[command(after_long_help = examples!(
        "hostler agent stats h1",
        "hostler agent stats hostlerd -o json"
    ))]
    Stats {
        /// Its name in the server's configuration; `hostlerd` is the server's own machine.
        agent: String,
    },
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, watch } => {
            super::list::<v1::AgentList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Stats { agent } => {
            let client = app.client()?;
            let once = WatchArg::default();
            super::show::<v1::AgentMetrics, _>(app, &client, v1::AgentPath { agent }, once).await
        }
    }
}

impl Resource for v1::Agent {
    const NOUN: &'static str = "agent";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |agent, _| text(agent.name.as_str())),
        Column::new("state", |agent, _| state(agent)),
        Column::new("host", |agent, _| host(agent)),
        Column::new("heard", |agent, now| age(agent.heard_at, now)),
        Column::new("version", |agent, _| opt(agent.version.as_ref())),
        Column::new("reason", |agent, _| {
            opt(agent.reason.as_ref().or(agent.joined_reason.as_ref()))
        }),
        Column::wide("address", |agent, _| text(agent.address.as_str())),
        Column::wide("machine", |agent, _| opt(agent.machine.as_ref())),
        Column::wide("joined", |agent, _| text(agent.joined.as_str())),
        Column::wide("left-out", |agent, _| text(agent.left_out.values().sum::<u64>().to_string())),
    ];

    fn id(&self) -> String {
        self.name.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn details(&self, _: &View<'_>) -> Vec<(&'static str, String)> {
        let line = |source: &v1::AgentSource| {
            let ago = source.age_seconds.map(|age| {
                let age = std::time::Duration::try_from_secs_f64(age).unwrap_or_default();
                format!("{} ago", show_duration(age))
            });
            let ago = ago.unwrap_or_else(|| "never".to_owned());
            let why = source.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            printable(&format!("{} {}, {ago}{why}", source.source, source.pass))
        };
        vec![("Sources", self.sources.iter().map(line).collect::<Vec<_>>().join("\n"))]
    }
}

fn state(agent: &v1::Agent) -> Cell {
    let tone = match agent.state.as_str() {
        "ok" => Tone::Good,
        "connecting" => Tone::Warn,
        _ => Tone::Bad,
    };
    text(agent.state.as_str()).toned(tone)
}

/// The host that it is on, or what its machine calls itself where it is none of the fleet.
fn host(agent: &v1::Agent) -> Cell {
    match &agent.host {
        Some(host) => text(host.name.as_str()),
        None if agent.joined == "unclear" => text("unclear").toned(Tone::Bad),
        None => opt(agent.machine.as_ref()),
    }
}
