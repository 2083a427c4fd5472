//! Snapshots of VMs.

use hostler_api::{Page, Time, v1};
use hostler_core::query::{Field, Row, Value};
use hostler_core::snapshot::{
    Consistency, ObservedSnapshot, Quiesce, SnapshotContent, SnapshotLimits, SnapshotSpec,
    SnapshotState,
};

use super::error::Result;
use super::facts::Telling;
use super::operations::accepted;
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;

const FIELDS: &[Field] = &[
    Field::text("name"),
    Field::text("state"),
    Field::text("content"),
    Field::text("consistency"),
    Field::number("taken_at"),
];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::SnapshotList, list)
        .route(v1::SnapshotCreate, create)
        .route(v1::SnapshotRevert, revert)
        .route(v1::SnapshotDelete, delete)
}

async fn list(app: App, call: Call<v1::SnapshotList>) -> Result<Reply<Page<v1::Snapshot>>> {
    let vm = ids::of_path(&call.path.vm)?;
    let list = format!("snapshots of {vm}");
    // Nobody is asked for what cannot be answered.
    app.cursors.request(&list, &call.query, FIELDS)?;
    let all = app.engine.snapshots().list(vm).await?;
    let rows: Vec<_> = all.into_iter().map(Listed).collect();
    let page = lists::in_order(&app, &list, &call.query, FIELDS, &["taken_at"], &rows, |row| {
        snapshot(&row.0)
    });
    page.map(Reply::page)
}

async fn create(app: App, call: Call<v1::SnapshotCreate>) -> Result<Reply<v1::Operation>> {
    let vm = ids::of_path(&call.path.vm)?;
    let spec = spec(&call.body);
    let taken = app.engine.snapshots().create(&call.caller.actor, call.key()?, vm, spec).await?;
    accepted(&app, &call, taken).await
}

async fn revert(app: App, call: Call<v1::SnapshotRevert>) -> Result<Reply<v1::Operation>> {
    let (vm, name) = (ids::of_path(&call.path.vm)?, &call.path.snapshot);
    let taken = app.engine.snapshots().revert(&call.caller.actor, call.key()?, vm, name).await?;
    accepted(&app, &call, taken).await
}

async fn delete(app: App, call: Call<v1::SnapshotDelete>) -> Result<Reply<v1::Operation>> {
    let (vm, name) = (ids::of_path(&call.path.vm)?, &call.path.snapshot);
    let taken = app.engine.snapshots().delete(&call.caller.actor, call.key()?, vm, name).await?;
    accepted(&app, &call, taken).await
}

/// What snapshots of a VM can do.
pub(super) fn limits(limits: SnapshotLimits) -> v1::SnapshotLimits {
    let SnapshotLimits { live, memory, quiesce, tree, reverts_live, max_per_vm } = limits;
    v1::SnapshotLimits { live, memory, quiesce, tree, reverts_live, max_per_vm }
}

fn spec(body: &v1::SnapshotRequest) -> SnapshotSpec {
    SnapshotSpec {
        name: body.name.clone(),
        description: body.description.clone(),
        content: match body.content {
            v1::SnapshotContent::Disks => SnapshotContent::Disks,
            v1::SnapshotContent::DisksAndMemory => SnapshotContent::DisksAndMemory,
        },
        quiesce: match body.quiesce {
            v1::Quiesce::Wanted => Quiesce::Wanted,
            v1::Quiesce::Required => Quiesce::Required,
        },
    }
}

fn snapshot(seen: &ObservedSnapshot) -> v1::Snapshot {
    let told = Telling::of(None);
    v1::Snapshot {
        id: seen.tag.map(|id| id.to_string()),
        reference: seen.external_ref.clone(),
        name: seen.name.clone(),
        state: match seen.state {
            SnapshotState::Creating => v1::SnapshotState::Creating,
            SnapshotState::Ready => v1::SnapshotState::Ready,
            SnapshotState::Failed => v1::SnapshotState::Failed,
            SnapshotState::Deleting => v1::SnapshotState::Deleting,
            SnapshotState::Unknown => v1::SnapshotState::Unknown,
        },
        message: seen.message.clone(),
        description: seen.description.clone(),
        parent: seen.parent.value().cloned().flatten(),
        is_current: told.fact(&seen.is_current),
        content: told.fact_as(&seen.content, |content| match content {
            SnapshotContent::Disks => v1::SnapshotContent::Disks,
            SnapshotContent::DisksAndMemory => v1::SnapshotContent::DisksAndMemory,
        }),
        consistency: told.fact_as(&seen.consistency, |consistency| match consistency {
            Consistency::Offline => v1::SnapshotConsistency::Offline,
            Consistency::Quiesced => v1::SnapshotConsistency::Quiesced,
            Consistency::Crash => v1::SnapshotConsistency::Crash,
            Consistency::Memory => v1::SnapshotConsistency::Memory,
        }),
        taken_at: told.fact_as(&seen.taken_at, |at| Time(*at)),
        disks: told.fact(&seen.disks),
        disks_left_out: told.fact(&seen.disks_left_out),
    }
}

/// A snapshot as a row of a list; its reference is unique among those of its VM.
struct Listed(ObservedSnapshot);

impl Row for Listed {
    fn id(&self) -> String {
        self.0.external_ref.clone()
    }

    fn value(&self, field: &str) -> Value<'_> {
        let seen = &self.0;
        match field {
            "name" => seen.name.as_str().into(),
            "state" => seen.state.as_str().into(),
            "content" => seen.content.value().map(|content| content.as_str()).into(),
            "consistency" => seen.consistency.value().map(|how| how.as_str()).into(),
            "taken_at" => seen.taken_at.value().map(|at| at.as_micros()).into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(needle);
        has(&self.0.name) || self.0.description.as_deref().is_some_and(has)
    }
}
