//! From a name to the resource, for nouns of which there are few: the whole
//! list is read, so that the answer to a wrong name can offer the right one.

use hostler_api::{Endpoint, ListQuery, Nothing, Page};
use hostler_client::{Client, Item};
use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::output::Resource;
use crate::text::{either, is_id, similar};

/// The resource of the list `L` that `wanted` names, by id or by name.
///
/// `place` names the host or provider it is at: equal names are told apart as
/// `PLACE/NAME`.
pub(crate) async fn by_name<L, T>(
    client: &Client,
    wanted: &str,
    place: impl Fn(&T) -> Option<String>,
) -> Result<Item<T>>
where
    L: Endpoint<Path = Nothing, Query = ListQuery, Body = Nothing, Reply = Page<T>>,
    T: Resource + Serialize,
{
    let query = ListQuery { limit: Some(hostler_api::LIMIT_MAX), ..ListQuery::default() };
    let all = client.pages::<L, T>(Nothing {}, query).all(None).await?;
    pick(all.items, wanted, place)
}

/// The one of `items` that `wanted` names, by id or by name.
pub(crate) fn pick<T: Resource>(
    items: Vec<Item<T>>,
    wanted: &str,
    place: impl Fn(&T) -> Option<String>,
) -> Result<Item<T>> {
    let names: Vec<String> = items.iter().map(|item| item.value.name()).collect();
    let mut found: Vec<Item<T>> = Vec::new();
    let full = |item: &Item<T>| {
        let place = place(&item.value)?;
        Some(format!("{place}/{}", item.value.name()))
    };
    for item in items {
        if is_id(wanted) && item.value.id() == wanted {
            return Ok(item);
        }
        if item.value.name() == wanted || full(&item).is_some_and(|full| full == wanted) {
            found.push(item);
        }
    }
    if found.len() > 1 {
        let candidates: Vec<String> = found
            .iter()
            .map(|item| match full(item) {
                Some(full) => format!("{full} ({})", item.value.id()),
                None => item.value.id(),
            })
            .collect();
        let failure = ambiguous(wanted, &candidates);
        return Err(failure.with_hint(format!("name the {} in full, or by its id", T::NOUN)));
    }
    found.pop().ok_or_else(|| unknown(T::NOUN, wanted, names.iter().map(String::as_str)))
}

/// Several resources have the name: a guess could hit the wrong one.
pub(crate) fn ambiguous(wanted: &str, candidates: &[String]) -> Failure {
    Failure::usage(format!("`{wanted}` names several: {}", candidates.join(", ")))
}

/// Nothing has the name.
pub(crate) fn unknown<'a>(
    noun: &str,
    wanted: &str,
    names: impl Iterator<Item = &'a str>,
) -> Failure {
    let failure = Failure::not_found(format!("there is no {noun} `{wanted}`"));
    let near = similar(wanted, names);
    if near.is_empty() {
        failure.with_hint(format!("`hostler {noun} list` shows those there are"))
    } else {
        failure.with_hint(format!("did you mean {}?", either(&near)))
    }
}
