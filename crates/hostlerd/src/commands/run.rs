//! `hostlerd run`: the server.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_core::Clock;
use hostler_core::clock::SystemClock;
use hostler_core::id::{Entropy, IdSource, ProviderId};
use hostler_engine::Pace;
#[cfg(debug_assertions)]
use hostler_engine::Sabotage;
use hostler_provider::Provider;
use hostler_store::{ProviderRow, Store, StoreErrorKind};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::arguments::RunFlags;
use crate::auth::LocalUsers;
use crate::config::{Config, ConfiguredProvider, runtime_dir};
use crate::entropy::SystemEntropy;
use crate::failure::{Failure, Result};
use crate::listen::{Limits, Passed};
use crate::sealing::Keyring;
use crate::server::{Server, Setup};
use crate::wiring::{Wiring, without_password};
use crate::{logging, notify};

/// How long systemd waits for providers before the server counts as started.
const FIRST_LOOK: Duration = Duration::from_secs(5);

pub(super) async fn run(flags: RunFlags, sockets: Passed) -> Result<()> {
    let config = Config::load(&flags)?;
    let filter = logging::start(config.log, &config.log_filter)?;
    make_data_dir(&config.data_dir)?;
    let store = open(&config.data_dir).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let wiring = Wiring::new(Arc::clone(&clock), runtime_dir());
    let ids = IdSource::new(Arc::clone(&clock), Arc::clone(&entropy));
    let providers = providers(&config, &store, &wiring, &ids, &*clock).await?;
    let addresses: Vec<&str> = providers.iter().map(|(row, _)| row.uri.as_str()).collect();
    let own_machine = crate::agents::own::machine(&config, &addresses);
    let limits = limits(&config);
    let setup = Setup {
        store,
        clock,
        entropy,
        wiring,
        providers,
        own_machine,
        local_users: LocalUsers::of_system(),
        limits,
        sockets,
        pace: Pace::default(),
        is_demo: false,
        config: config.clone(),
    };
    #[cfg(debug_assertions)]
    let sabotage =
        flags.freeze_at_write.map(|(at, side)| Arc::new(Sabotage::freezing_at(at, side)));
    #[cfg(not(debug_assertions))]
    let sabotage = None;
    // Before anything is served: whoever is answered may stop the server at once.
    let mut signals = Signals::new()?;
    let server = tokio::select! {
        server = Server::start_with(setup, sabotage) => server?,
        () = signals.next_stop() => return Ok(()),
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), url = server.base_url(), "serving");
    notify::starting("looking at the providers");
    // A signal ends the waiting too: nobody has to sit out a slow start.
    tokio::select! {
        () = server.first_look(FIRST_LOOK) => notify::ready(server.base_url()),
        () = signals.wait_for_stop(&server, None) => return stop(server, signals).await,
    }
    let configured = config.log_filter.clone();
    let verbosity = Mutex::new(Verbosity { configured, loudness: Loudness::Configured });
    let reload = Reload { flags, config, filter, verbosity };
    signals.wait_for_stop(&server, Some(&reload)).await;
    stop(server, signals).await
}

/// Stops in order; a second signal stops at once.
pub(super) async fn stop(server: Server, mut signals: Signals) -> Result<()> {
    tracing::info!("stopping; a second signal stops at once");
    notify::stopping();
    tokio::select! {
        () = server.stop() => Ok(()),
        () = signals.next_stop() => Err(Failure::new("stopped at once; operations go on at the next start")),
    }
}

/// The signals that a server obeys.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    louder: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::new(format!("signals cannot be heard: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
            louder: listen(SignalKind::user_defined1())?,
        })
    }

    /// Returns at the first signal to stop; at a hangup reads certificates again, and
    /// with `reload` the configuration too, and the first user's signal makes the log
    /// say more.
    pub(super) async fn wait_for_stop(&mut self, server: &Server, reload: Option<&Reload>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => match reload {
                    Some(reload) => reload.run(server).await,
                    None => told(server.reload()),
                },
                _ = self.louder.recv() => if let Some(reload) = reload {
                    reload.log_more();
                },
            }
        }
    }

    async fn next_stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What can be changed while the server runs: what is logged, and certificates.
pub(super) struct Reload {
    flags: RunFlags,
    config: Config,
    filter: logging::Filter,
    verbosity: Mutex<Verbosity>,
}

/// What is logged, and what is to be logged again later.
struct Verbosity {
    configured: String,
    loudness: Loudness,
}

/// How much is logged: as configured, or more for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loudness {
    Configured,
    Debug,
    Trace,
}

impl Reload {
    /// Logs more: `debug`, then `trace`, then as configured again.
    fn log_more(&self) {
        let mut verbosity = self.verbosity.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match verbosity.loudness {
            Loudness::Configured => Loudness::Debug,
            Loudness::Debug => Loudness::Trace,
            Loudness::Trace => Loudness::Configured,
        };
        let filter = match next {
            Loudness::Configured => verbosity.configured.as_str(),
            Loudness::Debug => "debug",
            Loudness::Trace => "trace",
        };
        match self.filter.set(filter) {
            Ok(()) => {
                tracing::warn!(filter, "a signal set the log's filter");
                verbosity.loudness = next;
            }
            Err(error) => tracing::error!(%error, "the log goes on as it is"),
        }
    }

    /// Reads the configuration again. Either all of it is taken over or nothing is.
    async fn run(&self, server: &Server) {
        notify::reloading();
        told(self.take_over(server).await);
        notify::ready(server.base_url());
    }

    async fn take_over(&self, server: &Server) -> Result<()> {
        let fresh = Config::load(&self.flags)?;
        server.take_over(&fresh).await?;
        self.filter.set(&fresh.log_filter)?;
        *self.verbosity.lock().unwrap_or_else(PoisonError::into_inner) =
            Verbosity { configured: fresh.log_filter.clone(), loudness: Loudness::Configured };
        let waiting = fresh.differs_from(&self.config);
        if !waiting.is_empty() {
            let keys = waiting.join(", ");
            tracing::warn!(keys, "changed in the configuration; takes effect at the next start");
        }
        Ok(())
    }
}

fn told(reloaded: Result<()>) {
    match reloaded {
        Ok(()) => tracing::info!("configuration and certificates were read again"),
        Err(error) => tracing::error!(%error, "everything stays as it was"),
    }
}

/// The database of a data directory.
pub(super) async fn open(data_dir: &Path) -> Result<Store> {
    let path = data_dir.join(DATABASE);
    Store::open(&path).await.map_err(|error| match error.kind() {
        StoreErrorKind::Refused => Failure::usage(error.to_string()),
        _ => hostler_core::Error::from(error).into(),
    })
}

/// The database's name in a data directory.
pub(super) const DATABASE: &str = "hostler.db";

pub(super) fn make_data_dir(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

fn limits(config: &Config) -> Limits {
    Limits {
        connections: config.limits.connections,
        connections_per_address: config.limits.connections_per_address,
        ..Limits::default()
    }
}

/// Whether every configured provider's address makes sense; nobody is connected to.
///
/// # Errors
/// With the first that does not.
pub(super) fn check_providers(config: &Config) -> Result<()> {
    let wiring = Wiring::new(Arc::new(SystemClock), runtime_dir());
    let unusable = |given: &ConfiguredProvider| {
        wiring.check(&given.uri).err().map(|why| unusable(given, &why))
    };
    config.providers.iter().find_map(unusable).map_or(Ok(()), Err)
}

fn unusable(given: &ConfiguredProvider, why: &str) -> Failure {
    let uri = without_password(&given.uri);
    Failure::usage(format!("provider {:?}: {uri:?} {why}", given.name))
}

type Attached = Vec<(ProviderRow, Arc<dyn Provider>)>;

/// Providers of the configuration, and those that were added while it ran.
async fn providers(
    config: &Config,
    store: &Store,
    wiring: &Wiring,
    ids: &IdSource,
    clock: &dyn Clock,
) -> Result<Attached> {
    let keyring = Keyring::of(&config.data_dir, ids.clone());
    let mut attached = Vec::new();
    for given in &config.providers {
        let provider = wiring.connect(&given.uri).map_err(|why| unusable(given, &why))?;
        keep_kubeconfig(store, given).await?;
        let row = ProviderRow {
            id: ids.next(ProviderId::new),
            name: given.name.clone(),
            uri: given.uri.clone(),
            from_config: true,
            created_at: clock.now(),
        };
        attached.push((store.upsert_provider(&row).await.map_err(failed)?, provider));
    }
    for mut row in store.providers().await.map_err(failed)? {
        if attached.iter().any(|(known, _)| known.id == row.id) {
            continue;
        }
        if row.from_config {
            // Nobody configures it any more. With VMs of ours there it has to stay;
            // now it can be removed like any that was added at run time.
            if store.delete_provider(row.id, &[]).await.is_ok() {
                continue;
            }
            row.from_config = false;
            row = store.upsert_provider(&row).await.map_err(failed)?;
            tracing::warn!(provider = row.name, "not configured any more, but holds VMs of ours");
        }
        if let Some(secret) = store.provider_secret(row.id).await.map_err(failed)? {
            let of = (&*row.id.to_string(), &*row.uri);
            let provider = wiring.reopen(&keyring, of, &secret);
            attached.push((row, provider));
            continue;
        }
        match wiring.connect(&row.uri) {
            Ok(provider) => attached.push((row, provider)),
            Err(why) => {
                let uri = without_password(&row.uri);
                tracing::error!(provider = row.name, uri, why, "cannot connect");
            }
        }
    }
    Ok(attached)
}

/// Refuses to take a cluster's name for a provider of the configuration: the kubeconfig that
/// somebody gave would be lost, and nobody would have said so.
async fn keep_kubeconfig(store: &Store, given: &ConfiguredProvider) -> Result<()> {
    let Some(row) = store.provider_by_name(&given.name).await.map_err(failed)? else {
        return Ok(());
    };
    if store.provider_secret(row.id).await.map_err(failed)?.is_none() {
        return Ok(());
    }
    let name = &given.name;
    Err(Failure::usage(format!(
        "provider {name:?} of the configuration has the name of a cluster that was added by a \
         kubeconfig, which is kept: give the one in the configuration another name, or start \
         without it and take the cluster away first: hostler cluster remove {name}"
    )))
}

fn failed(error: hostler_store::Error) -> Failure {
    hostler_core::Error::from(error).into()
}
