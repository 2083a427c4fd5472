//! A running server: put together, announced, stopped in order.
//!
//! ```text
//!  Setup ─► engine + providers ─► sockets ─► ready ─► (signal) ─► draining ─► stopped
//!                                                                 503 for new requests,
//!                                                                 streams end, others finish
//! ```

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Clock;
use hostler_core::id::{Entropy, IdSource};
use hostler_engine::{Engine, EngineConfig, ImageStore, OwnMachine, Pace, Sabotage};
use hostler_provider::Provider;
use hostler_store::history::Archive;
use hostler_store::{ProviderRow, Store};
use rustls::ServerConfig;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, Parts, Streams};
use crate::auth::{Auth, LocalUsers};
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::http::consoles::{Holders, Tickets};
use crate::http::live::Live;
use crate::http::{self, Checkup, Cursors, Meters, Replays};
use crate::listen::{Limits, LocalListener, Passed, PlainListener, Shared, TlsListener};
use crate::qemu_img::QemuImg;
use crate::sealing::Keyring;
use crate::tls::Identity;
use crate::wiring::Wiring;

/// How long requests at work may take to end.
const FINISH_MAX: Duration = Duration::from_secs(15);
/// How long connections and streams may take to close after that.
const CLOSE_MAX: Duration = Duration::from_secs(4);

/// What a server is made of.
pub struct Setup {
    /// What it is told.
    pub config: Config,
    /// Where it keeps state.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids and secrets come from.
    pub entropy: Arc<dyn Entropy>,
    /// Which providers there are.
    pub wiring: Wiring,
    /// Providers attached from the start; their rows are stored.
    pub providers: Vec<(ProviderRow, Arc<dyn Provider>)>,
    /// This machine, where it is measured without an agent.
    pub own_machine: Option<OwnMachine>,
    /// Who of this machine may do what.
    pub local_users: LocalUsers,
    /// How much connections may take.
    pub limits: Limits,
    /// Sockets that were opened for it.
    pub sockets: Passed,
    /// How often the engine looks.
    pub pace: Pace,
    /// Whether everything shown is made up.
    pub is_demo: bool,
}

/// A running server.
pub struct Server {
    app: App,
    shared: Shared,
    identity: Arc<Identity>,
    addresses: Vec<SocketAddr>,
    metrics_address: Option<SocketAddr>,
    base_url: String,
}

impl Server {
    /// Starts it; when this returns it serves.
    ///
    /// # Errors
    /// When something it needs cannot be had, saying what.
    pub async fn start(setup: Setup) -> Result<Self> {
        Self::start_with(setup, None).await
    }

    /// The same with faults that the engine inflicts on itself, for tests that
    /// kill the server at an exact point.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with(mut setup: Setup, sabotage: Option<Arc<Sabotage>>) -> Result<Self> {
        let sockets = std::mem::take(&mut setup.sockets);
        if !sockets.tls.is_empty() {
            // The certificate names the addresses that are served.
            setup.config.listen = sockets.addresses();
        }
        let identity = Identity::load(&setup.config, &*setup.clock)?;
        let tls = identity.server_config()?;
        let (config, limits) = (setup.config.clone(), setup.limits);
        let group = setup.local_users.group_id();
        // Before anything begins: what is wrong with it is told at once.
        let mut alerting = crate::alerting::load(&config.alerting, None)?;
        let app = build(setup, sabotage, &identity).await?;
        let shared = Shared::new(http::router(app.clone()), limits);
        let mut addresses = Vec::new();
        for listener in public(&config, sockets.tls, &tls).await? {
            addresses.push(listener.address().map_err(io_failed)?);
            shared.tasks.spawn(listener.run(shared.clone()));
        }
        for listener in local(&config, sockets.local, group).await? {
            shared.tasks.spawn(listener.run(shared.clone()));
        }
        let metrics_address = serve_metrics(&config, sockets.metrics, &app, &shared).await;
        let base_url = config.base_url_for(&addresses);
        app.base_url.set(base_url.clone()).map_err(|_| Failure::new("the address is set twice"))?;
        alerting.server_url = Some(base_url.clone());
        app.engine.alerts().configure(alerting).await?;
        app.engine.begin();
        app.tasks.spawn(http::live::run(app.clone()));
        shared.tasks.spawn(crate::housekeeping::run(app.clone(), Arc::clone(&identity)));
        Ok(Self { app, shared, identity, addresses, metrics_address, base_url })
    }

    /// What its handlers reach.
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// Where it serves HTTPS.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it serves metrics without credentials.
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// How many connections it has.
    pub fn connections(&self) -> usize {
        self.shared.permits.count()
    }

    /// How browsers reach it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A link that logs an administrator in once, within ten minutes.
    ///
    /// # Errors
    /// When the store cannot keep its code.
    pub async fn login_link(&self) -> Result<String> {
        let code = self.app.auth.make_login_code().await?;
        Ok(login_link(&self.base_url, &code))
    }

    /// Reads certificates again.
    ///
    /// # Errors
    /// When that fails; the old ones stay.
    pub fn reload(&self) -> Result<()> {
        self.identity.reload(&*self.app.clock)
    }

    /// Measures and alerts as told from now on, asks these agents, and reads the certificates
    /// again; whether it measures at all only the next start changes.
    ///
    /// # Errors
    /// When a file of rules, a receiver or a certificate is not as it should be; then all
    /// stays as it was.
    pub async fn take_over(&self, config: &Config) -> Result<()> {
        let url = Some(self.base_url.clone());
        let alerting = crate::alerting::load(&config.alerting, url)?;
        let certificate = self.identity.fresh(&*self.app.clock)?;
        self.app.engine.alerts().configure(alerting).await?;
        // From here on nothing fails.
        self.identity.show(certificate);
        self.app.engine.agents().set(crate::agents::of(&config.agents));
        if let Some(pace) = config.metrics.pace() {
            self.app.engine.set_collect_pace(pace);
        }
        self.app.meters.set_profile(config.metrics.profile);
        self.app.engine.metrics().tell_labels(&config.metrics.labels);
        self.app.engine.custom_metrics().configure(config.metrics.custom.settings());
        Ok(())
    }

    /// Waits until each provider has answered or failed to, but not for long.
    pub async fn first_look(&self, patience: Duration) {
        self.app.engine.providers().first_look(patience).await;
    }

    /// Takes no new requests, lets those at work end, and stops. What operations
    /// have not done yet goes on at the next start.
    pub async fn stop(self) {
        self.app.draining.cancel();
        self.app.requests.close();
        let _ = tokio::time::timeout(FINISH_MAX, self.app.requests.wait()).await;
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.app.tasks.close();
        let closed = async {
            self.shared.tasks.wait().await;
            self.app.tasks.wait().await;
        };
        let _ = tokio::time::timeout(CLOSE_MAX, closed).await;
        self.shared.abort.cancel();
        self.app.engine.shutdown().await;
        self.app.store.close().await;
    }
}

/// The address that opens a session.
pub fn login_link(base_url: &str, code: &str) -> String {
    // After `#`, so that it is in no server's log and in no Referer.
    format!("{base_url}/login#{code}")
}

async fn build(setup: Setup, sabotage: Option<Arc<Sabotage>>, identity: &Identity) -> Result<App> {
    let Setup { config, store, clock, entropy, .. } = setup;
    let ids = IdSource::new(Arc::clone(&clock), Arc::clone(&entropy));
    let fresh: [u8; 32] = ids.secret();
    let key = store.setting_or_insert("cursor_key", &fresh).await.map_err(store_failed)?;
    let key = key.try_into().map_err(|_| Failure::new("the cursor key is not 32 bytes"))?;
    let holder: [u8; 32] = ids.secret();
    let engine = Engine::start(EngineConfig {
        store: store.clone(),
        clock: Arc::clone(&clock),
        entropy,
        holder: crate::auth::secrets::encode(&holder),
        images: ImageStore {
            dir: config.data_dir.join("images"),
            max_bytes: config.limits.image_bytes,
            converter: Arc::new(QemuImg),
        },
        pace: setup.pace,
        collect: config.metrics.pace(),
        history: open_history(&config).await,
        outputs: crate::outputs::open(&config).await?,
        sabotage,
    })
    .await?;
    let live = Live::default();
    let meters = Arc::new(Meters::new(live.clone()));
    meters.set_profile(config.metrics.profile);
    engine.metrics().tell_labels(&config.metrics.labels);
    engine.custom_metrics().configure(config.metrics.custom.settings());
    let counted = Arc::clone(&meters);
    engine.metrics().tell_also(move || counted.series());
    for (row, provider) in setup.providers {
        engine.providers().attach(row, provider).await?;
    }
    if let Some(own) = setup.own_machine {
        engine.agents().measure_own(own);
    }
    engine.agents().set(crate::agents::of(&config.agents));
    let streams = Streams {
        followers: Arc::new(Semaphore::new(config.limits.event_subscribers)),
        live: Arc::new(Semaphore::new(config.limits.live_clients)),
        consoles: Arc::new(Semaphore::new(config.limits.consoles)),
    };
    let keys = ids.clone();
    Ok(App::new(Parts {
        auth: Auth::new(store.clone(), Arc::clone(&clock), ids.clone(), setup.local_users),
        engine,
        store,
        clock,
        ids,
        tickets: Tickets::default(),
        holders: Holders::default(),
        cursors: Cursors::new(key),
        replays: Replays::default(),
        checkup: Checkup::default(),
        meters,
        wiring: setup.wiring,
        keyring: Keyring::of(&config.data_dir, keys),
        streams,
        live,
        is_demo: setup.is_demo,
        authority_pem: identity.authority_pem(),
        base_url: std::sync::OnceLock::new(),
        draining: CancellationToken::new(),
        requests: TaskTracker::new(),
        tasks: TaskTracker::new(),
    }))
}

/// The history of what was measured. A server that cannot keep one serves all else,
/// and says so (A15).
async fn open_history(config: &Config) -> Option<Archive> {
    if !config.history.enabled {
        return None;
    }
    let (path, options) = (config.data_dir.join("history"), config.history.options());
    let open = move || {
        std::fs::DirBuilder::new().recursive(true).mode(0o750).create(&path)?;
        Ok::<_, std::io::Error>(Archive::open(&path, options))
    };
    let why = match tokio::task::spawn_blocking(open).await {
        Ok(Ok(Ok(archive))) => {
            let (findings, beyond) = archive.findings();
            for found in findings {
                let (piece, lost) = (&found.piece, &found.lost);
                tracing::warn!(%piece, %lost, "a part of the history is damaged");
            }
            if beyond > 0 {
                tracing::warn!(beyond, "more parts of the history are damaged");
            }
            return Some(archive);
        }
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(why, "no history is kept: it cannot be opened");
    None
}

/// What serves HTTPS: sockets that were passed, else those that are configured.
async fn public(
    config: &Config,
    passed: Vec<std::net::TcpListener>,
    tls: &Arc<ServerConfig>,
) -> Result<Vec<TlsListener>> {
    if !passed.is_empty() {
        let adopt = |socket| TlsListener::of(socket, Arc::clone(tls)).map_err(io_failed);
        return passed.into_iter().map(adopt).collect();
    }
    let mut listeners = Vec::new();
    for address in &config.listen {
        let listener = TlsListener::bind(*address, Arc::clone(tls))
            .await
            .map_err(|error| Failure::new(format!("cannot listen on {address}: {error}")))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// What serves local users, in the same way.
async fn local(
    config: &Config,
    passed: Vec<std::os::unix::net::UnixListener>,
    group: Option<u32>,
) -> Result<Vec<LocalListener>> {
    if !passed.is_empty() {
        let adopt = |socket| LocalListener::of(socket).map_err(io_failed);
        return passed.into_iter().map(adopt).collect();
    }
    let listener = LocalListener::bind(&config.socket, group).await.map_err(|error| {
        Failure::new(format!("cannot listen at {}: {error}", config.socket.display()))
    })?;
    Ok(vec![listener])
}

/// Metrics are a convenience: a server that cannot serve them there serves all else.
async fn serve_metrics(
    config: &Config,
    passed: Option<std::net::TcpListener>,
    app: &App,
    shared: &Shared,
) -> Option<SocketAddr> {
    let passed_at = passed.as_ref().and_then(|socket| socket.local_addr().ok());
    let address = passed_at.or(config.metrics_listen)?;
    let bound = async {
        let listener = match passed {
            Some(socket) => PlainListener::of(socket)?,
            None => PlainListener::bind(address).await?,
        };
        let bound = listener.address()?;
        let router = http::metrics_router(app.clone());
        let serving = Shared { router, ..shared.clone() };
        shared.tasks.spawn(listener.run(serving));
        Ok::<_, std::io::Error>(bound)
    };
    match bound.await {
        Ok(address) => {
            // The one that is configured may leave the port to the system.
            tracing::info!(%address, "metrics are served without credentials");
            Some(address)
        }
        Err(error) => {
            tracing::warn!(%address, %error, "no metrics without credentials: cannot listen");
            None
        }
    }
}

fn io_failed(error: std::io::Error) -> Failure {
    Failure::new(error.to_string())
}

fn store_failed(error: hostler_store::Error) -> Failure {
    hostler_core::Error::from(error).into()
}
