//! A plain HTTP client, a connection for each request: what is on the wire is
//! what the test says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::declared;

/// No request of a test takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

#[derive(Clone)]
enum Way {
    Tls(SocketAddr, Arc<ClientConfig>),
    Unix(PathBuf),
}

/// A client with headers that it always sends.
#[derive(Clone)]
pub(crate) struct Client {
    way: Way,
    headers: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{} {error}: {}", self.status, self.text());
        })
    }

    /// The code of a problem document.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
    }
}

impl Client {
    pub(crate) fn tls(address: SocketAddr, ca_pem: &str) -> Self {
        Self { way: Way::Tls(address, tls(ca_pem, &[b"http/1.1"])), headers: Vec::new() }
    }

    pub(crate) fn unix(path: &Path) -> Self {
        Self { way: Way::Unix(path.to_owned()), headers: Vec::new() }
    }

    /// The same, sending a header too.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(("application/json", body.to_string().into()))).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Answer {
        let (status, headers, body) = {
            let response = self.stream(method, path, body).await;
            let (parts, body) = response.into_parts();
            let collected = tokio::time::timeout(PATIENCE, body.collect()).await;
            let bytes = collected.expect("the answer ends").unwrap().to_bytes();
            (parts.status.as_u16(), parts.headers, bytes)
        };
        let answer = Answer { status, headers, body };
        if let Some(fault) = declared::fault(method, path, &answer) {
            panic!("{fault}");
        }
        answer
    }

    /// The answer with its body still to come.
    pub(crate) async fn stream(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Response<Incoming> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(self.open().await)).await.unwrap();
        // It ends with the connection, or with the test's runtime.
        drop(tokio::runtime::Handle::current().spawn(async move {
            let _ = connection.with_upgrades().await;
        }));
        let mut request = Request::builder().method(method).uri(path);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            request = request.header("host", self.host());
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some((kind, _)) = &body
            && !kind.is_empty()
        {
            request = request.header("content-type", *kind);
        }
        let body = Full::new(body.map(|(_, bytes)| bytes).unwrap_or_default());
        let sent = sender.send_request(request.body(body).unwrap());
        tokio::time::timeout(PATIENCE, sent).await.expect("the server answers").unwrap()
    }

    /// A connection, before anything is said on it.
    pub(crate) async fn open(&self) -> Box<dyn Wire> {
        match &self.way {
            Way::Tls(address, config) => Box::new(connect(*address, config).await.unwrap()),
            Way::Unix(path) => Box::new(UnixStream::connect(path).await.unwrap()),
        }
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub(crate) fn host(&self) -> String {
        match &self.way {
            Way::Tls(address, _) => format!("localhost:{}", address.port()),
            Way::Unix(_) => "localhost".to_owned(),
        }
    }
}

/// TLS that trusts the server's own authority and nobody else.
pub(crate) fn tls(ca_pem: &str, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
    Arc::new(config)
}

pub(crate) async fn connect(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}
