//! Volumes.

use hostler_api::v1;
use hostler_api::{Page, Ref};
use hostler_core::query::{Field, Row, Value};
use hostler_engine::{VolumeCreateRequest, VolumeView};

use super::error::Result;
use super::operations::accepted;
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;

const FIELDS: &[Field] = &[
    Field::text("name"),
    Field::text("format"),
    Field::number("capacity_bytes"),
    Field::number("allocated_bytes"),
];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::VolumeList, list)
        .route(v1::VolumeCreate, create)
        .route(v1::VolumePlan, plan)
        .route(v1::VolumeDelete, delete)
}

async fn list(app: App, call: Call<v1::VolumeList>) -> Result<Reply<Page<v1::Volume>>> {
    let pool = ids::of_path(&call.path.pool)?;
    let rows: Vec<_> = app.engine.volumes().list(pool).await?.into_iter().map(Listed).collect();
    let list = format!("volumes of {pool}");
    lists::of_rows(&app, &list, &call.query, FIELDS, &rows, |row| volume(&row.0)).map(Reply::page)
}

async fn create(app: App, call: Call<v1::VolumeCreate>) -> Result<Reply<v1::Operation>> {
    let request = request(&call.path, &call.body)?;
    let taken = app.engine.volumes().create(&call.caller.actor, call.key()?, &request).await?;
    accepted(&app, &call, taken).await
}

async fn plan(app: App, call: Call<v1::VolumePlan>) -> Result<Reply<v1::VolumePlanned>> {
    let request = request(&call.path, &call.body)?;
    let plan = app.engine.volumes().plan(&call.caller.actor, &request).await?;
    let (provider, name) = &plan.pool.provider;
    Ok(Reply::of(v1::VolumePlanned {
        pool: Ref::new(plan.pool.id, &plan.pool.observed.name),
        provider: Ref::new(provider, name),
        steps: plan.steps,
        changes: plan.changes,
    }))
}

async fn delete(app: App, call: Call<v1::VolumeDelete>) -> Result<Reply<v1::Operation>> {
    let (pool, volume) = (ids::of_path(&call.path.pool)?, &call.path.volume);
    let volumes = app.engine.volumes();
    let taken = volumes.delete(&call.caller.actor, call.key()?, pool, volume).await?;
    accepted(&app, &call, taken).await
}

fn request(path: &v1::PoolPath, body: &v1::VolumeRequest) -> Result<VolumeCreateRequest> {
    let v1::VolumeRequest { name, capacity_bytes, format } = body.clone();
    Ok(VolumeCreateRequest {
        pool: ids::of_path(&path.pool)?,
        name,
        capacity_bytes,
        format: format.map(Into::into),
    })
}

fn volume(view: &VolumeView) -> v1::Volume {
    let seen = &view.observed;
    v1::Volume {
        name: seen.name.clone(),
        format: seen.format.clone(),
        capacity_bytes: seen.capacity_bytes,
        allocated_bytes: seen.allocated_bytes,
        path: seen.path.clone(),
        backing: seen.backing.clone(),
        used_by: view.used_by.as_ref().map(|(id, name)| Ref::new(id, name)),
    }
}

/// A volume as a row of a list; its name is unique within the pool.
struct Listed(VolumeView);

impl Row for Listed {
    fn id(&self) -> String {
        self.0.observed.name.clone()
    }

    fn value(&self, field: &str) -> Value<'_> {
        let seen = &self.0.observed;
        match field {
            "name" => seen.name.as_str().into(),
            "format" => seen.format.as_deref().into(),
            "capacity_bytes" => seen.capacity_bytes.into(),
            "allocated_bytes" => seen.allocated_bytes.into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.0.observed.name.to_lowercase().contains(needle)
    }
}
