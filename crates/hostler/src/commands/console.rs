//! `hostler vm console`: a guest's serial line on this terminal, or in a pipe.
//!
//! On a terminal every key goes to the guest, also Ctrl-C; `Ctrl-]` leaves. In
//! a pipe stdin goes to the guest and its output to stdout, until it ends, the
//! time is up, or the text that is waited for has come.

use std::io::IsTerminal;

use bytes::Bytes;
use hostler_api::v1;
use hostler_client::{Console, ConsoleMessage};
use hostler_core::Kind;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::vms::ConsoleArgs;
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::select::one_vm;
use crate::work::Interrupts;

/// Ctrl-], as in telnet and virsh.
const ESCAPE: u8 = 0x1d;

/// Why the console was left.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    /// The person or a signal wanted it.
    Wanted,
    /// The time was up.
    TimeUp,
    /// The text that was waited for has come.
    Found,
    /// The server closed it.
    Closed(Option<String>),
    /// Ctrl-C in a pipe.
    Interrupted,
}

pub(crate) async fn run(app: &App, args: ConsoleArgs) -> Result {
    let client = app.client()?;
    let vm = one_vm(&client, &args.vm).await?.value;
    let request = v1::ConsoleRequest { kind: v1::ConsoleKind::Serial, take_over: args.take_over };
    let console = client.open_console(&vm.id, &request).await.map_err(|error| {
        Failure::from(error).during(format!("cannot open the console of vm \"{}\"", vm.name))
    })?;
    let raw = RawMode::enter();
    if raw.is_some() {
        app.terminal
            .say(&format!("connected to {}; Ctrl-] leaves\r", crate::text::printable(&vm.name)));
    }
    let left = talk(app, console, &args, raw.is_some()).await;
    drop(raw);
    match (left?, &args.until) {
        (Left::Interrupted, _) => Err(Failure::told(130)),
        (Left::Found | Left::Wanted, _) | (Left::TimeUp, None) => Ok(()),
        (Left::TimeUp, Some(text)) => {
            Err(Failure::new(Kind::Timeout.exit_code(), format!("`{text}` did not come in time")))
        }
        (Left::Closed(reason), until) => {
            let reason = reason.unwrap_or_else(|| "the server closed it".into());
            match until {
                Some(text) => Err(Failure::new(
                    Kind::Timeout.exit_code(),
                    format!("the console ended before `{text}` came: {reason}"),
                )),
                None => {
                    app.say(format!("the console ended: {reason}"));
                    Ok(())
                }
            }
        }
    }
}

/// Carries bytes both ways until there is a reason to leave.
async fn talk(app: &App, mut console: Console, args: &ConsoleArgs, is_raw: bool) -> Result<Left> {
    let mut interrupts = Interrupts::listen();
    let deadline = args.limit.map(|limit| Instant::now() + limit);
    let far = Instant::now();
    let mut watcher = args.until.as_ref().map(|text| Watcher::new(text.as_bytes()));
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; 4096];
    let mut is_open = true;
    let failed = |error| Failure::new(1, format!("signals cannot be heard: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    let left = loop {
        tokio::select! {
            message = console.reader.next() => match message? {
                ConsoleMessage::Bytes(bytes) => {
                    app.terminal.write_bytes(&bytes)?;
                    if watcher.as_mut().is_some_and(|watcher| watcher.sees(&bytes)) {
                        break Left::Found;
                    }
                }
                ConsoleMessage::Closed(reason) => break Left::Closed(reason),
            },
            read = stdin.read(&mut buffer), if is_open => {
                let count = read.map_err(|error| Failure::new(1, format!("cannot read stdin: {error}")))?;
                let typed = buffer.get(..count).unwrap_or_default();
                let escape = typed.iter().position(|byte| is_raw && *byte == ESCAPE);
                let sent = typed.get(..escape.unwrap_or(count)).unwrap_or_default();
                if !sent.is_empty() {
                    console.writer.send(Bytes::copy_from_slice(sent)).await?;
                }
                if escape.is_some() {
                    break Left::Wanted;
                }
                // The end of a pipe is not the end of the guest's output.
                is_open = count > 0;
            }
            () = sleep_until(deadline.unwrap_or(far)), if deadline.is_some() => break Left::TimeUp,
            // In raw mode Ctrl-C is a byte for the guest and no signal.
            () = interrupts.heard() => break Left::Interrupted,
            _ = terminate.recv() => break Left::Wanted,
            _ = hang_up.recv() => break Left::Wanted,
        }
    };
    console.writer.close().await;
    Ok(left)
}

/// Finds a text in a stream, across its pieces.
struct Watcher {
    wanted: Vec<u8>,
    tail: Vec<u8>,
}

impl Watcher {
    fn new(wanted: &[u8]) -> Self {
        Self { wanted: wanted.to_vec(), tail: Vec::new() }
    }

    /// Whether the text has come, with these bytes.
    fn sees(&mut self, bytes: &[u8]) -> bool {
        self.tail.extend_from_slice(bytes);
        let found = self.wanted.is_empty()
            || self.tail.windows(self.wanted.len()).any(|window| window == self.wanted);
        // Only what may be the beginning of the text is needed any longer.
        let spare = self.tail.len().saturating_sub(self.wanted.len().saturating_sub(1));
        self.tail.drain(..spare);
        found
    }
}

/// The terminal passes every key on, until this is dropped.
struct RawMode(Termios);

impl RawMode {
    /// `None` where stdin is no terminal.
    fn enter() -> Option<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs no repair.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_pieces() {
        let mut watcher = Watcher::new(b"login:");
        assert!(!watcher.sees(b"boot\r\nlo"));
        assert!(!watcher.sees(b"g"));
        assert!(watcher.sees(b"in: "));
        let mut watcher = Watcher::new(b"aab");
        assert!(!watcher.sees(b"aa"));
        assert!(watcher.sees(b"ab"));
        assert!(Watcher::new(b"").sees(b"x"));
    }

    #[test]
    fn what_is_kept_does_not_grow() {
        let mut watcher = Watcher::new(b"login:");
        for _ in 0..100 {
            watcher.sees(&[b'x'; 1000]);
        }
        assert!(watcher.tail.len() < 6);
    }
}
