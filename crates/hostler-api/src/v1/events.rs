//! Events: what happened, in order, resumable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ResourceRef, endpoint};
use crate::value::Time;
use crate::{ListQuery, Page};

endpoint! {
    /// List past events, newest first.
    ///
    /// Filters by `kind` and `resource` (an id).
    EventList {
        id: "event_list", tag: "events", GET "/api/v1/events/history",
        needs: OperationRead,
        query: ListQuery,
        reply: Json Page<Event>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Follow events (server-sent events).
    ///
    /// Each has its sequence number as `id:`; `Last-Event-ID` or `since` resumes
    /// after it. `event: resync` says that some were lost: read the lists again.
    /// A comment comes every 15 seconds when nothing else does.
    EventStream {
        id: "event_stream", tag: "events", GET "/api/v1/events",
        needs: OperationRead,
        query: EventQuery,
        reply: EventStream Event,
        errors: [QueryInvalid, EventsExpired],
    }
}

endpoint! {
    /// Follow events (WebSocket).
    ///
    /// The same events, one JSON text message each; `{"type":"resync"}` says
    /// that some were lost. Subprotocol `hostler.events.v1`.
    EventSocket {
        id: "event_socket", tag: "events", GET "/api/v1/events/socket",
        needs: OperationRead,
        query: EventQuery,
        reply: WebSocket Event,
        errors: [QueryInvalid, EventsExpired, OriginDenied],
    }
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Only events after this sequence number; from now on when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Only these kinds, separated by commas; a trailing `.*` takes all of a family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Grows by every event.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// What: `vm.state`, `vm.created`, `vm.deleted`, `vm.updated`, `vm.found`, `vm.lost`,
    /// `vm.adopted`, `vm.ignored`, `vm.offered`, `vm.released`, `vm.migrated`,
    /// `operation.changed`, `provider.state`, `image.created`, `image.deleted`, `template.created`,
    /// `template.deployed`, `template.deleted`, `volume.created`, `volume.deleted`,
    /// `volume.kept`, `snapshot.created`, `snapshot.reverted`, `snapshot.deleted`, `vm.cloned`,
    /// `disk.attached`, `disk.detached` …
    #[serde(rename = "type")]
    pub kind: String,
    /// To what.
    pub resource: Option<ResourceRef>,
    /// One line for people.
    pub message: String,
    /// More, by kind of event.
    pub data: serde_json::Value,
}
