//! Every endpoint has a route, is closed to strangers, and is closed to readers
//! where it needs more (A19). The list is the API's own: nothing can be forgotten.

use std::collections::BTreeSet;

use hostler_api::{BodyKind, Described, ReplyKind, v1};
use hostler_core::access::{Actor, Permission, Role, may};
use hostlerd::http;
use serde_json::json;

use crate::client::{Answer, Client};
use crate::fixture::Fixture;

/// An id that nothing has.
const NO_ID: &str = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e";

#[test]
fn every_endpoint_has_exactly_one_route() {
    let api = http::api();
    let routed: BTreeSet<_> = api.routed().iter().copied().collect();
    let described: BTreeSet<_> = v1::endpoints().iter().map(|endpoint| endpoint.id).collect();
    assert_eq!(routed, described);
    assert_eq!(api.routed().len(), routed.len());
}

/// A request that is well-formed as far as its headers go.
async fn ask(client: &Client, endpoint: &Described) -> Answer {
    let mut path = String::new();
    for part in endpoint.path.split('/').skip(1) {
        path.push('/');
        path.push_str(if part.starts_with('{') { NO_ID } else { part });
    }
    let body = match endpoint.body {
        BodyKind::None => None,
        BodyKind::Json => Some(("application/json", json!({}).to_string().into())),
        BodyKind::MergePatch => {
            Some(("application/merge-patch+json", json!({}).to_string().into()))
        }
        BodyKind::Text => Some(("text/plain", "".into())),
        BodyKind::Bytes => Some(("application/octet-stream", "".into())),
    };
    let response = client.stream(endpoint.method.as_str(), &path, body).await;
    let (parts, body) = response.into_parts();
    // A stream that was let in has no end.
    let body = match parts.headers.get("content-type").map(|kind| kind.to_str().unwrap()) {
        Some("text/event-stream") => bytes::Bytes::new(),
        _ => http_body_util::BodyExt::collect(body).await.unwrap().to_bytes(),
    };
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

#[tokio::test]
async fn every_endpoint_refuses_strangers_unless_it_is_public() {
    let fixture = Fixture::start().await;
    for endpoint in v1::endpoints() {
        let answer = ask(&fixture.client(), &endpoint).await;
        let is_refused = answer.status == 401 && answer.code() == "credentials_missing";
        assert_eq!(is_refused, endpoint.needs != Permission::Public, "{}", endpoint.id);
        if is_refused {
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"hostler\"");
        }
    }
}

#[tokio::test]
async fn every_endpoint_refuses_bad_credentials_unless_it_is_public() {
    let fixture = Fixture::start().await;
    let guesses = ["Bearer hst_AAAA", "Bearer", "Basic cm9vdDpyb290", "hst_x", "Bearer x"];
    for (n, endpoint) in v1::endpoints().iter().enumerate() {
        let client = fixture.client().header("authorization", guesses[n % guesses.len()]);
        let answer = ask(&client, endpoint).await;
        if endpoint.needs != Permission::Public {
            assert_eq!((answer.status, answer.code().as_str()), (401, "credentials_invalid"));
        } else if endpoint.reply != ReplyKind::WebSocket {
            assert_ne!(answer.code_or_ok(), "credentials_missing", "{}", endpoint.id);
        }
    }
}

#[tokio::test]
async fn every_endpoint_that_needs_more_refuses_readers() {
    let fixture = Fixture::start().await;
    let reader = fixture.token(Role::Reader).await;
    let actor = Actor { name: "reader".into(), role: Role::Reader };
    let mut refused = 0;
    for endpoint in v1::endpoints() {
        let answer = ask(&reader, &endpoint).await;
        let may = may(&actor, endpoint.needs).is_ok();
        assert_eq!(answer.status == 403, !may, "{} {}", endpoint.id, answer.text());
        if !may {
            refused += 1;
            assert_eq!(answer.code(), "permission_denied");
            assert_eq!(answer.json()["details"]["permission"], endpoint.needs.as_str());
        }
    }
    assert!(refused > 10, "{refused}");
}

#[tokio::test]
async fn c25e_who_pushes_metrics_is_refused_by_all_other_endpoints() {
    let fixture = Fixture::start().await;
    let pusher = fixture.token(Role::Pusher).await;
    let mut let_in = BTreeSet::new();
    for endpoint in v1::endpoints() {
        let answer = ask(&pusher, &endpoint).await;
        match endpoint.needs {
            Permission::Public | Permission::Authenticated => {}
            _ if answer.code_or_ok() == "permission_denied" => assert_eq!(answer.status, 403),
            _ => drop(let_in.insert(endpoint.id)),
        }
    }
    assert_eq!(let_in, ["custom_metric_push", "custom_metric_push_text"].into());
    // Nor is there anything to see on the live stream.
    assert_eq!(pusher.get("/api/v1/live?topics=vm:metrics").await.code(), "permission_denied");
    assert_eq!(pusher.get("/metrics").await.code(), "permission_denied");
}

#[tokio::test]
async fn no_endpoint_refuses_an_administrator_for_who_they_are() {
    let fixture = Fixture::start().await;
    let admin = fixture.token(Role::Admin).await;
    for endpoint in v1::endpoints() {
        let answer = ask(&admin, &endpoint).await;
        let by_ticket = endpoint.id == "console_connect";
        let by_code = endpoint.id == "session_open";
        if !by_ticket && !by_code {
            assert!(!matches!(answer.status, 401 | 403), "{} {}", endpoint.id, answer.text());
        }
    }
}

impl Answer {
    fn code_or_ok(&self) -> String {
        if self.status < 400 { "ok".to_owned() } else { self.code() }
    }
}
