//! A mail server that takes mail and keeps it, from Debian's packages: aiosmtpd, which
//! is Python.

use std::path::PathBuf;

use crate::error::Result;
use crate::unpacked::Unpacked;

const PACKAGES: Unpacked = Unpacked {
    folder: "mail",
    what: "a mail server",
    packages: &["python3-aiosmtpd", "python3-attr", "python3-public"],
    programs: &["aiosmtpd"],
};

/// The folder in which Python finds its modules (`PYTHONPATH`), or the remedy where they are
/// missing. Debian's own `/usr/bin/python3` runs them.
///
/// # Panics
/// When [`fetch`] never unpacked them.
pub fn need_modules() -> PathBuf {
    let modules = PACKAGES.dir().join("root/usr/lib/python3/dist-packages");
    let remedy = "`cargo xtask test real` fetches it";
    assert!(modules.is_dir(), "{} is missing: {remedy}", modules.display());
    modules
}

/// Downloads and unpacks them, or finds what an earlier call unpacked.
///
/// # Errors
/// When this is no Debian, or a step fails.
pub fn fetch(say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    PACKAGES.fetch(say)
}
