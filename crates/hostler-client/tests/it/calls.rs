//! Calls, answers and refusals.

use std::sync::{Arc, Mutex};

use hostler_api::{ListQuery, Nothing, v1};
use hostler_client::testing::{Reply, TestServer};
use hostler_client::{Address, Client, Error, Options, RawRequest, Terms, Token, Trace};
use hostler_core::{Code, Kind};
use http::Method;
use serde_json::{Value, json};

fn image(name: &str) -> Value {
    json!({
        "id": format!("id-{name}"), "name": name, "description": "", "format": "qcow2",
        "file_bytes": 1, "virtual_bytes": 2, "sha256": "00",
        "created_at": "2026-11-21T04:00:00.000000Z", "added_later": {"kept": true},
    })
}

#[tokio::test]
async fn a_call_sends_what_the_endpoint_says_and_reads_its_answer() {
    let server = TestServer::start(|seen| {
        assert_eq!(seen.json(), json!({"kind": "serial", "take_over": true}));
        Reply::Json(
            201,
            json!({"ticket": "t", "expires_at": "2026-11-21T04:00:00Z", "path": "/x", "protocols": []}),
        )
    });
    let mut options = Options::new(Address::Socket(server.socket()));
    options.token = Some(Token::new("hst_1").unwrap());
    let client = Client::new(options).unwrap();
    let body = v1::ConsoleRequest { kind: v1::ConsoleKind::Serial, take_over: true };
    let path = v1::VmPath { vm: "7".into() };
    let ticket = client.call::<v1::ConsoleOpen>(&path, &Nothing {}, &body).await.unwrap();
    assert_eq!(ticket.ticket, "t");
    let seen = server.seen().remove(0);
    assert_eq!(seen.line(), "POST /api/v1/vms/7/consoles");
    assert_eq!(seen.header("authorization"), Some("Bearer hst_1"));
    assert_eq!(seen.header("host"), Some("localhost"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn requests_one_after_another_share_a_connection() {
    let server = TestServer::start(|_| Reply::page(vec![]));
    let client = server.client();
    for _ in 0..3 {
        let query = ListQuery::default();
        client.call::<v1::ImageList>(&Nothing {}, &query, &Nothing {}).await.unwrap();
    }
    assert!(server.seen().iter().all(|seen| seen.connection == 0));
}

#[tokio::test]
async fn c10_all_pages_of_a_list_are_read_and_unknown_fields_are_kept() {
    let server = TestServer::start(|seen| {
        let (items, next) = match seen.param("cursor") {
            None => (vec![image("a"), image("b")], Some("c2")),
            Some("c2") => (vec![image("c")], None),
            Some(other) => panic!("cursor {other}"),
        };
        Reply::Json(
            200,
            json!({"items": items, "next_cursor": next, "observed_at": null, "stale": next.is_none(),
                "approx_total": 3}),
        )
    });
    let query = ListQuery { limit: Some(2), sort: Some("name".into()), ..ListQuery::default() };
    let client = server.client();
    let all = client.pages::<v1::ImageList, _>(Nothing {}, query.clone()).all(None).await.unwrap();
    let names: Vec<_> = all.items.iter().map(|item| item.value.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(all.stale && !all.has_more, "one stale page makes the whole stale");
    assert_eq!(all.items[0].json["added_later"]["kept"], json!(true));
    assert!(server.seen().iter().all(|seen| seen.param("sort") == Some("name")));

    let one = client.pages::<v1::ImageList, _>(Nothing {}, query).all(Some(1)).await.unwrap();
    assert_eq!((one.items.len(), one.has_more), (1, true));
}

#[tokio::test]
async fn a_server_that_repeats_its_cursor_does_not_hold_the_client_for_ever() {
    let server = TestServer::start(|_| {
        Reply::Json(
            200,
            json!({"items": [], "next_cursor": "same", "observed_at": null, "stale": false,
                "approx_total": null}),
        )
    });
    let pages = server.client().pages::<v1::ImageList, _>(Nothing {}, ListQuery::default());
    let error = pages.all(None).await.unwrap_err();
    assert_eq!(error.code(), "answer_malformed");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_problem_becomes_a_typed_error() {
    let server = TestServer::start(|_| Reply::problem(Code::VmBusy, "vm \"web\" is being stopped"));
    let path = v1::VmPath { vm: "1".into() };
    let error =
        server.client().call::<v1::VmStart>(&path, &Nothing {}, &Nothing {}).await.unwrap_err();
    assert_eq!(error.to_string(), "vm \"web\" is being stopped");
    assert_eq!((error.code(), error.kind(), error.exit_code()), ("vm_busy", Kind::Conflict, 5));
    assert_eq!(error.request_id(), Some("0192d0c4-0000-7000-8000-000000000001"));
    assert!(error.help().is_some_and(|help| help.contains("details.operation")));
}

#[tokio::test]
async fn a_request_id_is_taken_from_the_header_when_the_body_has_none() {
    let server = TestServer::start(|_| {
        let Reply::Json(status, mut body) = Reply::problem(Code::VmNotFound, "none") else {
            unreachable!("a problem is JSON")
        };
        body.as_object_mut().unwrap().remove("request_id");
        Reply::JsonWith(status, body, vec![("x-request-id", "r-9".into())])
    });
    let error = server.client().show::<v1::VmShow>(&v1::VmPath { vm: "1".into() }).await;
    assert_eq!(error.unwrap_err().request_id(), Some("r-9"));
}

#[tokio::test]
async fn answers_that_are_not_the_apis_are_errors_and_never_values() {
    let answers: Vec<(&str, Vec<u8>)> = vec![
        ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("no JSON", b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhello".to_vec()),
        ("another JSON", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]".to_vec()),
        ("a page of a proxy", b"HTTP/1.1 404 X\r\ncontent-length: 6\r\n\r\n<html>".to_vec()),
        ("half a header", b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
        ("half a body", b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"items\"".to_vec()),
    ];
    for (what, bytes) in answers {
        let server = TestServer::start(move |_| Reply::Raw(bytes.clone()));
        let error = server.client().show::<v1::ServerShow>(&Nothing {}).await.expect_err(what);
        assert!(
            matches!(error.code(), "answer_malformed" | "answer_lost"),
            "{what}: {} {error}",
            error.code()
        );
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_reach_the_server_means_unavailable() {
    let server = TestServer::start(|_| Reply::Text(502, "Bad Gateway".into()));
    let error = server.client().show::<v1::ServerShow>(&Nothing {}).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn an_absent_server_is_named_with_a_remedy() {
    let folder = tempfile_path();
    let client = Client::new(Options::new(Address::Socket(folder.clone()))).unwrap();
    let error = client.show::<v1::ServerShow>(&Nothing {}).await.unwrap_err();
    assert!(error.to_string().contains(&folder.display().to_string()), "{error}");
    assert!(error.to_string().ends_with("no such file or directory"), "{error}");
    assert!(error.help().is_some_and(|help| help.contains("systemctl start hostlerd")));
    assert_eq!(error.exit_code(), 8);
}

fn tempfile_path() -> std::path::PathBuf {
    let server = TestServer::start(|_| Reply::Drop);
    // The folder goes with the server, so nothing can be there afterwards.
    server.socket()
}

#[tokio::test]
async fn etag_text_and_empty_answers_are_read() {
    let server = TestServer::start(|seen| match seen.line().as_str() {
        "DELETE /api/v1/images/1" => Reply::Json(204, Value::Null),
        "GET /api/v1/vms/1/definition" => Reply::Text(200, "<domain/>".into()),
        _ => Reply::JsonWith(200, image("a"), vec![("etag", "\"4\"".into())]),
    });
    let client = server.client();
    let path = v1::ImagePath { image: "1".into() };
    let shown = client.show::<v1::ImageShow>(&path).await.unwrap();
    assert_eq!(shown.etag(), Some("\"4\""));
    client.call::<v1::ImageDelete>(&path, &Nothing {}, &Nothing {}).await.unwrap();
    let path = v1::VmPath { vm: "1".into() };
    let xml = client.show::<v1::VmDefinition>(&path).await.unwrap();
    assert_eq!(xml.value, "<domain/>");
}

#[tokio::test]
async fn a_raw_request_gives_whatever_comes() {
    let server = TestServer::start(|seen| {
        assert_eq!(seen.param("limit"), Some("1"));
        Reply::problem(Code::PermissionDenied, "no")
    });
    let request = RawRequest {
        method: Method::GET,
        target: "/api/v1/vms?limit=1".into(),
        body: None,
        terms: Terms::default(),
    };
    let answer = server.client().raw(request).await.unwrap();
    assert_eq!((answer.status, &answer.json["code"]), (403, &json!("permission_denied")));

    let request = RawRequest {
        method: Method::GET,
        target: "api/v1".into(),
        body: None,
        terms: Terms::default(),
    };
    assert!(matches!(server.client().raw(request).await, Err(Error::Setup { .. })));
}

#[tokio::test]
async fn the_trace_shows_the_exchange_without_its_secrets() {
    let server = TestServer::start(|_| {
        Reply::Json(
            201,
            json!({"secret": "hst_hunter2", "token": {"id": "1", "name": "ci", "role": "reader",
                "created_at": "2026-11-21T04:00:00Z", "created_by": "x", "expires_at": null,
                "last_used_at": null}}),
        )
    });
    let lines = Arc::new(Mutex::new(Vec::<String>::new()));
    let sink = Arc::clone(&lines);
    let mut options = Options::new(Address::Socket(server.socket()));
    options.token = Some(Token::new("hst_hunter2").unwrap());
    options.trace = Some(Trace::new(move |line| sink.lock().unwrap().push(line.to_owned())));
    let body =
        v1::TokenRequest { name: "ci".into(), role: "reader".into(), expires_in_seconds: None };
    let client = Client::new(options).unwrap();
    let made = client.call::<v1::TokenCreate>(&Nothing {}, &Nothing {}, &body).await.unwrap();
    assert_eq!(made.secret, "hst_hunter2");
    let text = lines.lock().unwrap().join("\n");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("> POST /api/v1/tokens") && text.contains("< 201"), "{text}");
}
