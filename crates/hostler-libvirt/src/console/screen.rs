//! The screen.

use hostler_libvirt_rpc::Domain;
use hostler_provider::{ConsoleStream, Cx, Error, Kind, Result};

use crate::connection::Link;

pub(super) async fn open(
    _link: &Link,
    _cx: &Cx,
    domain: &Domain,
    _index: u32,
) -> Result<Box<dyn ConsoleStream>> {
    Err(Error::new(Kind::Unsupported, format!("{}: no screen yet", domain.name)))
}
