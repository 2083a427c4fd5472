//! A host's storage pools.
//!
//! A pool that exists and cannot be read is told as such: left out, it would
//! look deleted, and failing for it would hide all others.

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::storage::ObservedPool;
use hostler_core::{Fact, Timestamp};
use hostler_libvirt_rpc::StoragePool;
use hostler_provider::{Cx, Error, Kind, Result};

use super::host::SOURCE;
use super::{PARALLEL, or_none, present, unreadable};
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
            .map(|pool| async move { self.pool_or_why_not(cx, host, &pool).await });
        let found: Vec<Option<ObservedPool>> = read.buffered(PARALLEL).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The pool; `None` when it vanished meanwhile.
    async fn pool_or_why_not(
        &self,
        cx: &Cx,
        host: &str,
        pool: &StoragePool,
    ) -> Result<Option<ObservedPool>> {
        let why = match unreadable(self.pool(cx, host, pool).await)? {
            None => return Ok(None),
            Some(Ok(read)) => return Ok(Some(read)),
            Some(Err(why)) => why,
        };
        tracing::warn!(pool = %pool.name, error = %why, raw = why.raw(), "a pool cannot be read");
        let doing = format!("cannot look at pool \"{}\"", pool.name);
        let active =
            self.look(cx, &doing, |c| async move { c.storage_pool_is_active(pool).await }).await;
        Ok(present(active)?.map(|active| unread(host, pool, active, cx.now(), &why)))
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

/// A pool of which nothing is known but that it is there.
fn unread(
    host: &str,
    pool: &StoragePool,
    active: bool,
    at: Timestamp,
    why: &Error,
) -> ObservedPool {
    let bytes = || Fact::unavailable(SOURCE, why.message());
    ObservedPool {
        external_ref: pool.uuid.to_string(),
        host_ref: Some(host.to_owned()),
        name: pool.name.clone(),
        kind: "unknown".to_owned(),
        active,
        observed_at: at,
        capacity_bytes: bytes(),
        allocated_bytes: bytes(),
        available_bytes: bytes(),
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::Quality;
    use hostler_libvirt_rpc::Uuid;

    use super::*;

    #[test]
    fn x17_a_pool_that_cannot_be_read_is_neither_gone_nor_empty() {
        let pool = StoragePool { name: "p".into(), uuid: Uuid([7; 16]) };
        let bad = Error::new(Kind::Bug, "cannot read pool \"p\": it makes no sense").with_raw("<");
        let Ok(Some(Err(why))) = unreadable::<ObservedPool>(Err(bad)) else {
            panic!("it was dropped")
        };
        let seen = unread("h", &pool, true, Timestamp::from_millis(5), &why);
        assert_eq!((seen.external_ref, seen.kind.as_str()), (pool.uuid.to_string(), "unknown"));
        for fact in [seen.capacity_bytes, seen.allocated_bytes, seen.available_bytes] {
            assert_eq!((fact.value(), fact.quality()), (None, Quality::Unavailable));
            assert_eq!(fact.reason(), Some("cannot read pool \"p\": it makes no sense"));
        }
    }
}
