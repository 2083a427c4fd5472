//! Which operations: the filter of the list, as the store understands it.

use hostler_api::{LIMIT_DEFAULT, ListQuery};
use hostler_core::error::Fault;
use hostler_core::operation::{OperationState, Resource};
use hostler_core::query::{Field, Operator, Value};
use hostler_core::{Code, Error, Result};
use hostler_store::OperationFilter;

use crate::http::Cursors;
use crate::http::conditions::WAIT_MAX;
use crate::http::error::Refusal;

/// The list's name in cursors.
pub(super) const LIST: &str = "operations";

const FIELDS: &[Field] =
    &[Field::text("state"), Field::text("kind"), Field::text("actor"), Field::text("vm")];

/// Reads it. Operations are listed newest first, and only equality is understood.
pub(super) fn read(cursors: &Cursors, query: &ListQuery) -> Result<OperationFilter> {
    let before = match &query.cursor {
        Some(cursor) => {
            let text = cursors.open_text(LIST, query, cursor)?;
            Some(text.parse().map_err(|_| Error::bug("a cursor of ours holds no id"))?)
        }
        None => None,
    };
    if query.sort.is_some() || query.search.is_some() {
        let parameter = if query.sort.is_some() { "sort" } else { "search" };
        return Err(fault(
            parameter,
            "unsupported",
            "operations are listed newest first, by filter",
        ));
    }
    let plain = ListQuery { cursor: None, ..query.clone() };
    let request = cursors.request(LIST, &plain, FIELDS)?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut wanted = OperationFilter { before, limit, ..OperationFilter::default() };
    let mut seen = Vec::new();
    for term in request.filter.terms {
        let (Operator::Equal, Value::Text(value)) = (term.operator, term.value) else {
            return Err(fault("filter", "unsupported", "operations are filtered by `=` only"));
        };
        if seen.contains(&term.field) {
            return Err(fault("filter", "twice", &format!("has `{}` twice", term.field)));
        }
        seen.push(term.field.clone());
        match term.field.as_str() {
            "state" => {
                let state = OperationState::parse(&value);
                wanted.states.push(state.ok_or_else(|| no_such("state", &value))?);
            }
            "kind" => wanted.kind = Some(value.into_owned()),
            "actor" => wanted.actor = Some(value.into_owned()),
            _ => {
                let id = value.parse().map_err(|_| no_such("VM id", &value))?;
                wanted.resource = Some(Resource::Vm(id));
            }
        }
    }
    Ok(wanted)
}

/// Somebody wants to wait for longer than a request may take.
pub(super) fn too_long() -> Refusal {
    let detail = format!("must be at most {}", WAIT_MAX.as_secs());
    fault("wait", "out_of_range", &detail).into()
}

fn no_such(what: &str, value: &str) -> Error {
    let value: String = value.chars().take(64).collect();
    fault("filter", "bad_value", &format!("`{value}` is no {what}"))
}

fn fault(parameter: &str, code: &str, detail: &str) -> Error {
    Error::faults(Code::QueryInvalid, vec![Fault::new(parameter, code, detail)])
}
