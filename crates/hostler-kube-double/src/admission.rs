//! KubeVirt's webhooks: what virt-api fills in, and what it denies.

use serde_json::{Value, json};

use crate::ids::Ids;
use crate::json;
use crate::kinds::{CLONES, KUBEVIRT, Kind, RESTORES, SNAPSHOTS, VM, VMI, VMIM};
use crate::sizing;
use crate::status::{Refused, cause};
use crate::store::{Key, Store};

const SNAPSHOT_WEBHOOK: &str = "virtualmachinesnapshot-validator.snapshot.kubevirt.io";
const CLONE_WEBHOOK: &str = "vm-clone-validator.kubevirt.io";
const RESTORE_WEBHOOK: &str = "virtualmachinerestore-validator.snapshot.kubevirt.io";

/// The webhooks of a kind: the one that fills in, its path, and the one that judges.
fn webhooks(kind: &Kind) -> Option<(&'static str, &'static str)> {
    if *kind == VM {
        Some(("virtualmachines-mutator.kubevirt.io", "/virtualmachines-mutate"))
    } else if *kind == VMI {
        Some(("virtualmachineinstances-mutator.kubevirt.io", "/virtualmachineinstances-mutate"))
    } else if *kind == VMIM {
        Some(("migration-create-validator.kubevirt.io", "/migration-validate-create"))
    } else if *kind == SNAPSHOTS {
        Some((SNAPSHOT_WEBHOOK, "/virtualmachinesnapshots-validate"))
    } else if *kind == RESTORES {
        Some((RESTORE_WEBHOOK, "/virtualmachinerestores-validate"))
    } else if *kind == CLONES {
        Some((CLONE_WEBHOOK, "/vm-clone-validate-create"))
    } else {
        None
    }
}

/// Fails as a server does whose webhooks cannot be reached.
///
/// # Errors
/// 500 for the kinds that KubeVirt judges.
pub(crate) fn unreachable(kind: &Kind) -> Result<(), Refused> {
    match webhooks(kind) {
        Some((name, path)) => Err(Refused::webhook_unreachable(name, path)),
        None => Ok(()),
    }
}

/// Fills in what virt-api does.
pub(crate) fn mutate(kind: &Kind, object: &mut Value, ids: &mut Ids, store: &Store) {
    if *kind != VM || object.pointer("/spec/template/spec/domain").is_none() {
        return;
    }
    sizing::prefer(object, store);
    let mut set = |pointer: &str, value: Value| {
        if object.pointer(pointer).is_none() {
            json::set(object, pointer, value);
        }
    };
    let annotation = "/spec/template/metadata/annotations/kubevirt.io~1pci-topology-version";
    set(annotation, "v3".into());
    set("/spec/template/spec/architecture", "amd64".into());
    set("/spec/template/spec/domain/machine/type", "q35".into());
    set("/spec/template/spec/domain/firmware/uuid", ids.uid().into());
    set("/spec/template/spec/domain/firmware/serial", ids.uid().into());
}

/// Judges a new object.
///
/// # Errors
/// The denial.
pub(crate) fn judge_new(kind: &Kind, object: &Value, store: &Store) -> Result<(), Refused> {
    if *kind == VM {
        judge_machine(object, store)
    } else if *kind == VMIM {
        judge_migration(object, store)
    } else if *kind == SNAPSHOTS {
        judge_gate(store, SNAPSHOT_WEBHOOK)
    } else if *kind == RESTORES {
        judge_gate(store, RESTORE_WEBHOOK)?;
        judge_restore(object, store)
    } else if *kind == CLONES {
        judge_gate(store, CLONE_WEBHOOK)?;
        judge_clone(object)
    } else {
        Ok(())
    }
}

/// Judges a change.
///
/// # Errors
/// The denial.
pub(crate) fn judge_change(
    kind: &Kind,
    before: &Value,
    after: &Value,
    store: &Store,
) -> Result<(), Refused> {
    if *kind == VM {
        return judge_machine(after, store);
    }
    if *kind == VMI && before.get("spec") != after.get("spec") {
        let message = "update of VMI object is restricted";
        let cause = json!({ "reason": "FieldValueNotSupported", "message": message });
        let webhook = "virtualmachineinstances-update-validator.kubevirt.io";
        return Err(Refused::denied_fields(webhook, vec![cause]));
    }
    if *kind == VMIM && before.get("spec") != after.get("spec") {
        let message = "update of Migration object's spec is restricted";
        let cause = json!({ "reason": "FieldValueNotSupported", "message": message });
        return Err(Refused::denied_fields("migration-update-validator.kubevirt.io", vec![cause]));
    }
    Ok(())
}

fn judge_machine(object: &Value, store: &Store) -> Result<(), Refused> {
    sizing::judge(object, store)?;
    let spec = "/spec/template/spec";
    let volumes = json::list(object, &format!("{spec}/volumes"));
    let mut causes = Vec::new();
    for (at, disk) in json::list(object, &format!("{spec}/domain/devices/disks")).iter().enumerate()
    {
        let name = json::text(disk, "/name");
        if !volumes.iter().any(|volume| json::text(volume, "/name") == name) {
            let field = format!("spec.template.spec.domain.devices.disks[{at}]");
            let message = format!("{field}.Name '{name}' not found.");
            causes.push(cause("FieldValueInvalid", &message, &format!("{field}.name")));
        }
    }
    let has = |pointer| object.pointer(pointer).is_some_and(|value: &Value| !value.is_null());
    if has("/spec/running") && has("/spec/runStrategy") {
        let message = "Running and RunStrategy are mutually exclusive. Note that Running is \
                       deprecated, please use RunStrategy instead";
        causes.push(cause("FieldValueInvalid", message, "spec.running"));
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(Refused::denied_fields("virtualmachine-validator.kubevirt.io", causes))
}

/// The gate `Snapshot`: opened by name up to 1.8, open unless closed from 1.9 on.
fn judge_gate(store: &Store, webhook: &str) -> Result<(), Refused> {
    let Some((_, installation)) = store.list(&KUBEVIRT, None).next() else { return Ok(()) };
    let gates = |field: &str| {
        let pointer = format!("/spec/configuration/developerConfiguration/{field}");
        json::list(installation, &pointer).iter().any(|gate| gate == "Snapshot")
    };
    let version = json::text(installation, "/status/observedKubeVirtVersion");
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let is_beta_open = match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (1, 9),
        _ => true,
    };
    let is_open = gates("featureGates") || (is_beta_open && !gates("disabledFeatureGates"));
    if is_open {
        return Ok(());
    }
    Err(Refused::denied(webhook, "snapshot feature gate not enabled"))
}

fn judge_restore(object: &Value, store: &Store) -> Result<(), Refused> {
    let namespace = json::text(object, "/metadata/namespace");
    let name = json::text(object, "/spec/virtualMachineSnapshotName");
    let field = "spec.virtualMachineSnapshotName";
    let refused = |message: String| {
        let cause = cause("FieldValueInvalid", &message, field);
        Err(Refused::denied_fields(RESTORE_WEBHOOK, vec![cause]))
    };
    // One that failed is not complete, and is in the way until it is deleted.
    let is_in_the_way = |one: &Value| {
        one.pointer("/spec/target") == object.pointer("/spec/target")
            && one.pointer("/status/complete") != Some(&Value::Bool(true))
    };
    let other = store.list(&RESTORES, Some(namespace)).find(|(_, one)| is_in_the_way(one));
    if let Some((other, _)) = other {
        let message = format!("VirtualMachineRestore \"{}\" in progress", other.name);
        let cause = cause("FieldValueInvalid", &message, "spec.target");
        return Err(Refused::denied_fields(RESTORE_WEBHOOK, vec![cause]));
    }
    match store.get(&SNAPSHOTS, &Key::new(namespace, name)) {
        None => refused(format!("VirtualMachineSnapshot \"{name}\" does not exist")),
        Some(snapshot) => match json::text(snapshot, "/status/phase") {
            "Failed" => refused(format!(
                "VirtualMachineSnapshot \"{name}\" has failed and is invalid to use"
            )),
            _ => Ok(()),
        },
    }
}

fn judge_clone(object: &Value) -> Result<(), Refused> {
    let mut causes = Vec::new();
    let mut wrong = |message: &str, field: &str| {
        causes.push(cause("FieldValueInvalid", message, field));
    };
    let text = |pointer| json::text(object, pointer);
    if !matches!(text("/spec/source/kind"), "VirtualMachine" | "VirtualMachineSnapshot") {
        wrong("Source kind is not supported", "spec.Source.Kind");
    }
    for (pointer, message, field) in [
        ("/spec/source/apiGroup", "Source's APIGroup cannot be empty", "spec.Source.APIGroup"),
        ("/spec/source/name", "Source's name cannot be empty", "spec.Source.Name"),
    ] {
        if text(pointer).is_empty() {
            wrong(message, field);
        }
    }
    if text("/spec/source/kind") == text("/spec/target/kind")
        && text("/spec/source/name") == text("/spec/target/name")
    {
        let message = "Target name cannot be equal to source name when both are VirtualMachines";
        wrong(message, "spec.target.name");
    }
    for (at, patch) in json::list(object, "/spec/patches").iter().enumerate() {
        let patch = patch.as_str().unwrap_or_default();
        if serde_json::from_str::<Value>(patch).is_err() {
            wrong(&format!("patch is not valid JSON ({patch})"), &format!("spec.patches[{at}]"));
        }
    }
    if causes.is_empty() { Ok(()) } else { Err(Refused::denied_fields(CLONE_WEBHOOK, causes)) }
}

fn judge_migration(object: &Value, store: &Store) -> Result<(), Refused> {
    let webhook = "migration-create-validator.kubevirt.io";
    let instance = json::text(object, "/spec/vmiName");
    let namespace = json::text(object, "/metadata/namespace");
    let Some(found) = store.get(&VMI, &Key::new(namespace, instance)) else {
        let words = format!("the VMI \"{namespace}/{instance}\" does not exist");
        return Err(Refused::denied(webhook, &words));
    };
    if matches!(json::text(found, "/status/phase"), "Succeeded" | "Failed") {
        return Err(Refused::denied(webhook, "Cannot migrate VMI in finalized state."));
    }
    let conditions = json::list(found, "/status/conditions");
    let stuck = conditions.iter().find(|one| {
        json::text(one, "/type") == "LiveMigratable" && json::text(one, "/status") == "False"
    });
    if let Some(condition) = stuck {
        let words = format!(
            "Cannot migrate VMI, Reason: {}, Message: {}",
            json::text(condition, "/reason"),
            json::text(condition, "/message")
        );
        return Err(Refused::denied(webhook, &words));
    }
    let in_flight = store.list(&VMIM, Some(namespace)).find(|(_, other)| {
        json::text(other, "/spec/vmiName") == instance
            && !matches!(json::text(other, "/status/phase"), "Succeeded" | "Failed")
    });
    match in_flight {
        Some((_, other)) => Err(Refused::denied(
            webhook,
            &format!(
                "in-flight migration detected. Active migration job ({}) is currently already in \
                 progress for VMI {instance}.",
                json::text(other, "/metadata/uid")
            ),
        )),
        None => Ok(()),
    }
}
