//! `hostler instance-type` and `hostler preference`: sizes that providers offer for VMs, and what
//! they fill in.

use clap::Subcommand;
use hostler_api::{Endpoint, ListQuery, Nothing, Page, v1};
use serde::Serialize;

use super::{ListArgs, WatchArg};
use crate::app::App;
use crate::complete::Names;
use crate::failure::Result;
use crate::output::{Cell, Column, Resource, age, bytes, fact, opt, reference, text};
use crate::resolve::by_name;

/// What can be done with instance types.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the sizes that VMs can be made in.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler instance-type list",
        "hostler instance-type list --filter provider=east --sort memory_bytes",
        "hostler vm create web --instance-type u1.small --image debian-13"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show one of them.
    #[command(after_long_help = examples!(
        "hostler instance-type show u1.small",
        "hostler instance-type show shop/huge -o json"
    ))]
    Show {
        /// Its name, NAMESPACE/NAME or id.
        #[arg(add = Names::InstanceType)]
        instance_type: String,
    },
}

/// What can be done with preferences.
#[derive(Debug, Subcommand)]
pub(crate) enum PreferenceVerb {
    /// List what providers fill in where a VM says nothing.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler preference list",
        "hostler preference list --filter firmware=uefi -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show one of them.
    #[command(after_long_help = examples!("hostler preference show fedora"))]
    Show {
        /// Its name, NAMESPACE/NAME or id.
        #[arg(add = Names::Preference)]
        preference: String,
    },
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, watch } => {
            super::list::<v1::InstanceTypeList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { instance_type } => {
            show::<v1::InstanceTypeList, _>(app, &instance_type, namespace).await
        }
    }
}

pub(crate) async fn run_preference(app: &App, verb: PreferenceVerb) -> Result {
    match verb {
        PreferenceVerb::List { list, watch } => {
            super::list::<v1::PreferenceList, _>(app, Nothing {}, &list, watch).await
        }
        PreferenceVerb::Show { preference } => {
            show::<v1::PreferenceList, _>(app, &preference, preference_namespace).await
        }
    }
}

/// Shows the one of a list that is named: they have no page of their own.
async fn show<L, T>(app: &App, wanted: &str, place: fn(&T) -> Option<String>) -> Result
where
    L: Endpoint<Path = Nothing, Query = ListQuery, Body = Nothing, Reply = Page<T>>,
    T: Resource + Serialize,
{
    let client = app.client()?;
    let found = by_name::<L, _>(&client, wanted, place).await?;
    super::view_one(app, &found)
}

/// What tells equal names apart.
pub(crate) fn namespace(one: &v1::InstanceType) -> Option<String> {
    one.namespace.clone()
}

/// The same of a preference.
pub(crate) fn preference_namespace(one: &v1::Preference) -> Option<String> {
    one.namespace.clone()
}

/// `NAME` or `NAMESPACE/NAME`, as commands take it.
pub(crate) fn named(text: &str) -> v1::TypeRef {
    match text.split_once('/') {
        Some((namespace, name)) => {
            v1::TypeRef { name: name.to_owned(), namespace: Some(namespace.to_owned()) }
        }
        None => v1::TypeRef { name: text.to_owned(), namespace: None },
    }
}

const UNREAD: &str = "note: not all could be read; there may be more";

fn yes(is: bool) -> Cell {
    text(if is { "yes" } else { "no" })
}

fn joined(all: &[String]) -> Cell {
    opt((!all.is_empty()).then(|| all.join(", ")).as_ref())
}

impl Resource for v1::InstanceType {
    const NOUN: &'static str = "instance-type";
    const STALE: &'static str = UNREAD;
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |one, _| text(one.name.as_str())),
        Column::new("namespace", |one, _| opt(one.namespace.as_ref())),
        Column::new("cpus", |one, _| fact(&one.cpu_count, |n| text(n.to_string()))),
        Column::new("memory", |one, _| fact(&one.memory_bytes, |b| bytes(Some(*b)))),
        Column::new("class", |one, _| opt(one.text.class.as_ref())),
        Column::new("provider", |one, _| reference(Some(&one.provider))),
        Column::wide("memory-max", |one, _| bytes(one.memory_max_bytes)),
        Column::wide("dedicated", |one, _| yes(one.dedicated_cpus)),
        Column::wide("gpus", |one, _| joined(&one.gpus)),
        Column::wide("devices", |one, _| joined(&one.host_devices)),
        Column::wide("vendor", |one, _| opt(one.text.vendor.as_ref())),
        Column::wide("seen", |one, now| age(Some(one.observed_at), now)),
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

impl Resource for v1::Preference {
    const NOUN: &'static str = "preference";
    const STALE: &'static str = UNREAD;
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |one, _| text(one.name.as_str())),
        Column::new("namespace", |one, _| opt(one.namespace.as_ref())),
        Column::new("firmware", |one, _| opt(one.firmware.as_ref())),
        Column::new("needs-cpus", |one, _| {
            opt(one.requires.cpu_count.map(|n| n.to_string()).as_ref())
        }),
        Column::new("needs-memory", |one, _| bytes(one.requires.memory_bytes)),
        Column::new("provider", |one, _| reference(Some(&one.provider))),
        Column::wide("machine", |one, _| opt(one.machine.as_ref())),
        Column::wide("arch", |one, _| opt(one.arch.as_ref())),
        Column::wide("disks", |one, _| opt(one.disk_bus.as_ref())),
        Column::wide("nics", |one, _| opt(one.nic_model.as_ref())),
        Column::wide("vendor", |one, _| opt(one.text.vendor.as_ref())),
        Column::wide("seen", |one, now| age(Some(one.observed_at), now)),
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
