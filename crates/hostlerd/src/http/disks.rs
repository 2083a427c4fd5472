//! Disks of VMs that exist.

use hostler_api::{Page, v1};
use hostler_core::access::{self, Actor, Permission};
use hostler_core::disk::{DiskLimits, DiskState};
use hostler_core::query::{Field, Row, Value};
use hostler_core::vm::devices::{CacheMode, DiskBus, DiskSpec};
use hostler_core::vm::{Action, Admission};
use hostler_engine::{DiskView, VmView};

use super::error::Result;
use super::operations::accepted;
use super::{Api, Call, Reply, ids, lists, vms};
use crate::app::App;

const FIELDS: &[Field] = &[
    Field::text("name"),
    Field::text("state"),
    Field::text("bus"),
    Field::text("volume"),
    Field::number("capacity_bytes"),
];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::DiskList, list)
        .route(v1::DiskAttach, attach)
        .route(v1::DiskPlan, plan)
        .route(v1::DiskDetach, detach)
}

async fn list(app: App, call: Call<v1::DiskList>) -> Result<Reply<Page<v1::VmDisk>>> {
    let vm = ids::of_path(&call.path.vm)?;
    let list = format!("disks of {vm}");
    // Nobody is asked for what cannot be answered.
    app.cursors.request(&list, &call.query, FIELDS)?;
    let all = app.engine.disks().list(vm).await?;
    let view = app.engine.vms().get(vm)?;
    let rows: Vec<_> = all.into_iter().map(Listed).collect();
    let page = lists::in_order(&app, &list, &call.query, FIELDS, &[], &rows, |row| {
        disk(&row.0, &view, &call.caller.actor)
    });
    page.map(Reply::page)
}

async fn attach(app: App, call: Call<v1::DiskAttach>) -> Result<Reply<v1::Operation>> {
    let (vm, spec) = (ids::of_path(&call.path.vm)?, call.body.to_core()?);
    let taken = app.engine.disks().attach(&call.caller.actor, call.key()?, vm, spec).await?;
    accepted(&app, &call, taken).await
}

async fn plan(app: App, call: Call<v1::DiskPlan>) -> Result<Reply<v1::DiskPlanned>> {
    let (vm, spec): (_, DiskSpec) = (ids::of_path(&call.path.vm)?, call.body.to_core()?);
    let plan = app.engine.disks().plan_attach(&call.caller.actor, vm, spec).await?;
    Ok(Reply::of(v1::DiskPlanned { steps: plan.steps, changes: plan.changes }))
}

async fn detach(app: App, call: Call<v1::DiskDetach>) -> Result<Reply<v1::Operation>> {
    let (vm, name) = (ids::of_path(&call.path.vm)?, &call.path.disk);
    let (disks, deletes) = (app.engine.disks(), call.query.delete_volume);
    let taken = disks.detach(&call.caller.actor, call.key()?, vm, name, deletes).await?;
    accepted(&app, &call, taken).await
}

/// What can be done about a VM's disks.
pub(super) fn limits(limits: &DiskLimits) -> v1::DiskLimits {
    let bus = |bus: &DiskBus| match bus {
        DiskBus::Virtio => v1::DiskBus::Virtio,
        DiskBus::Scsi => v1::DiskBus::Scsi,
        DiskBus::Sata => v1::DiskBus::Sata,
        DiskBus::Ide => v1::DiskBus::Ide,
        DiskBus::Usb => v1::DiskBus::Usb,
    };
    let cache = |cache: &CacheMode| match cache {
        CacheMode::None => v1::CacheMode::None,
        CacheMode::Writethrough => v1::CacheMode::Writethrough,
        CacheMode::Writeback => v1::CacheMode::Writeback,
        CacheMode::Directsync => v1::CacheMode::Directsync,
        CacheMode::Unsafe => v1::CacheMode::Unsafe,
    };
    v1::DiskLimits {
        live_buses: limits.live_buses.iter().map(bus).collect(),
        live_cdrom: limits.live_cdrom,
        offline: limits.offline,
        offline_buses: limits.offline_buses.iter().map(bus).collect(),
        offline_cdrom: limits.offline_cdrom,
        max_per_vm: limits.max_per_vm,
        formats: limits.formats.iter().copied().map(Into::into).collect(),
        images: limits.images,
        caches: limits.caches.iter().map(cache).collect(),
        discard: limits.discard,
        shares: limits.shares,
    }
}

fn disk(view: &DiskView, vm: &VmView, actor: &Actor) -> v1::VmDisk {
    let seen = view.seen.as_ref();
    // Of one that the VM lacks, the volume that was made for it.
    let volume = match seen {
        Some(seen) => seen.volume.as_ref().map(|at| (&at.pool, &at.volume)),
        None => view.own_volume.as_ref().map(|own| (&own.pool, &own.name)),
    };
    v1::VmDisk {
        name: view.name.clone(),
        reference: seen.map(|seen| seen.external_ref.clone()),
        asked: view.asked,
        state: seen.map_or(v1::DiskState::Missing, |seen| match seen.state {
            DiskState::Attaching => v1::DiskState::Attaching,
            DiskState::Attached => v1::DiskState::Attached,
            DiskState::Detaching => v1::DiskState::Detaching,
            DiskState::Failed => v1::DiskState::Failed,
            DiskState::Unknown => v1::DiskState::Unknown,
        }),
        message: seen.and_then(|seen| seen.message.clone()),
        device: seen.map(|seen| seen.device.clone()),
        bus: seen.and_then(|seen| seen.bus.clone()),
        pool: volume.map(|(pool, _)| pool.clone()),
        volume: volume.map(|(_, volume)| volume.clone()),
        source: seen.and_then(|seen| seen.source.clone()),
        capacity_bytes: seen.and_then(|seen| seen.capacity_bytes),
        read_only: seen.map(|seen| seen.read_only),
        own_volume: view.own_volume.is_some(),
        detach: verdict(view, vm, actor),
    }
}

/// Whether this caller can detach it now.
fn verdict(view: &DiskView, vm: &VmView, actor: &Actor) -> v1::ActionVerdict {
    if let Err(error) = access::may(actor, Permission::VmUpdate) {
        return vms::denied(error.code().as_str(), error.message());
    }
    let admitted = match vm.admit(Action::DetachDisk) {
        Admission::Start | Admission::AlreadyThere => None,
        Admission::Denied(denial) => Some(denial),
    };
    match admitted.as_ref().or(view.fixed.as_ref()) {
        Some(denial) => vms::denied(denial.code.as_str(), &denial.message),
        None => vms::allowed(false),
    }
}

/// A disk as a row of a list.
struct Listed(DiskView);

impl Row for Listed {
    fn id(&self) -> String {
        self.0.seen.as_ref().map_or_else(|| self.0.name.clone(), |seen| seen.external_ref.clone())
    }

    fn value(&self, field: &str) -> Value<'_> {
        let seen = self.0.seen.as_ref();
        match field {
            "name" => self.0.name.as_str().into(),
            "state" => seen.map_or("missing", |seen| seen.state.as_str()).into(),
            "bus" => seen.and_then(|seen| seen.bus.as_deref()).into(),
            "volume" => {
                seen.and_then(|seen| seen.volume.as_ref()).map(|at| at.volume.as_str()).into()
            }
            "capacity_bytes" => seen.and_then(|seen| seen.capacity_bytes).into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.0.name.to_lowercase().contains(needle)
    }
}
