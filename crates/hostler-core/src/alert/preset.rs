//! Thresholds on use, for who wants them: nothing of this is on by itself. That
//! a VM uses the processors it was given is no fault (X34); the rules that are
//! shipped go by what is waited for. What one chooses here becomes a rule group
//! like any other, to be read and changed.
//!
//! The levels and times are the usual ones (F7): good to 50 %, moderate to 75 %,
//! warning to 90 %, critical above; CPU and memory 60 s, disk 300 s, load 180 s.

use serde::{Deserialize, Serialize};

use super::Period;
use super::rule::{Rule, RuleGroup};
use crate::error::Fault;
use crate::metrics::Metric;

/// From which share on a use is called what, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Above: moderate.
    pub moderate_percent: u16,
    /// Above: warning.
    pub warning_percent: u16,
    /// Above: critical.
    pub critical_percent: u16,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { moderate_percent: 50, warning_percent: 75, critical_percent: 90 }
    }
}

/// What a use is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing to see.
    Good,
    /// Used well.
    Moderate,
    /// Look at it.
    Warning,
    /// Do something.
    Critical,
}

impl Level {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Moderate => "moderate",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// A VM's processors.
    Cpu,
    /// A guest's memory, while what it told is fresh.
    Memory,
    /// A file system in a guest.
    Disk,
    /// A host's load, over its processors.
    Load,
}

impl Preset {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Cpu, Self::Memory, Self::Disk, Self::Load];

    /// How long it has to last.
    pub const fn hold(self) -> Period {
        match self {
            Self::Cpu | Self::Memory => Period::seconds(60),
            Self::Load => Period::seconds(180),
            Self::Disk => Period::seconds(300),
        }
    }

    const fn alert(self) -> &'static str {
        match self {
            Self::Cpu => "HostlerVmCpuUsage",
            Self::Memory => "HostlerVmMemoryUsage",
            Self::Disk => "HostlerGuestDiskUsage",
            Self::Load => "HostlerHostLoad",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Cpu => "VM {{ $labels.vm }} uses {{ $value | humanizePercentage }} of its CPUs",
            Self::Memory => {
                "VM {{ $labels.vm }} uses {{ $value | humanizePercentage }} of its memory"
            }
            Self::Disk => {
                "{{ $labels.mountpoint }} in VM {{ $labels.vm }} is \
                 {{ $value | humanizePercentage }} full"
            }
            Self::Load => {
                "the load of host {{ $labels.host }} is {{ $value | humanizePercentage }} of its CPUs"
            }
        }
    }

    /// The share, from 0 on.
    fn share(self) -> String {
        match self {
            Self::Cpu => Metric::VmCpuUsageRatio.name().into(),
            Self::Memory => Metric::VmMemoryGuestUsedRatio.name().into(),
            Self::Disk => format!(
                "{} / {}",
                Metric::VmGuestFilesystemUsedBytes.name(),
                Metric::VmGuestFilesystemSizeBytes.name()
            ),
            // The load has a label more than the count of processors.
            Self::Load => format!(
                "sum by (host, provider) ({}{{window=\"1m\"}}) / sum by (host, provider) ({})",
                Metric::HostLoad.name(),
                Metric::HostCpus.name()
            ),
        }
    }

    /// The rules that say when it is too much: a warning, and above it a critical.
    fn rules(self, thresholds: Thresholds) -> [Rule; 2] {
        let share = self.share();
        let warning = f64::from(thresholds.warning_percent) / 100.0;
        let critical = f64::from(thresholds.critical_percent) / 100.0;
        let rule = |severity: &str, condition: String| Rule {
            alert: Some(self.alert().into()),
            expr: condition,
            hold: Some(self.hold()),
            labels: [("severity".into(), severity.into())].into(),
            annotations: [("summary".into(), self.what().into())].into(),
            ..Rule::default()
        };
        [
            rule("warning", format!("({share} > {warning}) <= {critical}")),
            rule("critical", format!("{share} > {critical}")),
        ]
    }
}

impl Thresholds {
    /// Whether they make sense.
    ///
    /// # Errors
    /// When they do not rise, or are 0. Above 100 is allowed: a load can be.
    pub fn check(self) -> Result<(), Fault> {
        let Self { moderate_percent, warning_percent, critical_percent } = self;
        if 0 < moderate_percent
            && moderate_percent < warning_percent
            && warning_percent < critical_percent
        {
            return Ok(());
        }
        let detail = "moderate, warning and critical have to rise, and to be more than 0";
        Err(Fault::new("", "not_rising", detail))
    }

    /// What a use of this share (from 0 on) is called; nothing is known of NaN.
    pub fn level(self, share: f64) -> Option<Level> {
        let percent = share * 100.0;
        match percent {
            _ if percent.is_nan() => None,
            _ if percent > f64::from(self.critical_percent) => Some(Level::Critical),
            _ if percent > f64::from(self.warning_percent) => Some(Level::Warning),
            _ if percent > f64::from(self.moderate_percent) => Some(Level::Moderate),
            _ => Some(Level::Good),
        }
    }

    /// The rules for what was chosen, as a group of a rule file.
    pub fn group(self, chosen: &[Preset]) -> RuleGroup {
        RuleGroup {
            name: "hostler-usage".into(),
            interval: Some(Period::seconds(15)),
            query_offset: None,
            limit: None,
            rules: chosen.iter().flat_map(|preset| preset.rules(self)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::{self, CheckedRule, RuleFile};

    #[test]
    fn f7_a_use_is_called_by_the_usual_levels() {
        let thresholds = Thresholds::default();
        for (share, level) in [
            (0.0, Level::Good),
            (0.5, Level::Good),
            (0.51, Level::Moderate),
            (0.75, Level::Moderate),
            (0.9, Level::Warning),
            (0.901, Level::Critical),
            (3.0, Level::Critical),
        ] {
            assert_eq!(thresholds.level(share), Some(level), "{share}");
        }
        assert_eq!(thresholds.level(f64::NAN), None);
    }

    #[test]
    fn f7_c25b_presets_are_sound_rules_with_the_usual_times() {
        let group = Thresholds::default().group(Preset::ALL);
        let file = RuleFile { groups: vec![group] };
        let groups = rule::check(&file, &|_| Ok(())).unwrap();
        let holds: Vec<u64> = groups[0]
            .rules
            .iter()
            .map(|rule| match rule {
                CheckedRule::Alert(alert) => alert.hold.duration().as_secs(),
                CheckedRule::Record(record) => panic!("{record:?}"),
            })
            .collect();
        assert_eq!(holds, [60, 60, 60, 60, 300, 300, 180, 180]);
        assert_eq!(file.groups[0].rules[0].expr, "(hostler_vm_cpu_usage_ratio > 0.75) <= 0.9");
    }

    #[test]
    fn thresholds_have_to_rise() {
        assert_eq!(Thresholds::default().check(), Ok(()));
        let bad = Thresholds { warning_percent: 95, ..Thresholds::default() };
        assert!(bad.check().is_err());
    }
}
