//! What users push, as the last part of a page for Prometheus. Its names are none of the
//! catalogue's and each is of one kind, which who takes pushes sees to; so the families here
//! are no others' (C25e).

use hostler_core::metrics::exposition::{Format, Head, Writer};
use hostler_engine::CustomView;

/// What is told of each family; users give none.
const HELP: &str = "Pushed to Hostler by a user";

/// The part of the page; `held` is by name. What is too old is not on it (X17).
pub(super) fn part(held: &[CustomView], format: Format) -> String {
    let mut writer = Writer::new(format);
    let mut family = None;
    for view in held.iter().filter(|view| view.is_fresh) {
        let name = view.key.name();
        if family.replace(name) != Some(name) {
            writer.family(&Head { name, kind: view.kind, unit: "", help: HELP });
        }
        let own = view.key.labels().iter().map(|(name, value)| (&**name, &**value));
        writer.sample(name, view.of.owner().into_iter().chain(own), view.value);
    }
    writer.into_part()
}
