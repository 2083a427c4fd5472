//! Errors on the wire: RFC 9457 problem documents.

use std::collections::BTreeMap;

use hostler_core::error::{Error, Fault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The content type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Where the code is explained: `/problems/vm_busy` on this server.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line, the same for every occurrence of the code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The contract: decide by this, never by the text.
    pub code: String,
    /// What happened this time.
    pub detail: String,
    /// What to do next.
    pub help: String,
    /// Whether the same request may succeed later without any change.
    pub retryable: bool,
    /// Each fault of the document sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemFault>,
    /// Details for programs, for example the operation in the way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// Names the request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// One fault of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemFault {
    /// A JSON pointer to the field, or the name of the parameter.
    pub pointer: String,
    /// A short stable word.
    pub code: String,
    /// What is wrong with it.
    pub detail: String,
}

impl From<&Fault> for ProblemFault {
    fn from(fault: &Fault) -> Self {
        Self {
            pointer: fault.pointer.clone(),
            code: fault.code.clone(),
            detail: fault.detail.clone(),
        }
    }
}

impl Problem {
    /// The public half of `error`; the status is the server's business.
    pub fn new(error: &Error, status: u16) -> Self {
        let code = error.code();
        Self {
            kind: format!("/problems/{code}"),
            title: code.title().to_owned(),
            status,
            code: code.as_str().to_owned(),
            detail: error.message().to_owned(),
            help: code.help().to_owned(),
            retryable: error.kind().is_retryable(),
            errors: error.fault_list().iter().map(ProblemFault::from).collect(),
            details: error.details().clone(),
            request_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::Code;

    use super::*;

    #[test]
    fn the_internal_half_has_no_way_to_the_wire() {
        let error = Error::new(Code::ProviderConflict, "it is running")
            .with_internal("virError 55 domain is already running");
        let json = serde_json::to_string(&Problem::new(&error, 409)).unwrap();
        assert!(!json.contains("virError"));
        assert!(json.contains("\"type\":\"/problems/provider_conflict\""));
    }
}
