//! A fingerprint of inputs, to know whether something built earlier is still right.
//!
//! FNV-1a in 64 bits: the adversary is forgetfulness, not an attacker, and a dependency would have
//! to be compiled before anything else can start on a fresh machine.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::error::{Context, Result};

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Collects inputs; printed as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of nothing.
    pub fn new() -> Fingerprint {
        Fingerprint(OFFSET_BASIS)
    }

    /// Adds `bytes`, with their length, so that `ab`+`c` differs from `a`+`bc`.
    pub fn add(&mut self, bytes: impl AsRef<[u8]>) -> &mut Fingerprint {
        let bytes = bytes.as_ref();
        for byte in bytes.len().to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
        self
    }

    /// Adds every file below `path` (or `path` itself) by name and content, in sorted order.
    /// Names in `skip` are passed over at every level.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn add_tree(&mut self, path: &Path, skip: &[&str]) -> Result<()> {
        let doing = || format!("cannot read {}", path.display());
        if !path.is_dir() {
            self.add(fs::read(path).context(doing)?);
            return Ok(());
        }
        let mut entries =
            fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).context(doing)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            if skip.iter().any(|skipped| name == *skipped) {
                continue;
            }
            self.add(name.as_encoded_bytes());
            self.add_tree(&entry.path(), skip)?;
        }
        Ok(())
    }
}

impl Default for Fingerprint {
    fn default() -> Fingerprint {
        Fingerprint::new()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_input_ends_is_part_of_the_fingerprint() {
        let mut one = Fingerprint::new();
        let mut other = Fingerprint::new();
        one.add("ab").add("c");
        other.add("a").add("bc");
        assert_ne!(one, other);
    }
}
