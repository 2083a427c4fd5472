//! Lists, watches and writes of a real API server: what the driver takes for a conflict, a change
//! in between or a version that is too old is what such a server says when it is one.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::SystemClock;
use hostler_kubevirt::breaker::Class;
use hostler_kubevirt::cache::as_it_is;
use hostler_kubevirt::cache::follow::Freshness;
use hostler_kubevirt::call::{Caller, Selection, WriteOptions};
use hostler_kubevirt::config::{KubeVirtConfig, Source};
use hostler_kubevirt::connect::connect;
use hostler_kubevirt::error::Cause;
use hostler_kubevirt::resource::{ObjectKey, Resource};
use hostler_kubevirt::watcher::{Settings, Watched};
use hostler_provider::{Hub, Kind};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::api_server::{ApiServer, Assets};
use crate::place::{PATIENCE, cx, machine};

const VMS: &str = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines";

async fn start(assets: Assets) -> (ApiServer, Arc<Caller>) {
    let server = ApiServer::start(assets).await.unwrap();
    let config = KubeVirtConfig::new(Source::Text(server.kubeconfig()));
    let caller = Arc::new(Caller::new(connect(&config).await.unwrap()));
    (server, caller)
}

async fn make(server: &ApiServer, name: &str) -> Value {
    server.ask("POST", VMS, &machine("default", name, "Halted")).await.unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::in_namespace("default", name)
}

fn no_breaker_counted(caller: &Caller) {
    let now = Instant::now();
    let waits = caller.breakers(|all| Class::ALL.map(|class| all.of(class).wait(now)));
    assert_eq!(waits, [None; 3]);
}

#[tokio::test]
async fn e8_what_a_real_server_refuses_of_writes_is_recognised() {
    let Some(assets) = Assets::find() else { return };
    let (_server, caller) = start(assets).await;
    let (cx, none) = (cx(), WriteOptions::default());
    let vm = machine("default", "new", "Halted");
    let create = || caller.create(&cx, Resource::VMS, Some("default"), &vm, none);
    let made = create().await.unwrap();
    assert_eq!(create().await.unwrap_err().cause, Cause::AlreadyExists);

    let test = json!([
        { "op": "test", "path": "/metadata/resourceVersion", "value": "no" },
        { "op": "replace", "path": "/spec/runStrategy", "value": "Always" },
    ]);
    let changed = caller.patch(&cx, Resource::VMS, &key("new"), &test).await.unwrap_err();
    assert_eq!(changed.cause, Cause::Changed);
    let label = json!([{ "op": "add", "path": "/metadata/labels", "value": { "a": "b" } }]);
    caller.patch(&cx, Resource::VMS, &key("new"), &label).await.unwrap();

    let other = caller.delete(&cx, Resource::VMS, &key("new"), Some("other")).await.unwrap_err();
    assert_eq!(other.cause, Cause::Changed);
    let uid = made["metadata"]["uid"].as_str();
    caller.delete(&cx, Resource::VMS, &key("new"), uid).await.unwrap();
    let gone = caller.delete(&cx, Resource::VMS, &key("new"), None).await.unwrap_err();
    assert_eq!(gone.cause, Cause::ObjectMissing);
    let gone = caller.get(&cx, Resource::VMS, &key("new")).await.unwrap_err();
    assert_eq!((gone.error.kind(), gone.cause), (Kind::NotFound, Cause::ObjectMissing));
    no_breaker_counted(&caller);
}

#[tokio::test]
async fn x25_of_a_real_server_fields_of_others_are_named_and_taken_only_by_force() {
    let Some(assets) = Assets::find() else { return };
    let (server, caller) = start(assets).await;
    let vm = machine("default", "web", "Halted");
    server.ask("POST", &format!("{VMS}?fieldManager=somebody"), &vm).await.unwrap();
    let fields = machine("default", "web", "Manual");
    let options = WriteOptions::default();
    let apply =
        async |options| caller.apply(&cx(), Resource::VMS, &key("web"), &fields, options).await;
    let refused = apply(options).await.unwrap_err();
    let Cause::Owned(owned) = &refused.cause else { panic!("{refused:?}") };
    let told: Vec<_> = owned.iter().map(|it| (it.field.as_str(), it.manager.as_str())).collect();
    assert_eq!(told, [(".spec.runStrategy", "somebody")]);
    let taken = apply(WriteOptions { force: true, ..options }).await.unwrap();
    assert_eq!(taken["spec"]["runStrategy"], "Manual");
}

/// More than one page of VMs, and etcd forgets between two of them.
#[tokio::test]
async fn x26_of_a_real_server_pages_that_expire_are_gone_and_the_list_begins_anew() {
    let Some(assets) = Assets::find() else { return };
    let (server, caller) = start(assets).await;
    for name in ["a", "b", "c"] {
        make(&server, name).await;
    }
    let all = Selection::all(Resource::VMS, None);
    let first = caller.list_page(&cx(), &all, 2, None).await.unwrap();
    assert_eq!(first.items.len(), 2);
    let next = first.next.unwrap();
    make(&server, "d").await;
    server.compact().await;
    let failure = caller.list_page(&cx(), &all, 2, Some(&next)).await.unwrap_err();
    assert!(failure.is_gone(), "{failure:?}");
    assert_eq!(caller.list(&cx(), &all).await.unwrap().items.len(), 4);
    no_breaker_counted(&caller);
}

struct Followed {
    watched: Arc<Watched<Value>>,
    _tasks: JoinSet<()>,
}

impl Followed {
    fn start(caller: &Arc<Caller>) -> Self {
        let watched = Arc::new(Watched::new(Settings {
            selection: Selection::all(Resource::VMS, None),
            decode: as_it_is,
            tell: |_| None,
            watch_timeout: Duration::from_secs(5),
            grace: Duration::from_secs(5),
            max_backoff: Duration::from_millis(200),
            clock: Arc::new(SystemClock),
        }));
        let mut tasks = JoinSet::new();
        let (running, by) = (watched.clone(), caller.clone());
        tasks.spawn(async move { running.run(&by, &Hub::default()).await });
        Self { watched, _tasks: tasks }
    }

    async fn until(&self, names: &[&str]) {
        let known = || {
            let name = |it: &Arc<Value>| it["metadata"]["name"].as_str().unwrap().to_owned();
            let mut all: Vec<_> = self.watched.all().value.iter().map(name).collect();
            all.sort();
            all
        };
        let wait = async {
            while known() != names || self.watched.freshness() != Freshness::Fresh {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(2 * PATIENCE, wait).await;
        assert!(waited.is_ok(), "{:?} {:?}", known(), self.watched.freshness());
    }
}

/// What was changed while nobody served is learnt by a list: a server that was started anew knows
/// no change from before, and says that the version is too old.
#[tokio::test]
async fn e9_x26_a_follower_survives_the_restart_of_a_real_server() {
    let Some(assets) = Assets::find() else { return };
    let (mut server, caller) = start(assets).await;
    make(&server, "a").await;
    let followed = Followed::start(&caller);
    followed.until(&["a"]).await;
    make(&server, "b").await;
    followed.until(&["a", "b"]).await;
    server.ask("DELETE", &format!("{VMS}/a"), &Value::Null).await.unwrap();
    followed.until(&["b"]).await;
    for _ in 0..2 {
        server.restart().await.unwrap();
        server.compact().await;
        make(&server, "c").await;
        followed.until(&["b", "c"]).await;
        server.ask("DELETE", &format!("{VMS}/c"), &Value::Null).await.unwrap();
        followed.until(&["b"]).await;
    }
}

/// A watch from a version that the server has forgotten, as it says so.
#[tokio::test]
async fn x26_of_a_real_server_a_version_that_is_too_old_is_gone_in_each_of_its_forms() {
    let Some(assets) = Assets::find() else { return };
    let (server, caller) = start(assets).await;
    make(&server, "a").await;
    server.compact().await;
    let list = "/apis/kubevirt.io/v1/virtualmachines?resourceVersion=1&resourceVersionMatch=Exact";
    let failure = caller.get_path(&cx(), list).await.unwrap_err();
    assert!(failure.is_gone(), "{failure:?}");
    let watch = "/apis/kubevirt.io/v1/virtualmachines?watch=1&resourceVersion=1&timeoutSeconds=5";
    // The refusal is one event in a stream that went well.
    let told = caller.get_path(&cx(), watch).await.unwrap();
    let event: Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    no_breaker_counted(&caller);
}
