//! The text formats of metrics. The library writes OpenMetrics; the older
//! Prometheus format differs in a few lines, and old scrapers read only that.

use hostler_core::metrics::series::SeriesKey;

/// OpenMetrics as Prometheus text: a counter's family bears the name of its samples,
/// and there is neither unit nor end.
pub(super) fn to_text(openmetrics: &str) -> String {
    let is_counter = |line: &str| line.starts_with("# TYPE ") && line.ends_with(" counter");
    let counters: Vec<&str> = openmetrics
        .lines()
        .filter(|line| is_counter(line))
        .filter_map(|line| line.split(' ').nth(2))
        .collect();
    let mut text = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines() {
        let mut words = line.splitn(4, ' ');
        let head = (words.next(), words.next(), words.next(), words.next());
        match head {
            (Some("#"), Some("EOF" | "UNIT"), ..) => continue,
            (Some("#"), Some(word), Some(name), Some(rest)) if counters.contains(&name) => {
                text.push_str(&format!("# {word} {name}_total {rest}"));
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// The series of an OpenMetrics text that we wrote ourselves. A line that is none has
/// no series; a label's value may bear what is escaped.
pub(super) fn series(openmetrics: &str) -> Vec<(SeriesKey, f64)> {
    let lines = openmetrics.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(read).collect()
}

fn read(line: &str) -> Option<(SeriesKey, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = series.split_once('{') else {
        return Some((SeriesKey::new(series, [("", ""); 0]).ok()?, value));
    };
    let mut rest = labels.strip_suffix('}')?;
    let mut read: Vec<(&str, String)> = Vec::new();
    while let Some((name, after)) = rest.split_once("=\"") {
        let (text, end) = quoted(after)?;
        read.push((name, text));
        rest = after.get(end..)?.trim_start_matches(',');
    }
    Some((SeriesKey::new(name, read).ok()?, value))
}

/// What stands before the closing quote, and where to go on behind it.
fn quoted(text: &str) -> Option<(String, usize)> {
    let (mut read, mut is_escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return Some((read, at + 1)),
            'n' if is_escaped => (read.push('\n'), is_escaped = false).1,
            c => (read.push(c), is_escaped = false).1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_like_their_samples_and_the_end_is_left_out() {
        let given = "# HELP a Things.\n# TYPE a counter\na_total{x=\"# TYPE b counter\"} 1\n\
            # HELP b B.\n# TYPE b gauge\n# UNIT b seconds\nb 2\n# EOF\n";
        let wanted = "# HELP a_total Things.\n# TYPE a_total counter\n\
            a_total{x=\"# TYPE b counter\"} 1\n# HELP b B.\n# TYPE b gauge\nb 2\n";
        assert_eq!(to_text(given), wanted);
    }

    #[test]
    fn the_series_of_a_text_are_read_back() {
        let text = "# TYPE a counter\na_total{x=\"q\\\"\\\\\\n,}\",y=\"\"} 1.5\nb 2\nnone\n# EOF\n";
        let read = series(text);
        let keys: Vec<String> = read.iter().map(|(key, _)| key.to_string()).collect();
        assert_eq!(keys, [r#"a_total{x="q\"\\\n,}"}"#, "b"]);
        assert_eq!(read.iter().map(|it| it.1).collect::<Vec<_>>(), [1.5, 2.0]);
    }
}
