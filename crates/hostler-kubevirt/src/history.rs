//! The migrations that a cluster remembers: its objects, of which it keeps the latest
//! few of each VM, and what an instance tells of its last one, where the object was
//! deleted.
//!
//! The objects name a VM by its name. A VM that was deleted and made anew under its name
//! is another one, so that what is older than the VM is not its own.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use hostler_core::id::OperationId;
use hostler_core::migration::{Migration, MigrationMode, MigrationPhase as Phase};
use hostler_core::{Fact, Timestamp};
use hostler_provider::{Cx, Result, VmRef};
use serde_json::Value;

use crate::call::Selection;
use crate::mapper::{
    MappedMigration, MappedVm, MigrationPhase, OPERATION_LABEL, Outcome, map_migration,
};
use crate::objects::{self, VirtualMachineInstanceMigration};
use crate::provider::KubeVirt;
use crate::resource::Resource;

const SOURCE: &str = "kubevirt";

/// Those of one VM, or of all; the latest first.
pub(crate) async fn of(provider: &KubeVirt, cx: &Cx, vm: Option<&VmRef>) -> Result<Vec<Migration>> {
    let (vms, scopes) = match vm {
        Some(vm) => match provider.look(cx, vm).await? {
            Some(seen) => {
                let namespace = seen.namespace.clone();
                (vec![seen], vec![Some(namespace)])
            }
            None => return Ok(Vec::new()),
        },
        None => (provider.all(cx).await?.vms, provider.shared.config.namespaces.scopes()),
    };
    let by_name: BTreeMap<(&str, &str), &MappedVm> =
        vms.iter().map(|vm| ((vm.namespace.as_str(), vm.vm.name.as_str()), vm)).collect();
    let shared = &provider.shared;
    let caller = shared.link.caller(cx).await?;
    let mut told = Vec::new();
    for scope in scopes {
        let selection = Selection::all(Resource::MIGRATIONS, scope);
        let listed = caller.list_as(cx, &selection, one).await;
        for one in listed.map_err(|failure| shared.link.noted(failure))?.items {
            told.push(one?);
        }
    }
    let mut all = Vec::new();
    for (mapped, operation, said) in &told {
        let name = mapped.vm_name.as_deref().unwrap_or_default();
        let found = by_name.get(&(mapped.namespace.as_str(), name));
        if let Some(vm) = found.filter(|vm| is_its_own(mapped, vm)) {
            all.push(migration(vm, mapped, *operation, said, cx.now()));
        }
    }
    let listed: HashSet<Option<&str>> =
        told.iter().map(|(mapped, ..)| mapped.uid.as_deref()).collect();
    for vm in &vms {
        let Some(last) = &vm.migration else { continue };
        if !listed.contains(&last.uid.as_deref()) {
            all.push(migration(vm, last, None, "", cx.now()));
        }
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.requested_at.or(one.started_at)));
    Ok(all)
}

/// One object: what it tells, whose it is, and its phase in the cluster's word.
fn one(document: Value) -> Result<(MappedMigration, Option<OperationId>, String)> {
    let object: VirtualMachineInstanceMigration = objects::read(document)?;
    Ok((map_migration(&object)?, mark(&object), said(&object)))
}

/// The operation of ours that made it.
fn mark(object: &VirtualMachineInstanceMigration) -> Option<OperationId> {
    OperationId::from_str(object.metadata.label(OPERATION_LABEL)?).ok()
}

fn said(object: &VirtualMachineInstanceMigration) -> String {
    object.status.phase.text().map(crate::error::word).unwrap_or_default()
}

fn is_its_own(mapped: &MappedMigration, vm: &MappedVm) -> bool {
    match (mapped.requested_at, vm.created_at) {
        (Some(asked), Some(made)) => asked >= made,
        _ => true,
    }
}

/// How far one is, in the words of all providers.
pub(crate) fn phase(mapped: &MappedMigration) -> Phase {
    use MigrationPhase as K;
    match &mapped.outcome {
        Outcome::Succeeded => return Phase::Succeeded,
        Outcome::Failed(_) => return Phase::Failed,
        Outcome::Aborted => return Phase::Cancelled,
        Outcome::UnderWay | Outcome::Unknown => {}
    }
    match mapped.phase {
        Some(K::New | K::Pending | K::Scheduling) => Phase::Waiting,
        Some(
            K::Scheduled
            | K::PreparingTarget
            | K::TargetReady
            | K::WaitingForSync
            | K::Synchronizing,
        ) => Phase::Preparing,
        Some(K::Running) => Phase::Copying,
        Some(K::Succeeded | K::Failed | K::Unknown) => Phase::Unknown,
        None if mapped.outcome == Outcome::Unknown => Phase::Unknown,
        None if mapped.started_at.is_some() => Phase::Copying,
        None => Phase::Preparing,
    }
}

fn migration(
    vm: &MappedVm,
    mapped: &MappedMigration,
    operation: Option<OperationId>,
    said: &str,
    now: Timestamp,
) -> Migration {
    // Until it is over, the instance alone tells where it goes.
    let of_vm = vm.migration.as_ref().filter(|last| last.uid.is_some() && last.uid == mapped.uid);
    let node = |own: &Option<String>, other: fn(&MappedMigration) -> &Option<String>| {
        own.clone().or_else(|| of_vm.and_then(|last| other(last).clone()))
    };
    let bytes = || Fact::unsupported(SOURCE, "KubeVirt's API does not tell how much was sent");
    let mode = node(&mapped.mode, |last| &last.mode);
    let reason = match &mapped.outcome {
        Outcome::Failed(why) => {
            Some(why.clone().unwrap_or_else(|| "the cluster gives no reason".to_owned()))
        }
        _ => None,
    };
    let named = || format!("{}/{}", mapped.namespace, mapped.name.as_deref().unwrap_or_default());
    Migration {
        external_ref: mapped.uid.clone().unwrap_or_else(named),
        operation,
        vm_ref: vm.vm.external_ref.clone(),
        vm_name: vm.vm.name.clone(),
        phase: phase(mapped),
        phase_said: said.to_owned(),
        source_host_ref: node(&mapped.source_node, |last| &last.source_node),
        target_host_ref: node(&mapped.target_node, |last| &last.target_node),
        mode: mode.as_deref().and_then(|mode| match mode {
            "PreCopy" => Some(MigrationMode::PreCopy),
            "PostCopy" => Some(MigrationMode::PostCopy),
            "Paused" => Some(MigrationMode::Paused),
            _ => None,
        }),
        requested_at: mapped.requested_at,
        started_at: mapped.started_at.or_else(|| of_vm.and_then(|last| last.started_at)),
        ended_at: mapped.ended_at,
        bytes_done: bytes(),
        bytes_total: bytes(),
        is_cancel_requested: mapped.is_abort_requested,
        reason,
        observed_at: now,
    }
}
