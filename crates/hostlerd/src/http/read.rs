//! Reading a request by its endpoint's types. Every fault names its place.

use axum::body::Body;
use axum::extract::RawPathParams;
use bytes::{Bytes, BytesMut};
use hostler_api::{BodyKind, Endpoint};
use hostler_core::error::Fault;
use hostler_core::{Code, Error};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Uri};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::time::Duration;

use super::error::{Refusal, Result};

/// How large a document may be.
pub(super) const JSON_BYTES_MAX: usize = 1 << 20;
/// How deep a document may be nested.
pub(super) const JSON_DEPTH_MAX: usize = 64;
/// How long a document may take to arrive.
const JSON_TIME: Duration = Duration::from_secs(30);

/// The parameters in the path. Those are ids and names, so a wrong one is told as such.
pub(super) fn path<T: DeserializeOwned>(params: &RawPathParams) -> Result<T> {
    let map: Map<String, Value> = params
        .iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value.to_owned())))
        .collect();
    serde_json::from_value(Value::Object(map))
        .map_err(|error| Refusal::new(Code::IdInvalid, error.to_string()))
}

/// The parameters in the query; unknown ones are refused by name.
pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let reader = serde_urlencoded::Deserializer::new(pairs);
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let path = error.path().to_string();
        let text = error.into_inner().to_string();
        // serde names an unknown parameter in its text, and a wrong value in its path.
        let named = text.split('`').nth(1).filter(|_| matches!(path.as_str(), "." | ""));
        let pointer = named.unwrap_or(if path == "." { "" } else { &path });
        let code = match text.starts_with("unknown field") {
            true => "unknown",
            false => "malformed",
        };
        Error::faults(Code::QueryInvalid, vec![Fault::new(pointer, code, text.as_str())]).into()
    })
}

/// The document in the body.
pub(super) async fn document<E: Endpoint>(headers: &HeaderMap, body: Body) -> Result<E::Body> {
    match E::BODY {
        BodyKind::None => {
            refuse_any(headers)?;
            nothing()
        }
        BodyKind::Bytes => {
            expect_type(headers, &["application/octet-stream"])?;
            nothing()
        }
        BodyKind::Json => {
            expect_type(headers, &["application/json"])?;
            object(&collect(headers, body).await?)
        }
        BodyKind::MergePatch => {
            expect_type(headers, &["application/merge-patch+json"])?;
            object(&collect(headers, body).await?)
        }
        BodyKind::Text => {
            expect_type(headers, &["text/plain"])?;
            text(&collect(headers, body).await?)
        }
    }
}

/// A document of no endpoint's type.
pub(super) async fn any_document<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T> {
    expect_type(headers, &["application/json"])?;
    object(&collect(headers, body).await?)
}

fn nothing<T: DeserializeOwned>() -> Result<T> {
    serde_json::from_value(Value::Object(Map::new())).map_err(|error| {
        Error::bug(format!("an endpoint without a document reads one: {error}")).into()
    })
}

fn text<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line =
            bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        malformed(&format!("line {line}"), "not_utf8", "is no UTF-8")
    })?;
    serde_json::from_value(Value::String(text.to_owned()))
        .map_err(|error| Error::bug(format!("a text is read as no text: {error}")).into())
}

/// An endpoint that reads no body takes none: a form that somebody was lured to send
/// has one (A22).
fn refuse_any(headers: &HeaderMap) -> Result<()> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if headers.contains_key(http::header::TRANSFER_ENCODING) || length.is_some_and(|n| n != "0") {
        let message = "this endpoint reads no body, and there is one";
        return Err(Refusal::new(Code::MediaTypeUnsupported, message));
    }
    Ok(())
}

fn expect_type(headers: &HeaderMap, wanted: &[&str]) -> Result<()> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("none");
    let media = given.split(';').next().unwrap_or_default().trim();
    if wanted.iter().any(|one| one.eq_ignore_ascii_case(media)) {
        return Ok(());
    }
    let given: String = given.chars().take(64).collect();
    let message = format!("the content type is {given}; this endpoint reads {}", wanted.join(", "));
    Err(Refusal::new(Code::MediaTypeUnsupported, message))
}

async fn collect(headers: &HeaderMap, body: Body) -> Result<Bytes> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > JSON_BYTES_MAX as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(JSON_TIME, gather(body)).await {
        Ok(bytes) => bytes,
        Err(_) => {
            let message = format!("the body did not arrive within {} s", JSON_TIME.as_secs());
            Err(Refusal::new(Code::BodyMalformed, message))
        }
    }
}

async fn gather(mut body: Body) -> Result<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Refusal::from(
                Error::new(Code::BodyMalformed, "the body ended early")
                    .with_internal(error.to_string()),
            )
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > JSON_BYTES_MAX {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn too_large() -> Refusal {
    Refusal::new(Code::BodyTooLarge, format!("the body is larger than {JSON_BYTES_MAX} bytes"))
}

/// Reads a document that has to be an object: serde would take a list for one, its
/// elements for the fields in their order, and nobody means that.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    match bytes.trim_ascii_start().first() {
        Some(b'[') if depth(bytes) <= JSON_DEPTH_MAX => {
            Err(malformed("", "wrong_type", "is a list, and has to be an object"))
        }
        _ => parse(bytes),
    }
}

/// Reads a document. What serde says is safe to repeat: it quotes only what was sent.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if depth(bytes) > JSON_DEPTH_MAX {
        let detail = format!("is nested deeper than {JSON_DEPTH_MAX} levels");
        return Err(malformed("", "too_deep", &detail));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        let code = match inner.classify() {
            serde_json::error::Category::Data => "wrong_type",
            _ => "not_json",
        };
        malformed(&pointer, code, &cut(&inner.to_string()))
    })?;
    reader.end().map_err(|error| malformed("", "not_json", &error.to_string()))?;
    Ok(value)
}

fn malformed(pointer: &str, code: &str, detail: &str) -> Refusal {
    Error::faults(Code::BodyMalformed, vec![Fault::new(pointer, code, detail)]).into()
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// serde's path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&part);
    }
    pointer
}

/// How deep a JSON text is nested. Counted before parsing, so that no parser meets the abyss.
fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut deepest) = (0_usize, 0);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in bytes {
        match (in_text, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (true, b'"') => in_text = false,
            (true, _) => {}
            (false, b'"') => in_text = true,
            (false, b'{' | b'[') => {
                now += 1;
                deepest = deepest.max(now);
            }
            (false, b'}' | b']') => now = now.saturating_sub(1),
            (false, _) => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use hostler_api::v1::VmRequest;
    use hostler_api::{ListQuery, Nothing};
    use proptest::prelude::*;

    use super::*;

    fn first_fault(refusal: &Refusal) -> (String, String) {
        let fault = &refusal.error().fault_list()[0];
        (fault.pointer.clone(), fault.code.clone())
    }

    #[test]
    fn a_fault_of_a_document_names_its_place() {
        let text = br#"{"spec": {"name": "a", "memory": {"bytes": "much"}}}"#;
        let refusal = parse::<VmRequest>(text).unwrap_err();
        assert_eq!(first_fault(&refusal), ("/spec/memory/bytes".into(), "wrong_type".into()));
        let refusal = parse::<VmRequest>(b"{\"spec\": {").unwrap_err();
        assert_eq!(first_fault(&refusal).1, "not_json");
        let refusal = parse::<Nothing>(b"{} {}").unwrap_err();
        assert_eq!(first_fault(&refusal).1, "not_json");
    }

    #[test]
    fn a37_a_document_deeper_than_the_limit_is_refused_before_it_is_read() {
        let at = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse::<Value>(at(JSON_DEPTH_MAX).as_bytes()).is_ok());
        let refusal = parse::<Value>(at(JSON_DEPTH_MAX + 1).as_bytes()).unwrap_err();
        assert_eq!(first_fault(&refusal).1, "too_deep");
        parse::<Value>(at(500_000).as_bytes()).unwrap_err();
    }

    #[test]
    fn brackets_within_text_are_no_depth() {
        assert_eq!(depth(br#"{"a": "[[[\"[[", "b": [1]}"#), 2);
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        let uri: Uri = "/api/v1/vms?limit=5&colour=red".parse().unwrap();
        let refusal = query::<ListQuery>(&uri).unwrap_err();
        assert_eq!(first_fault(&refusal), ("colour".into(), "unknown".into()));
        let uri: Uri = "/api/v1/vms?limit=many".parse().unwrap();
        let refusal = query::<ListQuery>(&uri).unwrap_err();
        assert_eq!(first_fault(&refusal), ("limit".into(), "malformed".into()));
        let uri: Uri = "/api/v1?x=1".parse().unwrap();
        assert!(query::<Nothing>(&uri).is_err());
        let uri: Uri = "/api/v1".parse().unwrap();
        assert!(query::<Nothing>(&uri).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a38_a_body_that_does_not_come_is_not_waited_for_for_ever() {
        let silence = futures_util::stream::pending::<std::io::Result<Bytes>>();
        let refusal = collect(&HeaderMap::new(), Body::from_stream(silence)).await.unwrap_err();
        assert_eq!(refusal.error().message(), "the body did not arrive within 30 s");
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_depth_agrees_with_what_was_written(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            levels in 0_usize..80,
        ) {
            let _ = parse::<VmRequest>(&bytes);
            let text = format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
            prop_assert_eq!(depth(text.as_bytes()), levels);
        }
    }
}
