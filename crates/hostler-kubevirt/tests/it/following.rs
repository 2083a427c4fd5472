//! Lists and watches over real connections: what is decided elsewhere is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hostler_core::clock::SystemClock;
use hostler_kubevirt::cache::follow::Freshness;
use hostler_kubevirt::cache::{Delta, as_it_is};
use hostler_kubevirt::call::{Caller, Selection};
use hostler_kubevirt::resource::{ObjectKey, Resource};
use hostler_kubevirt::watcher::{Settings, Watched};
use hostler_provider::{Change, Cx, Hub, Kind, VmRef};
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::server::{Answer, Asked, Server, lines, ok, refusal, text};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn vm(name: &str, version: &str) -> Value {
    json!({"kind": "VirtualMachine", "metadata": {
        "uid": format!("uid-{name}"), "name": name, "namespace": "default",
        "resourceVersion": version, "managedFields": [{"manager": "curl"}],
    }})
}

fn list(version: &str, items: &[Value]) -> Answer {
    ok(&json!({"items": items, "metadata": {"resourceVersion": version}}))
}

fn event(kind: &str, object: &Value) -> Value {
    json!({"type": kind, "object": object})
}

fn told(delta: &Delta<Value>) -> Option<Change> {
    let (uid, key) = match delta {
        Delta::Put { uid, key, .. } | Delta::Gone { uid, key, .. } => (uid, key),
    };
    Some(Change::Vm(VmRef { external_ref: uid.clone(), name: key.name.clone() }))
}

/// A server that is followed.
struct Followed {
    server: Server,
    watched: Arc<Watched<Value>>,
    caller: Arc<Caller>,
    changes: Receiver<Change>,
    _tasks: JoinSet<()>,
}

impl Followed {
    async fn start(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let server = Server::start(answers).await;
        let caller = Arc::new(server.caller().await);
        let watched = Arc::new(Watched::new(Settings {
            selection: Selection::all(Resource::VMS, None),
            decode: as_it_is,
            tell: told,
            watch_timeout: Duration::from_millis(300),
            grace: Duration::from_millis(200),
            max_backoff: Duration::from_millis(20),
            clock: Arc::new(SystemClock),
        }));
        let hub = Arc::new(Hub::default());
        let changes = hub.subscribe();
        let mut tasks = JoinSet::new();
        let (running, by) = (watched.clone(), caller.clone());
        tasks.spawn(async move { running.run(&by, &hub).await });
        Self { server, watched, caller, changes, _tasks: tasks }
    }

    /// Until it is so.
    async fn until(&self, what: &str, so: impl Fn(&Watched<Value>) -> bool) {
        let wait = async {
            while !so(&self.watched) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "never {what}: {:?}", self.watched.freshness());
    }

    async fn change(&mut self) -> Change {
        tokio::time::timeout(PATIENCE, self.changes.recv()).await.unwrap().unwrap()
    }

    fn names(&self) -> Vec<String> {
        let name = |value: &Arc<Value>| value["metadata"]["name"].as_str().unwrap().to_owned();
        self.watched.all().value.iter().map(name).collect()
    }
}

#[tokio::test]
async fn e9_what_is_listed_and_what_changes_is_known_and_told() {
    let (sender, receiver) = channel(8);
    let streams = std::sync::Mutex::new(Some(receiver));
    let mut followed = Followed::start(move |asked: &Asked| match asked.is_watch() {
        false => list("5", &[vm("a", "4")]),
        true => match streams.lock().unwrap().take() {
            Some(receiver) => Answer::Lines(receiver),
            None => Answer::Never,
        },
    })
    .await;
    let name = |change: Change| match change {
        Change::Vm(vm) => vm.name,
        other => format!("{other:?}"),
    };
    assert_eq!(name(followed.change().await), "a");
    followed.watched.listed(&Cx::within(PATIENCE)).await.unwrap();
    sender.send(event("ADDED", &vm("b", "6")).to_string()).await.unwrap();
    assert_eq!(name(followed.change().await), "b");
    sender.send(event("DELETED", &vm("a", "7")).to_string()).await.unwrap();
    assert_eq!(name(followed.change().await), "a");
    assert_eq!(followed.names(), ["b"]);
    let known = followed.watched.get(&ObjectKey::in_namespace("default", "b"));
    let known = known.value.unwrap();
    assert_eq!(known["metadata"]["managedFields"], json!([{"manager": "curl"}]));
    let watch = followed.server.asked().into_iter().find(Asked::is_watch).unwrap();
    for part in ["resourceVersion=5", "allowWatchBookmarks=true", "timeoutSeconds=1"] {
        assert!(watch.query.contains(part), "{}", watch.query);
    }
}

#[tokio::test]
async fn x26_a_410_in_a_stream_marks_it_rebuilding_until_it_is_listed() {
    let lists = AtomicU32::new(0);
    let (release, released) = tokio::sync::watch::channel(false);
    let followed = Followed::start(move |asked: &Asked| match asked.is_watch() {
        true if asked.query.contains("resourceVersion=5") => {
            lines(&[event("ERROR", &json!({"kind": "Status", "reason": "Expired", "code": 410}))])
        }
        true => Answer::Never,
        false => match lists.fetch_add(1, Ordering::SeqCst) {
            0 => list("5", &[vm("a", "4"), vm("b", "4")]),
            // Fewer than open the breaker; and not before somebody has looked, by what never does.
            1..=2 => text(503, ""),
            _ if !*released.borrow() => refusal(403, "Forbidden", "not now"),
            _ => list("9", &[vm("b", "8")]),
        },
    });
    let mut followed = followed.await;
    followed
        .until("rebuilding", |it| {
            matches!(it.freshness(), Freshness::Stale { rebuilding: Some(_), .. })
        })
        .await;
    assert_eq!(followed.names(), ["a", "b"], "what was known is told on");
    let refused = followed.watched.may_write().unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable);
    assert!(refused.retry_after().is_some());
    release.send(true).unwrap();
    followed.until("listed anew", |it| it.freshness() == Freshness::Fresh).await;
    assert!(followed.watched.may_write().is_ok());
    assert_eq!(followed.names(), ["b"], "what went meanwhile is gone");
    // Whoever looked meanwhile is told that it is so now.
    while followed.change().await != Change::Inventory {}
}

#[tokio::test]
async fn x26_a_410_on_beginning_a_watch_is_followed_by_a_list_and_breaks_nothing() {
    let lists = AtomicU32::new(0);
    let followed = Followed::start(move |asked: &Asked| match asked.is_watch() {
        true if asked.query.contains("resourceVersion=v9") => Answer::Never,
        true => refusal(410, "Gone", "too old resource version"),
        false => match lists.fetch_add(1, Ordering::SeqCst) {
            n @ 0..9 => list(&format!("v{n}"), &[vm("a", "4"), vm("b", "4")]),
            _ => list("v9", &[vm("b", "8")]),
        },
    })
    .await;
    followed.until("listed anew", |it| it.all().value.len() == 1).await;
    assert_eq!(followed.names(), ["b"], "what vanished is gone");
    let lists = followed.server.asked().iter().filter(|it| !it.is_watch()).count();
    assert_eq!(lists, 10, "one for each of nine refusals, and the first");
    use hostler_kubevirt::breaker::Class;
    let wait = followed.caller.breakers(|all| all.of(Class::Watch).wait(Instant::now()));
    assert_eq!(wait, None, "a 410 never counts");
}

#[tokio::test]
async fn x26_pages_of_the_watchers_own_list_that_expire_begin_it_anew() {
    let lists = AtomicU32::new(0);
    let page = |version: &str, items: &[Value], next: &str| {
        ok(&json!({"items": items, "metadata": {"resourceVersion": version, "continue": next}}))
    };
    let followed = Followed::start(move |asked: &Asked| {
        if asked.is_watch() {
            return match asked.query.contains("resourceVersion=9") {
                true => Answer::Never,
                false => panic!("followed from a list that was never whole: {}", asked.query),
            };
        }
        match (asked.query.contains("continue="), lists.load(Ordering::SeqCst)) {
            // More often than would open the breaker; a replacement token is offered and left.
            (true, ..9) => {
                lists.fetch_add(1, Ordering::SeqCst);
                let body = json!({"kind": "Status", "reason": "Expired", "code": 410,
                                  "metadata": {"continue": "inconsistent"}});
                Answer::Whole(410, Vec::new(), body.to_string().into_bytes())
            }
            (false, ..9) => page("5", &[vm("a", "4"), vm("b", "4")], "t"),
            (false, _) => page("9", &[vm("b", "8")], "u"),
            (true, _) => page("9", &[vm("c", "9")], ""),
        }
    })
    .await;
    followed.until("listed", |it| it.freshness() == Freshness::Fresh).await;
    assert_eq!(followed.names(), ["b", "c"], "nothing of two versions");
    let asked = followed.server.asked();
    assert!(asked.iter().all(|it| !it.query.contains("inconsistent")));
    let began = asked.iter().filter(|it| !it.is_watch() && !it.query.contains("continue="));
    assert_eq!(began.count(), 10, "one for each of nine that expired, and the one that did not");
    use hostler_kubevirt::breaker::Class;
    let now = Instant::now();
    let waits = followed.caller.breakers(|all| Class::ALL.map(|class| all.of(class).wait(now)));
    assert_eq!(waits, [None; 3], "a 410 never counts");
}

#[tokio::test]
async fn e9_a_watch_that_is_cut_goes_on_from_where_it_was() {
    let (sender, receiver) = channel(8);
    let streams = std::sync::Mutex::new(Some(receiver));
    let mut followed = Followed::start(move |asked: &Asked| match asked.is_watch() {
        false => list("5", &[]),
        true => match streams.lock().unwrap().take() {
            Some(receiver) => Answer::Lines(receiver),
            None => lines(&[event("ADDED", &vm("c", "7"))]),
        },
    })
    .await;
    sender.send(event("ADDED", &vm("b", "6")).to_string()).await.unwrap();
    followed.change().await;
    sender.send(String::new()).await.unwrap();
    followed.until("followed on", |it| it.all().value.len() == 2).await;
    assert_eq!(followed.names(), ["b", "c"]);
    let asked = followed.server.asked();
    assert_eq!(asked.iter().filter(|it| !it.is_watch()).count(), 1, "no list was needed");
    let second = asked.iter().filter(|it| it.is_watch()).nth(1).unwrap();
    assert!(second.query.contains("resourceVersion=6"), "{}", second.query);
}

#[tokio::test]
async fn e9_a_watch_that_is_silent_for_too_long_is_given_up() {
    let keep = std::sync::Mutex::new(Vec::new());
    let followed = Followed::start(move |asked: &Asked| match asked.is_watch() {
        false => list("5", &[vm("a", "4")]),
        true => {
            // Open, and silent for ever.
            let (sender, receiver) = channel(1);
            keep.lock().unwrap().push(sender);
            Answer::Lines(receiver)
        }
    })
    .await;
    followed
        .until("stale", |it| matches!(it.freshness(), Freshness::Stale { rebuilding: None, .. }))
        .await;
    assert!(followed.watched.may_write().is_ok(), "stale is not rebuilding");
}

#[tokio::test]
async fn e10_a_cluster_that_cannot_be_listed_says_why() {
    let followed = Followed::start(|_: &Asked| {
        refusal(403, "Forbidden", "virtualmachines.kubevirt.io is forbidden")
    })
    .await;
    let error = followed.watched.listed(&Cx::within(PATIENCE)).await.unwrap_err();
    assert!(error.message().contains("may not"), "{}", error.message());
    let known = followed.watched.get(&ObjectKey::in_namespace("default", "a"));
    assert!(known.value.is_none());
    assert!(matches!(known.freshness, Freshness::Unlisted { reason: Some(_) }));
    assert_eq!(followed.watched.lag(hostler_core::Timestamp::from_millis(0)), None);
}
