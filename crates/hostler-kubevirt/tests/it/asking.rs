//! Single calls: what is sent, and what becomes of every kind of answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hostler_kubevirt::breaker::{Class, FAILURES, State};
use hostler_kubevirt::call::{PAGE, Selection, WriteOptions};
use hostler_kubevirt::error::{Cause, WrongState};
use hostler_kubevirt::resource::{ObjectKey, Resource};
use hostler_provider::{Cx, Effect, Kind};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::server::{Answer, Asked, Server, caller, ok, refusal, text};

fn cx() -> Cx {
    Cx::within(Duration::from_secs(20))
}

fn vm1() -> ObjectKey {
    ObjectKey::in_namespace("default", "vm1")
}

fn vms() -> Selection {
    Selection::all(Resource::VMS, None)
}

fn page(items: &[u32], next: &str) -> Answer {
    let items: Vec<Value> = items.iter().map(|n| json!({"n": n})).collect();
    ok(&json!({"kind": "VirtualMachineList", "items": items,
               "metadata": {"resourceVersion": "301", "continue": next}}))
}

#[tokio::test]
async fn e8_a_list_is_read_page_by_page_and_as_new_as_can_be() {
    let server = Server::start(|asked: &Asked| {
        if asked.query.contains("continue=t%2F1%3D") {
            page(&[2], "t2")
        } else if asked.query.contains("continue=t2") {
            page(&[3], "")
        } else {
            page(&[1], "t/1=")
        }
    })
    .await;
    let list = server.caller().await.list(&cx(), &vms()).await.unwrap();
    assert_eq!(list.items, [json!({"n": 1}), json!({"n": 2}), json!({"n": 3})]);
    assert_eq!(list.resource_version, "301");
    for asked in server.asked() {
        assert_eq!(asked.path, "/apis/kubevirt.io/v1/virtualmachines");
        assert!(asked.query.contains(&format!("limit={PAGE}")));
        assert!(!asked.query.contains("resourceVersion"), "X26: unset is consistent");
        assert_eq!(asked.header("authorization"), "Bearer s3cret");
    }
}

#[tokio::test]
async fn x26_pages_that_expire_begin_the_list_anew() {
    let seen = std::sync::atomic::AtomicU32::new(0);
    let server = Server::start(move |asked: &Asked| {
        let nth = seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match (nth, asked.query.contains("continue=")) {
            (0, false) => page(&[1], "old"),
            (1, true) => {
                let body = json!({"kind": "Status", "reason": "Expired", "code": 410,
                                  "metadata": {"continue": "inconsistent"}});
                Answer::Whole(410, Vec::new(), body.to_string().into_bytes())
            }
            (2, false) => page(&[7], ""),
            other => panic!("{other:?}"),
        }
    })
    .await;
    let list = server.caller().await.list(&cx(), &vms()).await.unwrap();
    assert_eq!(list.items, [json!({"n": 7})], "nothing of two versions");
}

#[tokio::test]
async fn x26_pages_that_expire_again_and_again_are_told_as_gone() {
    let server = Server::start(|asked: &Asked| match asked.query.contains("continue=") {
        true => refusal(410, "Expired", "too old"),
        false => page(&[1], "t"),
    })
    .await;
    let failure = server.caller().await.list(&cx(), &vms()).await.unwrap_err();
    assert!(failure.is_gone());
    assert_eq!(server.count(), 6);
}

#[tokio::test]
async fn e8_a_list_that_is_none_is_not_an_empty_one() {
    for body in [json!({}), json!({"items": []}), json!({"items": 3, "metadata": {}})] {
        let server = Server::start(move |_: &Asked| ok(&body)).await;
        let failure = server.caller().await.list(&cx(), &vms()).await.unwrap_err();
        assert_eq!(failure.error.kind(), Kind::Bug);
    }
    let empty = json!({"items": null, "metadata": {"resourceVersion": "1"}});
    let server = Server::start(move |_: &Asked| ok(&empty)).await;
    assert!(server.caller().await.list(&cx(), &vms()).await.unwrap().items.is_empty());
    // A token that leads to itself would never end.
    let server = Server::start(|_: &Asked| page(&[1], "round")).await;
    assert!(server.caller().await.list(&cx(), &vms()).await.is_err());
}

#[tokio::test]
async fn x25_apply_names_us_and_forces_only_when_told() {
    let server = Server::start(|asked: &Asked| ok(&asked.json())).await;
    let caller = server.caller().await;
    let fields = json!({"spec": {}});
    let options = WriteOptions::default();
    caller.apply(&cx(), Resource::VMS, &vm1(), &fields, options).await.unwrap();
    let options = WriteOptions { dry_run: true, force: true, ..WriteOptions::default() };
    caller.apply(&cx(), Resource::VMS, &vm1(), &fields, options).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].method, "PATCH");
    assert_eq!(asked[0].header("content-type"), "application/apply-patch+yaml");
    assert_eq!(asked[0].query, "fieldManager=hostler&force=false&fieldValidation=Strict");
    assert_eq!(asked[1].query, "fieldManager=hostler&force=true&fieldValidation=Strict&dryRun=All");
}

#[tokio::test]
async fn e8_writes_are_sent_as_the_api_server_wants_them() {
    let server = Server::start(|_: &Asked| ok(&json!({"kind": "VirtualMachine"}))).await;
    let caller = server.caller().await;
    let object = json!({"metadata": {"name": "vm1"}});
    let none = WriteOptions::default();
    caller.create(&cx(), Resource::VMS, Some("default"), &object, none).await.unwrap();
    caller.patch(&cx(), Resource::VMS, &vm1(), &json!([])).await.unwrap();
    caller.delete(&cx(), Resource::VMS, &vm1(), Some("u-1")).await.unwrap();
    let asked = server.asked();
    let path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines";
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", path));
    assert_eq!(asked[1].header("content-type"), "application/json-patch+json");
    assert_eq!(asked[2].method, "DELETE");
    assert_eq!(asked[2].json()["preconditions"], json!({"uid": "u-1"}));
}

#[tokio::test]
async fn e8_a_verb_is_accepted_with_202_and_nothing_else() {
    let server = Server::start(|_: &Asked| text(202, "")).await;
    let caller = server.caller().await;
    caller.subresource(&cx(), Resource::VMS, &vm1(), "start", None).await.unwrap();
    let body = json!({"gracePeriod": 0});
    caller.subresource(&cx(), Resource::VMS, &vm1(), "stop", Some(&body)).await.unwrap();
    let asked = server.asked();
    let base = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/vm1";
    assert_eq!(asked[0].path, format!("{base}/start"));
    assert!(asked[0].body.is_empty());
    assert_eq!(asked[1].json(), body);
}

#[tokio::test]
async fn e8_refusals_of_virt_api_are_understood() {
    let server = Server::start(|asked: &Asked| {
        if asked.path.ends_with("/start") {
            refusal(409, "Conflict", "Operation cannot be fulfilled: VM is already running")
        } else {
            text(401, "unknown api endpoint: /apis/subresources.kubevirt.io/v1/…")
        }
    })
    .await;
    let caller = server.caller().await;
    let start = caller.subresource(&cx(), Resource::VMS, &vm1(), "start", None).await.unwrap_err();
    assert_eq!(start.cause, Cause::WrongState(WrongState::Running));
    let odd = caller.subresource(&cx(), Resource::VMS, &vm1(), "odd", None).await.unwrap_err();
    assert_eq!(odd.error.kind(), Kind::Unsupported);
}

#[tokio::test]
async fn e8_warnings_of_the_server_are_not_lost() {
    let server = Server::start(|_: &Asked| {
        let warning = "299 - \"unknown field \\\"spec.bogus\\\"\"".to_owned();
        Answer::Whole(200, vec![("warning", warning)], b"{}".to_vec())
    })
    .await;
    let reply = server.caller().await.get_path(&cx(), "/version").await.unwrap();
    assert!(reply.warnings[0].contains("spec.bogus"));
}

#[tokio::test]
async fn e11_a_call_that_is_never_answered_ends_with_its_deadline() {
    let server = Server::start(|_: &Asked| Answer::Never).await;
    let caller = server.caller().await;
    let short = || Cx::within(Duration::from_millis(200));
    let read = caller.get(&short(), Resource::VMS, &vm1()).await.unwrap_err();
    assert_eq!((read.error.kind(), read.error.effect()), (Kind::Timeout, Effect::None));
    let write =
        caller.subresource(&short(), Resource::VMS, &vm1(), "start", None).await.unwrap_err();
    assert_eq!((write.error.kind(), write.error.effect()), (Kind::Timeout, Effect::Unknown));
    assert!(read.counts() && write.counts());
}

#[tokio::test]
async fn e11_a_call_that_is_cancelled_shows_nothing_of_the_cluster() {
    let server = Server::start(|_: &Asked| Answer::Never).await;
    let caller = server.caller().await;
    for _ in 0..FAILURES + 1 {
        let token = CancellationToken::new();
        let cx = cx().with_cancel(token.clone());
        let key = vm1();
        let (ended, ()) = tokio::join!(caller.get(&cx, Resource::VMS, &key), async {
            tokio::task::yield_now().await;
            token.cancel();
        });
        assert_eq!(ended.unwrap_err().cause, Cause::Cancelled);
    }
    let state = caller.breakers(|all| all.of(Class::Read).state(tokio::time::Instant::now()));
    assert_eq!(state, State::Closed);
}

#[tokio::test]
async fn e11_nobody_there_means_that_nothing_happened() {
    let server = Server::start(|_: &Asked| Answer::Cut).await;
    let caller = server.caller().await;
    let cut = caller.subresource(&cx(), Resource::VMS, &vm1(), "start", None).await.unwrap_err();
    assert_eq!((cut.error.kind(), cut.error.effect()), (Kind::Unavailable, Effect::Unknown));
    let read = caller.get(&cx(), Resource::VMS, &vm1()).await.unwrap_err();
    assert_eq!(read.error.effect(), Effect::None);

    // A port where nothing listens: bound, and given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let caller = crate::server::caller(&format!("http://127.0.0.1:{port}")).await;
    let none = caller.subresource(&cx(), Resource::VMS, &vm1(), "start", None).await.unwrap_err();
    assert_eq!((none.error.kind(), none.error.effect()), (Kind::Unavailable, Effect::None));
    assert_eq!(none.cause, Cause::Transport);
}

#[tokio::test]
async fn e8_an_answer_without_end_is_not_read_to_its_end() {
    let server =
        Server::start(|_: &Asked| Answer::Whole(200, Vec::new(), vec![b' '; 5 << 20])).await;
    let failure = server.caller().await.get(&cx(), Resource::VMS, &vm1()).await.unwrap_err();
    assert_eq!(failure.error.kind(), Kind::Bug);
    assert!(failure.error.message().contains("larger than"));
    assert!(!failure.counts());
}

#[tokio::test]
async fn x27_a_cluster_that_fails_is_left_alone_for_that_class_only() {
    let server = Server::start(|asked: &Asked| match asked.method.as_str() {
        "PUT" => text(500, "failed calling webhook \"virtualmachines-mutator.kubevirt.io\""),
        _ => ok(&json!({"kind": "VirtualMachine"})),
    })
    .await;
    let caller = server.caller().await;
    let start = || async {
        caller.subresource(&cx(), Resource::VMS, &vm1(), "start", None).await.unwrap_err()
    };
    for _ in 0..FAILURES {
        assert_eq!(start().await.cause, Cause::ServerDown);
    }
    let left = start().await;
    assert_eq!(left.cause, Cause::LeftAlone);
    assert_eq!((left.error.kind(), left.error.effect()), (Kind::Unavailable, Effect::None));
    assert!(left.error.retry_after() >= Some(Duration::from_secs(50)));
    assert_eq!(server.count(), FAILURES as usize, "it was not asked");
    caller.get(&cx(), Resource::VMS, &vm1()).await.unwrap();
}

#[tokio::test]
async fn x27_retry_after_in_a_header_is_obeyed() {
    let server = Server::start(|_: &Asked| {
        Answer::Whole(429, vec![("retry-after", "30".to_owned())], Vec::new())
    })
    .await;
    let caller = server.caller().await;
    let first = caller.get(&cx(), Resource::VMS, &vm1()).await.unwrap_err();
    assert_eq!(first.error.retry_after(), Some(Duration::from_secs(30)));
    let second = caller.get(&cx(), Resource::VMS, &vm1()).await.unwrap_err();
    assert_eq!(second.cause, Cause::LeftAlone);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_name_that_is_none_reaches_nobody() {
    let caller = caller("http://127.0.0.1:9").await;
    let key = ObjectKey::in_namespace("default", "../../../api/v1/secrets");
    let failure = caller.get(&cx(), Resource::VMS, &key).await.unwrap_err();
    assert_eq!((failure.error.kind(), failure.cause), (Kind::Invalid, Cause::Ours));
}

#[tokio::test]
async fn f4_what_is_made_of_a_page_is_made_before_the_next_is_asked_for() {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    let server = Server::start(move |asked: &Asked| {
        let item = json!({"metadata": {"name": "a"}});
        match asked.query.contains("continue=t") {
            false => ok(&json!({"items": [item.clone(), item],
                                "metadata": {"resourceVersion": "5", "continue": "t"}})),
            true if counted.load(Ordering::SeqCst) == 2 => {
                ok(&json!({"items": [item], "metadata": {"resourceVersion": "6"}}))
            }
            true => refusal(400, "BadRequest", "the first page is still held"),
        }
    })
    .await;
    let make = |document: Value| {
        made.fetch_add(1, Ordering::SeqCst);
        document["metadata"]["name"].as_str().map(str::to_owned)
    };
    let list = server.caller().await.list_as(&cx(), &vms(), make).await.unwrap();
    assert_eq!(list.items, ["a", "a", "a"].map(|name| Some(name.to_owned())));
    assert_eq!(list.resource_version, "6");
}
