//! A simulated world that is a cluster, where a test or the demo makes it one. What it tells
//! is what it was given, and as made up as all else here.

use async_trait::async_trait;
use hostler_core::cluster::{
    Capabilities, Feature, FeatureChange, Hardware, Health, Report, Stage, StorageClass, Upgrade,
    WatchLag,
};
use hostler_core::{Fact, Timestamp};
use hostler_provider::{Cluster, Cx, Result};
use std::time::Duration;

use crate::verb::Verb;
use crate::world::World;
use crate::world::state::SOURCE;
use crate::{Sim, Target};

impl World {
    /// Makes the world a cluster that tells this when it is asked. Its capabilities are
    /// detected whenever it is.
    pub fn set_cluster(&self, report: Report) {
        *self.cluster_slot() = Some(report);
    }

    /// Whether it is a cluster.
    pub fn is_cluster(&self) -> bool {
        self.cluster_slot().is_some()
    }

    fn report(&self, now: Timestamp) -> Report {
        let mut report = self.cluster_slot().clone().unwrap_or_default();
        if let Some(capabilities) = &mut report.capabilities {
            capabilities.detected_at = now;
            if let Some(upgrades) = capabilities.upgrades.value().cloned() {
                capabilities.upgrades = Fact::seen(upgrades, SOURCE, now);
            }
        }
        report
    }
}

#[async_trait]
impl Cluster for Sim {
    async fn report(&self, cx: &Cx) -> Result<Report> {
        self.call(cx, Verb::Report, Target::Everything, async { Ok(self.world.report(cx.now())) })
            .await
    }
}

/// A healthy cluster with something on, something off and something that is not known.
pub fn healthy() -> Report {
    let feature = |name: &str, is_on, stage, why: &str, remedy: Option<&str>| Feature {
        name: name.to_owned(),
        is_on,
        stage,
        why: format!("{why} (simulated)"),
        is_inferred: false,
        remedy: remedy.map(str::to_owned),
    };
    let gate = Some("turn its feature gate on");
    let features = vec![
        feature("GPU", Some(true), Stage::Ga, "done since 1.4", None),
        feature("HotplugNICs", Some(true), Stage::Ga, "done since 1.4", None),
        feature("HotplugVolumes", Some(true), Stage::Beta, "its feature gate is on", None),
        feature("LiveMigration", Some(true), Stage::Ga, "done since 1.0", None),
        feature("Sidecar", Some(false), Stage::Alpha, "its feature gate is off", gate),
        feature("VideoConfig", None, Stage::Unknown, "nothing is known of it", None),
    ];
    let change = FeatureChange {
        name: "Sidecar".to_owned(),
        turns_on: true,
        why: "done since 1.8 (simulated)".to_owned(),
        is_inferred: false,
    };
    let upgrade = Upgrade { version: "1.8".to_owned(), changes: vec![change] };
    let hardware = |name: &str, is_there, hosts| Hardware {
        name: name.to_owned(),
        is_there: Some(is_there),
        hosts: Some(hosts),
        source: "allocatable of 1 node (simulated)".to_owned(),
    };
    let lag = |kind: &str| WatchLag {
        kind: kind.to_owned(),
        silent: Some(Duration::from_secs(2)),
        stale_since: None,
    };
    let class = |name: &str, is_default| StorageClass {
        name: name.to_owned(),
        provisioner: "simulated.hostler.example".to_owned(),
        is_default,
        can_grow: Some(true),
    };
    Report {
        health: Health::Healthy,
        reasons: Vec::new(),
        lags: vec![lag("virtualmachineinstances"), lag("virtualmachines")],
        capabilities: Some(Capabilities {
            version: Some("1.7.0".to_owned()),
            features,
            hardware: vec![hardware("hugepages-1Gi", false, 0), hardware("kvm", true, 1)],
            upgrades: Fact::seen(vec![upgrade], SOURCE, Timestamp::from_millis(0)),
            detected_at: Timestamp::from_millis(0),
        }),
        storage_classes: Some(vec![class("fast", true), class("slow", false)]),
    }
}
