//! The guest's file system: a tree of entries, and its packed form (cpio `newc`, then gzip).
//!
//! The kernel's `Documentation/driver-api/early-userspace/buffer-format.rst` describes the format.
//! Entries are sorted and carry neither time nor owner, so that the same inputs give the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::process::{program, run, run_quietly};

use super::elf;
use super::fetch::Unpacked;
use super::modules::Module;

/// Programs and settings of the guest, with their places in it.
const FILES: &[(&str, &str, u32)] = &[
    ("init", include_str!("../../files/guest/init"), 0o755),
    ("sbin/session", include_str!("../../files/guest/session"), 0o755),
    ("sbin/seed-hostname", include_str!("../../files/guest/seed-hostname"), 0o755),
    ("sbin/start-agent", include_str!("../../files/guest/start-agent"), 0o755),
    ("sbin/start-dhcp", include_str!("../../files/guest/start-dhcp"), 0o755),
    ("sbin/dhcp-event", include_str!("../../files/guest/dhcp-event"), 0o755),
    ("sbin/on-uevent", include_str!("../../files/guest/on-uevent"), 0o755),
    ("sbin/shutdown", include_str!("../../files/guest/shutdown"), 0o755),
    ("etc/acpi/PWRF/00000080", "#!/bin/sh\nexec /sbin/shutdown -P\n", 0o755),
    ("etc/profile", include_str!("../../files/guest/profile"), 0o644),
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0o644),
    ("etc/group", "root:x:0:\n", 0o644),
    ("etc/shadow", "root:*:19000:0:99999:7:::\n", 0o600),
];

/// What the guest agent reports as the operating system.
const OS_RELEASE: &str = "NAME=\"Hostler sample guest\"\nID=hostler-sample\nVERSION_ID=\"1\"\n\
     PRETTY_NAME=\"Hostler sample guest 1\"\n";

/// Empty directories: what is mounted on, written to or looked for.
const DIRECTORIES: &[&str] = &["dev", "mnt", "proc", "root", "run", "sys", "tmp", "var/log"];

/// Where a loader looks for libraries by itself.
const LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// One thing in the tree.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Directory,
    File { content: Vec<u8>, mode: u32 },
    Link { target: String },
}

/// A file system, by path without the leading slash.
pub(super) type Tree = BTreeMap<String, Entry>;

/// The guest without its agent.
pub(super) fn contents(unpacked: &Unpacked, modules: &[Module]) -> Result<Tree> {
    let mut tree = Tree::new();
    for directory in DIRECTORIES {
        add(&mut tree, directory, Entry::Directory);
    }
    for (path, text, mode) in FILES {
        let content = text.as_bytes().to_vec();
        add(&mut tree, path, Entry::File { content, mode: *mode });
    }
    let os_release = Entry::File { content: OS_RELEASE.into(), mode: 0o644 };
    add(&mut tree, "etc/os-release", os_release);
    add_busybox(&mut tree, unpacked)?;
    let mut order = String::new();
    for module in modules {
        let file = format!("{}.ko", module.name);
        order.push_str(&format!("{file}\n"));
        let content = module.object.clone();
        add(&mut tree, &format!("lib/modules/{file}"), Entry::File { content, mode: 0o644 });
    }
    let order = Entry::File { content: order.into_bytes(), mode: 0o644 };
    add(&mut tree, "lib/modules/order", order);
    Ok(tree)
}

/// The guest with its agent and every library that it names, directly or through another.
pub(super) fn with_agent(mut tree: Tree, unpacked: &Unpacked) -> Result<Tree> {
    let agent = read(&unpacked.file("sbin/qemu-ga")?)?;
    let names = elf::linked(&agent).context(|| "qemu-ga")?;
    if let Some(loader) = &names.interpreter {
        // Named by its full path, which is a link within the package.
        let loader = loader.trim_start_matches('/');
        add_file(&mut tree, loader, &unpacked.file(loader)?, 0o755)?;
    }
    add(&mut tree, "usr/sbin/qemu-ga", Entry::File { content: agent, mode: 0o755 });
    let mut open = names.needed;
    while let Some(name) = open.pop() {
        let path = format!("{LIBRARIES}/{name}");
        if tree.contains_key(&path) || name.starts_with("ld-linux") {
            continue;
        }
        let content = read(&unpacked.file(&path)?)?;
        open.extend(elf::linked(&content).context(|| name)?.needed);
        add(&mut tree, &path, Entry::File { content, mode: 0o644 });
    }
    Ok(tree)
}

/// busybox and a link for each of its programs; making them at every boot would cost a second.
fn add_busybox(tree: &mut Tree, unpacked: &Unpacked) -> Result<()> {
    let busybox = unpacked.file("bin/busybox")?;
    add_file(tree, "bin/busybox", &busybox, 0o755)?;
    let listed = run_quietly(unpacked.command("busybox")?.arg("--list"))?;
    for name in String::from_utf8_lossy(&listed.stdout).lines() {
        let taken = ["bin", "sbin"].iter().any(|at| tree.contains_key(&format!("{at}/{name}")));
        if !taken {
            add(tree, &format!("bin/{name}"), Entry::Link { target: "/bin/busybox".into() });
        }
    }
    Ok(())
}

fn add_file(tree: &mut Tree, path: &str, from: &Path, mode: u32) -> Result<()> {
    let content = read(from)?;
    add(tree, path, Entry::File { content, mode });
    Ok(())
}

/// Adds an entry and the directories above it.
fn add(tree: &mut Tree, path: &str, entry: Entry) {
    for (at, _) in path.match_indices('/') {
        let (above, _) = path.split_at(at);
        tree.entry(above.to_owned()).or_insert(Entry::Directory);
    }
    tree.insert(path.to_owned(), entry);
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).context(|| format!("cannot read {}", path.display()))
}

/// Writes the tree to `to`, packed.
pub(super) fn pack(tree: &Tree, to: &Path) -> Result<()> {
    let plain: PathBuf = to.with_extension("cpio");
    fs::write(&plain, archive(tree)?).context(|| format!("cannot write {}", plain.display()))?;
    // -n leaves out name and time. gzip is what the kernel unpacks in the least memory.
    let out = fs::File::create(to).context(|| format!("cannot write {}", to.display()))?;
    run(program("gzip").args(["-9nc"]).arg(&plain).stdout(out))?;
    fs::remove_file(&plain)?;
    Ok(())
}

fn archive(tree: &Tree) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for (index, (path, entry)) in tree.iter().enumerate() {
        let (mode, content): (u32, &[u8]) = match entry {
            Entry::Directory => (0o040_755, &[]),
            Entry::File { content, mode } => (0o100_000 | mode, content),
            Entry::Link { target } => (0o120_777, target.as_bytes()),
        };
        record(&mut out, index + 1, path, mode, content)?;
    }
    record(&mut out, 0, "TRAILER!!!", 0, &[])?;
    Ok(out)
}

fn record(out: &mut Vec<u8>, inode: usize, path: &str, mode: u32, content: &[u8]) -> Result<()> {
    let size = u32::try_from(content.len())
        .map_err(|_| Error::new(format!("{path} is too large for the archive")))?;
    let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
    // Magic; inode, mode, uid, gid, links, mtime, size, device ×4, name's length, checksum.
    let header = format!(
        "070701{inode:08X}{mode:08X}{0:08X}{0:08X}{links:08X}{0:08X}{size:08X}\
         {0:08X}{0:08X}{0:08X}{0:08X}{1:08X}{0:08X}",
        0,
        path.len() + 1,
    );
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(path.as_bytes());
    out.push(0);
    align(out);
    out.extend_from_slice(content);
    align(out);
    Ok(())
}

/// Names and contents each begin at a multiple of four.
fn align(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::new();
        add(&mut tree, "a/b/c", Entry::File { content: b"hello".to_vec(), mode: 0o640 });
        add(&mut tree, "a/l", Entry::Link { target: "/a/b/c".into() });
        tree
    }

    #[test]
    fn directories_above_an_entry_come_before_it() {
        let sample = sample();
        let paths: Vec<&str> = sample.keys().map(String::as_str).collect();
        assert_eq!(paths, ["a", "a/b", "a/b/c", "a/l"]);
    }

    #[test]
    fn the_archive_is_a_sequence_of_aligned_records() {
        let bytes = archive(&sample()).unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.matches("070701").count(), 5, "four entries and the trailer");
        // The header of a/b/c: third inode, regular file 0640, one link, five bytes.
        assert!(text.contains("07070100000003000081A0"), "{text}");
        assert!(text.ends_with('\0') && text.contains("TRAILER!!!"));
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes() {
        assert_eq!(archive(&sample()).unwrap(), archive(&sample()).unwrap());
    }
}
