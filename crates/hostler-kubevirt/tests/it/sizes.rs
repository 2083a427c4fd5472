//! Instance types and preferences: what is offered, VMs that are made of them, and the size of
//! those that are off, which is read with the inventory.

use std::sync::Arc;

use hostler_core::vm::{ObservedVm, PowerState, TypeRef, VmSpec};
use hostler_kube_double::{Double, Refusal};
use hostler_kubevirt::config::Namespaces;
use hostler_kubevirt::provider::KubeVirt;
use hostler_provider::{InstanceTypes, Kind, Offered, Provider};
use serde_json::{Value, json};

use crate::create::{ensure, request, spec, stored};
use crate::place::{Place, busy, config, cx, machine};

const TYPES: &str = "virtualmachineclusterinstancetypes";

pub(crate) fn kind(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "instancetype.kubevirt.io/v1beta1", "kind": kind,
        "metadata": { "name": name }, "spec": spec,
    })
}

/// A VM of a cluster's instance type and of a preference of its namespace.
async fn sized(place: &Place, name: &str, instance_type: &str) {
    let mut web = machine("default", name, "Halted");
    web["spec"]["instancetype"] = json!({ "name": instance_type });
    web["spec"]["preference"] = json!({ "kind": "VirtualMachinePreference", "name": "modern" });
    web["spec"]["template"]["spec"]["domain"] = json!({ "devices": {} });
    place.double.put(web).unwrap();
    place.until(&place.vm(name), PowerState::Stopped).await;
    place.followed(&place.vm(name)).await;
}

async fn place() -> Place {
    let place = Place::start(busy()).await;
    let size = json!({ "cpu": { "guest": 4 }, "memory": { "guest": "2Gi" } });
    place.double.put(kind("VirtualMachineClusterInstancetype", "u1.medium", size)).unwrap();
    let modern = json!({ "firmware": { "preferredEfi": {} } });
    place.double.put(kind("VirtualMachinePreference", "modern", modern)).unwrap();
    place
}

async fn listed(place: &Place) -> Vec<ObservedVm> {
    place.provider.inventory(&cx()).await.unwrap().vms
}

#[tokio::test]
async fn e5_a_vm_that_is_off_has_the_size_of_its_instance_type() {
    let place = place().await;
    place.made("plain", "Halted", PowerState::Stopped).await;
    listed(&place).await;
    assert_eq!(place.double.counts().of("list", TYPES), 0, "nobody names one");
    sized(&place, "web", "u1.medium").await;
    for _ in 0..3 {
        let all = listed(&place).await;
        let web = all.iter().find(|vm| vm.name == "web").unwrap();
        assert_eq!(web.cpu_count.value(), Some(&4), "{:?}", web.cpu_count);
        assert_eq!(web.memory_bytes.value(), Some(&(2 << 30)), "{:?}", web.memory_bytes);
        assert_eq!(web.firmware.value().map(String::as_str), Some("uefi"));
    }
    assert_eq!(place.double.counts().of("list", TYPES), 1, "it is kept for a while");
    assert_eq!(place.double.counts().of("list", "virtualmachineinstancetypes"), 0);
}

#[tokio::test]
async fn e5_what_is_not_there_or_may_not_be_read_says_so() {
    let place = place().await;
    sized(&place, "web", "huge").await;
    let all = listed(&place).await;
    let why = all[0].cpu_count.reason().unwrap();
    assert_eq!(why, "its instance type \"huge\" was not read: there is none of that name");
    place.double.refuse(Refusal::of("list", "instancetype.kubevirt.io", TYPES));
    sized(&place, "other", "u1.medium").await;
    let all = listed(&place).await;
    let other = all.iter().find(|vm| vm.name == "other").unwrap();
    let why = other.cpu_count.reason().unwrap();
    assert!(
        why.ends_with(
            "grant `list` of virtualmachineclusterinstancetypes.instancetype.kubevirt.io"
        ),
        "{why}"
    );
    assert_eq!(other.firmware.value().map(String::as_str), Some("uefi"), "nothing else is lost");
}

#[tokio::test]
async fn e5_why_it_is_not_known_is_said_of_its_own_namespace() {
    let double = Double::start(busy()).await.unwrap();
    for name in ["a", "b"] {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name },
        });
        double.put(namespace).unwrap();
        let mut sized = machine(name, "web", "Halted");
        let kind = "VirtualMachineInstancetype";
        sized["spec"]["instancetype"] = json!({ "kind": kind, "name": "small" });
        sized["spec"]["template"]["spec"]["domain"] = json!({ "devices": {} });
        double.put(sized).unwrap();
    }
    let refusal =
        Refusal::of("list", "instancetype.kubevirt.io", "virtualmachineinstancetypes").within("b");
    double.refuse(refusal);
    let mut config = config(&double);
    config.namespaces = Namespaces::Only(vec!["a".to_owned(), "b".to_owned()]);
    let place = Place { double, provider: Arc::new(KubeVirt::new(config)) };
    let why = |all: &[ObservedVm], namespace: &str| {
        let vm = place.vm_in(namespace, "web");
        let found = all.iter().find(|seen| seen.external_ref == vm.external_ref).unwrap();
        found.cpu_count.reason().unwrap().to_owned()
    };
    let all = listed(&place).await;
    assert!(why(&all, "a").ends_with("there is none of that name"), "{}", why(&all, "a"));
    assert!(why(&all, "b").contains("our account may not"), "{}", why(&all, "b"));
}

fn names<T>(told: &Offered<T>, id: impl Fn(&T) -> &TypeRef) -> Vec<String> {
    told.items.iter().map(|one| id(one).to_string()).collect()
}

fn types(place: &Place) -> &dyn InstanceTypes {
    Provider::instance_types(&*place.provider).unwrap()
}

#[tokio::test]
async fn f1_the_four_lists_are_told_with_all_that_they_say() {
    let place = place().await;
    let mut own = kind(
        "VirtualMachineInstancetype",
        "own",
        json!({
            "cpu": { "guest": 2, "dedicatedCPUPlacement": true },
            "memory": { "guest": "1Gi", "maxGuest": "4Gi", "overcommitPercent": 10 },
            "gpus": [{ "name": "g", "deviceName": "nvidia.com/A100" }],
        }),
    );
    own["metadata"]["labels"] = json!({
        "instancetype.kubevirt.io/class": "general.purpose",
        "instancetype.kubevirt.io/vendor": "example.org",
    });
    own["metadata"]["annotations"] = json!({ "instancetype.kubevirt.io/displayName": "Our own" });
    let windows = kind(
        "VirtualMachineClusterPreference",
        "windows.11",
        json!({
            "devices": { "preferredDiskBus": "sata", "preferredInterfaceModel": "e1000e" },
            "requirements": { "cpu": { "guest": 2 }, "memory": { "guest": "4Gi" },
                "architecture": "amd64" },
        }),
    );
    let empty = kind("VirtualMachineClusterInstancetype", "empty", json!({}));
    for object in [own, windows, empty] {
        place.double.put(object).unwrap();
    }
    let told = types(&place).instance_types(&cx()).await.unwrap();
    assert_eq!(names(&told, |one| &one.id), ["empty", "u1.medium", "default/own"]);
    assert_eq!(told.unread, Vec::<String>::new());
    assert!(told.items[0].cpu_count.reason().is_some(), "what is not told is not guessed");
    let own = &told.items[2];
    assert_eq!((own.cpu_count.value(), own.memory_bytes.value()), (Some(&2), Some(&(1 << 30))));
    assert_eq!((own.memory_max_bytes, own.overcommit_percent), (Some(4 << 30), Some(10)));
    assert!(own.has_dedicated_cpus);
    assert_eq!(own.gpus, ["nvidia.com/A100"]);
    assert_eq!(own.text.display_name.as_deref(), Some("Our own"));
    assert_eq!(own.text.class.as_deref(), Some("general.purpose"));
    assert_eq!(own.text.vendor.as_deref(), Some("example.org"));
    let told = types(&place).preferences(&cx()).await.unwrap();
    assert_eq!(names(&told, |one| &one.id), ["windows.11", "default/modern"]);
    let windows = &told.items[0];
    assert_eq!(windows.disk_bus.as_deref(), Some("sata"));
    assert_eq!(windows.nic_model.as_deref(), Some("e1000e"));
    assert_eq!(
        (windows.requires.cpu_count, windows.requires.memory_bytes),
        (Some(2), Some(4 << 30))
    );
    assert_eq!(windows.requires.arch.as_deref(), Some("x86_64"));
    assert_eq!(told.items[1].firmware.as_deref(), Some("uefi"));
}

#[tokio::test]
async fn f1_what_cannot_be_listed_says_why_and_hides_nothing_else() {
    let place = place().await;
    place.double.refuse(Refusal::of("list", "instancetype.kubevirt.io", TYPES));
    let told = types(&place).instance_types(&cx()).await.unwrap();
    assert!(told.items.is_empty());
    let why = "our account may not list virtualmachineclusterinstancetypes.\
               instancetype.kubevirt.io; grant `list` of it";
    assert_eq!(told.unread, [why]);
    // A VM of a type that nobody may look at is not made on trust.
    let refused = ensure(&place, 1, &of_type("web", 4, 2 << 30)).await.unwrap_err();
    assert!(refused.message().contains("grant `list`"), "{refused}");
    place.double.serve_group("instancetype.kubevirt.io", &[]);
    let told = types(&place).preferences(&cx()).await.unwrap();
    assert!(told.items.is_empty() && !told.unread.is_empty());
    assert!(told.unread.iter().all(|why| why.contains("the cluster serves no")), "{told:?}");
}

fn of_type(name: &str, cpus: u32, memory_bytes: u64) -> VmSpec {
    let mut spec = spec(name);
    spec.instance_type = Some(TypeRef::wide("u1.medium"));
    (spec.cpu.count, spec.memory.bytes) = (cpus, memory_bytes);
    spec
}

#[tokio::test]
async fn e8_a_vm_is_made_of_a_type_bound_by_the_cluster_and_runs_with_its_size() {
    let place = place().await;
    let mut spec = of_type("web", 4, 2 << 30);
    spec.preference = Some(TypeRef::of("default", "modern"));
    place.create().validate(&cx(), &request(1, &spec)).await.unwrap();
    let made = ensure(&place, 1, &spec).await.unwrap();
    let web = stored(&place, "web");
    assert_eq!(web["spec"]["instancetype"]["name"], "u1.medium");
    let revision = &web["status"]["instancetypeRef"]["controllerRevisionRef"]["name"];
    assert!(revision.as_str().unwrap().starts_with("web-u1.medium-"), "{web:#}");
    let all = listed(&place).await;
    let seen = all.iter().find(|vm| vm.name == "web").unwrap();
    assert_eq!((seen.cpu_count.value(), seen.memory_bytes.value()), (Some(&4), Some(&(2 << 30))));
    assert!(seen.cpu_count.reason().unwrap().contains("bound to the revision"), "{seen:?}");
    assert_eq!(seen.instance_type, spec.instance_type);
    assert_eq!(seen.preference, spec.preference);
    place.provider.power().unwrap().start(&cx(), &made.vm).await.unwrap();
    let all = listed(&place).await;
    let seen = all.iter().find(|vm| vm.name == "web").unwrap();
    assert_eq!((seen.cpu_count.value(), seen.cpu_count.reason()), (Some(&4), None));
    assert_eq!(seen.firmware.value().map(String::as_str), Some("uefi"), "the preference's");
}

#[tokio::test]
async fn e8_what_does_not_go_with_a_type_is_refused_and_nothing_is_made() {
    let place = place().await;
    let needs = json!({ "requirements": { "cpu": { "guest": 8 } } });
    place.double.put(kind("VirtualMachineClusterPreference", "big", needs)).unwrap();
    let mut unknown = of_type("web", 4, 2 << 30);
    unknown.instance_type = Some(TypeRef::wide("u1.smal"));
    let mut no_preference = spec("web");
    no_preference.preference = Some(TypeRef::wide("plan9"));
    let mut needy = of_type("web", 4, 2 << 30);
    needy.preference = Some(TypeRef::wide("big"));
    let mut astray = of_type("web", 4, 2 << 30);
    astray.preference = Some(TypeRef::of("elsewhere", "modern"));
    let changed = of_type("web", 2, 2 << 30);
    for (spec, kinds, said) in [
        (unknown, [Kind::Invalid], "the cluster has no instance type \"u1.smal\""),
        (no_preference, [Kind::Invalid], "the cluster has no preference \"plan9\""),
        (changed, [Kind::Conflict], "has 4 processors"),
        (needy, [Kind::Invalid], "preference requires 8 vCPU"),
        (astray, [Kind::Invalid], "elsewhere"),
    ] {
        let create = place.create();
        let validated = create.validate(&cx(), &request(1, &spec)).await.unwrap_err();
        let made = ensure(&place, 1, &spec).await.unwrap_err();
        for error in [validated, made] {
            assert!(kinds.contains(&error.kind()), "{error:?}");
            assert!(error.message().contains(said), "{error}");
            assert!(!error.is_unknown());
        }
    }
    assert!(place.double.get("virtualmachines", "default", "web").is_none());
}
