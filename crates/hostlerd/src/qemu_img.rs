//! Converts an image that hypervisors do not run into one that they do, by `qemu-img`.
//!
//! ```text
//!  inspected file ─► prlimit ─► unshare (no network) ─► qemu-img convert -f FORMAT ─► inspected again
//! ```
//!
//! `qemu-img` is large and has been a weapon (A8): it gets only a file that the inspector let
//! through, names that are ours, the format that was found, and bounds on memory, time and what it
//! writes. Where it cannot be confined, nothing is converted.

use std::io;
use std::process::{ExitStatus, Stdio};

use async_trait::async_trait;
use hostler_core::{Code, Error, Result};
use hostler_engine::{Conversion, ImageConverter};
use rustix::process::geteuid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// What it may take of memory, in bytes: more than it needs for any disk.
const MEMORY_MAX: u64 = 1 << 30;
/// What it may take of a processor, in seconds, …
const CPU_SECONDS: u64 = 60;
/// … and for each GiB that the guest sees: a slow machine compresses and hashes nothing here.
const CPU_SECONDS_PER_GIB: u64 = 30;
/// As much of its words as is kept.
const WORDS_MAX: u64 = 4096;

/// `qemu-img` of this machine.
pub(crate) struct QemuImg;

#[async_trait]
impl ImageConverter for QemuImg {
    async fn to_qcow2(&self, of: &Conversion<'_>) -> Result<()> {
        let mut command = confined(of.virtual_bytes, of.bytes_max);
        command.args(["qemu-img", "convert", "-f", of.format, "-O", "qcow2", "--"]);
        let (status, words) = run(command.args([of.from, of.to])).await?;
        if status.success() {
            return Ok(());
        }
        // Paths are of nobody's concern but the server's.
        let words = words.replace(&*of.from.to_string_lossy(), "the file");
        let last = words.lines().rfind(|line| !line.trim().is_empty());
        let last = last.unwrap_or("it said nothing").trim();
        Err(failure(status, last, of).with_internal(words.clone()))
    }
}

/// A command that runs what is added to it without a network and within bounds.
fn confined(virtual_bytes: u64, bytes_max: u64) -> Command {
    let cpu = CPU_SECONDS + (virtual_bytes >> 30).saturating_mul(CPU_SECONDS_PER_GIB);
    let mut command = Command::new("prlimit");
    command.args([
        format!("--as={MEMORY_MAX}"),
        format!("--cpu={cpu}"),
        format!("--fsize={bytes_max}"),
        "--core=0".to_owned(),
    ]);
    command.args(["--", "unshare", "--net"]);
    // Whoever is not root may make a network of its own only as a user of its own.
    if !geteuid().is_root() {
        command.args(["--user", "--map-current-user"]);
    }
    command
        .arg("--")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs it to its end; gives how it ended and what it said.
async fn run(command: &mut Command) -> Result<(ExitStatus, String)> {
    let mut child = command
        .spawn()
        .map_err(|error| missing(&format!("prlimit cannot be run: {error}; install util-linux")))?;
    let mut words = Vec::new();
    if let Some(mut errors) = child.stderr.take() {
        let kept = (&mut errors).take(WORDS_MAX).read_to_end(&mut words).await;
        kept.map_err(|error| unreadable(&error))?;
        // It must not wait for a reader.
        drained(errors).await;
    }
    let status = child.wait().await.map_err(|error| unreadable(&error))?;
    Ok((status, String::from_utf8_lossy(&words).into_owned()))
}

async fn drained(mut from: impl AsyncRead + Unpin) {
    let mut buffer = [0; 1024];
    while from.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

fn failure(status: ExitStatus, last: &str, of: &Conversion<'_>) -> Error {
    use std::os::unix::process::ExitStatusExt as _;
    const SIGXCPU: i32 = 24;
    const SIGXFSZ: i32 = 25;
    // A wrapper tells of a program that is not there by these.
    let code = status.code();
    if last.starts_with("unshare:") && !matches!(code, Some(126 | 127)) {
        return missing(&format!(
            "qemu-img cannot be confined here ({last}); convert the file to qcow2 where it was made"
        ));
    }
    if matches!(code, Some(126 | 127)) {
        return missing(&format!("{last}; install qemu-utils and util-linux on the server"));
    }
    // Of what it was ended, or of what the program it ran was.
    let signal = status.signal().or(code.map(|code| code - 128));
    match signal {
        Some(SIGXFSZ) => {
            let message = format!("as qcow2 it is larger than the limit of {} bytes", of.bytes_max);
            Error::new(Code::BodyTooLarge, message)
        }
        Some(SIGXCPU) => {
            let message = format!("the {} file takes longer to convert than it may", of.format);
            Error::new(Code::ImageUnsafe, message)
        }
        _ => {
            let message = format!("the {} file cannot be converted: {last}", of.format);
            Error::new(Code::ImageUnsafe, message)
        }
    }
}

fn missing(message: &str) -> Error {
    Error::new(Code::CapabilityMissing, message.to_owned())
}

fn unreadable(error: &io::Error) -> Error {
    Error::new(Code::StoreUnavailable, format!("cannot read the image: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn code_of(raw: i32, last: &str) -> (Code, String) {
        let path = std::path::Path::new("x");
        let of =
            Conversion { from: path, format: "vmdk", to: path, virtual_bytes: 1, bytes_max: 4096 };
        let error = failure(ExitStatus::from_raw(raw), last, &of);
        (error.code(), error.to_string())
    }

    #[test]
    fn a8_how_it_ended_is_told_with_what_to_do() {
        let (code, text) = code_of(127 << 8, "unshare: failed to execute qemu-img: No such file");
        assert_eq!(code, Code::CapabilityMissing);
        assert!(text.contains("install qemu-utils"), "{text}");
        let (code, text) = code_of(1 << 8, "unshare: unshare failed: Operation not permitted");
        assert_eq!(code, Code::CapabilityMissing);
        assert!(text.contains("cannot be confined"), "{text}");
        assert_eq!(code_of(25, "").0, Code::BodyTooLarge);
        assert_eq!(code_of(24, "").0, Code::ImageUnsafe);
        let (code, text) = code_of(1 << 8, "qemu-img: Could not open 'the file': invalid VMDK");
        assert_eq!(code, Code::ImageUnsafe);
        assert!(text.contains("invalid VMDK"), "{text}");
    }

    #[tokio::test]
    async fn a8_what_is_run_is_bounded_and_has_no_network() {
        let mut command = confined(1 << 30, 4096);
        command.args([
            "sh",
            "-c",
            "ulimit -v >&2; ulimit -t >&2; ulimit -f >&2; cat /proc/net/dev >&2",
        ]);
        let (status, words) = run(&mut command).await.unwrap();
        assert!(status.success(), "{words}");
        let lines: Vec<_> = words.lines().collect();
        // KiB, seconds, blocks of 512 bytes.
        assert_eq!(lines[..3], ["1048576", "90", "8"], "{words}");
        let networks = lines[3..].iter().filter(|line| line.contains(':')).count();
        assert_eq!(networks, 1, "only its own loopback: {words}");
    }
}
