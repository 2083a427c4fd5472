//! The lab: real QEMU guests in a private libvirtd.

use std::fs;
use std::process::Command;
use std::time::Duration;

use hostler_lab::{Lab, LabOptions, NetworkState, guest, poll_until};

use super::guest::images;

const BOOT_LIMIT: Duration = Duration::from_secs(120);

/// A guest that boots from a copy of the sample disk, with a seed that names it, an agent channel,
/// a network card, a screen, and its serial line in a file.
fn domain_xml(name: &str) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>160</memory><vcpu>1</vcpu>
         <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
         <on_poweroff>destroy</on_poweroff><devices>
         <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
          <source file='/var/lib/libvirt/images/{name}.qcow2'/><target dev='vda' bus='virtio'/></disk>
         <controller type='scsi' model='virtio-scsi'/>
         <disk type='file' device='disk'><driver name='qemu' type='raw'/>
          <source file='/var/lib/libvirt/images/{name}-seed.img'/><target dev='sda' bus='scsi'/></disk>
         <interface type='network'><source network='default'/><model type='virtio'/></interface>
         <serial type='file'><source path='/var/log/libvirt/qemu/{name}-serial.log'/></serial>
         <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
         <graphics type='vnc'/></devices></domain>"
    )
}

/// A VFAT disk labelled `cidata` with a `meta-data` file: FAT12, one cluster a sector.
///
/// Made by hand, because a seed's maker is what the product brings and this crate must not know.
fn seed_image(host_name: &str) -> Vec<u8> {
    let meta_data = format!("instance-id: i-1\nlocal-hostname: {host_name}\n");
    let mut image = vec![0_u8; 128 * 512];
    let mut put = |at: usize, bytes: &[u8]| {
        image.get_mut(at..at + bytes.len()).unwrap().copy_from_slice(bytes);
    };
    put(0, &[0xeb, 0x3c, 0x90]);
    put(3, b"HOSTLER ");
    // 512-byte sectors, 1 a cluster, 1 reserved, 1 table, 16 root entries, 128 sectors, 1 a table.
    put(11, &[0, 2, 1, 1, 0, 1, 16, 0, 128, 0, 0xf8, 1, 0, 63, 0, 255, 0]);
    put(36, &[0x80, 0, 0x29, 1, 2, 3, 4]);
    put(43, b"cidata     FAT12   ");
    put(510, &[0x55, 0xaa]);
    put(512, &[0xf8, 0xff, 0xff, 0xff, 0x0f]); // the table: cluster 2 ends its chain
    let root = 1024;
    put(root, b"cidata     \x08");
    // A long name (one entry, marked last), its checksum over the short one, then the short one.
    let short = b"META-D~1   ";
    let checksum = short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    let mut long = [0xff_u8; 32];
    let places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
    let name: Vec<u16> = "meta-data\0".encode_utf16().collect();
    for (at, unit) in places.iter().zip(&name) {
        long.get_mut(*at..at + 2).unwrap().copy_from_slice(&unit.to_le_bytes());
    }
    for (at, byte) in [(0, 0x41), (11, 0x0f), (12, 0), (13, checksum), (26, 0), (27, 0)] {
        *long.get_mut(at).unwrap() = byte;
    }
    put(root + 32, &long);
    put(root + 64, short);
    put(root + 64 + 11, &[0x20]);
    put(root + 64 + 26, &2_u16.to_le_bytes());
    put(root + 64 + 28, &u32::try_from(meta_data.len()).unwrap().to_le_bytes());
    put(root + 512, meta_data.as_bytes());
    image
}

fn create(lab: &Lab, name: &str) {
    let images_dir = lab.images_dir();
    fs::copy(images().disk_qcow2, images_dir.join(format!("{name}.qcow2"))).unwrap();
    fs::write(images_dir.join(format!("{name}-seed.img")), seed_image(name)).unwrap();
    let file = images_dir.join(format!("{name}.xml"));
    fs::write(&file, domain_xml(name)).unwrap();
    lab.virsh(["create".as_ref(), file.as_os_str()]).unwrap();
}

fn serial_log(lab: &Lab, name: &str) -> String {
    let path = lab.log_dir().join(format!("qemu/{name}-serial.log"));
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn wait_for_banner(lab: &Lab, name: &str) {
    poll_until(BOOT_LIMIT, || {
        let log = serial_log(lab, name);
        if log.contains(guest::BANNER) && log.contains("kernel") { Ok(()) } else { Err(log) }
    })
    .unwrap();
}

fn virsh(lab: &Lab, line: &str) -> Result<String, hostler_lab::Error> {
    let output = lab.virsh(line.split(' '))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_guest_boots_takes_its_name_and_address_talks_to_its_agent_and_powers_off() {
    let lab = Lab::start(&LabOptions::throwaway("boot")).unwrap();
    assert_eq!(lab.network(), &NetworkState::Active);
    create(&lab, "lab-boot");
    wait_for_banner(&lab, "lab-boot");
    assert!(serial_log(&lab, "lab-boot").contains("lab-boot, up"), "the seed's name is not there");

    let ping = r#"{"execute":"guest-ping"}"#;
    poll_until(BOOT_LIMIT, || lab.virsh(["qemu-agent-command", "lab-boot", ping])).unwrap();
    poll_until(BOOT_LIMIT, || match virsh(&lab, "domifaddr lab-boot --source lease") {
        Ok(text) if text.contains("192.168.122.") => Ok(()),
        other => Err(other),
    })
    .unwrap();

    virsh(&lab, "shutdown lab-boot --mode acpi").unwrap();
    poll_until(BOOT_LIMIT, || match virsh(&lab, "domstate lab-boot") {
        Err(gone) => Ok(gone), // a transient guest that is off is gone
        Ok(state) => Err(state),
    })
    .unwrap();
}

#[test]
fn guests_outlive_a_libvirtd_that_is_killed_and_a_frozen_one_recovers() {
    let lab = Lab::start(&LabOptions::throwaway("crash")).unwrap();
    create(&lab, "lab-crash");
    let qemu = lab.qemu_pid("lab-crash").unwrap();

    lab.kill_libvirtd().unwrap();
    lab.virsh(["list"]).expect_err("a killed daemon cannot answer");
    lab.start_libvirtd().unwrap();
    assert_eq!(virsh(&lab, "domstate lab-crash").unwrap().trim(), "running");
    assert_eq!(lab.qemu_pid("lab-crash").unwrap(), qemu);

    lab.pause_libvirtd().unwrap();
    let mut hung = lab.virsh_command().arg("list").spawn().unwrap();
    assert_eq!(hung.try_wait().unwrap(), None);
    lab.resume_libvirtd().unwrap();
    assert!(hung.wait().unwrap().success());

    lab.restart_libvirtd().unwrap();
    assert_eq!(virsh(&lab, "domstate lab-crash").unwrap().trim(), "running");
}

#[test]
fn two_labs_do_not_see_each_other_and_leave_nothing_behind() {
    // What a run that was cut off has left is not this one's.
    let before = groups();
    let one = Lab::start(&LabOptions::throwaway("one")).unwrap();
    let two = Lab::start(&LabOptions::throwaway("two")).unwrap();
    create(&one, "lab-only-in-one");
    assert_eq!(virsh(&two, "list --name --all").unwrap().trim(), "");
    let (pid, state) = (one.qemu_pid("lab-only-in-one").unwrap(), one.lib_dir());
    drop(one);
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap(), "the guest outlived its lab");
    assert!(!fs::exists(state).unwrap(), "the state outlived its lab");
    assert_eq!(virsh(&two, "list --name --all").unwrap().trim(), "", "the other lab is hurt");
    let left: Vec<_> = groups().into_iter().filter(|name| !before.contains(name)).collect();
    assert!(left.iter().all(|name| !name.contains("lab-only-in-one")), "{left:?}");
}

/// The names of all control groups down to the depth where a lab keeps its guests'.
fn groups() -> Vec<String> {
    let found = Command::new("find").args(["/sys/fs/cgroup", "-type", "d"]).output().unwrap();
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn a_lab_is_not_started_twice_under_one_name() {
    let options = LabOptions::throwaway("twice");
    let _lab = Lab::start(&options).unwrap();
    let error = Lab::start(&options).expect_err("a second one").to_string();
    assert!(error.contains("a lab of that name runs already"), "{error}");
}
