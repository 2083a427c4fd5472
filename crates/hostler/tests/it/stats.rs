//! What was measured, for people and for programs.

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use serde_json::{Value, json};

use crate::rig::{fleet, run};

fn measured() -> Value {
    let figure = |metric: &str, labels: Value, value: f64, rate: Value| json!({ "metric": metric, "labels": labels, "value": value, "per_second": rate });
    json!({
        "of": { "id": "id", "name": "db" },
        "simulated": false,
        "passes": [
            {
                "pass": "state", "by": { "kind": "provider", "name": "lab" }, "quality": "ok", "reason": null,
                "observed_at": "2026-11-21T04:00:00.000000Z", "age_seconds": 2.5,
                "figures": [
                    figure("hostler_vm_network_received_bytes_total", json!({ "interface": "vnet0" }),
                        2048.0, json!(1024.0)),
                ],
            },
            {
                "pass": "stats", "by": { "kind": "agent", "name": "h1" }, "quality": "ok", "reason": null,
                "observed_at": "2026-11-21T04:00:00.000000Z", "age_seconds": 3.0,
                "figures": [
                    figure("hostler_vm_vcpus", json!({}), 2.0, Value::Null),
                    figure("hostler_vm_disk_read_bytes_total", json!({ "device": "vda" }),
                        1_048_576.0, json!(524_288.0)),
                    figure("hostler_vm_disk_read_bytes_total", json!({ "device": "vdb" }),
                        1_048_576.0, json!(524_288.0)),
                    figure("hostler_vm_cpu_usage_ratio", json!({}), 0.1234, Value::Null),
                ],
            },
            {
                "pass": "guest", "by": { "kind": "provider", "name": "lab" }, "quality": "stale", "reason": "the agent did not answer in 5 s",
                "observed_at": "2026-11-21T04:00:00.000000Z", "age_seconds": 125.0,
                "figures": [figure("hostler_vm_guest_users", json!({}), 1.0, Value::Null)],
            },
        ],
    })
}

fn server() -> TestServer {
    telling(measured())
}

fn telling(told: Value) -> TestServer {
    TestServer::start(move |seen| {
        if seen.path.ends_with("/metrics") { Reply::Json(200, told.clone()) } else { fleet(seen) }
    })
}

#[test]
fn c11_what_was_measured_is_told_with_rates_and_ages() {
    expect![[r#"
        name          db
        cpu           12.3 %
        memory-used   -
        disk-read     1 MiB/s
        disk-written  -
        received      1 KiB/s
        sent          -
        quality       stale (the agent did not answer in 5 s)

        State and network
          ok, 2s ago
          network_received_bytes_total{interface=vnet0}  2 KiB  1 KiB/s

        Use
          ok by agent h1, 3s ago
          vcpus                                   2
          disk_read_bytes_total{device=vda}   1 MiB  512 KiB/s
          disk_read_bytes_total{device=vdb}   1 MiB  512 KiB/s
          cpu_usage_ratio                    12.3 %

        Guest agent
          stale, 2m ago: the agent did not answer in 5 s
          guest_users  1
        exit 0
    "#]]
    .assert_eq(&run(&server(), &["vm", "stats", "db"]).all());
    // As fingers know it from virsh.
    assert_eq!(
        run(&server(), &["domstats", "db"]).all(),
        run(&server(), &["vm", "stats", "db"]).all()
    );
}

#[test]
fn x17_a_sum_of_which_a_part_is_not_known_is_not_told() {
    let mut told = measured();
    told["passes"][1]["figures"][2]["per_second"] = Value::Null;
    let shown =
        run(&telling(told), &["vm", "stats", "db", "--columns", "name,disk-read,cpu"]).all();
    expect![[r#"
        NAME  DISK-READ  CPU
        db    -          12.3 %
        exit 0
    "#]]
    .assert_eq(&shown);
}

#[test]
fn what_was_measured_is_json_as_the_api_tells_it() {
    let shown = run(&server(), &["vm", "stats", "db", "-o", "json"]);
    let json: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(json, measured());
}
