//! Makes receivers of what is configured, and reads their secrets: at each delivery
//! anew, so that a key is replaced without a restart.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::error::Fault;
use hostler_http::{Client, Options, Target};
use tokio_rustls::rustls::ClientConfig;

use crate::Way;
use crate::alertmanager::Alertmanager;
use crate::config::{
    AlertmanagerConfig, Integration, PagerdutyConfig, SlackConfig, SmtpConfig, SmtpTls,
    WebhookConfig, only_encrypted,
};
use crate::mail::{Mail, Security, Tls};
use crate::pagerduty::PagerDuty;
use crate::secret::Secret;
use crate::slack::Slack;
use crate::webhook::Webhook;

/// The most bytes of an answer: receivers say little.
const ANSWER_MAX: usize = 64 << 10;
/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The most bytes of a file that holds a secret.
const FILE_MAX: u64 = 8 << 10;

/// What is kept between deliveries.
#[derive(Clone)]
pub(crate) enum Means {
    /// Connections.
    Http(Client),
    /// Whom TLS trusts.
    Tls(Arc<ClientConfig>),
}

impl Means {
    /// Reads the authorities that are trusted.
    pub(crate) fn new(integration: &Integration) -> Result<Self, String> {
        let ca_file = match integration {
            Integration::Webhook(config) => &config.ca_file,
            Integration::Slack(config) => &config.ca_file,
            Integration::Pagerduty(config) => &config.ca_file,
            Integration::Alertmanager(config) => &config.ca_file,
            Integration::Smtp(config) => {
                let trusted = hostler_http::tls_config(config.ca_file.as_deref());
                return trusted.map(Arc::new).map(Self::Tls).map_err(|error| error.to_string());
            }
        };
        let options = Options {
            timeout: TIMEOUT,
            answer_max: ANSWER_MAX,
            ca_file: ca_file.clone(),
            ..Options::default()
        };
        Client::new(options).map(Self::Http).map_err(|error| error.to_string())
    }

    /// Reads the secrets, and says whom to tell how.
    pub(crate) fn open(&self, integration: &Integration) -> Result<Way, String> {
        let opened = match (self, integration) {
            (Self::Http(client), Integration::Webhook(config)) => {
                webhook(client.clone(), config).map(Way::Webhook)
            }
            (Self::Http(client), Integration::Slack(config)) => {
                slack(client.clone(), config).map(Way::Slack)
            }
            (Self::Http(client), Integration::Pagerduty(config)) => {
                pagerduty(client.clone(), config).map(Way::Pagerduty)
            }
            (Self::Http(client), Integration::Alertmanager(config)) => {
                alertmanager(client.clone(), config).map(Way::Alertmanager)
            }
            (Self::Tls(trusted), Integration::Smtp(config)) => {
                mail(trusted, config).map(|mail| Way::Mail(Box::new(mail)))
            }
            _ => unreachable!("the means were made for this integration"),
        };
        opened
            .map_err(|fault| format!("{}: {}", fault.pointer.trim_start_matches('/'), fault.detail))
    }
}

fn webhook(client: Client, config: &WebhookConfig) -> Result<Webhook, Fault> {
    let token = optional_secret("/webhook/bearer_token_file", config.bearer_token_file.as_deref())?;
    let (target, secret) = match (config.target()?, &config.url_file) {
        (Some(target), _) => (target, None),
        (None, Some(file)) => {
            let place = "/webhook/url_file";
            let secret = secret(place, file)?;
            (secret_target(place, &secret)?, Some(secret))
        }
        (None, None) => {
            return Err(Fault::new("/webhook/url", "missing", "url or url_file is needed"));
        }
    };
    if token.is_some() {
        only_encrypted("/webhook/bearer_token_file", &target)?;
    }
    Ok(Webhook { client, target, secret, token })
}

fn slack(client: Client, config: &SlackConfig) -> Result<Slack, Fault> {
    let place = "/slack/url_file";
    let secret = secret(place, &config.url_file)?;
    let target = secret_target(place, &secret)?;
    only_encrypted(place, &target)?;
    Ok(Slack { client, target, secret })
}

fn pagerduty(client: Client, config: &PagerdutyConfig) -> Result<PagerDuty, Fault> {
    let key = secret("/pagerduty/key_file", &config.key_file)?;
    Ok(PagerDuty { client, target: config.target()?, key })
}

fn alertmanager(client: Client, config: &AlertmanagerConfig) -> Result<Alertmanager, Fault> {
    let place = "/alertmanager/bearer_token_file";
    let token = optional_secret(place, config.bearer_token_file.as_deref())?;
    Ok(Alertmanager { client, targets: config.targets()?, token, refresh: config.refresh()? })
}

fn mail(trusted: &Arc<ClientConfig>, config: &SmtpConfig) -> Result<Mail, Fault> {
    let tls = Tls { config: Arc::clone(trusted), name: config.server_name()? };
    let login = match config.login()? {
        Some((user, file)) => Some((user.to_owned(), secret("/smtp/password_file", file)?)),
        None => None,
    };
    Ok(Mail {
        host: config.host.clone(),
        port: config.port(),
        security: match config.tls {
            SmtpTls::StartTls => Security::StartTls(tls),
            SmtpTls::Implicit => Security::Implicit(tls),
            SmtpTls::None => Security::None,
        },
        login,
        from: config.sender()?,
        to: config.recipients()?,
        hello: config.hello()?,
        subject: config.subject()?,
    })
}

fn secret(place: &str, file: &Path) -> Result<Secret, Fault> {
    let bad = |why: String| Fault::new(place, "unreadable", format!("{}: {why}", file.display()));
    let mut content = String::new();
    let opened = File::open(file).map_err(|error| bad(error.to_string()))?;
    let read = opened.take(FILE_MAX).read_to_string(&mut content);
    // What the system says of a file that is no text says nothing of what is in it.
    read.map_err(|error| bad(error.to_string()))?;
    Secret::read(&content).map_err(bad)
}

fn optional_secret(place: &str, file: Option<&Path>) -> Result<Option<Secret>, Fault> {
    file.map(|file| secret(place, file)).transpose()
}

fn secret_target(place: &str, secret: &Secret) -> Result<Target, Fault> {
    let parsed = secret.reveal().parse();
    parsed.map_err(|error: hostler_http::Error| Fault::new(place, "invalid", error.to_string()))
}
