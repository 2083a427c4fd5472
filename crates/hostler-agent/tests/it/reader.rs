//! A reader of both formats that refuses what real readers refuse, and a little more:
//! a family told twice, samples outside of their family, a series told twice.

use std::collections::{BTreeMap, BTreeSet};

/// Every series with its value, as `name{labels}`.
pub(crate) fn read(text: &str) -> BTreeMap<String, f64> {
    let is_openmetrics = text.ends_with("# EOF\n");
    let mut families = BTreeSet::new();
    let mut series = BTreeMap::new();
    let (mut family, mut kind) = (String::new(), String::new());
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "EOF"] => {}
            ["#", "HELP", name, _] => {
                assert!(families.insert((*name).to_owned()), "{name} is told twice");
                family = (*name).to_owned();
            }
            ["#", "TYPE", name, said] => {
                assert_eq!(*name, family, "a type without its help");
                kind = (*said).to_owned();
                let known = if is_openmetrics { "counter gauge info" } else { "counter gauge" };
                assert!(known.split(' ').any(|known| known == kind), "no such type: {line}");
            }
            ["#", "UNIT", name, unit] => {
                assert!(is_openmetrics && name.ends_with(&format!("_{unit}")), "{line}");
            }
            _ => {
                let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
                let bare = name.split('{').next().unwrap_or_default();
                let of = match (is_openmetrics, kind.as_str()) {
                    (true, "counter") => bare.strip_suffix("_total"),
                    (true, "info") => bare.strip_suffix("_info"),
                    _ => Some(bare),
                };
                assert_eq!(of, Some(family.as_str()), "outside of its family: {line}");
                let value = value.parse().unwrap_or_else(|_| panic!("no value: {line}"));
                assert!(series.insert(name.to_owned(), value).is_none(), "told twice: {name}");
            }
        }
    }
    series
}

/// The values of a family whose labels contain all of these texts.
pub(crate) fn values(series: &BTreeMap<String, f64>, family: &str, labels: &[&str]) -> Vec<f64> {
    let fits = |name: &str| {
        name.split('{').next() == Some(family) && labels.iter().all(|label| name.contains(label))
    };
    series.iter().filter(|(name, _)| fits(name)).map(|(_, value)| *value).collect()
}
