//! From an endpoint's value to a request: path, query, body and key.

use bytes::Bytes;
use hostler_api::{BodyKind, Endpoint};
use http::header::{ACCEPT, CONTENT_TYPE, IF_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::client::Terms;
use crate::error::{Error, Result};

/// A request that can be sent more than once.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) method: Method,
    /// Path and query, without the address's prefix.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether sending it again after it may have been carried out is harmless.
    pub(crate) repeatable: bool,
}

impl Prepared {
    /// The method and path, for messages; the query may be long.
    pub(crate) fn name(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }
}

/// A request that no endpoint value describes.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// Its method.
    pub method: Method,
    /// Its path and query, for example `/api/v1/vms?limit=1`.
    pub target: String,
    /// Its body and content type.
    pub body: Option<(Bytes, String)>,
    /// What applies to it besides.
    pub terms: Terms,
}

impl RawRequest {
    pub(crate) fn prepare(self) -> Result<Prepared> {
        if !self.target.starts_with('/') || self.target.parse::<http::Uri>().is_err() {
            return Err(Error::setup(
                format!("`{}` is not a path", self.target),
                "a path begins with `/`, for example /api/v1/vms",
            ));
        }
        let mut headers = HeaderMap::new();
        let body = match self.body {
            None => Bytes::new(),
            Some((body, kind)) => {
                headers.insert(CONTENT_TYPE, header_value("content type", &kind)?);
                body
            }
        };
        finish(self.method, self.target, headers, body, &self.terms)
    }
}

/// The request for one endpoint.
pub(crate) fn prepare<E: Endpoint>(
    path: &E::Path,
    query: &E::Query,
    body: &E::Body,
    terms: &Terms,
) -> Result<Prepared> {
    let mut headers = HeaderMap::new();
    let mut content = Bytes::new();
    if let Some(kind) = match E::BODY {
        BodyKind::None | BodyKind::Bytes => None,
        BodyKind::Json => Some("application/json"),
        BodyKind::MergePatch => Some("application/merge-patch+json"),
        BodyKind::Text => Some("text/plain"),
    } {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        content = serde_json::to_vec(body).map_err(|error| unsendable::<E>(&error))?.into();
        if E::BODY == BodyKind::Text {
            // Its type is a string, which is sent as it is.
            let text = serde_json::from_slice::<String>(&content);
            content = text.map_err(|error| unsendable::<E>(&error))?.into();
        }
    }
    finish(E::METHOD, target::<E>(path, query)?, headers, content, terms)
}

/// The path and query of a request for one endpoint.
pub(crate) fn target<E: Endpoint>(path: &E::Path, query: &E::Query) -> Result<String> {
    let path = serde_json::to_value(path).map_err(|error| unsendable::<E>(&error))?;
    let query = serde_json::to_value(query).map_err(|error| unsendable::<E>(&error))?;
    let mut target = fill_path(E::PATH, &path)?;
    let query = query_string(&query)?;
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    Ok(target)
}

/// Adds what every request has, and decides whether it may be repeated.
fn finish(
    method: Method,
    target: String,
    mut headers: HeaderMap,
    body: Bytes,
    terms: &Terms,
) -> Result<Prepared> {
    let accept = HeaderValue::from_static("application/json, text/plain;q=0.5, */*;q=0.1");
    headers.insert(ACCEPT, accept);
    if let Some(tag) = &terms.if_match {
        headers.insert(IF_MATCH, header_value("If-Match", tag)?);
    }
    let repeatable = match method {
        Method::GET | Method::HEAD | Method::OPTIONS => true,
        Method::POST | Method::DELETE => {
            let key = terms.idempotency_key.clone().unwrap_or_else(random_key);
            let name = HeaderName::from_static(hostler_api::IDEMPOTENCY_KEY);
            headers.insert(name, header_value("the idempotency key", &key)?);
            true
        }
        // A repeated PATCH would be refused because the first was carried out,
        // and the caller would be told of a failure that is none.
        _ => false,
    };
    Ok(Prepared { method, target, headers, body, repeatable })
}

fn header_value(what: &str, text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| {
        Error::setup(format!("{what} cannot be sent in a header"), "use printable ASCII only")
    })
}

/// 128 random bits in hex: two callers never choose the same.
fn random_key() -> String {
    let mut bytes = [0_u8; 16];
    // The system's generator fails only where there is none, and then no TLS
    // connection would work either.
    getrandom::fill(&mut bytes).expect("the system has a random generator");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unsendable<E: Endpoint>(error: &serde_json::Error) -> Error {
    Error::setup(format!("the parameters of {} cannot be sent: {error}", E::ID), "report it")
}

/// `template` with each `{name}` replaced by the field of that name.
fn fill_path(template: &str, fields: &Value) -> Result<String> {
    let mut path = String::new();
    for segment in template.split('/').skip(1) {
        path.push('/');
        let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            path.push_str(segment);
            continue;
        };
        let value = fields.get(name).and_then(scalar).unwrap_or_default();
        // These would address another resource after a proxy has tidied the path.
        if matches!(value.as_str(), "" | "." | "..") {
            return Err(Error::setup(
                format!("`{value}` cannot name a {name}"),
                format!("look the {name} up in its list"),
            ));
        }
        encode(&value, &mut path);
    }
    Ok(path)
}

/// The fields as `name=value&…`; null fields are left out.
fn query_string(fields: &Value) -> Result<String> {
    let mut query = String::new();
    for (name, value) in fields.as_object().into_iter().flatten() {
        if value.is_null() {
            continue;
        }
        let value = scalar(value).ok_or_else(|| {
            Error::setup(format!("`{name}` cannot be sent in a query"), "report it")
        })?;
        if !query.is_empty() {
            query.push('&');
        }
        encode(name, &mut query);
        query.push('=');
        encode(&value, &mut query);
    }
    Ok(query)
}

/// A value as it stands in a path or query; none for documents.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            to.push(char::from(byte));
        } else {
            to.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use hostler_api::{ListQuery, Nothing, v1};
    use proptest::prelude::*;

    use super::*;

    fn volume(name: &str) -> v1::VolumePath {
        v1::VolumePath { pool: "p1".into(), volume: name.into() }
    }

    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        let target = target::<v1::VolumeDelete>(&volume("a/../b?x=1 é"), &Nothing {}).unwrap();
        assert_eq!(target, "/api/v1/pools/p1/volumes/a%2F..%2Fb%3Fx%3D1%20%C3%A9");
        for name in ["", ".", ".."] {
            assert!(super::target::<v1::VolumeDelete>(&volume(name), &Nothing {}).is_err());
        }
    }

    #[test]
    fn a_text_is_sent_as_it_is() {
        let (query, text) = (v1::CustomMetricTextQuery::default(), "a{b=\"c\"} 1\n".to_owned());
        let asked =
            prepare::<v1::CustomMetricPushText>(&Nothing {}, &query, &text, &Terms::default());
        let asked = asked.unwrap();
        assert_eq!(&asked.body[..], text.as_bytes());
        assert_eq!(asked.headers[CONTENT_TYPE], "text/plain");
    }

    #[test]
    fn only_the_given_parameters_are_sent() {
        let query = ListQuery {
            limit: Some(5),
            filter: Some("name=\"a b\" AND state=running".into()),
            ..ListQuery::default()
        };
        let target = target::<v1::VmList>(&Nothing {}, &query).unwrap();
        assert_eq!(target, "/api/v1/vms?limit=5&filter=name%3D%22a%20b%22%20AND%20state%3Drunning");
    }

    #[test]
    fn x17_a_post_has_a_key_of_its_own_and_may_be_repeated() {
        let path = v1::VmPath { vm: "1".into() };
        let make = || prepare::<v1::VmStart>(&path, &Nothing {}, &Nothing {}, &Terms::default());
        let (one, two) = (make().unwrap(), make().unwrap());
        let key = |prepared: &Prepared| prepared.headers.get("idempotency-key").cloned();
        assert!(one.repeatable && key(&one).is_some_and(|key| key.len() == 32));
        assert_ne!(key(&one), key(&two));
    }

    #[test]
    fn a_delete_has_a_key_so_that_it_is_never_repeated_blindly() {
        let path = v1::VmPath { vm: "1".into() };
        let query = v1::VmDeleteQuery { disks: true, force: false };
        let made = prepare::<v1::VmDelete>(&path, &query, &Nothing {}, &Terms::default()).unwrap();
        assert!(made.repeatable && made.headers.contains_key("idempotency-key"));
        assert_eq!(made.target, "/api/v1/vms/1?disks=true&force=false");
    }

    #[test]
    fn a_patch_says_that_it_is_one() {
        let terms = Terms { if_match: Some("\"3\"".into()), ..Terms::default() };
        let path = v1::VmPath { vm: "1".into() };
        let made =
            prepare::<v1::VmUpdate>(&path, &Nothing {}, &v1::VmPatch::default(), &terms).unwrap();
        assert_eq!(made.headers.get("content-type").unwrap(), "application/merge-patch+json");
        assert_eq!(made.headers.get("if-match").unwrap(), "\"3\"");
        assert!(!made.repeatable, "the second time the tag is an old one");
    }

    proptest! {
        #[test]
        fn a_path_stays_a_path_whatever_the_name(name in "\\PC{1,20}") {
            if let Ok(target) = target::<v1::VolumeDelete>(&volume(&name), &Nothing {}) {
                let uri: http::Uri = target.parse().unwrap();
                prop_assert_eq!(uri.path().split('/').count(), 7);
                prop_assert!(uri.query().is_none());
            }
        }
    }
}
