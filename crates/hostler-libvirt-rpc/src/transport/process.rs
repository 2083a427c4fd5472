//! A process whose standard input and output are a byte stream. It dies with the stream; what it
//! complained about and how it ended outlive it, since they are why the stream ended.

use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::{Error, Result};

/// How much of the error output is kept: its last words are the ones that matter.
const NOTE_BYTES: usize = 2_048;
/// How long to wait for them after the standard output has ended.
const NOTE_WAIT: Duration = Duration::from_secs(2);

/// What a process said before it ended, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastWords {
    /// The end of its error output.
    pub(crate) text: String,
    /// Its exit code; `None` while it runs, or when a signal ended it.
    pub(crate) code: Option<i32>,
}

/// Where the last words are collected.
#[derive(Clone)]
pub(crate) struct Note {
    kept: Arc<Mutex<(Vec<u8>, Option<i32>)>>,
    is_complete: watch::Receiver<bool>,
}

impl Note {
    /// The last words, waited for a moment.
    pub(crate) async fn words(&self) -> LastWords {
        let mut is_complete = self.is_complete.clone();
        // When they do not end in time, what there is has to do.
        let _: std::result::Result<_, _> =
            tokio::time::timeout(NOTE_WAIT, is_complete.wait_for(|done| *done)).await;
        let kept = lock(&self.kept);
        LastWords { text: String::from_utf8_lossy(&kept.0).trim().to_owned(), code: kept.1 }
    }

    /// What it said, if anything.
    pub(crate) async fn text(&self) -> Option<String> {
        Some(self.words().await.text).filter(|text| !text.is_empty())
    }

    /// Whether the process has ended.
    pub(super) fn is_complete(&self) -> bool {
        *self.is_complete.borrow()
    }
}

fn lock(kept: &Mutex<(Vec<u8>, Option<i32>)>) -> MutexGuard<'_, (Vec<u8>, Option<i32>)> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a process: dropping this kills it.
pub(super) struct Keeper {
    _task: JoinSet<()>,
}

/// The process as a byte stream.
pub(super) struct ProcessStream {
    input: ChildStdin,
    output: ChildStdout,
    _keeper: Keeper,
}

/// Starts a process and connects to it.
pub(super) fn start(
    program: &Path,
    arguments: &[String],
    host: &str,
) -> Result<(ProcessStream, Note)> {
    let (mut child, note) = spawn(program, arguments, host, Stdio::piped)?;
    let (Some(input), Some(output)) = (child.0.stdin.take(), child.0.stdout.take()) else {
        return Err(failed(program, host, std::io::ErrorKind::BrokenPipe.into()));
    };
    Ok((ProcessStream { input, output, _keeper: child.keep() }, note))
}

/// Starts a process that nothing is read from or written to.
pub(super) fn start_detached(
    program: &Path,
    arguments: &[String],
    host: &str,
) -> Result<(Keeper, Note)> {
    let (child, note) = spawn(program, arguments, host, Stdio::null)?;
    Ok((child.keep(), note))
}

/// A process whose last words are not collected yet.
struct Spawned(Child, ChildStderr, Arc<Mutex<(Vec<u8>, Option<i32>)>>, watch::Sender<bool>);

impl Spawned {
    fn keep(self) -> Keeper {
        let Self(child, errors, kept, done) = self;
        let mut task = JoinSet::new();
        task.spawn(watch_over(child, errors, kept, done));
        Keeper { _task: task }
    }
}

fn spawn(
    program: &Path,
    arguments: &[String],
    host: &str,
    ends: fn() -> Stdio,
) -> Result<(Spawned, Note)> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(ends())
        .stdout(ends())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| failed(program, host, source))?;
    let Some(errors) = child.stderr.take() else {
        return Err(failed(program, host, std::io::ErrorKind::BrokenPipe.into()));
    };
    let kept = Arc::new(Mutex::default());
    let (done, is_complete) = watch::channel(false);
    Ok((Spawned(child, errors, kept.clone(), done), Note { kept, is_complete }))
}

fn failed(program: &Path, host: &str, source: std::io::Error) -> Error {
    Error::Io { action: format!("start {} to {host}", program.display()), source }
}

/// Reads the error output to its end, so that the process never waits for us, and keeps the tail;
/// then takes the exit code.
async fn watch_over(
    mut child: Child,
    mut errors: ChildStderr,
    kept: Arc<Mutex<(Vec<u8>, Option<i32>)>>,
    done: watch::Sender<bool>,
) {
    let words = async {
        let mut buffer = [0; 512];
        while let Ok(count) = errors.read(&mut buffer).await {
            let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
            let mut kept = lock(&kept);
            kept.0.extend_from_slice(read);
            let excess = kept.0.len().saturating_sub(NOTE_BYTES);
            kept.0.drain(..excess);
        }
    };
    // Another process may hold the error output open after this one has ended.
    let end = async {
        let status = child.wait().await;
        lock(&kept).1 = status.ok().and_then(|status| status.code());
    };
    tokio::join!(words, end);
    done.send_replace(true);
}

impl AsyncRead for ProcessStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.output).poll_read(context, buffer)
    }
}

impl AsyncWrite for ProcessStream {
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
