//! Opens connections: Unix socket, TLS, or plain TCP to this machine.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::Address;
use crate::error::{Error, Result};

/// Where distributions keep the certificates they trust; the first that exists is used.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Opens connections to one server.
pub(crate) struct Connector {
    pub(crate) address: Address,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

impl Connector {
    /// Prepares connections to `address`. With `ca_file`, only certificates
    /// issued by it are accepted; without, those the system trusts.
    pub(crate) fn new(address: Address, ca_file: Option<&Path>, timeout: Duration) -> Result<Self> {
        let tls = match &address {
            Address::Url { tls: true, host, .. } => Some(prepare_tls(host, ca_file)?),
            Address::Url { .. } | Address::Socket(_) => None,
        };
        Ok(Self { address, tls, timeout })
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        match tokio::time::timeout(self.timeout, self.open()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Err(_) => Err(self.unreachable(&io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no connection within {} s", self.timeout.as_secs()),
            ))),
        }
    }

    async fn open(&self) -> io::Result<Connection> {
        let (host, port) = match &self.address {
            Address::Socket(path) => {
                return Ok(Connection::Unix(UnixStream::connect(path).await?));
            }
            Address::Url { host, port, .. } => (host.as_str(), *port),
        };
        let stream = TcpStream::connect((host, port)).await?;
        // Requests are written at once; waiting for more only delays them.
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Connection::Tcp(stream)),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                Ok(Connection::Tls(Box::new(stream)))
            }
        }
    }

    fn unreachable(&self, error: &io::Error) -> Error {
        Error::Unreachable {
            address: self.address.to_string(),
            cause: plain_cause(error),
            remedy: self.remedy(error),
        }
    }

    /// What to do, by what the system said and where the server should be.
    fn remedy(&self, error: &io::Error) -> String {
        let is_socket = matches!(self.address, Address::Socket(_));
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused if is_socket => {
                "is hostlerd running? start it with `systemctl start hostlerd`, or name another \
                 server by its URL"
            }
            io::ErrorKind::PermissionDenied if is_socket => {
                "become a member of the group `hostler` (and log in again), or use sudo"
            }
            io::ErrorKind::ConnectionRefused => {
                "nothing listens there: check host and port, and that hostlerd runs"
            }
            io::ErrorKind::InvalidData => {
                "give the certificate of the authority that issued the server's (a CA file)"
            }
            _ => "check the address, the network, and that hostlerd runs there",
        }
        .to_owned()
    }
}

/// The system's words without Rust's decoration (`(os error 2)`).
fn plain_cause(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text.split_at(at).0.to_lowercase(),
        None => text,
    }
}

/// TLS that trusts one list of authorities and nothing else.
fn prepare_tls(host: &str, ca_file: Option<&Path>) -> Result<(TlsConnector, ServerName<'static>)> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        Error::setup(format!("`{host}` cannot be the name of a TLS server"), "check the URL")
    })?;
    let bundle = match ca_file {
        Some(file) => file.to_path_buf(),
        None => system_bundle()?,
    };
    let roots = read_roots(&bundle)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::setup(format!("TLS cannot be set up: {error}"), "report it"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// The list of authorities that this system trusts.
fn system_bundle() -> Result<PathBuf> {
    SYSTEM_BUNDLES.iter().map(PathBuf::from).find(|path| path.exists()).ok_or_else(|| {
        Error::setup(
            "this machine has no list of trusted certificates",
            "install ca-certificates, or give the server's CA file",
        )
    })
}

/// The authorities of a PEM file.
fn read_roots(file: &Path) -> Result<RootCertStore> {
    let bad = |why: String| {
        Error::setup(
            format!("cannot use the CA file {}: {why}", file.display()),
            "it has to be a PEM file with at least one certificate",
        )
    };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        // One certificate the library cannot read must not make the others useless.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(bad("there is no certificate in it".into()));
    }
    Ok(roots)
}

/// An open connection.
#[derive(Debug)]
pub(crate) enum Connection {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Connection::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Connection::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Connection::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }
}
