//! `hostler pool`.

use clap::Subcommand;
use hostler_api::{Nothing, v1};

use super::outlook::OutlookArgs;
use super::{ListArgs, WatchArg, outlook};
use crate::app::App;
use crate::complete::Names;
use crate::failure::Result;
use crate::output::{Cell, Column, Resource, age, bytes, fact, reference, text};
use crate::resolve::by_name;
use crate::terminal::Tone;

/// What can be done with storage pools.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List storage pools.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler pool list",
        "hostler pool list --filter 'name=default' -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show a storage pool.
    #[command(after_long_help = examples!(
        "hostler pool show h1/default",
        "hostler pool show default -o json"
    ))]
    Show {
        /// Its name, HOST/NAME or id.
        #[arg(add = Names::Pool)]
        pool: String,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show when a storage pool is full, as far as its history says.
    #[command(after_long_help = examples!(
        "hostler pool outlook h1/default",
        "hostler pool outlook default --horizon 30d -o json"
    ))]
    Outlook {
        /// Its name, HOST/NAME or id.
        #[arg(add = Names::Pool)]
        pool: String,
        #[command(flatten)]
        outlook: OutlookArgs,
    },
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, watch } => {
            super::list::<v1::PoolList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { pool, watch } => {
            let client = app.client()?;
            let pool = by_name::<v1::PoolList, _>(&client, &pool, place).await?.value.id;
            super::show::<v1::PoolShow, _>(app, &client, v1::PoolPath { pool }, watch).await
        }
        Verb::Outlook { pool, outlook: args } => {
            let client = app.client()?;
            let pool = by_name::<v1::PoolList, _>(&client, &pool, place).await?.value.id;
            outlook::show::<v1::PoolOutlook>(app, &client, v1::PoolPath { pool }, args).await
        }
    }
}

/// Where a pool is, to tell equal names apart.
pub(crate) fn place(pool: &v1::Pool) -> Option<String> {
    Some(match &pool.host {
        Some(host) => host.name.clone(),
        None => pool.provider.name.clone(),
    })
}

impl Resource for v1::Pool {
    const NOUN: &'static str = "pool";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |pool, _| text(pool.name.as_str())),
        Column::new("host", |pool, _| reference(pool.host.as_ref())),
        Column::new("kind", |pool, _| text(pool.kind.as_str())),
        Column::new("state", |pool, _| state(pool.active, pool.stale)),
        Column::new("size", |pool, _| fact(&pool.capacity_bytes, |b| bytes(Some(*b)))),
        Column::new("used", |pool, _| fact(&pool.allocated_bytes, |b| bytes(Some(*b)))),
        Column::new("free", |pool, _| fact(&pool.available_bytes, |b| bytes(Some(*b)))),
        Column::wide("provider", |pool, _| reference(Some(&pool.provider))),
        Column::wide("seen", |pool, now| age(Some(pool.observed_at), now)),
        Column::wide("id", |pool, _| text(pool.id.as_str())),
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

/// Whether something can be used, and whether that is known now.
pub(crate) fn state(is_active: bool, is_stale: bool) -> Cell {
    let word = if is_active { "active" } else { "inactive" };
    match (is_stale, is_active) {
        (true, _) => text(format!("{word} (stale)")).toned(Tone::Warn),
        (false, true) => text(word).toned(Tone::Good),
        (false, false) => text(word).toned(Tone::Warn),
    }
}
