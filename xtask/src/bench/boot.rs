//! From nothing to a login: the sample guest by libvirt alone, from its disk and from its kernel.
//!
//! This is the floor under everything that creates VMs: what remains when Hostler is taken away.

use std::fs;
use std::time::Duration;

use hostler_lab::{Error, Lab, LabOptions, Result, guest, poll_until, timed};

use super::{Comparison, Report, Sample, Settings, Unit};
use crate::{needs, say};

/// A boot takes 5 s on a quiet machine.
const BOOT_LIMIT: Duration = Duration::from_secs(180);
const NAME: &str = "bench-boot";

/// Measures in a lab of its own.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::lab()?;
    let images = guest::build(&guest::checkout_dir(), &mut |line| say::step(line))?;
    let lab = Lab::start(&LabOptions::throwaway("bench"))?;
    let within = lab.images_dir();
    for path in [&images.vmlinux, &images.initrd] {
        fs::copy(path, within.join(path.file_name().unwrap_or_default()))?;
    }
    let kernel = format!(
        "<kernel>/var/lib/libvirt/images/vmlinux</kernel>\
         <initrd>/var/lib/libvirt/images/initrd.img</initrd>\
         <cmdline>{}</cmdline>",
        guest::KERNEL_COMMAND_LINE
    );
    let mut from_disk = (Sample::of("virsh create, disk"), "<boot dev='hd'/>".to_owned());
    let mut from_kernel = (Sample::of("virsh create, kernel"), kernel);
    for _ in 0..settings.runs {
        for (sample, boot) in [&mut from_disk, &mut from_kernel] {
            fs::copy(&images.disk_qcow2, within.join(format!("{NAME}.qcow2")))?;
            let file = within.join(format!("{NAME}.xml"));
            fs::write(&file, domain(boot))?;
            let (booted, took) = timed(|| boot_once(&lab, &file));
            booted?;
            sample.took(took);
            lab.virsh(["destroy", NAME])?;
        }
    }
    Ok(Report {
        title: "From `virsh create` to the guest's greeting on its serial line".into(),
        comparisons: vec![Comparison {
            what: "to the greeting, without Hostler".into(),
            unit: Unit::Seconds,
            ours: from_disk.0,
            theirs: from_kernel.0,
        }],
        notes: vec![
            "Hostler is not in this row: it is the floor under everything that creates VMs, and \
             shows what a guest's boot costs on this machine."
                .into(),
            "Emulated (TCG), one processor, 192 MiB. Looked at every 50 ms.".into(),
        ],
    })
}

fn boot_once(lab: &Lab, file: &std::path::Path) -> Result<()> {
    lab.virsh(["create".as_ref(), file.as_os_str()])?;
    let log = lab.log_dir().join(format!("qemu/{NAME}-serial.log"));
    poll_until(BOOT_LIMIT, || {
        let said = fs::read(&log).unwrap_or_default();
        match String::from_utf8_lossy(&said).contains(guest::BANNER) {
            true => Ok(()),
            false => Err(Error::new("the guest does not greet")),
        }
    })
}

fn domain(boot: &str) -> String {
    format!(
        "<domain type='qemu'><name>{NAME}</name><memory unit='MiB'>192</memory>
         <os><type arch='x86_64' machine='q35'>hvm</type>{boot}</os><features><acpi/></features>
         <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
         <source file='/var/lib/libvirt/images/{NAME}.qcow2'/><target dev='vda' bus='virtio'/></disk>
         <serial type='file'><source path='/var/log/libvirt/qemu/{NAME}-serial.log'/></serial>
         </devices></domain>"
    )
}
