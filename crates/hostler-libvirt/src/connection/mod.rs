//! The connection to one host: made, watched, lost and made again, without
//! anybody having to wait for it.
//!
//! ```text
//!              ┌──────────── pause, doubling ◄────────────┐
//!              ▼                                          │ failed
//!  new ──► connecting ── events registered ──► connected ─┤
//!              │                                          │ closed, or silent
//!              └──────────────── failed ──────────────────┘
//! ```
//!
//! Each time it becomes connected, watchers are told that something may have
//! been missed, because libvirt repeats no events. While it is not connected,
//! calls fail at once and say why; only the very first attempt is waited for.

mod backoff;
mod keeper;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_libvirt_rpc::{
    ConnectUri, Connection, Domain, KeepAlive, Options, Pool, PoolOptions, Role, Uuid,
};
use hostler_provider::{Cx, Error, Hub, Kind, Result, VmRef};
use tokio::sync::{Mutex, Notify, broadcast, mpsc, watch};

pub(crate) use keeper::keep;

use crate::config::LibvirtConfig;
use crate::error::{Intent, translate};
use crate::inventory::addresses::Agents;
use crate::inventory::cache::Cache;
use crate::inventory::host::HostCell;
use crate::metrics::job::Jobs;

/// How long a call may stay unanswered when nobody says how long: a bound for
/// calls whose caller has all the time in the world.
const LONGEST_CALL: Duration = Duration::from_secs(6 * 3600);

/// Connections for calls, those that hang included. libvirtd serves 20 clients' calls at a time by
/// default, for everybody.
const CALLERS: usize = 12;
/// Of these, for measuring: as many calls as may be under way there, those that
/// hang included, have a slot each.
pub(crate) const MEASURERS: usize = 3;
/// Consoles and uploads at once; each is a connection, but a call only while it begins.
const STREAMS: usize = 64;

/// Reports of screens' clients that one who waits may be behind.
const SCREEN_CLIENTS: usize = 64;

/// Reports of devices that guests keep which one who waits may be behind.
const KEPT_DEVICES: usize = 64;

/// Where the connection stands, for people and for health checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// The first attempt is under way.
    Connecting,
    /// Calls can be made.
    Connected {
        /// Since when.
        since: Timestamp,
    },
    /// It is being tried again and again.
    Lost {
        /// Since when.
        since: Timestamp,
        /// Why, as a sentence fit to be shown.
        reason: String,
        /// What the client library says, for administrators.
        raw: Option<String>,
        /// Attempts since then.
        attempts: u32,
        /// Whether the daemon refuses us, so that waiting does not help.
        denied: bool,
    },
}

/// Somebody who has just connected to a screen.
#[derive(Debug, Clone)]
pub(crate) struct ScreenClient {
    /// The domain.
    pub(crate) uuid: Uuid,
    /// Its number, which is another one each time it is started.
    pub(crate) id: i32,
    /// Where the client came to, as `address:port` or `:path`.
    pub(crate) local: String,
}

/// A device that a guest was asked to give up, and keeps.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// The domain.
    pub(crate) uuid: Uuid,
    /// The device's alias.
    pub(crate) alias: String,
}

/// What all parts of the driver share.
pub(crate) struct Link {
    pub(crate) config: LibvirtConfig,
    /// Whether what the daemon runs there are containers and no VMs (D3, X16).
    pub(crate) holds_containers: bool,
    pub(crate) hub: Hub,
    pub(crate) cache: Cache,
    pub(crate) host: HostCell,
    pub(crate) agents: Agents,
    pub(crate) jobs: Jobs,
    /// Clients of screens, as their hypervisors report them.
    pub(crate) screens: broadcast::Sender<ScreenClient>,
    /// Devices that guests refuse to give up, as their hypervisors report them.
    pub(crate) kept_devices: broadcast::Sender<Kept>,
    /// Held while a domain is looked for and then defined or changed.
    pub(crate) defining: Mutex<()>,
    uri: Option<ConnectUri>,
    pool: Pool,
    state: watch::Sender<ConnectionState>,
    /// Wakes the keeper from its pause.
    hurry: Notify,
}

impl Link {
    /// A link that is not connected yet; [`keep`] connects it.
    /// Guest agents to be asked are put into `agents`.
    pub(crate) fn new(config: LibvirtConfig, agents: mpsc::Sender<Domain>) -> Self {
        let connection = Options {
            connect_timeout: config.connect_timeout,
            keepalive: Some(KeepAlive { interval: config.keepalive, max_unanswered: 3 }),
            runtime_dir: config.runtime_dir.clone(),
            ..Options::default()
        };
        let options = PoolOptions {
            connection,
            max_total: CALLERS + STREAMS,
            events: 1,
            mutate: 2,
            collect: 2,
            measure: MEASURERS,
            stream: STREAMS,
        };
        // A URI that cannot be parsed is a state, not a panic: it is told like
        // any other reason why there is no connection.
        let (uri, refusal) = match config.parse_uri() {
            Ok(uri) => (Some(uri), None),
            Err(error) => (None, Some(error)),
        };
        let pool = Pool::new(uri.clone().unwrap_or_else(unusable), options);
        let state = refusal.map_or(ConnectionState::Connecting, |error| ConnectionState::Lost {
            since: config.clock.now(),
            reason: error.message().to_owned(),
            raw: None,
            attempts: 0,
            denied: true,
        });
        Self {
            cache: Cache::new(config.recheck),
            holds_containers: config.holds_containers(),
            hub: Hub::default(),
            host: HostCell::default(),
            agents: Agents::new(agents),
            jobs: Jobs::default(),
            screens: broadcast::Sender::new(SCREEN_CLIENTS),
            kept_devices: broadcast::Sender::new(KEPT_DEVICES),
            defining: Mutex::default(),
            uri,
            pool,
            state: watch::Sender::new(state),
            hurry: Notify::new(),
            config,
        }
    }

    /// Where the connection stands.
    pub(crate) fn state(&self) -> ConnectionState {
        self.state.borrow().clone()
    }

    /// Where the daemon is, once it can be reached.
    pub(crate) async fn uri(&self, cx: &Cx, doing: &str) -> Result<&ConnectUri> {
        self.usable(cx, doing).await?;
        self.uri.as_ref().ok_or_else(|| Error::new(Kind::Invalid, "the libvirt URI is not one"))
    }

    /// Asks the keeper not to wait longer.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Calls that only look.
    pub(crate) async fn look<T, F>(
        &self,
        cx: &Cx,
        doing: &str,
        call: impl FnOnce(Connection) -> F + Send,
    ) -> Result<T>
    where
        F: Future<Output = hostler_libvirt_rpc::Result<T>> + Send,
    {
        self.call(cx, Role::Collect, Intent::Look, doing, call).await
    }

    /// Calls that change something.
    pub(crate) async fn change<T, F>(
        &self,
        cx: &Cx,
        doing: &str,
        call: impl FnOnce(Connection) -> F + Send,
    ) -> Result<T>
    where
        F: Future<Output = hostler_libvirt_rpc::Result<T>> + Send,
    {
        self.call(cx, Role::Mutate, Intent::Change, doing, call).await
    }

    /// Makes one call on a connection of that role, within the deadline.
    pub(crate) async fn call<T, F>(
        &self,
        cx: &Cx,
        role: Role,
        intent: Intent,
        doing: &str,
        call: impl FnOnce(Connection) -> F + Send,
    ) -> Result<T>
    where
        F: Future<Output = hostler_libvirt_rpc::Result<T>> + Send,
    {
        let connection = self.connection(cx, role, doing).await?;
        let called = cx.run(doing, async {
            call(connection).await.map_err(|error| translate(&error, intent, doing))
        });
        called.await.map_err(|error| without_effect(error, intent))
    }

    /// A connection of that role whose calls end with `cx`.
    pub(crate) async fn connection(&self, cx: &Cx, role: Role, doing: &str) -> Result<Connection> {
        self.usable(cx, doing).await?;
        let opened = cx.run(doing, async {
            self.pool.get(role).await.map_err(|error| translate(&error, Intent::Look, doing))
        });
        let connection = opened.await.map_err(|error| without_effect(error, Intent::Look))?;
        Ok(connection.with_timeout(cx.remaining().min(LONGEST_CALL)))
    }

    /// Waits for the first attempt; afterwards fails at once when there is no
    /// connection.
    async fn usable(&self, cx: &Cx, doing: &str) -> Result<()> {
        let mut states = self.state.subscribe();
        let settled = cx.run(doing, async {
            let state = states.wait_for(|s| !matches!(s, ConnectionState::Connecting)).await;
            Ok(state.map(|s| s.clone()).unwrap_or(ConnectionState::Connecting))
        });
        match settled.await.map_err(|error| without_effect(error, Intent::Look))? {
            ConnectionState::Connected { .. } => Ok(()),
            ConnectionState::Connecting => {
                Err(Error::new(Kind::Unavailable, format!("{doing}: not connected to libvirt")))
            }
            ConnectionState::Lost { reason, raw, denied, .. } => {
                let kind = if denied { Kind::Denied } else { Kind::Unavailable };
                let error = Error::new(kind, format!("{doing}: {reason}"));
                Err(match raw {
                    Some(raw) => error.with_raw(raw),
                    None => error,
                })
            }
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("config", &self.config).field("state", &self.state()).finish()
    }
}

/// A place where nothing answers, for a URI that cannot be used: the keeper
/// never gets that far.
fn unusable() -> ConnectUri {
    ConnectUri::parse("test+unix:///default?socket=/dev/null").expect("a constant that parses")
}

/// A look that failed has no effect, however it failed.
fn without_effect(error: Error, intent: Intent) -> Error {
    if intent == Intent::Change || !error.is_unknown() {
        return error;
    }
    let plain = Error::new(error.kind(), error.message());
    match error.raw() {
        Some(raw) => plain.with_raw(raw),
        None => plain,
    }
}

/// The domain that a reference means.
pub(crate) fn domain_of(vm: &VmRef) -> Result<Domain> {
    let uuid: Uuid = vm.external_ref.parse().map_err(|_| {
        // Every domain has a UUID, so what is none is certainly not there.
        Error::new(Kind::NotFound, format!("{vm} is not there: its reference is no UUID"))
    })?;
    Ok(Domain { name: vm.name.clone(), ..Domain::by_uuid(uuid) })
}

/// The reference of a domain.
pub(crate) fn reference(domain: &Domain) -> VmRef {
    VmRef { external_ref: domain.uuid.to_string(), name: domain.name.clone() }
}

/// The shared link, as everybody holds it.
pub(crate) type SharedLink = Arc<Link>;
