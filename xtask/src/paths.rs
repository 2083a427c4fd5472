//! Where things are in the checkout.

use std::path::{Path, PathBuf};

/// The checkout's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Everything made by a command and not by cargo: not in version control, safe to delete.
pub(crate) fn build() -> PathBuf {
    root().join("build")
}

/// The cargo that started us, so that one toolchain does everything.
pub(crate) fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}
