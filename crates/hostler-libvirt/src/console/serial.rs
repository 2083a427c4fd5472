//! The serial line.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use hostler_libvirt_rpc::{Domain, Error, Role, Stream, StreamOptions, flags};
use hostler_provider::{ConsoleStream, Cx, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::JoinSet;

use crate::connection::Link;
use crate::error::{Intent, translate};

/// Bytes between the daemon's stream and the reader. A reader that is slower
/// makes the daemon's stream fill its own buffer, and is cut off when that is full.
const BUFFER: usize = 64 * 1024;
/// What one console may have unread in all.
const UNREAD: usize = 4 << 20;

/// Opens the serial line of that name, or the first one. With `take_over` whoever has it loses it.
pub(super) async fn open(
    link: &Link,
    cx: &Cx,
    domain: &Domain,
    alias: Option<&str>,
    take_over: bool,
) -> Result<Box<dyn ConsoleStream>> {
    let doing = format!("cannot open the serial console of \"{}\"", domain.name);
    let connection = link.connection(cx, Role::Stream, &doing).await?;
    // SAFE has the daemon itself refuse a line that another client holds.
    let flags = if take_over { flags::console::FORCE } else { flags::console::SAFE };
    let options = StreamOptions { buffer_bytes: UNREAD, ..StreamOptions::default() };
    let opened = async {
        let stream = connection.domain_open_console(domain, alias, flags, options).await;
        stream.map_err(|error| translate(&error, Intent::Look, &doing))
    };
    let stream = cx.run(&doing, opened).await?;
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let mut pump = JoinSet::new();
    let failure = Failure::default();
    pump.spawn(carry(stream, theirs, failure.clone()));
    Ok(Box::new(Serial { bytes: ours, failure, _pump: pump }))
}

/// Why the line was lost, when it did not end by itself.
type Failure = Arc<Mutex<Option<String>>>;

/// What an end means: the daemon's own word is the guest's end of the line, or
/// somebody who took over; anything else is a failure on the way to it.
fn note(failure: &Failure, error: &Error) {
    if !matches!(error, Error::Remote { .. } | Error::StreamEnded { .. }) {
        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

/// Carries bytes both ways until one side ends; neither way waits for the
/// other, so a guest that reads nothing is still heard. Dropping the stream
/// aborts it, which frees the line for others.
async fn carry(stream: Stream, local: DuplexStream, failure: Failure) {
    let (mut read, mut write) = tokio::io::split(local);
    let outward = async {
        loop {
            match stream.recv().await {
                Ok(Some(bytes)) if write.write_all(&bytes).await.is_ok() => {}
                Ok(_) => return,
                Err(error) => return note(&failure, &error),
            }
        }
    };
    let inward = async {
        let mut buffer = vec![0; 4096];
        while let Ok(count) = read.read(&mut buffer).await {
            match buffer.get(..count) {
                Some(bytes) if !bytes.is_empty() => {
                    if let Err(error) = stream.send(bytes).await {
                        return note(&failure, &error);
                    }
                }
                _ => return,
            }
        }
    };
    tokio::select! {
        () = outward => {}
        () = inward => {}
    }
}

/// The near end. Dropping it stops the pump.
struct Serial {
    bytes: DuplexStream,
    failure: Failure,
    _pump: JoinSet<()>,
}

impl AsyncRead for Serial {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.bytes).poll_read(cx, buffer))?;
        let is_end = buffer.filled().len() == before && buffer.remaining() > 0;
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match failure {
            Some(failure) if is_end => Poll::Ready(Err(std::io::Error::other(failure))),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Serial {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.bytes).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.bytes).poll_shutdown(cx)
    }
}
