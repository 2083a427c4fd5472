//! Cloning VMs and their snapshots over real connections: what is asked for, what comes of it, and
//! what is left when it fails.

use std::time::Duration;

use hostler_core::id::{SnapshotId, VmId};
use hostler_core::snapshot::SnapshotSpec;
use hostler_core::vm::PowerState;
use hostler_core::vm::cloud_init::CloudInit;
use hostler_core::vm::devices::VolumeFormat;
use hostler_kube_double::{Fault, Installation, What};
use hostler_provider::{
    CloneHandle, Clones, Cx, EnsureClone, EnsureSnapshot, EnsureVm, EnsureVolume, Kind, Provider,
    Result, SnapshotRef, VmRef, VolumeContent, VolumeRef,
};
use serde_json::{Value, json};

use crate::create::{disk, id, request, spec, volume};
use crate::place::{PATIENCE, Place, busy, cx, machine};
use crate::support::now;

const CLONES: &str = "virtualmachineclones";
const CLAIMS: &str = "persistentvolumeclaims";
const POOL: &str = "default.standard";

impl Place {
    fn clones(&self) -> &dyn Clones {
        self.provider.clones().unwrap()
    }

    async fn clone_of(&self, source: &VmRef, vm: VmId, name: &str) -> Result<CloneHandle> {
        let request = EnsureClone { vm, name, source, snapshot: None, seed: None };
        self.clones().ensure_clone(&cx(), &request).await
    }

    fn vm_object(&self, name: &str) -> Value {
        self.double.get("virtualmachines", "default", name).unwrap()
    }

    /// The claims that there are, by name.
    fn claims(&self) -> Vec<String> {
        let claims = self.double.list(CLAIMS);
        let name = |one: &Value| one["metadata"]["name"].as_str().unwrap().to_owned();
        claims.iter().map(name).collect()
    }

    async fn volume(&self, name: &str, content: VolumeContent<'_>) -> VolumeRef {
        let volume = volume(POOL, name);
        let format = VolumeFormat::Raw;
        let request = EnsureVolume { volume: &volume, capacity_bytes: 1 << 20, format, content };
        self.storage().ensure_volume(&cx(), &request).await.unwrap();
        volume
    }

    /// A VM of ours, off, with a disk and a seed.
    async fn ours(&self) -> VmRef {
        let init = CloudInit { user_data: Some("#cloud-config\n".into()), ..CloudInit::default() };
        let root = self.volume("web-root", VolumeContent::Empty).await;
        let seed = self.volume("web-seed.iso", VolumeContent::Seed(&init.seed("i-1", "web"))).await;
        let mut web = spec("web");
        let (disk, bound) = disk("root", &root);
        web.disks.push(disk);
        web.cloud_init = Some(init);
        web.description = "the shop".into();
        let disks = [bound];
        let wanted = EnsureVm { disks: &disks, seed: Some(&seed), ..request(1, &web) };
        self.create().ensure_vm(&cx(), &wanted).await.unwrap().vm
    }

    /// Waits until nothing is left of what clones work with: its controllers have their say first.
    async fn is_clear(&self) {
        let plurals = [CLONES, "virtualmachinesnapshots", "virtualmachinerestores"];
        let left = || plurals.iter().flat_map(|plural| self.double.list(plural)).count();
        let wait = async {
            while left() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "{} objects stayed", left());
    }
}

#[tokio::test]
async fn e8_a_clone_of_a_vm_of_ours_is_ours_with_all_that_is_its_own() {
    let place = Place::start(busy()).await;
    let web = place.ours().await;
    let init = CloudInit { user_data: Some("#cloud-config\n".into()), ..CloudInit::default() };
    let seed =
        place.volume("web-2-seed.iso", VolumeContent::Seed(&init.seed("i-2", "web-2"))).await;
    let request =
        EnsureClone { vm: id(2), name: "web-2", source: &web, snapshot: None, seed: Some(&seed) };
    let made = place.clones().ensure_clone(&cx(), &request).await.unwrap();
    assert!(made.created);
    let again = place.clones().ensure_clone(&cx(), &request).await.unwrap();
    assert_eq!((again.created, &again.vm, &again.disks), (false, &made.vm, &made.disks));

    let (source, copy) = (place.vm_object("web"), place.vm_object("web-2"));
    assert_eq!(copy["metadata"]["labels"]["hostler.io/vm-id"], id(2).to_string());
    assert_eq!(copy["metadata"]["annotations"]["hostler.io/made-as"], "default/web-2");
    assert_eq!(copy["spec"]["runStrategy"], "Manual", "it stays as it is put, like its source");
    let spec = |vm: &Value| vm["spec"]["template"]["spec"].clone();
    for field in ["uuid", "serial"] {
        let of = |vm: &Value| spec(vm)["domain"]["firmware"][field].clone();
        assert!(of(&copy).is_string());
        assert_ne!(of(&copy), of(&source), "{field}");
    }
    assert_eq!(spec(&copy)["hostname"], Value::Null, "the guest is called as the VM is");
    let volumes = spec(&copy)["volumes"].as_array().unwrap().clone();
    let secret =
        volumes.iter().find_map(|one| one["cloudInitNoCloud"]["secretRef"]["name"].as_str());
    assert_eq!(secret, Some("web-2-seed.iso"));
    let [root] = made.disks.as_slice() else { panic!("{:?}", made.disks) };
    assert_eq!((root.disk.as_str(), root.owned), ("root", true));
    assert_eq!(root.volume.pool, POOL);
    assert_ne!(root.volume.name, "web-root");
    let claim = volumes.iter().find_map(|one| one["persistentVolumeClaim"]["claimName"].as_str());
    assert_eq!(claim, Some(root.volume.name.as_str()));
    place.is_clear().await;
    let found = place.create().find_vm(&cx(), id(1)).await.unwrap().unwrap();
    assert_eq!(found.vm, web, "the source's mark is the source's alone");

    // As when it is deleted with its disks.
    place.create().remove_vm(&cx(), &made.vm).await.unwrap();
    place.storage().remove_volume(&cx(), &root.volume).await.unwrap();
    assert_eq!(place.claims(), ["web-root"]);
}

#[tokio::test]
async fn e8_a_clone_of_a_running_vm_and_of_a_snapshot_leave_them_as_they_are() {
    let place = Place::start(busy()).await;
    let web = place.made("web", "Always", PowerState::Running).await;
    let of_now = place.clone_of(&web, id(2), "now").await.unwrap();
    place.until(&of_now.vm, PowerState::Stopped).await;
    let spec = SnapshotSpec::new("s1");
    let wanted = EnsureSnapshot { id: SnapshotId::new(now(), [1; 10]), vm: &web, spec: &spec };
    let snapshots = place.provider.snapshots().unwrap();
    let s1 = snapshots.ensure_snapshot(&cx(), &wanted).await.unwrap().snapshot;
    let request =
        EnsureClone { vm: id(3), name: "then", source: &web, snapshot: Some(&s1), seed: None };
    let of_then = place.clones().ensure_clone(&cx(), &request).await.unwrap();
    place.until(&of_then.vm, PowerState::Stopped).await;
    assert_eq!(
        snapshots.list_snapshots(&cx(), &web).await.unwrap().len(),
        1,
        "it is not ours to take"
    );
    assert_eq!(place.listed(&web).await, Some(PowerState::Running));
    let gone = SnapshotRef { external_ref: "gone".into(), name: "s9".into() };
    let request = EnsureClone { vm: id(4), name: "no", snapshot: Some(&gone), ..request };
    let refused = place.clones().ensure_clone(&cx(), &request).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::NotFound, false));
}

/// KubeVirt before 1.6 cannot be told patches: the VM is nobody's until it is finished.
#[tokio::test]
async fn e8_where_a_clone_cannot_be_patched_it_is_marked_when_it_is_finished() {
    let place = Place::start(busy()).await;
    place.double.set_clone_patches(false);
    place.double.serve_group("clone.kubevirt.io", &["v1alpha1"]);
    let web = place.ours().await;
    let made = place.clone_of(&web, id(2), "web-2").await.unwrap();
    let found = place.create().find_vm(&cx(), id(2)).await.unwrap().unwrap();
    assert_eq!(found.vm, made.vm);
    let copy = place.vm_object("web-2");
    assert_eq!(copy["metadata"]["annotations"]["hostler.io/made-as"], "default/web-2");
    assert!(place.clones().remove_clone(&cx(), id(2)).await.unwrap());
    assert_eq!(place.claims(), ["web-root"]);
    place.is_clear().await;
}

/// One that cannot begin is not waited for in vain, and one that fails leaves nothing.
#[tokio::test]
async fn e8_a_clone_that_fails_leaves_nothing_and_tells_the_clusters_words() {
    let place = Place::start(busy()).await;
    let web = place.ours().await;
    place.double.set_clones_fail(Some("volume root is not backed up"));
    let failed = place.clone_of(&web, id(2), "web-2").await.unwrap_err();
    assert_eq!((failed.kind(), failed.is_unknown()), (Kind::Conflict, false));
    assert!(failed.message().contains("volume root is not backed up"), "{failed}");
    place.is_clear().await;
    place.double.set_clones_fail(None);
    let made = place.clone_of(&web, id(2), "web-2").await.unwrap();
    assert!(made.created, "the same request made anew");
}

#[tokio::test]
async fn e8_a_clone_whose_storage_has_no_snapshots_is_taken_back() {
    let place = Place::start(busy()).await;
    place.double.set_volume_snapshots(false);
    let web = place.ours().await;
    let failed = place.clone_of(&web, id(2), "web-2").await.unwrap_err();
    assert_eq!((failed.kind(), failed.is_unknown()), (Kind::Conflict, false));
    assert!(failed.message().contains("volume root is not snapshotable"), "{failed}");
    place.is_clear().await;
    assert_eq!(place.claims(), ["web-root"]);
}

#[tokio::test]
async fn e8_what_is_in_the_way_is_told_before_anything_is_asked_for() {
    let place = Place::start(busy()).await;
    let web = place.made("web", "Halted", PowerState::Stopped).await;
    place.double.put(machine("default", "theirs", "Halted")).unwrap();
    for name in ["theirs", "web"] {
        let refused = place.clone_of(&web, id(2), name).await.unwrap_err();
        assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false), "{name}");
    }
    let gone = VmRef { external_ref: "gone".into(), name: "gone".into() };
    let missing = place.clone_of(&gone, id(2), "copy").await.unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
    place.double.set_installation(&Installation::Deployed("v1.8.0".into())).unwrap();
    let gate = place.clone_of(&web, id(2), "copy").await.unwrap_err();
    assert_eq!(gate.kind(), Kind::Unsupported);
    assert!(gate.message().contains("the feature gate Snapshot"), "{gate}");
    place.double.serve_group("clone.kubevirt.io", &[]);
    let absent = place.clone_of(&web, id(2), "copy").await.unwrap_err();
    assert_eq!(absent.kind(), Kind::Unsupported);
    assert!(absent.message().contains("clone.kubevirt.io"), "{absent}");
    assert!(!place.clones().remove_clone(&cx(), id(2)).await.unwrap(), "there was nothing");
    assert_eq!(place.double.list(CLONES).len(), 0);
}

/// Whoever gave up comes back, and finds what was begun.
#[tokio::test]
async fn e8_one_that_was_cut_off_is_followed_on_or_taken_away() {
    for removes in [false, true] {
        let place = Place::start(busy()).await;
        let web = place.ours().await;
        place.double.fault(Fault::new(What::LoseAnswer).verb("create").class(CLONES).times(1));
        let lost = place.clone_of(&web, id(2), "web-2").await.unwrap_err();
        assert!(lost.is_unknown(), "{lost:?}");
        if removes {
            assert!(place.clones().remove_clone(&cx(), id(2)).await.unwrap());
            assert_eq!(place.create().find_vm(&cx(), id(2)).await.unwrap(), None);
            assert_eq!(place.claims(), ["web-root"]);
        } else {
            place.clone_of(&web, id(2), "web-2").await.unwrap();
            assert_eq!(place.double.list("virtualmachines").len(), 2);
        }
        place.is_clear().await;
    }
}

/// Between its restore and its machine: the claims are there, and nobody's.
#[tokio::test]
async fn e8_claims_of_a_machine_that_never_came_are_taken_away() {
    let place = Place::start(busy()).await;
    let web = place.ours().await;
    place.double.set_new_machines_wait(true);
    let short = Cx::within(Duration::from_millis(800));
    let request =
        EnsureClone { vm: id(2), name: "web-2", source: &web, snapshot: None, seed: None };
    let cut_off = place.clones().ensure_clone(&short, &request).await.unwrap_err();
    assert!(cut_off.is_unknown(), "{cut_off:?}");
    assert_eq!(place.claims().len(), 2, "{:?}", place.claims());
    assert!(place.double.get("virtualmachines", "default", "web-2").is_none());
    assert!(place.clones().remove_clone(&cx(), id(2)).await.unwrap());
    assert_eq!(place.claims(), ["web-root"]);
    place.is_clear().await;
}

/// What somebody else uses by now is nobody's to delete.
#[tokio::test]
async fn e8_a_claim_that_another_vm_names_by_now_stays() {
    let place = Place::start(busy()).await;
    let web = place.ours().await;
    let made = place.clone_of(&web, id(2), "web-2").await.unwrap();
    let claim = made.disks[0].volume.name.clone();
    let mut other = machine("default", "other", "Halted");
    other["spec"]["template"]["spec"]["volumes"] =
        json!([{ "name": "taken", "persistentVolumeClaim": { "claimName": claim } }]);
    place.double.put(other).unwrap();
    assert!(place.clones().remove_clone(&cx(), id(2)).await.unwrap());
    assert!(place.claims().contains(&claim), "{:?}", place.claims());
    assert!(place.claims().contains(&"web-root".to_owned()));
}

/// Storage that waits for its first user: the clone is done, and what its claim is filled from stays
/// until that is bound.
#[tokio::test]
async fn e8_what_a_waiting_claim_is_filled_from_stays_until_it_is_bound() {
    let place = Place::start(busy()).await;
    let web = place.ours().await;
    place
        .double
        .edit("storageclasses", "", "standard", |class| {
            class["volumeBindingMode"] = json!("WaitForFirstConsumer");
        })
        .unwrap();
    let short = Cx::within(Duration::from_secs(3));
    let request =
        EnsureClone { vm: id(2), name: "web-2", source: &web, snapshot: None, seed: None };
    let made = place.clones().ensure_clone(&short, &request).await.unwrap();
    assert_eq!(made.disks.len(), 1);
    assert_eq!(place.double.list(CLONES).len(), 1);
    assert_eq!(place.double.list("virtualmachinesnapshots").len(), 1);
    // It goes with its VM.
    assert!(place.clones().remove_clone(&cx(), id(2)).await.unwrap());
    place.is_clear().await;
    assert_eq!(place.claims(), ["web-root"]);
}
