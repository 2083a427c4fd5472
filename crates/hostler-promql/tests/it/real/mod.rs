//! The same questions of the same series: ours and Prometheus' answers side by side.
//! Prometheus 2 is what our answers are measured by; version 3 changed some of them.

mod dashboards;
mod data;
mod prometheus;
mod queries;
mod random;

use std::collections::BTreeMap;

use data::{LENGTH_MS, START_MS};
use hostler_promql::{LabelSet, Limits, Query, Series, Value};
use prometheus::Prometheus;
use random::Random;
use serde_json::Value as Json;

/// A result made comparable: labels, and for each the values with their times.
type Answer = BTreeMap<String, Vec<(i64, f64)>>;

/// How many are thrown together for each seed.
const RANDOM_QUERIES: usize = 400;

const LIMITS: fn() -> Limits<'static> = Limits::default;

fn number(text: &Json) -> f64 {
    match text.as_str().unwrap() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().unwrap(),
    }
}

fn pair(pair: &Json) -> (i64, f64) {
    ((pair[0].as_f64().unwrap() * 1000.0).round() as i64, number(&pair[1]))
}

/// The labels of Prometheus' answer in our words.
fn labels(metric: &Json) -> String {
    let labels = metric.as_object().unwrap().iter();
    labels
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect::<LabelSet>()
        .to_string()
}

fn theirs(data: &Json) -> (Answer, Vec<String>) {
    let result = &data["result"];
    if matches!(data["resultType"].as_str(), Some("scalar")) {
        return (BTreeMap::from([("{}".to_owned(), vec![pair(result)])]), vec!["{}".into()]);
    }
    let series = result.as_array().unwrap().iter().map(|series| {
        let values = match &series["values"] {
            Json::Array(values) => values.iter().map(pair).collect(),
            _ => vec![pair(&series["value"])],
        };
        (labels(&series["metric"]), values)
    });
    let series: Vec<_> = series.collect();
    let order = series.iter().map(|(labels, _)| labels.clone()).collect();
    (series.into_iter().collect(), order)
}

fn of_series(series: Vec<Series>) -> (Answer, Vec<String>) {
    let order = series.iter().map(|it| it.labels.to_string()).collect();
    let values = |it: &Series| it.samples.iter().map(|it| (it.at_ms, it.value)).collect();
    (series.iter().map(|it| (it.labels.to_string(), values(it))).collect(), order)
}

fn of_value(value: Value, at_ms: i64) -> (Answer, Vec<String>) {
    match value {
        Value::Scalar(number) => {
            (BTreeMap::from([("{}".to_owned(), vec![(at_ms, number)])]), vec!["{}".into()])
        }
        Value::Vector(points) => {
            let order = points.iter().map(|it| it.labels.to_string()).collect();
            (
                points.iter().map(|it| (it.labels.to_string(), vec![(at_ms, it.value)])).collect(),
                order,
            )
        }
        Value::Matrix(series) => of_series(series),
        Value::String(text) => panic!("a string: {text}"),
    }
}

/// To the ninth digit: sums may be added in another order.
fn is_same(one: f64, other: f64) -> bool {
    let near = (one - other).abs() <= 1e-9 * one.abs().max(other.abs());
    one == other || near || (one.is_nan() && other.is_nan())
}

/// The first difference, if there is one.
fn difference(ours: &Answer, theirs: &Answer) -> Option<String> {
    let (our_labels, their_labels): (Vec<_>, Vec<_>) =
        (ours.keys().collect(), theirs.keys().collect());
    if our_labels != their_labels {
        return Some(format!("series: ours {our_labels:?}, theirs {their_labels:?}"));
    }
    for (labels, values) in ours {
        let other = &theirs[labels];
        let differs = |(one, other): &(&(i64, f64), &(i64, f64))| {
            one.0 != other.0 || !is_same(one.1, other.1)
        };
        if let Some((ours, theirs)) = values.iter().zip(other).find(differs) {
            return Some(format!("{labels}: ours {ours:?}, theirs {theirs:?}"));
        }
        if values.len() != other.len() {
            return Some(format!("{labels}: ours {} values, theirs {}", values.len(), other.len()));
        }
    }
    None
}

fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Whether the order of an instant answer is a promise.
fn is_ordered(query: &str) -> bool {
    ["sort(", "sort_desc(", "topk(", "bottomk("].iter().any(|it| query.starts_with(it))
        // Between values that are the same, any order is right.
        && !query.contains("odd")
}

/// All that differs, one line for each query and time.
struct Findings {
    asked: usize,
    refused: usize,
    /// Answers of both without any value.
    empty: usize,
    differences: Vec<String>,
}

impl Findings {
    fn compare(
        &mut self,
        what: &str,
        ours: Result<(Answer, Vec<String>), String>,
        theirs: Result<(Answer, Vec<String>), String>,
        is_ordered: bool,
    ) {
        self.asked += 1;
        let found = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) if ours.0.is_empty() && theirs.0.is_empty() => {
                self.empty += 1;
                None
            }
            (Ok(ours), Ok(theirs)) => difference(&ours.0, &theirs.0).or_else(|| {
                let differs = is_ordered && ours.1 != theirs.1;
                differs.then(|| format!("order: ours {:?}, theirs {:?}", ours.1, theirs.1))
            }),
            (Err(_), Err(_)) => {
                self.refused += 1;
                None
            }
            (Ok(ours), Err(theirs)) => Some(format!("ours {:?}, theirs refused: {theirs}", ours.0)),
            (Err(ours), Ok(theirs)) => Some(format!("ours refused: {ours}, theirs {:?}", theirs.0)),
        };
        if let Some(found) = found {
            self.differences.push(format!("{what}\n    {found:.600}"));
        }
    }
}

/// C25, D22: what a rule or a chart asks of the history is answered as the real Prometheus
/// answers it from the same samples, or refused as it refuses.
#[test]
fn c25_d22_every_answer_is_that_of_the_real_prometheus() {
    let mut findings = Findings { asked: 0, refused: 0, empty: 0, differences: Vec::new() };
    let queries = queries::all();
    assert!(queries.len() >= 200, "{}", queries.len());
    for seed in [1, 2] {
        let data = data::make(seed);
        let prometheus = Prometheus::with(&data.0);
        let mut random = Random::new(seed);
        let thrown = std::iter::repeat_with(|| random.vector(3)).take(RANDOM_QUERIES);
        for text in queries.iter().cloned().chain(thrown) {
            ask(&mut findings, &prometheus, &data, seed, &text);
        }
    }
    let Findings { asked, refused, empty, .. } = findings;
    println!(
        "{} queries and {RANDOM_QUERIES} random ones for each seed, asked {asked} times: {refused} \
         refused by both, {empty} without a value",
        queries.len(),
    );
    assert!((refused + empty) * 2 < asked, "most say nothing: the series did not arrive");
    let found = findings.differences.len();
    assert_eq!(found, 0, "{found} differences:\n{}", findings.differences.join("\n"));
}

fn ask(findings: &mut Findings, prometheus: &Prometheus, data: &data::Data, seed: u64, text: &str) {
    let query = Query::parse(text).map_err(|fault| fault.to_string());
    // In the midst, in a gap, after the end of some, and beyond everything.
    for after in [4_000_123, 5_700_000, LENGTH_MS - 1, LENGTH_MS + 240_000] {
        let at_ms = START_MS + after;
        let ours = query.clone().and_then(|query| {
            query.instant(data, at_ms, &LIMITS()).map_err(|error| error.to_string())
        });
        let ours = ours.map(|value| of_value(value, at_ms));
        let theirs = prometheus.ask("query", text, &format!("time={}", seconds(at_ms)));
        let theirs = theirs.map(|data| theirs_of(&data));
        let what = format!("seed {seed}, at +{after} ms: {text}");
        findings.compare(&what, ours, theirs, is_ordered(text));
    }
    // Finer and coarser than the samples, and beyond both ends.
    for (from, to, step_ms) in [
        (3_000_000, 7_000_000, 61_000),
        (-600_000, LENGTH_MS + 600_000, 307_000),
        (4_700_000, 5_000_000, 7_000),
    ] {
        let (from, to) = (START_MS + from, START_MS + to);
        let ours = query.clone().and_then(|query| {
            query.range(data, from, to, step_ms, &LIMITS()).map_err(|error| error.to_string())
        });
        let times =
            format!("start={}&end={}&step={}", seconds(from), seconds(to), seconds(step_ms));
        let theirs = prometheus.ask("query_range", text, &times).map(|data| theirs_of(&data));
        let what = format!("seed {seed}, every {step_ms} ms: {text}");
        findings.compare(&what, ours.map(of_series), theirs, false);
    }
}

fn theirs_of(data: &Json) -> (Answer, Vec<String>) {
    theirs(data)
}
