//! Changing what is asked of a VM.

use hostler_store::{Conflict, Missing, StoreErrorKind};

use crate::common::{World, on_both};

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
