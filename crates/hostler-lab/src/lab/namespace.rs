//! The namespaces a lab lives in: making them, finding them again, entering and ending them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::deadline::poll_until;
use crate::error::{Context, Error, Result};
use crate::hash::Fingerprint;
use crate::process::{find_program, program};

/// Process 1 is there as soon as `unshare` has forked.
const FORK_LIMIT: Duration = Duration::from_secs(10);
/// A killed process goes when the kernel has freed its memory; guests have hundreds of megabytes.
const DEATH_LIMIT: Duration = Duration::from_secs(20);
/// The programs process 1 calls, some of them in directories a user's `PATH` lacks.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One set of namespaces and the process that keeps it.
#[derive(Debug)]
pub(super) struct Namespace {
    /// Process 1 of the namespaces, by its id out here.
    init: Life,
    /// The lab's own control group, made by process 1 and empty once it is gone.
    group: String,
    pid_file: PathBuf,
    /// The `unshare` we started, whose stdin is the pipe that keeps the lab alive. None: detached.
    keeper: Option<Mutex<Child>>,
}

/// A process, told apart from a later one of the same id by when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Life {
    pid: i32,
    /// Clock ticks since the machine started (field 22 of `/proc/PID/stat`).
    started_at: u64,
}

impl Namespace {
    /// Makes the namespaces and starts `<state>/init.sh` in them.
    pub(super) fn launch(state: &Path, run: &Path, detached: bool) -> Result<Namespace> {
        let log = fs::File::create(state.join("init.log"))?;
        let group = group_name(state);
        // A session of its own: Ctrl-C at our terminal is for us to handle, not for the guests.
        let mut command = program("setsid");
        command
            .arg(find_program("unshare").unwrap_or_else(|| "unshare".into()))
            .args(["--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "sh"])
            .arg(state.join("init.sh"))
            .arg(state)
            .arg(run)
            .arg(&group)
            .env("PATH", PATH)
            .stdin(if detached { Stdio::null() } else { Stdio::piped() })
            .stdout(log.try_clone()?)
            .stderr(log)
            .current_dir("/");
        command.arg(if detached { "detached" } else { "held" });
        let mut child = command.spawn().context(|| "cannot start unshare")?;
        let unshare = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let init = poll_until(FORK_LIMIT, || {
            if let Ok(Some(status)) = child.try_wait() {
                return Ok(Err(Error::new(format!("unshare ended at once ({status})"))));
            }
            child_of(unshare).map(Ok).ok_or_else(|| Error::new("unshare has made no process"))
        })??;
        let pid_file = state.join("init.pid");
        fs::write(&pid_file, format!("{} {}\n", init.pid, init.started_at))?;
        let keeper = (!detached).then(|| Mutex::new(child));
        Ok(Namespace { init, group, pid_file, keeper })
    }

    /// The namespaces whose state is in `state`, if they still live.
    pub(super) fn find(state: &Path) -> Option<Namespace> {
        let pid_file = state.join("init.pid");
        let text = fs::read_to_string(&pid_file).ok()?;
        let mut numbers = text.split_whitespace();
        let init =
            Life { pid: numbers.next()?.parse().ok()?, started_at: numbers.next()?.parse().ok()? };
        let namespace = Namespace { init, group: group_name(state), pid_file, keeper: None };
        namespace.is_alive().then_some(namespace)
    }

    pub(super) fn is_alive(&self) -> bool {
        life_of(self.init.pid) == Some(self.init)
    }

    pub(super) fn is_detached(&self) -> bool {
        self.keeper.is_none()
    }

    /// Kills process 1, and with it everything in the namespaces; waits until it is gone.
    pub(super) fn kill(&self) -> Result<()> {
        if self.is_alive() {
            send(self.init.pid, Signal::KILL)?;
        }
        if let Some(keeper) = &self.keeper
            && let Ok(mut child) = keeper.lock()
        {
            // It ends when its child has; waiting also takes its entry out of the process table.
            let _ = child.wait();
        }
        poll_until(DEATH_LIMIT, || match self.is_alive() {
            true => Err(Error::new("the lab's first process outlives SIGKILL")),
            false => Ok(()),
        })?;
        let _ = fs::remove_file(&self.pid_file);
        remove_groups(&self.group);
        Ok(())
    }

    /// A command that will run in the namespaces.
    pub(super) fn command_within(&self, name: &str) -> Command {
        let mut command = program("nsenter");
        command
            .args(["-t", &self.init.pid.to_string()])
            // Its root too: where this machine is itself a changed root, the mount
            // namespace's root is another machine's.
            .args(["--mount", "--net", "--pid", "--ipc", "--cgroup", "--root", "--", name])
            .env("PATH", PATH);
        command
    }

    /// The network, to be entered by a thread.
    pub(super) fn network(&self) -> Result<fs::File> {
        Ok(fs::File::open(format!("/proc/{}/ns/net", self.init.pid))?)
    }

    /// The id out here of the process whose id is `within` in the namespaces.
    pub(super) fn outer_pid(&self, within: i32) -> Option<i32> {
        let ours = fs::read_link(format!("/proc/{}/ns/pid", self.init.pid)).ok()?;
        processes().find(|pid| {
            inner_pid(*pid) == Some(within)
                && fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|its| its == ours)
        })
    }
}

/// Sends a signal to a process, by its id out here.
pub(super) fn send(pid: i32, signal: Signal) -> Result<()> {
    let target = Pid::from_raw(pid).ok_or_else(|| Error::new("there is no process 0"))?;
    rustix::process::kill_process(target, signal)
        .map_err(std::io::Error::from)
        .context(|| format!("cannot signal process {pid}"))
}

/// Waits until a process that was told to end has done so.
pub(super) fn wait_until_gone(pid: i32) -> Result<()> {
    poll_until(DEATH_LIMIT, || match is_gone(pid) {
        true => Ok(()),
        false => Err(Error::new(format!("process {pid} does not end"))),
    })
}

/// A dead process whose entry nobody has taken yet holds no socket and no lock: it is gone.
fn is_gone(pid: i32) -> bool {
    stat_fields(pid).is_none_or(|fields| fields.first().is_some_and(|state| state == "Z"))
}

fn child_of(parent: i32) -> Option<Life> {
    processes()
        .find(|pid| {
            // Field 4 of the line, which is field 1 after the state.
            stat_fields(*pid).and_then(|fields| fields.get(1)?.parse().ok()) == Some(parent)
        })
        .and_then(life_of)
}

fn life_of(pid: i32) -> Option<Life> {
    let fields = stat_fields(pid)?;
    if fields.first()? == "Z" {
        return None;
    }
    Some(Life { pid, started_at: fields.get(19)?.parse().ok()? })
}

/// The fields of `/proc/PID/stat` from the third (the state) on.
///
/// The second is the program's name in parentheses and may hold anything, so the line is cut at its
/// last parenthesis.
fn stat_fields(pid: i32) -> Option<Vec<String>> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// A process's id in its own, innermost namespace.
fn inner_pid(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").ok().into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A name for the lab's control group that no other lab has.
fn group_name(state: &Path) -> String {
    let mut fingerprint = Fingerprint::new();
    fingerprint.add(state.as_os_str().as_encoded_bytes());
    format!("hostler-lab-{fingerprint}")
}

/// Removes the control groups of the lab whose state is in `state`.
pub(super) fn remove_groups_of(state: &Path) {
    remove_groups(&group_name(state));
}

/// Removes the lab's control groups: the kernel keeps empty ones for ever.
fn remove_groups(name: &str) {
    let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else { return };
    let Ok(own) = fs::read_to_string("/proc/self/cgroup") else { return };
    let points = mounts.lines().filter(|line| line.contains(" - cgroup"));
    for point in points.filter_map(|line| line.split(' ').nth(4)) {
        for parent in own.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
            remove_group_tree(&Path::new(point).join(parent.trim_start_matches('/')).join(name));
        }
    }
}

/// Depth first; a control group is removed by rmdir, its files go by themselves.
fn remove_group_tree(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group_tree(&entry.path());
        }
    }
    let _ = fs::remove_dir(directory);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> i32 {
        i32::try_from(std::process::id()).unwrap()
    }

    #[test]
    fn a_process_is_told_from_a_later_one_of_the_same_id() {
        let here = life_of(own()).unwrap();
        let earlier = Life { started_at: here.started_at - 1, ..here };
        assert_ne!(life_of(own()), Some(earlier));
    }

    #[test]
    fn our_own_process_is_found_in_our_own_namespace() {
        assert_eq!(inner_pid(own()), Some(own()));
        assert!(!is_gone(own()));
    }

    #[test]
    fn a_process_that_was_never_there_is_gone() {
        assert!(is_gone(i32::MAX));
    }
}
