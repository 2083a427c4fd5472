//! Consoles: the serial line and the screen of an instance, as WebSockets of virt-api's.
//!
//! KubeVirt has one session of each kind for an instance, whoever it is of, and says
//! little about it:
//!
//! | | serial console | screen |
//! |---|---|---|
//! | somebody of this provider has it | refused, unless it is taken over | the same |
//! | somebody else has it, asked without taking over | **is cut off: KubeVirt tells nobody** | refused since KubeVirt 1.7 and 1.6.3; before, cut off |
//! | the VM is moved to another node | goes on there: see `line` | ends, with the reason |
//! | the VM is turned off | ends | ends |
//!
//! A screen cannot go on at another node: what both sides agreed on, and the state of
//! their compression, is lost with the connection.

mod after;
mod holders;
mod line;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use hostler_core::vm::observed::ConsoleKind;
use hostler_core::vm::{PowerState, VmState};
use hostler_provider::{Console, ConsoleStream, Cx, Error, Kind, Result, VmRef};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::error::{Cause, Failure};
use crate::link::without_effect;
use crate::mapper::MappedVm;
use crate::provider::KubeVirt;
use crate::resource::ObjectKey;
pub(crate) use holders::Consoles;
use line::Line;

/// How long to wait for the first word of a screen.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a VNC server says first: `RFB 003.008` and a line end.
const GREETING_BYTES: usize = 12;

#[async_trait]
impl Console for KubeVirt {
    fn cuts_off_unseen(&self) -> &'static [ConsoleKind] {
        // There is one line, and KubeVirt has no way to ask who has it.
        &[ConsoleKind::Serial]
    }

    async fn open(
        &self,
        cx: &Cx,
        vm: &VmRef,
        kind: ConsoleKind,
        take_over: bool,
    ) -> Result<Box<dyn ConsoleStream>> {
        let doing = match kind {
            ConsoleKind::Serial => format!("cannot open the serial console of {vm}"),
            ConsoleKind::Vnc | ConsoleKind::Spice => format!("cannot open the screen of {vm}"),
        };
        let opened = cx.run(&doing, self.begin(cx, vm, kind, take_over, &doing)).await;
        opened.map_err(without_effect)
    }
}

impl KubeVirt {
    async fn begin(
        &self,
        cx: &Cx,
        vm: &VmRef,
        kind: ConsoleKind,
        take_over: bool,
        doing: &str,
    ) -> Result<Box<dyn ConsoleStream>> {
        let what = subresource(kind).ok_or_else(|| {
            let message = format!("{doing}: KubeVirt shows no SPICE; use VNC");
            Error::new(Kind::Unsupported, message)
        })?;
        let seen = self.look(cx, vm).await.map_err(|error| error.context(doing))?;
        let seen = seen.ok_or_else(|| missing(doing))?;
        let run = may_be_opened(&seen, kind, doing)?;
        let place = Consoles::place(&self.consoles, vm, kind);
        // One after the other: whom virt-handler lets in last is who has it here.
        let turn = place.turn().await;
        if !take_over && place.is_held() {
            let message = format!(
                "{doing}: somebody uses it through this server; take it over, or try again when \
                 they are done"
            );
            return Err(Error::new(Kind::Conflict, message));
        }
        let key = ObjectKey::in_namespace(&*seen.namespace, &*seen.vm.name);
        let caller = self.shared.link.caller(cx).await?;
        let preserve = kind == ConsoleKind::Vnc && !take_over;
        let mut socket = match caller.stream(cx, &key, what, preserve, doing).await {
            Ok(socket) => socket,
            Err(failure) => return Err(self.refused(cx, vm, failure, doing).await),
        };
        let first = match kind {
            ConsoleKind::Vnc => greeting(&mut socket, doing).await?,
            ConsoleKind::Serial | ConsoleKind::Spice => Vec::new(),
        };
        let held = place.hold();
        drop(turn);
        let line = Line {
            shared: Arc::downgrade(&self.shared),
            vm: vm.clone(),
            key,
            kind,
            run,
            node: seen.vm.host_ref,
            held,
        };
        Ok(Box::new(line::carry(&self.consoles, line, socket, &first)))
    }

    /// A refusal as it is told. That there is no instance is the VM's state, if there
    /// is a VM.
    async fn refused(&self, cx: &Cx, vm: &VmRef, failure: Failure, doing: &str) -> Error {
        let shared = &self.shared;
        if failure.cause != Cause::ObjectMissing {
            return shared.link.noted(failure);
        }
        let Ok(caller) = shared.link.caller(cx).await else { return failure.error };
        match shared.fleet.ask(cx, &shared.link, &caller, vm).await {
            Ok(Some(seen)) => not_running(&seen, doing),
            Ok(None) => missing(doing),
            Err(_) => failure.error,
        }
    }
}

/// Its name in the API of KubeVirt.
const fn subresource(kind: ConsoleKind) -> Option<&'static str> {
    match kind {
        ConsoleKind::Serial => Some("console"),
        ConsoleKind::Vnc => Some("vnc"),
        ConsoleKind::Spice => None,
    }
}

/// The instance to open a console of, if it has one now.
fn may_be_opened(seen: &MappedVm, kind: ConsoleKind, doing: &str) -> Result<String> {
    let run = seen.instance_uid.clone().filter(|_| seen.vm.power.is_live());
    // None at all is told of one that does not run, or not yet.
    let consoles = seen.vm.consoles.value();
    match (run, consoles) {
        (None, _) => Err(not_running(seen, doing)),
        (Some(_), Some(consoles)) if !consoles.contains(&kind) => {
            let runs = matches!(seen.vm.power, PowerState::Running | PowerState::Paused);
            if !runs && consoles.is_empty() {
                return Err(not_running(seen, doing));
            }
            let message = format!("{doing}: it has no {} console", kind.as_str());
            Err(Error::new(Kind::Unsupported, message))
        }
        (Some(run), _) => Ok(run),
    }
}

fn not_running(seen: &MappedVm, doing: &str) -> Error {
    let state = VmState::from(seen.vm.power).as_str();
    let remedy = match seen.vm.power {
        PowerState::Stopped | PowerState::Failed | PowerState::Saved => "start it first",
        _ => "open it once it runs",
    };
    Error::new(Kind::Conflict, format!("{doing}: it is {state}; {remedy}"))
}

fn missing(doing: &str) -> Error {
    Error::new(Kind::NotFound, format!("{doing}: it is not there any more"))
}

/// Reads what a screen says first: a server on the node agrees to the WebSocket before
/// it has reached the guest, and nothing else than a screen is ever shown as one.
async fn greeting<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    doing: &str,
) -> Result<Vec<u8>> {
    let listening = async {
        let mut heard = Vec::new();
        while heard.len() < GREETING_BYTES {
            match socket.next().await {
                Some(Ok(Message::Binary(bytes))) => heard.extend_from_slice(&bytes),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
        Some(heard)
    };
    match tokio::time::timeout(PATIENCE, listening).await {
        Ok(Some(heard)) if heard.starts_with(b"RFB ") => Ok(heard),
        Ok(Some(_)) => {
            let message = format!("{doing}: what answers there is no VNC server");
            Err(Error::new(Kind::Unsupported, message))
        }
        Ok(None) => {
            let message = format!(
                "{doing}: it was closed at once; it may be stopping, or virt-handler on its node \
                 cannot reach it"
            );
            Err(Error::new(Kind::Unavailable, message))
        }
        Err(_) => Err(Error::new(Kind::Timeout, format!("{doing}: its VNC server says nothing"))),
    }
}

#[cfg(test)]
mod tests;
