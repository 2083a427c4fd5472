//! Bytes both ways over a stream without a cluster.

use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;

type Local = WebSocketStream<DuplexStream>;

/// Both ends of a stream.
async fn streams() -> (Local, Local) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    (ours, WebSocketStream::from_raw_socket(theirs, Role::Server, None).await)
}

/// Carries bytes between the stream and what is returned by `there`.
async fn carried<T>(
    mut socket: Local,
    there: impl AsyncFnOnce(DuplexStream) -> T,
) -> (Option<Stopped>, T) {
    let (near, far) = tokio::io::duplex(BUFFER);
    let (mut from_us, mut to_us) = tokio::io::split(far);
    let mut stopped = None;
    let result = {
        let exchange = async {
            stopped = Some(exchange(&mut socket, &mut from_us, &mut to_us).await);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = exchange => unreachable!(),
            result = there(near) => result,
        }
    };
    (stopped, result)
}

#[tokio::test]
async fn f1_bytes_go_both_ways_as_binary_frames() {
    let (ours, mut theirs) = streams().await;
    let story = async |mut near: DuplexStream| {
        theirs.send(Message::text("not the guest's")).await.unwrap();
        theirs.send(Message::binary(vec![0, 255])).await.unwrap();
        let mut heard = [1; 2];
        near.read_exact(&mut heard).await.unwrap();
        near.write_all(&[7; CHUNK + 1]).await.unwrap();
        let sizes = [theirs.next().await, theirs.next().await].map(|it| it.unwrap().unwrap().len());
        (heard, sizes)
    };
    let (stopped, (heard, sizes)) = carried(ours, story).await;
    assert_eq!((stopped, heard, sizes), (None, [0, 255], [CHUNK, 1]));
}

#[tokio::test(start_paused = true)]
async fn f1_an_idle_stream_is_kept_open_and_a_dead_one_is_noticed() {
    let (ours, mut theirs) = streams().await;
    let story = async |_near: DuplexStream| {
        // Reading answers pings.
        let mut pings = 0;
        let idle = async {
            while let Some(Ok(message)) = theirs.next().await {
                pings += usize::from(message.is_ping());
            }
        };
        assert!(timeout(Duration::from_secs(301), idle).await.is_err(), "it ended");
        assert_eq!(pings, 30);
        sleep(Duration::from_secs(300)).await;
    };
    let (stopped, ()) = carried(ours, story).await;
    assert_eq!(stopped, Some(Stopped::Broke), "nobody answered for five minutes");
}

#[tokio::test]
async fn f1_a_close_frame_and_a_lost_connection_are_the_same_end() {
    for polite in [true, false] {
        let (ours, mut theirs) = streams().await;
        let story = async |mut near: DuplexStream| {
            theirs.send(Message::binary("bye")).await.unwrap();
            if polite {
                theirs.send(Message::Close(None)).await.unwrap();
            }
            drop(theirs);
            let mut heard = [0; 3];
            near.read_exact(&mut heard).await.unwrap();
            sleep(Duration::from_millis(50)).await;
            heard
        };
        let (stopped, heard) = carried(ours, story).await;
        assert_eq!((stopped, &heard), (Some(Stopped::Broke), b"bye"), "polite: {polite}");
    }
}
