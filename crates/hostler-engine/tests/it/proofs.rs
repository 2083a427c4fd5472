//! The four generic proofs, for every operation: each step repeated · a failure
//! at each provider call, before, midway and after its effect · a crash at each
//! journal write, before and after it · a cancel at each point.
//!
//! What must hold after each: the operation ends (I2), nothing exists twice
//! (I3), nothing is left over (I4), nothing stays claimed, and the VM's power
//! state is what the end claims. Crashes while undoing are in `unwinding.rs`,
//! effects that come late in `late.rs`.

use std::sync::Arc;

use hostler_core::operation::OperationState;
use hostler_engine::{PowerVerb, Sabotage, Side};
use hostler_provider::{Kind, StopMode};
use hostler_sim::{Verb, When, World};

use crate::subject::{GRACEFUL, Subject, THEN_FORCE};
use crate::world::{Lab, admin};

/// The four proofs of one operation, for each way to ask for it.
macro_rules! four_proofs {
    ($operation:ident { $($way:ident: $subject:expr),* $(,)? }) => {$(
        mod $way {
            use super::*;

            #[doc = concat!("`", stringify!($operation), "` with every step run twice.")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn every_step_can_be_repeated() {
                repeat($subject).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_failure_at_each_provider_call_leaves_all_or_nothing() {
                fail_everywhere($subject).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn f1_a_crash_at_each_journal_write_is_recovered_from() {
                crash_everywhere($subject).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_cancel_at_each_point_leaves_nothing_behind() {
                cancel_everywhere($subject).await;
            }
        }
    )*};
}

four_proofs!(VmCreate { create: Subject::Create });
four_proofs!(VmClone { clone: Subject::Clone });
four_proofs!(VmDelete { delete: Subject::Delete });
four_proofs!(VmChange { change: Subject::Change });
four_proofs!(VmMigrate { migrate: Subject::Migrate });
four_proofs!(VolumeCreate { volume_create: Subject::VolumeCreate });
four_proofs!(VolumeDelete { volume_delete: Subject::VolumeDelete });
four_proofs!(SnapshotCreate { snapshot_create: Subject::SnapshotCreate });
four_proofs!(SnapshotRevert { snapshot_revert: Subject::SnapshotRevert });
four_proofs!(SnapshotDelete { snapshot_delete: Subject::SnapshotDelete });
four_proofs!(DiskAttach { disk_attach: Subject::DiskAttach });
four_proofs!(DiskGrow { disk_grow: Subject::DiskGrow });
four_proofs!(DiskDetach {
    disk_detach: Subject::DiskDetach(false),
    disk_detach_with_volume: Subject::DiskDetach(true),
});
four_proofs!(VmPower {
    start: Subject::Power(PowerVerb::Start),
    stop: Subject::Power(PowerVerb::Stop(GRACEFUL)),
    stop_then_force: Subject::Power(PowerVerb::Stop(THEN_FORCE)),
    force_stop: Subject::Power(PowerVerb::Stop(StopMode::Force)),
    reboot: Subject::Power(PowerVerb::Reboot),
    reset: Subject::Power(PowerVerb::Reset),
    pause: Subject::Power(PowerVerb::Pause),
    resume: Subject::Power(PowerVerb::Resume),
    save: Subject::Power(PowerVerb::Save),
});

/// Runs a subject without faults; how many provider calls and journal writes
/// it takes.
async fn count(subject: Subject) -> (u64, u64) {
    let sabotage = Arc::new(Sabotage::default());
    let lab = Lab::with(World::small(1), Some(sabotage.clone())).await;
    let vm = subject.prepare(&lab).await;
    let writes = sabotage.writes();
    lab.world.faults().reset();
    let accepted = subject.submit(&lab, vm).await;
    let ended = lab.end(&accepted).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{subject:?}: {:?}", ended.error());
    // Before the check, which asks the provider, too.
    let counted = (lab.world.faults().count_calls(), sabotage.writes() - writes);
    subject.check(&lab, &ended, "without faults").await;
    lab.engine.shutdown().await;
    counted
}

async fn repeat(subject: Subject) {
    let sabotage = Arc::new(Sabotage::repeating_steps());
    let lab = Lab::with(World::small(1), Some(sabotage)).await;
    let vm = subject.prepare(&lab).await;
    let accepted = subject.submit(&lab, vm).await;
    let ended = lab.end(&accepted).await;
    let how = format!("{subject:?} with every step repeated");
    assert_eq!(ended.state(), OperationState::Succeeded, "{how}: {:?}", ended.error());
    subject.check(&lab, &ended, &how).await;
    lab.engine.shutdown().await;
}

async fn fail_everywhere(subject: Subject) {
    let (calls, _) = count(subject).await;
    for kind in [Kind::Denied, Kind::Unavailable] {
        for call in 0..calls {
            for when in When::ALL {
                fail(subject, Strike::Call(call, *when), kind).await;
            }
        }
        fail(subject, Strike::Looks, kind).await;
    }
}

/// What is struck.
#[derive(Debug, Clone, Copy)]
enum Strike {
    /// The operation's call of this number.
    Call(u64, When),
    /// Every look at a VM for a while, the operation's own among them.
    Looks,
}

async fn fail(subject: Subject, strike: Strike, kind: Kind) {
    let lab = Lab::new().await;
    let vm = subject.prepare(&lab).await;
    let how = format!("{subject:?}, {strike:?} fails as {kind:?}");
    let faults = lab.world.faults();
    faults.reset();
    match strike {
        Strike::Call(call, when) => faults.fail_call_as(call, when, kind),
        Strike::Looks => faults.fail_verb(Verb::Observe, 9, When::Before, kind),
    }
    let accepted = match subject.try_submit(&lab, vm).await {
        Ok(accepted) => accepted,
        // The provider is asked before anything is taken on, too.
        Err(error) => {
            if matches!(subject, Subject::Migrate) {
                let record = lab.world.vm_named("web").unwrap();
                return assert_eq!((record.host.as_str(), lab.claims().await), ("h1", 0), "{how}");
            }
            assert!(subject.asks_first(), "{error}");
            return subject.check_refused(&lab, vm, &how).await;
        }
    };
    let mut ended = lab.end(&accepted).await;
    if let Strike::Call(call, _) = strike {
        assert!(faults.count_calls() > call, "{how}: nothing was struck");
    }
    if ended.state() == OperationState::NeedsAttention {
        // Only a lasting failure past the point of no return may need a person,
        // and then trying again has to do.
        let may = subject.has_no_return();
        assert!(may, "{how}: stuck: {:?}", ended.error());
        assert_eq!(kind, Kind::Denied, "{how}");
        lab.engine.operations().retry(&admin(), ended.row.id).await.unwrap();
        ended = lab.ended(ended.row.id).await.unwrap();
        assert_eq!(ended.state(), OperationState::Succeeded, "{how}, retried");
    }
    subject.check(&lab, &ended, &how).await;
    lab.engine.shutdown().await;
}

async fn crash_everywhere(subject: Subject) {
    let (_, writes) = count(subject).await;
    for write in 0..writes {
        for side in [Side::Before, Side::After] {
            crash(subject, write, side).await;
        }
    }
}

async fn crash(subject: Subject, write: u64, side: Side) {
    // Prepared without sabotage, so that the count begins with the subject.
    let mut lab = Lab::new().await;
    let vm = subject.prepare(&lab).await;
    let how = format!("{subject:?}, crashed {side:?} journal write {write}");
    let sabotage = Arc::new(Sabotage::freezing_at(write, side));
    lab.restart_with(Some(sabotage.clone())).await;
    let accepted = subject.submit(&lab, vm).await;
    lab.until(&how, || sabotage.is_frozen()).await;
    lab.restart().await;
    let ended = lab.ended(accepted.operation.row.id).await.unwrap();
    let is_once = matches!(subject, Subject::Power(PowerVerb::Reboot | PowerVerb::Reset));
    if is_once {
        // What must not happen twice may end in "it may or may not have happened".
        let expected = [OperationState::Succeeded, OperationState::Failed];
        assert!(expected.contains(&ended.state()), "{how}: {:?}", ended.state());
    } else {
        assert_eq!(ended.state(), OperationState::Succeeded, "{how}: {:?}", ended.error());
    }
    subject.check(&lab, &ended, &how).await;
    lab.engine.shutdown().await;
}

async fn cancel_everywhere(subject: Subject) {
    let (calls, _) = count(subject).await;
    for call in 0..calls {
        cancel(subject, call).await;
    }
}

/// Cancels while a call is on its way.
async fn cancel(subject: Subject, call: u64) {
    let lab = Lab::new().await;
    let vm = subject.prepare(&lab).await;
    let how = format!("{subject:?} cancelled at call {call}");
    let faults = lab.world.faults();
    faults.reset();
    faults.hang_call(call);
    let has_come = || faults.count_calls() > call;
    let submitting = subject.submit(&lab, vm);
    tokio::pin!(submitting);
    let accepted = tokio::select! {
        biased;
        accepted = &mut submitting => accepted,
        // One that comes before anything is taken on: there is nothing to cancel yet.
        () = lab.until(&how, has_come) => {
            faults.unhang();
            submitting.await
        }
    };
    lab.until(&how, has_come).await;
    // Past the point of no return is an answer too.
    let id = accepted.operation.row.id;
    let obeyed = lab.engine.operations().cancel(&admin(), id).await.is_ok();
    faults.unhang();
    let ended = lab.ended(id).await.unwrap();
    if obeyed {
        assert_eq!(ended.state(), OperationState::Cancelled, "{how}: {:?}", ended.error());
    } else {
        assert_eq!(ended.state(), OperationState::Succeeded, "{how}: {:?}", ended.error());
    }
    subject.check(&lab, &ended, &how).await;
    lab.engine.shutdown().await;
}
