//! TLS with certificates on both sides, as libvirt's port 16514 wants it: rustls on ring, the CA
//! given, the host's name checked, never switched off.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Obstacle, Result};

/// Where the certificates are.
struct Files {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    /// All in one directory under libvirt's own names, or in the system's places.
    fn find(pki_path: Option<&Path>) -> Self {
        match pki_path {
            Some(directory) => Self {
                ca: directory.join("cacert.pem"),
                certificate: directory.join("clientcert.pem"),
                key: directory.join("clientkey.pem"),
            },
            None => Self {
                ca: "/etc/pki/CA/cacert.pem".into(),
                certificate: "/etc/pki/libvirt/clientcert.pem".into(),
                key: "/etc/pki/libvirt/private/clientkey.pem".into(),
            },
        }
    }
}

/// Connects, and waits for the daemon to accept our certificate.
pub(super) async fn dial(
    host: &str,
    port: u16,
    pki_path: Option<&Path>,
) -> Result<TlsStream<TcpStream>> {
    let failed = |obstacle, detail: String| Error::Tls { host: host.to_owned(), obstacle, detail };
    let config = configure(&Files::find(pki_path))
        .await
        .map_err(|detail| failed(Obstacle::Credentials, detail))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        let detail = "the host is neither a DNS name nor an IP address";
        failed(Obstacle::UntrustedHost, detail.into())
    })?;
    let socket = TcpStream::connect((host, port))
        .await
        .map_err(|source| Error::Io { action: format!("connect to {host} port {port}"), source })?;
    // Calls are small and answered one by one: waiting for more to send would only delay them.
    socket.set_nodelay(true).map_err(|source| Error::Io {
        action: format!("configure the socket to {host}"),
        source,
    })?;
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await
        .map_err(|error| failed(obstacle(&error), format!("the handshake failed: {error}")))?;
    // The daemon checks our certificate only after the handshake and then sends a single 1.
    let verdict = stream.read_u8().await.map_err(|error| {
        let detail = format!("the daemon did not accept the client certificate: {error}");
        failed(Obstacle::Rejected, detail)
    })?;
    match verdict {
        1 => Ok(stream),
        _ => {
            let detail = "the daemon refused the client certificate";
            Err(failed(Obstacle::Rejected, detail.into()))
        }
    }
}

/// Who ended the handshake: we, who do not believe the certificate, or the daemon.
fn obstacle(error: &std::io::Error) -> Obstacle {
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => Obstacle::UntrustedHost,
        Some(rustls::Error::AlertReceived(_)) => Obstacle::Rejected,
        _ => Obstacle::Unreachable,
    }
}

async fn configure(files: &Files) -> std::result::Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca).await? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", files.ca.display()))?;
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key).await?)
        .map_err(|error| format!("{}: {error}", files.key.display()))?;
    let chain = certificates(&files.certificate).await?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| format!("{}: {error}", files.certificate.display()))
}

async fn certificates(path: &Path) -> std::result::Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path).await?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) => Err(format!("{} has no certificate in it", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

async fn read(path: &Path) -> std::result::Result<Vec<u8>, String> {
    tokio::fs::read(path).await.map_err(|error| format!("cannot read {}: {error}", path.display()))
}
