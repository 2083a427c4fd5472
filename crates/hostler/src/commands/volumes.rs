//! `hostler volume`.

use clap::{Subcommand, ValueEnum};
use hostler_api::{Nothing, v1};
use hostler_client::{Client, Item, Terms};
use hostler_core::Code;

use super::{ListArgs, WatchArg, confirm, pools};
use crate::app::App;
use crate::complete::Names;
use crate::failure::Result;
use crate::output::{Column, Resource, bytes, opt, reference, text};
use crate::resolve::by_name;
use crate::text::parse_size;

/// What can be done with volumes.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the volumes of a pool.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler volume list default",
        "hostler volume list h1/default -o wide"
    ))]
    List {
        /// The pool's name, HOST/NAME or id.
        #[arg(add = Names::Pool)]
        pool: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Make an empty volume.
    #[command(after_long_help = examples!(
        "hostler volume create default data --size 100G",
        "hostler volume create h1/fast data --size 100G --format raw"
    ))]
    Create {
        /// The pool's name, HOST/NAME or id.
        #[arg(add = Names::Pool)]
        pool: String,
        /// The volume's name, unique within the pool.
        name: String,
        /// The size a guest sees, for example 20G.
        #[arg(long, value_parser = parse_size)]
        size: u64,
        /// How it is stored.
        #[arg(long, value_enum, default_value = "qcow2")]
        format: VolumeFormat,
    },
    /// Delete a volume and the data on it.
    #[command(after_long_help = examples!(
        "hostler volume delete default data.qcow2",
        "hostler volume delete default data.qcow2 --yes --if-exists"
    ))]
    Delete {
        /// The pool's name, HOST/NAME or id.
        #[arg(add = Names::Pool)]
        pool: String,
        /// The volume's name.
        #[arg(add = Names::Volume)]
        name: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
        /// That there is no such volume is a success.
        #[arg(long)]
        if_exists: bool,
    },
}

/// How a volume or image is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VolumeFormat {
    /// Grows with use, knows snapshots.
    Qcow2,
    /// The plain bytes.
    Raw,
}

impl From<VolumeFormat> for v1::VolumeFormat {
    fn from(format: VolumeFormat) -> Self {
        match format {
            VolumeFormat::Qcow2 => Self::Qcow2,
            VolumeFormat::Raw => Self::Raw,
        }
    }
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    let client = app.client()?;
    match verb {
        Verb::List { pool, list, watch } => {
            let path = find_pool(&client, &pool).await?;
            super::list::<v1::VolumeList, _>(app, path, &list, watch).await
        }
        Verb::Create { pool, name, size, format } => {
            let path = find_pool(&client, &pool).await?;
            let called = format!("volume \"{name}\"");
            let body = v1::VolumeRequest { name, capacity_bytes: size, format: format.into() };
            let terms = Terms::default();
            let answer = client.ask::<v1::VolumeCreate>(&path, &Nothing {}, &body, &terms).await?;
            app.say(format!("{called} created in pool \"{pool}\""));
            let item = Item { value: answer.value, json: answer.json };
            if app.view()?.is_for_people() { Ok(()) } else { super::view_one(app, &item) }
        }
        Verb::Delete { pool, name, yes, if_exists } => {
            let pool_id = find_pool(&client, &pool).await?.pool;
            let what = vec![format!("volume \"{name}\" of pool \"{pool}\" and all data on it")];
            confirm(app, yes, &what, Some(&name))?;
            let path = v1::VolumePath { pool: pool_id, volume: name.clone() };
            match client.call::<v1::VolumeDelete>(&path, &Nothing {}, &Nothing {}).await {
                Ok(_) => app.say(format!("volume \"{name}\" deleted")),
                Err(error) if if_exists && error.code() == Code::VolumeNotFound.as_str() => {
                    app.say(format!("there is no volume \"{name}\""));
                }
                Err(error) => return Err(error.into()),
            }
            Ok(())
        }
    }
}

async fn find_pool(client: &Client, pool: &str) -> Result<v1::PoolPath> {
    let found = by_name::<v1::PoolList, _>(client, pool, pools::place).await?;
    Ok(v1::PoolPath { pool: found.value.id })
}

impl Resource for v1::Volume {
    const NOUN: &'static str = "volume";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |volume, _| text(volume.name.as_str())),
        Column::new("format", |volume, _| opt(volume.format.as_ref())),
        Column::new("size", |volume, _| bytes(Some(volume.capacity_bytes))),
        Column::new("used", |volume, _| bytes(Some(volume.allocated_bytes))),
        Column::new("used-by", |volume, _| reference(volume.used_by.as_ref())),
        Column::wide("backing", |volume, _| opt(volume.backing.as_ref())),
        Column::wide("path", |volume, _| opt(volume.path.as_ref())),
    ];

    fn id(&self) -> String {
        self.name.clone()
    }
}
