//! A receiver that answers as it was told, one answer for each request, and remembers
//! what it was sent.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Method, path and headers, as they came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// It stops when dropped.
pub(crate) struct Scripted {
    port: u16,
    sent: Arc<Mutex<Vec<Sent>>>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    /// Answers with each of these heads in turn (`503 Busy`, or with headers after it),
    /// and with `body`; hangs up once there are no more.
    pub(crate) async fn new(heads: &[&str], body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Vec<String> = heads
            .iter()
            .map(|head| {
                let length = body.len();
                format!(
                    "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                )
            })
            .collect();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let remembered = Arc::clone(&sent);
        tasks.spawn(async move {
            let mut answers = answers.into_iter();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::new();
                let request = loop {
                    if let Some(request) = whole(&bytes) {
                        break Some(request);
                    }
                    let mut piece = [0; 4096];
                    match stream.read(&mut piece).await {
                        Ok(0) | Err(_) => break None,
                        Ok(count) => bytes.extend_from_slice(&piece[..count]),
                    }
                };
                remembered.lock().unwrap().extend(request);
                let Some(answer) = answers.next() else { continue };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, sent, _tasks: tasks }
    }

    /// Its URL, with this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it was sent.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

fn whole(bytes: &[u8]) -> Option<Sent> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut sent = Sent { head, body: bytes[end + 4..].to_vec() };
    let length: usize = sent.header("content-length").unwrap_or("0").parse().unwrap();
    sent.body.truncate(length);
    (sent.body.len() == length).then_some(sent)
}
