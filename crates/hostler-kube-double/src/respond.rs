//! Answers as HTTP carries them.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WARNING};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use crate::status::{Refused, Told};

/// A connection that is to break off.
#[derive(Debug, thiserror::Error)]
#[error("the double was told to break this connection off")]
pub(crate) struct Aborted;

/// A body; it may break off.
pub(crate) type Body = UnsyncBoxBody<Bytes, Aborted>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn answer(code: u16, kind: Option<HeaderValue>, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, kind);
    }
    response
}

/// A JSON body.
pub(crate) fn json(code: u16, body: &Value) -> Response<Body> {
    json_text(code, body.to_string())
}

/// A JSON body that is a text already.
pub(crate) fn json_text(code: u16, body: String) -> Response<Body> {
    answer(code, Some(JSON), full(body))
}

/// A JSON body, with a `Warning` for each text.
pub(crate) fn json_with_warnings(code: u16, body: &Value, warnings: &[String]) -> Response<Body> {
    let mut response = json(code, body);
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
    response
}

/// A text.
pub(crate) fn text(code: u16, body: impl Into<Bytes>) -> Response<Body> {
    answer(code, Some(TEXT), full(body))
}

/// No body and no content type, as virt-api says that it accepted.
pub(crate) fn empty(code: u16) -> Response<Body> {
    answer(code, None, full(Bytes::new()))
}

/// A stream of JSON lines.
pub(crate) fn stream(body: Body) -> Response<Body> {
    answer(200, Some(JSON), body)
}

/// A refusal.
pub(crate) fn refused(refused: &Refused) -> Response<Body> {
    let mut response = match &refused.body {
        Told::Status(body) => json(refused.code, body),
        Told::Text(body) => text(refused.code, body.clone()),
    };
    if let Some(seconds) = refused.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
