//! Clusters: places made of many hosts under one authority, which has a health and
//! features of its own.

use async_trait::async_trait;
use hostler_core::cluster::Report;

use crate::context::Cx;
use crate::error::Result;

/// Being a cluster.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Asks the cluster how it is and what it can. A cluster that does not answer, or
    /// does not know us, is told in the report: an error is only our own deadline, or
    /// that we were cancelled.
    ///
    /// It asks some dozens of questions: once a minute is often enough.
    async fn report(&self, cx: &Cx) -> Result<Report>;
}
