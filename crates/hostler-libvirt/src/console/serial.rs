//! The serial line.

use std::pin::Pin;
use std::task::{Context, Poll};

use hostler_libvirt_rpc::{Domain, Role, Stream, StreamOptions, flags};
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

/// Opens the first serial line. With `take_over` whoever has it loses it.
pub(super) async fn open(
    link: &Link,
    cx: &Cx,
    domain: &Domain,
    take_over: bool,
) -> Result<Box<dyn ConsoleStream>> {
    let doing = format!("cannot open the serial console of \"{}\"", domain.name);
    let connection = link.connection(cx, Role::Stream, &doing).await?;
    // SAFE has the daemon itself refuse a line that another client holds.
    let flags = if take_over { flags::console::FORCE } else { flags::console::SAFE };
    let options = StreamOptions { buffer_bytes: UNREAD, ..StreamOptions::default() };
    let opened = async {
        let stream = connection.domain_open_console(domain, None, flags, options).await;
        stream.map_err(|error| translate(&error, Intent::Look, &doing))
    };
    let stream = cx.run(&doing, opened).await?;
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let mut pump = JoinSet::new();
    pump.spawn(carry(stream, theirs));
    Ok(Box::new(Serial { bytes: ours, _pump: pump }))
}

/// Carries bytes both ways until one side ends; neither way waits for the
/// other, so a guest that reads nothing is still heard. Dropping the stream
/// aborts it, which frees the line for others.
async fn carry(stream: Stream, local: DuplexStream) {
    let (mut read, mut write) = tokio::io::split(local);
    let outward = async {
        while let Ok(Some(bytes)) = stream.recv().await {
            if write.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let inward = async {
        let mut buffer = vec![0; 4096];
        while let Ok(count) = read.read(&mut buffer).await {
            match buffer.get(..count) {
                Some(bytes) if !bytes.is_empty() && stream.send(bytes).await.is_ok() => {}
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
    _pump: JoinSet<()>,
}

impl AsyncRead for Serial {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.bytes).poll_read(cx, buffer)
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
