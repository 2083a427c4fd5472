//! Prometheus and Alertmanager, from Debian's packages.

use std::path::PathBuf;

use crate::error::Result;
use crate::unpacked::Unpacked;

const PACKAGES: Unpacked = Unpacked {
    folder: "prometheus",
    what: "Prometheus and Alertmanager",
    packages: &["prometheus", "prometheus-alertmanager"],
    programs: &["prometheus", "promtool", "amtool"],
};

/// Where the checkout keeps them: `build/prometheus`.
pub fn checkout_dir() -> PathBuf {
    PACKAGES.dir()
}

/// The same as [`find`], or the remedy where it is missing.
///
/// # Panics
/// When neither [`fetch`] unpacked it nor it is installed.
pub fn need(program: &str) -> PathBuf {
    PACKAGES.need(program)
}

/// One of their programs, `prometheus`, `promtool` or `amtool`: what [`fetch`] unpacked, or what
/// is installed.
pub fn find(program: &str) -> Option<PathBuf> {
    PACKAGES.find(program)
}

/// Downloads and unpacks them, or finds what an earlier call unpacked.
///
/// # Errors
/// When this is no Debian, or a step fails.
pub fn fetch(say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    PACKAGES.fetch(say)
}
