//! Consoles over WebSockets.

use futures_util::{SinkExt, StreamExt};
use hostler_kube_double::Double;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::client::{VERBS, VMS, failure, running, start, vm};

async fn open(double: &Double, verb: &str) -> WebSocketStream<TcpStream> {
    let path = format!("ws://{}{VERBS}/virtualmachineinstances/vm1/{verb}", double.address());
    let mut request = path.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {}", double.token()).parse().unwrap());
    headers.insert("sec-websocket-protocol", "plain.kubevirt.io".parse().unwrap());
    let stream = TcpStream::connect(double.address()).await.unwrap();
    let (socket, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "plain.kubevirt.io");
    socket
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Vec<u8> {
    match socket.next().await.unwrap().unwrap() {
        Message::Binary(bytes) => bytes.to_vec(),
        other => panic!("no binary frame: {other:?}"),
    }
}

#[tokio::test]
async fn a_serial_console_echoes() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let mut socket = open(&double, "console").await;
    assert_eq!(next(&mut socket).await, b"\r\nvm1 login: ");
    socket.send(Message::Binary("root\r".into())).await.unwrap();
    assert_eq!(next(&mut socket).await, b"root\r\nvm1 login: ");
}

#[tokio::test]
async fn vnc_greets_as_rfb() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let mut socket = open(&double, "vnc").await;
    assert_eq!(next(&mut socket).await, b"RFB 003.008\n");
    socket.send(Message::Binary("RFB 003.008\n".into())).await.unwrap();
    assert_eq!(next(&mut socket).await, [1, 1]);
}

#[tokio::test]
async fn a_console_of_what_does_not_run_is_400() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    client.call("virtualmachines/vm1/start").await;
    double.step();
    let path = format!("{VERBS}/virtualmachineinstances/vm1/console");
    let body = failure(400, "BadRequest", "VMI is not running", None);
    client.get(path).await.is(400, &body);
    let path = format!("{VERBS}/virtualmachineinstances/nope/vnc");
    let missing = client.get(path).await;
    assert_eq!(
        (missing.status, &missing.json()["details"]["kind"]),
        (404, &json!("virtualmachineinstance"))
    );
}
