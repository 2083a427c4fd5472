//! What samples are asked for: a source that keeps summaries of long times may answer
//! with those, where the question is one that they answer.
//!
//! ```text
//!  face      asked by                          what a summary is told as
//!  Newest    a selector, last_over_time …      its last value, just before its end
//!  Least     min_over_time                     its least, in its middle
//!  Greatest  max_over_time                     its greatest, in its middle
//!  Sum       sum_over_time                     its sum, in its middle
//!  Mean      avg_over_time, count_over_time    its mean, in its middle, weighing as much as it has samples
//!  Growth    rate, increase                    a counter that grew as much, at its end
//!  Trend     deriv, predict_linear, delta      its last value, just before its end: only in want of samples
//!  Samples   everything else                   nothing: that needs each sample
//! ```

use hostler_core::metrics::series::SeriesData;

use crate::function::Over;

/// What of the samples counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// The newest at a time.
    Newest,
    /// The least of a window.
    Least,
    /// The greatest of a window.
    Greatest,
    /// Their sum.
    Sum,
    /// Their mean, or how many there are.
    Mean,
    /// By how much a counter grew.
    Growth,
    /// Which way they go.
    Trend,
    /// Each of them.
    Samples,
}

/// What a selector's samples are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose {
    /// What of them counts.
    pub face: Face,
    /// Where the first window ends, or the first look back begins.
    pub first_ms: i64,
    /// From one window to the next.
    pub step_ms: i64,
    /// How many there are.
    pub steps: usize,
    /// How long each is; 0 where only the newest counts.
    pub range_ms: i64,
}

/// What a source found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fetched {
    /// The series, as for [`Source::select`](crate::Source::select).
    pub series: Vec<SeriesData>,
    /// For how many measured samples each sample of each series stands, in the order of
    /// `series`; an empty list where each stands for itself.
    pub weights: Vec<Vec<f64>>,
    /// The part that is summaries.
    pub coarse: Option<Coarse>,
}

/// Which samples are summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coarse {
    /// Those up to this time.
    pub until_ms: i64,
    /// How long the longest is.
    pub width_ms: i64,
}

impl From<Vec<SeriesData>> for Fetched {
    fn from(series: Vec<SeriesData>) -> Self {
        Self { series, weights: Vec::new(), coarse: None }
    }
}

impl Over {
    /// What of a window's samples it needs.
    pub(crate) fn face(self) -> Face {
        match self {
            Self::Average | Self::Count => Face::Mean,
            Self::Delta | Self::Derivative | Self::PredictLinear => Face::Trend,
            Self::Increase | Self::Rate => Face::Growth,
            Self::Last | Self::Present => Face::Newest,
            Self::Max => Face::Greatest,
            Self::Min => Face::Least,
            Self::Sum => Face::Sum,
            Self::Changes
            | Self::Deviation
            | Self::InstantDelta
            | Self::InstantRate
            | Self::Quantile
            | Self::Resets
            | Self::Smoothing
            | Self::Variance => Face::Samples,
        }
    }
}
