//! Decisions about VMs that were made elsewhere: kept whole, and undone whole.

use hostler_core::id::{ProviderId, VmId};
use hostler_core::vm::VmSpec;
use hostler_core::vm::adoption::Adopted;
use hostler_core::vm::status::Phase;
use hostler_store::{
    Conflict, IgnoredVm, Missing, NewVm, ProviderRow, ResourceKey, ResourceKind, ResourceRow,
    Store, StoreErrorKind,
};
use serde_json::json;

use crate::common::{World, on_both};

async fn provider(store: &Store, world: &World) -> ProviderId {
    let row = ProviderRow {
        id: world.ids.next(ProviderId::new),
        name: "lab".into(),
        uri: "qemu:///system".into(),
        from_config: false,
        created_at: world.now(),
    };
    store.insert_provider(&row, &[]).await.unwrap();
    row.id
}

fn foreign(world: &World, provider: ProviderId, name: &str) -> (NewVm, Adopted) {
    let vm = NewVm {
        id: world.ids.next(VmId::new),
        provider: Some(provider),
        host: None,
        external_ref: Some(format!("uuid-of-{name}")),
        phase: Phase::Ready,
        spec: VmSpec::new(name, 1 << 30),
        bindings: json!([]),
        template: None,
    };
    let adopted = Adopted {
        by: "local:root".into(),
        at: world.now(),
        read_only: true,
        reason: None,
        mark: None,
    };
    (vm, adopted)
}

#[tokio::test]
async fn e18_what_is_adopted_is_kept_with_who_and_when_and_let_go_without_a_trace() {
    on_both(|store| async move {
        let world = World::new();
        let provider = provider(&store, &world).await;
        let (vm, adopted) = foreign(&world, provider, "theirs");
        let public = [world.event("vm.adopted", &vm.id.to_string())];
        assert_eq!(store.adopt_vm(&vm, &adopted, &public).await.unwrap().len(), 1);
        let row = store.vm(vm.id).await.unwrap().unwrap();
        assert_eq!((row.adopted.as_ref(), row.phase), (Some(&adopted), Phase::Ready));
        assert_eq!((row.external_ref, row.created_at), (vm.external_ref.clone(), adopted.at));

        let twice = store.adopt_vm(&vm, &adopted, &[]).await.unwrap_err();
        assert_eq!(*twice.kind(), StoreErrorKind::Conflict(Conflict::VmExists));
        let (other, _) = foreign(&world, provider, "theirs");
        let named = store.adopt_vm(&other, &adopted, &[]).await.unwrap_err();
        assert_eq!(*named.kind(), StoreErrorKind::Conflict(Conflict::VmExists));

        store.release_vm(vm.id, &public).await.unwrap();
        assert_eq!(store.vm(vm.id).await.unwrap(), None);
        let gone = store.release_vm(vm.id, &[]).await.unwrap_err();
        assert_eq!(*gone.kind(), StoreErrorKind::NotFound(Missing::Vm));

        let mut made = world.create("ours");
        made.claims.clear();
        store.submit(&made).await.unwrap();
        let made = made.vm.unwrap().id;
        let refused = store.release_vm(made, &[]).await.unwrap_err();
        assert_eq!(*refused.kind(), StoreErrorKind::NotFound(Missing::Vm));
        assert!(store.vm(made).await.unwrap().is_some(), "it was made here");
    })
    .await;
}

#[tokio::test]
async fn who_is_worked_on_is_not_let_go() {
    on_both(|store| async move {
        let world = World::new();
        let provider = provider(&store, &world).await;
        let (vm, adopted) = foreign(&world, provider, "theirs");
        store.adopt_vm(&vm, &adopted, &[]).await.unwrap();
        let work = world.operation(&[hostler_core::operation::Resource::Vm(vm.id)]);
        store.submit(&work).await.unwrap();
        let busy = store.release_vm(vm.id, &[]).await.unwrap_err();
        assert!(matches!(busy.kind(), StoreErrorKind::Conflict(Conflict::Busy { .. })));
        assert!(store.vm(vm.id).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn x31_who_decided_to_leave_a_vm_alone_is_kept_until_somebody_decides_otherwise() {
    on_both(|store| async move {
        let world = World::new();
        let provider = provider(&store, &world).await;
        let (vm, adopted) = foreign(&world, provider, "theirs");
        // Whoever is left alone has been seen.
        let external_ref = "uuid-of-theirs".to_owned();
        let seen = ResourceRow {
            key: ResourceKey {
                kind: ResourceKind::Vm,
                provider,
                external_ref: external_ref.clone(),
            },
            id: vm.id.as_uuid(),
            first_seen_at: world.now(),
            absence: hostler_store::Absence::default(),
        };
        store.remember(&[seen]).await.unwrap();
        let ignored = |reason: &str| IgnoredVm {
            id: vm.id,
            provider,
            external_ref: external_ref.clone(),
            name: "theirs".into(),
            by: "local:root".into(),
            at: world.now(),
            reason: reason.into(),
        };
        store.ignore_vm(&ignored("first"), &[]).await.unwrap();
        let second = ignored("second");
        store.ignore_vm(&second, &[]).await.unwrap();
        assert_eq!(store.ignored_vms().await.unwrap(), [second]);
        store.offer_vm(vm.id, &[]).await.unwrap();
        assert_eq!(store.ignored_vms().await.unwrap(), []);
        let gone = store.offer_vm(vm.id, &[]).await.unwrap_err();
        assert_eq!(*gone.kind(), StoreErrorKind::NotFound(Missing::Vm));

        // Adopting it, or forgetting its provider, ends it as well.
        store.ignore_vm(&ignored("third"), &[]).await.unwrap();
        store.adopt_vm(&vm, &adopted, &[]).await.unwrap();
        assert_eq!(store.ignored_vms().await.unwrap(), []);
        let ours = store.ignore_vm(&ignored("managed"), &[]).await.unwrap_err();
        assert_eq!(*ours.kind(), StoreErrorKind::Conflict(Conflict::VmExists));
        assert_eq!(store.ignored_vms().await.unwrap(), []);
        store.release_vm(vm.id, &[]).await.unwrap();
        store.ignore_vm(&ignored("fourth"), &[]).await.unwrap();
        store.delete_provider(provider, &[]).await.unwrap();
        assert_eq!(store.ignored_vms().await.unwrap(), []);
    })
    .await;
}
