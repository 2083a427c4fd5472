//! What libvirt itself says, past everything of ours.

use hostler_lab::{Lab, LabOptions};

/// A private libvirtd with real QEMU.
pub(crate) fn lab(name: &str) -> Lab {
    Lab::start(&LabOptions::throwaway(&format!("e2e-{name}"))).unwrap()
}

/// What virsh prints.
#[track_caller]
pub(crate) fn virsh(lab: &Lab, words: &[&str]) -> String {
    String::from_utf8(lab.virsh(words).unwrap().stdout).unwrap()
}

/// The names of all domains, sorted.
#[track_caller]
pub(crate) fn domains(lab: &Lab) -> Vec<String> {
    sorted(virsh(lab, &["list", "--all", "--name"]).lines())
}

/// The names of all volumes of the default pool, sorted; read afresh from the directory.
#[track_caller]
pub(crate) fn volumes(lab: &Lab) -> Vec<String> {
    virsh(lab, &["pool-refresh", "default"]);
    let list = virsh(lab, &["vol-list", "default"]);
    sorted(list.lines().filter_map(|line| line.split_whitespace().next()))
}

/// The names of all files of the default pool, sorted.
#[track_caller]
pub(crate) fn files(lab: &Lab) -> Vec<String> {
    let entries = std::fs::read_dir(lab.images_dir()).unwrap();
    let names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    sorted(names.iter().map(String::as_str))
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> =
        names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    names.sort();
    names
}
