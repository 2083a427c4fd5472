//! Serial consoles and VNC over WebSockets: `plain.kubevirt.io`, binary frames.
//!
//! An instance has one session of each kind. Whoever comes later ends the one before, unless it is a
//! screen and they ask for `preserveSession`. A session ends too when its instance stops, is gone or is
//! moved to another node; no end is told by a close frame: the connection breaks off, as it does
//! between virt-handler and a client.
//!
//! A console echoes what is typed and answers a carriage return with a prompt. VNC speaks RFB 3.8 up
//! to the server's description of a screen of 640 by 480, and then listens:
//!
//! ```text
//!   "RFB 003.008\n" ─► client's version ─► [1, none] ─► choice ─► 0 ─► share? ─► screen
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;

use crate::answer::Content;
use crate::json;
use crate::kinds::VMI;
use crate::objects::header;
use crate::respond::{self, Body};
use crate::shared::{Shared, State};
use crate::status::Refused;
use crate::store::Key;

/// What both sides speak.
const PROTOCOL: &str = "plain.kubevirt.io";

/// The sessions that there are, by the uid of the instance and the verb.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    held: BTreeMap<(String, String), (u64, CancellationToken)>,
    begun: u64,
}

/// One session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    number: u64,
    uid: String,
    node: String,
    verb: String,
    end: CancellationToken,
}

impl Sessions {
    /// Begins a session, and ends the one before it.
    ///
    /// # Errors
    /// 500 around virt-handler's 503, where the one before is to be preserved.
    pub(crate) fn begin(
        &mut self,
        instance: &Value,
        verb: &str,
        preserve: bool,
    ) -> Result<Session, Refused> {
        let uid = json::text(instance, "/metadata/uid").to_owned();
        let place = (uid.clone(), verb.to_owned());
        if preserve && self.held.contains_key(&place) {
            let words = "Can't connect to websocket (503): websocket: bad handshake: application \
                         info: Active VNC connection. Request denied.";
            return Err(Refused::internal(words));
        }
        self.begun += 1;
        let (number, end) = (self.begun, CancellationToken::new());
        if let Some((_, before)) = self.held.insert(place, (number, end.clone())) {
            before.cancel();
        }
        let node = json::text(instance, "/status/nodeName").to_owned();
        Ok(Session { number, uid, node, verb: verb.to_owned(), end })
    }

    /// Ends all of them.
    pub(crate) fn end_all(&mut self) {
        for (_, end) in std::mem::take(&mut self.held).into_values() {
            end.cancel();
        }
    }

    fn forget(&mut self, session: &Session) {
        let place = (session.uid.clone(), session.verb.clone());
        if self.held.get(&place).is_some_and(|(number, _)| *number == session.number) {
            self.held.remove(&place);
        }
    }
}

impl Session {
    /// Whether the instance is still the one that it was begun with, where it was.
    fn goes_on(&self, state: &State, key: &Key) -> bool {
        let lingers = state.world.switches.consoles_linger;
        lingers
            || state.world.store.get(&VMI, key).is_some_and(|instance| {
                json::text(instance, "/metadata/uid") == self.uid
                    && json::text(instance, "/status/phase") == "Running"
                    && json::text(instance, "/status/nodeName") == self.node
            })
    }

    /// Waits until it is over.
    async fn over(&self, shared: &Shared, key: &Key) {
        let mut bell = shared.bell();
        let ends = async {
            loop {
                let goes_on = self.goes_on(&shared.lock(), key);
                if !goes_on || bell.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = ends => {}
            () = self.end.cancelled() => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

/// Turns the request into a console.
///
/// # Errors
/// 400 where it is no WebSocket's.
pub(crate) fn answer(
    shared: &Arc<Shared>,
    session: Session,
    instance: &Key,
    request: &mut Request<impl Content>,
) -> Result<Response<Body>, Refused> {
    let headers = request.headers();
    let key = header(headers, "sec-websocket-key").to_owned();
    if key.is_empty() || !header(headers, "upgrade").eq_ignore_ascii_case("websocket") {
        shared.lock().consoles.forget(&session);
        return Err(Refused::text(400, "Bad Request\n"));
    }
    let offered = header(headers, "sec-websocket-protocol").to_owned();
    let speaks = offered.split(',').any(|one| one.trim() == PROTOCOL);
    let upgrade = hyper::upgrade::on(request);
    let mut guest = Guest::new(&session.verb, &instance.name);
    let (held, instance) = (Arc::clone(shared), instance.clone());
    shared.tasks.spawn(async move {
        if let Ok(io) = upgrade.await {
            let io = TokioIo::new(io);
            let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            tokio::select! {
                () = talk(socket, &mut guest) => {}
                () = session.over(&held, &instance) => {}
            }
        }
        held.lock().consoles.forget(&session);
    });
    let mut response = respond::empty(StatusCode::SWITCHING_PROTOCOLS.as_u16());
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if speaks {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    Ok(response)
}

async fn talk<S>(mut socket: WebSocketStream<S>, guest: &mut Guest)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let greeting = guest.greeting();
    if socket.send(Message::Binary(greeting)).await.is_err() {
        return;
    }
    while let Some(Ok(message)) = socket.next().await {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
            Message::Close(_) => return,
            _ => continue,
        };
        let said = guest.hear(&bytes);
        if !said.is_empty() && socket.send(Message::Binary(said.into())).await.is_err() {
            return;
        }
    }
}

/// Who is at the other end.
#[derive(Debug)]
enum Guest {
    Serial { prompt: String },
    Screen { name: String, stage: usize, heard: usize },
}

/// How many bytes the client says in each stage of RFB before the server speaks.
const STAGES: &[usize] = &[12, 1, 1];

impl Guest {
    fn new(verb: &str, name: &str) -> Self {
        match verb {
            "vnc" => Self::Screen { name: name.to_owned(), stage: 0, heard: 0 },
            _ => Self::Serial { prompt: format!("{name} login: ") },
        }
    }

    fn greeting(&self) -> Bytes {
        match self {
            Self::Serial { prompt } => Bytes::from(format!("\r\n{prompt}")),
            Self::Screen { .. } => Bytes::from_static(b"RFB 003.008\n"),
        }
    }

    /// What it says to what it hears, which may come in any pieces.
    fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut said = Vec::new();
        match self {
            Self::Serial { prompt } => {
                for &byte in bytes {
                    said.push(byte);
                    if byte == b'\r' {
                        said.push(b'\n');
                        said.extend_from_slice(prompt.as_bytes());
                    }
                }
            }
            Self::Screen { name, stage, heard } => {
                for _ in bytes {
                    *heard += 1;
                    if STAGES.get(*stage).is_some_and(|wanted| *heard == *wanted) {
                        said.extend(speech(*stage, name));
                        *stage += 1;
                        *heard = 0;
                    }
                }
            }
        }
        said
    }
}

/// What the server says after each stage.
fn speech(stage: usize, name: &str) -> Vec<u8> {
    match stage {
        // One security type: none.
        0 => vec![1, 1],
        // It did well.
        1 => vec![0; 4],
        _ => {
            // Width, height, then 32 bits for a pixel of true colour, then the name.
            let mut screen = vec![2, 128, 1, 224];
            screen.extend([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
            let length = u32::try_from(name.len()).unwrap_or_default();
            screen.extend(length.to_be_bytes());
            screen.extend_from_slice(name.as_bytes());
            screen
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_console_echoes_and_prompts() {
        let mut guest = Guest::new("console", "vm1");
        assert_eq!(guest.greeting(), "\r\nvm1 login: ");
        assert_eq!(guest.hear(b"ab\r"), b"ab\r\nvm1 login: ");
    }

    #[test]
    fn rfb_goes_on_however_its_bytes_are_cut() {
        let mut guest = Guest::new("vnc", "vm1");
        assert_eq!(guest.hear(b"RFB 003"), b"");
        assert_eq!(guest.hear(b".008\n\x01"), [1, 1, 0, 0, 0, 0]);
        let screen = guest.hear(&[1]);
        assert_eq!(screen.len(), 24 + 3);
        assert_eq!(screen.get(..4), Some([2, 128, 1, 224].as_slice()));
        assert_eq!(guest.hear(&[0; 20]), b"");
    }
}
