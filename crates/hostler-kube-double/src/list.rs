//! Lists: at which revision, which page, and the four ways in which they are refused.

use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};

use crate::page::Token;
use crate::query::{Query, no_number};
use crate::respond::{self, Body};
use crate::route::ObjectPath;
use crate::select::Selector;
use crate::shape::Shape;
use crate::shared::Shared;
use crate::status::Refused;
use crate::store::{Key, Store};

/// At which revision a list is told, and from where.
#[derive(Debug)]
struct At {
    /// `None`: now.
    revision: Option<u64>,
    after: Option<Token>,
    limit: Option<usize>,
}

/// Answers a list.
///
/// # Errors
/// As the server refuses it.
pub(crate) async fn answer(
    shared: &Shared,
    path: &ObjectPath,
    query: &Query,
    shape: Shape,
) -> Result<Response<Body>, Refused> {
    query.check_options()?;
    let selector =
        Selector::parse(path.kind, query.text("labelSelector"), query.text("fieldSelector"))?;
    let mut at = read(query)?;
    await_revision(shared, query, at.revision).await?;
    let page = {
        let state = shared.lock();
        let store = &state.world.store;
        resolve(&mut at, query, store, path)?;
        page(store, path, &at, &selector)?
    };
    // Serialized outside of the lock: a list may be large.
    let meta = page.meta(path, selector.is_empty());
    Ok(respond::json_text(200, shape.list(path.kind, &path.version, &page.items, &meta)))
}

fn read(query: &Query) -> Result<At, Refused> {
    let (version, token) = (query.text("resourceVersion"), query.text("continue"));
    let mut limit = query.number("limit").and_then(|limit| usize::try_from(limit).ok());
    if limit == Some(0) {
        limit = None;
    }
    if !token.is_empty() {
        if !version.is_empty() && version != "0" {
            return Err(Refused::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        let token = Token::decode(token)?;
        return Ok(At { revision: token.revision, after: Some(token), limit });
    }
    match version {
        "" => Ok(At { revision: None, after: None, limit }),
        // Answered from the cache, which knows no pages.
        "0" => Ok(At { revision: None, after: None, limit: None }),
        text => {
            let revision = text.parse().map_err(|_| {
                Refused::bad_request(format!("invalid resource version: {}", no_number(text)))
            })?;
            Ok(At { revision: Some(revision), after: None, limit })
        }
    }
}

/// Waits a while for a revision that is not there yet.
async fn await_revision(
    shared: &Shared,
    query: &Query,
    revision: Option<u64>,
) -> Result<(), Refused> {
    let Some(wanted) = revision.filter(|_| query.text("continue").is_empty()) else {
        return Ok(());
    };
    let mut bell = shared.bell();
    let until = tokio::time::Instant::now() + shared.options.future_wait;
    loop {
        bell.borrow_and_update();
        let current = shared.lock().world.store.revision();
        if wanted <= current {
            return Ok(());
        }
        tokio::select! {
            _ = bell.changed() => {}
            () = tokio::time::sleep_until(until) => {
                return Err(Refused::too_large(wanted, current));
            }
        }
    }
}

/// Decides what is told exactly as it was; refuses what is not known any more.
fn resolve(at: &mut At, query: &Query, store: &Store, path: &ObjectPath) -> Result<(), Refused> {
    let Some(revision) = at.revision else { return Ok(()) };
    let is_gone = revision < store.floor(path.kind);
    if let Some(token) = &at.after {
        return match is_gone {
            true => Err(Refused::gone_token(&token.inconsistent().encode())),
            false => Ok(()),
        };
    }
    let matching = query.text("resourceVersionMatch");
    let is_exact = matching == "Exact" || (matching.is_empty() && at.limit.is_some());
    if !is_exact {
        at.revision = None;
        return Ok(());
    }
    if is_gone { Err(Refused::gone()) } else { Ok(()) }
}

/// What is told.
#[derive(Debug)]
struct Page {
    items: Vec<Arc<Value>>,
    revision: u64,
    next: Option<Token>,
    remaining: usize,
}

impl Page {
    fn meta(&self, path: &ObjectPath, is_unselected: bool) -> Value {
        let mut meta = json!({ "resourceVersion": self.revision.to_string() });
        if let Some(token) = &self.next {
            crate::json::set(&mut meta, "/continue", token.encode().into());
            if is_unselected {
                crate::json::set(&mut meta, "/remainingItemCount", self.remaining.into());
            }
        } else if path.kind.custom {
            crate::json::set(&mut meta, "/continue", "".into());
        }
        meta
    }
}

fn page(store: &Store, path: &ObjectPath, at: &At, selector: &Selector) -> Result<Page, Refused> {
    let namespace = path.namespace.as_deref();
    let revision = at.revision.unwrap_or_else(|| store.revision());
    let objects: Vec<(Key, Arc<Value>)> = if revision == store.revision() {
        store
            .list(path.kind, namespace)
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect()
    } else {
        store.list_at(path.kind, namespace, revision).map_err(|_| Refused::gone())?
    };
    let mut objects = objects
        .into_iter()
        .filter(|(key, _)| at.after.as_ref().is_none_or(|token| token.is_before(key, namespace)))
        .filter(|(_, object)| selector.matches(object));
    let limit = at.limit.unwrap_or(usize::MAX);
    let told: Vec<(Key, Arc<Value>)> = objects.by_ref().take(limit).collect();
    let remaining = objects.count();
    let next = told
        .last()
        .filter(|_| remaining > 0)
        .map(|(key, _)| Token::after(revision, key, namespace));
    let items = told.into_iter().map(|(_, object)| object).collect();
    Ok(Page { items, revision, next, remaining })
}
