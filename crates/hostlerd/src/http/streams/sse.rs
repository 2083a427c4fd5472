//! As server-sent events: text that every HTTP client can read, and browsers
//! reconnect by themselves.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::{Follow, Said};

/// Said at once, so that a client knows that it is connected before anything happens.
const GREETING: &[u8] = b"retry: 2000\n: hello\n\n";

/// Tells a follower's client what comes, for as long as it listens.
pub(in crate::http) fn answer<F: Follow>(follower: F) -> Response {
    let ready = VecDeque::from([Bytes::from_static(GREETING)]);
    let pieces = stream::unfold((follower, ready), |(mut follower, mut ready)| async move {
        if ready.is_empty() {
            write(follower.next().await, &mut ready);
        }
        let piece = ready.pop_front()?;
        Some((Ok::<_, Infallible>(piece), (follower, ready)))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// One thing as pieces of text, so that the document itself is not copied; nothing at the end.
fn write(said: Said, pieces: &mut VecDeque<Bytes>) {
    match said {
        Said::Message { id, kind, text } => {
            let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
            let kind = kind.map(|kind| format!("event: {kind}\n")).unwrap_or_default();
            pieces.push_back(format!("{id}{kind}data: ").into());
            // JSON has no line breaks outside of its texts, and none within them.
            pieces.push_back(text.into());
            pieces.push_back(Bytes::from_static(b"\n\n"));
        }
        Said::Alive => pieces.push_back(Bytes::from_static(b": hb\n\n")),
        Said::End(..) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(said: Said) -> String {
        let mut pieces = VecDeque::new();
        write(said, &mut pieces);
        pieces.iter().map(|piece| std::str::from_utf8(piece).unwrap()).collect()
    }

    #[test]
    fn a_message_is_written_with_its_number_and_kind_where_it_has_them() {
        let message = |id, kind| Said::Message { id, kind, text: "{}".into() };
        assert_eq!(text(message(Some(7), None)), "id: 7\ndata: {}\n\n");
        assert_eq!(text(message(None, Some("resync"))), "event: resync\ndata: {}\n\n");
        assert_eq!(text(Said::message("{\"a\":1}".into())), "data: {\"a\":1}\n\n");
        assert_eq!((text(Said::Alive), text(Said::STOPPING)), (": hb\n\n".into(), String::new()));
    }
}
