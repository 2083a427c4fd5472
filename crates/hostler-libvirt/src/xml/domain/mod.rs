//! Domains: the document made from a [`VmSpec`], and the reader of any domain
//! document there is (C1).
//!
//! What a made domain looks like, beyond what was asked:
//! * its UUID is the VM's id, and a metadata element of our namespace bears the
//!   id again, since a UUID can be copied by `virsh dumpxml | virsh define`;
//! * every disk names its format and ends its backing chain, so that nothing a
//!   guest writes into its disk is ever taken for a format header (A6);
//! * displays listen on a socket only the daemon can reach;
//! * PCI Express machines have spare root ports, for devices plugged in later.

pub(crate) mod attached;
mod devices;
pub(crate) mod disks;
pub(crate) mod facets;
pub(crate) mod files;
pub(crate) mod mark;
pub(crate) mod platform;
pub(crate) mod read;

#[cfg(test)]
mod tests;

use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use hostler_core::vm::spec::{CpuFeaturePolicy, CpuMode, CpuSpec, FirmwareKind};
use hostler_provider::{Error, Kind, Result};

pub(crate) use disks::{Place, Placed};
use platform::Platform;

use super::element::Element;

/// The namespace of our mark.
pub(crate) const NAMESPACE: &str = "https://hostler.dev/xmlns/1";

/// Free root ports of a PCI Express machine.
const SPARE_PORTS: usize = 8;

/// All that goes into a domain document.
#[derive(Debug, Clone)]
pub(crate) struct Plan<'a> {
    /// Its identity.
    pub(crate) vm: VmId,
    /// What is asked.
    pub(crate) spec: &'a VmSpec,
    /// On what it runs.
    pub(crate) platform: Platform,
    /// Where the bytes of each disk of the spec are, in the spec's order;
    /// `None` for drives without a medium.
    pub(crate) disks: Vec<Option<Placed>>,
    /// The cloud-init seed.
    pub(crate) seed: Option<Placed>,
}

/// Builds the document.
pub(crate) fn build(plan: &Plan<'_>) -> Result<Element> {
    let Plan { vm, spec, platform, .. } = plan;
    platform.check(spec)?;
    let max = spec.cpu.max_count.unwrap_or(spec.cpu.count);
    let mut vcpu = Element::text("vcpu", max).attribute("placement", "static");
    if max != spec.cpu.count {
        vcpu = vcpu.attribute("current", spec.cpu.count);
    }
    let kib = spec.memory.bytes.div_ceil(1024);
    let memory = |name| Element::text(name, kib).attribute("unit", "KiB");
    let hugepages = spec
        .memory
        .hugepages
        .then(|| Element::new("memoryBacking").child(Element::new("hugepages")));
    let description =
        (!spec.description.is_empty()).then(|| Element::text("description", &spec.description));
    Ok(Element::new("domain")
        .attribute("type", &platform.kind)
        .child(Element::text("name", &spec.name))
        .child(Element::text("uuid", vm.as_uuid().hyphenated()))
        .maybe(description)
        .child(metadata(*vm, spec, &disks::targets(plan)))
        .child(memory("memory"))
        .child(memory("currentMemory"))
        .maybe(hugepages)
        .child(vcpu)
        .child(os(spec, platform))
        .child(features(spec, platform))
        .maybe(cpu(&spec.cpu))
        .child(clock(platform))
        .children(lifecycle(spec))
        .child(devices::build(plan)?))
}

/// Writes the document out.
pub(crate) fn to_xml(plan: &Plan<'_>) -> Result<String> {
    build(plan)?.to_xml().map_err(|bad| Error::new(Kind::Invalid, bad.to_string()))
}

/// Our mark. The names beside the id are for people who look with virsh, and those of disks for
/// us: which device is which disk of the specification.
fn metadata(vm: VmId, spec: &VmSpec, disks: &[(String, String)]) -> Element {
    let mark = Element::new("hostler:vm")
        .attribute("xmlns:hostler", NAMESPACE)
        .attribute("id", vm)
        .child(Element::text("hostler:project", &spec.project))
        .child(Element::text("hostler:name", &spec.name))
        .children(disks.iter().map(|(target, name)| files::name_of(target, name)));
    Element::new("metadata").child(mark)
}

fn os(spec: &VmSpec, platform: &Platform) -> Element {
    let mut kind = Element::text("type", "hvm").attribute("arch", &platform.arch);
    if let Some(machine) = &platform.machine {
        kind = kind.attribute("machine", machine);
    }
    let os = Element::new("os");
    match spec.firmware.kind {
        FirmwareKind::Bios => os.child(kind),
        FirmwareKind::Uefi => os
            .attribute("firmware", "efi")
            .child(kind)
            .children(secure(spec.firmware.secure_boot, platform)),
    }
}

/// Which of the installed UEFI builds is taken. Only x86 has both kinds.
fn secure(wanted: bool, platform: &Platform) -> Vec<Element> {
    if !platform.is_q35() {
        return Vec::new();
    }
    let feature = |name| {
        let enabled = if wanted { "yes" } else { "no" };
        Element::new("feature").attribute("enabled", enabled).attribute("name", name)
    };
    let mut firmware = Element::new("firmware");
    if wanted {
        firmware = firmware.child(feature("enrolled-keys"));
    }
    let mut parts = vec![firmware.child(feature("secure-boot"))];
    if wanted {
        parts.push(Element::new("loader").attribute("secure", "yes"));
    }
    parts
}

fn features(spec: &VmSpec, platform: &Platform) -> Element {
    let on = |name| Element::new(name).attribute("state", "on");
    // Arm's ACPI tables come from UEFI; without it they are refused.
    let acpi = platform.is_x86() || spec.firmware.kind == FirmwareKind::Uefi;
    Element::new("features")
        .maybe(acpi.then(|| Element::new("acpi")))
        .maybe(platform.is_x86().then(|| Element::new("apic")))
        // Without system management mode a guest could rewrite the variables
        // that secure boot rests on.
        .maybe(spec.firmware.secure_boot.then(|| on("smm")))
}

fn cpu(cpu: &CpuSpec) -> Option<Element> {
    let mode = platform::cpu_mode_word(&cpu.mode);
    if mode.is_none() && cpu.topology.is_none() {
        return None;
    }
    let mut element = Element::new("cpu");
    if let Some(mode) = mode {
        element = element.attribute("mode", mode);
    }
    if let CpuMode::Named(model) = &cpu.mode {
        // A model with features missing would not be the model.
        element = element.attribute("match", "exact").attribute("check", "partial");
        element = element.child(Element::text("model", model).attribute("fallback", "forbid"));
    }
    if let Some(t) = cpu.topology {
        element = element.child(
            Element::new("topology")
                .attribute("sockets", t.sockets)
                .attribute("dies", t.dies)
                .attribute("cores", t.cores)
                .attribute("threads", t.threads),
        );
    }
    let feature = |f: &hostler_core::vm::spec::CpuFeature| {
        let policy = match f.policy {
            CpuFeaturePolicy::Require => "require",
            CpuFeaturePolicy::Optional => "optional",
            CpuFeaturePolicy::Disable => "disable",
            CpuFeaturePolicy::Forbid => "forbid",
        };
        Element::new("feature").attribute("policy", policy).attribute("name", &f.name)
    };
    Some(element.children(cpu.features.iter().map(feature)))
}

/// The clock runs in UTC; on x86 with the timer policies that keep guests'
/// time right when the host is busy.
fn clock(platform: &Platform) -> Element {
    let clock = Element::new("clock").attribute("offset", "utc");
    if !platform.is_x86() {
        return clock;
    }
    let timer = |name| Element::new("timer").attribute("name", name);
    clock
        .child(timer("rtc").attribute("tickpolicy", "catchup"))
        .child(timer("pit").attribute("tickpolicy", "delay"))
        .child(timer("hpet").attribute("present", "no"))
}

/// A guest with a panic device is held when it panics, so that `crashed` can be
/// seen and its memory looked at; without one, a crash is an end like others
/// and the daemon keeps the reason.
fn lifecycle(spec: &VmSpec) -> [Element; 3] {
    let on_crash = if spec.panic.is_some() { "preserve" } else { "destroy" };
    [
        Element::text("on_poweroff", "destroy"),
        Element::text("on_reboot", "restart"),
        Element::text("on_crash", on_crash),
    ]
}
