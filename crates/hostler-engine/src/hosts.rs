//! Hosts, as they are told.

use std::sync::Arc;

use hostler_core::id::HostId;
use hostler_core::query::ListRequest;
use hostler_core::{Code, Error, Result};

use crate::{HostView, Inner, Listed};

/// Hosts.
pub struct Hosts<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Hosts<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// A page of them; fields are [`HostView::FIELDS`].
    pub fn list(&self, request: &ListRequest) -> Listed<Arc<HostView>> {
        let snapshot = self.engine.fleet.snapshot();
        Inner::list(&snapshot, snapshot.hosts.values(), request)
    }

    /// One of them.
    pub fn get(&self, id: HostId) -> Result<Arc<HostView>> {
        self.engine.fleet.snapshot().hosts.get(&id).cloned().ok_or_else(|| {
            Error::new(Code::HostNotFound, format!("there is no host with the id {id}"))
        })
    }
}
