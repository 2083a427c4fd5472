//! Connections: how many, for how long, how slow.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::failure::{Failure, Result};
use crate::http::{self, App};

/// Connections at once; a fleet's scrapers are few.
const CONNECTIONS: usize = 64;
/// From the first byte of a request's head to its last, and between requests.
const HEAD: Duration = Duration::from_secs(30);
/// How long a connection may last; scrapers make a new one.
const LIFE: Duration = Duration::from_secs(600);
/// How long an answer may stay unread once the connection is to end.
const UNREAD: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Listens, for [`run`].
///
/// # Errors
/// When somebody else does, or nobody may.
pub(crate) async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| Failure::Failed(format!("cannot listen on {address}: {error}")))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// What is served, and how.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) app: Arc<App>,
    /// `None`: without TLS.
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Serving {
    /// Accepts and serves until told to stop.
    pub(crate) async fn run(self, listener: TcpListener) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    continue;
                }
            };
            // One too many is closed at once: waiting would keep the others' places from them.
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
            let serving = self.clone();
            self.tasks.spawn(async move {
                serving.greet(stream).await;
                drop(permit);
            });
        }
    }

    async fn greet(self, stream: TcpStream) {
        let Some(tls) = &self.tls else { return serve(stream, self.app, &self.stop).await };
        let greeted = tokio::select! {
            () = self.stop.cancelled() => return,
            greeted = tokio::time::timeout(HEAD, tls.accept(stream)) => greeted,
        };
        match greeted {
            Ok(Ok(stream)) => serve(stream, self.app, &self.stop).await,
            // What clients do wrong is theirs; they see it.
            Ok(Err(error)) => tracing::debug!(%error, "a client did not agree on TLS"),
            Err(_) => tracing::debug!("a client did not greet in time"),
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: Arc<App>,
    stop: &CancellationToken,
) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(http::answer(app, request.into_parts().0).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(32 << 10)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // What clients do wrong is theirs; they see it.
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(LIFE) => {}
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(UNREAD, connection).await;
}
