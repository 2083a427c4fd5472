//! A connection to a PostgreSQL.

use std::error::Error as _;
use std::fmt;
use std::path::Path;

use tokio::task::JoinSet;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, Error, NoTls};

use super::tls::MakeTls;
use super::url;
use super::{PostgresOptions, PostgresTls};
use crate::SecretFile;
use crate::failed::{Failed, quoted};

/// A server to connect to.
pub(super) struct Server {
    config: Config,
    password: Option<SecretFile>,
    /// `None` where nothing is encrypted.
    tls: Option<MakeTls>,
    told: String,
}

/// A connection; what works for it ends with it.
pub(super) struct Connected {
    pub(super) client: Client,
    _work: JoinSet<()>,
}

impl Connected {
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

impl Server {
    pub(super) fn new(options: &PostgresOptions, ca_file: Option<&Path>) -> Result<Self, String> {
        let (mut config, told) = url::read(&options.url)?;
        config.application_name("hostler");
        let is_local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let tls = match options.tls {
            PostgresTls::Verify if !is_local => {
                config.ssl_mode(SslMode::Require);
                Some(MakeTls::new(ca_file)?)
            }
            _ => {
                config.ssl_mode(SslMode::Disable);
                None
            }
        };
        Ok(Self { config, password: options.password.clone(), tls, told })
    }

    /// Whether a password is used without encryption towards another machine.
    pub(super) fn is_exposed(&self) -> bool {
        let is_near = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                let address = name.parse::<std::net::IpAddr>();
                name == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
        };
        let is_far = !self.config.get_hosts().iter().all(is_near);
        is_far && self.tls.is_none() && self.password.is_some()
    }

    pub(super) async fn connect(&self) -> Result<Connected, Failed> {
        let mut config = self.config.clone();
        if let Some(file) = &self.password {
            config.password(file.read().await?);
        }
        let failed = |error: Error| Failed::later(format!("{self}: {}", quoted(&cause(&error))));
        let mut work = JoinSet::new();
        let client = match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await.map_err(failed)?;
                work.spawn(async { drop(connection.await) });
                client
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
                work.spawn(async { drop(connection.await) });
                client
            }
        };
        Ok(Connected { client, _work: work })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}

/// What the database said, or what went wrong on the way to it.
pub(super) fn cause(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
