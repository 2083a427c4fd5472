//! What an agent says, read. An agent may be broken, of another version, or not the
//! one that somebody thinks: whatever comes is bounded, and what is not taken is
//! counted by its reason.
//!
//! ```text
//!  bytes ─► schema? ─► document ─► passes ─► things ─► points ─► Report
//!             │ other     │ none     └── each: known? its own? sound? once? room? ── no ─► counted
//!             ▼           ▼
//!        incompatible   invalid
//! ```

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use hostler_api::v1::{
    AGENT_SCHEMA, AgentBatches, AgentMeasured, AgentPass, AgentPoint, AgentResource, AgentSilent,
};
use hostler_core::host::MachineIds;
use hostler_core::metrics::{Cost, Labels, Metric, MetricKind, Point, Resource};
use hostler_provider::{
    AgentError, AgentTrouble, Asked, Batch, ContainerRef, LeftOut, Machine, Measured, PoolRef,
    Report, ReportedPass, Silent, VmRef,
};
use serde::Deserialize;

/// The most things of one batch.
const THINGS_MAX: usize = 20_000;
/// The most points of one batch.
const POINTS_MAX: usize = 200_000;
/// The longest name and id of a thing, in bytes.
const NAME_MAX: usize = 256;
/// The longest value of a label, in bytes.
const LABEL_MAX: usize = 1024;
/// The longest reason, in characters.
const REASON_MAX: usize = 300;
/// What an interval may be, in seconds.
const INTERVAL: std::ops::RangeInclusive<f64> = 1.0..=3600.0;
/// What is taken for one that is none.
const INTERVAL_USUAL: f64 = 10.0;

/// What every version of an agent says.
#[derive(Deserialize)]
struct Head {
    host: String,
    version: String,
    schema: Option<u32>,
}

/// Reads a batch.
///
/// # Errors
/// When it is none, or of another schema.
pub(crate) fn read(text: &[u8]) -> Result<Report, AgentError> {
    let head: Head = serde_json::from_slice(text).map_err(|error| {
        let why = format!("what it answers is no batch of a hostler-agent: {error}");
        AgentError::new(AgentTrouble::Invalid, why)
    })?;
    let version = cleaned(&head.version, 40);
    let incompatible = |what: String| {
        let own = env!("CARGO_PKG_VERSION");
        let why = format!("{what}; it has version {version}, this server {own}");
        AgentError::new(AgentTrouble::Incompatible, why)
    };
    match head.schema.unwrap_or(1) {
        0 => {
            return Err(incompatible("it is older than this server understands: update it".into()));
        }
        newer if newer > AGENT_SCHEMA => {
            let what = format!(
                "it speaks schema {newer}, and this server up to {AGENT_SCHEMA}: update the server"
            );
            return Err(incompatible(what));
        }
        _ => {}
    }
    let batches: AgentBatches = serde_json::from_slice(text)
        .map_err(|error| incompatible(format!("its batch is not understood: {error}")))?;
    if !is_name(&head.host) {
        let why = "it does not say what its machine is called: set `host` in its configuration";
        return Err(AgentError::new(AgentTrouble::Invalid, why));
    }
    let mut sifter = Sifter::default();
    let passes = sifter.passes(batches.passes);
    let own = |id: Option<String>| id.filter(|id| is_name(id)).map(|id| id.to_lowercase());
    Ok(Report {
        machine: Machine {
            name: head.host,
            ids: MachineIds {
                system: own(batches.system_uuid),
                installation: own(batches.machine_id),
                boot: own(batches.boot_id),
            },
        },
        version,
        started_at: batches.started_at.0,
        now: batches.now.0,
        passes,
        left_out: sifter.left_out.into_iter().collect(),
    })
}

/// Whom a pass of this source asked.
fn asked(source: &str) -> Option<Asked> {
    match source {
        "node" => Some(Asked::Kernel),
        "docker" => Some(Asked::Containers("docker")),
        "podman" => Some(Asked::Containers("podman")),
        "libvirt" => Some(Asked::Hypervisor),
        "kubevirt" => Some(Asked::Launchers),
        _ => None,
    }
}

/// Takes what can be taken and counts the rest.
#[derive(Default)]
struct Sifter {
    left_out: BTreeMap<LeftOut, u64>,
    things: usize,
    points: usize,
}

impl Sifter {
    fn leave(&mut self, reason: LeftOut) {
        self.leave_all(reason, 1);
    }

    fn leave_all(&mut self, reason: LeftOut, count: usize) {
        *self.left_out.entry(reason).or_default() += u64::try_from(count).unwrap_or(u64::MAX);
    }

    fn passes(&mut self, told: Vec<AgentPass>) -> Vec<ReportedPass> {
        let mut known = HashSet::new();
        let mut passes = Vec::new();
        for pass in told {
            let cost = Cost::PASSES.iter().copied().find(|cost| cost.as_str() == pass.cost);
            let Some((asked, cost)) = asked(&pass.source).zip(cost) else {
                self.leave_all(LeftOut::Unknown, pass.measured.len().max(1));
                continue;
            };
            if known.insert((asked, cost)) {
                passes.push(self.pass(asked, cost, pass));
            } else {
                self.leave_all(LeftOut::Twice, pass.measured.len().max(1));
            }
        }
        passes
    }

    fn pass(&mut self, asked: Asked, pass: Cost, told: AgentPass) -> ReportedPass {
        let interval = Some(told.interval_seconds).filter(|it| it.is_finite());
        let interval = interval.unwrap_or(INTERVAL_USUAL).clamp(*INTERVAL.start(), *INTERVAL.end());
        let took = told.took_seconds.filter(|it| it.is_finite() && INTERVAL.end() >= it);
        ReportedPass {
            asked,
            pass,
            interval: Duration::from_secs_f64(interval),
            ended_at: told.ended_at.map(|at| at.0),
            took: Duration::from_secs_f64(took.unwrap_or_default().max(0.0)),
            failure: told.error.map(|why| cleaned(&why, REASON_MAX)),
            batch: self.batch(asked, pass, told.measured, told.silent),
        }
    }

    fn batch(
        &mut self,
        asked: Asked,
        pass: Cost,
        measured: Vec<AgentMeasured>,
        silent: Vec<AgentSilent>,
    ) -> Batch {
        let mut batch = Batch::default();
        let mut silent_vms = HashSet::new();
        for one in silent {
            if asked != Asked::Hypervisor {
                self.leave(LeftOut::NotItsOwn);
            } else if self.is_room(&one.external_ref, &one.name) {
                if !silent_vms.insert(one.external_ref.clone()) {
                    self.leave(LeftOut::Twice);
                    continue;
                }
                let vm = VmRef { external_ref: one.external_ref, name: one.name };
                let reason = cleaned(&one.reason, REASON_MAX);
                batch.silent.push(Silent { vm, reason });
            }
        }
        let mut seen = HashSet::new();
        for one in measured {
            if !seen.insert(one.of.clone()) {
                self.leave(LeftOut::Twice);
                continue;
            }
            // What a VM told before it fell silent is held here already, with its age.
            let is_old = |id: &String| silent_vms.contains(id);
            if matches!(&one.of, AgentResource::Vm { external_ref, .. } if is_old(external_ref)) {
                continue;
            }
            self.thing(asked, pass, one, &mut batch);
        }
        batch
    }

    /// Adds what was measured of one thing, if whom the agent asked can tell of such.
    fn thing(&mut self, asked: Asked, pass: Cost, told: AgentMeasured, batch: &mut Batch) {
        let at = told.at.0;
        match (told.of, asked) {
            (AgentResource::Host { name }, Asked::Kernel | Asked::Hypervisor) => {
                if !batch.hosts.is_empty() {
                    self.leave(LeftOut::NotItsOwn); // it is on one machine
                } else if self.is_room(&name, &name) {
                    let points = self.points(Resource::Host, pass, told.points);
                    batch.hosts.push(Measured { of: name, at, points });
                }
            }
            (AgentResource::Vm { external_ref, name }, Asked::Hypervisor) => {
                if self.is_room(&external_ref, &name) {
                    let points = self.points(Resource::Vm, pass, told.points);
                    let of = VmRef { external_ref, name };
                    batch.vms.push(Measured { of, at, points });
                }
            }
            (AgentResource::Vm { external_ref, name }, Asked::Launchers) => {
                if self.is_room(&external_ref, &name) {
                    let mut points = self.points(Resource::Vm, pass, told.points);
                    // Of a VM a process shows what it runs by; its figures are others' to tell.
                    let before = points.len();
                    points.retain(|point| point.metric == Metric::VmHypervisorInfo);
                    self.leave_all(LeftOut::NotItsOwn, before - points.len());
                    let of = VmRef { external_ref, name };
                    batch.vms.push(Measured { of, at, points });
                }
            }
            (AgentResource::Pool { name }, Asked::Hypervisor) => {
                if self.is_room(&name, &name) {
                    let points = self.points(Resource::Pool, pass, told.points);
                    let of = PoolRef { host_ref: None, name };
                    batch.pools.push(Measured { of, at, points });
                }
            }
            (AgentResource::Container { id, name, engine }, asked) => {
                let own = match asked {
                    Asked::Containers(word) => word,
                    Asked::Hypervisor => "libvirt-lxc",
                    Asked::Kernel | Asked::Launchers => "",
                };
                if own != engine {
                    self.leave(LeftOut::NotItsOwn);
                } else if self.is_room(&id, &name) {
                    let points = self.points(Resource::Container, pass, told.points);
                    let of = ContainerRef { id, name, engine: own };
                    batch.containers.push(Measured { of, at, points });
                }
            }
            _ => self.leave(LeftOut::NotItsOwn),
        }
    }

    /// Whether there is room for one more thing of these names.
    fn is_room(&mut self, id: &str, name: &str) -> bool {
        if !is_name(id) || !is_name(name) {
            self.leave(LeftOut::Invalid);
        } else if self.things == THINGS_MAX {
            self.leave(LeftOut::TooMany);
        } else {
            self.things += 1;
            return true;
        }
        false
    }

    fn points(&mut self, of: Resource, pass: Cost, told: Vec<AgentPoint>) -> Vec<Point> {
        let mut seen = HashSet::new();
        let mut points = Vec::new();
        for point in told {
            match taken(of, pass, point) {
                Err(reason) => self.leave(reason),
                Ok(_) if self.points == POINTS_MAX => self.leave(LeftOut::TooMany),
                Ok(point) if seen.insert((point.metric, point.labels.clone())) => {
                    self.points += 1;
                    points.push(point);
                }
                Ok(_) => self.leave(LeftOut::Twice),
            }
        }
        points
    }
}

fn taken(of: Resource, pass: Cost, told: AgentPoint) -> Result<Point, LeftOut> {
    let metric = Metric::of_name(&told.metric).ok_or(LeftOut::Unknown)?;
    let family = metric.family();
    // Each metric comes with one pass, so that it cannot be told twice of a thing; and
    // what is computed is computed here.
    if family.resource != of || family.cost != pass {
        return Err(LeftOut::NotItsOwn);
    }
    let is_label =
        |label: &String| label.len() <= LABEL_MAX && !label.chars().any(char::is_control);
    if !told.labels.iter().all(is_label) {
        return Err(LeftOut::Invalid);
    }
    let point = Point::labelled(metric, Labels::new(told.labels), told.value);
    let is_growing = family.kind != MetricKind::Counter || point.value >= 0.0;
    if point.is_sound() && is_growing { Ok(point) } else { Err(LeftOut::Invalid) }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_MAX && !text.chars().any(char::is_control)
}

/// Text for people: one line, not longer than that.
fn cleaned(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

#[cfg(test)]
mod tests;
