//! Lists: from a query to a page with its cursor.

use hostler_api::{CacheStatus, ListQuery, Page, Ref, SilentSource, Time};
use hostler_core::query::{Field, ListRequest, Row, SortKey};
use hostler_engine::{Listed, SilentProvider};

use super::error::Result;
use super::facts::{cache_status, stale_since};
use crate::app::App;

/// A page of a list that the engine keeps.
pub(super) fn page<T, U>(
    app: &App,
    list: &str,
    query: &ListQuery,
    fields: &[Field],
    take: impl FnOnce(&ListRequest) -> Listed<T>,
    convert: impl Fn(&T) -> Result<U>,
) -> Result<Page<U>> {
    let request = app.cursors.request(list, query, fields)?;
    let listed = take(&request);
    Ok(Page {
        items: listed.items.iter().map(convert).collect::<Result<_>>()?,
        next_cursor: listed.next.map(|position| app.cursors.seal(list, query, &position)),
        observed_at: listed.observed_at.map(Time),
        stale: listed.freshness.is_stale(),
        cache_status: cache_status(listed.freshness),
        stale_since: stale_since(listed.freshness),
        silent: Vec::new(),
        approx_total: u64::try_from(listed.total).ok(),
    })
}

/// A page of rows that are all at hand, and true as of now.
pub(super) fn of_rows<R: Row, U>(
    app: &App,
    list: &str,
    query: &ListQuery,
    fields: &[Field],
    rows: &[R],
    convert: impl Fn(&R) -> U,
) -> Result<Page<U>> {
    in_order(app, list, query, fields, &[], rows, convert)
}

/// The same, by `order` where the caller asks for none.
pub(super) fn in_order<R: Row, U>(
    app: &App,
    list: &str,
    query: &ListQuery,
    fields: &[Field],
    order: &[&str],
    rows: &[R],
    convert: impl Fn(&R) -> U,
) -> Result<Page<U>> {
    let mut request = app.cursors.request(list, query, fields)?;
    if request.sort.is_empty() {
        let keys = order.iter().map(|field| (*field).to_owned());
        request.sort = keys.map(|field| SortKey { field, descending: false }).collect();
    }
    let paged = request.page(rows.iter());
    Ok(Page {
        items: paged.rows.into_iter().map(convert).collect(),
        next_cursor: paged.next.map(|position| app.cursors.seal(list, query, &position)),
        observed_at: Some(Time(app.clock.now())),
        stale: false,
        cache_status: Some(CacheStatus::Fresh),
        stale_since: None,
        silent: Vec::new(),
        approx_total: u64::try_from(paged.total).ok(),
    })
}

/// The same page, from which what these would tell is missing.
pub(super) fn without<T>(silent: Vec<SilentSource>, page: Page<T>) -> Page<T> {
    let status = CacheStatus::of(!silent.is_empty());
    // They were asked just now; since when they would not have answered, nobody knows.
    Page { silent, ..page.aged(status, None) }
}

/// A provider that did not answer, or not wholly.
pub(super) fn silent(SilentProvider { name, id, reason }: SilentProvider) -> SilentSource {
    SilentSource { provider: Ref::new(id, name), reason }
}
