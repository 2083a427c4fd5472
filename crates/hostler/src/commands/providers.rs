//! `hostler provider`.

use clap::Subcommand;
use hostler_api::{Nothing, v1};
use hostler_client::{Item, Terms};

use super::forgetting::{Forgetting, forget};
use super::{DryRunArg, ListArgs, WatchArg};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Cell, Column, Resource, age, list, opt, text};
use crate::resolve::by_name;
use crate::terminal::Tone;

/// What can be done with providers.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List providers.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler provider list",
        "hostler provider list -o wide --watch"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show a provider: what it can do and whether it answers.
    #[command(after_long_help = examples!(
        "hostler provider show lab",
        "hostler provider show lab -o json"
    ))]
    Show {
        /// Its name or id.
        #[arg(add = Names::Provider)]
        provider: String,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Add a provider; it need not answer yet.
    #[command(visible_alias = "create")]
    #[command(after_long_help = examples!(
        "hostler provider add lab qemu:///system",
        "hostler provider add h2 qemu+ssh://root@h2/system",
        "hostler provider add h2 qemu+ssh://root@h2/system --dry-run"
    ))]
    Add {
        /// Its name, unique.
        name: String,
        /// Where it is, for example qemu:///system or qemu+ssh://root@h2/system.
        uri: String,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Remove a provider; nothing there is touched.
    #[command(visible_alias = "remove")]
    #[command(after_long_help = examples!(
        "hostler provider delete lab",
        "hostler provider delete lab --yes --if-exists"
    ))]
    Delete {
        /// Its name or id.
        #[arg(add = Names::Provider)]
        provider: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
        /// That there is no such provider is a success.
        #[arg(long)]
        if_exists: bool,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    let client = app.client()?;
    match verb {
        Verb::List { list, watch } => {
            super::list::<v1::ProviderList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { provider, watch } => {
            let found = by_name::<v1::ProviderList, _>(&client, &provider, |_| None).await?;
            let path = v1::ProviderPath { provider: found.value.id };
            super::show::<v1::ProviderShow, _>(app, &client, path, watch).await
        }
        Verb::Add { name, uri, dry_run } => {
            refuse_password(&uri)?;
            let called = format!("provider \"{name}\"");
            if dry_run.tell(app, &[format!("+ {called} ({uri})")])? {
                return Ok(());
            }
            let body = v1::ProviderRequest { name, uri };
            let answer = client
                .ask::<v1::ProviderCreate>(&Nothing {}, &Nothing {}, &body, &Terms::default())
                .await
                .map_err(|error| Failure::from(error).during(format!("cannot add {called}")))?;
            app.say(format!("{called} added; it is {}", answer.value.state));
            let item = Item { value: answer.value, json: answer.json };
            if app.view()?.is_for_people() { Ok(()) } else { super::view_one(app, &item) }
        }
        Verb::Delete { provider, yes, if_exists, dry_run } => {
            let what = |provider: &v1::Provider| {
                let uri = &provider.uri;
                format!("({uri}) is forgotten with what was seen there; nothing there is touched")
            };
            let how = Forgetting { yes, if_exists, dry_run };
            forget::<v1::ProviderList, _>(app, (&client, &provider), how, what, async |provider| {
                let path = v1::ProviderPath { provider };
                client.call::<v1::ProviderDelete>(&path, &Nothing {}, &Nothing {}).await
            })
            .await
        }
    }
}

/// Arguments are seen by every user of the machine.
fn refuse_password(uri: &str) -> Result {
    let user = uri.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.split_once('@'));
    match user {
        Some((user, _)) if user.contains(':') => {
            Err(Failure::usage("a password does not belong on the command line")
                .with_hint("use SSH keys or client certificates of the user that runs hostlerd"))
        }
        _ => Ok(()),
    }
}

impl Resource for v1::Provider {
    const NOUN: &'static str = "provider";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |provider, _| text(provider.name.as_str())),
        Column::new("kind", |provider, _| text(provider.kind.as_str())),
        Column::new("state", |provider, _| state(provider)),
        Column::new("vms", |provider, _| opt(provider.vm_count)),
        Column::new("seen", |provider, now| age(provider.observed_at, now)),
        Column::new("uri", |provider, _| text(provider.uri.as_str())),
        Column::wide("reason", |provider, _| opt(provider.reason.as_ref())),
        Column::wide("product", |provider, _| opt(provider.product.as_ref())),
        Column::wide("groups", |provider, _| list(&provider.groups)),
        Column::wide("inventory", |provider, _| {
            opt(provider.inventory_seconds.map(|seconds| format!("{seconds:.3}s")))
        }),
        Column::wide("configured", |provider, _| text(provider.from_config.to_string())),
        Column::wide("id", |provider, _| text(provider.id.as_str())),
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

fn state(provider: &v1::Provider) -> Cell {
    let tone = match provider.state.as_str() {
        "healthy" => Tone::Good,
        "unreachable" => Tone::Bad,
        _ => Tone::Warn,
    };
    text(provider.state.as_str()).toned(tone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_uri_is_refused_before_it_is_sent() {
        assert!(refuse_password("qemu+ssh://root:hunter2@h2/system").is_err());
        for uri in
            ["qemu:///system", "qemu+ssh://root@h2:22/system", "qemu+tls://h2/system?a=b:c@d"]
        {
            assert!(refuse_password(uri).is_ok(), "{uri}");
        }
    }
}
