//! Asking the running server by its own unix socket, for the program's own commands.

use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::auth::GROUP;
use crate::failure::{Failure, Result};

/// No answer to these questions is longer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Posts a document to the server at `socket`; `None` when no server listens there.
///
/// # Errors
/// When it listens and refuses, with its own words.
pub(crate) async fn post(socket: &Path, path: &str, body: &Value) -> Result<Option<Value>> {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        // Nothing is there, or only what a server left that has ended.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            return Ok(None);
        }
        Err(error) => {
            return Err(Failure::new(format!(
                "the socket {} cannot be used: {error}; root and members of the group {GROUP} can",
                socket.display()
            )));
        }
    };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!("the server at {}: {error}", socket.display()))
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let request = http::Request::post(path)
        .header(http::header::HOST, "localhost")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| failed(&error))?;
    let asked = async {
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let bytes = body.map_err(|error| failed(&error))?.to_bytes();
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
        match status.is_success() {
            true => Ok(Some(value)),
            false => Err(failed(&value.get("detail").and_then(Value::as_str).unwrap_or("no"))),
        }
    };
    tokio::select! {
        answer = asked => answer,
        // It ends before the answer only when the server hung up.
        ended = connection => Err(failed(&format!("hung up ({ended:?})"))),
    }
}
