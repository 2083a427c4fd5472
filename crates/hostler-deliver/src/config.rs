//! What is configured about receivers. Secrets are in files of their own: a
//! configuration is shown, copied and kept in version control.
//!
//! ```toml
//! slack = { url_file = "/etc/hostler/slack-url" }
//! ```

use std::path::PathBuf;
use std::time::Duration;

use hostler_core::alert::template::Template;
use hostler_core::error::Fault;
use hostler_http::Target;
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::pki_types::ServerName;

use crate::pagerduty;

/// How often Alertmanager is told, in seconds, and what it may be.
const REFRESH_SECONDS: u64 = 60;
const REFRESH_RANGE: std::ops::RangeInclusive<u64> = 5..=600;
/// The most Alertmanagers of a cluster.
const CLUSTER_MAX: usize = 16;
/// The most recipients of a mail.
const RECIPIENTS_MAX: usize = 50;
/// The longest user name.
const USER_MAX: usize = 256;

/// One way to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integration {
    /// A URL that takes what Alertmanager's webhooks send.
    Webhook(WebhookConfig),
    /// A channel in Slack.
    Slack(SlackConfig),
    /// A service at PagerDuty.
    Pagerduty(PagerdutyConfig),
    /// Alertmanager, or a cluster of them.
    Alertmanager(AlertmanagerConfig),
    /// Mail.
    Smtp(SmtpConfig),
}

/// A webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The URL, where it is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A file that holds the URL, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// A file that holds a token, sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<PathBuf>,
    /// Trust the authorities of this PEM file, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// A channel in Slack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// A file that holds the URL of the incoming webhook.
    pub url_file: PathBuf,
    /// Trust the authorities of this PEM file, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// A service at PagerDuty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerdutyConfig {
    /// A file that holds the integration key (Events API v2).
    pub key_file: PathBuf,
    /// Where events go, instead of PagerDuty's own address (there is another one in the EU).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Trust the authorities of this PEM file, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// Alertmanager, or a cluster of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerConfig {
    /// The URL of each member, without `/api/v2/alerts`.
    pub urls: Vec<String>,
    /// A file that holds a token, sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<PathBuf>,
    /// How often it is told what fires, in seconds: 60 unless told otherwise. It
    /// believes an alert to be over after four times that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_seconds: Option<u64>,
    /// Trust the authorities of this PEM file, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// Mail by SMTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The server that takes our mail.
    pub host: String,
    /// Its port: 587, or 465 with implicit TLS, or 25 without, unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How it is kept from others.
    #[serde(default)]
    pub tls: SmtpTls,
    /// The user by whom to log in, where one has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// A file that holds their password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Who sends: `Hostler <hostler@example.org>`.
    pub from: String,
    /// Who is told.
    pub to: Vec<String>,
    /// How we call ourselves in EHLO; the domain of `from` unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello: Option<String>,
    /// The subject, with the gaps of alert rules: `{{ $labels.alertname }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Trust the authorities of this PEM file, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// How mail is kept from others on its way to the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// TLS once both agreed on it; no mail where they do not.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// No TLS, and no login.
    None,
}

impl Integration {
    /// The word for its kind: `webhook`, `slack`, `pagerduty`, `alertmanager` or `smtp`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
            Self::Pagerduty(_) => "pagerduty",
            Self::Alertmanager(_) => "alertmanager",
            Self::Smtp(_) => "smtp",
        }
    }

    /// Whether it makes sense, as far as that is seen without reading files.
    ///
    /// # Errors
    /// All faults at once, each with the key that it is of (`/webhook/url`).
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let faults: Vec<Fault> = match self {
            Self::Webhook(config) => config.faults(),
            // Its one key is a file.
            Self::Slack(_) => Vec::new(),
            Self::Pagerduty(config) => config.target().err().into_iter().collect(),
            Self::Alertmanager(config) => config.faults(),
            Self::Smtp(config) => config.faults(),
        };
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

impl WebhookConfig {
    fn faults(&self) -> Vec<Fault> {
        let one = match (&self.url, &self.url_file) {
            (Some(_), None) | (None, Some(_)) => None,
            _ => {
                let detail = "either url or url_file is needed, and not both";
                Some(Fault::new("/webhook/url", "missing", detail))
            }
        };
        one.into_iter().chain(self.target().err()).collect()
    }

    /// Where to, where that is no secret.
    pub(crate) fn target(&self) -> Result<Option<Target>, Fault> {
        let Some(url) = &self.url else { return Ok(None) };
        let target = target("/webhook/url", url)?;
        if self.bearer_token_file.is_some() {
            only_encrypted("/webhook/bearer_token_file", &target)?;
        }
        Ok(Some(target))
    }
}

impl PagerdutyConfig {
    pub(crate) fn target(&self) -> Result<Target, Fault> {
        let place = "/pagerduty/url";
        let target = target(place, self.url.as_deref().unwrap_or(pagerduty::URL))?;
        only_encrypted(place, &target)?;
        Ok(target)
    }
}

impl AlertmanagerConfig {
    fn faults(&self) -> Vec<Fault> {
        self.targets().err().into_iter().chain(self.refresh().err()).collect()
    }

    pub(crate) fn targets(&self) -> Result<Vec<Target>, Fault> {
        let count = self.urls.len();
        if !(1..=CLUSTER_MAX).contains(&count) {
            let detail = format!("it names {count}; there have to be 1 to {CLUSTER_MAX}");
            return Err(Fault::new("/alertmanager/urls", "invalid", detail));
        }
        let each = self.urls.iter().enumerate().map(|(at, url)| {
            let target = target(&format!("/alertmanager/urls/{at}"), url)?;
            if self.bearer_token_file.is_some() {
                only_encrypted("/alertmanager/bearer_token_file", &target)?;
            }
            Ok(target)
        });
        each.collect()
    }

    pub(crate) fn refresh(&self) -> Result<Duration, Fault> {
        let seconds = self.refresh_seconds.unwrap_or(REFRESH_SECONDS);
        if REFRESH_RANGE.contains(&seconds) {
            return Ok(Duration::from_secs(seconds));
        }
        let (least, most) = (REFRESH_RANGE.start(), REFRESH_RANGE.end());
        let detail = format!("it is {seconds}; it has to be from {least} to {most}");
        Err(Fault::new("/alertmanager/refresh_seconds", "out_of_range", detail))
    }
}

impl SmtpConfig {
    fn faults(&self) -> Vec<Fault> {
        let found = [
            self.server_name().err(),
            self.sender().err(),
            self.recipients().err(),
            self.hello().err(),
            self.subject().err(),
            self.login().err(),
        ];
        found.into_iter().flatten().collect()
    }

    /// The server by name, for TLS as well.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, Fault> {
        let name = ServerName::try_from(self.host.clone());
        name.map_err(|_| Fault::new("/smtp/host", "invalid", no_name(&self.host)))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::StartTls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        })
    }

    pub(crate) fn sender(&self) -> Result<Mailbox, Fault> {
        mailbox("/smtp/from", &self.from)
    }

    pub(crate) fn recipients(&self) -> Result<Vec<Mailbox>, Fault> {
        let count = self.to.len();
        if !(1..=RECIPIENTS_MAX).contains(&count) {
            let detail = format!("it names {count}; there have to be 1 to {RECIPIENTS_MAX}");
            return Err(Fault::new("/smtp/to", "invalid", detail));
        }
        let each = self.to.iter().enumerate();
        each.map(|(at, to)| mailbox(&format!("/smtp/to/{at}"), to)).collect()
    }

    pub(crate) fn hello(&self) -> Result<String, Fault> {
        let hello = match &self.hello {
            Some(hello) => hello.clone(),
            // Where that is no address, this is not what is wrong.
            None => self
                .sender()
                .map_or_else(|_| "localhost".into(), |from| from.email.domain().to_owned()),
        };
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte);
        if hello.is_empty() || hello.len() > 255 || !hello.bytes().all(is_part) {
            return Err(Fault::new("/smtp/hello", "invalid", no_name(&hello)));
        }
        Ok(hello)
    }

    pub(crate) fn subject(&self) -> Result<Option<Template>, Fault> {
        let Some(subject) = &self.subject else { return Ok(None) };
        let (template, faults) = Template::read(subject);
        match faults.first() {
            Some(fault) => Err(Fault::new("/smtp/subject", "invalid", fault.to_string())),
            None => Ok(Some(template)),
        }
    }

    /// The user, and where their password is.
    pub(crate) fn login(&self) -> Result<Option<(&str, &PathBuf)>, Fault> {
        let (place, code) = ("/smtp/password_file", "invalid");
        match (&self.username, &self.password_file) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) if self.tls == SmtpTls::None => {
                let detail = "it needs TLS: without it everybody on the way reads the password";
                Err(Fault::new(place, code, detail))
            }
            (Some(user), Some(file)) => {
                if user.is_empty() || user.len() > USER_MAX || user.chars().any(char::is_control) {
                    let detail = format!("it has to be 1 to {USER_MAX} characters on one line");
                    return Err(Fault::new("/smtp/username", code, detail));
                }
                Ok(Some((user, file)))
            }
            _ => Err(Fault::new(place, code, "username and password_file go together")),
        }
    }
}

fn no_name(text: &str) -> String {
    format!("{text:?} is no name or address of a machine")
}

fn target(place: &str, url: &str) -> Result<Target, Fault> {
    url.parse()
        .map_err(|error: hostler_http::Error| Fault::new(place, "invalid", error.to_string()))
}

/// What is secret goes to another machine by TLS or not at all.
pub(crate) fn only_encrypted(place: &str, target: &Target) -> Result<(), Fault> {
    if target.is_encrypted() || target.is_loopback() {
        return Ok(());
    }
    let detail = format!(
        "{target} is not encrypted, and everybody on the way reads what is secret; use https"
    );
    Err(Fault::new(place, "not_encrypted", detail))
}

fn mailbox(place: &str, text: &str) -> Result<Mailbox, Fault> {
    let invalid = |why: String| Fault::new(place, "invalid", format!("{text:?} {why}"));
    let mailbox: Mailbox =
        text.parse().map_err(|error| invalid(format!("is no address: {error}")))?;
    // Others need an extension that not every server on the way has.
    let address: &str = mailbox.email.as_ref();
    if !address.is_ascii() {
        return Err(invalid("is not supported: addresses are ASCII characters".into()));
    }
    Ok(mailbox)
}

#[cfg(test)]
mod tests;
