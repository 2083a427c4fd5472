//! What this process takes, as the kernel says.

/// Its memory that is in RAM, in bytes; `None` where there is no `/proc`.
pub(super) fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

/// How many files it has open; `None` where there is no `/proc`.
pub(super) fn open_files() -> Option<u64> {
    // One of them is open only for counting.
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(count).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_some_memory_and_some_files() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        let before = open_files().unwrap();
        let file = std::fs::File::open("/proc/self/statm").unwrap();
        // Other tests open files meanwhile; this one holds at least one more than none.
        assert!(before >= 3 && open_files().unwrap() >= 4);
        drop(file);
    }
}
