//! What newer versions of a cluster's product would change, as rows of a table.

use hostler_api::v1;
use serde::Deserialize;

use crate::output::{Column, Resource, text};

/// What one newer version changes of one feature.
#[derive(Deserialize)]
pub(super) struct Upgraded {
    version: String,
    change: v1::ClusterFeatureChange,
}

impl Upgraded {
    /// Each change of each newer version.
    pub(super) fn all(capabilities: &v1::ClusterCapabilities) -> Vec<Self> {
        let of = |upgrade: &v1::ClusterUpgrade| {
            let version = upgrade.version.clone();
            let changes = upgrade.changes.clone().into_iter();
            changes.map(move |change| Self { version: version.clone(), change })
        };
        capabilities.upgrades.iter().flat_map(of).collect()
    }
}

impl Resource for Upgraded {
    const NOUN: &'static str = "upgrade";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("to", |it, _| text(it.version.as_str())),
        Column::new("feature", |it, _| text(it.change.name.as_str())),
        Column::new("turns", |it, _| text(if it.change.turns_on { "on" } else { "off" })),
        Column::new("why", |it, _| text(it.change.why.as_str())),
    ];

    fn id(&self) -> String {
        self.change.name.clone()
    }
}
