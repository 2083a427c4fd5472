//! Against the double of a whole API server with KubeVirt: the words here are the
//! double's, which is held to the recordings, and not this test's.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::SystemClock;
use hostler_kube_double::{Double, Fault, Options, Refusal, Refused, What};
use hostler_kubevirt::breaker::Class;
use hostler_kubevirt::cache::as_it_is;
use hostler_kubevirt::cache::follow::Freshness;
use hostler_kubevirt::call::{Caller, Selection, WriteOptions};
use hostler_kubevirt::config::{Allowed, KubeVirtConfig, Namespaces, Source};
use hostler_kubevirt::connect::connect;
use hostler_kubevirt::error::{Cause, Failure, WrongState};
use hostler_kubevirt::health::{Health, Reason, ask, judge};
use hostler_kubevirt::resource::{ObjectKey, Resource};
use hostler_kubevirt::watcher::{Settings, Watched};
use hostler_provider::{Cx, Effect, Hub, Kind};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

fn cx() -> Cx {
    Cx::within(Duration::from_secs(20))
}

async fn caller(double: &Double) -> Caller {
    let mut config = KubeVirtConfig::new(Source::Text(double.kubeconfig()));
    config.allowed = Allowed { insecure: double.authority().is_none(), ..Allowed::default() };
    Caller::new(connect(&config).await.unwrap())
}

async fn start(options: Options) -> (Double, Caller) {
    let double = Double::start(options).await.unwrap();
    let caller = caller(&double).await;
    (double, caller)
}

fn key(name: &str) -> ObjectKey {
    let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
    ObjectKey::in_namespace(namespace, name)
}

async fn verb(caller: &Caller, vm: &str, verb: &str) -> Result<(), Failure> {
    caller.subresource(&cx(), Resource::VMS, &key(vm), verb, None).await
}

#[tokio::test]
async fn e8_power_and_migration_answer_as_they_were_recorded() {
    let (double, caller) = start(Options::default()).await;
    let vm = double.seed_stopped_vms(1).unwrap().remove(0);
    let wrong = |failure: Failure| match failure.cause {
        Cause::WrongState(state) => state,
        other => panic!("{other:?}: {}", failure.error.message()),
    };
    assert_eq!(wrong(verb(&caller, &vm, "stop").await.unwrap_err()), WrongState::NotRunning);
    verb(&caller, &vm, "start").await.unwrap();
    double.settle();
    assert_eq!(wrong(verb(&caller, &vm, "start").await.unwrap_err()), WrongState::Running);
    verb(&caller, &vm, "migrate").await.unwrap();
    assert_eq!(wrong(verb(&caller, &vm, "migrate").await.unwrap_err()), WrongState::Migrating);
    assert_eq!(verb(&caller, &vm, "bogus").await.unwrap_err().error.kind(), Kind::Unsupported);
    let none = verb(&caller, "default/none", "start").await.unwrap_err();
    assert_eq!(none.error.kind(), Kind::NotFound);
    let waits = caller.breakers(|all| Class::ALL.map(|class| all.of(class).wait(Instant::now())));
    assert_eq!(waits, [None; 3], "refusals never count");
}

#[tokio::test]
async fn x25_fields_of_others_are_named_and_taken_only_by_force() {
    let (double, caller) = start(Options::default()).await;
    let vm = double.seed_stopped_vms(1).unwrap().remove(0);
    let object = double.get("virtualmachines", "default", &key(&vm).name).unwrap();
    let fields = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": key(&vm).name, "namespace": "default"},
        "spec": {"runStrategy": "Manual", "template": object["spec"]["template"]},
    });
    let cx = cx();
    let options = WriteOptions::default();
    let refused = caller.apply(&cx, Resource::VMS, &key(&vm), &fields, options).await.unwrap_err();
    let Cause::Owned(owned) = &refused.cause else { panic!("{refused:?}") };
    assert!(owned.iter().any(|it| it.field == ".spec.runStrategy"), "{owned:?}");
    assert!(owned.iter().all(|it| !it.manager.is_empty()));
    let options = WriteOptions { force: true, ..options };
    caller.apply(&cx, Resource::VMS, &key(&vm), &fields, options).await.unwrap();
}

#[tokio::test]
async fn e8_objects_are_made_changed_and_deleted() {
    let (double, caller) = start(Options::default()).await;
    let cx = cx();
    let vm = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": "new"},
        "spec": {"runStrategy": "Halted", "template": {"spec": {"domain": {
            "devices": {}, "resources": {"requests": {"memory": "64Mi"}}}}}},
    });
    let none = WriteOptions::default();
    let make = || caller.create(&cx, Resource::VMS, Some("default"), &vm, none);
    let made = make().await.unwrap();
    assert_eq!(make().await.unwrap_err().cause, Cause::AlreadyExists);
    let test = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": "no"},
        {"op": "replace", "path": "/spec/runStrategy", "value": "Always"},
    ]);
    let new = key("new");
    let changed = caller.patch(&cx, Resource::VMS, &new, &test).await.unwrap_err();
    assert_eq!(changed.cause, Cause::Changed);
    let label = json!([{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]);
    caller.patch(&cx, Resource::VMS, &new, &label).await.unwrap();
    let other = caller.delete(&cx, Resource::VMS, &new, Some("other")).await.unwrap_err();
    assert_eq!(other.cause, Cause::Changed);
    let uid = made["metadata"]["uid"].as_str();
    caller.delete(&cx, Resource::VMS, &new, uid).await.unwrap();
    double.settle();
    let gone = caller.delete(&cx, Resource::VMS, &new, None).await.unwrap_err();
    assert_eq!(gone.cause, Cause::ObjectMissing);
    let bad = json!({"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
                     "metadata": {"name": "bad"}, "spec": {"runStrategy": "Halted"}});
    let bad = caller.create(&cx, Resource::VMS, Some("default"), &bad, none).await.unwrap_err();
    let Cause::Fields(fields) = &bad.cause else { panic!("{bad:?}") };
    assert_eq!(fields[0].0, "spec.template");
}

#[tokio::test]
async fn e11_a_lost_answer_leaves_it_unknown_and_a_refused_call_does_not() {
    let (double, caller) = start(Options::default()).await;
    let vm = double.seed_stopped_vms(1).unwrap().remove(0);
    double.fault(Fault::new(What::LoseAnswer).times(1));
    let lost = verb(&caller, &vm, "start").await.unwrap_err();
    assert_eq!((lost.error.kind(), lost.error.effect()), (Kind::Unavailable, Effect::Unknown));
    let looked = caller.get(&cx(), Resource::VMS, &key(&vm)).await.unwrap();
    assert_eq!(looked["spec"]["runStrategy"], "Always", "it was done");
    double.fault(Fault::new(What::Answer(Refused::too_many_requests(3))).times(1));
    let busy = verb(&caller, &vm, "stop").await.unwrap_err();
    assert_eq!(busy.error.effect(), Effect::None);
    assert_eq!(busy.error.retry_after(), Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn x28_health_is_judged_by_what_the_cluster_tells() {
    let (double, caller) = start(Options { tls: true, ..Options::default() }).await;
    let judged = async || {
        let facts = ask(&caller, &cx(), &Namespaces::All).await;
        let judgement = judge(Some(&facts));
        let codes: Vec<_> = judgement.reasons.iter().map(Reason::code).collect();
        (judgement.health, codes)
    };
    assert_eq!(judged().await, (Health::Healthy, vec![]));
    double.refuse(Refusal::of("update", "subresources.kubevirt.io", "virtualmachines/start"));
    assert_eq!(judged().await, (Health::Unhealthy, vec!["RightsMissing"]));
    double.set_virt_api_down(true);
    assert_eq!(judged().await, (Health::Unhealthy, vec!["VirtApiDown", "RightsMissing"]));
}

type Trouble<'a> = &'a dyn Fn(&Double);

/// A follower of all VMs.
struct Followed {
    watched: Arc<Watched<Value>>,
    caller: Arc<Caller>,
    _tasks: JoinSet<()>,
}

impl Followed {
    async fn start(double: &Double) -> Self {
        let caller = Arc::new(caller(double).await);
        let watched = Arc::new(Watched::new(Settings {
            selection: Selection::all(Resource::VMS, None),
            decode: as_it_is,
            tell: |_| None,
            watch_timeout: Duration::from_secs(1),
            grace: Duration::from_millis(500),
            max_backoff: Duration::from_millis(50),
            clock: Arc::new(SystemClock),
        }));
        let mut tasks = JoinSet::new();
        let (running, by) = (watched.clone(), caller.clone());
        tasks.spawn(async move { running.run(&by, &Hub::default()).await });
        Self { watched, caller, _tasks: tasks }
    }

    /// Until it knows exactly what the double has.
    async fn converge(&self, double: &Double) {
        let versions = |objects: Vec<Value>| -> Vec<String> {
            let show = |it: &Value| {
                let meta = &it["metadata"];
                format!("{}@{}", meta["uid"], meta["resourceVersion"])
            };
            let mut all: Vec<_> = objects.iter().map(show).collect();
            all.sort();
            all
        };
        let known = || self.watched.all().value.iter().map(|it| (**it).clone()).collect();
        let wait = async {
            while versions(known()) != versions(double.list("virtualmachines")) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "{:?}", self.watched.freshness());
    }
}

#[tokio::test]
async fn e9_x26_a_follower_survives_all_that_the_double_can_do() {
    let double = Double::start(Options::default()).await.unwrap();
    let vms = double.seed_stopped_vms(300).unwrap();
    let followed = Followed::start(&double).await;
    followed.converge(&double).await;
    let touch = |nth: usize| {
        let name = key(&vms[nth]).name;
        double
            .edit("virtualmachines", "default", &name, |it| {
                it["metadata"]["labels"]["n"] = json!(nth.to_string())
            })
            .unwrap();
    };
    let mut nth = 0;
    let faults: [(&str, Trouble<'_>); 7] = [
        ("cut", &Double::drop_watches),
        ("ended", &Double::end_watches),
        ("expired", &Double::expire_watches),
        ("forgotten", &|it| {
            it.compact();
            it.drop_watches();
        }),
        ("doubled", &|it| it.set_duplicates(true)),
        ("reordered", &|it| it.set_reordered(true)),
        ("silent", &|it| it.set_silent(true)),
    ];
    for (what, fault) in faults {
        fault(&double);
        touch(nth);
        double.remove("virtualmachines", "default", &key(&vms[nth + 1]).name).unwrap();
        // Its controller takes its finalizer away.
        double.settle();
        nth += 2;
        if what == "silent" {
            tokio::time::sleep(Duration::from_secs(2)).await;
            double.set_silent(false);
        }
        if what == "reordered" {
            // What came last first may have brought back what is gone, until it is listed anew.
            tokio::time::sleep(Duration::from_millis(200)).await;
            double.set_reordered(false);
            double.compact();
            double.drop_watches();
        }
        followed.converge(&double).await;
    }
    assert_eq!(followed.watched.all().value.len(), 293);
    let now = Instant::now();
    let waits = followed.caller.breakers(|all| Class::ALL.map(|class| all.of(class).wait(now)));
    assert_eq!(waits, [None; 3]);
}

#[tokio::test]
async fn e10_a_cluster_without_kubevirt_is_unlisted_with_the_reason() {
    let double = Double::start(Options::default()).await.unwrap();
    double.refuse(Refusal::of("list", "kubevirt.io", "virtualmachines"));
    let followed = Followed::start(&double).await;
    let error = followed.watched.listed(&Cx::within(PATIENCE)).await.unwrap_err();
    assert!(error.message().contains("may not"), "{}", error.message());
    assert!(matches!(followed.watched.freshness(), Freshness::Unlisted { .. }));
}

#[tokio::test]
async fn x26_after_etcd_was_restored_the_cluster_is_listed_and_not_believed_to_be_quiet() {
    let double = Double::start(Options::default()).await.unwrap();
    for _ in 0..50 {
        double.seed_stopped_vms(1).unwrap();
    }
    let port = double.address().port();
    let by = Arc::new(caller(&double).await);
    let watched = Arc::new(Watched::new(Settings {
        selection: Selection::all(Resource::VMS, None),
        decode: as_it_is,
        tell: |_| None,
        watch_timeout: Duration::from_millis(1500),
        grace: Duration::from_secs(5),
        max_backoff: Duration::from_millis(100),
        clock: Arc::new(SystemClock),
    }));
    let mut tasks = JoinSet::new();
    let running = watched.clone();
    tasks.spawn(async move { running.run(&by, &Hub::default()).await });
    let until = async |what: &str, so: &(dyn Fn() -> bool + Sync)| {
        let wait = async {
            while !so() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "never {what}");
    };
    until("listed", &|| watched.all().value.len() == 50).await;
    // As of a backup from before most of that: the version that is followed lies in its future.
    double.stop().await;
    let restored = Double::start(Options { port, ..Options::default() }).await.unwrap();
    restored.seed_stopped_vms(2).unwrap();
    until("as it is now", &|| {
        watched.all().value.len() == 2 && watched.freshness() == Freshness::Fresh
    })
    .await;
}
