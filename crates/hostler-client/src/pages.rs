//! Lists, read page by page to their end.

use hostler_api::{Endpoint, Nothing, Page, PageQuery, SilentSource, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::{Answer, Item};
use crate::client::{Client, Terms};
use crate::error::Result;
use crate::request::prepare;

/// One page of a list.
#[derive(Debug, Clone)]
pub struct ItemPage<T> {
    /// Its items.
    pub items: Vec<Item<T>>,
    /// When the oldest part of what is shown was seen.
    pub observed_at: Option<Time>,
    /// Whether a source did not answer, so that part of it is old, or missing.
    pub stale: bool,
    /// The sources that did not answer, and of which nothing is shown for that reason.
    pub silent: Vec<SilentSource>,
    /// Whether another page follows.
    pub has_more: bool,
}

/// Reads a list page by page.
pub struct Pages<E: Endpoint> {
    client: Client,
    path: E::Path,
    query: E::Query,
    is_done: bool,
}

impl Client {
    /// The pages of the list `E`, from the one that `query` names on.
    pub fn pages<E, T>(&self, path: E::Path, query: impl Into<E::Query>) -> Pages<E>
    where
        E: Endpoint<Body = Nothing, Reply = Page<T>>,
        E::Query: PageQuery,
    {
        Pages { client: self.clone(), path, query: query.into(), is_done: false }
    }
}

impl<E, T> Pages<E>
where
    E: Endpoint<Body = Nothing, Reply = Page<T>>,
    E::Path: Sync,
    E::Query: PageQuery + Sync,
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// The next page; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<ItemPage<T>>> {
        if self.is_done {
            return Ok(None);
        }
        let terms = Terms::default();
        let answer: Answer<Page<T>> =
            self.client.ask::<E>(&self.path, &self.query, &Nothing {}, &terms).await?;
        let status = http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::OK);
        let malformed = |cause: String| -> Result<_> {
            let prepared = prepare::<E>(&self.path, &self.query, &Nothing {}, &terms)?;
            Err(self.client.malformed(&prepared, status, cause))
        };
        let jsons = match answer.json.get("items") {
            Some(serde_json::Value::Array(items)) => items.clone(),
            _ => return malformed("the page has no items".into()),
        };
        let Page { items, next_cursor, observed_at, stale, silent, .. } = answer.value;
        let has_more = next_cursor.is_some();
        if has_more && next_cursor.as_ref() == self.query.cursor() {
            // Going on would read the same page for ever.
            return malformed("the cursor of the next page is this page's own".into());
        }
        self.is_done = !has_more;
        self.query.turn_to(next_cursor);
        let items = items.into_iter().zip(jsons);
        let items = items.map(|(value, json)| Item { value, json }).collect();
        Ok(Some(ItemPage { items, observed_at, stale, silent, has_more }))
    }

    /// The items of all pages as one, at most `limit` of them.
    pub async fn all(mut self, limit: Option<usize>) -> Result<ItemPage<T>> {
        let limit = limit.unwrap_or(usize::MAX);
        let mut all = ItemPage {
            items: vec![],
            observed_at: None,
            stale: false,
            silent: vec![],
            has_more: false,
        };
        while let Some(page) = self.next().await? {
            all.items.extend(page.items);
            all.stale |= page.stale;
            // One that is silent for every page is told once.
            let is_new = |one: &SilentSource| !all.silent.contains(one);
            let news: Vec<_> = page.silent.into_iter().filter(is_new).collect();
            all.silent.extend(news);
            // What is shown is as old as its oldest part.
            all.observed_at = match (all.observed_at, page.observed_at) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            all.has_more = page.has_more || all.items.len() > limit;
            if all.items.len() >= limit {
                all.items.truncate(limit);
                break;
            }
        }
        Ok(all)
    }
}

impl<E: Endpoint> std::fmt::Debug for Pages<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pages({})", E::ID)
    }
}
