//! The way into a lab's network from outside, which has no other.
//!
//! ```text
//!  a client ──► 127.0.0.1:any ──► acceptor thread ──► 127.0.0.1:port
//!  (out here)    listener          connects from       (in the lab)
//!                out here          within the lab
//! ```
//!
//! A socket belongs to the network it was made in, whoever holds it. So the listener is made first
//! and the thread then moves into the lab's network: what it connects from there on is in there.
//! Nothing of the machine's own network is changed, and labs cannot meet each other.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::Lab;
use crate::error::{Context, Result};

/// Carries connections to one port of a lab. Dropping it ends them all.
#[derive(Debug)]
pub struct Gateway {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    /// Both ends of every connection, so that they can be cut.
    carried: Mutex<Vec<TcpStream>>,
}

impl Shared {
    fn carried(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lab {
    /// Makes a port of the lab's loopback reachable from this machine's. Whether anything listens
    /// there shows with each connection: where nothing does, it is closed at once.
    ///
    /// # Errors
    /// When the lab has ended.
    pub fn gateway(&self, port: u16) -> Result<Gateway> {
        let making = || format!("cannot reach port {port} of the lab");
        let network = self.namespace.network().context(making)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context(making)?;
        let outer = listener.local_addr().context(making)?.port();
        let shared = Arc::new(Shared::default());
        let accepting = shared.clone();
        let acceptor = thread::spawn(move || {
            let kind = Some(LinkNameSpaceType::Network);
            // Without the move connections would end up out here, at somebody else's port.
            if move_into_link_name_space(network.as_fd(), kind).is_ok() {
                accept(&listener, port, &accepting);
            }
        });
        Ok(Gateway { port: outer, shared, acceptor: Some(acceptor) })
    }
}

impl Gateway {
    /// Where to connect on this machine's loopback (127.0.0.1).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection there is, as a network failure would. New ones can be made.
    pub fn cut(&self) {
        for stream in self.shared.carried().drain(..) {
            // One that has ended already is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // Wakes the acceptor, which then sees that it is over.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.cut();
    }
}

fn accept(listener: &TcpListener, port: u16, shared: &Arc<Shared>) {
    for outer in listener.incoming() {
        if shared.is_over.load(Ordering::Acquire) {
            return;
        }
        // A client that is refused in there sees its connection closed.
        let Ok(outer) = outer else { continue };
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .and_then(|inner| carry(outer, inner, shared));
    }
}

/// Starts a thread for each direction. They end when either side does.
fn carry(outer: TcpStream, inner: TcpStream, shared: &Shared) -> io::Result<()> {
    let ways = [(outer.try_clone()?, inner.try_clone()?), (inner.try_clone()?, outer.try_clone()?)];
    shared.carried().extend([outer, inner]);
    for (mut from, mut to) in ways {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}
