//! What VMs run by, as `/metrics` tells it for those who know KubeVirt: one series for each VM
//! that runs, made by what happens to it and by no pass over anything (A1, B7, B8).

use std::time::Duration;

use hostler_core::vm::{PowerState, VmSpec};
use hostler_provider::{Change, Kind, VmRef};
use hostler_sim::{HostSetup, Verb, When};
use serde_json::json;

use crate::fixture::Fixture;

const NAME: &str = "kubevirt_vmi_hypervisor_info";

async fn page(fixture: &Fixture, accept: &str) -> String {
    let answer = fixture.local().header("accept", accept).get("/metrics").await;
    assert_eq!(answer.status, 200);
    answer.text()
}

/// Its series, each as `namespace/name@node=type`, in the order of these.
async fn series(fixture: &Fixture) -> Vec<String> {
    let text = page(fixture, "*/*").await;
    let lines = text.lines().filter_map(|line| line.strip_prefix(NAME));
    let told = lines.map(|line| {
        let (labels, value) = line.rsplit_once(' ').unwrap();
        assert_eq!(value, "1", "an info metric is always 1 (B6): {line}");
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        assert!(labels.starts_with("{simulated=\"true\","), "X17: {line}");
        let (namespace, node) = (label("namespace"), label("node"));
        // With its comma, since other labels end in `name` too.
        format!("{namespace}/{}@{node}={}", label(",name"), label("hypervisor_type"))
    });
    let mut told: Vec<String> = told.collect();
    told.sort_unstable();
    told
}

/// Waits until exactly these are told; pages are at most a second old.
async fn until(fixture: &Fixture, wanted: &[&str]) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let told = series(fixture).await;
        if told == wanted {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{wanted:?} are never told: {told:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A VM of somebody else's that runs by `hypervisor`.
fn add(fixture: &Fixture, name: &str, hypervisor: &str) -> VmRef {
    let vm = fixture.world.add_vm("h1", VmSpec::new(name, 64 << 20), None, Vec::new());
    fixture.world.run_by(&vm, hypervisor);
    fixture.world.set_power(&vm, PowerState::Running, "booted");
    vm
}

#[tokio::test]
async fn a1_a3_a8_a12_b2_b6_b7_a_series_follows_what_happens_to_its_vm() {
    // Nothing is measured here: the metric needs no pass (A9, A15), so that it is as late as the
    // event and one question to libvirt (A12). How late: `cargo xtask bench changes`.
    let fixture = Fixture::start().await;
    fixture.world.add_host(HostSetup::new("h2"));
    let id = fixture.make_vm("web").await;
    let vm = fixture.world.vm_named("web").unwrap().vm;
    until(&fixture, &["default/web@h1=unknown"]).await;
    fixture.world.run_by(&vm, "kvm");
    until(&fixture, &["default/web@h1=kvm"]).await;
    let told = fixture.local().get(&format!("/api/v1/vms/{id}")).await.json();
    assert_eq!(told["observed"]["hypervisor"]["value"], "kvm");
    assert_eq!(told["observed"]["hypervisor_confidence"], "high", "its provider said so itself");
    fixture.act(&id, "pause", None).await;
    fixture.world.run_by(&vm, "qemu");
    until(&fixture, &["default/web@h1=qemu-tcg"]).await;
    fixture.act(&id, "resume", None).await;
    // Migrated: the series of the source is gone when the target's is there (X35).
    fixture.world.move_vm(&vm, "h2");
    until(&fixture, &["default/web@h2=qemu-tcg"]).await;
    fixture.world.rename_vm(&vm, "shop_web");
    until(&fixture, &["shop/web@h2=qemu-tcg"]).await;
    // A provider with namespaces says itself which one, whatever the name looks like (X3).
    fixture.world.put_in(&vm, "prod");
    until(&fixture, &["prod/shop_web@h2=qemu-tcg"]).await;
    fixture.act(&id, "stop", Some(&json!({ "mode": "force" }))).await;
    until(&fixture, &[]).await;
    fixture.act(&id, "start", None).await;
    until(&fixture, &["prod/shop_web@h2=qemu-tcg"]).await;
    fixture.world.vanish_vm(&vm);
    until(&fixture, &[]).await;
}

#[tokio::test]
async fn a5_a11_b3_b13_every_kind_of_hypervisor_has_one_of_three_words() {
    let fixture = Fixture::start().await;
    for (name, kind) in [("a", "kvm"), ("b", "qemu"), ("c", "xen"), ("d", "quantum"), ("e", "")] {
        add(&fixture, name, kind);
    }
    let told = ["a@h1=kvm", "b@h1=qemu-tcg", "c@h1=unknown", "d@h1=unknown", "e@h1=unknown"];
    until(&fixture, &told.map(|told| format!("default/{told}")).each_ref().map(String::as_str))
        .await;
}

#[tokio::test]
async fn a6_b1_b5_b10_x1_both_formats_declare_it_as_they_can() {
    // On the page that is there already: no endpoint and no right of its own (B1, B10).
    let fixture = Fixture::start().await;
    fixture.make_vm("web").await;
    until(&fixture, &["default/web@h1=unknown"]).await;
    let help = "Information about the hypervisor type used by a VirtualMachineInstance";
    let text = page(&fixture, "*/*").await;
    assert!(text.contains(&format!("# HELP {NAME} {help}\n# TYPE {NAME} gauge\n")), "{text}");
    let open = page(&fixture, "application/openmetrics-text").await;
    // There a family of that type is named without its ending.
    let family = NAME.strip_suffix("_info").unwrap();
    assert!(open.contains(&format!("# TYPE {family} info\n")), "{open}");
    assert!(open.contains(&format!("# HELP {family} {help}\n")), "{open}");
    let labels = "namespace=\"default\",name=\"web\",node=\"h1\",hypervisor_type=\"unknown\"";
    for page in [text, open] {
        assert!(page.contains(&format!("{NAME}{{simulated=\"true\",{labels}}} 1\n")), "{page}");
    }
}

#[tokio::test]
async fn x5_a11_a12_a16_of_a_provider_that_is_silent_vms_are_unknown_and_the_rest_goes_on() {
    let fixture = Fixture::start().await;
    let vm = add(&fixture, "web", "kvm");
    let stopped = add(&fixture, "off", "kvm");
    fixture.world.set_power(&stopped, PowerState::Stopped, "shut down");
    until(&fixture, &["default/web@h1=kvm"]).await;
    let faults = fixture.world.faults();
    faults.fail_verb(Verb::Probe, u32::MAX, When::Before, Kind::Unavailable);
    fixture.world.emit(Change::Inventory);
    until(&fixture, &["default/web@h1=unknown"]).await;
    // What cannot be detected is no reason to refuse anything else.
    assert_eq!(fixture.local().get("/api/v1/vms").await.json()["items"][0]["name"], "off");
    faults.reset();
    fixture.world.emit(Change::Inventory);
    until(&fixture, &["default/web@h1=kvm"]).await;
    fixture.world.vanish_vm(&vm);
    until(&fixture, &[]).await;
}

#[tokio::test]
async fn a14_a18_a19_b12_x6_x7_a_thousand_vms_have_a_series_each_and_it_is_small() {
    let fixture = Fixture::start().await;
    let vms: Vec<VmRef> =
        (0..1000).map(|at| add(&fixture, &format!("vm-{at:04}"), "kvm")).collect();
    let wanted: Vec<String> = (0..1000).map(|at| format!("default/vm-{at:04}@h1=kvm")).collect();
    until(&fixture, &wanted.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let text = page(&fixture, "*/*").await;
    let bytes: usize = text.lines().filter(|line| line.starts_with(NAME)).map(str::len).sum();
    assert!(bytes <= 1000 * 150, "{bytes} bytes for 1,000 VMs");
    // Ten change at once, and nobody else does.
    for (at, vm) in vms.iter().enumerate().take(10) {
        match at % 2 {
            0 => fixture.world.run_by(vm, "qemu"),
            _ => fixture.world.vanish_vm(vm),
        }
    }
    let changed = wanted.iter().enumerate().filter_map(|(at, told)| match at {
        0..10 if at % 2 == 1 => None,
        0..10 => Some(told.replace("=kvm", "=qemu-tcg")),
        _ => Some(told.clone()),
    });
    let changed: Vec<String> = changed.collect();
    until(&fixture, &changed.iter().map(String::as_str).collect::<Vec<_>>()).await;
}
