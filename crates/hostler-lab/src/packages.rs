//! System packages: which of them a command needs, which are missing, and installing those.
//!
//! A fresh machine has Rust and nothing else of ours. Every command names its needs as data; what
//! is missing is named to the user, with the command that installs it, before it is run. When
//! nothing is missing nothing is said and nothing is run, so a second start costs a few `stat`s.

use std::path::Path;
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::process::{command_line, find_program, is_root, run, run_quietly};

/// One thing a command needs from the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// How to see that it is there.
    pub probe: Probe,
    /// The package that brings it on Debian and its children.
    pub apt: &'static str,
    /// The package that brings it on Fedora and its children.
    pub dnf: &'static str,
}

/// How to see that something is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// A program of this name is in `PATH` or in a system directory.
    Program(&'static str),
    /// Any one of these files exists.
    AnyFile(&'static [&'static str]),
}

const fn program(name: &'static str, apt: &'static str, dnf: &'static str) -> Need {
    Need { probe: Probe::Program(name), apt, dnf }
}

/// Where libvirt's QEMU driver is: without it libvirtd starts and can run nothing.
const QEMU_DRIVER: Probe = Probe::AnyFile(&[
    "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
    "/usr/lib/aarch64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
    "/usr/lib64/libvirt/connection-driver/libvirt_driver_qemu.so",
]);

/// UEFI firmware that libvirt finds by itself.
const UEFI: Probe = Probe::AnyFile(&[
    "/usr/share/qemu/firmware/60-edk2-x86_64.json",
    "/usr/share/qemu/firmware/60-edk2-ovmf-x64-sb.json",
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/edk2/ovmf/OVMF_CODE.fd",
]);

/// What [`crate::Lab`] and [`crate::TestDaemon`] need.
pub const LAB: &[Need] = &[
    program("libvirtd", "libvirt-daemon-system", "libvirt-daemon"),
    program("virtlogd", "libvirt-daemon-system", "libvirt-daemon-log"),
    Need { probe: QEMU_DRIVER, apt: "libvirt-daemon", dnf: "libvirt-daemon-driver-qemu" },
    program("virsh", "libvirt-clients", "libvirt-client"),
    program("qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86-core"),
    program("qemu-img", "qemu-utils", "qemu-img"),
    Need { probe: UEFI, apt: "ovmf", dnf: "edk2-ovmf" },
    program("swtpm", "swtpm", "swtpm"),
    program("swtpm_setup", "swtpm-tools", "swtpm-tools"),
    program("dnsmasq", "dnsmasq-base", "dnsmasq"),
    program("iptables", "iptables", "iptables-nft"),
    program("ip", "iproute2", "iproute"),
    program("unshare", "util-linux", "util-linux"),
    program("mount", "mount", "util-linux-core"),
];

/// What [`crate::Lab::ssh_server`] needs. It runs the program only, with files of its own; where
/// installing the package also starts a server for the machine, that is Debian's doing, and
/// `systemctl disable --now ssh` ends it.
pub const SSH: &[Need] = &[
    program("sshd", "openssh-server", "openssh-server"),
    program("ssh", "openssh-client", "openssh-clients"),
    program("ssh-keygen", "openssh-client", "openssh"),
    program("virt-ssh-helper", "libvirt-daemon", "libvirt-daemon"),
];

/// What [`crate::Lab::listen_tls`] makes certificates with.
pub const TLS: &[Need] = &[program("openssl", "openssl", "openssl")];

/// What checks documents against libvirt's schemas.
pub const SCHEMAS: &[Need] = &[
    program("virt-xml-validate", "libvirt-clients", "libvirt-client"),
    program("xmllint", "libxml2-utils", "libxml2"),
];

/// What [`crate::guest::build`] needs beside apt's own tools: it unpacks everything else itself.
pub const GUEST: &[Need] = &[
    program("dpkg-deb", "dpkg", "dpkg"),
    program("gzip", "gzip", "gzip"),
    program("qemu-img", "qemu-utils", "qemu-img"),
];

/// The program that installs packages here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installer {
    /// Debian, Ubuntu and their children.
    Apt,
    /// Fedora, RHEL and their children.
    Dnf,
}

impl Installer {
    /// The installer of this machine, if it is one we know.
    pub fn detect() -> Option<Installer> {
        let known = [("apt-get", Installer::Apt), ("dnf", Installer::Dnf)];
        known.into_iter().find(|(name, _)| find_program(name).is_some()).map(|(_, it)| it)
    }

    fn package(self, need: &Need) -> &'static str {
        match self {
            Installer::Apt => need.apt,
            Installer::Dnf => need.dnf,
        }
    }

    /// The command that installs `packages`, with `sudo` before it unless `as_root`.
    fn install(self, packages: &[&str], as_root: bool) -> Command {
        let words: &[&str] = match self {
            Installer::Apt => &["apt-get", "install", "-y", "--no-install-recommends"],
            Installer::Dnf => &["dnf", "install", "-y", "--setopt=install_weak_deps=False"],
        };
        let mut command = with_privilege(words, as_root);
        command.args(packages);
        if self == Installer::Apt {
            // Questions would wait for ever where nobody answers. The setting passes through sudo
            // only where its policy lets it; -y covers nearly everything by itself.
            command.env("DEBIAN_FRONTEND", "noninteractive");
        }
        command
    }
}

fn with_privilege(words: &[&str], as_root: bool) -> Command {
    let mut words =
        if as_root { vec![] } else { vec!["sudo"] }.into_iter().chain(words.iter().copied());
    let mut command = Command::new(words.next().unwrap_or("true"));
    command.args(words);
    command
}

/// The needs that are not met, in order.
pub fn missing(needs: &[Need]) -> Vec<Need> {
    needs.iter().filter(|need| !is_met(&need.probe)).copied().collect()
}

fn is_met(probe: &Probe) -> bool {
    match probe {
        Probe::Program(name) => find_program(name).is_some(),
        Probe::AnyFile(paths) => paths.iter().any(|path| Path::new(path).exists()),
    }
}

/// Installs what is missing of `needs`, telling `say` exactly what and by which command, before.
///
/// # Errors
/// When the machine has no installer we know, when we are neither root nor have `sudo`, when
/// installing fails or would remove what is not ours to install again, or when something is still
/// missing afterwards.
pub fn ensure(needs: &[Need], say: &mut dyn FnMut(&str)) -> Result<()> {
    let mut lacking = missing(needs);
    let mut installed = Vec::new();
    while !lacking.is_empty() {
        let installer = Installer::detect().ok_or_else(|| no_installer(&lacking))?;
        let packages = names_of(installer, &lacking);
        install(installer, &packages, needs, say)?;
        installed.extend(packages);
        let still = missing(needs);
        if still.iter().any(|need| installed.contains(&installer.package(need))) {
            return Err(Error::new(format!(
                "installed {} but still cannot find {}",
                installed.join(" "),
                still.iter().map(|need| name_of(&need.probe)).collect::<Vec<_>>().join(", "),
            )));
        }
        // What had to make room is installed in the version that fits.
        lacking = still;
    }
    Ok(())
}

fn names_of(installer: Installer, needs: &[Need]) -> Vec<&'static str> {
    let mut names: Vec<_> = needs.iter().map(|need| installer.package(need)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn install(
    installer: Installer,
    packages: &[&str],
    needs: &[Need],
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let as_root = is_root();
    if !as_root && find_program("sudo").is_none() {
        return Err(Error::new(format!(
            "missing {}, and installing needs root: there is no sudo here, so run as root: {}",
            packages.join(" "),
            command_line(&installer.install(packages, true)),
        )));
    }
    let mut command = installer.install(packages, as_root);
    // dnf refreshes its lists by itself, and removes nothing.
    let removed = match installer {
        Installer::Apt => rehearse(packages, as_root, say)?,
        Installer::Dnf => Vec::new(),
    };
    let ours = names_of(installer, needs);
    if let Some(other) = removed.iter().find(|name| !ours.contains(&name.as_str())) {
        return Err(Error::new(format!(
            "to install {} apt would remove {other}, which is yours to decide; if you agree: {}",
            packages.join(" "),
            command_line(&command),
        )));
    }
    say(&format!("installing system packages: {}", command_line(&command)));
    if !removed.is_empty() {
        let removed = removed.join(" ");
        say(&format!("apt replaces {removed} by the version that goes with the others"));
    }
    run(&mut command)
}

/// Tells what apt would remove, and fetches its package lists where they are missing.
///
/// A fresh container has none, and an old list names files the mirror no longer keeps; a dry run of
/// the install shows the first, and `--print-uris` cannot show the second, so lists that were never
/// fetched are fetched and everything else is left to apt's own message.
fn rehearse(packages: &[&str], as_root: bool, say: &mut dyn FnMut(&str)) -> Result<Vec<String>> {
    let dry_run = || {
        let mut command = Command::new("apt-get");
        command.args(["install", "-y", "--no-install-recommends", "--simulate"]).args(packages);
        run_quietly(&mut command)
    };
    let told = match dry_run() {
        Ok(told) => told,
        Err(_) => {
            update_lists(as_root, say)?;
            dry_run()?
        }
    };
    Ok(removed(&String::from_utf8_lossy(&told.stdout)))
}

/// The packages that a dry run of apt says would go.
fn removed(dry_run: &str) -> Vec<String> {
    let lines = dry_run.lines().filter_map(|line| line.strip_prefix("Remv "));
    lines.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect()
}

/// Runs `apt-get update`, saying so.
pub(crate) fn update_lists(as_root: bool, say: &mut dyn FnMut(&str)) -> Result<()> {
    let mut update = with_privilege(&["apt-get", "update", "-q"], as_root);
    say(&format!("fetching package lists: {}", command_line(&update)));
    run(&mut update).context(|| "cannot fetch the package lists")
}

fn name_of(probe: &Probe) -> &'static str {
    match probe {
        Probe::Program(name) => name,
        Probe::AnyFile(paths) => paths.first().copied().unwrap_or("nothing"),
    }
}

fn no_installer(lacking: &[Need]) -> Error {
    let names: Vec<&str> = lacking.iter().map(|need| name_of(&need.probe)).collect();
    let packages: Vec<&str> = lacking.iter().map(|need| need.apt).collect();
    Error::new(format!(
        "missing {}, and there is neither apt-get nor dnf here: install what brings them \
         (on Debian the packages are {})",
        names.join(", "),
        packages.join(" "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: Need = program("sh", "dash", "bash");
    const ABSENT: Need = program("no-such-program-here", "no-such-package", "no-such-package");

    #[test]
    fn nothing_missing_says_and_does_nothing() {
        let mut said = Vec::new();
        ensure(&[SHELL], &mut |line| said.push(line.to_owned())).unwrap();
        assert_eq!(said, Vec::<String>::new());
    }

    #[test]
    fn only_what_is_missing_is_listed() {
        assert_eq!(missing(&[SHELL, ABSENT]), vec![ABSENT]);
    }

    #[test]
    fn what_apt_would_remove_is_read_from_its_dry_run() {
        let told = "Reading package lists...\n\
                    The following packages will be REMOVED:\n  qemu-utils\n\
                    Remv qemu-utils [1:10.0.2+ds-2~bpo12+1]\n\
                    Inst ovmf (2022.11-6 Debian:12 [all])\nConf ovmf (2022.11-6 Debian:12 [all])\n";
        assert_eq!(removed(told), ["qemu-utils"]);
        assert_eq!(removed("Inst ovmf (2022.11-6)\n"), Vec::<String>::new());
    }

    #[test]
    fn sudo_stands_before_the_command_unless_root() {
        let line = |as_root| command_line(&Installer::Apt.install(&["x"], as_root));
        assert_eq!(line(false), "sudo apt-get install -y --no-install-recommends x");
        assert_eq!(line(true), "apt-get install -y --no-install-recommends x");
    }

    #[test]
    fn each_family_has_its_own_names_and_command() {
        assert_eq!(Installer::Dnf.package(&SHELL), "bash");
        let line = command_line(&Installer::Dnf.install(&["x"], true));
        assert_eq!(line, "dnf install -y --setopt=install_weak_deps=False x");
    }

    #[test]
    fn without_an_installer_the_error_names_programs_and_packages() {
        let error = no_installer(&[ABSENT]).to_string();
        assert!(error.contains("no-such-program-here") && error.contains("no-such-package"));
    }
}
