//! Running other programs without a shell, and saying precisely which one failed and how.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::error::{Context, Error, Result};

/// Where system programs are kept that a user's own `PATH` does not name on Debian.
const SYSTEM_DIRECTORIES: &[&str] =
    &["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

/// How many lines of a failed program's messages are repeated in the error.
const MESSAGE_LINES: usize = 12;

/// The full path of a program, looked for in `PATH` and then in the system's own directories.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_DIRECTORIES.iter().map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// A command for a program found by [`find_program`]; its bare name where there is none, so that
/// the failure to start names it.
pub(crate) fn program(name: &str) -> Command {
    Command::new(find_program(name).unwrap_or_else(|| PathBuf::from(name)))
}

/// Whether this process may do what only root may.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Asks a process that we started to end (SIGTERM), by its [`std::process::Child::id`].
///
/// # Errors
/// When there is no such process.
pub fn terminate(pid: u32) -> Result<()> {
    let target = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let target = target.ok_or_else(|| Error::new(format!("{pid} is no process id")))?;
    rustix::process::kill_process(target, rustix::process::Signal::TERM)
        .map_err(std::io::Error::from)
        .context(|| format!("cannot end process {pid}"))
}

/// The command as a person would type it, for messages.
pub fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Runs a command that writes to the terminal itself.
///
/// # Errors
/// When it cannot be started or does not end with 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status =
        command.status().context(|| format!("cannot start `{}`", command_line(command)))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("`{}` failed ({status})", command_line(command))))
}

/// Runs a command, keeping what it says to itself unless it fails.
///
/// # Errors
/// When it cannot be started or does not end with 0; the error then repeats the last lines said.
pub fn run_quietly(command: &mut Command) -> Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context(|| format!("cannot start `{}`", command_line(command)))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stderr.as_slice(), output.stdout.as_slice()].concat();
    let said = tail(&String::from_utf8_lossy(&said), MESSAGE_LINES);
    let (line, status) = (command_line(command), output.status);
    Err(Error::new(format!("`{line}` failed ({status}): {said}")))
}

/// The last `lines` lines of `text` that are not empty.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let kept: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    kept.get(kept.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

/// The last lines of a log file, or why there are none.
pub(crate) fn tail_of_file(path: &Path, lines: usize) -> String {
    match std::fs::read(path) {
        Ok(bytes) => tail(&String::from_utf8_lossy(&bytes), lines),
        Err(error) => format!("(no {}: {error})", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted_into_a_terminal() {
        let mut command = Command::new("virsh");
        command.args(["-c", "qemu+unix:///system?socket=/x", "it's", ""]);
        let expected = r"virsh -c 'qemu+unix:///system?socket=/x' 'it'\''s' ''";
        assert_eq!(command_line(&command), expected);
    }

    #[test]
    fn a_failed_command_repeats_what_it_said() {
        let mut command = Command::new("ls");
        let error = run_quietly(command.arg("/nonexistent-for-sure")).unwrap_err().to_string();
        assert!(error.contains("`ls /nonexistent-for-sure` failed"), "{error}");
        assert!(error.contains("No such file"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut program("no-such-program-here")).unwrap_err().to_string();
        assert!(error.contains("cannot start `no-such-program-here`"), "{error}");
    }

    #[test]
    fn the_tail_skips_empty_lines_and_takes_short_texts_whole() {
        assert_eq!(tail("a\n\nb\nc\n\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
    }
}
