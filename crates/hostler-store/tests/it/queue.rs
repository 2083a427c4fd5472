//! Whose turn it is: a long queue at one provider hides nobody else's.

use hostler_core::id::ProviderId;
use hostler_core::operation::Outcome;
use std::time::Duration;

use crate::common::{World, finished, on_both, plain, started};

#[tokio::test]
async fn f6_each_providers_oldest_come_first_however_long_the_other_queues_are() {
    on_both(|store| async move {
        let world = World::new();
        let (a, b) = (world.ids.next(ProviderId::new), world.ids.next(ProviderId::new));
        let mut ids = Vec::new();
        for provider in [Some(a); 5].into_iter().chain([Some(b), None, Some(b)]) {
            let mut new = world.operation(&[]);
            new.provider = provider;
            store.submit(&new).await.unwrap();
            ids.push(new.id);
        }
        let queued = store.queued(2, 100).await.unwrap();
        let turns: Vec<_> = queued.iter().map(|row| row.id).collect();
        assert_eq!(turns, [ids[0], ids[5], ids[6], ids[1], ids[7]]);
        assert_eq!(queued[1].provider, Some(b));
        assert_eq!(store.queued(2, 2).await.unwrap().len(), 2);
        // What has ended has no place in the queue.
        let epoch = store.acquire_lease(ids[0], "x", Duration::from_secs(9), world.now()).await;
        let end = [started(0), finished(Outcome::Failed)];
        let append = plain(&end, &[], world.now());
        store.append(ids[0], epoch.unwrap().unwrap(), &append).await.unwrap();
        assert_eq!(store.queued(1, 100).await.unwrap()[0].id, ids[1]);
    })
    .await;
}
