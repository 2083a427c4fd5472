//! The labels by which things are known in metrics, the same on `/metrics` and
//! in the history. Made-up data bears one, so that no dashboard can mistake it
//! (X17).

use hostler_core::metrics::OwnerLabel;
use hostler_provider::ContainerRef;

use crate::{HostView, PoolView, ProviderView, VmView};

impl VmView {
    /// Its labels; `id` is its own id as text.
    pub fn metric_labels<'a>(&'a self, id: &'a str) -> Vec<OwnerLabel<'a>> {
        let mut labels = vec![
            ("vm", self.name.as_str()),
            ("vm_id", id),
            ("host", self.host.as_ref().map_or("", |(_, name)| name.as_str())),
            ("provider", self.provider.as_ref().map_or("", |(_, name)| name.as_str())),
            ("project", self.project.as_deref().unwrap_or_default()),
        ];
        labels.extend(made_up(self.simulated));
        labels
    }
}

impl HostView {
    /// Its labels.
    pub fn metric_labels(&self) -> Vec<OwnerLabel<'_>> {
        let name = self.observed.host.name.as_str();
        let mut labels = vec![("host", name), ("provider", self.provider.1.as_str())];
        labels.extend(made_up(self.simulated));
        labels
    }
}

impl PoolView {
    /// Its labels.
    pub fn metric_labels(&self) -> Vec<OwnerLabel<'_>> {
        let host = self.host.as_ref().map_or("", |(_, name)| name.as_str());
        let mut labels = vec![
            ("pool", self.observed.name.as_str()),
            ("host", host),
            ("provider", self.provider.1.as_str()),
        ];
        labels.extend(made_up(self.simulated));
        labels
    }
}

impl ProviderView {
    /// Its labels.
    pub fn metric_labels(&self) -> Vec<OwnerLabel<'_>> {
        let mut labels = vec![("provider", self.row.name.as_str())];
        labels.extend(made_up(self.simulated));
        labels
    }
}

/// A container where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerView {
    /// Which, by its engine.
    pub container: ContainerRef,
    /// The name of the machine that it runs on.
    pub host: String,
    /// Whether it is made up.
    pub simulated: bool,
}

impl ContainerView {
    /// Its labels.
    pub fn metric_labels(&self) -> Vec<OwnerLabel<'_>> {
        let mut labels = vec![
            ("container", self.container.name.as_str()),
            ("container_id", self.container.id.as_str()),
            ("host", self.host.as_str()),
            ("engine", self.container.engine),
        ];
        labels.extend(made_up(self.simulated));
        labels
    }
}

pub(super) fn made_up(is: bool) -> Option<OwnerLabel<'static>> {
    is.then_some(("simulated", "true"))
}
