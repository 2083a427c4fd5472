//! Clones of VMs.

use hostler_api::v1;
use hostler_core::clone::CloneLimits;
use hostler_engine::CloneRequest;

use super::error::Result;
use super::operations::accepted;
use super::{Api, Call, Reply, ids};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::VmClone, create)
}

async fn create(app: App, call: Call<v1::VmClone>) -> Result<Reply<v1::Operation>> {
    let vm = ids::of_path(&call.path.vm)?;
    let v1::VmCloneRequest { name, snapshot, start } = call.body.clone();
    let request = CloneRequest { name, snapshot, start };
    let made = app.engine.clones().create(&call.caller.actor, call.key()?, vm, request).await?;
    accepted(&app, &call, made).await
}

/// What clones of a VM can do.
pub(super) fn limits(limits: CloneLimits) -> v1::CloneLimits {
    let CloneLimits { live, snapshots } = limits;
    v1::CloneLimits { live, snapshots }
}
