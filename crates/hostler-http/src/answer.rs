//! What a server answered.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;

/// The longest that a server can make us wait by its word alone.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status, of success or failure.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, no larger than `Options::answer_max`.
    pub body: Bytes,
}

impl Answer {
    /// How long the server asks to wait (`Retry-After`, in seconds or as a date, which is
    /// compared with the server's own `Date`); at most an hour.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds).min(WAIT_MAX));
        }
        let until = date(text)?;
        let now = date(self.headers.get(header::DATE)?.to_str().ok()?)?;
        let wait = until.duration_since(now);
        Some(Duration::try_from(wait).unwrap_or_default().min(WAIT_MAX))
    }

    /// The beginning of its body for people: one line of at most 200 characters, without
    /// control characters.
    pub fn excerpt(&self) -> String {
        let start = self.body.get(..self.body.len().min(1000)).unwrap_or_default();
        let text = String::from_utf8_lossy(start);
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let words: Vec<&str> = plain.split_whitespace().collect();
        words.join(" ").chars().take(200).collect()
    }
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(header::HeaderName, &str)], body: &[u8]) -> Answer {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let body = Bytes::copy_from_slice(body);
        Answer { status: StatusCode::SERVICE_UNAVAILABLE, headers, body }
    }

    fn wait(retry_after: &str) -> Option<Duration> {
        let date = (header::DATE, "Wed, 21 Oct 2015 07:28:00 GMT");
        answer(&[date, (header::RETRY_AFTER, retry_after)], b"").retry_after()
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_until_a_date() {
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999999"), Some(WAIT_MAX));
        assert_eq!(wait("Wed, 21 Oct 2099 07:28:30 GMT"), Some(WAIT_MAX));
        for none in ["", "soon", "-1", "1.5"] {
            assert_eq!(wait(none), None, "{none}");
        }
        assert_eq!(answer(&[], b"").retry_after(), None);
    }

    #[test]
    fn an_excerpt_is_a_line_whatever_the_body_is() {
        assert_eq!(answer(&[], b" out of\r\n\x1b[31morder ").excerpt(), "out of [31morder");
        assert_eq!(answer(&[], &[0xff; 3000]).excerpt().chars().count(), 200);
        assert_eq!(answer(&[], b"").excerpt(), "");
    }
}
