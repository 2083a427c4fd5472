//! What each topic is made of, and what it takes to follow it.

use hostler_api::v1::{Event, LiveTold, LiveTopic};
use hostler_core::access::{Actor, Permission, may};
use hostler_core::{Error, Result};
use hostler_store::StoredEvent;

/// What it takes to follow a topic: all that reading the same elsewhere takes.
const fn needs(topic: LiveTopic) -> &'static [Permission] {
    match topic {
        LiveTopic::NodeMetrics => &[Permission::MetricsRead, Permission::InfraRead],
        LiveTopic::VmMetrics => &[Permission::MetricsRead, Permission::VmRead],
        LiveTopic::VmStatus | LiveTopic::VmEvents => &[Permission::VmRead],
        LiveTopic::Operations => &[Permission::OperationRead],
        LiveTopic::Alerts => &[Permission::AlertRead],
        LiveTopic::Migrations => &[Permission::OperationRead, Permission::VmRead],
    }
}

/// Fails where somebody may not follow one of these.
pub(super) fn check(actor: &Actor, topics: &[LiveTopic]) -> Result<(), Error> {
    topics.iter().flat_map(|topic| needs(*topic)).try_for_each(|needed| may(actor, *needed))
}

/// The topics that an event belongs to, by its kind alone: new kinds of a family
/// need nothing here.
pub(super) fn of(event: &StoredEvent) -> &'static [LiveTopic] {
    let (family, rest) = event.kind.split_once('.').unwrap_or((&event.kind, ""));
    let operation = event.data.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default();
    let is_migration = |kind: &str| kind.starts_with("migrat");
    match family {
        "alert" => &[LiveTopic::Alerts],
        "migration" => &[LiveTopic::Migrations],
        "vm" if rest == "state" => &[LiveTopic::VmStatus],
        "vm" if is_migration(rest) => &[LiveTopic::Migrations],
        "vm" => &[LiveTopic::VmEvents],
        "operation" if operation.split('.').any(is_migration) => {
            &[LiveTopic::Operations, LiveTopic::Migrations]
        }
        "operation" => &[LiveTopic::Operations],
        _ => &[],
    }
}

/// An event, as its topic tells it.
pub(super) fn tell(topic: LiveTopic, event: Event) -> LiveTold {
    match topic {
        LiveTopic::VmStatus => LiveTold::VmStatus(event),
        LiveTopic::Operations => LiveTold::Operation(event),
        LiveTopic::Alerts => LiveTold::Alert(event),
        LiveTopic::Migrations => LiveTold::Migration(event),
        LiveTopic::VmEvents | LiveTopic::VmMetrics | LiveTopic::NodeMetrics => {
            LiveTold::VmEvent(event)
        }
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::access::Role;
    use serde_json::json;

    use super::*;

    fn event(kind: &str, data: serde_json::Value) -> StoredEvent {
        StoredEvent {
            seq: 1,
            at: "2026-11-21T04:00:00Z".parse().unwrap(),
            kind: kind.into(),
            resource_kind: None,
            resource_id: None,
            resource_name: None,
            message: String::new(),
            data,
        }
    }

    #[test]
    fn events_belong_to_topics_by_their_kind() {
        use LiveTopic::{Alerts, Migrations, Operations, VmEvents, VmStatus};
        let of = |kind, data| of(&event(kind, data));
        assert_eq!(of("vm.state", json!({})), [VmStatus]);
        assert_eq!(of("vm.lost", json!({})), [VmEvents]);
        assert_eq!(of("vm.migrated", json!({})), [Migrations]);
        assert_eq!(of("migration.started", json!({})), [Migrations]);
        assert_eq!(of("alert.fired", json!(null)), [Alerts]);
        assert_eq!(of("alert.of.a.kind.to.come", json!(null)), [Alerts]);
        assert_eq!(of("operation.changed", json!({ "kind": "vm.create" })), [Operations]);
        let migrating = json!({ "kind": "vm.migrate" });
        assert_eq!(of("operation.changed", migrating), [Operations, Migrations]);
        assert!(of("image.created", json!({})).is_empty());
        assert!(of("vmware.added", json!({})).is_empty() && of("", json!({})).is_empty());
    }

    #[test]
    fn d6_whoever_may_not_read_vms_gets_none_of_them() {
        // Today readers may read all of it; what a topic needs is what its list needs.
        let tells_vms =
            LiveTopic::ALL.iter().filter(|it| needs(**it).contains(&Permission::VmRead));
        let named: Vec<_> = tells_vms.map(|topic| topic.as_str()).collect();
        assert_eq!(named, ["vm:metrics", "vm:status", "vm:events", "migrations"]);
        assert!(LiveTopic::ALL.iter().all(|topic| !needs(*topic).is_empty()));
        let reader = Actor { name: "token:x".into(), role: Role::Reader };
        assert!(check(&reader, LiveTopic::ALL).is_ok());
    }
}
