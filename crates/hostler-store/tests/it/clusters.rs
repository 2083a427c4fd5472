//! What is kept of clusters beside their providers' rows.

use std::collections::BTreeMap;

use hostler_core::id::ProviderId;
use hostler_store::{Conflict, Missing, ProviderRow, SealedSecret, Store, StoreErrorKind};

use crate::common::{World, on_both};
use crate::inventory::add_provider;

fn secret(world: &World, key_id: &str, sealed: &[u8]) -> SealedSecret {
    SealedSecret {
        key_id: key_id.into(),
        sealed: sealed.to_vec(),
        given_by: "token:ci".into(),
        given_at: world.now(),
    }
}

fn cluster(world: &World, name: &str) -> ProviderRow {
    ProviderRow {
        id: world.ids.next(ProviderId::new),
        name: name.into(),
        uri: "kubevirt+kubeconfig:?context=a".into(),
        from_config: false,
        created_at: world.now(),
    }
}

async fn add(store: &Store, world: &World, name: &str) -> (ProviderRow, SealedSecret) {
    let (row, secret) = (cluster(world, name), secret(world, "k1", b"sealed"));
    store.insert_provider_with_secret(&row, &secret, &[]).await.unwrap();
    (row, secret)
}

#[tokio::test]
async fn a_cluster_and_its_secret_are_kept_together_or_not_at_all() {
    on_both(|store| async move {
        let world = World::new();
        let (row, kept) = add(&store, &world, "eu").await;
        assert_eq!(store.provider(row.id).await.unwrap(), Some(row.clone()));
        assert_eq!(store.provider_secret(row.id).await.unwrap(), Some(kept));
        let other = cluster(&world, "eu");
        let public = [world.event("provider.added", "eu")];
        let again = secret(&world, "k2", b"other");
        let error = store.insert_provider_with_secret(&other, &again, &public).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::ProviderExists));
        assert_eq!(store.provider_secret(other.id).await.unwrap(), None);
        assert_eq!(store.secret_key_ids().await.unwrap(), ["k1"]);
    })
    .await;
}

#[tokio::test]
async fn a_secret_is_replaced_with_the_address_that_goes_with_it() {
    on_both(|store| async move {
        let world = World::new();
        let (row, _) = add(&store, &world, "eu").await;
        let fresh = secret(&world, "k2", b"fresh");
        let uri = "kubevirt+kubeconfig:?context=b";
        let public = [world.event("cluster.kubeconfig_replaced", "eu")];
        store.replace_provider_secret(row.id, uri, &fresh, &public).await.unwrap();
        assert_eq!(store.provider(row.id).await.unwrap().unwrap().uri, uri);
        assert_eq!(store.provider_secret(row.id).await.unwrap(), Some(fresh.clone()));
        assert_eq!(store.secret_key_ids().await.unwrap(), ["k2"]);
        let nobody = world.ids.next(ProviderId::new);
        let error = store.replace_provider_secret(nobody, uri, &fresh, &public).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::NotFound(Missing::Provider));
        assert_eq!(store.provider_secret(nobody).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a36_a_secret_goes_with_its_provider_and_with_nothing_else() {
    on_both(|store| async move {
        let world = World::new();
        let (removed, _) = add(&store, &world, "eu").await;
        let (configured, _) = add(&store, &world, "us").await;
        store.delete_provider(removed.id, &[]).await.unwrap();
        assert_eq!(store.provider_secret(removed.id).await.unwrap(), None);
        // The server's configuration names one by the same name.
        let id = world.ids.next(ProviderId::new);
        let uri = "kubevirt:///k".to_owned();
        let row = ProviderRow { id, uri, from_config: true, ..configured.clone() };
        let error = store.upsert_provider(&row).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::ProviderExists));
        assert!(store.provider_secret(configured.id).await.unwrap().is_some());
        assert_eq!(store.provider(configured.id).await.unwrap(), Some(configured));
    })
    .await;
}

#[tokio::test]
async fn e15_declared_hardware_is_replaced_whole_and_goes_with_its_provider() {
    on_both(|store| async move {
        let world = World::new();
        let id = add_provider(&store, &world, "lab").await;
        let other = add_provider(&store, &world, "edge").await;
        let declare = |pairs: &[(&str, bool)]| -> BTreeMap<String, bool> {
            pairs.iter().map(|(name, is_there)| ((*name).to_owned(), *is_there)).collect()
        };
        let first = declare(&[("gpu", true), ("kvm", false)]);
        store.declare_hardware(id, &first, &[]).await.unwrap();
        store.declare_hardware(other, &declare(&[("x", true)]), &[]).await.unwrap();
        assert_eq!(store.declared_hardware().await.unwrap()[&id], first);
        let second = declare(&[("gpu", false)]);
        store.declare_hardware(id, &second, &[]).await.unwrap();
        assert_eq!(store.declared_hardware().await.unwrap()[&id], second);
        store.declare_hardware(id, &BTreeMap::new(), &[]).await.unwrap();
        store.delete_provider(other, &[]).await.unwrap();
        assert!(store.declared_hardware().await.unwrap().is_empty());
        let error = store.declare_hardware(other, &second, &[]).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::NotFound(Missing::Provider));
    })
    .await;
}

#[test]
fn a36_a_sealed_secret_shows_its_length_and_no_byte_of_it() {
    let shown = format!("{:?}", secret(&World::new(), "k1", b"hunter2"));
    assert!(shown.contains("bytes: 7") && !shown.contains("104"), "{shown}");
}
