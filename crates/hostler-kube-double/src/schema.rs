//! What the definitions of virtual machines require and know: fields that are missing refuse an
//! object, fields that nobody knows are dropped with a warning.
//!
//! Only the upper levels are here (down to `domain.devices`, `cpu`, `memory` and their siblings, and
//! the disks, interfaces, networks and volumes), as KubeVirt's definitions of August 2026 list them;
//! what is deeper, and other kinds, pass as they are.

use serde_json::Value;

use crate::faults::Switches;
use crate::json;
use crate::kinds::{CLONES, Kind, RESTORES, VM, VMI, VMIM};
use crate::status::{Refused, cause};

const OBJECT: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];
const VM_SPEC: &[&str] = &[
    "dataVolumeTemplates",
    "instancetype",
    "liveUpdateFeatures",
    "preference",
    "runStrategy",
    "running",
    "template",
    "updateVolumesStrategy",
];
const MATCHER: &[&str] =
    &["inferFromVolume", "inferFromVolumeFailurePolicy", "kind", "name", "revisionName"];
const TEMPLATE: &[&str] = &["metadata", "spec"];
const INSTANCE_SPEC: &[&str] = &[
    "accessCredentials",
    "affinity",
    "architecture",
    "dnsConfig",
    "dnsPolicy",
    "domain",
    "evictionStrategy",
    "hostname",
    "livenessProbe",
    "networks",
    "nodeSelector",
    "priorityClassName",
    "readinessProbe",
    "resourceClaims",
    "schedulerName",
    "serviceAccountName",
    "startStrategy",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "utilityVolumes",
    "volumes",
];
const DOMAIN: &[&str] = &[
    "chassis",
    "clock",
    "cpu",
    "devices",
    "features",
    "firmware",
    "ioThreads",
    "ioThreadsPolicy",
    "launchSecurity",
    "machine",
    "memory",
    "rebootPolicy",
    "resources",
];
const DEVICES: &[&str] = &[
    "autoattachGraphicsDevice",
    "autoattachInputDevice",
    "autoattachMemBalloon",
    "autoattachPodInterface",
    "autoattachSerialConsole",
    "autoattachVSOCK",
    "blockMultiQueue",
    "clientPassthrough",
    "disableHotplug",
    "disks",
    "downwardMetrics",
    "filesystems",
    "gpus",
    "hostDevices",
    "inputs",
    "interfaces",
    "logSerialConsole",
    "networkInterfaceMultiqueue",
    "panicDevices",
    "rng",
    "sound",
    "tpm",
    "useVirtioTransitional",
    "video",
    "watchdog",
];
const CPU: &[&str] = &[
    "cores",
    "dedicatedCpuPlacement",
    "features",
    "isolateEmulatorThread",
    "maxSockets",
    "model",
    "numa",
    "realtime",
    "sockets",
    "threads",
];
const MEMORY: &[&str] = &["guest", "hugepages", "maxGuest", "reservedOverhead"];
const RESOURCES: &[&str] = &["limits", "overcommitGuestOverhead", "requests"];
const MIGRATION_SPEC: &[&str] = &["addedNodeSelector", "priority", "receive", "sendTo", "vmiName"];
const CLONE_SPEC: &[&str] = &[
    "annotationFilters",
    "labelFilters",
    "newMacAddresses",
    "newSMBiosSerial",
    "patches",
    "source",
    "target",
    "template",
    "volumeNamePolicy",
];
const REFERENCE: &[&str] = &["apiGroup", "kind", "name"];
const RESTORE_SPEC: &[&str] = &[
    "patches",
    "target",
    "targetReadinessPolicy",
    "virtualMachineSnapshotName",
    "volumeOwnershipPolicy",
    "volumeRestoreOverrides",
    "volumeRestorePolicy",
];
/// Those that KubeVirt has from 1.5 and 1.7 on.
const RESTORE_POLICIES: &[&str] =
    &["targetReadinessPolicy", "volumeOwnershipPolicy", "volumeRestorePolicy"];
const FIRMWARE: &[&str] = &["acpi", "bootloader", "kernelBoot", "serial", "uuid"];
const MACHINE: &[&str] = &["type"];

const DISK: &[&str] = &[
    "blockSize",
    "bootOrder",
    "cache",
    "cdrom",
    "changedBlockTracking",
    "dedicatedIOThread",
    "disk",
    "errorPolicy",
    "io",
    "lun",
    "name",
    "serial",
    "shareable",
    "tag",
];
const INTERFACE: &[&str] = &[
    "acpiIndex",
    "binding",
    "bootOrder",
    "bridge",
    "dhcpOptions",
    "macAddress",
    "macvtap",
    "masquerade",
    "model",
    "name",
    "passt",
    "passtBinding",
    "pciAddress",
    "portRanges",
    "ports",
    "slirp",
    "sriov",
    "state",
    "tag",
];
const NETWORK: &[&str] = &["multus", "name", "pod", "resourceClaim"];
const VOLUME: &[&str] = &[
    "cloudInitConfigDrive",
    "cloudInitNoCloud",
    "configMap",
    "containerDisk",
    "containerPath",
    "dataVolume",
    "downwardAPI",
    "downwardMetrics",
    "emptyDisk",
    "ephemeral",
    "hostDisk",
    "memoryDump",
    "name",
    "persistentVolumeClaim",
    "secret",
    "serviceAccount",
    "sysprep",
];

/// Fields of the items of an instance's lists, from there.
const ITEMS: &[(&str, &[&str])] = &[
    ("/domain/devices/disks", DISK),
    ("/domain/devices/interfaces", INTERFACE),
    ("/networks", NETWORK),
    ("/volumes", VOLUME),
];
/// Fields of an instance's specification, from there.
const INSTANCE: &[(&str, &[&str])] = &[
    ("", INSTANCE_SPEC),
    ("/domain", DOMAIN),
    ("/domain/devices", DEVICES),
    ("/domain/cpu", CPU),
    ("/domain/memory", MEMORY),
    ("/domain/resources", RESOURCES),
    ("/domain/firmware", FIRMWARE),
    ("/domain/machine", MACHINE),
];
const MACHINE_LEVELS: &[(&str, &[&str])] = &[
    ("", OBJECT),
    ("/spec", VM_SPEC),
    ("/spec/instancetype", MATCHER),
    ("/spec/preference", MATCHER),
    ("/spec/template", TEMPLATE),
];

/// Drops fields that the kind does not have; tells their paths, such as `spec.bogus`. Migrations
/// have `addedNodeSelector` from KubeVirt 1.5 on, restores their policies, clones `patches` from
/// 1.6 on.
pub(crate) fn prune(kind: &Kind, object: &mut Value, switches: &Switches) -> Vec<String> {
    let mut unknown = Vec::new();
    if *kind == CLONES {
        let mut known = CLONE_SPEC.to_vec();
        known.retain(|field| !switches.no_clone_patches || *field != "patches");
        for (pointer, known) in [
            ("", OBJECT),
            ("/spec", &known),
            ("/spec/source", REFERENCE),
            ("/spec/target", REFERENCE),
        ] {
            prune_at(object, pointer, known, &mut unknown);
        }
    }
    if *kind == RESTORES {
        let mut known = RESTORE_SPEC.to_vec();
        known.retain(|field| !switches.no_restore_policies || !RESTORE_POLICIES.contains(field));
        prune_at(object, "", OBJECT, &mut unknown);
        prune_at(object, "/spec", &known, &mut unknown);
    }
    if *kind == VMIM {
        let mut known = MIGRATION_SPEC.to_vec();
        known.retain(|field| !switches.no_node_selector || *field != "addedNodeSelector");
        prune_at(object, "", OBJECT, &mut unknown);
        prune_at(object, "/spec", &known, &mut unknown);
    }
    let Some(instance) = instance_at(kind) else { return unknown };
    let upper: &[(&str, &[&str])] = if *kind == VM { MACHINE_LEVELS } else { &[("", OBJECT)] };
    for (pointer, known) in upper {
        prune_at(object, pointer, known, &mut unknown);
    }
    for (below, known) in INSTANCE {
        prune_at(object, &format!("{instance}{below}"), known, &mut unknown);
    }
    for (below, known) in ITEMS {
        let list = format!("{instance}{below}");
        for index in 0..crate::json::list(object, &list).len() {
            prune_at(object, &format!("{list}/{index}"), known, &mut unknown);
        }
    }
    unknown
}

fn prune_at(object: &mut Value, pointer: &str, known: &[&str], unknown: &mut Vec<String>) {
    let Some(map) = object.pointer_mut(pointer).and_then(Value::as_object_mut) else { return };
    let strange: Vec<String> =
        map.keys().filter(|name| !known.contains(&name.as_str())).cloned().collect();
    for name in strange {
        map.remove(&name);
        unknown.push(field(&format!("{pointer}/{name}")));
    }
}

/// A path as the server tells it: `spec.template.spec.volumes[0].bogus`.
fn field(pointer: &str) -> String {
    let mut told = String::new();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        if part.bytes().all(|c| c.is_ascii_digit()) {
            told.push_str(&format!("[{part}]"));
        } else {
            if !told.is_empty() {
                told.push('.');
            }
            told.push_str(part);
        }
    }
    told
}

fn instance_at(kind: &Kind) -> Option<&'static str> {
    if *kind == VM {
        Some("/spec/template/spec")
    } else if *kind == VMI {
        Some("/spec")
    } else {
        None
    }
}

/// Refuses an object without what its kind must have.
///
/// # Errors
/// 422, with each field that is missing.
pub(crate) fn require(kind: &Kind, object: &Value) -> Result<(), Refused> {
    let required: &[&str] = match instance_at(kind) {
        Some("/spec") => &["/spec", "/spec/domain", "/spec/domain/devices"],
        Some(_) => &[
            "/spec",
            "/spec/template",
            "/spec/template/spec/domain",
            "/spec/template/spec/domain/devices",
        ],
        None => return Ok(()),
    };
    let is_missing = |pointer: &&&str| {
        let has_parent = pointer
            .rsplit_once('/')
            .is_none_or(|(parent, _)| parent.is_empty() || object.pointer(parent).is_some());
        has_parent && object.pointer(pointer).is_none_or(Value::is_null)
    };
    let missing: Vec<String> = required
        .iter()
        .filter(is_missing)
        .map(|pointer| pointer.trim_start_matches('/').replace('/', "."))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let unchecked = "Invalid value: null: some validation rules were not checked because the object \
                     was invalid; correct the existing errors to complete validation";
    let mut words: Vec<String> =
        missing.iter().map(|field| format!("{field}: Required value")).collect();
    words.push(format!("<nil>: {unchecked}"));
    let mut causes: Vec<Value> =
        missing.iter().map(|field| cause("FieldValueRequired", "Required value", field)).collect();
    causes.push(cause("FieldValueInvalid", unchecked, "<nil>"));
    let name = json::text(object, "/metadata/name");
    Err(Refused::invalid(kind, name, &format!("[{}]", words.join(", ")), causes))
}

/// Refuses fields that nobody knows, as `fieldValidation=Strict` asks.
pub(crate) fn strict(kind: &Kind, version: &str, unknown: &[String]) -> Refused {
    let fields: Vec<String> =
        unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect();
    Refused::bad_request(format!(
        "{} in version \"{version}\" cannot be handled as a {}: strict decoding error: {}",
        kind.kind,
        kind.kind,
        fields.join(", ")
    ))
}
