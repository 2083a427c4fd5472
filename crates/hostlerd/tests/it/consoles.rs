//! Consoles: one ticket, one person, one VM, once; bytes both ways (A16, A40).

use futures_util::SinkExt;
use hostler_core::Clock;
use hostler_core::access::Role;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::Client;
use crate::fixture::Fixture;
use crate::sockets::{Socket, closed, next, open};

const PATH: &str = "/api/v1/consoles";

async fn ticket(client: &Client, vm: &str, kind: &str, take_over: bool) -> Value {
    let body = json!({ "kind": kind, "take_over": take_over });
    let answer = client.post(&format!("/api/v1/vms/{vm}/consoles"), &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn protocols(ticket: &Value) -> String {
    let list: Vec<_> =
        ticket["protocols"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    list.join(", ")
}

async fn connect(client: &Client, ticket: &Value) -> Result<Socket, (u16, String)> {
    open(client, ticket["path"].as_str().unwrap(), &protocols(ticket)).await
}

/// Reads until `wanted` was seen.
async fn read_until(socket: &mut Socket, wanted: &str) -> String {
    let mut seen = Vec::new();
    loop {
        match next(socket).await {
            Some(Message::Binary(bytes)) => seen.extend_from_slice(&bytes),
            other => panic!("{other:?} after {}", String::from_utf8_lossy(&seen)),
        }
        let text = String::from_utf8_lossy(&seen).into_owned();
        if text.contains(wanted) {
            return text;
        }
    }
}

fn invalid() -> (u16, String) {
    (401, "ticket_invalid".to_owned())
}

#[tokio::test]
async fn a_browser_types_and_reads_on_a_serial_line() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let browser = fixture.browser().await;
    let mut socket =
        connect(&browser, &ticket(&browser, &vm, "serial", false).await).await.unwrap();
    read_until(&mut socket, "hello from hostler").await;
    socket.send(Message::Binary("echo marco-polo\r".into())).await.unwrap();
    read_until(&mut socket, "marco-polo").await;
    socket.send(Message::Close(None)).await.unwrap();
}

#[tokio::test]
async fn a_screen_begins_with_its_version() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let token = fixture.token(Role::Admin).await;
    let mut socket = connect(&token, &ticket(&token, &vm, "vnc", false).await).await.unwrap();
    assert!(read_until(&mut socket, "RFB 003.").await.starts_with("RFB 003."));
}

#[tokio::test]
async fn a16_a_ticket_opens_once_and_only_for_whom_it_was_made() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let (browser, other) = (fixture.browser().await, fixture.token(Role::Admin).await);
    let used = ticket(&browser, &vm, "serial", false).await;
    let mut socket = connect(&browser, &used).await.unwrap();
    read_until(&mut socket, "hello").await;
    assert_eq!(connect(&browser, &used).await.map(drop), Err(invalid()), "used");
    socket.send(Message::Close(None)).await.unwrap();
    while next(&mut socket).await.is_some() {}

    let stolen = ticket(&browser, &vm, "serial", false).await;
    assert_eq!(connect(&other, &stolen).await.map(drop), Err(invalid()), "by somebody else");
    assert_eq!(connect(&browser, &stolen).await.map(drop), Err(invalid()), "gone after that");

    let leaked = ticket(&browser, &vm, "serial", false).await;
    let foreign = fixture.client().header("origin", "https://evil.example");
    let denied = connect(&foreign, &leaked).await.map(drop);
    assert_eq!(denied, Err((403, "origin_denied".to_owned())), "from another site's page");
    assert_eq!(connect(&fixture.client(), &leaked).await.map(drop), Err(invalid()), "by nobody");

    for nonsense in ["", "hostler.console.v1", "hostler.console.v1, hostler.ticket.AAAA"] {
        let refused = open(&browser, PATH, nonsense).await.map(drop);
        assert_eq!(refused, Err(invalid()), "{nonsense}");
    }
}

#[tokio::test]
async fn a16_two_vms_consoles_are_never_mixed_up() {
    let fixture = Fixture::start().await;
    let (one, two) = (fixture.make_vm("one").await, fixture.make_vm("two").await);
    let local = fixture.local();
    let (first, second) =
        (ticket(&local, &one, "serial", false).await, ticket(&local, &two, "serial", false).await);
    // Used in the other order than made.
    let mut of_two = connect(&local, &second).await.unwrap();
    let mut of_one = connect(&local, &first).await.unwrap();
    assert!(read_until(&mut of_two, "hello").await.contains("two"));
    assert!(read_until(&mut of_one, "hello").await.contains("one"));
}

#[tokio::test]
async fn a_console_in_use_is_refused_unless_it_is_taken_over() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let local = fixture.local();
    let mut first = connect(&local, &ticket(&local, &vm, "serial", false).await).await.unwrap();
    read_until(&mut first, "hello").await;
    let body = json!({ "kind": "serial" });
    let busy = fixture.local().post(&format!("/api/v1/vms/{vm}/consoles"), &body).await;
    assert_eq!((busy.status, busy.code().as_str()), (409, "console_busy"));
    let details = &busy.json()["details"];
    assert_eq!(details["held_by"], fixture.user().await);
    let since: hostler_core::Timestamp = details["since"].as_str().unwrap().parse().unwrap();
    assert!(since <= fixture.clock.now());
    let mut second = connect(&local, &ticket(&local, &vm, "serial", true).await).await.unwrap();
    read_until(&mut second, "hello").await;
    assert_eq!(closed(&mut first).await, 4409, "whoever was there is told that it was taken");
    second.send(Message::Close(None)).await.unwrap();
    while next(&mut second).await.is_some() {}
    let mut third = connect(&local, &ticket(&local, &vm, "serial", false).await).await.unwrap();
    read_until(&mut third, "hello").await;
}

#[tokio::test]
async fn of_two_who_come_at_once_the_second_is_told_in_a_way_that_they_can_read() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let (local, browser) = (fixture.local(), fixture.browser().await);
    // All have a ticket before anybody is connected.
    let (mine, theirs) =
        (ticket(&local, &vm, "serial", false).await, ticket(&browser, &vm, "serial", false).await);
    let late = ticket(&local, &vm, "serial", false).await;
    let mut first = connect(&local, &mine).await.unwrap();
    read_until(&mut first, "hello").await;
    assert_eq!(connect(&local, &late).await.map(drop), Err((409, "console_busy".to_owned())));
    // A page cannot read the answer to a handshake, only how a socket closes.
    let mut page = connect(&browser, &theirs).await.unwrap();
    match next(&mut page).await {
        Some(Message::Close(Some(frame))) => {
            assert_eq!(u16::from(frame.code), 4409);
            assert!(frame.reason.contains(&fixture.user().await), "{}", frame.reason);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_console_ends_with_its_vm() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let local = fixture.local();
    let mut socket = connect(&local, &ticket(&local, &vm, "serial", false).await).await.unwrap();
    read_until(&mut socket, "hello").await;
    fixture.act(&vm, "stop", Some(&json!({ "mode": "force" }))).await;
    assert_eq!(closed(&mut socket).await, 1000);
    let body = json!({ "kind": "serial" });
    let refused = fixture.local().post(&format!("/api/v1/vms/{vm}/consoles"), &body).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "vm_wrong_state"));
}

#[tokio::test]
async fn a40_what_is_no_consoles_bytes_ends_the_connection() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let local = fixture.local();
    let mut socket = connect(&local, &ticket(&local, &vm, "serial", false).await).await.unwrap();
    socket.send(Message::Text("text".into())).await.unwrap();
    assert_eq!(closed(&mut socket).await, 1003);
    let mut socket = connect(&local, &ticket(&local, &vm, "serial", true).await).await.unwrap();
    let huge = Message::Binary(vec![b'x'; (1 << 20) + 1].into());
    let _ = socket.send(huge).await; // the server may hang up before it has all of it
    while let Some(message) = next(&mut socket).await {
        assert!(!matches!(message, Message::Text(_)));
    }
}

#[tokio::test]
async fn a16_a_ticket_is_in_no_address() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let made = ticket(&fixture.local(), &vm, "serial", false).await;
    let secret = made["ticket"].as_str().unwrap();
    assert_eq!(secret.len(), 43, "32 random bytes");
    assert_eq!(made["path"], PATH);
    assert!(!made["path"].as_str().unwrap().contains(secret));
}

#[tokio::test]
async fn a40_a_console_whose_client_reads_nothing_is_closed_and_free_again() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let local = fixture.local();
    let mut stalled = connect(&local, &ticket(&local, &vm, "serial", false).await).await.unwrap();
    read_until(&mut stalled, "hello").await;
    let permits = fixture.server.app().streams.consoles.clone();
    let free = permits.available_permits();
    // The shell answers every Enter with a prompt: press it without end, and read nothing.
    let typing = async {
        while stalled.send(Message::Binary(vec![b'\r'; 16 << 10].into())).await.is_ok() {}
    };
    let given_up = async {
        while permits.available_permits() == free {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let both = futures_util::future::join(typing, given_up);
    tokio::time::timeout(std::time::Duration::from_secs(50), both).await.expect("it is given up");
    let mut next_one = connect(&local, &ticket(&local, &vm, "serial", false).await).await.unwrap();
    read_until(&mut next_one, "hello").await;
}
