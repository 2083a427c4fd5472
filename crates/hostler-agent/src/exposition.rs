//! A snapshot as the text that Prometheus reads: every family once, every series
//! once, what is stale or unknown not at all.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::metrics::exposition::{Format, Head, Writer};
use hostler_core::metrics::{
    Cost, Labels, Metric, MetricKind, OwnerLabel, Page, Point, Resource, SERIES_MAX,
};
use hostler_provider::{Batch, Measured, VmRef};

use crate::shelf::{Slot, Snapshot};
use crate::sources::Kind;

const BUILD_INFO: Head<'static> = Head {
    name: "hostler_build_info",
    kind: MetricKind::Info,
    unit: "",
    help: "Which version of the agent this is",
};

/// A thing's labels and what is said of it here.
type Said<'a> = (Vec<OwnerLabel<'a>>, Vec<Point>);

/// The whole text.
pub(crate) fn write(snapshot: &Snapshot, host: &str, now: Timestamp, format: Format) -> String {
    // What the page borrows, made first.
    let mut said = going(snapshot);
    for slot in snapshot.slots.iter().filter(|slot| slot.pass.kind == Kind::Vms) {
        said.extend(reached(slot, host, now));
    }
    let mut page = Page::new(SERIES_MAX);
    for (owner, points) in &said {
        page.add(owner.clone(), points);
    }
    for slot in &snapshot.slots {
        let Some(good) = slot.fresh() else { continue };
        for batch in [&*good.batch, &*good.own] {
            let mut told = Told { page: &mut page, now, stale_after: slot.stale_after() };
            told.batch(slot.pass.source, host, batch);
        }
    }
    let mut writer = Writer::new(format);
    writer.family(&BUILD_INFO);
    writer.sample(BUILD_INFO.name, [("version", env!("CARGO_PKG_VERSION"))], 1.0);
    // Sources were sifted; what two of them tell alike is there once.
    page.write(&mut writer);
    writer.finish()
}

/// Adds what is not stale.
struct Told<'p, 'a> {
    page: &'p mut Page<'a>,
    now: Timestamp,
    stale_after: Duration,
}

impl<'a> Told<'_, 'a> {
    fn batch(&mut self, source: &'a str, host: &'a str, batch: &'a Batch) {
        for one in &batch.vms {
            self.points(Resource::Vm, vm(&one.of, host, source), one);
        }
        for one in &batch.hosts {
            self.points(Resource::Host, owner(Resource::Host, [&one.of, source]), one);
        }
        for one in &batch.pools {
            let labels = [one.of.name.as_str(), host, source];
            self.points(Resource::Pool, owner(Resource::Pool, labels), one);
        }
        for one in &batch.containers {
            // Never as a VM, whatever its id is (X16).
            let labels = [one.of.name.as_str(), &one.of.id, host, one.of.engine];
            self.points(Resource::Container, owner(Resource::Container, labels), one);
        }
    }

    fn points<R>(&mut self, resource: Resource, owner: Vec<OwnerLabel<'a>>, one: &'a Measured<R>) {
        if self.now.since(one.at) > self.stale_after {
            return;
        }
        let of = |resource: Resource| {
            one.points.iter().filter(move |point| point.metric.family().resource == resource)
        };
        // A source that mixes kinds up is not believed (X16).
        self.page.add(owner, of(resource));
        self.page.add(Vec::new(), of(Resource::None));
    }
}

/// Which VMs were reached, and how old what they told is.
fn reached<'a>(slot: &'a Slot, host: &'a str, now: Timestamp) -> Vec<Said<'a>> {
    let Some(good) = slot.fresh() else { return Vec::new() };
    let (source, cost) = (slot.pass.source, slot.pass.cost);
    let silent = &good.batch.silent;
    let is_silent: HashSet<&str> = silent.iter().map(|one| one.vm.external_ref.as_str()).collect();
    let mut said = Vec::new();
    for one in &good.batch.vms {
        let (age, mut points) = (now.since(one.at), Vec::new());
        if age <= slot.stale_after() {
            let cost = Labels::one(cost.as_str());
            points.push(Point::labelled(Metric::VmSampleAgeSeconds, cost, age.as_secs_f64()));
        }
        if cost == Cost::Stats && !is_silent.contains(one.of.external_ref.as_str()) {
            // What is told may be of an earlier pass than the last one.
            let success = if slot.error.is_none() { 1.0 } else { 0.0 };
            points.push(Point::plain(Metric::VmScrapeSuccess, success));
        }
        said.push((vm(&one.of, host, source), points));
    }
    if cost == Cost::Stats {
        let failed = || vec![Point::plain(Metric::VmScrapeSuccess, 0.0)];
        said.extend(silent.iter().map(|one| (vm(&one.vm, host, source), failed())));
        let count = Point::plain(Metric::ProviderSilentVms, silent.len() as f64);
        said.push((owner(Resource::Provider, [source]), vec![count]));
    }
    said
}

/// How collecting goes.
fn going(snapshot: &Snapshot) -> Vec<Said<'_>> {
    let mut said = Vec::new();
    let mut up: BTreeMap<&str, bool> = BTreeMap::new();
    for slot in &snapshot.slots {
        *up.entry(slot.pass.source).or_default() |= slot.error.is_none();
        let cost = slot.pass.cost.as_str();
        let told = |metric, duration: Duration| {
            Point::labelled(metric, Labels::one(cost), duration.as_secs_f64())
        };
        let mut points = vec![
            told(Metric::ProviderPassSeconds, slot.pass.took),
            told(Metric::ProviderPassIntervalSeconds, slot.pass.interval),
        ];
        points.extend(slot.age().map(|age| told(Metric::ProviderSampleAgeSeconds, age)));
        said.push((owner(Resource::Provider, [slot.pass.source]), points));
    }
    for (source, is_up) in up {
        let point = Point::plain(Metric::ProviderUp, if is_up { 1.0 } else { 0.0 });
        said.push((owner(Resource::Provider, [source]), vec![point]));
    }
    let dropped = snapshot.dropped.iter().map(|(reason, count)| {
        let labels = Labels::one(reason.as_str());
        Point::labelled(Metric::SeriesDroppedTotal, labels, *count as f64)
    });
    said.push((Vec::new(), dropped.collect()));
    said
}

fn vm<'a>(vm: &'a VmRef, host: &'a str, source: &'a str) -> Vec<OwnerLabel<'a>> {
    // The agent knows no projects.
    owner(Resource::Vm, [&vm.name, &vm.external_ref, host, source])
}

/// A resource's labels, in its order; those beyond the values have none.
fn owner<const N: usize>(resource: Resource, values: [&str; N]) -> Vec<OwnerLabel<'_>> {
    resource.labels().iter().copied().zip(values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shelf::{Pass, Shelf};

    #[test]
    fn d10_a_vm_that_the_last_pass_did_not_reach_is_told_so() {
        let at = Timestamp::from_millis(1_000_000);
        let second = Duration::from_secs(1);
        let (source, cost) = ("libvirt", Cost::Stats);
        let pass = Pass { source, kind: Kind::Vms, cost, interval: second * 10, took: second };
        let of = VmRef { external_ref: "id".to_owned(), name: "web".to_owned() };
        let points = vec![Point::plain(Metric::VmVcpus, 2.0)];
        let batch = Batch { vms: vec![Measured { of, at, points }], ..Batch::default() };
        let shelf = Shelf::default();
        let says = |wanted: &str| {
            let text = write(&shelf.copy(), "h1", at, Format::Text);
            let labels = "{vm=\"web\",vm_id=\"id\",host=\"h1\",provider=\"libvirt\"}";
            text.contains(&wanted.replace("{}", labels))
        };
        shelf.put(pass, batch, at);
        assert!(says("hostler_vm_scrape_success{} 1\n") && says("hostler_vm_vcpus{} 2\n"));
        shelf.fail(pass, "no answer".to_owned());
        assert!(says("hostler_vm_scrape_success{} 0\n") && says("hostler_vm_vcpus{} 2\n"));
    }
}
