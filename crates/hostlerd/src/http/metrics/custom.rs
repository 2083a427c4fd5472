//! What users push, as the last part of a page for Prometheus. Its names are none of the
//! catalogue's and each is of one kind, which who takes pushes sees to; so the families here
//! are no others' (C25e). Things of one name have the same labels, where no id is one of
//! them: of series that would be there twice the first one by its thing's id is told.

use std::collections::HashSet;

use hostler_core::metrics::Dropped;
use hostler_core::metrics::exposition::{Format, Head, Writer};
use hostler_engine::CustomView;

/// What is told of each family; users give none.
const HELP: &str = "Pushed to Hostler by a user";

/// The part of the page, and what was left out of it; `held` is by name, then by labels and
/// thing. What is too old is not on it (X17).
pub(super) fn part(held: &[CustomView], format: Format) -> (String, Dropped) {
    let (mut writer, mut dropped) = (Writer::new(format), Dropped::default());
    let (mut family, mut seen) = (None, HashSet::new());
    for view in held.iter().filter(|view| view.is_fresh) {
        let name = view.key.name();
        if family.replace(name) != Some(name) {
            writer.family(&Head { name, kind: view.kind, unit: "", help: HELP });
            seen.clear();
        }
        let own = view.key.labels().iter().map(|(name, value)| (&**name, &**value));
        let labels: Vec<(&str, &str)> = view.of.owner().into_iter().chain(own).collect();
        match seen.insert(labels.clone()) {
            true => writer.sample(name, labels, view.value),
            false => dropped.twice += 1,
        }
    }
    (writer.into_part(), dropped)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hostler_core::Timestamp;
    use hostler_core::metrics::MetricKind;
    use hostler_core::metrics::series::SeriesKey;
    use hostler_engine::CustomOf;

    use super::*;

    fn view(name: &str, label: &str, value: f64, is_fresh: bool) -> CustomView {
        CustomView {
            key: SeriesKey::new(name, [("l", label)]).unwrap(),
            of: CustomOf::Nothing,
            kind: MetricKind::Gauge,
            value,
            at: Timestamp::from_millis(1),
            age: Duration::ZERO,
            is_fresh,
            by: "ada".into(),
        }
    }

    #[test]
    fn a33_series_with_the_same_labels_are_told_once_and_counted() {
        let held = [
            view("a", "1", 1.0, false),
            view("a", "1", 2.0, true),
            view("a", "1", 3.0, true),
            view("a", "2", 4.0, true),
            view("b", "1", 5.0, true),
        ];
        let (text, dropped) = part(&held, Format::Text);
        let told: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(told, ["a{l=\"1\"} 2", "a{l=\"2\"} 4", "b{l=\"1\"} 5"]);
        assert_eq!(dropped, Dropped { twice: 1, ..Dropped::default() });
    }
}
