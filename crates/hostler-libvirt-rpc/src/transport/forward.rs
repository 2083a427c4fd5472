//! A connection to something that listens on the daemon's host, through ssh: for what the protocol
//! itself cannot carry.
//!
//! ```text
//!  TCP    ssh -W ADDRESS:PORT            its standard input and output are the connection
//!  unix   ssh -N -L DIRECTORY/s:PATH     a socket only we can reach, for one connection
//! ```
//!
//! ssh opens the way only once somebody uses it, so that the other end refused shows as an early
//! end; [`Forwarded::failure`] then says why.

use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use super::Io;
use super::explain::ssh_ended;
use super::process::{Keeper, Note, start, start_detached};
use super::ssh::SshCommand;
use crate::error::{Error, Obstacle, Result};

/// How often one looks whether ssh has logged in.
const POLL: Duration = Duration::from_millis(20);

/// Where something listens, as its own host sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listener {
    /// On a TCP port.
    Tcp {
        /// An IP address or a host's name.
        host: String,
        /// The port.
        port: u16,
    },
    /// On a unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
    },
}

/// A connection that ssh carries. Dropping it ends the process.
pub struct Forwarded {
    io: Box<dyn Io>,
    note: Note,
    host: String,
    /// The process, where it is not the stream itself.
    _keeper: Option<Keeper>,
}

impl std::fmt::Debug for Forwarded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Forwarded(by {})", self.host)
    }
}

impl Forwarded {
    /// Why it has ended, for somebody who has seen it end before its time.
    pub fn failure(&self) -> impl Future<Output = Error> + Send + use<> {
        let (host, note) = (self.host.clone(), self.note.clone());
        async move { ssh_ended(&host, "ssh", &note.words().await) }
    }
}

/// Connects to a listener of the host that `command` logs in to. Waits until ssh has logged in
/// where that can be seen, and has no limit of its own.
///
/// # Errors
/// When ssh cannot be started, does not log in, or cannot be told the address.
pub async fn forward_ssh(command: &SshCommand, to: &Listener) -> Result<Forwarded> {
    let host = command.host.clone();
    let mut arguments = command.login()?;
    match to {
        Listener::Tcp { host: address, port } => {
            let is_address = |c: char| c.is_ascii_alphanumeric() || ".:-".contains(c);
            if address.is_empty() || address.starts_with('-') || !address.chars().all(is_address) {
                return Err(refuse(command, &format!("{address:?} is no address")));
            }
            // This also forgets whatever the user's configuration would forward.
            arguments.extend(["-W".into(), format!("[{address}]:{port}")]);
            arguments.extend(["--".into(), host.clone()]);
            let (stream, note) = start(&command.program, &arguments, &host)?;
            Ok(Forwarded { io: Box::new(stream), note, host, _keeper: None })
        }
        Listener::Unix { path } => {
            let remote = command.plain(path)?;
            let directory = private_directory(command)?;
            let socket = directory.path().join("s");
            let local = command.plain(&socket)?;
            arguments.extend(["-N".into(), "-L".into(), format!("{local}:{remote}")]);
            arguments.extend(["--".into(), host.clone()]);
            let (keeper, note) = start_detached(&command.program, &arguments, &host)?;
            let stream = loop {
                if let Ok(stream) = UnixStream::connect(&socket).await {
                    break stream;
                }
                if note.is_complete() {
                    return Err(ssh_ended(&host, "ssh", &note.words().await));
                }
                tokio::time::sleep(POLL).await;
            };
            // The directory goes here, and with it the way in for anybody else.
            drop(directory);
            Ok(Forwarded { io: Box::new(stream), note, host, _keeper: Some(keeper) })
        }
    }
}

/// A directory that only we can enter.
fn private_directory(command: &SshCommand) -> Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new()
        .prefix("hostler-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|source| {
            let action = format!("make a directory for the socket to {}", command.host);
            Error::Io { action, source }
        })
}

fn refuse(command: &SshCommand, detail: &str) -> Error {
    let (host, detail) = (command.host.clone(), detail.to_owned());
    Error::Ssh { host, obstacle: Obstacle::Forwarding, detail }
}

impl AsyncRead for Forwarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Forwarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
