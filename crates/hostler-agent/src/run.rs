//! The program: configuration, signals, and what systemd is told.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::SystemClock;
use hostler_node::Node;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::agent::{Agent, Setup};
use crate::arguments::Flags;
use crate::config::{Config, DEFAULT_TEXT};
use crate::failure::{Failure, Result};
use crate::logging::{self, SetFilter};
use crate::sources;
use crate::tls::Identity;

/// Does what the command line says.
///
/// # Errors
/// When the configuration makes no sense, or it cannot serve.
pub(crate) fn run(flags: Flags) -> Result<()> {
    if flags.default_config {
        return print(DEFAULT_TEXT);
    }
    let config = Config::load(&flags)?;
    let (token, identity) = (config.token()?, config.identity()?);
    if flags.check {
        return print("ok\n");
    }
    // One thread serves and one collects; reading files has threads of its own.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start: {error}")))?
        .block_on(serve(flags, config, token, identity))
}

/// Writes to standard output what was asked for; everything else goes to the log.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|error| Failure::Failed(format!("cannot write: {error}")))
}

async fn serve(
    flags: Flags,
    config: Config,
    token: Option<String>,
    identity: Option<Arc<Identity>>,
) -> Result<()> {
    let set_filter = logging::start(config.log, &config.log_filter)?;
    let mut signals = Signals::new()?;
    let host = config.host.clone().or_else(|| Node::host_name("/")).ok_or_else(|| {
        Failure::Usage("the machine does not say what it is called; set host".to_owned())
    })?;
    let seed = getrandom::u64().unwrap_or(0);
    let setup = Setup {
        listen: config.listen.clone(),
        token,
        identity: identity.clone(),
        sources: sources::of(&config, &host),
        machine: Node::machine("/", host),
        intervals: config.intervals,
        clock: Arc::new(SystemClock),
        seed,
    };
    let agent = Agent::start(setup).await?;
    let addresses: Vec<String> = agent.addresses().iter().map(ToString::to_string).collect();
    let addresses = addresses.join(", ");
    tracing::info!(version = env!("CARGO_PKG_VERSION"), addresses, "serving");
    if identity.is_none() && config.listen.iter().any(|address| !address.ip().is_loopback()) {
        tracing::warn!(
            addresses,
            "others can read what is sent there; set tls_certificate and tls_key"
        );
    }
    let status = format!("serving at {addresses}");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
    let mut watchdog = tokio::time::interval(watchdog_interval());
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hangup.recv() => {
                let mut reloading = vec![NotifyState::Reloading];
                reloading.extend(NotifyState::monotonic_usec_now());
                tell(&reloading);
                reload(&flags, &config, &agent, identity.as_deref(), &set_filter);
                tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
            }
            _ = watchdog.tick() => tell(&[NotifyState::Watchdog]),
        }
    }
    tracing::info!("stopping; a second signal stops at once");
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    tokio::select! {
        () = agent.stop() => Ok(()),
        _ = signals.terminate.recv() => Err(Failure::Failed("stopped at once".to_owned())),
        _ = signals.interrupt.recv() => Err(Failure::Failed("stopped at once".to_owned())),
    }
}

/// Takes over what can be; either all of that or nothing.
fn reload(
    flags: &Flags,
    running: &Config,
    agent: &Agent,
    identity: Option<&Identity>,
    set_filter: &SetFilter,
) {
    let taken_over = Config::load(flags).and_then(|fresh| {
        let certificate = identity.map(|it| it.fresh().map(|fresh| (it, fresh))).transpose()?;
        set_filter(&fresh.log_filter)?;
        // From here on nothing fails.
        if let Some((identity, certificate)) = certificate {
            identity.show(certificate);
        }
        agent.set_intervals(fresh.intervals);
        Ok(fresh)
    });
    match taken_over {
        Err(error) => tracing::error!(%error, "everything stays as it was"),
        Ok(fresh) => {
            tracing::info!("the configuration was read again");
            let keys = fresh.differs_from(running).join(", ");
            if !keys.is_empty() {
                tracing::warn!(
                    keys,
                    "changed in the configuration; takes effect at the next start"
                );
            }
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let listen = |kind| {
            let told = |error| Failure::Failed(format!("signals cannot be heard: {error}"));
            signal(kind).map_err(told)
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }
}

/// How often systemd wants a sign of life: twice within its limit.
fn watchdog_interval() -> Duration {
    let wanted = sd_notify::watchdog_enabled().map(|limit| limit / 2);
    wanted.unwrap_or(Duration::from_secs(3600)).max(Duration::from_millis(100))
}

/// Without systemd nobody is told anything.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
