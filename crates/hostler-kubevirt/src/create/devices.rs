//! The devices of a VM, and the networks and volumes behind them.

use hostler_core::vm::VmSpec;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::devices::{
    BootDevice, CacheMode, DiskBus, DiskDevice, DiskSource, DiskSpec, GraphicsSpec, NicSource,
    NicSpec, PanicModel, TpmModel, VideoModel, VolumeFormat, WatchdogAction, WatchdogModel,
};
use serde_json::{Map, Value, json};

use super::document::{Plan, is_dns_label};
use super::refusals::Refusals;
use crate::mapper::POD_NETWORK;

/// Devices, and what they are connected to.
pub(super) struct Built {
    pub(super) devices: Map<String, Value>,
    pub(super) networks: Vec<Value>,
    pub(super) volumes: Vec<Value>,
}

/// All devices.
pub(super) fn devices(plan: &Plan<'_>, refusals: &mut Refusals) -> Built {
    let spec = plan.spec;
    let mut devices = Map::new();
    let (disks, volumes) = disks(plan, refusals);
    let (interfaces, networks) = interfaces(spec, refusals);
    // What is left out, KubeVirt would add by itself.
    devices.insert("autoattachPodInterface".to_owned(), false.into());
    devices.insert("autoattachSerialConsole".to_owned(), spec.serial_console.into());
    devices.insert("autoattachMemBalloon".to_owned(), spec.balloon.into());
    for (field, list) in [("disks", disks), ("interfaces", interfaces)] {
        if !list.is_empty() {
            devices.insert(field.to_owned(), list.into());
        }
    }
    if spec.rng {
        devices.insert("rng".to_owned(), json!({}));
    }
    if !spec.guest_agent {
        let why = "KubeVirt gives each VM a channel for the guest agent; leave it on";
        refusals.cannot("/guest_agent", why);
    }
    display(spec, &mut devices, refusals);
    small_ones(spec, &mut devices, refusals);
    Built { devices, networks, volumes }
}

fn disks(plan: &Plan<'_>, refusals: &mut Refusals) -> (Vec<Value>, Vec<Value>) {
    let (mut disks, mut volumes) = (Vec::new(), Vec::new());
    for (index, spec) in plan.spec.disks.iter().enumerate() {
        let at = |field: &str| format!("/disks/{index}/{field}");
        if !is_dns_label(&spec.name) {
            let why = "KubeVirt names disks by small letters, digits and hyphens";
            refusals.wrong(at("name"), why);
        }
        check_source(spec, &at, refusals);
        let mut disk = disk(spec, &at, refusals);
        let order = plan.spec.boot.iter().position(|b| *b == BootDevice::Disk(spec.name.clone()));
        if let Some(order) = order {
            disk.insert("bootOrder".to_owned(), (order + 1).into());
        }
        disks.push(Value::Object(disk));
        match plan.claims.get(index).and_then(Option::as_deref) {
            Some(claim) => volumes.push(json!({
                "name": spec.name, "persistentVolumeClaim": { "claimName": claim },
            })),
            None if matches!(spec.source, DiskSource::NoMedia {}) => {}
            None => refusals.wrong(at("source"), "it has no volume"),
        }
    }
    if let Some(secret) = plan.seed {
        let init = plan.spec.cloud_init.as_ref();
        let mut seed = json!({ "secretRef": { "name": secret } });
        if init.is_some_and(|init| init.network_config.is_some())
            && let Some(fields) = seed.as_object_mut()
        {
            fields.insert("networkDataSecretRef".to_owned(), json!({ "name": secret }));
        }
        disks.push(json!({ "name": SEED_DISK, "disk": { "bus": "virtio" } }));
        volumes.push(json!({ "name": SEED_DISK, "cloudInitNoCloud": seed }));
    }
    (disks, volumes)
}

fn check_source(spec: &DiskSpec, at: &impl Fn(&str) -> String, refusals: &mut Refusals) {
    match &spec.source {
        DiskSource::Empty { format, .. }
            if format.is_some_and(|asked| asked != VolumeFormat::Raw) =>
        {
            refusals.cannot(at("source/empty/format"), RAW_ONLY);
        }
        DiskSource::Image { .. } => refusals.cannot(at("source/image"), NO_UPLOADS),
        DiskSource::NoMedia {} => {
            let why = "not every version of KubeVirt has empty drives; name a volume";
            refusals.cannot(at("source/no_media"), why);
        }
        DiskSource::Empty { .. } | DiskSource::Volume { .. } => {}
    }
}

/// Why a volume cannot be stored otherwise.
pub(crate) const RAW_ONLY: &str = "KubeVirt keeps disks as plain bytes; ask for the format raw";
/// Why an image cannot be written into a claim, and what to do.
pub(crate) const NO_UPLOADS: &str = "writing an image into a cluster goes through CDI's upload proxy, which is not reached from \
     here; let CDI import it (a DataVolume with an http or registry source), and name that volume";

fn disk(
    spec: &DiskSpec,
    at: &impl Fn(&str) -> String,
    refusals: &mut Refusals,
) -> Map<String, Value> {
    let is_cdrom = spec.device == DiskDevice::Cdrom;
    let bus = match spec.bus {
        None if is_cdrom => "sata",
        None | Some(DiskBus::Virtio) => "virtio",
        Some(DiskBus::Scsi) => "scsi",
        Some(DiskBus::Sata) => "sata",
        Some(DiskBus::Usb) => "usb",
        Some(DiskBus::Ide) => {
            refusals.cannot(at("bus"), "KubeVirt has no IDE; ask for sata");
            "sata"
        }
    };
    if is_cdrom && bus == "virtio" {
        refusals.wrong(at("bus"), "a CD-ROM drive cannot be a virtio one; ask for sata");
    }
    let mut target = json!({ "bus": bus });
    if spec.read_only
        && !is_cdrom
        && let Some(fields) = target.as_object_mut()
    {
        fields.insert("readonly".to_owned(), true.into());
    }
    let mut disk = Map::new();
    disk.insert("name".to_owned(), spec.name.as_str().into());
    disk.insert(if is_cdrom { "cdrom" } else { "disk" }.to_owned(), target);
    let cache = match spec.cache {
        None => None,
        Some(CacheMode::None) => Some("none"),
        Some(CacheMode::Writethrough) => Some("writethrough"),
        Some(CacheMode::Writeback) => Some("writeback"),
        Some(CacheMode::Directsync | CacheMode::Unsafe) => {
            let why = "KubeVirt caches by `none`, `writethrough` or `writeback`";
            refusals.cannot(at("cache"), why);
            None
        }
    };
    if let Some(cache) = cache {
        disk.insert("cache".to_owned(), cache.into());
    }
    if let Some(serial) = &spec.serial {
        disk.insert("serial".to_owned(), serial.as_str().into());
    }
    disk
}

fn interfaces(spec: &VmSpec, refusals: &mut Refusals) -> (Vec<Value>, Vec<Value>) {
    let (mut interfaces, mut networks) = (Vec::new(), Vec::new());
    let mut has_pods = false;
    for (index, nic) in spec.nics.iter().enumerate() {
        let name = format!("nic-{index}");
        let mut interface = interface(nic, &name);
        let network = match &nic.source {
            NicSource::Network(wanted) if wanted == POD_NETWORK => {
                if has_pods {
                    let why = "a VM has one interface on the network of the pods at most";
                    refusals.cannot(format!("/nics/{index}/source"), why);
                }
                has_pods = true;
                interface.insert("masquerade".to_owned(), json!({}));
                json!({ "name": name, "pod": {} })
            }
            NicSource::Network(wanted) => {
                interface.insert("bridge".to_owned(), json!({}));
                json!({ "name": name, "multus": { "networkName": wanted } })
            }
            NicSource::Bridge(_) | NicSource::Direct(_) => {
                let why = "KubeVirt connects to networks of the cluster, not of a host; name one";
                refusals.cannot(format!("/nics/{index}/source"), why);
                continue;
            }
            NicSource::User {} => {
                let why = "KubeVirt has no user-mode network; ask for the network `pod`";
                refusals.cannot(format!("/nics/{index}/source"), why);
                continue;
            }
        };
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        if let Some(order) = spec.boot.iter().position(|b| *b == BootDevice::Nic(index)) {
            interface.insert("bootOrder".to_owned(), (order + 1).into());
        }
        interfaces.push(Value::Object(interface));
        networks.push(network);
    }
    (interfaces, networks)
}

fn interface(nic: &NicSpec, name: &str) -> Map<String, Value> {
    let mut interface = Map::new();
    interface.insert("name".to_owned(), name.into());
    interface.insert("model".to_owned(), nic.model.as_str().into());
    if let Some(mac) = &nic.mac {
        interface.insert("macAddress".to_owned(), mac.as_str().into());
    }
    if !nic.link_up {
        interface.insert("state".to_owned(), "down".into());
    }
    interface
}

fn display(spec: &VmSpec, devices: &mut Map<String, Value>, refusals: &mut Refusals) {
    let has_display = spec.graphics.is_some();
    devices.insert("autoattachGraphicsDevice".to_owned(), has_display.into());
    if spec.graphics == Some(GraphicsSpec::Spice) {
        refusals.cannot("/graphics", "KubeVirt has no SPICE; ask for vnc");
    }
    let card = match spec.video {
        None => return,
        Some(VideoModel::Virtio) => "virtio",
        Some(VideoModel::Vga) => "vga",
        Some(VideoModel::Bochs) => "bochs",
        Some(VideoModel::None) if !has_display => return,
        Some(VideoModel::None) => {
            refusals.cannot("/video", "a display of KubeVirt has a card; leave the display out");
            return;
        }
        Some(VideoModel::Qxl) => {
            refusals.cannot("/video", "KubeVirt has no QXL; ask for virtio, vga or bochs");
            return;
        }
    };
    if has_display {
        devices.insert("video".to_owned(), json!({ "type": card }));
    } else {
        refusals.cannot("/video", "KubeVirt gives a VM without a display no card; ask for vnc");
    }
}

fn small_ones(spec: &VmSpec, devices: &mut Map<String, Value>, refusals: &mut Refusals) {
    match spec.tpm.map(|tpm| tpm.model) {
        None => {}
        // What it keeps stays, in a claim that KubeVirt makes.
        Some(TpmModel::Crb) => {
            drop(devices.insert("tpm".to_owned(), json!({ "persistent": true })))
        }
        Some(TpmModel::Tis) => {
            refusals.cannot("/tpm/model", "KubeVirt chooses the TPM's interface; ask for crb");
        }
    }
    if let Some(watchdog) = spec.watchdog {
        if watchdog.model != WatchdogModel::I6300esb {
            refusals.cannot("/watchdog/model", "KubeVirt has the watchdog i6300esb only");
        }
        let action = match watchdog.action {
            WatchdogAction::Reset => "reset",
            WatchdogAction::Shutdown => "shutdown",
            WatchdogAction::Poweroff => "poweroff",
            WatchdogAction::Pause | WatchdogAction::None => {
                let why = "KubeVirt's watchdog can reset, shutdown or poweroff";
                refusals.cannot("/watchdog/action", why);
                "reset"
            }
        };
        let watchdog = json!({ "name": "watchdog", "i6300esb": { "action": action } });
        devices.insert("watchdog".to_owned(), watchdog);
    }
    if let Some(panic) = spec.panic {
        let model = match panic {
            PanicModel::Isa => "isa",
            PanicModel::Hyperv => "hyperv",
        };
        devices.insert("panicDevices".to_owned(), json!([{ "model": model }]));
    }
}
