//! `--watch` and following events, in a pipe.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hostler_client::testing::{Ending, Reply, TestServer};
use serde_json::json;

use crate::rig::{fleet, id, operation, program, run, vm};

fn event(seq: u64, message: &str) -> Vec<u8> {
    let data = json!({"seq": seq, "at": "2026-11-21T04:00:00Z", "type": "vm.state",
        "resource": {"kind": "vm", "id": id(1), "name": "web-1"}, "message": message, "data": {}});
    format!("id: {seq}\ndata: {data}\n\n").into_bytes()
}

/// Reads lines of the program's output until it has `count`, then interrupts it.
fn lines(mut child: Child, count: usize) -> (Vec<String>, i32) {
    let reader = BufReader::new(child.stdout.take().unwrap());
    let lines: Vec<String> = reader.lines().take(count).map(Result::unwrap).collect();
    let pid = rustix::process::Pid::from_child(&child);
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
    (lines, child.wait().unwrap().code().unwrap())
}

fn spawn(server: &TestServer, arguments: &[&str]) -> Child {
    program(server, arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn changing() -> TestServer {
    let looks = Arc::new(AtomicUsize::new(0));
    TestServer::start(move |seen| match seen.line().as_str() {
        "GET /api/v1/events" => Reply::Events(vec![event(1, "x")], Ending::Silence),
        "GET /api/v1/vms" => {
            let state = match looks.fetch_add(1, Ordering::Relaxed) {
                0 => "stopped",
                _ => "running",
            };
            let mut same = vm(2, "db", "stopped");
            // Looked at again: no news.
            same["status"]["observed_at"] =
                json!(format!("2026-11-21T04:00:{}Z", 10 + seen.number));
            Reply::page(vec![vm(1, "web-1", state), same])
        }
        other => panic!("{other}"),
    })
}

#[test]
fn c5_a_watched_list_appends_only_the_rows_that_changed() {
    let server = changing();
    let child = spawn(&server, &["ls", "--watch", "--columns", "name,state"]);
    let (lines, code) = lines(child, 4);
    let lines: Vec<_> =
        lines.iter().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines, ["NAME STATE", "web-1 stopped", "db stopped", "web-1 running"]);
    assert_eq!(code, 130);
}

#[test]
fn a_watched_list_as_json_is_a_document_a_line() {
    let server = changing();
    let (lines, _) = lines(spawn(&server, &["ls", "-w", "-o", "json"]), 3);
    let states: Vec<serde_json::Value> = lines
        .iter()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["status"]["state"].take()
        })
        .collect();
    assert_eq!(states, ["stopped", "stopped", "running"]);
}

#[test]
fn a_watched_operation_ends_with_it() {
    let server = TestServer::start(|seen| match seen.line().as_str() {
        "GET /api/v1/events" => Reply::Events(vec![event(1, "x")], Ending::Silence),
        _ if seen.number < 2 => Reply::Json(200, operation("vm.start", "running", 1)),
        _ => Reply::Json(200, operation("vm.start", "succeeded", 1)),
    });
    let ended = run(&server, &["op", "show", &id(501), "--watch", "-o", "json"]);
    assert_eq!(ended.code, 0);
    assert_eq!(ended.out.lines().count(), 2, "{}", ended.out);
}

#[test]
fn events_are_followed_a_line_each() {
    let server = TestServer::start(|seen| {
        assert_eq!((seen.param("types"), seen.header("last-event-id")), (Some("vm.*"), Some("6")));
        let hostile = event(8, "b\u{1b}[2J");
        Reply::Events(vec![event(7, "a"), hostile], Ending::Silence)
    });
    let follow = ["event", "follow", "--types", "vm.*", "--since", "6"];
    let (text, code) = lines(spawn(&server, &follow), 2);
    assert_eq!(
        text,
        [
            "2026-11-21T04:00:00.000000Z vm.state vm web-1: a",
            "2026-11-21T04:00:00.000000Z vm.state vm web-1: b\\x1b[2J"
        ]
    );
    assert_eq!(code, 130);
}

#[test]
fn past_events_can_be_continued_by_those_to_come() {
    let past = |seq: u64| {
        json!({"seq": seq, "at": "2026-11-21T04:00:00Z", "type": "vm.state", "resource": null,
            "message": "m", "data": {}})
    };
    let server = TestServer::start(move |seen| match seen.line().as_str() {
        // Newest first, as the API has it.
        "GET /api/v1/events/history" => Reply::page(vec![past(6), past(5)]),
        _ => {
            assert_eq!(seen.header("last-event-id"), Some("6"));
            Reply::Events(vec![event(7, "a")], Ending::Silence)
        }
    });
    let follow = ["event", "list", "--follow", "-o", "json"];
    let (lines, _) = lines(spawn(&server, &follow), 3);
    let seqs: Vec<_> = lines
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64())
        .collect();
    assert_eq!(seqs, [Some(5), Some(6), Some(7)]);
}

#[test]
fn d6_a_vms_figures_are_shown_each_time_they_are_measured() {
    let server = TestServer::start(|seen| {
        if seen.path != "/api/v1/live" {
            return fleet(seen);
        }
        assert_eq!(seen.param("topics"), Some("vm:metrics"));
        assert!(seen.param("only").is_some_and(|id| id.len() == 36));
        let tick = |seq: u64, cpu: serde_json::Value, quality: &str| {
            let vm = json!({
                "vm_id": seen.param("only"), "name": "web-1", "project": "default", "host": "h1",
                "simulated": false, "quality": quality, "reason": null, "age_seconds": 0.1,
                "cpu_usage_ratio": cpu, "memory_host_resident_bytes": 1_048_576.0,
                "memory_balloon_bytes": null, "memory_guest_used_ratio": null,
                "disk_read_bytes_per_second": 2048.0, "disk_written_bytes_per_second": null,
                "disk_reads_per_second": null, "disk_writes_per_second": null,
                "network_received_bytes_per_second": null, "network_sent_bytes_per_second": null,
            });
            let data = json!({"provider": "lab", "pass": "stats", "vms": [vm]});
            let frame = json!({"type": "vm_metrics", "data": data, "seq": seq,
                "ts": "2026-11-21T04:00:00Z", "schema": 1});
            format!("data: {frame}\n\n").into_bytes()
        };
        let ticks = vec![tick(1, json!(0.5), "ok"), tick(2, json!(null), "stale")];
        Reply::Events(ticks, Ending::Silence)
    });
    let (text, code) = lines(spawn(&server, &["vm", "stats", "web-1", "--watch"]), 3);
    let text: Vec<_> =
        text.iter().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        text,
        [
            "AT CPU MEMORY-USED RESIDENT DISK-READ DISK-WRITTEN RECEIVED SENT QUALITY",
            "2026-11-21T04:00:00.000000Z 50.0 % - 1 MiB 2 KiB/s - - - ok",
            "2026-11-21T04:00:00.000000Z - - 1 MiB 2 KiB/s - - - stale"
        ]
    );
    assert_eq!(code, 130);
    let (text, _) = lines(spawn(&server, &["vm", "stats", "web-1", "-w", "-o", "json"]), 2);
    let told: Vec<serde_json::Value> =
        text.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&told[0]["cpu_usage_ratio"], &told[1]["cpu_usage_ratio"]),
        (&json!(0.5), &json!(null))
    );
    assert_eq!(told[0]["ts"], "2026-11-21T04:00:00Z");
}
