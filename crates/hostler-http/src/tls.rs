//! Whom TLS trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Result};

/// Where distributions keep the certificates they trust; the first that exists is used.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// TLS that trusts the authorities of `ca_file` and nobody else, or those of the system. Also
/// for those who speak another protocol than HTTP over it.
///
/// # Errors
/// `Setup` where the file cannot be used.
pub fn config(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let roots = match ca_file {
        Some(file) => read(file)?,
        // A machine without a list can still speak to servers without TLS: those with it
        // are told to be untrusted when they are spoken to.
        None => match SYSTEM_BUNDLES.iter().map(PathBuf::from).find(|path| path.exists()) {
            Some(bundle) => read(&bundle)?,
            None => RootCertStore::empty(),
        },
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setup {
            what: format!("TLS cannot be set up: {error}"),
            remedy: "report it",
        })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn read(file: &Path) -> Result<RootCertStore> {
    let bad = |why: String| Error::Setup {
        what: format!("cannot use the CA file {}: {why}", file.display()),
        remedy: "it has to be a PEM file with at least one certificate",
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        // One certificate the library cannot read must not make the others useless.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(bad("there is no certificate in it".into()));
    }
    Ok(roots)
}
