//! A snapshot as the text that Prometheus reads: every family once, every series
//! once, what is stale or unknown not at all.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::metrics::exposition::{Format, Head, Writer};
use hostler_core::metrics::{Cost, Labels, Metric, MetricKind, Point, Resource};
use hostler_provider::{Batch, Measured, VmRef};

use crate::shelf::{Slot, Snapshot};
use crate::sources::Kind;

const BUILD_INFO: Head<'static> = Head {
    name: "hostler_build_info",
    kind: MetricKind::Info,
    unit: "",
    help: "Which version of the agent this is",
};

/// The most labels that a resource has.
const BASE: usize = 5;

/// The values of a resource's labels, in its order; the rest is empty.
type Base<'a> = [&'a str; BASE];

struct Row<'a> {
    base: Base<'a>,
    labels: Labels,
    value: f64,
}

/// What is to be written, by family in the catalogue's order.
struct Families<'a> {
    host: &'a str,
    now: Timestamp,
    rows: BTreeMap<Metric, Vec<Row<'a>>>,
}

/// The whole text.
pub(crate) fn write(snapshot: &Snapshot, host: &str, now: Timestamp, format: Format) -> String {
    let mut families = Families { host, now, rows: BTreeMap::new() };
    for slot in &snapshot.slots {
        families.pass(slot);
    }
    families.sources(snapshot);
    for (reason, count) in &snapshot.dropped {
        let labels = Labels::one(reason.as_str());
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        families.add(Metric::SeriesDroppedTotal, [""; BASE], labels, *count as f64);
    }
    families.text(format)
}

impl<'a> Families<'a> {
    fn add(&mut self, metric: Metric, base: Base<'a>, labels: Labels, value: f64) {
        self.rows.entry(metric).or_default().push(Row { base, labels, value });
    }

    /// What one pass brought, as far as it is not stale.
    fn pass(&mut self, slot: &'a Slot) {
        let Some(good) = slot.fresh() else { return };
        let stale_after = slot.stale_after();
        for batch in [&*good.batch, &*good.ratios] {
            self.batch(slot.pass.source, batch, stale_after);
        }
        if slot.pass.kind == Kind::Vms {
            self.vms(slot, &good.batch);
        }
    }

    fn batch(&mut self, source: &'a str, batch: &'a Batch, stale_after: Duration) {
        let host = self.host;
        for one in &batch.vms {
            self.points(Resource::Vm, vm(&one.of, host, source), one, stale_after);
        }
        for one in &batch.hosts {
            self.points(Resource::Host, [&one.of, source, "", "", ""], one, stale_after);
        }
        for one in &batch.pools {
            let base = [one.of.name.as_str(), host, source, "", ""];
            self.points(Resource::Pool, base, one, stale_after);
        }
        for one in &batch.containers {
            // Never as a VM, whatever its id is (X16).
            let base = [one.of.name.as_str(), &one.of.id, host, one.of.engine, ""];
            self.points(Resource::Container, base, one, stale_after);
        }
    }

    fn points<R>(
        &mut self,
        resource: Resource,
        base: Base<'a>,
        one: &'a Measured<R>,
        stale_after: Duration,
    ) {
        if self.now.since(one.at) > stale_after {
            return;
        }
        for Point { metric, labels, value } in &one.points {
            match metric.family().resource {
                of if of == resource => self.add(*metric, base, labels.clone(), *value),
                Resource::None => self.add(*metric, [""; BASE], labels.clone(), *value),
                // A source that mixes kinds up is not believed (X16).
                _ => {}
            }
        }
    }

    /// Which VMs were reached, and how old what they told is.
    fn vms(&mut self, slot: &'a Slot, batch: &'a Batch) {
        let (host, source) = (self.host, slot.pass.source);
        let silent: HashSet<&str> =
            batch.silent.iter().map(|one| one.vm.external_ref.as_str()).collect();
        for one in &batch.vms {
            let age = self.now.since(one.at);
            if age <= slot.stale_after() {
                let cost = Labels::one(slot.pass.cost.as_str());
                let base = vm(&one.of, host, source);
                self.add(Metric::VmSampleAgeSeconds, base, cost, age.as_secs_f64());
            }
        }
        if slot.pass.cost != Cost::Stats {
            return;
        }
        let reached = batch.vms.iter().map(|one| &one.of);
        let reached = reached.filter(|vm| !silent.contains(vm.external_ref.as_str()));
        let both = reached.map(|vm| (vm, 1.0)).chain(batch.silent.iter().map(|one| (&one.vm, 0.0)));
        for (of, success) in both {
            self.add(Metric::VmScrapeSuccess, vm(of, host, source), Labels::NONE, success);
        }
        let count = u32::try_from(batch.silent.len()).map_or(f64::from(u32::MAX), f64::from);
        self.add(Metric::ProviderSilentVms, provider(source), Labels::NONE, count);
    }

    /// How collecting goes.
    fn sources(&mut self, snapshot: &'a Snapshot) {
        let mut up: BTreeMap<&'a str, bool> = BTreeMap::new();
        for slot in &snapshot.slots {
            let (base, cost) = (provider(slot.pass.source), slot.pass.cost.as_str());
            *up.entry(slot.pass.source).or_default() |= slot.error.is_none();
            let mut told = |metric, duration: Duration| {
                self.add(metric, base, Labels::one(cost), duration.as_secs_f64());
            };
            told(Metric::ProviderPassSeconds, slot.pass.took);
            told(Metric::ProviderPassIntervalSeconds, slot.pass.interval);
            if let Some(age) = slot.age() {
                told(Metric::ProviderSampleAgeSeconds, age);
            }
        }
        for (source, is_up) in up {
            let value = if is_up { 1.0 } else { 0.0 };
            self.add(Metric::ProviderUp, provider(source), Labels::NONE, value);
        }
    }

    fn text(self, format: Format) -> String {
        let mut writer = Writer::new(format);
        writer.family(&BUILD_INFO);
        writer.sample(BUILD_INFO.name, [("version", env!("CARGO_PKG_VERSION"))], 1.0);
        for (metric, rows) in self.rows {
            let family = metric.family();
            writer.family(&family.into());
            let mut seen = HashSet::new();
            for row in &rows {
                // Of two sources that tell the same series the first is believed: readers
                // refuse a text that has it twice.
                if !seen.insert((row.base, &row.labels)) {
                    continue;
                }
                let base = family.resource.labels().iter().copied().zip(row.base);
                let own = row.labels.values().iter().map(AsRef::as_ref);
                let own = family.labels.iter().copied().zip(own);
                writer.sample(family.name, base.chain(own), row.value);
            }
        }
        writer.finish()
    }
}

fn vm<'a>(vm: &'a VmRef, host: &'a str, source: &'a str) -> Base<'a> {
    // The agent knows no projects.
    [&vm.name, &vm.external_ref, host, source, ""]
}

const fn provider(source: &str) -> Base<'_> {
    [source, "", "", "", ""]
}
