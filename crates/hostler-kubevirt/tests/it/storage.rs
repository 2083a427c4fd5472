//! Claims, copies and seeds, and what is refused about them.

use hostler_core::vm::cloud_init::CloudInit;
use hostler_core::vm::devices::VolumeFormat;
use hostler_kube_double::{Fault, Refusal, Refused, What};
use hostler_provider::{
    Cx, EnsureVm, EnsureVolume, Kind, Result, VolumeContent, VolumeInfo, VolumeReader, VolumeRef,
};
use serde_json::{Value, json};

use crate::create::{disk, empty, request, spec, volume};
use crate::place::{Place, busy, cx};

const CLAIMS: &str = "persistentvolumeclaims";
const MIB: u64 = 1 << 20;

struct Nothing;

#[async_trait::async_trait]
impl VolumeReader for Nothing {
    fn len(&self) -> u64 {
        MIB
    }

    async fn read_at(&self, _: u64, _: usize) -> std::io::Result<bytes::Bytes> {
        Err(std::io::Error::other("nobody may read this"))
    }
}

async fn ensure(
    place: &Place,
    volume: &VolumeRef,
    content: VolumeContent<'_>,
) -> Result<VolumeInfo> {
    let format = VolumeFormat::Raw;
    let request = EnsureVolume { volume, capacity_bytes: 2 * MIB, format, content };
    place.storage().ensure_volume(&cx(), &request).await
}

fn claim(place: &Place, name: &str) -> Option<Value> {
    place.double.get(CLAIMS, "default", name)
}

#[tokio::test]
async fn a_volume_is_a_claim_of_its_pools_class_in_the_modes_that_the_class_is_known_for() {
    let place = Place::start(busy()).await;
    let one = volume("default.standard", "one");
    ensure(&place, &one, VolumeContent::Empty).await.unwrap();
    let made = claim(&place, "one").unwrap();
    assert_eq!(made["spec"]["storageClassName"], "standard");
    assert_eq!(made["spec"]["accessModes"], json!(["ReadWriteOnce"]));
    assert_eq!(made["spec"]["resources"]["requests"]["storage"], "2Mi");
    assert_eq!(made["spec"].get("volumeMode"), None);
    place
        .double
        .put(json!({
            "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "StorageProfile",
            "metadata": { "name": "standard" },
            "status": { "claimPropertySets": [
                { "accessModes": ["ReadWriteMany"], "volumeMode": "Block" },
                { "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem" },
            ] },
        }))
        .unwrap();
    ensure(&place, &volume("default.standard", "two"), VolumeContent::Empty).await.unwrap();
    let made = claim(&place, "two").unwrap();
    assert_eq!(made["spec"]["accessModes"], json!(["ReadWriteMany"]));
    assert_eq!(made["spec"]["volumeMode"], "Block");
    // Where CDI is not there, nothing is known of classes.
    place.double.serve_group("cdi.kubevirt.io", &[]);
    ensure(&place, &volume("default.standard", "three"), VolumeContent::Empty).await.unwrap();
    assert_eq!(claim(&place, "three").unwrap()["spec"]["accessModes"], json!(["ReadWriteOnce"]));
    let listed = place.storage().volumes(&cx(), "n1", "default.standard").await.unwrap();
    let paths: Vec<_> = listed.iter().filter_map(|one| one.path.as_deref()).collect();
    assert_eq!(paths, ["pvc://default/one", "pvc://default/three", "pvc://default/two"]);
}

#[tokio::test]
async fn a_copy_is_made_by_cdi_and_outlives_its_original() {
    let place = Place::start(busy()).await;
    let (one, two) = (volume("default.standard", "one"), volume("default.standard", "two"));
    empty(&place, &one).await;
    let made = ensure(&place, &two, VolumeContent::CopyOf(&one)).await.unwrap();
    assert_eq!((made.created, made.capacity_bytes), (true, 2 * MIB));
    let filler = place.double.get("datavolumes", "default", "two").unwrap();
    assert_eq!(filler["spec"]["source"]["pvc"], json!({ "namespace": "default", "name": "one" }));
    let again = ensure(&place, &two, VolumeContent::CopyOf(&one)).await.unwrap();
    assert!(!again.created);
    place.storage().remove_volume(&cx(), &one).await.unwrap();
    assert!(claim(&place, "two").is_some() && claim(&place, "one").is_none());
    place.storage().remove_volume(&cx(), &two).await.unwrap();
    assert!(claim(&place, "two").is_none());
    assert!(place.double.get("datavolumes", "default", "two").is_none(), "it would fill it anew");
}

#[tokio::test]
async fn a_copy_that_was_cut_off_is_waited_for() {
    let place = Place::start(busy()).await;
    let (one, two) = (volume("default.standard", "one"), volume("default.standard", "two"));
    empty(&place, &one).await;
    let lost = Fault::new(What::LoseAnswer).verb("create").class("datavolumes").times(1);
    place.double.fault(lost);
    let error = ensure(&place, &two, VolumeContent::CopyOf(&one)).await.unwrap_err();
    assert!(error.is_unknown(), "{error}");
    let again = ensure(&place, &two, VolumeContent::CopyOf(&one)).await.unwrap();
    assert_eq!((again.created, again.capacity_bytes), (false, 2 * MIB));
    assert_eq!(place.double.list("datavolumes").len(), 1);
    // One that failed is not taken for whole.
    let fails = |one: &mut Value| one["status"]["phase"] = json!("Failed");
    place.double.edit("datavolumes", "default", "two", fails).unwrap();
    let failed = ensure(&place, &two, VolumeContent::CopyOf(&one)).await.unwrap_err();
    assert_eq!(failed.kind(), Kind::Conflict, "{failed}");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_remedy() {
    let place = Place::start(busy()).await;
    let one = volume("default.standard", "one");
    empty(&place, &one).await;
    let two = volume("default.standard", "two");
    let upload = ensure(&place, &two, VolumeContent::Upload(&Nothing)).await.unwrap_err();
    assert_eq!((upload.kind(), upload.is_unknown()), (Kind::Unsupported, false));
    assert!(upload.message().contains("let CDI import it"), "{upload}");
    let format = VolumeFormat::Qcow2;
    let content = VolumeContent::Empty;
    let request = EnsureVolume { volume: &two, capacity_bytes: MIB, format, content };
    let qcow2 = place.storage().ensure_volume(&cx(), &request).await.unwrap_err();
    assert!(qcow2.kind() == Kind::Unsupported && qcow2.message().contains("raw"), "{qcow2}");
    place.double.serve_group("cdi.kubevirt.io", &[]);
    let copy = ensure(&place, &two, VolumeContent::CopyOf(&one)).await.unwrap_err();
    assert!(copy.kind() == Kind::Unsupported && copy.message().contains("install it"), "{copy}");
    let bad = ensure(&place, &volume("default.standard", "A_b"), VolumeContent::Empty).await;
    assert_eq!(bad.unwrap_err().kind(), Kind::Invalid);
    for pool in ["standard", "default.fast", "nowhere.else"] {
        let missing = ensure(&place, &volume(pool, "x"), VolumeContent::Empty).await.unwrap_err();
        assert_eq!(missing.kind(), Kind::NotFound, "{missing}");
    }
    assert_eq!(place.double.list(CLAIMS).len(), 1);
    // One of that name of another class is somebody else's.
    let moved = |one: &mut Value| one["spec"]["storageClassName"] = json!("fast");
    place.double.edit(CLAIMS, "default", "one", moved).unwrap();
    assert_eq!(
        ensure(&place, &one, VolumeContent::Empty).await.unwrap_err().kind(),
        Kind::Conflict
    );
    let kept = place.storage().remove_volume(&cx(), &one).await.unwrap_err();
    assert_eq!(kept.kind(), Kind::Conflict, "{kept}");
}

#[tokio::test]
async fn e4_a_quota_of_storage_is_told_as_exhausted() {
    let place = Place::start(busy()).await;
    let words = "persistentvolumeclaims \"one\" is forbidden: exceeded quota: disks";
    let refused = Refused::new(403, "Forbidden", words, json!({}));
    place.double.fault(Fault::new(What::Answer(refused)).verb("create").class(CLAIMS).times(1));
    let one = volume("default.standard", "one");
    let full = ensure(&place, &one, VolumeContent::Empty).await.unwrap_err();
    assert_eq!((full.kind(), full.is_unknown()), (Kind::Exhausted, false), "{full}");
}

#[tokio::test]
async fn the_default_pool_is_the_clusters_own_choice() {
    let place = Place::start(busy()).await;
    let pool = || async { place.storage().default_pool(&cx(), "n1").await };
    assert_eq!(pool().await.unwrap(), "default.standard");
    let class = |name: &str, mark: &str| {
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": { "name": name, "annotations": { mark: "true" } },
            "provisioner": "example.org/double",
        })
    };
    place.double.put(class("virt", "storageclass.kubevirt.io/is-default-virt-class")).unwrap();
    assert_eq!(pool().await.unwrap(), "default.virt");
    place.double.remove("storageclasses", "", "virt").unwrap();
    place.double.put(class("other", "x")).unwrap();
    let none = |one: &mut Value| one["metadata"]["annotations"] = json!({});
    place.double.edit("storageclasses", "", "standard", none).unwrap();
    assert_eq!(pool().await.unwrap_err().kind(), Kind::NotFound);
    place.double.remove("storageclasses", "", "standard").unwrap();
    assert_eq!(pool().await.unwrap(), "default.other", "the only one");
    // Who may not see classes is told that there is none to choose.
    place.double.refuse(Refusal::of("list", "storage.k8s.io", "storageclasses"));
    assert_eq!(pool().await.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_volume_that_a_vm_uses_stays_also_while_nothing_is_followed() {
    let place = Place::start(busy()).await;
    let data = volume("default.standard", "data");
    empty(&place, &data).await;
    let (disk, bound) = disk("data", &data);
    let mut web = spec("web");
    web.disks.push(disk);
    let disks = [bound];
    let asked = EnsureVm { disks: &disks, ..request(1, &web) };
    let made = place.create().ensure_vm(&cx(), &asked).await.unwrap();
    place.power().start(&cx(), &made.vm).await.unwrap();
    let used = place.storage().remove_volume(&cx(), &data).await.unwrap_err();
    assert!(used.kind() == Kind::Conflict && used.message().contains("\"web\""), "{used}");
    let refuse = Refusal::of("watch", "kubevirt.io", "virtualmachineinstances");
    place.double.refuse(refuse);
    place.double.drop_watches();
    for _ in 0..3 {
        let used = place.storage().remove_volume(&cx(), &data).await.unwrap_err();
        assert_eq!(used.kind(), Kind::Conflict, "{used}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(claim(&place, "data").unwrap()["metadata"].get("deletionTimestamp").is_none());
}

#[tokio::test]
async fn a_seed_is_a_secret_of_ours_and_no_other_is_touched() {
    let place = Place::start(busy()).await;
    let seed = CloudInit { user_data: Some("#cloud-config\n".into()), ..CloudInit::default() };
    let seed = seed.seed("i-1", "web");
    let name = volume("default.standard", "web-seed-1.iso");
    let made = ensure(&place, &name, VolumeContent::Seed(&seed)).await.unwrap();
    assert_eq!((made.created, made.capacity_bytes), (true, 14));
    let secret = place.double.get("secrets", "default", "web-seed-1.iso").unwrap();
    assert_eq!(secret["data"], json!({ "userdata": "I2Nsb3VkLWNvbmZpZwo=" }));
    assert!(!ensure(&place, &name, VolumeContent::Seed(&seed)).await.unwrap().created);
    let other = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "token" } });
    place.double.put(other).unwrap();
    let token = volume("default.standard", "token");
    let taken = ensure(&place, &token, VolumeContent::Seed(&seed)).await.unwrap_err();
    assert_eq!(taken.kind(), Kind::Conflict, "{taken}");
    place.storage().remove_volume(&cx(), &token).await.unwrap();
    assert!(place.double.get("secrets", "default", "token").is_some());
    let listed = || async {
        let all = place.storage().volumes(&cx(), "n1", "default.standard").await.unwrap();
        all.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, ["web-seed-1.iso"]);
    place.double.refuse(Refusal::of("list", "", "secrets"));
    assert!(listed().await.is_empty(), "who may not list secrets sees none");
    place.storage().remove_volume(&cx(), &name).await.unwrap();
    assert!(place.double.get("secrets", "default", "web-seed-1.iso").is_none());
}

/// A cluster says that something is forbidden before it says that there is no such thing: without
/// CDI nobody has rights on its objects, and volumes are made and deleted all the same.
#[tokio::test]
async fn e4_without_rights_on_what_is_not_there_volumes_are_made_and_deleted() {
    for cdi in [true, false] {
        let place = Place::start(busy()).await;
        place.double.refuse(Refusal::of("*", "cdi.kubevirt.io", "*"));
        place.double.refuse(Refusal::of("*", "", "secrets"));
        if !cdi {
            place.double.serve_group("cdi.kubevirt.io", &[]);
        }
        let one = volume("default.standard", "one");
        assert!(ensure(&place, &one, VolumeContent::Empty).await.unwrap().created);
        assert!(!ensure(&place, &one, VolumeContent::Empty).await.unwrap().created);
        place.storage().remove_volume(&cx(), &one).await.unwrap();
        assert!(claim(&place, "one").is_none());
        // Undoing what never came to be.
        place.storage().remove_volume(&cx(), &one).await.unwrap();
        let seed = CloudInit { user_data: Some("#cloud-config\n".into()), ..CloudInit::default() };
        let seed = seed.seed("i-1", "web");
        let denied = ensure(&place, &one, VolumeContent::Seed(&seed)).await.unwrap_err();
        assert_eq!((denied.kind(), denied.is_unknown()), (Kind::Denied, false), "{denied}");
    }
}

#[tokio::test]
async fn e4_a_claim_that_cdi_fills_is_not_touched_without_rights_on_what_fills_it() {
    let place = Place::start(busy()).await;
    let (one, two) = (volume("default.standard", "one"), volume("default.standard", "two"));
    empty(&place, &one).await;
    ensure(&place, &two, VolumeContent::CopyOf(&one)).await.unwrap();
    let owners = claim(&place, "two").unwrap()["metadata"]["ownerReferences"].clone();
    assert_eq!(owners[0]["kind"], "DataVolume");
    place.double.refuse(Refusal::of("get", "cdi.kubevirt.io", "datavolumes"));
    let denied = place.storage().remove_volume(&cx(), &two).await.unwrap_err();
    assert_eq!((denied.kind(), denied.is_unknown()), (Kind::Denied, false), "{denied}");
    assert!(claim(&place, "two").is_some());
    let there = ensure(&place, &two, VolumeContent::Empty).await.unwrap_err();
    assert_eq!(there.kind(), Kind::Denied, "whether it is whole is not known: {there}");
}

#[tokio::test]
async fn a_change_that_is_cancelled_before_it_began_asks_nothing() {
    let place = Place::start(busy()).await;
    let token = tokio_util::sync::CancellationToken::new();
    token.cancel();
    let cx: Cx = cx().with_cancel(token);
    let one = volume("default.standard", "one");
    let removed = place.storage().remove_volume(&cx, &one).await.unwrap_err();
    assert_eq!((removed.kind(), removed.is_unknown()), (Kind::Cancelled, false));
    let web = spec("web");
    let made = place.create().ensure_vm(&cx, &request(1, &web)).await.unwrap_err();
    assert_eq!((made.kind(), made.is_unknown()), (Kind::Cancelled, false));
}
