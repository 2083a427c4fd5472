//! `disk.grow`: make a disk larger, and write down that it is. Nothing makes a disk smaller, so
//! there is no way back; asked twice, it is as large as it was to be.
//!
//! ```text
//!   asked ─┬─ done ──────────────────────► its size is written down, succeeded
//!          ├─ refused, nothing happened ─► failed, the disk is as it was
//!          └─ no answer ─► asked again: one that is so large is left as it is
//! ```

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::ProviderId;
use hostler_core::operation::{Outcome, Resource};
use hostler_core::vm::devices::DiskSource;
use hostler_provider::DiskRef;
use serde::{Deserialize, Serialize};

use super::disk_attach::{disks_of, record};
use super::{AtVm, News, Operation, StepCx, StepError, Undo};

/// How long a provider may take: some allocate what is added.
const BUDGET: Duration = Duration::from_secs(300);

/// Makes a disk of a VM larger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DiskGrow {
    #[serde(flatten)]
    pub(crate) at: AtVm,
    /// The disk as the provider names it.
    pub(crate) disk: DiskRef,
    /// Its name among what is asked of the VM.
    pub(crate) asked_as: String,
    /// How large it is to be, in bytes.
    pub(crate) capacity_bytes: u64,
}

impl DiskGrow {
    /// What is asked of the VM from now on, so that nobody takes the size for a drift.
    async fn record(&self, cx: &StepCx, capacity_bytes: u64) -> Result<(), StepError> {
        let Some(row) = cx.engine.store.vm(self.at.vm).await? else { return Ok(()) };
        let asked = row.spec.disks.iter().find(|disk| disk.name == self.asked_as);
        let Some(mut disk) = asked.cloned() else { return Ok(()) };
        match &mut disk.source {
            DiskSource::Empty { size_bytes, .. } => *size_bytes = capacity_bytes,
            DiskSource::Image { size_bytes, .. } => *size_bytes = Some(capacity_bytes),
            DiskSource::Volume { .. } | DiskSource::NoMedia {} => return Ok(()),
        }
        record(cx, self.at.vm, &self.asked_as, Some(disk), |bound| bound).await
    }
}

#[async_trait]
impl Operation for DiskGrow {
    const KIND: &'static str = "disk.grow";
    type Step = ();
    type State = ();

    fn provider(&self, (): &()) -> Option<ProviderId> {
        Some(self.at.provider)
    }

    fn plan(&self) -> Vec<()> {
        vec![()]
    }

    fn step_name((): ()) -> &'static str {
        "grow"
    }

    fn no_return_from(&self) -> Option<u32> {
        Some(0)
    }

    fn budget(&self, (): ()) -> Duration {
        BUDGET
    }

    async fn run(&self, (): (), cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        let provider = self.at.provider(cx).await?;
        let disks = disks_of(provider.as_ref())?;
        let (call, vm) = (cx.cx(), self.at.reference());
        let growing = disks.grow_disk(call, &vm, &self.disk, self.capacity_bytes);
        let capacity_bytes = call.run("grow disk", growing).await?;
        self.record(cx, capacity_bytes).await
    }

    async fn undo(&self, (): (), _: &StepCx, (): &()) -> Result<Undo, StepError> {
        // Only what surely changed nothing comes here, from the point of no return.
        Ok(Undo::nothing().for_good())
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        let (disk, vm, bytes) = (&self.asked_as, &self.at.name, self.capacity_bytes);
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "disk.grown",
            resource: Resource::Vm(self.at.vm),
            name: vm.clone(),
            message: format!("disk {disk} of VM {vm} was made {bytes} bytes large"),
        })
    }
}
