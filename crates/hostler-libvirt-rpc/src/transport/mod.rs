//! Ways to the daemon: its unix socket, TLS, or an ssh process. All give one byte stream.

mod explain;
mod forward;
mod process;
mod ssh;
mod tls;
mod unix;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

pub use forward::{Forwarded, Listener, forward_ssh};
pub(crate) use process::Note;
pub use ssh::SshCommand;

use crate::connection::Options;
use crate::error::{CloseReason, Error, Obstacle, Result};
use crate::uri::{ConnectUri, Transport};

/// A byte stream to a daemon: what [`Connection::over`](crate::Connection::over) accepts.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// A stream that has been dialled.
pub(crate) struct Dialled {
    pub(crate) io: Box<dyn Io>,
    /// Where the reason of an early end is found, if the stream is a process.
    pub(crate) note: Option<Note>,
}

/// The daemon's unix socket itself, for what only such a socket can do.
pub(crate) async fn dial_unix(uri: &ConnectUri, options: &Options) -> Result<UnixStream> {
    match uri.transport() {
        Transport::Unix { socket } => unix::dial(uri, socket.as_deref(), options).await,
        Transport::Tls { .. } | Transport::Ssh(_) => Err(uri.refuse("is not a unix socket")),
    }
}

/// Reaches the daemon that a URI names.
pub(crate) async fn dial(uri: &ConnectUri, options: &Options) -> Result<Dialled> {
    match uri.transport() {
        Transport::Unix { socket } => {
            let io = Box::new(unix::dial(uri, socket.as_deref(), options).await?);
            Ok(Dialled { io, note: None })
        }
        Transport::Tls { host, port, pki_path } => {
            let io = Box::new(tls::dial(host, *port, pki_path.as_deref()).await?);
            Ok(Dialled { io, note: None })
        }
        Transport::Ssh(command) => {
            let (io, note) = ssh::dial(command, uri.name(), options.read_only)?;
            Ok(Dialled { io: Box::new(io), note: Some(note) })
        }
    }
}

/// Says why an ssh process gave no connection, where it was one that did not: its end alone would
/// only say that there is none.
pub(crate) async fn explain(uri: &ConnectUri, note: Option<&Note>, error: Error) -> Error {
    let (Transport::Ssh(command), Some(note)) = (uri.transport(), note) else { return error };
    match &error {
        Error::Closed { reason: CloseReason::Protocol { detail }, .. } => Error::Ssh {
            host: command.host.clone(),
            obstacle: Obstacle::Helper,
            detail: format!(
                "what came is not libvirt's protocol; the user's shell there must write nothing \
                 of its own: {detail}"
            ),
        },
        Error::Closed {
            reason: CloseReason::EndOfStream { .. } | CloseReason::Io { .. }, ..
        } => explain::ssh_ended(&command.host, &command.helper, &note.words().await),
        _ => error,
    }
}
