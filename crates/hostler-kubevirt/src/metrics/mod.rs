//! Measuring a cluster by its API alone: the state of each VM, which hypervisor runs it (A1–A3,
//! A5, A11, X2), and what its guest's agent tells. What guests take of their nodes is told by
//! KubeVirt's own exporters and is not read here.
//!
//! | pass | asks | whom it waits for |
//! |---|---|---|
//! | state | the API server whether it is there; pods of VMs that are new | the API server |
//! | guest | virt-api for users and file systems, of guests with an agent | the node of each |
//!
//! Everything else comes from what is followed, and so a VM has one series, on the node
//! that its instance names: the source of a migration drops it when it is over, and the
//! target has it from then on (X35).

mod guest;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use hostler_core::metrics::Metric::VmHypervisorInfo;
use hostler_core::metrics::hypervisor::{Confidence, DetectionResult};
use hostler_core::metrics::states::States;
use hostler_core::metrics::{Cost, Labels, Point};
use hostler_core::vm::PowerState;
use hostler_provider::{Batch, Change, Cx, Error, Kind, Measured, Metrics, Result, VmRef};

use crate::fleet::Everything;
use crate::launchers::Running;
use crate::link::without_effect;
use crate::mapper::MappedVm;
use crate::provider::KubeVirt;

pub(crate) use guest::Asked;

/// Who says so.
const SOURCE: &str = "kubevirt";
/// VMs that are told to have changed one by one.
const TOLD: usize = 64;

/// Why the hypervisors of VMs could not be told, as far as it was logged: once for each VM
/// as long as it lasts (X4).
#[derive(Default)]
pub(crate) struct Logged(Mutex<BTreeMap<String, String>>);

impl Logged {
    /// Logs what is new of these, by VM; whatever is not among them is over and forgotten.
    fn tell(&self, unknown: BTreeMap<String, (String, &str)>) {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (vm, (name, error)) in &unknown {
            if logged.get(vm).is_none_or(|was| was != error) {
                tracing::warn!(vm = %name, error, "unknown hypervisor");
            }
        }
        *logged = unknown.into_iter().map(|(vm, (_, error))| (vm, error.to_owned())).collect();
    }
}

#[async_trait]
impl Metrics for KubeVirt {
    fn passes(&self) -> &'static [Cost] {
        &[Cost::State, Cost::Guest]
    }

    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch> {
        let doing = "cannot measure the cluster";
        let measured = match pass {
            Cost::State => cx.run(doing, self.measure_states(cx)).await,
            Cost::Guest => cx.run(doing, self.measure_guests(cx)).await,
            other => {
                let message = format!("a cluster is not asked for the pass {}", other.as_str());
                return Err(Error::new(Kind::Unsupported, message));
            }
        };
        measured.map_err(without_effect)
    }
}

impl KubeVirt {
    async fn measure_states(&self, cx: &Cx) -> Result<Batch> {
        let shared = &self.shared;
        let mut all = self.mapped(cx).await?;
        let running: Vec<Running> = all.vms.iter().filter_map(running).collect();
        let caller = shared.link.caller(cx).await?;
        let in_time = cx.at_most(cx.remaining() / 2);
        let namespaces = &shared.config.namespaces;
        if shared.fleet.launchers.refresh(&in_time, &caller, namespaces, &running).await {
            let seen = self.mapped(cx).await?;
            self.tell(&all, &seen);
            all = seen;
        }
        self.log_unknown(&all);
        let states = States::default();
        let vms = all.vms.iter().map(|vm| measured(vm, &states)).collect();
        Ok(Batch { vms, ..Batch::default() })
    }

    /// Has those looked at anew of which something else is known now. Where they are
    /// many the next inventory shows it.
    fn tell(&self, before: &Everything, now: &Everything) {
        let known: BTreeMap<&str, &MappedVm> =
            before.vms.iter().map(|vm| (vm.vm.external_ref.as_str(), vm)).collect();
        let is_other = |vm: &&MappedVm| {
            let was = known.get(vm.vm.external_ref.as_str());
            was.is_some_and(|was| was.runs_by != vm.runs_by)
        };
        for vm in now.vms.iter().filter(is_other).take(TOLD) {
            self.shared.hub.publish(&Change::Vm(reference(vm)));
        }
    }

    fn log_unknown(&self, all: &Everything) {
        let unknown = all.vms.iter().filter_map(|vm| {
            let error = found(vm)?.error.as_deref()?;
            // Two of one name in two namespaces are two VMs.
            let name = format!("{}/{}", vm.namespace, vm.vm.name);
            Some((vm.vm.external_ref.clone(), (name, error)))
        });
        self.shared.measured.tell(unknown.collect());
    }
}

/// What is told of a VM. One that is off was looked at too, and nothing runs it.
fn measured(mapped: &MappedVm, states: &States) -> Measured<VmRef> {
    let (of, at) = (reference(mapped), mapped.vm.observed_at);
    let mut points = states.points(mapped.vm.power);
    points.extend(found(mapped).map(point));
    Measured { of, at, points }
}

/// What was found of its hypervisor, while one holds it.
fn found(mapped: &MappedVm) -> Option<&DetectionResult> {
    mapped.runs_by.as_ref().filter(|_| running(mapped).is_some())
}

fn reference(mapped: &MappedVm) -> VmRef {
    VmRef { external_ref: mapped.vm.external_ref.clone(), name: mapped.vm.name.clone() }
}

/// An instance that a hypervisor holds: one that is only being started has none yet.
fn running(mapped: &MappedVm) -> Option<Running> {
    let power = mapped.vm.power;
    if !power.is_live() || power == PowerState::Starting {
        return None;
    }
    let place = (mapped.instance_uid.clone()?, mapped.vm.host_ref.clone()?);
    Some(Running { namespace: mapped.namespace.clone(), place })
}

fn point(found: &DetectionResult) -> Point {
    // What was not found out has no source.
    let source = if found.confidence == Confidence::Unknown { "none" } else { SOURCE };
    let (hypervisor, accelerator) = (found.hypervisor_word(), found.accelerator());
    let labels = Labels::new([hypervisor, accelerator, source, found.confidence.as_str()]);
    Point::labelled(VmHypervisorInfo, labels, 1.0)
}
