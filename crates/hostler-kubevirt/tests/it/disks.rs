//! Disks and volumes: each source, without what is secret in it.

use hostler_core::Quality;
use hostler_kubevirt::mapper::{MappedVm, Surroundings, map_claim};
use serde_json::{Value, json};

use crate::support::{both, now, off, off_among, read};

fn with(disks: Value, volumes: Value) -> MappedVm {
    off(json!({ "spec": { "template": { "spec": {
        "domain": { "devices": { "disks": disks } }, "volumes": volumes } } } }))
}

#[test]
fn every_kind_of_volume_has_its_source() {
    let cases = [
        (
            json!({ "persistentVolumeClaim": { "claimName": "c" } }),
            "persistentVolumeClaim",
            Some("pvc://shop/c"),
        ),
        (json!({ "dataVolume": { "name": "d" } }), "dataVolume", Some("pvc://shop/d")),
        (
            json!({ "ephemeral": { "persistentVolumeClaim": { "claimName": "e" } } }),
            "ephemeral",
            Some("pvc://shop/e"),
        ),
        (json!({ "memoryDump": { "claimName": "m" } }), "memoryDump", Some("pvc://shop/m")),
        (json!({ "containerDisk": { "image": "q/i:1" } }), "containerDisk", Some("image://q/i:1")),
        (json!({ "emptyDisk": { "capacity": "1Gi" } }), "emptyDisk", None),
        (
            json!({ "hostDisk": { "path": "/data/d.img", "type": "Disk" } }),
            "hostDisk",
            Some("/data/d.img"),
        ),
        (json!({ "configMap": { "name": "cm" } }), "configMap", Some("configmap://shop/cm")),
        (json!({ "secret": { "secretName": "s" } }), "secret", Some("secret://shop/s")),
        (json!({ "cloudInitNoCloud": { "userData": "x" } }), "cloudInitNoCloud", None),
        (
            json!({ "cloudInitConfigDrive": { "secretRef": { "name": "x" } } }),
            "cloudInitConfigDrive",
            None,
        ),
        (json!({ "sysprep": { "secret": { "name": "x" } } }), "sysprep", None),
        (json!({ "serviceAccount": { "serviceAccountName": "x" } }), "serviceAccount", None),
        (json!({ "downwardAPI": { "fields": [] } }), "downwardAPI", None),
        (json!({ "downwardMetrics": {} }), "downwardMetrics", None),
        (json!({ "hologram": {} }), "unknown", None),
    ];
    for (source, kind, url) in cases {
        let mut volume = source;
        volume["name"] = json!("v");
        let mapped = with(json!([{ "name": "v", "disk": {} }]), json!([volume]));
        assert_eq!(mapped.volumes[0].kind, kind);
        assert_eq!(mapped.volumes[0].source.as_deref(), url);
        let disks = mapped.vm.disks.value().unwrap();
        assert_eq!(disks.len(), 1, "{kind}");
        assert_eq!(disks[0].source.as_deref(), url, "{kind}");
    }
}

#[test]
fn devices_and_their_rights_are_told() {
    let mapped = with(
        json!([
            { "name": "plain", "disk": { "bus": "virtio" } },
            { "name": "ro", "disk": { "bus": "virtio", "readonly": true } },
            { "name": "cd", "cdrom": { "bus": "sata" } },
            { "name": "cdrw", "cdrom": { "bus": "sata", "readonly": false } },
            { "name": "lun", "lun": { "bus": "scsi" } },
            { "name": "claimed", "disk": {} },
            { "name": "mute" },
        ]),
        json!([{ "name": "claimed", "persistentVolumeClaim": { "claimName": "c", "readOnly": true } }]),
    );
    let disks = mapped.vm.disks.value().unwrap();
    let told: Vec<(&str, &str, bool)> =
        disks.iter().map(|d| (d.target.as_str(), d.device.as_str(), d.read_only)).collect();
    assert_eq!(
        told,
        [
            ("plain", "disk", false),
            ("ro", "disk", true),
            ("cd", "cdrom", true),
            ("cdrw", "cdrom", false),
            ("lun", "lun", false),
            ("claimed", "disk", true),
            ("mute", "disk", false),
        ]
    );
    assert_eq!(disks[0].bus.as_deref(), Some("virtio"));
    assert_eq!(disks[0].source, None, "a drive without a volume is empty");
    assert!(disks.iter().all(|disk| disk.format.is_none()), "KubeVirt tells no format");
}

#[test]
fn a_volume_that_no_device_names_becomes_a_disk() {
    let volumes = json!([
        { "name": "free", "persistentVolumeClaim": { "claimName": "c" } },
        { "name": "shared", "persistentVolumeClaim": { "claimName": "s" } },
        { "name": "dump", "memoryDump": { "claimName": "m" } },
        { "persistentVolumeClaim": { "claimName": "nameless" } }]);
    let mapped = off(json!({ "spec": { "template": { "spec": { "volumes": volumes, "domain": {
        "devices": { "disks": [], "filesystems": [{ "name": "shared", "virtiofs": {} }] } } } } } }));
    let targets: Vec<&str> =
        mapped.vm.disks.value().unwrap().iter().map(|disk| disk.target.as_str()).collect();
    assert_eq!(targets, ["free"]);
    assert_eq!(mapped.volumes.len(), 3);
}

#[test]
fn x17_a_disk_without_a_name_makes_the_list_partial() {
    let mapped = with(json!([{ "disk": {} }, { "name": "a", "disk": {} }]), json!([]));
    assert_eq!(mapped.vm.disks.quality(), Quality::Partial);
    assert_eq!(mapped.vm.disks.value().unwrap().len(), 1);
}

#[test]
fn a_size_is_told_only_where_the_guest_sees_that_size() {
    let mapped = both(json!({}), json!({}));
    let disks = mapped.vm.disks.value().unwrap();
    assert_eq!(disks[0].capacity_bytes, Some(10 << 30), "a block device, whole");
    assert_eq!(disks[1].capacity_bytes, None, "of a file system a part is set aside");
    let sizes = with(
        json!([{ "name": "e", "disk": {} }, { "name": "h", "disk": {} }]),
        json!([{ "name": "e", "emptyDisk": { "capacity": "1Gi" } },
               { "name": "h", "hostDisk": { "path": "/d", "capacity": "2Gi" } }]),
    );
    let disks = sizes.vm.disks.value().unwrap();
    assert_eq!((disks[0].capacity_bytes, disks[1].capacity_bytes), (Some(1 << 30), Some(2 << 30)));
}

#[test]
fn a_vm_that_is_off_has_the_sizes_of_its_claims() {
    let size = |patch: Value| {
        let claim = map_claim(&read("claim", patch), now()).unwrap();
        let mut around = Surroundings::default();
        around.claims.insert((claim.namespace.clone(), claim.name.clone()), claim);
        off_among(json!({}), &around).vm.disks.value().unwrap()[0].capacity_bytes
    };
    assert_eq!(size(json!({})), Some(10 << 30));
    assert_eq!(size(json!({ "spec": { "volumeMode": "Filesystem" } })), None);
    assert_eq!(size(json!({ "spec": { "volumeMode": null } })), None);
    assert_eq!(size(json!({ "status": { "capacity": null } })), None);
    assert_eq!(size(json!({ "metadata": { "namespace": "other" } })), None);
}

#[test]
fn what_a_volume_goes_through_is_told() {
    let mapped = both(json!({}), json!({}));
    let data = &mapped.volumes[1];
    assert_eq!(data.guest_device.as_deref(), Some("sda"));
    assert_eq!(data.phase.as_deref(), Some("Ready"));
    assert!(data.is_hotplugged && !mapped.volumes[0].is_hotplugged);
    assert_eq!(data.claim.as_deref(), Some("web-data"));
    assert!(data.message.as_deref().unwrap().starts_with("Successfully attach"));
    let asked = with(
        json!([{ "name": "p", "disk": {} }, { "name": "d", "disk": {} }]),
        json!([{ "name": "p", "persistentVolumeClaim": { "claimName": "p", "hotpluggable": true } },
               { "name": "d", "dataVolume": { "name": "d", "hotpluggable": true } }]),
    );
    assert!(asked.volumes.iter().all(|volume| volume.is_hotplugged));
}
