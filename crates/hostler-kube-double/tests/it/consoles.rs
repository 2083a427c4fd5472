//! Consoles over WebSockets.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hostler_kube_double::Double;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{VERBS, VMS, failure, running, start, vm};

async fn open(double: &Double, verb: &str) -> WebSocketStream<TcpStream> {
    let (socket, response) = attempt(double, verb).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "plain.kubevirt.io");
    socket
}

async fn attempt(
    double: &Double,
    verb: &str,
) -> Result<(WebSocketStream<TcpStream>, Response), Error> {
    let path = format!("ws://{}{VERBS}/virtualmachineinstances/vm1/{verb}", double.address());
    let mut request = path.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {}", double.token()).parse().unwrap());
    headers.insert("sec-websocket-protocol", "plain.kubevirt.io".parse().unwrap());
    let stream = TcpStream::connect(double.address()).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await
}

/// That the connection breaks off without a word.
async fn breaks_off(socket: &mut WebSocketStream<TcpStream>) {
    match socket.next().await {
        Some(Err(_)) => {}
        other => panic!("it did not break off: {other:?}"),
    }
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

#[tokio::test]
async fn a_later_client_ends_the_session_before_unless_a_screen_is_to_be_preserved() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    for verb in ["console", "vnc", "console?preserveSession=true"] {
        let mut first = open(&double, verb).await;
        next(&mut first).await;
        let mut second = open(&double, verb).await;
        breaks_off(&mut first).await;
        next(&mut second).await;
    }
    let mut first = open(&double, "vnc").await;
    next(&mut first).await;
    let refused = attempt(&double, "vnc?preserveSession=true").await.unwrap_err();
    let Error::Http(refused) = refused else { panic!("no answer: {refused}") };
    let body: Value = serde_json::from_slice(refused.body().as_deref().unwrap()).unwrap();
    let words = "Internal error occurred: Can't connect to websocket (503): websocket: bad \
                 handshake: application info: Active VNC connection. Request denied.";
    assert_eq!((refused.status().as_u16(), &body["message"]), (500, &json!(words)));
    first.send(Message::Binary("RFB 003.008\n".into())).await.unwrap();
    assert_eq!(next(&mut first).await, [1, 1], "the one before goes on");
    drop(first);
    let freed = async {
        while attempt(&double, "vnc?preserveSession=true").await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
}

#[tokio::test]
async fn a_session_breaks_off_when_its_instance_stops_or_moves() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let mut before = open(&double, "console").await;
    next(&mut before).await;
    client.call("virtualmachines/vm1/migrate").await.is_accepted();
    double.settle();
    breaks_off(&mut before).await;
    let mut after = open(&double, "console").await;
    next(&mut after).await;
    double.drop_consoles();
    breaks_off(&mut after).await;
    let mut last = open(&double, "console").await;
    next(&mut last).await;
    client.call("virtualmachines/vm1/stop").await.is_accepted();
    double.settle();
    breaks_off(&mut last).await;
}

#[tokio::test]
async fn a_console_without_its_device_and_one_of_a_failed_instance_are_refused() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let edit = |change: fn(&mut Value)| {
        double.edit("virtualmachineinstances", "default", "vm1", change).unwrap();
    };
    let console = format!("{VERBS}/virtualmachineinstances/vm1/console");
    let screen = format!("{VERBS}/virtualmachineinstances/vm1/vnc");
    edit(|vmi| vmi["status"]["phase"] = json!("Failed"));
    let why = "Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io \"vm1\": VMI is \
               in failed status";
    let failed = client.get(console.clone()).await;
    assert_eq!((failed.status, &failed.json()["message"]), (409, &json!(why)));
    let body = failure(400, "BadRequest", "VMI is not running", None);
    client.get(screen.clone()).await.is(400, &body);
    edit(|vmi| {
        vmi["spec"]["domain"]["devices"]["autoattachSerialConsole"] = json!(false);
        vmi["spec"]["domain"]["devices"]["autoattachGraphicsDevice"] = json!(false);
    });
    let body = failure(400, "BadRequest", "No serial consoles are present.", None);
    client.get(console).await.is(400, &body);
    let body = failure(400, "BadRequest", "No graphics devices are present.", None);
    client.get(screen).await.is(400, &body);
}
