//! Limits, errors and corner cases; that the values are right is shown against the
//! real Prometheus (`tests/it/real`).

use std::cell::{Cell, RefCell};

use hostler_core::metrics::series::{Matcher, Sample, SeriesData, SeriesKey};

use crate::{
    Error, LOOKBACK_MS, Limits, Query, STALE, Series, Source, SourceError, TIME_MAX_MS, Value,
    is_stale,
};

/// A source of series in memory.
pub(crate) struct Table(pub(crate) Vec<SeriesData>);

/// A series of it.
pub(crate) fn series(name: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> SeriesData {
    let key = SeriesKey::new(name, labels.iter().copied()).unwrap();
    let samples = samples.iter().map(|(at_ms, value)| Sample { at_ms: *at_ms, value: *value });
    SeriesData { key, samples: samples.collect() }
}

impl Source for Table {
    fn select(
        &self,
        matchers: &[Matcher],
        _from_ms: i64,
        _to_ms: i64,
    ) -> Result<Vec<SeriesData>, SourceError> {
        Ok(self.0.iter().filter(|series| series.key.fits(matchers)).cloned().collect())
    }
}

fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// An instant answer as text.
fn at(table: &Table, text: &str, at_ms: i64) -> String {
    match query(text).instant(table, at_ms, &Limits::default()) {
        Ok(Value::Scalar(number)) => number.to_string(),
        Ok(Value::String(text)) => format!("{text:?}"),
        Ok(Value::Vector(points)) => {
            let points = points.iter().map(|point| format!("{} {}", point.labels, point.value));
            points.collect::<Vec<_>>().join("; ")
        }
        Ok(Value::Matrix(series)) => {
            let series = series.iter().map(|it| format!("{} {:?}", it.labels, values(it)));
            series.collect::<Vec<_>>().join("; ")
        }
        Err(error) => format!("error: {error}"),
    }
}

fn values(series: &Series) -> Vec<(i64, f64)> {
    series.samples.iter().map(|sample| (sample.at_ms, sample.value)).collect()
}

fn range(table: &Table, text: &str, (start, end, step): (i64, i64, i64)) -> Vec<Series> {
    query(text).range(table, start, end, step, &Limits::default()).unwrap()
}

const MINUTE: i64 = 60_000;

#[test]
fn x17_a_series_that_ended_has_no_value_and_is_never_carried_on() {
    let table = Table(vec![
        series("up", &[("case", "ended")], &[(0, 1.0), (MINUTE, STALE)]),
        series("up", &[("case", "silent")], &[(0, 1.0)]),
    ]);
    assert_eq!(at(&table, "up", 0), "up{case=\"ended\"} 1; up{case=\"silent\"} 1");
    assert_eq!(at(&table, "up", MINUTE), "up{case=\"silent\"} 1");
    assert_eq!(at(&table, "up", LOOKBACK_MS), "up{case=\"silent\"} 1");
    assert_eq!(at(&table, "up", LOOKBACK_MS + 1), "");
    assert_eq!(at(&table, "absent(up)", LOOKBACK_MS + 1), "{} 1");
    // In a window the marker is no value.
    assert_eq!(at(&table, "count_over_time(up{case=\"ended\"}[5m])", MINUTE), "{case=\"ended\"} 1");
    assert!(is_stale(STALE) && !is_stale(f64::NAN) && STALE.is_nan());
    // A gap is a gap in the answer, not a zero.
    let up = range(&table, "up{case=\"silent\"}", (0, 10 * MINUTE, 4 * MINUTE));
    assert_eq!(up.iter().map(values).collect::<Vec<_>>(), [[(0, 1.0), (4 * MINUTE, 1.0)]]);
}

#[test]
fn both_ends_of_a_window_belong_to_it() {
    let table = Table(vec![series("x", &[], &[(0, 1.0), (MINUTE, 2.0), (2 * MINUTE, 4.0)])]);
    assert_eq!(at(&table, "x[1m]", MINUTE), "x [(0, 1.0), (60000, 2.0)]");
    assert_eq!(at(&table, "x[1m]", MINUTE + 1), "x [(60000, 2.0)]");
    assert_eq!(at(&table, "x[1m]", 10 * MINUTE), "");
    assert_eq!(at(&table, "x[1m:30s]", MINUTE), "x [(0, 1.0), (30000, 1.0), (60000, 2.0)]");
    assert_eq!(at(&table, "\"text\"", 0), "\"text\"");
}

#[test]
fn a_window_that_at_fixes_stays_where_it_is_at_every_step() {
    let samples: Vec<(i64, f64)> =
        (0_u8..=10).map(|at| (i64::from(at) * MINUTE, f64::from(at))).collect();
    let table = Table(vec![series("x", &[], &samples)]);
    let span = (0, 10 * MINUTE, 5 * MINUTE);
    let fixed = range(&table, "sum_over_time(x[2m] @ end())", span);
    assert_eq!(values(&fixed[0]), [(0, 27.0), (5 * MINUTE, 27.0), (10 * MINUTE, 27.0)]);
    // What is predicted is for each step's own time, from the same line.
    let line = range(&table, "predict_linear(x[2m] @ end(), 60)", span);
    assert_eq!(values(&line[0]), [(0, 1.0), (5 * MINUTE, 6.0), (10 * MINUTE, 11.0)]);
}

#[test]
fn two_series_that_come_out_the_same_are_refused() {
    let table = Table(vec![
        series("a", &[("vm", "web")], &[(0, 1.0)]),
        series("b", &[("vm", "web")], &[(0, 2.0)]),
        series("many", &[("vm", "web"), ("disk", "vda")], &[(0, 1.0)]),
        series("many", &[("vm", "web"), ("disk", "vdb")], &[(0, 1.0)]),
    ]);
    let same = "error: two series of the result have the same labels: {vm=\"web\"}";
    for text in [
        "-{__name__=~\"a|b\"}",
        "abs({__name__=~\"a|b\"})",
        "{__name__=~\"a|b\"} * 2",
        "sum_over_time({__name__=~\"a|b\"}[5m])",
        "label_replace(sum by(vm, disk) (many), \"disk\", \"\", \"vm\", \".*\")",
    ] {
        assert_eq!(at(&table, text, 0), same, "{text}");
    }
    let one = at(&table, "many * on(vm) a", 0);
    assert!(one.contains("several series on the left") && one.contains("group_left"), "{one}");
    let other = at(&table, "a * on(vm) many", 0);
    assert!(other.contains("several series on the right") && other.contains("vdb"), "{other}");
    let right = at(&table, "many * on(vm) group_right a", 0);
    assert!(right.contains("several series on the left"), "{right}");
    let taken = at(&table, "many * on(vm) group_left(disk) a", 0);
    assert!(taken.contains("have the same labels"), "{taken}");
}

#[test]
fn every_limit_ends_a_query_and_says_which() {
    let table = Table(
        (0..10)
            .map(|nth: u8| {
                let samples: Vec<(i64, f64)> = (0..100).map(|at| (at * 1000, 1.0)).collect();
                series("x", &[("nth", &nth.to_string())], &samples)
            })
            .collect(),
    );
    let ask = |limits: &Limits<'_>, text: &str| {
        let result = query(text).range(&table, 0, 99_000, 1000, limits);
        result.map(|series| series.len()).map_err(|error| error.to_string())
    };
    let most = Limits::default();
    assert_eq!(ask(&most, "x"), Ok(10));
    assert_eq!(
        ask(&Limits { steps: 99, ..most }, "x").unwrap_err(),
        "the query takes more than 99 steps"
    );
    assert_eq!(
        ask(&Limits { series: 9, ..most }, "x").unwrap_err(),
        "the query takes more than 9 series"
    );
    assert_eq!(
        ask(&Limits { samples: 999, ..most }, "x").unwrap_err(),
        "the query takes more than 999 samples"
    );
    assert_eq!(
        ask(&Limits { points: 999, ..most }, "x").unwrap_err(),
        "the query takes more than 999 points"
    );
    // A subquery of a hundred years by milliseconds is refused before anything is computed.
    let years = ask(&most, "max_over_time(vector(1)[100y:1ms])").unwrap_err();
    assert!(years.contains("points"), "{years}");
    // So is one whose steps would be held once for every operator.
    let times = "time() ^ ".repeat(100);
    let many = ask(&most, &format!("max_over_time(vector({times} 1)[9000000s:1s])")).unwrap_err();
    assert!(many.contains("points"), "{many}");
    // Steps are limited in what is shown, not in what a subquery looks at.
    let few = Limits { steps: 100, ..most };
    assert_eq!(ask(&few, "max_over_time(x[10m:1s])"), Ok(10));
    // What a selector and an operation each give counts.
    assert!(ask(&Limits { points: 1500, ..most }, "count_values(\"v\", x)").is_ok());
    assert!(ask(&Limits { series: 10, points: 1050, ..most }, "count_values(\"v\", x)").is_err());
}

#[test]
fn calls_within_each_other_do_not_double_a_label_for_ever() {
    let table = Table(vec![series("x", &[("a", "12345678")], &[(0, 1.0)])]);
    for (call, rest) in [
        ("label_join(", ", \"a\", \"\", \"a\", \"a\", \"a\")"),
        ("label_replace(", ", \"a\", \"$0$0$0\", \"a\", \".*\")"),
    ] {
        let text = |count: usize| format!("{}x{}", call.repeat(count), rest.repeat(count));
        let few = at(&table, &text(5), 0);
        assert_eq!(few.len(), "x{a=\"\"} 1".len() + 8 * 3_usize.pow(5), "{few}");
        let many = at(&table, &text(30), 0);
        assert_eq!(many, "error: the label a gets a value longer than 4096 bytes");
    }
}

#[test]
fn a_query_that_is_cancelled_ends_soon() {
    let samples: Vec<(i64, f64)> = (0..5000).map(|at| (at * 1000, 1.0)).collect();
    let table = Table(vec![series("x", &[], &samples)]);
    let looks = Cell::new(0);
    let is_cancelled = || {
        looks.set(looks.get() + 1);
        looks.get() > 3
    };
    let limits = Limits { is_cancelled: &is_cancelled, ..Limits::default() };
    let result = query("sum_over_time(x[1h])").range(&table, 0, 5_000_000, 1000, &limits);
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    // The fourth look ended it: no more work was begun after.
    assert_eq!(looks.get(), 4);
}

#[test]
fn what_the_source_says_is_passed_on() {
    struct Broken;
    impl Source for Broken {
        fn select(&self, _: &[Matcher], _: i64, _: i64) -> Result<Vec<SeriesData>, SourceError> {
            Err("the disk is gone".into())
        }
    }
    let error = query("up").instant(&Broken, 0, &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "the history cannot be read: the disk is gone");
    assert!(query("1 + 1").instant(&Broken, 0, &Limits::default()).is_ok());
}

#[test]
fn times_that_are_no_range_are_refused() {
    let table = Table(Vec::new());
    let ask = |start, end, step| query("up").range(&table, start, end, step, &Limits::default());
    for (start, end, step) in
        [(1, 0, 1), (0, 1, 0), (0, 1, -1), (i64::MIN, 0, 1), (0, TIME_MAX_MS + 1, TIME_MAX_MS)]
    {
        assert!(matches!(ask(start, end, step), Err(Error::Times(_))), "{start} {end} {step}");
    }
    assert!(ask(-TIME_MAX_MS, TIME_MAX_MS, TIME_MAX_MS).is_ok());
    let matrix = query("up[5m]").range(&table, 0, 1, 1, &Limits::default()).unwrap_err();
    assert!(matrix.to_string().contains("not of a range vector"), "{matrix}");
    assert!(!query("up[5m]").has_range() && query("up").has_range());
}

/// Remembers what it was asked for.
struct Asked(RefCell<Vec<(String, i64, i64)>>);

impl Source for Asked {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<SeriesData>, SourceError> {
        self.0.borrow_mut().push((written(matchers), from_ms, to_ms));
        // Something, so that nothing is left out for want of a value.
        Ok(vec![series("x", &[], &[(from_ms, 1.0), (to_ms, 2.0)])])
    }
}

fn written(matchers: &[Matcher]) -> String {
    matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn what_a_query_needs_is_what_it_asks_for() {
    for text in [
        "up",
        "up offset 5m",
        "up offset -5m",
        "up @ 100",
        "up @ end() offset 1m",
        "rate(up[10m])",
        "rate(up[10m] @ start())",
        "avg_over_time(rate(up[5m])[30m:7s] offset 3m)",
        "max_over_time(max_over_time(up[5m:11s] @ end())[10m:])",
        "quantile(scalar(a), b) / on(x) c and d unless absent(e{f=~\"g.*\"})",
        "timestamp(up) + time()",
        "absent_over_time(up[5m]) or quantile_over_time(scalar(a), b[1m])",
        "histogram_quantile(scalar(q), rate(up[2m]))",
        "1 + 1",
    ] {
        let query = query(text);
        let limits = Limits::default();
        for (start, end, step) in [(1_000_123, 1_000_123, 1), (1_000_123, 2_000_456, 30_001)] {
            let asked = Asked(RefCell::default());
            match start == end {
                true => drop(query.instant(&asked, start, &limits)),
                false => drop(query.range(&asked, start, end, step, &limits)),
            }
            let needs = query.needs(start, end, step, &limits).into_iter();
            let needs = needs.map(|it| (written(&it.matchers), it.from_ms, it.to_ms));
            assert_eq!(needs.collect::<Vec<_>>(), asked.0.into_inner(), "{text}");
        }
    }
    let selectors = query("a / b{c!=\"d\"}").selectors();
    let selectors: Vec<String> = selectors.iter().map(|it| written(it)).collect();
    assert_eq!(selectors, ["__name__=\"a\"", "__name__=\"b\",c!=\"d\""]);
}

#[test]
fn more_samples_than_asked_for_change_nothing() {
    // The table gives all it has, whatever the times; so a prefetched superset is right, too.
    let samples: Vec<(i64, f64)> =
        (0_u16..1000).map(|at| (i64::from(at) * 1000, f64::from(at % 37))).collect();
    let all = Table(vec![series("x", &[], &samples)]);
    for text in ["x", "rate(x[1m])", "x offset 2m", "sum_over_time(x[1m:13s])", "timestamp(x)"] {
        let (start, end) = (400_000, 600_000);
        let needs = query(text).needs(start, end, 10_000, &Limits::default());
        let within = |at: i64| needs.iter().any(|it| (it.from_ms..=it.to_ms).contains(&at));
        let some: Vec<_> = samples.iter().copied().filter(|(at, _)| within(*at)).collect();
        let few = Table(vec![series("x", &[], &some)]);
        assert!(some.len() < samples.len());
        let span = (start, end, 10_000);
        assert_eq!(range(&all, text, span), range(&few, text, span), "{text}");
    }
}

#[test]
fn an_instant_answer_keeps_the_order_that_was_asked_for() {
    let table = Table(vec![
        series("x", &[("vm", "a")], &[(0, 2.0)]),
        series("x", &[("vm", "b")], &[(0, f64::NAN)]),
        series("x", &[("vm", "c")], &[(0, 3.0)]),
        series("x", &[("vm", "d")], &[(0, 1.0)]),
    ]);
    let order = |text: &str| {
        at(&table, text, 0).split("vm=\"").skip(1).map(|it| &it[..1]).collect::<String>()
    };
    assert_eq!(order("sort(x)"), "dacb");
    assert_eq!(order("sort_desc(x)"), "cadb");
    assert_eq!(order("topk(2, x)"), "ca");
    assert_eq!(order("bottomk(5, x)"), "dacb");
    assert_eq!(order("x"), "abcd");
}

#[test]
fn a_thousand_rates_are_the_rates_of_each() {
    let samples: Vec<(i64, f64)> =
        (0_u16..360).map(|at| (i64::from(at) * 10_000, f64::from(at) * 5.0)).collect();
    let table = Table(
        (0..1000)
            .map(|nth: u16| series("x_total", &[("nth", &nth.to_string())], &samples))
            .collect(),
    );
    let rates = query("rate(x_total[5m])");
    let result = rates.range(&table, 0, 3_540_000, 60_000, &Limits::default()).unwrap();
    assert_eq!(result.len(), 1000);
    // At 0 there is one sample alone.
    assert!(result.iter().all(|series| series.samples.len() == 59));
    let steady =
        |series: &Series| series.samples.iter().skip(5).all(|it| (it.value - 0.5).abs() < 1e-12);
    assert!(result.iter().all(steady));
}
