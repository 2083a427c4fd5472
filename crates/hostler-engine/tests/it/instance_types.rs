//! Instance types in the engine: what is offered, and the size that a VM takes from it (E8, F1).

use hostler_core::operation::OperationState;
use hostler_core::vm::TypeRef;
use hostler_core::{Code, Error};
use hostler_engine::VmCreateRequest;
use hostler_provider::Kind;
use hostler_sim::{Size, Verb, When, World};

use crate::world::{Lab, admin, vm_of};

const GIB: u64 = 1 << 30;

/// A request that leaves its size to the type.
fn of_type(lab: &Lab, name: &str, of: TypeRef) -> VmCreateRequest {
    let mut request = lab.request(name);
    request.spec.instance_type = Some(of);
    (request.spec.cpu.count, request.spec.memory.bytes) = (0, 0);
    request
}

fn size(namespace: Option<&str>, name: &str, cpu_count: u32, memory_bytes: u64) -> Size {
    let namespace = namespace.map(str::to_owned);
    Size { namespace, name: name.into(), cpu_count, memory_bytes, class: "test".into() }
}

async fn refused(lab: &Lab, request: VmCreateRequest) -> Error {
    let planned = lab.engine.vms().plan(&admin(), &request).await.unwrap_err();
    let created = lab.engine.vms().create(&admin(), None, request).await.unwrap_err();
    assert_eq!(planned.code(), created.code(), "a plan says what a creation says");
    created
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_vm_of_a_type_is_placed_stored_and_made_with_the_types_size() {
    let lab = Lab::new().await;
    let mut request = of_type(&lab, "web", TypeRef::wide("u1.large"));
    request.spec.preference = Some(TypeRef::wide("linux"));
    let plan = lab.engine.vms().plan(&admin(), &request).await.unwrap();
    let first = &plan.changes[0];
    assert!(first.contains("2 CPUs, 8192 MiB"), "{first}");
    assert!(first.contains("of instance type \"u1.large\", by preference \"linux\""), "{first}");
    let accepted = lab.engine.vms().create(&admin(), None, request).await.unwrap();
    let ended = lab.end(&accepted).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    let vm = lab.engine.vms().get(vm_of(&ended)).unwrap();
    let spec = &vm.row.as_ref().unwrap().spec;
    assert_eq!((spec.cpu.count, spec.memory.bytes), (2, 8 * GIB), "the stored document says both");
    assert_eq!(spec.instance_type, Some(TypeRef::wide("u1.large")));
    let seen = vm.observed.as_ref().unwrap();
    assert_eq!(seen.instance_type, spec.instance_type);
    assert_eq!(seen.preference, Some(TypeRef::wide("linux")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_what_does_not_go_with_a_type_is_refused_before_anything_is_made() {
    let lab = Lab::new().await;
    let error = refused(&lab, of_type(&lab, "web", TypeRef::wide("u1.smal"))).await;
    assert_eq!(error.code(), Code::InstanceTypeNotFound);
    assert!(error.message().ends_with("did you mean \"u1.small\"?"), "{error}");
    let mut request = of_type(&lab, "web", TypeRef::wide("u1.small"));
    request.spec.cpu.count = 4;
    let error = refused(&lab, request).await;
    assert_eq!(error.fault_list()[0].pointer, "/cpu/count");
    assert_eq!(error.fault_list()[0].code, "contradicts_instance_type");
    let mut request = of_type(&lab, "web", TypeRef::wide("u1.small"));
    request.spec.preference = Some(TypeRef::wide("windows.11"));
    let error = refused(&lab, request.clone()).await;
    assert!(error.fault_list().iter().all(|fault| fault.code == "below_preference"), "{error:?}");
    request.spec.preference = Some(TypeRef::wide("plan9"));
    assert_eq!(refused(&lab, request).await.code(), Code::PreferenceNotFound);
    // The memory that it is placed by is the type's.
    lab.world.offer(size(None, "huge", 2, 1 << 45));
    let error = refused(&lab, of_type(&lab, "web", TypeRef::wide("huge"))).await;
    assert_eq!(error.code(), Code::NoHostFits);
    lab.assert_clean(&[], &[], "after refusals");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_type_takes_the_vm_to_its_provider_and_two_that_have_it_want_one_named() {
    let lab = Lab::new().await;
    let other = World::small(2);
    let second = lab.attach("other", &other).await;
    other.offer(size(Some("shop"), "own", 1, GIB));
    let mut request = of_type(&lab, "web", TypeRef::of("shop", "own"));
    (request.spec.disks, request.spec.cloud_init) = (vec![], None);
    let plan = lab.engine.vms().plan(&admin(), &request).await.unwrap();
    assert_eq!(plan.placement.provider, second);
    let error = refused(&lab, of_type(&lab, "web", TypeRef::wide("u1.small"))).await;
    assert_eq!(error.fault_list()[0].code, "ambiguous");
    let mut request = of_type(&lab, "web", TypeRef::wide("u1.small"));
    request.wish.host = Some(lab.host("h1"));
    lab.engine.vms().plan(&admin(), &request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_what_is_offered_is_told_with_what_could_not_be_read() {
    let lab = Lab::new().await;
    let told = lab.engine.instance_types().list().await;
    let names: Vec<_> = told.items.iter().map(|one| one.observed.id.to_string()).collect();
    assert_eq!(names, ["m1.large", "u1.large", "u1.medium", "u1.small"]);
    assert!(told.unread.is_empty() && told.items.iter().all(|one| one.simulated));
    lab.world.leave_types_unread(&["grant `list` of x"]);
    let told = lab.engine.instance_types().preferences().await;
    assert_eq!(told.items.len(), 2);
    let unread: Vec<_> =
        told.unread.iter().map(|one| (one.name.as_str(), one.reason.as_str())).collect();
    assert_eq!(unread, [("sim", "grant `list` of x")]);
    let error = refused(&lab, of_type(&lab, "web", TypeRef::wide("zzz"))).await;
    assert!(error.message().contains("not all could be read (sim: grant"), "{error}");
    // One that does not answer is told, and nothing is made by a guess.
    lab.world.faults().fail_verb(Verb::InstanceTypes, 1, When::Before, Kind::Unavailable);
    let told = lab.engine.instance_types().list().await;
    assert!(told.items.is_empty());
    assert_eq!(told.unread.len(), 1, "{:?}", told.unread);
}
