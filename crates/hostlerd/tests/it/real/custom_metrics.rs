//! What users push, before the real promtool.

use hostler_core::access::Role;
use hostlerd::config::ConfiguredMetrics;
use serde_json::json;

use super::prometheus::judged;
use crate::fixture::Fixture;
use crate::metrics::until;

const TEXT: &str = "\
# HELP backup_last_success_timestamp_seconds When the last backup ended: \\\\ and \\n are told
# TYPE backup_last_success_timestamp_seconds gauge
backup_last_success_timestamp_seconds{job=\"a\\\"b\\\\c\"} 1.7e9
# HELP backup_runs_total Backups so far
# TYPE backup_runs_total counter
backup_runs_total 12
";

#[tokio::test]
async fn d22_promtool_finds_nothing_in_what_is_pushed() {
    let metrics = ConfiguredMetrics { enabled: false, ..ConfiguredMetrics::default() };
    let fixture = Fixture::measuring(metrics).await;
    let vm = fixture.make_vm("web").await;
    let pusher = fixture.token(Role::Pusher).await;
    let samples = json!([
        { "name": "app_queue_length", "value": 3, "vm": vm, "labels": { "queue": "mail" } },
        { "name": "app_jobs_total", "kind": "counter", "value": 17.5, "host": "h1" },
    ]);
    let path = "/api/v1/metrics/custom";
    let answer = pusher.post(path, &json!({ "samples": samples })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = Some(("text/plain; version=0.0.4", TEXT.to_owned().into()));
    let answer = pusher.send("POST", &format!("{path}/text"), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = until(&fixture, "text/plain", "backup_runs_total").await;
    assert!(page.contains("app_queue_length{"), "{page}");
    assert_eq!(judged(&page), "", "{page}");
}
