//! The live stream: what is wanted comes, once, as it was made for all.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::SinkExt;
use hostler_api::v1::{LiveFrame, LiveTold, LiveTopic};
use hostler_core::Clock;
use hostler_core::access::Role;
use hostler_store::NewEvent;
use hostlerd::config::ConfiguredMetrics;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::client::Client;
use crate::events::Stream;
use crate::fixture::Fixture;
use crate::sockets::{Socket, closed, next, open};

const SOCKET: &str = "/api/v1/live/socket";
const PROTOCOL: &str = "hostler.live.v1";

/// A server that measures.
async fn measuring() -> Fixture {
    let metrics = ConfiguredMetrics { interval_seconds: 1, ..ConfiguredMetrics::default() };
    Fixture::measuring(metrics).await
}

async fn connect(client: &Client) -> Socket {
    open(client, SOCKET, PROTOCOL).await.unwrap()
}

async fn send(socket: &mut Socket, message: &Value) {
    socket.send(Message::Text(message.to_string().into())).await.unwrap();
}

/// A frame has the shape that is promised (X32).
fn read(text: &str) -> LiveFrame {
    let value: Value = serde_json::from_str(text).unwrap();
    let members: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["type", "data", "seq", "ts", "schema"], "{text}");
    assert_eq!(value["schema"], 1);
    let frame: LiveFrame = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(
        serde_json::to_value(&frame).unwrap(),
        value,
        "nothing is told that is not promised"
    );
    frame
}

/// The next frame that is no ping.
async fn frame(socket: &mut Socket) -> LiveFrame {
    loop {
        let Some(Message::Text(text)) = next(socket).await else { panic!("no text") };
        let frame = read(&text);
        if !matches!(frame.told, LiveTold::Ping(_)) {
            return frame;
        }
    }
}

/// The frame that answers a subscription; what comes before it is left out.
async fn subscribed(socket: &mut Socket) -> Vec<&'static str> {
    loop {
        if let LiveTold::Subscribed(told) = frame(socket).await.told {
            return told.topics.iter().map(|topic| topic.as_str()).collect();
        }
    }
}

/// The next frame of a stream; `None` for what is none.
async fn streamed(stream: &mut Stream) -> Option<(String, LiveFrame)> {
    let block = stream.block().await.expect("it goes on");
    let text = block.strip_prefix("data: ")?;
    Some((text.to_owned(), read(text)))
}

/// Waits until the server has seen all clients leave.
async fn all_left(fixture: &Fixture) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while fixture.server.app().streams.live.available_permits() < 1024 {
        assert!(Instant::now() < deadline, "they are seen to leave");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn event(fixture: &Fixture, kind: &str, vm: Option<&str>, message: String) -> NewEvent {
    NewEvent {
        at: fixture.clock.now(),
        kind: kind.into(),
        resource_kind: vm.map(|_| "vm".to_owned()),
        resource_id: vm.map(str::to_owned),
        resource_name: None,
        message,
        data: json!({}),
    }
}

#[tokio::test]
async fn d6_what_is_measured_comes_as_it_is_measured() {
    let fixture = measuring().await;
    let vm = fixture.make_vm("web").await;
    let mut socket = connect(&fixture.local()).await;
    send(&mut socket, &json!({ "topics": ["vm:metrics", "node:metrics"] })).await;
    assert_eq!(subscribed(&mut socket).await, ["node:metrics", "vm:metrics"]);
    let (mut seen_vm, mut seen_node, mut last) = (false, false, 0);
    while !(seen_vm && seen_node) {
        let frame = frame(&mut socket).await;
        assert!(frame.seq > last, "in order");
        last = frame.seq;
        match frame.told {
            LiveTold::VmMetrics(told) => {
                let web = &told.vms[0];
                assert_eq!((told.vms.len(), &told.provider[..]), (1, "lab"));
                assert_eq!((&web.vm_id, &web.name[..]), (&vm, "web"));
                assert_eq!(web.project.as_deref(), Some("default"));
                // X17: what is made up says so; what is not known is null, and says why.
                assert!(web.simulated);
                assert!(web.quality == "ok" || web.reason.is_some(), "{web:?}");
                assert!(web.age_seconds.is_some_and(|age| age >= 0.0), "{web:?}");
                seen_vm |= web.quality == "ok" && web.memory_balloon_bytes.is_some();
            }
            LiveTold::NodeMetrics(told) => {
                assert!(told.nodes.iter().all(|node| node.simulated));
                seen_node |= told.nodes.iter().any(|node| node.memory_total_bytes.is_some());
            }
            other => panic!("nobody asked for {other:?}"),
        }
    }
}

#[tokio::test]
async fn d6_topics_are_changed_while_connected() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let mut socket = connect(&fixture.local()).await;
    let subscribe = |topics: &[&str]| json!({ "type": "subscribe", "data": { "topics": topics } });
    send(&mut socket, &subscribe(&["vm:status"])).await;
    assert_eq!(subscribed(&mut socket).await, ["vm:status"]);
    fixture.act(&vm, "pause", None).await;
    let LiveTold::VmStatus(told) = frame(&mut socket).await.told else { panic!("another topic") };
    assert_eq!((&told.kind[..], &told.data["state"]), ("vm.state", &json!("paused")));

    send(&mut socket, &subscribe(&["operations"])).await;
    assert_eq!(subscribed(&mut socket).await, ["vm:status", "operations"]);
    let leave = json!({ "type": "unsubscribe", "data": { "topics": ["vm:status", "alerts"] } });
    send(&mut socket, &leave).await;
    assert_eq!(subscribed(&mut socket).await, ["operations"]);
    fixture.act(&vm, "resume", None).await;
    loop {
        match frame(&mut socket).await.told {
            LiveTold::Operation(told) if told.data["state"] == "succeeded" => break,
            LiveTold::Operation(told) => assert_eq!(told.data["kind"], "vm.resume"),
            other => panic!("{other:?} was left"),
        }
    }
    // In place of all others, and nothing at all, are as good.
    send(&mut socket, &json!({ "topics": ["vm:events"] })).await;
    assert_eq!(subscribed(&mut socket).await, ["vm:events"]);
    send(&mut socket, &json!({ "topics": [] })).await;
    assert!(subscribed(&mut socket).await.is_empty());
}

#[tokio::test]
async fn d6_only_what_is_of_the_chosen_things_and_projects_comes() {
    let fixture = Fixture::start().await;
    let (web, db) = (fixture.make_vm("web").await, fixture.make_vm("db").await);
    let path = format!("/api/v1/live?topics=vm:status&only={db}&projects=default");
    let mut of_db = Stream::open(&fixture.local(), &path).await;
    let path = "/api/v1/live?topics=vm:status&projects=other";
    let mut of_other = Stream::open(&fixture.local(), path).await;
    let mut of_all = Stream::open(&fixture.local(), "/api/v1/live?topics=vm:status").await;
    for stream in [&mut of_db, &mut of_other, &mut of_all] {
        assert!(stream.block().await.unwrap().contains("hello"));
        assert!(matches!(streamed(stream).await.unwrap().1.told, LiveTold::Subscribed(_)));
    }
    fixture.act(&web, "pause", None).await;
    fixture.act(&db, "pause", None).await;
    let resource = |frame: LiveFrame| match frame.told {
        LiveTold::VmStatus(event) => event.resource.unwrap().id,
        other => panic!("{other:?}"),
    };
    assert_eq!(resource(streamed(&mut of_all).await.unwrap().1), web);
    assert_eq!(resource(streamed(&mut of_all).await.unwrap().1), db);
    assert_eq!(resource(streamed(&mut of_db).await.unwrap().1), db);
    // A mark that is for everybody, since it is no VM's state: nothing came before it.
    fixture.server.stop().await;
    assert_eq!(of_other.block().await, None);
}

#[tokio::test]
async fn d18_figures_of_some_are_a_part_of_what_all_are_told() {
    let fixture = measuring().await;
    fixture.make_vm("web").await;
    let db = fixture.make_vm("db").await;
    let path = format!("/api/v1/live?topics=vm:metrics&only={db}");
    let mut some = Stream::open(&fixture.local(), &path).await;
    let mut all = Stream::open(&fixture.local(), "/api/v1/live?topics=vm:metrics").await;
    let mut told = BTreeMap::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline);
        if let Some((_, LiveFrame { told: LiveTold::VmMetrics(vms), seq, .. })) =
            streamed(&mut all).await
            && vms.vms.len() == 2
        {
            told.insert(seq, vms);
        }
        let Some((_, frame)) = streamed(&mut some).await else { continue };
        let LiveTold::VmMetrics(part) = frame.told else { continue };
        assert_eq!(part.vms.len(), 1);
        if let Some(whole) = told.get(&frame.seq) {
            assert!(whole.vms.contains(&part.vms[0]) && part.vms[0].vm_id == db);
            break;
        }
    }
}

#[tokio::test]
async fn alerts_are_told_by_the_kind_of_their_event_alone() {
    let fixture = Fixture::start().await;
    let mut socket = connect(&fixture.local()).await;
    send(&mut socket, &json!({ "topics": ["alerts", "migrations"] })).await;
    subscribed(&mut socket).await;
    let events =
        [("alert.fired", "begins"), ("image.created", "is nothing"), ("vm.migrated", "is there")];
    let events = events.map(|(kind, message)| event(&fixture, kind, None, message.to_owned()));
    fixture.store.append_events(&events).await.unwrap();
    let LiveTold::Alert(told) = frame(&mut socket).await.told else { panic!("no alert") };
    assert_eq!((&told.kind[..], &told.message[..]), ("alert.fired", "begins"));
    let LiveTold::Migration(told) = frame(&mut socket).await.told else { panic!("no migration") };
    assert_eq!(told.message, "is there");
}

#[tokio::test]
async fn what_cannot_be_understood_is_answered_and_changes_nothing() {
    let fixture = Fixture::start().await;
    let mut socket = connect(&fixture.local()).await;
    send(&mut socket, &json!({ "topics": ["alerts"] })).await;
    assert_eq!(subscribed(&mut socket).await, ["alerts"]);
    let many: Vec<_> = (0..17).map(|_| "alerts").collect();
    for (text, why) in [
        ("{".to_owned(), "no JSON"),
        (json!({ "topics": ["vm:metrics", "vm:nothing"] }).to_string(), "vm:nothing"),
        (json!({ "topics": many }).to_string(), "17 topics"),
        (json!({ "type": "subscribe" }).to_string(), "data"),
        (json!({ "type": "shout", "data": { "topics": [] } }).to_string(), "shout"),
    ] {
        socket.send(Message::Text(text.into())).await.unwrap();
        let LiveTold::Error(error) = frame(&mut socket).await.told else { panic!("no error") };
        assert_eq!(error.code, "query_invalid");
        assert!(error.message.contains(why), "{}", error.message);
    }
    // Bytes are not for this; nobody minds them.
    socket.send(Message::Binary(vec![0xff; 10].into())).await.unwrap();
    send(&mut socket, &json!({ "type": "unsubscribe", "data": { "topics": [] } })).await;
    assert_eq!(subscribed(&mut socket).await, ["alerts"]);
    for _ in 0..120 {
        let _ = socket.send(Message::Text("{".into())).await;
    }
    assert_eq!(closed(&mut socket).await, 1008);
    let mut loud = connect(&fixture.local()).await;
    let _ = loud.send(Message::Text("x".repeat(200_000).into())).await;
    while next(&mut loud).await.is_some() {}
    // Their places are free again.
    drop((socket, loud));
    all_left(&fixture).await;
    assert_eq!(fixture.server.app().live.clients(), 0);
}

#[tokio::test]
async fn a_stream_says_in_its_query_what_it_follows() {
    let fixture = Fixture::start().await;
    let local = fixture.local();
    for (query, why) in [
        ("", "`topics` has to name"),
        ("?only=a", "name those"),
        ("?topics=vm:metrics,vms", "no topic"),
        ("?topics=vm:metrics&host=h1", "host"),
    ] {
        let answer = local.get(&format!("/api/v1/live{query}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "query_invalid"), "{query}");
        assert!(answer.text().contains(why), "{query}: {}", answer.text());
    }
    let refused = open(&local, &format!("{SOCKET}?topics=all"), PROTOCOL).await.map(drop);
    assert_eq!(refused, Err((400, "query_invalid".to_owned())));
    let mut socket = open(&local, &format!("{SOCKET}?topics=alerts"), PROTOCOL).await.unwrap();
    assert_eq!(subscribed(&mut socket).await, ["alerts"], "a socket may, too");
}

#[tokio::test]
async fn a15_the_live_socket_opens_for_our_pages_and_for_programs_only() {
    let fixture = Fixture::start().await;
    let browser = fixture.browser().await;
    let token = fixture.token(Role::Reader).await;
    for client in [&browser, &token, &fixture.local()] {
        assert!(open(client, SOCKET, PROTOCOL).await.is_ok());
    }
    let (_, cookie) = browser.headers().iter().find(|(name, _)| name == "cookie").unwrap();
    let cookie_only = fixture.client().header("cookie", cookie);
    let denied = Err((403, "origin_denied".to_owned()));
    assert_eq!(open(&cookie_only, SOCKET, PROTOCOL).await.map(drop), denied);
    for client in [&cookie_only, &token] {
        let foreign = client.clone().header("origin", "https://evil.example");
        assert_eq!(open(&foreign, SOCKET, PROTOCOL).await.map(drop), denied);
    }
    let nobody = open(&fixture.client(), SOCKET, PROTOCOL).await.map(drop);
    assert_eq!(nobody, Err((401, "credentials_missing".to_owned())));
}

#[tokio::test]
async fn whoever_loses_the_right_to_listen_is_told_at_once() {
    let fixture = Fixture::start().await;
    let secret = fixture.make_token(Role::Reader, None).await;
    let revoked = fixture.client().header("authorization", &format!("Bearer {secret}"));
    let other = fixture.token(Role::Reader).await;
    let mut loser = connect(&revoked).await;
    let mut stream = Stream::open(&revoked, "/api/v1/live?topics=alerts").await;
    let mut events = Stream::open(&revoked, "/api/v1/events").await;
    let mut stays = connect(&other).await;
    for socket in [&mut loser, &mut stays] {
        send(socket, &json!({ "topics": ["alerts"] })).await;
        subscribed(socket).await;
    }
    let tokens = fixture.local().get("/api/v1/tokens").await.json();
    let used = revoked.get("/api/v1/session").await.json();
    let name = used["actor"].as_str().unwrap().strip_prefix("token:").unwrap();
    let items = tokens["items"].as_array().unwrap();
    let id = items.iter().find(|it| it["name"] == name).unwrap()["id"].as_str().unwrap();
    assert_eq!(fixture.local().delete(&format!("/api/v1/tokens/{id}")).await.status, 204);
    assert_eq!(closed(&mut loser).await, 1008);
    while stream.block().await.is_some() {}
    while events.block().await.is_some() {}
    send(&mut stays, &json!({ "topics": ["migrations"] })).await;
    assert_eq!(subscribed(&mut stays).await, ["migrations"]);
    // The same when a session is closed.
    let browser = fixture.browser().await;
    let mut page = connect(&browser).await;
    assert_eq!(browser.delete("/api/v1/session").await.status, 204);
    assert_eq!(closed(&mut page).await, 1008);
}

#[tokio::test]
async fn clients_are_counted_and_bounded() {
    let fixture = Fixture::start().await;
    let places = &fixture.server.app().streams.live;
    assert_eq!(places.available_permits(), 1024);
    let mut socket = connect(&fixture.local()).await;
    send(&mut socket, &json!({ "topics": ["alerts"] })).await;
    subscribed(&mut socket).await;
    let metrics = fixture.local().get("/metrics").await.text();
    // The server's own look at events is no client.
    for wanted in
        ["hostler_live_clients 1", "hostler_live_frames_total 0", "hostler_event_subscribers 0"]
    {
        assert!(metrics.contains(&format!("\n{wanted}\n")), "{wanted}: {metrics}");
    }
    places.forget_permits(1023);
    let refused = fixture.local().get("/api/v1/live?topics=alerts").await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
    assert_eq!(refused.header("retry-after"), "30");
    let refused = open(&fixture.local(), SOCKET, PROTOCOL).await.map(drop);
    assert_eq!(refused, Err((429, "rate_limited".to_owned())));
}

/// Lets so much time pass at once, as far as timers go.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn d6_a_ping_comes_every_thirty_seconds_and_who_wants_nothing_is_sent_away() {
    let fixture = Fixture::start().await;
    let mut mute = connect(&fixture.local()).await;
    let mut socket = connect(&fixture.local()).await;
    send(&mut socket, &json!({ "topics": ["alerts"] })).await;
    assert_eq!(subscribed(&mut socket).await, ["alerts"]);
    pass(Duration::from_secs(11)).await;
    assert_eq!(closed(&mut mute).await, 1008);
    pass(Duration::from_secs(20)).await;
    let Some(Message::Text(text)) = next(&mut socket).await else { panic!("no text") };
    assert!(matches!(read(&text).told, LiveTold::Ping(_)), "{text}");
}

#[tokio::test]
async fn d16_whoever_does_not_read_is_told_what_they_lost_and_delays_nobody() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let mut slow = Stream::open(&fixture.local(), "/api/v1/live?topics=vm:events").await;
    let mut quick = connect(&fixture.local()).await;
    send(&mut quick, &json!({ "topics": ["vm:events", "alerts"] })).await;
    subscribed(&mut quick).await;
    let live = fixture.server.app().live.clone();
    // More than the client's connection and the ring can hold between them.
    for round in 0..6 {
        let noise = event(&fixture, "vm.noise", Some(&vm), "x".repeat(8000));
        let mut events = vec![noise; 200];
        events.push(event(&fixture, "alert.mark", None, round.to_string()));
        fixture.store.append_events(&events).await.unwrap();
        // Another wakes the engine; the quick client sees each round to its end at once.
        loop {
            if let LiveTold::Alert(mark) = frame(&mut quick).await.told
                && mark.message == round.to_string()
            {
                break;
            }
        }
        assert!(live.waiting() <= 512, "{}", live.waiting());
    }
    let mut last = 0;
    let lost = loop {
        let Some((_, frame)) = streamed(&mut slow).await else { continue };
        match frame.told {
            LiveTold::Resync(lost) => break (frame.seq, lost),
            _ => last = frame.seq,
        }
    };
    // From the first that it did not get, to what was newest when it read again.
    let (seq, lost) = lost;
    assert!(lost.from > last && lost.to == seq && lost.to > lost.from, "{lost:?} {last}");
    assert!(live.resyncs() >= 1);
    // And on with what is new, in order.
    let event = event(&fixture, "vm.noise", Some(&vm), "after".to_owned());
    fixture.store.append_events(&[event]).await.unwrap();
    loop {
        let Some((_, frame)) = streamed(&mut slow).await else { continue };
        assert!(frame.seq > seq);
        if matches!(frame.told, LiveTold::VmEvent(event) if event.message == "after") {
            break;
        }
    }
}

#[tokio::test]
async fn d16_d17_two_hundred_clients_get_each_tick_once_and_it_is_made_once() {
    const CLIENTS: usize = 200;
    const TICKS: usize = 4;
    let fixture = measuring().await;
    fixture.make_vm("web").await;
    let live = fixture.server.app().live.clone();
    assert_eq!(live.frames(), 0, "what nobody wants is not made");
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let path = "/api/v1/live?topics=vm:metrics";
        clients.push(Stream::open(&fixture.local(), path).await);
    }
    assert_eq!(live.clients(), CLIENTS);
    let mut told: BTreeMap<u64, String> = BTreeMap::new();
    for client in &mut clients {
        let mut seqs = Vec::new();
        while seqs.len() < TICKS {
            let Some((text, frame)) = streamed(client).await else { continue };
            match frame.told {
                LiveTold::VmMetrics(_) => seqs.push(frame.seq),
                LiveTold::Subscribed(_) | LiveTold::Ping(_) => continue,
                other => panic!("{other:?}"),
            }
            // What one is told, all are told.
            assert_eq!(told.entry(frame.seq).or_insert_with(|| text.clone()), &text);
        }
        // One after the other: none twice, none left out.
        assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
    }
    let last = *told.keys().last().unwrap();
    let made = live.frames();
    assert!(last <= made && live.waiting() as u64 <= made, "{last} {made} {}", live.waiting());
    assert_eq!(live.resyncs(), 0);
    drop(clients);
    all_left(&fixture).await;
    assert_eq!(live.waiting(), 0, "nothing is kept for nobody");
}

#[test]
fn every_topic_has_a_name_in_the_query() {
    let names: Vec<_> = LiveTopic::ALL.iter().map(|topic| topic.as_str()).collect();
    assert!(names.iter().all(|name| !name.contains([',', ' ', '&'])), "{names:?}");
}
