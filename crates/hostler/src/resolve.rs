//! From a name to the resource, for nouns of which there are few: the whole
//! list is read, so that the answer to a wrong name can offer the right one.

use hostler_api::{Endpoint, ListQuery, Nothing, Page};
use hostler_client::{Client, Item};
use hostler_core::Kind;
use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::output::Resource;
use crate::text::{either, is_id, similar};

/// The resource of the list `L` that `wanted` names, by id or by name.
///
/// `place` tells where a resource is, for the choice between equal names.
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
    for item in items {
        if is_id(wanted) && item.value.id() == wanted {
            return Ok(item);
        }
        if item.value.name() == wanted {
            found.push(item);
        }
    }
    if found.len() > 1 {
        let candidates = found.iter().map(|item| {
            let place = place(&item.value).map(|place| format!(" at {place}")).unwrap_or_default();
            format!("{} ({}{place})", item.value.id(), item.value.name())
        });
        return Err(ambiguous(T::NOUN, wanted, &candidates.collect::<Vec<_>>()));
    }
    found.pop().ok_or_else(|| unknown(T::NOUN, wanted, names.iter().map(String::as_str)))
}

/// Several resources have the name: a guess could hit the wrong one.
pub(crate) fn ambiguous(noun: &str, wanted: &str, candidates: &[String]) -> Failure {
    Failure::new(
        Kind::Invalid.exit_code(),
        format!("`{wanted}` names several: {}", candidates.join(", ")),
    )
    .with_hint(format!("name the {noun} by its id"))
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
