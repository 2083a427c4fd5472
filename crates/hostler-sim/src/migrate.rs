//! Moving simulated VMs. The rules are in [`crate::world::migration`]; here is only the
//! following of what was begun.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::OperationId;
use hostler_core::migration::{
    Destination, Destinations, Errand, Migration, MigrationPhase, errand,
};
use hostler_provider::{Cx, Error, Kind, Migrate, MigrateVm, Result, VmRef};

use crate::verb::Verb;
use crate::world::guest::gone;
use crate::world::migration::OwnedMigration;
use crate::world::state::State;
use crate::{Sim, Target};

/// How often progress is told.
const TELL: Duration = Duration::from_millis(250);

#[async_trait]
impl Migrate for Sim {
    async fn destinations(&self, cx: &Cx, vm: &VmRef) -> Result<Destinations> {
        self.call(cx, Verb::Destinations, Target::Vm(vm), async {
            self.world.read(|state| {
                let found = state.vm(vm)?;
                let others = state.hosts.keys().filter(|host| **host != found.host);
                let hosts = others.map(|host| Destination {
                    host_ref: host.clone(),
                    refused: state.refusal(found, host).map(|(_, why)| why),
                });
                let hosts = hosts.collect();
                Ok(Destinations { blocked: None, is_chosen_there: true, hosts })
            })
        })
        .await
    }

    async fn migrate_vm(&self, cx: &Cx, request: &MigrateVm<'_>) -> Result<()> {
        let (owned, identity, now) = (OwnedMigration::of(request), self.world.random(), cx.now());
        let landing = Box::new(move |state: &mut State| {
            // Nobody hears of a refusal any more.
            drop(state.begin_migration(&owned.request(), identity, now));
        });
        let effect = async {
            self.world.change(|state| state.begin_migration(request, identity, now))?;
            self.follow(cx, request).await
        };
        self.gate(cx, Verb::Migrate, Target::Vm(request.vm), landing, effect).await
    }

    async fn cancel(&self, cx: &Cx, vm: &VmRef, operation: OperationId) -> Result<()> {
        let landing = Box::new(move |state: &mut State| state.cancel_migration(operation));
        let effect = async {
            self.world.change(|state| state.cancel_migration(operation));
            Ok(())
        };
        self.gate(cx, Verb::CancelMigration, Target::Vm(vm), landing, effect).await
    }

    async fn migrations(&self, cx: &Cx, vm: Option<&VmRef>) -> Result<Vec<Migration>> {
        let target = vm.map_or(Target::Everything, Target::Vm);
        self.call(cx, Verb::Migrations, target, async {
            let now = cx.now();
            Ok(self.world.read(|state| {
                let is_meant = |of: &VmRef| {
                    state.vms.contains_key(&of.external_ref)
                        && vm.is_none_or(|vm| vm.external_ref == of.external_ref)
                };
                let all = state.migrations.iter().filter(|one| is_meant(&one.vm));
                all.map(|one| one.observed(now)).collect()
            }))
        })
        .await
    }
}

impl Sim {
    /// Waits for the end of what was begun, and tells how far it is.
    async fn follow(&self, cx: &Cx, request: &MigrateVm<'_>) -> Result<()> {
        let ended = self.world.wait_for(|state| outcome(state, request));
        tokio::pin!(ended);
        loop {
            if let Some((done, total)) = self.sent(request.operation) {
                cx.transferred(done, Some(total), format!("copying the memory of {}", request.vm));
            }
            tokio::select! {
                biased;
                ended = &mut ended => return ended,
                () = tokio::time::sleep(TELL) => {}
            }
        }
    }

    fn sent(&self, operation: OperationId) -> Option<(u64, u64)> {
        let look = |state: &State| {
            let record = state.marked(operation).filter(|one| !one.phase.is_over())?;
            Some(record.sent())
        };
        self.world.read(look)
    }
}

/// How it ended, once it has.
fn outcome(state: &State, request: &MigrateVm<'_>) -> Option<Result<()>> {
    let Ok(found) = state.vm(request.vm) else { return Some(Err(gone(request.vm))) };
    let record = state.marked(request.operation);
    if record.is_some_and(|one| !one.phase.is_over()) {
        return None;
    }
    if errand(request.from, request.to, &found.host) == Errand::Done {
        return Some(Ok(()));
    }
    let vm = request.vm;
    let message = match record.map(|one| (one.phase, one.reason.as_deref())) {
        Some((MigrationPhase::Cancelled, _)) => {
            format!("the migration of VM {vm} was ended by somebody")
        }
        Some((_, why)) => {
            let why = why.unwrap_or("nobody says why");
            format!("the migration of VM {vm} failed: {why}")
        }
        None => format!("the migration of VM {vm} is forgotten"),
    };
    Some(Err(Error::new(Kind::Conflict, message)))
}
