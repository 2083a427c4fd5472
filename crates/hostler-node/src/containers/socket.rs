//! Asks an engine over its unix socket: one connection a question, every answer
//! bounded. Deadlines are the caller's.

use std::path::PathBuf;

use bytes::Bytes;
use hostler_provider::{Error, Kind, Result};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// The largest answer that is read: a list of thousands of containers.
const ANSWER_MAX: usize = 16 << 20;

/// An engine's socket.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    path: PathBuf,
}

impl Socket {
    /// The socket at `path`, which may appear later.
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The body of the answer to a GET.
    pub(super) async fn get(&self, path: &str) -> Result<Bytes> {
        let stream = UnixStream::connect(&self.path).await.map_err(|error| {
            let message = format!("cannot connect to {}", self.path.display());
            Error::new(Kind::Unavailable, message).with_raw(error)
        })?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(broken)?;
        // Whoever listens there is found by the path, so the name means nothing.
        let request = Request::get(path).header(HOST, "localhost").body(Empty::<Bytes>::new());
        let request = request.map_err(|error| {
            Error::new(Kind::Bug, "a question that cannot be asked").with_raw(error)
        })?;
        let asking = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
            let body = body.map_err(|error| {
                Error::new(Kind::Unavailable, "the engine's answer broke off").with_raw(error)
            })?;
            judged(status, body.to_bytes())
        };
        let (mut asking, mut connection) = (std::pin::pin!(asking), std::pin::pin!(connection));
        tokio::select! {
            biased;
            answered = &mut asking => answered,
            // Its end is not the answer's: what was received by then is still there.
            _ = &mut connection => asking.await,
        }
    }
}

fn judged(status: StatusCode, body: Bytes) -> Result<Bytes> {
    let kind = match status {
        StatusCode::OK => return Ok(body),
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::Denied,
        _ => Kind::Unavailable,
    };
    Err(Error::new(kind, format!("the engine answered {}", status.as_u16())))
}

fn broken(error: hyper::Error) -> Error {
    Error::new(Kind::Unavailable, "the engine broke the connection").with_raw(error)
}
