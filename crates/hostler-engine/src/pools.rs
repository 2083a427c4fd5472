//! Pools, as they are told.

use std::sync::Arc;

use hostler_core::id::PoolId;
use hostler_core::query::ListRequest;
use hostler_core::{Code, Error, Result};

use crate::{Inner, Listed, PoolView};

/// Pools.
pub struct Pools<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Pools<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// A page of them; fields are [`PoolView::FIELDS`].
    pub fn list(&self, request: &ListRequest) -> Listed<Arc<PoolView>> {
        let snapshot = self.engine.fleet.snapshot();
        Inner::list(&snapshot, snapshot.pools.values(), request)
    }

    /// One of them.
    pub fn get(&self, id: PoolId) -> Result<Arc<PoolView>> {
        self.engine.fleet.snapshot().pools.get(&id).cloned().ok_or_else(|| {
            Error::new(Code::PoolNotFound, format!("there is no pool with the id {id}"))
        })
    }
}
