//! What an agent says, and what is made of it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn batches(passes: Value) -> Value {
    json!({
        "host": "h1", "version": "0.1.0",
        "started_at": "2026-11-21T10:00:00Z", "now": "2026-11-21T11:00:00Z",
        "passes": passes,
    })
}

fn pass(source: &str, cost: &str, measured: Value) -> Value {
    json!({
        "source": source, "cost": cost, "interval_seconds": 10.0,
        "ended_at": "2026-11-21T10:59:58Z", "took_seconds": 0.1, "error": null,
        "measured": measured, "silent": [],
    })
}

fn of(thing: Value, points: Value) -> Value {
    json!({ "of": thing, "at": "2026-11-21T10:59:58Z", "points": points })
}

fn told(document: &Value) -> Report {
    read(document.to_string().as_bytes()).unwrap()
}

fn left_out(report: &Report, reason: LeftOut) -> u64 {
    report.left_out.iter().find(|(its, _)| *its == reason).map_or(0, |(_, count)| *count)
}

fn host(points: Value) -> Value {
    of(json!({ "kind": "host", "name": "h1" }), points)
}

fn load(value: f64) -> Value {
    json!({ "metric": "hostler_host_load", "labels": ["1m"], "value": value })
}

#[test]
fn d7_what_an_agent_measured_is_taken_over() {
    let document = batches(json!([
        pass("node", "stats", json!([host(json!([load(0.5)]))])),
        pass(
            "docker",
            "state",
            json!([of(
                json!({ "kind": "container", "id": "c1", "name": "web", "engine": "docker" }),
                json!([{ "metric": "hostler_container_info", "labels": ["nginx", "running"],
                     "value": 1.0 }]),
            )])
        ),
    ]));
    let report = told(&document);
    assert_eq!((report.machine.name.as_str(), report.version.as_str()), ("h1", "0.1.0"));
    assert!(report.left_out.is_empty(), "{:?}", report.left_out);
    let [node, docker] = &report.passes[..] else { panic!("{report:?}") };
    assert_eq!((node.asked, node.pass), (Asked::Kernel, Cost::Stats));
    let load = Point::labelled(Metric::HostLoad, Labels::one("1m"), 0.5);
    assert_eq!(node.batch.hosts[0].points, [load]);
    assert_eq!(docker.batch.containers[0].of.engine, "docker");
}

#[test]
fn an_agent_of_another_schema_is_told_with_what_to_do() {
    let trouble = |document: &Value| {
        let error = read(document.to_string().as_bytes()).unwrap_err();
        (error.trouble, error.message)
    };
    let mut newer = batches(json!([]));
    newer["schema"] = json!(AGENT_SCHEMA + 1);
    // A newer one may well have nothing else that is known here.
    newer["passes"] = json!("elsewhere");
    let (kind, why) = trouble(&newer);
    assert_eq!(kind, AgentTrouble::Incompatible);
    assert!(why.contains("update the server") && why.contains("0.1.0"), "{why}");
    let mut older = batches(json!([]));
    older["schema"] = json!(0);
    assert!(trouble(&older).1.contains("update it"));
    let mut broken = batches(json!([]));
    broken["passes"] = json!([{ "source": 7 }]);
    assert_eq!(trouble(&broken).0, AgentTrouble::Incompatible);
    for other in [json!({}), json!([1]), json!({ "status": "ok" })] {
        let (kind, why) = trouble(&other);
        assert_eq!(kind, AgentTrouble::Invalid);
        assert!(why.contains("no batch of a hostler-agent"), "{why}");
    }
    let mut nameless = batches(json!([]));
    nameless["host"] = json!("a\nb");
    assert_eq!(trouble(&nameless).0, AgentTrouble::Invalid);
}

#[test]
fn x16_whom_an_agent_asked_decides_what_it_can_tell_of() {
    let vm = json!({ "kind": "vm", "external_ref": "c1", "name": "web" });
    let container =
        |engine: &str| json!({ "kind": "container", "id": "c1", "name": "web", "engine": engine });
    let cpu = json!([{ "metric": "hostler_vm_cpu_seconds_total", "value": 1.0 }]);
    let document = batches(json!([
        pass(
            "docker",
            "stats",
            json!([
                of(vm.clone(), cpu.clone()),
                of(container("podman"), json!([])),
                // A container is never told as a VM, whatever its points are called.
                of(container("docker"), cpu.clone()),
            ])
        ),
        pass(
            "node",
            "stats",
            json!([
                of(vm, cpu),
                host(json!([load(1.0)])),
                of(json!({ "kind": "host", "name": "h2" }), json!([load(2.0)]))
            ])
        ),
    ]));
    let report = told(&document);
    assert_eq!(left_out(&report, LeftOut::NotItsOwn), 5, "{report:?}");
    let [docker, node] = &report.passes[..] else { panic!("{report:?}") };
    assert!(docker.batch.vms.is_empty() && node.batch.vms.is_empty());
    assert!(docker.batch.containers[0].points.is_empty());
    assert_eq!(node.batch.hosts.len(), 1, "it is on one machine");
}

#[test]
fn a33_what_is_unsound_is_left_out_and_counted() {
    let point = |metric: &str, labels: Value, value: f64| json!({ "metric": metric, "labels": labels, "value": value });
    let points = json!([
        load(0.5),
        load(0.75),
        point("hostler_host_load", json!([]), 1.0),
        point("hostler_host_load", json!(["a\u{1b}[31m"]), 1.0),
        point("hostler_host_load", json!(["x".repeat(2000)]), 1.0),
        point("hostler_host_cpu_seconds_total", json!(["user"]), -1.0),
        point("hostler_host_newer", json!([]), 1.0),
        point("hostler_host_cpu_usage_ratio", json!([]), 1.0),
        point("hostler_host_cpus", json!([]), 1.0),
        point("hostler_vm_vcpus", json!([]), 1.0),
    ]);
    let mut first = pass("node", "stats", json!([host(points.clone()), host(points)]));
    first["interval_seconds"] = json!(1e300);
    first["took_seconds"] = json!(-5.0);
    first["error"] = json!("a\nb");
    let again = pass("node", "stats", json!([]));
    let report = told(&batches(json!([first, again, pass("gpu", "stats", json!([]))])));
    assert_eq!(left_out(&report, LeftOut::Invalid), 4, "{report:?}");
    // A point, the host, and the pass.
    assert_eq!(left_out(&report, LeftOut::Twice), 3, "{report:?}");
    assert_eq!(left_out(&report, LeftOut::Unknown), 2, "{report:?}");
    // What is computed, of another pass, and of another kind of thing.
    assert_eq!(left_out(&report, LeftOut::NotItsOwn), 3, "{report:?}");
    let [only] = &report.passes[..] else { panic!("{report:?}") };
    assert_eq!(only.batch.hosts[0].points.len(), 1);
    assert_eq!((only.interval, only.took), (Duration::from_secs(3600), Duration::ZERO));
    assert_eq!(only.failure.as_deref(), Some("a b"));
}

#[test]
fn a33_more_than_is_taken_is_left_out_and_counted() {
    let vm = |n: usize| json!({ "kind": "vm", "external_ref": format!("id-{n}"), "name": "x" });
    let vms: Vec<Value> = (0..THINGS_MAX + 7).map(|n| of(vm(n), json!([]))).collect();
    let report = told(&batches(json!([pass("libvirt", "stats", json!(vms))])));
    assert_eq!(report.passes[0].batch.vms.len(), THINGS_MAX);
    assert_eq!(left_out(&report, LeftOut::TooMany), 7);
}

#[test]
fn f7_what_a_silent_vm_told_before_is_not_taken_as_new() {
    let vm = json!({ "kind": "vm", "external_ref": "id", "name": "web" });
    let points = json!([{ "metric": "hostler_vm_vcpus", "value": 2.0 }]);
    let mut told_by = pass("libvirt", "stats", json!([of(vm, points)]));
    told_by["silent"] = json!([
        { "external_ref": "id", "name": "web", "reason": "a backup holds it" },
        { "external_ref": "id", "name": "web", "reason": "twice" },
    ]);
    let report = told(&batches(json!([told_by])));
    let batch = &report.passes[0].batch;
    assert!(batch.vms.is_empty());
    assert_eq!((batch.silent.len(), batch.silent[0].reason.as_str()), (1, "a backup holds it"));
    assert_eq!(left_out(&report, LeftOut::Twice), 1);
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&text);
    }

    #[test]
    fn numbers_of_any_kind_do_no_harm(
        interval in any::<f64>(), took in any::<f64>(), value in any::<f64>(),
    ) {
        let mut one = pass("node", "stats", json!([host(json!([load(value)]))]));
        one["interval_seconds"] = json!(interval);
        one["took_seconds"] = json!(took);
        // JSON has no infinite numbers; what becomes null is refused as a whole.
        if let Ok(report) = read(batches(json!([one])).to_string().as_bytes()) {
            let interval = report.passes[0].interval.as_secs_f64();
            prop_assert!(INTERVAL.contains(&interval));
        }
    }
}

#[test]
fn x2_of_the_processes_of_vms_only_what_they_run_by_is_taken() {
    let vm = json!({ "kind": "vm", "external_ref": "shop_web", "name": "web" });
    let runs_by = json!({
        "metric": "hostler_vm_hypervisor_info",
        "labels": ["kvm", "kvm", "process", "high"],
        "value": 1.0,
    });
    let state = json!({ "metric": "hostler_vm_state", "labels": ["running"], "value": 1.0 });
    let document = batches(json!([pass(
        "kubevirt",
        "state",
        json!([of(vm, json!([runs_by, state])), host(json!([]))]),
    )]));
    let report = told(&document);
    let [pass] = &report.passes[..] else { panic!("{report:?}") };
    assert_eq!((pass.asked, pass.batch.hosts.len()), (Asked::Launchers, 0));
    let [vm] = &pass.batch.vms[..] else { panic!("{pass:?}") };
    assert_eq!((vm.of.external_ref.as_str(), vm.points.len()), ("shop_web", 1));
    assert_eq!(vm.points[0].metric, Metric::VmHypervisorInfo);
    assert_eq!(left_out(&report, LeftOut::NotItsOwn), 2, "a state, and the machine");
}
