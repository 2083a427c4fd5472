//! Answers made smaller on the wire, for clients that ask for it.
//!
//! Only whole texts that are at hand are: what streams (events, consoles) must
//! arrive as it happens. What holds a secret never is, since the length of a
//! compressed answer tells how much of it somebody guessed (BREACH).
//!
//! ```text
//!  answer ─► text? whole? 1 KiB or more? no secret, no strong ETag? ─► gzip
//!                │ no                                                   │ not smaller
//!                └──────────────────────────────► as it is ◄────────────┘
//! ```

use std::io::Write;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, SET_COOKIE, VARY,
};
use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;

use hostler_api::negotiate::{self, Coding};

/// A smaller text fits into a packet anyway.
const BYTES_MIN: u64 = 1 << 10;
/// A larger one would keep a processor busy for too long.
const BYTES_MAX: u64 = 16 << 20;
/// From here on it is done beside the threads that answer others.
const ASIDE_BYTES: usize = 64 << 10;
/// Nearly as small as the most, and several times as quick.
const LEVEL: u32 = 5;

/// Marks an answer that holds a secret: it goes out as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secret;

/// Compresses what may be, if the client asks for it.
pub(super) async fn compress(request: Request, next: Next) -> Response {
    let wanted = negotiate::best(request.headers(), &[Coding::Gzip]);
    let mut response = next.run(request).await;
    if !is_worth_it(&response) {
        return response;
    }
    // Also where it stays as it is: for others it would be another answer.
    response.headers_mut().append(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    match wanted {
        Some(coding) => smaller(response, coding).await,
        None => response,
    }
}

fn is_worth_it(response: &Response) -> bool {
    let headers = response.headers();
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A strong ETag stands for these very bytes (RFC 9110, 8.8.1); and clients send
    // ours back in `If-Match`, which compares no weak ones.
    let is_strong = headers.get(ETAG).is_some_and(|tag| !tag.as_bytes().starts_with(b"W/"));
    let size = response.body().size_hint().exact();
    response.status() != StatusCode::PARTIAL_CONTENT
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(SET_COOKIE)
        && response.extensions().get::<Secret>().is_none()
        && !is_strong
        && is_text(kind)
        && size.is_some_and(|size| (BYTES_MIN..=BYTES_MAX).contains(&size))
}

/// Whether a content type's bytes are text.
pub(super) fn is_text(kind: &str) -> bool {
    let media = kind.split(';').next().unwrap_or_default().trim();
    match media {
        "text/event-stream" => false,
        "application/json"
        | "application/problem+json"
        | "application/openmetrics-text"
        | "image/svg+xml" => true,
        other => other.starts_with("text/"),
    }
}

async fn smaller(response: Response, coding: Coding) -> Response {
    let (mut parts, body) = response.into_parts();
    // Its size is known, so it is at hand: nothing is waited for here.
    let whole = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        // The connection could not have carried it either.
        Err(error) => {
            return Response::from_parts(
                parts,
                Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(error)])),
            );
        }
    };
    let packed = match whole.len() >= ASIDE_BYTES {
        true => {
            let given = whole.clone();
            let packing = tokio::task::spawn_blocking(move || pack(&given));
            packing.await.ok().flatten()
        }
        false => pack(&whole),
    };
    let Some(packed) = packed.filter(|packed| packed.len() < whole.len()) else {
        return Response::from_parts(parts, Body::from(whole));
    };
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    Response::from_parts(parts, Body::from(packed))
}

fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    let room = Vec::with_capacity(plain.len() / 4);
    let mut encoder = GzEncoder::new(room, Compression::new(LEVEL));
    encoder.write_all(plain).and_then(|()| encoder.finish()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: &'static str, size: usize) -> Response {
        let mut response = Response::new(Body::from("a".repeat(size)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }

    #[test]
    fn only_whole_texts_of_some_size_are_compressed() {
        for kind in ["application/json", "text/html; charset=utf-8", "application/problem+json"] {
            assert!(is_worth_it(&answer(kind, 1024)), "{kind}");
            assert!(!is_worth_it(&answer(kind, 1023)), "{kind}");
        }
        for kind in ["text/event-stream", "application/octet-stream", "image/png", "font/woff2"] {
            assert!(!is_worth_it(&answer(kind, 4096)), "{kind}");
        }
        let stream = futures_util::stream::empty::<std::io::Result<Bytes>>();
        let mut streamed = answer("application/json", 0);
        *streamed.body_mut() = Body::from_stream(stream);
        assert!(!is_worth_it(&streamed));
    }

    #[test]
    fn a36_what_holds_a_secret_is_never_compressed() {
        let mut marked = answer("application/json", 4096);
        marked.extensions_mut().insert(Secret);
        assert!(!is_worth_it(&marked));
        let mut with_cookie = answer("application/json", 4096);
        with_cookie.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("a=b"));
        assert!(!is_worth_it(&with_cookie));
    }

    #[test]
    fn what_a_strong_etag_stands_for_stays_as_it_is() {
        for (tag, is_done) in [("\"7\"", false), ("W/\"7\"", true)] {
            let mut tagged = answer("application/json", 4096);
            tagged.headers_mut().insert(ETAG, HeaderValue::from_static(tag));
            assert_eq!(is_worth_it(&tagged), is_done, "{tag}");
        }
    }

    #[tokio::test]
    async fn what_does_not_get_smaller_goes_out_as_it_is() {
        // Every pair of bytes once: nothing repeats.
        let mut noise = vec![0_u8; 2048];
        getrandom::fill(&mut noise).unwrap();
        let mut response = answer("text/plain", 0);
        *response.body_mut() = Body::from(noise.clone());
        let response = smaller(response, Coding::Gzip).await;
        assert!(!response.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), noise);
    }
}
