//! Consoles: the serial line as a stream of the daemon's, whatever the way to
//! it; the screen as a connected descriptor from the daemon where it is on this
//! host, and otherwise through SSH. It is always the console of this very VM
//! (A16): streams and descriptors go through no address on the host, and what
//! does is shown only once the VM itself has confirmed it.

mod remote;
mod screen;
mod serial;

use async_trait::async_trait;
use hostler_core::vm::VmState;
use hostler_core::vm::observed::ConsoleKind;
use hostler_libvirt_rpc::Transport;
use hostler_provider::{Console, ConsoleStream, Cx, Error, Kind, Result, VmRef};

use crate::Libvirt;
use crate::connection::domain_of;

#[async_trait]
impl Console for Libvirt {
    fn cuts_off_unseen(&self) -> &'static [ConsoleKind] {
        &[]
    }

    async fn open(
        &self,
        cx: &Cx,
        vm: &VmRef,
        kind: ConsoleKind,
        take_over: bool,
    ) -> Result<Box<dyn ConsoleStream>> {
        let domain = domain_of(vm)?;
        let state = self.link.state_of(cx, &domain).await?;
        if !state.power.is_live() {
            let state = VmState::from(state.power).as_str();
            let message = format!("cannot open a console of {vm}: it is {state}; start it first");
            return Err(Error::new(Kind::Conflict, message));
        }
        let known = self.link.read(cx, &domain).await?;
        if !known.domain.consoles.contains(&kind) {
            let message = format!("{vm} has no {} console", kind.as_str());
            return Err(Error::new(Kind::Unsupported, message));
        }
        match kind {
            ConsoleKind::Serial => {
                let alias = known.domain.serial_alias.as_deref();
                serial::open(&self.link, cx, &domain, alias, take_over).await
            }
            ConsoleKind::Vnc => {
                let doing = format!("cannot open the screen of \"{}\"", domain.name);
                match self.link.uri(cx, &doing).await?.transport() {
                    Transport::Unix { .. } => {
                        let index = known.domain.vnc_index.unwrap_or(0);
                        screen::open(&self.link, cx, &domain, index).await
                    }
                    Transport::Ssh(command) => {
                        remote::open(&self.link, cx, &domain, &known, command).await
                    }
                    Transport::Tls { .. } => Err(remote::refuse_tls(&domain, &known)),
                }
            }
            ConsoleKind::Spice => Err(Error::new(
                Kind::Unsupported,
                format!("the screen of {vm} speaks SPICE, which cannot be shown here; use VNC"),
            )),
        }
    }
}
