//! Begins the streams of virt-api's: WebSockets of its own subprotocol, over the same
//! connection, with the same credentials and the same trust as every other call.
//!
//! ```text
//!   GET …/vnc, Upgrade: websocket ──► 101 ──► frames
//!                                 └─► anything else, sorted like any refusal
//! ```

use hostler_provider::{Cx, Error, Kind};
use http::{HeaderMap, Method, StatusCode, header, request};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{Caller, Question, Result, ours, within};
use crate::breaker::Class;
use crate::connect::chain;
use crate::error::{Cause, Failure, Verb};
use crate::resource::{ObjectKey, Resource};
use crate::versions;

/// What both sides speak: nothing but the guest's bytes, in binary frames.
const PROTOCOL: &str = "plain.kubevirt.io";
/// The largest message that is taken. KubeVirt's buffers hold 10 KiB.
const MESSAGE_MAX: usize = 1 << 20;

/// A stream to a guest.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

impl Caller {
    /// Opens `console` or `vnc` of an instance. With `preserve` a screen that somebody
    /// looks at is refused; without, and for a serial console always, whoever is there
    /// is cut off. KubeVirt knows `preserve` since 1.7, and since 1.6.3.
    ///
    /// # Errors
    /// See [`crate::error`].
    pub(crate) async fn stream(
        &self,
        cx: &Cx,
        key: &ObjectKey,
        what: &str,
        preserve: bool,
        doing: &str,
    ) -> Result<Socket> {
        let version = self.version(cx, &versions::SUBRESOURCES, doing).await?;
        let path = Resource::VMIS.subresource(version, key, what).map_err(ours)?;
        let mut question = Question::new(Method::GET, path, Verb::Stream);
        if preserve {
            question = question.with("preserveSession", "true");
        }
        let leave = self.admit(Class::of(Verb::Stream), doing)?;
        let opened = within(cx, Verb::Stream, doing, self.upgrade(question, doing)).await;
        leave.tell_of_node(&opened);
        opened
    }

    async fn upgrade(&self, mut question: Question, doing: &str) -> Result<Socket> {
        let key = generate_key();
        question.socket = Some(key.clone());
        let response = self.begin(question, StatusCode::SWITCHING_PROTOCOLS, doing).await?;
        if let Some(what) = odd(response.headers(), &key) {
            return Err(ours(Error::new(Kind::Bug, format!("{doing}: {what}"))));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| {
            let message = format!("{doing}: the connection was lost while it was opened");
            let error = Error::new(Kind::Unavailable, message).with_raw(chain(&error));
            Failure::new(Cause::Transport, error)
        })?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX))
            // What is typed goes at once.
            .write_buffer_size(0)
            .max_write_buffer_size(2 * MESSAGE_MAX);
        let io = TokioIo::new(upgraded);
        Ok(WebSocketStream::from_raw_socket(io, Role::Client, Some(config)).await)
    }
}

/// What asks for a WebSocket.
pub(super) fn offer(request: request::Builder, key: &str) -> request::Builder {
    request
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL)
}

/// What is wrong with an answer that agrees to a WebSocket (RFC 6455, section 4.1).
fn odd(headers: &HeaderMap, key: &str) -> Option<&'static str> {
    let told = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !told(header::UPGRADE).eq_ignore_ascii_case("websocket")
        || told(header::SEC_WEBSOCKET_ACCEPT) != derive_accept_key(key.as_bytes())
    {
        return Some("what answers there speaks no WebSocket");
    }
    (told(header::SEC_WEBSOCKET_PROTOCOL) != PROTOCOL)
        .then_some("what answers there is no console of KubeVirt")
}
