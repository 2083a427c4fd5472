//! The local daemon's socket, found where libvirt's own client looks for it.

use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use crate::connection::Options;
use crate::error::{Error, Result};
use crate::uri::ConnectUri;

/// Where a system-wide daemon has its sockets.
const SYSTEM_DIR: &str = "/var/run/libvirt";

/// Connects to the given socket, or else to the first of the usual ones that exists.
pub(super) async fn dial(
    uri: &ConnectUri,
    socket: Option<&Path>,
    options: &Options,
) -> Result<UnixStream> {
    let candidates = match socket {
        Some(path) => vec![path.to_owned()],
        None => usual_sockets(uri, options)?,
    };
    let mut failure = None;
    for path in candidates {
        match UnixStream::connect(&path).await {
            Ok(stream) => return Ok(stream),
            Err(source) => {
                // The first says most: a refusal or a missing right matters more than that the
                // alternative does not exist either.
                let is_missing = source.kind() == std::io::ErrorKind::NotFound;
                if failure.is_none() || !is_missing {
                    let action = format!("connect to {}", path.display());
                    failure = Some(Error::Io { action, source });
                }
            }
        }
    }
    Err(failure.unwrap_or_else(|| uri.refuse("no socket is known for it")))
}

/// The monolithic daemon first, then the driver's own (libvirt 5.6 and later).
fn usual_sockets(uri: &ConnectUri, options: &Options) -> Result<Vec<PathBuf>> {
    let is_session = uri.path() == "/session";
    let directory = if is_session {
        let runtime = options.runtime_dir.as_ref().ok_or_else(|| {
            uri.refuse("a session daemon is found through Options::runtime_dir, which is not set")
        })?;
        runtime.join("libvirt")
    } else {
        SYSTEM_DIR.into()
    };
    // A session daemon has one socket for everything.
    let suffix = if options.read_only && !is_session { "-ro" } else { "" };
    let modular = format!("virt{}d-sock{suffix}", uri.driver());
    Ok(vec![directory.join(format!("libvirt-sock{suffix}")), directory.join(modular)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(uri: &str, options: &Options) -> Vec<PathBuf> {
        usual_sockets(&uri.parse().unwrap(), options).unwrap()
    }

    #[test]
    fn the_monolithic_socket_comes_before_the_drivers_own() {
        let mut options = Options::default();
        assert_eq!(
            sockets("qemu:///system", &options),
            ["/var/run/libvirt/libvirt-sock", "/var/run/libvirt/virtqemud-sock"].map(PathBuf::from)
        );
        options.read_only = true;
        let [first, _] = &sockets("lxc:///system", &options)[..] else { panic!("two sockets") };
        assert_eq!(first, Path::new("/var/run/libvirt/libvirt-sock-ro"));
    }

    #[test]
    fn a_session_daemon_needs_the_callers_runtime_directory() {
        let mut options = Options::default();
        let uri = "qemu:///session".parse().unwrap();
        assert!(matches!(usual_sockets(&uri, &options), Err(Error::Uri { .. })));
        options.runtime_dir = Some("/run/user/1000".into());
        assert_eq!(
            sockets("qemu:///session", &options)[0],
            Path::new("/run/user/1000/libvirt/libvirt-sock")
        );
    }
}
