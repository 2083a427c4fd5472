//! Queries over the history of metrics, in a subset of PromQL: what charts ask, and
//! what alert and recording rules say.
//!
//! ```text
//! text ──parse──► Query ──needs──► what to fetch
//!                   │
//!                   └─instant, range──► Value ◄── Source: the history, whatever keeps it
//! ```
//!
//! What is answered is answered as Prometheus 2 does, tested against the real one;
//! what is not supported is refused by name, never left out silently. Nothing here
//! does I/O, waits or reads a clock: times come in, and a deadline is a question
//! that the caller answers ([`Limits::is_cancelled`]).
//!
//! Begin reading at [`Query`]; then `parse/mod.rs` and `eval/mod.rs`.

mod eval;
mod fault;
mod function;
mod grid;
mod labels;
mod limits;
mod parse;
mod purpose;
mod query;
mod tree;

pub use fault::{Error, Fault, Result, SourceError};
pub use grid::Need;
pub use labels::{LabelSet, NAME};
pub use limits::{
    DEPTH_MAX, DURATION_MAX_MS, LOOKBACK_MS, Limits, OPERATORS_MAX, TEXT_MAX, TIME_MAX_MS,
    TOKENS_MAX,
};
pub use purpose::{Coarse, Face, Fetched, Purpose};
pub use query::{Point, Query, Series, Source, Value};

/// The bits of the NaN that ends a series: it is not a value, and says that there is none from
/// here on. Prometheus has the same.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The NaN of [`STALE_BITS`].
pub const STALE: f64 = f64::from_bits(STALE_BITS);

/// Whether a sample's value is the marker that ends its series.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}
