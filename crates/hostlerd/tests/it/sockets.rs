//! WebSockets: opening them, and what is refused before they open (A15).

use futures_util::{SinkExt, StreamExt};
use hostler_core::access::Role;
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::{Client, Wire};
use crate::fixture::Fixture;

pub(crate) type Socket = WebSocketStream<Box<dyn Wire>>;

/// Opens a WebSocket, asking for subprotocols; `Err` with status and code when refused.
pub(crate) async fn open(
    client: &Client,
    path: &str,
    protocols: &str,
) -> Result<Socket, (u16, String)> {
    let mut request = format!("wss://{}{path}", client.host()).into_client_request().unwrap();
    for (name, value) in client.headers() {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    if !protocols.is_empty() {
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    }
    match client_async(request, client.open().await).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
            let code = problem["code"].as_str().unwrap_or_default().to_owned();
            Err((response.status().as_u16(), code))
        }
        Err(error) => panic!("{error}"),
    }
}

/// The next message that is no ping; `None` at the end.
pub(crate) async fn next(socket: &mut Socket) -> Option<Message> {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(30), socket.next()).await;
        match message.expect("something comes") {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(message)) => return Some(message),
            Some(Err(_)) | None => return None,
        }
    }
}

/// The code with which the server closed.
pub(crate) async fn closed(socket: &mut Socket) -> u16 {
    while let Some(message) = next(socket).await {
        if let Message::Close(frame) = message {
            return frame.map_or(0, |frame| u16::from(frame.code));
        }
    }
    panic!("the connection ended without a farewell")
}

const EVENTS: &str = "/api/v1/events/socket";
const PROTOCOL: &str = "hostler.events.v1";

#[tokio::test]
async fn a15_an_event_socket_opens_for_our_pages_and_for_programs_only() {
    let fixture = Fixture::start().await;
    let browser = fixture.browser().await;
    let token = fixture.token(Role::Reader).await;
    let cookie_only = {
        let (_, cookie) = browser.headers().iter().find(|(name, _)| name == "cookie").unwrap();
        fixture.client().header("cookie", cookie)
    };
    assert!(open(&browser, EVENTS, PROTOCOL).await.is_ok());
    assert!(open(&token, EVENTS, PROTOCOL).await.is_ok());
    assert!(open(&fixture.local(), EVENTS, PROTOCOL).await.is_ok());
    let denied = Err((403, "origin_denied".to_owned()));
    let refused = |client: Client| async move { open(&client, EVENTS, PROTOCOL).await.map(drop) };
    assert_eq!(refused(cookie_only.clone()).await, denied);
    for foreign in ["https://evil.example", "null", "http://localhost", "https://localhost"] {
        assert_eq!(
            refused(cookie_only.clone().header("origin", foreign)).await,
            denied,
            "{foreign}"
        );
        assert_eq!(refused(token.clone().header("origin", foreign)).await, denied, "{foreign}");
    }
    let nobody = refused(fixture.client()).await;
    assert_eq!(nobody, Err((401, "credentials_missing".to_owned())));
}

#[tokio::test]
async fn events_come_over_a_socket_as_they_do_over_the_stream() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let local = fixture.local();
    let mut socket =
        open(&local, &format!("{EVENTS}?since=0&types=operation.*"), PROTOCOL).await.unwrap();
    let Some(Message::Text(text)) = next(&mut socket).await else { panic!("no text") };
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(event["type"], "operation.changed");
    assert_eq!(event["resource"]["id"], vm.as_str());
    socket.send(Message::Close(None)).await.unwrap();
    let expired = open(&local, &format!("{EVENTS}?since=999999"), PROTOCOL).await.map(drop);
    assert_eq!(expired, Err((410, "events_expired".to_owned())));
}

#[tokio::test]
async fn a_plain_request_to_a_socket_is_told_so() {
    let fixture = Fixture::start().await;
    let answer = fixture.local().get(EVENTS).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "body_malformed"));
}
