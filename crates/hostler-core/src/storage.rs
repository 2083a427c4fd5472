//! Storage pools and volumes, as they were seen.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::fact::Fact;
use crate::id::{ParseIdError, PoolId};

/// Names a volume for ever: the pool it is in, and its name there. Providers
/// give volumes no other identity, and nobody can rename one.
///
/// Written as `POOL-ID/NAME`; names may contain slashes where others gave them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct VolumeKey {
    /// The pool.
    pub pool: PoolId,
    /// The name, unique within the pool.
    pub name: String,
}

impl fmt::Display for VolumeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pool, self.name)
    }
}

impl FromStr for VolumeKey {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        match text.split_once('/') {
            Some((pool, name)) if !name.is_empty() => {
                Ok(Self { pool: pool.parse()?, name: name.to_owned() })
            }
            _ => Err(ParseIdError { text: text.chars().take(64).collect() }),
        }
    }
}

impl From<VolumeKey> for String {
    fn from(key: VolumeKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for VolumeKey {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, ParseIdError> {
        text.parse()
    }
}

/// A place that holds volumes, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPool {
    /// How the provider names it for ever.
    pub external_ref: String,
    /// The host it belongs to, in the provider's terms; `None` when shared.
    pub host_ref: Option<String>,
    /// Its name, unique within the host.
    pub name: String,
    /// What it is made of: `dir`, `logical`, `rbd` …; `unknown` where it exists but could not be
    /// read, which its sizes then say, too.
    pub kind: String,
    /// Whether it can be used now.
    pub active: bool,
    /// When it was read.
    pub observed_at: Timestamp,
    /// Its size in bytes.
    pub capacity_bytes: Fact<u64>,
    /// Bytes in use.
    pub allocated_bytes: Fact<u64>,
    /// Bytes that can still be written.
    pub available_bytes: Fact<u64>,
}

/// A volume, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedVolume {
    /// Its name, unique within the pool.
    pub name: String,
    /// How it is stored: `qcow2`, `raw` …, as the provider says.
    pub format: Option<String>,
    /// The size a guest sees, in bytes.
    pub capacity_bytes: u64,
    /// The bytes it takes in the pool.
    pub allocated_bytes: u64,
    /// Where it is, as the host names it.
    pub path: Option<String>,
    /// The volume it is an overlay of, where it is one.
    pub backing: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volumes_key_is_read_back_as_it_was_written() {
        let pool = PoolId::new(Timestamp::from_millis(7), [1; 10]);
        for name in ["data", "a.qcow2", "iqn.2024-01/lun 1"] {
            let key = VolumeKey { pool, name: name.to_owned() };
            assert_eq!(key.to_string().parse(), Ok(key.clone()));
            let json = serde_json::to_string(&key).unwrap();
            assert_eq!(json, format!("\"{pool}/{name}\""));
            assert_eq!(serde_json::from_str::<VolumeKey>(&json).unwrap(), key);
        }
        for text in ["", "data", "/data", "x/data", &format!("{pool}"), &format!("{pool}/")] {
            assert!(text.parse::<VolumeKey>().is_err(), "{text}");
        }
    }
}
