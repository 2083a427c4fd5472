//! The screen, as a socket that the daemon connected to the guest's VNC server
//! and passed to us. The daemon has vouched for us, so no password is asked for.

use hostler_libvirt_rpc::{Domain, Options, open_graphics_fd};
use hostler_provider::{ConsoleStream, Cx, Error, Kind, Result};
use tokio::net::UnixStream;

use crate::connection::Link;
use crate::error::{Intent, translate};

/// `VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH`.
const SKIP_AUTH: u32 = 1;

/// Opens the display of that number.
pub(super) async fn open(
    link: &Link,
    cx: &Cx,
    domain: &Domain,
    index: u32,
) -> Result<Box<dyn ConsoleStream>> {
    let doing = format!("cannot open the screen of \"{}\"", domain.name);
    let uri = link.uri(cx, &doing).await?;
    let options = Options {
        connect_timeout: link.config.connect_timeout.min(cx.remaining()),
        runtime_dir: link.config.runtime_dir.clone(),
        ..Options::default()
    };
    let opened = async {
        let passed = open_graphics_fd(uri, &options, domain, index, SKIP_AUTH).await;
        passed.map_err(|error| translate(&error, Intent::Look, &doing))
    };
    let passed = std::os::unix::net::UnixStream::from(cx.run(&doing, opened).await?);
    let usable = passed.set_nonblocking(true).and_then(|()| UnixStream::from_std(passed));
    let stream = usable.map_err(|error| {
        Error::new(Kind::Bug, format!("{doing}: the socket passed to us cannot be used"))
            .with_raw(error)
    })?;
    Ok(Box::new(stream))
}
