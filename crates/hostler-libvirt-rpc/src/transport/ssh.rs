//! An ssh process as the way to a remote daemon: `ssh -T -- HOST virt-ssh-helper URI`.
//!
//! No shell runs on this side, so nothing in a URI can start one; the other side's login shell
//! does read the remote command, so the URI in it is quoted. The process dies with the connection.

use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::{Error, Result};

/// How much of ssh's error output is kept: its last words are the ones that matter.
const NOTE_BYTES: usize = 2_048;
/// How long to wait for them after its standard output has ended.
const NOTE_WAIT: Duration = Duration::from_millis(500);

/// How ssh is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshCommand {
    /// Whom to log in as, if not as ssh's configuration says.
    pub user: Option<String>,
    /// The host.
    pub host: String,
    /// The port, if not as ssh's configuration says.
    pub port: Option<u16>,
    /// The private key, if not as ssh's configuration says.
    pub key_file: Option<PathBuf>,
    /// The ssh program; `ssh` from the search path by default.
    pub program: PathBuf,
    /// What to run on the other side; `virt-ssh-helper` by default. The remote shell reads it as
    /// written.
    pub helper: String,
}

impl SshCommand {
    /// Arguments after the program's name.
    ///
    /// # Errors
    /// When user or host could be taken for an option, or could change what is run.
    pub fn arguments(&self, name: &str) -> Result<Vec<String>> {
        let refuse =
            |detail: &str| Err(Error::Ssh { host: self.host.clone(), detail: detail.to_owned() });
        if self.host.is_empty() || self.host.starts_with('-') {
            return refuse("the host name is empty or begins with a hyphen");
        }
        if self.user.as_deref().is_some_and(|user| user.is_empty() || user.starts_with('-')) {
            return refuse("the user name is empty or begins with a hyphen");
        }
        // ssh needs no password prompt here: there is nobody to answer it.
        let mut arguments: Vec<String> =
            ["-T", "-e", "none", "-o", "BatchMode=yes"].map(Into::into).into();
        if let Some(port) = self.port {
            arguments.extend(["-p".into(), port.to_string()]);
        }
        if let Some(key) = &self.key_file {
            let Some(key) = key.to_str() else { return refuse("the key file's name is not UTF-8") };
            arguments.extend(["-i".into(), key.into()]);
        }
        if let Some(user) = &self.user {
            arguments.extend(["-l".into(), user.clone()]);
        }
        arguments.extend(["--".into(), self.host.clone()]);
        arguments.push(format!("{} {}", self.helper, quote(name)));
        Ok(arguments)
    }
}

/// Quotes a word for a POSIX shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What a process said before it ended.
#[derive(Clone)]
pub(crate) struct Note {
    text: Arc<Mutex<Vec<u8>>>,
    is_complete: watch::Receiver<bool>,
}

impl Note {
    /// The last words, waited for a moment.
    pub(crate) async fn text(&self) -> Option<String> {
        let mut is_complete = self.is_complete.clone();
        // When they do not end in time, what there is has to do.
        let _: std::result::Result<_, _> =
            tokio::time::timeout(NOTE_WAIT, is_complete.wait_for(|done| *done)).await;
        let bytes = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }
}

/// The process as a byte stream.
pub(super) struct SshStream {
    /// Killed when dropped.
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
    _errors: JoinSet<()>,
}

/// Starts ssh. Whether it reaches anything shows when it is read from.
pub(super) fn dial(command: &SshCommand, name: &str) -> Result<(SshStream, Note)> {
    let failed = |source| Error::Io {
        action: format!("start {} to {}", command.program.display(), command.host),
        source,
    };
    let mut child = Command::new(&command.program)
        .args(command.arguments(name)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (Some(input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
    };
    let text = Arc::new(Mutex::new(Vec::new()));
    let (done, is_complete) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(keep_last_words(errors, text.clone(), done));
    let stream = SshStream { _child: child, input, output, _errors: tasks };
    Ok((stream, Note { text, is_complete }))
}

/// Reads the error output to its end, so that ssh never waits for us, and keeps the tail.
async fn keep_last_words(
    mut errors: ChildStderr,
    text: Arc<Mutex<Vec<u8>>>,
    done: watch::Sender<bool>,
) {
    let mut buffer = [0; 512];
    while let Ok(count) = errors.read(&mut buffer).await {
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
        text.extend_from_slice(read);
        let excess = text.len().saturating_sub(NOTE_BYTES);
        text.drain(..excess);
    }
    done.send_replace(true);
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.output).poll_read(context, buffer)
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.input).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> SshCommand {
        SshCommand {
            user: Some("root".into()),
            host: "h1".into(),
            port: Some(2222),
            key_file: Some("/k".into()),
            program: "ssh".into(),
            helper: "virt-ssh-helper".into(),
        }
    }

    #[test]
    fn the_remote_command_is_one_quoted_word_after_the_host() {
        let arguments = command().arguments("qemu:///system").unwrap().join(" ");
        let expected = "-T -e none -o BatchMode=yes -p 2222 -i /k -l root -- h1 \
                        virt-ssh-helper 'qemu:///system'";
        assert_eq!(arguments, expected);
        let arguments = command().arguments("test:///'; reboot; '").unwrap();
        assert_eq!(arguments.last().unwrap(), r"virt-ssh-helper 'test:///'\''; reboot; '\'''");
    }

    #[test]
    fn names_that_could_be_options_are_refused() {
        let host = SshCommand { host: "-oProxyCommand=reboot".into(), ..command() };
        assert!(matches!(host.arguments("x"), Err(Error::Ssh { .. })));
        let user = SshCommand { user: Some("-lroot".into()), ..command() };
        assert!(matches!(user.arguments("x"), Err(Error::Ssh { .. })));
    }
}
