//! An SSH server in the lab: its own configuration, host key and users' keys, in the lab's own
//! network. The machine's server and anybody's `~/.ssh` are neither used nor changed.
//!
//! Whoever logs in is root in the lab and finds the lab's libvirtd where a host has its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::gateway::Gateway;
use super::{LOG_LINES, Lab};
use crate::deadline::poll_until;
use crate::error::{Context, Error, Result};
use crate::packages;
use crate::process::{program, run_quietly, tail_of_file};

/// The port within the lab.
const PORT: u16 = 22;
/// Reading keys and binding a socket; generous for a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Paths are those within the lab, where `<state>/etc` is `/etc/libvirt`.
const CONFIG: &str = "Port 22
ListenAddress 127.0.0.1
HostKey /etc/libvirt/ssh/host
AuthorizedKeysFile /etc/libvirt/ssh/authorized_keys
PidFile /run/sshd.pid
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitUserRC no
MaxStartups 100
LogLevel VERBOSE
";

/// Makes what sshd insists on. A machine may have locked root's password, which would lock out
/// its keys as well, so the lab has a file of its own for that.
const PREPARE: &str = "mkdir -p /run/sshd && mount --bind /etc/libvirt/ssh/shadow /etc/shadow && \
                       exec \"$0\" -f /etc/libvirt/ssh/config -E /var/log/libvirt/sshd.log";

/// A running SSH server. It ends with its lab; dropping the handle closes the way to it.
#[derive(Debug)]
pub struct SshServer {
    directory: PathBuf,
    gateway: Gateway,
}

impl Lab {
    /// Starts an SSH server in the lab. One for each lab.
    ///
    /// # Errors
    /// When it is not installed and cannot be, or does not come up (the error has its log).
    pub fn ssh_server(&self) -> Result<SshServer> {
        packages::ensure(packages::SSH, &mut |line| eprintln!("{line}"))?;
        let starting = || "cannot start the lab's SSH server";
        let directory = self.state.join("etc/ssh");
        fs::create_dir_all(&directory).context(starting)?;
        for name in ["host", "other-host", "user", "restricted", "stranger"] {
            make_key(&directory.join(name)).context(starting)?;
        }
        let put = |name: &str, text: &str| fs::write(directory.join(name), text).context(starting);
        let key = |name: &str| public_key(&directory.join(name)).context(starting);
        // `restrict` takes away everything but running commands, forwarding included.
        let allowed = format!("{}\nrestrict {}\n", key("user")?, key("restricted")?);
        put("authorized_keys", &allowed)?;
        put("config", CONFIG)?;
        put("shadow", "root:*:20000:0:99999:7:::\n")?;
        let server = crate::process::find_program("sshd")
            .ok_or_else(|| Error::new("there is no sshd"))
            .context(starting)?;
        let mut command = self.command_within("sh");
        run_quietly(command.args(["-c", PREPARE]).arg(server)).context(starting)?;
        let gateway = self.gateway(PORT)?;
        let address = format!("[127.0.0.1]:{}", gateway.port());
        put("known_hosts", &format!("{address} {}\n", key("host")?))?;
        put("other_known_hosts", &format!("{address} {}\n", key("other-host")?))?;
        put("empty_known_hosts", "")?;
        let server = SshServer { directory, gateway };
        server.wait_until_answers().map_err(|error| {
            let log = tail_of_file(&self.log_dir().join("sshd.log"), LOG_LINES);
            Error::new(format!("{error}\n{log}")).context(starting())
        })?;
        Ok(server)
    }
}

impl SshServer {
    /// The URI of the lab's libvirtd through this server.
    pub fn uri(&self) -> String {
        self.uri_with("user", "known_hosts")
    }

    /// The same with another user's key and another file of known hosts.
    ///
    /// | key | it is |
    /// |---|---|
    /// | `user` | let in |
    /// | `restricted` | let in, may forward nothing |
    /// | `stranger` | not let in |
    ///
    /// | known hosts | they have |
    /// |---|---|
    /// | `known_hosts` | this server's key |
    /// | `other_known_hosts` | another key under its address |
    /// | `empty_known_hosts` | nothing |
    pub fn uri_with(&self, key: &str, known_hosts: &str) -> String {
        let (port, directory) = (self.gateway.port(), self.directory.display());
        format!(
            "qemu+ssh://root@127.0.0.1:{port}/system?keyfile={directory}/{key}\
             &known_hosts={directory}/{known_hosts}"
        )
    }

    /// Where it is reached on this machine's loopback.
    pub fn port(&self) -> u16 {
        self.gateway.port()
    }

    /// Cuts every connection, as a network failure would. New ones can be made.
    pub fn cut(&self) {
        self.gateway.cut();
    }

    /// Logs in once.
    fn wait_until_answers(&self) -> Result<()> {
        poll_until(START_LIMIT, || {
            let mut command = program("ssh");
            let known = self.directory.join("known_hosts");
            command
                .args([
                    "-F",
                    "none",
                    "-T",
                    "-o",
                    "BatchMode=yes",
                    "-o",
                    "StrictHostKeyChecking=yes",
                ])
                .arg("-o")
                .arg(format!("UserKnownHostsFile={}", known.display()))
                .args(["-p", &self.port().to_string(), "-l", "root", "-i"])
                .arg(self.directory.join("user"))
                .args(["127.0.0.1", "true"]);
            run_quietly(&mut command).map(drop)
        })
    }
}

/// Makes a key pair without a passphrase, unless it is there.
fn make_key(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut command = program("ssh-keygen");
    run_quietly(command.args(["-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f"]).arg(path))
        .map(drop)
}

/// The public half, in one line.
fn public_key(path: &Path) -> Result<String> {
    let file = path.with_extension("pub");
    let text = fs::read_to_string(&file).context(|| format!("cannot read {}", file.display()))?;
    Ok(text.trim().to_owned())
}
