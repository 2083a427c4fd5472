//! Prometheus and Alertmanager, from Debian's packages.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

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

/// Where Debian's Alertmanager reads its templates, wherever it is itself.
const TEMPLATES: &str = "/usr/share/prometheus/alertmanager/default.tmpl";
/// Shows it the unpacked folder in the place of the machine's, in a namespace of its own. That it
/// ends with its test has to be said again: who enters another namespace forgets it.
const IN_PLACE: &str = r#"mount --bind "$0" /usr/share && exec setpriv --pdeathsig KILL -- "$@""#;

/// The words that start Alertmanager; its options come after them. Nothing of the machine is
/// changed where it was unpacked only.
///
/// # Panics
/// When neither [`fetch`] unpacked it nor it is installed.
pub fn alertmanager() -> Vec<OsString> {
    let program = need("prometheus-alertmanager");
    if Path::new(TEMPLATES).exists() {
        return vec![program.into()];
    }
    let share = checkout_dir().join("root/usr/share");
    let words = ["unshare", "--map-root-user", "--mount", "--", "sh", "-c", IN_PLACE];
    let words = words.into_iter().map(OsString::from);
    words.chain([share.into_os_string(), program.into_os_string()]).collect()
}
