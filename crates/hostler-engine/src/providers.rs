//! Providers: attaching, adding and removing connections to places where VMs run.

use std::sync::Arc;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::id::ProviderId;
use hostler_core::query::ListRequest;
use hostler_core::{Code, Error, Result};
use hostler_provider::Provider;
use hostler_store::ProviderRow;

use crate::fleet::Entry;
use crate::{Inner, Listed, ProviderView, collect, reconcile};

/// Providers.
pub struct Providers<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Providers<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// A page of them; fields are [`ProviderView::FIELDS`].
    pub fn list(&self, request: &ListRequest) -> Listed<Arc<ProviderView>> {
        let snapshot = self.engine.fleet.snapshot();
        Inner::list(&snapshot, snapshot.providers.values(), request)
    }

    /// One of them.
    pub fn get(&self, id: ProviderId) -> Result<Arc<ProviderView>> {
        self.engine.fleet.snapshot().providers.get(&id).cloned().ok_or_else(|| not_found(id))
    }

    /// An id for a provider that is about to be added.
    pub fn next_id(&self) -> ProviderId {
        self.engine.ids.next(ProviderId::new)
    }

    /// Attaches a provider whose row is stored: its things are shown from its
    /// first inventory on.
    pub async fn attach(&self, row: ProviderRow, provider: Arc<dyn Provider>) -> Result<()> {
        let id = row.id;
        let known = self.engine.store.resources(id).await?;
        let given = self.engine.store.provider_secret(id).await?.as_ref().map(Into::into);
        let declared = self.engine.store.declared_hardware().await?.remove(&id);
        self.engine.clusters.load(id, declared.unwrap_or_default(), given);
        self.engine.fleet.attach(Entry::new(row, provider), known);
        reconcile::watch_provider(self.engine, id);
        collect::watch_provider(self.engine, id);
        self.engine.recover.notify_one();
        Ok(())
    }

    /// Adds a provider.
    pub async fn add(
        &self,
        actor: &Actor,
        row: ProviderRow,
        provider: Arc<dyn Provider>,
    ) -> Result<Arc<ProviderView>> {
        access::may(actor, Permission::ProviderManage)?;
        let id = row.id;
        let message = format!("provider {} was added by {actor}", row.name);
        let told = ("provider", id.to_string(), row.name.as_str());
        let event = self.engine.event("provider.added", told, message);
        self.engine.store.insert_provider(&row, &[event]).await?;
        self.engine.bus.poke();
        self.attach(row, provider).await?;
        self.get(id)
    }

    /// Removes a provider. Nothing there is touched; refused while Hostler
    /// manages VMs there.
    pub async fn remove(&self, actor: &Actor, id: ProviderId) -> Result<()> {
        access::may(actor, Permission::ProviderManage)?;
        let view = self.get(id)?;
        if view.row.from_config {
            let message = format!(
                "provider {} is given in the server's configuration; remove it there",
                view.row.name
            );
            return Err(Error::new(Code::ProviderConflict, message));
        }
        let managed = {
            let state = self.engine.fleet.read();
            state.rows.values().filter(|row| row.provider == Some(id)).count()
        };
        if managed > 0 {
            let message = format!(
                "Hostler manages {managed} VMs at provider {}; delete those that it made, and \
                 release those that were adopted, which changes nothing of them",
                view.row.name
            );
            return Err(Error::new(Code::ProviderConflict, message));
        }
        let message = format!("provider {} was removed by {actor}", view.row.name);
        let told = ("provider", id.to_string(), view.row.name.as_str());
        let event = self.engine.event("provider.removed", told, message);
        self.engine.store.delete_provider(id, &[event]).await?;
        self.engine.fleet.detach(id);
        self.engine.clusters.forget(id);
        self.engine.bus.poke();
        Ok(())
    }

    /// Waits until every provider has answered or failed to once, so that a
    /// server says that it is ready when it has something to show.
    pub async fn first_look(&self, patience: std::time::Duration) {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            if !self.engine.fleet.is_connecting() || tokio::time::Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

fn not_found(id: ProviderId) -> Error {
    Error::new(Code::ProviderNotFound, format!("there is no provider with the id {id}"))
}
