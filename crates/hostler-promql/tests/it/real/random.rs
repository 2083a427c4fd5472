//! Questions that nobody would think of, thrown together. Left out is what makes much of
//! the last digit of a number: Prometheus adds up in an order of its own each time.

use super::data::Dice;

/// Makes questions.
pub(super) struct Random(Dice);

const SELECTORS: &[&str] = &[
    "temperature",
    "requests_total",
    "gappy",
    "up",
    "ended_total",
    "used_bytes",
    "size_bytes",
    "vm_info",
    "latency_seconds_bucket",
    "slow_total",
    "{__name__=~\"twin_.*\"}",
    "requests_total{code!=\"500\"}",
    "temperature{host=\"h1\"}",
];
const LABELS: &[&str] =
    &["host", "vm", "host, vm", "code", "rack", "", "case", "job, host", "le", "__name__"];
const MODIFIERS: &[&str] =
    &["", "", "", "", " offset 3m", " @ 1700005000", " @ end() offset 1m", " offset -90s"];
const OVER: &[&str] = &[
    "rate",
    "increase",
    "delta",
    "avg_over_time",
    "max_over_time",
    "last_over_time",
    "count_over_time",
    "changes",
    "irate",
    "sum_over_time",
    "absent_over_time",
    "resets",
];
const WINDOWS: &[&str] = &["1m", "5m", "37s", "20m"];
const SUBQUERIES: &[&str] =
    &["[10m:1m]", "[5m:13s]", "[7m:]", "[20m:3m] offset 2m", "[10m:1m] @ start()"];
const AGGREGATIONS: &[&str] =
    &["sum(", "min(", "max(", "avg(", "count(", "group(", "quantile(0.4, "];
const OPERATORS: &[&str] = &["+", "-", "*", "/", ">", "<=", "== bool", "!= bool"];
const GROUPS: &[&str] =
    &["", "", "group_left", "group_right", "group_left(host)", "group_right(rack, code)"];
const EACH: &[&str] = &["abs", "-", "sgn", "sort", "absent"];

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.0.below(from.len() as u64) as usize]
    }

    /// An instant vector, so deep.
    pub(super) fn vector(&mut self, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else {
            return format!("{}{}", self.pick(SELECTORS), self.pick(MODIFIERS));
        };
        match self.0.below(15) {
            0 | 1 => {
                let (function, selector) = (self.pick(OVER), self.pick(SELECTORS));
                format!("{function}({selector}[{}]{})", self.pick(WINDOWS), self.pick(MODIFIERS))
            }
            2 => {
                let (function, inner) = (self.pick(OVER), self.vector(depth));
                format!("{function}(({inner}){})", self.pick(SUBQUERIES))
            }
            3..=5 => {
                let (how, inner) = (self.pick(&["by", "without"]), self.vector(depth));
                let aggregation = self.pick(AGGREGATIONS);
                format!("{aggregation}{inner}) {how} ({})", self.pick(LABELS))
            }
            6 | 7 => {
                let (operator, number) = (self.pick(OPERATORS), self.number(depth));
                let vector = self.vector(depth);
                match self.0.below(2) {
                    0 => format!("({vector}) {operator} {number}"),
                    _ => format!("{number} {operator} ({vector})"),
                }
            }
            8 | 9 => {
                let (left, right) = (self.vector(depth), self.vector(depth));
                let (operator, how) = (self.pick(OPERATORS), self.pick(&["on", "ignoring"]));
                let (labels, group) = (self.pick(LABELS), self.pick(GROUPS));
                format!("({left}) {operator} {how}({labels}) {group} ({right})")
            }
            10 | 11 => {
                let (left, right) = (self.vector(depth), self.vector(depth));
                let operator = self.pick(&["and", "or", "unless"]);
                let how = self.pick(&["on", "ignoring"]);
                format!("({left}) {operator} {how}({}) ({right})", self.pick(LABELS))
            }
            12 => format!("{}({})", self.pick(EACH), self.vector(depth)),
            13 => {
                let (inner, label) = (self.vector(depth), self.pick(&["host", "place", "vm"]));
                format!("label_replace({inner}, \"{label}\", \"x$1\", \"host\", \"h(1|2)\")")
            }
            _ => format!("histogram_quantile(0.7, {})", self.vector(depth)),
        }
    }

    fn number(&mut self, depth: usize) -> String {
        match self.0.below(4) {
            0 => "2".to_owned(),
            1 => "time()".to_owned(),
            2 => format!("scalar({})", self.vector(depth)),
            _ => "-0.5".to_owned(),
        }
    }
}
