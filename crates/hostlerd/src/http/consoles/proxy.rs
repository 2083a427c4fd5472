//! Bytes between a browser and a guest, both ways. Each side is read only as
//! fast as the other takes it, so a stalled client stalls its guest's output
//! and nothing else (A40).

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hostler_provider::{ConsoleStream, CutOff};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

use super::holders::Held;
use crate::app::App;
use crate::auth::Caller;

/// How much is read from a guest at once.
const CHUNK_BYTES: usize = 32 << 10;
/// How long a client may take to accept a message.
const CLIENT_TIME: Duration = Duration::from_secs(10);
/// How long a guest may take to accept what was typed.
const GUEST_TIME: Duration = Duration::from_secs(60);
/// How long it may take to accept that it is over.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);
/// How often a client is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// A client that gives no sign of life for this long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Why a console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The client closed it.
    Client,
    /// The client vanished.
    Silent,
    /// The client does not take what the guest says.
    Slow,
    /// The client sent something that is no console's bytes.
    Nonsense,
    /// The guest's side closed it: it was stopped, say.
    Guest,
    /// Somebody else took it over.
    TakenOver,
    /// Somebody outside took it, or may have.
    CutOff,
    /// The guest's side failed.
    GuestFailed,
    /// Whoever opened it may not any more.
    Expelled,
    /// The server stops.
    Stopping,
}

/// What is said to whom somebody outside cut off.
const OUTSIDE: &str = "somebody outside Hostler opened it, or the connection to it broke";

impl Ending {
    /// The end that a failure on the guest's side is.
    fn of(error: &std::io::Error) -> Self {
        match CutOff::of(error) {
            Some(_) => Self::CutOff,
            None => Self::GuestFailed,
        }
    }

    /// The close code (RFC 6455) and what it means here.
    const fn close(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Client | Self::Silent => None,
            Self::Slow => Some((1013, "you read too slowly")),
            Self::Nonsense => Some((1003, "only binary messages are a console's bytes")),
            Self::Guest => Some((1000, "the guest's side closed the console")),
            Self::TakenOver => Some((super::TAKEN, "somebody else took this console over")),
            // A client does not open it again by itself, which would take it from them.
            Self::CutOff => Some((super::TAKEN, OUTSIDE)),
            Self::GuestFailed => Some((1011, "the connection to the guest failed")),
            Self::Expelled => Some((1008, "your credentials have ended")),
            Self::Stopping => Some((1012, "the server is stopping")),
        }
    }
}

/// Carries bytes until one side ends.
pub(super) async fn run(
    app: &App,
    caller: &Caller,
    socket: WebSocket,
    guest: Box<dyn ConsoleStream>,
    held: &Held,
) -> Ending {
    let (mut to_client, from_client) = socket.split();
    let (from_guest, to_guest) = tokio::io::split(guest);
    let life = Life { asked: Notify::new(), heard: std::sync::Mutex::new(Instant::now()) };
    let ending = tokio::select! {
        ending = down(from_guest, &mut to_client, &life) => ending,
        ending = up(from_client, to_guest, &life) => ending,
        ending = watch(app, caller, &life) => ending,
    };
    let ending = match ending {
        Ending::Guest | Ending::GuestFailed | Ending::CutOff if held.is_contested() => {
            Ending::TakenOver
        }
        other => other,
    };
    if let Some((code, reason)) = ending.close() {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let close = to_client.send(Message::Close(Some(frame)));
        // A client that takes no message takes no farewell either.
        let _ = tokio::time::timeout(FAREWELL, close).await;
    }
    ending
}

/// What is known of the client's life.
struct Life {
    /// A ping is due.
    asked: Notify,
    heard: std::sync::Mutex<Instant>,
}

impl Life {
    fn hear(&self) {
        *self.heard.lock().expect("nothing panics while it holds this lock") = Instant::now();
    }

    fn silence(&self) -> Duration {
        self.heard.lock().expect("nothing panics while it holds this lock").elapsed()
    }
}

/// From the guest to the client, with pings in between.
async fn down(
    mut guest: ReadHalf<Box<dyn ConsoleStream>>,
    client: &mut SplitSink<WebSocket, Message>,
    life: &Life,
) -> Ending {
    let mut buffer = BytesMut::with_capacity(CHUNK_BYTES);
    loop {
        buffer.reserve(CHUNK_BYTES);
        let message = tokio::select! {
            read = guest.read_buf(&mut buffer) => match read {
                Ok(0) => return Ending::Guest,
                Ok(_) => Message::Binary(buffer.split().freeze()),
                Err(error) => {
                    tracing::debug!(%error, "a console's guest side failed");
                    return Ending::of(&error);
                }
            },
            () = life.asked.notified() => Message::Ping(Bytes::new()),
        };
        match tokio::time::timeout(CLIENT_TIME, client.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ending::Client,
            Err(_) => return Ending::Slow,
        }
    }
}

/// From the client to the guest.
async fn up(
    mut client: SplitStream<WebSocket>,
    mut guest: WriteHalf<Box<dyn ConsoleStream>>,
    life: &Life,
) -> Ending {
    loop {
        let message = match client.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                tracing::debug!(%error, "a console's client side failed");
                return Ending::Client;
            }
            None => return Ending::Client,
        };
        life.hear();
        match message {
            Message::Binary(bytes) => {
                let write = async {
                    guest.write_all(&bytes).await?;
                    guest.flush().await
                };
                match tokio::time::timeout(GUEST_TIME, write).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return Ending::GuestFailed,
                }
                life.hear();
            }
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Text(_) => return Ending::Nonsense,
            Message::Close(_) => return Ending::Client,
        }
    }
}

/// Ends a console whose client is gone or whose user may not any more.
async fn watch(app: &App, caller: &Caller, life: &Life) -> Ending {
    let mut tick = tokio::time::interval(PING);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    loop {
        tokio::select! {
            () = app.draining.cancelled() => return Ending::Stopping,
            _ = tick.tick() => {}
        }
        if life.silence() > SILENCE_MAX {
            return Ending::Silent;
        }
        if !app.auth.is_still_valid(caller).await {
            return Ending::Expelled;
        }
        life.asked.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn f6_who_was_cut_off_from_outside_is_told_so_and_does_not_come_back_by_itself() {
        let ending = Ending::of(&CutOff("virtctl has it".to_owned()).into());
        assert_eq!(ending.close().unwrap().0, super::super::TAKEN);
        let ending = Ending::of(&io::Error::other("the node is gone"));
        assert_eq!(ending.close().unwrap().0, 1011);
    }
}
