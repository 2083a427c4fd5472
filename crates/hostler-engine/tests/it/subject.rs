//! The operations that are proved: how each is prepared, asked for and checked.

use std::time::Duration;

use hostler_core::Result;
use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::snapshot::SnapshotSpec;
use hostler_core::vm::status::VmState;
use hostler_core::vm::{PowerState, VmSpec};
use hostler_engine::{
    Accepted, CloneRequest, DeleteOptions, OperationView, PowerVerb, SpecChange, StepState,
};
use hostler_provider::{DiskBinding, StopMode, VolumeRef};
use hostler_sim::Verb;

use crate::world::{Lab, admin, vm_of};

/// An operation to be proved.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    Create,
    Clone,
    Delete,
    Power(PowerVerb),
    VolumeCreate,
    VolumeDelete,
    SnapshotCreate,
    SnapshotRevert,
    SnapshotDelete,
    Migrate,
    /// More memory, and another description.
    Change,
    DiskAttach,
    /// With the volume, or without.
    DiskDetach(bool),
    DiskGrow,
}

/// How much memory a VM has that was changed.
const LARGER: u64 = 512 << 20;

pub(crate) const GRACEFUL: StopMode = StopMode::Graceful { within: Duration::from_secs(5) };
pub(crate) const THEN_FORCE: StopMode =
    StopMode::GracefulThenForce { within: Duration::from_secs(5) };

/// What the VM does before a verb, and after it.
fn before_and_after(verb: PowerVerb) -> (PowerState, PowerState) {
    use PowerState::{Paused, Running, Saved, Stopped};
    match verb {
        PowerVerb::Start => (Stopped, Running),
        PowerVerb::Stop(_) => (Running, Stopped),
        PowerVerb::Reboot | PowerVerb::Reset => (Running, Running),
        PowerVerb::Pause => (Running, Paused),
        PowerVerb::Resume => (Paused, Running),
        PowerVerb::Save => (Running, Saved),
    }
}

impl Subject {
    /// Prepares what the operation needs to be admitted.
    pub(crate) async fn prepare(self, lab: &Lab) -> Option<VmId> {
        match self {
            Self::Create | Self::VolumeCreate => None,
            Self::VolumeDelete => {
                lab.create_volume("data").await;
                None
            }
            Self::Delete | Self::SnapshotCreate | Self::Clone | Self::Change | Self::DiskAttach => {
                Some(lab.create("web").await)
            }
            Self::SnapshotRevert | Self::SnapshotDelete => {
                let vm = lab.create("web").await;
                lab.snapshot(vm, "s1").await;
                Some(vm)
            }
            Self::DiskDetach(_) | Self::DiskGrow => {
                let vm = lab.create("web").await;
                lab.attach_disk(vm, "more").await;
                Some(vm)
            }
            Self::Migrate => {
                lab.second_host().await;
                Some(lab.create("web").await)
            }
            Self::Power(verb) => {
                let vm = lab.create("web").await;
                let before = match verb {
                    PowerVerb::Start => Some(PowerVerb::Stop(StopMode::Force)),
                    PowerVerb::Resume => Some(PowerVerb::Pause),
                    _ => None,
                };
                if let Some(before) = before {
                    let asked = lab.engine.vms().power(&admin(), None, vm, before).await.unwrap();
                    lab.end(&asked).await;
                }
                Some(vm)
            }
        }
    }

    pub(crate) async fn submit(self, lab: &Lab, vm: Option<VmId>) -> Accepted {
        self.try_submit(lab, vm).await.unwrap()
    }

    pub(crate) async fn try_submit(self, lab: &Lab, vm: Option<VmId>) -> Result<Accepted> {
        let (vms, volumes) = (lab.engine.vms(), lab.engine.volumes());
        let snapshots = lab.engine.snapshots();
        match (self, vm) {
            (Self::Create, _) => vms.create(&admin(), None, lab.request("web")).await,
            (Self::VolumeCreate, _) => {
                volumes.create(&admin(), None, &lab.volume_request("data")).await
            }
            (Self::VolumeDelete, _) => volumes.delete(&admin(), None, lab.pool(), "data").await,
            (Self::Delete, Some(vm)) => {
                let options =
                    DeleteOptions { disks: true, force: true, ..DeleteOptions::default() };
                vms.delete(&admin(), None, vm, options).await
            }
            (Self::Clone, Some(vm)) => {
                let request = CloneRequest { name: "copy".into(), snapshot: None, start: true };
                lab.engine.clones().create(&admin(), None, vm, request).await
            }
            (Self::SnapshotCreate, Some(vm)) => {
                snapshots.create(&admin(), None, vm, SnapshotSpec::new("s1")).await
            }
            (Self::SnapshotRevert, Some(vm)) => snapshots.revert(&admin(), None, vm, "s1").await,
            (Self::SnapshotDelete, Some(vm)) => snapshots.delete(&admin(), None, vm, "s1").await,
            (Self::Migrate, Some(vm)) => {
                let target = Some(lab.host("h2"));
                lab.engine.migrations().begin(&admin(), None, vm, target).await
            }
            (Self::Change, Some(vm)) => {
                let found = vms.get(vm)?;
                let mut spec = found.row.as_ref().unwrap().spec.clone();
                (spec.memory.bytes, spec.description) = (LARGER, "larger".into());
                let change = SpecChange { spec, take_over: Vec::new(), from_gitops: false };
                let generation = found.generation();
                lab.engine.changes().make(&admin(), None, vm, generation, change).await
            }

            (Self::DiskAttach, Some(vm)) => {
                lab.engine.disks().attach(&admin(), None, vm, Lab::new_disk("more")).await
            }
            (Self::DiskDetach(delete), Some(vm)) => {
                lab.engine.disks().detach(&admin(), None, vm, "more", delete).await
            }
            (Self::DiskGrow, Some(vm)) => {
                lab.engine.disks().grow(&admin(), None, vm, "more", crate::grown::BYTES).await
            }
            (Self::Power(verb), Some(vm)) => vms.power(&admin(), None, vm, verb).await,
            (subject, None) => panic!("{subject:?} needs a VM"),
        }
    }

    /// The calls by which it changes anything, in their order.
    pub(crate) fn changes(self) -> Vec<Verb> {
        match self {
            Self::Create => vec![Verb::EnsureVolume, Verb::EnsureVm, Verb::Start],
            Self::Clone => vec![Verb::EnsureVolume, Verb::EnsureClone, Verb::Start],
            Self::Delete => vec![Verb::Stop, Verb::RemoveVm, Verb::RemoveVolume],
            Self::VolumeCreate => vec![Verb::EnsureVolume],
            Self::VolumeDelete => vec![Verb::RemoveVolume],
            Self::SnapshotCreate => vec![Verb::EnsureSnapshot],
            Self::SnapshotRevert => vec![Verb::Revert],
            Self::SnapshotDelete => vec![Verb::RemoveSnapshot],
            Self::Migrate => vec![Verb::Migrate],
            Self::Change => vec![Verb::ChangeVm],
            Self::DiskAttach => vec![Verb::EnsureVolume, Verb::AttachDisk],
            Self::DiskDetach(false) => vec![Verb::DetachDisk],
            Self::DiskGrow => vec![Verb::GrowDisk],
            Self::DiskDetach(true) => vec![Verb::DetachDisk, Verb::RemoveVolume],
            Self::Power(verb) => vec![match verb {
                PowerVerb::Start => Verb::Start,
                PowerVerb::Stop(_) => Verb::Stop,
                PowerVerb::Reboot => Verb::Reboot,
                PowerVerb::Reset => Verb::Reset,
                PowerVerb::Pause => Verb::Pause,
                PowerVerb::Resume => Verb::Resume,
                PowerVerb::Save => Verb::Save,
            }],
        }
    }

    /// The last of these from which there is a way back when it is refused.
    pub(crate) fn last_way_back(self) -> Verb {
        match self {
            Self::Create | Self::Clone => Verb::Start,
            Self::Delete => Verb::RemoveVm,
            Self::DiskAttach => Verb::AttachDisk,
            Self::DiskDetach(true) => Verb::RemoveVolume,
            Self::DiskDetach(false) => Verb::DetachDisk,
            Self::Power(_)
            | Self::VolumeCreate
            | Self::VolumeDelete
            | Self::SnapshotCreate
            | Self::SnapshotRevert
            | Self::SnapshotDelete
            | Self::Migrate
            | Self::DiskGrow
            | Self::Change => self.changes()[0],
        }
    }

    /// The last of these that can be cancelled on its way.
    pub(crate) fn last_cancellable(self) -> Verb {
        match self {
            Self::Delete => Verb::Stop,
            Self::DiskDetach(_) => Verb::DetachDisk,
            _ => self.last_way_back(),
        }
    }

    /// Whether what it is about has to be there after it ended so.
    pub(crate) fn exists_after(self, ended: OperationState) -> bool {
        match self {
            Self::Create | Self::Clone | Self::VolumeCreate | Self::SnapshotCreate => {
                ended == OperationState::Succeeded
            }
            Self::Delete | Self::VolumeDelete | Self::SnapshotDelete => {
                ended != OperationState::Succeeded
            }
            Self::Power(_)
            | Self::SnapshotRevert
            | Self::Migrate
            | Self::Change
            | Self::DiskAttach
            | Self::DiskGrow
            | Self::DiskDetach(_) => true,
        }
    }

    /// Checks that the world is as the operation's end says.
    pub(crate) async fn check(self, lab: &Lab, ended: &OperationView, how: &str) {
        let state = ended.state();
        assert_ne!(state, OperationState::NeedsAttention, "{how}: stuck: {:?}", ended.error());
        let exists = self.exists_after(state);
        assert_eq!(lab.claims().await, 0, "{how}: claims");
        if matches!(self, Self::VolumeCreate | Self::VolumeDelete) {
            return self.check_volume(lab, exists, how).await;
        }
        let vm = vm_of(ended);
        if self.is_of_snapshots() {
            return self.check_snapshot(lab, vm, state, how).await;
        }
        if matches!(self, Self::Clone) {
            return check_clone(lab, vm, exists, how).await;
        }

        if self.is_of_disks() {
            return self.check_disk(lab, vm, Some(ended), how).await;
        }
        let wanted = if exists { vec![vm] } else { Vec::new() };
        lab.assert_clean(&wanted, &[], how);
        assert_eq!(lab.store.vm(vm).await.unwrap().is_some(), exists, "{how}: row");
        if matches!(self, Self::Migrate) {
            return check_host(lab, ended, how).await;
        }
        if matches!(self, Self::Change) {
            return check_spec(lab, vm, state, how).await;
        }
        self.check_power(lab, ended, how);
        if matches!(self, Self::Create) && exists {
            assert_eq!(lab.world.live_count(vm), 1, "{how}: runs once");
            lab.sees(vm, VmState::Running).await;
        }
    }

    fn is_of_snapshots(self) -> bool {
        matches!(self, Self::SnapshotCreate | Self::SnapshotRevert | Self::SnapshotDelete)
    }

    fn is_of_disks(self) -> bool {
        matches!(self, Self::DiskAttach | Self::DiskGrow | Self::DiskDetach(_))
    }

    /// Whether the provider is asked before anything is taken on.
    pub(crate) fn asks_first(self) -> bool {
        self.is_of_snapshots()
            || self.is_of_disks()
            || matches!(self, Self::VolumeCreate | Self::VolumeDelete | Self::Change | Self::Delete)
    }

    /// Whether there is a point from which there is no way back.
    pub(crate) fn has_no_return(self) -> bool {
        matches!(
            self,
            Self::Delete
                | Self::VolumeDelete
                | Self::SnapshotRevert
                | Self::SnapshotDelete
                | Self::DiskDetach(true)
        )
    }

    /// Checks that the world is as before what was not taken on.
    pub(crate) async fn check_refused(self, lab: &Lab, vm: Option<VmId>, how: &str) {
        match vm {
            Some(vm) if matches!(self, Self::Change) => {
                check_spec(lab, vm, OperationState::Failed, how).await;
            }
            Some(vm) if self.is_of_disks() => self.check_disk(lab, vm, None, how).await,
            Some(vm) if matches!(self, Self::Delete) => {
                lab.assert_clean(&[vm], &[], how);
                assert_eq!(lab.claims().await, 0, "{how}");
            }
            Some(vm) => self.check_snapshot(lab, vm, OperationState::Failed, how).await,
            None => {
                self.check_volume(lab, self.exists_after(OperationState::Failed), how).await;
            }
        }
    }

    /// The snapshot is there once, or not at all; the VM was put back once, or not at all;
    /// and people were told once.
    async fn check_snapshot(self, lab: &Lab, vm: VmId, ended: OperationState, how: &str) {
        let done = ended == OperationState::Succeeded;
        lab.assert_clean(&[vm], &[], how);
        let record = lab.world.vm_of(vm).unwrap();
        let exists = self.exists_after(ended);
        assert_eq!(record.snapshots.len(), usize::from(exists), "{how}: snapshots");
        let reverted = done && matches!(self, Self::SnapshotRevert);
        assert_eq!(record.reverts, u64::from(reverted), "{how}: how often it was put back");
        let power = if reverted { PowerState::Stopped } else { PowerState::Running };
        assert_eq!(record.power, power, "{how}");
        let created = done || !matches!(self, Self::SnapshotCreate);
        for (kind, told) in [
            ("snapshot.created", created),
            ("snapshot.reverted", reverted),
            ("snapshot.deleted", done && matches!(self, Self::SnapshotDelete)),
        ] {
            assert_eq!(lab.told(kind).await, usize::from(told), "{how}: {kind}");
        }
    }

    /// The VM has the disk as the end claims; what is written down of it agrees, and so do
    /// the volumes; and people were told once.
    async fn check_disk(self, lab: &Lab, vm: VmId, ended: Option<&OperationView>, how: &str) {
        let done = ended.is_some_and(|ended| ended.state() == OperationState::Succeeded);
        if matches!(self, Self::DiskGrow) {
            return crate::grown::check(lab, vm, done, how).await;
        }
        let record = lab.world.vm_of(vm).unwrap();
        let has = record.disks.contains(&"more".to_owned());
        let is_of_it = |volume: &VolumeRef| volume.name.contains("-more-");
        let volumes = lab.world.census().volumes.into_iter().map(|found| found.volume);
        let made: Vec<_> = volumes.filter(is_of_it).collect();
        let detached = "the disk is detached";
        match self {
            Self::DiskAttach => {
                assert_eq!(has, done, "{how}: the disk");
                assert_eq!(made.len(), usize::from(done), "{how}: its volume");
            }
            Self::DiskDetach(_) if done => assert!(!has, "{how}: it says that it succeeded"),
            _ => {
                let step = ended.map(|ended| ended.steps().remove(0));
                let note = step.and_then(|step| step.note).unwrap_or_default();
                assert_eq!(note.ends_with(detached), !has, "{how}: it claims `{note}`");
            }
        }
        if let Self::DiskDetach(delete) = self {
            assert_eq!(made.len(), usize::from(!(delete && done)), "{how}: its volume");
        }
        let kept = if has { Vec::new() } else { made };
        lab.assert_clean(&[vm], &kept, how);
        assert_eq!(record.power, PowerState::Running, "{how}");
        let row = lab.store.vm(vm).await.unwrap().unwrap();
        assert_eq!(row.spec.disks.iter().any(|disk| disk.name == "more"), has, "{how}: asked");
        assert_eq!(row.bindings.to_string().contains("-more-"), has, "{how}: bindings");
        let attached = done || !matches!(self, Self::DiskAttach);
        let taken_off = done && !matches!(self, Self::DiskAttach);
        for (kind, told) in [("disk.attached", attached), ("disk.detached", taken_off)] {
            assert_eq!(lab.told(kind).await, usize::from(told), "{how}: {kind}");
        }
        if done {
            // Once when it came, once when it went, however often a step was run.
            let generation = if taken_off { 3 } else { 2 };
            assert_eq!(row.generation, generation, "{how}: generation");
        }
    }

    /// The volume is there, whole, or not at all; and people were told once.
    pub(crate) async fn check_volume(self, lab: &Lab, exists: bool, how: &str) {
        let kept = if exists { vec![lab.volume("data")] } else { Vec::new() };
        lab.assert_clean(&[], &kept, how);
        let is = lab.world.census().volumes.into_iter().map(|found| found.volume);
        assert_eq!(is.collect::<Vec<_>>(), kept, "{how}");
        let made = matches!(self, Self::VolumeDelete) || exists;
        assert_eq!(lab.told("volume.created").await, usize::from(made), "{how}");
        let deleted = matches!(self, Self::VolumeDelete) && !exists;
        assert_eq!(lab.told("volume.deleted").await, usize::from(deleted), "{how}");
    }

    /// Checks that the VM's power state is what the end claims.
    fn check_power(self, lab: &Lab, ended: &OperationView, how: &str) {
        let (before, after) = match self {
            Self::Create
            | Self::Clone
            | Self::VolumeCreate
            | Self::VolumeDelete
            | Self::SnapshotCreate
            | Self::SnapshotRevert
            | Self::SnapshotDelete
            | Self::Migrate
            | Self::Change => return,
            Self::DiskAttach | Self::DiskGrow | Self::DiskDetach(_) => return,
            Self::Delete => (PowerState::Running, PowerState::Stopped),
            Self::Power(verb) => before_and_after(verb),
        };
        let Some(record) = lab.world.vm_of(vm_of(ended)) else { return };
        if ended.state() == OperationState::Succeeded {
            assert_eq!(record.power, after, "{how}: it says that it succeeded");
            return;
        }
        let step = &ended.steps()[0];
        match (&step.note, step.state) {
            (Some(note), StepState::Failed | StepState::NotUndone) => {
                let claim = format!("the VM is {}", VmState::from(record.power).as_str());
                assert!(note.ends_with(&claim), "{how}: it says `{note}`, but {claim}");
            }
            (None, StepState::Failed | StepState::Undone | StepState::Pending) => {
                assert_eq!(record.power, before, "{how}: it says that nothing happened");
            }
            other => panic!("{how}: claims nothing: {other:?}"),
        }
    }
}

/// The clone runs once, with volumes of its own and a row that names them all, or there is
/// nothing of it; its source runs as it did; and people were told once.
async fn check_clone(lab: &Lab, clone: VmId, exists: bool, how: &str) {
    let source = lab.world.vm_named("web").unwrap();
    let mut wanted = vec![source.tag.unwrap()];
    wanted.extend(exists.then_some(clone));
    lab.assert_clean(&wanted, &[], how);
    assert_eq!((source.power, source.volumes.len()), (PowerState::Running, 3), "{how}");
    assert_eq!(lab.told("vm.cloned").await, usize::from(exists), "{how}: told");
    let row = lab.store.vm(clone).await.unwrap();
    assert_eq!(row.is_some(), exists, "{how}: row");
    let Some(row) = row else { return };
    let record = lab.world.vm_of(clone).unwrap();
    assert_eq!((lab.world.live_count(clone), record.volumes.len()), (1, 3), "{how}");
    assert!(record.volumes.iter().all(|own| !source.volumes.contains(own)), "{how}: shares");
    let bindings: Vec<DiskBinding> = serde_json::from_value(row.bindings).unwrap();
    assert!(bindings.iter().all(|binding| binding.owned), "{how}: {bindings:?}");
    let mut bound: Vec<_> = bindings.into_iter().map(|binding| binding.volume.name).collect();
    let mut used: Vec<_> = record.volumes.into_iter().map(|volume| volume.name).collect();
    bound.sort_unstable();
    used.sort_unstable();
    assert_eq!(bound, used, "{how}: deleting it finds all that is its own");
    lab.sees(clone, VmState::Running).await;
}

/// The VM is, and is written down as, what the end claims; it runs on; and people were told
/// once.
async fn check_spec(lab: &Lab, vm: VmId, ended: OperationState, how: &str) {
    let changed = ended == OperationState::Succeeded;
    let record = lab.world.vm_of(vm).unwrap();
    assert_eq!((lab.world.live_count(vm), record.power), (1, PowerState::Running), "{how}");
    let wanted = if changed { (LARGER, "larger") } else { (256 << 20, "") };
    let is = |spec: &VmSpec| (spec.memory.bytes, spec.description.clone());
    let wanted = (wanted.0, wanted.1.to_owned());
    assert_eq!(is(&record.spec), wanted, "{how}: at its provider");
    let row = lab.store.vm(vm).await.unwrap().unwrap();
    assert_eq!(is(&row.spec), wanted, "{how}: written down");
    assert!(row.spec.cloud_init.is_some(), "{how}: the documents stay");
    assert_eq!(lab.told("vm.reconfigured").await, usize::from(changed), "{how}");
}

/// The VM runs once, on the host that the end claims, and no migration is under way.
async fn check_host(lab: &Lab, ended: &OperationView, how: &str) {
    let vm = vm_of(ended);
    let record = lab.world.vm_of(vm).unwrap();
    assert_eq!((lab.world.live_count(vm), record.power), (1, PowerState::Running), "{how}");
    let told = lab.engine.migrations().list(Some(vm)).await.unwrap().items;
    let of_it = told.iter().filter(|one| one.observed.operation == Some(ended.row.id)).count();
    assert!(of_it <= 1, "{how}: {of_it} migrations for one operation");
    assert!(told.iter().all(|one| one.observed.phase.is_over()), "{how}: {told:?}");
    let news = lab.told("vm.migrated").await;
    assert_eq!(news, usize::from(ended.state() == OperationState::Succeeded), "{how}");
    if ended.state() == OperationState::Succeeded {
        assert_eq!(record.host, "h2", "{how}: it says that it succeeded");
        return;
    }
    let step = &ended.steps()[0];
    let claims = |note: &String| note.contains("the VM is on host");
    match (step.note.as_ref().filter(|note| claims(note)), step.state) {
        (Some(note), StepState::Failed | StepState::NotUndone) => {
            let claim = format!("the VM is on host {}", record.host);
            assert!(note.ends_with(&claim), "{how}: it says `{note}`, but {claim}");
        }
        (None, StepState::Failed | StepState::Undone | StepState::Pending) => {
            assert_eq!(record.host, "h1", "{how}: it says that nothing happened");
        }
        other => panic!("{how}: claims nothing: {other:?}"),
    }
}
