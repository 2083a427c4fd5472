//! One virtual machine of the world, and how a driver would see it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::disk::DiskMark;
use hostler_core::fact::Fact;
use hostler_core::id::VmId;
use hostler_core::vm::change::Keeper;
use hostler_core::vm::devices::{
    DiskBus, DiskDevice, DiskSource, DiskSpec, GraphicsSpec, NicSource, NicSpec,
};
use hostler_core::vm::guest::{self, GuestInfo};
use hostler_core::vm::observed::{
    Caution, ConsoleKind, ObservedAddress, ObservedDisk, ObservedNic,
};
use hostler_core::vm::spec::FirmwareKind;
use hostler_core::vm::{Action, Governance, ObservedVm, PowerState, Tag, VmSpec};
use hostler_provider::{DiskBinding, VmRef, VolumeRef};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::snapshots::Snapshots;
use super::state::{SOURCE, State, on};

/// What kind of guest runs in a VM: how fast it is, and whether it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guest {
    /// How long the hypervisor takes to start it.
    pub start: Duration,
    /// How long it boots, from the start to hearing the power button.
    pub boot: Duration,
    /// How long it shuts down.
    pub shutdown: Duration,
    /// How long writing its memory to disk takes.
    pub save: Duration,
    /// Whether it obeys the power button.
    pub obeys_acpi: bool,
}

impl Default for Guest {
    /// An obedient guest that takes no time at all.
    fn default() -> Self {
        Self {
            start: Duration::ZERO,
            boot: Duration::ZERO,
            shutdown: Duration::ZERO,
            save: Duration::ZERO,
            obeys_acpi: true,
        }
    }
}

/// A network interface's own things.
#[derive(Clone)]
pub(crate) struct Nic {
    pub(crate) mac: String,
    pub(crate) address: Option<IpAddr>,
}

pub(crate) struct Vm {
    pub(crate) external_ref: String,
    pub(crate) host: String,
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) governance: Governance,
    pub(crate) tag: Option<VmId>,
    pub(crate) spec: VmSpec,
    pub(crate) disks: Vec<DiskBinding>,
    pub(crate) seed: Option<VolumeRef>,
    pub(crate) nics: Vec<Nic>,
    pub(crate) guest: Guest,
    /// What it says that it runs by.
    pub(crate) hypervisor: String,
    pub(crate) power: PowerState,
    pub(crate) reason: String,
    /// Counts changes of state, so that a timer of an earlier one is void.
    pub(crate) turn: u64,
    /// How often it was turned off, so that nobody who waits for that misses it.
    pub(crate) times_off: u64,
    /// When its processors began to run, while it is live.
    pub(crate) running_since: Option<Instant>,
    /// The migration under way.
    pub(crate) migration: Option<String>,
    /// Open consoles, each with the token that closes it.
    pub(crate) consoles: Vec<(ConsoleKind, CancellationToken)>,
    pub(crate) snapshots: Snapshots,
    /// What it becomes when it is off, where that is something else than it is.
    pub(crate) becomes: Option<VmSpec>,
    /// Who else manages fields of it, by their paths.
    pub(crate) managers: BTreeMap<String, String>,
    /// Who keeps it as it is written down elsewhere.
    pub(crate) keeper: Option<Keeper>,
    /// The marks of disks that came later, by their names.
    pub(crate) marks: BTreeMap<String, DiskMark>,
}

impl Vm {
    /// A VM, stopped; `identity` is random and makes its reference and addresses.
    pub(crate) fn new(
        state: &mut State,
        identity: [u8; 16],
        host: &str,
        mut spec: VmSpec,
        tag: Option<VmId>,
        disks: Vec<DiskBinding>,
        seed: Option<VolumeRef>,
    ) -> Self {
        // The documents are in the seed volume and may hold secrets.
        spec.cloud_init = None;
        let external_ref = uuid::Builder::from_random_bytes(identity).into_uuid().to_string();
        let nics = spec.nics.iter().enumerate();
        let nics = nics.map(|(index, nic)| plug(state, identity, host, index, nic)).collect();
        let meddler = state.meddler.iter().filter(|(prefix, _)| spec.name.starts_with(prefix));
        let managers = meddler.map(|(_, who)| ("/memory/bytes".to_owned(), who.clone())).collect();
        // What is of a namespace is used in that namespace.
        let types = spec.instance_type.iter().chain(&spec.preference);
        let namespace = types.filter_map(|named| named.namespace.clone()).next();
        Self {
            external_ref,
            host: host.to_owned(),
            name: spec.name.clone(),
            namespace,
            governance: Governance::default(),
            tag,
            spec,
            disks,
            seed,
            nics,
            guest: state.default_guest,
            hypervisor: SOURCE.to_owned(),
            power: PowerState::Stopped,
            reason: "defined".to_owned(),
            turn: 0,
            times_off: 0,
            running_since: None,
            migration: None,
            consoles: Vec::new(),
            snapshots: Snapshots::default(),
            becomes: None,
            managers,
            keeper: None,
            marks: BTreeMap::new(),
        }
    }

    pub(crate) fn vm_ref(&self) -> VmRef {
        VmRef { external_ref: self.external_ref.clone(), name: self.name.clone() }
    }

    /// Every volume it refers to.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &VolumeRef> {
        self.disks.iter().map(|disk| &disk.volume).chain(&self.seed)
    }

    /// Which consoles its definition has.
    pub(crate) fn console_kinds(&self) -> Vec<ConsoleKind> {
        let serial = self.spec.serial_console.then_some(ConsoleKind::Serial);
        let screen = (self.spec.graphics == Some(GraphicsSpec::Vnc)).then_some(ConsoleKind::Vnc);
        serial.into_iter().chain(screen).collect()
    }

    /// How a driver would see it. What only the running VM could tell is
    /// missing, with the reason, while it hangs.
    pub(crate) fn observed(&self, state: &State, now: Timestamp, hung: bool) -> ObservedVm {
        let spec = &self.spec;
        let live = self.power.is_live();
        let arch = || {
            let host = state.hosts.get(&self.host).map(|host| host.setup.arch.clone());
            spec.machine.arch.clone().or(host)
        };
        let firmware = match spec.firmware.kind {
            FirmwareKind::Bios => "bios",
            FirmwareKind::Uefi => "uefi",
        };
        let memory = match hung && live {
            true => Fact::unavailable(SOURCE, "the VM does not answer"),
            false => Fact::seen(if live { spec.memory.bytes } else { 0 }, SOURCE, now),
        };
        ObservedVm {
            external_ref: self.external_ref.clone(),
            host_ref: Some(self.host.clone()),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            governance: self.governance.clone(),
            tag: self.tag.map(|vm| Tag { vm }),
            power: self.power,
            power_reason: self.reason.clone(),
            message: None,
            observed_at: now,
            persistent: Fact::seen(true, SOURCE, now),
            autostart: Fact::seen(spec.autostart, SOURCE, now),
            instance_type: spec.instance_type.clone(),
            preference: spec.preference.clone(),
            cpu_count: Fact::seen(spec.cpu.count, SOURCE, now),
            cpu_max: Fact::seen(spec.cpu.max_count.unwrap_or(spec.cpu.count), SOURCE, now),
            memory_bytes: memory,
            memory_max_bytes: Fact::seen(spec.memory.bytes, SOURCE, now),
            arch: match arch() {
                Some(arch) => Fact::seen(arch, SOURCE, now),
                None => Fact::unavailable(SOURCE, "its host is not there"),
            },
            machine: Fact::seen(spec.machine.kind.clone().unwrap_or("sim".into()), SOURCE, now),
            hypervisor: Fact::seen(self.hypervisor.clone(), SOURCE, now),
            firmware: Fact::seen(firmware.to_owned(), SOURCE, now),
            disks: Fact::seen(self.observed_disks(state), SOURCE, now),
            nics: Fact::seen(self.observed_nics(live), SOURCE, now),
            primary_address: None,
            consoles: match live {
                true => Fact::seen(self.console_kinds(), SOURCE, now),
                false => Fact::seen(Vec::new(), SOURCE, now),
            },
            needs_restart: Fact::seen(self.becomes.is_some(), SOURCE, now),
            guest: self.observed_guest(arch(), now, hung),
            description: Some(spec.description.clone()).filter(|text| !text.is_empty()),
            blocked: Vec::new(),
            kept_by: self.keeper.clone().into_iter().collect(),
            cautions: self.cautions(),
        }
    }

    /// What comes of turning on or off what somebody keeps.
    fn cautions(&self) -> Vec<Caution> {
        let Some(keeper) = &self.keeper else { return Vec::new() };
        let text =
            format!("it is kept by {keeper}, by its {}: it may be put back", keeper.evidence);
        let actions: &[Action] = match self.power.is_live() {
            true => &[Action::Stop, Action::ForceStop],
            false => &[Action::Start],
        };
        actions.iter().map(|action| Caution { action: *action, text: text.clone() }).collect()
    }

    /// What its guest says of itself, which is made up like the guest.
    fn observed_guest(&self, arch: Option<String>, now: Timestamp, hung: bool) -> Fact<GuestInfo> {
        if !self.spec.guest_agent {
            return Fact::unsupported(guest::SOURCE, "it has no guest agent");
        }
        if self.power != PowerState::Running {
            return Fact::unavailable(guest::SOURCE, "its guest tells it only while it runs");
        }
        if hung {
            return Fact::unavailable(guest::SOURCE, "the VM does not answer");
        }
        let some = |text: &str| Some(text.to_owned());
        let told = GuestInfo {
            os_id: some("simulated"),
            os_name: some("Simulated Linux"),
            os_pretty_name: some("Simulated Linux 1 (made up)"),
            os_version: some("1 (made up)"),
            kernel_release: some("1.0.0-simulated"),
            kernel_version: None,
            machine: arch,
            host_name: Some(self.name.clone()),
            agent_version: some("1.0.0"),
        };
        Fact::seen(told, guest::SOURCE, now)
    }

    pub(crate) fn observed_disks(&self, state: &State) -> Vec<ObservedDisk> {
        let spec_disks = self.spec.disks.len();
        let of_spec = self.spec.disks.iter().enumerate().map(|(index, disk)| {
            let bound = self.disks.iter().find(|bound| bound.disk == disk.name);
            observed_disk(state, target(index, bus(disk)), disk, bound.map(|b| &b.volume))
        });
        let seed = self.seed.as_ref().map(|volume| ObservedDisk {
            target: target(spec_disks, "sata"),
            device: "cdrom".to_owned(),
            bus: Some("sata".to_owned()),
            source: Some(volume.to_string()),
            format: Some("raw".to_owned()),
            capacity_bytes: state.volume(volume).ok().map(|v| v.capacity_bytes),
            read_only: true,
        });
        of_spec.chain(seed).collect()
    }

    fn observed_nics(&self, live: bool) -> Vec<ObservedNic> {
        let pairs = self.spec.nics.iter().zip(&self.nics).enumerate();
        pairs.map(|(index, (spec, nic))| observed_nic(index, spec, nic, live)).collect()
    }
}

/// Gives a NIC its addresses.
fn plug(state: &mut State, identity: [u8; 16], host: &str, index: usize, nic: &NicSpec) -> Nic {
    let [a, b, c, ..] = identity;
    let last = c.wrapping_add(u8::try_from(index).unwrap_or(u8::MAX));
    let made = || format!("52:54:00:{a:02x}:{b:02x}:{last:02x}");
    let mut lease = |name: &String| {
        let network = state.networks.get_mut(&on(host, name))?;
        network.leases = network.leases.checked_add(1).filter(|lease| *lease < 253)?;
        let [a, b, c, _] = network.setup.subnet.octets();
        Some(IpAddr::from([a, b, c, network.leases + 1]))
    };
    let address = match &nic.source {
        NicSource::Network(name) => lease(name),
        NicSource::Bridge(_) | NicSource::Direct(_) | NicSource::User {} => None,
    };
    Nic { mac: nic.mac.clone().unwrap_or_else(made), address }
}

fn observed_nic(index: usize, spec: &NicSpec, nic: &Nic, live: bool) -> ObservedNic {
    let (kind, source) = match &spec.source {
        NicSource::Network(name) => ("network", Some(name.clone())),
        NicSource::Bridge(name) => ("bridge", Some(name.clone())),
        NicSource::Direct(name) => ("direct", Some(name.clone())),
        NicSource::User {} => ("user", None),
    };
    // An address is leased to a guest that runs, not to a definition.
    let leased = nic.address.filter(|_| live);
    ObservedNic {
        mac: Some(nic.mac.clone()),
        kind: kind.to_owned(),
        source,
        model: Some(spec.model.as_str().to_owned()),
        host_device: live.then(|| format!("sim{index}")),
        addresses: leased
            .map(|address| ObservedAddress { address, source: "dhcp_lease" })
            .into_iter()
            .collect(),
    }
}

/// The guest's name of a device: `vda`, …, `vdz`, `vdaa`, …
fn target(index: usize, bus: &str) -> String {
    let prefix = if bus == "virtio" { "vd" } else { "sd" };
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
    match index / 26 {
        0 => format!("{prefix}{}", letter(index)),
        more => format!("{prefix}{}{}", letter(more - 1), letter(index)),
    }
}

fn bus(disk: &DiskSpec) -> &'static str {
    match (disk.bus, disk.device) {
        (Some(DiskBus::Virtio), _) | (None, DiskDevice::Disk) => "virtio",
        (Some(DiskBus::Sata), _) | (None, DiskDevice::Cdrom) => "sata",
        (Some(DiskBus::Scsi), _) => "scsi",
        (Some(DiskBus::Ide), _) => "ide",
        (Some(DiskBus::Usb), _) => "usb",
    }
}

fn observed_disk(
    state: &State,
    target: String,
    disk: &DiskSpec,
    bound: Option<&VolumeRef>,
) -> ObservedDisk {
    let volume = bound.and_then(|volume| state.volume(volume).ok());
    let (device, read_only) = match disk.device {
        DiskDevice::Disk => ("disk", disk.read_only),
        DiskDevice::Cdrom => ("cdrom", true),
    };
    let is_empty = matches!(disk.source, DiskSource::NoMedia {});
    ObservedDisk {
        target,
        device: device.to_owned(),
        bus: Some(bus(disk).to_owned()),
        source: bound.filter(|_| !is_empty).map(VolumeRef::to_string),
        format: volume.map(|v| v.format.as_str().to_owned()),
        capacity_bytes: volume.map(|v| v.capacity_bytes),
        read_only,
    }
}
