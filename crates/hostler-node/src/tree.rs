//! Reads small files of the kernel below a root, which in tests is a directory
//! with what another kernel wrote.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// More than any of these files has on the largest machines.
const FILE_MAX: u64 = 4 << 20;
/// More entries than any of these directories has.
const NAMES_MAX: usize = 65_536;

/// The root of a file system.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The tree at `root`; `/` for this machine.
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// A file's text, its damaged characters replaced. `None`: there is none to
    /// read, for whatever reason; what it would have told is then absent.
    pub(crate) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let file = File::open(self.at(path)?).ok()?;
        let mut bytes = Vec::new();
        file.take(FILE_MAX).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A file that holds one number.
    pub(crate) fn number(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.text(path)?.trim().parse().ok()
    }

    /// The names in a directory, sorted; empty where there is none.
    pub(crate) fn names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let entries = self.at(path).and_then(|path| std::fs::read_dir(path).ok());
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .take(NAMES_MAX)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Whether there is something of this name.
    pub(crate) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.at(path).is_some_and(|path| path.exists())
    }

    /// What a symbolic link says.
    pub(crate) fn link(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        std::fs::read_link(self.at(path)?).ok()
    }

    /// `None` for a path that would lead out of the tree: parts of some come from
    /// outside, and the kernel itself writes `..` for groups beyond a namespace.
    fn at(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        let path = path.as_ref();
        let is_inside = !path.components().any(|part| part.as_os_str() == "..");
        let relative = path.strip_prefix("/").unwrap_or(path);
        is_inside.then(|| self.root.join(relative))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_tree_is_read() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("root")).unwrap();
        std::fs::write(directory.path().join("secret"), "7").unwrap();
        std::fs::write(directory.path().join("root/number"), " 7\n").unwrap();
        let tree = Tree::new(directory.path().join("root"));
        assert_eq!(tree.number("number"), Some(7));
        assert_eq!(tree.number("/number"), Some(7));
        assert_eq!(tree.number("../secret"), None);
        assert_eq!(tree.number("a/../../secret"), None);
        assert_eq!(tree.text("absent"), None);
    }
}
