//! `hostler context`: the servers that this command line knows.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use hostler_client::{Address, Item, Token};
use serde_json::json;

use crate::app::App;
use crate::complete::Names;
use crate::config::{Context, Contexts, read_token_file};
use crate::failure::{Failure, Result};
use crate::output::{Column, Resource, opt, text};

/// The longest token that is read from stdin, in bytes.
const TOKEN_MAX_BYTES: u64 = 4096;

/// What can be done with contexts.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add a server, or replace what is known about it.
    ///
    /// Takes --url or --socket, --ca-file and --token-file. The first one added
    /// is the one in use.
    #[command(visible_alias = "create")]
    #[command(after_long_help = examples!(
        "hostler context add lab --url https://lab:7443 --token-file ~/.lab-token",
        "hostler context add lab --url https://lab:7443 --ca-file lab.pem --token-stdin",
        "hostler context add here --socket /run/hostler/hostlerd.sock"
    ))]
    Add {
        /// How to call it.
        name: String,
        /// Read the token from stdin and keep it in the file of contexts.
        #[arg(long)]
        token_stdin: bool,
    },
    /// Use this one from now on.
    #[command(after_long_help = examples!(
        "hostler context use lab"
    ))]
    Use {
        /// Its name.
        #[arg(add = Names::Context)]
        name: String,
    },
    /// List contexts.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler context list"
    ))]
    List,
    /// Show a context, without its token.
    #[command(after_long_help = examples!(
        "hostler context show",
        "hostler context show lab"
    ))]
    Show {
        /// Its name [default: the one in use].
        #[arg(add = Names::Context)]
        name: Option<String>,
    },
    /// Give a context another name.
    #[command(after_long_help = examples!(
        "hostler context rename lab test-lab"
    ))]
    Rename {
        /// Its present name.
        #[arg(add = Names::Context)]
        from: String,
        /// Its new name.
        to: String,
    },
    /// Forget a context; the server is not touched.
    #[command(visible_alias = "remove")]
    #[command(after_long_help = examples!(
        "hostler context delete lab"
    ))]
    Delete {
        /// Its name.
        #[arg(add = Names::Context)]
        name: String,
    },
}

pub(crate) fn run(app: &App, verb: Verb) -> Result {
    let file = &app.environment.config_file;
    let mut contexts = Contexts::read(file)?;
    match verb {
        Verb::Add { name, token_stdin } => {
            let context = described(app, &name, token_stdin)?;
            let is_first = contexts.contexts.is_empty();
            let known = contexts.contexts.insert(name.clone(), context);
            if is_first {
                contexts.current = Some(name.clone());
            }
            contexts.write(file)?;
            let word = if known.is_some() { "replaced" } else { "added" };
            let used = if is_first { " and in use" } else { "" };
            app.say(format!("context \"{name}\" {word}{used}"));
            Ok(())
        }
        Verb::Use { name } => {
            known(&contexts, &name)?;
            contexts.current = Some(name.clone());
            contexts.write(file)?;
            app.say(format!("context \"{name}\" is in use"));
            Ok(())
        }
        Verb::List => {
            let items: Result<Vec<_>> =
                contexts.contexts.keys().map(|name| row(&contexts, name)).collect();
            app.view()?.list(&items?)
        }
        Verb::Show { name } => {
            let name = name.or_else(|| contexts.current.clone()).ok_or_else(|| {
                Failure::not_found("no context is in use")
                    .with_hint("`hostler context use NAME` chooses one")
            })?;
            known(&contexts, &name)?;
            super::view_one(app, &row(&contexts, &name)?)
        }
        Verb::Rename { from, to } => {
            known(&contexts, &from)?;
            if contexts.contexts.contains_key(&to) {
                return Err(Failure::new(5, format!("there is a context \"{to}\" already")));
            }
            if let Some(context) = contexts.contexts.remove(&from) {
                contexts.contexts.insert(to.clone(), context);
            }
            if contexts.current.as_ref() == Some(&from) {
                contexts.current = Some(to.clone());
            }
            contexts.write(file)?;
            app.say(format!("context \"{from}\" is now called \"{to}\""));
            Ok(())
        }
        Verb::Delete { name } => {
            known(&contexts, &name)?;
            contexts.contexts.remove(&name);
            if contexts.current.as_ref() == Some(&name) {
                contexts.current = None;
                app.say("no context is in use now");
            }
            contexts.write(file)?;
            app.say(format!("context \"{name}\" forgotten"));
            Ok(())
        }
    }
}

/// Refuses the name of a context that is not there, with a similar one.
fn known(contexts: &Contexts, name: &str) -> Result {
    if contexts.contexts.contains_key(name) {
        return Ok(());
    }
    Err(crate::resolve::unknown("context", name, contexts.contexts.keys().map(String::as_str)))
}

/// The context that the flags describe, checked.
fn described(app: &App, name: &str, token_stdin: bool) -> Result<Context> {
    let global = &app.global;
    hostler_core::name::check(name)
        .map_err(|why| Failure::usage(format!("the name of a context {why}")))?;
    match (&global.url, &global.socket) {
        (Some(url), _) => {
            url.parse::<Address>()?;
        }
        (None, Some(_)) => {}
        (None, None) => {
            return Err(Failure::usage("where is the server?").with_hint("give --url or --socket"));
        }
    }
    if token_stdin && global.token_file.is_some() {
        return Err(Failure::usage("--token-file and --token-stdin exclude each other"));
    }
    if let Some(file) = &global.token_file {
        read_token_file(file)?;
    }
    Ok(Context {
        url: global.url.clone(),
        socket: global.socket.as_deref().map(absolute).transpose()?,
        ca_file: global.ca_file.as_deref().map(absolute).transpose()?,
        token_file: global.token_file.as_deref().map(absolute).transpose()?,
        token: if token_stdin { Some(token_from_stdin()?) } else { None },
    })
}

/// A token as an argument would be seen by every user of the machine.
fn token_from_stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(TOKEN_MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read the token from stdin: {error}")))?;
    Ok(Token::new(&text)?.reveal().to_owned())
}

/// A path that means the same from every folder.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Failure::usage(format!("cannot use {}: {error}", path.display())))
}

/// A context as it is shown.
#[derive(Debug, serde::Deserialize)]
struct Row {
    name: String,
    in_use: bool,
    server: String,
    ca_file: Option<String>,
    token: String,
}

/// A context as it is shown: where its token is, never the token.
fn row(contexts: &Contexts, name: &str) -> Result<Item<Row>> {
    let context = contexts.contexts.get(name).cloned().unwrap_or_default();
    let socket = context.socket.as_ref().map(|path| format!("unix:{}", path.display()));
    let token = match (&context.token_file, &context.token) {
        (Some(file), _) => format!("in {}", file.display()),
        (None, Some(_)) => "kept here".to_owned(),
        (None, None) => "none".to_owned(),
    };
    let json = json!({
        "name": name,
        "in_use": contexts.current.as_deref() == Some(name),
        "server": context.url.clone().or(socket).unwrap_or_default(),
        "ca_file": context.ca_file,
        "token": token,
    });
    Item::from_json(json)
        .map_err(|error| Failure::new(70, format!("the context cannot be shown: {error}")))
}

impl Resource for Row {
    const NOUN: &'static str = "context";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |row, _| text(row.name.as_str())),
        Column::new("in-use", |row, _| text(if row.in_use { "yes" } else { "no" })),
        Column::new("server", |row, _| text(row.server.as_str())),
        Column::new("token", |row, _| text(row.token.as_str())),
        Column::new("ca-file", |row, _| opt(row.ca_file.as_ref())),
    ];

    fn id(&self) -> String {
        self.name.clone()
    }
}
