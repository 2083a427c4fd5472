//! Repeating requests: when it is safe, and only then.

use std::time::Duration;

use hostler_api::{Nothing, v1};
use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_client::{Address, Client, Options, Terms};
use hostler_core::{Code, Kind};
use serde_json::{Value, json};

pub(crate) fn operation(state: &str) -> Value {
    json!({
        "id": "op-1", "kind": "vm.start", "state": state, "phase": null,
        "progress": {"steps_done": 0, "steps_total": 1, "fraction": null, "note": null,
            "bytes_done": null, "bytes_total": null},
        "steps": [], "resources": [], "created_by": "test", "cancellable": true, "error": null,
        "note": null, "created_at": "2026-11-21T04:00:00Z", "updated_at": "2026-11-21T04:00:00Z",
        "finished_at": null,
    })
}

fn keys(server: &TestServer) -> Vec<String> {
    let key = |seen: &Seen| seen.header("idempotency-key").unwrap_or("none").to_owned();
    server.seen().iter().map(key).collect()
}

fn vm() -> v1::VmPath {
    v1::VmPath { vm: "1".into() }
}

#[tokio::test]
async fn a_post_whose_answer_is_lost_is_sent_again_with_the_same_key() {
    let server = TestServer::start(|seen| match seen.number {
        0 => Reply::Drop,
        1 => Reply::Raw(b"HTTP/1.1 202 Accepted\r\ncontent-length: 500\r\n\r\n{".to_vec()),
        _ => {
            Reply::JsonWith(202, operation("running"), vec![("idempotent-replayed", "true".into())])
        }
    });
    let answer = server
        .client()
        .ask::<v1::VmStart>(&vm(), &Nothing {}, &Nothing {}, &Terms::default())
        .await
        .unwrap();
    assert_eq!(answer.value.id, "op-1");
    assert!(answer.is_replayed());
    let keys = keys(&server);
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 32), "{keys:?}");
}

#[tokio::test]
async fn a_key_can_be_chosen_by_the_caller() {
    let server = TestServer::start(|_| Reply::Json(202, operation("running")));
    let terms = Terms { idempotency_key: Some("mine".into()), ..Terms::default() };
    let client = server.client();
    client.ask::<v1::VmStart>(&vm(), &Nothing {}, &Nothing {}, &terms).await.unwrap();
    assert_eq!(keys(&server), ["mine"]);
}

#[tokio::test]
async fn a_delete_whose_answer_stays_lost_was_one_delete_and_is_told_as_unknown() {
    let server = TestServer::start(|_| Reply::Drop);
    let query = v1::VmDeleteQuery::default();
    let error = server.client().call::<v1::VmDelete>(&vm(), &query, &Nothing {}).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), ("answer_lost", Kind::Timeout));
    assert!(error.help().is_some_and(|help| help.contains("may have been carried out")));
    let keys = keys(&server);
    assert!(keys.len() == 4 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn repetition_ends() {
    let server = TestServer::start(|_| Reply::Drop);
    let error = server.client().show::<v1::ServerShow>(&Nothing {}).await.unwrap_err();
    assert_eq!(error.code(), "answer_lost");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_replaced_silently() {
    // Closes after each answer, without saying so.
    let server = TestServer::start(|_| {
        let body = operation("running").to_string();
        let head = format!("HTTP/1.1 202 Accepted\r\ncontent-length: {}\r\n\r\n", body.len());
        Reply::Raw((head + &body).into_bytes())
    });
    let client = server.client();
    let query = v1::VmDeleteQuery::default();
    for _ in 0..5 {
        // One that may be repeated and one that may not.
        client.call::<v1::VmStart>(&vm(), &Nothing {}, &Nothing {}).await.unwrap();
        client.call::<v1::VmDelete>(&vm(), &query, &Nothing {}).await.unwrap();
        // Lets the connection's end be seen, or not: both have to work.
        tokio::task::yield_now().await;
    }
    assert_eq!(server.seen().len(), 10, "none was sent twice");
}

#[tokio::test]
async fn a_server_that_stops_is_asked_again() {
    let server = TestServer::start(|seen| match seen.number {
        0 => Reply::problem(Code::ServerDraining, "the server is stopping"),
        _ => Reply::Json(202, operation("running")),
    });
    let client = server.client();
    client.call::<v1::VmStart>(&vm(), &Nothing {}, &Nothing {}).await.unwrap();
    assert_eq!(keys(&server)[0], keys(&server)[1]);
}

#[tokio::test]
async fn other_refusals_are_not_repeated() {
    let server = TestServer::start(|_| Reply::problem(Code::ProviderUnavailable, "h1 is away"));
    let client = server.client();
    client.call::<v1::VmStart>(&vm(), &Nothing {}, &Nothing {}).await.unwrap_err();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_after_the_time_limit() {
    let server = TestServer::start(|_| Reply::Hang);
    let mut options = Options::new(Address::Socket(server.socket()));
    options.request_timeout = Duration::from_secs(2);
    let client = Client::new(options).unwrap();
    let error = client.show::<v1::ServerShow>(&Nothing {}).await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("answer_timeout", 8));
    assert_eq!(server.seen().len(), 1);
}
