//! What changed between two looks, as events for people and clients.

use std::sync::Arc;

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use hostler_core::vm::ObservedVm;
use hostler_core::vm::status::VmState;
use hostler_store::{NewEvent, ProviderRow};
use serde_json::json;

use super::{Seen, State};

/// A provider answers, for the first time or again, with what is now or with what was.
pub(super) fn provider_answers(row: &ProviderRow, seen: &Seen) -> NewEvent {
    let (state, message) = match &seen.stale {
        None => ("healthy", format!("answers: {}", seen.probe.product)),
        Some(stale) => ("rebuilding", format!("tells only what was: {}", stale.reason)),
    };
    provider_event(row, state, &message, seen.at)
}

/// A provider stopped answering.
pub(super) fn provider_silent(row: &ProviderRow, reason: &str, now: Timestamp) -> NewEvent {
    provider_event(row, "unreachable", &format!("does not answer: {reason}"), now)
}

fn provider_event(row: &ProviderRow, state: &str, message: &str, at: Timestamp) -> NewEvent {
    NewEvent {
        at,
        kind: "provider.state".into(),
        resource_kind: Some("provider".into()),
        resource_id: Some(row.id.to_string()),
        resource_name: Some(row.name.clone()),
        message: format!("provider {} {message}", row.name),
        data: json!({ "state": state }),
    }
}

/// What changed among all VMs of a provider.
pub(super) fn vms(
    state: &State,
    provider: ProviderId,
    before: &Seen,
    after: &Seen,
) -> Vec<NewEvent> {
    let gone = before.vms.iter().filter(|(r, _)| !after.vms.contains_key(*r));
    let gone = gone.filter_map(|(_, old)| vm(state, provider, Some(old), None));
    let present = after.vms.iter();
    let changed = present.filter_map(|(r, new)| vm(state, provider, before.vms.get(r), Some(new)));
    gone.chain(changed).collect()
}

/// What changed of one VM, if anything that people are told about.
pub(super) fn vm(
    state: &State,
    provider: ProviderId,
    before: Option<&Arc<ObservedVm>>,
    after: Option<&Arc<ObservedVm>>,
) -> Option<NewEvent> {
    let (kind, message, at, data) = match (before, after) {
        (None, None) => return None,
        (None, Some(new)) => {
            let state = VmState::from(new.power).as_str();
            let message = format!("VM {} appeared, {state}", new.name);
            ("vm.found", message, new.observed_at, json!({ "state": state }))
        }
        (Some(old), None) => {
            ("vm.lost", format!("VM {} is gone", old.name), old.observed_at, json!({}))
        }
        (Some(old), Some(new)) => changed(old, new)?,
    };
    let vm = after.or(before)?;
    Some(NewEvent {
        at,
        kind: kind.into(),
        resource_kind: Some("vm".into()),
        resource_id: Some(state.vm_id(provider, vm)?.to_string()),
        resource_name: Some(vm.name.clone()),
        message,
        data,
    })
}

type Change = (&'static str, String, Timestamp, serde_json::Value);

fn changed(old: &ObservedVm, new: &ObservedVm) -> Option<Change> {
    let (was, is) = (VmState::from(old.power).as_str(), VmState::from(new.power).as_str());
    if (old.power, &old.power_reason) != (new.power, &new.power_reason) {
        let words = new.message.as_ref().map(|words| format!(": {words}")).unwrap_or_default();
        let message = format!("VM {} is {is} ({}){words}", new.name, new.power_reason);
        let data = json!({ "from": was, "state": is, "reason": new.power_reason });
        return Some(("vm.state", message, new.observed_at, data));
    }
    if is_same_but_for_time(old, new) {
        return None;
    }
    let message = format!("VM {} was changed at its provider", new.name);
    Some(("vm.changed", message, new.observed_at, json!({})))
}

/// Whether nothing changed that a list or page shows, apart from when it was seen.
fn is_same_but_for_time(old: &ObservedVm, new: &ObservedVm) -> bool {
    old.name == new.name
        && old.host_ref == new.host_ref
        && old.message == new.message
        && old.primary_address == new.primary_address
        && old.needs_restart.value() == new.needs_restart.value()
        && old.guest.value() == new.guest.value()
        && old.kept_by == new.kept_by
        && old.description == new.description
        && old.cpu_count.value() == new.cpu_count.value()
        && old.memory_bytes.value() == new.memory_bytes.value()
        && old.autostart.value() == new.autostart.value()
        && old.disks.value() == new.disks.value()
        && old.nics.value() == new.nics.value()
        && old.consoles.value() == new.consoles.value()
}
