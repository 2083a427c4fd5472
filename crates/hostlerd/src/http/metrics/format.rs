//! The two text formats of metrics. The library writes OpenMetrics; the older
//! Prometheus format differs in a few lines, and old scrapers read only that.

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
}
