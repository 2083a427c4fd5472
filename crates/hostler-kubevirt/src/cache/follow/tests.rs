//! What is decided, event by event; and that any history converges (`world`).

mod world;

use hostler_provider::{Error, Kind};
use serde_json::json;

use super::super::as_it_is;
use super::*;
use crate::error::{Answer, Verb, classify};

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn document(name: &str, version: &str) -> Value {
    json!({"metadata": {
        "uid": format!("uid-{name}"), "name": name, "namespace": "default",
        "resourceVersion": version,
    }})
}

fn event(kind: &str, object: &Value) -> Event {
    Event::read(json!({"type": kind, "object": object}).to_string().as_bytes())
}

fn gone() -> Event {
    event(
        "ERROR",
        &json!({"kind": "Status", "reason": "Expired", "code": 410,
                "message": "too old resource version: 1 (306)"}),
    )
}

fn refused(status: u16, body: &str) -> Failure {
    let answer = Answer { status, retry_after: None, body: body.as_bytes(), from_virt_api: false };
    classify(&answer, Verb::Watch, "cannot watch")
}

fn cut() -> End {
    let error = Error::new(Kind::Unavailable, "the watch was cut off");
    End::Failed(Failure { error, cause: Cause::Transport })
}

/// Listed at second 10 in version 5, with one VM.
fn followed() -> Follow<Value> {
    let mut follow = Follow::new(as_it_is, Duration::from_secs(60));
    follow.listed(at(10), read(vec![document("a", "4")]), "5".into(), 1.0);
    follow
}

fn read(documents: Vec<Value>) -> Vec<Option<Object>> {
    documents.into_iter().map(Object::read).collect()
}

fn watched(follow: &Follow<Value>) -> (String, u64) {
    match follow.next().1 {
        Next::Watch { resource_version, stream } => (resource_version, stream),
        Next::List => panic!("it wants to list: {:?}", follow.freshness()),
    }
}

fn stale(follow: &Follow<Value>) -> (Timestamp, bool) {
    match follow.freshness() {
        Freshness::Stale { since, rebuilding, .. } => (*since, rebuilding.is_some()),
        other => panic!("{other:?}"),
    }
}

fn bookmark(version: &str) -> Event {
    let object = json!({"kind": "VirtualMachine", "metadata": {"resourceVersion": version}});
    event("BOOKMARK", &object)
}

fn tell(follow: &mut Follow<Value>, second: i64, event: Event) -> Flow {
    let stream = follow.stream;
    follow.event(at(second), stream, event, 1.0).0
}

fn end(follow: &mut Follow<Value>, second: i64, end: End) {
    let stream = follow.stream;
    follow.watch_ended(at(second), stream, end, 1.0);
}

#[test]
fn e9_first_it_lists_and_then_watches_from_there() {
    let follow: Follow<Value> = Follow::new(as_it_is, Duration::from_secs(60));
    assert_eq!(follow.next(), (Duration::ZERO, Next::List));
    assert_eq!(follow.freshness(), &Freshness::Unlisted { reason: None });
    let follow = followed();
    assert_eq!(watched(&follow).0, "5");
    assert_eq!(follow.freshness(), &Freshness::Fresh);
    assert_eq!(follow.times().listed_at, Some(at(10)));
}

#[test]
fn e9_events_and_bookmarks_move_the_version() {
    let mut follow = followed();
    assert_eq!(tell(&mut follow, 11, event("MODIFIED", &document("a", "6"))), Flow::On);
    assert_eq!(watched(&follow).0, "6");
    tell(&mut follow, 12, bookmark("9"));
    assert_eq!(watched(&follow).0, "9");
    tell(&mut follow, 13, event("DELETED", &document("a", "10")));
    assert!(follow.cache.is_empty());
    assert_eq!(follow.times().heard_at, Some(at(13)));
}

#[test]
fn e9_an_echo_does_not_lead_back() {
    let mut follow = followed();
    for version in ["6", "7", "6"] {
        tell(&mut follow, 11, event("MODIFIED", &document("a", version)));
    }
    assert_eq!(watched(&follow).0, "7");
}

#[test]
fn e9_a_watch_that_ends_in_order_goes_on_at_once() {
    let mut follow = followed();
    tell(&mut follow, 68, bookmark("6"));
    end(&mut follow, 70, End::Closed(Duration::from_secs(60)));
    assert_eq!(follow.next().0, Duration::ZERO);
    assert_eq!(watched(&follow).0, "6");
    assert_eq!(follow.freshness(), &Freshness::Fresh);
    assert_eq!(follow.times().heard_at, Some(at(70)));
}

#[test]
fn x26_a_watch_that_ends_in_order_and_brought_nothing_was_not_heard() {
    // As after etcd was restored: the version that is watched from lies in the future.
    let mut follow = followed();
    for second in [12, 14] {
        end(&mut follow, second, End::Closed(Duration::from_secs(2)));
        watched(&follow);
        assert_eq!(stale(&follow), (at(10), false));
        assert!(follow.next().0 > Duration::ZERO);
    }
    end(&mut follow, 16, End::Closed(Duration::from_secs(2)));
    assert_eq!(follow.next().1, Next::List);
    assert_eq!((stale(&follow), follow.times().heard_at), ((at(10), false), Some(at(10))));
    follow.listed(at(17), read(vec![document("b", "2")]), "3".into(), 1.0);
    assert_eq!(follow.freshness(), &Freshness::Fresh);
}

#[test]
fn x26_a_long_watch_that_brought_nothing_is_followed_by_a_list_at_once() {
    let mut follow = followed();
    end(&mut follow, 70, End::Closed(Duration::from_secs(60)));
    assert_eq!(follow.next(), (Duration::ZERO, Next::List));
    assert_eq!(follow.times().heard_at, Some(at(10)), "nothing was heard");
    // However long the list takes, what was heard then is not what is so now.
    assert_eq!(stale(&follow), (at(10), false));
    follow.list_failed(at(71), &refused(503, ""), 1.0);
    assert_eq!(stale(&follow), (at(10), false));
    // What is already old is not made fresh by silence.
    let mut follow = followed();
    end(&mut follow, 20, cut());
    end(&mut follow, 80, End::Closed(Duration::from_secs(60)));
    assert_eq!(follow.next().1, Next::List);
    assert_eq!(stale(&follow), (at(10), false));
}

#[test]
fn x26_lists_that_each_end_in_a_410_come_ever_more_seldom() {
    let mut follow = followed();
    let mut pauses = Vec::new();
    for second in 0..5 {
        tell(&mut follow, 20 + second, gone());
        pauses.push(follow.next().0.as_millis());
        follow.listed(at(20 + second), read(vec![document("a", "4")]), "5".into(), 1.0);
        assert_eq!(follow.next().0, Duration::ZERO, "it is watched at once");
    }
    assert_eq!(pauses, [500, 1000, 2000, 4000, 8000]);
    tell(&mut follow, 30, bookmark("6"));
    tell(&mut follow, 31, gone());
    assert_eq!(follow.next().0.as_millis(), 500, "it worked meanwhile");
}

#[test]
fn e9_now_and_then_it_is_listed_without_being_stale() {
    let mut follow = followed();
    let minute = Duration::from_secs(60);
    tell(&mut follow, 10 + 14 * 60, bookmark("6"));
    end(&mut follow, 10 + 14 * 60, End::Closed(minute));
    watched(&follow);
    tell(&mut follow, 10 + 15 * 60, bookmark("7"));
    end(&mut follow, 10 + 15 * 60, End::Closed(minute));
    assert_eq!(follow.next(), (Duration::ZERO, Next::List));
    assert_eq!(follow.freshness(), &Freshness::Fresh);
}

#[test]
fn x26_an_error_event_in_a_watch_lists_anew_and_is_rebuilding() {
    let mut follow = followed();
    assert_eq!(tell(&mut follow, 20, gone()), Flow::Stop);
    assert_eq!(follow.next().1, Next::List);
    assert_eq!(stale(&follow), (at(10), true), "stale since the cluster was last heard");
    assert_eq!(follow.cache.len(), 1, "what is known is still told");
    follow.listed(at(21), read(Vec::new()), "400".into(), 1.0);
    assert_eq!(follow.freshness(), &Freshness::Fresh);
}

#[test]
fn x26_a_410_on_beginning_a_watch_lists_anew_and_does_not_go_round_in_circles() {
    let mut follow = followed();
    end(&mut follow, 20, End::Failed(refused(410, "gone")));
    assert_eq!(follow.next().1, Next::List);
    assert_eq!(stale(&follow), (at(10), true));
}

#[test]
fn x26_a_410_within_a_list_begins_it_anew() {
    let mut follow = followed();
    tell(&mut follow, 20, gone());
    let body = json!({"kind": "Status", "code": 410, "reason": "Expired",
                      "metadata": {"continue": "abc"}});
    follow.list_failed(at(25), &refused(410, &body.to_string()), 1.0);
    assert_eq!(follow.next().1, Next::List);
    assert_eq!(stale(&follow), (at(10), true));
}

#[test]
fn e10_rebuilding_is_told_since_when_it_began_whatever_fails_after() {
    let mut follow = followed();
    tell(&mut follow, 20, gone());
    for _ in 0..3 {
        follow.list_failed(at(40), &refused(410, ""), 1.0);
    }
    let Freshness::Stale { rebuilding, .. } = follow.freshness() else {
        panic!("{:?}", follow.freshness());
    };
    assert_eq!(*rebuilding, Some(at(20)));
}

#[test]
fn x26_rebuilding_lasts_until_it_is_listed_whatever_else_fails() {
    let mut follow = followed();
    tell(&mut follow, 20, gone());
    follow.list_failed(at(25), &refused(503, ""), 1.0);
    assert_eq!(stale(&follow), (at(10), true));
    follow.listed(at(30), read(Vec::new()), "7".into(), 1.0);
    end(&mut follow, 31, cut());
    assert_eq!(stale(&follow), (at(30), false), "a cut is no 410");
}

#[test]
fn e9_a_watch_that_is_cut_goes_on_from_where_it_was_and_is_stale_meanwhile() {
    let mut follow = followed();
    tell(&mut follow, 11, event("MODIFIED", &document("a", "6")));
    end(&mut follow, 20, cut());
    assert_eq!(watched(&follow).0, "6");
    assert_eq!(stale(&follow), (at(11), false));
    assert_eq!(follow.next().0, Duration::from_millis(500));
    tell(&mut follow, 22, event("MODIFIED", &document("a", "7")));
    assert_eq!(follow.freshness(), &Freshness::Fresh);
    assert_eq!(follow.next().0, Duration::ZERO);
}

#[test]
fn e9_three_watches_that_bring_nothing_are_answered_by_a_list() {
    for ending in [cut as fn() -> End, || End::Silent, || End::Closed(Duration::ZERO)] {
        let mut follow = followed();
        for second in [20, 30] {
            end(&mut follow, second, ending());
            watched(&follow);
        }
        end(&mut follow, 40, ending());
        assert_eq!(follow.next().1, Next::List);
    }
}

#[test]
fn x27_while_the_cluster_is_left_alone_nothing_was_tried() {
    let mut follow = followed();
    for second in 0..10 {
        let error =
            Error::new(Kind::Unavailable, "left alone").with_retry_after(Duration::from_secs(90));
        let failure = Failure { error, cause: Cause::LeftAlone };
        end(&mut follow, 20 + second, End::Failed(failure));
        watched(&follow);
        assert!(follow.next().0 >= Duration::from_secs(90), "not before it is over");
    }
}

#[test]
fn x26_an_error_event_that_is_no_410_lists_anew_but_is_not_rebuilding() {
    let mut follow = followed();
    let error = json!({"kind": "Status", "code": 500, "message": "RequestWatchProgress"});
    assert_eq!(tell(&mut follow, 20, event("ERROR", &error)), Flow::Stop);
    assert_eq!(follow.next().1, Next::List);
    assert_eq!(stale(&follow), (at(10), false));
}

#[test]
fn x26_an_event_that_cannot_be_read_is_one_that_was_missed() {
    for line in ["", "{", "{\"type\":\"ADDED\",\"object\":{}}", "{\"type\":\"X\",\"object\":{}}"] {
        let mut follow = followed();
        assert_eq!(tell(&mut follow, 20, Event::read(line.as_bytes())), Flow::Stop);
        assert_eq!(follow.next().1, Next::List);
        assert_eq!(stale(&follow), (at(10), true));
    }
}

#[test]
fn x26_a_list_with_something_that_is_no_object_says_nothing_is_gone() {
    let mut follow = followed();
    tell(&mut follow, 20, gone());
    let deltas = follow.listed(at(21), read(vec![json!({"metadata": {}})]), "9".into(), 1.0);
    assert!(deltas.is_empty());
    assert_eq!(follow.cache.len(), 1);
    assert_eq!(stale(&follow), (at(10), true));
    assert_eq!(follow.next().1, Next::List);
    assert!(follow.next().0 > Duration::ZERO);
}

#[test]
fn e9_an_event_of_an_earlier_stream_is_dropped() {
    let mut follow = followed();
    let earlier = watched(&follow).1;
    end(&mut follow, 20, cut());
    let late = event("ADDED", &document("b", "6"));
    let (flow, deltas) = follow.event(at(21), earlier, late, 1.0);
    assert!(flow == Flow::Stop && deltas.is_empty() && follow.cache.len() == 1);
    // Nor does its end count.
    let before = follow.next();
    follow.watch_ended(at(22), earlier, End::Silent, 1.0);
    assert_eq!(follow.next(), before);
}

#[test]
fn f4_pauses_double_with_jitter_up_to_a_limit() {
    let mut follow: Follow<Value> = Follow::new(as_it_is, Duration::from_secs(3));
    let failure = refused(500, "");
    let mut pauses = Vec::new();
    for _ in 0..5 {
        follow.list_failed(at(25), &failure, 1.0);
        pauses.push(follow.next().0.as_millis());
    }
    assert_eq!(pauses, [500, 1000, 2000, 3000, 3000]);
    follow.list_failed(at(25), &failure, 0.0);
    assert_eq!(follow.next().0, Duration::from_millis(1500));
    for _ in 0..100 {
        follow.list_failed(at(25), &failure, 0.5);
    }
    assert!(follow.next().0 <= Duration::from_secs(3));
}

#[test]
fn f4_what_will_not_pass_by_itself_is_not_hurried() {
    for failure in [refused(401, ""), refused(403, ""), refused(404, "404 page not found")] {
        let mut follow: Follow<Value> = Follow::new(as_it_is, Duration::from_secs(60));
        follow.list_failed(at(25), &failure, 1.0);
        assert_eq!(follow.next().0, HOPELESS);
    }
}

#[test]
fn x27_a_wish_of_the_cluster_is_never_cut() {
    let mut follow: Follow<Value> = Follow::new(as_it_is, Duration::from_secs(1));
    let body = json!({"kind": "Status", "code": 429, "details": {"retryAfterSeconds": 20}});
    follow.list_failed(at(25), &refused(429, &body.to_string()), 0.0);
    assert_eq!(follow.next().0, Duration::from_secs(20));
}

#[test]
fn e10_a_kind_that_was_never_listed_says_why() {
    let mut follow: Follow<Value> = Follow::new(as_it_is, Duration::from_secs(60));
    follow.list_failed(at(25), &refused(410, ""), 1.0);
    let Freshness::Unlisted { reason: Some(reason) } = follow.freshness() else {
        panic!("{:?}", follow.freshness());
    };
    assert!(reason.contains("cannot watch"), "{reason}");
}
