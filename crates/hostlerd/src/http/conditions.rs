//! Headers that change what a request means: `If-Match`, `Idempotency-Key`, `Prefer`.

use std::time::Duration;

use hostler_api::{Endpoint, IDEMPOTENCY_KEY};
use hostler_core::error::Fault;
use hostler_core::{Code, Error};
use http::HeaderMap;
use http::header::IF_MATCH;
use sha2::{Digest, Sha256};

use super::error::{Refusal, Result};

/// How long anybody can wait for an operation in one request.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);
/// The longest key.
const KEY_BYTES_MAX: usize = 255;

/// What the headers say.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    if_match: Option<String>,
    /// The key that makes the request safe to repeat.
    pub(super) key: Option<String>,
    /// How long the caller would like to wait for the end.
    pub(super) wait: Option<Duration>,
}

impl Conditions {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str());
        // What is no text is no ETag of ours, and is refused as such.
        let if_match = text(IF_MATCH.as_str()).map(|value| value.unwrap_or_default().to_owned());
        let key = match text(IDEMPOTENCY_KEY) {
            None => None,
            Some(Ok(key)) if !key.is_empty() && key.len() <= KEY_BYTES_MAX => Some(key.to_owned()),
            Some(_) => {
                let detail = format!("must be 1 to {KEY_BYTES_MAX} visible ASCII characters");
                let fault = Fault::new("Idempotency-Key", "malformed", detail);
                return Err(Error::faults(Code::QueryInvalid, vec![fault]).into());
            }
        };
        let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let wait = preferences
            .flat_map(|value| value.split([',', ';']))
            .find_map(|one| one.trim().strip_prefix("wait=")?.trim_matches('"').parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(WAIT_MAX));
        Ok(Self { if_match, key, wait })
    }

    /// Whether the request is meant for one generation only.
    pub(super) const fn has_if_match(&self) -> bool {
        self.if_match.is_some()
    }

    /// The generation that a change is meant for.
    pub(super) fn generation(&self) -> Result<u64> {
        let Some(text) = &self.if_match else {
            let message = "this change needs If-Match with the ETag of what you read";
            return Err(Refusal::new(Code::PreconditionRequired, message));
        };
        // Anything that is not an ETag of ours is not the present one either.
        text.trim()
            .strip_prefix('"')
            .and_then(|t| t.strip_suffix('"'))
            .and_then(|t| t.parse().ok())
            .ok_or_else(|| {
                let message = "If-Match is not an ETag of this resource";
                Refusal::new(Code::PreconditionFailed, message)
            })
    }
}

/// Refuses a condition that nobody would look at: what is done although it may not
/// hold is not what was asked for.
pub(super) fn refuse_if_match(headers: &HeaderMap) -> Result<()> {
    match headers.contains_key(IF_MATCH) {
        false => Ok(()),
        true => {
            let message = "this endpoint has no ETag that If-Match could match; leave it out";
            Err(Refusal::new(Code::PreconditionFailed, message))
        }
    }
}

/// What two requests have in common exactly when they ask for the same.
pub(super) fn fingerprint<E: Endpoint>(
    path: &E::Path,
    query: &E::Query,
    body: &E::Body,
) -> Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let asked = serde_json::to_vec(&(E::ID, path, query, body))
        .map_err(|error| Error::bug(format!("a request is not JSON: {error}")))?;
    digest.update(asked);
    Ok(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Conditions> {
        let mut headers = HeaderMap::new();
        headers
            .insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        Conditions::read(&headers)
    }

    #[test]
    fn waiting_is_bounded_and_found_among_other_preferences() {
        let wait = |value| read("prefer", value).unwrap().wait;
        assert_eq!(wait("respond-async, wait=30"), Some(Duration::from_secs(30)));
        assert_eq!(wait("wait=999999"), Some(WAIT_MAX));
        assert_eq!(wait("wait=soon"), None);
    }

    #[test]
    fn a_change_needs_the_generation_it_is_meant_for() {
        assert_eq!(read("if-match", "\"7\"").unwrap().generation().unwrap(), 7);
        for wrong in ["7", "W/\"7\"", "\"x\"", "*", "\""] {
            let refusal = read("if-match", wrong).unwrap().generation().unwrap_err();
            assert_eq!(refusal.error().code(), Code::PreconditionFailed, "{wrong}");
        }
        let refusal = Conditions::default().generation().unwrap_err();
        assert_eq!(refusal.error().code(), Code::PreconditionRequired);
    }

    #[test]
    fn a_key_is_short_and_visible() {
        assert!(read("idempotency-key", "").is_err());
        assert!(read("idempotency-key", &"k".repeat(256)).is_err());
        assert_eq!(read("idempotency-key", "k 1").unwrap().key.as_deref(), Some("k 1"));
    }
}
