//! Choosing the kernel modules the guest loads, and the order to load them in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::process::{program, run_quietly};

/// Without these the guest is of no use.
const REQUIRED: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_console", // the guest agent's channel
    "virtio_scsi",
    "sd_mod",
    "sr_mod", // a seed on a CD-ROM
    "isofs",
    "vfat",
    "nls_cp437",
    "nls_ascii",
    "button", // the ACPI power button …
    "evdev",  // … and how acpid hears of it
    "virtio_balloon",
];

/// Good to have, and not in every kernel.
const OPTIONAL: &[&str] = &[
    "ata_piix",
    "ahci",
    "e1000",
    "virtio_rng",
    "virtio_mem",
    "pvpanic_mmio",
    "pvpanic_pci",
    "nls_utf8",
    "i6300esb",
];

/// One module, ready for the initramfs.
#[derive(Debug)]
pub(super) struct Module {
    /// With underscores, as the kernel names it.
    pub(super) name: String,
    /// The uncompressed object file.
    pub(super) object: Vec<u8>,
}

/// The modules to load, each after all those it needs.
pub(super) fn select(directory: &Path) -> Result<Vec<Module>> {
    let available = index(directory)?;
    let built_in = fs::read_to_string(directory.join("modules.builtin")).unwrap_or_default();
    let built_in: BTreeSet<String> = built_in.lines().map(module_name).collect();
    let mut chosen = Chosen { available: &available, done: BTreeSet::new(), modules: Vec::new() };
    for name in REQUIRED {
        if !available.contains_key(*name) && !built_in.contains(*name) {
            return Err(Error::new(format!("this kernel has no module {name}")));
        }
    }
    for name in REQUIRED.iter().chain(OPTIONAL) {
        chosen.add(name)?;
    }
    Ok(chosen.modules)
}

struct Chosen<'a> {
    available: &'a BTreeMap<String, PathBuf>,
    done: BTreeSet<String>,
    modules: Vec<Module>,
}

impl Chosen<'_> {
    /// Depth first; what is not available is built in, or optional and absent.
    fn add(&mut self, name: &str) -> Result<()> {
        let Some(path) = self.available.get(name) else { return Ok(()) };
        if !self.done.insert(name.to_owned()) {
            return Ok(());
        }
        let object = read_object(path)?;
        for needed in needs(&object) {
            self.add(&needed)?;
        }
        self.modules.push(Module { name: name.to_owned(), object });
        Ok(())
    }
}

/// Every module below `directory`, by its name.
fn index(directory: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let reading = || format!("cannot read {}", directory.display());
        for entry in fs::read_dir(&directory).context(reading)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if entry.file_name().to_string_lossy().contains(".ko") {
                found.insert(module_name(&entry.file_name().to_string_lossy()), path);
            }
        }
    }
    Ok(found)
}

/// `kernel/drivers/char/virtio-rng.ko.xz` is `virtio_rng`.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

fn read_object(path: &Path) -> Result<Vec<u8>> {
    let unpacker = match path.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => return fs::read(path).context(|| format!("cannot read {}", path.display())),
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return Err(Error::new(format!("cannot unpack {}", path.display()))),
    };
    run_quietly(program(unpacker).arg("-dc").arg(path)).map(|output| output.stdout)
}

/// The modules a module's `.modinfo` section says it needs: `depends=a,b` between NULs.
fn needs(object: &[u8]) -> Vec<String> {
    let field = object
        .split(|byte| *byte == 0)
        .find_map(|text| text.strip_prefix(b"depends=".as_slice()))
        .unwrap_or_default();
    let names = String::from_utf8_lossy(field).into_owned();
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_path_suffix_and_hyphens() {
        assert_eq!(module_name("kernel/drivers/char/virtio-rng.ko.xz"), "virtio_rng");
        assert_eq!(module_name("isofs.ko"), "isofs");
    }

    #[test]
    fn needs_are_read_from_the_modinfo_section() {
        assert_eq!(needs(b"\x7fELF\0license=GPL\0depends=cdrom,scsi-mod\0"), ["cdrom", "scsi_mod"]);
        assert_eq!(needs(b"depends=\0"), Vec::<String>::new());
        assert_eq!(needs(b"nothing"), Vec::<String>::new());
    }
}
