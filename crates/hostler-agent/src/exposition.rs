//! A snapshot as the text that Prometheus reads: every family once, every series
//! once, what is stale or unknown not at all.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::metrics::exposition::{Format, Head, Writer};
use hostler_core::metrics::hypervisor::{HypervisorType, namespace_name};
use hostler_core::metrics::{
    Cost, Labels, Metric, MetricKind, OwnerLabel, Page, Point, Resource, SERIES_MAX,
};
use hostler_provider::{Batch, Measured, VmRef};

use crate::shelf::{Slot, Snapshot};
use crate::sources::{KUBEVIRT, Kind};

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
        said.push((Vec::new(), runs_by(slot, host, now)));
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

/// `kubevirt_vmi_hypervisor_info` of each VM of KubeVirt that runs here (A1, A6). Made here and
/// not measured: a server makes it of its own picture of a VM, which says on which node it is.
fn runs_by(slot: &Slot, host: &str, now: Timestamp) -> Vec<Point> {
    let good = slot.fresh().filter(|_| slot.pass.source == KUBEVIRT);
    let vms = good.into_iter().flat_map(|good| &good.batch.vms);
    let fresh = vms.filter(|one| now.since(one.at) <= slot.stale_after());
    let told = fresh.filter_map(|one| {
        let (namespace, name) = namespace_name(&one.of.external_ref)?;
        let seen = one.points.iter().find(|point| point.metric == Metric::VmHypervisorInfo)?;
        let kind = HypervisorType::of_accelerator(seen.labels.values().get(1)?);
        let labels = Labels::new([namespace, name, host, kind.as_str()]);
        Some(Point::labelled(Metric::KubevirtVmiHypervisorInfo, labels, 1.0))
    });
    told.collect()
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
    fn a1_a3_a6_a7_a9_x2_a_vm_of_kubevirt_is_told_by_the_contracts_name_and_others_are_not() {
        let at = Timestamp::from_millis(1_000_000);
        let second = Duration::from_secs(1);
        let (kind, cost) = (Kind::Vms, Cost::State);
        let vm = |id: &str, word: &str, accelerator: &str| {
            let of = VmRef { external_ref: id.to_owned(), name: "web".to_owned() };
            let labels = Labels::new([word, accelerator, "process", "high"]);
            let points = vec![Point::labelled(Metric::VmHypervisorInfo, labels, 1.0)];
            Measured { of, at, points }
        };
        let shelf = Shelf::default();
        let vms = vec![vm("shop_web", "kvm", "kvm"), vm("lab_web", "qemu", "tcg")];
        let pass = |source| Pass { source, kind, cost, interval: second * 10, took: second };
        shelf.put(pass(KUBEVIRT), Batch { vms, ..Batch::default() }, at);
        let vms = vec![vm("other_web", "kvm", "kvm")];
        shelf.put(pass("libvirt"), Batch { vms, ..Batch::default() }, at);
        let lines = |now: Timestamp| {
            let text = write(&shelf.copy(), "n1", now, Format::Text);
            let is_it = |line: &&str| line.starts_with("kubevirt_vmi_hypervisor_info{");
            let mut lines: Vec<String> = text.lines().filter(is_it).map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let line = |namespace: &str, word: &str| {
            let labels = format!("namespace=\"{namespace}\",name=\"web\",node=\"n1\"");
            format!("kubevirt_vmi_hypervisor_info{{{labels},hypervisor_type=\"{word}\"}} 1")
        };
        assert_eq!(lines(at), [line("lab", "qemu-tcg"), line("shop", "kvm")]);
        assert_eq!(lines(at.plus(second * 60)), Vec::<String>::new(), "X17: it is stale");
        // One that ended, and one that now runs by another (A8, B6).
        let vms = vec![vm("shop_web", "qemu", "tcg")];
        shelf.put(pass(KUBEVIRT), Batch { vms, ..Batch::default() }, at);
        assert_eq!(lines(at), [line("shop", "qemu-tcg")]);
    }

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
