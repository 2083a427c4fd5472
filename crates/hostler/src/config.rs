//! Which server is addressed and as whom: flags, environment, contexts.
//!
//! ```text
//! --url | --socket  ►  --context  ►  HOSTLER_URL | HOSTLER_SOCKET  ►  HOSTLER_CONTEXT
//!                                       ►  the context in use  ►  this machine's socket
//! ```
//!
//! A token is never an argument and never leaves the context it belongs to: a
//! server named by URL gets only a token that was given for it. Files that hold
//! tokens must be readable by their owner alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hostler_client::{Address, Options, Token};
use serde::{Deserialize, Serialize};

use crate::cli::Global;
use crate::failure::{Failure, Result};

/// What the environment says. This is the only place that reads it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    pub(crate) context: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) socket: Option<String>,
    pub(crate) token_file: Option<String>,
    pub(crate) ca_file: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) config_file: PathBuf,
    /// Where what can be fetched again is kept; nowhere when there is no home.
    pub(crate) cache_folder: Option<PathBuf>,
    /// The project of new VMs.
    pub(crate) project: Option<String>,
    /// The person's editor, as a shell command.
    pub(crate) editor: Option<String>,
    /// How many seconds Tab may wait for the server's names.
    pub(crate) complete_seconds: Option<u64>,
    pub(crate) no_colour: bool,
    pub(crate) force_colour: bool,
    pub(crate) dumb: bool,
    pub(crate) ascii: bool,
}

impl Environment {
    pub(crate) fn read() -> Self {
        let var = |name: &str| {
            #[expect(clippy::disallowed_methods, reason = "this is config.rs")]
            let value = std::env::var(name).ok();
            value.filter(|value| !value.is_empty())
        };
        let base = match (var("XDG_CONFIG_HOME"), var("HOME")) {
            (Some(folder), _) => PathBuf::from(folder),
            (None, Some(home)) => PathBuf::from(home).join(".config"),
            (None, None) => PathBuf::from("/etc"),
        };
        let cache = match (var("XDG_CACHE_HOME"), var("HOME")) {
            (Some(folder), _) => Some(PathBuf::from(folder)),
            (None, home) => home.map(|home| PathBuf::from(home).join(".cache")),
        };
        let locale = var("LC_ALL").or_else(|| var("LC_CTYPE")).or_else(|| var("LANG"));
        let is_utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let is_set = |value: Option<String>| value.is_some_and(|value| value != "0");
        Self {
            context: var("HOSTLER_CONTEXT"),
            url: var("HOSTLER_URL"),
            socket: var("HOSTLER_SOCKET"),
            token_file: var("HOSTLER_TOKEN_FILE"),
            ca_file: var("HOSTLER_CA_FILE"),
            output: var("HOSTLER_OUTPUT"),
            config_file: base.join("hostler/config.toml"),
            cache_folder: cache.map(|folder| folder.join("hostler")),
            project: var("HOSTLER_PROJECT"),
            editor: var("VISUAL").or_else(|| var("EDITOR")),
            complete_seconds: var("HOSTLER_COMPLETE_SECONDS").and_then(|text| text.parse().ok()),
            no_colour: var("NO_COLOR").is_some(),
            force_colour: is_set(var("FORCE_COLOR")) || is_set(var("CLICOLOR_FORCE")),
            dumb: var("TERM").is_some_and(|term| term == "dumb"),
            ascii: !is_utf8,
        }
    }
}

/// The file of contexts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// All of them by name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// A server and how to log in there.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// Its address, as `--url` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// Its socket, as `--socket` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) socket: Option<PathBuf>,
    /// The authority that issued its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// A file with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// The token itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token stays out of logs and failed assertions.
        f.debug_struct("Context")
            .field("url", &self.url)
            .field("socket", &self.socket)
            .field("has_token", &self.token.is_some())
            .finish_non_exhaustive()
    }
}

impl Contexts {
    /// Reads the file; an absent one holds no contexts.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(unreadable(file, &error)),
        };
        let contexts: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                1 + text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count()
            });
            Failure::usage(format!("{}, line {line}: {}", file.display(), error.message()))
        })?;
        if contexts.contexts.values().any(|context| context.token.is_some()) {
            refuse_shared(file)?;
        }
        Ok(contexts)
    }

    /// Writes the file as a whole or not at all, readable by the owner alone.
    pub(crate) fn write(&self, file: &Path) -> Result {
        let text = toml::to_string(self).map_err(|error| {
            Failure::new(70, format!("the contexts cannot be written: {error}"))
        })?;
        let failed = |error: std::io::Error| {
            Failure::new(1, format!("cannot write {}: {error}", file.display()))
        };
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let draft = file.with_extension("toml.new");
        // A draft that an interrupted run left behind may have other permissions.
        let _ = std::fs::remove_file(&draft);
        let mut options = std::fs::OpenOptions::new();
        let mut handle =
            options.write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
        handle.write_all(text.as_bytes()).and_then(|()| handle.sync_all()).map_err(failed)?;
        std::fs::rename(&draft, file).map_err(failed)
    }

    fn get(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
            let failure = Failure::not_found(format!("there is no context `{name}`"));
            match names.as_slice() {
                [] => failure.with_hint("`hostler context add NAME --url URL` adds one"),
                names => failure.with_hint(format!("there is {}", crate::text::either(names))),
            }
        })
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", file.display()))
}

/// A token that others can read is theirs as well.
fn refuse_shared(file: &Path) -> Result {
    let mode = std::fs::metadata(file).map_err(|error| unreadable(file, &error))?.permissions();
    if mode.mode() & 0o077 != 0 {
        return Err(Failure::usage(format!(
            "{} holds a token and others can read it",
            file.display()
        ))
        .with_hint(format!("chmod 600 {}", file.display())));
    }
    Ok(())
}

/// Reads a token from a file that only its owner can read.
pub(crate) fn read_token_file(file: &Path) -> Result<Token> {
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
    refuse_shared(file)?;
    Ok(Token::new(&text)?)
}

/// How to reach the server that flags, environment and contexts name.
pub(crate) fn options(global: &Global, environment: &Environment) -> Result<Options> {
    let context = chosen_context(global, environment)?;
    let direct = match (&global.url, &global.socket) {
        (Some(url), _) => Some(url.parse()?),
        (None, Some(socket)) => Some(Address::Socket(socket.clone())),
        (None, None) if context.is_none() => match (&environment.url, &environment.socket) {
            (Some(url), _) => Some(url.parse()?),
            (None, Some(socket)) => Some(Address::Socket(socket.into())),
            (None, None) => None,
        },
        (None, None) => None,
    };
    let context = context.unwrap_or_default();
    let address = match (direct, &context.url, &context.socket) {
        (Some(address), ..) => address,
        (None, Some(url), _) => url.parse()?,
        (None, None, Some(socket)) => Address::Socket(socket.clone()),
        (None, None, None) => Address::default(),
    };
    let mut options = Options::new(address);
    options.user_agent = concat!("hostler/", env!("CARGO_PKG_VERSION")).into();
    options.ca_file = global
        .ca_file
        .clone()
        .or_else(|| environment.ca_file.as_ref().map(PathBuf::from))
        .or_else(|| context.ca_file.clone());
    let file = global
        .token_file
        .clone()
        .or_else(|| environment.token_file.as_ref().map(PathBuf::from))
        .or_else(|| context.token_file.clone());
    options.token = match (file, &context.token) {
        (Some(file), _) => Some(read_token_file(&file)?),
        (None, Some(token)) => Some(Token::new(token)?),
        (None, None) => None,
    };
    Ok(options)
}

/// The context that applies: none where the server is named directly.
fn chosen_context(global: &Global, environment: &Environment) -> Result<Option<Context>> {
    if global.url.is_some() || global.socket.is_some() {
        return Ok(None);
    }
    if let Some(name) = &global.context {
        return Contexts::read(&environment.config_file)?.get(name).cloned().map(Some);
    }
    if environment.url.is_some() || environment.socket.is_some() {
        return Ok(None);
    }
    let contexts = Contexts::read(&environment.config_file)?;
    match environment.context.as_ref().or(contexts.current.as_ref()) {
        Some(name) => contexts.get(name).cloned().map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Home {
        folder: tempfile::TempDir,
        environment: Environment,
    }

    fn home(contexts: &str) -> Home {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, contexts).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let environment = Environment { config_file: file, ..Environment::default() };
        Home { folder, environment }
    }

    const TWO: &str = "current = 'lab'\n[contexts.lab]\nurl = 'https://lab'\ntoken = 'hst_lab'\n\
                       [contexts.here]\nsocket = '/run/x.sock'\n";

    fn told(options: &Options) -> (String, Option<String>) {
        let token = options.token.as_ref().map(|token| token.reveal().to_owned());
        (options.address.to_string(), token)
    }

    #[test]
    fn the_nearer_wins_and_a_token_stays_with_its_server() {
        let home = home(TWO);
        let flags = |url: Option<&str>, context: Option<&str>| Global {
            url: url.map(str::to_owned),
            context: context.map(str::to_owned),
            ..Global::default()
        };
        let told = |global: &Global, environment: &Environment| {
            told(&options(global, environment).unwrap())
        };
        let lab = ("https://lab:7443".to_owned(), Some("hst_lab".to_owned()));
        let here = ("unix:/run/x.sock".to_owned(), None);
        assert_eq!(told(&flags(None, None), &home.environment), lab);
        assert_eq!(told(&flags(None, Some("here")), &home.environment), here);
        let other = ("https://other:7443".to_owned(), None);
        assert_eq!(told(&flags(Some("https://other"), None), &home.environment), other);

        let environment =
            Environment { url: Some("https://other".into()), ..home.environment.clone() };
        assert_eq!(told(&flags(None, None), &environment), other);
        assert_eq!(told(&flags(None, Some("lab")), &environment), lab);
        let environment = Environment { context: Some("here".into()), ..home.environment.clone() };
        assert_eq!(told(&flags(None, None), &environment), here);
        let nothing = Environment { config_file: "/nonexistent".into(), ..Environment::default() };
        assert_eq!(told(&flags(None, None), &nothing).0, "unix:/run/hostler/hostlerd.sock");
    }

    #[test]
    fn a_token_that_others_can_read_is_refused() {
        let home = home(TWO);
        let file = &home.environment.config_file;
        for mode in [0o640, 0o604] {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
            let failure = Contexts::read(file).unwrap_err();
            assert_eq!(failure.exit_code(), 2);
        }
        let token = home.folder.path().join("token");
        std::fs::write(&token, "hst_x\n").unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_token_file(&token).is_err());
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read_token_file(&token).unwrap().reveal(), "hst_x");
    }

    #[test]
    fn what_is_written_is_private_and_read_back() {
        let home = home("");
        let file = home.folder.path().join("new/config.toml");
        let mut contexts = Contexts { current: Some("a".into()), ..Contexts::default() };
        let context = Context { token: Some("hst_1".into()), ..Context::default() };
        contexts.contexts.insert("a".into(), context);
        contexts.write(&file).unwrap();
        assert_eq!(Contexts::read(&file).unwrap(), contexts);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{contexts:?}").contains("hst_1"));
    }

    #[test]
    fn a_wrong_file_is_named_with_the_line() {
        let home = home("current = 'a'\n[contexts.a]\nurll = 'x'\n");
        let failure = Contexts::read(&home.environment.config_file).unwrap_err();
        let text = format!("{failure:?}");
        assert!(text.contains("line 3") && text.contains("urll"), "{text}");
    }

    #[test]
    fn an_unknown_context_lists_the_known_ones() {
        let home = home(TWO);
        let global = Global { context: Some("lba".into()), ..Global::default() };
        let failure = options(&global, &home.environment).unwrap_err();
        assert_eq!(failure.exit_code(), 4);
        assert!(format!("{failure:?}").contains("here or lab"));
    }
}
