//! Public events: numbered in the order of commits, resumable, bounded.

use hostler_store::EventFilter;

use crate::common::{World, on_both};

#[tokio::test]
async fn a_subscriber_resumes_without_losing_an_event() {
    on_both(|store| async move {
        let world = World::new();
        assert_eq!(store.first_and_last_seq().await.unwrap(), (1, 0));
        for _ in 0..3 {
            let events = [world.event("vm.state", "a"), world.event("vm.state", "b")];
            store.append_events(&events).await.unwrap();
        }
        assert_eq!(store.append_events(&[]).await.unwrap(), []);
        assert_eq!(store.first_and_last_seq().await.unwrap(), (1, 6));
        let mut seen = Vec::new();
        loop {
            let page = store.events_after(seen.last().copied().unwrap_or(0), 4).await.unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page.iter().map(|event| event.seq));
        }
        assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    })
    .await;
}

#[tokio::test]
async fn events_written_at_once_get_numbers_without_gaps() {
    on_both(|store| async move {
        let world = World::new();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let (store, event) = (store.clone(), world.event("vm.state", "a"));
            tasks.spawn(async move { store.append_events(&[event.clone(), event]).await });
        }
        let mut seqs: Vec<_> = tasks
            .join_all()
            .await
            .into_iter()
            .flat_map(|stored| stored.unwrap())
            .map(|event| event.seq)
            .collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=80).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn history_is_read_newest_first_by_kind_family_and_resource() {
    on_both(|store| async move {
        let world = World::new();
        let kinds = ["vm.created", "vm.state", "vmware.added", "image.created"];
        let events: Vec<_> =
            kinds.iter().map(|kind| world.event(kind, &format!("id of {kind}"))).collect();
        let stored = store.append_events(&events).await.unwrap();
        let seqs = async |before, filter: EventFilter, limit| {
            let found = store.events_before(before, &filter, limit).await.unwrap();
            found.into_iter().map(|event| event.seq).collect::<Vec<_>>()
        };
        let by_kind = |kind: &str| EventFilter { kind: Some(kind.into()), resource: None };
        assert_eq!(seqs(None, EventFilter::default(), 9).await, [4, 3, 2, 1]);
        assert_eq!(seqs(Some(3), EventFilter::default(), 1).await, [2]);
        assert_eq!(seqs(None, by_kind("vm.state"), 9).await, [2]);
        assert_eq!(seqs(None, by_kind("vm.*"), 9).await, [2, 1]);
        assert!(seqs(None, by_kind("vm%"), 9).await.is_empty());
        let resource = EventFilter { kind: None, resource: Some("id of image.created".into()) };
        assert_eq!(seqs(None, resource, 9).await, [4]);
        let all = store.events_after(0, 9).await.unwrap();
        assert_eq!(all, stored);
        assert_eq!(
            (all[0].message.as_str(), &all[0].data),
            ("vm.created happened", &events[0].data)
        );
    })
    .await;
}

#[tokio::test]
async fn forgetting_keeps_the_latest_and_never_gives_a_number_twice() {
    on_both(|store| async move {
        let world = World::new();
        let events: Vec<_> = (0..10).map(|_| world.event("vm.state", "a")).collect();
        store.append_events(&events).await.unwrap();
        assert_eq!(store.trim_events(4).await.unwrap(), 6);
        assert_eq!(store.first_and_last_seq().await.unwrap(), (7, 10));
        assert_eq!(store.trim_events(0).await.unwrap(), 4);
        assert_eq!(store.first_and_last_seq().await.unwrap(), (11, 10));
        let next = store.append_events(&[world.event("vm.state", "a")]).await.unwrap();
        assert_eq!(next[0].seq, 11);
    })
    .await;
}
