//! An engine made of recorded answers, on a unix socket.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// What is answered to a question; one without an entry is not found.
#[derive(Clone)]
pub(crate) enum Answer {
    Text(String),
    /// Nothing, ever.
    Hang,
    /// The beginning of something, and then the end of the connection.
    BreakOff,
}

/// A running engine; dropping it ends it.
pub(crate) struct Recorded {
    directory: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Recorded {
    pub(crate) fn start(answers: &[(&str, Answer)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let answers: HashMap<String, Answer> =
            answers.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let (answers, log) = (Arc::new(answers), Arc::clone(&asked));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&answers), Arc::clone(&log)));
            }
        });
        Self { directory, asked, _tasks: tasks }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    /// A tree of files beside the socket.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn serve(
    stream: UnixStream,
    answers: Arc<HashMap<String, Answer>>,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let mut stream = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
        head.push_str(&std::mem::take(&mut line));
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push(path.clone());
    let text = match answers.get(&path) {
        Some(Answer::Text(text)) => {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())
        }
        Some(Answer::BreakOff) => "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n[{".to_owned(),
        Some(Answer::Hang) => return std::future::pending().await,
        None => "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
    };
    let _ = stream.write_all(text.as_bytes()).await;
}
