//! What a handler answers with, before it is bytes.

use axum::body::Body;
use axum::response::Response;
use hostler_api::{Endpoint, IDEMPOTENT_REPLAYED, Page, ReplyKind};
use hostler_core::Error;
use http::header::{CONTENT_TYPE, ETAG, LINK, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Serialize;
use serde_json::Value;

use super::compress::Secret;
use super::error::Result;
use super::fields;

/// An answer of the endpoint's type, with headers.
#[derive(Debug)]
pub struct Reply<T> {
    value: T,
    headers: HeaderMap,
    is_secret: bool,
    next: Option<String>,
    is_page: bool,
}

impl<T> Reply<Page<T>> {
    /// A page of a list, with a link to the next one.
    pub fn page(page: Page<T>) -> Self {
        let next = page.next_cursor.clone();
        Self { next, is_page: true, ..Self::of(page) }
    }
}

impl<T> Reply<T> {
    /// An answer.
    pub fn of(value: T) -> Self {
        Self { value, headers: HeaderMap::new(), is_secret: false, next: None, is_page: false }
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

    /// With a header.
    #[must_use]
    pub fn with_value(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
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
    /// The bytes of an answer to a request for `uri`.
    pub(super) fn of<E: Endpoint>(reply: Reply<E::Reply>, uri: &Uri) -> Result<Self> {
        let mut headers = reply.headers;
        if let Some(value) = reply.next.and_then(|cursor| link(uri, &cursor)) {
            headers.insert(LINK, value);
        }
        let fields = reply.is_page.then(|| fields::asked(uri)).flatten();
        let (kind, body) = match E::REPLY {
            ReplyKind::Empty => (None, Vec::new()),
            ReplyKind::Text => (Some("text/plain; charset=utf-8"), text(&reply.value)?),
            ReplyKind::Json | ReplyKind::EventStream | ReplyKind::WebSocket => {
                let body = match fields {
                    Some(fields) => json(&fields::only::<E>(&reply.value, &fields)?)?,
                    None => json(&reply.value)?,
                };
                (Some("application/json"), body)
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

/// The address of the next page (RFC 8288): this one's, but for the cursor.
fn link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let asked = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(asked.filter(|(name, _)| name != "cursor"));
    query.append_pair("cursor", cursor);
    let target = format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish());
    HeaderValue::try_from(target).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_asked_for_like_this_one() {
        for (asked, wanted) in [
            ("/api/v1/vms", "</api/v1/vms?cursor=c-_1>; rel=\"next\""),
            ("/api/v1/vms?cursor=old&limit=2", "</api/v1/vms?limit=2&cursor=c-_1>; rel=\"next\""),
            (
                "https://h/api/v1/vms?filter=name%3Dweb-*",
                "</api/v1/vms?filter=name%3Dweb-*&cursor=c-_1>; rel=\"next\"",
            ),
        ] {
            assert_eq!(link(&asked.parse().unwrap(), "c-_1").unwrap(), wanted);
        }
    }
}
