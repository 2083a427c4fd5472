//! Changing what VMs are: what is planned, what is refused before anything is taken on, whose
//! fields are left alone, and what is written down.

use hostler_core::access::{Actor, Role};
use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::vm::change::{Keeper, Takes};
use hostler_core::vm::{Action, Admission, VmSpec};
use hostler_core::{Code, Result};
use hostler_engine::{Accepted, AdoptRequest, SpecChange, VmChange};
use hostler_provider::{Group, VmRef};
use hostler_sim::{Sim, Verb};

use crate::world::{Lab, admin, foreign};

/// The VM as it is asked to be, with something else.
fn wanted(lab: &Lab, vm: VmId, edit: impl FnOnce(&mut VmSpec)) -> SpecChange {
    let mut spec = lab.engine.vms().get(vm).unwrap().row.as_ref().unwrap().spec.clone();
    edit(&mut spec);
    // As who read it over the API has it.
    spec.cloud_init = None;
    SpecChange { spec, take_over: Vec::new(), from_gitops: false }
}

async fn make(lab: &Lab, vm: VmId, change: SpecChange) -> Result<Accepted> {
    let generation = lab.engine.vms().get(vm).unwrap().generation();
    lab.engine.changes().make(&admin(), None, vm, generation, change).await
}

fn at(lab: &Lab, vm: VmId) -> VmRef {
    lab.world.vm_of(vm).unwrap().vm
}

fn larger(spec: &mut VmSpec) {
    spec.memory.bytes *= 2;
    spec.description = "larger".into();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c20_a_change_is_planned_made_and_written_down() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let change = wanted(&lab, vm, larger);
    let plan = lab.engine.changes().plan(&admin(), vm, &change).await.unwrap();
    let told: Vec<_> = plan.changes.iter().map(|one| (&*one.field.path, &one.takes)).collect();
    assert_eq!(told, [("/description", &Takes::Live), ("/memory/bytes", &Takes::NextStart)]);
    let before = lab.engine.vms().get(vm).unwrap().generation();
    let ended = lab.end(&make(&lab, vm, change.clone()).await.unwrap()).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    let note = ended.row.note.clone().unwrap();
    assert_eq!(note, "at its next start takes effect: /memory/bytes");
    let now = lab.engine.vms().get(vm).unwrap();
    let row = now.row.as_ref().unwrap();
    assert!(now.generation() > before);
    assert_eq!((row.spec.memory.bytes, &*row.spec.description), (512 << 20, "larger"));
    assert!(row.spec.cloud_init.is_some(), "the documents stay");
    assert_eq!(lab.world.vm_of(vm).unwrap().spec.memory.bytes, 512 << 20);
    assert_eq!(lab.told("vm.reconfigured").await, 1);
    let needs = || {
        let vm = lab.engine.vms().get(vm).unwrap();
        vm.observed.as_ref().and_then(|seen| seen.needs_restart.value().copied())
    };
    lab.until("it is told to need a restart", || needs() == Some(true)).await;
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c20_what_cannot_be_is_refused_before_it_is_taken_on() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let refused =
        async |edit: fn(&mut VmSpec)| make(&lab, vm, wanted(&lab, vm, edit)).await.unwrap_err();
    for edit in [
        (|spec| spec.name = "other".into()) as fn(&mut VmSpec),
        |spec| spec.project = "other".into(),
        |spec| drop(spec.disks.pop()),
        |spec| spec.machine.arch = Some("aarch64".into()),
        |spec| spec.cpu.count = 0,
    ] {
        let error = refused(edit).await;
        assert_eq!((error.code(), error.fault_list().is_empty()), (Code::SpecInvalid, false));
    }
    let error = refused(|spec| spec.memory.bytes = 1 << 40).await;
    assert_eq!(error.code(), Code::ProviderRefused, "{error}");
    let (changes, change) = (lab.engine.changes(), wanted(&lab, vm, larger));
    let outdated = changes.make(&admin(), None, vm, 99, change).await.unwrap_err();
    assert_eq!(outdated.code(), Code::PreconditionFailed);
    let reader = Actor { name: "reader".into(), role: Role::Reader };
    let denied = lab.engine.changes().plan(&reader, vm, &wanted(&lab, vm, larger)).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(lab.world.vm_of(vm).unwrap().spec.memory.bytes, 256 << 20);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x25_fields_of_others_are_refused_with_all_of_them_and_taken_as_shown() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.world.edit_vm(&at(&lab, vm), "kubectl-edit", |spec| {
        spec.memory.bytes = 1 << 30;
        spec.rng = false;
    });
    let change = wanted(&lab, vm, |_| {});
    let refused = make(&lab, vm, change.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmFieldsManaged);
    let fields: Vec<_> = refused.fault_list().iter().map(|f| (&*f.pointer, &*f.detail)).collect();
    assert_eq!(fields, [("/memory/bytes", "kubectl-edit"), ("/rng", "kubectl-edit")]);
    assert_eq!(lab.world.vm_of(vm).unwrap().spec.memory.bytes, 1 << 30, "theirs");
    let shown = lab.engine.changes().plan(&admin(), vm, &change).await.unwrap().managed_by_others;
    let half = SpecChange { take_over: shown[..1].to_vec(), ..change.clone() };
    assert_eq!(make(&lab, vm, half).await.unwrap_err().fault_list().len(), 2);
    let change = SpecChange { take_over: shown, ..change };
    let keeper =
        Keeper { tool: "flux".into(), name: Some("apps".into()), evidence: "label x".into() };
    lab.world.keep_vm(&at(&lab, vm), keeper);
    let kept = make(&lab, vm, change.clone()).await.unwrap_err();
    assert_eq!(kept.details().get("kept_by").map(String::as_str), Some("flux (apps)"));
    let change = SpecChange { from_gitops: true, ..change };
    let ended = lab.end(&make(&lab, vm, change).await.unwrap()).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    assert_eq!(lab.world.vm_of(vm).unwrap().spec.memory.bytes, 256 << 20);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x25_who_takes_a_field_on_the_way_keeps_it() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.world.faults().reset();
    lab.world.faults().hang_call(1);
    let accepted = make(&lab, vm, wanted(&lab, vm, larger)).await.unwrap();
    lab.arrives(Verb::ChangeVm).await;
    lab.world.edit_vm(&at(&lab, vm), "hpa", |spec| spec.memory.bytes = 1 << 30);
    lab.world.faults().unhang();
    let ended = lab.end(&accepted).await;
    assert_eq!(ended.state(), OperationState::Failed);
    assert_eq!(ended.error().unwrap().code, "vm_fields_managed");
    assert!(ended.error().unwrap().message.contains("hpa"), "{:?}", ended.error());
    assert_eq!(lab.world.vm_of(vm).unwrap().spec.memory.bytes, 1 << 30);
    let row = lab.store.vm(vm).await.unwrap().unwrap();
    assert_eq!(row.spec.memory.bytes, 256 << 20);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c20_labels_that_are_set_on_the_way_stay() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.world.faults().reset();
    lab.world.faults().hang_call(1);
    let accepted = make(&lab, vm, wanted(&lab, vm, larger)).await.unwrap();
    lab.arrives(Verb::ChangeVm).await;
    let generation = lab.engine.vms().get(vm).unwrap().generation();
    let labels = [("tier".to_owned(), Some("web".to_owned()))].into();
    let patch = VmChange { description: None, labels };
    lab.engine.vms().update(&admin(), vm, generation, patch).await.unwrap();
    lab.world.faults().unhang();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    let row = lab.store.vm(vm).await.unwrap().unwrap();
    assert_eq!((row.spec.labels.len(), row.spec.memory.bytes), (1, 512 << 20));
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c20_an_adopted_vm_and_one_of_a_provider_without_changes_are_refused_with_the_reason() {
    let lab = Lab::new().await;
    let theirs = foreign(&lab.world, "theirs");
    let find = || {
        let all = hostler_core::query::ListRequest::first(100);
        lab.engine.vms().list(&all).items.into_iter().find(|vm| vm.name == theirs.name)
    };
    lab.until("the foreign VM is shown", || find().is_some()).await;
    let id = find().unwrap().id;
    let request = AdoptRequest::default();
    lab.engine.adoptions().adopt(&admin(), id, &request).await.unwrap();
    let refused = make(&lab, id, wanted(&lab, id, larger)).await.unwrap_err();
    assert_eq!(refused.code(), Code::CapabilityMissing);
    assert!(refused.message().contains("adopted"), "{refused}");
    let vm = lab.engine.vms().get(id).unwrap();
    assert!(matches!(vm.admit(Action::Change), Admission::Denied(_)), "and it is not offered");
    let sim = Sim::new(&lab.world).with_groups(&[Group::Create, Group::Power, Group::Watch]);
    assert!(hostler_provider::Provider::configure(&sim).is_none());
    lab.engine.shutdown().await;
}

/// Looking takes as long as the provider needs: what somebody wrote meanwhile is not undone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c20_a_change_that_was_planned_from_what_is_no_more_is_refused() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let generation = lab.engine.vms().get(vm).unwrap().generation();
    let change = wanted(&lab, vm, larger);
    lab.world.faults().reset();
    lab.world.faults().hang_verb(Verb::PlanChange, 0);
    let changes = lab.engine.changes();
    let actor = admin();
    let planning = changes.make(&actor, None, vm, generation, change);
    let meanwhile = async {
        lab.arrives(Verb::PlanChange).await;
        let labels = [("tier".to_owned(), Some("web".to_owned()))].into();
        let patch = VmChange { description: None, labels };
        lab.engine.vms().update(&actor, vm, generation, patch).await.unwrap();
        lab.world.faults().unhang();
    };
    let (refused, ()) = tokio::join!(planning, meanwhile);
    assert_eq!(refused.unwrap_err().code(), Code::PreconditionFailed);
    let row = lab.store.vm(vm).await.unwrap().unwrap();
    assert_eq!((row.spec.labels.len(), row.spec.memory.bytes), (1, 256 << 20));
    assert_eq!(lab.claims().await, 0);
    lab.engine.shutdown().await;
}
