//! Migrations that are over: kept once, as they were told, and no more of them than is bearable.

use std::time::Duration;

use hostler_core::id::{HostId, OperationId, ProviderId, VmId};
use hostler_core::migration::{Migration, MigrationMode, MigrationPhase};
use hostler_core::{Fact, Timestamp};
use hostler_store::{KeptMigration, MIGRATIONS_PER_VM, ProviderRow, Store};

use crate::common::{World, on_both};

/// More than any test keeps.
const MANY: u64 = 1000;

async fn provider(store: &Store, world: &World, name: &str) -> ProviderId {
    let row = ProviderRow {
        id: world.ids.next(ProviderId::new),
        name: name.into(),
        uri: format!("sim:{name}"),
        from_config: false,
        created_at: world.now(),
    };
    store.insert_provider(&row, &[]).await.unwrap();
    row.id
}

/// A migration of `vm` that was over by now.
fn over(world: &World, provider: ProviderId, vm: VmId, reference: &str) -> KeptMigration {
    let now = world.now();
    let host = |name: &str| Some((world.ids.next(HostId::new), name.to_owned()));
    KeptMigration {
        provider,
        vm,
        source: host("h1"),
        target: None,
        told: Migration {
            external_ref: reference.into(),
            operation: Some(world.ids.next(OperationId::new)),
            vm_ref: format!("vm-{vm}"),
            vm_name: "web".into(),
            phase: MigrationPhase::Failed,
            phase_said: "Failed".into(),
            source_host_ref: Some("node-1".into()),
            target_host_ref: None,
            mode: Some(MigrationMode::PostCopy),
            requested_at: Some(now),
            started_at: None,
            ended_at: Some(now),
            bytes_done: Fact::partial(7, "test", now, "it was cut off"),
            bytes_total: Fact::unsupported("test", "nobody counts"),
            is_cancel_requested: false,
            reason: Some("no room".into()),
            observed_at: now,
        },
    }
}

fn names(kept: &[KeptMigration]) -> Vec<&str> {
    kept.iter().map(|kept| kept.told.external_ref.as_str()).collect()
}

#[tokio::test]
async fn e8_what_is_over_is_kept_once_and_as_it_was_told() {
    on_both(|store| async move {
        let world = World::new();
        let (eu, us) = (provider(&store, &world, "eu").await, provider(&store, &world, "us").await);
        let (web, db) = (world.ids.next(VmId::new), world.ids.next(VmId::new));
        let mut first = over(&world, eu, web, "a");
        first.told.bytes_done = Fact::seen(9, "test", world.now()).into_stale("old");
        first.told.bytes_total = Fact::unavailable("test", "nobody knows");
        let twin = over(&world, us, db, "a");
        store.keep_migrations(&[first.clone(), twin.clone()], MANY).await.unwrap();
        // Two providers may have one name for theirs.
        assert_eq!(store.kept_migrations().await.unwrap(), [twin.clone(), first.clone()]);

        // What is told of it later changes nothing.
        let later = KeptMigration { source: None, ..over(&world, eu, web, "a") };
        store.keep_migrations(&[later], MANY).await.unwrap();
        assert_eq!(store.kept_migrations_of(web, None).await.unwrap(), [first.clone()]);

        // By the VM as it is known here, and by what its provider calls it: who was forgotten
        // and found again has another id.
        let again = world.ids.next(VmId::new);
        let place = Some((eu, first.told.vm_ref.as_str()));
        assert_eq!(store.kept_migrations_of(again, place).await.unwrap(), [first]);
        assert_eq!(store.kept_migrations_of(again, None).await.unwrap(), []);

        // What a provider told goes with it.
        store.delete_provider(eu, &[]).await.unwrap();
        assert_eq!(store.kept_migrations().await.unwrap(), [twin]);
        let orphan = over(&world, eu, web, "b");
        store.keep_migrations(&[orphan], MANY).await.unwrap_err();
        assert_eq!(store.kept_migrations().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn e8_one_that_was_kept_without_its_end_takes_it_when_it_is_told() {
    on_both(|store| async move {
        let world = World::new();
        let eu = provider(&store, &world, "eu").await;
        let web = world.ids.next(VmId::new);
        let mut first = over(&world, eu, web, "a");
        first.told.ended_at = None;
        let late = over(&world, eu, web, "b");
        store.keep_migrations(&[first.clone(), late], MANY).await.unwrap();
        let mut told = first.clone();
        (told.told.ended_at, told.told.observed_at) = (Some(world.now()), world.now());
        store.keep_migrations(&[told.clone()], MANY).await.unwrap();
        store.keep_migrations(&[first], MANY).await.unwrap();
        let kept = store.kept_migrations().await.unwrap();
        assert_eq!(names(&kept), ["a", "b"], "the latest first, by their ends");
        assert_eq!(kept[0], told);
    })
    .await;
}

#[tokio::test]
async fn e8_they_are_bounded_for_each_vm_in_all_and_by_age() {
    on_both(|store| async move {
        let world = World::new();
        let eu = provider(&store, &world, "eu").await;
        let (busy, calm) = (world.ids.next(VmId::new), world.ids.next(VmId::new));
        let rare = over(&world, eu, calm, "rare");
        let many: Vec<_> = (0..MIGRATIONS_PER_VM + 5)
            .map(|number| over(&world, eu, busy, &format!("{number:04}")))
            .collect();
        store.keep_migrations(&[rare], MANY).await.unwrap();
        store.keep_migrations(&many, MANY).await.unwrap();
        let kept = store.kept_migrations_of(busy, None).await.unwrap();
        assert_eq!(kept.len(), usize::try_from(MIGRATIONS_PER_VM).unwrap());
        assert_eq!((names(&kept)[0], names(&kept)[kept.len() - 1]), ("0104", "0005"));
        assert_eq!(store.kept_migrations_of(calm, None).await.unwrap().len(), 1, "not for others");

        let last = over(&world, eu, calm, "last");
        store.keep_migrations(std::slice::from_ref(&last), 3).await.unwrap();
        assert_eq!(names(&store.kept_migrations().await.unwrap()), ["last", "0104", "0103"]);

        let end = last.told.ended_at.unwrap();
        assert_eq!(store.delete_migrations_before(Timestamp::from_micros(0)).await.unwrap(), 0);
        assert_eq!(store.delete_migrations_before(end).await.unwrap(), 2);
        assert_eq!(names(&store.kept_migrations().await.unwrap()), ["last"]);
        let after = end.plus(Duration::from_secs(1));
        assert_eq!(store.delete_migrations_before(after).await.unwrap(), 1);
    })
    .await;
}
