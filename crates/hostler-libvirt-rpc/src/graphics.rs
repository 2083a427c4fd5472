//! A guest's screen as a connected socket: the daemon makes a pair, gives one
//! end to the hypervisor and passes the other to us beside its reply.
//!
//! Descriptors travel only over a unix socket, and only to whoever reads it
//! with care: an ordinary read of the byte that carries one loses it. So this
//! has a socket of its own, which reads exactly what belongs to each packet and
//! is closed afterwards.
//!
//! ```text
//!  AUTH_LIST ─► (AUTH_POLKIT) ─► CONNECT_OPEN ─► DOMAIN_OPEN_GRAPHICS_FD
//!      reply: header (type 5) · number of descriptors · nothing
//!      then, for each: one byte with the descriptor as ancillary data
//! ```

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::connection::Options;
use crate::error::{CloseReason, Error, RemoteError, Result};
use crate::frame::{Frame, Header, MessageType, ReadError, Status, read_frame};
use crate::procedure::{AUTH_LIST, AUTH_POLKIT, CONNECT_OPEN, DOMAIN_OPEN_GRAPHICS_FD, Procedure};
use crate::transport;
use crate::types::Domain;
use crate::uri::{ConnectUri, Transport};
use crate::xdr::{Decode, Encode, from_bytes, to_bytes};

/// Descriptors that a reply may bring; this call has one.
const FDS_MAX: u32 = 4;
const AUTH_NONE: i32 = 0;
const AUTH_BY_POLKIT: i32 = 2;

/// Opens a domain's display, counted from 0, on a connected stream socket.
/// Flag 1 (`VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH`) spares the client the
/// display's password.
///
/// # Errors
/// [`Error::Unsupported`] unless the daemon is reached through a unix socket;
/// otherwise as any call. Takes at most [`Options::connect_timeout`].
pub async fn open_graphics_fd(
    uri: &ConnectUri,
    options: &Options,
    domain: &Domain,
    index: u32,
    flags: u32,
) -> Result<OwnedFd> {
    if !matches!(uri.transport(), Transport::Unix { .. }) {
        return Err(Error::Unsupported {
            what: "passing the screen of a guest over TLS or SSH".into(),
            remedy: "connect to the daemon from its own host, through its unix socket".into(),
        });
    }
    let after = options.connect_timeout;
    let opening = async {
        let mut session = Session { socket: transport::dial_unix(uri, options).await?, serial: 0 };
        session.login(uri.name()).await?;
        session.open(domain, index, flags).await
    };
    let procedure = DOMAIN_OPEN_GRAPHICS_FD;
    match timeout(after, opening).await {
        Ok(result) => result,
        // Unused, the display's new client goes away with the socket.
        Err(_) => Err(Error::Timeout { procedure, after, sent: false }),
    }
}

/// A socket with one call at a time.
struct Session {
    socket: UnixStream,
    serial: u32,
}

impl Session {
    async fn login(&mut self, name: &str) -> Result<()> {
        let (offered,): (Vec<i32>,) = self.call(AUTH_LIST, &()).await?;
        if offered.contains(&AUTH_BY_POLKIT) && !offered.contains(&AUTH_NONE) {
            let (complete,): (bool,) = self.call(AUTH_POLKIT, &()).await?;
            if !complete {
                return Err(Error::Auth { detail: "polkit wants a further step".into() });
            }
        } else if !offered.is_empty() && !offered.contains(&AUTH_NONE) {
            return Err(Error::Auth { detail: "the daemon offers neither none nor polkit".into() });
        }
        self.call(CONNECT_OPEN, &(Some(name), 0_u32)).await
    }

    async fn open(&mut self, domain: &Domain, index: u32, flags: u32) -> Result<OwnedFd> {
        let procedure = DOMAIN_OPEN_GRAPHICS_FD;
        let reply = self.exchange(procedure, &(domain, index, flags)).await?;
        if reply.header.kind != MessageType::ReplyWithFds {
            let detail = "the reply brings no descriptor".to_owned();
            return Err(Error::Protocol { procedure: Some(procedure), detail });
        }
        let count: u32 = decode(procedure, &reply.payload)?;
        if count == 0 || count > FDS_MAX {
            let detail = format!("the reply brings {count} descriptors");
            return Err(Error::Protocol { procedure: Some(procedure), detail });
        }
        let mut first = None;
        for _ in 0..count {
            let received = self.receive_fd().await.map_err(|source| Error::Io {
                action: "receive the descriptor of a screen".into(),
                source,
            })?;
            first.get_or_insert(received);
        }
        first.ok_or_else(|| Error::Protocol {
            procedure: Some(procedure),
            detail: "the reply brings no descriptor".into(),
        })
    }

    async fn call<A: Encode + ?Sized, R: Decode>(
        &mut self,
        procedure: Procedure,
        arguments: &A,
    ) -> Result<R> {
        let reply = self.exchange(procedure, arguments).await?;
        decode(procedure, &reply.payload)
    }

    /// Sends a call and reads until its reply; a failed one is its error.
    async fn exchange<A: Encode + ?Sized>(
        &mut self,
        procedure: Procedure,
        arguments: &A,
    ) -> Result<Frame> {
        let refused = |detail: String| Error::Argument { procedure, detail };
        let payload = to_bytes(arguments).map_err(|error| refused(error.to_string()))?;
        self.serial += 1;
        let header = Header::new(procedure, MessageType::Call, self.serial, Status::Ok);
        let bytes = Frame::encode(&header, &payload).map_err(|error| refused(error.to_string()))?;
        let lost = |reason| Error::Closed { procedure: Some(procedure), reason, sent: true };
        let io = |error: io::Error| lost(CloseReason::Io { detail: error.to_string() });
        self.socket.write_all(&bytes).await.map_err(io)?;
        loop {
            let frame = match read_frame(&mut self.socket).await {
                Ok(frame) => frame,
                Err(ReadError::EndOfStream) => {
                    return Err(lost(CloseReason::EndOfStream { note: None }));
                }
                Err(ReadError::Io(error)) => return Err(io(error)),
                Err(ReadError::Malformed(error)) => {
                    return Err(lost(CloseReason::Protocol { detail: error.to_string() }));
                }
            };
            let is_reply =
                matches!(frame.header.kind, MessageType::Reply | MessageType::ReplyWithFds);
            if !is_reply || frame.header.serial != self.serial {
                continue; // nothing else was asked for, so nothing else is of interest
            }
            if frame.header.status == Status::Ok {
                return Ok(frame);
            }
            let error = decode::<RemoteError>(procedure, &frame.payload)?;
            return Err(Error::Remote { procedure, error: Box::new(error) });
        }
    }

    async fn receive_fd(&self) -> io::Result<OwnedFd> {
        self.socket.async_io(Interest::READABLE, || receive(&self.socket)).await
    }
}

/// Reads one byte and the descriptor that comes with it.
fn receive(socket: &UnixStream) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let got = recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)?;
    let received = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    match received {
        Some(fd) => Ok(fd),
        None if got.bytes == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "a byte without a descriptor")),
    }
}

fn decode<R: Decode>(procedure: Procedure, payload: &[u8]) -> Result<R> {
    from_bytes(payload).map_err(|error| Error::Protocol {
        procedure: Some(procedure),
        detail: format!("the reply cannot be read: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::io::{IoSlice, Read, Write};
    use std::os::fd::AsFd;

    use super::*;
    use crate::types::Uuid;

    /// A daemon that answers each call with the payload given, the last one
    /// with a descriptor.
    async fn daemon(mut socket: UnixStream, count: u32, passed: Option<OwnedFd>) {
        let replies = [to_bytes(&(vec![0_i32],)).unwrap(), Vec::new(), to_bytes(&count).unwrap()];
        for (index, payload) in replies.into_iter().enumerate() {
            let call = read_frame(&mut socket).await.unwrap();
            let kind = if index == 2 { MessageType::ReplyWithFds } else { MessageType::Reply };
            let header = Header { kind, ..call.header };
            socket.write_all(&Frame::encode(&header, &payload).unwrap()).await.unwrap();
        }
        let Some(fd) = passed else { return };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [fd.as_fd()];
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        socket.writable().await.unwrap();
        sendmsg(&socket, &[IoSlice::new(&[0])], &mut control, SendFlags::empty()).unwrap();
    }

    async fn open(count: u32, passed: Option<OwnedFd>) -> Result<OwnedFd> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut session = Session { socket: ours, serial: 0 };
        let client = async {
            session.login("qemu:///system").await?;
            session.open(&Domain::by_uuid(Uuid([1; 16])), 0, 1).await
        };
        tokio::join!(client, daemon(theirs, count, passed)).0
    }

    #[tokio::test]
    async fn the_descriptor_beside_the_reply_is_the_one_that_was_passed() {
        let (mut far, near) = std::os::unix::net::UnixStream::pair().unwrap();
        let received = open(1, Some(near.into())).await.unwrap();
        std::os::unix::net::UnixStream::from(received).write_all(b"RFB").unwrap();
        let mut heard = [0; 3];
        far.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"RFB");
    }

    #[tokio::test]
    async fn a_reply_without_its_descriptor_or_with_too_many_is_an_error() {
        assert!(matches!(open(1, None).await, Err(Error::Io { .. })));
        assert!(matches!(open(0, None).await, Err(Error::Protocol { .. })));
        assert!(matches!(open(u32::MAX, None).await, Err(Error::Protocol { .. })));
    }

    #[tokio::test]
    async fn a_daemon_over_tls_is_refused_before_anything_is_dialled() {
        let uri = "qemu+tls://host.invalid/system".parse().unwrap();
        let domain = Domain::by_uuid(Uuid([1; 16]));
        let refused = open_graphics_fd(&uri, &Options::default(), &domain, 0, 0).await;
        assert!(matches!(refused, Err(Error::Unsupported { .. })));
    }
}
