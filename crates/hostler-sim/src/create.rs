//! Making VMs and deleting them, in a simulated world.

use async_trait::async_trait;
use hostler_core::id::VmId;
use hostler_core::vm::devices::{DiskSource, GraphicsSpec, NicSource};
use hostler_core::vm::spec::Accelerator;
use hostler_provider::{Create, Cx, EnsureVm, Error, Kind, Result, VmHandle, VmRef, VolumeRef};

use crate::late::OwnedVm;
use crate::verb::Verb;
use crate::world::state::{Host, State, on};
use crate::world::vm::Vm;
use crate::{Sim, Target};

#[async_trait]
impl Create for Sim {
    fn ends_snapshots(&self) -> Option<bool> {
        Some(true)
    }

    async fn validate(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<()> {
        self.call(cx, Verb::Validate, Target::Host(request.host_ref), async {
            self.world.read(|state| check(state, request))
        })
        .await
    }

    async fn ensure_vm(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<VmHandle> {
        let (owned, identity) = (OwnedVm::of(request), self.world.random());
        let landing = Box::new(move |state: &mut State| {
            // Nobody hears of a refusal any more.
            let _ = ensure(state, identity, &owned.request());
        });
        let effect = async { self.world.change(|state| ensure(state, identity, request)) };
        self.gate(cx, Verb::EnsureVm, Target::Host(request.host_ref), landing, effect).await
    }

    async fn find_vm(&self, cx: &Cx, vm: VmId) -> Result<Option<VmHandle>> {
        self.call(cx, Verb::FindVm, Target::Everything, async {
            let found = self.world.read(|state| Some(state.tagged(vm)?.vm_ref()));
            if let Some(vm) = &found {
                self.world.answers(self.world.host_of(vm).as_deref())?;
            } else {
                // It may be on a host that does not answer: "no" would be a guess.
                self.world.all_answer()?;
            }
            Ok(found.map(|vm| VmHandle { vm, created: false }))
        })
        .await
    }

    async fn remove_vm(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let gone = vm.clone();
        let landing = Box::new(move |state: &mut State| drop(state.remove_vm(&gone)));
        let effect = async { self.world.change(|state| state.remove_vm(vm)) };
        self.gate(cx, Verb::RemoveVm, Target::Vm(vm), landing, effect).await
    }

    async fn definition(&self, cx: &Cx, vm: &VmRef) -> Result<String> {
        self.call(cx, Verb::Definition, Target::Vm(vm), async {
            self.world.read(|state| {
                let spec = &state.vm(vm)?.spec;
                serde_json::to_string_pretty(spec).map_err(|error| {
                    Error::new(Kind::Bug, "the definition cannot be written").with_raw(error)
                })
            })
        })
        .await
    }
}

fn ensure(state: &mut State, identity: [u8; 16], request: &EnsureVm<'_>) -> Result<VmHandle> {
    if let Some(found) = state.tagged(request.vm) {
        return Ok(VmHandle { vm: found.vm_ref(), created: false });
    }
    let name = &request.spec.name;
    if state.vms.values().any(|vm| vm.name == *name) {
        let message = format!("another VM named \"{name}\" exists");
        return Err(Error::new(Kind::Conflict, message));
    }
    check(state, request)?;
    for volume in volumes(request) {
        let there = state.volume(volume)?;
        if !there.complete {
            return Err(Error::new(Kind::Conflict, format!("volume {volume} is half filled")));
        }
        if let Some(user) = state.user_of(volume) {
            let message = format!("volume {volume} belongs to VM {}", user.vm_ref());
            return Err(Error::new(Kind::Conflict, message));
        }
    }
    let vm = Vm::new(
        state,
        identity,
        request.host_ref,
        request.spec.clone(),
        Some(request.vm),
        request.disks.to_vec(),
        request.seed.cloned(),
    );
    let vm_ref = vm.vm_ref();
    state.vms.insert(vm.external_ref.clone(), vm);
    state.set_power(&vm_ref.external_ref, hostler_core::vm::PowerState::Stopped, "defined");
    Ok(VmHandle { vm: vm_ref, created: true })
}

fn volumes<'a>(request: &'a EnsureVm<'_>) -> impl Iterator<Item = &'a VolumeRef> {
    request.disks.iter().map(|disk| &disk.volume).chain(request.seed)
}

/// Whether this world could run such a VM, without making anything.
pub(crate) fn check(state: &State, request: &EnsureVm<'_>) -> Result<()> {
    let host = state.hosts.get(request.host_ref).ok_or_else(|| {
        Error::new(Kind::NotFound, format!("there is no host {}", request.host_ref))
    })?;
    check_machine(host, request)?;
    state.check_types(request.spec)?;
    for nic in &request.spec.nics {
        match &nic.source {
            NicSource::Network(name) => {
                if !state.networks.contains_key(&on(request.host_ref, name)) {
                    let message = format!("host {} has no network \"{name}\"", request.host_ref);
                    return Err(invalid(message));
                }
            }
            NicSource::Bridge(_) | NicSource::Direct(_) => {
                return Err(unsupported("the simulator has networks only, no host interfaces"));
            }
            NicSource::User {} => {}
        }
    }
    for disk in &request.spec.disks {
        let is_empty = matches!(disk.source, DiskSource::NoMedia {});
        let is_bound = request.disks.iter().any(|bound| bound.disk == disk.name);
        if !is_empty && !is_bound {
            return Err(invalid(format!("no volume was given for disk \"{}\"", disk.name)));
        }
    }
    Ok(())
}

fn check_machine(host: &Host, request: &EnsureVm<'_>) -> Result<()> {
    let (setup, spec) = (&host.setup, request.spec);
    if spec.memory.bytes > setup.memory_bytes {
        return Err(invalid(format!("host {} has less memory in all", setup.name)));
    }
    if spec.machine.arch.as_ref().is_some_and(|arch| *arch != setup.arch) {
        return Err(unsupported(format!("host {} runs {} only", setup.name, setup.arch)));
    }
    if spec.machine.accelerator == Accelerator::Kvm {
        return Err(unsupported("simulated VMs run on no processor at all, so not by KVM"));
    }
    if spec.graphics == Some(GraphicsSpec::Spice) {
        return Err(unsupported("the simulator has no SPICE display; use vnc"));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, message)
}

fn unsupported(message: impl Into<String>) -> Error {
    Error::new(Kind::Unsupported, message)
}
