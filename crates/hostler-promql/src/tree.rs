//! A query as it is evaluated: what the parser gave, checked, with its names resolved.

use hostler_core::metrics::series::Matcher;

use crate::function::Function;

/// An expression.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Number(f64),
    Text(String),
    /// The present value of each series.
    Select(Selector),
    /// The values of each series over a time before, so many milliseconds.
    Window(Selector, i64),
    Subquery(Box<Subquery>),
    Negate(Box<Expr>),
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    Call(Box<Call>),
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Vector,
    Matrix,
    Text,
}

impl Kind {
    /// As errors call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Scalar => "a number",
            Kind::Vector => "an instant vector",
            Kind::Matrix => "a range vector, as up[5m]",
            Kind::Text => "a string",
        }
    }
}

/// Which series, and how far from the time of evaluation.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
}

/// `offset` and `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shift {
    /// Back in time where positive.
    pub(crate) offset_ms: i64,
    pub(crate) at: Option<At>,
}

/// The time that `@` fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Of the whole query.
    Start,
    /// Of the whole query.
    End,
    Time(i64),
}

/// `expression[range:step]`
#[derive(Debug, Clone)]
pub(crate) struct Subquery {
    pub(crate) expr: Expr,
    pub(crate) range_ms: i64,
    pub(crate) step_ms: Option<i64>,
    pub(crate) shift: Shift,
}

/// Two expressions and what is done with them.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) operator: Operator,
    /// A comparison gives 0 and 1 instead of leaving out what does not fit.
    pub(crate) gives_bool: bool,
    pub(crate) left: Expr,
    pub(crate) right: Expr,
    pub(crate) matching: Matching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    And,
    Or,
    Unless,
}

impl Operator {
    pub(crate) fn is_set(self) -> bool {
        matches!(self, Operator::And | Operator::Or | Operator::Unless)
    }

    pub(crate) fn is_comparison(self) -> bool {
        use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        matches!(self, Equal | NotEqual | Greater | Less | GreaterOrEqual | LessOrEqual)
    }

    pub(crate) fn is_arithmetic(self) -> bool {
        !self.is_set() && !self.is_comparison()
    }
}

/// Which series of the two sides belong together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matching {
    /// By the labels named alone; otherwise by all others.
    pub(crate) on: bool,
    pub(crate) labels: Vec<Box<str>>,
    pub(crate) many: Many,
    /// Labels that are taken from the side that has one.
    pub(crate) include: Vec<Box<str>>,
}

/// The side on which several may fit one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Many {
    #[default]
    Neither,
    Left,
    Right,
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) how: Aggregation,
    /// A number, or for `count_values` a string.
    pub(crate) parameter: Option<Expr>,
    pub(crate) expr: Expr,
    pub(crate) without: bool,
    pub(crate) labels: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregation {
    Sum,
    Min,
    Max,
    Average,
    Count,
    Deviation,
    Variance,
    Group,
    Top,
    Bottom,
    Quantile,
    CountValues,
}

impl Aggregation {
    const TABLE: &[(&str, Aggregation)] = &[
        ("sum", Aggregation::Sum),
        ("min", Aggregation::Min),
        ("max", Aggregation::Max),
        ("avg", Aggregation::Average),
        ("count", Aggregation::Count),
        ("stddev", Aggregation::Deviation),
        ("stdvar", Aggregation::Variance),
        ("group", Aggregation::Group),
        ("topk", Aggregation::Top),
        ("bottomk", Aggregation::Bottom),
        ("quantile", Aggregation::Quantile),
        ("count_values", Aggregation::CountValues),
    ];

    /// As the query calls it, in small or large letters.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        let found = Self::TABLE.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, aggregation)| *aggregation)
    }
}

/// A function and what it is applied to; the number of arguments and their kinds have been
/// checked.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) arguments: Vec<Expr>,
    /// The pattern of `label_replace`, compiled.
    pub(crate) pattern: Option<regex::Regex>,
}

impl Expr {
    /// What it gives.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Expr::Number(_) => Kind::Scalar,
            Expr::Text(_) => Kind::Text,
            Expr::Select(_) | Expr::Aggregate(_) => Kind::Vector,
            Expr::Window(..) | Expr::Subquery(_) => Kind::Matrix,
            Expr::Negate(inner) => inner.kind(),
            Expr::Binary(binary) => match (binary.left.kind(), binary.right.kind()) {
                (Kind::Scalar, Kind::Scalar) => Kind::Scalar,
                _ => Kind::Vector,
            },
            Expr::Call(call) => call.function.gives(),
        }
    }
}
