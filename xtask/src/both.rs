//! A server with a host and a cluster, for the story in a browser whose VMs stand in one table
//! (`ui/e2e/both.story.ts`).
//!
//! ```text
//!  a lab's libvirtd ── onhost ─┐
//!                              ├─► hostlerd ─► both adopted, both run
//!  kube_double ── a machine ───┘
//! ```
//! The host is real; the cluster is a stand-in that answers as real ones were recorded to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_lab::{Error, Lab, LabOptions, Result, poll_until, run_quietly};

use crate::product::{Profile, Programs, Server};
use crate::say;

/// How long anything may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// The host's VM: it boots from nothing, and so goes on running.
const ON_HOST: &str = "<domain type='qemu'><name>onhost</name>\
    <memory unit='MiB'>48</memory><vcpu>1</vcpu>\
    <os><type arch='x86_64' machine='q35'>hvm</type></os>\
    <devices><serial type='pty'/></devices></domain>";

/// The server with what is behind it; all of it ends when this is dropped.
pub(crate) struct Both {
    // In this order: nobody is asked who is gone.
    server: Server,
    _cluster: Cluster,
    _lab: Lab,
    _scratch: Scratch,
}

struct Cluster(Child);

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Both {
    /// Starts all of it, and waits until both VMs run.
    ///
    /// # Errors
    /// When we are not root, or something does not come up.
    pub(crate) fn start(programs: &Programs) -> Result<Both> {
        say::step("a server with a libvirt host and a cluster");
        let double = Programs::example("hostler-kube-double", "kube_double", Profile::Development)?;
        let lab = Lab::start(&LabOptions::throwaway("both"))?;
        let scratch = std::env::temp_dir().join(format!("hostler-both-{}", std::process::id()));
        fs::create_dir_all(&scratch)?;
        let scratch = Scratch(scratch);
        let domain = scratch.0.join("onhost.xml");
        fs::write(&domain, ON_HOST)?;
        lab.virsh(["define", &domain.display().to_string()])?;
        let kubeconfig = scratch.0.join("kubeconfig");
        let cluster = cluster(&double, &kubeconfig)?;
        let server = Server::start(programs.clone(), &scratch.0.join("data"), Some(&lab.uri()))?;
        let both = Both { server, _cluster: cluster, _lab: lab, _scratch: scratch };
        let kubeconfig = kubeconfig.display().to_string();
        both.done(&["cluster", "add", "edge", "--kubeconfig", &kubeconfig])?;
        let names = poll_until(PATIENCE, || both.names())?;
        for name in &names {
            both.done(&["adopt", "take", name, "--reason", "a story"])?;
        }
        both.done(&["vm", "start", "onhost"])?;
        Ok(both)
    }

    /// A fresh link that logs an administrator in once.
    ///
    /// # Errors
    /// When the server gives none.
    pub(crate) fn login(&self) -> Result<String> {
        self.server.admin_link()
    }

    /// The names of the VMs, once those of both places are seen.
    fn names(&self) -> Result<Vec<String>> {
        let told = self.done(&["vm", "list", "--columns", "name"])?;
        let names: Vec<String> = told.lines().skip(1).map(|it| it.trim().to_owned()).collect();
        match names.len() {
            2 => Ok(names),
            _ => Err(Error::new(format!("two VMs are wanted, and there are: {told}"))),
        }
    }

    /// What a command says that has to succeed.
    fn done(&self, words: &[&str]) -> Result<String> {
        let output = run_quietly(self.server.hostler().args(words))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A cluster with one machine that runs; its kubeconfig is there when this returns.
fn cluster(double: &Path, kubeconfig: &Path) -> Result<Cluster> {
    let mut command = Command::new(double);
    command.arg(kubeconfig).args(["--vms", "1", "--pace", "50", "--tls"]);
    // Open for as long as it is to go on, so that nothing is asked of it.
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let cluster = Cluster(child);
    let silent = || Error::new("the cluster wrote no kubeconfig");
    poll_until(PATIENCE, || kubeconfig.exists().then_some(()).ok_or_else(silent))?;
    Ok(cluster)
}
