//! What a cluster is measured by: the state of each VM, which hypervisor runs it, as it is
//! concluded from the API alone (A1–A3, A5, A11, X2, X35), and what agents of guests tell.

use hostler_core::metrics::{Cost, Metric, Point};
use hostler_core::vm::PowerState;
use hostler_kube_double::{Double, Options, Refusal};
use hostler_kubevirt::provider::KubeVirt;
use hostler_provider::{Batch, Change, Kind, Provider};
use serde_json::{Value, json};

use crate::place::{PATIENCE, Place, busy, config, cx, machine};

async fn pass(provider: &KubeVirt) -> Batch {
    collect(provider, Cost::State).await
}

async fn collect(provider: &KubeVirt, cost: Cost) -> Batch {
    let batch = provider.metrics().unwrap().collect(&cx(), cost).await.unwrap();
    for one in &batch.vms {
        assert!(one.points.iter().all(Point::is_sound), "{one:?}");
    }
    batch
}

/// What is told of a VM by one metric: labels and value of each series.
fn told(batch: &Batch, vm: &str, metric: Metric) -> Vec<(String, f64)> {
    let of = batch.vms.iter().filter(|one| one.of.name == vm);
    let points = of.flat_map(|one| &one.points).filter(|point| point.metric == metric);
    let labels = |point: &Point| {
        let words: Vec<_> = point.labels.values().iter().map(ToString::to_string).collect();
        words.join(" ")
    };
    points.map(|point| (labels(point), point.value)).collect()
}

/// `web: kvm kvm kubevirt low` of each, by name.
fn show(batch: &Batch) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for one in &batch.vms {
        let is_info = |point: &&Point| point.metric == Metric::VmHypervisorInfo;
        for point in one.points.iter().filter(is_info) {
            let labels: Vec<String> =
                point.labels.values().iter().map(ToString::to_string).collect();
            all.push(format!("{}: {}", one.of.name, labels.join(" ")));
        }
    }
    all.sort();
    all
}

/// Waits until a pass shows exactly this: what is changed arrives by a watch.
async fn until(provider: &KubeVirt, wanted: &[&str]) {
    let shown = async {
        while show(&pass(provider).await) != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, shown).await;
    assert!(waited.is_ok(), "{wanted:?} is never told: {:?}", show(&pass(provider).await));
}

fn allow_emulation(double: &Double) {
    let edit = |object: &mut Value| {
        object["spec"]["configuration"]["developerConfiguration"]["useEmulation"] = json!(true);
    };
    double.edit("kubevirts", "kubevirt", "kubevirt", edit).unwrap();
}

fn set_kvm(double: &Double, node: &str, amount: &str) {
    let edit = |object: &mut Value| {
        object["status"]["allocatable"]["devices.kubevirt.io/kvm"] = json!(amount);
    };
    double.edit("nodes", "", node, edit).unwrap();
}

fn instance(double: &Double, name: &str) -> Value {
    double.get("virtualmachineinstances", "default", name).unwrap()
}

fn node_of(double: &Double, name: &str) -> String {
    instance(double, name)["status"]["nodeName"].as_str().unwrap().to_owned()
}

/// The pod around an instance.
fn launch(double: &Double, name: &str, node: &str, limits: Value) {
    let uid = instance(double, name)["metadata"]["uid"].clone();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": format!("virt-launcher-{name}-{node}"), "namespace": "default",
            "labels": { "kubevirt.io": "virt-launcher", "kubevirt.io/created-by": uid } },
        "spec": { "nodeName": node,
            "containers": [{ "name": "compute", "image": "x", "resources": { "limits": limits } }] },
        "status": { "phase": "Running" },
    });
    double.put(pod).unwrap();
}

fn pods_asked(double: &Double) -> u64 {
    double.counts().of("list", "pods")
}

#[tokio::test]
async fn a1_a5_x2_running_vms_have_one_series_each_and_others_none() {
    let place = Place::start(busy()).await;
    place.made("web", "Always", PowerState::Running).await;
    let paused = place.made("db", "Always", PowerState::Running).await;
    place.made("off", "Halted", PowerState::Stopped).await;
    place.power().pause(&cx(), &paused).await.unwrap();
    let wanted = ["db: kvm kvm kubevirt low", "web: kvm kvm kubevirt low"];
    assert_eq!(show(&pass(&place.provider).await), wanted);
    // Stopped: its series is gone (A8).
    place.power().stop(&cx(), &paused, hostler_provider::StopMode::Force).await.unwrap();
    assert_eq!(show(&pass(&place.provider).await), wanted[1..]);
    let other = place.provider.metrics().unwrap().collect(&cx(), Cost::Stats).await.unwrap_err();
    assert_eq!(other.kind(), Kind::Unsupported);
}

#[tokio::test]
async fn x2_where_emulation_is_allowed_the_node_and_the_launcher_decide() {
    let place = Place::start(Options { nodes: 1, ..busy() }).await;
    let double = &place.double;
    allow_emulation(double);
    place.made("web", "Always", PowerState::Running).await;
    // It may be either: unknown, and not left out (A11).
    until(&place.provider, &["web: unknown unknown none unknown"]).await;
    set_kvm(double, "n1", "0");
    until(&place.provider, &["web: qemu tcg kubevirt low"]).await;

    // What its launcher was given counts more than what the node has by now.
    let place = Place::start(Options { nodes: 1, ..busy() }).await;
    let double = &place.double;
    allow_emulation(double);
    let edit = |object: &mut Value| object["spec"]["runStrategy"] = json!("Always");
    double.put(machine("default", "web", "Halted")).unwrap();
    double.edit("virtualmachines", "default", "web", edit).unwrap();
    place.until(&place.vm("web"), PowerState::Running).await;
    launch(double, "web", "n1", json!({ "devices.kubevirt.io/tun": "1" }));
    until(&place.provider, &["web: qemu tcg kubevirt low"]).await;
}

#[tokio::test]
async fn x2_what_a_launcher_was_given_is_read_once() {
    let place = Place::start(Options { nodes: 1, ..busy() }).await;
    let double = &place.double;
    allow_emulation(double);
    for (name, limits) in [
        ("accelerated", json!({ "devices.kubevirt.io/kvm": "1" })),
        ("emulated", json!({})),
        ("other", json!({ "devices.kubevirt.io/mshv": "1" })),
    ] {
        place.made(name, "Always", PowerState::Running).await;
        launch(double, name, "n1", limits);
    }
    let wanted = [
        "accelerated: kvm kvm kubevirt low",
        "emulated: qemu tcg kubevirt low",
        "other: hyperv unknown kubevirt low",
    ];
    until(&place.provider, &wanted).await;
    let asked = pods_asked(double);
    assert_eq!(asked, 3, "one question for each of a few");
    until(&place.provider, &wanted).await;
    assert_eq!(pods_asked(double), asked);
    // The inventory agrees: it makes `kubevirt_vmi_hypervisor_info`.
    let inventory = place.provider.inventory(&cx()).await.unwrap();
    let mut words: Vec<_> = inventory.vms.iter().map(|vm| vm.hypervisor.value().cloned()).collect();
    words.sort();
    let owned = |word: &str| Some(word.to_owned());
    assert_eq!(words, [owned("hyperv"), owned("kvm"), owned("qemu")]);
}

#[tokio::test]
async fn a3_x2_who_watches_is_told_when_a_launcher_shows_another_hypervisor() {
    let place = Place::start(Options { nodes: 1, ..busy() }).await;
    allow_emulation(&place.double);
    let vm = place.made("web", "Always", PowerState::Running).await;
    launch(&place.double, "web", "n1", json!({}));
    let word = async || place.seen(&vm).await.unwrap().hypervisor.value().cloned();
    let unknown = async {
        while word().await.is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, unknown).await.unwrap();
    let mut changes = place.watch().subscribe().await.unwrap();
    pass(&place.provider).await;
    let told = async { while changes.recv().await != Some(Change::Vm(vm.clone())) {} };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert_eq!(word().await.as_deref(), Some("qemu"));
}

#[tokio::test]
async fn x2_of_many_all_launchers_are_read_at_once() {
    let place = Place::start(Options { nodes: 1, ..busy() }).await;
    let names = place.double.seed_vms(30).unwrap();
    for name in &names {
        let name = name.rsplit('/').next().unwrap();
        launch(&place.double, name, "n1", json!({ "devices.kubevirt.io/kvm": "1" }));
    }
    let batch = pass(&place.provider).await;
    assert_eq!(show(&batch).len(), 30);
    assert_eq!(pods_asked(&place.double), 1);
}

#[tokio::test]
async fn x2_without_the_right_to_list_pods_the_installation_is_what_is_left() {
    let place = Place::start(busy()).await;
    place.double.refuse(Refusal::of("list", "", "pods"));
    place.made("web", "Always", PowerState::Running).await;
    for _ in 0..3 {
        assert_eq!(show(&pass(&place.provider).await), ["web: kvm kvm kubevirt low"]);
    }
    assert_eq!(pods_asked(&place.double), 1, "a refusal is not asked for again and again");
}

#[tokio::test]
async fn x2_the_condition_of_the_instance_counts_most() {
    let place = Place::start(Options { nodes: 1, ..busy() }).await;
    place.made("web", "Always", PowerState::Running).await;
    launch(&place.double, "web", "n1", json!({ "devices.kubevirt.io/kvm": "1" }));
    until(&place.provider, &["web: kvm kvm kubevirt low"]).await;
    let emulated = json!({ "type": "SoftwareEmulation", "status": "True",
        "reason": "CrossArchitectureEmulation" });
    let edit = |object: &mut Value| {
        object["status"]["conditions"].as_array_mut().unwrap().push(emulated);
    };
    place.double.edit("virtualmachineinstances", "default", "web", edit).unwrap();
    until(&place.provider, &["web: qemu tcg kubevirt low"]).await;
}

#[tokio::test]
async fn a8_x35_a_migration_leaves_one_series_and_moves_it_when_it_is_over() {
    let place = Place::start(Options { nodes: 2, ..busy() }).await;
    let double = &place.double;
    let vm = place.made("web", "Always", PowerState::Running).await;
    let source = node_of(double, "web");
    let target = if source == "n1" { "n2" } else { "n1" };
    launch(double, "web", &source, json!({ "devices.kubevirt.io/kvm": "1" }));
    launch(double, "web", target, json!({ "devices.kubevirt.io/kvm": "1" }));
    until(&place.provider, &["web: kvm kvm kubevirt low"]).await;
    let migration = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
        "metadata": { "name": "m", "namespace": "default" }, "spec": { "vmiName": "web" },
    });
    double.put(migration).unwrap();
    let moved = async {
        loop {
            let batch = pass(&place.provider).await;
            assert_eq!(show(&batch), ["web: kvm kvm kubevirt low"], "one, all the time");
            let seen = place.seen(&vm).await.unwrap();
            let node = seen.host_ref.clone().unwrap();
            assert!(node == source || node == target);
            if node == target && seen.power == PowerState::Running {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, moved).await.unwrap();
    assert_eq!(node_of(double, "web"), target);
    until(&place.provider, &["web: kvm kvm kubevirt low"]).await;
}

#[tokio::test]
async fn a11_without_the_installation_a_running_vm_is_unknown_and_not_left_out() {
    let double = Double::start(busy()).await.unwrap();
    double.refuse(Refusal::of("*", "kubevirt.io", "kubevirts"));
    let provider = std::sync::Arc::new(KubeVirt::new(config(&double)));
    let place = Place { double, provider };
    place.made("web", "Always", PowerState::Running).await;
    assert_eq!(show(&pass(&place.provider).await), ["web: unknown unknown none unknown"]);
}

#[tokio::test]
async fn x17_each_vm_is_told_in_the_state_it_is_in_and_in_no_other() {
    let place = Place::start(busy()).await;
    place.made("web", "Always", PowerState::Running).await;
    place.made("off", "Halted", PowerState::Stopped).await;
    let batch = pass(&place.provider).await;
    for (vm, state) in [("web", "running"), ("off", "stopped")] {
        let states = told(&batch, vm, Metric::VmState);
        assert_eq!(states.len(), 13, "{states:?}");
        let is: Vec<_> = states.iter().filter(|(_, value)| *value > 0.0).collect();
        assert_eq!(is, [&(state.to_owned(), 1.0)]);
    }
}

/// Lets the agent of a guest be connected, or not.
fn agent(double: &Double, name: &str, connected: bool) {
    let edit = |instance: &mut Value| {
        let conditions = instance["status"]["conditions"].as_array_mut().unwrap();
        conditions.retain(|one| one["type"] != "AgentConnected");
        if connected {
            conditions.push(json!({ "type": "AgentConnected", "status": "True" }));
        }
    };
    double.edit("virtualmachineinstances", "default", name, edit).unwrap();
}

#[tokio::test]
async fn e8_agents_tell_users_and_file_systems_and_without_one_nothing_is_told() {
    let place = Place::start(busy()).await;
    for name in ["web", "mute"] {
        place.made(name, "Always", PowerState::Running).await;
    }
    place.made("off", "Halted", PowerState::Stopped).await;
    agent(&place.double, "web", true);
    agent(&place.double, "mute", false);
    let shown = async {
        loop {
            let batch = collect(&place.provider, Cost::Guest).await;
            if batch.vms.len() == 1 {
                return batch;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let batch = tokio::time::timeout(PATIENCE, shown).await.unwrap();
    assert_eq!(batch.silent, []);
    assert_eq!(told(&batch, "web", Metric::VmGuestAgentUp), [(String::new(), 1.0)]);
    assert_eq!(told(&batch, "web", Metric::VmGuestUsers), [(String::new(), 0.0)]);
    let root = |bytes: f64| [("/ ext4".to_owned(), bytes)];
    let gib = f64::from(1 << 30);
    assert_eq!(told(&batch, "web", Metric::VmGuestFilesystemSizeBytes), root(10.0 * gib));
    assert_eq!(told(&batch, "web", Metric::VmGuestFilesystemUsedBytes), root(gib));
}

#[tokio::test]
async fn e11_nodes_that_do_not_answer_for_their_guests_close_no_breaker() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Always", PowerState::Running).await;
    agent(&place.double, "web", true);
    place.double.set_virt_api_down(true);
    let mut silent = 0;
    let tried = async {
        // More than a breaker bears.
        while silent < 8 {
            let batch = collect(&place.provider, Cost::Guest).await;
            assert_eq!(batch.vms, []);
            silent += batch.silent.len();
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.unwrap();
    place.double.set_virt_api_down(false);
    assert_eq!(collect(&place.provider, Cost::Guest).await.vms[0].of, vm);
    place.power().pause(&cx(), &vm).await.unwrap();
}

/// Waits until a pass for guests tells, or says that they are silent, of so many.
async fn asked(place: &Place, count: usize) -> Batch {
    let shown = async {
        loop {
            let batch = collect(&place.provider, Cost::Guest).await;
            if batch.vms.len() + batch.silent.len() == count {
                return batch;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, shown).await.unwrap()
}

#[tokio::test]
async fn e8_guests_that_may_not_be_asked_cost_no_other_ones_metrics() {
    let place = Place::start(busy()).await;
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "other" },
    });
    place.double.put(namespace).unwrap();
    let web = place.made("web", "Always", PowerState::Running).await;
    agent(&place.double, "web", true);
    place.double.put(machine("other", "db", "Always")).unwrap();
    let db = place.vm_in("other", "db");
    place.until(&db, PowerState::Running).await;
    let connect = |instance: &mut Value| {
        let conditions = instance["status"]["conditions"].as_array_mut().unwrap();
        conditions.retain(|one| one["type"] != "AgentConnected");
        conditions.push(json!({ "type": "AgentConnected", "status": "True" }));
    };
    place.double.edit("virtualmachineinstances", "other", "db", connect).unwrap();
    for what in ["filesystemlist", "userlist"] {
        let resource = format!("virtualmachineinstances/{what}");
        let refusal = Refusal::of("get", "subresources.kubevirt.io", &resource).within("other");
        place.double.refuse(refusal);
    }
    let batch = asked(&place, 2).await;
    assert_eq!(batch.vms.iter().map(|one| &one.of).collect::<Vec<_>>(), [&web]);
    assert_eq!(batch.silent.iter().map(|one| &one.vm).collect::<Vec<_>>(), [&db]);
    // Where nobody may be asked that is why nothing is measured.
    agent(&place.double, "web", false);
    let alone = async {
        loop {
            match place.provider.metrics().unwrap().collect(&cx(), Cost::Guest).await {
                Err(error) => return error,
                Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, alone).await.unwrap();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
}

#[tokio::test]
async fn e8_guests_that_were_not_asked_are_silent_and_not_gone() {
    let place = Place::start(Options { nodes: 1, ..busy() }).await;
    for n in 0..8 {
        place.made(&format!("vm{n}"), "Always", PowerState::Running).await;
        agent(&place.double, &format!("vm{n}"), true);
    }
    assert_eq!(asked(&place, 8).await.vms.len(), 8);
    // No time to ask anybody.
    let short = hostler_provider::Cx::within(std::time::Duration::from_secs(4));
    let batch = place.provider.metrics().unwrap().collect(&short, Cost::Guest).await.unwrap();
    assert_eq!((batch.vms.len(), batch.silent.len()), (0, 8));
    assert!(batch.silent.iter().all(|one| one.reason.contains("was not asked")), "{batch:?}");
    // A node that is silent for some is not asked for the others of it.
    place.double.set_virt_api_down(true);
    let batch = asked(&place, 8).await;
    let spared = batch.silent.iter().filter(|one| one.reason.contains("its node did not answer"));
    assert!((1..=5).contains(&spared.count()), "{batch:?}");
}
