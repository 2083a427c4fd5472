//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

/// Who is at the other end of a connection, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody over TLS.
    Tls(SocketAddr),
    /// Somebody on this machine, over the loopback interface without TLS: metrics only.
    Loopback(SocketAddr),
    /// A process of this machine with this user id and primary group.
    Local {
        /// Its user.
        uid: u32,
        /// Its primary group.
        gid: u32,
    },
}

impl Peer {
    /// Its address, where it has one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tls(address) | Self::Loopback(address) => Some(address.ip()),
            Self::Local { .. } => None,
        }
    }

    /// Whether it is root or the server's own user on this machine: who can do already
    /// whatever the server's process can.
    pub fn is_servers_user(&self) -> bool {
        let own = rustix::process::getuid().as_raw();
        matches!(self, Self::Local { uid, .. } if *uid == 0 || *uid == own)
    }

    /// Whether what is said can be read by nobody else.
    pub const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}
