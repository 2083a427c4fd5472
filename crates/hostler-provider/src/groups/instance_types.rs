//! Sizes that VMs can be made in, and what is filled in where a VM says nothing.
//!
//! Making a VM of one is [`crate::Create`]'s: the specification names it, and says the size
//! that it had when it was looked up ([`hostler_core::vm::VmSpec::size_by`]). A type that is
//! not there, or has another size by then, is refused there.

use async_trait::async_trait;
use hostler_core::vm::{InstanceType, Preference};

use crate::context::Cx;
use crate::error::Result;

/// Having instance types and preferences.
#[async_trait]
pub trait InstanceTypes: Send + Sync {
    /// All instance types that VMs made here can be of: those of the whole provider first, then
    /// by namespace, each by name. Each is told once, as of the context's time.
    async fn instance_types(&self, cx: &Cx) -> Result<Offered<InstanceType>>;

    /// All preferences, likewise.
    async fn preferences(&self, cx: &Cx) -> Result<Offered<Preference>>;
}

/// What is offered, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered<T> {
    /// The things.
    pub items: Vec<T>,
    /// Why there may be more, and what to do, for people: one entry for each part that could
    /// not be read. Empty where the list is complete.
    pub unread: Vec<String>,
}

impl<T> Default for Offered<T> {
    fn default() -> Self {
        Self { items: Vec::new(), unread: Vec::new() }
    }
}
