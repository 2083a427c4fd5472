//! A client of the server's API over its unix socket: one connection a request, nothing hidden.
//!
//! The product's own client would bring an async runtime into the compilation of every developer
//! command; what a bench asks fits into a page.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hostler_lab::{Error, Result};
use serde_json::Value;

/// An answer may wait for an operation, which the server bounds to 60 s.
const PATIENCE: Duration = Duration::from_secs(120);
/// More than any page of a list.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// A server, by its socket. Whoever runs a bench administers it.
#[derive(Debug, Clone)]
pub(super) struct Api {
    socket: PathBuf,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The headers as sent, names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// The body as sent.
    pub(super) body: Vec<u8>,
}

/// A body and what it is.
pub(super) enum Body<'a> {
    /// None.
    Nothing,
    /// A document.
    Json(&'a Value),
    /// A change to a document (RFC 7396).
    MergePatch(&'a Value),
}

impl Api {
    /// Of the server that listens there.
    pub(super) fn at(socket: &Path) -> Api {
        Api { socket: socket.to_owned() }
    }

    /// Asks, and gives whatever was answered.
    ///
    /// # Errors
    /// When no answer comes or it is no HTTP.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Body<'_>,
    ) -> Result<Answer> {
        let asked = || format!("{method} {path}");
        let answer = self.exchange(method, path, headers, body);
        answer.map_err(|error| error.context(asked()))
    }

    /// Asks; anything but success is an error that repeats the answer.
    ///
    /// # Errors
    /// When it does not succeed.
    pub(super) fn succeed(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Body<'_>,
    ) -> Result<Answer> {
        let answer = self.ask(method, path, headers, body)?;
        match answer.status {
            200..=299 => Ok(answer),
            status => {
                let said = String::from_utf8_lossy(&answer.body).into_owned();
                Err(Error::new(format!("{method} {path} was answered by {status}: {said}")))
            }
        }
    }

    /// The document at a path.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        self.succeed("GET", path, &[], &Body::Nothing)?.json()
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Body<'_>,
    ) -> Result<Answer> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let content = match body {
            Body::Nothing => String::new(),
            Body::Json(value) | Body::MergePatch(value) => value.to_string(),
        };
        let kind = match body {
            Body::Nothing => None,
            Body::Json(_) => Some("application/json"),
            Body::MergePatch(_) => Some("application/merge-patch+json"),
        };
        if let Some(kind) = kind {
            let length = content.len();
            head.push_str(&format!("content-type: {kind}\r\ncontent-length: {length}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{content}").as_bytes())?;
        let mut bytes = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
        read(&bytes)
    }
}

impl Answer {
    /// The body as a document.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::new(format!("the answer is not JSON: {error}")))
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A text within a document, by its JSON pointer.
///
/// # Errors
/// When there is none.
pub(super) fn text<'a>(document: &'a Value, pointer: &str) -> Result<&'a str> {
    let found = document.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| Error::new(format!("there is no text at {pointer} of {document}")))
}

/// Reads a whole answer whose end is the connection's.
fn read(bytes: &[u8]) -> Result<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, rest) = end
        .and_then(|end| bytes.split_at_checked(end))
        .ok_or_else(|| Error::new("the answer ended within its head"))?;
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| Error::new(format!("{first:?} is no status line")))?;
    let named = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> = named
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let answer = Answer { status, headers, body: rest.get(4..).unwrap_or_default().to_vec() };
    if answer.header("transfer-encoding").is_some() {
        return Err(Error::new("the answer comes in chunks, which no answer of the API does"));
    }
    match answer.header("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) if length != answer.body.len() => {
            let got = answer.body.len();
            Err(Error::new(format!("the answer was cut off: {got} of {length} bytes")))
        }
        _ => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_its_headers_and_its_body_as_sent() {
        let answer = read(b"HTTP/1.1 201 Created\r\nETag: \"3\"\r\ncontent-length: 2\r\n\r\n{}");
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.header("etag")), (201, Some("\"3\"")));
        assert_eq!(answer.json().unwrap(), serde_json::json!({}));
    }

    #[test]
    fn an_answer_that_is_not_whole_is_an_error() {
        for bytes in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"what?\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        ] {
            assert!(read(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_text_that_is_missing_is_named_with_the_document() {
        let document = serde_json::json!({ "status": { "state": "running", "n": 1 } });
        assert_eq!(text(&document, "/status/state").unwrap(), "running");
        assert!(text(&document, "/status/n").unwrap_err().to_string().contains("/status/n"));
    }
}
