//! Making VMs: what is in the cluster then, whose it is, and what a refusal becomes.

use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::VmId;
use hostler_core::vm::cloud_init::CloudInit;
use hostler_core::vm::devices::{DiskDevice, DiskSource, DiskSpec, NicModel, NicSource, NicSpec};
use hostler_core::vm::{PowerState, VmSpec};
use hostler_kube_double::{Fault, Options, Refusal, Refused, What};
use hostler_kubevirt::config::Namespaces;
use hostler_kubevirt::provider::KubeVirt;
use hostler_provider::{
    Create, Cx, DiskBinding, EnsureVm, EnsureVolume, Error, Kind, Provider, Result, Storage,
    VmHandle, VolumeContent, VolumeRef,
};
use serde_json::{Value, json};

use crate::place::{Place, busy, config, cx, machine};

pub(crate) const VMS: &str = "virtualmachines";

pub(crate) fn id(number: u8) -> VmId {
    VmId::new(Timestamp::from_millis(1_795_228_196_000), [number; 10])
}

pub(crate) fn spec(name: &str) -> VmSpec {
    VmSpec::new(name, 64 << 20)
}

pub(crate) fn request(number: u8, spec: &VmSpec) -> EnsureVm<'_> {
    EnsureVm { vm: id(number), spec, host_ref: "n1", disks: &[], seed: None }
}

pub(crate) async fn ensure(place: &Place, number: u8, spec: &VmSpec) -> Result<VmHandle> {
    place.create().ensure_vm(&cx(), &request(number, spec)).await
}

pub(crate) fn stored(place: &Place, name: &str) -> Value {
    place.double.get(VMS, "default", name).unwrap()
}

/// Who owns a field of a VM: managers, with `!` where they applied it.
pub(crate) fn owners(vm: &Value, field: &[&str]) -> Vec<String> {
    let managers = vm["metadata"]["managedFields"].as_array().unwrap();
    let owns = |entry: &&Value| {
        let mut at = &entry["fieldsV1"];
        for part in field {
            at = &at[format!("f:{part}")];
        }
        !at.is_null()
    };
    let named = |entry: &Value| {
        let mark = if entry["operation"] == "Apply" { "!" } else { "" };
        format!("{}{mark}", entry["manager"].as_str().unwrap())
    };
    managers.iter().filter(owns).map(named).collect()
}

const MEMORY: &[&str] = &["spec", "template", "spec", "domain", "memory", "guest"];

pub(crate) fn volume(pool: &str, name: &str) -> VolumeRef {
    VolumeRef { host_ref: "n1".into(), pool: pool.into(), name: name.into() }
}

pub(crate) fn disk(name: &str, volume: &VolumeRef) -> (DiskSpec, DiskBinding) {
    let source = DiskSource::Volume { pool: volume.pool.clone(), volume: volume.name.clone() };
    let spec = DiskSpec {
        name: name.to_owned(),
        device: DiskDevice::Disk,
        bus: None,
        source,
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    };
    (spec, DiskBinding { disk: name.to_owned(), volume: volume.clone(), owned: true })
}

pub(crate) async fn empty(place: &Place, volume: &VolumeRef) {
    let format = hostler_core::vm::devices::VolumeFormat::Raw;
    let content = VolumeContent::Empty;
    let request = EnsureVolume { volume, capacity_bytes: 1 << 20, format, content };
    place.storage().ensure_volume(&cx(), &request).await.unwrap();
}

#[tokio::test]
async fn x25_hostler_owns_what_the_specification_sets_and_nobody_how_it_is_to_be_run() {
    let place = Place::start(busy()).await;
    let made = ensure(&place, 1, &spec("web")).await.unwrap();
    assert!(made.created);
    let vm = stored(&place, "web");
    assert_eq!(vm["metadata"]["uid"], made.vm.external_ref);
    assert_eq!(owners(&vm, MEMORY), ["hostler!"]);
    assert_eq!(owners(&vm, &["metadata", "labels", "hostler.io/vm-id"]), ["hostler!"]);
    assert_eq!(owners(&vm, &["spec", "runStrategy"]), Vec::<String>::new());
    assert_eq!(vm["spec"]["runStrategy"], "Manual");
    // What the cluster filled in is not ours to take away later.
    let uuid = ["spec", "template", "spec", "domain", "firmware", "uuid"];
    assert!(owners(&vm, &uuid).is_empty(), "{vm:#}");
    assert_eq!(place.double.counts().of("create", VMS), 1);
}

#[tokio::test]
async fn x25_a_vm_that_was_turned_on_stays_so_whatever_is_asked_for_again() {
    let place = Place::start(busy()).await;
    let made = ensure(&place, 1, &spec("web")).await.unwrap();
    place.power().start(&cx(), &made.vm).await.unwrap();
    let before = stored(&place, "web");
    let again = ensure(&place, 1, &spec("web")).await.unwrap();
    assert_eq!((again.created, again.vm), (false, made.vm.clone()));
    assert_eq!(place.listed(&made.vm).await, Some(PowerState::Running));
    let after = stored(&place, "web");
    assert_eq!(before["spec"], after["spec"]);
    assert_eq!(before["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"]);
}

/// Whatever is lost on the way, asking again ends with one VM, wholly ours.
#[tokio::test]
async fn f23_a_making_that_was_cut_off_anywhere_is_finished_by_asking_again() {
    let cut = |verb: &str, what: What| Fault::new(what).verb(verb).class(VMS).times(1);
    let rows = [
        (cut("create", What::LoseAnswer), true),
        (cut("create", What::Drop), true),
        (cut("apply", What::LoseAnswer), true),
        (cut("apply", What::Drop), true),
        (cut("patch", What::LoseAnswer), true),
        (cut("patch", What::Drop), true),
        (cut("create", What::Answer(Refused::too_many_requests(1))), false),
        (cut("list", What::Drop), false),
    ];
    for (row, (fault, is_unknown)) in rows.into_iter().enumerate() {
        let place = Place::start(busy()).await;
        // The first list is that of the follower.
        place.provider.inventory(&cx()).await.unwrap();
        place.double.fault(fault);
        let cut_off = ensure(&place, 1, &spec("web")).await.unwrap_err();
        assert_eq!(cut_off.is_unknown(), is_unknown, "row {row}: {cut_off}");
        assert!(cut_off.kind().is_transient(), "row {row}: {cut_off}");
        // The cluster is left alone for a moment after it did not answer.
        let again = loop {
            match ensure(&place, 1, &spec("web")).await {
                Err(error) if error.retry_after().is_some() => {
                    tokio::time::sleep(error.retry_after().unwrap()).await;
                }
                ended => break ended.unwrap(),
            }
        };
        let found = place.create().find_vm(&cx(), id(1)).await.unwrap().unwrap();
        assert_eq!(found.vm, again.vm);
        let vm = stored(&place, "web");
        assert_eq!(place.double.list(VMS).len(), 1);
        assert_eq!(owners(&vm, MEMORY), ["hostler!"], "row {row}");
        assert!(owners(&vm, &["spec", "runStrategy"]).is_empty(), "row {row}");
    }
}

#[tokio::test]
async fn e8_what_a_policy_of_the_cluster_changed_on_the_way_is_kept() {
    let place = Place::start(busy()).await;
    // The answer to the create is lost; then a policy has its way with the object.
    place.double.fault(Fault::new(What::LoseAnswer).verb("create").class(VMS).times(1));
    ensure(&place, 1, &spec("web")).await.unwrap_err();
    place
        .double
        .edit(VMS, "default", "web", |vm| {
            vm["spec"]["template"]["spec"]["domain"]["cpu"]["sockets"] = json!(3);
        })
        .unwrap();
    ensure(&place, 1, &spec("web")).await.unwrap();
    let vm = stored(&place, "web");
    assert_eq!(vm["spec"]["template"]["spec"]["domain"]["cpu"]["sockets"], 3);
    assert!(owners(&vm, &["spec", "runStrategy"]).is_empty());
}

#[tokio::test]
async fn e8_another_vm_of_the_name_is_a_conflict_and_a_copy_of_the_mark_is_no_mark() {
    let place = Place::start(busy()).await;
    place.double.put(machine("default", "web", "Halted")).unwrap();
    let taken = ensure(&place, 1, &spec("web")).await.unwrap_err();
    assert_eq!((taken.kind(), taken.is_unknown()), (Kind::Conflict, false), "{taken}");
    assert!(taken.message().contains("another VM of that name"), "{taken}");
    let made = ensure(&place, 1, &spec("db")).await.unwrap();
    // A clone copies labels and annotations.
    let mut clone = stored(&place, "db");
    clone["metadata"]["name"] = json!("db-clone");
    place.double.put(clone).unwrap();
    let found = place.create().find_vm(&cx(), id(1)).await.unwrap().unwrap();
    assert_eq!(found.vm, made.vm);
    // Only one that says that it was made under that name is the same one twice.
    place
        .double
        .edit(VMS, "default", "db-clone", |vm| {
            vm["metadata"]["annotations"]["hostler.io/made-as"] = json!("default/db-clone");
        })
        .unwrap();
    let both = place.create().find_vm(&cx(), id(1)).await.unwrap_err();
    assert_eq!(both.kind(), Kind::Conflict, "{both}");
}

#[tokio::test]
async fn f1_validate_asks_the_cluster_and_makes_nothing() {
    let place = Place::start(busy()).await;
    let web = spec("web");
    place.create().validate(&cx(), &request(1, &web)).await.unwrap();
    assert!(place.double.list(VMS).is_empty());
    let asked = place.double.counts();
    let asked = asked.recent().find(|seen| seen.verb == "create" && seen.class == VMS);
    let path = asked.map(|seen| seen.path.clone()).unwrap();
    assert!(path.contains("dryRun=All") && path.contains("fieldValidation=Strict"), "{path}");
    // What is there already is told.
    place.double.put(machine("default", "web", "Halted")).unwrap();
    let taken = place.create().validate(&cx(), &request(1, &web)).await.unwrap_err();
    assert_eq!(taken.kind(), Kind::Conflict);
    ensure(&place, 1, &spec("db")).await.unwrap();
    place.create().validate(&cx(), &request(1, &spec("db"))).await.unwrap();
    let mut lacking = spec("one");
    lacking.autostart = true;
    let refused = place.create().validate(&cx(), &request(1, &lacking)).await.unwrap_err();
    assert!(refused.kind() == Kind::Unsupported && refused.message().contains("/autostart"));
}

/// What the cluster answers to the create, and what it becomes.
#[tokio::test]
async fn e4_every_refusal_becomes_the_right_error() {
    let denied =
        "admission webhook \"virtualmachine-validator.kubevirt.io\" denied the request: no";
    let quota = "virtualmachines.kubevirt.io \"web\" is forbidden: exceeded quota: vms";
    let field = json!({ "causes": [{
        "reason": "FieldValueInvalid", "message": "no", "field": "spec.template.spec.domain.cpu",
    }] });
    let modified = "the object has been modified";
    let unseen = "failed calling webhook \"virtualmachines-mutator.kubevirt.io\"";
    let rows = [
        (Refused::new(500, "InternalError", denied, json!({})), Kind::Invalid, "check", false),
        (Refused::new(403, "Forbidden", quota, json!({})), Kind::Exhausted, "quota", false),
        (Refused::new(403, "Forbidden", "no", json!({})), Kind::Denied, "role", false),
        (Refused::new(422, "Invalid", "no", field), Kind::Invalid, "domain.cpu", false),
        (Refused::new(409, "Conflict", modified, json!({})), Kind::Conflict, "changed", false),
        (
            Refused::new(500, "InternalError", unseen, json!({})),
            Kind::Unavailable,
            "virt-api",
            false,
        ),
        (Refused::new(500, "InternalError", "boom", json!({})), Kind::Unavailable, "failed", true),
    ];
    for (refused, kind, words, is_unknown) in rows {
        let place = Place::start(busy()).await;
        place.double.fault(Fault::new(What::Answer(refused)).verb("create").class(VMS).times(1));
        let error = ensure(&place, 1, &spec("web")).await.unwrap_err();
        assert_eq!((error.kind(), error.is_unknown()), (kind, is_unknown), "{error}");
        assert!(error.message().starts_with("cannot make \"web\": "), "{error}");
        assert!(error.message().contains(words), "{error}");
    }
    let place = Place::start(busy()).await;
    place.double.set_virt_api_down(true);
    let error = ensure(&place, 1, &spec("web")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Unavailable, false), "{error}");
    place.double.set_virt_api_down(false);
    place.double.refuse(Refusal::of("create", "kubevirt.io", VMS));
    let error = ensure(&place, 1, &spec("web")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Denied, false), "{error}");
}

async fn with_volumes(place: &Place, volumes: &[VolumeRef]) -> Result<VmHandle, Error> {
    let mut web = spec("web");
    let mut disks = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        let (disk, bound) = disk(&format!("disk-{index}"), volume);
        web.disks.push(disk);
        disks.push(bound);
    }
    let request = EnsureVm { disks: &disks, ..request(1, &web) };
    place.create().ensure_vm(&cx(), &request).await
}

#[tokio::test]
async fn e8_a_vm_goes_where_its_volumes_are() {
    let place = Place::start(busy()).await;
    let namespace = |name: &str| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    place.double.put(namespace("vms")).unwrap();
    let (here, there) = (volume("default.standard", "a"), volume("vms.standard", "b"));
    let missing = with_volumes(&place, std::slice::from_ref(&there)).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::Invalid, "{missing}");
    assert!(missing.message().contains("disk \"disk-0\" is not there"), "{missing}");
    empty(&place, &here).await;
    empty(&place, &there).await;
    let split = with_volumes(&place, &[here, there.clone()]).await.unwrap_err();
    assert_eq!(split.kind(), Kind::Invalid);
    assert!(split.message().contains("default and vms"), "{split}");
    with_volumes(&place, &[there]).await.unwrap();
    let vm = place.double.get(VMS, "vms", "web").unwrap();
    let volumes = &vm["spec"]["template"]["spec"]["volumes"];
    assert_eq!(volumes[0]["persistentVolumeClaim"]["claimName"], "b");
    assert_eq!(vm["metadata"]["annotations"]["hostler.io/made-as"], "vms/web");
}

#[tokio::test]
async fn e8_a_vm_without_volumes_goes_to_the_first_namespace_of_the_provider() {
    let place = Place::start(busy()).await;
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "vms" } });
    place.double.put(object).unwrap();
    let mut config = config(&place.double);
    config.namespaces = Namespaces::Only(vec!["vms".into(), "default".into()]);
    let provider = KubeVirt::new(config.clone());
    let web = spec("web");
    provider.ensure_vm(&cx(), &request(1, &web)).await.unwrap();
    assert!(place.double.get(VMS, "vms", "web").is_some());
    assert_eq!(provider.default_pool(&cx(), "n1").await.unwrap(), "vms.standard");
    let pools = provider.inventory(&cx()).await.unwrap().pools;
    let pools: Vec<_> = pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(pools, ["vms.standard", "default.standard"]);
    // Another namespace is none of this provider's business.
    config.namespaces = Namespaces::Only(vec!["vms".into()]);
    let provider = KubeVirt::new(config);
    let (disk, bound) = disk("data", &volume("default.standard", "a"));
    let mut db = spec("db");
    db.disks.push(disk);
    let disks = [bound];
    let request = EnsureVm { disks: &disks, ..request(2, &db) };
    let refused = provider.ensure_vm(&cx(), &request).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid, "{refused}");
}

#[tokio::test]
async fn e8_networks_have_to_be_there() {
    let place = Place::start(busy()).await;
    let mut web = spec("web");
    let source = NicSource::Network("vlan-7".into());
    web.nics.push(NicSpec { source, model: NicModel::Virtio, mac: None, link_up: true });
    let refused = ensure(&place, 1, &web).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid, "{refused}");
    place
        .double
        .put(json!({
            "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
            "metadata": { "name": "vlan-7" },
            "spec": { "config": "{\"type\":\"bridge\",\"name\":\"vlan-7\"}" },
        }))
        .unwrap();
    ensure(&place, 1, &web).await.unwrap();
    let networks = place.provider.inventory(&cx()).await.unwrap().networks;
    let networks: Vec<_> =
        networks.iter().map(|one| (one.name.as_str(), one.forward.as_str())).collect();
    assert_eq!(networks, [("pod", "nat"), ("vlan-7", "bridge")]);
}

#[tokio::test]
async fn e8_cloud_inits_documents_come_from_a_secret() {
    let place = Place::start(busy()).await;
    let mut web = spec("web");
    let init = CloudInit { network_config: Some("version: 2".into()), ..CloudInit::default() };
    web.cloud_init = Some(init.clone());
    let seed = volume("default.standard", "web-seed-1.iso");
    let documents = init.seed("i-1", "web");
    let with_seed = EnsureVm { seed: Some(&seed), ..request(1, &web) };
    place.create().validate(&cx(), &with_seed).await.unwrap();
    let missing = place.create().ensure_vm(&cx(), &with_seed).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::Invalid, "{missing}");
    let content = VolumeContent::Seed(&documents);
    let format = hostler_core::vm::devices::VolumeFormat::Raw;
    let make = EnsureVolume { volume: &seed, capacity_bytes: 0, format, content };
    place.storage().ensure_volume(&cx(), &make).await.unwrap();
    place.create().ensure_vm(&cx(), &with_seed).await.unwrap();
    let vm = stored(&place, "web");
    let volumes = &vm["spec"]["template"]["spec"]["volumes"];
    let secret = json!({ "name": "web-seed-1.iso" });
    let expected = json!({ "secretRef": secret, "networkDataSecretRef": secret });
    assert_eq!(volumes[0]["cloudInitNoCloud"], expected);
    let unmade = place.create().ensure_vm(&cx(), &request(2, &web)).await.unwrap_err();
    assert_eq!(unmade.kind(), Kind::Invalid, "{unmade}");
}

#[tokio::test]
async fn e8_a_vm_runs_on_the_node_that_was_chosen_where_the_scheduler_agrees() {
    let place = Place::start(busy()).await;
    let web = spec("web");
    let on_three = EnsureVm { host_ref: "n3", ..request(1, &web) };
    let made = place.create().ensure_vm(&cx(), &on_three).await.unwrap();
    place.power().start(&cx(), &made.vm).await.unwrap();
    assert_eq!(place.seen(&made.vm).await.unwrap().host_ref.as_deref(), Some("n3"));
    let vm = stored(&place, "web");
    assert!(vm["spec"]["template"]["spec"].get("nodeSelector").is_none(), "it may leave");
}

#[tokio::test]
async fn f1_the_definition_is_the_object_as_people_know_it() {
    let place = Place::start(busy()).await;
    let mut web = spec("web");
    web.description = "it's: \"here\"".into();
    let made = ensure(&place, 1, &web).await.unwrap();
    let text = place.create().definition(&cx(), &made.vm).await.unwrap();
    for line in [
        "apiVersion: kubevirt.io/v1\n",
        "kind: VirtualMachine\n",
        "    kubernetes.io/description: \"it's: \\\"here\\\"\"\n",
        "  name: web\n",
        "  runStrategy: Manual\n",
        "          guest: \"64Mi\"\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("managedFields"));
}

/// The controller does nothing, and so the VM is never told as handled.
#[tokio::test]
async fn e8_a_vm_is_made_even_if_its_controller_does_not_work() {
    let place = Place::start(Options::default()).await;
    let web = spec("web");
    let cx = Cx::within(Duration::from_secs(2));
    let made = place.create().ensure_vm(&cx, &request(1, &web)).await.unwrap();
    assert_eq!(place.listed(&made.vm).await, Some(PowerState::Stopped));
}
