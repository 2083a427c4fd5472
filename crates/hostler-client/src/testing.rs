//! A scripted server for tests: it answers what a function of the request
//! says, on a Unix socket, with plain threads.
//!
//! It is not built on an HTTP library on purpose: broken answers, cut streams
//! and connections that die at a chosen moment are what it is for.

#![expect(clippy::unwrap_used, reason = "a test server that cannot go on should stop the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_api::Problem;
use hostler_core::Code;
use serde_json::Value;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path, still encoded.
    pub path: String,
    /// Its query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// The number of the connection it came on.
    pub connection: usize,
    /// Its own number.
    pub number: usize,
}

impl Seen {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter's value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Method and path.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status and a JSON body.
    Json(u16, Value),
    /// As before, with more headers.
    JsonWith(u16, Value, Vec<(&'static str, String)>),
    /// A status and a text.
    Text(u16, String),
    /// These bytes, and the connection is closed.
    Raw(Vec<u8>),
    /// A stream of events in these pieces; then the connection is closed, or
    /// kept open without another word.
    Events(Vec<Vec<u8>>, Ending),
    /// A WebSocket that sends these messages, echoes what it gets, and closes
    /// with the reason when there is one.
    Console(Vec<Vec<u8>>, Option<&'static str>),
    /// The connection is closed without an answer.
    Drop,
    /// There is no answer for as long as the client stays.
    Hang,
}

/// What follows the last piece of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The connection is closed.
    Close,
    /// Nothing, for as long as the client stays.
    Silence,
}

impl Reply {
    /// A problem document for `code`.
    pub fn problem(code: Code, detail: &str) -> Self {
        let status = hostler_api::status_of(code).as_u16();
        let mut problem = Problem::new(&hostler_core::Error::new(code, detail), status);
        problem.request_id = Some("0192d0c4-0000-7000-8000-000000000001".into());
        Self::Json(status, serde_json::to_value(problem).unwrap())
    }

    /// A page with these items and nothing after it.
    pub fn page(items: Vec<Value>) -> Self {
        let total = items.len();
        Self::Json(
            200,
            serde_json::json!({
                "items": items, "next_cursor": null, "observed_at": "2026-11-21T04:00:00.000000Z",
                "stale": false, "approx_total": total,
            }),
        )
    }
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A scripted server; it ends with the test.
pub struct TestServer {
    directory: tempfile::TempDir,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl TestServer {
    /// Starts a server that answers what `script` says.
    pub fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("server.sock")).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script: Script = Arc::new(script);
        let (log, numbers) = (Arc::clone(&seen), Arc::new(AtomicUsize::new(0)));
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { break };
                let (script, log, numbers) =
                    (Arc::clone(&script), Arc::clone(&log), Arc::clone(&numbers));
                std::thread::spawn(move || serve(stream, connection, &script, &log, &numbers));
            }
        });
        Self { directory, seen }
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("server.sock")
    }

    /// A folder that goes with it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A client of it.
    pub fn client(&self) -> crate::Client {
        crate::Client::new(crate::Options::new(crate::Address::Socket(self.socket()))).unwrap()
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Method and path of every request so far.
    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

impl std::fmt::Debug for TestServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestServer({})", self.socket().display())
    }
}

fn serve(
    stream: UnixStream,
    connection: usize,
    script: &Script,
    log: &Mutex<Vec<Seen>>,
    numbers: &AtomicUsize,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(mut seen) = read_request(&mut reader) {
        seen.connection = connection;
        seen.number = numbers.fetch_add(1, Ordering::Relaxed);
        log.lock().unwrap().push(seen.clone());
        if !answer(&stream, &seen, script(&seen)) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

/// Reads one request; `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> Option<Seen> {
    let first = read_line(reader)?;
    let mut words = first.split(' ');
    let method = words.next()?.to_owned();
    let target = words.next()?.to_owned();
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(name, value)| (decode(name), decode(value))).collect();
    let mut seen = Seen {
        method,
        path: path.to_owned(),
        query,
        headers,
        body: vec![],
        connection: 0,
        number: 0,
    };
    if let Some(length) = seen.header("content-length").and_then(|text| text.parse().ok()) {
        seen.body = vec![0; length];
        reader.read_exact(&mut seen.body).ok()?;
    } else if seen.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = usize::from_str_radix(read_line(reader)?.as_str(), 16).ok()?;
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk).ok()?;
            read_line(reader)?;
            if size == 0 {
                break;
            }
            seen.body.extend(chunk);
        }
    }
    Some(seen)
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
            let pair = std::str::from_utf8(&pair).unwrap();
            bytes.push(u8::from_str_radix(pair, 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Writes the answer; `false` when the connection ends with it.
fn answer(mut stream: &UnixStream, seen: &Seen, reply: Reply) -> bool {
    match reply {
        Reply::Json(status, body) => write_json(stream, status, &body, &[]),
        Reply::JsonWith(status, body, headers) => write_json(stream, status, &body, &headers),
        Reply::Text(status, text) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
                text.len()
            );
            stream.write_all((head + &text).as_bytes()).is_ok()
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
            false
        }
        Reply::Events(pieces, ending) => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
            let _ = stream.write_all(head.as_bytes());
            for piece in pieces {
                let _ = stream.write_all(&piece);
                let _ = stream.flush();
                // So that the pieces arrive as pieces.
                std::thread::sleep(Duration::from_millis(2));
            }
            if ending == Ending::Silence {
                wait_for_end(stream);
            }
            false
        }
        Reply::Console(messages, reason) => {
            console(stream, seen, messages, reason);
            false
        }
        Reply::Drop => false,
        Reply::Hang => {
            wait_for_end(stream);
            false
        }
    }
}

fn write_json(
    mut stream: &UnixStream,
    status: u16,
    body: &Value,
    headers: &[(&'static str, String)],
) -> bool {
    let kind = if status < 400 { "application/json" } else { hostler_api::PROBLEM_JSON };
    let body = if status == 204 { String::new() } else { body.to_string() };
    let mut head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all((head + "\r\n" + &body).as_bytes()).is_ok()
}

fn wait_for_end(mut stream: &UnixStream) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer), Ok(count) if count > 0) {}
}

fn console(
    mut stream: &UnixStream,
    seen: &Seen,
    messages: Vec<Vec<u8>>,
    reason: Option<&'static str>,
) {
    let accept = derive_accept_key(seen.header("sec-websocket-key").unwrap_or("").as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: {accept}\r\nsec-websocket-protocol: {}\r\n\r\n",
        hostler_api::CONSOLE_PROTOCOL
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    for message in messages {
        if socket.send(Message::Binary(message.into())).is_err() {
            return;
        }
    }
    if let Some(reason) = reason {
        let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
            code: 1000.into(),
            reason: reason.into(),
        };
        let _ = socket.close(Some(frame));
    }
    // Echo until the client has gone; after a close this reads its farewell.
    while let Ok(message) = socket.read() {
        if message.is_binary() && socket.send(message).is_err() {
            return;
        }
    }
}
