//! Server-sent events: text that every HTTP client can read, and browsers
//! reconnect by themselves.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hostler_api::v1;
use hostler_core::error::Fault;
use hostler_core::{Code, Error};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;

use super::follow::{Follower, Told};
use crate::app::App;
use crate::http::Call;
use crate::http::error::Result;

pub(super) async fn follow(
    app: App,
    call: Call<v1::EventStream>,
    parts: Parts,
) -> Result<Response> {
    let since = since(&parts, call.query.since)?;
    let follower = Follower::begin(app, call.caller, &call.query, since).await?;
    // Said at once, so that a client knows that it is connected before anything happens.
    let greeting = Bytes::from_static(b"retry: 2000\n: hello\n\n");
    let lines = stream::unfold((follower, Some(greeting)), |(mut follower, greeting)| async move {
        let text = match greeting {
            Some(greeting) => greeting,
            None => text(follower.next().await)?,
        };
        Some((Ok::<_, std::convert::Infallible>(text), (follower, None)))
    });
    let mut response = Response::new(Body::from_stream(lines));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A browser that reconnects says what it has seen in a header, and repeats the
/// old address: the header is newer.
fn since(parts: &Parts, given: Option<u64>) -> Result<Option<u64>> {
    match parts.headers.get("last-event-id").map(HeaderValue::to_str) {
        None | Some(Ok("")) => Ok(given),
        Some(value) => {
            let number = value.ok().and_then(|text| text.parse().ok());
            number.map(Some).ok_or_else(|| {
                let fault = Fault::new("Last-Event-ID", "malformed", "must be a number");
                Error::faults(Code::QueryInvalid, vec![fault]).into()
            })
        }
    }
}

/// One thing as text; `None` at the end.
fn text(told: Told) -> Option<Bytes> {
    match told {
        Told::Event(event) => {
            // JSON has no line breaks outside of its texts, and none within them.
            let data = serde_json::to_string(&event).ok()?;
            Some(format!("id: {}\ndata: {data}\n\n", event.seq).into())
        }
        Told::Resync => Some(Bytes::from_static(b"event: resync\ndata: {\"type\":\"resync\"}\n\n")),
        Told::Nothing => Some(Bytes::from_static(b": hb\n\n")),
        Told::End => None,
    }
}
