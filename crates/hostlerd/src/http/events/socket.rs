//! The same events over a WebSocket, a JSON text message each.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use axum::extract::{FromRequestParts, WebSocketUpgrade};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use hostler_api::{EVENTS_PROTOCOL, v1};
use hostler_core::Code;
use http::request::Parts;

use super::follow::{Follower, HEARTBEAT, Told};
use crate::app::App;
use crate::http::Call;
use crate::http::error::{Refusal, Result};

/// How long a client may take to accept a message.
const CLIENT_TIME: Duration = Duration::from_secs(10);
/// Clients have nothing to say but pongs.
const MESSAGE_BYTES_MAX: usize = 4096;

pub(super) async fn follow(
    app: App,
    call: Call<v1::EventSocket>,
    mut parts: Parts,
) -> Result<Response> {
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app)
        .await
        .map_err(|error| Refusal::new(Code::BodyMalformed, error.to_string()))?;
    let (since, tasks) = (call.query.since, app.tasks.clone());
    let follower = Follower::begin(app, call.caller, &call.query, since).await?;
    let upgrade = upgrade
        .protocols([EVENTS_PROTOCOL])
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| tasks.track_future(tell(socket, follower))))
}

async fn tell(socket: WebSocket, mut follower: Follower) {
    let (mut client, heard) = socket.split();
    let telling = async {
        loop {
            let Some(message) = message(follower.next().await) else {
                break (1012, "the server is stopping, or your credentials have ended");
            };
            match tokio::time::timeout(CLIENT_TIME, client.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => break (1000, ""),
                Err(_) => break (1013, "you read too slowly; read the lists again"),
            }
        }
    };
    let (code, reason) = tokio::select! {
        () = listen(heard) => return,
        ending = telling => ending,
    };
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    let close = client.send(Message::Close(Some(frame)));
    let _ = tokio::time::timeout(Duration::from_secs(1), close).await;
}

/// Returns when the client closes, or gives no sign of life for four heartbeats.
async fn listen(mut heard: SplitStream<WebSocket>) {
    while let Ok(Some(Ok(message))) = tokio::time::timeout(HEARTBEAT * 4, heard.next()).await {
        if matches!(message, Message::Close(_)) {
            return;
        }
    }
}

fn message(told: Told) -> Option<Message> {
    match told {
        Told::Event(event) => Some(Message::Text(serde_json::to_string(&event).ok()?.into())),
        Told::Resync => Some(Message::Text(Utf8Bytes::from_static("{\"type\":\"resync\"}"))),
        Told::Nothing => Some(Message::Ping(Bytes::new())),
        Told::End => None,
    }
}
