//! What is told about measuring: `[metrics]`.

use std::collections::BTreeMap;
use std::time::Duration;

use hostler_core::metrics::custom::SizeLimits;
use hostler_engine::{CollectPace, CustomSettings};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// The most labels of VMs that metrics may bear.
const LABELS_MAX: usize = 10;
/// What a pace may be, in seconds.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=3600;

/// How providers are measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfiguredMetrics {
    /// Whether they are measured at all.
    pub enabled: bool,
    /// Seconds between two passes over hypervisors.
    pub interval_seconds: u64,
    /// Seconds between two passes over guest agents.
    pub guest_interval_seconds: u64,
    /// Seconds between two passes over providers by name, instead of `interval_seconds`.
    pub provider_interval_seconds: BTreeMap<String, u64>,
    /// Labels of VMs that `hostler_vm_labels` tells.
    pub labels: Vec<String>,
    /// Whether the server's own machine is measured without an agent.
    pub own_machine: OwnMachineSwitch,
    /// Seconds between two passes over it.
    pub node_interval_seconds: u64,
    /// By whose names `/metrics` tells them to those who do not say.
    pub profile: Profile,
    /// Whether and how much users may add of their own.
    pub custom: ConfiguredCustom,
}

/// Whether and how much users may push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfiguredCustom {
    /// Whether anything is taken.
    pub enabled: bool,
    /// Seconds for which a value is told after it was pushed.
    pub ttl_seconds: u64,
    /// Series of all users together.
    pub max_series: usize,
    /// Series of one user or token.
    pub max_series_per_user: usize,
    /// Samples of a push.
    pub max_samples_per_push: usize,
    /// Labels of a sample.
    pub max_labels: usize,
    /// Bytes of a metric's or label's name.
    pub max_name_bytes: usize,
    /// Bytes of a label's value.
    pub max_value_bytes: usize,
}

impl Default for ConfiguredCustom {
    fn default() -> Self {
        let CustomSettings {
            enabled,
            ttl,
            series_max,
            series_per_user_max,
            samples_per_push_max,
            sizes,
        } = CustomSettings::default();
        Self {
            enabled,
            ttl_seconds: ttl.as_secs(),
            max_series: series_max,
            max_series_per_user: series_per_user_max,
            max_samples_per_push: samples_per_push_max,
            max_labels: sizes.labels,
            max_name_bytes: sizes.name_bytes,
            max_value_bytes: sizes.value_bytes,
        }
    }
}

impl ConfiguredCustom {
    fn check(&self) -> Result<()> {
        let ttl = usize::try_from(self.ttl_seconds).unwrap_or(usize::MAX);
        for (key, value, range) in [
            ("ttl_seconds", ttl, 10..=3600),
            ("max_series", self.max_series, 1..=100_000),
            ("max_series_per_user", self.max_series_per_user, 1..=100_000),
            ("max_samples_per_push", self.max_samples_per_push, 1..=10_000),
            ("max_labels", self.max_labels, 0..=32),
            ("max_name_bytes", self.max_name_bytes, 1..=256),
            ("max_value_bytes", self.max_value_bytes, 1..=1024),
        ] {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                return Err(Failure::usage(format!(
                    "metrics.custom.{key} is {value}; it has to be from {least} to {most}"
                )));
            }
        }
        Ok(())
    }

    /// As the engine is told.
    pub fn settings(&self) -> CustomSettings {
        CustomSettings {
            enabled: self.enabled,
            ttl: Duration::from_secs(self.ttl_seconds),
            series_max: self.max_series,
            series_per_user_max: self.max_series_per_user,
            samples_per_push_max: self.max_samples_per_push,
            sizes: SizeLimits {
                labels: self.max_labels,
                name_bytes: self.max_name_bytes,
                value_bytes: self.max_value_bytes,
            },
        }
    }
}

/// Whether the server's own machine is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnMachineSwitch {
    /// Where a hypervisor of it is among the configured providers, or nothing else is
    /// configured to be measured.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// By whose names metrics are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// By ours.
    #[default]
    Hostler,
    /// By those of the inovex exporter for libvirt.
    Libvirt,
}

impl Default for ConfiguredMetrics {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_seconds: 10,
            guest_interval_seconds: 60,
            provider_interval_seconds: BTreeMap::new(),
            labels: Vec::new(),
            own_machine: OwnMachineSwitch::default(),
            node_interval_seconds: 5,
            profile: Profile::Hostler,
            custom: ConfiguredCustom::default(),
        }
    }
}

impl ConfiguredMetrics {
    pub(super) fn check(&self) -> Result<()> {
        let named = [
            ("interval_seconds".to_owned(), self.interval_seconds),
            ("guest_interval_seconds".to_owned(), self.guest_interval_seconds),
            ("node_interval_seconds".to_owned(), self.node_interval_seconds),
        ];
        let of_providers = self.provider_interval_seconds.iter();
        let of_providers =
            of_providers.map(|(name, value)| (format!("provider_interval_seconds.{name}"), *value));
        for (key, value) in named.into_iter().chain(of_providers) {
            if !SECONDS.contains(&value) {
                return Err(Failure::usage(format!(
                    "metrics.{key} is {value}; it has to be from {} to {}",
                    SECONDS.start(),
                    SECONDS.end()
                )));
            }
        }
        if self.labels.len() > LABELS_MAX {
            return Err(Failure::usage(format!(
                "metrics.labels names {}; each makes more series, so at most {LABELS_MAX} are \
                 allowed",
                self.labels.len()
            )));
        }
        self.custom.check()
    }

    /// As the engine is told; `None` where nothing is measured.
    pub fn pace(&self) -> Option<CollectPace> {
        self.enabled.then(|| CollectPace {
            interval: Duration::from_secs(self.interval_seconds),
            guests: Duration::from_secs(self.guest_interval_seconds),
            of_provider: self
                .provider_interval_seconds
                .iter()
                .map(|(name, seconds)| (name.clone(), Duration::from_secs(*seconds)))
                .collect(),
            ..CollectPace::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d5_hypervisors_are_measured_every_ten_seconds_unless_told_otherwise() {
        let pace = ConfiguredMetrics::default().pace().unwrap();
        assert_eq!(pace, CollectPace::default());
        assert_eq!(pace.interval, Duration::from_secs(10));
        let off = ConfiguredMetrics { enabled: false, ..ConfiguredMetrics::default() };
        assert_eq!(off.pace(), None);
    }

    #[test]
    fn a_pace_that_is_none_is_refused_by_its_key() {
        let edge = BTreeMap::from([("edge".to_owned(), 0)]);
        let bad =
            ConfiguredMetrics { provider_interval_seconds: edge, ..ConfiguredMetrics::default() };
        let told = bad.check().unwrap_err().to_string();
        assert!(told.contains("metrics.provider_interval_seconds.edge is 0"), "{told}");
        let labels = (0..11).map(|n| format!("l{n}")).collect();
        let many = ConfiguredMetrics { labels, ..ConfiguredMetrics::default() };
        assert!(many.check().unwrap_err().to_string().contains("at most 10"));
    }

    #[test]
    fn a_limit_of_what_is_pushed_that_is_none_is_refused_by_its_key() {
        let read = |text: &str| toml::from_str::<ConfiguredCustom>(text).unwrap();
        assert_eq!(read("").settings(), CustomSettings::default());
        for (text, told) in [
            ("ttl_seconds = 0", "ttl_seconds is 0; it has to be from 10 to 3600"),
            ("max_series = 1000000", "max_series is 1000000; it has to be from 1 to 100000"),
            ("max_labels = 33", "max_labels is 33; it has to be from 0 to 32"),
        ] {
            let custom = read(text);
            let bad = ConfiguredMetrics { custom, ..ConfiguredMetrics::default() };
            let refused = bad.check().unwrap_err().to_string();
            assert_eq!(refused, format!("metrics.custom.{told}"));
        }
    }
}
