//! VMs of KubeVirt that run on this machine, and by what, as their processes show it (X2).
//!
//! Each VM of KubeVirt has a libvirt of its own, which only KubeVirt may ask. The process of
//! QEMU below it can be looked at from outside, and shows what really runs, and not what was
//! configured (F8):
//!
//! ```text
//!  /proc/PID/cmdline   -name guest=NAMESPACE_NAME -accel kvm     which VM, and by what
//!  /proc/PID/stat      its parents: virt-launcher --name NAME    that it is KubeVirt's
//!  /proc/PID/fd/*      /dev/kvm, anon_inode:kvm-vm               whether it holds KVM
//!                      (needs the right to trace it; absent without)
//! ```
//!
//! Nobody is asked and nothing is changed: files are read. A process that ends while it is
//! looked at, damaged text and a QEMU of somebody else are no VMs of KubeVirt, and no errors.

mod qemu;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hostler_core::metrics::hypervisor::{
    Confidence, DetectionResult, HypervisorType, Process, detect_process, namespace_name, surest,
};
use hostler_core::metrics::{Cost, Labels, Metric, Point};
use hostler_provider::{Batch, Cx, Error, Kind, Measured, Metrics, Result, VmRef};
use tokio::sync::Semaphore;

use crate::tree::Tree;

/// Who says so.
const SOURCE: &str = "process";
/// The longest name of a domain: a namespace, a `_` and a name.
const DOMAIN_MAX: usize = 63 + 1 + 253;
/// So far up a process's parents are looked at; between QEMU and its launcher are none or one.
const PARENTS_MAX: usize = 4;
/// Where in its arguments a launcher is named: first, or after a small init (`tini --`).
const LAUNCHER_MAX: usize = 3;
/// More files than this no QEMU holds open.
const FILES_MAX: usize = 16_384;

/// The VMs of KubeVirt on this machine.
#[derive(Debug)]
pub struct Launchers {
    tree: Tree,
    /// One reading at a time, as of the machine's own figures.
    gate: Arc<Semaphore>,
    /// What was logged last of a VM: once, not with every pass (X4).
    logged: Mutex<BTreeMap<String, String>>,
}

impl Launchers {
    /// Those whose processes are in `proc` below `root`; `/` for this machine.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let gate = Arc::new(Semaphore::new(1));
        Self { tree: Tree::new(root.into()), gate, logged: Mutex::default() }
    }

    /// Logs what could not be found out, when it is news (A11).
    fn log(&self, found: &BTreeMap<String, DetectionResult>) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        logged.retain(|domain, _| found.get(domain).is_some_and(|it| it.error.is_some()));
        for (domain, result) in found {
            let Some(error) = &result.error else { continue };
            if logged.get(domain) != Some(error) {
                tracing::warn!(vm = domain, error, "unknown hypervisor");
                logged.insert(domain.clone(), error.clone());
            }
        }
    }
}

#[async_trait]
impl Metrics for Launchers {
    fn passes(&self) -> &'static [Cost] {
        &[Cost::State]
    }

    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch> {
        if pass != Cost::State {
            return Err(Error::new(Kind::Unsupported, "processes of VMs have no such pass"));
        }
        let (tree, gate) = (self.tree.clone(), Arc::clone(&self.gate));
        let read = async {
            // The gate is never closed, so that a permit comes or the deadline does.
            let permit = gate.acquire_owned().await;
            let reading = tokio::task::spawn_blocking(move || {
                let found = sees_all(&tree).then(|| vms(&tree));
                drop(permit);
                found
            });
            reading.await.map_err(|error| {
                Error::new(Kind::Bug, "processes of VMs: the reading failed").with_raw(error)
            })
        };
        let found = cx.run("processes of VMs", read).await?.ok_or_else(|| {
            let message = "processes of VMs: those of the machine cannot be seen; run the agent \
                           in the machine's process namespace (hostPID: true), where /proc hides \
                           none (no hidepid)";
            Error::new(Kind::Unavailable, message)
        })?;
        self.log(&found);
        let at = cx.now();
        let measured = found.into_iter().filter_map(|(domain, result)| {
            let (_, name) = namespace_name(&domain)?;
            let name = name.to_owned();
            let of = VmRef { external_ref: domain, name };
            Some(Measured { of, at, points: vec![point(&result)] })
        });
        Ok(Batch { vms: measured.collect(), ..Batch::default() })
    }
}

fn point(result: &DetectionResult) -> Point {
    // What was not found out has no source.
    let source = if result.confidence == Confidence::Unknown { "none" } else { SOURCE };
    let (hypervisor, accelerator) = (result.hypervisor_word(), result.accelerator());
    let labels = Labels::new([hypervisor, accelerator, source, result.confidence.as_str()]);
    Point::labelled(Metric::VmHypervisorInfo, labels, 1.0)
}

/// Whether the machine's processes are seen, and not only those of a container: the kernel's
/// own first thread is always the second of them. Without that, "no VM" would be a guess (X17).
fn sees_all(tree: &Tree) -> bool {
    tree.text("proc/2/comm").is_some_and(|name| name.trim_end() == "kthreadd")
}

/// Every VM of KubeVirt by its domain's name, once (X35).
fn vms(tree: &Tree) -> BTreeMap<String, DetectionResult> {
    let mut found: BTreeMap<String, Vec<DetectionResult>> = BTreeMap::new();
    for pid in tree.names("proc").iter().filter_map(|name| name.parse::<u32>().ok()) {
        if let Some((domain, result)) = vm(tree, pid) {
            found.entry(domain).or_default().push(result);
        }
    }
    let once = found.into_iter().filter_map(|(domain, told)| Some((domain, agreed(told)?)));
    once.collect()
}

/// The VM that a process runs, if it runs one of KubeVirt's.
fn vm(tree: &Tree, pid: u32) -> Option<(String, DetectionResult)> {
    let cmdline = tree.text(format!("proc/{pid}/cmdline"))?;
    let line = qemu::read(&cmdline)?;
    let of = namespace_name(&line.name).filter(|_| line.name.len() <= DOMAIN_MAX)?;
    if !has_launcher(tree, pid, of) {
        return None;
    }
    let process = Process { accelerators: line.accelerators, holds_kvm: holds_kvm(tree, pid) };
    Some((line.name, detect_process(&process)))
}

/// What several processes of one VM come to: while one follows another there may be two.
fn agreed(mut told: Vec<DetectionResult>) -> Option<DetectionResult> {
    let is_same = told.windows(2).all(|pair| match pair {
        [one, other] => one.hypervisor == other.hypervisor,
        _ => true,
    });
    if is_same {
        let at = surest(told.iter().map(|it| it.confidence))?;
        return Some(told.swap_remove(at));
    }
    Some(DetectionResult {
        hypervisor: HypervisorType::Unknown,
        error: Some("two processes say that they run it, by different hypervisors".to_owned()),
        confidence: Confidence::Unknown,
        domain_type: None,
    })
}

/// Whether a launcher of KubeVirt is among a process's parents, for the VM of that namespace
/// and name where it says for which it is.
fn has_launcher(tree: &Tree, pid: u32, of: (&str, &str)) -> bool {
    let mut pid = pid;
    for _ in 0..PARENTS_MAX {
        match parent(tree, pid) {
            Some(up) if up > 1 => pid = up,
            _ => return false,
        }
        let cmdline = tree.text(format!("proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&str> = qemu::arguments(&cmdline).collect();
        let is_launcher = |word: &&str| qemu::base(word).starts_with("virt-launcher");
        if words.iter().take(LAUNCHER_MAX).any(is_launcher) {
            let says = |option: &str, wanted: &str| {
                let value = words.iter().skip_while(|word| **word != option).nth(1);
                value.is_none_or(|value| *value == wanted)
            };
            return says("--namespace", of.0) && says("--name", of.1);
        }
    }
    false
}

/// The parent: the second field after the name, which stands in parentheses and may hold
/// anything, such as more of them.
fn parent(tree: &Tree, pid: u32) -> Option<u32> {
    let stat = tree.text(format!("proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a process holds KVM open; `None` where that cannot be seen.
fn holds_kvm(tree: &Tree, pid: u32) -> Option<bool> {
    let directory = format!("proc/{pid}/fd");
    let names = tree.names(&directory);
    let mut open = names.iter().take(FILES_MAX).filter_map(|name| {
        let target = tree.link(format!("{directory}/{name}"))?;
        Some(is_kvm(&target))
    });
    // It always holds some file open: none means that they are not shown.
    let first = open.next()?;
    Some(first || open.any(|is_kvm| is_kvm))
}

fn is_kvm(target: &Path) -> bool {
    let is_of_kvm = |text: &str| text.starts_with("anon_inode:kvm-");
    target == Path::new("/dev/kvm") || target.to_str().is_some_and(is_of_kvm)
}
