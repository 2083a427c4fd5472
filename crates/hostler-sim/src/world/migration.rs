//! Migrations of a world: who goes where, how far, and how it ended.
//!
//! ```text
//!   begin_migration          (World::set_migration_time)
//!        │                          │
//!        ▼                          ▼
//!     copying ──────────────────────┬──► succeeded   its host is the target, it runs on
//!        ├── cancel_migration ──────┼──► cancelled   it runs on where it was
//!        └── another change of state └──► failed     power cut, crash; the target is down
//! ```
//!
//! Disks stay where they are: a VM goes only where its pools are ([`World::share_pool`]).

use std::time::Duration;

use hostler_core::id::OperationId;
use hostler_core::migration::{Errand, Migration, MigrationMode, MigrationPhase, errand};
use hostler_core::vm::devices::NicSource;
use hostler_core::vm::{PowerState, VmState};
use hostler_core::{Fact, Timestamp};
use hostler_provider::{Change, Error, Kind, MigrateVm, Result, VmRef};
use tokio::time::Instant;

use super::World;
use super::guest::wrong_state;
use super::state::{Due, SOURCE, State, on};
use super::vm::Vm;

/// How many that are over are kept of each VM.
const KEPT: usize = 10;

/// A migration, under way or over.
pub(crate) struct Record {
    pub(crate) external_ref: String,
    pub(crate) operation: OperationId,
    pub(crate) vm: VmRef,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) phase: MigrationPhase,
    pub(crate) reason: Option<String>,
    requested_at: Timestamp,
    began: Instant,
    ended: Option<Instant>,
    takes: Duration,
    bytes: u64,
}

impl Record {
    /// Bytes that were sent by now, and all of them.
    pub(crate) fn sent(&self) -> (u64, u64) {
        let elapsed = self.ended.unwrap_or_else(Instant::now).duration_since(self.began);
        let share = match (self.phase, self.takes.is_zero()) {
            (MigrationPhase::Succeeded, _) | (_, true) => 1.0,
            (_, false) => (elapsed.as_secs_f64() / self.takes.as_secs_f64()).min(1.0),
        };
        ((self.bytes as f64 * share) as u64, self.bytes)
    }

    pub(crate) fn observed(&self, now: Timestamp) -> Migration {
        let (done, total) = self.sent();
        let took = |at: Instant| self.requested_at.plus(at.duration_since(self.began));
        Migration {
            external_ref: self.external_ref.clone(),
            operation: Some(self.operation),
            vm_ref: self.vm.external_ref.clone(),
            vm_name: self.vm.name.clone(),
            phase: self.phase,
            phase_said: self.phase.as_str().to_owned(),
            source_host_ref: Some(self.source.clone()),
            target_host_ref: Some(self.target.clone()),
            mode: Some(MigrationMode::PreCopy),
            requested_at: Some(self.requested_at),
            started_at: Some(self.requested_at),
            ended_at: self.ended.map(took),
            bytes_done: Fact::seen(done, SOURCE, now),
            bytes_total: Fact::seen(total, SOURCE, now),
            is_cancel_requested: self.phase == MigrationPhase::Cancelled,
            reason: self.reason.clone(),
            observed_at: now,
        }
    }
}

/// A request that outlives its caller.
pub(crate) struct OwnedMigration {
    operation: OperationId,
    vm: VmRef,
    from: String,
    to: Option<String>,
}

impl OwnedMigration {
    pub(crate) fn of(request: &MigrateVm<'_>) -> Self {
        let MigrateVm { operation, vm, from, to } = *request;
        let to = to.map(str::to_owned);
        Self { operation, vm: vm.clone(), from: from.to_owned(), to }
    }

    pub(crate) fn request(&self) -> MigrateVm<'_> {
        let (operation, vm, from) = (self.operation, &self.vm, self.from.as_str());
        MigrateVm { operation, vm, from, to: self.to.as_deref() }
    }
}

impl State {
    pub(crate) fn marked(&self, operation: OperationId) -> Option<&Record> {
        self.migrations.iter().find(|record| record.operation == operation)
    }

    /// Why a host would not take the VM, if so.
    pub(crate) fn refusal(&self, vm: &Vm, target: &str) -> Option<(Kind, String)> {
        let Some(host) = self.hosts.get(target) else {
            return Some((Kind::NotFound, "it does not exist".to_owned()));
        };
        if host.down.is_some() {
            return Some((Kind::Conflict, "it does not answer".to_owned()));
        }
        if let Some(why) = &host.closed {
            return Some((Kind::Conflict, format!("it takes no VMs: {why}")));
        }
        let arch = |name: &str| self.hosts.get(name).map(|host| host.setup.arch.clone());
        if arch(&vm.host).as_ref() != Some(&host.setup.arch) {
            return Some((Kind::Conflict, format!("its processors are {}", host.setup.arch)));
        }
        let lacks_network = vm.spec.nics.iter().find_map(|nic| match &nic.source {
            NicSource::Network(name) if !self.networks.contains_key(&on(target, name)) => {
                Some(name)
            }
            _ => None,
        });
        if let Some(name) = lacks_network {
            return Some((Kind::Conflict, format!("it has no network \"{name}\"")));
        }
        let is_far = |used: &&hostler_provider::VolumeRef| {
            self.home(target, &used.pool) != self.home(&used.host_ref, &used.pool)
        };
        if let Some(volume) = vm.volumes().find(is_far) {
            let why = format!("the volume {volume} is on host {} alone", volume.host_ref);
            return Some((Kind::Conflict, why));
        }
        let free = host.setup.memory_bytes.saturating_sub(self.live_memory(target));
        let needed = vm.spec.memory.bytes;
        (needed > free).then(|| {
            let (free, needed) = (free >> 20, needed >> 20);
            (Kind::Exhausted, format!("it has {free} MiB of memory left, {needed} are needed"))
        })
    }

    /// Begins it unless it is begun, or done.
    pub(crate) fn begin_migration(
        &mut self,
        request: &MigrateVm<'_>,
        identity: [u8; 16],
        now: Timestamp,
    ) -> Result<()> {
        let vm = request.vm;
        let found = self.vm(vm)?;
        match errand(request.from, request.to, &found.host) {
            Errand::Done => return Ok(()),
            Errand::Overtaken => {
                let message = format!("VM {vm} is on host {} by now", found.host);
                return Err(Error::new(Kind::Conflict, message));
            }
            Errand::ToDo if self.marked(request.operation).is_some() => return Ok(()),
            Errand::ToDo => {}
        }
        if found.migration.is_some() {
            let message = format!("another migration of VM {vm} is under way");
            return Err(Error::new(Kind::Conflict, message));
        }
        if found.power != PowerState::Running {
            return Err(wrong_state(vm, found.power));
        }
        let target = self.target(found, request.to)?;
        let external_ref = uuid::Builder::from_random_bytes(identity).into_uuid().to_string();
        let record = Record {
            external_ref: external_ref.clone(),
            operation: request.operation,
            vm: found.vm_ref(),
            source: found.host.clone(),
            target,
            phase: MigrationPhase::Copying,
            reason: None,
            requested_at: now,
            began: Instant::now(),
            ended: None,
            takes: self.migration_takes,
            bytes: found.spec.memory.bytes,
        };
        self.migrations.insert(0, record);
        self.set_power(&vm.external_ref, PowerState::Migrating, "migration");
        let found = self.vm_mut(vm)?;
        found.migration = Some(external_ref.clone());
        let (turn, after) = (found.turn, self.migration_takes);
        if after.is_zero() {
            self.arrive(&external_ref);
        } else {
            let (becomes, reason) = (PowerState::Running, "migrated");
            let vm = vm.external_ref.clone();
            self.due.push(Due { after, vm, turn, becomes, reason, migration: Some(external_ref) });
        }
        Ok(())
    }

    fn target(&self, vm: &Vm, to: Option<&str>) -> Result<String> {
        if let Some(to) = to {
            return match self.refusal(vm, to) {
                None => Ok(to.to_owned()),
                Some((kind, why)) => {
                    let message = format!("host {to} does not take VM {}: {why}", vm.vm_ref());
                    Err(Error::new(kind, message))
                }
            };
        }
        let others = self.hosts.keys().filter(|host| **host != vm.host);
        let mut fitting = others.filter(|host| self.refusal(vm, host).is_none());
        fitting.next().cloned().ok_or_else(|| {
            let message = format!("no other host takes VM {}", vm.vm_ref());
            Error::new(Kind::Exhausted, message)
        })
    }

    /// The last of its memory has come: it runs at the target, if that is still there.
    pub(crate) fn arrive(&mut self, migration: &str) {
        let Some(record) = self.migrations.iter().find(|one| one.external_ref == migration) else {
            return;
        };
        let (vm, target) = (record.vm.external_ref.clone(), record.target.clone());
        let is_lost = self.hosts.get(&target).is_none_or(|host| host.down.is_some());
        let outcome = match is_lost {
            false => (MigrationPhase::Succeeded, None),
            true => (MigrationPhase::Failed, Some(format!("host {target} does not answer"))),
        };
        self.end_migration(migration, outcome.0, outcome.1);
        let Some(found) = self.vms.get_mut(&vm) else { return };
        found.migration = None;
        let reason = if is_lost {
            "migration_failed"
        } else {
            found.host = target;
            "migrated"
        };
        self.set_power(&vm, PowerState::Running, reason);
    }

    /// Ends it on request. Absent or over is success.
    pub(crate) fn cancel_migration(&mut self, operation: OperationId) {
        let Some(record) = self.marked(operation).filter(|one| !one.phase.is_over()) else {
            return;
        };
        let (migration, vm) = (record.external_ref.clone(), record.vm.external_ref.clone());
        self.end_migration(&migration, MigrationPhase::Cancelled, None);
        if let Some(found) = self.vms.get_mut(&vm) {
            found.migration = None;
        }
        self.set_power(&vm, PowerState::Running, "migration_canceled");
    }

    /// Something else befell the VM meanwhile.
    pub(crate) fn break_migration(&mut self, migration: &str, power: PowerState) {
        let word = VmState::from(power).as_str();
        let reason = format!("the VM is {word} since");
        self.end_migration(migration, MigrationPhase::Failed, Some(reason));
    }

    fn end_migration(&mut self, migration: &str, phase: MigrationPhase, reason: Option<String>) {
        let ended = self.migrations.iter_mut().find(|one| one.external_ref == migration);
        let Some(record) = ended else { return };
        (record.phase, record.reason, record.ended) = (phase, reason, Some(Instant::now()));
        let vm = record.vm.external_ref.clone();
        let mut kept = 0;
        self.migrations.retain(|one| {
            kept += usize::from(one.vm.external_ref == vm);
            one.vm.external_ref != vm || kept <= KEPT
        });
        self.told.push(Change::Inventory);
    }
}

impl World {
    /// Lets each migration take that long from now on; at first they take no time.
    pub fn set_migration_time(&self, takes: Duration) {
        self.change(|state| state.migration_takes = takes);
    }

    /// Lets another host reach a pool under the same name: the same volumes, shown once
    /// more, as storage on the network is. VMs with disks there can go to that host.
    pub fn share_pool(&self, host: &str, pool: &str, with: &str) {
        self.change(|state| {
            let home = state.home(host, pool);
            state.shared.insert(on(with, pool), home);
            state.told.push(Change::Inventory);
        });
    }
}
