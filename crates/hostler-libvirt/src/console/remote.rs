//! The screen of a guest on another host: reached through SSH where it listens,
//! and not at all over TLS.
//!
//! The daemon passes descriptors only to its own host, so here an address is
//! connected to, and an address says nothing about who listens there (A16). So
//! nothing is shown before it is proven that this VM's own QEMU has been
//! reached:
//!
//! ```text
//!  configuration read ─► connected ─► RFB greeting ─► QEMU of this run of this
//!   (run, address)                                     VM reports a new client
//!                                                      at that address ─┐
//!  shown ◄── same run, same address ◄── configuration read again ◄──────┘
//! ```
//!
//! QEMU holds its address from its start to its end. A run that is the same
//! before and after therefore held it all the time in between; and a client
//! that this very QEMU reports meanwhile is us, or somebody who came to the
//! same screen.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hostler_libvirt_rpc::{Domain, Forwarded, Listener, SshCommand, forward_ssh};
use hostler_provider::{ConsoleStream, Cx, Error, Kind, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::connection::{Link, ScreenClient};
use crate::error::{Intent, translate};
use crate::inventory::cache::Known;
use crate::xml::domain::read::Screen;

/// What a VNC server says first: `RFB 003.008` and a line end.
const GREETING_BYTES: usize = 12;
/// How long to wait for the greeting, and for QEMU's report of a new client.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a screen through SSH.
pub(super) async fn open(
    link: &Link,
    cx: &Cx,
    domain: &Domain,
    known: &Known,
    command: &SshCommand,
) -> Result<Box<dyn ConsoleStream>> {
    let doing = format!("cannot open the screen of \"{}\"", domain.name);
    let (Some(run), Some(screen)) = (known.domain.id, &known.domain.screen) else {
        let message = format!("{doing}: it listens nowhere, so SSH cannot reach it");
        return Err(Error::new(Kind::Unsupported, message));
    };
    // Before connecting, so that the report cannot come earlier.
    let mut clients = link.screens.subscribe();
    let cx = &cx.at_most(PATIENCE + link.config.connect_timeout);
    let opened = async {
        let way = forward_ssh(command, &listener(screen)).await;
        way.map_err(|error| translate(&error, Intent::Look, &doing))
    };
    let mut way = cx.run(&doing, opened).await?;
    let greeting = cx.run(&doing, greeting(&mut way, &doing)).await?;
    cx.run(&doing, reported(&mut clients, domain, run, screen, &doing)).await?;
    let after = link.read(cx, domain).await?;
    if after.domain.id != Some(run) || after.domain.screen.as_ref() != Some(screen) {
        let message = format!("{doing}: it was restarted meanwhile; try again");
        return Err(Error::new(Kind::Conflict, message));
    }
    Ok(Box::new(Greeted { greeting, given: 0, way }))
}

/// Why there is no screen over TLS.
pub(super) fn refuse_tls(domain: &Domain, known: &Known) -> Error {
    let why = match &known.domain.screen {
        Some(Screen::Tcp { address, .. }) if !is_loopback(address) => {
            "and it listens on the network, but without the encryption of this connection"
        }
        Some(_) => "and it can only be reached on its own host",
        None => "and it listens nowhere",
    };
    let message = format!(
        "cannot open the screen of \"{}\": libvirt passes no screens over TLS, {why}; connect \
         over SSH (qemu+ssh://…) instead, or run hostlerd on the host",
        domain.name
    );
    Error::new(Kind::Unsupported, message)
}

/// Where to connect from the host itself.
fn listener(screen: &Screen) -> Listener {
    match screen {
        Screen::Unix { path } => Listener::Unix { path: path.into() },
        Screen::Tcp { address, port } => {
            let host = match address.as_str() {
                "0.0.0.0" | "*" | "" => "127.0.0.1",
                "::" => "::1",
                address => address,
            };
            Listener::Tcp { host: host.to_owned(), port: *port }
        }
    }
}

fn is_loopback(address: &str) -> bool {
    address == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads what a VNC server says first, so that nothing else is ever shown.
async fn greeting(way: &mut Forwarded, doing: &str) -> Result<[u8; GREETING_BYTES]> {
    let mut greeting = [0; GREETING_BYTES];
    let read = tokio::time::timeout(PATIENCE, way.read_exact(&mut greeting)).await;
    match read {
        Ok(Ok(_)) if greeting.starts_with(b"RFB ") => Ok(greeting),
        Ok(Ok(_)) => {
            let message = format!("{doing}: what listens there is no VNC server");
            Err(Error::new(Kind::Unsupported, message))
        }
        Ok(Err(_)) => Err(translate(&way.failure().await, Intent::Look, doing)),
        Err(_) => Err(Error::new(Kind::Timeout, format!("{doing}: its VNC server says nothing"))),
    }
}

/// Waits until the VM's own QEMU reports that a client came to this address.
async fn reported(
    clients: &mut Receiver<ScreenClient>,
    domain: &Domain,
    run: i32,
    screen: &Screen,
    doing: &str,
) -> Result<()> {
    let heard = async {
        loop {
            match clients.recv().await {
                Ok(client) if is_ours(&client, domain, run, screen) => return true,
                // Missed ones were of others, or ours is lost: then it ends by time.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return false,
            }
        }
    };
    if tokio::time::timeout(PATIENCE, heard).await.unwrap_or(false) {
        return Ok(());
    }
    let message = format!(
        "{doing}: its hypervisor did not confirm the connection, so what was reached may be \
         another VM's screen"
    );
    Err(Error::new(Kind::Unavailable, message))
}

fn is_ours(client: &ScreenClient, domain: &Domain, run: i32, screen: &Screen) -> bool {
    let at = match screen {
        Screen::Tcp { port, .. } => port.to_string(),
        Screen::Unix { path } => path.clone(),
    };
    // Where a wildcard listens, the client came to one of the host's addresses.
    let service = client.local.rsplit_once(':').map(|(_, service)| service);
    client.uuid == domain.uuid && client.id == run && service == Some(at.as_str())
}

/// A connection whose greeting has been read already.
struct Greeted {
    greeting: [u8; GREETING_BYTES],
    given: usize,
    way: Forwarded,
}

impl AsyncRead for Greeted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.greeting.get(self.given..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut self.way).poll_read(cx, buffer);
        }
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..count).unwrap_or_default());
        self.given += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Greeted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.way).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.way).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.way).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use hostler_libvirt_rpc::Uuid;

    use super::*;

    fn tcp(address: &str) -> Screen {
        Screen::Tcp { address: address.into(), port: 5900 }
    }

    #[test]
    fn a16_only_a_client_of_this_run_at_this_address_is_proof() {
        let domain = Domain { id: 3, ..Domain::by_uuid(Uuid([1; 16])) };
        let client =
            |id, local: &str| ScreenClient { uuid: domain.uuid, id, local: local.to_owned() };
        let proof = |client, screen| is_ours(&client, &domain, 3, &screen);
        assert!(proof(client(3, "127.0.0.1:5900"), tcp("0.0.0.0")));
        assert!(proof(client(3, "::1:5900"), tcp("::")));
        assert!(!proof(client(4, "127.0.0.1:5900"), tcp("127.0.0.1")), "another run");
        assert!(!proof(client(3, "127.0.0.1:15900"), tcp("127.0.0.1")), "another port");
        let other = ScreenClient { uuid: Uuid([2; 16]), ..client(3, "127.0.0.1:5900") };
        assert!(!proof(other, tcp("127.0.0.1")), "another VM");
        let unix = || Screen::Unix { path: "/run/a/vnc.sock".into() };
        assert!(proof(client(3, ":/run/a/vnc.sock"), unix()));
        assert!(!proof(client(3, ":/run/b/vnc.sock"), unix()));
    }

    #[test]
    fn wildcards_are_reached_on_the_loopback() {
        let host = |address| match listener(&tcp(address)) {
            Listener::Tcp { host, .. } => host,
            Listener::Unix { .. } => panic!("not a port"),
        };
        assert_eq!(["0.0.0.0", "::", "10.0.0.1"].map(host), ["127.0.0.1", "::1", "10.0.0.1"]);
    }
}
