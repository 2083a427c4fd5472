//! What is told about sending the history elsewhere: `[[history.outputs]]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hostler_core::metrics::series::is_label_name;
use hostler_outputs::{
    HttpOptions, InfluxOptions, InfluxVersion, Kind, Options, PostgresOptions, PostgresTls,
    SecretFile,
};
use hostler_store::history::OutboxOptions;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// More outputs than anybody has; each has a queue on the disk.
pub(super) const OUTPUTS_MAX: usize = 16;
/// Less room than this holds nothing for long.
const BYTES_MIN: u64 = 1 << 20;
const HOUR_MS: i64 = 3_600_000;
/// The longest that anything waits: a year, in hours.
const HOURS_MAX: u32 = 8784;
/// How long a try may take, in seconds.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=110;

/// A place that the history is sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredOutput {
    /// Its name.
    pub name: String,
    /// What is there.
    pub kind: OutputKind,
    /// Where it is, without credentials.
    pub url: String,
    /// As whom; of `postgres` the URL says it.
    pub user: Option<String>,
    /// The file whose first line is the user's password.
    pub password_file: Option<PathBuf>,
    /// The file whose first line is the token.
    pub token_file: Option<PathBuf>,
    /// The authorities to trust, as PEM, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Of `influx1`: the database.
    pub database: Option<String>,
    /// Of `influx1`: the retention policy, where it is not the usual one.
    pub retention_policy: Option<String>,
    /// Of `influx2`: the organisation.
    pub organization: Option<String>,
    /// Of `influx2`: the bucket.
    pub bucket: Option<String>,
    /// Of `postgres`: whether the connection is encrypted.
    pub tls: Option<OutputTls>,
    /// Labels that series get which have none of that name.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How long one try may take.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: u64,
    /// The most room that waiting samples take, in bytes; the oldest go first.
    #[serde(default = "max_bytes")]
    pub max_bytes: u64,
    /// Hours after which a sample is not sent any more.
    #[serde(default = "max_age_hours")]
    pub max_age_hours: u32,
}

const fn timeout_seconds() -> u64 {
    30
}

const fn max_bytes() -> u64 {
    256 << 20
}

const fn max_age_hours() -> u32 {
    7 * 24
}

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// Prometheus remote write 1.0.
    RemoteWrite,
    /// InfluxDB 1 and what speaks like it.
    Influx1,
    /// InfluxDB 2 and 3 and what speaks like them.
    Influx2,
    /// PostgreSQL, with or without TimescaleDB.
    Postgres,
}

impl OutputKind {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RemoteWrite => "remote_write",
            Self::Influx1 => "influx1",
            Self::Influx2 => "influx2",
            Self::Postgres => "postgres",
        }
    }
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputTls {
    /// It is, and the server's certificate is verified.
    #[default]
    Verify,
    /// It is not.
    Off,
}

impl ConfiguredOutput {
    pub(super) fn check(&self) -> Result<()> {
        hostler_core::name::check(&self.name)
            .map_err(|fault| Failure::usage(format!("output name {:?} {fault}", self.name)))?;
        let told = |what: String| Err(self.fault(&what));
        self.check_keys()?;
        if let Some(name) = self.labels.keys().find(|name| !is_label(name)) {
            return told(format!("has the label {name:?}, which is no name of a label"));
        }
        if !SECONDS.contains(&self.timeout_seconds) {
            let (least, most) = (SECONDS.start(), SECONDS.end());
            let given = self.timeout_seconds;
            return told(format!(
                "timeout_seconds is {given}; it has to be from {least} to {most}"
            ));
        }
        if self.max_bytes < BYTES_MIN {
            let given = self.max_bytes;
            return told(format!("max_bytes is {given}; it has to be {BYTES_MIN} (1 MiB) or more"));
        }
        if !(1..=HOURS_MAX).contains(&self.max_age_hours) {
            let given = self.max_age_hours;
            return told(format!("max_age_hours is {given}; it has to be from 1 to {HOURS_MAX}"));
        }
        Ok(())
    }

    /// Each kind has keys of its own: one that would have no effect is a mistake.
    fn check_keys(&self) -> Result<()> {
        let kinds = |kinds: &[OutputKind]| kinds.contains(&self.kind);
        use OutputKind::{Influx1, Influx2, Postgres, RemoteWrite};
        for (key, is_given, is_known, is_needed) in [
            ("user", self.user.is_some(), kinds(&[RemoteWrite, Influx1]), false),
            (
                "password_file",
                self.password_file.is_some(),
                kinds(&[RemoteWrite, Influx1, Postgres]),
                self.user.is_some(),
            ),
            (
                "token_file",
                self.token_file.is_some(),
                kinds(&[RemoteWrite, Influx1, Influx2]),
                false,
            ),
            ("database", self.database.is_some(), kinds(&[Influx1]), kinds(&[Influx1])),
            ("retention_policy", self.retention_policy.is_some(), kinds(&[Influx1]), false),
            ("organization", self.organization.is_some(), kinds(&[Influx2]), kinds(&[Influx2])),
            ("bucket", self.bucket.is_some(), kinds(&[Influx2]), kinds(&[Influx2])),
            ("tls", self.tls.is_some(), kinds(&[Postgres]), false),
        ] {
            let kind = self.kind.as_str();
            if is_given && !is_known {
                return Err(
                    self.fault(&format!("has `{key}`, which the kind {kind} does not know"))
                );
            }
            if is_needed && !is_given {
                return Err(self.fault(&format!("needs `{key}`")));
            }
        }
        if self.token_file.is_some() && self.user.is_some() {
            return Err(self.fault("has `user` and `token_file`; give one"));
        }
        if self.password_file.is_some() && self.user.is_none() && !kinds(&[Postgres]) {
            return Err(self.fault("has `password_file` and no `user`"));
        }
        Ok(())
    }

    fn fault(&self, what: &str) -> Failure {
        Failure::usage(format!("history.outputs: {:?} {what}", self.name))
    }

    /// As the output is told.
    pub fn options(&self) -> Options {
        let secret = |path: &Option<PathBuf>| path.clone().map(SecretFile);
        let http = || HttpOptions {
            url: self.url.clone(),
            user: self.user.clone().zip(secret(&self.password_file)),
            token: secret(&self.token_file),
        };
        let text = |given: &Option<String>| given.clone().unwrap_or_default();
        let kind = match self.kind {
            OutputKind::RemoteWrite => Kind::RemoteWrite(http()),
            OutputKind::Influx1 => Kind::Influx(InfluxOptions {
                http: http(),
                version: InfluxVersion::V1 {
                    database: text(&self.database),
                    retention_policy: self.retention_policy.clone(),
                },
            }),
            OutputKind::Influx2 => Kind::Influx(InfluxOptions {
                http: http(),
                version: InfluxVersion::V2 {
                    organization: text(&self.organization),
                    bucket: text(&self.bucket),
                },
            }),
            OutputKind::Postgres => Kind::Postgres(PostgresOptions {
                url: self.url.clone(),
                password: secret(&self.password_file),
                tls: match self.tls.unwrap_or_default() {
                    OutputTls::Verify => PostgresTls::Verify,
                    OutputTls::Off => PostgresTls::Off,
                },
            }),
        };
        let label =
            |(name, value): (&String, &String)| (name.as_str().into(), value.as_str().into());
        Options {
            kind,
            labels: self.labels.iter().map(label).collect(),
            timeout: Duration::from_secs(self.timeout_seconds),
            ca_file: self.ca_file.clone(),
        }
    }

    /// How much may wait for it.
    pub fn outbox(&self) -> OutboxOptions {
        OutboxOptions {
            max_bytes: self.max_bytes,
            max_age_ms: i64::from(self.max_age_hours) * HOUR_MS,
        }
    }
}

fn is_label(name: &str) -> bool {
    is_label_name(name) && !name.starts_with("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(text: &str) -> ConfiguredOutput {
        toml::from_str(&format!("name = 'far'\nurl = 'http://h'\n{text}")).unwrap()
    }

    #[test]
    fn each_kind_is_told_what_it_needs() {
        let output =
            output("kind = 'influx2'\norganization = 'o'\nbucket = 'b'\ntoken_file = '/t'");
        output.check().unwrap();
        let expected = Kind::Influx(InfluxOptions {
            http: HttpOptions {
                url: "http://h".into(),
                user: None,
                token: Some(SecretFile("/t".into())),
            },
            version: InfluxVersion::V2 { organization: "o".into(), bucket: "b".into() },
        });
        assert_eq!(output.options().kind, expected);
        assert_eq!(output.outbox(), OutboxOptions::default());
    }

    #[test]
    fn what_would_have_no_effect_or_is_missing_is_refused_by_its_key() {
        for (text, why) in [
            ("kind = 'remote_write'\ndatabase = 'x'", "has `database`"),
            ("kind = 'influx1'", "needs `database`"),
            ("kind = 'influx2'\norganization = 'o'", "needs `bucket`"),
            ("kind = 'remote_write'\nuser = 'u'", "needs `password_file`"),
            ("kind = 'remote_write'\npassword_file = '/p'", "no `user`"),
            ("kind = 'postgres'\nuser = 'u'\npassword_file = '/p'", "has `user`"),
            ("kind = 'remote_write'\ntls = 'off'", "has `tls`"),
            (
                "kind = 'remote_write'\nuser = 'u'\npassword_file = '/p'\ntoken_file = '/t'",
                "give one",
            ),
            ("kind = 'remote_write'\nlabels = { __x = 'y' }", "no name of a label"),
            ("kind = 'remote_write'\ntimeout_seconds = 0", "timeout_seconds is 0"),
            ("kind = 'remote_write'\nmax_bytes = 1", "max_bytes is 1"),
            ("kind = 'remote_write'\nmax_age_hours = 0", "max_age_hours is 0"),
        ] {
            let told = output(text).check().unwrap_err().to_string();
            assert!(told.contains(why) && told.contains("\"far\""), "{told}");
        }
    }
}
