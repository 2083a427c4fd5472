//! The one thing that cannot be mapped: an object that does not say which it is.

use hostler_core::Code;
use hostler_provider::{Error, Kind};

/// An object that is not shaped as every object of its kind must be (E6).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cluster sent a {kind} that cannot be read: {what}; compare the cluster's KubeVirt \
     version with those that this driver knows"
)]
pub struct Incompatible {
    kind: &'static str,
    what: String,
}

impl Incompatible {
    pub(crate) fn new(kind: &'static str, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }

    /// The kind of object, in Kubernetes' words.
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// What is wrong with it.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl From<Incompatible> for Error {
    /// The answer makes no sense; looking again will not help.
    fn from(error: Incompatible) -> Self {
        Self::new(Kind::Bug, error.to_string()).with_code(Code::IncompatibleSchema)
    }
}
