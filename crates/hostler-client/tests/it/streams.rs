//! Events, consoles and uploads.

use bytes::Bytes;
use hostler_api::v1;
use hostler_client::testing::{Ending, Reply, TestServer};
use hostler_client::{Address, Client, ConsoleMessage, Events, Followed, LiveNews, Options, Token};
use hostler_core::Code;
use serde_json::json;

fn event(seq: u64) -> String {
    let data = json!({"seq": seq, "at": "2026-11-21T04:00:00Z", "type": "vm.state",
        "resource": null, "message": format!("event {seq}"), "data": {}});
    format!("id: {seq}\ndata: {data}\n\n")
}

async fn take(events: &mut Events, count: usize) -> Vec<String> {
    let mut taken = vec![];
    for _ in 0..count {
        taken.push(match events.next().await.unwrap() {
            Followed::Event(event) => event.value.message,
            Followed::Resync => "resync".into(),
        });
    }
    taken
}

#[tokio::test]
async fn a_broken_stream_is_resumed_without_loss_or_repetition() {
    let server = TestServer::start(|seen| match seen.header("last-event-id") {
        None => {
            let text = format!(": hello\n\n{}{}id: 3\ndata: {{\"se", event(1), event(2));
            let pieces = text.as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
            Reply::Events(pieces, Ending::Close)
        }
        // Begins one earlier than asked, as a server may.
        Some("2") => Reply::Events(vec![(event(2) + &event(3)).into_bytes()], Ending::Silence),
        Some(other) => panic!("resumed after {other}"),
    });
    let query = v1::EventQuery { since: None, types: Some("vm.*".into()) };
    let mut events = server.client().events(query).await.unwrap();
    assert_eq!(take(&mut events, 3).await, ["event 1", "event 2", "event 3"]);
    assert!(server.seen().iter().all(|seen| seen.param("types") == Some("vm.*")));
}

#[tokio::test]
async fn a_gap_that_cannot_be_closed_is_told() {
    let server = TestServer::start(|seen| match (seen.number, seen.header("last-event-id")) {
        (0, Some("5")) => Reply::Events(vec![event(6).into_bytes()], Ending::Close),
        (1, Some("6")) => Reply::problem(Code::EventsExpired, "too old"),
        (2, None) => Reply::Events(vec![event(90).into_bytes()], Ending::Silence),
        other => panic!("{other:?}"),
    });
    let query = v1::EventQuery { since: Some(5), types: None };
    let mut events = server.client().events(query).await.unwrap();
    assert_eq!(take(&mut events, 3).await, ["event 6", "resync", "event 90"]);
}

#[tokio::test]
async fn a_break_before_the_first_event_is_told_as_a_gap() {
    let server = TestServer::start(|seen| match seen.number {
        0 => Reply::Events(vec![b": hb\n\n".to_vec()], Ending::Close),
        _ => Reply::Events(vec![b"event: resync\n\n".to_vec()], Ending::Silence),
    });
    let mut events = server.client().events(v1::EventQuery::default()).await.unwrap();
    assert_eq!(take(&mut events, 2).await, ["resync", "resync"]);
}

#[tokio::test]
async fn following_fails_at_once_when_the_first_connection_is_refused() {
    let server = TestServer::start(|_| Reply::problem(Code::PermissionDenied, "no"));
    let error = server.client().events(v1::EventQuery::default()).await.unwrap_err();
    assert_eq!(error.exit_code(), 3);

    let server = TestServer::start(|_| Reply::Json(200, json!({})));
    let error = server.client().events(v1::EventQuery::default()).await.unwrap_err();
    assert_eq!(error.code(), "answer_malformed");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_an_error_and_not_skipped() {
    let server =
        TestServer::start(|_| Reply::Events(vec![b"data: {}\n\n".to_vec()], Ending::Silence));
    let mut events = server.client().events(v1::EventQuery::default()).await.unwrap();
    assert_eq!(events.next().await.unwrap_err().code(), "answer_malformed");
}

fn frame(kind: &str, data: &serde_json::Value, seq: u64) -> Vec<u8> {
    let frame =
        json!({"type": kind, "data": data, "seq": seq, "ts": "2026-11-21T04:00:00Z", "schema": 1});
    format!("data: {frame}\n\n").into_bytes()
}

#[tokio::test]
async fn d6_what_is_live_is_followed_and_a_break_is_told() {
    let jobs = json!({"provider": "lab", "vms": []});
    let server = TestServer::start(move |seen| {
        assert_eq!((seen.param("topics"), seen.param("only")), (Some("migrations"), Some("a")));
        let first = vec![
            frame("subscribed", &json!({"topics": ["migrations"]}), 0),
            frame("migration_progress", &jobs, 1),
            frame("of_a_newer_server", &json!({"x": 1}), 2),
            frame("ping", &json!({}), 2),
            frame("resync", &json!({"from": 3, "to": 7}), 7),
        ];
        match seen.number {
            0 => Reply::Events(first, Ending::Close),
            1 => Reply::Drop,
            _ => Reply::Events(vec![frame("migration_progress", &jobs, 9)], Ending::Silence),
        }
    });
    let query = v1::LiveQuery {
        topics: Some("migrations".into()),
        only: Some("a".into()),
        ..v1::LiveQuery::default()
    };
    let mut live = server.client().live(query).await.unwrap();
    let mut told = vec![];
    while told.len() < 4 {
        told.push(match live.next().await.unwrap() {
            LiveNews::Frame(frame) => Some(frame.value.seq),
            LiveNews::Resync => None,
        });
    }
    assert_eq!(told, [Some(1), None, None, Some(9)]);
}

#[tokio::test]
async fn a_live_frame_that_cannot_be_read_is_an_error_and_not_skipped() {
    for data in ["{}", "{", "{\"type\":\"vm_metrics\",\"data\":{}}"] {
        let text = format!("data: {data}\n\n").into_bytes();
        let server = TestServer::start(move |_| Reply::Events(vec![text.clone()], Ending::Silence));
        let mut live = server.client().live(v1::LiveQuery::default()).await.unwrap();
        assert_eq!(live.next().await.unwrap_err().code(), "answer_malformed", "{data}");
    }
    let server = TestServer::start(|_| Reply::problem(Code::QueryInvalid, "no"));
    let error = server.client().live(v1::LiveQuery::default()).await.unwrap_err();
    assert_eq!(error.code(), "query_invalid");
}

fn console_server(messages: Vec<Vec<u8>>, reason: Option<&'static str>) -> TestServer {
    TestServer::start(move |seen| match seen.line().as_str() {
        "POST /api/v1/vms/7/consoles" => Reply::Json(
            201,
            json!({"ticket": "hst", "expires_at": "2026-11-21T04:00:00Z",
                "path": "/api/v1/consoles", "protocols": ["hostler.console.v1", "hostler.ticket.hst"]}),
        ),
        "GET /api/v1/consoles" => {
            let asked = seen.header("sec-websocket-protocol");
            assert_eq!(asked, Some("hostler.console.v1, hostler.ticket.hst"));
            assert!(seen.query.is_empty(), "a ticket is never part of the URL");
            Reply::Console(messages.clone(), reason)
        }
        other => panic!("{other}"),
    })
}

#[tokio::test]
async fn c4_a_console_carries_bytes_both_ways() {
    let server = console_server(vec![b"login: ".to_vec(), vec![0xff, 0]], None);
    let request = v1::ConsoleRequest { kind: v1::ConsoleKind::Serial, take_over: false };
    let mut options = Options::new(Address::Socket(server.socket()));
    options.token = Some(Token::new("hst_1").unwrap());
    let client = Client::new(options).unwrap();
    let mut console = client.open_console("7", &request).await.unwrap();
    assert!(server.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer hst_1")));
    let mut got = vec![];
    console.writer.send(Bytes::from_static(b"root\r")).await.unwrap();
    while got.len() < 14 {
        match console.reader.next().await.unwrap() {
            ConsoleMessage::Bytes(bytes) => got.extend_from_slice(&bytes),
            ConsoleMessage::Closed(reason) => panic!("closed: {reason:?}"),
        }
    }
    assert_eq!(got, b"login: \xff\0root\r");
    console.writer.close().await;
}

#[tokio::test]
async fn a_console_that_is_closed_says_why() {
    let server = console_server(vec![b"x".to_vec()], Some("the VM was stopped"));
    let request = v1::ConsoleRequest { kind: v1::ConsoleKind::Serial, take_over: false };
    let mut console = server.client().open_console("7", &request).await.unwrap();
    assert_eq!(
        console.reader.next().await.unwrap(),
        ConsoleMessage::Bytes(Bytes::from_static(b"x"))
    );
    assert_eq!(
        console.reader.next().await.unwrap(),
        ConsoleMessage::Closed(Some("the VM was stopped".into()))
    );
}

#[tokio::test]
async fn a_refused_console_is_a_problem_like_any_other() {
    let server = TestServer::start(|seen| match seen.method.as_str() {
        "POST" => Reply::Json(
            201,
            json!({"ticket": "t", "expires_at": "2026-11-21T04:00:00Z", "path": "/api/v1/consoles",
                "protocols": ["hostler.console.v1"]}),
        ),
        _ => Reply::problem(Code::TicketInvalid, "the ticket was used"),
    });
    let request = v1::ConsoleRequest { kind: v1::ConsoleKind::Serial, take_over: false };
    let error = server.client().open_console("7", &request).await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("ticket_invalid", 3));
}

fn import() -> v1::ImageImportQuery {
    v1::ImageImportQuery {
        name: "debian".into(),
        description: String::new(),
        format: v1::ImageFormat::Qcow2,
        sha256: None,
    }
}

#[tokio::test]
async fn an_image_is_streamed_with_and_without_a_known_length() {
    let server = TestServer::start(|seen| {
        assert_eq!(seen.param("format"), Some("qcow2"));
        assert_eq!(seen.header("content-type"), Some("application/octet-stream"));
        Reply::Json(
            201,
            json!({"id": "1", "name": "debian", "description": "", "format": "qcow2",
                "file_bytes": seen.body.len(), "virtual_bytes": 1, "sha256": "00",
                "created_at": "2026-11-21T04:00:00Z"}),
        )
    });
    let bytes = vec![7_u8; 3_000_000];
    for length in [Some(3_000_000), None] {
        let reader = std::io::Cursor::new(bytes.clone());
        let (sender, progress) = std::sync::mpsc::channel();
        let tell = move |count| {
            let _ = sender.send(count);
        };
        let answer = server.client().import_image(&import(), length, reader, tell).await.unwrap();
        assert_eq!(answer.value.file_bytes, 3_000_000);
        assert_eq!(progress.iter().last(), Some(3_000_000));
    }
    let seen = server.seen();
    assert_eq!(seen[0].header("content-length"), Some("3000000"));
    assert_eq!(seen[1].header("transfer-encoding"), Some("chunked"));
    assert!(seen.iter().all(|seen| seen.body == bytes));
}

#[tokio::test]
async fn an_image_that_is_refused_is_a_problem() {
    let server = TestServer::start(|_| Reply::problem(Code::ImageExists, "there is one"));
    let reader = std::io::Cursor::new(vec![0_u8; 10]);
    let error =
        server.client().import_image(&import(), Some(10), reader, |_| {}).await.unwrap_err();
    assert_eq!(error.code(), "image_exists");
}
