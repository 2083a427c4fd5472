//! Where things are in the checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Everything made by a command and not by cargo: not in version control, safe to delete.
pub(crate) fn build() -> PathBuf {
    root().join("build")
}

/// What cargo tells a program that it runs of the package it is from.
const TOLD_BY_CARGO: &[&str] = &["CARGO_MANIFEST_", "CARGO_PKG_"];

/// The cargo that started us, so that one toolchain does everything; in the checkout's root.
///
/// What it told us of this package is not passed on: build scripts that look at such variables
/// (ring's does) would see others than under a cargo called by hand, and compile anew each time the
/// two take turns, with everything above them.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from);
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let is_told = |text: &str| TOLD_BY_CARGO.iter().any(|prefix| text.starts_with(prefix));
        if name.to_str().is_some_and(is_told) {
            command.env_remove(&name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_of_the_package_that_calls_it() {
        let command = cargo();
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        let has = |name: &str| removed.iter().any(|(found, _)| *found == name);
        assert!(has("CARGO_MANIFEST_DIR") && has("CARGO_PKG_NAME"), "{removed:?}");
        assert!(!has("CARGO_HOME") && !has("CARGO_TARGET_DIR"), "{removed:?}");
    }
}
