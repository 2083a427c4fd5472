//! Around every request: its id, its line in the log, its share in the metrics,
//! and the end of its answer. A handler that panics answers 500 like any bug.

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hostler_api::REQUEST_ID;
use hostler_core::id::RequestId;
use hostler_core::{Code, Error};
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderValue, Method, Version};
use tokio::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;

use super::error::{Refusal, write_problem};
use super::{compress, headers};
use crate::app::App;
use crate::listen::Peer;

/// The longest id that a client may give a request.
const ID_BYTES_MAX: usize = 64;
/// Paths that answer while the server stops.
const ALWAYS: &[&str] = &["/livez", "/readyz", "/healthz", "/metrics"];

/// Puts it around every route.
pub(super) fn wrap(router: Router<App>, app: &App) -> Router<App> {
    // Outermost, because what is refused gets its text only in `observe`.
    router.layer(from_fn_with_state(app.clone(), observe)).layer(from_fn(compress::compress))
}

async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(&app, request.headers());
    let method = request.method().clone();
    // The template, never the path: a metric's labels must not be the client's to choose (A33).
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "other".to_owned());
    let is_tls = request.extensions().get::<Peer>().is_some_and(Peer::is_tls);
    let host = host_of(&request);
    let is_http_1 = request.version() <= Version::HTTP_11;
    let is_refused = app.draining.is_cancelled() && !ALWAYS.contains(&request.uri().path());
    let _at_work = (!is_refused).then(|| app.requests.token());
    let span = tracing::info_span!(
        "request", request_id = %id, method = %method, route, user = Empty, trace_id = Empty
    );
    if let Some(trace) = trace_id(request.headers()) {
        span.record("trace_id", trace);
    }
    let mut response = async {
        if is_refused {
            let refusal = Refusal::new(Code::ServerDraining, "the server is stopping");
            return refusal.retry_after(5).into_response();
        }
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => Refusal::from(Error::bug("a handler panicked")).into_response(),
        }
    }
    .instrument(span.clone())
    .await;
    let _entered = span.entered();
    response = write_problem(response, &id);
    headers::add(&mut response, &host, is_tls);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if is_refused && is_http_1 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let (status, took) = (response.status().as_u16(), start.elapsed());
    app.meters.request(&route, &method, status, took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match (status, method) {
        // What probes are told is written once, where it changes (see `health`).
        _ if ALWAYS.contains(&route.as_str()) => tracing::debug!(status, duration_ms, "answered"),
        (500.., _) => tracing::warn!(status, duration_ms, "answered"),
        (_, Method::GET | Method::HEAD) => tracing::debug!(status, duration_ms, "answered"),
        _ => tracing::info!(status, duration_ms, "answered"),
    }
    response
}

/// The client's id where it is short and harmless, else a fresh one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_good = |id: &&str| {
        let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !id.is_empty() && id.len() <= ID_BYTES_MAX && id.chars().all(harmless)
    };
    match given.filter(is_good) {
        Some(id) => id.to_owned(),
        None => app.ids.next(RequestId::new).to_string(),
    }
}

/// The trace that a request is part of (W3C Trace Context, `traceparent`), so that its
/// lines in the log are found from the caller's side; `None` where the header is none.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = parts.next()?;
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_good = is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    // Later versions may say more; this one says just this.
    let is_whole = version != "00" || parts.next().is_none();
    let is_something = trace.bytes().any(|b| b != b'0') && parent.bytes().any(|b| b != b'0');
    (is_good && is_whole && is_something && version != "ff").then_some(trace)
}

fn host_of(request: &Request) -> String {
    let of_header = || request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let host = request.uri().authority().map(http::uri::Authority::as_str).or_else(of_header);
    host.unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_trace_is_logged() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", text.parse().unwrap());
            trace_id(&headers).map(str::to_owned)
        };
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert_eq!(of(&format!("00-{trace}-{parent}-01")).as_deref(), Some(trace));
        assert_eq!(of(&format!("cc-{trace}-{parent}-01-more")).as_deref(), Some(trace));
        let zeros = "0".repeat(32);
        for wrong in [
            format!("00-{trace}-{parent}-01-more"),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{zeros}-{parent}-01"),
            format!("00-{trace}-{}-01", &zeros[..16]),
            format!("00-{trace}-{parent}"),
            format!("00-{trace}\"x-{parent}-01"),
            String::new(),
        ] {
            assert_eq!(of(&wrong), None, "{wrong}");
        }
    }
}
