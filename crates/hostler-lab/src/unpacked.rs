//! Programs of Debian's packages, unpacked into the checkout's `build/` and not installed: an
//! installed server would begin to serve on this machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Result};
use crate::process::{find_program, run_quietly};

/// Packages that are unpacked together.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// The folder in `build/`.
    pub(crate) folder: &'static str,
    /// What is in them, for people.
    pub(crate) what: &'static str,
    /// The packages.
    pub(crate) packages: &'static [&'static str],
    /// What is needed of them: programs by name, other files by their path.
    pub(crate) programs: &'static [&'static str],
}

impl Unpacked {
    /// Where the checkout keeps them.
    pub(crate) fn dir(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build").join(self.folder)
    }

    /// The same as [`Unpacked::find`], or the remedy where it is missing.
    ///
    /// # Panics
    /// When neither [`Unpacked::fetch`] unpacked it nor it is installed.
    pub(crate) fn need(&self, program: &str) -> PathBuf {
        let remedy = "`cargo xtask test real` fetches it";
        self.find(program).unwrap_or_else(|| panic!("{program} is missing: {remedy}"))
    }

    /// One of their programs: what [`Unpacked::fetch`] unpacked, or what is installed.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        let unpacked = self.dir().join("root/usr/bin").join(program);
        if unpacked.is_file() { Some(unpacked) } else { find_program(program) }
    }

    /// Downloads and unpacks them, or finds what an earlier call unpacked; the folder that holds
    /// `usr/bin`. Several processes may call this at once: one downloads, the others wait. `say`
    /// is told before anything is downloaded.
    ///
    /// # Errors
    /// When this is no Debian, or a step fails.
    pub(crate) fn fetch(&self, say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
        let place = self.dir();
        let made = || format!("cannot make {}", place.display());
        fs::create_dir_all(&place).context(made)?;
        let lock = File::create(place.join("lock")).context(made)?;
        lock.lock().context(made)?;
        let root = place.join("root");
        let place_of = |needed: &&str| match needed.contains('/') {
            true => root.join(needed),
            false => root.join("usr/bin").join(needed),
        };
        if self.programs.iter().all(|needed| place_of(needed).is_file()) {
            return Ok(root);
        }
        let (archives, fresh) = (place.join("archives"), place.join("fresh"));
        // What an earlier call left behind when it was cut off; mostly nothing.
        let _ = fs::remove_dir_all(&archives);
        let _ = fs::remove_dir_all(&fresh);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&archives).context(made)?;
        say(&format!("downloading {}", self.what));
        let download = || {
            let mut command = Command::new("apt-get");
            command.args(["download", "-q", "-o", "APT::Sandbox::User=root"]).args(self.packages);
            run_quietly(command.current_dir(&archives))
        };
        // Lists that were never fetched, or are too old, name no file that is there.
        if download().is_err() {
            run_quietly(Command::new("apt-get").args(["update", "-q"]))?;
            download()?;
        }
        let listed = fs::read_dir(&archives).context(made)?;
        for archive in listed {
            let archive = archive.context(made)?.path();
            run_quietly(Command::new("dpkg-deb").arg("-x").arg(archive).arg(&fresh))?;
        }
        // Only a whole tree ever bears the name.
        fs::rename(&fresh, &root).context(made)?;
        Ok(root)
    }
}
