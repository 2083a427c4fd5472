//! What is told about alerts: `[alerting]`. Rules are in files of their own, secrets
//! too.

use std::path::PathBuf;

use hostler_core::alert::inhibit::InhibitRule;
use hostler_core::alert::preset::{Preset, Thresholds};
use hostler_core::alert::route::Route;
use hostler_deliver::Integration;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::failure::{Failure, Result};

/// What is watched, and who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfiguredAlerting {
    /// Whether rules are evaluated at all.
    pub enabled: bool,
    /// Whether the rules that are shipped are.
    pub shipped_rules: bool,
    /// Shipped rules that are not, by the alert's name.
    pub disabled_rules: Vec<String>,
    /// Thresholds on use, for who wants them.
    pub presets: Vec<Preset>,
    /// From which shares on these fire.
    pub thresholds: Thresholds,
    /// Files of rules, as for Prometheus.
    pub rule_files: Vec<PathBuf>,
    /// What is not told while something else fires.
    pub inhibit: Vec<InhibitRule>,
    /// Who is told about what.
    pub route: Route,
    /// Who can be told.
    #[serde(rename = "receiver")]
    pub receivers: Vec<ConfiguredReceiver>,
}

/// A receiver: a name, and one way to tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Table")]
pub struct ConfiguredReceiver {
    /// Its name.
    pub name: String,
    /// How it is told.
    #[serde(flatten)]
    pub integration: Integration,
}

impl TryFrom<Table> for ConfiguredReceiver {
    type Error = String;

    fn try_from(mut table: Table) -> std::result::Result<Self, String> {
        let Some(Value::String(name)) = table.remove("name") else {
            return Err("a receiver needs a name, for example name = \"ops\"".to_owned());
        };
        if table.len() != 1 {
            let keys: Vec<_> = table.keys().map(String::as_str).collect();
            return Err(format!(
                "receiver {name:?} needs exactly one of webhook, slack, pagerduty, alertmanager and \
                 smtp; it has {}",
                if keys.is_empty() { "none".to_owned() } else { keys.join(" and ") }
            ));
        }
        let integration = Value::Table(table).try_into::<Integration>();
        let integration = integration
            .map_err(|error| format!("receiver {name:?}: {}", error.message().trim()))?;
        Ok(Self { name, integration })
    }
}

impl Default for ConfiguredAlerting {
    fn default() -> Self {
        Self {
            enabled: true,
            shipped_rules: true,
            disabled_rules: Vec::new(),
            presets: Vec::new(),
            thresholds: Thresholds::default(),
            rule_files: Vec::new(),
            inhibit: Vec::new(),
            route: Route::default(),
            receivers: Vec::new(),
        }
    }
}

impl ConfiguredAlerting {
    /// What can be said without reading other files.
    pub(super) fn check(&self) -> Result<()> {
        self.thresholds
            .check()
            .map_err(|fault| Failure::usage(format!("alerting.thresholds: {}", fault.detail)))?;
        for receiver in &self.receivers {
            hostler_core::name::check(&receiver.name).map_err(|fault| {
                Failure::usage(format!("alerting.receiver {:?} {fault}", receiver.name))
            })?;
        }
        let mut seen = std::collections::BTreeSet::new();
        match self.rule_files.iter().find(|path| !seen.insert(*path)) {
            None => Ok(()),
            Some(path) => {
                let path = path.display();
                Err(Failure::usage(format!("alerting.rule_files names {path} twice")))
            }
        }
    }
}
