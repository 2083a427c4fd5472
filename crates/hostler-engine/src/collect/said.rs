//! What we say ourselves, beside what providers measured: the states of things, what
//! VMs run by and are meant to, and how measuring goes. One place, so that `/metrics`
//! and the history tell the same series with the same labels.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use hostler_core::Quality;
use hostler_core::id::{HostId, ProviderId};
use hostler_core::metrics::exposition::label_part;
use hostler_core::metrics::hypervisor::{self, Confidence, HypervisorType, Reading as Read};
use hostler_core::metrics::series::SeriesKey;
use hostler_core::metrics::{Cost, Labels, Metric, OwnerLabel, Point};
use hostler_core::operation::OperationState;
use hostler_core::vm::spec::Accelerator;
use hostler_core::vm::status::VmState;

use super::labels::made_up;
use super::sharing::confidence;
use super::{
    Collected, Figures, HistoryCounts, Metrics, PassFigures, ProviderFigures, clustered, heard,
    machines, sent,
};
use crate::{HostState, HostView, ProviderView, VmView};

/// The namespace of VMs that are in no project: labels of this metric are never empty (A7).
const NAMESPACE: &str = "default";
/// The longest value of a user's label.
const LABEL_VALUE_MAX: usize = 128;

/// What is said of one thing.
#[derive(Debug, Clone)]
pub struct Said {
    of: Subject,
    /// What is said.
    pub points: Vec<Point>,
}

#[derive(Debug, Clone)]
enum Subject {
    Vm {
        view: Arc<VmView>,
        id: String,
    },
    /// With labels that its user gave it.
    Labelled {
        view: Arc<VmView>,
        id: String,
        given: Vec<(String, String)>,
    },
    /// Of a VM, and told without its labels.
    RunsBy {
        id: String,
        simulated: bool,
    },
    Host(Arc<HostView>),
    Provider(Arc<ProviderView>),
    /// VMs that have no provider yet.
    Nowhere,
    Server,
}

/// What the store tells for what is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// How many operations there are in each state that is not an end; nothing where the store
    /// does not answer, which readiness tells.
    pub operations: Vec<(OperationState, u64)>,
    /// How many notices wait for each receiver that any waits for; `None` where the store does
    /// not answer.
    pub notices: Option<Vec<(String, u64)>>,
}

/// Tells series with their values; see [`Metrics::tell_also`].
type Teller = Box<dyn Fn() -> Vec<(SeriesKey, f64)> + Send + Sync>;

/// What the server around the engine has said.
#[derive(Default)]
pub(crate) struct Told {
    labels: RwLock<Arc<[String]>>,
    also: OnceLock<Teller>,
}

impl Said {
    fn new(of: Subject, points: Vec<Point>) -> Self {
        Self { of, points }
    }

    /// The labels that its series bear, before the metrics' own.
    pub fn owner(&self) -> Vec<OwnerLabel<'_>> {
        match &self.of {
            Subject::Vm { view, id } => view.metric_labels(id),
            Subject::Labelled { view, id, given } => {
                let mut labels = view.metric_labels(id);
                labels.extend(given.iter().map(|(name, value)| (&**name, &**value)));
                labels
            }
            Subject::RunsBy { simulated, .. } => made_up(*simulated).into_iter().collect(),
            Subject::Host(view) => view.metric_labels(),
            Subject::Provider(view) => view.metric_labels(),
            Subject::Nowhere | Subject::Server => Vec::new(),
        }
    }

    /// What sets it apart from all else that is said.
    pub(super) fn name(&self) -> String {
        match &self.of {
            Subject::Vm { id, .. } => format!("vm {id}"),
            Subject::Labelled { id, .. } => format!("labels {id}"),
            Subject::RunsBy { id, .. } => format!("runs by {id}"),
            Subject::Host(view) => format!("host {}", view.id),
            Subject::Provider(view) => format!("provider {}", view.row.id),
            Subject::Nowhere => "nowhere".to_owned(),
            Subject::Server => "server".to_owned(),
        }
    }
}

impl Metrics<'_> {
    /// Tells these labels of VMs from now on, on `hostler_vm_labels`.
    pub fn tell_labels(&self, allowed: &[String]) {
        let mut labels = self.engine().told.labels.write().unwrap_or_else(PoisonError::into_inner);
        *labels = allowed.into();
    }

    /// Keeps in the history what `also` tells each time, too: what the server around the
    /// engine counts. The first one given stays.
    pub fn tell_also(&self, also: impl Fn() -> Vec<(SeriesKey, f64)> + Send + Sync + 'static) {
        // A second one would be a second server around the same engine.
        let _ = self.engine().told.also.set(Box::new(also));
    }

    pub(super) fn also(&self) -> Vec<(SeriesKey, f64)> {
        self.engine().told.also.get().map(|tell| tell()).unwrap_or_default()
    }

    /// Asks the store for what is said of it.
    pub async fn stored(&self) -> Stored {
        let operations = crate::Operations::new(self.engine()).open_by_state().await;
        let notices = self.engine().store.notices_waiting().await;
        Stored { operations: operations.unwrap_or_default(), notices: notices.ok() }
    }

    /// What is said now beside `collected`. Things of a kind are in the order of their names.
    pub fn said(&self, collected: &Collected, stored: &Stored) -> Vec<Said> {
        let engine = self.engine();
        let now = engine.clock.now();
        let snapshot = engine.fleet.snapshot();
        let mut vms: Vec<&Arc<VmView>> = snapshot.vms.values().collect();
        vms.sort_unstable_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        let mut hosts: Vec<&Arc<HostView>> = snapshot.hosts.values().collect();
        hosts.sort_unstable_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        let mut providers: Vec<&Arc<ProviderView>> = snapshot.providers.values().collect();
        providers.sort_unstable_by(|a, b| a.row.name.cmp(&b.row.name));
        let measured: HashMap<_, _> = collected.vms.iter().map(|it| (it.of.id, it)).collect();
        let (labels, sums) = (self.labels(), assigned(&vms));
        let counts = counts(&vms, &providers);
        let clusters = crate::clusters::all(engine, &snapshot, &crate::Wanted::default());

        let mut said = Vec::new();
        for view in &vms {
            said.extend(of_vm(view, measured.get(&view.id).copied(), &labels));
        }
        for view in hosts {
            let mut points = host_states(view);
            points.extend(assigned_on(&sums, view));
            said.push(Said::new(Subject::Host(view.clone()), points));
        }
        for view in providers {
            let mut points: Vec<Point> = is_up(view).into_iter().collect();
            let figures = collected.providers.iter().find(|it| it.of.row.id == view.row.id);
            points.extend(figures.into_iter().flat_map(going));
            let ago = |at| now.since(at).as_secs_f64();
            let age = view.observed_at.map(ago).map(millis);
            let took = view.inventory_took.map(|took| took.as_secs_f64());
            let told = [
                (Metric::ProviderInventoryAgeSeconds, age),
                (Metric::ProviderInventoryDurationSeconds, took),
            ];
            points
                .extend(told.into_iter().filter_map(|(of, value)| Some(Point::plain(of, value?))));
            points.extend(counts.get(&Some(view.row.id)).into_iter().flat_map(states));
            let cluster = clusters.iter().find(|cluster| cluster.provider.row.id == view.row.id);
            points.extend(cluster.into_iter().flat_map(clustered::of));
            said.push(Said::new(Subject::Provider(view.clone()), points));
        }
        let nowhere: Vec<Point> = counts.get(&None).into_iter().flat_map(states).collect();
        said.push(Said::new(Subject::Nowhere, nowhere));
        said.push(Said::new(Subject::Server, self.of_server(stored)));
        said
    }

    fn labels(&self) -> Arc<[String]> {
        self.engine().told.labels.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn of_server(&self, stored: &Stored) -> Vec<Point> {
        let open = stored.operations.iter().map(|(state, count)| {
            Point::labelled(Metric::OpState, Labels::one(state.as_str()), *count as f64)
        });
        let followers = self.engine().bus.followed();
        let followers = Point::plain(Metric::EventSubscribers, followers as f64);
        // What pages are made without, who makes them tells.
        let unsound = Labels::one("value_invalid");
        let unsound = Point::labelled(Metric::SeriesDroppedTotal, unsound, self.unsound() as f64);
        let mut points: Vec<Point> = open.chain([followers, unsound]).collect();
        points.extend(self.history().into_iter().flat_map(kept));
        points.extend(machines::view::all(self.engine()).iter().flat_map(heard::of));
        points.extend(self.engine().custom.points());
        let can_evaluate = self.engine().history.is_some();
        points.extend(self.engine().alerting.points(can_evaluate, stored.notices.as_deref()));
        points.extend(sent::points(&self.engine().outputs.views(), self.engine().clock.now()));
        points
    }
}

/// What is said of a VM whether it is measured or not, and how measuring it goes.
fn of_vm(
    view: &Arc<VmView>,
    measured: Option<&Figures<Arc<VmView>>>,
    allowed: &[String],
) -> impl Iterator<Item = Said> + use<> {
    let id = view.id.to_string();
    let present = view.status.state;
    let known = VmState::ALL.iter().filter(|_| present != VmState::Unknown);
    let mut points: Vec<Point> =
        known.map(|state| one_hot(Metric::VmState, state.as_str(), *state == present)).collect();
    points.extend(asked(view));
    points.extend(measured.into_iter().flat_map(ages));
    let runs_by = runs_by(view).map(|point| {
        let mut points =
            measured.into_iter().flat_map(|it| &it.passes).flat_map(PassFigures::points);
        let seen = points.find(|point| confidence(point).is_some());
        let point = by_the_surest(point, sureness(view), seen);
        Said::new(Subject::RunsBy { id: id.clone(), simulated: view.simulated }, vec![point])
    });
    let given = given(view, allowed);
    let labelled = (!given.is_empty()).then(|| {
        let of = Subject::Labelled { view: view.clone(), id: id.clone(), given };
        Said::new(of, vec![Point::plain(Metric::VmLabels, 1.0)])
    });
    let states = Said::new(Subject::Vm { view: view.clone(), id }, points);
    [Some(states), runs_by, labelled].into_iter().flatten()
}

pub(super) fn one_hot(metric: Metric, state: &'static str, is_it: bool) -> Point {
    Point::labelled(metric, Labels::one(state), if is_it { 1.0 } else { 0.0 })
}

/// How it is meant to run; only a VM that we have a specification of is meant in any way.
fn asked(view: &VmView) -> Option<Point> {
    let word = match view.row.as_ref()?.spec.machine.accelerator {
        Accelerator::Kvm => "kvm",
        Accelerator::Tcg => "tcg",
        Accelerator::Auto => "any",
    };
    Some(Point::labelled(Metric::VmAcceleratorAskedInfo, Labels::one(word), 1.0))
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
    let (namespace, name) = match &seen.namespace {
        Some(namespace) => (namespace.as_str(), seen.name.as_str()),
        None => hypervisor::namespace_name(&seen.name)
            .unwrap_or((project.unwrap_or(NAMESPACE), view.name.as_str())),
    };
    let node = view.host.as_ref().map_or("unknown", |(_, name)| name.as_str());
    let labels = Labels::new([namespace, name, node, kind.as_str()]);
    Some(Point::labelled(Metric::KubevirtVmiHypervisorInfo, labels, 1.0))
}

/// How sure its provider is of what a VM runs by. Of one that is not heard of nobody else is
/// believed either: where it is now is not known.
fn sureness(view: &VmView) -> Option<Confidence> {
    let seen = view.observed.as_ref().filter(|_| view.status.state != VmState::Unknown)?;
    Some(match seen.hypervisor.quality() {
        Quality::Ok => Confidence::High,
        Quality::Partial => Confidence::Low,
        Quality::Stale | Quality::Unavailable | Quality::Unsupported => Confidence::Unknown,
    })
}

/// The same by who saw more surely than its provider what a VM runs by, such as an agent that
/// looked at its process (X2).
fn by_the_surest(mut point: Point, known: Option<Confidence>, seen: Option<&Point>) -> Point {
    if let Some((known, seen)) = known.zip(seen)
        && let Some(confidence) = confidence(seen)
        && hypervisor::surest([known, confidence]) == Some(1)
        && let [_, accelerator, ..] = seen.labels.values()
        && let [namespace, name, node, _] = point.labels.values()
    {
        let word = HypervisorType::of_accelerator(accelerator).as_str();
        point.labels = Labels::new([&**namespace, &**name, &**node, word]);
    }
    point
}

/// The labels that its user gave it and the configuration allows.
fn given(view: &VmView, allowed: &[String]) -> Vec<(String, String)> {
    let Some(row) = &view.row else { return Vec::new() };
    let given = allowed.iter().filter_map(|key| {
        let value = row.spec.labels.get(key).filter(|value| value.len() <= LABEL_VALUE_MAX)?;
        Some((format!("label_{}", label_part(key)), value.clone()))
    });
    given.collect()
}

/// How old a VM's values are, and whether the latest passes reached it: by its provider,
/// or by an agent.
fn ages(figures: &Figures<Arc<VmView>>) -> Vec<Point> {
    let mut kinds: BTreeMap<Cost, (bool, Option<Duration>)> = BTreeMap::new();
    for it in &figures.passes {
        let (reached, youngest) = kinds.entry(it.pass).or_default();
        *reached |= it.is_reached;
        let age = it.reading.as_ref().map(|_| it.age);
        *youngest = (*youngest).into_iter().chain(age).min();
    }
    let success = if kinds.values().all(|(reached, _)| *reached) { 1.0 } else { 0.0 };
    let mut points = vec![Point::plain(Metric::VmScrapeSuccess, success)];
    points.extend(kinds.into_iter().filter_map(|(pass, (_, age))| {
        let age = millis(age?.as_secs_f64());
        Some(Point::labelled(Metric::VmSampleAgeSeconds, Labels::one(pass.as_str()), age))
    }));
    points
}

/// To the millisecond: finer says nothing and is much to keep.
pub(super) fn millis(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// What the VMs that run on each host may take together; where one cannot be told there is
/// no sum that could be.
fn assigned(vms: &[&Arc<VmView>]) -> HashMap<HostId, [Option<f64>; 2]> {
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

/// Nothing while nobody answers: what was given away then is not known now (X17).
fn assigned_on(sums: &HashMap<HostId, [Option<f64>; 2]>, host: &HostView) -> Vec<Point> {
    if host.state == HostState::Degraded {
        return Vec::new();
    }
    // A host that is seen and has no VM that runs has given nothing away.
    let [cpus, memory] = sums.get(&host.id).copied().unwrap_or([Some(0.0); 2]);
    let told = [(Metric::HostVcpusAssigned, cpus), (Metric::HostMemoryAssignedBytes, memory)];
    told.into_iter().filter_map(|(metric, sum)| Some(Point::plain(metric, sum?))).collect()
}

fn host_states(host: &HostView) -> Vec<Point> {
    let state =
        |state: &HostState| one_hot(Metric::HostState, state.as_str(), *state == host.state);
    HostState::ALL.iter().map(state).collect()
}

fn is_up(view: &ProviderView) -> Option<Point> {
    let answers = view.state.answers()?;
    Some(Point::plain(Metric::ProviderUp, f64::from(u8::from(answers))))
}

type Counts = BTreeMap<VmState, u64>;

/// VMs by provider and state. Of a provider that was seen, "none" is known; of others,
/// nothing is.
fn counts(
    vms: &[&Arc<VmView>],
    providers: &[&Arc<ProviderView>],
) -> HashMap<Option<ProviderId>, Counts> {
    let mut counts: HashMap<Option<ProviderId>, Counts> = HashMap::new();
    for view in providers.iter().filter(|view| view.observed_at.is_some()) {
        let none = VmState::ALL.iter().map(|state| (*state, 0));
        counts.insert(Some(view.row.id), none.collect());
    }
    for vm in vms {
        let provider = vm.provider.as_ref().map(|(id, _)| *id);
        *counts.entry(provider).or_default().entry(vm.status.state).or_default() += 1;
    }
    counts
}

fn states(counts: &Counts) -> impl Iterator<Item = Point> {
    counts.iter().map(|(state, count)| {
        Point::labelled(Metric::Vms, Labels::one(state.as_str()), *count as f64)
    })
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
            let age = millis(age.as_secs_f64());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x2_x5_what_a_process_showed_is_told_where_the_provider_is_less_sure() {
        let told = |known: Option<Confidence>, accelerator: &str, sure: &str| {
            let labels = Labels::new(["shop", "web", "n1", "kvm"]);
            let point = Point::labelled(Metric::KubevirtVmiHypervisorInfo, labels, 1.0);
            let labels = Labels::new(["x", accelerator, "process", sure]);
            let seen = Point::labelled(Metric::VmHypervisorInfo, labels, 1.0);
            let point = by_the_surest(point, known, Some(&seen));
            point.labels.values().join(" ")
        };
        let (low, high) = (Some(Confidence::Low), Some(Confidence::High));
        assert_eq!(told(low, "tcg", "high"), "shop web n1 qemu-tcg");
        assert_eq!(told(Some(Confidence::Unknown), "tcg", "low"), "shop web n1 qemu-tcg");
        assert_eq!(told(low, "unknown", "high"), "shop web n1 unknown", "another hypervisor");
        assert_eq!(told(high, "tcg", "high"), "shop web n1 kvm");
        assert_eq!(told(low, "unknown", "unknown"), "shop web n1 kvm");
        assert_eq!(told(None, "tcg", "high"), "shop web n1 kvm", "it is not heard of");
    }
}
