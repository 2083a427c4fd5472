//! Decides on what a VM will run: architecture, machine type and kind, and
//! what follows from them. Everything that the host cannot do is refused here,
//! by name, before anything is made.

use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::{DiskBus, GraphicsSpec, PanicModel, TpmModel, VideoModel};
use hostler_core::vm::devices::{WatchdogModel, WatchdogSpec};
use hostler_core::vm::spec::{Accelerator, CpuMode, CpuSpec, FirmwareKind};
use hostler_provider::{Error, Kind, Result};

use crate::xml::capabilities::{Capabilities, Guest};
use crate::xml::domain_capabilities::DomainCapabilities;

/// On what a VM will run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Platform {
    /// The guest's architecture.
    pub(crate) arch: String,
    /// The machine type; `None` where the host knows none.
    pub(crate) machine: Option<String>,
    /// `kvm`, `qemu`, `test` …
    pub(crate) kind: String,
}

impl Platform {
    /// Decides, from what is asked and what the host can.
    pub(crate) fn choose(spec: &VmSpec, host: &Capabilities) -> Result<Self> {
        let guest = choose_guest(spec, host)?;
        let kind = choose_kind(spec.machine.accelerator, guest)?;
        let machine = choose_machine(spec.machine.kind.as_deref(), guest)?;
        Ok(Self { arch: guest.arch.clone(), machine, kind })
    }

    /// Whether it is an x86 machine.
    pub(crate) fn is_x86(&self) -> bool {
        matches!(self.arch.as_str(), "x86_64" | "i686")
    }

    /// Whether it is a machine with Intel's Q35 chipset.
    pub(crate) fn is_q35(&self) -> bool {
        self.machine.as_deref().is_some_and(|m| m.contains("q35"))
    }

    /// Whether it is the generic machine of Arm and RISC-V.
    pub(crate) fn is_virt(&self) -> bool {
        self.machine.as_deref().is_some_and(|m| m == "virt" || m.starts_with("virt-"))
    }

    /// Whether devices sit on PCI Express, so that hot-plug needs free root ports.
    pub(crate) fn has_pcie(&self) -> bool {
        self.is_q35() || self.is_virt()
    }

    /// The bus of a CD-ROM drive when nobody chose one: the kernels of cloud
    /// images have no driver for SATA, but for paravirtual SCSI.
    pub(crate) const fn cdrom_bus() -> DiskBus {
        DiskBus::Scsi
    }

    /// Refuses what this combination can never do, whatever the host.
    pub(crate) fn check(&self, spec: &VmSpec) -> Result<()> {
        for disk in &spec.disks {
            match disk.bus {
                Some(DiskBus::Ide) if !self.is_x86() || self.is_q35() => {
                    return Err(invalid(format!(
                        "disk \"{}\": there is no IDE on this machine type; use sata, scsi or virtio",
                        disk.name
                    )));
                }
                Some(DiskBus::Sata) if !self.is_x86() => {
                    return Err(invalid(format!(
                        "disk \"{}\": there is no SATA on {}; use scsi or virtio",
                        disk.name, self.arch
                    )));
                }
                _ => {}
            }
            // The paravirtual disk has room for 20 bytes and cuts the rest off.
            if disk.serial.as_ref().is_some_and(|s| s.len() > 20) {
                return Err(invalid(format!(
                    "disk \"{}\": the serial number has more than 20 characters",
                    disk.name
                )));
            }
        }
        if spec.firmware.secure_boot && !self.is_q35() {
            return Err(invalid("secure boot needs the machine type q35"));
        }
        if self.arch == "aarch64" && self.is_virt() && spec.firmware.kind == FirmwareKind::Bios {
            return Err(invalid("the machine type virt has no BIOS; use firmware uefi"));
        }
        if !self.is_x86() && spec.panic.is_some() {
            return Err(invalid("panic devices exist on x86 only"));
        }
        check_watchdog(self, spec.watchdog)?;
        check_cpu(&self.kind, &spec.cpu)
    }

    /// Refuses what this host does not offer for this combination.
    pub(crate) fn check_offered(&self, spec: &VmSpec, offer: &DomainCapabilities) -> Result<()> {
        let max = spec.cpu.max_count.unwrap_or(spec.cpu.count);
        if let Some(limit) = offer.vcpu_max.filter(|limit| max > *limit) {
            return Err(unsupported(format!("the host allows {limit} processors, not {max}")));
        }
        if spec.firmware.kind == FirmwareKind::Uefi {
            needs(&offer.firmware, "efi", "UEFI firmware is not installed on the host")?;
        }
        if spec.firmware.secure_boot && offer.secure_boot == Some(false) {
            return Err(unsupported("firmware with secure boot is not installed on the host"));
        }
        if let Some(mode) = cpu_mode_word(&spec.cpu.mode) {
            needs(&offer.cpu_modes, mode, &format!("the CPU mode {mode} is not available"))?;
        }
        if let CpuMode::Named(model) = &spec.cpu.mode {
            needs(&offer.cpu_models, model, &format!("the CPU model {model} is not available"))?;
        }
        if let Some(graphics) = spec.graphics {
            let word = graphics_word(graphics);
            needs(&offer.graphics, word, &format!("the display {word} is not available"))?;
        }
        if let Some(video) = spec.video {
            let word = video.as_str();
            needs(&offer.video, word, &format!("the video card {word} is not available"))?;
        }
        if let Some(tpm) = spec.tpm {
            let word = tpm_word(tpm.model);
            let message = format!("the host cannot emulate a TPM of model {word}; install swtpm");
            needs(&offer.tpm, word, &message)?;
        }
        for disk in &spec.disks {
            if let Some(bus) = disk.bus {
                let word = bus_word(bus);
                let message = format!("disk \"{}\": the bus {word} is not available", disk.name);
                needs(&offer.buses, word, &message)?;
            }
        }
        Ok(())
    }

    /// The video card that fits the display when nobody chose one.
    pub(crate) fn video_for(&self, graphics: GraphicsSpec) -> VideoModel {
        match graphics {
            // Every firmware and guest knows standard VGA.
            GraphicsSpec::Vnc | GraphicsSpec::Spice if self.is_x86() => VideoModel::Vga,
            GraphicsSpec::Vnc | GraphicsSpec::Spice => VideoModel::Virtio,
        }
    }
}

fn choose_guest<'a>(spec: &VmSpec, host: &'a Capabilities) -> Result<&'a Guest> {
    let machines = || host.guests.iter().filter(|g| g.os_type == "hvm");
    let wanted = spec.machine.arch.as_deref().or(host.arch.as_deref());
    let found = wanted.and_then(|arch| machines().find(|g| g.arch == arch));
    match (found, &spec.machine.arch) {
        (Some(guest), _) => Ok(guest),
        (None, Some(arch)) => {
            Err(unsupported(format!("the host cannot run guests of architecture {arch}")))
        }
        (None, None) => machines()
            .next()
            .ok_or_else(|| unsupported("the host cannot run virtual machines at all")),
    }
}

fn choose_kind(accelerator: Accelerator, guest: &Guest) -> Result<String> {
    let has = |kind: &str| guest.kinds.iter().any(|k| k == kind).then(|| kind.to_owned());
    let found = match accelerator {
        Accelerator::Kvm => has("kvm"),
        Accelerator::Tcg => has("qemu"),
        Accelerator::Auto => {
            has("kvm").or_else(|| has("qemu")).or_else(|| guest.kinds.first().cloned())
        }
    };
    found.ok_or_else(|| {
        let word = match accelerator {
            Accelerator::Kvm => "hardware virtualisation (KVM) is",
            Accelerator::Tcg => "emulation is",
            Accelerator::Auto => "no way to run them is",
        };
        unsupported(format!("{word} not available for {} guests on this host", guest.arch))
    })
}

fn choose_machine(asked: Option<&str>, guest: &Guest) -> Result<Option<String>> {
    if let Some(asked) = asked {
        // A host that lists none (the test driver) takes any.
        if guest.machines.is_empty() || guest.has_machine(asked) {
            return Ok(Some(asked.to_owned()));
        }
        let message = format!("the host has no machine type {asked} for {}", guest.arch);
        return Err(unsupported(message));
    }
    let modern = match guest.arch.as_str() {
        "x86_64" | "i686" => "q35",
        _ => "virt",
    };
    let modern = guest.machines.iter().find(|m| m.name == modern);
    Ok(modern.or_else(|| guest.machines.first()).map(|m| m.name.clone()))
}

fn check_watchdog(platform: &Platform, watchdog: Option<WatchdogSpec>) -> Result<()> {
    match watchdog.map(|w| w.model) {
        Some(WatchdogModel::Itco) if !platform.is_q35() => {
            Err(invalid("the watchdog itco is part of the machine type q35"))
        }
        Some(WatchdogModel::Ib700) if !platform.is_x86() => {
            Err(invalid("the watchdog ib700 exists on x86 only"))
        }
        Some(WatchdogModel::Itco | WatchdogModel::Ib700 | WatchdogModel::I6300esb) | None => Ok(()),
    }
}

fn check_cpu(kind: &str, cpu: &CpuSpec) -> Result<()> {
    if !cpu.features.is_empty() && cpu.mode == CpuMode::Default {
        return Err(invalid("CPU features need a CPU mode or model to be added to"));
    }
    if cpu.mode == CpuMode::HostPassthrough && kind == "qemu" {
        let message = "the host's own CPU cannot be passed through without hardware virtualisation";
        return Err(unsupported(message));
    }
    Ok(())
}

fn needs(offered: &Option<Vec<String>>, word: &str, message: &str) -> Result<()> {
    match offered {
        Some(list) if !list.iter().any(|offered| offered == word) => Err(unsupported(message)),
        Some(_) | None => Ok(()),
    }
}

/// libvirt's word for a CPU mode that is not a named model.
pub(crate) const fn cpu_mode_word(mode: &CpuMode) -> Option<&'static str> {
    match mode {
        CpuMode::Default => None,
        CpuMode::HostPassthrough => Some("host-passthrough"),
        CpuMode::HostModel => Some("host-model"),
        CpuMode::Maximum => Some("maximum"),
        CpuMode::Named(_) => Some("custom"),
    }
}

/// libvirt's word for a display.
pub(crate) const fn graphics_word(graphics: GraphicsSpec) -> &'static str {
    match graphics {
        GraphicsSpec::Vnc => "vnc",
        GraphicsSpec::Spice => "spice",
    }
}

/// libvirt's word for a model of TPM.
pub(crate) const fn tpm_word(model: TpmModel) -> &'static str {
    match model {
        TpmModel::Crb => "tpm-crb",
        TpmModel::Tis => "tpm-tis",
    }
}

/// libvirt's word for a disk bus.
pub(crate) const fn bus_word(bus: DiskBus) -> &'static str {
    match bus {
        DiskBus::Virtio => "virtio",
        DiskBus::Scsi => "scsi",
        DiskBus::Sata => "sata",
        DiskBus::Ide => "ide",
        DiskBus::Usb => "usb",
    }
}

/// libvirt's word for a panic device.
pub(crate) const fn panic_word(model: PanicModel) -> &'static str {
    match model {
        PanicModel::Isa => "isa",
        PanicModel::Hyperv => "hyperv",
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, message)
}

fn unsupported(message: impl Into<String>) -> Error {
    Error::new(Kind::Unsupported, message)
}
