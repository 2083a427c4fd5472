//! Undoing, for every operation: a crash at each journal write on the way, and
//! once more at the same write (F2), and each undo made twice.
//!
//! Two ways lead there: the last call that has a way back is refused; or it is
//! cancelled on its way, and takes effect all the same a little later.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::operation::{Event, OperationState};
use hostler_engine::{OperationView, PowerVerb, Sabotage, Side};
use hostler_provider::{Kind, StopMode};
use hostler_sim::{Late, When};

use crate::subject::{GRACEFUL, Subject, THEN_FORCE};
use crate::world::{Lab, admin};

/// How late the effect of a call that was cut off comes; well within the window.
const LAG: Duration = Duration::from_millis(15);

/// Why an operation is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Refused,
    CutOff,
}

macro_rules! unwinding_proofs {
    ($($way:ident: $subject:expr),* $(,)?) => {$(
        mod $way {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn f2_a_crash_at_each_write_of_a_failure_is_recovered_from_also_twice() {
                crash_everywhere($subject, Way::Refused).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn f2_a_crash_at_each_write_of_a_cancel_is_recovered_from_also_twice() {
                crash_everywhere($subject, Way::CutOff).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn every_undo_can_be_repeated() {
                for way in [Way::Refused, Way::CutOff] {
                    repeat($subject, way).await;
                }
            }
        }
    )*};
}

unwinding_proofs! {
    create: Subject::Create,
    clone: Subject::Clone,
    delete: Subject::Delete,
    start: Subject::Power(PowerVerb::Start),
    stop: Subject::Power(PowerVerb::Stop(GRACEFUL)),
    stop_then_force: Subject::Power(PowerVerb::Stop(THEN_FORCE)),
    force_stop: Subject::Power(PowerVerb::Stop(StopMode::Force)),
    reboot: Subject::Power(PowerVerb::Reboot),
    reset: Subject::Power(PowerVerb::Reset),
    pause: Subject::Power(PowerVerb::Pause),
    resume: Subject::Power(PowerVerb::Resume),
    save: Subject::Power(PowerVerb::Save),
    volume_create: Subject::VolumeCreate,
    snapshot_create: Subject::SnapshotCreate,
    change: Subject::Change,
    disk_attach: Subject::DiskAttach,
    disk_detach: Subject::DiskDetach(false),
    disk_detach_with_volume: Subject::DiskDetach(true),
}

/// Removing a volume cannot be cancelled on its way: only a refusal undoes it.
mod volume_delete {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn f2_a_crash_at_each_write_of_a_failure_is_recovered_from_also_twice() {
        crash_everywhere(Subject::VolumeDelete, Way::Refused).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_undo_can_be_repeated() {
        repeat(Subject::VolumeDelete, Way::Refused).await;
    }
}

/// Nor can a VM's being put back, nor the removal of a snapshot.
mod snapshots {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn f2_a_crash_at_each_write_of_a_failure_is_recovered_from_also_twice() {
        for subject in [Subject::SnapshotRevert, Subject::SnapshotDelete] {
            crash_everywhere(subject, Way::Refused).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_undo_can_be_repeated() {
        for subject in [Subject::SnapshotRevert, Subject::SnapshotDelete] {
            repeat(subject, Way::Refused).await;
        }
    }
}

impl Way {
    /// How the operation has to end.
    fn outcome(self) -> OperationState {
        match self {
            Self::Refused => OperationState::Failed,
            Self::CutOff => OperationState::Cancelled,
        }
    }

    /// Submits the subject over this sabotage and brings it to where it is
    /// undone. It may have been frozen before that.
    async fn submit(
        self,
        subject: Subject,
        lab: &mut Lab,
        sabotage: &Arc<Sabotage>,
    ) -> OperationView {
        // Prepared without sabotage, so that its count begins with the subject.
        let vm = subject.prepare(lab).await;
        lab.restart_with(Some(sabotage.clone())).await;
        let faults = lab.world.faults();
        faults.reset();
        let cut_off = subject.last_cancellable();
        match self {
            Self::Refused => {
                faults.fail_verb(subject.last_way_back(), 99, When::Before, Kind::Denied);
            }
            Self::CutOff => faults.late_verb(cut_off, 1, Late::silent(LAG)),
        }
        let accepted = subject.submit(lab, vm).await;
        if self == Self::CutOff {
            lab.arrives(cut_off).await;
            let id = accepted.operation.row.id;
            lab.engine.operations().cancel(&admin(), id).await.unwrap();
        }
        accepted.operation
    }
}

/// The first journal write of the unwinding, and how many writes there are, as
/// the sabotage counts them.
async fn count(subject: Subject, way: Way) -> (u64, u64) {
    let sabotage = Arc::new(Sabotage::default());
    let mut lab = Lab::new().await;
    let id = way.submit(subject, &mut lab, &sabotage).await.row.id;
    let ended = lab.ended(id).await.unwrap();
    let how = format!("{subject:?} undone: {way:?}");
    assert_eq!(ended.state(), way.outcome(), "{how}: {:?}", ended.error());
    subject.check(&lab, &ended, &how).await;
    let journal = lab.store.journal(id).await.unwrap();
    let by_driver =
        |event: &&Event| !matches!(event, Event::Planned(_) | Event::CancelRequested { .. });
    let events: Vec<_> = journal.iter().map(|entry| &entry.event).filter(by_driver).collect();
    assert_eq!(events.len() as u64, sabotage.writes(), "{how}: {events:?}");
    let unwinds = |event: &&Event| matches!(event, Event::Failed { .. });
    let first = events.iter().position(unwinds).expect("it was undone");
    lab.engine.shutdown().await;
    (first as u64, sabotage.writes())
}

async fn crash_everywhere(subject: Subject, way: Way) {
    let (first, writes) = count(subject, way).await;
    for write in first..writes {
        for side in [Side::Before, Side::After] {
            crash(subject, way, (write, side), None).await;
        }
        // A write that was not made is made again after a restart, at the latest
        // after the one that says that undoing begins.
        for again in 0..2 {
            crash(subject, way, (write, Side::Before), Some((again, Side::Before))).await;
            crash(subject, way, (write, Side::After), Some((again, Side::After))).await;
        }
    }
}

async fn crash(subject: Subject, way: Way, at: (u64, Side), again: Option<(u64, Side)>) {
    let how = format!("{subject:?} {way:?}, crashed at journal write {at:?}, then {again:?}");
    let mut lab = Lab::new().await;
    let sabotage = Arc::new(Sabotage::freezing_at(at.0, at.1));
    let id = way.submit(subject, &mut lab, &sabotage).await.row.id;
    lab.until(&how, || sabotage.is_frozen()).await;
    if let Some((write, side)) = again {
        let sabotage = Arc::new(Sabotage::freezing_at(write, side));
        lab.restart_with(Some(sabotage.clone())).await;
        // There may be fewer writes left than that.
        tokio::select! {
            () = lab.until(&how, || sabotage.is_frozen()) => {}
            ended = lab.ended(id) => drop(ended.unwrap()),
        }
    }
    lab.restart().await;
    let mut ended = lab.ended(id).await.unwrap();
    let mut outcome = way.outcome();
    let has_no_return = subject.has_no_return();
    if has_no_return && ended.state() == OperationState::NeedsAttention {
        // At the point of no return a refusal tells nothing of the try that the
        // crash cut off, so there is only forward.
        assert_eq!(way, Way::Refused, "{how}");
        lab.world.faults().reset();
        lab.engine.operations().retry(&admin(), id).await.unwrap();
        (ended, outcome) = (lab.ended(id).await.unwrap(), OperationState::Succeeded);
    }
    assert_eq!(ended.state(), outcome, "{how}: {:?}", ended.error());
    subject.check(&lab, &ended, &how).await;
    lab.engine.shutdown().await;
}

async fn repeat(subject: Subject, way: Way) {
    let how = format!("{subject:?} {way:?}, with every undo made twice");
    let mut lab = Lab::new().await;
    let sabotage = Arc::new(Sabotage::repeating_steps());
    let id = way.submit(subject, &mut lab, &sabotage).await.row.id;
    let ended = lab.ended(id).await.unwrap();
    assert_eq!(ended.state(), way.outcome(), "{how}: {:?}", ended.error());
    subject.check(&lab, &ended, &how).await;
    lab.engine.shutdown().await;
}
