//! `hostler host`.

use clap::Subcommand;
use hostler_api::{Nothing, v1};

use super::outlook::OutlookArgs;
use super::{ListArgs, WatchArg, outlook};
use crate::app::App;
use crate::complete::Names;
use crate::failure::Result;
use crate::output::{
    Cell, Column, Resource, View, age, bytes, count, fact, list, opt, reference, text,
};
use crate::resolve::by_name;
use crate::terminal::Tone;

/// What can be done with hosts.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List hosts.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler host list",
        "hostler host list --filter 'state=ready' -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show a host.
    #[command(after_long_help = examples!(
        "hostler host show h1",
        "hostler host show h1 -o json"
    ))]
    Show {
        /// Its name or id.
        #[arg(add = Names::Host)]
        host: String,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show what was last measured of a host.
    #[command(after_long_help = examples!(
        "hostler host stats h1",
        "hostler host stats h1 -o json"
    ))]
    Stats {
        /// Its name or id.
        #[arg(add = Names::Host)]
        host: String,
    },
    /// Show what will be of a host: trends, forecasts, what is unusual.
    #[command(after_long_help = examples!(
        "hostler host outlook h1",
        "hostler host outlook h1 --horizon 30d -o json"
    ))]
    Outlook {
        /// Its name or id.
        #[arg(add = Names::Host)]
        host: String,
        #[command(flatten)]
        outlook: OutlookArgs,
    },
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, watch } => {
            super::list::<v1::HostList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { host, watch } => {
            let client = app.client()?;
            let host = by_name::<v1::HostList, _>(&client, &host, place).await?.value.id;
            super::show::<v1::HostShow, _>(app, &client, v1::HostPath { host }, watch).await
        }
        Verb::Stats { host } => {
            let client = app.client()?;
            let host = by_name::<v1::HostList, _>(&client, &host, place).await?.value.id;
            let once = WatchArg::default();
            super::show::<v1::HostMetrics, _>(app, &client, v1::HostPath { host }, once).await
        }
        Verb::Outlook { host, outlook: args } => {
            let client = app.client()?;
            let host = by_name::<v1::HostList, _>(&client, &host, place).await?.value.id;
            outlook::show::<v1::HostOutlook>(app, &client, v1::HostPath { host }, args).await
        }
    }
}

/// Where a host is, to tell equal names apart.
pub(crate) fn place(host: &v1::Host) -> Option<String> {
    Some(host.provider.name.clone())
}

impl Resource for v1::Host {
    const NOUN: &'static str = "host";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |host, _| text(host.name.as_str())),
        Column::new("state", |host, _| state(host)),
        Column::new("vms", |host, _| text(format!("{}/{}", host.vm_running_count, host.vm_count))),
        Column::new("cpus", |host, _| fact(&host.cpu_count, |v| count(v))),
        Column::new("memory", |host, _| fact(&host.memory_bytes, |b| bytes(Some(*b)))),
        Column::new("free", |host, _| fact(&host.memory_free_bytes, |b| bytes(Some(*b)))),
        Column::new("provider", |host, _| reference(Some(&host.provider))),
        Column::wide("arch", |host, _| fact(&host.arch, |v| text(v.as_str()))),
        Column::wide("cpu-model", |host, _| fact(&host.cpu_model, |v| text(v.as_str()))),
        Column::wide("hypervisor", |host, _| fact(&host.hypervisor, |v| text(v.as_str()))),
        Column::wide("reason", |host, _| opt(host.reason.as_ref())),
        Column::wide("seen", |host, now| age(host.observed_at, now)),
        Column::wide("id", |host, _| text(host.id.as_str())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_simulated(&self) -> bool {
        self.simulated
    }

    fn details(&self, _: &View<'_>) -> Vec<(&'static str, String)> {
        let Some(guests) = &self.guests.value else { return Vec::new() };
        let line = |guest: &v1::GuestSupport| {
            let machine = guest.machines.first().map_or("-", String::as_str);
            let how = list(&guest.hypervisors).text.unwrap_or_default();
            crate::text::printable(&format!("{}: {how}; default machine {machine}", guest.arch))
        };
        vec![("Guests", guests.iter().map(line).collect::<Vec<_>>().join("\n"))]
    }
}

fn state(host: &v1::Host) -> Cell {
    let tone = match host.state.as_str() {
        "ready" => Tone::Good,
        "degraded" => Tone::Bad,
        _ => Tone::Warn,
    };
    text(host.state.as_str()).toned(tone)
}
