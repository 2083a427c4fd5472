//! TCP: TLS for everybody, and plain HTTP for metrics on the loopback interface.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::http::{self, Version};
use super::permits::Permit;
use super::{Peer, Shared};

/// How long to wait when the system has no more file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// The first byte of a TLS handshake: a record of this type.
const TLS_HANDSHAKE: u8 = 22;

/// What somebody reads who forgot the `s`.
const USE_HTTPS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    connection: close\r\n\
    content-length: 57\r\n\
    \r\n\
    this port speaks HTTPS: use https:// instead of http://\r\n";

/// Accepts HTTPS.
#[derive(Debug)]
pub struct TlsListener {
    listener: TcpListener,
    tls: Arc<ServerConfig>,
}

impl TlsListener {
    /// Listens on `address`.
    ///
    /// # Errors
    /// As the system says, for example when somebody else does.
    pub async fn bind(address: SocketAddr, tls: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, tls })
    }

    /// Listens on a socket that somebody opened for us.
    ///
    /// # Errors
    /// As the system says.
    pub fn of(socket: std::net::TcpListener, tls: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self { listener: adopt(socket)?, tls })
    }

    /// Where it listens: the port is known when it was asked for as 0.
    ///
    /// # Errors
    /// As the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts and serves until `shared.stop`.
    pub async fn run(self, shared: Shared) {
        let acceptor = TlsAcceptor::from(self.tls);
        while let Some((stream, address)) = accept(&self.listener, &shared).await {
            let Some(permit) = shared.permits.take(Some(address.ip())) else {
                tracing::debug!(%address, "refused: too many connections");
                continue;
            };
            let (acceptor, serving) = (acceptor.clone(), shared.clone());
            shared.tasks.spawn(async move {
                secure(stream, address, &acceptor, permit, &serving).await;
            });
        }
    }
}

/// Accepts HTTP without TLS; for metrics, on a loopback address.
#[derive(Debug)]
pub struct PlainListener(TcpListener);

impl PlainListener {
    /// Listens on `address`.
    ///
    /// # Errors
    /// As the system says, for example when somebody else does.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self(TcpListener::bind(address).await?))
    }

    /// Listens on a socket that somebody opened for us.
    ///
    /// # Errors
    /// As the system says.
    pub fn of(socket: std::net::TcpListener) -> io::Result<Self> {
        adopt(socket).map(Self)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// As the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Accepts and serves until `shared.stop`.
    pub async fn run(self, shared: Shared) {
        while let Some((stream, address)) = accept(&self.0, &shared).await {
            let Some(permit) = shared.permits.take(Some(address.ip())) else { continue };
            let serving = shared.clone();
            shared.tasks.spawn(async move {
                let peer = Peer::Loopback(address);
                http::serve(stream, Version::Http1, peer, permit, &serving).await;
            });
        }
    }
}

fn adopt(socket: std::net::TcpListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// The next connection; `None` when the server stops.
async fn accept(listener: &TcpListener, shared: &Shared) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                // Answers are written whole; waiting to fill packets only delays them.
                let _ = stream.set_nodelay(true);
                return Some((stream, address));
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

async fn secure(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: &TlsAcceptor,
    permit: Permit,
    shared: &Shared,
) {
    let handshake = async {
        let mut first = [0];
        let seen = stream.peek(&mut first).await?;
        if seen == 1 && first != [TLS_HANDSHAKE] {
            return say_use_https(stream).await.map(|()| None);
        }
        acceptor.accept(stream).await.map(Some)
    };
    let stream = tokio::select! {
        () = shared.abort.cancelled() => return,
        ended = tokio::time::timeout(shared.limits.handshake, handshake) => match ended {
            Ok(Ok(Some(stream))) => stream,
            Ok(Ok(None)) | Err(_) => return,
            Ok(Err(error)) => {
                tracing::debug!(%address, %error, "TLS handshake failed");
                return;
            }
        },
    };
    let version = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Version::Http2,
        _ => Version::Http1,
    };
    http::serve(stream, version, Peer::Tls(address), permit, shared).await;
}

async fn say_use_https(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(USE_HTTPS).await?;
    stream.shutdown().await?;
    // Closing with unread bytes would reset the connection and take the answer with it.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_says_how_long_it_is() {
        let text = std::str::from_utf8(USE_HTTPS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
