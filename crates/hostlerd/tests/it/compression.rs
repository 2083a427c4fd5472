//! Answers are compressed for whoever asks, and never where that could do harm.

use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::client::Answer;
use crate::fixture::Fixture;

fn unpacked(answer: &Answer) -> String {
    assert_eq!(answer.header("content-encoding"), "gzip");
    let mut text = String::new();
    GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_list_is_the_same_for_whoever_takes_it_compressed() {
    let fixture = Fixture::start().await;
    fixture.make_vm("web").await;
    let path = "/api/v1/vms";
    let plain = fixture.local().get(path).await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(plain.header("vary"), "accept-encoding", "caches are told either way");
    for client in [fixture.local(), fixture.token(hostler_core::access::Role::Reader).await] {
        let packed = client.header("accept-encoding", "gzip, deflate, br").get(path).await;
        let told: Value = serde_json::from_str(&unpacked(&packed)).unwrap();
        assert_eq!(told["items"][0]["name"], "web");
        assert_eq!(packed.header("content-type"), "application/json");
        assert_eq!(packed.header("content-length"), packed.body.len().to_string());
        assert_eq!(packed.header("vary"), "accept-encoding");
        assert!(packed.body.len() * 2 < plain.body.len(), "{}", packed.body.len());
    }
}

#[tokio::test]
async fn whoever_does_not_want_it_gets_it_plain() {
    let fixture = Fixture::start().await;
    for asked in ["identity", "gzip;q=0", "br", "deflate", "identity, gzip;q=0.5"] {
        let client = fixture.client().header("accept-encoding", asked);
        let answer = client.get("/api/v1/openapi.json").await;
        assert_eq!(answer.header("content-encoding"), "", "{asked}");
        assert_eq!(answer.json()["openapi"], "3.1.0");
    }
}

#[tokio::test]
async fn documents_metrics_and_pages_are_compressed_and_what_is_small_is_not() {
    let fixture = Fixture::start().await;
    let client = fixture.local().header("accept-encoding", "gzip");
    for path in ["/api/v1/openapi.json", "/metrics", "/problems", "/api/docs/docs.js"] {
        let plain = fixture.local().get(path).await;
        let text = unpacked(&client.get(path).await);
        if path != "/metrics" {
            assert_eq!(text, plain.text(), "{path}");
        }
    }
    for path in ["/livez", "/api/v1", "/api/v1/vms", "/api/v1/vms/nonsense"] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("content-encoding"), "", "{path}");
    }
}

#[tokio::test]
async fn what_has_a_strong_etag_is_sent_as_the_etag_says() {
    let fixture = Fixture::start().await;
    let path = format!("/api/v1/vms/{}", fixture.make_vm("web").await);
    let plain = fixture.local().get(&path).await;
    assert!(plain.body.len() > 1024, "{}", plain.body.len());
    let asked = fixture.local().header("accept-encoding", "gzip").get(&path).await;
    assert_eq!(asked.header("content-encoding"), "");
    assert_eq!((asked.header("etag"), &asked.body), (plain.header("etag"), &plain.body));
}

#[tokio::test]
async fn events_come_as_they_happen_whatever_the_client_takes() {
    let fixture = Fixture::start().await;
    let client = fixture.local().header("accept-encoding", "gzip, br, *");
    let response = client.stream("GET", "/api/v1/events", None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(!response.headers().contains_key("content-encoding"));
    let mut body = response.into_body();
    let first =
        tokio::time::timeout(Duration::from_secs(20), http_body_util::BodyExt::frame(&mut body));
    let first = first.await.expect("it greets at once").unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"retry: "));
}

#[tokio::test]
async fn a36_answers_with_secrets_are_not_compressed() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let client = fixture.local().header("accept-encoding", "gzip");
    // As large as a name may make it; the secret stands beside what the caller chose.
    let body = serde_json::json!({ "name": "a".repeat(63), "role": "reader" });
    let ticket = serde_json::json!({ "kind": "serial" });
    let console = format!("/api/v1/vms/{vm}/consoles");
    for answer in [
        client.post("/api/v1/tokens", &body).await,
        client.post(&console, &ticket).await,
        client.post("/local/login-code", &serde_json::json!({})).await,
    ] {
        assert!(answer.status < 300, "{}", answer.text());
        assert_eq!(answer.header("content-encoding"), "");
        assert_eq!(answer.header("vary"), "");
    }
}
