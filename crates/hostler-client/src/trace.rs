//! Shows the HTTP exchange for debugging, with secrets masked.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use serde_json::Value;

/// Fields of bodies whose values are secrets.
const SECRET_FIELDS: &[&str] =
    &["secret", "ticket", "code_verifier", "password", "user_data", "network_config"];
/// Headers whose values are secrets.
const SECRET_HEADERS: &[&str] =
    &["authorization", "cookie", "set-cookie", "sec-websocket-protocol"];
/// The most characters of a body that are shown.
const BODY_MAX_CHARS: usize = 4000;

/// Receives the exchange, a line at a time.
#[derive(Clone)]
pub struct Trace(Arc<dyn Fn(&str) + Send + Sync>);

impl Trace {
    /// Gives every line to `sink`.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    pub(crate) fn line(&self, line: &str) {
        (self.0)(line);
    }

    /// Shows headers, the secret ones masked.
    pub(crate) fn headers(&self, mark: char, headers: &HeaderMap) {
        for (name, value) in headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            let is_secret = value.is_sensitive() || SECRET_HEADERS.contains(&name.as_str());
            let shown = if is_secret { "***" } else { text.as_ref() };
            self.line(&format!("{mark} {name}: {shown}"));
        }
    }

    /// Shows a body, its secrets masked; what is not JSON is only counted.
    pub(crate) fn body(&self, mark: char, path: &str, body: &[u8]) {
        if body.is_empty() {
            return;
        }
        let text = match serde_json::from_slice::<Value>(body) {
            Ok(mut json) => {
                mask(&mut json, path.ends_with("/session"));
                json.to_string()
            }
            // A definition may hold a display password; nothing tells where.
            Err(_) => format!("({} bytes that are not JSON)", body.len()),
        };
        let mut shown: String = text.chars().take(BODY_MAX_CHARS).collect();
        if shown.len() < text.len() {
            shown.push_str(" … (cut)");
        }
        self.line(&format!("{mark} {shown}"));
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}

/// Replaces secrets in `json`. `code` is a secret only where it is a login
/// code: elsewhere it is an error's code, which is what one looks for.
fn mask(json: &mut Value, is_login: bool) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_secret =
                    SECRET_FIELDS.contains(&name.as_str()) || (is_login && name == "code");
                if is_secret && !value.is_null() {
                    *value = Value::String("***".into());
                } else if name == "uri" {
                    mask_password(value);
                } else {
                    mask(value, is_login);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, is_login)),
        Value::String(text) if text.starts_with(hostler_api::TICKET_PROTOCOL_PREFIX) => {
            *text = "***".into();
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Hides what follows the user in `scheme://user:password@host`.
fn mask_password(value: &mut Value) {
    let Value::String(text) = value else { return };
    let Some((scheme, rest)) = text.split_once("://") else { return };
    // The last one, as a password may have the sign in it; what follows a path is none.
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else { return };
    let (user, host) = (&rest[..at], &rest[at + 1..]);
    if let Some((name, _)) = user.split_once(':') {
        *text = format!("{scheme}://{name}:***@{host}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::header::{AUTHORIZATION, HOST};
    use serde_json::json;

    use super::*;

    fn traced(act: impl FnOnce(&Trace)) -> String {
        let lines = Arc::new(Mutex::new(Vec::<String>::new()));
        let sink = Arc::clone(&lines);
        act(&Trace::new(move |line| sink.lock().unwrap().push(line.to_owned())));
        lines.lock().unwrap().join("\n")
    }

    #[test]
    fn secrets_do_not_reach_the_trace() {
        let text = traced(|trace| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, "Bearer hunter2".parse().unwrap());
            headers.insert(HOST, "h1".parse().unwrap());
            trace.headers('>', &headers);
            let body = json!({
                "secret": "hunter2", "items": [{"ticket": "hunter2", "uri": "a://b:hunter2@c"}],
                "protocols": ["hostler.console.v1", "hostler.ticket.hunter2"],
                "spec": {"cloud_init": {"user_data": "hunter2", "hostname": "web"}},
                "code": "vm_busy",
            });
            trace.body('<', "/api/v1/vms", body.to_string().as_bytes());
            trace.body('>', "/api/v1/session", br#"{"code": "hunter2"}"#);
            trace.body('<', "/api/v1/vms/1/definition", b"<graphics passwd='hunter2'/>");
        });
        assert!(!text.contains("hunter2"), "{text}");
        for kept in ["> host: h1", "vm_busy", "a://b:***@c", "\"hostname\":\"web\""] {
            assert!(text.contains(kept), "{kept} in {text}");
        }
    }

    #[test]
    fn a_long_body_is_cut() {
        let text = traced(|trace| {
            trace.body('<', "/", json!("é".repeat(5000)).to_string().as_bytes());
        });
        assert!(text.ends_with("(cut)") && text.len() < 9000);
    }
}
