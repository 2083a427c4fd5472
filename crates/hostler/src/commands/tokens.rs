//! `hostler token`.

use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use hostler_api::{Nothing, v1};
use hostler_client::Terms;

use super::{DryRunArg, ListArgs, WatchArg, confirm};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Column, Resource, age, opt, text};
use crate::resolve::by_name;
use crate::text::{parse_duration, show_duration};

/// What can be done with API tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List API tokens, without their secrets.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler token list",
        "hostler token list -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Make an API token; its secret is shown this once, on stdout.
    #[command(after_long_help = examples!(
        "hostler token create ci --role reader --expires 30d",
        "hostler token create backup --role admin > token"
    ))]
    Create {
        /// What it is for.
        name: String,
        /// What it may do.
        #[arg(long, value_enum)]
        role: Role,
        /// When it ends, for example 30d; never when not given.
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        expires: Option<Duration>,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Revoke an API token.
    #[command(visible_alias = "revoke")]
    #[command(after_long_help = examples!(
        "hostler token delete ci",
        "hostler token delete ci --yes --if-exists"
    ))]
    Delete {
        /// Its name or id.
        #[arg(add = Names::Token)]
        token: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
        /// That there is no such token is a success.
        #[arg(long)]
        if_exists: bool,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
}

/// What a token may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// Everything.
    Admin,
    /// Look at everything but secrets, change nothing.
    Reader,
    /// Push metrics, and nothing else.
    Pusher,
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    let client = app.client()?;
    match verb {
        Verb::List { list } => {
            super::list::<v1::TokenList, _>(app, Nothing {}, &list, WatchArg::default()).await
        }
        Verb::Create { name, role, expires, dry_run } => {
            let role = match role {
                Role::Admin => "admin",
                Role::Reader => "reader",
                Role::Pusher => "pusher",
            };
            let until = expires.map(|time| format!(", good for {}", show_duration(time)));
            let line = format!("+ token \"{name}\" ({role}{})", until.unwrap_or_default());
            if dry_run.tell(app, &[line])? {
                return Ok(());
            }
            let body = v1::TokenRequest {
                name: name.clone(),
                role: role.into(),
                expires_in_seconds: expires.map(|expires| expires.as_secs()),
            };
            let answer = client
                .ask::<v1::TokenCreate>(&Nothing {}, &Nothing {}, &body, &Terms::default())
                .await
                .map_err(|error| Failure::from(error).during("cannot make the token"))?;
            let view = app.view()?;
            if view.is_document() {
                return view.document(&answer.json);
            }
            app.say(format!("token \"{name}\" made; keep the secret, it is not shown again"));
            app.terminal.write(&format!("{}\n", answer.value.secret))
        }
        Verb::Delete { token, yes, if_exists, dry_run } => {
            let found = match by_name::<v1::TokenList, _>(&client, &token, |t| {
                Some(t.created_at.to_string())
            })
            .await
            {
                Err(failure) if if_exists && failure.is_not_found() => {
                    app.say(format!("there is no token \"{token}\""));
                    return Ok(());
                }
                found => found?.value,
            };
            let used =
                found.last_used_at.map_or("never used".to_owned(), |at| format!("last used {at}"));
            let called = format!("token \"{}\" ({used})", found.name);
            if dry_run.tell(app, &[format!("- {called}")])? {
                return Ok(());
            }
            confirm(app, yes, &[format!("{called} is revoked")], None)?;
            let path = v1::TokenPath { token: found.id };
            client.call::<v1::TokenDelete>(&path, &Nothing {}, &Nothing {}).await?;
            app.say(format!("token \"{}\" revoked", found.name));
            Ok(())
        }
    }
}

impl Resource for v1::Token {
    const NOUN: &'static str = "token";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |token, _| text(token.name.as_str())),
        Column::new("role", |token, _| text(token.role.as_str())),
        Column::new("age", |token, now| age(Some(token.created_at), now)),
        Column::new("used", |token, now| age(token.last_used_at, now)),
        Column::new("expires", |token, _| opt(token.expires_at)),
        Column::wide("created-by", |token, _| text(token.created_by.as_str())),
        Column::wide("id", |token, _| text(token.id.as_str())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
