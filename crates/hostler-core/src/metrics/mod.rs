//! What is measured: the catalogue of metrics, samples of them, rates, and the
//! text in which Prometheus reads them. Pure: collecting is the engine's and
//! the drivers' business.
//!
//! ```text
//!  catalog/metrics/*.toml ──codegen──► catalog.rs: enum Metric
//!                                          │
//!  driver ──► Batch of Points ──► rate (counter → ratio) ──► exposition (text)
//! ```
//!
//! [`custom`] says what users may add of their own. [`hypervisor`] tells what a VM runs by from what was read of it.
//!
//! A point that is not there was not measured. There is no zero in place of
//! unknown, no carry-forward without an age (X17, D4).

mod catalog;
pub mod custom;
pub mod exposition;
mod family;
pub mod hypervisor;
mod own;
mod page;
pub mod rate;
mod sample;
pub mod series;
pub mod states;

pub use catalog::Metric;
pub use family::{Cost, Family, MetricKind, Resource, Unit};
pub use own::{BALLOON_FRESH, own};
pub use page::{Dropped, OwnerLabel, Page, SERIES_MAX};
pub use sample::{Labels, Point};
