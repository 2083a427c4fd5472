//! Consoles: a ticket first, then a WebSocket that carries bytes both ways.

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hostler_api::{Nothing, v1};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderValue, Method};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::answer::Answer;
use crate::client::{Client, Terms};
use crate::connect::Connection;
use crate::error::{Error, Result};

type Socket = WebSocketStream<Connection>;

/// An open console.
#[derive(Debug)]
pub struct Console {
    /// What the console says.
    pub reader: ConsoleReader,
    /// What is said to it.
    pub writer: ConsoleWriter,
}

/// The bytes that come from a console.
#[derive(Debug)]
pub struct ConsoleReader {
    stream: SplitStream<Socket>,
    address: String,
}

/// The bytes that go to a console.
#[derive(Debug)]
pub struct ConsoleWriter {
    sink: SplitSink<Socket, Message>,
    address: String,
}

/// What comes from a console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleMessage {
    /// Bytes.
    Bytes(Bytes),
    /// The server closed it, and why if it said so.
    Closed(Option<String>),
}

impl Client {
    /// Opens a console of the VM with the id `vm`.
    pub async fn open_console(&self, vm: &str, request: &v1::ConsoleRequest) -> Result<Console> {
        let path = v1::VmPath { vm: vm.to_owned() };
        let ticket: Answer<v1::ConsoleTicket> =
            self.ask::<v1::ConsoleOpen>(&path, &Nothing {}, request, &Terms::default()).await?;
        let ticket = ticket.value;
        let address = self.address();
        let target = format!("ws://{}{}{}", address.authority(), address.prefix(), ticket.path);
        let unusable =
            |what: &str| self.console_error(format!("the ticket's {what} cannot be used"), 200);
        let mut request = target.into_client_request().map_err(|_| unusable("path"))?;
        let mut protocols = HeaderValue::from_str(&ticket.protocols.join(", "))
            .map_err(|_| unusable("protocols"))?;
        protocols.set_sensitive(true);
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocols);
        // The ticket opens the console only for whoever it was made for.
        self.authorize(request.headers_mut());

        let connection = self.connection().await?;
        let handshake = tokio_tungstenite::client_async(request, connection);
        let socket = match tokio::time::timeout(self.request_timeout(), handshake).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(error)) => return Err(self.refused(error)),
            Err(_) => {
                return Err(Error::TimedOut {
                    address: address.to_string(),
                    request: console_name(),
                    seconds: self.request_timeout().as_secs(),
                });
            }
        };
        let (sink, stream) = socket.split();
        let address = address.to_string();
        Ok(Console {
            reader: ConsoleReader { stream, address: address.clone() },
            writer: ConsoleWriter { sink, address },
        })
    }

    /// A refused handshake holds a problem document like every other refusal.
    fn refused(&self, error: tungstenite::Error) -> Error {
        let tungstenite::Error::Http(response) = error else {
            return lost(&self.address().to_string(), &error);
        };
        let body = response.body().as_deref().unwrap_or_default();
        match serde_json::from_slice(body) {
            Ok(problem) => Error::Problem(Box::new(problem)),
            Err(_) => {
                let status = response.status();
                self.console_error(format!("status {status}"), status.as_u16())
            }
        }
    }

    fn console_error(&self, cause: String, status: u16) -> Error {
        let address = self.address().to_string();
        Error::Malformed { address, request: console_name(), cause, status }
    }
}

impl ConsoleReader {
    /// What comes next. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<ConsoleMessage> {
        loop {
            return match self.stream.next().await {
                Some(Ok(Message::Binary(bytes))) => Ok(ConsoleMessage::Bytes(bytes)),
                Some(Ok(Message::Text(text))) => Ok(ConsoleMessage::Bytes(text.into())),
                Some(Ok(Message::Close(close))) => {
                    let reason = close.map(|close| close.reason.to_string());
                    Ok(ConsoleMessage::Closed(reason.filter(|reason| !reason.is_empty())))
                }
                None | Some(Err(tungstenite::Error::ConnectionClosed)) => {
                    Ok(ConsoleMessage::Closed(None))
                }
                // Pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => Err(lost(&self.address, &error)),
            };
        }
    }
}

impl ConsoleWriter {
    /// Sends bytes, and returns when the connection has taken them.
    pub async fn send(&mut self, bytes: Bytes) -> Result<()> {
        self.sink.send(Message::Binary(bytes)).await.map_err(|error| lost(&self.address, &error))
    }

    /// Takes leave of the server.
    pub async fn close(&mut self) {
        // The console is left either way; a server that is gone needs no farewell.
        let _ = self.sink.close().await;
    }
}

/// A broken console; nothing was to be changed by it.
fn lost(address: &str, error: &tungstenite::Error) -> Error {
    Error::Lost {
        address: address.to_owned(),
        request: console_name(),
        cause: error.to_string(),
        changes: false,
    }
}

fn console_name() -> String {
    format!("{} {}", Method::GET, <v1::ConsoleConnect as hostler_api::Endpoint>::PATH)
}
