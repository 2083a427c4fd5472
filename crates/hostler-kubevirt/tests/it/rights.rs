//! The roles that are shipped for Kubernetes, our list of what we have to be allowed to do, and
//! what is really asked for: the three are the same, or somebody's cluster finds out.

use std::collections::BTreeSet;
use std::time::Duration;

use hostler_core::disk::DiskMark;
use hostler_core::id::{OperationId, SnapshotId};
use hostler_core::metrics::Cost;
use hostler_core::snapshot::SnapshotSpec;
use hostler_core::vm::PowerState;
use hostler_core::vm::cloud_init::CloudInit;
use hostler_core::vm::devices::{GraphicsSpec, NicModel, NicSource, NicSpec, VolumeFormat};
use hostler_core::vm::observed::ConsoleKind;
use hostler_kubevirt::config::Namespaces;
use hostler_kubevirt::health::{Need, Purpose, needs};
use hostler_provider::{
    AttachDisk, Cx, EnsureClone, EnsureSnapshot, EnsureVm, EnsureVolume, MigrateVm, Provider,
    Revert, SnapshotRef, StopMode, VmRef, VolumeContent, VolumeRef,
};
use serde_json::{Value, json};

use crate::create::{disk, id, request, spec, volume};
use crate::place::{PATIENCE, Place, busy, cx, machine};
use crate::support::now;

const ROLES: &str = include_str!("../../../../deploy/kubernetes/base/server/roles.yaml");
const ROLE_NAMES: [&str; 3] =
    ["hostler-kubevirt-vms", "hostler-kubevirt-cluster", "hostler-kubevirt-seeds"];
/// Allowed, and not asked for below: ending a migration while it is under way does (`migrate`),
/// deleting a VM that left its finished instance behind (`removing`), a restore that comes to no
/// end (`reverting`), and one to a snapshot that left a disk out (`plugged`).
const NOT_IN_THIS_LIFE: [&str; 3] = [
    "delete virtualmachineinstancemigrations.kubevirt.io",
    "delete virtualmachineinstances.kubevirt.io",
    "get virtualmachinesnapshotcontents.snapshot.kubevirt.io",
];

/// Every right of a role, as `verb resource.group`.
fn rights(role: &Value) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        let words = |key: &str| {
            let words = rule[key].as_array().unwrap().iter();
            words.map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        for group in words("apiGroups") {
            for resource in words("resources") {
                let right = |verb: String| format!("{verb} {resource}.{group}");
                rights.extend(words("verbs").into_iter().map(right));
            }
        }
    }
    rights
}

fn role(name: &str) -> BTreeSet<String> {
    let roles: Vec<Value> = serde_saphyr::from_multiple(ROLES).unwrap();
    rights(roles.iter().find(|role| role["metadata"]["name"] == name).unwrap())
}

#[test]
fn e12_x28_the_shipped_roles_are_what_we_say_that_we_need() {
    let namespaces = Namespaces::Only(vec!["vms".to_owned()]);
    let needs = needs(&namespaces);
    let role_of = |need: &Need| match (need.purpose, &need.namespace) {
        (Some(Purpose::CloudInit), _) => "hostler-kubevirt-seeds",
        (_, Some(_)) => "hostler-kubevirt-vms",
        (_, None) => "hostler-kubevirt-cluster",
    };
    for name in ROLE_NAMES {
        let said = needs.iter().filter(|need| role_of(need) == name);
        let said = said.map(|need| format!("{} {}.{}", need.verb, need.resource, need.group));
        assert_eq!(role(name), said.collect(), "{name}");
    }
}

/// Nobody is to grant the secrets of a whole cluster, so nobody is warned that they are missing.
#[test]
fn e12_of_the_whole_cluster_no_secrets_are_asked_for() {
    let asks = |namespaces: &Namespaces| {
        needs(namespaces).iter().any(|need| need.purpose == Some(Purpose::CloudInit))
    };
    assert!(!asks(&Namespaces::All));
    assert!(asks(&Namespaces::Only(vec!["vms".to_owned()])));
}

async fn make(place: &Place, volume: &VolumeRef, content: VolumeContent<'_>) {
    let format = VolumeFormat::Raw;
    let request = EnsureVolume { volume, capacity_bytes: 1 << 20, format, content };
    place.storage().ensure_volume(&cx(), &request).await.unwrap();
}

/// All that a VM goes through, from its volumes to its end.
async fn a_life(place: &Place) {
    let (root, copy) = (volume("default.standard", "root"), volume("default.standard", "copy"));
    let seed = volume("default.standard", "web-seed.iso");
    make(place, &root, VolumeContent::Empty).await;
    make(place, &copy, VolumeContent::CopyOf(&root)).await;
    let cloud_init =
        CloudInit { user_data: Some("#cloud-config\n".into()), ..CloudInit::default() };
    make(place, &seed, VolumeContent::Seed(&cloud_init.seed("i-1", "web"))).await;
    assert_eq!(place.storage().volumes(&cx(), "n1", "default.standard").await.unwrap().len(), 3);

    let mut web = spec("web");
    let (disk, bound) = disk("root", &root);
    let disks = [bound];
    web.disks.push(disk);
    web.cloud_init = Some(cloud_init);
    web.graphics = Some(GraphicsSpec::Vnc);
    let source = NicSource::Network("vlan-7".into());
    web.nics.push(NicSpec { source, model: NicModel::Virtio, mac: None, link_up: true });
    let wanted = EnsureVm { disks: &disks, seed: Some(&seed), ..request(1, &web) };
    place.create().validate(&cx(), &wanted).await.unwrap();
    let vm = place.create().ensure_vm(&cx(), &wanted).await.unwrap().vm;
    assert!(place.create().find_vm(&cx(), id(1)).await.unwrap().is_some());
    place.create().definition(&cx(), &vm).await.unwrap();
    runs(place, &vm).await;

    let data = volume("default.standard", "data");
    make(place, &data, VolumeContent::Empty).await;
    let disks = place.provider.disks().unwrap();
    let (more, mark) = (super::create::disk("more", &data).0, DiskMark::of(id(9).as_uuid()));
    let wanted = AttachDisk { mark: &mark, vm: &vm, disk: &more, volume: &data };
    let added = disks.attach_disk(&cx(), &wanted).await.unwrap().disk;
    disks.detach_disk(&cx(), &vm, &added).await.unwrap();

    let spec = SnapshotSpec::new("before");
    let id = SnapshotId::new(now(), [1; 10]);
    let snapshots = place.provider.snapshots().unwrap();
    let wanted = EnsureSnapshot { id, vm: &vm, spec: &spec };
    let taken = snapshots.ensure_snapshot(&cx(), &wanted).await.unwrap().snapshot;
    assert_eq!(snapshots.list_snapshots(&cx(), &vm).await.unwrap().len(), 1);
    let operation = OperationId::new(now(), [2; 10]);
    snapshots.revert(&cx(), &Revert { operation, vm: &vm, snapshot: &taken }).await.unwrap();
    clones(place, &vm, &taken).await;
    snapshots.remove_snapshot(&cx(), &vm, &taken).await.unwrap();

    place.create().remove_vm(&cx(), &vm).await.unwrap();
    for volume in [&root, &copy, &seed, &data] {
        place.storage().remove_volume(&cx(), volume).await.unwrap();
    }
}

/// One that is whole, and one that is given up before its VM comes; each is taken away again.
async fn clones(place: &Place, source: &VmRef, snapshot: &SnapshotRef) {
    let clones = place.provider.clones().unwrap();
    let whole =
        EnsureClone { vm: id(2), name: "copy", source, snapshot: Some(snapshot), seed: None };
    clones.ensure_clone(&cx(), &whole).await.unwrap();
    assert!(clones.remove_clone(&cx(), id(2)).await.unwrap());
    place.double.set_new_machines_wait(true);
    let given_up = EnsureClone { vm: id(3), snapshot: None, ..whole };
    let short = Cx::within(Duration::from_millis(500));
    assert!(clones.ensure_clone(&short, &given_up).await.unwrap_err().is_unknown());
    assert!(clones.remove_clone(&cx(), id(3)).await.unwrap());
    place.double.set_new_machines_wait(false);
}

/// What is done with one that is turned on: power, consoles, and moving it.
async fn runs(place: &Place, vm: &VmRef) {
    place.power().start(&cx(), vm).await.unwrap();
    place.power().pause(&cx(), vm).await.unwrap();
    place.power().resume(&cx(), vm).await.unwrap();
    place.power().reset(&cx(), vm).await.unwrap();
    reboots(place, vm, "True", "virtualmachineinstances/softreboot").await;
    for kind in [ConsoleKind::Serial, ConsoleKind::Vnc] {
        drop(place.provider.console().unwrap().open(&cx(), vm, kind, true).await.unwrap());
    }
    place.provider.metrics().unwrap().collect(&cx(), Cost::State).await.unwrap();
    let guests = async {
        loop {
            connect(place, vm, "True");
            let batch = place.provider.metrics().unwrap().collect(&cx(), Cost::Guest).await;
            if !batch.unwrap().vms.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, guests).await.unwrap();
    let from = place.seen(vm).await.unwrap().host_ref.unwrap();
    let operation = OperationId::new(now(), [3; 10]);
    let wanted = MigrateVm { operation, vm, from: &from, to: None };
    place.migrate().migrate_vm(&cx(), &wanted).await.unwrap();
    place.migrate().cancel(&cx(), vm, operation).await.unwrap();
    assert_eq!(place.migrate().migrations(&cx(), Some(vm)).await.unwrap().len(), 1);
    // The guest is shut down, and started again.
    let instance = || place.double.get("virtualmachineinstances", "default", &vm.name);
    let uid = || instance().map(|one| one["metadata"]["uid"].clone());
    let before = uid();
    reboots(place, vm, "False", "virtualmachines/restart").await;
    let waiting = async {
        while uid().is_none() || uid() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    place.until(vm, PowerState::Running).await;
    place.power().stop(&cx(), vm, StopMode::Force).await.unwrap();
}

/// Lets the agent of a VM's guest be connected, or not.
fn connect(place: &Place, vm: &VmRef, agent: &str) {
    let connect = |one: &mut Value| {
        let conditions = one["status"]["conditions"].as_array_mut().unwrap();
        conditions.retain(|one| one["type"] != "AgentConnected");
        conditions.push(json!({ "type": "AgentConnected", "status": agent }));
    };
    place.double.edit("virtualmachineinstances", "default", &vm.name, connect).unwrap();
}

/// With its agent connected or not, until what that makes of it was asked for.
async fn reboots(place: &Place, vm: &VmRef, agent: &str, asked: &str) {
    let waiting = async {
        while place.asked(asked) == 0 {
            place.until(vm, PowerState::Running).await;
            connect(place, vm, agent);
            // Until that is seen, it is rebooted as it was before.
            tokio::time::sleep(Duration::from_millis(100)).await;
            place.power().reboot(&cx(), vm).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn b10_b11_nothing_is_asked_for_that_the_shipped_roles_do_not_allow() {
    let place = Place::start(busy()).await;
    place
        .double
        .put(json!({
            "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
            "metadata": { "name": "vlan-7" }, "spec": { "config": "{\"type\":\"bridge\"}" },
        }))
        .unwrap();
    for (kind, prefix) in [("old", "VirtualMachine"), ("new", "VirtualMachineCluster")] {
        let mut sized = machine("default", kind, "Halted");
        for (field, of) in [("instancetype", "Instancetype"), ("preference", "Preference")] {
            sized["spec"][field] = json!({ "kind": format!("{prefix}{of}"), "name": "any" });
        }
        sized["spec"]["template"]["spec"]["domain"] = json!({ "devices": {} });
        place.double.put(sized).unwrap();
        place.until(&place.vm(kind), PowerState::Stopped).await;
        place.followed(&place.vm(kind)).await;
    }
    place.provider.probe(&cx()).await.unwrap();
    place.provider.inventory(&cx()).await.unwrap();
    let report = place.provider.cluster().unwrap().report(&cx()).await.unwrap();
    assert!(report.reasons.is_empty(), "{:?}", report.reasons);
    place.storage().default_pool(&cx(), "n1").await.unwrap();
    a_life(&place).await;

    let allowed: BTreeSet<String> = ROLE_NAMES.iter().flat_map(|name| role(name)).collect();
    // What anybody who has logged in may ask: by the roles that every cluster has, and KubeVirt's.
    let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
    let paths = ["version", "healthz", "virt-api/healthz", "discovery"];
    let anybodys = [paths.as_slice(), &reviews].concat();
    let counts = place.double.counts();
    assert!(counts.total() <= 1_000, "the oldest are forgotten: {}", counts.total());
    let mut asked = BTreeSet::new();
    for seen in counts.recent().filter(|seen| !anybodys.contains(&seen.class.as_str())) {
        let path = &seen.path;
        let group = match path.strip_prefix("/apis/") {
            Some(rest) => rest.split('/').next().unwrap(),
            None => "",
        };
        // To apply is to patch, as rights go.
        let verb = if seen.verb == "apply" { "patch" } else { &seen.verb };
        let right = format!("{verb} {}.{group}", seen.class);
        assert!(allowed.contains(&right), "{right} is asked for, by {path}");
        asked.insert(right);
    }
    // Nor is anything allowed that nobody asks for.
    let idle: Vec<&String> = allowed.difference(&asked).collect();
    assert_eq!(idle, NOT_IN_THIS_LIFE);
}
