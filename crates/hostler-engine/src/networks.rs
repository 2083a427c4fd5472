//! Networks, as they are told.

use std::sync::Arc;

use hostler_core::id::NetworkId;
use hostler_core::query::ListRequest;
use hostler_core::{Code, Error, Result};

use crate::{Inner, Listed, NetworkView};

/// Networks.
pub struct Networks<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Networks<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// A page of them; fields are [`NetworkView::FIELDS`].
    pub fn list(&self, request: &ListRequest) -> Listed<Arc<NetworkView>> {
        let snapshot = self.engine.fleet.snapshot();
        Inner::list(&snapshot, snapshot.networks.values(), request)
    }

    /// One of them.
    pub fn get(&self, id: NetworkId) -> Result<Arc<NetworkView>> {
        self.engine.fleet.snapshot().networks.get(&id).cloned().ok_or_else(|| {
            Error::new(Code::NetworkNotFound, format!("there is no network with the id {id}"))
        })
    }
}
