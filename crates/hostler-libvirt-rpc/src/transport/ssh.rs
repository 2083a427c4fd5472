//! An ssh process as the way to a remote daemon: `ssh -T -- HOST virt-ssh-helper URI`.
//!
//! No shell runs on this side, so nothing in a URI can start one; the other side's login shell
//! does read the remote command, so the URI in it is quoted. The process dies with the connection.

use std::path::{Path, PathBuf};

use super::process::{Note, ProcessStream, start};
use crate::error::{Error, Obstacle, Result};

/// What holds whatever the user's own configuration of ssh says: nobody answers prompts, nothing
/// is lent to the host (agent, display, this machine's ports), no other command is run, this
/// process does not become the one that other sessions depend on, and it asks now and then whether
/// the host is still there, because a console may stand still for days.
const ALWAYS: &[&str] = &[
    "-T",
    "-a",
    "-x",
    "-e",
    "none",
    "-o",
    "BatchMode=yes",
    "-o",
    "ControlMaster=no",
    "-o",
    "PermitLocalCommand=no",
    "-o",
    "RemoteCommand=none",
    "-o",
    "ServerAliveInterval=15",
    "-o",
    "ServerAliveCountMax=3",
];

/// How ssh is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshCommand {
    /// Whom to log in as, if not as ssh's configuration says.
    pub user: Option<String>,
    /// The host.
    pub host: String,
    /// The port, if not as ssh's configuration says.
    pub port: Option<u16>,
    /// The private key, and then the only one that is tried, if not as ssh's configuration says.
    pub key_file: Option<PathBuf>,
    /// The file of known host keys, and then the only one, if not as ssh's configuration says. A
    /// host that is not in it is refused.
    pub known_hosts: Option<PathBuf>,
    /// The ssh program; `ssh` from the search path by default.
    pub program: PathBuf,
    /// What to run on the other side; `virt-ssh-helper` by default. The remote shell reads it as
    /// written.
    pub helper: String,
}

impl SshCommand {
    /// Arguments after the program's name, to reach the daemon that opens `name`.
    ///
    /// # Errors
    /// When user, host or a file's name could be taken for something else.
    pub fn arguments(&self, name: &str, read_only: bool) -> Result<Vec<String>> {
        let mut arguments = self.login()?;
        // Ports that the user's configuration forwards are none of this connection's business.
        arguments.extend(["-o", "ClearAllForwardings=yes", "--"].map(Into::into));
        arguments.push(self.host.clone());
        // The helper then takes the daemon's other socket, which needs fewer rights.
        let flag = if read_only { " -r" } else { "" };
        arguments.push(format!("{}{flag} {}", self.helper, quote(name)));
        Ok(arguments)
    }

    /// Options that say who logs in, where, and whom to believe.
    pub(super) fn login(&self) -> Result<Vec<String>> {
        if self.host.is_empty() || self.host.starts_with('-') {
            return Err(self.refuse("the host name is empty or begins with a hyphen"));
        }
        if self.user.as_deref().is_some_and(|user| user.is_empty() || user.starts_with('-')) {
            return Err(self.refuse("the user name is empty or begins with a hyphen"));
        }
        let mut arguments: Vec<String> = ALWAYS.iter().copied().map(Into::into).collect();
        if let Some(key) = &self.key_file {
            // Keys of an agent, tried first, could use up the attempts that the host allows.
            arguments.extend(["-o", "IdentitiesOnly=yes"].map(Into::into));
            // Not as an option like the others: only of this one does ssh say when it is missing.
            let key = self.plain(key)?.to_owned();
            arguments.extend(["-i".into(), key]);
        }
        if let Some(known) = &self.known_hosts {
            let known = format!("UserKnownHostsFile={}", self.plain(known)?);
            for option in [&known, "GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes"] {
                arguments.extend(["-o".into(), option.to_owned()]);
            }
        }
        if let Some(port) = self.port {
            arguments.extend(["-p".into(), port.to_string()]);
        }
        if let Some(user) = &self.user {
            arguments.extend(["-l".into(), user.clone()]);
        }
        Ok(arguments)
    }

    /// A path that ssh takes as it is: it would expand some characters, and split at others.
    pub(super) fn plain<'a>(&self, path: &'a Path) -> Result<&'a str> {
        let is_plain = |c: char| c.is_alphanumeric() || "/._+,@=-".contains(c);
        path.to_str().filter(|path| path.starts_with('/') && path.chars().all(is_plain)).ok_or_else(
            || {
                let path = path.display();
                self.refuse(&format!(
                    "{path} is no absolute path of letters, digits and /._+,@=- alone, which are \
                     all that ssh takes literally"
                ))
            },
        )
    }

    /// Arguments that must not be given to ssh.
    fn refuse(&self, detail: &str) -> Error {
        let (host, detail) = (self.host.clone(), detail.to_owned());
        Error::Ssh { host, obstacle: Obstacle::Credentials, detail }
    }
}

/// Quotes a word for a POSIX shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Starts ssh. Whether it reaches anything shows when it is read from.
pub(super) fn dial(
    command: &SshCommand,
    name: &str,
    read_only: bool,
) -> Result<(ProcessStream, Note)> {
    let arguments = command.arguments(name, read_only)?;
    start(&command.program, &arguments, &command.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn command() -> SshCommand {
        SshCommand {
            user: Some("root".into()),
            host: "h1".into(),
            port: Some(2222),
            key_file: Some("/k".into()),
            known_hosts: None,
            program: "ssh".into(),
            helper: "virt-ssh-helper".into(),
        }
    }

    #[test]
    fn the_remote_command_is_one_quoted_word_after_the_host() {
        let arguments = command().arguments("qemu:///system", false).unwrap().join(" ");
        let expected = "-T -a -x -e none -o BatchMode=yes -o ControlMaster=no \
                        -o PermitLocalCommand=no -o RemoteCommand=none \
                        -o ServerAliveInterval=15 -o ServerAliveCountMax=3 \
                        -o IdentitiesOnly=yes -i /k \
                        -p 2222 -l root -o ClearAllForwardings=yes -- h1 \
                        virt-ssh-helper 'qemu:///system'";
        assert_eq!(arguments, expected);
        let arguments = command().arguments("test:///'; reboot; '", true).unwrap();
        assert_eq!(arguments.last().unwrap(), r"virt-ssh-helper -r 'test:///'\''; reboot; '\'''");
    }

    #[test]
    fn a_named_file_of_host_keys_is_the_only_one_believed() {
        let command = SshCommand { known_hosts: Some("/etc/h/known".into()), ..command() };
        let arguments = command.arguments("x", false).unwrap().join(" ");
        let expected = "-o UserKnownHostsFile=/etc/h/known -o GlobalKnownHostsFile=/dev/null \
                        -o StrictHostKeyChecking=yes";
        assert!(arguments.contains(expected), "{arguments}");
    }

    #[test]
    fn names_that_could_be_options_are_refused() {
        let host = SshCommand { host: "-oProxyCommand=reboot".into(), ..command() };
        assert!(matches!(host.arguments("x", false), Err(Error::Ssh { .. })));
        let user = SshCommand { user: Some("-lroot".into()), ..command() };
        assert!(matches!(user.arguments("x", false), Err(Error::Ssh { .. })));
        for path in ["~/key", "key", "/a b", "/%h", "/${HOME}", "/a\"b"] {
            let key = SshCommand { key_file: Some(path.into()), ..command() };
            assert!(matches!(key.arguments("x", false), Err(Error::Ssh { .. })), "{path}");
        }
    }
}
