//! Consoles: bytes of a serial line, or the screen as RFB, both ways.

use std::fmt;
use std::io;

use async_trait::async_trait;
use hostler_core::vm::observed::ConsoleKind;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// A console's bytes, both ways. Dropping it closes the console. Where somebody outside
/// Hostler took it, reading fails with [`CutOff`].
pub trait ConsoleStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ConsoleStream for T {}

/// Why a stream ended: somebody outside Hostler has the console now, or may have. Who opened
/// it again unasked would take it from them, and they from us, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff(pub String);

impl CutOff {
    /// What a failure of a stream says of it, if it is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CutOff {}

impl From<CutOff> for io::Error {
    fn from(cut_off: CutOff) -> Self {
        Self::other(cut_off)
    }
}

/// Opening consoles.
#[async_trait]
pub trait Console: Send + Sync {
    /// Which consoles whoever opens one takes from somebody else of whom the provider does not
    /// tell, so that nobody can be asked first.
    fn cuts_off_unseen(&self) -> &'static [ConsoleKind];

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
