//! Engines that answer as Docker and Podman do, badly, or not at all.

use std::time::Duration;

use hostler_core::metrics::Cost;
use hostler_node::{Containers, Engine};
use hostler_provider::{Batch, Cx, Kind, Metrics};

use crate::engine::{Answer, Recorded};
use crate::{value, write};

const LIST: &str = "/containers/json?all=1";
/// As Docker 24 lists and counts, shortened.
const DOCKER_LIST: &str = r#"[
    {"Id":"aa11","Names":["/web"],"Image":"nginx:1.27","ImageID":"sha256:1","State":"running","Status":"Up 2 hours"},
    {"Id":"cc33","Names":["/held"],"Image":"job:7","State":"paused","Status":"Up 2 hours (Paused)"},
    {"Id":"bb22","Names":["/job"],"Image":"job:7","State":"exited","Status":"Exited (0)"}]"#;
const DOCKER_STATS: &str = r#"{"read":"2026-11-21T14:20:28Z","pids_stats":{"current":5},
    "blkio_stats":{"io_service_bytes_recursive":[
        {"major":8,"minor":0,"op":"read","value":4096},{"major":8,"minor":0,"op":"write","value":8192},
        {"major":8,"minor":16,"op":"read","value":1}]},
    "cpu_stats":{"cpu_usage":{"total_usage":2500000000,"usage_in_kernelmode":1},"online_cpus":4},
    "memory_stats":{"usage":10000,"limit":1073741824,"stats":{"inactive_file":4000,"anon":1}},
    "networks":{"eth0":{"rx_bytes":11,"tx_bytes":22,"rx_packets":1}}}"#;

fn cx() -> Cx {
    Cx::within(Duration::from_secs(60))
}

fn text(text: &str) -> Answer {
    Answer::Text(text.to_owned())
}

fn points<'a>(batch: &'a Batch, id: &str) -> &'a [hostler_core::metrics::Point] {
    let mut found = batch.containers.iter().filter(|one| one.of.id == id);
    let one = found.next().unwrap_or_else(|| panic!("{id} was not measured: {batch:?}"));
    assert!(found.next().is_none(), "{id} comes twice");
    &one.points
}

#[tokio::test]
async fn d3_x16_what_docker_counts_is_told_of_a_container_and_of_no_vm() {
    let engine = Recorded::start(&[
        (LIST, text(DOCKER_LIST)),
        ("/containers/aa11/json", text(r#"{"State":{"Pid":0}}"#)),
        ("/containers/aa11/stats?stream=false&one-shot=true", text(DOCKER_STATS)),
        ("/containers/cc33/json", text("{}")),
        ("/containers/cc33/stats?stream=false&one-shot=true", text(DOCKER_STATS)),
    ]);
    write(engine.root(), &[("proc/meminfo", "MemTotal: 8388608 kB\n")]);
    let docker = Containers::new(Engine::Docker, engine.socket(), engine.root());
    let batch = docker.collect(&cx(), Cost::Stats).await.unwrap();
    assert!(batch.vms.is_empty() && batch.silent.is_empty() && batch.hosts.is_empty());
    assert_eq!(batch.containers.len(), 2, "what is paused holds memory, what has ended nothing");
    assert!(!points(&batch, "cc33").is_empty());
    let web = batch.containers.iter().find(|one| one.of.id == "aa11").unwrap();
    assert_eq!((web.of.name.as_str(), web.of.engine), ("web", "docker"));
    let web = points(&batch, "aa11");
    assert_eq!(value(web, "hostler_container_cpu_seconds_total"), Some(2.5));
    assert_eq!(value(web, "hostler_container_memory_used_bytes"), Some(6000.0));
    assert_eq!(value(web, "hostler_container_memory_limit_bytes"), Some(1_073_741_824.0));
    assert_eq!(value(web, "hostler_container_disk_read_bytes_total"), Some(4097.0));
    assert_eq!(value(web, "hostler_container_disk_written_bytes_total"), Some(8192.0));
    assert_eq!(value(web, "hostler_container_network_received_bytes_total,eth0"), Some(11.0));
    assert_eq!(value(web, "hostler_container_network_sent_bytes_total,eth0"), Some(22.0));
    let lasting = docker.collect(&cx(), Cost::State).await.unwrap();
    assert_eq!(
        value(points(&lasting, "aa11"), "hostler_container_info,nginx:1.27,running"),
        Some(1.0)
    );
    assert_eq!(value(points(&lasting, "bb22"), "hostler_container_info,job:7,exited"), Some(1.0));
}

#[tokio::test]
async fn x17_a_limit_as_large_as_the_machine_is_none_and_unknown_caches_are_no_figure() {
    let engine = Recorded::start(&[
        (LIST, text(DOCKER_LIST)),
        ("/containers/aa11/json", text("{}")),
        (
            "/containers/aa11/stats?stream=false&one-shot=true",
            // As Podman 4 answers: no parts of memory, numbers below zero, a network that is none.
            text(
                r#"{"cpu_stats":{"cpu_usage":{"total_usage":1,"usage_in_usermode":18446744073708225517}},
                    "memory_stats":{"usage":253952,"limit":8589934592},
                    "blkio_stats":{"io_service_bytes_recursive":null}}"#,
            ),
        ),
    ]);
    write(engine.root(), &[("proc/meminfo", "MemTotal: 8388608 kB\n")]);
    let podman = Containers::new(Engine::Podman, engine.socket(), engine.root());
    let batch = podman.collect(&cx(), Cost::Stats).await.unwrap();
    let names: Vec<&str> = points(&batch, "aa11").iter().map(|one| one.metric.name()).collect();
    assert_eq!(names, ["hostler_container_cpu_seconds_total"]);
}

/// What the kernel counts of the container `aa11`, whose process is 77.
fn kernel_files(engine: &Recorded, host_network: bool) {
    let group = "sys/fs/cgroup/system.slice/docker-aa11.scope";
    write(
        engine.root(),
        &[
            ("proc/meminfo", "MemTotal: 1024 kB\n"),
            ("proc/77/cgroup", "0::/system.slice/docker-aa11.scope\n"),
            ("proc/77/net/dev", "lo: 1 1 1 1 1 1 1 1 1 1\neth0: 5 0 0 0 0 0 0 0 6 0\n"),
            ("proc/77/ns/other", ""),
            ("proc/1/ns/other", ""),
            ("proc/self/ns/other", ""),
            (&format!("{group}/cpu.stat"), "usage_usec 1500000\n"),
            (&format!("{group}/cpu.max"), "50000 100000\n"),
            (&format!("{group}/memory.max"), "max\n"),
        ],
    );
    let link = |process: &str, to: &str| {
        let at = engine.root().join(format!("proc/{process}/ns/net"));
        std::os::unix::fs::symlink(to, at).unwrap();
    };
    link("1", "net:[1]");
    link("self", "net:[1]");
    link("77", if host_network { "net:[1]" } else { "net:[2]" });
}

#[tokio::test]
async fn d7_the_kernels_files_are_preferred_and_a_known_process_needs_no_more_questions() {
    let engine = Recorded::start(&[
        (LIST, text(DOCKER_LIST)),
        ("/containers/aa11/json", text(r#"{"State":{"Pid":77}}"#)),
    ]);
    kernel_files(&engine, false);
    let docker = Containers::new(Engine::Docker, engine.socket(), engine.root());
    let held = "/containers/cc33/json";
    let first = [LIST, "/containers/aa11/json", held];
    for expected in [first.as_slice(), &[LIST, held]] {
        let batch = docker.collect(&cx(), Cost::Stats).await.unwrap();
        let web = points(&batch, "aa11");
        assert_eq!(value(web, "hostler_container_cpu_seconds_total"), Some(1.5));
        assert_eq!(value(web, "hostler_container_cpus"), Some(0.5));
        assert_eq!(value(web, "hostler_container_memory_limit_bytes"), None);
        assert_eq!(value(web, "hostler_container_network_received_bytes_total,eth0"), Some(5.0));
        assert_eq!(value(web, "hostler_container_network_sent_bytes_total,lo"), None);
        let mut asked = engine.asked();
        asked.sort_by_key(|path| expected.iter().position(|expected| expected == path));
        assert_eq!(asked, expected);
    }
    // The process ends, and its number goes to something else.
    write(engine.root(), &[("proc/77/cgroup", "0::/system.slice/ssh.service\n")]);
    let batch = docker.collect(&cx(), Cost::Stats).await.unwrap();
    assert_eq!(batch.containers, [], "another's figures are not the container's");
}

#[tokio::test]
async fn x17_a_container_in_the_machines_network_is_not_shown_the_machines_traffic() {
    let engine = Recorded::start(&[
        (LIST, text(DOCKER_LIST)),
        ("/containers/aa11/json", text(r#"{"State":{"Pid":77}}"#)),
    ]);
    kernel_files(&engine, true);
    let docker = Containers::new(Engine::Docker, engine.socket(), engine.root());
    let batch = docker.collect(&cx(), Cost::Stats).await.unwrap();
    let web = points(&batch, "aa11");
    assert_eq!(value(web, "hostler_container_network_received_bytes_total,eth0"), None);
    assert_eq!(value(web, "hostler_container_cpu_seconds_total"), Some(1.5));
}

/// Time passes by itself while all wait, so that no deadline is waited for.
#[tokio::test(start_paused = true)]
async fn d12_a_container_that_hangs_costs_itself() {
    let list = r#"[{"Id":"aa11","State":"running"},{"Id":"cc33","State":"running"},
        {"Id":"dd44","State":"running"}]"#;
    let engine = Recorded::start(&[
        (LIST, text(list)),
        ("/containers/aa11/json", Answer::Hang),
        ("/containers/cc33/json", Answer::BreakOff),
        ("/containers/dd44/json", text("{}")),
        ("/containers/dd44/stats?stream=false&one-shot=true", text(DOCKER_STATS)),
    ]);
    let docker = Containers::new(Engine::Docker, engine.socket(), engine.root());
    let batch = docker.collect(&cx(), Cost::Stats).await.unwrap();
    let ids: Vec<&str> = batch.containers.iter().map(|one| one.of.id.as_str()).collect();
    assert_eq!(ids, ["dd44"]);
}

#[tokio::test(start_paused = true)]
async fn d12_an_engine_that_hangs_is_an_error_by_its_deadline() {
    let engine = Recorded::start(&[(LIST, Answer::Hang)]);
    let docker = Containers::new(Engine::Docker, engine.socket(), engine.root());
    let error = docker.collect(&cx(), Cost::State).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout, "{error}");
}

#[tokio::test]
async fn d11_an_engine_that_is_not_there_or_answers_nonsense_is_an_error() {
    let engine = Recorded::start(&[(LIST, text("<html>"))]);
    let docker = Containers::new(Engine::Docker, engine.socket(), engine.root());
    let error = docker.collect(&cx(), Cost::State).await.unwrap_err();
    assert_eq!(error.message(), "containers of docker: the engine's answer cannot be read");
    let nobody = Containers::new(Engine::Podman, "/nonexistent/podman.sock", "/");
    let error = nobody.collect(&cx(), Cost::Stats).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Unavailable, false));
    assert_eq!(error.message(), "cannot connect to /nonexistent/podman.sock");
}
