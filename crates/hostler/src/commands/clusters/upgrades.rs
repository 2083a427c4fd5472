//! What newer versions of a cluster's product would change, as rows of a table.

use hostler_api::v1;
use serde::Deserialize;

use crate::output::{Column, Resource, opt, text};

/// What one newer version changes of one feature; or that it changes nothing.
#[derive(Deserialize)]
pub(super) struct Upgraded {
    version: String,
    change: Option<v1::ClusterFeatureChange>,
}

impl Upgraded {
    /// Each change of each newer version, and each version that changes nothing.
    pub(super) fn all(upgrades: &[v1::ClusterUpgrade]) -> Vec<Self> {
        let of = |upgrade: &v1::ClusterUpgrade| {
            let version = || upgrade.version.clone();
            let changes = upgrade.changes.iter().cloned().map(Some);
            let mut rows: Vec<Self> =
                changes.map(|change| Self { version: version(), change }).collect();
            if rows.is_empty() {
                rows.push(Self { version: version(), change: None });
            }
            rows
        };
        upgrades.iter().flat_map(of).collect()
    }

    /// What is said in place of a table where there is none.
    pub(super) fn nothing(upgrades: &hostler_api::Fact<Vec<v1::ClusterUpgrade>>) -> String {
        match &upgrades.value {
            Some(_) => "no newer version is known".to_owned(),
            None => {
                let why = upgrades.reason.as_deref().unwrap_or(&upgrades.quality);
                format!("what they would change is not known: {why}")
            }
        }
    }
}

impl Resource for Upgraded {
    const NOUN: &'static str = "upgrade";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("to", |it, _| text(it.version.as_str())),
        Column::new("feature", |it, _| match &it.change {
            Some(change) => text(change.name.as_str()),
            None => text("nothing"),
        }),
        Column::new("turns", |it, _| {
            opt(it.change.as_ref().map(|change| if change.turns_on { "on" } else { "off" }))
        }),
        Column::new("why", |it, _| opt(it.change.as_ref().map(|change| &change.why))),
        Column::new("inferred", |it, _| {
            opt(it.change.as_ref().map(|change| if change.inferred { "yes" } else { "no" }))
        }),
    ];

    fn id(&self) -> String {
        self.version.clone()
    }
}
