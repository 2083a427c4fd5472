//! Where the history goes beside our own disk: Prometheus remote write, InfluxDB's line
//! protocol, PostgreSQL. A leaf that sends one batch and says what became of it; what
//! waits, for how long and what is tried again is its caller's business.
//!
//! ```text
//!  samples ──► encode (pure) ──► send (one try) ──► Sent, or Failed: later · never · too much
//!            remote_write.rs       http.rs
//!            line.rs               postgres/
//! ```
//!
//! Values arrive with every bit, at the time at which they were measured. The mark of the
//! end of a series arrives where there is one (remote write), and is nothing elsewhere.

mod failed;
mod http;
mod influx;
mod line;
mod postgres;
mod remote_write;
mod secret;

use std::path::PathBuf;
use std::time::Duration;

use hostler_core::metrics::series::{Label, Sample, SeriesKey};

pub use failed::{Failed, Retry};
pub use http::HttpOptions;
pub use influx::{InfluxOptions, InfluxVersion};
pub use line::Lines;
pub use postgres::{PostgresOptions, PostgresTls};
pub use remote_write::write_request;
pub use secret::SecretFile;

/// What a sample that ends its series has for a value: Prometheus' mark of staleness, a NaN
/// like no measured one.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether a value is the mark of the end of its series.
pub fn is_end(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// What is sent: samples, the older of a series before the newer.
pub type Samples<'a> = &'a [(SeriesKey, Sample)];

/// A place to send to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What is there.
    pub kind: Kind,
    /// Labels that every series gets which has none of that name.
    pub labels: Vec<Label>,
    /// How long one try may take.
    pub timeout: Duration,
    /// Certificates to trust, as PEM, instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Prometheus remote write 1.0.
    RemoteWrite(HttpOptions),
    /// InfluxDB's line protocol.
    Influx(InfluxOptions),
    /// PostgreSQL, with or without TimescaleDB.
    Postgres(PostgresOptions),
}

/// What became of samples that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Samples that were given and taken. None where there was nothing to give: nobody was asked.
    pub taken: u64,
    /// Samples that this protocol cannot tell, infinite ones in line protocol for example,
    /// and that so were left out. Ends of series are none of them.
    pub left_out: u64,
}

/// A place to send to.
pub struct Output {
    target: Target,
    labels: Vec<Label>,
}

enum Target {
    RemoteWrite(http::Endpoint),
    Influx(influx::Influx),
    Postgres(Box<postgres::Postgres>),
}

impl Output {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// What is wrong with the options, for people.
    pub fn new(options: &Options) -> Result<Self, String> {
        let target = match &options.kind {
            Kind::RemoteWrite(http) => {
                Target::RemoteWrite(http::Endpoint::new(http, &http.url, options)?)
            }
            Kind::Influx(influx) => Target::Influx(influx::Influx::new(influx, options)?),
            Kind::Postgres(postgres) => {
                Target::Postgres(Box::new(postgres::Postgres::new(postgres, options)?))
            }
        };
        Ok(Self { target, labels: options.labels.clone() })
    }

    /// Where it is, for people: without path and credentials.
    pub fn target(&self) -> String {
        match &self.target {
            Target::RemoteWrite(endpoint) => endpoint.told(),
            Target::Influx(influx) => influx.endpoint().told(),
            Target::Postgres(postgres) => postgres.told(),
        }
    }

    /// Whether credentials go to another machine unencrypted.
    pub fn is_exposed(&self) -> bool {
        match &self.target {
            Target::RemoteWrite(endpoint) => endpoint.is_exposed(),
            Target::Influx(influx) => influx.endpoint().is_exposed(),
            // The password itself is never sent, but what is sent can be tried against it.
            Target::Postgres(postgres) => postgres.is_exposed(),
        }
    }

    /// Whether a batch may have a series only once: whoever does not take an older sample
    /// after a newer one would refuse a batch that arrived before without our knowing.
    pub const fn wants_each_once(&self) -> bool {
        matches!(self.target, Target::RemoteWrite(_))
    }

    /// Sends samples, once. After an error none, some or all of them may have arrived; to
    /// send them again changes nothing about those.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn send(&self, samples: Samples<'_>) -> Result<Sent, Failed> {
        let labelled;
        let samples = match self.labels.as_slice() {
            [] => samples,
            labels => {
                labelled = with_labels(samples, labels);
                &labelled
            }
        };
        match &self.target {
            Target::RemoteWrite(endpoint) => remote_write::send(endpoint, samples).await,
            Target::Influx(influx) => influx.send(samples).await,
            Target::Postgres(postgres) => postgres.send(samples).await,
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.target {
            Target::RemoteWrite(_) => "Output::RemoteWrite",
            Target::Influx(_) => "Output::Influx",
            Target::Postgres(_) => "Output::Postgres",
        })
    }
}

/// The same samples, of series with these labels where they have none of that name. A
/// series that has no room for them stays as it is.
fn with_labels(samples: Samples<'_>, labels: &[Label]) -> Vec<(SeriesKey, Sample)> {
    let add = |key: &SeriesKey| {
        let own = key.labels().iter().map(|(name, value)| (&**name, &**value));
        let missing = labels.iter().filter(|(name, _)| key.label(name).is_empty());
        let missing = missing.map(|(name, value)| (&**name, &**value));
        SeriesKey::new(key.name(), own.chain(missing)).unwrap_or_else(|_| key.clone())
    };
    samples.iter().map(|(key, sample)| (add(key), *sample)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_output_come_beside_those_of_the_series() {
        let series =
            |labels: &[(&str, &str)]| SeriesKey::new("up", labels.iter().copied()).unwrap();
        let sample = Sample { at_ms: 7, value: f64::from_bits(STALE_BITS) };
        let labels = [("site".into(), "north".into()), ("vm".into(), "none".into())];
        let given = [(series(&[("vm", "web")]), sample)];
        let [(key, same)] = with_labels(&given, &labels).try_into().unwrap();
        assert_eq!(key, series(&[("site", "north"), ("vm", "web")]));
        assert_eq!((same.at_ms, same.value.to_bits()), (7, STALE_BITS));
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_at_once() {
        let http = |url: &str| HttpOptions { url: url.into(), ..HttpOptions::default() };
        for (kind, why) in [
            (Kind::RemoteWrite(http("prometheus:9090")), "http"),
            (Kind::RemoteWrite(http("http://user:secret@h/api")), "file"),
            (
                Kind::Postgres(PostgresOptions {
                    url: "postgresql://u:secret@h/db".into(),
                    ..PostgresOptions::default()
                }),
                "file",
            ),
            (
                Kind::Postgres(PostgresOptions {
                    url: "mysql://h/db".into(),
                    ..PostgresOptions::default()
                }),
                "postgresql://",
            ),
        ] {
            let timeout = Duration::from_secs(1);
            let options = Options { kind, labels: Vec::new(), timeout, ca_file: None };
            let told = Output::new(&options).unwrap_err();
            assert!(told.contains(why) && !told.contains("secret"), "{told}");
        }
    }
}
