//! VMs that were made elsewhere: what waits for a decision, and what follows from it.

use std::sync::Arc;

use hostler_core::Clock;
use hostler_core::access::{Actor, Role};
use hostler_core::clock::SystemClock;
use hostler_core::id::{OperationId, SnapshotId, VmId};
use hostler_core::operation::{OperationState, Plan, Resource};
use hostler_core::query::ListRequest;
use hostler_core::snapshot::SnapshotSpec;
use hostler_core::vm::status::VmState;
use hostler_core::vm::{Action, Admission, PowerState, VmSpec};
use hostler_core::{Code, Result};
use hostler_engine::{AdoptRequest, DeleteOptions, PendingView, PowerVerb, VmView};
use hostler_provider::Kind;
use hostler_sim::{Verb, When};
use hostler_store::{EventFilter, NewOperation};
use serde_json::json;

use crate::world::{Lab, admin, foreign};

/// All that were made elsewhere.
fn all(lab: &Lab) -> Vec<Arc<PendingView>> {
    lab.engine.adoptions().list(&ListRequest::first(100)).items
}

/// Those of them that nobody manages.
fn list(lab: &Lab) -> Vec<Arc<PendingView>> {
    all(lab).into_iter().filter(|it| it.adopted.is_none()).collect()
}

/// What the last event of this kind says, and of which VM it is.
async fn last(lab: &Lab, kind: &str) -> (String, serde_json::Value) {
    let filter = EventFilter { kind: Some(kind.into()), resource: None };
    let found = lab.store.events_before(None, &filter, 1).await.unwrap();
    let event = found.into_iter().next().unwrap_or_else(|| panic!("no {kind} was told"));
    assert_eq!((event.kind.as_str(), event.resource_kind.as_deref()), (kind, Some("vm")));
    (event.resource_id.unwrap(), event.data)
}

/// The foreign VM of that name, as soon as it waits.
async fn waits(lab: &Lab, name: &str) -> VmId {
    lab.until("it waits for a decision", || list(lab).iter().any(|it| it.vm.name == name)).await;
    list(lab).iter().find(|it| it.vm.name == name).unwrap().vm.id
}

async fn adopt(lab: &Lab, id: VmId, request: AdoptRequest) -> Result<Arc<VmView>> {
    lab.engine.adoptions().adopt(&admin(), id, &request).await
}

/// What somebody else's VM is told to be, by its provider.
async fn definition(lab: &Lab, id: VmId) -> String {
    lab.engine.vms().definition(&admin(), id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_e18_what_is_adopted_is_managed_and_nothing_of_it_changes() {
    let mut lab = Lab::new().await;
    let theirs = foreign(&lab.world, "theirs");
    let id = waits(&lab, "theirs").await;
    let pending = lab.engine.adoptions().get(id).unwrap();
    assert_eq!((pending.status(), pending.origin.as_str()), ("pending", "foreign"));
    assert!(pending.review.is_possible());
    let before = definition(&lab, id).await;
    let calls = || {
        let looks = [Verb::Definition, Verb::Inventory, Verb::Probe, Verb::Observe];
        lab.world.faults().calls().into_iter().filter(|verb| !looks.contains(verb)).count()
    };
    let asked = calls();
    let request = AdoptRequest { reason: Some("ours now".into()), ..AdoptRequest::default() };
    let vm = adopt(&lab, id, request).await.unwrap();
    assert!(vm.managed && vm.id == id);
    let adopted = vm.adopted().unwrap();
    assert_eq!((adopted.by.as_str(), adopted.read_only), (admin().name.as_str(), false));
    assert_eq!(adopted.reason.as_deref(), Some("ours now"));
    assert_eq!(calls(), asked, "nothing was asked of the provider");
    assert_eq!(definition(&lab, id).await, before);
    assert!(list(&lab).is_empty());
    assert_eq!(lab.told("vm.adopted").await, 1);
    let told = json!({
        "by": admin().name, "read_only": false, "reason": "ours now",
        "external_ref": theirs.external_ref, "risks": [],
    });
    assert_eq!(last(&lab, "vm.adopted").await, (id.to_string(), told));
    let adoptions = lab.engine.adoptions();
    let refused = [
        adopt(&lab, id, AdoptRequest::default()).await.unwrap_err().code(),
        adoptions.review(&admin(), id, &AdoptRequest::default()).await.unwrap_err().code(),
        adoptions.ignore(&admin(), id, "no").await.unwrap_err().code(),
        adoptions.offer(&admin(), id).await.unwrap_err().code(),
    ];
    assert_eq!(refused, [Code::VmWrongState; 4]);

    // It obeys, also after a restart, under the provider's own name for it.
    lab.restart().await;
    let noted = lab.engine.adoptions().get(id).unwrap();
    assert_eq!((noted.status(), noted.origin.as_str()), ("adopted", "foreign"));
    assert_eq!(noted.adopted.as_ref().unwrap().reason.as_deref(), Some("ours now"));
    assert_eq!(noted.first_seen_at, pending.first_seen_at, "and not when it was adopted");
    assert!(!noted.is_adoptable());
    let listed: Vec<_> = all(&lab).iter().map(|it| (it.vm.id, it.status())).collect();
    assert_eq!(listed, [(id, "adopted")]);
    lab.world.set_power(&theirs, PowerState::Stopped, "test");
    lab.sees(id, VmState::Stopped).await;
    let started = lab.engine.vms().power(&admin(), None, id, PowerVerb::Start).await.unwrap();
    assert_eq!(lab.end(&started).await.state(), OperationState::Succeeded);
    lab.sees(id, VmState::Running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x31_what_is_ignored_stays_noted_until_it_is_another_vm() {
    let mut lab = Lab::new().await;
    let theirs = foreign(&lab.world, "theirs");
    let id = waits(&lab, "theirs").await;
    let adoptions = || lab.engine.adoptions();
    let nameless = adoptions().ignore(&admin(), id, "  ").await.unwrap_err();
    assert_eq!(nameless.code(), Code::SpecInvalid);
    adoptions().ignore(&admin(), id, "the network team's").await.unwrap();
    let told = json!({ "by": admin().name, "reason": "the network team's" });
    assert_eq!(last(&lab, "vm.ignored").await, (id.to_string(), told));
    lab.restart().await;
    waits(&lab, "theirs").await;
    let found = list(&lab).remove(0);
    assert_eq!(found.status(), "ignored");
    let ignored = found.ignored.clone().unwrap();
    assert_eq!((ignored.by, ignored.reason), (admin().name, "the network team's".to_owned()));
    assert!(!lab.engine.vms().get(id).unwrap().managed);

    // Made anew under its name: another one, which waits.
    lab.world.vanish_vm(&theirs);
    foreign(&lab.world, "theirs");
    let again = || list(&lab).into_iter().find(|it| it.vm.id != id && it.vm.name == "theirs");
    lab.until("the new one waits", || again().is_some_and(|it| it.status() == "pending")).await;

    // By hand, too.
    let other = again().unwrap().vm.id;
    let adoptions = lab.engine.adoptions();
    let refused = adoptions.offer(&admin(), other).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmWrongState);
    adoptions.ignore(&admin(), other, "not now").await.unwrap();
    assert_eq!(adoptions.offer(&admin(), other).await.unwrap().status(), "pending");
    let told = (other.to_string(), json!({ "by": admin().name }));
    assert_eq!(last(&lab, "vm.offered").await, told);
    // What is adopted is not ignored any more.
    adoptions.ignore(&admin(), other, "not now").await.unwrap();
    adopt(&lab, other, AdoptRequest::default()).await.unwrap();
    adoptions.release(&admin(), other).await.unwrap();
    assert_eq!(adoptions.get(other).unwrap().status(), "pending");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x30_for_reading_only_nothing_is_offered_and_it_can_be_let_go() {
    let lab = Lab::new().await;
    foreign(&lab.world, "theirs");
    let id = waits(&lab, "theirs").await;
    let before = definition(&lab, id).await;
    let request = AdoptRequest { read_only: true, ..AdoptRequest::default() };
    let vm = adopt(&lab, id, request).await.unwrap();
    for (action, admission) in vm.actions() {
        match admission {
            Admission::Denied(denial) if action != Action::Console => {
                assert_eq!(denial.code, Code::VmReadOnly, "{action:?}");
            }
            other => assert_eq!(action, Action::Console, "{other:?}"),
        }
    }
    let stopped = lab.engine.vms().power(&admin(), None, id, PowerVerb::Reset).await;
    assert_eq!(stopped.unwrap_err().code(), Code::VmReadOnly);

    let (of, told) = last(&lab, "vm.adopted").await;
    assert_eq!(
        (of, &told["read_only"], &told["reason"]),
        (id.to_string(), &json!(true), &json!(null))
    );
    lab.engine.adoptions().release(&admin(), id).await.unwrap();
    let told = (id.to_string(), json!({ "by": admin().name }));
    assert_eq!(last(&lab, "vm.released").await, told);
    assert_eq!(lab.told("vm.released").await, 1);
    let vm = lab.engine.vms().get(id).unwrap();
    assert!(!vm.managed && vm.adopted().is_none());
    assert_eq!(waits(&lab, "theirs").await, id);
    assert_eq!(definition(&lab, id).await, before);
    let refused = lab.engine.adoptions().release(&admin(), id).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmWrongState);
    let made = lab.create("web").await;
    let refused = lab.engine.adoptions().release(&admin(), made).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmWrongState, "it was made here");
    let refused = lab.engine.adoptions().get(made).unwrap_err();
    assert_eq!(refused.code(), Code::VmWrongState, "nobody decides about it");
    assert!(all(&lab).iter().all(|it| it.vm.id != made));
}

/// A database that is gone takes the records along, and not the VMs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_x30_what_hostler_made_and_has_no_record_of_is_offered_as_lost() {
    let before = Lab::new().await;
    let made = before.create("web").await;
    let volumes = before.world.vm_named("web").unwrap();
    let world = before.world.clone();
    before.engine.shutdown().await;
    drop(before);
    let lab = Lab::with(world, None).await;
    foreign(&lab.world, "theirs");
    let (id, other) = (waits(&lab, "web").await, waits(&lab, "theirs").await);
    assert_ne!(id, made, "nothing is known of the one that it was");
    let found = lab.engine.adoptions().get(id).unwrap();
    assert_eq!((found.status(), found.origin.as_str()), ("pending", "lost"));
    let marked: Vec<_> = found.review.risks.iter().filter(|it| it.code == "marked").collect();
    assert!(matches!(marked.as_slice(), [risk] if !risk.forbids), "{:?}", found.review.risks);
    let other = lab.engine.adoptions().get(other).unwrap();
    assert_eq!(other.origin.as_str(), "foreign", "it bears no mark");
    assert!(other.review.risks.iter().all(|risk| risk.code != "marked"));
    assert!(!lab.engine.vms().get(id).unwrap().managed);

    adopt(&lab, id, AdoptRequest::default()).await.unwrap();
    let noted = lab.engine.adoptions().get(id).unwrap();
    assert_eq!((noted.status(), noted.origin.as_str()), ("adopted", "lost"));
    assert_eq!(lab.world.vm_named("web").unwrap(), volumes, "nothing of it changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_taken_or_no_name_asks_for_another() {
    let lab = Lab::new().await;
    lab.create("web").await;
    lab.world.add_host(hostler_sim::HostSetup::new("h2"));
    let add = |name: &str| lab.world.add_vm("h2", VmSpec::new(name, 64 << 20), None, vec![]);
    add("web");
    add("Old VM (1)");
    let find = |name: &str| list(&lab).into_iter().find(|it| it.vm.name == name);
    lab.until("both wait", || find("web").is_some() && find("Old VM (1)").is_some()).await;
    let told = find("web").unwrap();
    assert!(!told.review.is_possible(), "its name is taken");
    assert!(told.review.risks[0].detail.contains("another name"), "{:?}", told.review.risks);
    let web = told.vm.id;
    let taken = adopt(&lab, web, AdoptRequest::default()).await.unwrap_err();
    assert_eq!(taken.code(), Code::VmExists);
    let named = |name: &str| AdoptRequest { name: Some(name.into()), ..AdoptRequest::default() };
    let vm = adopt(&lab, web, named("web-2")).await.unwrap();
    assert_eq!(vm.name, "web-2");
    assert_eq!(vm.observed.as_ref().unwrap().name, "web", "its host still calls it so");

    let old = find("Old VM (1)").unwrap();
    assert!(!old.review.is_possible());
    let refused = adopt(&lab, old.vm.id, AdoptRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmNotAdoptable);
    assert!(refused.message().contains("another name"), "{}", refused.message());
    adopt(&lab, old.vm.id, named("old-vm")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_an_adopted_vm_is_deleted_by_its_own_name_and_its_disks_stay() {
    let lab = Lab::new().await;
    foreign(&lab.world, "theirs");
    let id = waits(&lab, "theirs").await;
    adopt(&lab, id, AdoptRequest::default()).await.unwrap();
    let options = DeleteOptions { disks: true, force: true, generation: None };
    let deleted = lab.engine.vms().delete(&admin(), None, id, options).await.unwrap();
    assert_eq!(lab.end(&deleted).await.state(), OperationState::Succeeded);
    assert!(lab.world.vm_named("theirs").is_none(), "it is gone at its host");
    lab.until("it is gone here", || lab.engine.vms().get(id).is_err()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_that_a_provider_is_silent_is_told_before_a_vm_there_is_adopted() {
    let lab = Lab::new().await;
    foreign(&lab.world, "theirs");
    let id = waits(&lab, "theirs").await;
    lab.world.faults().fail_verb(Verb::Probe, 10_000, When::Before, Kind::Unavailable);
    lab.sees(id, VmState::Unknown).await;
    let risks = lab.engine.adoptions().get(id).unwrap().review.risks;
    let [risk] = risks.as_slice() else { panic!("{risks:?}") };
    assert_eq!((risk.code, risk.forbids), ("state_unknown", false));
}

/// Let go, or adopted for reading only, between being looked at and being claimed; asking
/// the provider for what is needed to decide takes its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x30_who_was_let_go_meanwhile_is_not_changed_by_what_was_asked_before() {
    let lab = Lab::new().await;
    let theirs = foreign(&lab.world, "theirs");
    lab.world.set_power(&theirs, PowerState::Running, "booted");
    let id = waits(&lab, "theirs").await;
    let snapshot = serde_json::json!({ "external_ref": "s", "name": "s" });
    let kinds = [
        ("vm.force_stop", "power", None, serde_json::json!({ "verb": "force_stop" })),
        ("vm.migrate", "migrate", None, serde_json::json!({ "from": "h1", "to": null })),
        (
            "snapshot.create",
            "take",
            None,
            serde_json::json!({
                "id": SnapshotId::new(SystemClock.now(), [7; 10]),
                "spec": SnapshotSpec::new("s"),
            }),
        ),
        ("snapshot.revert", "put back", Some(0), serde_json::json!({ "snapshot": snapshot })),
        ("snapshot.delete", "remove", Some(0), serde_json::json!({ "snapshot": snapshot })),
    ];
    let mut number = 0;
    for expected in ["vm_not_managed", "vm_read_only"] {
        for (kind, step, no_return_from, own) in &kinds {
            let mut params = serde_json::json!({
                "vm": id, "name": "theirs", "provider": lab.provider,
                "external_ref": theirs.external_ref,
            });
            let own = own.as_object().unwrap().clone();
            params.as_object_mut().unwrap().extend(own);
            number += 1;
            let created_at = SystemClock.now();
            let asked = NewOperation {
                id: OperationId::new(created_at, [number; 10]),
                kind: (*kind).into(),
                params,
                actor: "local:root".into(),
                resources: vec![Resource::Vm(id)],
                claims: vec![Resource::Vm(id)],
                plan: Plan { steps: vec![(*step).into()], no_return_from: *no_return_from },
                idempotency: None,
                note: None,
                created_at,
                vm: None,
                phase: None,
                as_read: None,
                provider: Some(lab.provider),
                events: Vec::new(),
            };
            lab.store.submit(&asked).await.unwrap();
            let ended = lab.ended(asked.id).await.unwrap();
            assert_eq!(ended.state(), OperationState::Failed, "{kind}");
            assert_eq!(ended.error().unwrap().code, expected, "{kind}");
            assert_eq!(lab.world.vm_named("theirs").unwrap().power, PowerState::Running);
        }
        if expected == "vm_not_managed" {
            adopt(&lab, id, AdoptRequest { read_only: true, ..AdoptRequest::default() })
                .await
                .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_look_decides_nothing() {
    let lab = Lab::new().await;
    foreign(&lab.world, "theirs");
    let id = waits(&lab, "theirs").await;
    let reader = Actor { name: "token:x".into(), role: Role::Reader };
    let adoptions = lab.engine.adoptions();
    let request = AdoptRequest::default();
    let codes = [
        adoptions.adopt(&reader, id, &request).await.unwrap_err().code(),
        adoptions.review(&reader, id, &request).await.unwrap_err().code(),
        adoptions.ignore(&reader, id, "x").await.unwrap_err().code(),
        adoptions.offer(&reader, id).await.unwrap_err().code(),
        adoptions.release(&reader, id).await.unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::PermissionDenied; 5]);
    assert_eq!(
        adoptions.get(VmId::from_uuid(uuid::Uuid::nil())).unwrap_err().code(),
        Code::VmNotFound
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_one_place_that_is_given_twice_lends_each_vm_to_one_of_them() {
    let lab = Lab::new().await;
    foreign(&lab.world, "theirs");
    let here = waits(&lab, "theirs").await;
    lab.attach("again", &lab.world).await;
    let twin = || list(&lab).into_iter().find(|it| it.vm.id != here && it.vm.name == "theirs");
    lab.until("it waits there as well", || twin().is_some()).await;
    let twin = twin().unwrap();
    assert!(twin.review.is_possible(), "nobody manages it yet");
    adopt(&lab, here, AdoptRequest::default()).await.unwrap();

    let renamed = || AdoptRequest { name: Some("other".into()), ..AdoptRequest::default() };
    let found = lab.engine.adoptions().get(twin.vm.id).unwrap();
    let risk = &found.review.risks[0];
    assert_eq!((risk.code, risk.forbids), ("managed_elsewhere", true));
    assert!(risk.detail.contains("VM \"theirs\" of provider sim"), "{}", risk.detail);
    let listed = list(&lab).into_iter().find(|it| it.vm.id == twin.vm.id).unwrap();
    assert_eq!(listed.review.risks[0], *risk);
    let refused = adopt(&lab, twin.vm.id, renamed()).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmNotAdoptable, "{refused}");
    // Also one that was made here is not taken over through the other.
    let made = lab.create("web").await;
    let seen = || list(&lab).into_iter().find(|it| it.vm.id != made && it.vm.name == "web");
    lab.until("ours is seen there", || seen().is_some()).await;
    let refused = adopt(&lab, seen().unwrap().vm.id, renamed()).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmNotAdoptable, "{refused}");

    lab.engine.adoptions().release(&admin(), here).await.unwrap();
    adopt(&lab, twin.vm.id, AdoptRequest::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x31_who_decides_at_the_same_time_decides_one_after_the_other() {
    let lab = Lab::new().await;
    for round in 0..25 {
        let name = format!("theirs{round}");
        foreign(&lab.world, &name);
        let id = waits(&lab, &name).await;
        let (adoptions, by, request) = (lab.engine.adoptions(), admin(), AdoptRequest::default());
        let (_, adopted) =
            tokio::join!(adoptions.ignore(&by, id, "not ours"), adoptions.adopt(&by, id, &request));
        adopted.unwrap();
        assert!(lab.store.ignored_vms().await.unwrap().is_empty(), "round {round}");
        adoptions.release(&by, id).await.unwrap();
        assert_eq!(adoptions.get(id).unwrap().status(), "pending", "round {round}");
    }
}
