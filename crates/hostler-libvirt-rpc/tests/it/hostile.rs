//! A daemon that lies. Whatever it sends, the client ends in an error: no panic, no hang, no
//! memory for bytes that never came.

use std::time::Duration;

use hostler_libvirt_rpc::frame::{Frame, Header, MessageType, Status};
use hostler_libvirt_rpc::procedure::{
    AUTH_LIST, AUTH_POLKIT, CONNECT_GET_HOSTNAME, CONNECT_GET_TYPE, CONNECT_OPEN,
    CONNECT_SUPPORTS_FEATURE, DOMAIN_EVENT_CALLBACK_LIFECYCLE, KEEPALIVE_PING, KEEPALIVE_PONG,
    Procedure, REMOTE_PROGRAM,
};
use hostler_libvirt_rpc::xdr::{Encode, to_bytes};
use hostler_libvirt_rpc::{CloseReason, Connection, Error, Event, KeepAlive, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::daemon::quiet;

/// The daemon's side of a connection, played by the test.
pub(crate) struct Fake {
    io: DuplexStream,
}

impl Fake {
    pub(crate) fn pair(buffer: usize) -> (DuplexStream, Self) {
        let (ours, io) = duplex(buffer);
        (ours, Self { io })
    }

    pub(crate) async fn read(&mut self) -> Frame {
        let mut bytes = vec![0; 4];
        self.io.read_exact(&mut bytes).await.unwrap();
        let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        bytes.resize(length, 0);
        self.io.read_exact(&mut bytes[4..]).await.unwrap();
        Frame::parse(&bytes).unwrap()
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, header: &Header, payload: &[u8]) {
        self.raw(&Frame::encode(header, payload).unwrap()).await;
    }

    /// Answers a call with success.
    pub(crate) async fn answer(&mut self, call: &Frame, reply: &impl Encode) {
        let header = Header { kind: MessageType::Reply, ..call.header };
        self.send(&header, &to_bytes(reply).unwrap()).await;
    }

    /// Reads a call of this procedure and answers it.
    pub(crate) async fn serve(&mut self, procedure: Procedure, reply: &impl Encode) -> Frame {
        let call = self.read().await;
        assert_eq!(call.header.procedure(), procedure);
        self.answer(&call, reply).await;
        call
    }
}

fn connection() -> (Connection, Fake) {
    let (io, fake) = Fake::pair(1 << 20);
    (Connection::over(io, quiet()), fake)
}

/// What a call ends with when the daemon answers it with these bytes and hangs up.
async fn told(lie: impl AsyncFnOnce(&mut Fake, Frame)) -> Error {
    let (connection, mut fake) = connection();
    let (answer, ()) = tokio::join!(connection.hostname(), async {
        let call = fake.read().await;
        lie(&mut fake, call).await;
        drop(fake);
    });
    answer.unwrap_err()
}

fn assert_protocol(error: &Error, words: &str) {
    let Error::Closed { reason: CloseReason::Protocol { detail }, sent: true, .. } = error else {
        panic!("{error}")
    };
    assert!(detail.contains(words), "{detail}");
}

#[tokio::test]
async fn lengths_that_cannot_be_close_the_connection() {
    for word in [0u32, 3, 27, 33_554_433, u32::MAX] {
        let error = told(async |fake, _| fake.raw(&word.to_be_bytes()).await).await;
        let Error::Closed { reason: CloseReason::Protocol { .. }, .. } = error else {
            panic!("{error}")
        };
    }
}

#[tokio::test]
async fn a_great_length_costs_nothing_until_the_bytes_come() {
    // 32 MiB promised, 24 bytes sent, then silence: the deadline holds.
    let (connection, mut fake) = connection();
    fake.raw(&33_554_432u32.to_be_bytes()).await;
    fake.raw(&[0; 24]).await;
    let error = connection.with_timeout(Duration::from_millis(50)).hostname().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn answers_to_nothing_that_was_asked_close_the_connection() {
    let error = told(async |fake, mut call| {
        call.header.serial += 1;
        fake.answer(&call, &"h").await;
    });
    assert_protocol(&error.await, "serial 2, which was not called");
    let error = told(async |fake, mut call| {
        call.header.procedure = CONNECT_GET_TYPE.number();
        fake.answer(&call, &"h").await;
    });
    assert_protocol(&error.await, "a reply of CONNECT_GET_TYPE to a call of CONNECT_GET_HOSTNAME");
    let error = told(async |fake, call| fake.send(&call.header, b"").await);
    assert_protocol(&error.await, "Call packet");
    let error = told(async |fake, mut call| {
        call.header.version = 2;
        fake.answer(&call, &"h").await;
    });
    assert_protocol(&error.await, "version 2");
}

#[tokio::test]
async fn a_packet_cut_short_closes_the_connection() {
    let error = told(async |fake, call| {
        let header = Header { kind: MessageType::Reply, ..call.header };
        let frame = Frame::encode(&header, &to_bytes("host").unwrap()).unwrap();
        fake.raw(&frame[..frame.len() - 1]).await;
    });
    let error = error.await;
    assert!(matches!(error, Error::Closed { reason: CloseReason::Io { .. }, .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_fails_its_call_alone() {
    let (connection, mut fake) = connection();
    for reply in [&[0xff, 0xff, 0xff, 0xff][..], &[0, 0, 0, 9, 65], &[], &[0, 0, 0, 0, 0, 0, 0, 0]]
    {
        let (answer, ()) = tokio::join!(connection.hostname(), async {
            let call = fake.read().await;
            fake.send(&Header { kind: MessageType::Reply, ..call.header }, reply).await;
        });
        let error = answer.unwrap_err();
        assert!(matches!(error, Error::Protocol { procedure: Some(CONNECT_GET_HOSTNAME), .. }));
        // It was done, or not: the answer is lost.
        assert!(error.outcome_unknown());
    }
    let (answer, ()) = tokio::join!(connection.hostname(), async {
        let call = fake.read().await;
        let header = Header { kind: MessageType::Reply, status: Status::Error, ..call.header };
        fake.send(&header, b"no error at all").await;
    });
    assert!(matches!(answer.unwrap_err(), Error::Protocol { .. }));
    let (answer, _) = tokio::join!(connection.hostname(), fake.serve(CONNECT_GET_HOSTNAME, &"h"));
    assert_eq!(answer.unwrap(), "h");
}

#[tokio::test]
async fn random_bytes_end_in_an_error() {
    // A fixed sequence, so that a failure can be repeated.
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..300 {
        let mut bytes: Vec<u8> = (0..next() % 200).map(|_| next() as u8).collect();
        if round % 2 == 0 {
            // Past the length and into the header, to reach more of the code.
            let length = (bytes.len() + 28) as u32;
            let header = [
                length,
                REMOTE_PROGRAM,
                1,
                next() as u32 % 460,
                next() as u32 % 7,
                1,
                next() as u32 % 3,
            ];
            let header: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
            bytes.splice(0..0, header);
        }
        told(async |fake, _| fake.raw(&bytes).await).await;
    }
}

#[tokio::test]
async fn unknown_events_and_stray_stream_packets_disturb_nothing() {
    let (connection, mut fake) = connection();
    let mut events = connection.subscribe(8);
    let unknown = Procedure::new(REMOTE_PROGRAM, 9_999);
    fake.send(&Header::new(unknown, MessageType::Message, 0, Status::Ok), b"new").await;
    let event = DOMAIN_EVENT_CALLBACK_LIFECYCLE;
    fake.send(&Header::new(event, MessageType::Message, 0, Status::Ok), b"cut").await;
    for status in [Status::Continue, Status::Ok, Status::Error] {
        fake.send(&Header::new(unknown, MessageType::Stream, 77, status), b"data").await;
    }
    let (answer, _) = tokio::join!(connection.hostname(), fake.serve(CONNECT_GET_HOSTNAME, &"h"));
    assert_eq!(answer.unwrap(), "h");
    let payload = bytes::Bytes::from_static(b"new");
    assert_eq!(events.recv().await, Some(Event::Unknown { procedure: unknown, payload }));
    assert!(
        matches!(events.recv().await, Some(Event::Unknown { procedure, .. }) if procedure == event)
    );
}

#[tokio::test]
async fn a_flood_of_pings_while_our_writes_are_blocked_blocks_nothing() {
    // A pipe of 64 bytes: not even one call fits until the other side reads.
    let (io, mut fake) = Fake::pair(64);
    let connection = Connection::over(io, quiet());
    let ping = Header::new(KEEPALIVE_PING, MessageType::Message, 0, Status::Ok);
    let xml = "x".repeat(10_000);
    let flood = async {
        for _ in 0..1_000 {
            fake.send(&ping, b"").await;
        }
        let (mut pongs, mut calls) = (0, 0);
        while calls == 0 {
            let frame = fake.read().await;
            match frame.header.procedure() {
                KEEPALIVE_PONG => pongs += 1,
                _ => {
                    calls += 1;
                    fake.answer(&frame, &"h").await;
                }
            }
        }
        assert!((1..=1_000).contains(&pongs), "{pongs} pongs");
    };
    let call = connection.call::<_, String>(CONNECT_GET_HOSTNAME, xml.as_str());
    let (answer, ()) = tokio::join!(call, flood);
    assert_eq!(answer.unwrap(), "h");
}

#[tokio::test(start_paused = true)]
async fn our_pings_are_sent_each_interval_and_silence_is_counted() {
    let (io, mut fake) = Fake::pair(4_096);
    let keepalive = Some(KeepAlive { interval: Duration::from_secs(5), max_unanswered: 3 });
    let connection = Connection::over(io, Options { keepalive, ..quiet() });
    let start = tokio::time::Instant::now();
    // Answered for a while: any packet counts as a sign of life.
    for _ in 0..10 {
        assert_eq!(fake.read().await.header.procedure(), KEEPALIVE_PING);
        let pong = Header::new(KEEPALIVE_PONG, MessageType::Message, 0, Status::Ok);
        fake.send(&pong, b"").await;
    }
    assert_eq!(connection.closed().await, CloseReason::KeepAlive { unanswered: 3 });
    // Ten answered intervals, three unanswered ones, and the one that finds out.
    assert_eq!(start.elapsed(), Duration::from_secs(5 * 14));
}

#[tokio::test]
async fn the_login_takes_what_is_offered() {
    // Polkit: one empty call.
    let (io, mut fake) = Fake::pair(4_096);
    let (opened, ()) = tokio::join!(Connection::open_over(io, "qemu:///system", quiet()), async {
        fake.serve(AUTH_LIST, &vec![2]).await;
        fake.serve(AUTH_POLKIT, &true).await;
        fake.serve(CONNECT_OPEN, &()).await;
    });
    opened.unwrap();

    // None, and with keepalive the question that starts the daemon's pings.
    let (io, mut fake) = Fake::pair(4_096);
    let options = Options { keepalive: Options::default().keepalive, ..quiet() };
    let (opened, ()) = tokio::join!(Connection::open_over(io, "qemu:///system", options), async {
        fake.serve(AUTH_LIST, &vec![1, 0]).await;
        fake.serve(CONNECT_SUPPORTS_FEATURE, &true).await;
        fake.serve(CONNECT_OPEN, &()).await;
    });
    opened.unwrap();

    let (io, mut fake) = Fake::pair(4_096);
    let sasl_only = vec![1];
    let (opened, _) =
        tokio::join!(Connection::open_over(io, "x", quiet()), fake.serve(AUTH_LIST, &sasl_only));
    let error = opened.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }));
    assert!(error.to_string().contains("qemu+ssh"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_great_reply_is_a_sign_of_life() {
    let (io, mut fake) = Fake::pair(1 << 16);
    let keepalive = Some(KeepAlive { interval: Duration::from_secs(5), max_unanswered: 2 });
    let connection = Connection::over(io, Options { keepalive, ..quiet() });
    let patient = connection.with_timeout(Duration::from_secs(3_600));
    let name = "h".repeat(100);
    let (answer, ()) = tokio::join!(patient.hostname(), async {
        let call = fake.read().await;
        let header = Header { kind: MessageType::Reply, ..call.header };
        for byte in Frame::encode(&header, &to_bytes(&name).unwrap()).unwrap() {
            fake.raw(&[byte]).await;
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    });
    assert_eq!(answer.unwrap(), name);
}
