//! Over a WebSocket: a JSON text message each.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use axum::extract::{FromRequestParts, WebSocketUpgrade};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use hostler_core::Code;
use http::request::Parts;
use tokio::time::Instant;

use super::{Follow, Said};
use crate::app::App;
use crate::http::error::{Refusal, Result};

/// How long a client may take to accept a message.
const CLIENT_TIME: Duration = Duration::from_secs(10);

/// What makes a WebSocket of a request.
pub(in crate::http) async fn upgrade(app: &App, parts: &mut Parts) -> Result<WebSocketUpgrade> {
    WebSocketUpgrade::from_request_parts(parts, app)
        .await
        .map_err(|error| Refusal::new(Code::BodyMalformed, error.to_string()))
}

/// Tells a follower's client what comes, for as long as it listens.
pub(in crate::http) fn answer<F: Follow>(
    app: &App,
    upgrade: WebSocketUpgrade,
    follower: F,
) -> Response {
    let tasks = app.tasks.clone();
    upgrade
        .protocols([F::PROTOCOL])
        .max_message_size(F::MESSAGE_BYTES_MAX)
        .max_frame_size(F::MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| tasks.track_future(tell(socket, follower)))
}

/// Tells and hears in turn: while a message is on its way out nothing is read, so that
/// a client that only talks and never reads holds up nobody but itself.
async fn tell<S, E, F>(socket: S, mut follower: F)
where
    S: Stream<Item = Result<Message, E>> + Sink<Message> + Send,
    F: Follow,
{
    let (mut client, mut heard) = socket.split();
    let mut alive_until = Instant::now() + F::IDLE_MAX;
    let (code, reason) = loop {
        let said = tokio::select! {
            said = follower.next() => said,
            message = tokio::time::timeout_at(alive_until, heard.next()) => match message {
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => return,
                Ok(Some(Ok(message))) => {
                    alive_until = Instant::now() + F::IDLE_MAX;
                    if let Message::Text(text) = message {
                        follower.hear(&text);
                    }
                    continue;
                }
            },
        };
        let message = match said {
            Said::Message { text, .. } => Message::Text(text),
            Said::Alive => Message::Ping(Bytes::new()),
            Said::End(code, reason) => break (code, reason),
        };
        match tokio::time::timeout(CLIENT_TIME, client.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => break (1013, "you read too slowly; read the lists again"),
        }
    };
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    let close = client.send(Message::Close(Some(frame)));
    let _ = tokio::time::timeout(Duration::from_secs(1), close).await;
}

#[cfg(test)]
mod tests;
