//! Consoles: bytes of a serial line, or the screen as RFB, both ways.

use async_trait::async_trait;
use hostler_core::vm::observed::ConsoleKind;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// A console's bytes, both ways. Dropping it closes the console.
pub trait ConsoleStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ConsoleStream for T {}

/// Opening consoles.
#[async_trait]
pub trait Console: Send + Sync {
    /// Opens a console of a running VM. The deadline of `cx` is for opening,
    /// not for the life of the stream. With `take_over` whoever is connected
    /// is disconnected; without it a console in use is a `Conflict`. RFB
    /// streams begin with the server's version message, and the provider has
    /// dealt with passwords: the client authenticates with type None.
    async fn open(
        &self,
        cx: &Cx,
        vm: &VmRef,
        kind: ConsoleKind,
        take_over: bool,
    ) -> Result<Box<dyn ConsoleStream>>;
}
