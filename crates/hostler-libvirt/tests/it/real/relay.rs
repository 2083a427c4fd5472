//! A way to a lab's daemon on which a single call can be held back, as a slow
//! network or a busy daemon would, for exactly as long as a test wants.
//!
//! ```text
//!   driver ──► frames ──► one that was asked for? ──yes──► held ──released──┐
//!                                   │ no                                    ▼
//!                                   └───────────────────────────────────► daemon
//! ```
//!
//! Everything else passes, on the same connection too: the daemon answers calls
//! in any order anyway.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_lab::Lab;
use hostler_libvirt_rpc::Procedure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(90);

/// Carries connections until it is dropped.
pub(crate) struct Relay {
    wanted: Arc<Mutex<Option<Wanted>>>,
    directory: tempfile::TempDir,
    _task: JoinSet<()>,
}

/// What to hold back, and whom to tell.
struct Wanted {
    procedure: Procedure,
    words: String,
    came: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

/// A call that is or will be held back.
pub(crate) struct Held {
    came: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Relay {
    pub(crate) fn before(lab: &Lab) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("s")).unwrap();
        let wanted = Arc::default();
        let mut task = JoinSet::new();
        task.spawn(accept(listener, lab.socket(), Arc::clone(&wanted)));
        Self { wanted, directory, _task: task }
    }

    pub(crate) fn uri(&self) -> String {
        format!("qemu+unix:///system?socket={}", self.directory.path().join("s").display())
    }

    /// Holds back the next call of this procedure with these words in its arguments.
    pub(crate) fn hold(&self, procedure: Procedure, words: &str) -> Held {
        let ((came_sender, came), (release, released)) = (oneshot::channel(), oneshot::channel());
        let wanted = Wanted { procedure, words: words.into(), came: came_sender, released };
        *self.wanted.lock().unwrap() = Some(wanted);
        Held { came, release }
    }
}

impl Held {
    /// Waits until it was sent.
    pub(crate) async fn came(&mut self) {
        tokio::time::timeout(PATIENCE, &mut self.came).await.expect("no such call").unwrap();
    }

    /// Lets the daemon have it.
    pub(crate) fn release(self) {
        self.release.send(()).unwrap();
    }
}

async fn accept(listener: UnixListener, daemon: PathBuf, wanted: Arc<Mutex<Option<Wanted>>>) {
    let mut carried = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        // A client of a daemon that is not there sees its connection closed.
        let Ok(daemon) = UnixStream::connect(&daemon).await else { continue };
        let ((calls, mut answered), (mut answers, to)) = (client.into_split(), daemon.into_split());
        carried.spawn(async move {
            let _ = tokio::io::copy(&mut answers, &mut answered).await;
        });
        carried.spawn(forward(calls, to, Arc::clone(&wanted)));
    }
}

/// Carries calls frame by frame. The daemon's side is closed with the last of
/// them, be it one that was held back.
async fn forward(mut from: OwnedReadHalf, to: OwnedWriteHalf, wanted: Arc<Mutex<Option<Wanted>>>) {
    let to = Arc::new(AsyncMutex::new(to));
    let mut held = JoinSet::new();
    while let Ok(length) = from.read_u32().await {
        let mut frame = length.to_be_bytes().to_vec();
        frame.resize(length as usize, 0);
        if from.read_exact(&mut frame[4..]).await.is_err() {
            break;
        }
        match wanted.lock().unwrap().take_if(|wanted| wanted.is(&frame)) {
            None => {}
            Some(wanted) => {
                let to = Arc::clone(&to);
                held.spawn(async move {
                    wanted.came.send(()).unwrap();
                    if wanted.released.await.is_ok() {
                        let _ = to.lock().await.write_all(&frame).await;
                    }
                });
                continue;
            }
        }
        if to.lock().await.write_all(&frame).await.is_err() {
            break;
        }
    }
    while held.join_next().await.is_some() {}
}

impl Wanted {
    /// The procedure's number is the third word after the length.
    fn is(&self, frame: &[u8]) -> bool {
        frame.get(12..16) == Some(&self.procedure.number().to_be_bytes()[..])
            && frame.windows(self.words.len()).any(|words| words == self.words.as_bytes())
    }
}
