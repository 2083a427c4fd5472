//! Being connected to a cluster, or not: reads the kubeconfig, and reads it anew
//! when the cluster does not know us any more.
//!
//! ```text
//!            made                 somebody was told 401, 10 s after at the soonest
//!   begun ──────────► up ────────────────────┐
//!     │                ▲                      │
//!     │ failed         │ made                 ▼
//!     └──► failed ─────┴─────────────── the kubeconfig is read anew
//!            │  ▲
//!            └──┘ a pause, twice as long each time
//! ```
//!
//! To be up says nothing of whether the cluster answers: every call finds out.

use std::sync::Arc;
use std::time::Duration;

use hostler_provider::{Cx, Error, Kind, Result};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::call::Caller;
use crate::config::KubeVirtConfig;
use crate::connect::connect;
use crate::error::{Cause, Failure};

/// The first pause after a kubeconfig could not be used.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Credentials are read anew this often at most.
const RENEW_AFTER: Duration = Duration::from_secs(10);

/// Where the connection stands.
#[derive(Clone)]
enum State {
    Begun,
    Failed { kind: Kind, message: String, raw: Option<String> },
    Up(Arc<Caller>),
}

/// The connection to one cluster.
pub(crate) struct Link {
    state: watch::Sender<State>,
    renew: Notify,
}

impl Link {
    pub(crate) fn new() -> Self {
        Self { state: watch::Sender::new(State::Begun), renew: Notify::new() }
    }

    /// Asks the cluster; waits for the first attempt to read the kubeconfig.
    pub(crate) async fn caller(&self, cx: &Cx) -> Result<Arc<Caller>> {
        let mut states = self.state.subscribe();
        let waited = cx.run("cannot reach the cluster", async {
            let state = states.wait_for(|state| !matches!(state, State::Begun)).await;
            state.map(|state| state.clone()).map_err(|_| gone())
        });
        // To wait has no effect, however it ends.
        match waited.await.map_err(without_effect)? {
            State::Up(caller) => Ok(caller),
            State::Failed { kind, message, raw } => {
                let error = Error::new(kind, message);
                Err(match raw {
                    Some(raw) => error.with_raw(raw),
                    None => error,
                })
            }
            State::Begun => Err(gone()),
        }
    }

    /// A failure as callers are told it. That the cluster does not know us makes
    /// the credentials be read anew.
    pub(crate) fn noted(&self, failure: Failure) -> Error {
        if failure.cause == Cause::AuthFailed {
            self.renew();
        }
        failure.error
    }

    /// Has the credentials read anew: the cluster does not know us.
    pub(crate) fn renew(&self) {
        self.renew.notify_one();
    }

    /// Keeps the connection, and does `work` with it while it is up.
    pub(crate) async fn keep<F: Future<Output = ()>>(
        &self,
        config: &KubeVirtConfig,
        work: impl Fn(Arc<Caller>) -> F,
    ) {
        let mut pause = FIRST_PAUSE;
        loop {
            match connect(config).await {
                Ok(client) => {
                    pause = FIRST_PAUSE;
                    let caller = Caller::new(client).in_its_versions();
                    let caller = Arc::new(caller.asking_at_once(config.max_concurrent));
                    self.state.send_replace(State::Up(caller.clone()));
                    tokio::select! {
                        () = work(caller) => {}
                        () = self.is_unknown(RENEW_AFTER.min(config.max_backoff)) => {
                            tracing::info!("the cluster does not know us; credentials are read anew");
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, raw = error.raw(), "the cluster cannot be used");
                    let raw = error.raw().map(str::to_owned);
                    let (kind, message) = (error.kind(), error.message().to_owned());
                    self.state.send_replace(State::Failed { kind, message, raw });
                    sleep(pause).await;
                    pause = (pause * 2).min(config.max_backoff.max(FIRST_PAUSE));
                }
            }
        }
    }

    /// Ends when the cluster does not know us, and not before `pause` is over.
    async fn is_unknown(&self, pause: Duration) {
        sleep(pause).await;
        self.renew.notified().await;
    }
}

fn gone() -> Error {
    Error::new(Kind::Unavailable, "the connection to the cluster was given up")
}

/// The same error of a call that could not have had one.
pub(crate) fn without_effect(error: Error) -> Error {
    if !error.is_unknown() {
        return error;
    }
    let plain = Error::new(error.kind(), error.message());
    match error.raw() {
        Some(raw) => plain.with_raw(raw),
        None => plain,
    }
}
