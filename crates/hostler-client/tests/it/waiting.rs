//! Waiting for operations.

use std::time::Duration;

use hostler_client::testing::{Reply, TestServer};
use hostler_client::{Waited, Waiting};
use hostler_core::Code;
use serde_json::json;

use crate::retry::operation;

fn quick() -> Waiting {
    Waiting { every: Duration::from_secs(1), ..Waiting::default() }
}

#[tokio::test]
async fn news_are_told_until_the_end() {
    let server = TestServer::start(|seen| {
        assert_eq!(seen.line(), "GET /api/v1/operations/op-1");
        assert_eq!(seen.param("wait"), Some("1"));
        let mut body = operation(if seen.number < 2 { "running" } else { "succeeded" });
        body["progress"]["steps_done"] = json!(seen.number);
        Reply::Json(200, body)
    });
    let mut news = vec![];
    let waited = server
        .client()
        .wait_operation("op-1", quick(), |operation| news.push(operation.progress.steps_done))
        .await
        .unwrap();
    assert!(matches!(waited, Waited::Settled(answer) if answer.value.state == "succeeded"));
    assert_eq!(news, [0, 1, 2]);
}

#[tokio::test]
async fn an_outage_of_the_server_is_sat_out() {
    let server = TestServer::start(|seen| match seen.number {
        0 => Reply::problem(Code::StoreUnavailable, "the disk is slow"),
        _ => Reply::Json(200, operation("needs_attention")),
    });
    let waited = server.client().wait_operation("op-1", quick(), |_| {}).await.unwrap();
    assert!(matches!(waited, Waited::Settled(answer) if answer.value.state == "needs_attention"));
}

#[tokio::test]
async fn an_operation_that_is_not_there_ends_the_waiting() {
    let server = TestServer::start(|_| Reply::problem(Code::OperationNotFound, "none"));
    let error = server.client().wait_operation("op-1", quick(), |_| {}).await.unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_time_limit_leaves_the_operation_running() {
    let server = TestServer::start(|_| Reply::Json(200, operation("of_a_later_version")));
    let waiting = Waiting { timeout: Some(Duration::from_millis(10)), ..quick() };
    let waited = server.client().wait_operation("op-1", waiting, |_| {}).await.unwrap();
    assert!(matches!(waited, Waited::Running(_)));
}
