//! Proving who we are, before `CONNECT_OPEN`. Of the three ways the protocol knows, two need no
//! secret on the wire: none (root on the local socket, TLS client certificates, SSH) and polkit,
//! where the daemon asks its own host. SASL is not spoken.

use super::Connection;
use crate::error::{Error, Result};
use crate::procedure::{AUTH_LIST, AUTH_POLKIT};

const NONE: i32 = 0;
const SASL: i32 = 1;
const POLKIT: i32 = 2;

/// Asks which ways the daemon offers, and takes the first that works here.
pub(super) async fn authenticate(connection: &Connection) -> Result<()> {
    let (offered,) = connection.call::<_, (Vec<i32>,)>(AUTH_LIST, &()).await?;
    if offered.is_empty() || offered.contains(&NONE) {
        return Ok(());
    }
    if offered.contains(&POLKIT) {
        let outcome = connection.call::<_, (bool,)>(AUTH_POLKIT, &()).await;
        return match outcome {
            Ok((true,)) => Ok(()),
            Ok((false,)) => Err(Error::Auth { detail: "polkit wants a further step".into() }),
            Err(Error::Remote { error, .. }) => {
                let remedy = "run as root, join the group libvirt, or allow \
                              org.libvirt.unix.manage in polkit";
                Err(Error::Auth { detail: format!("{}; {remedy}", error.message) })
            }
            Err(error) => Err(error),
        };
    }
    if offered.contains(&SASL) {
        return Err(Error::Unsupported {
            what: "SASL authentication, the only kind the daemon offers,".into(),
            remedy: "use qemu+ssh, or TLS client certificates with auth_tls = \"none\" in \
                     libvirtd.conf"
                .into(),
        });
    }
    Err(Error::Unsupported {
        what: format!("each kind of authentication the daemon offers ({offered:?})"),
        remedy: "set auth_unix_rw or auth_tls to \"none\" or \"polkit\" in libvirtd.conf".into(),
    })
}
