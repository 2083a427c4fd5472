//! A server that stops: honest to whoever asks, quick, and without loss.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::json;
use tokio::time::Instant;

use crate::fixture::Fixture;
use crate::sockets::{closed, open};

#[tokio::test]
async fn new_requests_are_told_to_come_back_while_health_still_answers() {
    let fixture = Fixture::start().await;
    fixture.server.app().draining.cancel();
    let answer = fixture.local().get("/api/v1/vms").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "server_draining"));
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(fixture.client().get("/livez").await.status, 200);
    assert_eq!(fixture.client().get("/readyz").await.status, 503);
}

#[tokio::test]
async fn streams_and_waiting_requests_end_when_the_server_stops() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let local = fixture.local();
    let stream = local.stream("GET", "/api/v1/events", None).await;
    let mut socket = open(&local, "/api/v1/events/socket", "hostler.events.v1").await.unwrap();
    let body = json!({ "kind": "serial" });
    let ticket = local.post(&format!("/api/v1/vms/{vm}/consoles"), &body).await.json();
    let protocols =
        format!("hostler.console.v1, hostler.ticket.{}", ticket["ticket"].as_str().unwrap());
    let mut console = open(&local, "/api/v1/consoles", &protocols).await.unwrap();
    // A guest that does not obey keeps its operation, and whoever waits for it, waiting.
    fixture.world.faults().hang_vm("web");
    let pause = local.send("POST", &format!("/api/v1/vms/{vm}/pause"), None).await.json();
    let path = format!("/api/v1/operations/{}", pause["id"].as_str().unwrap());
    let deadline = Instant::now() + Duration::from_secs(30);
    while local.get(&path).await.json()["state"] == "pending" {
        assert!(Instant::now() < deadline, "it begins");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let path = format!("{path}?wait=60");
    let waiting = local.get(&path);
    let start = Instant::now();
    let Fixture { server, world, socket: path_of_socket, .. } = fixture;
    let stopping = async {
        // Until the waiting request is at work, there is nothing to be ended.
        while server.app().requests.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.stop().await;
    };
    let (answer, ()) = tokio::join!(waiting, stopping);
    assert_eq!(answer.json()["state"], "running");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    stream.into_body().collect().await.unwrap();
    assert_eq!(closed(&mut socket).await, 1012);
    assert_eq!(closed(&mut console).await, 1012);
    assert!(!path_of_socket.exists(), "the socket is gone");
    world.faults().unhang();
}
