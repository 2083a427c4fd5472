//! Golden documents, and the property that whatever is asked is read back.

use std::collections::BTreeMap;

use expect_test::expect_file;
use hostler_core::clock::Timestamp;
use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::*;
use hostler_core::vm::observed::ConsoleKind;
use hostler_core::vm::spec::*;
use proptest::prelude::*;

use super::read::Domain;
use super::*;
use crate::xml::capabilities::Capabilities;
use crate::xml::parse;

const HOST: &str = "<capabilities><host><cpu><arch>x86_64</arch></cpu></host>\
    <guest><os_type>hvm</os_type><arch name='x86_64'>\
    <machine canonical='pc-i440fx-7.2'>pc</machine><machine canonical='pc-q35-7.2'>q35</machine>\
    <domain type='qemu'/><domain type='kvm'/></arch></guest>\
    <guest><os_type>hvm</os_type><arch name='aarch64'><machine>virt-7.2</machine>\
    <machine canonical='virt-7.2'>virt</machine><domain type='qemu'/></arch></guest>\
    </capabilities>";

fn id() -> VmId {
    VmId::new(Timestamp::from_millis(1_700_000_000_000), [7; 10])
}

fn placed(name: &str, format: VolumeFormat) -> Placed {
    let place = Place::File(format!("/var/lib/libvirt/images/{name}"));
    Placed { place, format }
}

fn plan(spec: &VmSpec) -> Plan<'_> {
    let host = Capabilities::read(HOST).unwrap();
    let disks = spec.disks.iter().map(|disk| match &disk.source {
        DiskSource::NoMedia {} => None,
        _ => Some(placed(&disk.name, VolumeFormat::Qcow2)),
    });
    Plan {
        vm: id(),
        spec,
        platform: Platform::choose(spec, &host).unwrap(),
        disks: disks.collect(),
        seed: spec.cloud_init.as_ref().map(|_| placed("seed", VolumeFormat::Raw)),
    }
}

fn disk(name: &str, device: DiskDevice) -> DiskSpec {
    DiskSpec {
        name: name.into(),
        device,
        bus: None,
        source: DiskSource::Empty {
            size_bytes: 1 << 30,
            pool: None,
            format: Some(VolumeFormat::Qcow2),
        },
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    }
}

fn full() -> VmSpec {
    let mut spec = VmSpec::new("web-1", (1 << 30) + 1);
    spec.description = "it's <b>bold</b> & \"quoted\"\nsecond line".into();
    spec.cpu = CpuSpec {
        count: 2,
        max_count: Some(4),
        topology: Some(CpuTopology { sockets: 1, dies: 1, cores: 4, threads: 1 }),
        mode: CpuMode::Named("qemu64".into()),
        features: vec![CpuFeature { name: "vmx".into(), policy: CpuFeaturePolicy::Disable }],
    };
    spec.memory.hugepages = true;
    spec.machine.accelerator = Accelerator::Tcg;
    spec.firmware = FirmwareSpec { kind: FirmwareKind::Uefi, secure_boot: true };
    spec.disks.push(DiskSpec {
        cache: Some(CacheMode::None),
        discard: true,
        serial: Some("root-1".into()),
        ..disk("root", DiskDevice::Disk)
    });
    spec.disks.push(DiskSpec { bus: Some(DiskBus::Scsi), ..disk("data", DiskDevice::Disk) });
    spec.disks.push(DiskSpec { source: DiskSource::NoMedia {}, ..disk("cd", DiskDevice::Cdrom) });
    let nic = |source, model, mac: Option<&str>, link_up| NicSpec {
        source,
        model,
        mac: mac.map(str::to_owned),
        link_up,
    };
    spec.nics = vec![
        nic(
            NicSource::Network("default".into()),
            NicModel::Virtio,
            Some("52:54:00:AB:CD:01"),
            true,
        ),
        nic(NicSource::Bridge("br0".into()), NicModel::E1000e, None, false),
        nic(NicSource::Direct("eth0".into()), NicModel::Virtio, None, true),
        nic(NicSource::User {}, NicModel::Rtl8139, None, true),
    ];
    spec.boot = vec![BootDevice::Nic(0), BootDevice::Disk("root".into())];
    spec.graphics = Some(GraphicsSpec::Vnc);
    spec.tpm = Some(TpmSpec { model: TpmModel::Crb });
    spec.watchdog =
        Some(WatchdogSpec { model: WatchdogModel::I6300esb, action: WatchdogAction::Reset });
    spec.panic = Some(PanicModel::Isa);
    spec.cloud_init = Some(Default::default());
    spec
}

#[test]
fn c1_a_machine_with_everything() {
    let xml = to_xml(&plan(&full())).unwrap();
    expect_file!["../../../tests/xml/full.xml"].assert_eq(&xml);
}

mod real;

#[test]
fn c1_the_smallest_machine() {
    let xml = to_xml(&plan(&VmSpec::new("small", 64 << 20))).unwrap();
    expect_file!["../../../tests/xml/small.xml"].assert_eq(&xml);
}

#[test]
fn c1_an_arm_machine() {
    let mut spec = VmSpec::new("arm", 512 << 20);
    spec.machine.arch = Some("aarch64".into());
    spec.firmware.kind = FirmwareKind::Uefi;
    spec.disks.push(disk("root", DiskDevice::Disk));
    spec.disks.push(disk("cd", DiskDevice::Cdrom));
    spec.graphics = Some(GraphicsSpec::Vnc);
    let xml = to_xml(&plan(&spec)).unwrap();
    expect_file!["../../../tests/xml/arm.xml"].assert_eq(&xml);
}

#[test]
fn c1_what_is_written_is_read_back() {
    let spec = full();
    let read = Domain::read(&to_xml(&plan(&spec)).unwrap()).unwrap();
    assert_eq!(read.kind.as_deref(), Some("qemu"));
    assert_eq!(read.description, Some(spec.description));
    assert_eq!(read.tag, Some(hostler_core::vm::Tag { vm: id() }));
    assert_eq!((read.cpu_count, read.cpu_max), (Some(2), Some(4)));
    assert_eq!(read.memory_bytes, Some((1 << 30) + 1024), "rounded up to a KiB");
    assert_eq!(read.firmware, Some("uefi"));
    let targets: Vec<_> = read.disks.iter().map(|d| d.target.as_str()).collect();
    assert_eq!(targets, ["vda", "sda", "sdb", "vdb"], "the seed follows the root disk's bus");
    assert!(read.disks[3].read_only);
    assert_eq!(read.nics[0].mac.as_deref(), Some("52:54:00:ab:cd:01"));
    assert_eq!(read.consoles, [ConsoleKind::Serial, ConsoleKind::Vnc]);
    assert_eq!(read.vnc_index, Some(0));
}

#[test]
fn a6_every_disk_names_its_format_and_ends_its_chain() {
    let xml = to_xml(&plan(&full())).unwrap();
    let document = parse::parse(&xml, "domain").unwrap();
    for disk in document.descendants().filter(|n| n.has_tag_name("disk")) {
        let driver = disk.children().find(|n| n.has_tag_name("driver")).unwrap();
        assert!(matches!(driver.attribute("type"), Some("qcow2" | "raw")));
        let medium = disk.children().any(|n| n.has_tag_name("source"));
        assert_eq!(medium, disk.children().any(|n| n.has_tag_name("backingStore")));
    }
}

#[test]
fn c1_what_a_machine_cannot_be_is_refused_by_name() {
    type Change = fn(&mut VmSpec);
    let cases: [(&str, Change); 7] = [
        ("no IDE on this machine type", |s| s.disks[0].bus = Some(DiskBus::Ide)),
        ("cannot be on the bus virtio", |s| s.disks[2].bus = Some(DiskBus::Virtio)),
        ("needs the machine type q35", |s| s.machine.kind = Some("pc".into())),
        ("more than 20 characters", |s| s.disks[0].serial = Some("x".repeat(21))),
        ("need a CPU mode", |s| s.cpu.mode = CpuMode::Default),
        ("without hardware virtualisation", |s| s.cpu.mode = CpuMode::HostPassthrough),
        ("part of the machine type q35", |s| {
            s.firmware.secure_boot = false;
            s.machine.kind = Some("pc".into());
            s.watchdog =
                Some(WatchdogSpec { model: WatchdogModel::Itco, action: WatchdogAction::None });
        }),
    ];
    for (message, change) in cases {
        let mut spec = full();
        change(&mut spec);
        let error = to_xml(&plan(&spec)).unwrap_err();
        assert!(error.message().contains(message), "{error} / {message}");
    }
}

#[test]
fn c1_a_host_that_cannot_is_told_by_what_it_lacks() {
    let host = Capabilities::read(HOST).unwrap();
    let mut spec = VmSpec::new("x", 1 << 30);
    spec.machine.arch = Some("s390x".into());
    let error = Platform::choose(&spec, &host).unwrap_err();
    assert_eq!(error.message(), "the host cannot run guests of architecture s390x");
    spec.machine.arch = Some("aarch64".into());
    spec.machine.accelerator = Accelerator::Kvm;
    let error = Platform::choose(&spec, &host).unwrap_err();
    assert!(error.message().starts_with("hardware virtualisation (KVM) is not available"));
    spec.machine = MachineSpec { kind: Some("microvm".into()), ..MachineSpec::default() };
    let error = Platform::choose(&spec, &host).unwrap_err();
    assert_eq!(error.message(), "the host has no machine type microvm for x86_64");
}

#[test]
fn x17_a_foreign_document_is_read_as_far_as_it_is_known() {
    let xml = "<domain type='kvm' id='3'><name>old</name><uuid>u</uuid><future><a/></future>\
        <metadata><vm xmlns='urn:other' id='x'/></metadata>\
        <memory unit='MiB'>512</memory><vcpu>nonsense</vcpu>\
        <os><type arch='x86_64' machine='pc-i440fx-2.1'>hvm</type>\
        <loader type='rom'>/usr/share/qemu/OVMF.fd</loader></os>\
        <devices><disk type='network' device='disk'><driver type='raw'/>\
        <auth username='u'><secret uuid='s'/></auth>\
        <source protocol='rbd' name='pool/image'><host name='mon1'/></source>\
        <target dev='vda' bus='virtio'/></disk>\
        <disk type='file'><source file='/a'/><backingStore type='file'><source file='/b'/>\
        </backingStore><target dev='vdb'/></disk>\
        <interface type='hostdev'><source><address type='pci'/></source></interface>\
        <serial type='file'><source path='/log'/></serial>\
        <channel type='unix'><target name='org.qemu.guest_agent.0' state='connected'/></channel>\
        <graphics type='spice'/><graphics type='vnc'/><flux-capacitor/></devices></domain>";
    let read = Domain::read(xml).unwrap();
    assert_eq!((read.tag, read.cpu_count, read.cpu_max), (None, None, None));
    assert_eq!(read.firmware, Some("uefi"));
    assert_eq!(read.disks[0].source.as_deref(), Some("rbd://mon1/pool/image"));
    assert_eq!(read.volumes, ["rbd://mon1/pool/image", "/a", "/b", "/usr/share/qemu/OVMF.fd"]);
    assert_eq!(read.consoles, [ConsoleKind::Vnc, ConsoleKind::Spice], "a log file is no console");
    assert_eq!((read.vnc_index, read.agent_connected), (Some(1), Some(true)));
    assert_eq!(read.blocked.len(), 1);
    assert_eq!(read.memory_max_bytes, Some(512 << 20));
}

#[test]
fn a16_where_a_screen_listens_is_read_while_it_runs() {
    let screen = |graphics: &str| {
        let devices = format!("<devices><graphics type='spice'/>{graphics}</devices>");
        let xml = format!("<domain id='7'><name>n</name>{devices}</domain>");
        let read = Domain::read(&xml).unwrap();
        assert_eq!(read.id, Some(7));
        read.screen
    };
    let tcp = |address: &str| Some(read::Screen::Tcp { address: address.into(), port: 5901 });
    let unix = || Some(read::Screen::Unix { path: "/s".into() });
    assert_eq!(
        screen(
            "<graphics type='vnc' port='5901' listen='::1'>\
             <listen type='address' address='::1'/></graphics>"
        ),
        tcp("::1")
    );
    assert_eq!(screen("<graphics type='vnc' port='5901' listen='0.0.0.0'/>"), tcp("0.0.0.0"));
    assert_eq!(
        screen("<graphics type='vnc'><listen type='socket' socket='/s'/></graphics>"),
        unix()
    );
    assert_eq!(screen("<graphics type='vnc' socket='/s'/>"), unix());
    for nowhere in [
        "<graphics type='vnc' port='-1' autoport='yes'><listen type='address'/></graphics>",
        "<graphics type='vnc'><listen type='socket'/></graphics>",
        "<graphics type='vnc' port='5901'><listen type='none'/></graphics>",
        "<graphics type='vnc' port='99999' listen='::1'/>",
    ] {
        assert_eq!(screen(nowhere), None, "{nowhere}");
    }
}

#[test]
fn a_line_that_cannot_be_opened_does_not_hide_one_that_can() {
    let alias = |lines: &str| {
        let xml = format!("<domain><name>n</name><devices>{lines}</devices></domain>");
        Domain::read(&xml).unwrap().serial_alias
    };
    let file = "<serial type='file'><alias name='serial0'/></serial>";
    let pty = "<serial type='pty'><alias name='serial1'/></serial>";
    assert_eq!(alias(&format!("{file}{pty}")).as_deref(), Some("serial1"));
    assert_eq!(alias(&format!("{pty}{file}")), None, "the first will do");
    assert_eq!(alias(file), None);
}

const CANARY: &str = "\"/><qemu:arg value='-x'/><!-- ]]> &amp; &#10;";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A1: whatever stands in the free fields, the document keeps its shape and
    /// the fields keep their values. The specs are not checked first, so even
    /// fields that admission would refuse cannot break out.
    #[test]
    fn a1_no_value_becomes_markup(
        description in prop_oneof!["\\PC{0,80}", Just(CANARY.to_owned())],
        name in prop_oneof!["[a-z][a-z0-9-]{0,20}", Just(CANARY.to_owned()), "\\PC{1,20}"],
        project in prop_oneof!["[a-z]{1,10}", Just(CANARY.to_owned())],
        network in prop_oneof!["[a-z]{1,10}", Just(CANARY.to_owned())],
        serial in prop_oneof!["[a-z]{1,10}", Just(CANARY[..20].to_owned())],
        model in prop_oneof!["[A-Za-z0-9-]{1,12}", Just(CANARY.to_owned())],
        path in prop_oneof!["/[a-z]{1,10}", Just(CANARY.to_owned()), "\\PC{1,30}"],
        memory in 1_u64..(1 << 44),
        count in 1_u32..64,
        disks in 0_usize..6,
        nics in 0_usize..6,
    ) {
        let build_one = |text: bool| {
            let value = |v: &str, plain: &str| if text { v.to_owned() } else { plain.to_owned() };
            let mut spec = VmSpec::new(value(&name, "n"), memory);
            spec.description = if description.is_empty() { String::new() } else { value(&description, "d") };
            spec.project = value(&project, "p");
            spec.labels = BTreeMap::new();
            spec.cpu.count = count;
            spec.cpu.mode = CpuMode::Named(value(&model, "m"));
            spec.cpu.features =
                vec![CpuFeature { name: value(&model, "m"), policy: CpuFeaturePolicy::Optional }];
            for index in 0..disks {
                let serial = Some(value(&serial, "s"));
                spec.disks.push(DiskSpec { serial, ..disk(&format!("d{index}"), DiskDevice::Disk) });
            }
            for _ in 0..nics {
                let source = NicSource::Network(value(&network, "n"));
                spec.nics.push(NicSpec { source, model: NicModel::Virtio, mac: None, link_up: true });
            }
            let mut plan = plan(&spec);
            for disk in plan.disks.iter_mut().flatten() {
                disk.place = Place::File(value(&path, "/p"));
            }
            build(&plan).unwrap()
        };
        let tree = build_one(true);
        prop_assert_eq!(tree.count(), build_one(false).count());
        let Ok(xml) = tree.to_xml() else {
            // Refused whole: a character that XML has no way to carry.
            return Ok(());
        };
        let document = parse::parse(&xml, "domain").unwrap();
        let elements = document.descendants().filter(|n| n.is_element()).count();
        prop_assert_eq!(elements, tree.count());
        let read = Domain::read(&xml).unwrap();
        prop_assert_eq!(&read.name, &name);
        prop_assert_eq!(read.description.unwrap_or_default(), description);
        prop_assert_eq!(read.memory_bytes, Some(memory.div_ceil(1024) * 1024));
        prop_assert_eq!(read.cpu_count, Some(count));
        prop_assert_eq!(read.disks.len(), disks);
        prop_assert!(read.disks.iter().all(|d| d.source.as_deref() == Some(path.as_str())));
        prop_assert_eq!(read.nics.len(), nics);
        prop_assert!(read.nics.iter().all(|n| n.source.as_deref() == Some(network.as_str())));
        prop_assert_eq!(read.tag.map(|t| t.vm), Some(id()));
    }

    /// A2: no bytes make the reader panic or hang.
    #[test]
    fn a2_any_text_is_read_or_refused(text in "[<>/a-z='\"&;! \\[\\]-]{0,200}") {
        let _ = Domain::read(&text);
        let _ = Domain::read(&format!("<domain><name>n</name>{text}</domain>"));
    }
}
