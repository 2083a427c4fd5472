//! From a VM's specification to the object that a cluster keeps: pure, and complete.
//! What KubeVirt has no field for is refused by name.
//!
//! What is settled here, where KubeVirt does otherwise than one might think:
//!
//! * **Where it runs** is the scheduler's choice. The host that was chosen is what it
//!   prefers, no more: a VM that is bound to a node cannot leave it.
//! * **How it is to be run** is told at its making only, and by another manager of
//!   fields (X25): `Manual`, by which it stays as it was put.
//! * **cloud-init's `meta-data`** is KubeVirt's own. Its host name is told as the VM's;
//!   the instance id that the guest sees is `NAME.NAMESPACE`.
//! * A guest agent's channel is always there, and what a guest discards is always freed.

use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use hostler_core::vm::spec::{
    Accelerator, CpuFeaturePolicy, CpuMode, CpuSpec, FirmwareKind, MemorySpec,
};
use hostler_provider::Result;
use serde_json::{Map, Value, json};

use super::devices;
use super::refusals::Refusals;
use crate::mapper::{MADE_AS_ANNOTATION, TAG_LABEL};
use crate::resource::is_label;

/// How a new VM is to be run: it starts and stops when it is asked to, and else stays
/// as it is.
pub(super) const RUN_STRATEGY: &str = "Manual";
/// The size of the pages that memory is backed by, where huge ones are asked for.
const HUGE_PAGE: u64 = 2 << 20;
/// The longest label of a DNS name.
const LABEL: usize = 63;

/// All that a VM is made of.
pub(super) struct Plan<'a> {
    pub(super) vm: VmId,
    pub(super) spec: &'a VmSpec,
    pub(super) namespace: &'a str,
    /// The node that it prefers.
    pub(super) node: &'a str,
    /// For each disk of the specification the claim that holds it; `None` for those
    /// without one.
    pub(super) claims: Vec<Option<String>>,
    /// The secret with the documents of cloud-init.
    pub(super) seed: Option<&'a str>,
    /// Whether the installation lets VMs be emulated, as far as it is known.
    pub(super) emulates: Option<bool>,
}

/// The object without how it is to be run: what the manager `hostler` owns.
///
/// # Errors
/// `Unsupported` or `Invalid`, naming the fields.
pub(super) fn document(plan: &Plan<'_>) -> Result<Value> {
    let mut refusals = Refusals::default();
    check_names(plan, &mut refusals);
    let spec = plan.spec;
    let mut domain = Map::new();
    let by_type = spec.instance_type.is_some();
    let sizes = [
        ("cpu", cpu(&spec.cpu, by_type, &mut refusals)),
        ("memory", memory(&spec.memory, by_type, &mut refusals)),
    ];
    for (field, size) in sizes {
        // What the instance type says is not said here: KubeVirt refuses both at once.
        if size.as_object().is_some_and(|said| !said.is_empty()) {
            domain.insert(field.to_owned(), size);
        }
    }
    if let Some(kind) = &spec.machine.kind {
        domain.insert("machine".to_owned(), json!({ "type": kind }));
    }
    firmware(plan, &mut domain);
    let built = devices::devices(plan, &mut refusals);
    domain.insert("devices".to_owned(), Value::Object(built.devices));
    let mut instance = Map::new();
    if let Some(arch) = architecture(plan, &mut refusals) {
        instance.insert("architecture".to_owned(), arch.into());
    }
    check_platform(plan, &mut refusals);
    instance.insert("affinity".to_owned(), prefers(plan.node));
    if let Some(hostname) = hostname(plan, &mut refusals) {
        instance.insert("hostname".to_owned(), hostname.into());
    }
    instance.insert("domain".to_owned(), Value::Object(domain));
    for (field, list) in [("networks", built.networks), ("volumes", built.volumes)] {
        if !list.is_empty() {
            instance.insert(field.to_owned(), list.into());
        }
    }
    refusals.into_result()?;
    let mut machine = json!({ "template": { "spec": instance } });
    let named = [
        ("instancetype", &spec.instance_type, "Instancetype"),
        ("preference", &spec.preference, "Preference"),
    ];
    for (field, named, kind) in named {
        let (Some(named), Some(fields)) = (named, machine.as_object_mut()) else { continue };
        // The revision that it is bound to is KubeVirt's to write.
        let scope = if named.namespace.is_some() { "" } else { "Cluster" };
        let kind = format!("VirtualMachine{scope}{kind}");
        fields.insert(field.to_owned(), json!({ "kind": kind, "name": named.name }));
    }
    Ok(json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": metadata(plan),
        "spec": machine,
    }))
}

fn metadata(plan: &Plan<'_>) -> Value {
    let Plan { vm, spec, namespace, .. } = plan;
    let mut annotations = Map::new();
    annotations.insert(MADE_AS_ANNOTATION.to_owned(), format!("{namespace}/{}", spec.name).into());
    if !spec.description.is_empty() {
        let key = "kubernetes.io/description".to_owned();
        annotations.insert(key, spec.description.as_str().into());
    }
    json!({
        "name": spec.name, "namespace": namespace,
        "labels": { TAG_LABEL: vm.to_string() }, "annotations": annotations,
    })
}

/// The same with how it is to be run: what it is made of.
pub(super) fn with_run_strategy(mut document: Value) -> Value {
    if let Some(spec) = document.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("runStrategy".to_owned(), RUN_STRATEGY.into());
    }
    document
}

fn check_names(plan: &Plan<'_>, refusals: &mut Refusals) {
    if !is_dns_label(&plan.spec.name) {
        refusals.wrong("/name", "a VM of KubeVirt is named by small letters, digits and hyphens");
    }
}

/// A label of a DNS name, as most names within a VM have to be.
pub(crate) fn is_dns_label(text: &str) -> bool {
    text.len() <= LABEL && is_label(text)
}

/// The name of a host within the scheduler's terms: a wish, by the node's own name.
fn prefers(node: &str) -> Value {
    json!({ "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [{
        "weight": 100,
        "preference": { "matchFields": [
            { "key": "metadata.name", "operator": "In", "values": [node] },
        ] },
    }] } })
}

fn cpu(spec: &CpuSpec, by_type: bool, refusals: &mut Refusals) -> Value {
    let mut cpu = Map::new();
    if !by_type {
        sockets(spec, &mut cpu, refusals);
    }
    match &spec.mode {
        CpuMode::Default => {}
        CpuMode::HostPassthrough => drop(cpu.insert("model".to_owned(), "host-passthrough".into())),
        CpuMode::HostModel => drop(cpu.insert("model".to_owned(), "host-model".into())),
        CpuMode::Named(model) => drop(cpu.insert("model".to_owned(), model.as_str().into())),
        CpuMode::Maximum => {
            refusals.cannot("/cpu/mode", "KubeVirt has no mode `maximum`; ask for host_model");
        }
    }
    let feature = |policy| match policy {
        CpuFeaturePolicy::Require => "require",
        CpuFeaturePolicy::Optional => "optional",
        CpuFeaturePolicy::Disable => "disable",
        CpuFeaturePolicy::Forbid => "forbid",
    };
    if !spec.features.is_empty() {
        let features = spec.features.iter();
        let features = features.map(|f| json!({ "name": f.name, "policy": feature(f.policy) }));
        cpu.insert("features".to_owned(), features.collect());
    }
    Value::Object(cpu)
}

/// How many processors, and how they are arranged.
fn sockets(spec: &CpuSpec, cpu: &mut Map<String, Value>, refusals: &mut Refusals) {
    let topology = spec.topology.map_or((1, 1, 1), |t| (t.dies, t.cores, t.threads));
    let (dies, cores, threads) = topology;
    if dies != 1 {
        refusals.cannot("/cpu/topology/dies", "KubeVirt knows no dies; leave them at 1");
    }
    let of_socket = cores.saturating_mul(threads).max(1);
    let max = spec.max_count.unwrap_or(spec.count);
    for count in [spec.count, max] {
        if !count.is_multiple_of(of_socket) {
            let why = format!(
                "KubeVirt adds whole sockets, which have {of_socket} processors each here; {count} \
                 is no multiple"
            );
            refusals.cannot(if count == max { "/cpu/max_count" } else { "/cpu/count" }, why);
            break;
        }
    }
    cpu.insert("sockets".to_owned(), (spec.count / of_socket).into());
    cpu.insert("cores".to_owned(), cores.into());
    cpu.insert("threads".to_owned(), threads.into());
    if max > spec.count {
        cpu.insert("maxSockets".to_owned(), (max / of_socket).into());
    }
}

fn memory(spec: &MemorySpec, by_type: bool, refusals: &mut Refusals) -> Value {
    let mut memory = match by_type {
        true => json!({}),
        false => json!({ "guest": quantity(spec.bytes.next_multiple_of(1 << 10)) }),
    };
    if spec.hugepages {
        if !spec.bytes.is_multiple_of(HUGE_PAGE) {
            let why = "memory in huge pages is a multiple of 2 MiB";
            refusals.wrong("/memory/bytes", why);
        }
        if let Some(fields) = memory.as_object_mut() {
            fields.insert("hugepages".to_owned(), json!({ "pageSize": "2Mi" }));
        }
    }
    memory
}

/// Bytes as Kubernetes writes them, exactly.
pub(crate) fn quantity(bytes: u64) -> String {
    let units = [(1_u64 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
    let whole = units.iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    match whole {
        Some((unit, suffix)) => format!("{}{suffix}", bytes / unit),
        None => bytes.to_string(),
    }
}

fn architecture(plan: &Plan<'_>, refusals: &mut Refusals) -> Option<&'static str> {
    match plan.spec.machine.arch.as_deref()? {
        "x86_64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        "s390x" => Some("s390x"),
        other => {
            let why = format!("KubeVirt runs x86_64, aarch64 and s390x, not {other}");
            refusals.cannot("/machine/arch", why);
            None
        }
    }
}

/// Whether a VM is accelerated is decided for the installation as a whole.
fn check_platform(plan: &Plan<'_>, refusals: &mut Refusals) {
    let accelerator = plan.spec.machine.accelerator;
    let is_promised = match accelerator {
        Accelerator::Auto => true,
        Accelerator::Kvm => plan.emulates == Some(false),
        Accelerator::Tcg => false,
    };
    if !is_promised {
        let why = "whether VMs are accelerated is set for the whole installation of KubeVirt; ask \
                   for `auto`";
        refusals.cannot("/machine/accelerator", why);
    }
    if plan.spec.autostart {
        let why = "KubeVirt starts no VM together with a host; give it the run strategy Always \
                   in the cluster to keep it running";
        refusals.cannot("/autostart", why);
    }
}

/// The store of its variables is the VM's own and stays: in a claim that KubeVirt makes.
fn firmware(plan: &Plan<'_>, domain: &mut Map<String, Value>) {
    let firmware = plan.spec.firmware;
    if firmware.kind != FirmwareKind::Uefi {
        // The machine's own: where none is named, KubeVirt takes that.
        return;
    }
    let efi = json!({ "secureBoot": firmware.secure_boot, "persistent": true });
    domain.insert("firmware".to_owned(), json!({ "bootloader": { "efi": efi } }));
    if firmware.secure_boot {
        domain.insert("features".to_owned(), json!({ "smm": { "enabled": true } }));
    }
}

/// The host name that cloud-init sets; where none is asked for, KubeVirt takes the
/// VM's name, which is what is asked for then.
fn hostname<'a>(plan: &Plan<'a>, refusals: &mut Refusals) -> Option<&'a str> {
    let hostname = plan.spec.cloud_init.as_ref()?.hostname.as_deref()?;
    if !is_dns_label(hostname) {
        let why = "KubeVirt takes a host name of small letters, digits and hyphens";
        refusals.wrong("/cloud_init/hostname", why);
    }
    Some(hostname)
}
