//! A conversation with a real libvirt 9.0, recorded byte for byte: what this client sends must
//! stay as it was, and what the daemon sent must be understood as it was.
//!
//! `golden/conversation.hex` has one packet a line, `>` ours and `<` the daemon's. With `UPDATE=1`
//! it is written anew.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hostler_libvirt_rpc::frame::{Frame, MessageType};
use hostler_libvirt_rpc::{Connection, DomainEventKind, ErrorCode, Event, Uuid, flags};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;

use crate::daemon::{Daemon, PATIENCE, quiet};

fn file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "conversation.hex"].iter().collect()
}

/// A socket of which every byte is written down.
struct Recorder {
    socket: UnixStream,
    sent: Arc<Mutex<Vec<u8>>>,
    received: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Recorder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.received.lock().unwrap().extend_from_slice(&buffer.filled()[before..]);
        poll
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = &poll {
            self.sent.lock().unwrap().extend_from_slice(&bytes[..*count]);
        }
        poll
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Says what the recording says. Everything the test driver answers here is the same every time.
async fn converse(io: impl hostler_libvirt_rpc::Io) {
    let connection = Connection::open_over(io, "test:///default", quiet()).await.unwrap();
    assert_eq!(connection.hypervisor_type().await.unwrap(), "TEST");
    let node = connection.node_info().await.unwrap();
    assert_eq!(
        (node.model.as_str(), node.memory_kib, node.cpus, node.mhz),
        ("i686", 3_145_728, 16, 1_400)
    );
    assert_eq!((node.nodes, node.sockets, node.cores, node.threads), (2, 2, 2, 2));
    let list = connection.list_all_domains(0).await.unwrap();
    let uuid: Uuid = "6695eb01-f6a4-8304-79aa-97f2502e193f".parse().unwrap();
    let [domain] = &list[..] else { panic!("{list:?}") };
    assert_eq!((domain.name.as_str(), domain.uuid, domain.id), ("test", uuid, 1));
    let state = connection.domain_state(domain).await.unwrap();
    assert_eq!((state.state, state.reason), (1, 0));
    let stats = connection.all_domain_stats(&list, flags::stats::STATE, 0).await.unwrap();
    let state = &stats[0].params[0];
    assert_eq!((state.field.as_str(), state.value.as_i64()), ("state.state", Some(1)));
    let missing = connection.domain_lookup_by_name("none").await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::NO_DOMAIN));
    // The test driver forgets to say how many it found, which the daemon takes for a failure.
    let pages = connection.node_free_pages(&[4, 2048], 0, 2, 0).await.unwrap_err();
    assert_eq!(pages.code(), Some(ErrorCode::INTERNAL_ERROR));
    let control = connection.domain_control_info(domain, 0).await.unwrap();
    assert_eq!((control.state, control.details, control.state_time_ms), (0, 0, 0));
    let network = connection.network_lookup_by_name("default").await.unwrap();
    assert_eq!(connection.network_bridge_name(&network).await.unwrap(), "virbr0");
    let pool = connection.storage_pool_lookup_by_name("default-pool").await.unwrap();
    assert_eq!(connection.storage_pool_info(&pool).await.unwrap().state, 2);
    let mut events = connection.subscribe(4);
    connection.register_domain_event(DomainEventKind::Lifecycle, Some(domain)).await.unwrap();
    connection.domain_suspend(domain).await.unwrap();
    let suspended = Event::Lifecycle { domain: domain.clone(), event: 3, detail: 0 };
    assert_eq!(events.recv().await, Some(suspended));
    connection.close().await.unwrap();
}

fn frames(mark: char, bytes: &[u8]) -> Vec<(char, Frame)> {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while let Some((word, _)) = rest.split_first_chunk::<4>() {
        let (head, tail) = rest.split_at(u32::from_be_bytes(*word) as usize);
        frames.push((mark, Frame::parse(head).unwrap()));
        rest = tail;
    }
    frames
}

/// Calls with the replies to them. An event stands behind the reply it came with, before the next
/// call: who replays the recording waits for it there.
fn transcript(sent: &[u8], received: &[u8]) -> String {
    let is_event = |frame: &Frame| frame.header.kind == MessageType::Message;
    let mut received: VecDeque<_> = frames('<', received).into();
    let mut lines = String::new();
    let mut line = |mark: char, frame: &Frame| {
        let bytes = Frame::encode(&frame.header, &frame.payload).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push_str(&format!("{mark} {} {hex}\n", frame.header.procedure()));
    };
    for (mark, call) in frames('>', sent) {
        line(mark, &call);
        let mut is_answered = false;
        while let Some((_, frame)) = received.front()
            && (!is_answered || is_event(frame))
        {
            is_answered |= !is_event(frame);
            line('<', frame);
            received.pop_front();
        }
    }
    lines
}

/// Bytes of a line of the recording.
fn unhex(line: &str) -> Vec<u8> {
    let hex = line.rsplit(' ').next().unwrap();
    let digit = |character: u8| char::from(character).to_digit(16).unwrap() as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

#[tokio::test]
async fn the_real_daemon_still_speaks_as_it_was_recorded() {
    let daemon = Daemon::start().await;
    let socket = UnixStream::connect(daemon.socket()).await.unwrap();
    let (sent, received) = (Arc::default(), Arc::default());
    let recorder = Recorder { socket, sent: Arc::clone(&sent), received: Arc::clone(&received) };
    converse(recorder).await;
    let told = transcript(&sent.lock().unwrap(), &received.lock().unwrap());
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(file().parent().unwrap()).unwrap();
        fs::write(file(), &told).unwrap();
    }
    // A daemon of another version may say more in its errors and pools; what we say is ours alone.
    let ours = |text: &str| {
        text.lines().filter(|line| line.starts_with('>')).map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(ours(&told), ours(&fs::read_to_string(file()).unwrap()));
}

#[tokio::test]
async fn the_recorded_daemon_is_understood_without_a_daemon() {
    let text = fs::read_to_string(file()).unwrap();
    let lines: Vec<_> = text.lines().map(|line| (line.starts_with('>'), unhex(line))).collect();
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let replay = async {
        for (is_ours, bytes) in lines {
            if is_ours {
                let mut sent = vec![0; bytes.len()];
                theirs.read_exact(&mut sent).await.unwrap();
                assert_eq!(sent, bytes);
            } else {
                theirs.write_all(&bytes).await.unwrap();
            }
        }
    };
    let both = async { tokio::join!(converse(ours), replay) };
    tokio::time::timeout(PATIENCE, both).await.expect("the recording to fit");
}
