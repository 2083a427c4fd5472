//! Tells people and their systems about alerts: by webhook, mail, Slack, PagerDuty and
//! Alertmanager.
//!
//! ```text
//!  outbox ── Notice ──► Receiver::deliver ──► taken
//!    ▲                        └──────────► Undelivered { for now | for good, why }
//!    └── tries again, in order ◄───────────────┘
//! ```
//!
//! - **One try.** When to try again, how often, and when to give up is the outbox's
//!   business; here it is only told whether it makes sense.
//! - **Nothing is shown that is secret.** A reason names the server, never the rest of a
//!   URL, a key or a password, also where the server repeats them.
//! - **Names are names.** Labels come from users, who may call a VM as they like. They
//!   are data in JSON, and shown as one line of plain text everywhere else; no label
//!   gets into a URL, a header of HTTP, or a command of SMTP.
//! - **Only the operator says where to.** Receivers are configured, no redirect is
//!   followed, and of an answer only the first line of a failure is repeated.

mod alertmanager;
pub mod config;
mod http;
mod mail;
mod open;
mod pagerduty;
mod secret;
mod slack;
mod text;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use hostler_core::alert::notice::{Notice, NoticeAlert, Undelivered};
use hostler_core::clock::SystemClock;
use hostler_core::{Clock, Timestamp};

pub use config::Integration;
use open::Means;

/// Somebody who is told about alerts, by one way. Clones share connections.
#[derive(Clone)]
pub struct Receiver {
    integration: Arc<Integration>,
    means: Means,
    clock: Arc<dyn Clock>,
}

/// One way, with its secrets.
enum Way {
    Webhook(webhook::Webhook),
    Slack(slack::Slack),
    Pagerduty(pagerduty::PagerDuty),
    Alertmanager(alertmanager::Alertmanager),
    Mail(Box<mail::Mail>),
}

impl Receiver {
    /// Whom this names. Its files are read, to say now what is wrong with them; nothing
    /// is sent.
    ///
    /// # Errors
    /// One line: the key, what is wrong and what to do; never a secret.
    pub fn new(integration: &Integration) -> Result<Self, String> {
        integration.check().map_err(|faults| {
            let told = faults.iter().map(|fault| {
                format!("{}: {}", fault.pointer.trim_start_matches('/'), fault.detail)
            });
            told.collect::<Vec<_>>().join("; ")
        })?;
        let means = Means::new(integration)?;
        means.open(integration)?;
        Ok(Self { integration: Arc::new(integration.clone()), means, clock: Arc::new(SystemClock) })
    }

    /// By another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Sends a notice, once, within half a minute. Secrets are read from their files
    /// each time.
    ///
    /// # Errors
    /// Where it was not taken, or nobody knows: then the receiver may get it twice, with
    /// the same id.
    pub async fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        match self.open().await? {
            Way::Webhook(webhook) => webhook.send(notice).await,
            Way::Slack(slack) => slack.send(notice).await,
            Way::Pagerduty(pager) => pager.send(notice).await,
            Way::Alertmanager(manager) => manager.tell(&notice.alerts, self.now()).await,
            Way::Mail(mail) => mail.send(notice).await,
        }
    }

    /// How often it wants to hear of all that fires, or else believes that it is over;
    /// `None` where it remembers by itself.
    pub fn refresh_interval(&self) -> Option<Duration> {
        match &*self.integration {
            Integration::Alertmanager(config) => config.refresh().ok(),
            _ => None,
        }
    }

    /// Tells alerts again that it was told and that still fire; nothing to those who
    /// remember by themselves.
    ///
    /// # Errors
    /// Where they were not taken.
    pub async fn refresh(&self, alerts: &[NoticeAlert]) -> Result<(), Undelivered> {
        if alerts.is_empty() {
            return Ok(());
        }
        match self.open().await? {
            Way::Alertmanager(manager) => manager.tell(alerts, self.now()).await,
            _ => Ok(()),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The way, with its secrets as they are now. A file that is not there may come back:
    /// no notice is lost for it.
    async fn open(&self) -> Result<Way, Undelivered> {
        let (means, integration) = (self.means.clone(), Arc::clone(&self.integration));
        let opening = tokio::task::spawn_blocking(move || means.open(&integration));
        match opening.await {
            Ok(opened) => opened.map_err(Undelivered::for_now),
            Err(_) => Err(Undelivered::for_now("the server is stopping")),
        }
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Receiver").field(&self.integration.kind()).finish()
    }
}
