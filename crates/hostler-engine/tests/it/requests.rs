//! What users ask for: admission, idempotency, deletion, changes.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::Code;
use hostler_core::access::{Actor, Role};
use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::vm::status::VmState;
use hostler_core::vm::{Action, Admission};
use hostler_engine::{DeleteOptions, IdempotencyKey, PowerVerb, VmChange};
use hostler_provider::{Kind, StopMode};
use hostler_sim::{Guest, Verb, When};

use crate::world::{Lab, admin, foreign, vm_of};

fn key(text: &str, body: u8) -> IdempotencyKey {
    IdempotencyKey { key: text.into(), body_hash: [body; 32] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c2_a_created_vm_runs_and_bears_its_volumes() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    let view = lab.engine.vms().get(vm).unwrap();
    assert!(view.managed && view.operation.is_none());
    let record = lab.world.vm_of(vm).unwrap();
    assert_eq!(record.volumes.len(), 3, "root, data and seed");
    lab.assert_clean(&[vm], &[], "after creation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_the_same_key_gives_the_same_operation_and_another_body_is_refused() {
    let lab = Lab::new().await;
    let vms = lab.engine.vms();
    let first = vms.create(&admin(), Some(key("k", 1)), lab.request("web")).await.unwrap();
    let again = vms.create(&admin(), Some(key("k", 1)), lab.request("web")).await.unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!(first.operation.row.id, again.operation.row.id);
    let other = vms.create(&admin(), Some(key("k", 2)), lab.request("web-2")).await.unwrap_err();
    assert_eq!(other.code(), Code::IdempotencyMismatch);
    let ended = lab.end(&first).await;
    lab.assert_clean(&[vm_of(&ended)], &[], "after a replay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f32_of_many_who_want_the_same_vm_one_gets_it() {
    let lab = Arc::new(Lab::new().await);
    let vm = lab.create("web").await;
    lab.world.faults().hang_verb(Verb::Pause, 0);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let lab = lab.clone();
        asking.spawn(
            async move { lab.engine.vms().power(&admin(), None, vm, PowerVerb::Pause).await },
        );
    }
    let answers = asking.join_all().await;
    let taken: Vec<_> = answers.iter().filter_map(|a| a.as_ref().ok()).collect();
    assert_eq!(taken.len(), 1);
    for refused in answers.iter().filter_map(|a| a.as_ref().err()) {
        assert_eq!(refused.code(), Code::VmBusy);
        let way = refused.details().get("operation").unwrap();
        assert_eq!(*way, taken[0].operation.row.id.to_string());
    }
    lab.world.faults().unhang();
    lab.end(taken[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_taken_once_in_a_project() {
    let lab = Lab::new().await;
    lab.create("web").await;
    let error = lab.engine.vms().create(&admin(), None, lab.request("web")).await.unwrap_err();
    assert_eq!(error.code(), Code::VmExists);
    let error = lab.engine.vms().plan(&admin(), &lab.request("web")).await.unwrap_err();
    assert_eq!(error.code(), Code::VmExists);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starting_what_runs_succeeds_says_so_and_asks_the_provider_all_the_same() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    let calls = lab.world.faults().calls().iter().filter(|c| **c == Verb::Start).count();
    let asked = lab.engine.vms().power(&admin(), None, vm, PowerVerb::Start).await.unwrap();
    let ended = lab.end(&asked).await;
    assert_eq!(ended.state(), OperationState::Succeeded);
    assert_eq!(ended.row.note.as_deref(), Some("already running"));
    let after = lab.world.faults().calls().iter().filter(|c| **c == Verb::Start).count();
    assert_eq!(calls + 1, after, "what was seen may be old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_a_guest_that_does_not_obey_keeps_running_unless_force_was_asked_for() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    let record = lab.world.vm_of(vm).unwrap();
    let deaf = Guest { obeys_acpi: false, ..Guest::default() };
    lab.world.set_guest(&record.vm, deaf);
    let within = Duration::from_secs(1);
    let stop = PowerVerb::Stop(StopMode::Graceful { within });
    let asked = lab.engine.vms().power(&admin(), None, vm, stop).await.unwrap();
    let ended = lab.end(&asked).await;
    assert_eq!(ended.state(), OperationState::Failed);
    assert_eq!(ended.error().unwrap().code, "provider_timeout");
    assert_eq!(lab.world.live_count(vm), 1);
    let stop = PowerVerb::Stop(StopMode::GracefulThenForce { within });
    let asked = lab.engine.vms().power(&admin(), None, vm, stop).await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    lab.sees(vm, VmState::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_keeps_the_disks_unless_asked_and_says_which() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    let refused =
        lab.engine.vms().delete(&admin(), None, vm, DeleteOptions::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmWrongState);
    let options = DeleteOptions { force: true, disks: false, ..DeleteOptions::default() };
    let asked = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap();
    let ended = lab.end(&asked).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    let note = ended.row.note.unwrap();
    assert!(note.contains("web-root-") && note.contains("web-data-"), "{note}");
    assert!(!note.contains("seed"), "the seed has secrets and goes: {note}");
    let left: Vec<_> = lab.world.census().volumes.into_iter().map(|v| v.volume).collect();
    assert_eq!(left.len(), 2);
    lab.assert_clean(&[], &left, "after deletion");
    assert!(lab.engine.vms().get(vm).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f31_deleting_a_vm_in_the_making_waits_for_its_end() {
    let lab = Lab::new().await;
    lab.world.faults().hang_verb(Verb::EnsureVm, 0);
    let asked = lab.engine.vms().create(&admin(), None, lab.request("web")).await.unwrap();
    let vm = vm_of(&asked.operation);
    let options = DeleteOptions { force: true, disks: true, ..DeleteOptions::default() };
    let refused = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmBusy);
    lab.engine.operations().cancel(&admin(), asked.operation.row.id).await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Cancelled);
    lab.assert_clean(&[], &[], "after the cancel");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vm_that_vanished_is_missing_and_can_be_forgotten() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let record = lab.world.vm_of(vm).unwrap();
    lab.world.vanish_vm(&record.vm);
    lab.sees(vm, VmState::Missing).await;
    let start = lab.engine.vms().power(&admin(), None, vm, PowerVerb::Start).await.unwrap_err();
    assert_eq!(start.code(), Code::VmWrongState);
    let options = DeleteOptions { force: false, disks: true, ..DeleteOptions::default() };
    let asked = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap();
    let ended = lab.end(&asked).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    lab.assert_clean(&[], &[], "after forgetting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vm_of_others_is_shown_and_not_touched() {
    let lab = Lab::new().await;
    foreign(&lab.world, "theirs");
    let find = || {
        let all = hostler_core::query::ListRequest::first(100);
        let listed = lab.engine.vms().list(&all);
        listed.items.into_iter().find(|vm| vm.name == "theirs")
    };
    lab.until("the foreign VM is shown", || find().is_some()).await;
    let view = find().unwrap();
    assert!(!view.managed && view.project.is_none() && view.row.is_none());
    for (action, admission) in view.actions() {
        if action != Action::Console {
            let Admission::Denied(denial) = admission else { panic!("{action:?} is admitted") };
            assert_eq!(denial.code, Code::VmNotManaged);
        }
    }
    let error =
        lab.engine.vms().power(&admin(), None, view.id, PowerVerb::Start).await.unwrap_err();
    assert_eq!(error.code(), Code::VmNotManaged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_needs_the_generation_that_was_read() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let read = lab.engine.vms().get(vm).unwrap().generation();
    let change = |text: &str| VmChange {
        description: Some(text.into()),
        labels: [("tier".to_owned(), Some("web".to_owned()))].into(),
    };
    let vms = lab.engine.vms();
    let changed = vms.update(&admin(), vm, read, change("first")).await.unwrap();
    assert_eq!(changed.description(), "first");
    assert!(changed.generation() > read);
    let error = vms.update(&admin(), vm, read, change("second")).await.unwrap_err();
    assert_eq!(error.code(), Code::PreconditionFailed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_changes_nothing() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let reader = Actor { name: "token:r".into(), role: Role::Reader };
    let vms = lab.engine.vms();
    let denied = [
        vms.create(&reader, None, lab.request("x")).await.map(drop),
        vms.power(&reader, None, vm, PowerVerb::Reset).await.map(drop),
        vms.delete(&reader, None, vm, DeleteOptions::default()).await.map(drop),
        vms.update(&reader, vm, 1, VmChange::default()).await.map(drop),
        vms.definition(&reader, vm).await.map(drop),
    ];
    for answer in denied {
        assert_eq!(answer.unwrap_err().code(), Code::PermissionDenied);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_undone_needs_attention_and_can_be_settled_by_hand() {
    let lab = Lab::new().await;
    // Defining fails for good, and so does removing the volumes it had made.
    lab.world.faults().fail_verb(Verb::EnsureVm, 99, When::Before, Kind::Denied);
    lab.world.faults().fail_verb(Verb::RemoveVolume, 99, When::Before, Kind::Denied);
    let asked = lab.engine.vms().create(&admin(), None, lab.request("web")).await.unwrap();
    let stuck = lab.end(&asked).await;
    assert_eq!(stuck.state(), OperationState::NeedsAttention);
    assert_eq!(lab.claims().await, 1, "nobody else works on it meanwhile");
    let operations = lab.engine.operations();
    let error = operations.cancel(&admin(), stuck.row.id).await.unwrap_err();
    assert_eq!(error.code(), Code::OperationNotCancellable);
    lab.world.faults().reset();
    operations.retry(&admin(), stuck.row.id).await.unwrap();
    let ended = lab.ended(stuck.row.id).await.unwrap();
    assert_eq!(ended.state(), OperationState::Failed);
    lab.assert_clean(&[], &[], "after the retry");
    let error = operations.resolve(&admin(), stuck.row.id, "x").await.unwrap_err();
    assert_eq!(error.code(), Code::OperationNotStuck);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_things_are_not_found() {
    let lab = Lab::new().await;
    let nobody: VmId = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".parse().unwrap();
    assert_eq!(lab.engine.vms().get(nobody).unwrap_err().code(), Code::VmNotFound);
    let mut request = lab.request("web");
    if let hostler_core::vm::devices::DiskSource::Image { image, .. } =
        &mut request.spec.disks[0].source
    {
        *image = "nowhere".into();
    }
    let error = lab.engine.vms().create(&admin(), None, request).await.unwrap_err();
    assert_eq!(error.code(), Code::ImageNotFound);
}
