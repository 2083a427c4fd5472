//! The API's document, and a page that shows it. Everything comes from this
//! server: it works on a machine that sees no other.

use std::sync::LazyLock;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use hostler_api::{openapi, v1};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::app::App;

const PAGE: &str = include_str!("../../assets/docs/index.html");
const SCRIPT: &str = include_str!("../../assets/docs/docs.js");
const STYLE: &str = include_str!("../../assets/docs/docs.css");

/// Made once: the endpoints do not change while the server runs.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| text().into());

/// The document as text, as it is checked in.
pub(crate) fn text() -> String {
    let document = openapi::document(&v1::endpoints());
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/openapi.json", get(|| async { file("application/json", &*DOCUMENT) }))
        .route("/api/docs", get(|| async { file("text/html; charset=utf-8", PAGE) }))
        .route(
            "/api/docs/docs.js",
            get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }),
        )
        .route("/api/docs/docs.css", get(|| async { file("text/css; charset=utf-8", STYLE) }))
}

fn file(kind: &'static str, content: impl Content) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content.bytes()).into_response()
}

/// What a file is made of.
trait Content {
    fn bytes(self) -> Bytes;
}

impl Content for &'static str {
    fn bytes(self) -> Bytes {
        Bytes::from_static(self.as_bytes())
    }
}

impl Content for &Bytes {
    fn bytes(self) -> Bytes {
        self.clone()
    }
}
