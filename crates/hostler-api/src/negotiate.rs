//! What a client likes better: lists whose terms bear weights (RFC 9110, 12.4.2).
//! Every program that serves needs it, so it is beside what they serve.

mod coding;

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
