//! What is served, in which form, and to whom.

use std::time::Duration;

use expect_test::expect;
use hostler_agent::config::Intervals;
use hostler_agent::{Kind, Setup, Source};
use hostler_api::v1::{AgentBatches, AgentResource};
use hostler_node::{Containers, Engine, Node};

use crate::reader::{read, values};
use crate::world::{Hangs, SHARED_ID, Tells, containers, get, host, setup, start, until, vms};

const OPENMETRICS: &str = "accept: application/openmetrics-text;q=0.5, text/plain;q=0.3\r\n";

fn everything() -> Vec<Source> {
    vec![
        Source::new("node", Kind::Node, Tells(host("h1"))),
        Source::new("docker", Kind::Containers, Tells(containers())),
        Source::new("libvirt", Kind::Vms, Tells(vms())),
    ]
}

/// The text without what differs from run to run.
fn steady(text: &str) -> String {
    let moves = ["pass_seconds{", "pass_interval_seconds{", "sample_age_seconds{provider"];
    let moves = moves.map(|name| format!("hostler_provider_{name}"));
    let lines =
        text.lines().filter(|line| !moves.iter().any(|name| line.starts_with(name.as_str())));
    lines.map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn x1_both_formats_say_the_same_series_each_once() {
    let agent = start(setup(everything())).await;
    let address = agent.addresses()[0];
    let text = get(address, "/metrics", "").await;
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let openmetrics = get(address, "/metrics", OPENMETRICS).await;
    let said = openmetrics.header("content-type").unwrap();
    assert!(said.starts_with("application/openmetrics-text; version=1.0.0"), "{said}");
    let names = |text: &str| read(text).into_keys().collect::<Vec<String>>();
    assert_eq!(names(&text.text()), names(&openmetrics.text()));
    expect![[r##"
        # HELP hostler_build_info Which version of the agent this is
        # TYPE hostler_build_info gauge
        hostler_build_info{version="0.1.0"} 1
        # HELP hostler_vm_scrape_success Whether the last pass reached this VM: 1 or 0
        # TYPE hostler_vm_scrape_success gauge
        hostler_vm_scrape_success{vm="we\"b\\\n1",vm_id="f81d4fae-7dec-11d0-a765-00a0c91e6bf6",host="h1",provider="libvirt"} 1
        hostler_vm_scrape_success{vm="hung",vm_id="id-hung",host="h1",provider="libvirt"} 0
        # HELP hostler_vm_sample_age_seconds Age of the newest sample of this VM, for each kind of pass
        # TYPE hostler_vm_sample_age_seconds gauge
        hostler_vm_sample_age_seconds{vm="we\"b\\\n1",vm_id="f81d4fae-7dec-11d0-a765-00a0c91e6bf6",host="h1",provider="libvirt",cost="stats"} 0
        # HELP hostler_vm_cpu_seconds_total Processor time the VM took on its host, the hypervisor's own work for it included
        # TYPE hostler_vm_cpu_seconds_total counter
        hostler_vm_cpu_seconds_total{vm="we\"b\\\n1",vm_id="f81d4fae-7dec-11d0-a765-00a0c91e6bf6",host="h1",provider="libvirt"} 12.5
        # HELP hostler_vm_disk_read_bytes_total Bytes the VM read from this disk
        # TYPE hostler_vm_disk_read_bytes_total counter
        hostler_vm_disk_read_bytes_total{vm="we\"b\\\n1",vm_id="f81d4fae-7dec-11d0-a765-00a0c91e6bf6",host="h1",provider="libvirt",device="vda"} 4096
        hostler_vm_disk_read_bytes_total{vm="we\"b\\\n1",vm_id="f81d4fae-7dec-11d0-a765-00a0c91e6bf6",host="h1",provider="libvirt",device="vdb"} 1
        # HELP kubevirt_vmi_hypervisor_info Information about the hypervisor type used by a VirtualMachineInstance
        # TYPE kubevirt_vmi_hypervisor_info gauge
        kubevirt_vmi_hypervisor_info{namespace="ns",name="web",node="h1",hypervisor_type="kvm"} 1
        # HELP hostler_host_info A host with the release of its kernel and the model of its processors
        # TYPE hostler_host_info gauge
        hostler_host_info{host="h1",provider="node",kernel="6.1"} 1
        # HELP hostler_host_cpu_seconds_total Time all processors spent in each mode: user, nice, system, idle, iowait, irq, softirq, steal; where only the hypervisor tells it: user_nice, kernel (system and interrupts), idle, iowait
        # TYPE hostler_host_cpu_seconds_total counter
        hostler_host_cpu_seconds_total{host="h1",provider="node",mode="user"} 1.5
        # HELP hostler_host_load Load average over 1m, 5m and 15m
        # TYPE hostler_host_load gauge
        hostler_host_load{host="h1",provider="node",window="1m"} 0.25
        # HELP hostler_container_cpu_seconds_total Processor time the container took
        # TYPE hostler_container_cpu_seconds_total counter
        hostler_container_cpu_seconds_total{container="web",container_id="f81d4fae-7dec-11d0-a765-00a0c91e6bf6",host="h1",engine="docker"} 99
        # HELP hostler_provider_up Whether the provider answers: 1 or 0
        # TYPE hostler_provider_up gauge
        hostler_provider_up{provider="docker"} 1
        hostler_provider_up{provider="libvirt"} 1
        hostler_provider_up{provider="node"} 1
        # HELP hostler_provider_sample_age_seconds Age of the newest pass over this provider, for each kind of pass
        # TYPE hostler_provider_sample_age_seconds gauge
        # HELP hostler_provider_pass_seconds How long the last pass over this provider took, for each kind of pass
        # TYPE hostler_provider_pass_seconds gauge
        # HELP hostler_provider_pass_interval_seconds Time between two passes now; longer than configured where a pass takes more than a fifth of it
        # TYPE hostler_provider_pass_interval_seconds gauge
        # HELP hostler_provider_silent_vms VMs that the last pass asked and that did not answer
        # TYPE hostler_provider_silent_vms gauge
        hostler_provider_silent_vms{provider="libvirt"} 1
    "##]]
    .assert_eq(&steady(&text.text()));
    agent.stop().await;
}

#[tokio::test]
async fn x16_a_container_with_the_id_of_a_vm_is_not_a_vm() {
    let agent = start(setup(everything())).await;
    let series = read(&get(agent.addresses()[0], "/metrics", "").await.text());
    assert_eq!(values(&series, "hostler_vm_cpu_seconds_total", &[SHARED_ID]), [12.5]);
    assert_eq!(values(&series, "hostler_container_cpu_seconds_total", &[SHARED_ID]), [99.0]);
    // Where there are only containers, no VM appears by their ids.
    let only = vec![Source::new("docker", Kind::Containers, Tells(containers()))];
    let only = start(setup(only)).await;
    let text = get(only.addresses()[0], "/metrics", "").await.text();
    assert!(!text.contains("hostler_vm_"), "{text}");
}

#[tokio::test]
async fn a_series_that_two_sources_tell_is_served_once() {
    let sources = vec![
        Source::new("one", Kind::Vms, Tells(vms())),
        Source::new("two", Kind::Vms, Tells(vms())),
    ];
    let agent = start(setup(sources)).await;
    let series = read(&get(agent.addresses()[0], "/metrics", "").await.text());
    // It has no label that tells the sources apart.
    assert_eq!(values(&series, "kubevirt_vmi_hypervisor_info", &[]), [1.0]);
    assert_eq!(values(&series, "hostler_vm_cpu_seconds_total", &[]), [12.5, 12.5]);
}

#[tokio::test]
async fn d12_a_source_that_hangs_delays_nobody() {
    let mut sources = everything();
    sources.push(Source::new("podman", Kind::Containers, Hangs));
    // Another takes connections and never answers: the kernel's queue does the taking.
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("engine.sock");
    let _deaf = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let deaf = Containers::new(Engine::Docker, &socket, "/");
    sources.push(Source::new("deaf", Kind::Containers, deaf));
    let agent = hostler_agent::Agent::start(setup(sources)).await.unwrap();
    let address = agent.addresses()[0];
    let has_all = |text: &str| {
        [
            "hostler_host_load{",
            "hostler_vm_cpu_seconds_total{",
            "hostler_container_cpu_seconds_total{",
        ]
        .iter()
        .all(|name| text.contains(name))
    };
    let reply = until(address, "/metrics", |reply| has_all(&reply.text())).await;
    // Their passes are under way, or were given up by now; either way they are not up.
    for source in ["podman", "deaf"] {
        let up = format!("hostler_provider_up{{provider=\"{source}\"}} 1");
        assert!(!reply.text().contains(&up), "{}", reply.text());
    }
    assert_eq!(get(address, "/livez", "").await.status, 200);
    agent.stop().await;
}

#[tokio::test]
async fn d12_x21_a_source_that_keeps_no_deadline_is_given_up_told_and_asked_less_often() {
    let often = Duration::from_millis(200);
    let intervals = Intervals { node: often, containers: often, vms: often };
    let hangs = vec![Source::new("podman", Kind::Containers, Hangs)];
    let agent = start(Setup { intervals, ..setup(hangs) }).await;
    let series = read(&get(agent.addresses()[0], "/metrics", "").await.text());
    assert_eq!(values(&series, "hostler_provider_up", &["podman"]), [0.0]);
    let intervals = values(&series, "hostler_provider_pass_interval_seconds", &["podman"]);
    assert_eq!(intervals.len(), 2);
    assert!(intervals.iter().all(|interval| *interval >= 0.4), "{intervals:?}");
    agent.stop().await;
}

#[tokio::test]
async fn d1_d10_d11_without_libvirt_and_engines_the_rest_is_served() {
    let nowhere = "qemu+unix:///system?socket=/nonexistent/libvirt-sock";
    let libvirt = hostler_libvirt::Libvirt::new(hostler_libvirt::LibvirtConfig::new(nowhere));
    let absent = || Containers::new(Engine::Podman, "/nonexistent/podman.sock", "/");
    let mut unnamed = Source::new("docker", Kind::Containers, absent());
    unnamed.presence = Some("/nonexistent/podman.sock".into());
    let sources = vec![
        Source::new("node", Kind::Node, Node::new("/", "h1")),
        Source::new("podman", Kind::Containers, absent()),
        unnamed,
        Source::of_provider("libvirt", nowhere, libvirt),
    ];
    let agent = hostler_agent::Agent::start(setup(sources)).await.unwrap();
    let address = agent.addresses()[0];
    let is_told = |text: &str| text.contains("hostler_provider_up{provider=\"libvirt\"} 0\n");
    let told = until(address, "/metrics", |reply| {
        is_told(&reply.text()) && reply.text().contains("hostler_host_load{")
    });
    let series = read(&told.await.text());
    assert_eq!(values(&series, "hostler_provider_up", &["node"]), [1.0]);
    assert_eq!(values(&series, "hostler_provider_up", &["podman"]), [0.0]);
    // An engine that nobody asked for and that is not there does not fail.
    assert_eq!(values(&series, "hostler_provider_up", &["docker"]), Vec::<f64>::new());
    assert!(!series.keys().any(|name| name.starts_with("hostler_vm_")), "no VM is invented (X17)");
    agent.stop().await;
}

#[tokio::test]
async fn a_server_ingests_what_was_measured() {
    let agent = start(setup(everything())).await;
    let reply = get(agent.addresses()[0], "/api/v1/batch", "").await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let batches: AgentBatches = serde_json::from_str(&reply.text()).unwrap();
    let mut shown = batches;
    for pass in &mut shown.passes {
        // These differ from run to run.
        pass.took_seconds = pass.took_seconds.map(|_| 0.5);
        pass.interval_seconds = 10.0;
    }
    let of = |source: &str| shown.passes.iter().find(|pass| pass.source == source).unwrap();
    let shares: Vec<&AgentResource> = of("docker").measured.iter().map(|one| &one.of).collect();
    assert!(matches!(shares.as_slice(), [AgentResource::Container { id, .. }] if id == SHARED_ID));
    let vms = serde_json::to_string_pretty(of("libvirt")).unwrap();
    expect![[r#"
        {
          "source": "libvirt",
          "cost": "stats",
          "interval_seconds": 10.0,
          "ended_at": "2027-01-15T08:00:00.000000Z",
          "took_seconds": 0.5,
          "error": null,
          "measured": [
            {
              "of": {
                "kind": "vm",
                "external_ref": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                "name": "we\"b\\\n1"
              },
              "at": "2027-01-15T08:00:00.000000Z",
              "points": [
                {
                  "metric": "hostler_vm_cpu_seconds_total",
                  "value": 12.5
                },
                {
                  "metric": "hostler_vm_disk_read_bytes_total",
                  "labels": [
                    "vda"
                  ],
                  "value": 4096.0
                },
                {
                  "metric": "hostler_vm_disk_read_bytes_total",
                  "labels": [
                    "vdb"
                  ],
                  "value": 1.0
                },
                {
                  "metric": "kubevirt_vmi_hypervisor_info",
                  "labels": [
                    "ns",
                    "web",
                    "h1",
                    "kvm"
                  ],
                  "value": 1.0
                }
              ]
            }
          ],
          "silent": [
            {
              "external_ref": "id-hung",
              "name": "hung",
              "reason": "no answer"
            }
          ]
        }"#]]
    .assert_eq(&vms);
}

#[tokio::test]
async fn who_asks_for_gzip_gets_it_and_reads_the_same() {
    let agent = start(setup(everything())).await;
    let address = agent.addresses()[0];
    let small = get(address, "/metrics", "accept-encoding: gzip\r\n").await;
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    let plain = get(address, "/metrics", "accept-encoding: gzip;q=0\r\n").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert!(small.body.len() < plain.body.len());
    assert_eq!(steady(&small.text()), steady(&plain.text()));
}

#[tokio::test]
async fn with_a_token_only_who_shows_it_is_told_anything() {
    let token = Some("0123456789abcdef".to_owned());
    let agent = start(Setup { token, ..setup(everything()) }).await;
    let address = agent.addresses()[0];
    for path in ["/metrics", "/api/v1/batch"] {
        for header in [
            "",
            "authorization: Bearer 0123456789abcdeg\r\n",
            "authorization: Bearer 0123456789abcdef0\r\n",
            "authorization: Bearer \r\n",
            "authorization: Basic 0123456789abcdef\r\n",
        ] {
            let reply = get(address, path, header).await;
            assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")));
            assert!(!reply.text().contains("hostler_"), "{header}");
        }
        let shown = get(address, path, "authorization: bearer 0123456789abcdef\r\n").await;
        assert_eq!(shown.status, 200);
    }
    assert_eq!(get(address, "/livez", "").await.status, 200);
    assert_eq!(get(address, "/nothing", "").await.status, 404);
}

#[tokio::test]
async fn x20_new_intervals_are_taken_over_while_it_runs() {
    let agent = start(setup(everything())).await;
    let address = agent.addresses()[0];
    let second = Duration::from_secs(1);
    agent.set_intervals(Intervals { node: second * 7, containers: second * 8, vms: second * 9 });
    let is_new = |text: &str| {
        [("node", 7), ("docker", 8), ("libvirt", 9)].iter().all(|(source, interval)| {
            let name = "hostler_provider_pass_interval_seconds";
            text.contains(&format!("{name}{{provider=\"{source}\",cost=\"stats\"}} {interval}\n"))
        })
    };
    until(address, "/metrics", |reply| is_new(&reply.text())).await;
    agent.stop().await;
}
