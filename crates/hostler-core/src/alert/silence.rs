//! Silences: somebody says for how long nobody is to be told about what, and why.

use serde::{Deserialize, Serialize};

use super::matcher::{BadMatcher, LabelMatcher, fits_all};
use super::{LabelSet, label};
use crate::clock::Timestamp;
use crate::error::Fault;

/// The most matchers of a silence: as many as an alert may have labels.
pub const MATCHERS_MAX: usize = 64;
/// The longest comment, in bytes.
pub const COMMENT_MAX: usize = 4096;
/// The longest name of who says it, in bytes.
pub const WHO_MAX: usize = 256;

/// A silence. Stored.
///
/// ```text
///   pending ──starts_at──► active ──ends_at, or expire()──► expired (kept as a record)
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Which alerts: those that fit all.
    pub matchers: Vec<LabelMatcher>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when, itself not included.
    pub ends_at: Timestamp,
    /// Who said it.
    pub created_by: String,
    /// When it was said.
    pub created_at: Timestamp,
    /// Why.
    pub comment: String,
}

/// How a silence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SilenceState {
    /// It has not begun.
    Pending,
    /// It silences.
    Active,
    /// It is over.
    Expired,
}

impl SilenceState {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

impl Silence {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// All faults at once.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        let mut add = |place: &str, code: &str, detail: String| {
            faults.push(Fault::new(place, code, detail));
        };
        if self.matchers.len() > MATCHERS_MAX {
            add("/matchers", "too_many", format!("more than {MATCHERS_MAX} matchers"));
        }
        // One that fits alerts without the label fits nearly all: a typing error
        // in a label's name must not silence everything.
        if self.matchers.iter().all(LabelMatcher::fits_absent) {
            let detail = "one matcher at least has to ask for a label that is not empty";
            add("/matchers", "too_wide", detail.into());
        }
        if self.ends_at <= self.starts_at {
            add("/ends_at", "not_after_start", "it has to end after it begins".into());
        }
        if self.created_by.trim().is_empty() || self.created_by.len() > WHO_MAX {
            let detail = format!("who says it is needed, in at most {WHO_MAX} bytes");
            add("/created_by", "invalid", detail);
        }
        if self.comment.trim().is_empty() || self.comment.len() > COMMENT_MAX {
            let detail = format!("a reason is needed, in at most {COMMENT_MAX} bytes");
            add("/comment", "invalid", detail);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// How it stands.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now >= self.ends_at {
            SilenceState::Expired
        } else if now < self.starts_at {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }

    /// Whether it silences an alert with these labels now.
    pub fn silences(&self, labels: &LabelSet, now: Timestamp) -> bool {
        // Never true of no matchers, however it came into the store.
        self.state(now) == SilenceState::Active
            && !self.matchers.is_empty()
            && fits_all(&self.matchers, labels)
    }

    /// Ends it now. What is over stays as it was: to repeat this changes nothing.
    pub fn expire(&mut self, now: Timestamp) {
        if self.state(now) != SilenceState::Expired {
            self.ends_at = now;
            self.starts_at = self.starts_at.min(now);
        }
    }

    /// A silence of one alert: all its labels as they are. One with the same labels and
    /// further ones fits as well.
    ///
    /// # Errors
    /// When a label is too long for a matcher: without it the silence would be wider.
    pub fn matchers_of(labels: &LabelSet) -> Result<Vec<LabelMatcher>, BadMatcher> {
        labels.keys().map(|name| LabelMatcher::equal(name, label(labels, name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests_support::set;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn silence(matchers: &[&str]) -> Silence {
        Silence {
            matchers: matchers.iter().map(|text| text.parse().unwrap()).collect(),
            starts_at: at(100),
            ends_at: at(200),
            created_by: "ada".into(),
            created_at: at(90),
            comment: "a new disk is put in".into(),
        }
    }

    #[test]
    fn a_silence_holds_from_when_it_begins_until_before_it_ends() {
        let silence = silence(&["vm=~\"web-.*\"", "severity!=\"critical\""]);
        let web = set(&[("vm", "web-1"), ("severity", "warning")]);
        for (seconds, state) in [
            (99, SilenceState::Pending),
            (100, SilenceState::Active),
            (199, SilenceState::Active),
            (200, SilenceState::Expired),
        ] {
            assert_eq!(silence.state(at(seconds)), state);
            assert_eq!(silence.silences(&web, at(seconds)), state == SilenceState::Active);
        }
        assert!(!silence.silences(&set(&[("vm", "web-1"), ("severity", "critical")]), at(150)));
        assert!(!silence.silences(&set(&[("vm", "db")]), at(150)));
    }

    #[test]
    fn a_silence_without_reason_author_or_target_is_refused() {
        assert_eq!(silence(&["vm=web"]).check(), Ok(()));
        let mut bad = silence(&["vm=~\".*\"", "pool!=fast"]);
        bad.ends_at = bad.starts_at;
        (bad.comment, bad.created_by) = (" ".into(), String::new());
        let places: Vec<String> =
            bad.check().unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(places, ["/matchers", "/ends_at", "/created_by", "/comment"]);
        assert!(silence(&[]).check().is_err());
        assert!(!silence(&[]).silences(&set(&[("vm", "web")]), at(150)));
    }

    #[test]
    fn expiring_can_be_repeated_and_keeps_the_record() {
        let mut active = silence(&["vm=web"]);
        active.expire(at(150));
        assert_eq!((active.ends_at, active.state(at(150))), (at(150), SilenceState::Expired));
        active.expire(at(160));
        assert_eq!(active.ends_at, at(150));
        let mut pending = silence(&["vm=web"]);
        pending.expire(at(50));
        assert_eq!(pending.state(at(150)), SilenceState::Expired);
    }

    #[test]
    fn a_silence_is_stored_as_people_write_it() {
        let silence = silence(&["vm=~\"web-.*\""]);
        let text = serde_json::to_string(&silence).unwrap();
        assert!(text.contains(r#""matchers":["vm=~\"web-.*\""]"#), "{text}");
        assert_eq!(serde_json::from_str::<Silence>(&text).unwrap(), silence);
    }

    #[test]
    fn one_alert_alone_can_be_silenced() {
        let labels = set(&[("vm", "a\"b"), ("alertname", "Hot")]);
        let one = Silence { matchers: Silence::matchers_of(&labels).unwrap(), ..silence(&[]) };
        assert!(one.silences(&labels, at(150)));
        assert!(!one.silences(&set(&[("alertname", "Hot")]), at(150)));
    }
}
