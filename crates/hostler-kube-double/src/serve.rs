//! The listener: plain HTTP/1.1 on 127.0.0.1, or TLS with a certificate of this start's own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::answer;
use crate::shared::Shared;

/// What is listened on.
pub(crate) struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    pub(crate) address: SocketAddr,
    /// What clients have to trust, in PEM.
    pub(crate) authority: Option<String>,
}

impl Listener {
    /// Binds.
    ///
    /// # Errors
    /// When the port is taken, or no certificate can be made.
    pub(crate) async fn bind(port: u16, with_tls: bool) -> io::Result<Self> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = tcp.local_addr()?;
        let (tls, authority) = match with_tls {
            true => {
                let (acceptor, authority) = tls().map_err(io::Error::other)?;
                (Some(acceptor), Some(authority))
            }
            false => (None, None),
        };
        Ok(Self { tcp, tls, address, authority })
    }

    /// Accepts until told to stop.
    pub(crate) async fn run(self, shared: Arc<Shared>) {
        loop {
            let accepted = tokio::select! {
                () = shared.stop.cancelled() => return,
                accepted = self.tcp.accept() => accepted,
            };
            // What one connection lacks is no fault of the next.
            let Ok((stream, _)) = accepted else { continue };
            let (shared, tls) = (Arc::clone(&shared), self.tls.clone());
            let tasks = shared.tasks.clone();
            tasks.spawn(async move {
                match tls {
                    None => connection(stream, shared).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            connection(stream, shared).await;
                        }
                    }
                }
            });
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Arc<Shared>,
) {
    let stop = shared.stop.clone();
    let service = service_fn(move |request| answer::answer(Arc::clone(&shared), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        // A connection that breaks off is the client's affair, or a fault's.
        _ = connection => {}
        () = stop.cancelled() => {}
    }
}

fn tls() -> Result<(TlsAcceptor, String), Box<dyn std::error::Error + Send + Sync>> {
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), made.cert.pem()))
}
