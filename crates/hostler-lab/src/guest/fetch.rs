//! Getting the packages the guest is made of, unpacked into a directory of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::packages::update_lists;
use crate::process::{is_root, program, run_quietly};

/// Names the newest cloud kernel by depending on it.
const KERNEL_METAPACKAGE: &str = "linux-image-cloud-amd64";
/// Unpacked as they are. The second line makes the disk and does not go into the guest.
const PACKAGES: &[&str] =
    &["busybox-static", "qemu-guest-agent", "syslinux", "syslinux-common", "mtools", "dosfstools"];

/// The unpacked packages, all in one tree.
#[derive(Debug)]
pub(super) struct Unpacked {
    root: PathBuf,
    /// The kernel's version, as in `/lib/modules`.
    release: String,
}

/// Downloads and unpacks everything below `work`.
pub(super) fn fetch(work: &Path, say: &mut dyn FnMut(&str)) -> Result<Unpacked> {
    let kernel = match kernel_package() {
        Ok(name) => name,
        Err(_) => {
            // A machine that never fetched package lists knows no package at all.
            update_lists(is_root(), say)?;
            kernel_package()?
        }
    };
    let mut packages: Vec<String> = PACKAGES.iter().map(|name| (*name).to_owned()).collect();
    packages.extend(agent_libraries()?);
    packages.push(kernel.clone());
    say(&format!(
        "downloading for the sample guest (unpacked, not installed): {}",
        packages.join(" ")
    ));
    let archives = work.join("archives");
    fs::create_dir_all(&archives)?;
    if download(&packages, &archives).is_err() {
        // Lists that are too old name files the mirror no longer has.
        update_lists(is_root(), say)?;
        download(&packages, &archives)?;
    }
    let root = work.join("root");
    for entry in fs::read_dir(&archives)? {
        run_quietly(program("dpkg-deb").arg("-x").arg(entry?.path()).arg(&root))?;
    }
    let release = kernel.trim_start_matches("linux-image-").to_owned();
    Ok(Unpacked { root, release })
}

impl Unpacked {
    /// The kernel's image.
    pub(super) fn kernel(&self) -> Result<PathBuf> {
        self.file(&format!("boot/vmlinuz-{}", self.release))
    }

    /// The directory of the kernel's modules.
    pub(super) fn modules_dir(&self) -> PathBuf {
        let name = format!("lib/modules/{}", self.release);
        let merged = self.root.join("usr").join(&name);
        if merged.is_dir() { merged } else { self.root.join(name) }
    }

    /// A file of a package; Debian is moving everything below `/usr`, so it is looked for in both.
    pub(super) fn file(&self, name: &str) -> Result<PathBuf> {
        let places = [self.root.join(name), self.root.join("usr").join(name)];
        let found = places.into_iter().find(|path| path.exists());
        found.ok_or_else(|| Error::new(format!("no package brought /{name}")))
    }

    /// A command for a program of a package, which finds the programs beside it.
    pub(super) fn command(&self, name: &str) -> Result<Command> {
        let directories = ["usr/bin", "usr/sbin", "bin", "sbin"].map(|one| self.root.join(one));
        let found = directories.iter().map(|one| one.join(name)).find(|path| path.exists());
        let path = found.ok_or_else(|| Error::new(format!("no package brought {name}")))?;
        let mut command = Command::new(path);
        let system = std::env::var_os("PATH").unwrap_or_default();
        let all = directories.into_iter().chain(std::env::split_paths(&system));
        let joined = std::env::join_paths(all)
            .map_err(|error| Error::new(format!("cannot name the directories: {error}")))?;
        command.env("PATH", joined);
        Ok(command)
    }
}

fn kernel_package() -> Result<String> {
    let output = run_quietly(program("apt-cache").args(["depends", KERNEL_METAPACKAGE]))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| line.trim().strip_prefix("Depends: linux-image-"))
        .map(|rest| format!("linux-image-{rest}"))
        .ok_or_else(|| {
            Error::new(format!("apt knows no {KERNEL_METAPACKAGE}: is this Debian on x86-64?"))
        })
}

/// The library packages the agent may need; which of their files do is read from the files.
fn agent_libraries() -> Result<Vec<String>> {
    let mut command = program("apt-cache");
    command.args(["depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts"]);
    command.args(["--no-breaks", "--no-replaces", "--no-enhances", "qemu-guest-agent"]);
    let output = run_quietly(&mut command).context(|| "cannot ask what the agent depends on")?;
    Ok(libraries(&String::from_utf8_lossy(&output.stdout)))
}

/// The packages of libraries in what `apt-cache depends --recurse` prints: names at the left edge.
///
/// Perl comes in through a helper script of the package that the guest does not have.
fn libraries(listing: &str) -> Vec<String> {
    let is_library =
        |name: &&str| (name.starts_with("lib") || *name == "zlib1g") && !name.contains("perl");
    let names = listing.lines().filter(|line| !line.starts_with([' ', '|', '<']));
    names.map(str::trim).filter(is_library).map(str::to_owned).collect()
}

fn download(packages: &[String], into: &Path) -> Result<()> {
    let mut command = program("apt-get");
    command.current_dir(into).args(["download", "-q"]).args(packages);
    if is_root() {
        // apt's own unprivileged user cannot write into our directory, and would warn of it.
        command.args(["-o", "APT::Sandbox::User=root"]);
    }
    run_quietly(&mut command).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_are_taken_from_what_the_agent_depends_on() {
        let listing = "qemu-guest-agent\n  Depends: libc6\n |Depends: x\nlibc6\nperl\n\
                       libperl5.36\nlibglib2.0-0\nzlib1g\n<perl:any>\n";
        assert_eq!(libraries(listing), ["libc6", "libglib2.0-0", "zlib1g"]);
    }
}
