//! The installation, and its storage.

use hostler_kubevirt::mapper::{MappedCluster, map_claim, map_cluster, map_storage_class};
use serde_json::{Value, json};

use crate::support::{now, read, show};

fn mapped(patch: Value) -> MappedCluster {
    map_cluster(&read("kubevirt", patch), now()).unwrap()
}

#[test]
fn x29_version_and_gates_are_read_from_the_installation() {
    let told = mapped(json!({}));
    assert_eq!(show(&told.version), "v1.8.0 [ok kubevirt installation]");
    assert_eq!(told.installation.target, None, "it is there");
    assert_eq!(told.installation.gates.listed, ["Snapshot", "HotplugVolumes"]);
    assert_eq!(told.installation.gates.disabled, ["ImageVolume"]);
    assert_eq!(told.uses_emulation.value(), Some(&false));
    assert_eq!(told.default_arch.as_deref(), Some("x86_64"));
    let upgrading = mapped(json!({ "status": { "targetKubeVirtVersion": "v1.9.0" } }));
    assert_eq!(upgrading.installation.target.as_deref(), Some("v1.9.0"));
    let fresh = mapped(json!({ "status": null }));
    assert!(fresh.version.reason().is_some());
}

#[test]
fn e6_an_installation_needs_its_names() {
    let nameless = read("kubevirt", json!({ "metadata": { "namespace": "" } }));
    assert!(map_cluster(&nameless, now()).is_err());
}

#[test]
fn a_claim_holds_what_it_got_not_what_it_asked_for() {
    let claim = map_claim(&read("claim", json!({})), now()).unwrap();
    assert_eq!(claim.capacity_bytes.value(), Some(&(10 << 30)));
    assert_eq!(claim.requested_bytes, Some(8 << 30));
    assert_eq!(claim.access_modes, ["ReadWriteMany"]);
    assert_eq!((claim.phase.as_deref(), claim.volume.as_deref()), (Some("Bound"), Some("pvc-11")));
    let pending =
        json!({ "status": { "phase": "Pending", "capacity": null, "accessModes": null } });
    let claim = map_claim(&read("claim", pending), now()).unwrap();
    assert!(claim.capacity_bytes.reason().unwrap().contains("not bound"));
    assert_eq!(claim.access_modes, ["ReadWriteMany"], "those asked for");
    assert!(map_claim(&read("claim", json!({ "metadata": { "name": null } })), now()).is_err());
}

#[test]
fn x17_a_class_of_storage_is_a_pool_whose_room_is_not_told() {
    let class = map_storage_class(&read("storageclass", json!({})), now()).unwrap();
    assert_eq!((class.pool.name.as_str(), class.pool.kind.as_str()), ("fast", "rbd.csi.ceph.com"));
    assert!(class.is_default && !class.is_default_for_vms && class.pool.active);
    assert_eq!(class.can_grow, Some(true));
    assert!(class.pool.available_bytes.reason().is_some());
    let bare = map_storage_class(
        &read(
            "storageclass",
            json!({ "provisioner": null,
        "metadata": { "annotations": { "storageclass.kubernetes.io/is-default-class": "false",
            "storageclass.kubevirt.io/is-default-virt-class": "true" } } }),
        ),
        now(),
    )
    .unwrap();
    assert_eq!(bare.pool.kind, "unknown");
    assert!(!bare.is_default && bare.is_default_for_vms);
    let nameless = read("storageclass", json!({ "metadata": { "name": "" } }));
    assert!(map_storage_class(&nameless, now()).is_err());
}
