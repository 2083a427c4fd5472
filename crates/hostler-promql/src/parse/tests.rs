//! What is refused, with its place; limits; and that no text at all ends a thread.

use proptest::prelude::*;

use super::parse;
use crate::Query;
use crate::limits::{DEPTH_MAX, OPERATORS_MAX, TEXT_MAX};

/// What is said of a text, and what of it is meant.
fn fault(text: &str) -> (String, &str) {
    let fault = parse(text).expect_err(text);
    (fault.to_string(), text.get(fault.at).expect("faults lie on characters"))
}

#[test]
fn c25_what_is_not_supported_is_named_where_it_stands() {
    for (text, meant, said) in [
        ("sum(foo(up))", "foo", "line 1, column 5: the function foo is not supported"),
        ("up +\n  sin(up)", "sin", "line 2, column 3: the function sin is not supported"),
        ("limitk(2, up)", "limitk", "the function limitk is not supported"),
        ("up atan2 down", "atan2", "atan2 is not supported"),
        ("up + fill (0) down", "fill", "fill is not supported"),
        ("up smoothed", "smoothed", "smoothed is not supported"),
        ("up{a=\"1\" or b=\"2\"}", "or", "expected \",\" or \"}\", found the name or"),
        ("{\"up\"}", "\"up\"", "the name of a label without quotes"),
        ("histogram_fraction(0, 1, up)", "histogram_fraction", "is not supported"),
        ("up[5m] anchored", "anchored", "anchored is not supported"),
        ("1 + 5m", "5m", "expected an expression, found the duration 5m"),
        ("up[300]", "300", "expected a duration, as 5m, found the number 300"),
        ("010", "010", "\"010\" is neither number nor duration"),
    ] {
        let (what, at) = fault(text);
        assert!(what.contains(said), "{text}: {what}");
        assert_eq!(at, meant, "{text}: {what}");
    }
}

#[test]
fn c25_what_is_wrong_is_said_where_it_is() {
    for (text, meant, said) in [
        ("", "", "the query is empty"),
        ("# only a comment", "# only a comment", "the query is empty"),
        ("up +", "", "column 5: expected an expression, found the end"),
        ("sum(up", "(", "column 4: this \"(\" is never closed"),
        ("sum(up))", ")", "column 8: this \")\" closes nothing"),
        ("up up", "up", "column 4: expected an operator or the end, found the name up"),
        ("(up, up)", ",", "column 4: expected an operator"),
        ("up ? up", "?", "'?' has no meaning here"),
        ("up{host=h1}", "h1", "expected a string, found the name h1"),
        ("up{host}", "}", "expected one of = != =~ !~, found \"}\""),
        ("up{host=\"h1}", "\"", "the string that begins here has no end"),
        ("up{host=\"\\q\"}", "\"\\q\"", "a \\ with no meaning"),
        ("up{host=~\"(\"}", "\"(\"", ""),
        ("up{host=\"\\\u{e9}\"}", "\"\\\u{e9}\"", "a \\ with no meaning"),
        ("up{__name__=\"down\"}", "__name__", "the selector has a name already"),
        ("up[0s]", "0s", "the duration 0s is nothing"),
        ("up[200y]", "200y", "longer than a hundred years"),
        ("up[99999999999999999999y]", "99999999999999999999y", "longer than a hundred years"),
        ("up[1s1m]", "1s1m", "neither number nor duration"),
        ("up[1e300]", "1e300", "expected a duration"),
        ("up offset 1e300", "1e300", "expected a duration"),
        ("up @ 1e300", "", ""),
        ("sum by host (up)", "host", "\"(\" and names of labels"),
        ("sum by(host) up", "up", "\"(\" and what to aggregate"),
        ("{}", "{}", "at least one"),
        ("up + {a=~\".*\"}", "", ""),
        (
            "rate(up[5m]) + rate(up)",
            "rate",
            "column 16: expected a range vector, as up[5m], in call",
        ),
        ("abs(up) + sum(abs(round(up, up)))", "round", "column 19: "),
        ("sum(sum(1)) + sum(up)", "sum", "column 5: "),
        ("1 + (2 == 3)", "(2 == 3)", "must use bool"),
        ("time(1)", "time", "argument"),
        ("topk(up)", "topk", ""),
        ("predict_linear(up[5m], up)", "predict_linear", "expected a number"),
        ("up[5m] + 1", "up[5m] + 1", ""),
        ("abs(up[5m])", "abs", "got a range vector"),
        ("up offset 1m offset 2m", "up offset 1m offset 2m", "multiple times"),
        ("label_join(up, \"a b\", \"\")", "label_join", "\"a b\" is no name of a label"),
        ("label_replace(up, \"a\", \"\", \"b\", \"(\")", "label_replace", "\"(\""),
        ("count_values(\"a b\", up)", "count_values", "\"a b\" is no name of a label"),
        ("1 == 2", "1 == 2", "must use bool"),
        ("1 and up", "1 and up", "not allowed"),
        ("ln(0)", "ln", "argument 1 of ln has to be an instant vector, not a number"),
    ] {
        let (what, at) = fault(text);
        assert!(what.contains(said), "{text}: {what}");
        if !meant.is_empty() && !said.is_empty() {
            assert_eq!(at, meant, "{text}: {what}");
        }
    }
}

#[test]
fn a_query_has_limits_and_no_depth_ends_the_thread() {
    for (open, close) in
        [("(", ")"), ("abs(", ")"), ("sum(", ")"), ("-", ""), ("1+", ""), ("1^", "")]
    {
        for count in [DEPTH_MAX + 1, OPERATORS_MAX + 1, 3000, 100_000] {
            let text = format!("{}up{}", open.repeat(count), close.repeat(count));
            let is_allowed = open == "-" || open.len() == 2;
            let most = if is_allowed { OPERATORS_MAX } else { DEPTH_MAX };
            assert_eq!(parse(&text).is_err(), count > most, "{count} times {open}");
        }
    }
    let (what, _) = fault(&format!("up{{a=\"{}\"}}", "x".repeat(TEXT_MAX)));
    assert!(what.contains("longer than 16384 bytes"), "{what}");
    let labels = vec!["a"; 3000].join(",");
    let (what, _) = fault(&format!("sum by({labels}) (up)"));
    assert!(what.contains("more than 4096 words and signs"), "{what}");
    let (what, _) = fault(&format!("up{{a=~\"{}\"}}", "x".repeat(2000)));
    assert!(what.contains("longer than 1024 bytes"), "{what}");
}

#[test]
fn the_deepest_query_needs_less_stack_than_a_worker_has() {
    let deepest = || {
        use crate::eval::tests::{Table, series};
        let text = format!(
            "{}{}up{}",
            "up ^ ".repeat(OPERATORS_MAX),
            "max_over_time(".repeat(DEPTH_MAX),
            "[1m:1m])".repeat(DEPTH_MAX),
        );
        let query = Query::parse(&text).unwrap();
        let table = Table(vec![series("up", &[], &[(0, 1.0)])]);
        let limits = crate::Limits::default();
        assert!(query.instant(&table, 0, &limits).is_ok());
        assert!(query.clone().needs(0, 0, 1, &limits).len() > OPERATORS_MAX);
    };
    // A thread of tokio's has 2 MiB, and something was called before.
    let thread = std::thread::Builder::new().stack_size(3 << 19).spawn(deepest);
    thread.unwrap().join().unwrap();
}

#[test]
fn names_are_names_where_a_name_stands() {
    // Words of the language are also names of metrics, as in Prometheus.
    for text in ["sum", "by", "offset", "fill + fill", "and and or", "start", "rate", "rate{a='b'}"]
    {
        parse(text).expect(text);
    }
}

#[test]
fn strings_numbers_and_durations_are_read_as_they_are_written() {
    use crate::tree::Expr;
    for (text, string) in [
        (r#""a\tb\\\"'""#, "a\tb\\\"'"),
        (r#"'\x41\101\u00fc\U0001F600"\''"#, "AA\u{fc}\u{1f600}\"'"),
        ("`\\n\n\"`", "\\n\n\""),
        (r#""\xc3\xbc""#, "\u{fc}"),
        ("\"7\"", "7"),
    ] {
        let tree = parse(text).unwrap();
        assert!(matches!(&tree, Expr::Text(it) if it == string), "{text}: {tree:?}");
    }
    for text in [
        r#""\xff""#,
        r#""\'""#,
        r#"'\"'"#,
        r#""\8""#,
        r#""\777""#,
        r#""\ud800""#,
        r#""\x4""#,
        r#""\""#,
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    for (text, number) in
        [("0x1F", 31.0), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("1E-3", 0.001)]
    {
        assert!(matches!(parse(text).unwrap(), Expr::Number(it) if it == number), "{text}");
    }
    for (text, millis) in [
        ("up[1h30m]", 5_400_000),
        ("up[100y]", 3_153_600_000_000),
        ("up[99999999999ms]", 99_999_999_999),
        ("up[1d]", 86_400_000),
        ("up[1ms]", 1),
    ] {
        assert!(matches!(parse(text).unwrap(), Expr::Window(_, it) if it == millis), "{text}");
    }
}

#[test]
fn old_names_and_large_letters_are_understood() {
    for text in [
        "holt_winters(up[5m], 0.1, 0.1)",
        "holt_winters(up{a=\"holt_winters(\"}[5m], 0.1, 0.1) + double_exponential_smoothing(up[1m], 0.1, 0.1)",
        "SUM(up) BY (a) OR up AND up",
        "up OFFSET 5m @ 1.5",
        "up @ -1.5 offset -1y2w3d4h5m6s7ms",
    ] {
        parse(text).expect(text);
    }
}

/// Pieces that make a query, put together without any sense.
fn pieces() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "up",
        "sum",
        "rate",
        "(",
        ")",
        "[5m]",
        "[5m:1m]",
        "{",
        "}",
        "a",
        "=",
        "=~",
        "\"x\"",
        ",",
        "+",
        "-",
        "*",
        "^",
        "==",
        "bool",
        "on",
        "ignoring",
        "group_left",
        "by",
        "without",
        "and",
        "offset",
        "5m",
        "@",
        "start()",
        "1",
        "1e300",
        "0x",
        "holt_winters",
        "time",
        "topk",
        "'",
        "fill",
        "99999999999y",
        "[",
        "]",
        ":",
        "unless",
        "label_replace",
        "\\",
        "ü",
        "#",
        "\n",
        "quantile_over_time",
        "absent",
        "NaN",
        "Inf",
        "-Inf",
        "vector",
        "scalar",
        "1y",
        "0s",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![pieces(), "\\PC{0,80}", "[a-z(){}\\[\\]0-9:.,@+\\-*=~!\"' ]{0,60}"]) {
        use crate::eval::tests::{Table, series};
        match Query::parse(&text) {
            Err(fault) => {
                prop_assert!(text.get(fault.at.clone()).is_some(), "{}: {}", text, fault);
            }
            Ok(query) => {
                let table = Table(vec![
                    series("up", &[("a", "x")], &[(0, 1.0), (60_000, f64::NAN), (90_000, -3.0)]),
                    series("up", &[("a", "y")], &[(30_000, f64::INFINITY), (90_000, 2.5)]),
                ]);
                let limits = crate::Limits { points: 100_000, ..crate::Limits::default() };
                // Whether it gives something is not the question here.
                let _ = query.instant(&table, 90_000, &limits);
                let _ = query.range(&table, -60_000, 300_000, 45_000, &limits);
                let _ = query.needs(i64::MIN, i64::MAX, 1, &limits);
            }
        }
    }
}
