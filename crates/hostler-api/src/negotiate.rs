//! What a client likes better: lists whose terms bear weights (RFC 9110, 12.4.2).
//! Every program that serves needs it, so it is beside what they serve.

mod coding;

use hostler_core::metrics::exposition::Format;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName};

pub use coding::{Coding, best};

/// A weight, in thousandths; clients cannot say it more exactly.
pub type Weight = u16;

/// The terms of all headers of that name, in lower case, with their weights. Their
/// other parameters are left out.
pub fn terms(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, Weight)> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(term)
        .collect()
}

/// `gzip;q=0.8` as name and weight; what makes no sense counts as refused.
fn term(text: &str) -> Option<(String, Weight)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let given = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((name, given.map_or(1000, thousandths)))
}

fn thousandths(text: &str) -> Weight {
    match text.parse::<f64>() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 1000 after the check"
        )]
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0) as Weight,
        _ => 0,
    }
}

/// The format of metrics that the client likes better; the older one, which every
/// reader understands, where it does not say.
pub fn metrics_format(headers: &HeaderMap) -> Format {
    let terms = terms(headers, &ACCEPT);
    let weight = |names: &[&str]| {
        let named = terms.iter().filter(|(name, _)| names.contains(&name.as_str()));
        named.map(|(_, weight)| *weight).max()
    };
    let open = weight(&["application/openmetrics-text"]).unwrap_or(0);
    let text = weight(&["text/plain"]).or_else(|| weight(&["text/*", "*/*"])).unwrap_or(0);
    if open > 0 && open >= text { Format::OpenMetrics } else { Format::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        metrics_format(&headers)
    }

    #[test]
    fn x1_who_names_openmetrics_and_likes_nothing_better_gets_it() {
        // As Prometheus 2.42 and 3 ask.
        for open in [
            "application/openmetrics-text;version=1.0.0,\
             application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;q=0.3,*/*;q=0.2",
            "application/openmetrics-text",
        ] {
            assert_eq!(of(open), Format::OpenMetrics, "{open}");
        }
        for text in [
            "",
            "*/*",
            "text/plain",
            "text/html,*/*;q=0.8",
            "application/openmetrics-text;q=0",
            "text/plain, application/openmetrics-text;q=0.5",
        ] {
            assert_eq!(of(text), Format::Text, "{text}");
        }
        assert_eq!(metrics_format(&HeaderMap::new()), Format::Text);
    }
}
