//! How much memory processes have to themselves, by the kernel's account.

use std::fs;

use hostler_lab::{Error, Result};

/// What of a process is in RAM and nobody else's, in bytes.
///
/// # Errors
/// When there is no such process, or it is somebody else's.
pub(super) fn private(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    private_bytes(&text).ok_or_else(|| Error::new("the kernel does not tell"))
}

/// What is private of a process, clean or not.
fn private_bytes(rollup: &str) -> Option<f64> {
    let lines = rollup.lines().filter(|line| line.starts_with("Private_"));
    let sizes = lines.map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    sizes.sum::<Option<f64>>().map(|kibibytes| kibibytes * 1024.0).filter(|bytes| *bytes > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_memory_is_added_up_and_the_rest_left_out() {
        let text = "00400000-7ffe [rollup]\nRss: 900 kB\nShared_Clean: 5 kB\n\
                    Private_Clean:   100 kB\nPrivate_Dirty:   28 kB\n";
        assert_eq!(private_bytes(text), Some(128.0 * 1024.0));
        assert_eq!(private_bytes("Rss: 900 kB\n"), None);
    }
}
