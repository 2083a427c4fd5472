//! Sockets that somebody opened for the server (systemd's socket activation):
//! they stay open while the server is replaced, so nobody is refused meanwhile.
//!
//! ```text
//!  hostlerd.socket ─► fd 3, 4 … ─► TCP                  ─► HTTPS, in place of `listen`
//!                                  TCP named `metrics`  ─► metrics, in place of `metrics_listen`
//!                                  unix                 ─► local users, in place of `socket`
//! ```

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

use crate::failure::{Failure, Result};

/// The name (`FileDescriptorName=`) of the socket for metrics.
const METRICS: &str = "metrics";

/// Sockets that were opened for the server.
#[derive(Debug, Default)]
pub struct Passed {
    /// For HTTPS.
    pub tls: Vec<TcpListener>,
    /// For local users.
    pub local: Vec<UnixListener>,
    /// For metrics without credentials.
    pub metrics: Option<TcpListener>,
}

impl Passed {
    /// Takes what was passed to this process, once. `names`: what the sockets are
    /// called, in their order.
    ///
    /// # Errors
    /// When one of them is something that the server cannot listen on.
    pub fn take(names: &[String]) -> Result<Self> {
        let (mut given, mut passed) = (ListenFd::from_env(), Self::default());
        for index in 0..given.len() {
            let name = names.get(index).map_or("", String::as_str);
            if let Ok(Some(listener)) = given.take_unix_listener(index) {
                listening(&listener, index)?;
                passed.local.push(listener);
                continue;
            }
            let listener =
                given.take_tcp_listener(index).ok().flatten().ok_or_else(|| {
                    unusable(index, "it is neither a TCP nor a unix stream socket")
                })?;
            listening(&listener, index)?;
            match name {
                METRICS => passed.take_metrics(listener, index)?,
                _ => passed.tls.push(listener),
            }
        }
        Ok(passed)
    }

    fn take_metrics(&mut self, listener: TcpListener, index: usize) -> Result<()> {
        let address = listener.local_addr().map_err(|error| unusable(index, &error.to_string()))?;
        if !address.ip().is_loopback() {
            return Err(unusable(index, "metrics need no credentials, so only a loopback address"));
        }
        if self.metrics.replace(listener).is_some() {
            return Err(unusable(index, "there is one for metrics already"));
        }
        Ok(())
    }

    /// Where HTTPS is served by them; empty when there are none for that.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tls.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }
}

fn listening(socket: impl AsFd, index: usize) -> Result<()> {
    match socket_acceptconn(socket) {
        Ok(true) => Ok(()),
        Ok(false) => Err(unusable(index, "it does not listen; a unit needs `Accept=no`")),
        Err(error) => Err(unusable(index, &error.to_string())),
    }
}

fn unusable(index: usize, why: &str) -> Failure {
    Failure::usage(format!("the socket passed as number {} cannot be used: {why}", index + 1))
}
