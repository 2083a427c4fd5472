//! Definitions that others have a hand in, and what becomes of them.

use hostler_core::clock::Timestamp;
use hostler_core::id::VmId;
use hostler_core::vm::change::Takes;
use hostler_core::vm::devices::*;
use hostler_core::vm::spec::*;
use proptest::prelude::*;

use super::*;
use crate::xml::capabilities::Capabilities;
use crate::xml::domain::facets::Facets;
use crate::xml::domain::platform::Platform;
use crate::xml::domain::{self, Plan};

const HOST: &str = "<capabilities><host><cpu><arch>x86_64</arch></cpu></host>\
    <guest><os_type>hvm</os_type><arch name='x86_64'>\
    <machine canonical='pc-q35-7.2'>q35</machine><machine>pc-q35-6.0</machine>\
    <domain type='qemu'/><domain type='kvm'/></arch></guest></capabilities>";

/// As libvirt tells a definition that virt-manager, an administrator and a tool have edited.
const THEIRS: &str = include_str!("../../../tests/xml/edited.xml");

fn made(spec: &VmSpec) -> Element {
    let host = Capabilities::read(HOST).unwrap();
    let platform = Platform::choose(spec, &host).unwrap();
    let vm = VmId::new(Timestamp::from_millis(1), [7; 10]);
    let bare = VmSpec { disks: vec![], boot: vec![], ..spec.clone() };
    domain::build(&Plan { vm, spec: &bare, platform, disks: vec![], seed: None }).unwrap()
}

fn disks() -> Vec<Bootable> {
    let one =
        |name: &str, source: &str| Bootable { name: name.into(), sources: vec![source.into()] };
    vec![one("root", "/var/lib/libvirt/images/root"), one("data", "fast/data")]
}

fn nic(name: &str, link_up: bool) -> NicSpec {
    let source = NicSource::Network(name.into());
    NicSpec { source, model: NicModel::Virtio, mac: None, link_up }
}

/// What the definition is of.
fn before() -> VmSpec {
    let mut spec = VmSpec::new("web", 1 << 30);
    spec.cpu = CpuSpec { count: 2, max_count: Some(4), ..CpuSpec::default() };
    spec.nics = vec![nic("default", true), nic("backup", true)];
    spec.graphics = Some(GraphicsSpec::Vnc);
    for name in ["root", "data"] {
        let source = DiskSource::Volume { pool: "default".into(), volume: name.into() };
        let (device, bus, read_only) = (DiskDevice::Disk, None, false);
        let (cache, discard, serial) = (None, false, None);
        let name = name.into();
        spec.disks.push(DiskSpec { name, device, bus, source, read_only, cache, discard, serial });
    }
    spec
}

fn changed(text: &str, change: impl FnOnce(&mut VmSpec)) -> String {
    let mut wanted = before();
    change(&mut wanted);
    let plan = ChangePlan::of(&before(), &wanted, |_| Takes::NextStart);
    assert!(!plan.is_empty());
    let (made, disks) = (made(&wanted), disks());
    edited(text, &Wanted { spec: &wanted, plan: &plan, made: &made, disks: &disks }).unwrap()
}

/// The lines that only one of two texts has, sorted.
fn lines(one: &str, other: &str) -> Vec<String> {
    let of = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let mut left = of(other);
    let mut only = of(one);
    only.retain(|line| match left.iter().position(|there| there == line) {
        Some(at) => {
            left.remove(at);
            false
        }
        None => !line.is_empty(),
    });
    only.sort_unstable();
    only
}

#[test]
fn c20_a_change_writes_its_own_lines_and_no_other() {
    type Change = fn(&mut VmSpec);
    let cases: [(Change, &[&str], &[&str]); 8] = [
        (
            |s| s.memory.bytes = 2 << 30,
            &[
                "<memory unit='KiB' dumpCore='off'>1048576</memory>",
                "<currentMemory unit='KiB'>1048576</currentMemory>",
            ],
            &[
                "<memory unit='KiB' dumpCore='off'>2097152</memory>",
                "<currentMemory unit='KiB'>2097152</currentMemory>",
            ],
        ),
        (
            |s| s.cpu.count = 4,
            &[
                "<vcpu placement='static' cpuset='0-3' current='2'>4</vcpu>",
                "<vcpus>",
                "<vcpu id='0' enabled='yes' hotpluggable='no'/>",
                "</vcpus>",
            ],
            &["<vcpu placement='static' cpuset='0-3'>4</vcpu>"],
        ),
        (|s| s.memory.hugepages = true, &[], &["<hugepages/>"]),
        (
            |s| s.rng = false,
            &[
                "<rng model='virtio'>",
                "<backend model='random'>/dev/random</backend>",
                "<rate bytes='1024' period='1000'/>",
                "</rng>",
            ],
            &[],
        ),
        (
            |s| s.description = "a <b> & c".into(),
            &["<description>old &amp; grey</description>"],
            &["<description>a &lt;b&gt; &amp; c</description>"],
        ),
        (|s| s.nics[1].link_up = false, &[], &["<link state=\"down\"/>"]),
        (
            |s| s.nics[0].source = NicSource::Bridge("br7".into()),
            &["<interface type='network'>", "<source network='default' portgroup='g'/>"],
            &["<interface type='bridge'>", "<source bridge=\"br7\"/>"],
        ),
        (
            |s| s.machine.kind = Some("pc-q35-6.0".into()),
            &["<type arch='x86_64' machine='pc-q35-7.2'>hvm</type>"],
            &["<type arch='x86_64' machine='pc-q35-6.0'>hvm</type>"],
        ),
    ];
    for (change, gone, come) in cases {
        let made = changed(THEIRS, change);
        let sorted = |words: &[&'static str]| {
            let mut words = words.to_vec();
            words.sort_unstable();
            words
        };
        assert_eq!(lines(THEIRS, &made), sorted(gone), "{made}");
        assert_eq!(lines(&made, THEIRS), sorted(come), "{made}");
    }
}

#[test]
fn c20_the_order_at_boot_is_numbered_anew() {
    let order = vec![BootDevice::Nic(1), BootDevice::Disk("data".into())];
    let made = changed(THEIRS, |s| s.boot = order);
    let boot = Facets::read(&made).unwrap().boot;
    let boot: Vec<_> = boot.iter().map(|(n, device)| (*n, device.as_str())).collect();
    assert_eq!(boot, [(1, "nic 1"), (2, "vdb")]);
    let mut wanted = before();
    wanted.boot = vec![BootDevice::Disk("gone".into())];
    let plan = ChangePlan::of(&before(), &wanted, |_| Takes::NextStart);
    let (made, disks) = (self::made(&wanted), disks());
    let wanted = Wanted { spec: &wanted, plan: &plan, made: &made, disks: &disks };
    let error = edited(THEIRS, &wanted).unwrap_err();
    assert!(error.kind() == Kind::Invalid && error.message().contains("\"gone\""), "{error}");
}

#[test]
fn c20_devices_come_go_and_are_put_into_the_place_of_others() {
    let made = changed(THEIRS, |s| {
        s.graphics = None;
        s.guest_agent = false;
        s.serial_console = false;
        s.balloon = false;
        s.tpm = Some(TpmSpec { model: TpmModel::Crb });
        s.panic = Some(PanicModel::Isa);
        s.cpu.mode = CpuMode::Maximum;
        s.nics.push(nic("third", true));
    });
    let facets = Facets::read(&made).unwrap();
    assert!(facets.graphics.is_empty() && facets.video.is_empty());
    assert!(!facets.guest_agent && !facets.serial_console && !facets.balloon);
    assert_eq!(
        (facets.tpm.as_slice(), facets.panic.as_slice()),
        (&["tpm-crb".into()][..], &["isa".into()][..])
    );
    assert_eq!(facets.cpu.mode.as_deref(), Some("maximum"));
    assert_eq!(facets.nics.len(), 3);
    assert!(made.contains("<on_crash>preserve</on_crash>"));
    for theirs in ["<numa>", "org.qemu.other.0", "<qemu:arg value='-newarg'/>", "passwd-of-theirs"]
    {
        let is_of_screen = theirs == "passwd-of-theirs";
        assert_eq!(made.contains(theirs), !is_of_screen, "{theirs}");
    }
    let back = changed(THEIRS, |s| {
        s.nics.pop();
    });
    assert_eq!(Facets::read(&back).unwrap().nics.len(), 1);
    assert!(back.contains("passwd-of-theirs"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is asked, every line that says something that this crate does not know stays.
    #[test]
    fn c20_unknown_lines_survive_any_change(
        memory in 64_u64..(1 << 20),
        count in 1_u32..4,
        flags in any::<[bool; 8]>(),
        description in "\\PC{0,40}",
        unknown in prop::collection::vec("<x[a-z]{1,5} k='[a-z<>]{0,6}'/>", 4),
    ) {
        let mut text = THEIRS.to_owned();
        let escaped: Vec<String> = unknown.iter().map(|one| {
            let (head, value) = one.split_once("k='").unwrap();
            format!("{head}k='{}", value.replacen('<', "&lt;", 9))
        }).collect();
        for (place, one) in ["<metadata>", "<devices>", "<features>", "<clock offset='utc'>"].iter().zip(&escaped) {
            text = text.replacen(place, &format!("{place}{one}"), 1);
        }
        let mut wanted = before();
        wanted.memory.bytes = memory << 10;
        wanted.cpu.count = count;
        wanted.description = description;
        wanted.rng = flags[0];
        wanted.balloon = flags[1];
        wanted.guest_agent = flags[2];
        wanted.serial_console = flags[3];
        wanted.memory.hugepages = flags[4];
        wanted.tpm = flags[5].then_some(TpmSpec { model: TpmModel::Crb });
        wanted.nics[0].link_up = flags[6];
        if flags[7] {
            wanted.boot = vec![BootDevice::Nic(0)];
        }
        let plan = ChangePlan::of(&before(), &wanted, |_| Takes::NextStart);
        let (made, disks) = (made(&wanted), disks());
        let after = edited(&text, &Wanted { spec: &wanted, plan: &plan, made: &made, disks: &disks });
        let Ok(after) = after else { return Ok(()) }; // a character that XML has no way to carry
        for one in &escaped {
            prop_assert!(after.contains(one.as_str()), "{one} is lost from {after}");
        }
        for theirs in ["<!-- by hand -->", "<app:x xmlns:app='urn:app' y='1'>text</app:x>",
            "<qemu:arg value='-newarg'/>", "<bandwidth>", "<future-device kind='flux'>",
            "<maxphysaddr mode='emulate' bits='42'/>", "passwd-of-theirs"] {
            prop_assert!(after.contains(theirs), "{theirs} is lost from {after}");
        }
        let facets = Facets::read(&after).unwrap();
        prop_assert_eq!(facets.memory_kib, Some(memory));
        prop_assert_eq!((facets.cpu_count, facets.cpu_max), (Some(count), Some(4)));
        prop_assert_eq!((facets.rng, facets.balloon, facets.guest_agent, facets.serial_console),
            (flags[0], flags[1], flags[2], flags[3]));
        prop_assert_eq!((facets.hugepages, facets.tpm.is_empty()), (flags[4], !flags[5]));
        prop_assert_eq!(facets.nics[0].link_up, flags[6]);
    }
}
