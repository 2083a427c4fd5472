//! Events: past ones as a list, new ones as server-sent events or a WebSocket.

mod follow;
mod socket;
mod stream;

use hostler_api::v1::{self, ResourceRef};
use hostler_api::{CacheStatus, LIMIT_DEFAULT, ListQuery, Page, Time};
use hostler_core::error::Fault;
use hostler_core::query::{Field, Operator, Value};
use hostler_core::{Code, Error};
use hostler_store::{EventFilter, StoredEvent};

use super::error::Result;
use super::{Api, Call, Reply};
use crate::app::App;

/// The list's name in cursors.
const LIST: &str = "events";
const FIELDS: &[Field] = &[Field::text("kind"), Field::text("resource")];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::EventList, list)
        .stream(v1::EventStream, stream::follow)
        .stream(v1::EventSocket, socket::follow)
}

async fn list(app: App, call: Call<v1::EventList>) -> Result<Reply<Page<v1::Event>>> {
    let query = &call.query;
    let wanted = filter(&app, query)?;
    let before = match &query.cursor {
        Some(cursor) => {
            let text = app.cursors.open_text(LIST, query, cursor)?;
            Some(text.parse().map_err(|_| Error::bug("a cursor of ours holds no number"))?)
        }
        None => None,
    };
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut events = app.engine.events().history(before, &wanted, limit + 1).await?;
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let last = events.last().filter(|_| more).map(|event| event.seq.to_string());
    let next_cursor = last.map(|seq| app.cursors.seal_text(LIST, query, &seq));
    let items = events.iter().map(told).collect();
    let observed_at = Some(Time(app.clock.now()));
    Ok(Reply::page(Page {
        items,
        next_cursor,
        observed_at,
        stale: false,
        cache_status: Some(CacheStatus::Fresh),
        stale_since: None,
        silent: Vec::new(),
        approx_total: None,
    }))
}

/// Kind and resource of the filter. Events are listed newest first, in no other order.
fn filter(app: &App, query: &ListQuery) -> Result<EventFilter> {
    if query.sort.is_some() || query.search.is_some() {
        let parameter = if query.sort.is_some() { "sort" } else { "search" };
        return Err(fault(parameter, "events are listed newest first, by filter").into());
    }
    let plain = ListQuery { cursor: None, ..query.clone() };
    let request = app.cursors.request(LIST, &plain, FIELDS)?;
    let mut wanted = EventFilter::default();
    for term in request.filter.terms {
        let (Operator::Equal, Value::Text(value)) = (term.operator, term.value) else {
            return Err(fault("filter", "events are filtered by `=` only").into());
        };
        let place = match term.field.as_str() {
            "kind" => &mut wanted.kind,
            _ => &mut wanted.resource,
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(fault("filter", &format!("has `{}` twice", term.field)).into());
        }
    }
    Ok(wanted)
}

fn fault(parameter: &str, detail: &str) -> Error {
    Error::faults(Code::QueryInvalid, vec![Fault::new(parameter, "unsupported", detail)])
}

/// An event as it is told.
pub(super) fn told(event: &StoredEvent) -> v1::Event {
    let resource = match (&event.resource_kind, &event.resource_id) {
        (Some(kind), Some(id)) => {
            let name = event.resource_name.clone();
            Some(ResourceRef { kind: kind.clone(), id: id.clone(), name })
        }
        _ => None,
    };
    v1::Event {
        seq: event.seq,
        at: Time(event.at),
        kind: event.kind.clone(),
        resource,
        message: event.message.clone(),
        data: event.data.clone(),
    }
}
