//! A server that says one thing, to everybody, and remembers what it heard first.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hostler_http::Target;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, crypto};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub(crate) struct Server {
    base: String,
    heard: Arc<Mutex<Option<tokio::sync::oneshot::Receiver<String>>>>,
    reached: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Without TLS; `says` is the whole answer.
    pub(crate) async fn plain(says: &str) -> Self {
        Self::start("http", says.to_owned(), None).await
    }

    /// Takes connections and never answers.
    pub(crate) async fn silent() -> Self {
        Self::start("http", String::new(), None).await
    }

    /// With a certificate for 127.0.0.1, which is its own authority.
    pub(crate) async fn encrypted(says: &str) -> (Self, NamedTempFile) {
        let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(signed.cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        (Self::start("https", says.to_owned(), Some(acceptor)).await, file)
    }

    pub(crate) fn target(&self, path: &str) -> Target {
        format!("{}{path}", self.base).parse().unwrap()
    }

    pub(crate) fn was_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// The first request, whole.
    pub(crate) async fn heard(&self) -> String {
        self.heard.lock().await.take().unwrap().await.unwrap()
    }

    async fn start(scheme: &str, says: String, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (tell, heard) = tokio::sync::oneshot::channel();
        let reached = Arc::new(AtomicBool::new(false));
        let was_reached = Arc::clone(&reached);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut tell = Some(tell);
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                was_reached.store(true, Ordering::Relaxed);
                match &tls {
                    None => serve(stream, &says, &mut tell).await,
                    // Who does not trust us goes away, and that is its test.
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &says, &mut tell).await;
                        }
                    }
                }
            }
        });
        Self { base, heard: Arc::new(Mutex::new(Some(heard))), reached, _tasks: tasks }
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    says: &str,
    tell: &mut Option<tokio::sync::oneshot::Sender<String>>,
) {
    let mut heard = Vec::new();
    while !is_whole(&heard) {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(count) => heard.extend_from_slice(&piece[..count]),
        }
    }
    if let Some(tell) = tell.take() {
        let _ = tell.send(String::from_utf8_lossy(&heard).into_owned());
    }
    if says.is_empty() {
        // Held open: who waits here gives up first.
        let _ = stream.read(&mut [0; 1]).await;
        return;
    }
    let _ = stream.write_all(says.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Whether head and body of a request are there.
fn is_whole(heard: &[u8]) -> bool {
    let text = String::from_utf8_lossy(heard);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// A port of this machine where nobody listens.
pub(crate) async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
