//! Storage pools. Of libvirt's calls about one each can wait for its storage, be
//! it only because a refresh of another client does; listing waits for them all.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::metrics::Metric::*;
use hostler_core::metrics::{Labels, Point};
use hostler_libvirt_rpc::{StoragePool, StoragePoolInfo};
use hostler_provider::{Cx, Error, Kind, Measured, PoolRef, Result};

use super::{hanging, is_of_host};
use crate::Libvirt;
use crate::seats::{Seats, Told};

/// Calls about pools at once.
const AT_ONCE: usize = 1;
/// Calls that hang besides.
const BENCH: usize = 1;
/// All of them.
#[cfg(test)]
pub(super) const CALLS: usize = AT_ONCE + BENCH;
/// How long one call may take. The state of VMs waits for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long all of them together may take.
const ALL_PATIENCE: Duration = Duration::from_secs(3);

/// What is remembered of pools.
pub(super) struct Pools {
    seats: Seats,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// As last listed.
    list: Vec<StoragePool>,
    /// Of whom a call has not ended; an empty name is that of the list.
    asked: HashSet<String>,
}

/// Marks a call as ended when it is dropped.
struct Asking {
    known: Arc<Mutex<Known>>,
    name: String,
}

impl Drop for Asking {
    fn drop(&mut self) {
        lock(&self.known).asked.remove(&self.name);
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pools {
    pub(super) fn new() -> Self {
        Self { seats: Seats::new(AT_ONCE, BENCH), known: Arc::default() }
    }

    /// `None` while an earlier call about the same has not ended.
    fn begin(&self, name: &str) -> Option<Asking> {
        let is_new = lock(&self.known).asked.insert(name.to_owned());
        is_new.then(|| Asking { known: self.known.clone(), name: name.to_owned() })
    }
}

impl Libvirt {
    /// The pools that can be measured now.
    pub(super) async fn measure_pools(
        &self,
        cx: &Cx,
        host: &str,
    ) -> Result<Vec<Measured<PoolRef>>> {
        let cx = &cx.at_most(ALL_PATIENCE.min(cx.remaining() / 2));
        let pools = self.list_pools(cx).await?;
        let measured = stream::iter(pools).map(|pool| async move {
            let told = self.measure_pool(cx, &pool).await?;
            let of = PoolRef { host_ref: Some(host.to_owned()), name: pool.name };
            Ok(told.map(|info| Measured { of, at: cx.now(), points: points(&info) }))
        });
        let measured: Vec<_> = measured.buffered(AT_ONCE).try_collect().await?;
        Ok(measured.into_iter().flatten().collect())
    }

    /// The list; the last one while one of the pools holds it up.
    async fn list_pools(&self, cx: &Cx) -> Result<Vec<StoragePool>> {
        let known = || lock(&self.measuring.pools.known).list.clone();
        let Some(asking) = self.measuring.pools.begin("") else { return Ok(known()) };
        let (link, doing) = (self.link.clone(), "cannot list pools".to_owned());
        let call = async move {
            let listed =
                hanging(link, doing, None, |c| async move { c.list_all_storage_pools(0).await });
            let listed = listed.await;
            drop(asking);
            listed
        };
        match self.measuring.pools.seats.ask(PATIENCE.min(cx.remaining()), call).await {
            Told::Answer(Ok(list)) => {
                lock(&self.measuring.pools.known).list.clone_from(&list);
                Ok(list)
            }
            Told::Answer(Err(error)) if error.kind() == Kind::Unsupported => Ok(Vec::new()),
            Told::Answer(Err(error)) => Err(error),
            Told::Late | Told::NotAsked => Ok(known()),
        }
    }

    /// What a pool has; `None` when it is gone or does not tell.
    async fn measure_pool(&self, cx: &Cx, pool: &StoragePool) -> Result<Option<StoragePoolInfo>> {
        if cx.remaining().is_zero() {
            return Ok(None);
        }
        let Some(asking) = self.measuring.pools.begin(&pool.name) else { return Ok(None) };
        let doing = format!("cannot measure pool \"{}\"", pool.name);
        let (link, of) = (self.link.clone(), pool.clone());
        let call = async move {
            let told =
                hanging(link, doing, None, |c| async move { c.storage_pool_info(&of).await });
            let told = told.await;
            drop(asking);
            told
        };
        let unless_of_host = |error: Error| if is_of_host(&error) { Err(error) } else { Ok(None) };
        match self.measuring.pools.seats.ask(PATIENCE.min(cx.remaining()), call).await {
            Told::Answer(told) => told.map(Some).or_else(unless_of_host),
            Told::Late | Told::NotAsked => {
                tracing::debug!(pool = %pool.name, "a pool was not measured: it does not answer");
                Ok(None)
            }
        }
    }
}

fn points(info: &StoragePoolInfo) -> Vec<Point> {
    let state = match info.state {
        0 => "inactive",
        1 => "building",
        2 => "running",
        3 => "degraded",
        4 => "inaccessible",
        _ => return Vec::new(),
    };
    let mut points = vec![Point::labelled(PoolState, Labels::one(state), 1.0)];
    // Of one that cannot be used there are zeros in the fields, which are no figures.
    if matches!(info.state, 2 | 3) {
        points.extend([
            Point::plain(PoolCapacityBytes, info.capacity_bytes as f64),
            Point::plain(PoolAllocatedBytes, info.allocation_bytes as f64),
            Point::plain(PoolAvailableBytes, info.available_bytes as f64),
        ]);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x17_a_pool_that_is_not_active_has_a_state_and_no_figures() {
        let info = |state| StoragePoolInfo {
            state,
            capacity_bytes: 9,
            allocation_bytes: 4,
            available_bytes: 5,
        };
        for (state, count) in [(0, 1), (1, 1), (2, 4), (3, 4), (4, 1), (9, 0)] {
            let told = points(&info(state));
            assert_eq!(told.len(), count, "{told:?}");
            assert!(told.iter().all(Point::is_sound));
        }
    }

    #[test]
    fn f7_a_pool_whose_call_hangs_is_not_asked_again_until_it_ends() {
        let pools = Pools::new();
        let asking = pools.begin("a").unwrap();
        assert!(pools.begin("a").is_none());
        assert!(pools.begin("b").is_some());
        drop(asking);
        assert!(pools.begin("a").is_some());
    }
}
