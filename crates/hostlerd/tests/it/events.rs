//! Server-sent events: in order, resumable, honest about what was lost.

use std::time::Duration;

use hostler_core::Clock;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::client::Client;
use crate::fixture::Fixture;

/// A stream of events that is being read.
pub(crate) struct Stream {
    body: Incoming,
    text: String,
}

impl Stream {
    pub(crate) async fn open(client: &Client, path: &str) -> Self {
        let response = client.stream("GET", path, None).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next block of lines; `None` at the end.
    pub(crate) async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let frame = tokio::time::timeout(Duration::from_secs(30), self.body.frame()).await;
            let frame = frame.expect("something comes")?.ok()?;
            let bytes = frame.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next event: its id and its document.
    async fn event(&mut self) -> (u64, Value) {
        let found = tokio::time::timeout(Duration::from_secs(30), self.find()).await;
        found.expect("another event")
    }

    async fn find(&mut self) -> (u64, Value) {
        loop {
            let block = self.block().await.expect("another event");
            let line = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned))
            };
            if let (Some(id), Some(data)) = (line("id: "), line("data: ")) {
                let document: Value = serde_json::from_str(&data).unwrap();
                assert_eq!(document["seq"].to_string(), id);
                return (id.parse().unwrap(), document);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_says_at_once_that_it_is_connected() {
    let fixture = Fixture::start().await;
    let mut stream = Stream::open(&fixture.local(), "/api/v1/events").await;
    assert_eq!(stream.block().await.unwrap(), "retry: 2000\n: hello");
}

#[tokio::test]
async fn what_happens_is_told_in_order_and_resumed_without_gap_or_repetition() {
    let fixture = Fixture::start().await;
    let local = fixture.local();
    let mut live = Stream::open(&local, "/api/v1/events").await;
    live.block().await;
    let vm = fixture.make_vm("web").await;
    let (first, event) = live.event().await;
    assert_eq!(event["type"], "operation.changed");
    assert_eq!(event["resource"]["id"], vm.as_str());
    let (second, _) = live.event().await;
    let (third, _) = live.event().await;
    assert_eq!((second, third), (first + 1, first + 2));
    drop(live);

    // A browser repeats the address and says in a header what it has seen.
    let again = local.clone().header("last-event-id", &second.to_string());
    let mut resumed = Stream::open(&again, "/api/v1/events?since=0").await;
    assert_eq!(resumed.event().await.0, third);
    let mut from_query = Stream::open(&local, &format!("/api/v1/events?since={second}")).await;
    assert_eq!(from_query.event().await.0, third);
}

#[tokio::test]
async fn only_the_kinds_that_were_asked_for_are_told() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    fixture.act(&vm, "pause", None).await;
    let path = "/api/v1/events?since=0&types=vm.*";
    let mut stream = Stream::open(&fixture.local(), path).await;
    for _ in 0..2 {
        let (_, event) = stream.event().await;
        assert!(event["type"].as_str().unwrap().starts_with("vm."), "{event}");
    }
}

#[tokio::test]
async fn what_is_no_longer_kept_is_gone_and_says_what_there_is() {
    let fixture = Fixture::start().await;
    fixture.make_vm("web").await;
    let local = fixture.local();
    let future = local.get("/api/v1/events?since=999999").await;
    assert_eq!((future.status, future.code().as_str()), (410, "events_expired"));
    fixture.store.trim_events(1).await.unwrap();
    let past = local.get("/api/v1/events?since=0").await;
    assert_eq!((past.status, past.code().as_str()), (410, "events_expired"));
    assert!(past.json()["details"]["last_seq"].as_str().unwrap().parse::<u64>().unwrap() > 1);
    let odd = local.header("last-event-id", "yesterday").get("/api/v1/events").await;
    assert_eq!((odd.status, odd.code().as_str()), (400, "query_invalid"));
}

#[tokio::test]
async fn followers_are_counted_and_bounded() {
    let fixture = Fixture::start().await;
    let followers = &fixture.server.app().streams.followers;
    let free = followers.available_permits();
    let stream = Stream::open(&fixture.local(), "/api/v1/events").await;
    assert_eq!(followers.available_permits(), free - 1);
    let metrics = fixture.local().get("/metrics").await.text();
    assert!(metrics.contains("\nhostler_event_subscribers 1"), "{metrics}");
    followers.forget_permits(free);
    let refused = fixture.local().get("/api/v1/events").await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
    assert_eq!(refused.header("retry-after"), "30");
    drop(stream);
}

#[tokio::test]
async fn past_events_are_listed_newest_first_page_by_page() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let local = fixture.local();
    let base = format!("/api/v1/events/history?filter=resource={vm}&limit=2");
    let (mut seen, mut path) = (Vec::new(), base.clone());
    loop {
        let page = local.get(&path).await.json();
        for event in page["items"].as_array().unwrap() {
            assert_eq!(event["resource"]["id"], vm.as_str());
            seen.push(event["seq"].as_u64().unwrap());
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{base}&cursor={cursor}"),
            None => break,
        }
    }
    assert!(seen.len() > 2 && seen.is_sorted_by(|a, b| a > b), "{seen:?}");
}

#[tokio::test]
async fn a40_whoever_falls_behind_is_told_to_start_over() {
    let fixture = Fixture::start().await;
    let mut slow = Stream::open(&fixture.local(), "/api/v1/events").await;
    slow.block().await;
    // More than the socket, the server and the follower's backlog can hold between them.
    let event = hostler_store::NewEvent {
        at: fixture.clock.now(),
        kind: "test.noise".into(),
        resource_kind: None,
        resource_id: None,
        resource_name: None,
        message: "x".repeat(400),
        data: Value::Null,
    };
    for _ in 0..30 {
        fixture.store.append_events(&vec![event.clone(); 500]).await.unwrap();
    }
    fixture.make_vm("web").await; // which makes the engine look at what is new
    let found = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let block = slow.block().await.expect("the stream goes on");
            if block.starts_with("event: resync") {
                return block;
            }
        }
    });
    let block = found.await.expect("a resync comes");
    assert_eq!(block, "event: resync\ndata: {\"type\":\"resync\"}");
}
