//! A host's storage pools.

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::Fact;
use hostler_core::storage::ObservedPool;
use hostler_libvirt_rpc::StoragePool;
use hostler_provider::{Cx, Error, Kind, Result};

use super::host::SOURCE;
use super::{PARALLEL, or_none, present};
use crate::connection::Link;
use crate::xml::pool::Pool;

/// `VIR_STORAGE_POOL_RUNNING` and `…_DEGRADED`: volumes can be used.
const USABLE: [u8; 2] = [2, 3];

impl Link {
    /// All storage pools of the host.
    pub(crate) async fn pools(&self, cx: &Cx, host: &str) -> Result<Vec<ObservedPool>> {
        let list = self
            .look(cx, "cannot list pools", |c| async move { c.list_all_storage_pools(0).await });
        let read = stream::iter(or_none(list.await)?)
            .map(|pool| async move { present(self.pool(cx, host, &pool).await) });
        let found: Vec<Option<ObservedPool>> = read.buffered(PARALLEL).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn pool(&self, cx: &Cx, host: &str, pool: &StoragePool) -> Result<ObservedPool> {
        let doing = format!("cannot read pool \"{}\"", pool.name);
        let xml =
            self.look(cx, &doing, |c| async move { c.storage_pool_xml(pool, 0).await }).await?;
        let info =
            self.look(cx, &doing, |c| async move { c.storage_pool_info(pool).await }).await?;
        let read = Pool::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
        })?;
        let active = USABLE.contains(&info.state);
        let at = cx.now();
        // A pool that is not active has zeros in its fields, which are no figures.
        let bytes = |value: u64| {
            if active {
                Fact::seen(value, SOURCE, at)
            } else {
                Fact::unavailable(SOURCE, "the pool is not active")
            }
        };
        Ok(ObservedPool {
            external_ref: pool.uuid.to_string(),
            host_ref: Some(host.to_owned()),
            name: pool.name.clone(),
            kind: read.kind,
            active,
            observed_at: at,
            capacity_bytes: bytes(info.capacity_bytes),
            allocated_bytes: bytes(info.allocation_bytes),
            available_bytes: bytes(info.available_bytes),
        })
    }
}
