//! The server's certificate: the operator's own, or one signed by an authority
//! that the server makes for itself, so that consoles and cookies work from the
//! first minute (browsers give both only to HTTPS).

mod authority;
mod fingerprint;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use hostler_core::Clock;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Config;
use crate::failure::{Failure, Result};

pub use fingerprint::fingerprint;

/// The certificate shown to clients; it can be replaced while the server runs.
pub struct Identity {
    source: Source,
    shown: RwLock<Arc<CertifiedKey>>,
}

/// A certificate that was read and found good.
pub struct Fresh(Arc<CertifiedKey>);

/// Where the certificate comes from.
enum Source {
    /// Files that the operator brings.
    Files { certificate: PathBuf, key: PathBuf },
    /// An authority of our own.
    Own { directory: PathBuf, names: Vec<String> },
}

impl Identity {
    /// Reads the configured certificate, or makes sure that there is one of our own
    /// for every name by which the server is reached.
    ///
    /// # Errors
    /// When files cannot be read, written or understood.
    pub fn load(config: &Config, clock: &dyn Clock) -> Result<Arc<Self>> {
        let source = match (&config.tls.certificate, &config.tls.key) {
            (Some(certificate), Some(key)) => {
                Source::Files { certificate: certificate.clone(), key: key.clone() }
            }
            _ => Source::Own { directory: config.data_dir.join("tls"), names: names(config) },
        };
        let shown = RwLock::new(Arc::new(source.read(clock)?));
        Ok(Arc::new(Self { source, shown }))
    }

    /// Reads or renews the certificate; connections made from now on see it.
    ///
    /// # Errors
    /// When that fails; the old certificate stays.
    pub fn reload(&self, clock: &dyn Clock) -> Result<()> {
        self.show(self.fresh(clock)?);
        Ok(())
    }

    /// Reads or renews the certificate, and does not show it yet.
    ///
    /// # Errors
    /// When that fails.
    pub fn fresh(&self, clock: &dyn Clock) -> Result<Fresh> {
        Ok(Fresh(Arc::new(self.source.read(clock)?)))
    }

    /// Connections made from now on see it.
    pub fn show(&self, Fresh(certificate): Fresh) {
        *self.shown.write().expect("nothing panics while it holds this lock") = certificate;
    }

    /// The certificate that signs the server's, as PEM; `None` when it is not our own.
    pub fn authority_pem(&self) -> Option<String> {
        match &self.source {
            Source::Files { .. } => None,
            Source::Own { directory, .. } => std::fs::read_to_string(ca_path(directory)).ok(),
        }
    }

    /// TLS with this certificate: versions 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// When the TLS library refuses its own defaults.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::new(format!("TLS: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity") // there is a private key in it
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.shown.read().ok().map(|shown| Arc::clone(&shown))
    }
}

impl Source {
    fn read(&self, clock: &dyn Clock) -> Result<CertifiedKey> {
        match self {
            Self::Files { certificate, key } => certified(certificate, key),
            Self::Own { directory, names } => {
                authority::ensure(directory, names, clock.now())?;
                certified(&directory.join("server.pem"), &directory.join("server.key"))
            }
        }
    }
}

/// Whether the operator's own certificate, where there is one, can be used.
///
/// # Errors
/// When its files cannot be read or understood.
pub fn check(config: &Config) -> Result<()> {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => certified(certificate, key).map(drop),
        _ => Ok(()),
    }
}

/// Where the authority of the server with this data directory keeps its certificate.
pub fn ca_path(tls_directory: &Path) -> PathBuf {
    tls_directory.join("ca.pem")
}

fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey> {
    let of = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::new(format!("{}: {error}", path.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .map_err(|error| of(certificate, &error))?
        .collect::<Result<_, _>>()
        .map_err(|error| of(certificate, &error))?;
    let der = PrivateKeyDer::from_pem_file(key).map_err(|error| of(key, &error))?;
    CertifiedKey::from_der(chain, der, &ring::default_provider())
        .map_err(|error| of(certificate, &error))
}

/// Every name by which this machine's server may be called.
fn names(config: &Config) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let of_url = config.base_url.as_deref().and_then(host_of_url);
    let listened = config.listen.iter().map(|address| address.ip());
    let addresses = listened.filter(|ip: &IpAddr| !ip.is_unspecified()).map(|ip| ip.to_string());
    for name in [Some(host), of_url].into_iter().flatten().chain(addresses) {
        if rustls_pki_types::ServerName::try_from(name.as_str()).is_ok() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn host_of_url(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned())
}

#[cfg(test)]
mod tests;
