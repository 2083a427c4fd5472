//! Streams against a daemon played by the test, for what a real one does too seldom.

use std::time::Duration;

use hostler_libvirt_rpc::frame::{Header, MessageType, STREAM_CHUNK, Status};
use hostler_libvirt_rpc::procedure::{
    CONNECT_GET_HOSTNAME, DOMAIN_OPEN_CONSOLE, STORAGE_VOL_UPLOAD,
};
use hostler_libvirt_rpc::xdr::to_bytes;
use hostler_libvirt_rpc::{
    Connection, Domain, Error, ErrorCode, Overflow, RemoteError, StorageVol, Stream, StreamOptions,
    Uuid,
};

use crate::daemon::quiet;
use crate::hostile::Fake;

fn stream_header(serial: u32, status: Status) -> Header {
    Header::new(DOMAIN_OPEN_CONSOLE, MessageType::Stream, serial, status)
}

fn error(message: &str) -> Vec<u8> {
    let code = ErrorCode::OPERATION_FAILED;
    let error = RemoteError {
        code,
        domain: 0,
        level: 2,
        message: message.into(),
        str1: None,
        str2: None,
        str3: None,
        int1: 0,
        int2: 0,
    };
    to_bytes(&error).unwrap()
}

async fn console(options: StreamOptions) -> (Connection, Fake, Stream) {
    let (io, mut fake) = Fake::pair(1 << 16);
    let connection = Connection::over(io, quiet());
    let domain = Domain::by_uuid(Uuid::default());
    let (stream, _) = tokio::join!(
        connection.domain_open_console(&domain, None, 0, options),
        fake.serve(DOMAIN_OPEN_CONSOLE, &())
    );
    (connection, fake, stream.unwrap())
}

#[tokio::test]
async fn both_ends_can_finish() {
    let (connection, mut fake, stream) = console(StreamOptions::default()).await;
    fake.send(&stream_header(1, Status::Continue), b"login: ").await;
    fake.send(&stream_header(1, Status::Continue), b"").await;
    assert_eq!(stream.recv().await.unwrap().unwrap(), &b"login: "[..]);
    assert_eq!(stream.recv().await.unwrap(), None);
    assert_eq!(stream.recv().await.unwrap(), None);
    stream.send(b"root\r").await.unwrap();
    let (finished, ()) = tokio::join!(stream.finish(), async {
        assert_eq!(fake.read().await.payload, &b"root\r"[..]);
        let finish = fake.read().await;
        assert_eq!((finish.header.status, finish.payload.len()), (Status::Ok, 0));
        // What comes before the confirmation is dropped.
        fake.send(&stream_header(1, Status::Continue), b"late").await;
        fake.send(&stream_header(1, Status::Ok), b"").await;
    });
    finished.unwrap();
    assert_eq!(connection.open_streams(), 0);
}

#[tokio::test]
async fn an_error_comes_after_the_data_before_it_and_stops_the_sender() {
    let (connection, mut fake, stream) = console(StreamOptions::default()).await;
    fake.send(&stream_header(1, Status::Continue), b"abc").await;
    fake.send(&stream_header(1, Status::Error), &error("guest is gone")).await;
    assert_eq!(stream.recv().await.unwrap().unwrap(), &b"abc"[..]);
    let failure = stream.recv().await.unwrap_err();
    assert_eq!(failure.to_string(), "DOMAIN_OPEN_CONSOLE failed: guest is gone (OPERATION_FAILED)");
    assert!(matches!(stream.send(b"x").await, Err(Error::Remote { .. })));
    assert!(matches!(stream.finish().await, Err(Error::Remote { .. })));
    assert_eq!(connection.open_streams(), 0);
}

#[tokio::test]
async fn great_data_is_sent_in_packets_that_every_daemon_takes() {
    let (io, mut fake) = Fake::pair(1 << 16);
    let connection = Connection::over(io, quiet());
    let volume = StorageVol { pool: "p".into(), name: "v".into(), key: "/v".into() };
    let (stream, _) = tokio::join!(
        connection.storage_vol_upload(&volume, 0, 0, 0, StreamOptions::default()),
        fake.serve(STORAGE_VOL_UPLOAD, &())
    );
    let stream = stream.unwrap();
    let data = vec![7; STREAM_CHUNK * 2 + 1];
    let (sent, ()) = tokio::join!(stream.send(&data), async {
        for expected in [STREAM_CHUNK, STREAM_CHUNK, 1] {
            assert_eq!(fake.read().await.payload.len(), expected);
        }
    });
    sent.unwrap();
}

#[tokio::test]
async fn a_stream_opened_for_a_caller_who_is_gone_is_aborted() {
    let (io, mut fake) = Fake::pair(1 << 16);
    let connection = Connection::over(io, quiet());
    let hasty = connection.with_timeout(Duration::from_millis(20));
    let domain = Domain::by_uuid(Uuid::default());
    let late = hasty.domain_open_console(&domain, None, 0, StreamOptions::default()).await;
    assert!(matches!(late, Err(Error::Timeout { sent: true, .. })));
    let call = fake.serve(DOMAIN_OPEN_CONSOLE, &()).await;
    let abort = fake.read().await;
    assert_eq!((abort.header.kind, abort.header.status), (MessageType::Stream, Status::Error));
    assert_eq!(abort.header.serial, call.header.serial);
    // Data already under way are dropped; the daemon's confirmation ends it.
    fake.send(&stream_header(1, Status::Continue), b"data").await;
    fake.send(&stream_header(1, Status::Error), &error("aborted at client request")).await;
    let (answer, _) = tokio::join!(connection.hostname(), fake.serve(CONNECT_GET_HOSTNAME, &"h"));
    assert_eq!((answer.unwrap().as_str(), connection.open_streams()), ("h", 0));
}

#[tokio::test]
async fn a_paused_connection_goes_on_when_its_stream_is_read_or_dropped() {
    let options = StreamOptions { buffer_bytes: 10, overflow: Overflow::PauseConnection };
    for is_read in [true, false] {
        let (connection, mut fake, stream) = console(options).await;
        for _ in 0..5 {
            fake.send(&stream_header(1, Status::Continue), b"seven b").await;
        }
        // The reader stands still, so this is not answered ...
        let hasty = connection.with_timeout(Duration::from_millis(20));
        let (answer, call) =
            tokio::join!(hasty.hostname(), fake.serve(CONNECT_GET_HOSTNAME, &"late"));
        assert!(matches!(answer, Err(Error::Timeout { sent: true, .. })));
        assert_eq!(call.header.serial, 2);
        // ... until there is room.
        if is_read {
            for _ in 0..5 {
                assert_eq!(stream.recv().await.unwrap().unwrap(), &b"seven b"[..]);
            }
        } else {
            drop(stream);
            assert_eq!(fake.read().await.header.status, Status::Error);
        }
        let (answer, _) =
            tokio::join!(connection.hostname(), fake.serve(CONNECT_GET_HOSTNAME, &"h"));
        assert_eq!((answer.unwrap().as_str(), connection.in_flight()), ("h", 0));
    }
}

#[tokio::test]
async fn the_end_of_the_connection_ends_its_streams() {
    let (_connection, fake, stream) = console(StreamOptions::default()).await;
    drop(fake);
    assert!(matches!(stream.recv().await, Err(Error::Closed { sent: true, .. })));
    assert!(stream.send(b"x").await.is_err());
}

#[tokio::test]
async fn more_is_not_collected_than_the_caller_allows() {
    let (_connection, mut fake, stream) = console(StreamOptions::default()).await;
    fake.send(&stream_header(1, Status::Continue), &[0; 100]).await;
    let error = stream.read_to_end(99).await.unwrap_err();
    assert!(matches!(error, Error::StreamOverflow { limit_bytes: 99, .. }));
}

#[tokio::test]
async fn many_tiny_packets_are_bounded_like_few_great_ones() {
    let options = StreamOptions { buffer_bytes: 1_290, ..StreamOptions::default() };
    let (_connection, mut fake, stream) = console(options).await;
    for _ in 0..11 {
        fake.send(&stream_header(1, Status::Continue), b"x").await;
    }
    assert_eq!(fake.read().await.header.status, Status::Error);
    for _ in 0..10 {
        assert_eq!(stream.recv().await.unwrap().unwrap(), &b"x"[..]);
    }
    let error = stream.recv().await.unwrap_err();
    assert!(matches!(error, Error::StreamOverflow { limit_bytes: 1_290, .. }));
}
