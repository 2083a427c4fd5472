//! The screen of a simulated VM, as RFB (RFC 6143): versions 3.3 to 3.8,
//! security None, raw encoding. It shows the VM's name, its state and the word
//! SIMULATED, and repeats what is typed.
//!
//! ```text
//!   version ─► security ─► init ─► loop { message from client │ the world changed }
//!                                        └► an update, once one was requested and
//!                                           something differs (or all was asked for)
//! ```

mod font;
mod picture;
mod wire;

use std::io::{Error, ErrorKind, Result};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use self::picture::{HEIGHT, Picture, WIDTH};
use self::wire::{Message, PixelFormat, Request};
use super::Line;

pub(super) async fn serve(line: Line, mut stream: DuplexStream) -> Result<()> {
    let Some(sight) = line.look() else { return Ok(()) };
    greet(&mut stream, &sight.name).await?;
    let screen = Screen {
        stream,
        received: BytesMut::new(),
        format: PixelFormat::DEFAULT,
        shown: Picture::blank(),
        wanted: None,
        typed: String::new(),
    };
    screen.run(line).await
}

/// The handshake, up to and with `ServerInit`.
async fn greet(stream: &mut DuplexStream, name: &str) -> Result<()> {
    stream.write_all(b"RFB 003.008\n").await?;
    let mut version = [0; 12];
    stream.read_exact(&mut version).await?;
    let minor = match &version {
        b"RFB 003.003\n" | b"RFB 003.005\n" => 3,
        b"RFB 003.007\n" => 7,
        b"RFB 003.008\n" => 8,
        _ => return Err(Error::new(ErrorKind::InvalidData, "not a version of RFB that we speak")),
    };
    if minor == 3 {
        stream.write_u32(1).await?; // the server decides: None
    } else {
        stream.write_all(&[1, 1]).await?; // one type to choose from: None
        if stream.read_u8().await? != 1 {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "a security type that we did not offer",
            ));
        }
        if minor == 8 {
            stream.write_u32(0).await?; // SecurityResult: fine
        }
    }
    let _shared = stream.read_u8().await?;
    stream.write_all(&wire::server_init(WIDTH, HEIGHT, &format!("{name} (simulated)"))).await
}

struct Screen {
    stream: DuplexStream,
    received: BytesMut,
    format: PixelFormat,
    /// What the client has on its screen.
    shown: Picture,
    /// The request that waits for something to show.
    wanted: Option<Request>,
    typed: String,
}

impl Screen {
    async fn run(mut self, line: Line) -> Result<()> {
        let mut revisions = line.world.revisions();
        loop {
            revisions.borrow_and_update();
            let Some(sight) = line.look() else { return Ok(()) };
            self.update(&Picture::of(&sight, &self.typed)).await?;
            tokio::select! {
                read = self.stream.read_buf(&mut self.received) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some((message, size)) = wire::decode(&self.received)? {
                        self.received.advance(size);
                        self.take(message);
                    }
                }
                changed = revisions.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::SetPixelFormat(format) => self.format = format,
            Message::Update(request) => {
                // A full request outlives incremental ones that follow it.
                let is_full = |r: &Request| !r.incremental;
                if !self.wanted.as_ref().is_some_and(is_full) || is_full(&request) {
                    self.wanted = Some(request);
                }
            }
            Message::Key { down: true, keysym } => picture::press(&mut self.typed, keysym),
            // Encodings: raw is always allowed. Pointer and clipboard: nobody is there.
            Message::Key { .. } | Message::Ignored => {}
        }
    }

    /// Answers the request that waits, once there is something to show.
    async fn update(&mut self, now: &Picture) -> Result<()> {
        let Some(request) = &self.wanted else { return Ok(()) };
        let rows = if request.incremental {
            match now.rows_changed_since(&self.shown) {
                Some(rows) => rows,
                None => return Ok(()),
            }
        } else {
            0..HEIGHT
        };
        let area = request.clipped_to(WIDTH, &rows);
        let bytes = wire::raw_update(&area, &self.format, |x, y| now.colour(x, y));
        self.stream.write_all(&bytes).await?;
        // What lies outside the request stays to be shown.
        self.shown.copy_from(now, &area);
        self.wanted = None;
        Ok(())
    }
}
