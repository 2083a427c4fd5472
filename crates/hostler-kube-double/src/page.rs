//! Pages of a list: the `continue` token, which says at which revision and after which key.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::status::Refused;
use crate::store::Key;

/// As lenient in reading as Go, which heeds no bits that are left over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);
/// The revision of a token that goes on inconsistently, at whatever is now.
const INCONSISTENT: i64 = -1;

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// `None`: at whatever is now.
    pub(crate) revision: Option<u64>,
    /// The last key told: the name, with its namespace before it in a list of all namespaces.
    pub(crate) after: String,
}

impl Token {
    /// After an object, in a list of one namespace or of all.
    pub(crate) fn after(revision: u64, key: &Key, namespace: Option<&str>) -> Self {
        Self { revision: Some(revision), after: shown(key, namespace) }
    }

    /// The one that replaces this when its revision is gone.
    pub(crate) fn inconsistent(&self) -> Self {
        Self { revision: None, after: self.after.clone() }
    }

    /// Whether an object comes after it.
    pub(crate) fn is_before(&self, key: &Key, namespace: Option<&str>) -> bool {
        // By namespace, then name: the order of lists here.
        match (namespace, self.after.split_once('/')) {
            (None, Some((space, name))) => *key > Key::new(space, name),
            _ => key.name > self.after,
        }
    }

    /// As it goes out. One that goes on inconsistently begins without the slash, as recorded.
    pub(crate) fn encode(&self) -> String {
        let (revision, slash) = match self.revision {
            Some(revision) => (i64::try_from(revision).unwrap_or(i64::MAX), "/"),
            None => (INCONSISTENT, ""),
        };
        let start = Value::from(format!("{slash}{}\u{0}", self.after));
        // In the server's order of fields, so that tokens are the same to the byte.
        let token = format!(r#"{{"v":"meta.k8s.io/v1","rv":{revision},"start":{start}}}"#);
        BASE64.encode(token)
    }

    /// Reads one.
    ///
    /// # Errors
    /// 400 in the server's words.
    pub(crate) fn decode(text: &str) -> Result<Self, Refused> {
        let fault = |why: String| {
            Refused::bad_request(format!(
                "invalid continue token: continue key is not valid: {why}"
            ))
        };
        let bytes = BASE64
            .decode(text.trim_end_matches('='))
            .map_err(|_| fault("illegal base64 data at input byte 0".to_owned()))?;
        let token: Value = serde_json::from_slice(&bytes).map_err(|_| fault(go_words(&bytes)))?;
        let revision = token.get("rv").and_then(Value::as_i64);
        let start = token.get("start").and_then(Value::as_str);
        let (Some(revision), Some(start)) = (revision, start) else {
            return Err(fault("incorrect encoded start resourceVersion".to_owned()));
        };
        let after = start.strip_prefix('/').unwrap_or(start).trim_end_matches('\u{0}').to_owned();
        match u64::try_from(revision) {
            Ok(revision) => Ok(Self { revision: Some(revision), after }),
            Err(_) if revision == INCONSISTENT => Ok(Self { revision: None, after }),
            Err(_) => Err(fault("incorrect encoded start resourceVersion".to_owned())),
        }
    }
}

fn shown(key: &Key, namespace: Option<&str>) -> String {
    match namespace {
        None if !key.namespace.is_empty() => format!("{}/{}", key.namespace, key.name),
        _ => key.name.clone(),
    }
}

/// What Go's decoder says of bytes that are no JSON.
fn go_words(bytes: &[u8]) -> String {
    match bytes.first() {
        Some(b'{') => "unexpected end of JSON input".to_owned(),
        Some(&byte) => {
            format!("invalid character '{}' looking for beginning of value", char::from(byte))
        }
        None => "unexpected end of JSON input".to_owned(),
    }
}

#[cfg(test)]
mod tests;
