//! Changing what is asked of a VM.

use hostler_core::Code;
use hostler_core::id::VmId;
use hostler_store::{Append, AsRead, Conflict, Effect, Missing, NewOperation, StoreErrorKind};
use serde_json::json;

use crate::common::{World, on_both, plan, silent, started};

#[tokio::test]
async fn a_change_needs_the_latest_generation() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.create("web");
        store.submit(&new).await.unwrap();
        let vm = new.vm.unwrap();
        let mut spec = vm.spec.clone();
        spec.description = "first".into();
        let public = [world.event("vm.updated", &vm.id.to_string())];
        let now = world.now();
        let (row, events) = store.update_vm_spec(vm.id, 1, &spec, &public, now).await.unwrap();
        assert_eq!((row.generation, row.updated_at), (2, now));
        assert_eq!(row.spec, spec);
        assert_eq!(events.len(), 1);

        spec.description = "second".into();
        let error = store.update_vm_spec(vm.id, 1, &spec, &public, now).await.unwrap_err();
        let changed = Conflict::Changed { expected: 1, found: 2 };
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(changed));
        assert_eq!(store.vm(vm.id).await.unwrap().unwrap().spec.description, "first");
        // One event tells of the creation, one of the change, none of what was refused.
        assert_eq!(store.first_and_last_seq().await.unwrap(), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn of_many_changes_at_once_one_is_made() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.create("web");
        store.submit(&new).await.unwrap();
        let vm = new.vm.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..20 {
            let (store, mut spec, now) = (store.clone(), vm.spec.clone(), world.now());
            spec.description = number.to_string();
            tasks.spawn(async move { store.update_vm_spec(vm.id, 1, &spec, &[], now).await });
        }
        let results = tasks.join_all().await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(store.vm(vm.id).await.unwrap().unwrap().generation, 2);
    })
    .await;
}

#[tokio::test]
async fn a_vm_can_be_renamed_to_a_free_name_only() {
    on_both(|store| async move {
        let world = World::new();
        let (web, db) = (world.create("web"), world.create("db"));
        store.submit(&web).await.unwrap();
        store.submit(&db).await.unwrap();
        let vm = web.vm.unwrap();
        let mut spec = vm.spec.clone();
        spec.name = "db".into();
        let error = store.update_vm_spec(vm.id, 1, &spec, &[], world.now()).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::VmExists));
        spec.name = "www".into();
        let (row, _) = store.update_vm_spec(vm.id, 1, &spec, &[], world.now()).await.unwrap();
        assert_eq!((row.name.as_str(), row.spec.name.as_str()), ("www", "www"));
        let names: Vec<_> = store.vms().await.unwrap().into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["www", "db"]);
    })
    .await;
}

#[tokio::test]
async fn a_vm_that_is_not_there_is_told_so() {
    on_both(|store| async move {
        let world = World::new();
        let vm = world.create("web").vm.unwrap();
        let error = store.update_vm_spec(vm.id, 1, &vm.spec, &[], world.now()).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::NotFound(Missing::Vm));
        assert_eq!(store.vm(vm.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn c20_what_was_prepared_from_what_is_no_more_is_not_kept() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.create("web");
        store.submit(&new).await.unwrap();
        let vm = new.vm.unwrap();
        let read = |generation, bindings| AsRead { vm: vm.id, generation, bindings };
        let submit = async |read: AsRead| {
            let new = NewOperation { as_read: Some(read), ..world.operation(&[]) };
            let id = new.id;
            (store.submit(&new).await, store.operation(id).await.unwrap().is_some())
        };
        let old = json!([{"disk": "root"}]);
        for changed in [read(Some(2), json!([])), read(None, old.clone()), read(Some(1), old)] {
            let (refused, is_kept) = submit(changed).await;
            let told = hostler_core::Error::from(refused.unwrap_err());
            assert_eq!((told.code(), is_kept), (Code::PreconditionFailed, false));
        }
        for same in [read(Some(1), json!([])), read(None, json!([]))] {
            submit(same).await.0.unwrap();
        }
        let gone = AsRead { vm: world.ids.next(VmId::new), ..read(None, json!([])) };
        let missing = StoreErrorKind::NotFound(Missing::Vm);
        assert_eq!(*submit(gone).await.0.unwrap_err().kind(), missing);
    })
    .await;
}

/// A description that was changed while a change was under way, at its very end, too.
#[tokio::test]
async fn c20_a_change_leaves_what_was_written_meanwhile() {
    on_both(|store| async move {
        let world = World::new();
        let mut new = world.create("web");
        new.plan = plan(1);
        store.submit(&new).await.unwrap();
        let vm = new.vm.unwrap();
        let (from, mut to) = (vm.spec.clone(), vm.spec.clone());
        to.memory.bytes = 2 << 30;
        let mut spec = from.clone();
        spec.description = "meanwhile".into();
        store.update_vm_spec(vm.id, 1, &spec, &[], world.now()).await.unwrap();
        let ttl = std::time::Duration::from_secs(30);
        let epoch = store.acquire_lease(new.id, "a", ttl, world.now()).await.unwrap().unwrap();
        let effects = [Effect::ChangeVmSpec { vm: vm.id, from: Box::new(from), to: Box::new(to) }];
        let append = Append {
            expected_len: None,
            events: &[started(0)],
            effects: &effects,
            tell: &silent,
            now: world.now(),
        };
        store.append(new.id, epoch, &append).await.unwrap();
        let row = store.vm(vm.id).await.unwrap().unwrap();
        assert_eq!((row.spec.memory.bytes, &*row.spec.description), (2 << 30, "meanwhile"));
        assert_eq!(row.generation, 3);
    })
    .await;
}
