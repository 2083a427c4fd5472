//! What becomes of changes to a VM, and who else manages its fields.
//!
//! ```text
//!   off ────────────────────────────────► it is as wanted
//!   on ─► processors within its maximum, its description, links ─► at once
//!      └► everything else ─► what it becomes ─ is off ─► it is so
//! ```

use hostler_core::vm::VmSpec;
use hostler_core::vm::change::{ChangePlan, Difference, Keeper, Managed, Takes, differences};
use hostler_provider::{Change, ChangeVm, EnsureVm, Error, Kind, Result, VmRef};

use super::World;
use super::state::State;
use super::vm::Vm;
use crate::create;

impl Vm {
    /// What it is, or becomes when it is off.
    pub(crate) fn defined(&self) -> &VmSpec {
        self.becomes.as_ref().unwrap_or(&self.spec)
    }

    /// Whether it is held as what it is: it is on, or its memory is kept.
    fn is_held(&self) -> bool {
        self.power.is_live() || self.power == hostler_core::vm::PowerState::Saved
    }

    fn takes(&self, field: &Difference, wanted: &VmSpec) -> Takes {
        let most = self.spec.cpu.max_count.unwrap_or(self.spec.cpu.count);
        let is_live = match field.path.as_str() {
            "/description" => true,
            "/cpu/count" => wanted.cpu.count <= most,
            path => path.starts_with("/nics/") && path.ends_with("/link_up"),
        };
        if is_live { Takes::Live } else { Takes::NextStart }
    }

    fn set(&mut self, wanted: VmSpec) {
        let mut now = self.spec.clone();
        now.description.clone_from(&wanted.description);
        now.labels.clone_from(&wanted.labels);
        if wanted.cpu.count <= now.cpu.max_count.unwrap_or(now.cpu.count) {
            now.cpu.count = wanted.cpu.count;
        }
        if now.nics.len() == wanted.nics.len() {
            for (nic, wanted) in now.nics.iter_mut().zip(&wanted.nics) {
                nic.link_up = wanted.link_up;
            }
        }
        match self.is_held() {
            true => {
                self.becomes = (now != wanted).then_some(wanted);
                self.spec = now;
            }
            false => self.spec = wanted,
        }
    }
}

impl State {
    pub(crate) fn plan_change(&self, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        let vm = self.vm(request.at)?;
        if vm.tag != Some(request.vm) {
            let message = format!("{} does not bear the mark of the VM to be changed", request.at);
            return Err(Error::new(Kind::Conflict, message));
        }
        let wanted = wanted(vm, request);
        let mut is = vm.defined().clone();
        // Of labels nobody but Hostler knows.
        is.labels.clone_from(&request.before.labels);
        let mut plan = ChangePlan::of(&is, &wanted, |field| vm.takes(field, &wanted));
        if plan.check().is_ok() {
            let asked = EnsureVm {
                vm: request.vm,
                spec: &wanted,
                host_ref: &vm.host,
                disks: &vm.disks,
                seed: vm.seed.as_ref(),
            };
            create::check(self, &asked)?;
        }
        let theirs = plan.changes.iter().filter_map(|change| {
            let (field, manager) = vm.managers.get_key_value(&change.field.path)?;
            Some(Managed { field: field.clone(), manager: manager.clone() })
        });
        plan.managed_by_others = theirs.collect();
        plan.kept_by.clone_from(&vm.keeper);
        Ok(plan)
    }

    pub(crate) fn change_vm(&mut self, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        let plan = self.plan_change(request)?;
        request.check(&plan)?;
        let vm = self.vm_mut(request.at)?;
        let wanted = wanted(vm, request);
        for taken in &plan.managed_by_others {
            vm.managers.remove(&taken.field);
        }
        if !plan.is_empty() {
            vm.set(wanted);
            let told = Change::Vm(vm.vm_ref());
            self.told.push(told);
        }
        Ok(plan)
    }
}

/// What is wanted, without what only Hostler knows of it: the documents of the seed.
fn wanted(vm: &Vm, request: &ChangeVm<'_>) -> VmSpec {
    let mut wanted = request.spec.clone();
    if request.spec.cloud_init == request.before.cloud_init {
        wanted.cloud_init = None;
    }
    // What came into care under another name, or was renamed there, keeps it.
    if request.spec.name == request.before.name {
        wanted.name.clone_from(&vm.defined().name);
    }
    wanted
}

impl World {
    /// Somebody else changes a VM, and manages from now on what they changed.
    pub fn edit_vm(&self, vm: &VmRef, manager: &str, edit: impl FnOnce(&mut VmSpec)) {
        self.change(|state| {
            let Ok(found) = state.vm_mut(vm) else { return };
            let mut wanted = found.defined().clone();
            edit(&mut wanted);
            for field in differences(found.defined(), &wanted) {
                found.managers.insert(field.path, manager.to_owned());
            }
            found.set(wanted);
            state.told.push(Change::Vm(vm.clone()));
        });
    }

    /// A tool keeps a VM from now on as it is written down elsewhere.
    pub fn keep_vm(&self, vm: &VmRef, keeper: Keeper) {
        self.change(|state| {
            if let Ok(found) = state.vm_mut(vm) {
                found.keeper = Some(keeper);
                state.told.push(Change::Vm(vm.clone()));
            }
        });
    }

    /// Somebody else manages the memory of VMs that are made from now on under a name that
    /// begins so.
    pub fn set_meddler(&self, prefix: &str, manager: &str) {
        self.change(|state| state.meddler = Some((prefix.to_owned(), manager.to_owned())));
    }
}
