//! Reads Prometheus text 0.0.4, as scripts write it for node_exporter's textfile
//! collector: strictly, so that a line is either a sample or a fault with its number.
//!
//! Histograms and summaries are not taken: their parts mean something only together.

use std::collections::HashMap;

use super::{Place, Pushed};
use crate::Timestamp;
use crate::error::Fault;

/// The most faults that one reading tells.
const FAULTS_MAX: usize = 20;

/// The samples of a text, at most one more than `most`, so that the reader sees that there
/// are too many; and what is wrong with other lines.
pub fn read(text: &str, most: usize) -> (Vec<Pushed>, Vec<Fault>) {
    let (mut samples, mut faults) = (Vec::new(), Vec::new());
    let mut kinds: HashMap<&str, &str> = HashMap::new();
    for (index, line) in text.split('\n').enumerate() {
        let place = Place::Line(index + 1);
        let line = line.trim_matches([' ', '\t', '\r']);
        let read = match line.strip_prefix('#') {
            None if line.is_empty() => continue,
            None => sample(line, place, &kinds).map(|sample| samples.push(sample)),
            Some(comment) => declare(comment, &mut kinds),
        };
        if let Err(why) = read {
            faults.push(place.fault("", "not_a_sample", why));
        }
        if samples.len() > most || faults.len() >= FAULTS_MAX {
            break;
        }
    }
    (samples, faults)
}

/// Takes in `# TYPE`; other comments say nothing to us.
fn declare<'a>(comment: &'a str, kinds: &mut HashMap<&'a str, &'a str>) -> Result<(), String> {
    let mut words = comment.split_ascii_whitespace();
    if words.next() != Some("TYPE") {
        return Ok(());
    }
    let (Some(name), Some(kind), None) = (words.next(), words.next(), words.next()) else {
        return Err("is no `# TYPE NAME KIND`".to_owned());
    };
    match kind {
        "counter" | "gauge" => {}
        "untyped" | "unknown" => return Ok(()),
        "histogram" | "summary" => {
            return Err(format!("declares a {kind}; gauges and counters are taken"));
        }
        _ => return Err("declares a kind that there is not".to_owned()),
    }
    match kinds.insert(name, kind) {
        Some(before) if before != kind => Err(format!("declares a {before} anew as {kind}")),
        _ => Ok(()),
    }
}

/// `name{label="value",…} value [milliseconds]`
fn sample(line: &str, place: Place, kinds: &HashMap<&str, &str>) -> Result<Pushed, String> {
    let end = line.find(['{', ' ', '\t']).ok_or("has no value")?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or("has no value")?;
    let value = value.parse::<f64>().map_err(|_| "has a value that is no number")?;
    let at = match words.next().map(str::parse::<i64>) {
        None => None,
        Some(Ok(millis)) => Some(Timestamp::from_millis(millis)),
        Some(Err(_)) => return Err("has a time that is no number of milliseconds".to_owned()),
    };
    if words.next().is_some() {
        return Err("goes on after value and time".to_owned());
    }
    let kind = kinds.get(name).map(|kind| (*kind).to_owned());
    Ok(Pushed { place, name: name.to_owned(), kind, labels, value, at })
}

type Labels = Vec<(String, String)>;

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Result<(Labels, &str), &'static str> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, after) = rest.split_once('=').ok_or("has labels that do not end")?;
        let after = after.trim_start_matches([' ', '\t']);
        let after = after.strip_prefix('"').ok_or("has a label whose value is not in quotes")?;
        let (value, after) = quoted(after)?;
        let name = name.trim_matches([' ', '\t']);
        if labels.iter().any(|(other, _)| other == name) {
            return Err("has a label twice");
        }
        labels.push((name.to_owned(), value));
        let after = after.trim_start_matches([' ', '\t']);
        rest = match after.strip_prefix(',') {
            Some(after) => after,
            None if after.starts_with('}') => after,
            None => return Err("has labels without a comma between them"),
        };
    }
}

/// What stands before the closing quote, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok((value, chars.as_str())),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('\\' | '"')) => value.push(c),
                _ => return Err("has an escape in a label that there is not"),
            },
            c => value.push(c),
        }
    }
    Err("has a label whose value does not end")
}
