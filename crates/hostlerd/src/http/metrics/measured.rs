//! What was measured, as a page for Prometheus: every value with its thing's
//! labels, and beside them how measuring goes. Old values are not on it; how old
//! the newest are is (D4, X17).

use std::collections::HashMap;
use std::sync::Arc;

use hostler_core::id::HostId;
use hostler_core::metrics::exposition::{Format, Writer, label_part};
use hostler_core::metrics::hypervisor::{self, HypervisorType, Reading as Read};
use hostler_core::metrics::{Cost, Dropped, Labels, Metric, OwnerLabel, Page, Point, SERIES_MAX};
use hostler_core::vm::status::VmState;
use hostler_engine::{
    Collected, HistoryCounts, HostView, PassFigures, ProviderFigures, ProviderState, ProviderView,
    VmView,
};

/// The namespace of VMs that are in no project: labels of this metric are never empty (A7).
const NAMESPACE: &str = "default";
/// The longest value of a user's label.
const LABEL_VALUE_MAX: usize = 128;

/// What a page tells.
pub(super) struct Told {
    pub(super) collected: Collected,
    pub(super) providers: Vec<Arc<ProviderView>>,
    pub(super) vms: Vec<Arc<VmView>>,
    /// Labels of VMs that are told.
    pub(super) labels: Vec<String>,
    pub(super) history: Option<HistoryCounts>,
}

/// The page without its end, and what was left out of it.
pub(super) fn page(told: &Told, format: Format) -> (String, Dropped) {
    let Told { collected, providers, vms: all_vms, labels, history } = told;
    // What the page borrows, made first.
    let vms: Vec<OfVm<'_>> = all_vms.iter().map(|vm| OfVm::new(vm)).collect();
    let passes: Vec<_> = collected.vms.iter().map(|it| (it.of.id.to_string(), ages(it))).collect();
    let sums = assigned(all_vms);
    let hosts: Vec<_> = collected.hosts.iter().map(|it| assigned_on(&sums, &it.of)).collect();
    let kept = history.map(kept).unwrap_or_default();
    let up: Vec<_> = providers.iter().map(|view| is_up(view)).collect();
    let going: Vec<_> = collected.providers.iter().map(going).collect();

    let mut page = Page::new(SERIES_MAX);
    for vm in &vms {
        page.add(vm.owner(), &vm.points);
    }
    for vm in &vms {
        page.add(made_up(vm.view.simulated).into_iter().collect(), &vm.runs_by);
    }
    for (figures, (id, ages)) in collected.vms.iter().zip(&passes) {
        let owner = figures.of.metric_labels(id);
        page.add(owner.clone(), ages);
        page.add(owner, measured(&figures.passes));
    }
    for (figures, assigned) in collected.hosts.iter().zip(&hosts) {
        let owner = figures.of.metric_labels();
        page.add(owner.clone(), assigned);
        page.add(owner, measured(&figures.passes));
    }
    for figures in &collected.pools {
        page.add(figures.of.metric_labels(), measured(&figures.passes));
    }
    for figures in &collected.containers {
        let (provider, container) = &figures.of;
        page.add(provider.container_labels(container), measured(&figures.passes));
    }
    for (view, up) in providers.iter().zip(&up) {
        page.add(view.metric_labels(), up);
    }
    for (figures, going) in collected.providers.iter().zip(&going) {
        page.add(figures.of.metric_labels(), going);
    }
    page.add(Vec::new(), &kept);
    let mut writer = Writer::new(format);
    let dropped = page.write(&mut writer);
    user_labels(&mut writer, &vms, labels);
    (writer.into_part(), dropped)
}

/// What is told of a VM whether it is measured or not.
struct OfVm<'a> {
    view: &'a VmView,
    id: String,
    points: Vec<Point>,
    /// What it runs by, for those who know KubeVirt's metrics.
    runs_by: Option<Point>,
}

impl<'a> OfVm<'a> {
    fn new(view: &'a VmView) -> Self {
        let present = view.status.state;
        let states = VmState::ALL.iter().filter(|_| present != VmState::Unknown);
        let points = states.map(|state| {
            let value = if *state == present { 1.0 } else { 0.0 };
            Point::labelled(Metric::VmState, Labels::one(state.as_str()), value)
        });
        let runs_by = runs_by(view);
        Self { view, id: view.id.to_string(), points: points.collect(), runs_by }
    }

    fn owner(&self) -> Vec<OwnerLabel<'_>> {
        self.view.metric_labels(&self.id)
    }
}

/// `kubevirt_vmi_hypervisor_info` of a VM that runs (A5, A8, A11): by what was seen when its
/// state last changed, and `unknown` where that could not be read or nobody answers any more.
/// One that does not run has none, and neither has one that was never seen (X5).
fn runs_by(view: &VmView) -> Option<Point> {
    let seen = view.observed.as_ref().filter(|seen| seen.power.is_live())?;
    let is_heard = view.status.state != VmState::Unknown;
    let read = match seen.hypervisor.value().filter(|_| is_heard) {
        Some(word) => Read::Domain { domain_type: Some(word), has_own_accelerator: false },
        None => Read::Unavailable("its provider does not tell"),
    };
    let kind = hypervisor::detect(read).map_or(HypervisorType::Unknown, |found| found.hypervisor);
    let project = view.project.as_deref().filter(|project| !project.is_empty());
    let (namespace, name) = hypervisor::namespace_name(&seen.name)
        .unwrap_or((project.unwrap_or(NAMESPACE), view.name.as_str()));
    let node = view.host.as_ref().map_or("unknown", |(_, name)| name.as_str());
    let labels = Labels::new([namespace, name, node, kind.as_str()]);
    Some(Point::labelled(Metric::KubevirtVmiHypervisorInfo, labels, 1.0))
}

/// Made-up data bears a label, so that no dashboard can mistake it (X17).
fn made_up(is: bool) -> Option<OwnerLabel<'static>> {
    is.then_some(("simulated", "true"))
}

/// What was read and computed, and is fresh. A VM's state is told from its present
/// picture, which events keep, and not from the latest pass.
fn measured(passes: &[PassFigures]) -> impl Iterator<Item = &Point> {
    passes.iter().flat_map(PassFigures::points).filter(|point| point.metric != Metric::VmState)
}

/// How old a VM's values are, and whether the latest passes reached it.
fn ages(figures: &hostler_engine::Figures<Arc<VmView>>) -> Vec<Point> {
    let reached = figures.passes.iter().all(|it| it.is_reached);
    let success = if reached { 1.0 } else { 0.0 };
    let mut points = vec![Point::plain(Metric::VmScrapeSuccess, success)];
    points.extend(figures.passes.iter().filter(|it| it.reading.is_some()).map(|it| {
        let label = Labels::one(it.pass.as_str());
        Point::labelled(Metric::VmSampleAgeSeconds, label, it.age.as_secs_f64())
    }));
    points
}

/// What the VMs that run on each host may take together; where one cannot be told there is
/// no sum that could be.
fn assigned(vms: &[Arc<VmView>]) -> HashMap<HostId, [Option<f64>; 2]> {
    let mut sums: HashMap<HostId, [Option<f64>; 2]> = HashMap::new();
    for vm in vms {
        let Some((host, _)) = &vm.host else { continue };
        let Some(seen) = vm.observed.as_ref().filter(|seen| seen.power.is_live()) else { continue };
        let [cpus, memory] = sums.entry(*host).or_insert([Some(0.0); 2]);
        let more = seen.cpu_count.value().map(|count| f64::from(*count));
        *cpus = cpus.zip(more).map(|(sum, more)| sum + more);
        let more = seen.memory_bytes.value().map(|bytes| *bytes as f64);
        *memory = memory.zip(more).map(|(sum, more)| sum + more);
    }
    sums
}

fn assigned_on(sums: &HashMap<HostId, [Option<f64>; 2]>, host: &HostView) -> Vec<Point> {
    // A host that is seen and has no VM that runs has given nothing away.
    let [cpus, memory] = sums.get(&host.id).copied().unwrap_or([Some(0.0); 2]);
    let told = [(Metric::HostVcpusAssigned, cpus), (Metric::HostMemoryAssignedBytes, memory)];
    told.into_iter().filter_map(|(metric, sum)| Some(Point::plain(metric, sum?))).collect()
}

fn is_up(view: &ProviderView) -> Option<Point> {
    let value = match view.state {
        ProviderState::Healthy => 1.0,
        ProviderState::Unreachable => 0.0,
        ProviderState::Connecting => return None,
    };
    Some(Point::plain(Metric::ProviderUp, value))
}

/// How keeping what was measured goes.
fn kept(counts: HistoryCounts) -> Vec<Point> {
    let told = [
        (Metric::HistorySamplesTotal, counts.samples),
        (Metric::HistorySamplesDroppedTotal, counts.dropped),
        (Metric::HistoryPassesMissedTotal, counts.passes_missed),
    ];
    told.into_iter().map(|(metric, count)| Point::plain(metric, count as f64)).collect()
}

/// How measuring a provider goes.
fn going(figures: &ProviderFigures) -> Vec<Point> {
    let mut points = Vec::new();
    let mut silent = None;
    for pass in &figures.passes {
        let label = || Labels::one(pass.pass.as_str());
        if let Some(age) = pass.age {
            let age = age.as_secs_f64();
            points.push(Point::labelled(Metric::ProviderSampleAgeSeconds, label(), age));
            if pass.pass == Cost::Stats {
                silent = Some(pass.silent);
            }
        }
        let (took, interval) = (pass.took.as_secs_f64(), pass.interval.as_secs_f64());
        points.push(Point::labelled(Metric::ProviderPassSeconds, label(), took));
        points.push(Point::labelled(Metric::ProviderPassIntervalSeconds, label(), interval));
    }
    points.extend(silent.map(|count| Point::plain(Metric::ProviderSilentVms, count as f64)));
    points
}

/// The labels that users gave to VMs and the configuration allows.
fn user_labels(writer: &mut Writer, vms: &[OfVm<'_>], allowed: &[String]) {
    if allowed.is_empty() {
        return;
    }
    let family = Metric::VmLabels.family();
    let names: Vec<String> =
        allowed.iter().map(|key| format!("label_{}", label_part(key))).collect();
    let mut is_begun = false;
    for vm in vms {
        let Some(row) = &vm.view.row else { continue };
        let given = allowed.iter().zip(&names).filter_map(|(key, name)| {
            let value = row.spec.labels.get(key)?;
            (value.len() <= LABEL_VALUE_MAX).then_some((name.as_str(), value.as_str()))
        });
        let given: Vec<_> = given.collect();
        if given.is_empty() {
            continue;
        }
        if !is_begun {
            writer.family(&family.into());
            is_begun = true;
        }
        writer.sample(family.name, vm.owner().into_iter().chain(given), 1.0);
    }
}
