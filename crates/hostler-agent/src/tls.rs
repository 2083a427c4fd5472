//! TLS for those who are served: the operator's certificate, read again on SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::failure::{Failure, Result};

/// A certificate with its key, in two PEM files.
pub struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    shown: RwLock<Arc<CertifiedKey>>,
}

/// A certificate that was read and found good.
pub struct Fresh(Arc<CertifiedKey>);

impl Identity {
    /// Reads it.
    ///
    /// # Errors
    /// When a file cannot be read, is no PEM, or one does not belong to the other.
    pub fn read(certificate: &Path, key: &Path) -> Result<Arc<Self>> {
        let shown = RwLock::new(Arc::new(certified(certificate, key)?));
        Ok(Arc::new(Self { certificate: certificate.into(), key: key.into(), shown }))
    }

    /// Reads the files again, and does not show what is in them yet.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn fresh(&self) -> Result<Fresh> {
        Ok(Fresh(Arc::new(certified(&self.certificate, &self.key)?)))
    }

    /// Shows it to the connections that come; those that are there stay.
    pub fn show(&self, Fresh(certificate): Fresh) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = certificate;
    }

    /// Greets by TLS 1.2 or 1.3 with it.
    pub(crate) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::Failed(format!("TLS: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity") // there is a private key in it
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey> {
    let of = |what: &str, path: &Path, error: &dyn std::fmt::Display| {
        Failure::Usage(format!("{what} {}: {error}", path.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .map_err(|error| of("tls_certificate", certificate, &error))?
        .collect::<Result<_, _>>()
        .map_err(|error| of("tls_certificate", certificate, &error))?;
    let der = PrivateKeyDer::from_pem_file(key).map_err(|error| of("tls_key", key, &error))?;
    CertifiedKey::from_der(chain, der, &ring::default_provider())
        .map_err(|error| of("tls_certificate", certificate, &error))
}
