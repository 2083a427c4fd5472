//! Ids and other words of requests, as the core's types.

use std::fmt::Display;
use std::str::FromStr;

use hostler_core::error::Fault;
use hostler_core::{Code, Error};

use super::error::{Refusal, Result};

/// The id in a path.
pub(super) fn of_path<T>(text: &str) -> Result<T>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| Refusal::new(Code::IdInvalid, error.to_string()))
}

/// The id in a document, at `pointer`; `None` stays `None`.
pub(super) fn of_document<T>(text: Option<&str>, pointer: &str) -> Result<Option<T>>
where
    T: FromStr,
    T::Err: Display,
{
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|error: T::Err| fault(pointer, "not_an_id", &error.to_string()))
}

/// A document with one fault.
pub(super) fn fault(pointer: &str, code: &str, detail: &str) -> Refusal {
    Error::faults(Code::SpecInvalid, vec![Fault::new(pointer, code, detail)]).into()
}
