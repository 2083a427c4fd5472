//! Consoles of simulated VMs: a serial line with a tiny guest behind it, and a
//! screen that speaks RFB. Every text says that it is simulated.
//!
//! An open console is a task of the world and a [`CancellationToken`] in the
//! VM. The task ends when the VM is turned off, when somebody takes over, or
//! when the other end is dropped; its token is cancelled then, and the console
//! is free again.

mod serial;
mod vnc;

use async_trait::async_trait;
use hostler_core::vm::PowerState;
use hostler_core::vm::observed::ConsoleKind;
use hostler_provider::{Console, ConsoleStream, Cx, Error, Kind, Result, VmRef};
use tokio::io::DuplexStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::verb::Verb;
use crate::world::World;
use crate::world::guest::wrong_state;
use crate::world::state::State;
use crate::{Sim, Target};

/// How many bytes may be under way in each direction.
const BUFFER: usize = 64 << 10;

#[async_trait]
impl Console for Sim {
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
        self.call(cx, Verb::OpenConsole, Target::Vm(vm), async {
            let token = self.world.change(|state| occupy(state, vm, kind, take_over))?;
            let (guest, user) = tokio::io::duplex(BUFFER);
            let line = Line { world: self.world.clone(), vm: vm.clone() };
            self.world.tasks().spawn(async move {
                let _free_at_end = token.clone().drop_guard();
                // How a session ends, by either side, is of no interest to the world.
                let _ = token.run_until_cancelled(serve(line, kind, guest)).await;
            });
            Ok(Box::new(user) as Box<dyn ConsoleStream>)
        })
        .await
    }
}

async fn serve(line: Line, kind: ConsoleKind, stream: DuplexStream) -> std::io::Result<()> {
    match kind {
        ConsoleKind::Serial => serial::serve(line, stream).await,
        ConsoleKind::Vnc => vnc::serve(line, stream).await,
        ConsoleKind::Spice => Ok(()), // refused by `occupy`, since no VM has one
    }
}

/// Takes a console of a live VM, from whoever has it where that is asked.
fn occupy(
    state: &mut State,
    vm: &VmRef,
    kind: ConsoleKind,
    take_over: bool,
) -> Result<CancellationToken> {
    let found = state.vm_mut(vm)?;
    if !found.console_kinds().contains(&kind) {
        let message = format!("VM {vm} has no {} console", kind.as_str());
        return Err(Error::new(Kind::Unsupported, message));
    }
    if !found.power.is_live() {
        return Err(wrong_state(vm, found.power));
    }
    found.consoles.retain(|(_, token)| !token.is_cancelled());
    let is_used = found.consoles.iter().any(|(used, _)| *used == kind);
    if is_used && !take_over {
        let message = format!("the {} console of {vm} is in use", kind.as_str());
        return Err(Error::new(Kind::Conflict, message));
    }
    found.consoles.retain(|(used, token)| {
        if *used == kind {
            token.cancel();
        }
        *used != kind
    });
    let token = CancellationToken::new();
    found.consoles.push((kind, token.clone()));
    Ok(token)
}

/// The VM at the other end of a console.
struct Line {
    world: World,
    vm: VmRef,
}

/// What of a VM can be seen on its consoles.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sight {
    name: String,
    cpu_count: u32,
    memory_bytes: u64,
    power: PowerState,
    /// When its present boot began; in the future while it reboots.
    running_since: Option<Instant>,
    /// How long it boots.
    boots: std::time::Duration,
}

impl Sight {
    /// Its processors, for people.
    fn processors(&self) -> String {
        match self.cpu_count {
            1 => "1 processor".to_owned(),
            count => format!("{count} processors"),
        }
    }
}

impl Line {
    /// The VM as it is now; `None` when it is gone.
    fn look(&self) -> Option<Sight> {
        self.world.read(|state| {
            let vm = state.vm(&self.vm).ok()?;
            Some(Sight {
                name: vm.name.clone(),
                cpu_count: vm.spec.cpu.count,
                memory_bytes: vm.spec.memory.bytes,
                power: vm.power,
                running_since: vm.running_since,
                boots: vm.guest.boot,
            })
        })
    }
}
