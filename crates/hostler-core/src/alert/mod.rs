//! Alerts: which rule says what is wrong, since when, who is told and when, and
//! who said to be quiet. Pure: evaluating expressions, storing states and
//! sending notices are others' business; they call these functions with `now`.
//!
//! ```text
//!  rule file ──check──► rules ──┐
//!                               ▼
//!  expression's answer ──► state::step ──► transitions, instances
//!                                              │
//!              silence · inhibit · acknowledge ▼
//!                             route ──► groups ──► group::plan ──► outbox
//! ```
//!
//! | to learn about | read |
//! |---|---|
//! | what a rule file may say | [`rule`] |
//! | when an alert fires and resolves | [`state`] |
//! | what `{{ $value \| humanize }}` gives | [`template`] |
//! | who is told | [`route`] |
//! | when and what is sent, and what is not sent again | [`group`] |
//! | what a receiver gets | [`notice`] |

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub mod acknowledge;
pub mod group;
pub mod inhibit;
pub mod matcher;
pub mod notice;
pub mod period;
pub mod preset;
pub mod route;
pub mod rule;
pub mod silence;
pub mod state;
pub mod template;

pub use matcher::LabelMatcher;
pub use period::Period;

/// Labels by name; none has an empty value.
pub type LabelSet = BTreeMap<String, String>;

/// The label that bears the name of the alert's rule.
pub const ALERT_NAME: &str = "alertname";

/// What tells one alert from another, for maps, logs and keys: `{a="1",b="2"}`.
///
/// A text and not a hash: names in it are chosen by people, and two alerts that
/// somebody made to collide would hide each other.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Identity(String);

impl Identity {
    /// Of an alert with these labels.
    pub fn of(labels: &LabelSet) -> Self {
        let mut text = String::from("{");
        for (at, (label, value)) in labels.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let escaped = crate::metrics::exposition::Escaped(value);
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{label}=\"{escaped}\"");
        }
        text.push('}');
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of a label; empty where there is none, as Prometheus has it.
pub(crate) fn label<'a>(labels: &'a LabelSet, name: &str) -> &'a str {
    labels.get(name).map_or("", String::as_str)
}

#[cfg(test)]
pub(crate) mod tests_support {
    //! Labels in one line.

    use super::LabelSet;

    /// These labels.
    pub(crate) fn set(pairs: &[(&str, &str)]) -> LabelSet {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::tests_support::set;
    use super::*;

    /// Reads a stored document, and writes it again.
    fn kept<T: serde::Serialize + serde::de::DeserializeOwned>(text: &str) {
        let document: T = serde_json::from_str(text).unwrap();
        let again = serde_json::to_value(&document).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }

    #[test]
    fn what_the_first_version_stored_is_still_read() {
        kept::<silence::Silence>(
            r#"{"matchers":["vm=~\"web-.*\"","severity!=\"critical\""],"starts_at":1000000,
                "ends_at":2000000,"created_by":"ada","created_at":900000,"comment":"a new disk"}"#,
        );
        kept::<acknowledge::Acknowledgement>(
            r#"{"alert":"{alertname=\"Hot\",vm=\"web\"}","firing_since":1000000,"by":"ada",
                "at":1500000,"comment":"on it"}"#,
        );
        kept::<group::GroupState>(
            r#"{"pending_since":null,"sent_at":1000000,"told":["{alertname=\"Hot\"}"],
                "sequence":3}"#,
        );
        kept::<group::GroupKey>(
            r#"{"receiver":"ops","route":"{}/{severity=\"critical\"}","labels":{"host":"h1"}}"#,
        );
    }

    #[test]
    fn no_two_label_sets_share_an_identity() {
        let one = set(&[("a", "1\",b=\"2")]);
        let two = set(&[("a", "1"), ("b", "2")]);
        assert_ne!(Identity::of(&one), Identity::of(&two));
        assert_eq!(Identity::of(&two).as_str(), "{a=\"1\",b=\"2\"}");
        assert_eq!(Identity::of(&LabelSet::new()).as_str(), "{}");
    }
}
