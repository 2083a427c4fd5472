//! `fields=`: lists whose items have only the members that were asked for, so that a
//! thousand names cost a thousand names.

use std::collections::BTreeSet;

use hostler_api::{Endpoint, item_members};
use hostler_core::error::Fault;
use hostler_core::{Code, Error};
use http::Uri;
use serde_json::{Map, Value};

use super::error::Result;

/// The parameter's name, which is also where its faults are.
const FIELDS: &str = "fields";

/// What is asked for in the query; `None` for everything.
pub(super) fn asked(uri: &Uri) -> Option<String> {
    let query = uri.query()?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == FIELDS).map(|(_, value)| value.into_owned())
}

/// The page with items that have only `fields`.
///
/// # Errors
/// With a fault for each name that no item of this list can have.
pub(super) fn only<E: Endpoint>(page: &E::Reply, fields: &str) -> Result<Value> {
    let names: BTreeSet<&str> = fields.split(',').map(str::trim).collect();
    check(&names, &item_members::<E::Reply>())?;
    let mut page = serde_json::to_value(page)
        .map_err(|error| Error::bug(format!("a page is not JSON: {error}")))?;
    let items = page.get_mut("items").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
        let kept: Map<String, Value> = std::mem::take(item)
            .into_iter()
            .filter(|(name, _)| names.contains(name.as_str()))
            .collect();
        *item = kept;
    }
    Ok(page)
}

fn check(names: &BTreeSet<&str>, known: &BTreeSet<String>) -> Result<()> {
    let faults: Vec<Fault> = names
        .iter()
        .filter(|name| !known.contains(**name))
        .map(|name| {
            let list = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            Fault::new(FIELDS, "unknown", format!("there is no {name:?}; items have {list}"))
        })
        .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Error::faults(Code::QueryInvalid, faults).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nothing_has_are_told_with_those_that_there_are() {
        let known = ["id", "name"].map(str::to_owned).into();
        assert!(check(&["id"].into(), &known).is_ok());
        let refusal = check(&["id", "nmae", ""].into(), &known).unwrap_err();
        let faults = refusal.error().fault_list();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert_eq!(faults[1].detail, "there is no \"nmae\"; items have id, name");
    }
}
