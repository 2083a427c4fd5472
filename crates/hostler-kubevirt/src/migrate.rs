//! Moving VMs to other nodes, by objects that say so: one
//! `VirtualMachineInstanceMigration` for one operation.
//!
//! ```text
//!   hostler-<operation> ── made ─► Pending … Running ─┬─► Succeeded   kept by the cluster
//!      (the name is the mark: the cluster itself      └─► Failed      (the latest five)
//!       refuses a second one)
//!      └─ deleted while it is under way: ended, and gone when it is over
//! ```
//!
//! * **Asking twice makes one**, even when the first request comes late: both bear one
//!   name. So one that has failed is told again, and not tried anew.
//! * **A node is named by its host name label**, by `addedNodeSelector`. A KubeVirt that
//!   does not know that field (before 1.5) refuses it; left to itself it would drop the
//!   wish and choose any node.
//! * **One that is over is never deleted**: it is the history.
//! * **Where a VM is, its instance says**, asked of the cluster and not of what is
//!   followed, before a migration is called failed.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::OperationId;
use hostler_core::migration::{Destination, Destinations, Errand, Migration, errand};
use hostler_core::vm::PowerState;
use hostler_provider::{Cx, Error, Kind, Migrate, MigrateVm, Result, VmRef};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::call::WriteOptions;
use crate::error::{Cause, Failure};
use crate::fleet::Age;
use crate::history;
use crate::mapper::{
    LiveMigration, MappedMigration, MappedVm, OPERATION_LABEL, Outcome, map_migration,
};
use crate::objects::VirtualMachineInstanceMigration;
use crate::power::{Job, told};
use crate::provider::KubeVirt;
use crate::resource::{ObjectKey, Resource};

/// How soon a migration is looked at again when nothing of its VM is told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long it takes at most until what is followed shows where a VM went.
const SHOWN: Duration = Duration::from_secs(3);
/// The label by which a node is chosen; every node has it.
const HOSTNAME: &str = "kubernetes.io/hostname";

#[async_trait]
impl Migrate for KubeVirt {
    async fn destinations(&self, cx: &Cx, vm: &VmRef) -> Result<Destinations> {
        let job = Job::new(self, cx, vm, "find a node for")?;
        let seen = job.there().await?;
        let blocked = match seen.live_migration.value() {
            Some(LiveMigration::Blocked(why)) => Some(why.clone()),
            Some(LiveMigration::Possible) | None => None,
        };
        let nodes = self.nodes_now(cx).await.map_err(|error| error.context(&job.doing))?;
        let others = nodes
            .into_iter()
            .filter(|node| Some(&node.host.external_ref) != seen.vm.host_ref.as_ref());
        let destination = |node: hostler_provider::HostInventory| Destination {
            host_ref: node.host.external_ref,
            refused: node.closed,
        };
        Ok(Destinations {
            blocked,
            is_chosen_there: true,
            hosts: others.map(destination).collect(),
        })
    }

    async fn migrate_vm(&self, cx: &Cx, request: &MigrateVm<'_>) -> Result<()> {
        let job = Job::new(self, cx, request.vm, "migrate")?;
        let seen = job.there().await?;
        let trip = Trip { job: &job, request, key: key(&seen, request.operation) };
        if trip.stands(&seen)? == Errand::Done {
            return Ok(());
        }
        if trip.look().await?.is_none() {
            trip.begin(&seen).await?;
        }
        trip.follow().await
    }

    async fn cancel(&self, cx: &Cx, vm: &VmRef, operation: OperationId) -> Result<()> {
        let job = Job::new(self, cx, vm, "end the migration of")?;
        let Some(seen) = self.look(cx, vm).await.map_err(|error| error.context(&job.doing))? else {
            return Ok(()); // it went with its VM
        };
        let key = key(&seen, operation);
        let mut was_ended = false;
        loop {
            let object = match look(&job, &key).await {
                Ok(Some(object)) => object,
                Ok(None) => return Ok(()),
                // It was told to end: what passes by itself is waited for.
                Err(error) if was_ended && error.kind().is_transient() => {
                    job.rest("it was asked for, and the cluster does not answer").await?;
                    continue;
                }
                Err(error) if was_ended => return Err(error.with_unknown_effect()),
                Err(error) => return Err(error),
            };
            let told = map_migration(&object)?;
            if is_over(&told.outcome) {
                return Ok(());
            }
            if object.metadata.label(OPERATION_LABEL) != Some(operation.to_string().as_str()) {
                let what =
                    format!("{key} bears our name and not our mark; look at it in the cluster");
                return Err(job.wrong(&what));
            }
            if !object.metadata.is_being_deleted() {
                end(&job, &key, told.uid.as_deref()).await?;
            }
            was_ended = true;
            job.rest("it was asked for, and is not over yet").await?;
        }
    }

    async fn migrations(&self, cx: &Cx, vm: Option<&VmRef>) -> Result<Vec<Migration>> {
        history::of(self, cx, vm).await
    }
}

impl KubeVirt {
    /// The nodes as they are now: as they are followed, or listed where they are not.
    async fn nodes_now(&self, cx: &Cx) -> Result<Vec<hostler_provider::HostInventory>> {
        let shared = &self.shared;
        match shared.fleet.age(true) {
            Age::Now | Age::Rebuilding(_) => shared.fleet.hosts(cx.now()),
            Age::NotKnown(_) => {
                let caller = shared.link.caller(cx).await?;
                Ok(shared.fleet.list(cx, &shared.link, &caller).await?.hosts)
            }
        }
    }
}

/// The name of an operation's migration, in the namespace of its VM.
fn key(seen: &MappedVm, operation: OperationId) -> ObjectKey {
    ObjectKey::in_namespace(&*seen.namespace, format!("hostler-{operation}"))
}

fn is_over(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Succeeded | Outcome::Failed(_) | Outcome::Aborted => true,
        Outcome::UnderWay | Outcome::Unknown => false,
    }
}

/// The migration as it is now, if it is there.
async fn look(job: &Job<'_>, key: &ObjectKey) -> Result<Option<VirtualMachineInstanceMigration>> {
    let shared = &job.provider.shared;
    let caller = shared.link.caller(job.cx).await?;
    crate::fleet::get(job.cx, &shared.link, &caller, Resource::MIGRATIONS, key).await
}

/// Deletes that very object, which ends it; gone, or another one by now, is success.
async fn end(job: &Job<'_>, key: &ObjectKey, uid: Option<&str>) -> Result<()> {
    let caller = job.provider.shared.link.caller(job.cx).await?;
    match caller.delete(job.cx, Resource::MIGRATIONS, key, uid).await {
        Ok(()) => Ok(()),
        Err(failure) if matches!(failure.cause, Cause::ObjectMissing | Cause::Changed) => Ok(()),
        Err(failure) => Err(job.noted(failure)),
    }
}

/// One VM on its way.
struct Trip<'a> {
    job: &'a Job<'a>,
    request: &'a MigrateVm<'a>,
    key: ObjectKey,
}

impl Trip<'_> {
    async fn look(&self) -> Result<Option<VirtualMachineInstanceMigration>> {
        look(self.job, &self.key).await
    }

    /// Whether there is anything to do, by where the VM is.
    fn stands(&self, seen: &MappedVm) -> Result<Errand> {
        let MigrateVm { from, to, .. } = *self.request;
        let at = match seen.vm.host_ref.as_deref() {
            Some(at) if seen.vm.power.is_live() => at,
            _ => return Err(self.job.wrong(&told(seen))),
        };
        match errand(from, to, at) {
            Errand::Overtaken => Err(self.job.wrong(&format!("it is on node {at} by now"))),
            errand => Ok(errand),
        }
    }

    /// Makes the object, unless it was made meanwhile.
    async fn begin(&self, seen: &MappedVm) -> Result<()> {
        let (job, shared) = (self.job, &self.job.provider.shared);
        if seen.vm.power != PowerState::Running {
            return Err(job.wrong(&told(seen)));
        }
        if let Some(LiveMigration::Blocked(why)) = seen.live_migration.value() {
            return Err(Error::new(Kind::Unsupported, format!("{}: {why}", job.doing)));
        }
        if job.cx.resumed().is_some() {
            // It was made, by an earlier run of this step, and is not there any more.
            return self.gone().await;
        }
        shared.fleet.may_write().map_err(|error| error.context(&job.doing))?;
        let object = self.object(seen)?;
        let caller = shared.link.caller(job.cx).await?;
        let namespace = self.key.namespace.as_deref();
        let options = WriteOptions::default();
        let made = caller.create(job.cx, Resource::MIGRATIONS, namespace, &object, options).await;
        match made {
            Ok(_) => {}
            Err(failure) if failure.cause == Cause::AlreadyExists => {}
            Err(failure) => return Err(self.refused(failure)),
        }
        job.cx.checkpoint(json!("made")).await.map_err(Error::with_unknown_effect)
    }

    fn object(&self, seen: &MappedVm) -> Result<Value> {
        let operation = self.request.operation.to_string();
        let mut object = json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
            "metadata": {
                "name": self.key.name, "namespace": self.key.namespace,
                "labels": { OPERATION_LABEL: operation },
            },
            "spec": { "vmiName": seen.vm.name },
        });
        if let Some(to) = self.request.to {
            let Some(hostname) = self.job.provider.shared.fleet.label(to, HOSTNAME)? else {
                let message = format!("{}: there is no node {to:?}", self.job.doing);
                return Err(Error::new(Kind::NotFound, message));
            };
            if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
                spec.insert("addedNodeSelector".to_owned(), json!({ HOSTNAME: hostname }));
            }
        }
        Ok(object)
    }

    /// What the cluster refuses, in our words where they say more.
    fn refused(&self, failure: Failure) -> Error {
        let doing = &self.job.doing;
        let raw = failure.error.raw().unwrap_or_default().to_owned();
        let unsupported =
            |what: &str| Error::new(Kind::Unsupported, format!("{doing}: {what}")).with_raw(&raw);
        if raw.contains("addedNodeSelector") && raw.contains("unknown field") {
            let what = "this version of KubeVirt cannot be told to which node (1.5 can); let it \
                        choose one";
            return unsupported(what);
        }
        if raw.contains("Cannot migrate VMI, Reason") {
            return unsupported("the cluster says that this VM cannot be migrated while it runs");
        }
        self.job.noted(failure)
    }

    /// Follows it to its end. It was asked for, so that any other end of the call has an
    /// unknown effect.
    async fn follow(&self) -> Result<()> {
        let (mut last, mut over_since) = (String::new(), None);
        loop {
            match self.stand(&mut last, &mut over_since).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                // What passes by itself is waited for; nothing else is.
                Err(error) if error.kind().is_transient() => {}
                // It is over, and where the VM is was asked.
                Err(error) if error.kind() == Kind::Conflict => return Err(error),
                Err(error) => return Err(error.with_unknown_effect()),
            }
            let what = match last.as_str() {
                "" => "it was asked for".to_owned(),
                phase => format!("it was asked for, and is {phase}"),
            };
            self.job.rest(&what).await?;
        }
    }

    /// Whether it is over and the VM is there; an error where it is over and the VM is
    /// not.
    async fn stand(&self, last: &mut String, over_since: &mut Option<Instant>) -> Result<bool> {
        let Some(object) = self.look().await? else { return self.gone().await.map(|()| true) };
        let told = map_migration(&object)?;
        let why = match &told.outcome {
            Outcome::UnderWay | Outcome::Unknown => {
                let phase = history::phase(&told).as_str();
                if last.as_str() != phase {
                    phase.clone_into(last);
                    self.job.cx.progress(None, progress(&told, phase));
                }
                return Ok(false);
            }
            Outcome::Succeeded => None,
            Outcome::Failed(why) => {
                let why = why.clone().unwrap_or_else(|| "the cluster gives no reason".to_owned());
                Some(format!("the migration failed: {why}"))
            }
            Outcome::Aborted => Some("somebody ended the migration".to_owned()),
        };
        match why {
            None => {
                let since = *over_since.get_or_insert_with(Instant::now);
                self.has_arrived(since.elapsed() >= SHOWN).await
            }
            Some(_) if self.has_come().await? => Ok(true),
            Some(why) => Err(self.job.wrong(&why)),
        }
    }

    /// Whether the VM is where it is wanted, after the migration succeeded. For a moment those who
    /// look next are to see it run there, too: what is followed may lie behind. After that the
    /// cluster says where it is, whatever it does there; elsewhere, or off, is another end.
    async fn has_arrived(&self, ask: bool) -> Result<bool> {
        let seen = self.seen(ask).await?;
        let is_there = self.is_there(&seen);
        if !ask {
            return Ok(is_there && seen.vm.power == PowerState::Running);
        }
        match seen.vm.host_ref.as_deref() {
            Some(_) if is_there => Ok(true),
            Some(at) if seen.vm.power.is_live() => {
                let what = format!("the migration succeeded, and it is on node {at} by now");
                Err(self.job.wrong(&what))
            }
            _ => {
                let what = format!("the migration succeeded, and then {}", told(&seen));
                Err(self.job.wrong(&what))
            }
        }
    }

    /// Whether the VM runs where it is wanted, as the cluster tells when asked now.
    async fn has_come(&self) -> Result<bool> {
        let seen = self.seen(true).await?;
        Ok(self.is_there(&seen) && seen.vm.power == PowerState::Running)
    }

    fn is_there(&self, seen: &MappedVm) -> bool {
        let MigrateVm { from, to, .. } = *self.request;
        seen.vm.host_ref.as_deref().is_some_and(|at| errand(from, to, at) == Errand::Done)
    }

    /// The VM by what is followed, or as the cluster tells when asked now.
    async fn seen(&self, ask: bool) -> Result<MappedVm> {
        let (job, shared) = (self.job, &self.job.provider.shared);
        let seen = match ask {
            false => job.provider.look(job.cx, self.request.vm).await?,
            true => {
                let caller = shared.link.caller(job.cx).await?;
                shared.fleet.ask(job.cx, &shared.link, &caller, self.request.vm).await?
            }
        };
        seen.ok_or_else(|| job.missing().with_unknown_effect())
    }

    /// The object is gone: somebody deleted it, which ends it unless it was over.
    async fn gone(&self) -> Result<()> {
        if self.has_come().await? {
            return Ok(());
        }
        Err(self.job.wrong("its migration is gone from the cluster: somebody ended it"))
    }
}

fn progress(told: &MappedMigration, phase: &str) -> String {
    match &told.target_node {
        Some(node) => format!("{phase}: to node {node}"),
        None => phase.to_owned(),
    }
}

impl Job<'_> {
    /// Waits for a change, or a moment, unless the time is over or somebody cancels.
    async fn rest(&self, what: &str) -> Result<()> {
        let mut changes = self.provider.shared.hub.subscribe();
        let until = self.cx.deadline().min(Instant::now() + LOOK_AGAIN);
        tokio::select! {
            _ = changes.recv() => while changes.try_recv().is_ok() {},
            () = sleep_until(until) => {}
            () = self.cx.cancellation().cancelled() => {
                let message = format!("{}: cancelled; {what}", self.doing);
                return Err(Error::new(Kind::Cancelled, message).with_unknown_effect());
            }
        }
        if self.cx.remaining().is_zero() {
            let message = format!("{}: the time is over; {what}", self.doing);
            return Err(Error::new(Kind::Timeout, message).with_unknown_effect());
        }
        Ok(())
    }
}
