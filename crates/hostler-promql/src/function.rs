//! The functions there are, what they take and what they give. A name that is not
//! in this table is refused by name.

use crate::tree::Kind;

/// A function of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// Of a range vector, for each series.
    Over(Over),
    /// Of an instant vector, for each value.
    Each(Each),
    /// A part of a date, of an instant vector or, without arguments, of now.
    Date(Date),
    Absent,
    AbsentOverTime,
    HistogramQuantile,
    LabelJoin,
    LabelReplace,
    Scalar,
    Sort,
    SortDescending,
    Time,
    Timestamp,
    Vector,
}

/// What is computed from the values of a series in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Average,
    Changes,
    Count,
    Delta,
    Derivative,
    Deviation,
    InstantDelta,
    InstantRate,
    Increase,
    Last,
    Max,
    Min,
    PredictLinear,
    Present,
    Quantile,
    Rate,
    Resets,
    Smoothing,
    Sum,
    Variance,
}

/// What is computed from one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Each {
    Absolute,
    Ceiling,
    Clamp,
    ClampMax,
    ClampMin,
    Exponential,
    Floor,
    Logarithm,
    Logarithm2,
    Logarithm10,
    Round,
    Sign,
    SquareRoot,
}

/// A part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Date {
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    DaysInMonth,
    Hour,
    Minute,
    Month,
    Year,
}

/// What a function takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature {
    pub(crate) function: Function,
    /// The kinds of its arguments; the last may be repeated.
    pub(crate) takes: &'static [Kind],
    pub(crate) fewest: usize,
    pub(crate) most: usize,
}

const MATRIX: &[Kind] = &[Kind::Matrix];
const VECTOR: &[Kind] = &[Kind::Vector];
const VECTOR_SCALAR: &[Kind] = &[Kind::Vector, Kind::Scalar];
const MATRIX_SCALAR: &[Kind] = &[Kind::Matrix, Kind::Scalar];
const SCALAR_MATRIX: &[Kind] = &[Kind::Scalar, Kind::Matrix];
const SMOOTHING: &[Kind] = &[Kind::Matrix, Kind::Scalar, Kind::Scalar];
const CLAMP: &[Kind] = &[Kind::Vector, Kind::Scalar, Kind::Scalar];
const LABELS: &[Kind] = &[Kind::Vector, Kind::Text, Kind::Text, Kind::Text, Kind::Text];

/// The most arguments of a function that takes any number.
const ARGUMENTS_MAX: usize = 64;

/// Looks a function up as the query calls it.
pub(crate) fn by_name(name: &str) -> Option<Signature> {
    let exactly = |function, takes: &'static [Kind]| {
        Some(Signature { function, takes, fewest: takes.len(), most: takes.len() })
    };
    if let Some(over) = over(name) {
        return exactly(Function::Over(over), over.takes());
    }
    if let Some(each) = each(name) {
        let takes = each.takes();
        // The unit to round to may be left out.
        let fewest = if each == Each::Round { 1 } else { takes.len() };
        return Some(Signature {
            function: Function::Each(each),
            takes,
            fewest,
            most: takes.len(),
        });
    }
    if let Some(date) = date(name) {
        return Some(Signature {
            function: Function::Date(date),
            takes: VECTOR,
            fewest: 0,
            most: 1,
        });
    }
    match name {
        "absent" => exactly(Function::Absent, VECTOR),
        "absent_over_time" => exactly(Function::AbsentOverTime, MATRIX),
        "histogram_quantile" => exactly(Function::HistogramQuantile, &[Kind::Scalar, Kind::Vector]),
        "label_join" => Some(Signature {
            function: Function::LabelJoin,
            takes: &[Kind::Vector, Kind::Text, Kind::Text, Kind::Text],
            fewest: 3,
            most: ARGUMENTS_MAX,
        }),
        "label_replace" => exactly(Function::LabelReplace, LABELS),
        "scalar" => exactly(Function::Scalar, VECTOR),
        "sort" => exactly(Function::Sort, VECTOR),
        "sort_desc" => exactly(Function::SortDescending, VECTOR),
        "time" => exactly(Function::Time, &[]),
        "timestamp" => exactly(Function::Timestamp, VECTOR),
        "vector" => exactly(Function::Vector, &[Kind::Scalar]),
        _ => None,
    }
}

fn over(name: &str) -> Option<Over> {
    Some(match name {
        "avg_over_time" => Over::Average,
        "changes" => Over::Changes,
        "count_over_time" => Over::Count,
        "delta" => Over::Delta,
        "deriv" => Over::Derivative,
        "stddev_over_time" => Over::Deviation,
        "idelta" => Over::InstantDelta,
        "irate" => Over::InstantRate,
        "increase" => Over::Increase,
        "last_over_time" => Over::Last,
        "max_over_time" => Over::Max,
        "min_over_time" => Over::Min,
        "predict_linear" => Over::PredictLinear,
        "present_over_time" => Over::Present,
        "quantile_over_time" => Over::Quantile,
        "rate" => Over::Rate,
        "resets" => Over::Resets,
        "double_exponential_smoothing" | "holt_winters" => Over::Smoothing,
        "sum_over_time" => Over::Sum,
        "stdvar_over_time" => Over::Variance,
        _ => return None,
    })
}

fn each(name: &str) -> Option<Each> {
    Some(match name {
        "abs" => Each::Absolute,
        "ceil" => Each::Ceiling,
        "clamp" => Each::Clamp,
        "clamp_max" => Each::ClampMax,
        "clamp_min" => Each::ClampMin,
        "exp" => Each::Exponential,
        "floor" => Each::Floor,
        "ln" => Each::Logarithm,
        "log2" => Each::Logarithm2,
        "log10" => Each::Logarithm10,
        "round" => Each::Round,
        "sgn" => Each::Sign,
        "sqrt" => Each::SquareRoot,
        _ => return None,
    })
}

fn date(name: &str) -> Option<Date> {
    Some(match name {
        "day_of_month" => Date::DayOfMonth,
        "day_of_week" => Date::DayOfWeek,
        "day_of_year" => Date::DayOfYear,
        "days_in_month" => Date::DaysInMonth,
        "hour" => Date::Hour,
        "minute" => Date::Minute,
        "month" => Date::Month,
        "year" => Date::Year,
        _ => return None,
    })
}

impl Over {
    fn takes(self) -> &'static [Kind] {
        match self {
            Over::PredictLinear => MATRIX_SCALAR,
            Over::Quantile => SCALAR_MATRIX,
            Over::Smoothing => SMOOTHING,
            _ => MATRIX,
        }
    }
}

impl Each {
    fn takes(self) -> &'static [Kind] {
        match self {
            Each::Clamp => CLAMP,
            Each::ClampMax | Each::ClampMin | Each::Round => VECTOR_SCALAR,
            _ => VECTOR,
        }
    }
}

impl Function {
    /// What it gives.
    pub(crate) fn gives(self) -> Kind {
        match self {
            Function::Scalar | Function::Time => Kind::Scalar,
            _ => Kind::Vector,
        }
    }
}
