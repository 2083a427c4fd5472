//! How long processes have worked, by the kernel's account.

use std::fs;

use hostler_lab::{Error, Result};

/// The unit of `/proc/PID/stat`: `USER_HZ` is 100 wherever Rust's Linux targets run.
const TICKS_IN_A_SECOND: f64 = 100.0;
/// Fields of `/proc/PID/stat`, counted from the state, which is the third of the line (proc(5)).
const PARENT: usize = 1;
const USER: usize = 11;
const SYSTEM: usize = 12;
const WAITED_USER: usize = 13;
const WAITED_SYSTEM: usize = 14;

/// The seconds that a process has worked, all its threads together.
///
/// # Errors
/// When there is no such process.
pub(super) fn of(pid: u32) -> Result<f64> {
    let gone = || Error::new(format!("process {pid} is gone"));
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|_| gone())?;
    seconds(&line, [USER, SYSTEM]).ok_or_else(gone)
}

/// The seconds of a process and of those that it started and that still run.
///
/// # Errors
/// When there is no such process.
pub(super) fn of_family(pid: u32) -> Result<f64> {
    let mut sum = of(pid)?;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(other) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let line = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if field(&line, PARENT) == Some(u64::from(pid)) {
            sum += of(other).unwrap_or(0.0); // ended meanwhile: its time is its parent's
        }
    }
    Ok(sum)
}

/// The seconds of programs that we ran to their ends.
///
/// # Errors
/// When the kernel does not tell.
pub(super) fn of_ended_children() -> Result<f64> {
    let line = fs::read_to_string("/proc/self/stat")?;
    seconds(&line, [WAITED_USER, WAITED_SYSTEM])
        .ok_or_else(|| Error::new("/proc/self/stat does not tell of children"))
}

fn seconds(line: &str, fields: [usize; 2]) -> Option<f64> {
    let [one, other] = fields.map(|index| field(line, index));
    // Exact: 2^53 ticks are millions of years.
    Some(u32::try_from(one? + other?).map_or(f64::INFINITY, f64::from) / TICKS_IN_A_SECOND)
}

/// A field of the line. The program's name stands before, in parentheses, and may hold anything.
fn field(line: &str, index: usize) -> Option<u64> {
    let (_, rest) = line.rsplit_once(')')?;
    rest.split_whitespace().nth(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "7 (a) b) (c) S 42 7 7 0 -1 4194560 100 0 0 0 150 50 7 3 20 0 1 0 9 0 0\n";

    #[test]
    fn time_is_found_whatever_the_programs_name_holds() {
        assert_eq!(seconds(LINE, [USER, SYSTEM]), Some(2.0));
        assert_eq!(seconds(LINE, [WAITED_USER, WAITED_SYSTEM]), Some(0.1));
        assert_eq!(field(LINE, PARENT), Some(42));
    }

    #[test]
    fn a_line_that_makes_no_sense_has_no_time() {
        for line in ["", "7 (a", "7 (a) S 1 2", "7 (a) S 1 2 3 4 5 6 7 8 9 10 x y"] {
            assert_eq!(seconds(line, [USER, SYSTEM]), None, "{line}");
        }
    }

    #[test]
    fn our_own_time_and_that_of_our_children_can_be_read() {
        let own = std::process::id();
        assert!(of_family(own).unwrap() >= of(own).unwrap() - 1.0);
        assert!(of_ended_children().unwrap() >= 0.0);
        assert!(of(u32::MAX).is_err());
    }
}
