//! What a handler answers with, before it is bytes.

use axum::body::Body;
use axum::response::Response;
use hostler_api::{Endpoint, IDEMPOTENT_REPLAYED, ReplyKind};
use hostler_core::Error;
use http::header::{CONTENT_TYPE, ETAG, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;

use super::compress::Secret;
use super::error::Result;

/// An answer of the endpoint's type, with headers.
#[derive(Debug)]
pub struct Reply<T> {
    value: T,
    headers: HeaderMap,
    is_secret: bool,
}

impl<T> Reply<T> {
    /// An answer.
    pub fn of(value: T) -> Self {
        Self { value, headers: HeaderMap::new(), is_secret: false }
    }

    /// With the generation of what it shows, for `If-Match`.
    #[must_use]
    pub fn generation(self, generation: u64) -> Self {
        self.with(ETAG, &format!("\"{generation}\""))
    }

    /// With the address of what was made.
    #[must_use]
    pub fn at(self, path: &str) -> Self {
        self.with(LOCATION, path)
    }

    /// With a cookie.
    #[must_use]
    pub fn cookie(self, cookie: &str) -> Self {
        self.with(SET_COOKIE, cookie)
    }

    /// Given before for the same key.
    #[must_use]
    pub fn replayed(self, was_replayed: bool) -> Self {
        match was_replayed {
            true => self.with(HeaderName::from_static(IDEMPOTENT_REPLAYED), "true"),
            false => self,
        }
    }

    /// With a header; a value that no header can have is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// It holds a secret: it is never written to disk, and never compressed.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }
}

/// An answer as bytes.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) is_secret: bool,
}

impl Written {
    pub(super) fn of<E: Endpoint>(reply: Reply<E::Reply>) -> Result<Self> {
        let mut headers = reply.headers;
        let (kind, body) = match E::REPLY {
            ReplyKind::Empty => (None, Vec::new()),
            ReplyKind::Text => (Some("text/plain; charset=utf-8"), text(&reply.value)?),
            ReplyKind::Json | ReplyKind::EventStream | ReplyKind::WebSocket => {
                (Some("application/json"), json(&reply.value)?)
            }
        };
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Ok(Self { status: E::STATUS.as_u16(), headers, body, is_secret: reply.is_secret })
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        if let Ok(status) = http::StatusCode::from_u16(self.status) {
            *response.status_mut() = status;
        }
        *response.headers_mut() = self.headers;
        if self.is_secret {
            response.extensions_mut().insert(Secret);
        }
        response
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::bug(format!("an answer is not JSON: {error}")).into())
}

fn text(value: &impl Serialize) -> Result<Vec<u8>> {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => Ok(text.into_bytes()),
        _ => Err(Error::bug("an answer that is to be text is none").into()),
    }
}
