//! How clusters and their parts are shown.

use hostler_api::v1;

use crate::output::{Cell, Column, Resource, View, age, list, opt, render, text};
use crate::terminal::Tone;

use super::upgrades::Upgraded;

impl Resource for v1::Cluster {
    const NOUN: &'static str = "cluster";
    const STALE: &'static str = "note: a cluster was not heard of for long; part of this is old";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |cluster, _| text(cluster.name.as_str())),
        Column::new("health", |cluster, _| health(cluster)),
        Column::new("version", |cluster, _| {
            opt(cluster.capabilities.as_ref().and_then(|it| it.version.as_ref()))
        }),
        Column::new("hosts", |cluster, _| opt(cluster.host_count)),
        Column::new("vms", |cluster, _| opt(cluster.vm_count)),
        Column::new("asked", |cluster, now| age(cluster.reported_at, now)),
        Column::new("lacks", |cluster, _| lacks(cluster)),
        Column::new("reason", |cluster, _| {
            opt(cluster.reasons.first().map(|reason| &reason.message).or(cluster.failure.as_ref()))
        }),
        Column::wide("failure", |cluster, _| opt(cluster.failure.as_ref())),
        Column::wide("kind", |cluster, _| text(cluster.kind.as_str())),
        Column::wide("source", |cluster, _| text(cluster.source.as_str())),
        Column::wide("features", |cluster, _| {
            cluster
                .capabilities
                .as_ref()
                .map_or_else(Cell::default, |it| list(&it.enabled_features))
        }),
        Column::wide("server", |cluster, _| opt(cluster.kubeconfig.as_ref().map(|it| &it.server))),
        Column::wide("context", |cluster, _| {
            opt(cluster.kubeconfig.as_ref().map(|it| &it.context))
        }),
        Column::wide("id", |cluster, _| text(cluster.id.as_str())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_simulated(&self) -> bool {
        self.simulated
    }

    fn details(&self, view: &View<'_>) -> Vec<(&'static str, String)> {
        let mut tables = Vec::new();
        let mut tell = |title, table: String| {
            if !table.is_empty() {
                tables.push((title, table));
            }
        };
        tell("Reasons", table(&self.reasons, view));
        tell("Lacks", table(self.lacks.as_deref().unwrap_or_default(), view));
        tell("Watches", table(&self.watch_lags, view));
        if let Some(capabilities) = &self.capabilities {
            tell("Hardware", table(&capabilities.hardware, view));
            let upgrades = &capabilities.upgrades;
            let rows = Upgraded::all(upgrades.value.as_deref().unwrap_or_default());
            tell(
                "Upgrades",
                match rows.is_empty() {
                    true => format!("{}\n", Upgraded::nothing(upgrades)),
                    false => table(&rows, view),
                },
            );
        }
        tell("Storage classes", table(self.storage_classes.as_deref().unwrap_or_default(), view));
        tables
    }
}

/// A table of some parts; nothing where there are none.
fn table<T: Resource>(parts: &[T], view: &View<'_>) -> String {
    if parts.is_empty() {
        return String::new();
    }
    render(&T::COLUMNS.iter().collect::<Vec<_>>(), parts.iter(), view)
}

fn health(cluster: &v1::Cluster) -> Cell {
    let tone = match cluster.health.as_str() {
        "healthy" if !cluster.stale => Tone::Good,
        "unreachable" => Tone::Bad,
        _ => Tone::Warn,
    };
    let old = if cluster.stale { " (stale)" } else { "" };
    text(format!("{}{old}", cluster.health)).toned(tone)
}

fn lacks(cluster: &v1::Cluster) -> Cell {
    match &cluster.lacks {
        None => Cell::default(),
        Some(lacks) if lacks.is_empty() => text("nothing").toned(Tone::Good),
        Some(lacks) => {
            let names: Vec<&str> = lacks.iter().map(|lack| lack.name.as_str()).collect();
            list(&names).toned(Tone::Warn)
        }
    }
}

/// A part of a cluster, which has a name and no id.
macro_rules! part {
    ($type:ty, $noun:literal, $name:ident, [$($column:expr),* $(,)?]) => {
        impl Resource for $type {
            const NOUN: &'static str = $noun;
            const COLUMNS: &'static [Column<Self>] = &[$($column),*];

            fn id(&self) -> String {
                self.$name.clone()
            }
        }
    };
}

part!(
    v1::ClusterFeature,
    "feature",
    name,
    [
        Column::new("name", |feature, _| text(feature.name.as_str())),
        Column::new("enabled", |feature, _| yes_or_no(feature.enabled)),
        Column::new("stage", |feature, _| text(feature.stage.as_str())),
        Column::new("why", |feature, _| text(feature.why.as_str())),
        Column::new("remedy", |feature, _| opt(feature.remedy.as_ref())),
        Column::wide("inferred", |feature, _| text(feature.inferred.to_string())),
    ]
);

part!(
    v1::ClusterLack,
    "lack",
    name,
    [
        Column::new("name", |lack, _| text(lack.name.as_str())),
        Column::new("kind", |lack, _| text(lack.kind.as_str())),
        Column::new("why", |lack, _| text(lack.why.as_str())),
        Column::new("remedy", |lack, _| opt(lack.remedy.as_ref())),
    ]
);

part!(
    v1::ClusterHardware,
    "hardware",
    name,
    [
        Column::new("name", |hardware, _| text(hardware.name.as_str())),
        Column::new("present", |hardware, _| yes_or_no(hardware.present)),
        Column::new("hosts", |hardware, _| opt(hardware.hosts)),
        Column::new("source", |hardware, _| text(hardware.source.as_str())),
    ]
);

part!(
    v1::ClusterReason,
    "reason",
    code,
    [
        Column::new("code", |reason, _| text(reason.code.as_str())),
        Column::new("warning", |reason, _| text(reason.warning.to_string())),
        Column::new("message", |reason, _| text(reason.message.as_str())),
    ]
);

part!(
    v1::ClusterStorageClass,
    "storage class",
    name,
    [
        Column::new("name", |class, _| text(class.name.as_str())),
        Column::new("default", |class, _| text(class.default.to_string())),
        Column::new("provisioner", |class, _| text(class.provisioner.as_str())),
        Column::new("can-grow", |class, _| yes_or_no(class.can_grow)),
    ]
);

part!(
    v1::ClusterWatchLag,
    "watch",
    kind,
    [
        Column::new("kind", |lag, _| text(lag.kind.as_str())),
        Column::new("silent", |lag, _| opt(lag.silent_seconds.map(|it| format!("{it:.0}s")))),
        Column::new("stale-since", |lag, _| opt(lag.stale_since)),
    ]
);

fn yes_or_no(value: Option<bool>) -> Cell {
    match value {
        Some(true) => text("yes").toned(Tone::Good),
        Some(false) => text("no"),
        None => text("unknown").toned(Tone::Warn),
    }
}
