//! What becomes of a specification, field by field; pure.

use hostler_core::Timestamp;
use hostler_core::id::VmId;
use hostler_core::vm::cloud_init::CloudInit;
use hostler_core::vm::devices::{
    BootDevice, CacheMode, DiskBus, DiskDevice, DiskSource, DiskSpec, GraphicsSpec, NicModel,
    NicSource, NicSpec, PanicModel, TpmModel, TpmSpec, VideoModel, VolumeFormat, WatchdogAction,
    WatchdogModel, WatchdogSpec,
};
use hostler_core::vm::spec::{
    Accelerator, CpuFeature, CpuFeaturePolicy, CpuMode, CpuTopology, FirmwareKind, FirmwareSpec,
};
use hostler_core::vm::{TypeRef, VmSpec};
use hostler_provider::{Error, Kind};
use serde_json::{Value, json};

use super::document::{Plan, document, quantity, with_run_strategy};

const MIB: u64 = 1 << 20;

fn id() -> VmId {
    VmId::new(Timestamp::from_millis(1_795_228_196_000), [7; 10])
}

fn made(spec: &VmSpec) -> Result<Value, Error> {
    made_where(spec, None)
}

fn made_where(spec: &VmSpec, emulates: Option<bool>) -> Result<Value, Error> {
    let claims = spec.disks.iter().map(|disk| match disk.source {
        DiskSource::NoMedia {} => None,
        _ => Some(format!("claim-of-{}", disk.name)),
    });
    let seed = spec.cloud_init.as_ref().map(|_| "web-seed");
    let claims = claims.collect();
    let plan = Plan { vm: id(), spec, namespace: "vms", node: "n1", claims, seed, emulates };
    document(&plan)
}

fn disk(name: &str) -> DiskSpec {
    let source = DiskSource::Volume { pool: "vms.standard".into(), volume: name.to_owned() };
    DiskSpec {
        name: name.to_owned(),
        device: DiskDevice::Disk,
        bus: None,
        source,
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    }
}

fn nic(source: NicSource) -> NicSpec {
    NicSpec { source, model: NicModel::Virtio, mac: None, link_up: true }
}

/// A specification with everything that can be had.
fn everything() -> VmSpec {
    let mut spec = VmSpec::new("web", 1024 * MIB);
    spec.description = "a <b> & \"c\"".into();
    spec.cpu.count = 4;
    spec.cpu.max_count = Some(8);
    spec.cpu.topology = Some(CpuTopology { sockets: 4, dies: 1, cores: 2, threads: 1 });
    spec.cpu.mode = CpuMode::Named("Skylake-Server".into());
    let policy = CpuFeaturePolicy::Require;
    spec.cpu.features = vec![CpuFeature { name: "vmx".into(), policy }];
    spec.memory.hugepages = true;
    spec.machine.arch = Some("x86_64".into());
    spec.machine.kind = Some("q35".into());
    spec.firmware = FirmwareSpec { kind: FirmwareKind::Uefi, secure_boot: true };
    spec.boot = vec![BootDevice::Nic(0), BootDevice::Disk("root".into())];
    let mut root = disk("root");
    root.cache = Some(CacheMode::Writethrough);
    root.serial = Some("s-1".into());
    let mut media = disk("media");
    media.device = DiskDevice::Cdrom;
    let mut data = disk("data");
    (data.bus, data.read_only) = (Some(DiskBus::Scsi), true);
    spec.disks = vec![root, media, data];
    let mut second = nic(NicSource::Network("vlan-7".into()));
    second.model = NicModel::E1000e;
    second.mac = Some("52:54:00:12:34:56".into());
    second.link_up = false;
    spec.nics = vec![nic(NicSource::Network("pod".into())), second];
    spec.graphics = Some(GraphicsSpec::Vnc);
    spec.video = Some(VideoModel::Virtio);
    spec.tpm = Some(TpmSpec { model: TpmModel::Crb });
    spec.watchdog =
        Some(WatchdogSpec { model: WatchdogModel::I6300esb, action: WatchdogAction::Reset });
    spec.panic = Some(PanicModel::Isa);
    spec.cloud_init = Some(CloudInit {
        network_config: Some("version: 2".into()),
        hostname: Some("www".into()),
        ..CloudInit::default()
    });
    spec
}

#[test]
fn e8_a_vm_of_an_instance_type_names_it_and_says_no_size() {
    let mut spec = VmSpec::new("web", 64 * MIB);
    spec.instance_type = Some(TypeRef::wide("u1.small"));
    spec.preference = Some(TypeRef::of("vms", "fedora"));
    let object = made(&spec).unwrap();
    let told = &object["spec"];
    let of = json!({ "kind": "VirtualMachineClusterInstancetype", "name": "u1.small" });
    assert_eq!(told["instancetype"], of);
    assert_eq!(told["preference"], json!({ "kind": "VirtualMachinePreference", "name": "fedora" }));
    let domain = &told["template"]["spec"]["domain"];
    assert!(domain.get("cpu").is_none() && domain.get("memory").is_none(), "{domain:#}");
    // What is no size stays; KubeVirt says where that contradicts.
    spec.cpu.mode = CpuMode::HostModel;
    spec.memory.hugepages = true;
    let object = made(&spec).unwrap();
    let domain = &object["spec"]["template"]["spec"]["domain"];
    assert_eq!(domain["cpu"], json!({ "model": "host-model" }));
    assert_eq!(domain["memory"], json!({ "hugepages": { "pageSize": "2Mi" } }));
    // Without a type nothing of it is there.
    let plain = made(&VmSpec::new("web", 64 * MIB)).unwrap();
    assert!(plain["spec"].get("instancetype").is_none(), "{plain:#}");
}

#[test]
fn e8_everything_that_can_be_had_is_in_the_object() {
    let object = made(&everything()).unwrap();
    assert_eq!(
        object["metadata"],
        json!({
            "name": "web", "namespace": "vms", "labels": { "hostler.io/vm-id": id().to_string() },
            "annotations": {
                "hostler.io/made-as": "vms/web", "kubernetes.io/description": "a <b> & \"c\"",
            },
        })
    );
    let spec = &object["spec"]["template"]["spec"];
    assert_eq!((&spec["architecture"], &spec["hostname"]), (&json!("amd64"), &json!("www")));
    let domain = &spec["domain"];
    assert_eq!(
        domain["cpu"],
        json!({
            "sockets": 2, "cores": 2, "threads": 1, "maxSockets": 4, "model": "Skylake-Server",
            "features": [{ "name": "vmx", "policy": "require" }],
        })
    );
    assert_eq!(domain["memory"], json!({ "guest": "1Gi", "hugepages": { "pageSize": "2Mi" } }));
    assert_eq!(domain["machine"], json!({ "type": "q35" }));
    let efi = json!({ "secureBoot": true, "persistent": true });
    assert_eq!(domain["firmware"], json!({ "bootloader": { "efi": efi } }));
    assert_eq!(domain["features"], json!({ "smm": { "enabled": true } }));
    assert_eq!(
        domain["devices"],
        json!({
            "autoattachPodInterface": false, "autoattachSerialConsole": true,
            "autoattachMemBalloon": true, "autoattachGraphicsDevice": true, "rng": {},
            "video": { "type": "virtio" }, "tpm": { "persistent": true },
            "watchdog": { "name": "watchdog", "i6300esb": { "action": "reset" } },
            "panicDevices": [{ "model": "isa" }],
            "disks": [
                { "name": "root", "disk": { "bus": "virtio" }, "bootOrder": 2,
                  "cache": "writethrough", "serial": "s-1" },
                { "name": "media", "cdrom": { "bus": "sata" } },
                { "name": "data", "disk": { "bus": "scsi", "readonly": true } },
                { "name": "cloud-init", "disk": { "bus": "virtio" } },
            ],
            "interfaces": [
                { "name": "nic-0", "model": "virtio", "masquerade": {}, "bootOrder": 1 },
                { "name": "nic-1", "model": "e1000e", "bridge": {},
                  "macAddress": "52:54:00:12:34:56", "state": "down" },
            ],
        })
    );
    assert_eq!(
        spec["networks"],
        json!([
            { "name": "nic-0", "pod": {} },
            { "name": "nic-1", "multus": { "networkName": "vlan-7" } },
        ])
    );
    let of = |name: &str| {
        let claim = format!("claim-of-{name}");
        json!({ "name": name, "persistentVolumeClaim": { "claimName": claim } })
    };
    let secret = json!({ "name": "web-seed" });
    assert_eq!(
        spec["volumes"],
        json!([
            of("root"), of("media"), of("data"),
            { "name": "cloud-init", "cloudInitNoCloud": {
                "secretRef": secret, "networkDataSecretRef": secret,
            } },
        ])
    );
}

#[test]
fn e8_the_smallest_vm_has_nothing_that_was_not_asked_for() {
    let mut spec = VmSpec::new("web", 64 * MIB);
    (spec.rng, spec.balloon, spec.serial_console) = (false, false, false);
    let object = made(&spec).unwrap();
    let spec = &object["spec"]["template"]["spec"];
    assert_eq!(
        spec["domain"],
        json!({
            "cpu": { "sockets": 1, "cores": 1, "threads": 1 }, "memory": { "guest": "64Mi" },
            "devices": {
                "autoattachPodInterface": false, "autoattachSerialConsole": false,
                "autoattachMemBalloon": false, "autoattachGraphicsDevice": false,
            },
        })
    );
    let named: Vec<_> = spec.as_object().unwrap().keys().cloned().collect();
    assert_eq!(named, ["affinity", "domain"]);
    let term = &spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
    assert_eq!(term[0]["preference"]["matchFields"][0]["values"], json!(["n1"]));
}

#[test]
fn x25_how_it_is_to_be_run_is_in_what_is_made_and_not_in_what_is_ours() {
    let ours = made(&VmSpec::new("web", 64 * MIB)).unwrap();
    assert_eq!(ours["spec"].as_object().unwrap().keys().collect::<Vec<_>>(), ["template"]);
    let made = with_run_strategy(ours.clone());
    assert_eq!(made["spec"]["runStrategy"], "Manual");
    assert_eq!(made["spec"]["template"], ours["spec"]["template"]);
    assert_eq!(made["spec"].get("running"), None);
}

/// A change of the smallest specification, and the field that it is refused for.
type Row = (fn(&mut VmSpec), &'static str, Kind);

const LACKING: Kind = Kind::Unsupported;

const REFUSED: &[Row] = &[
    (|s| s.name = "Web".into(), "/name", Kind::Invalid),
    (|s| s.name = "we_b".into(), "/name", Kind::Invalid),
    (|s| s.name = "a.b".into(), "/name", Kind::Invalid),
    (|s| s.autostart = true, "/autostart", LACKING),
    (|s| s.guest_agent = false, "/guest_agent", LACKING),
    (|s| s.machine.arch = Some("riscv64".into()), "/machine/arch", LACKING),
    (|s| s.machine.accelerator = Accelerator::Tcg, "/machine/accelerator", LACKING),
    (|s| s.machine.accelerator = Accelerator::Kvm, "/machine/accelerator", LACKING),
    (|s| s.cpu.mode = CpuMode::Maximum, "/cpu/mode", LACKING),
    (
        |s| {
            s.cpu.count = 2;
            s.cpu.topology = Some(CpuTopology { sockets: 1, dies: 2, cores: 1, threads: 1 });
        },
        "/cpu/topology/dies",
        LACKING,
    ),
    (
        |s| {
            (s.cpu.count, s.cpu.max_count) = (3, Some(4));
            s.cpu.topology = Some(CpuTopology { sockets: 2, dies: 1, cores: 2, threads: 1 });
        },
        "/cpu/count",
        LACKING,
    ),
    (|s| (s.memory.bytes, s.memory.hugepages) = (3 * MIB, true), "/memory/bytes", Kind::Invalid),
    (|s| s.graphics = Some(GraphicsSpec::Spice), "/graphics", LACKING),
    (|s| s.video = Some(VideoModel::Vga), "/video", LACKING),
    (
        |s| (s.graphics, s.video) = (Some(GraphicsSpec::Vnc), Some(VideoModel::Qxl)),
        "/video",
        LACKING,
    ),
    (
        |s| (s.graphics, s.video) = (Some(GraphicsSpec::Vnc), Some(VideoModel::None)),
        "/video",
        LACKING,
    ),
    (|s| s.tpm = Some(TpmSpec { model: TpmModel::Tis }), "/tpm/model", LACKING),
    (
        |s| {
            let (model, action) = (WatchdogModel::Itco, WatchdogAction::Reset);
            s.watchdog = Some(WatchdogSpec { model, action });
        },
        "/watchdog/model",
        LACKING,
    ),
    (
        |s| {
            let (model, action) = (WatchdogModel::I6300esb, WatchdogAction::Pause);
            s.watchdog = Some(WatchdogSpec { model, action });
        },
        "/watchdog/action",
        LACKING,
    ),
    (
        |s| {
            let hostname = Some("www.example.org".into());
            s.cloud_init = Some(CloudInit { hostname, ..CloudInit::default() });
        },
        "/cloud_init/hostname",
        Kind::Invalid,
    ),
    (|s| s.nics.push(nic(NicSource::Bridge("br0".into()))), "/nics/0/source", LACKING),
    (|s| s.nics.push(nic(NicSource::Direct("eth0".into()))), "/nics/0/source", LACKING),
    (|s| s.nics.push(nic(NicSource::User {})), "/nics/0/source", LACKING),
    (|s| s.nics = vec![nic(NicSource::Network("pod".into())); 2], "/nics/1/source", LACKING),
    (
        |s| s.disks.push(DiskSpec { name: "Root".into(), ..disk("x") }),
        "/disks/0/name",
        Kind::Invalid,
    ),
    (|s| s.disks.push(DiskSpec { bus: Some(DiskBus::Ide), ..disk("x") }), "/disks/0/bus", LACKING),
    (
        |s| {
            let (device, bus) = (DiskDevice::Cdrom, Some(DiskBus::Virtio));
            s.disks.push(DiskSpec { device, bus, ..disk("x") });
        },
        "/disks/0/bus",
        Kind::Invalid,
    ),
    (
        |s| s.disks.push(DiskSpec { cache: Some(CacheMode::Unsafe), ..disk("x") }),
        "/disks/0/cache",
        LACKING,
    ),
    (
        |s| {
            let source = DiskSource::Empty {
                size_bytes: MIB,
                pool: None,
                format: Some(VolumeFormat::Qcow2),
            };
            s.disks.push(DiskSpec { source, ..disk("x") });
        },
        "/disks/0/source/empty/format",
        LACKING,
    ),
    (
        |s| {
            let format = Some(VolumeFormat::Raw);
            let (image, size_bytes, pool) = ("debian".into(), None, None);
            let source = DiskSource::Image { image, size_bytes, pool, format };
            s.disks.push(DiskSpec { source, ..disk("x") });
        },
        "/disks/0/source/image",
        LACKING,
    ),
    (
        |s| {
            let (device, source) = (DiskDevice::Cdrom, DiskSource::NoMedia {});
            s.disks.push(DiskSpec { device, source, ..disk("x") });
        },
        "/disks/0/source/no_media",
        LACKING,
    ),
];

#[test]
fn e8_what_kubevirt_cannot_express_is_refused_by_its_field() {
    for (index, (change, field, kind)) in REFUSED.iter().enumerate() {
        let mut spec = VmSpec::new("web", 64 * MIB);
        change(&mut spec);
        let refused = made(&spec).unwrap_err();
        assert_eq!(refused.kind(), *kind, "row {index}: {refused}");
        assert!(refused.message().contains(&format!("{field}: ")), "row {index}: {refused}");
        assert!(!refused.is_unknown());
    }
}

#[test]
fn e8_a_disk_of_which_nobody_says_how_it_is_stored_is_raw_as_all_are() {
    let mut spec = VmSpec::new("web", 64 * MIB);
    for format in [None, Some(VolumeFormat::Raw)] {
        let source = DiskSource::Empty { size_bytes: MIB, pool: None, format };
        spec.disks = vec![DiskSpec { source, ..disk("x") }];
        made(&spec).unwrap();
    }
}

#[test]
fn e8_all_that_is_refused_is_told_at_once() {
    let mut spec = VmSpec::new("web", 64 * MIB);
    (spec.autostart, spec.guest_agent) = (true, false);
    let refused = made(&spec).unwrap_err();
    assert!(refused.message().contains("/autostart") && refused.message().contains("/guest_agent"));
}

#[test]
fn e8_acceleration_is_promised_only_where_nothing_is_emulated() {
    let mut spec = VmSpec::new("web", 64 * MIB);
    spec.machine.accelerator = Accelerator::Kvm;
    assert!(made_where(&spec, Some(false)).is_ok());
    assert!(made_where(&spec, Some(true)).is_err());
    assert!(made_where(&spec, None).is_err(), "nobody knows");
}

#[test]
fn e8_sizes_are_written_exactly() {
    for (bytes, text) in [
        (1 << 40, "1Ti"),
        (3 << 30, "3Gi"),
        (64 * MIB, "64Mi"),
        (1025 << 10, "1025Ki"),
        (1, "1"),
        (0, "0"),
        (1001, "1001"),
    ] {
        assert_eq!(quantity(bytes), text);
        let read: crate::quantity::Quantity = text.parse().unwrap();
        assert_eq!(read.round_up(), Some(bytes));
    }
}
