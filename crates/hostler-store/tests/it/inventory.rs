//! Providers, identities of what was found there, and images.

use std::time::Duration;

use hostler_core::id::{ImageId, ProviderId};
use hostler_core::image::Image;
use hostler_core::operation::Resource;
use hostler_core::vm::devices::VolumeFormat;
use hostler_store::{
    Absence, Conflict, Forgetting, Missing, ProviderRow, ResourceKey, ResourceKind, ResourceRow,
    Store, StoreErrorKind,
};
use uuid::Uuid;

use crate::common::{World, on_both};

fn provider(world: &World, name: &str) -> ProviderRow {
    ProviderRow {
        id: world.ids.next(ProviderId::new),
        name: name.into(),
        uri: "qemu:///system".into(),
        from_config: false,
        created_at: world.now(),
    }
}

/// Adds a provider for a test that needs one.
pub(crate) async fn add_provider(store: &Store, world: &World, name: &str) -> ProviderId {
    let row = provider(world, name);
    store.insert_provider(&row, &[]).await.unwrap();
    row.id
}

#[tokio::test]
async fn a_provider_has_its_name_for_itself() {
    on_both(|store| async move {
        let world = World::new();
        let row = provider(&world, "lab");
        let public = [world.event("provider.added", "lab")];
        assert_eq!(store.insert_provider(&row, &public).await.unwrap().len(), 1);
        let error = store.insert_provider(&provider(&world, "lab"), &public).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::ProviderExists));
        assert_eq!(store.providers().await.unwrap(), std::slice::from_ref(&row));
        assert_eq!(store.provider(row.id).await.unwrap(), Some(row.clone()));
        assert_eq!(store.provider_by_name("lab").await.unwrap(), Some(row));
        assert_eq!(store.provider_by_name("other").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_configured_provider_keeps_its_id_when_its_address_changes() {
    on_both(|store| async move {
        let world = World::new();
        let first = store.upsert_provider(&provider(&world, "lab")).await.unwrap();
        let mut moved = provider(&world, "lab");
        (moved.uri, moved.from_config) = ("qemu+ssh://h2/system".into(), true);
        let kept = store.upsert_provider(&moved).await.unwrap();
        assert_eq!((kept.id, kept.created_at), (first.id, first.created_at));
        assert_eq!((kept.uri.as_str(), kept.from_config), ("qemu+ssh://h2/system", true));
        assert_eq!(store.providers().await.unwrap(), [kept]);
    })
    .await;
}

#[tokio::test]
async fn a_provider_with_managed_vms_is_not_forgotten() {
    on_both(|store| async move {
        let world = World::new();
        let (used, free) = (
            add_provider(&store, &world, "used").await,
            add_provider(&store, &world, "free").await,
        );
        let mut new = world.create("web");
        new.vm.as_mut().unwrap().provider = Some(used);
        store.submit(&new).await.unwrap();
        let error = store.delete_provider(used, &[]).await.unwrap_err();
        let in_use = Conflict::ProviderInUse { vms: 1 };
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(in_use));
        store.remember(&[thing(free, "a", 1, &world)]).await.unwrap();
        store.delete_provider(free, &[]).await.unwrap();
        assert_eq!(store.resources(free).await.unwrap(), []);
        let error = store.delete_provider(free, &[]).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::NotFound(Missing::Provider));
    })
    .await;
}

fn thing(provider: ProviderId, external_ref: &str, id: u128, world: &World) -> ResourceRow {
    ResourceRow {
        key: ResourceKey { kind: ResourceKind::Host, provider, external_ref: external_ref.into() },
        id: Uuid::from_u128(id),
        first_seen_at: world.now(),
        absence: Absence::default(),
    }
}

#[tokio::test]
async fn what_was_found_once_keeps_its_id() {
    on_both(|store| async move {
        let world = World::new();
        let (here, there) = (world.ids.next(ProviderId::new), world.ids.next(ProviderId::new));
        let first = thing(here, "h1", 1, &world);
        let ids = store.remember(std::slice::from_ref(&first)).await.unwrap();
        assert_eq!(ids, [Uuid::from_u128(1)]);
        let again = [thing(here, "h1", 9, &world), thing(there, "h1", 2, &world)];
        let ids = store.remember(&again).await.unwrap();
        assert_eq!(ids, [Uuid::from_u128(1), Uuid::from_u128(2)]);
        assert_eq!(store.resources(here).await.unwrap(), std::slice::from_ref(&first));
    })
    .await;
}

const GONE: Absence = Absence { vouched: Duration::from_millis(1500), inventories: 3 };

/// Forgets these, each with an event; tells which were.
async fn forget(store: &Store, world: &World, keys: &[&ResourceKey]) -> Vec<ResourceKey> {
    let forgetting = |key: &&ResourceKey| Forgetting {
        key: (*key).clone(),
        event: world.event("host.forgotten", &key.external_ref),
    };
    store.forget_absent(&keys.iter().map(forgetting).collect::<Vec<_>>()).await.unwrap()
}

#[tokio::test]
async fn only_what_is_noted_as_missing_is_forgotten_and_told() {
    on_both(|store| async move {
        let world = World::new();
        let here = world.ids.next(ProviderId::new);
        let (gone, there) = (thing(here, "gone", 1, &world), thing(here, "there", 2, &world));
        store.remember(&[gone.clone(), there.clone()]).await.unwrap();
        store.set_absences(&[(gone.key.clone(), GONE)]).await.unwrap();
        let kept = store.resources(here).await.unwrap();
        let absence = kept.iter().find(|row| row.key == gone.key).map(|row| row.absence);
        assert_eq!(absence, Some(GONE));
        let unknown = ResourceKey { external_ref: "unknown".into(), ..gone.key.clone() };
        let forgotten = forget(&store, &world, &[&gone.key, &there.key, &unknown]).await;
        assert_eq!(forgotten, std::slice::from_ref(&gone.key));
        assert_eq!(store.resources(here).await.unwrap(), [there]);
        let told = store.events_after(0, 10).await.unwrap();
        let told: Vec<_> = told.iter().map(|event| event.resource_id.as_deref()).collect();
        assert_eq!(told, [Some("gone")], "one event for the one that was forgotten");
    })
    .await;
}

#[tokio::test]
async fn i17_what_a_vm_of_ours_is_or_is_on_is_not_forgotten() {
    on_both(|store| async move {
        let world = World::new();
        let here = add_provider(&store, &world, "lab").await;
        let mut new = world.create("web");
        let vm = new.vm.as_mut().unwrap();
        let host = thing(here, "h1", 77, &world);
        (vm.provider, vm.external_ref) = (Some(here), Some("u-1".into()));
        vm.host = Some(hostler_core::id::HostId::from_uuid(host.id));
        store.submit(&new).await.unwrap();
        let mut domain = thing(here, "u-1", 9, &world);
        domain.key.kind = ResourceKind::Vm;
        store.remember(&[host.clone(), domain.clone()]).await.unwrap();
        store.set_absences(&[(host.key.clone(), GONE), (domain.key.clone(), GONE)]).await.unwrap();
        assert_eq!(forget(&store, &world, &[&host.key, &domain.key]).await, []);
        assert_eq!(store.resources(here).await.unwrap().len(), 2);
    })
    .await;
}

fn image(world: &World, name: &str) -> Image {
    Image {
        id: world.ids.next(ImageId::new),
        name: name.into(),
        description: "a guest".into(),
        format: VolumeFormat::Raw,
        file_bytes: 5,
        virtual_bytes: 1 << 40,
        sha256: "ab".repeat(32),
        created_at: world.now(),
    }
}

#[tokio::test]
async fn an_image_has_its_name_for_itself_until_it_is_deleted() {
    on_both(|store| async move {
        let world = World::new();
        let first = image(&world, "debian");
        let public = [world.event("image.created", "debian")];
        assert_eq!(store.insert_image(&first, &public).await.unwrap().len(), 1);
        let error = store.insert_image(&image(&world, "debian"), &public).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::ImageExists));
        assert_eq!(store.images().await.unwrap(), std::slice::from_ref(&first));
        assert_eq!(store.image(first.id).await.unwrap(), Some(first.clone()));
        assert_eq!(store.image_by_name("debian").await.unwrap(), Some(first.clone()));
        store.delete_image(first.id, &[]).await.unwrap();
        assert_eq!(store.image_by_name("debian").await.unwrap(), None);
        let error = store.delete_image(first.id, &[]).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::NotFound(Missing::Image));
    })
    .await;
}

#[tokio::test]
async fn an_image_that_an_operation_works_on_is_not_deleted() {
    on_both(|store| async move {
        let world = World::new();
        let used = image(&world, "debian");
        store.insert_image(&used, &[]).await.unwrap();
        let operation = world.operation(&[Resource::Image(used.id)]);
        store.submit(&operation).await.unwrap();
        let error = store.delete_image(used.id, &[]).await.unwrap_err();
        let busy = Conflict::Busy { resource: Resource::Image(used.id), operation: operation.id };
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(busy));
        let told = hostler_core::Error::from(error);
        assert_eq!(told.code(), hostler_core::Code::ImageInUse);
    })
    .await;
}
