//! What a mail server says: three digits, and lines of text.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use crate::text::line;

/// The longest line, in bytes; 512 are allowed to it.
const LINE_MAX: u64 = 4096;
/// The most lines of one reply.
const LINES_MAX: usize = 100;
/// The most of a reply that is repeated to people, in characters.
const SHOWN_MAX: usize = 200;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// Its code, 200 to 599.
    pub(super) code: u16,
    /// Its lines, without code.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// What it says, for people.
    pub(super) fn shown(&self) -> String {
        line(&format!("{} {}", self.code, self.lines.join(" ")), SHOWN_MAX)
    }

    /// Whether the server offers this, in a reply to EHLO.
    pub(super) fn offers(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// What follows a keyword, in a reply to EHLO.
    pub(super) fn parameters(&self, keyword: &str) -> Option<Vec<String>> {
        self.lines.iter().skip(1).find_map(|line| {
            let mut words = line.split_ascii_whitespace().map(str::to_ascii_uppercase);
            (words.next().as_deref() == Some(keyword)).then(|| words.collect())
        })
    }
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{0}")]
    Connection(#[from] std::io::Error),
    #[error("it closed the connection")]
    Closed,
    #[error("what it says is not SMTP")]
    NoReply,
}

/// Reads one reply, and never more than a reply can be.
pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Reply, Unreadable> {
    let mut lines = Vec::new();
    let mut first = None;
    while lines.len() < LINES_MAX {
        let mut line = Vec::new();
        (&mut *from).take(LINE_MAX).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Err(Unreadable::Closed);
        }
        let (code, is_last, text) = parse(&line).ok_or(Unreadable::NoReply)?;
        if *first.get_or_insert(code) != code {
            return Err(Unreadable::NoReply);
        }
        lines.push(text);
        if is_last {
            return Ok(Reply { code, lines });
        }
    }
    Err(Unreadable::NoReply)
}

fn parse(line: &[u8]) -> Option<(u16, bool, String)> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (digits, rest) = line.split_at_checked(3)?;
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    if !(200..600).contains(&code) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (is_last, text) = match rest {
        [] => (true, rest),
        [b' ', text @ ..] => (true, text),
        [b'-', text @ ..] => (false, text),
        _ => return None,
    };
    Some((code, is_last, String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_now(bytes: &[u8]) -> Result<Reply, Unreadable> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut bytes = bytes;
        runtime.block_on(read(&mut bytes))
    }

    #[test]
    fn a_reply_has_lines_of_one_code() {
        let reply =
            read_now(b"250-mail.example\r\n250-auth plain LOGIN\r\n250 STARTTLS\r\n").unwrap();
        assert_eq!((reply.code, reply.lines.len()), (250, 3));
        assert!(reply.offers("STARTTLS") && !reply.offers("MAIL.EXAMPLE"));
        assert_eq!(reply.parameters("AUTH").unwrap(), ["PLAIN", "LOGIN"]);
        assert_eq!(read_now(b"250\n").unwrap().lines, [""]);
        assert_eq!(read_now(b"550 no \x1b[2Jsuch\r\n").unwrap().shown(), "550 no [2Jsuch");
    }

    #[test]
    fn what_is_no_reply_is_told_and_does_not_go_on_for_ever() {
        for bad in ["", "SSH-2.0-x\r\n", "+50 x\r\n", "99 x\r\n", "250-a\r\n550 b\r\n", "250?x\r\n"]
        {
            assert!(read_now(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(matches!(read_now("250 ".repeat(5000).as_bytes()), Err(Unreadable::NoReply)));
        assert!(matches!(read_now("250-x\r\n".repeat(500).as_bytes()), Err(Unreadable::NoReply)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_now(&bytes);
        }
    }
}
