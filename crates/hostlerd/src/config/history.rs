//! What is told about keeping what was measured: `[history]`.

use std::collections::BTreeSet;

use hostler_store::history::Options;
use serde::{Deserialize, Serialize};

use super::outputs::{ConfiguredOutput, OUTPUTS_MAX};
use crate::failure::{Failure, Result};

const DAY_MS: i64 = 86_400_000;
/// The longest that anything is kept, in days.
const DAYS_MAX: u32 = 3650;
/// Less room than this holds nothing for long.
const BYTES_MIN: u64 = 64 << 20;

/// Whether and for how long what was measured is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfiguredHistory {
    /// Whether it is kept at all.
    pub enabled: bool,
    /// Days for which it is kept as it was measured.
    pub raw_days: u32,
    /// Days for which it is kept by five minutes.
    pub five_minutes_days: u32,
    /// Days for which it is kept by the hour.
    pub hour_days: u32,
    /// The most room it takes, in bytes; the oldest goes first.
    pub max_bytes: u64,
    /// Where it goes beside that.
    pub outputs: Vec<ConfiguredOutput>,
}

impl Default for ConfiguredHistory {
    fn default() -> Self {
        Self {
            enabled: true,
            raw_days: 15,
            five_minutes_days: 90,
            hour_days: 730,
            max_bytes: 20 << 30,
            outputs: Vec::new(),
        }
    }
}

impl ConfiguredHistory {
    pub(super) fn check(&self) -> Result<()> {
        for (key, days) in [
            ("raw_days", self.raw_days),
            ("five_minutes_days", self.five_minutes_days),
            ("hour_days", self.hour_days),
        ] {
            if !(1..=DAYS_MAX).contains(&days) {
                return Err(Failure::usage(format!(
                    "history.{key} is {days}; it has to be from 1 to {DAYS_MAX}"
                )));
            }
        }
        if self.max_bytes < BYTES_MIN {
            return Err(Failure::usage(format!(
                "history.max_bytes is {}; it has to be {BYTES_MIN} (64 MiB) or more",
                self.max_bytes
            )));
        }
        self.check_outputs()
    }

    fn check_outputs(&self) -> Result<()> {
        if self.outputs.len() > OUTPUTS_MAX {
            return Err(Failure::usage(format!(
                "history.outputs names {}; at most {OUTPUTS_MAX} are allowed",
                self.outputs.len()
            )));
        }
        if !self.enabled && !self.outputs.is_empty() {
            return Err(Failure::usage(
                "history.outputs send what the history keeps, and history.enabled is false",
            ));
        }
        let mut names = BTreeSet::new();
        for output in &self.outputs {
            output.check()?;
            if !names.insert(&output.name) {
                return Err(Failure::usage(format!("two outputs named {:?}", output.name)));
            }
        }
        crate::outputs::check(&self.outputs)
    }

    /// As the history is told.
    pub fn options(&self) -> Options {
        let ms = |days: u32| i64::from(days) * DAY_MS;
        Options {
            raw_ms: ms(self.raw_days),
            five_minutes_ms: ms(self.five_minutes_days),
            hour_ms: ms(self.hour_days),
            max_bytes: self.max_bytes,
            ..Options::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_as_the_history_itself_would_have_it() {
        assert_eq!(ConfiguredHistory::default().options(), Options::default());
    }

    #[test]
    fn what_cannot_be_kept_is_refused_by_its_key() {
        let short = ConfiguredHistory { raw_days: 0, ..ConfiguredHistory::default() };
        assert!(short.check().unwrap_err().to_string().contains("history.raw_days is 0"));
        let narrow = ConfiguredHistory { max_bytes: 1 << 20, ..ConfiguredHistory::default() };
        assert!(narrow.check().unwrap_err().to_string().contains("history.max_bytes"));
    }
}
