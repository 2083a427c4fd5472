//! What a call gives back.

use http::HeaderMap;
use http::header::{ETAG, LOCATION};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer: its body as a type and as the JSON it came in.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// The body.
    pub value: T,
    /// The body as it was sent, with fields that this version does not know.
    pub json: Value,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
}

impl<T> Answer<T> {
    /// The version of the resource, to be sent as `If-Match`.
    pub fn etag(&self) -> Option<&str> {
        self.headers.get(ETAG)?.to_str().ok()
    }

    /// Where the resource that was made, or its operation, can be read.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// Names the request in the server's log.
    pub fn request_id(&self) -> Option<&str> {
        self.headers.get(hostler_api::REQUEST_ID)?.to_str().ok()
    }

    /// Whether the server gave this answer before, for the same key.
    pub fn is_replayed(&self) -> bool {
        self.headers.get(hostler_api::IDEMPOTENT_REPLAYED).is_some_and(|value| value == "true")
    }
}

/// An element of a list or stream: as a type, and as the JSON it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Item<T> {
    /// The element.
    pub value: T,
    /// The element as it was sent, with fields that this version does not know.
    pub json: Value,
}

impl<T: DeserializeOwned> Item<T> {
    /// Reads an element.
    pub fn from_json(json: Value) -> Result<Self, serde_json::Error> {
        Ok(Self { value: T::deserialize(&json)?, json })
    }
}
