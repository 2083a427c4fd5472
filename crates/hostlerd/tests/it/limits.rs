//! Slow, large and numerous clients get no more than their share (A37–A39).

use std::time::Duration;

use hostlerd::auth::LocalUsers;
use hostlerd::listen::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::client::{Wire, connect, tls};
use crate::fixture::{Fixture, IMAGE_BYTES};

/// Within this time everything that has to end has ended.
const PATIENCE: Duration = Duration::from_secs(20);

/// The server's limits, stricter, but not so strict that a busy machine breaks them
/// before the test does.
fn strict() -> Limits {
    Limits {
        head: Duration::from_secs(2),
        idle: Duration::from_secs(4),
        tick: Duration::from_millis(20),
        ..Limits::default()
    }
}

async fn fixture(limits: Limits) -> Fixture {
    Fixture::with(limits, LocalUsers::of_system()).await
}

/// Writes a byte every so often until the server hangs up; gives how many it took.
async fn dribble(wire: &mut Box<dyn Wire>, text: &str) -> usize {
    let (mut reader, mut writer) = tokio::io::split(wire);
    let ended = async {
        let mut sink = Vec::new();
        let _ = reader.read_to_end(&mut sink).await;
    };
    let mut taken = 0;
    let writing = async {
        for byte in text.bytes().cycle() {
            if writer.write_all(&[byte]).await.and(writer.flush().await).is_err() {
                return;
            }
            taken += 1;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    timeout(PATIENCE, async {
        tokio::select! { () = ended => {}, () = writing => {} }
    })
    .await
    .expect("the server hangs up");
    taken
}

#[tokio::test]
async fn a38_a_head_that_dribbles_in_is_cut_off() {
    let fixture = fixture(strict()).await;
    for client in [fixture.client(), fixture.local()] {
        let mut wire = client.open().await;
        wire.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n").await.unwrap();
        let taken = dribble(&mut wire, "x-slow: 1\r\n").await;
        assert!(taken < 400, "{taken}");
    }
}

#[tokio::test]
async fn a38_a_connection_that_says_nothing_is_ended() {
    let fixture = fixture(strict()).await;
    let mut wire = fixture.client().open().await;
    let mut sink = Vec::new();
    timeout(PATIENCE, wire.read_to_end(&mut sink)).await.expect("it ends").ok();
    // And one that asked once and then says nothing, later than within a head.
    let mut wire = fixture.client().open().await;
    let start = Instant::now();
    wire.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, wire.read_to_end(&mut answer)).await.expect("it ends").ok();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    assert!(start.elapsed() >= strict().idle, "idle connections are kept for a while");
}

#[tokio::test]
async fn a38_a_handshake_that_never_comes_is_not_waited_for() {
    // Nobody who means it connects here.
    let fixture = fixture(Limits { handshake: Duration::from_millis(200), ..strict() }).await;
    let mut stream = TcpStream::connect(fixture.server.addresses()[0]).await.unwrap();
    let mut sink = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut sink)).await.expect("it ends").unwrap();
    assert!(sink.is_empty());
    let mut stream = TcpStream::connect(fixture.server.addresses()[0]).await.unwrap();
    stream.write_all(&[22, 3, 1, 2, 0]).await.unwrap(); // a handshake's first bytes, and no more
    timeout(PATIENCE, stream.read_to_end(&mut sink)).await.expect("it ends").ok();
}

#[tokio::test]
async fn a40_a_client_that_reads_nothing_is_ended() {
    let fixture = fixture(Limits { unread: Duration::from_millis(300), ..strict() }).await;
    let mut wire = fixture.local().open().await;
    let request = "GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(64);
    wire.write_all(request.as_bytes()).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while fixture.server.connections() > 0 {
        assert!(Instant::now() < deadline, "the server gives it up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn whoever_forgets_the_s_is_told_so() {
    let fixture = Fixture::start().await;
    let mut stream = TcpStream::connect(fixture.server.addresses()[0]).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("it ends").unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("https://"));
}

#[tokio::test]
async fn a38_one_address_gets_so_many_connections_and_no_more() {
    let fixture = fixture(Limits { connections_per_address: 3, ..Limits::default() }).await;
    let (address, config) = (fixture.server.addresses()[0], tls(&fixture.ca_pem, &[]));
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(connect(address, &config).await.unwrap());
    }
    assert!(connect(address, &config).await.is_err());
    assert_eq!(fixture.local().get("/livez").await.status, 200, "local users are not affected");
    drop(kept);
    let deadline = Instant::now() + PATIENCE;
    while connect(address, &config).await.is_err() {
        assert!(Instant::now() < deadline, "connections come back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a37_a_body_that_is_too_large_is_refused_before_it_is_read() {
    let fixture = Fixture::start().await;
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1 << 20));
    let body = Some(("application/json", large.into()));
    let answer = fixture.local().send("POST", "/api/v1/tokens", body).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
}

#[tokio::test]
async fn a37_a_body_whose_length_is_not_said_is_counted() {
    let fixture = Fixture::start().await;
    let mut wire = fixture.local().open().await;
    let head = "POST /api/v1/tokens HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\
        content-type: application/json\r\n\r\n";
    wire.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut answer = [0; 12];
    let sent = async {
        for _ in 0..32 {
            if wire.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
        wire.read_exact(&mut answer).await
    };
    timeout(PATIENCE, sent).await.expect("it answers").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a37_a_document_that_is_too_deep_is_refused() {
    let fixture = Fixture::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = Some(("application/json", deep.into()));
    let answer = fixture.local().send("POST", "/api/v1/tokens", body).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "body_malformed"));
    assert_eq!(answer.json()["errors"][0]["code"], "too_deep");
}

#[tokio::test]
async fn a37_heads_are_bounded_in_size_and_number() {
    let fixture = Fixture::start().await;
    let large = fixture.local().header("x-large", &"x".repeat(40 << 10)).get("/livez").await;
    assert_eq!(large.status, 431);
    let many = (0..200).fold(fixture.local(), |c, n| c.header(&format!("x-{n}"), "1"));
    assert_eq!(many.get("/livez").await.status, 431);
}

#[tokio::test]
async fn an_image_that_is_too_large_is_refused_and_leaves_nothing_behind() {
    let fixture = Fixture::start().await;
    let file = vec![0_u8; usize::try_from(IMAGE_BYTES).unwrap() + 1];
    let body = Some(("application/octet-stream", file.into()));
    let path = "/api/v1/images?name=big&format=raw";
    let answer = fixture.local().send("POST", path, body).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let images = fixture.local().get("/api/v1/images").await.json();
    assert_eq!(images["items"], json!([]));
}

#[tokio::test]
async fn a39_http_2_is_spoken_and_bounds_its_streams() {
    let fixture = Fixture::start().await;
    let config = tls(&fixture.ca_pem, &[b"h2"]);
    let stream = connect(fixture.server.addresses()[0], &config).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, http_body_util::Empty<bytes::Bytes>>(
            executor, io,
        )
        .await
        .unwrap();
    let asking = async {
        let uri = format!("{}/api/v1", fixture.origin());
        let request = http::Request::get(uri).body(http_body_util::Empty::new()).unwrap();
        sender.send_request(request).await.unwrap().status()
    };
    let status = tokio::select! {
        status = asking => status,
        ended = connection => panic!("{ended:?}"),
    };
    assert_eq!(status, 200);
}
