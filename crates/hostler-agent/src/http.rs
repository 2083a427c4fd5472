//! What the agent answers.
//!
//! | path | what | token |
//! |---|---|---|
//! | `/metrics` | text 0.0.4 or OpenMetrics 1.0, by `Accept` | if there is one |
//! | `/api/v1/batch` | what was measured last, as JSON | if there is one |
//! | `/livez`, `/readyz` | whether it runs; whether everything was tried once | no |

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hostler_api::negotiate::{self, Coding};
use hostler_core::clock::Clock;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY,
    WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::Full;
use subtle::ConstantTimeEq;

use crate::shelf::Shelf;
use crate::wire::{self, Origin};
use crate::{exposition, sources::Source};

/// What is shorter is not made smaller.
const GZIP_MIN: usize = 1024;

const TEXT: &str = "text/plain; charset=utf-8";

/// What answering needs.
pub(crate) struct App {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) origin: Origin,
    pub(crate) token: Option<String>,
    pub(crate) sources: Vec<Arc<Source>>,
}

type Answer = Response<Full<Bytes>>;

/// Answers a request. Never waits for a source.
pub(crate) async fn answer(app: Arc<App>, request: Parts) -> Answer {
    if ![Method::GET, Method::HEAD].contains(&request.method) {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match request.uri.path() {
        "/livez" => plain(StatusCode::OK, "ok\n"),
        "/readyz" if is_ready(&app) => plain(StatusCode::OK, "ok\n"),
        "/readyz" => plain(StatusCode::SERVICE_UNAVAILABLE, "not everything was tried yet\n"),
        "/metrics" | "/api/v1/batch" if !is_admitted(&app, &request.headers) => {
            let mut answer = plain(StatusCode::UNAUTHORIZED, "show the token of token_file\n");
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            answer
        }
        "/metrics" => {
            let format = negotiate::metrics_format(&request.headers);
            let write = move |app: &App| {
                let (host, now) = (&app.origin.machine.name, app.clock.now());
                Ok(exposition::write(&app.shelf.copy(), host, now, format).into_bytes())
            };
            document(app, request.headers, format.content_type(), write).await
        }
        "/api/v1/batch" => {
            let write = |app: &App| {
                let batches = wire::batches(&app.shelf.copy(), &app.origin, app.clock.now());
                serde_json::to_vec(&batches)
            };
            document(app, request.headers, "application/json", write).await
        }
        _ => plain(StatusCode::NOT_FOUND, "there are /metrics, /api/v1/batch, /livez, /readyz\n"),
    }
}

/// Whether every source that is always there was tried once, with whatever outcome:
/// a libvirt that is not there keeps nothing from being served (D10).
fn is_ready(app: &App) -> bool {
    let always = app.sources.iter().filter(|source| source.presence.is_none());
    app.shelf.has_tried(
        always.flat_map(|source| source.passes().into_iter().map(|cost| (source.name, cost))),
    )
}

fn is_admitted(app: &App, headers: &HeaderMap) -> bool {
    let Some(token) = &app.token else { return true };
    let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let (scheme, shown) = shown.split_at(shown.len().min(b"Bearer ".len()));
    scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(shown.ct_eq(token.as_bytes()))
}

/// A document, made on a thread where nothing else has to wait for it.
async fn document(
    app: Arc<App>,
    headers: HeaderMap,
    content_type: &'static str,
    write: impl FnOnce(&App) -> serde_json::Result<Vec<u8>> + Send + 'static,
) -> Answer {
    let written = tokio::task::spawn_blocking(move || {
        let body = write(&app).ok()?;
        let takes_gzip = negotiate::best(&headers, &[Coding::Gzip]).is_some();
        let small = (takes_gzip && body.len() >= GZIP_MIN).then(|| gzip(&body)).flatten();
        Some(small.map_or((body, false), |small| (small, true)))
    });
    let Ok(Some((body, is_gzip))) = written.await else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "it could not be written\n");
    };
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if is_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(Coding::Gzip.as_str()));
    }
    answer
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    answer
}
