//! Many real guests that cost little: QEMU that was started and told to wait.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use hostler_lab::{Error, Lab, LabOptions, NetworkState, Result, libvirt_exporter, run_quietly};

use super::Scratch;
use super::virsh::Session;
use crate::say;

/// Begins the names of guests.
const PREFIX: &str = "hostler-bench";

/// A lab with paused guests in it.
pub(super) struct Guests {
    lab: Lab,
    count: usize,
    /// Those that were stopped by a signal.
    hung: Vec<u32>,
}

impl Guests {
    /// Starts them, to wait.
    ///
    /// # Errors
    /// When the lab or a guest does not start.
    pub(super) fn start(name: &str, count: usize) -> Result<Guests> {
        Guests::create(name, count, &["create", "--paused"])
    }

    /// Starts them, to run: firmware that finds nothing to boot.
    ///
    /// # Errors
    /// When the lab or a guest does not start.
    pub(super) fn running(name: &str, count: usize) -> Result<Guests> {
        Guests::create(name, count, &["create"])
    }

    fn create(name: &str, count: usize, verb: &[&str]) -> Result<Guests> {
        let lab = Lab::start(&LabOptions::throwaway(name))?;
        let has_network = *lab.network() == NetworkState::Active;
        say::step(&format!("virsh {}, {count} times", verb.join(" ")));
        for number in 1..=count {
            let images = lab.images_dir();
            let disk = fs::File::create(images.join(format!("{PREFIX}-{number}.raw")))?;
            disk.set_len(1 << 20)?;
            let file = images.join("guest.xml");
            fs::write(&file, domain(number, has_network))?;
            let words = verb.iter().map(AsRef::as_ref).chain([file.as_os_str()]);
            lab.virsh(words.collect::<Vec<_>>())?;
        }
        Ok(Guests { lab, count, hung: Vec::new() })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The libvirt that they are of.
    pub(super) fn uri(&self) -> String {
        self.lab.uri()
    }

    /// Its process.
    pub(super) fn libvirtd(&self) -> Result<u32> {
        u32::try_from(self.lab.libvirtd_pid()?)
            .map_err(|_| Error::new("libvirtd has no process id"))
    }

    /// Stops the processes of the first `count`, so that they answer nobody.
    pub(super) fn hang(&mut self, count: usize) -> Result<()> {
        for number in 1..=count {
            let pid = pid_of(&format!("guest={PREFIX}-{number},"))?;
            run_quietly(Command::new("kill").args(["-STOP", &pid.to_string()]))?;
            self.hung.push(pid);
        }
        Ok(())
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        for pid in self.hung.drain(..) {
            let _ = run_quietly(Command::new("kill").args(["-CONT", &pid.to_string()]));
        }
    }
}

/// The process whose command line has these words.
fn pid_of(words: &str) -> Result<u32> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_qemu = line.starts_with(b"/usr/bin/qemu-system");
        if is_qemu && String::from_utf8_lossy(&line).contains(words) {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.parse().ok());
            return pid.ok_or_else(|| Error::new("no process id"));
        }
    }
    Err(Error::new(format!("no QEMU runs with {words}")))
}

fn domain(number: usize, has_network: bool) -> String {
    let nic = match has_network {
        true => {
            "<interface type='network'><source network='default'/><model type='virtio'/></interface>"
        }
        false => "",
    };
    format!(
        "<domain type='qemu'><name>{PREFIX}-{number}</name><memory unit='MiB'>64</memory>
         <os><type arch='x86_64' machine='q35'>hvm</type></os>
         <devices><disk type='file' device='disk'><driver name='qemu' type='raw'/>
         <source file='/var/lib/libvirt/images/{PREFIX}-{number}.raw'/>
         <target dev='vda' bus='virtio'/></disk>{nic}<memballoon model='virtio'/></devices></domain>"
    )
}

/// Makes domains of the test driver and starts them, in the world that `session` is connected to.
///
/// # Errors
/// When one cannot be made.
pub(super) fn populate(session: &mut Session, scratch: &Scratch, domains: usize) -> Result<()> {
    say::step(&format!("defining {domains} domains of the test driver"));
    let file = scratch.path().join("domain.xml");
    for (name, xml) in hostler_lab::test_domains(domains) {
        fs::write(&file, xml)?;
        session.run(&format!("define {}", file.display()))?;
        session.run(&format!("start {name}"))?;
    }
    Ok(())
}

/// Debian's exporter for libvirt, unpacked and not installed; ended when dropped.
pub(super) struct Exporter {
    process: Child,
    port: u16,
}

impl Exporter {
    /// Starts it; none where there is no such package.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(uri: &str) -> Result<Option<Exporter>> {
        let Some(program) = libvirt_exporter::find() else { return Ok(None) };
        let port = crate::product::free_port()?;
        let process = Command::new(program)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg(format!("--libvirt.uri={uri}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Some(Exporter { process, port }))
    }

    /// The port it listens on.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
