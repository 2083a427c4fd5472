//! What is sent to a cluster, and what is read from a success.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, header};
use serde_json::Value;

use super::{MAX_OBJECT, Reply, Result, garbled, ours};
use crate::error::{ListMeta, Verb};
use crate::resource::Resource;

/// What a write takes along.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// Nothing is done; it is only checked.
    pub dry_run: bool,
    /// Fields of others are taken over (X25: only after they were shown).
    pub force: bool,
    /// Under whose name fields are written.
    pub manager: &'static str,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { dry_run: false, force: false, manager: super::FIELD_MANAGER }
    }
}

/// One page of a list, or all of them together.
#[derive(Debug, Default)]
pub struct Page<T = Value> {
    /// The objects, as they are, or what was made of them.
    pub items: Vec<T>,
    /// The token of the next page.
    pub next: Option<String>,
    /// The version to watch from.
    pub resource_version: String,
}

/// Which objects of a kind are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Of which kind.
    pub resource: Resource,
    /// Of which namespace; `None` is all of the cluster.
    pub namespace: Option<String>,
    /// Those with these labels: `kubevirt.io=virt-launcher`.
    pub labels: Option<String>,
    /// The one of this name, wherever it is.
    pub name: Option<String>,
}

impl Selection {
    /// All of a kind in a namespace, or in the cluster.
    pub const fn all(resource: Resource, namespace: Option<String>) -> Self {
        Self { resource, namespace, labels: None, name: None }
    }

    /// Those of a name: one in a namespace, or one in each.
    pub fn named(resource: Resource, namespace: Option<String>, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::all(resource, namespace) }
    }
}

/// What is sent.
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Bytes,
    pub(crate) verb: Verb,
    pub(crate) limit: usize,
    /// Whether another machine than the API server's has to answer.
    pub(crate) goes_to_node: bool,
    /// The key of a WebSocket that is to come of it.
    pub(crate) socket: Option<String>,
}

impl Question {
    pub(crate) fn get(path: String) -> Self {
        Self::new(Method::GET, path, Verb::Read)
    }

    pub(crate) fn new(method: Method, path: String, verb: Verb) -> Self {
        let (query, body) = (String::new(), Bytes::new());
        let (content_type, socket) = (None, None);
        let (limit, goes_to_node) = (MAX_OBJECT, false);
        Self { method, path, query, content_type, body, verb, limit, goes_to_node, socket }
    }

    /// Adds to the query, encoded.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let mark = if self.query.is_empty() { '?' } else { '&' };
        // Writing to a string cannot fail.
        let _: std::fmt::Result = write!(self.query, "{mark}{key}={value}");
        self
    }

    pub(super) fn with_json(mut self, content_type: &'static str, body: &Value) -> Self {
        self.content_type = Some(content_type);
        self.body = Bytes::from(body.to_string());
        self
    }

    pub(super) fn with_options(self, options: WriteOptions) -> Self {
        if options.dry_run { self.with("dryRun", "All") } else { self }
    }
}

/// A list of what is selected, in the version of it that is spoken.
pub(super) fn collection(spoken: Resource, selection: &Selection) -> Result<Question> {
    let path = spoken.collection(selection.namespace.as_deref()).map_err(ours)?;
    let mut question = Question::get(path);
    if let Some(labels) = &selection.labels {
        question = question.with("labelSelector", labels);
    }
    if let Some(wanted) = &selection.name {
        // What is no name could be a selector of something else.
        let wanted = crate::resource::name(wanted).map_err(ours)?;
        question = question.with("fieldSelector", &format!("metadata.name={wanted}"));
    }
    Ok(question)
}

/// What becomes of the objects that belong to one that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependents {
    /// They go too, in the background.
    Go,
    /// They stay, and belong to nobody.
    Stay,
}

/// What is told of a deletion: what becomes of what belongs to the object, which one is
/// meant, and in which version.
pub(super) fn deletion(uid: Option<&str>, version: Option<&str>, dependents: Dependents) -> Value {
    let policy = match dependents {
        Dependents::Go => "Background",
        Dependents::Stay => "Orphan",
    };
    let mut options = serde_json::json!({
        "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy,
    });
    let named = [("uid", uid), ("resourceVersion", version)];
    let named = named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into())));
    let preconditions: serde_json::Map<String, Value> = named.collect();
    if let Some(fields) = options.as_object_mut().filter(|_| !preconditions.is_empty()) {
        fields.insert("preconditions".to_owned(), preconditions.into());
    }
    options
}

pub(super) fn document(reply: Reply, verb: Verb, doing: &str) -> Result<Value> {
    serde_json::from_slice(&reply.body).map_err(|error| {
        let mut failure = garbled(&format!("{doing}: the answer is no JSON"), verb);
        failure.error = failure.error.with_raw(error);
        failure
    })
}

pub(super) fn page(mut list: Value, doing: &str) -> Result<Page> {
    let metadata = list.get_mut("metadata").map(Value::take).unwrap_or_default();
    let meta: ListMeta = serde_json::from_value(metadata).unwrap_or_default();
    let items = match list.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        // Go writes a list that was never filled as null.
        Some(Value::Null) => Vec::new(),
        _ => return Err(garbled(&format!("{doing}: the answer is no list"), Verb::Read)),
    };
    if meta.resource_version.is_empty() {
        return Err(garbled(&format!("{doing}: the list has no version"), Verb::Read));
    }
    let next = Some(meta.next).filter(|token| !token.is_empty());
    Ok(Page { items, next, resource_version: meta.resource_version })
}

/// Seconds; the form with a date is not used by API servers.
pub(super) fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// `299 - "unknown field \"spec.bogus\""`.
pub(super) fn warnings(headers: &http::HeaderMap) -> Vec<String> {
    let all = headers.get_all(header::WARNING).iter().take(16);
    all.filter_map(|value| value.to_str().ok()).map(crate::error::word).collect()
}
