//! HTTP on one connection, under its guard.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::MissedTickBehavior;
use tower::ServiceExt;

use super::Shared;
use super::guard::{Activity, AtWork, Sending, Watched};
use super::peer::Peer;
use super::permits::Permit;

/// What is spoken on a connection; known beforehand, so nothing is guessed from bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Serves a connection to its end.
pub(super) async fn serve<T>(io: T, version: Version, peer: Peer, permit: Permit, shared: &Shared)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::new(version == Version::Http1);
    let io = TokioIo::new(Watched::new(io, Arc::clone(&activity), permit));
    let (router, requests) = (shared.router.clone(), Arc::clone(&activity));
    let service =
        service_fn(move |request| answer(router.clone(), request, peer, requests.begin()));
    let limits = &shared.limits;
    match version {
        Version::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.idle)
                .max_headers(limits.headers)
                .max_header_size(limits.head_bytes)
                .max_buf_size(limits.head_bytes.max(64 << 10))
                .serve_connection(io, service)
                .with_upgrades();
            drive(connection, |c| c.graceful_shutdown(), &activity, shared).await;
        }
        Version::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(limits.streams)
                .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
                .max_pending_accept_reset_streams(20)
                .max_local_error_reset_streams(256)
                .max_send_buf_size(256 << 10)
                .keep_alive_interval(limits.idle / 3)
                .keep_alive_timeout(limits.head)
                .serve_connection(io, service);
            drive(connection, |c| c.graceful_shutdown(), &activity, shared).await;
        }
    }
}

async fn answer(
    router: Router,
    mut request: http::Request<Incoming>,
    peer: Peer,
    at_work: AtWork,
) -> Result<http::Response<Sending>, Infallible> {
    request.extensions_mut().insert(peer);
    let response: Response = router.oneshot(request).await?;
    Ok(response.map(|body| Sending::new(body, at_work)))
}

/// Runs a connection until it ends by itself, by its guard or with the server.
async fn drive<C>(connection: C, wind_down: fn(Pin<&mut C>), activity: &Activity, shared: &Shared)
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let mut tick = tokio::time::interval(shared.limits.tick);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_winding_down = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection failed");
                }
                return;
            }
            () = shared.stop.cancelled(), if !is_winding_down => {
                is_winding_down = true;
                wind_down(connection.as_mut());
            }
            () = shared.abort.cancelled() => return,
            _ = tick.tick() => if let Some(verdict) = activity.verdict(&shared.limits) {
                tracing::debug!(?verdict, "connection ended");
                return;
            }
        }
    }
}
