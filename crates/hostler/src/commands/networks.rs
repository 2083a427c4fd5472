//! `hostler network`.

use clap::Subcommand;
use hostler_api::{Nothing, v1};

use super::pools::state;
use super::{ListArgs, WatchArg};
use crate::app::App;
use crate::complete::Names;
use crate::failure::Result;
use crate::output::{Column, Resource, age, list, opt, reference, text};
use crate::resolve::by_name;

/// What can be done with networks.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List networks.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler network list",
        "hostler network list --filter 'name=default' -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show a network.
    #[command(after_long_help = examples!(
        "hostler network show h1/default",
        "hostler network show default -o json"
    ))]
    Show {
        /// Its name, HOST/NAME or id.
        #[arg(add = Names::Network)]
        network: String,
        #[command(flatten)]
        watch: WatchArg,
    },
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, watch } => {
            super::list::<v1::NetworkList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { network, watch } => {
            let client = app.client()?;
            let found = by_name::<v1::NetworkList, _>(&client, &network, place).await?;
            let path = v1::NetworkPath { network: found.value.id };
            super::show::<v1::NetworkShow, _>(app, &client, path, watch).await
        }
    }
}

/// Where a network is, to tell equal names apart.
pub(crate) fn place(network: &v1::Network) -> Option<String> {
    Some(match &network.host {
        Some(host) => host.name.clone(),
        None => network.provider.name.clone(),
    })
}

impl Resource for v1::Network {
    const NOUN: &'static str = "network";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |network, _| text(network.name.as_str())),
        Column::new("host", |network, _| reference(network.host.as_ref())),
        Column::new("forward", |network, _| text(network.forward.as_str())),
        Column::new("state", |network, _| state(network.active, network.stale)),
        Column::new("bridge", |network, _| opt(network.bridge.as_ref())),
        Column::new("subnets", |network, _| list(&network.subnets)),
        Column::wide("autostart", |network, _| text(network.autostart.to_string())),
        Column::wide("provider", |network, _| reference(Some(&network.provider))),
        Column::wide("seen", |network, now| age(Some(network.observed_at), now)),
        Column::wide("id", |network, _| text(network.id.as_str())),
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
}
