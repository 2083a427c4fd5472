//! The sample guest: a Linux of 25 MB that boots in seconds without KVM.
//!
//! Made from Debian packages that are downloaded and unpacked, never installed: the cloud kernel,
//! busybox, the QEMU guest agent with its libraries, and syslinux. It answers the ACPI power button
//! and the guest agent with a clean power-off, takes `local-hostname` from a NoCloud seed, asks
//! every interface for an address by DHCP, and greets on the serial line and on the screen:
//!
//! ```text
//! hello from hostler
//! sample, up 4.21s, kernel 6.1.0-56-cloud-amd64
//!
//! sample:~#
//! ```
//!
//! ```text
//! packages ─► fetch ─► modules, libraries ─► initramfs ─┬─► initrd-agent.img, initrd.img
//!                  └─► kernel ─► vmlinuz, vmlinux ──────┴─► disk (MBR, FAT, syslinux)
//! ```
//!
//! The cloud kernel has virtio, IDE and virtio-scsi, but neither AHCI nor e1000: a CD-ROM on a SATA
//! bus, or a network card that is not virtio, is invisible to it (as it is to Debian's own cloud
//! images).

mod disk;
mod elf;
mod fetch;
mod initramfs;
mod kernel;
mod modules;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::hash::Fingerprint;
use crate::process::find_program;

/// The line that the guest writes when someone can log in.
pub const BANNER: &str = "hello from hostler";

/// The kernel command line for booting [`GuestImages::vmlinux`] or [`GuestImages::vmlinuz`].
///
/// Beyond the consoles, each word saves time under emulation or keeps a small guest alive (the
/// 64 MiB bounce buffer that hot-pluggable memory reserves is `swiotlb`).
pub const KERNEL_COMMAND_LINE: &str = "console=tty0 console=ttyS0,115200 quiet tsc=unstable \
     swiotlb=noforce nokaslr mitigations=off cryptomgr.notests no_timer_check panic=10";

/// Everything that decides what comes out, except the packages themselves.
const SOURCES: &[&str] = &[
    include_str!("mod.rs"),
    include_str!("disk.rs"),
    include_str!("elf.rs"),
    include_str!("fetch.rs"),
    include_str!("initramfs.rs"),
    include_str!("kernel.rs"),
    include_str!("modules.rs"),
    include_str!("../../files/guest/init"),
    include_str!("../../files/guest/session"),
    include_str!("../../files/guest/seed-hostname"),
    include_str!("../../files/guest/start-agent"),
    include_str!("../../files/guest/start-dhcp"),
    include_str!("../../files/guest/dhcp-event"),
    include_str!("../../files/guest/on-uevent"),
    include_str!("../../files/guest/shutdown"),
    include_str!("../../files/guest/profile"),
];

/// What [`build`] makes. All paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestImages {
    /// The kernel as Debian packs it: for firmware, UEFI included, and for any machine type.
    pub vmlinuz: PathBuf,
    /// The kernel unpacked: QEMU enters it directly (PVH), which boots fastest under emulation.
    pub vmlinux: PathBuf,
    /// Everything but the guest agent, for booting with either kernel. Wants 80 MiB of memory.
    pub initrd: PathBuf,
    /// With the guest agent. Wants 128 MiB of memory.
    pub initrd_agent: PathBuf,
    /// A bootable disk (MBR, BIOS), raw, with `vmlinuz` and `initrd_agent`. Never written to.
    pub disk_raw: PathBuf,
    /// The same disk as qcow2.
    pub disk_qcow2: PathBuf,
}

impl GuestImages {
    fn in_directory(directory: &Path) -> GuestImages {
        GuestImages {
            vmlinuz: directory.join("vmlinuz"),
            vmlinux: directory.join("vmlinux"),
            initrd: directory.join("initrd.img"),
            initrd_agent: directory.join("initrd-agent.img"),
            disk_raw: directory.join("sample.img"),
            disk_qcow2: directory.join("sample.qcow2"),
        }
    }

    fn paths(&self) -> [&Path; 6] {
        [
            &self.vmlinuz,
            &self.vmlinux,
            &self.initrd,
            &self.initrd_agent,
            &self.disk_raw,
            &self.disk_qcow2,
        ]
    }

    fn are_there(&self) -> bool {
        self.paths().iter().all(|path| path.is_file())
    }
}

/// Where the checkout keeps its guest: `build/guest`.
pub fn checkout_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/guest")
}

/// Builds the guest in `out_dir`, or finds what an earlier call built from the same sources.
///
/// Several processes may call this at once: one builds, the others wait. `say` is told before
/// anything is downloaded. System packages must be there ([`crate::packages::GUEST`] and, for the
/// qcow2 disk, `qemu-img` of [`crate::packages::LAB`]).
///
/// # Errors
/// When this is not an x86-64 Debian, or a step fails.
pub fn build(out_dir: &Path, say: &mut dyn FnMut(&str)) -> Result<GuestImages> {
    build_inner(out_dir, say).context(|| "cannot build the sample guest")
}

fn build_inner(out_dir: &Path, say: &mut dyn FnMut(&str)) -> Result<GuestImages> {
    fs::create_dir_all(out_dir).context(|| format!("cannot make {}", out_dir.display()))?;
    let out_dir = fs::canonicalize(out_dir)?;
    let lock = fs::File::create(out_dir.join("lock"))?;
    lock.lock()?;
    let key = key();
    let images = GuestImages::in_directory(&out_dir.join(&key));
    if images.are_there() {
        return Ok(images);
    }
    check_platform()?;
    let work = out_dir.join("work");
    let fresh = out_dir.join("fresh");
    for directory in [&work, &fresh] {
        let _ = fs::remove_dir_all(directory);
        fs::create_dir_all(directory)?;
    }
    make(&work, &GuestImages::in_directory(&fresh), say)?;
    // Only a whole set ever bears the key's name; sets of earlier sources are of no more use.
    remove_older_sets(&out_dir)?;
    fs::rename(&fresh, out_dir.join(&key))?;
    fs::remove_dir_all(&work)?;
    Ok(images)
}

fn make(work: &Path, images: &GuestImages, say: &mut dyn FnMut(&str)) -> Result<()> {
    let unpacked = fetch::fetch(work, say)?;
    say("making the sample guest's kernel, initramfs and disk");
    fs::copy(unpacked.kernel()?, &images.vmlinuz)?;
    kernel::unpack(&images.vmlinuz, &images.vmlinux)?;
    let modules = modules::select(&unpacked.modules_dir())?;
    let tiny = initramfs::contents(&unpacked, &modules)?;
    initramfs::pack(&tiny, &images.initrd)?;
    let with_agent = initramfs::with_agent(tiny, &unpacked)?;
    initramfs::pack(&with_agent, &images.initrd_agent)?;
    disk::make(&unpacked, images, &work.join("disk"))
}

fn key() -> String {
    let mut fingerprint = Fingerprint::new();
    for source in SOURCES {
        fingerprint.add(source);
    }
    // Another release of the system has other packages.
    fingerprint.add(fs::read("/etc/os-release").unwrap_or_default());
    fingerprint.to_string()
}

fn check_platform() -> Result<()> {
    if std::env::consts::ARCH != "x86_64" {
        let here = std::env::consts::ARCH;
        return Err(Error::new(format!("it is made for x86_64 only so far, and this is {here}")));
    }
    for tool in ["apt-get", "apt-cache", "dpkg-deb"] {
        if find_program(tool).is_none() {
            return Err(Error::new(format!(
                "it is made from Debian packages, and there is no {tool} here"
            )));
        }
    }
    Ok(())
}

fn remove_older_sets(out_dir: &Path) -> Result<()> {
    for entry in fs::read_dir(out_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_set = name.len() == 16 && entry.file_type()?.is_dir();
        if is_set {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
