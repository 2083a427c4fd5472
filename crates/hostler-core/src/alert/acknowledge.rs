//! Acknowledgements: somebody says that they have seen an alert and care for it.
//! It is not sent again until it is over; that it is over is told.

use serde::{Deserialize, Serialize};

use super::Identity;
use super::silence::{COMMENT_MAX, WHO_MAX};
use super::state::Instance;
use crate::clock::Timestamp;
use crate::error::Fault;

/// That somebody has seen an alert. Stored.
///
/// It is of one episode: when the alert resolves and fires again, nobody has
/// seen that yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// The alert.
    pub alert: Identity,
    /// When the episode began to fire.
    pub firing_since: Timestamp,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they said; may be empty.
    #[serde(default)]
    pub comment: String,
}

impl Acknowledgement {
    /// Of an alert that fires.
    ///
    /// # Errors
    /// When it does not fire, nobody says it, or the comment is too long.
    pub fn of(instance: &Instance, by: &str, comment: &str, now: Timestamp) -> Result<Self, Fault> {
        let Some(firing_since) = instance.firing_since else {
            let detail = "it does not fire yet: there is nothing to acknowledge";
            return Err(Fault::new("", "not_firing", detail));
        };
        if by.trim().is_empty() || by.len() > WHO_MAX {
            let detail = format!("who says it is needed, in at most {WHO_MAX} bytes");
            return Err(Fault::new("/by", "invalid", detail));
        }
        if comment.len() > COMMENT_MAX {
            let detail = format!("longer than {COMMENT_MAX} bytes");
            return Err(Fault::new("/comment", "too_long", detail));
        }
        Ok(Self {
            alert: Identity::of(&instance.labels),
            firing_since,
            by: by.into(),
            at: now,
            comment: comment.into(),
        })
    }

    /// Whether it is of this alert, in this episode.
    pub fn holds_for(&self, alert: &Identity, firing_since: Timestamp) -> bool {
        self.alert == *alert && self.firing_since == firing_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::{AlertRule, NoData};
    use crate::alert::state::{Data, RuleState, Sample, step};
    use crate::alert::tests_support::set;
    use crate::alert::{Identity, Period};

    #[test]
    fn what_was_acknowledged_is_one_episode() {
        let rule = AlertRule {
            name: "Hot".into(),
            expression: "x".into(),
            interval: Period::seconds(15),
            hold: Period::seconds(15),
            keep_firing_for: Period::ZERO,
            no_data: NoData::Ok,
            labels: Vec::new(),
            annotations: Vec::new(),
            limit: 5,
        };
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let hot = [Sample { labels: set(&[("vm", "a")]), value: 1.0 }];
        let (state, _) = step(RuleState::default(), &rule, &hot, Data::There, at(0));
        let refused = Acknowledgement::of(&state.instances[0], "ada", "", at(1)).unwrap_err();
        assert_eq!(refused.code, "not_firing");
        let (state, _) = step(state, &rule, &hot, Data::There, at(15));
        let instance = &state.instances[0];
        let seen = Acknowledgement::of(instance, "ada", "on it", at(20)).unwrap();
        let identity = Identity::of(&instance.labels);
        assert!(seen.holds_for(&identity, at(15)));
        assert!(!seen.holds_for(&identity, at(500)), "it fired again");
        assert!(!seen.holds_for(&Identity::of(&set(&[("vm", "b")])), at(15)));
        assert!(Acknowledgement::of(instance, " ", "", at(20)).is_err());
        assert!(Acknowledgement::of(instance, "ada", &"x".repeat(5000), at(20)).is_err());
        let text = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<Acknowledgement>(&text).unwrap(), seen);
    }
}
