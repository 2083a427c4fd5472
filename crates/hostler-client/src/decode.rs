//! From the bytes of an answer to a type, or to the error that it is.

use std::time::Duration;

use bytes::Bytes;
use hostler_api::{Problem, ReplyKind};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::request::Prepared;

/// The longest pause that a server can ask for before a repetition.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);

impl Client {
    /// Reads the body that an endpoint's answer has.
    pub(crate) fn decode<T: DeserializeOwned>(
        &self,
        prepared: &Prepared,
        reply: ReplyKind,
        status: StatusCode,
        headers: HeaderMap,
        bytes: &[u8],
    ) -> Result<Answer<T>> {
        if !status.is_success() {
            return Err(self.problem(prepared, status, &headers, bytes));
        }
        let json = match reply {
            ReplyKind::Json => serde_json::from_slice(bytes).map_err(|error| {
                self.malformed(prepared, status, format!("the body is not JSON: {error}"))
            })?,
            ReplyKind::Text => Value::String(String::from_utf8_lossy(bytes).into_owned()),
            ReplyKind::Empty => Value::Object(serde_json::Map::new()),
            ReplyKind::EventStream | ReplyKind::WebSocket => {
                return Err(Error::setup(
                    "this endpoint is a stream and not a call",
                    "use `Client::events` or `Client::open_console`",
                ));
            }
        };
        let value = T::deserialize(&json)
            .map_err(|error| self.malformed(prepared, status, error.to_string()))?;
        Ok(Answer { value, json, status: status.as_u16(), headers })
    }

    /// The error that a refusal is; never a success, whatever its body.
    fn problem(
        &self,
        prepared: &Prepared,
        status: StatusCode,
        headers: &HeaderMap,
        bytes: &[u8],
    ) -> Error {
        match serde_json::from_slice::<Problem>(bytes) {
            Ok(mut problem) => {
                // The header is there even where the body left it out.
                problem.request_id = problem.request_id.or_else(|| {
                    Some(headers.get(hostler_api::REQUEST_ID)?.to_str().ok()?.to_owned())
                });
                Error::Problem(Box::new(problem))
            }
            Err(_) => {
                let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
                let kind = kind.unwrap_or("no content type");
                self.malformed(prepared, status, format!("status {status}, {kind}"))
            }
        }
    }

    /// An answer that this API does not give.
    pub(crate) fn malformed(
        &self,
        prepared: &Prepared,
        status: StatusCode,
        cause: impl Into<String>,
    ) -> Error {
        Error::Malformed {
            address: self.address().to_string(),
            request: prepared.name(),
            cause: cause.into(),
            status: status.as_u16(),
        }
    }
}

/// How long to wait before asking again, where the answer says that the server
/// is being restarted and so did nothing.
pub(crate) fn draining(answer: &(StatusCode, HeaderMap, Bytes)) -> Option<Duration> {
    let (status, headers, bytes) = answer;
    if *status != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let problem: Problem = serde_json::from_slice(bytes).ok()?;
    if problem.code != hostler_core::Code::ServerDraining.as_str() {
        return None;
    }
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Some(Duration::from_secs(asked.unwrap_or(0)).min(RETRY_AFTER_MAX))
}
