//! `vm.migrate`: one step that moves a running VM to another host. Until it has arrived
//! there is a way back: its migration is ended, and it runs on where it was.
//!
//! ```text
//!   asked ─┬─ it runs at the target ─────────────────────► succeeded
//!          ├─ refused · failed there ────────────────────► failed, it runs where it was
//!          └─ no answer · cancelled ─► its migration is ended, and it is looked at until
//!                                      the window is over: it is where it was, or it had
//!                                      come too far: not undone, "the VM is on host h2"
//! ```
//!
//! A VM that has arrived is not moved back: that would be another migration, which
//! nobody asked for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::ProviderId;
use hostler_core::migration::{Errand, errand};
use hostler_core::operation::{Fate, Outcome, Resource};
use hostler_provider::{Group, MigrateVm, Provider};
use hostler_store::Effect;
use serde::{Deserialize, Serialize};

use super::{AtVm, News, Operation, StepCx, StepError, Undo, lacks};
use crate::HostView;

/// How long a VM may be on its way. Guests of hundreds of GiB that write much take
/// hours; the provider has limits of its own, which it tells as failures.
const BUDGET: Duration = Duration::from_secs(6 * 3600);

/// Moves a VM to another host while it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VmMigrate {
    #[serde(flatten)]
    pub(crate) at: AtVm,
    /// The host that it is to leave, in the provider's terms.
    pub(crate) from: String,
    /// The host that it is to go to; `None`: the provider chooses.
    pub(crate) to: Option<String>,
}

impl VmMigrate {
    /// Writes down where it is now: by that it is known whether it is missing, or its host
    /// silent.
    async fn record(&self, cx: &StepCx, provider: &dyn Provider) {
        // It has arrived, whether or not somebody can look at it.
        let seen = self.at.look(cx, provider).await.ok().flatten();
        let Some(at) = seen.and_then(|seen| seen.host_ref).or_else(|| self.to.clone()) else {
            return;
        };
        let snapshot = cx.engine.fleet.snapshot();
        let is_it = |host: &&Arc<HostView>| {
            host.provider.0 == self.at.provider && host.observed.host.external_ref == at
        };
        // One that was never seen will be: then the inventory tells where the VM is.
        let Some(host) = snapshot.hosts.values().find(is_it).map(|host| host.id) else { return };
        cx.record(Effect::SetVmPlacement {
            vm: self.at.vm,
            provider: self.at.provider,
            host: Some(host),
            external_ref: Some(self.at.external_ref.clone()),
        });
    }
}

#[async_trait]
impl Operation for VmMigrate {
    const KIND: &'static str = "vm.migrate";
    type Step = ();
    type State = ();

    fn provider(&self, (): &()) -> Option<ProviderId> {
        Some(self.at.provider)
    }

    fn plan(&self) -> Vec<()> {
        vec![()]
    }

    fn step_name((): ()) -> &'static str {
        "migrate"
    }

    fn budget(&self, (): ()) -> Duration {
        BUDGET
    }

    async fn run(&self, (): (), cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        let provider = self.at.provider(cx).await?;
        let migrate = provider.migrate().ok_or_else(|| lacks(Group::Migrate))?;
        let (call, vm) = (cx.cx(), &self.at.reference());
        let (operation, from, to) = (cx.operation, self.from.as_str(), self.to.as_deref());
        let request = MigrateVm { operation, vm, from, to };
        call.run("migrate VM", migrate.migrate_vm(call, &request)).await?;
        self.record(cx, provider.as_ref()).await;
        Ok(())
    }

    async fn undo(&self, (): (), cx: &StepCx, (): &()) -> Result<Undo, StepError> {
        if cx.fate() == Fate::Refused {
            return Ok(Undo::nothing().for_good());
        }
        let provider = cx.provider(self.at.provider)?;
        let migrate = provider.migrate().ok_or_else(|| lacks(Group::Migrate))?;
        let (call, vm) = (cx.cx(), &self.at.reference());
        call.run("cancel migration", migrate.cancel(call, vm, cx.operation)).await?;
        let at = match self.at.look(cx, provider.as_ref()).await {
            Ok(seen) => seen.and_then(|seen| seen.host_ref),
            // Nothing is under way any more, so that nobody has to be called for it: the
            // inventory will tell.
            Err(error) if error.is_transient && cx.fate() == Fate::Unsettled => {
                let why = error.error.message();
                return Ok(Undo::kept(format!("where the VM is is not known: {why}")));
            }
            Err(error) => return Err(error),
        };
        let Some(at) = at else {
            return Ok(Undo::kept("the VM is on no host any more").for_good());
        };
        Ok(match errand(&self.from, self.to.as_deref(), &at) {
            Errand::ToDo => Undo::nothing(),
            // A call that comes still later finds it there, and does nothing.
            Errand::Done | Errand::Overtaken => {
                Undo::kept(format!("the VM is on host {at}")).for_good()
            }
        })
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        // Where it was there already, there is nothing to tell.
        if outcome != Outcome::Succeeded || self.to.as_ref() == Some(&self.from) {
            return None;
        }
        let (name, from) = (&self.at.name, &self.from);
        let message = match &self.to {
            Some(to) => format!("VM {name} was migrated from host {from} to host {to}"),
            None => format!("VM {name} was migrated off host {from}"),
        };
        let (kind, resource) = ("vm.migrated", Resource::Vm(self.at.vm));
        Some(News { kind, resource, name: name.clone(), message })
    }
}
