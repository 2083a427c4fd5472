//! One private libvirtd that runs real QEMU guests, beside the machine's own and unseen by it.
//!
//! ```text
//!  our namespaces                │ the lab's mount, network, process, IPC and cgroup namespaces
//!                                │
//!  Lab ── stdin pipe ──► unshare ┼─► init.sh (process 1) ─► virtlogd, libvirtd ─► QEMU …
//!                                │
//!  <dir>/<name>/etc   ◄──────────┼── /etc/libvirt
//!  <dir>/<name>/lib   ◄──────────┼── /var/lib/libvirt   (images/ is the pool "default")
//!  <dir>/<name>/run   ◄──────────┼── /run/libvirt       (libvirt-sock: reachable from outside)
//! ```
//!
//! Process 1 reads from the pipe; the pipe closes when the handle is dropped or its process dies,
//! even by SIGKILL; process 1 ends and the kernel takes every process of the lab with it. A
//! *detached* lab (`cargo xtask lab start`) has no pipe and lives until `stop`.

mod config;
mod gateway;
mod namespace;
mod ssh;
mod tls;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;

use crate::deadline::poll_until;
use crate::error::{Context, Error, Result};
use crate::hash::Fingerprint;
use crate::process::{is_root, program, run_quietly, tail_of_file};
pub use gateway::Gateway;
use namespace::Namespace;
pub use ssh::SshServer;
pub use tls::TlsListener;

/// The longest path a unix socket can have, with the final NUL (`sun_path`, unix(7)).
const SOCKET_PATH_LIMIT: usize = 108;
/// libvirtd loads its drivers and probes QEMU first; 2 s on a quiet machine, far more on a busy one.
const START_LIMIT: Duration = Duration::from_secs(60);
/// The last lines of the daemon's log that are repeated when it does not answer.
const LOG_LINES: usize = 15;

/// Begins the name of a directory of throwaway labs; the owner's process id ends it.
const THROWAWAY: &str = "hostler-lab-";

/// Which lab, and where its state is kept.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// Names the lab among others in the same directory: letters, digits and `-`.
    pub name: String,
    /// The directory that holds the labs' state, one subdirectory each. Made when missing.
    pub dir: PathBuf,
    /// Whether state is deleted when the handle is dropped.
    pub remove_on_drop: bool,
    /// Where libvirt's driver of containers was unpacked, if the lab is to run them too.
    pub containers: Option<PathBuf>,
}

impl LabOptions {
    /// A lab in the checkout's own `build/lab`, kept between starts.
    pub fn in_checkout(name: &str) -> LabOptions {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/lab");
        LabOptions { name: name.into(), dir, remove_on_drop: false, containers: None }
    }

    /// A lab for one test: its state is below the temporary directory, bears this process's id and
    /// is deleted when the handle is dropped.
    pub fn throwaway(name: &str) -> LabOptions {
        let owner = std::process::id();
        let dir = std::env::temp_dir().join(format!("{THROWAWAY}{owner}"));
        LabOptions { name: name.into(), dir, remove_on_drop: true, containers: None }
    }

    /// The same, with LXC beside QEMU: `root` is what [`crate::lxc::fetch`] gave.
    #[must_use]
    pub fn with_containers(self, root: PathBuf) -> LabOptions {
        LabOptions { containers: Some(root), ..self }
    }
}

/// Whether the network `default` (NAT with DHCP, 192.168.122.0/24) could be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkState {
    /// It runs: guests get addresses.
    Active,
    /// It does not, and this is what libvirt says.
    Failed(String),
}

/// A running private libvirtd. Dropping it stops it and its guests, unless it is detached.
#[derive(Debug)]
pub struct Lab {
    state: PathBuf,
    run: PathBuf,
    namespace: Namespace,
    network: NetworkState,
    remove_on_drop: bool,
}

impl Lab {
    /// Starts a lab that lives as long as the handle.
    ///
    /// # Errors
    /// When we are not root, when one of that name runs already, or when libvirtd does not answer
    /// (the error then ends with its log).
    pub fn start(options: &LabOptions) -> Result<Lab> {
        Lab::launch(options, false)
    }

    /// Finds the detached lab of that name, or starts it. It lives until [`Lab::stop`].
    ///
    /// # Errors
    /// As [`Lab::start`].
    pub fn start_detached(options: &LabOptions) -> Result<Lab> {
        match Lab::find(options)? {
            Some(lab) => Ok(lab),
            None => Lab::launch(options, true),
        }
    }

    /// The detached lab of that name, if it runs and answers.
    ///
    /// # Errors
    /// When it runs but does not answer.
    pub fn find(options: &LabOptions) -> Result<Option<Lab>> {
        let (state, run) = places(options)?;
        let Some(namespace) = Namespace::find(&state) else { return Ok(None) };
        let mut lab = Lab::assemble(state, run, namespace, false);
        lab.wait_until_ready()?;
        Ok(Some(lab))
    }

    /// Stops the detached lab of that name, even one that does not answer. Gives whether there was
    /// one. Its guests stop with it; their definitions and disks stay.
    ///
    /// # Errors
    /// When its processes outlive SIGKILL.
    pub fn stop_detached(options: &LabOptions) -> Result<bool> {
        let (state, _) = places(options)?;
        match Namespace::find(&state) {
            Some(namespace) => namespace.kill().map(|()| true),
            None => Ok(false),
        }
    }

    fn launch(options: &LabOptions, detached: bool) -> Result<Lab> {
        if !is_root() {
            return Err(Error::new(
                "the lab needs root: it makes mount, network and process namespaces and a bridge \
                 in them; run the same command with sudo",
            ));
        }
        if options.remove_on_drop {
            sweep(&std::env::temp_dir());
        }
        let (state, run) = places(options)?;
        let starting = || format!("cannot start the lab in {}", state.display());
        fs::create_dir_all(&state).context(starting)?;
        // Two starts of one lab must not write over each other's files.
        let lock = fs::File::create(state.join("lock")).context(starting)?;
        lock.lock().context(starting)?;
        if Namespace::find(&state).is_some() {
            return Err(Error::new("a lab of that name runs already").context(starting()));
        }
        config::write(&state, &run).context(starting)?;
        config::write_binds(&state, options.containers.as_deref()).context(starting)?;
        let namespace = Namespace::launch(&state, &run, detached)
            .map_err(|error| {
                let said = tail_of_file(&state.join("init.log"), LOG_LINES);
                Error::new(format!("{error}\n{said}"))
            })
            .context(starting)?;
        let mut lab =
            Lab::assemble(state.clone(), run, namespace, options.remove_on_drop && !detached);
        if let Err(error) = lab.wait_until_ready() {
            let log = lab.log_tail();
            lab.namespace.kill()?;
            return Err(Error::new(format!("{error}\n{log}")).context(starting()));
        }
        Ok(lab)
    }

    fn assemble(state: PathBuf, run: PathBuf, namespace: Namespace, remove_on_drop: bool) -> Lab {
        let network = NetworkState::Failed("not looked at yet".into());
        Lab { state, run, namespace, network, remove_on_drop }
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        self.wait_until_answers()?;
        self.network = match self.virsh(["net-list", "--name"]) {
            Ok(output) if lines(&output).iter().any(|name| name == "default") => {
                NetworkState::Active
            }
            // Autostart only writes its failure to the log: ask again to have the reason.
            Ok(_) => match self.virsh(["net-start", "default"]) {
                Ok(_) => NetworkState::Active,
                Err(error) => NetworkState::Failed(error.to_string()),
            },
            Err(error) => NetworkState::Failed(error.to_string()),
        };
        Ok(())
    }

    /// Waits until libvirtd answers on its socket.
    ///
    /// # Errors
    /// When it does not within a minute, or the lab has ended.
    pub fn wait_until_answers(&self) -> Result<()> {
        poll_until(START_LIMIT, || {
            if !self.namespace.is_alive() {
                return Ok(Err(Error::new("the lab's first process has ended")));
            }
            self.virsh(["version", "--daemon"]).map(|_| Ok(()))
        })?
    }

    /// The URI of this daemon, for hostlerd, virsh and any other client.
    pub fn uri(&self) -> String {
        format!("qemu+unix:///system?socket={}", self.socket().display())
    }

    /// The URI of the containers of this daemon, where it was started with any.
    pub fn containers_uri(&self) -> String {
        format!("lxc+unix:///system?socket={}", self.socket().display())
    }

    /// The daemon's socket, reachable from outside the namespaces.
    pub fn socket(&self) -> PathBuf {
        self.run.join("libvirt-sock")
    }

    /// Whether guests can have a network.
    pub fn network(&self) -> &NetworkState {
        &self.network
    }

    /// Seen from outside, the directory of the pool `default` (`/var/lib/libvirt/images` within).
    pub fn images_dir(&self) -> PathBuf {
        self.state.join("lib/images")
    }

    /// Seen from outside, `/var/lib/libvirt` within: put files here that guests' definitions name.
    pub fn lib_dir(&self) -> PathBuf {
        self.state.join("lib")
    }

    /// Seen from outside, `/var/log/libvirt` within.
    pub fn log_dir(&self) -> PathBuf {
        self.state.join("log")
    }

    /// Runs virsh against this daemon.
    ///
    /// # Errors
    /// When it fails; the error repeats what it said.
    pub fn virsh<I, S>(&self, arguments: I) -> Result<Output>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        run_quietly(self.virsh_command().arg("-q").args(arguments))
    }

    /// A virsh that is connected to this daemon, for the caller to complete and run.
    pub fn virsh_command(&self) -> Command {
        let mut command = program("virsh");
        command.args(["-c", &self.uri()]);
        command
    }

    /// A command that will run within the lab's namespaces.
    pub fn command_within(&self, name: &str) -> Command {
        self.namespace.command_within(name)
    }

    /// libvirtd's process id, seen from outside.
    ///
    /// # Errors
    /// When it does not run.
    pub fn libvirtd_pid(&self) -> Result<i32> {
        let path = self.run.join("libvirtd.pid");
        let text = fs::read_to_string(&path).context(|| "libvirtd does not run")?;
        let within = text.trim().parse().map_err(|_| Error::new("libvirtd.pid holds no number"))?;
        self.namespace.outer_pid(within).ok_or_else(|| Error::new("libvirtd does not run"))
    }

    /// Kills libvirtd as a crash would (SIGKILL) and waits until it is gone. Guests go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_libvirtd(&self) -> Result<()> {
        self.end_libvirtd(Signal::KILL)
    }

    /// Asks libvirtd to end (SIGTERM) and waits until it is gone. Guests go on.
    ///
    /// # Errors
    /// When it does not run or does not end.
    pub fn stop_libvirtd(&self) -> Result<()> {
        self.end_libvirtd(Signal::TERM)
    }

    /// Starts libvirtd again after [`Lab::kill_libvirtd`], and waits until it answers.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_libvirtd(&self) -> Result<()> {
        // A killed daemon leaves its file behind, and the next one would find it locked by nobody.
        let _ = fs::remove_file(self.run.join("libvirtd.pid"));
        run_quietly(self.command_within("sh").arg("/etc/libvirt/lab-libvirtd.sh"))?;
        self.wait_until_answers()
    }

    /// Ends libvirtd and starts it again, waiting until it answers. Guests go on.
    ///
    /// # Errors
    /// When it does not end or does not come up.
    pub fn restart_libvirtd(&self) -> Result<()> {
        self.stop_libvirtd()?;
        self.start_libvirtd()
    }

    /// Freezes libvirtd (SIGSTOP): its socket accepts, and nothing answers.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause_libvirtd(&self) -> Result<()> {
        namespace::send(self.libvirtd_pid()?, Signal::STOP)
    }

    /// Lets a frozen libvirtd go on (SIGCONT).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume_libvirtd(&self) -> Result<()> {
        namespace::send(self.libvirtd_pid()?, Signal::CONT)
    }

    /// The process id, seen from outside, of a guest's QEMU: to freeze or kill one guest.
    ///
    /// # Errors
    /// When the guest does not run.
    pub fn qemu_pid(&self, domain: &str) -> Result<i32> {
        let path = self.run.join("qemu").join(format!("{domain}.pid"));
        let text = fs::read_to_string(&path).context(|| format!("{domain} does not run"))?;
        let pid = text.trim().parse().ok().and_then(|within| self.namespace.outer_pid(within));
        pid.ok_or_else(|| Error::new(format!("{domain} does not run")))
    }

    /// Sends a signal by number (`9`, `19` …) to a process of the lab, by its id seen from outside.
    ///
    /// # Errors
    /// When there is no such process or signal.
    pub fn signal(&self, pid: i32, number: i32) -> Result<()> {
        let signal = Signal::from_named_raw(number)
            .ok_or_else(|| Error::new(format!("there is no signal {number}")))?;
        namespace::send(pid, signal)
    }

    /// Stops the lab and its guests, detached or not. Definitions and disks stay, unless the lab
    /// was made to be thrown away.
    ///
    /// # Errors
    /// When its processes outlive SIGKILL.
    pub fn stop(self) -> Result<()> {
        self.namespace.kill()
    }

    /// The last lines libvirtd and the lab's first process wrote, for messages.
    pub fn log_tail(&self) -> String {
        let daemon = self.state.join("log/libvirtd.log");
        let first = self.state.join("init.log");
        format!(
            "{}:\n{}\n{}:\n{}",
            first.display(),
            tail_of_file(&first, LOG_LINES),
            daemon.display(),
            tail_of_file(&daemon, LOG_LINES),
        )
    }

    fn end_libvirtd(&self, signal: Signal) -> Result<()> {
        let pid = self.libvirtd_pid()?;
        namespace::send(pid, signal)?;
        namespace::wait_until_gone(pid).context(|| "libvirtd")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.namespace.is_detached() {
            return;
        }
        // Nothing useful can be done about a failure here, and the pipe's end kills it as well.
        let _ = self.namespace.kill();
        if self.remove_on_drop {
            let _ = fs::remove_dir_all(&self.state);
            let _ = fs::remove_dir_all(&self.run);
            if let Some(parent) = self.state.parent() {
                let _ = fs::remove_dir(parent); // only when no other lab is in it
            }
        }
    }
}

/// The lab's state directory and its run directory.
///
/// They are apart when the first would make the socket's path longer than the kernel allows.
fn places(options: &LabOptions) -> Result<(PathBuf, PathBuf)> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if options.name.is_empty() || !options.name.chars().all(good) {
        let name = &options.name;
        return Err(Error::new(format!("lab name {name:?}: use letters, digits and `-`")));
    }
    let making = || format!("cannot make {}", options.dir.display());
    fs::create_dir_all(&options.dir).context(making)?;
    let dir = fs::canonicalize(&options.dir).context(making)?;
    Ok(split(&dir, &options.name))
}

fn split(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    let state = dir.join(name);
    let run = state.join("run");
    // The longest socket libvirtd makes there, and the NUL.
    let longest = run.join("libvirt-admin-sock").as_os_str().len() + 1;
    if longest <= SOCKET_PATH_LIMIT {
        return (state, run);
    }
    let mut fingerprint = Fingerprint::new();
    fingerprint.add(state.as_os_str().as_encoded_bytes());
    (state, PathBuf::from(format!("/tmp/hostler-lab-{fingerprint}")))
}

/// Removes what owners that were killed could not: their labs died with them, their files did not.
fn sweep(temporary: &Path) {
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(THROWAWAY));
        let Some(owner) = owner.and_then(|text| text.parse::<u32>().ok()) else { continue };
        if Path::new(&format!("/proc/{owner}")).exists() {
            continue;
        }
        for state in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            namespace::remove_groups_of(&state.path());
        }
        let _ = fs::remove_dir_all(entry.path());
    }
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests;
