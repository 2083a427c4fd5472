//! From a name to the resource, for nouns of which there are few: the whole
//! list is read, so that the answer to a wrong name can offer the right one.

use hostler_api::{Endpoint, ListQuery, Nothing, Page, PageQuery};
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
    L: Endpoint<Path = Nothing, Body = Nothing, Reply = Page<T>>,
    L::Query: PageQuery + Sync,
    T: Resource + Serialize,
{
    let query = ListQuery { limit: Some(hostler_api::LIMIT_MAX), ..ListQuery::default() };
    let all = client.pages::<L, T>(Nothing {}, query).all(None).await?;
    let id = find(&all.items, wanted, place)?.value.id();
    let found = all.items.into_iter().find(|item| item.value.id() == id);
    found.ok_or_else(|| unknown(T::NOUN, wanted, std::iter::empty()))
}

/// The one of `items` that `wanted` names, by id or by name.
pub(crate) fn find<'i, T: Resource>(
    items: &'i [Item<T>],
    wanted: &str,
    place: impl Fn(&T) -> Option<String>,
) -> Result<&'i Item<T>> {
    if is_id(wanted)
        && let Some(item) = items.iter().find(|item| item.value.id() == wanted)
    {
        return Ok(item);
    }
    let full = |item: &Item<T>| {
        let place = place(&item.value)?;
        Some(format!("{place}/{}", item.value.name()))
    };
    let is_meant = |item: &&Item<T>| {
        item.value.name() == wanted || full(item).is_some_and(|full| full == wanted)
    };
    let found: Vec<&Item<T>> = items.iter().filter(is_meant).collect();
    match found.as_slice() {
        [] => {
            let names: Vec<String> = items.iter().map(|item| item.value.name()).collect();
            Err(unknown(T::NOUN, wanted, names.iter().map(String::as_str)))
        }
        [only] => Ok(only),
        several => {
            let told = |item: &&Item<T>| match full(item) {
                Some(full) => format!("{full} ({})", item.value.id()),
                None => item.value.id(),
            };
            let failure = ambiguous(wanted, &several.iter().map(told).collect::<Vec<_>>());
            Err(failure.with_hint(format!("name the {} in full, or by its id", T::NOUN)))
        }
    }
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
