//! Mail, by SMTP.
//!
//! ```text
//!  compose ──► the message (text and HTML, the same each time it is sent)
//!  session ──► greeting · EHLO · STARTTLS · AUTH · MAIL · RCPT … · DATA
//!  reply   ──► what a server says, bounded
//! ```
//!
//! Messages are composed by `lettre`. The dialogue is our own: it says which recipient
//! was refused, tells a bad certificate from a broken connection, never reads a reply
//! without an end, and throws away what came before TLS began.

mod compose;
mod reply;
mod session;

use std::sync::Arc;
use std::time::Duration;

use hostler_core::alert::notice::{Notice, Undelivered};
use hostler_core::alert::template::Template;
use lettre::Address;
use lettre::message::Mailbox;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::secret::Secret;

/// From the first attempt to connect to the server's last word.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server, and whom it is to tell.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    /// User and password; never sent without TLS.
    pub(crate) login: Option<(String, Secret)>,
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    /// How we call ourselves.
    pub(crate) hello: String,
    pub(crate) subject: Option<Template>,
}

/// How what is said is kept from others.
#[derive(Clone)]
pub(crate) enum Security {
    /// TLS from the first byte (port 465).
    Implicit(Tls),
    /// TLS once both agreed on it (port 587); nothing is sent where they do not.
    StartTls(Tls),
    /// Not at all.
    None,
}

/// Whom to trust, and by which name.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Implicit(_) => "Implicit",
            Self::StartTls(_) => "StartTls",
            Self::None => "None",
        })
    }
}

impl Mail {
    pub(crate) async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let message = compose::message(self, notice).map_err(|error| {
            Undelivered::for_good(format!("no mail can be made of the notice: {error}"))
        })?;
        let sending = session::send(self, &message);
        match tokio::time::timeout(TIMEOUT, sending).await {
            Ok(sent) => sent,
            Err(_) => Err(Undelivered::for_now(format!(
                "{}:{} did not take the mail within {} s",
                self.host,
                self.port,
                TIMEOUT.as_secs()
            ))),
        }
    }

    fn recipients(&self) -> impl Iterator<Item = &Address> {
        self.to.iter().map(|mailbox| &mailbox.email)
    }
}
