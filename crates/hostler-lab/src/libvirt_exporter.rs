//! Debian's exporter of libvirt's figures for Prometheus: what ours is compared with.

use std::path::PathBuf;

use crate::error::Result;
use crate::unpacked::Unpacked;

const NAME: &str = "prometheus-libvirt-exporter";

const PACKAGES: Unpacked =
    Unpacked { folder: "libvirt-exporter", what: NAME, packages: &[NAME], programs: &[NAME] };

/// Its program: what [`fetch`] unpacked, or what is installed.
pub fn find() -> Option<PathBuf> {
    PACKAGES.find(NAME)
}

/// Downloads and unpacks it, or finds what an earlier call unpacked.
///
/// # Errors
/// When this is no Debian, or a step fails.
pub fn fetch(say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    PACKAGES.fetch(say)
}
