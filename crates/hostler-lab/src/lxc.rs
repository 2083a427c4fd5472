//! libvirt's driver of containers (LXC), from Debian's package: a lab runs it beside that of QEMU.
//! Installed, it would be loaded by this machine's own libvirtd.

use std::path::PathBuf;

use crate::error::Result;
use crate::unpacked::Unpacked;

/// The driver, below the folder that [`fetch`] gives.
const DRIVER: &str = "usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_lxc.so";
/// What is each container's first process outside.
const CONTROLLER: &str = "usr/lib/libvirt/libvirt_lxc";

const PACKAGES: Unpacked = Unpacked {
    folder: "lxc",
    what: "libvirt's driver of containers",
    packages: &["libvirt-daemon-driver-lxc"],
    programs: &[DRIVER, CONTROLLER],
};

/// Where the files are that a libvirtd needs for containers, as paths below the root of a system.
pub(crate) const FILES: [&str; 2] = [DRIVER, CONTROLLER];

/// The folder that holds them, or the remedy where they are missing.
///
/// # Panics
/// When [`fetch`] never unpacked them.
pub fn need_driver() -> PathBuf {
    let root = PACKAGES.dir().join("root");
    let remedy = "`cargo xtask test real` fetches it";
    for file in FILES {
        assert!(root.join(file).is_file(), "{} is missing: {remedy}", root.join(file).display());
    }
    root
}

/// Downloads and unpacks them, or finds what an earlier call unpacked.
///
/// # Errors
/// When this is no Debian, or a step fails.
pub fn fetch(say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    PACKAGES.fetch(say)
}
