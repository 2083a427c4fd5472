//! The checkout's files as checks see them: what people wrote, nothing that was made.

use std::fs;
use std::path::{Path, PathBuf};

use hostler_lab::Result;

/// Directories whose contents are made, or other people's.
const MADE: &[&str] = &["target", "build", "node_modules", "dist", ".git", "test-results"];

/// One file, by its path from the checkout's root.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// With `/` between its parts.
    pub(crate) path: String,
    /// Its text; what is not UTF-8 is not among the files.
    pub(crate) text: String,
}

impl SourceFile {
    /// Whether the name ends in `.extension`.
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
    }
}

/// Every text file below `root`, in the order of paths.
pub(crate) fn all(root: &Path) -> Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let kind = entry.file_type()?;
            if kind.is_dir() && !MADE.iter().any(|made| name == *made) {
                open.push(entry.path());
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(entry.path())
                && let Ok(path) = entry.path().strip_prefix(root)
            {
                found.push(SourceFile { path: path.to_string_lossy().into_owned(), text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}
