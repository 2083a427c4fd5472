//! What a server answers when it refuses: `Status` bodies, and the plain texts where it sends those.
//!
//! The words are those of kube-apiserver 1.36 and KubeVirt's virt-api, as recorded.

use serde_json::{Value, json};

use crate::kinds::Kind;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The HTTP status.
    pub code: u16,
    /// What is in the body.
    pub body: Told,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

/// The body of a refusal.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// `application/json`, kind `Status`.
    Status(Value),
    /// `text/plain; charset=utf-8`.
    Text(String),
}

/// A cause within the details.
pub(crate) fn cause(reason: &str, message: &str, field: &str) -> Value {
    json!({ "reason": reason, "message": message, "field": field })
}

impl Refused {
    /// With a `Status` body; an empty reason and null details are left out.
    pub fn new(code: u16, reason: &str, message: impl Into<String>, details: Value) -> Self {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message.into(), "code": code,
        });
        if !reason.is_empty() {
            crate::json::set(&mut body, "/reason", reason.into());
        }
        if !details.is_null() {
            crate::json::set(&mut body, "/details", details);
        }
        Self { code, body: Told::Status(body), retry_after: None }
    }

    /// With a plain text.
    pub fn text(code: u16, text: impl Into<String>) -> Self {
        Self { code, body: Told::Text(text.into()), retry_after: None }
    }

    /// With `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The message, or the text.
    pub(crate) fn message(&self) -> &str {
        match &self.body {
            Told::Status(body) => crate::json::text(body, "/message"),
            Told::Text(text) => text,
        }
    }

    /// 429, as priority and fairness sends it: a plain text.
    pub fn too_many_requests(seconds: u64) -> Self {
        Self::text(429, "Too many requests, please try again later.\n").retry_after(seconds)
    }

    /// 500, an internal error.
    pub fn internal(what: &str) -> Self {
        let details = json!({ "causes": [{ "message": what }] });
        Self::new(500, "InternalError", format!("Internal error occurred: {what}"), details)
    }

    /// 503.
    pub fn unavailable() -> Self {
        let words = "the server is currently unable to handle the request";
        Self::new(503, "ServiceUnavailable", words, Value::Null)
    }

    /// 410 for a list at an exact revision that is gone. As the answer to a watch, it is what servers
    /// older than 1.36 may send.
    pub fn gone() -> Self {
        let words = "The resourceVersion for the provided list is too old.";
        Self::new(410, "Expired", words, Value::Null)
    }

    /// 410 for a token that is gone, with one that goes on inconsistently.
    pub(crate) fn gone_token(token: &str) -> Self {
        let words = "The provided continue parameter is too old to display a consistent list result. \
                     You can start a new list without the continue parameter, or use the continue \
                     token in this response to retrieve the remainder of the results. Continuing \
                     with the provided token results in an inconsistent list - objects that were \
                     created, modified, or deleted between the time the first chunk was returned and \
                     now may show up in the list.";
        let mut refused = Self::new(410, "Expired", words, Value::Null);
        if let Told::Status(body) = &mut refused.body {
            crate::json::set(body, "/metadata/continue", token.into());
        }
        refused
    }

    /// The object of an `ERROR` event for a watch from too old a revision.
    pub(crate) fn too_old(revision: u64, floor: u64) -> Self {
        let words = format!("too old resource version: {revision} ({floor})");
        Self::new(410, "Expired", words, Value::Null)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message, Value::Null)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized", Value::Null)
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        let words = format!("{} \"{name}\" not found", kind.qualified());
        Self::new(404, "NotFound", words, about(kind, name))
    }

    /// For a path that no handler serves.
    pub(crate) fn no_such_page() -> Self {
        Self::text(404, "404 page not found\n")
    }

    pub(crate) fn no_such_method() -> Self {
        let words = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", words, json!({}))
    }

    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        let words = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(409, "AlreadyExists", words, about(kind, name))
    }

    /// For a write on an object that has changed since it was read.
    pub(crate) fn modified(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try \
             again",
        )
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let words =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", words, about(kind, name))
    }

    /// 422 for an object, with its causes.
    pub(crate) fn invalid(kind: &Kind, name: &str, what: &str, causes: Vec<Value>) -> Self {
        let words = format!("{} \"{name}\" is invalid: {what}", kind.qualified_kind());
        let details = json!({
            "name": name, "group": kind.group, "kind": kind.kind, "causes": causes,
        });
        Self::new(422, "Invalid", words, details)
    }

    /// 422 for a replacement that does not say which version it replaces.
    pub(crate) fn no_version(kind: &Kind, name: &str) -> Self {
        let (field, what) =
            ("metadata.resourceVersion", "Invalid value: 0: must be specified for an update");
        let words = format!("{} \"{name}\" is invalid: {field}: {what}", kind.qualified());
        let details = json!({
            "name": name, "group": kind.group, "kind": kind.plural,
            "causes": [cause("FieldValueInvalid", what, field)],
        });
        Self::new(422, "Invalid", words, details)
    }

    /// 422 for parameters of the request, of a kind such as `ListOptions`.
    pub(crate) fn invalid_options(options: &str, field: &str, kind: &str, why: &str) -> Self {
        let (reason, shown) = match kind {
            "Required value" => ("FieldValueRequired", format!("Required value: {why}")),
            _ => ("FieldValueForbidden", format!("Forbidden: {why}")),
        };
        let words = format!("{options}.meta.k8s.io \"\" is invalid: {field}: {shown}");
        let details = json!({
            "group": "meta.k8s.io", "kind": options, "causes": [cause(reason, &shown, field)],
        });
        Self::new(422, "Invalid", words, details)
    }

    /// A patch that does not apply: 422 without a word of what.
    pub(crate) fn patch_does_not_apply() -> Self {
        let words = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", words, json!({}))
    }

    pub(crate) fn unknown_media(accepted: &str) -> Self {
        let words = format!(
            "the body of the request was in an unknown format - accepted media types include: \
             {accepted}"
        );
        Self::new(415, "UnsupportedMediaType", words, Value::Null)
    }

    /// 504 for a list at a revision that is not there yet.
    pub(crate) fn too_large(revision: u64, current: u64) -> Self {
        let words = format!("Timeout: Too large resource version: {revision}, current: {current}");
        let details = json!({
            "causes": [{
                "reason": "ResourceVersionTooLarge", "message": "Too large resource version",
            }],
            "retryAfterSeconds": 1,
        });
        Self::new(504, "Timeout", words, details).retry_after(1)
    }

    /// A webhook's denial with what is wrong in which field, as KubeVirt's validators send it.
    pub(crate) fn denied_fields(webhook: &str, causes: Vec<Value>) -> Self {
        let messages: Vec<&str> =
            causes.iter().map(|one| crate::json::text(one, "/message")).collect();
        let words = format!("{}{}", denial(webhook), messages.join(", "));
        Self::new(422, "Invalid", words, json!({ "causes": causes }))
    }

    /// A webhook's denial with a message alone: 400, without a reason.
    pub(crate) fn denied(webhook: &str, message: &str) -> Self {
        Self::new(400, "", format!("{}{message}", denial(webhook)), Value::Null)
    }

    /// What a server says when it cannot reach a webhook that must be asked.
    pub(crate) fn webhook_unreachable(webhook: &str, path: &str) -> Self {
        Self::internal(&format!(
            "failed calling webhook \"{webhook}\": failed to call webhook: Post \
             \"https://virt-api.kubevirt.svc:443{path}?timeout=10s\": dial tcp 10.96.0.17:443: \
             connect: connection refused"
        ))
    }
}

fn denial(webhook: &str) -> String {
    format!("admission webhook \"{webhook}\" denied the request: ")
}

/// Details of an object. The core's group is left out, as the server does.
fn about(kind: &Kind, name: &str) -> Value {
    let mut details = json!({ "name": name, "kind": kind.plural });
    if !kind.group.is_empty() {
        crate::json::set(&mut details, "/group", kind.group.into());
    }
    details
}
