//! Health for machines, metrics for those who may see them.

use hostler_core::access::Role;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::Fixture;

/// A plain request to the listener that needs no credentials.
async fn plain(fixture: &Fixture, path: &str, accept: &str) -> String {
    let address = fixture.server.metrics_address().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn strangers_are_told_whether_and_nothing_more() {
    let fixture = Fixture::start().await;
    for path in ["/livez", "/readyz", "/healthz", "/readyz?verbose"] {
        let answer = fixture.client().get(path).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"), "{path}");
    }
    let json = fixture.client().header("accept", "application/json").get("/readyz?verbose").await;
    assert_eq!(json.json(), serde_json::json!({ "ok": true, "checks": [] }));
}

#[tokio::test]
async fn those_who_may_see_are_told_what() {
    let fixture = Fixture::start().await;
    let text = fixture.local().get("/readyz?verbose").await.text();
    assert_eq!(text, "[+] store ok\n[+] providers ok\n[+] serving ok\nok\n");
    let json = fixture.local().header("accept", "application/json").get("/healthz?verbose").await;
    let names: Vec<_> = json.json()["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["store", "providers", "serving"]);
    assert!(plain(&fixture, "/readyz?verbose", "*/*").await.contains("[+] store ok"));
}

#[tokio::test]
async fn c25e_who_only_pushes_metrics_is_told_whether_and_a_reader_what() {
    let fixture = Fixture::start().await;
    let reader = fixture.token(Role::Reader).await.get("/readyz?verbose").await;
    assert_eq!(reader.text(), "[+] store ok\n[+] providers ok\n[+] serving ok\nok\n");
    let pusher = fixture.token(Role::Pusher).await;
    let answer = pusher.get("/readyz?verbose").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"));
    let json = pusher.header("accept", "application/json").get("/healthz?verbose").await;
    assert_eq!(json.json(), serde_json::json!({ "ok": true, "checks": [] }));
}

#[tokio::test]
async fn a_store_that_is_gone_makes_it_alive_but_not_ready() {
    let fixture = Fixture::start().await;
    fixture.store.close().await;
    assert_eq!(fixture.client().get("/livez").await.status, 200);
    let answer = fixture.client().get("/readyz").await;
    assert_eq!((answer.status, answer.text().as_str()), (503, "not ok\n"));
    let verbose = fixture.local().get("/readyz?verbose").await.text();
    assert!(verbose.starts_with("[-] store: "), "{verbose}");
    let without = fixture.local().get("/readyz?verbose&exclude=store").await;
    assert_eq!(without.text(), "[+] providers ok\n[+] serving ok\nok\n");
    assert_eq!(
        (without.status, fixture.client().get("/readyz?exclude=stor").await.status),
        (200, 503)
    );
    let answer = fixture.local().get("/api/v1/tokens").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "store_unavailable"));
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn metrics_need_the_permission_except_on_the_loopback_listener() {
    let fixture = Fixture::start().await;
    fixture.make_vm("web").await;
    assert_eq!(fixture.client().get("/metrics").await.code(), "credentials_missing");
    let reader = fixture.token(hostler_core::access::Role::Reader).await;
    assert_eq!(reader.get("/metrics").await.status, 200);
    let text = plain(&fixture, "/metrics", "*/*").await;
    for line in [
        "# TYPE hostler_build_info gauge",
        "hostler_provider_up{provider=\"lab\",simulated=\"true\"} 1",
        "hostler_vms{provider=\"lab\",simulated=\"true\",state=\"running\"} 1",
        "hostler_vms{provider=\"lab\",simulated=\"true\",state=\"crashed\"} 0",
        "hostler_op_state{state=\"needs_attention\"} 0",
        "# TYPE hostler_http_requests_total counter",
        "route=\"/api/v1/vms\",method=\"POST\",status=\"202\"} 1",
        "process_resident_memory_bytes ",
        "content-type: text/plain; version=0.0.4; charset=utf-8",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("# EOF"));
    let open = plain(&fixture, "/metrics", "application/openmetrics-text").await;
    assert!(open.trim_end().ends_with("# EOF"));
    assert!(open.contains("# TYPE hostler_http_requests counter"));
}

#[tokio::test]
async fn the_loopback_listener_serves_nothing_else() {
    let fixture = Fixture::start().await;
    for path in ["/api/v1/vms", "/", "/api/v1/session"] {
        assert!(plain(&fixture, path, "*/*").await.starts_with("HTTP/1.1 404 "), "{path}");
    }
}

#[tokio::test]
async fn a33_addresses_that_clients_invent_make_no_series() {
    let fixture = Fixture::start().await;
    for n in 0..50 {
        fixture.local().get(&format!("/invented/{n}")).await;
        fixture.local().get(&format!("/api/v1/vms/invented-{n}")).await;
    }
    let text = fixture.local().get("/metrics").await.text();
    assert!(!text.contains("invented"));
    assert!(
        text.contains("route=\"/api/v1/vms/{vm}\",method=\"GET\",status=\"400\"} 50"),
        "{text}"
    );
    assert!(text.contains("route=\"other\",method=\"GET\",status=\"200\"} 50"), "{text}");
}

#[tokio::test]
async fn d4_what_is_not_known_has_no_sample() {
    let fixture = Fixture::start().await;
    let text = fixture.local().get("/metrics").await.text();
    assert!(!text.contains("NaN"));
    // No VM, and a provider that said so: that is known.
    assert!(text.contains("hostler_vms{provider=\"lab\",simulated=\"true\",state=\"running\"} 0"));
    let health: Value = fixture.local().get("/api/v1/providers").await.json();
    assert_eq!(health["items"][0]["vm_count"], 0);
}
