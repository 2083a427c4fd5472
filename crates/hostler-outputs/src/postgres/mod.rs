//! PostgreSQL, and TimescaleDB where that extension is in the database.
//!
//! ```text
//!  hostler_series(id, name, labels jsonb)      one row for each series
//!        ▲ series_id
//!  hostler_samples(series_id, time, value)     one row for each sample; a hypertable
//!                                              where there is TimescaleDB
//!  hostler_metrics                             a view of both, for people
//! ```
//!
//! The key of a sample is its series and its time, so that sending it twice leaves it there
//! once. The end of a series is absence: there is a gap.
//!
//! One connection, made when it is needed. What fails on it ends it, but for what the
//! database says of the samples themselves.

mod connect;
mod tls;
mod url;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use hostler_core::metrics::series::SeriesKey;
use tokio::sync::Mutex;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Error};

use crate::failed::{Failed, Retry, quoted};
use crate::{Options, Samples, SecretFile, Sent, is_end};

use connect::{Connected, Server};

/// Series whose ids are remembered; of more, all are asked for again.
const SERIES_MAX: usize = 200_000;

/// A database to write to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PostgresOptions {
    /// `postgresql://user@host:5432/database`, without the password; for a socket of this
    /// machine `postgresql:///database?host=/run/postgresql`.
    pub url: String,
    /// The user's password.
    pub password: Option<SecretFile>,
    /// Whether the connection is encrypted.
    pub tls: PostgresTls,
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PostgresTls {
    /// It is, the server's certificate is verified, and who is there by that name is who was
    /// meant. Sockets of this machine need none.
    #[default]
    Verify,
    /// It is not.
    Off,
}

pub(crate) struct Postgres {
    server: Server,
    timeout: Duration,
    connected: Mutex<Option<Session>>,
}

/// A connection on which the tables are known to be there.
struct Session {
    connected: Connected,
    ids: HashMap<SeriesKey, i64>,
}

impl Postgres {
    pub(crate) fn new(postgres: &PostgresOptions, options: &Options) -> Result<Self, String> {
        let server = Server::new(postgres, options.ca_file.as_deref())?;
        Ok(Self { server, timeout: options.timeout, connected: Mutex::default() })
    }

    pub(crate) fn told(&self) -> String {
        self.server.to_string()
    }

    pub(crate) fn is_exposed(&self) -> bool {
        self.server.is_exposed()
    }

    pub(crate) async fn send(&self, samples: Samples<'_>) -> Result<Sent, Failed> {
        let taken = samples.iter().filter(|(_, sample)| !is_end(sample.value)).count();
        if taken == 0 {
            // Tables have no ends of series: nobody has to be asked.
            return Ok(Sent::default());
        }
        let mut kept = self.connected.lock().await;
        // Taken out: whoever is cut off in the middle leaves no connection behind.
        let session = kept.take().filter(|session| !session.connected.is_closed());
        let work = async {
            let mut session = match session {
                Some(session) => session,
                None => self.begin().await?,
            };
            let done = session.write(samples).await;
            Ok((session, done))
        };
        let Ok(worked) = tokio::time::timeout(self.timeout, work).await else {
            let after = self.timeout.as_secs_f64();
            return Err(Failed::later(format!("{} did not answer within {after} s", self.server)));
        };
        let (session, done) = worked?;
        match done {
            Ok(()) => *kept = Some(session),
            // What it says of the samples leaves the connection as it is.
            Err(error) if is_final(&error) => {
                *kept = Some(session);
                return Err(self.failed(&error));
            }
            Err(error) => return Err(self.failed(&error)),
        }
        Ok(Sent { taken: taken as u64, left_out: 0 })
    }

    async fn begin(&self) -> Result<Session, Failed> {
        let connected = self.server.connect().await?;
        make_tables(&connected.client).await.map_err(|error| self.failed(&error))?;
        Ok(Session { connected, ids: HashMap::new() })
    }

    fn failed(&self, error: &Error) -> Failed {
        let retry = match is_final(error) {
            true => Retry::Never,
            false => Retry::Later { after: None },
        };
        Failed { retry, told: format!("{}: {}", self.server, quoted(&connect::cause(error))) }
    }
}

/// Whether the same samples will never be taken: their data are at fault, not the server.
fn is_final(error: &Error) -> bool {
    // Data exceptions, and violated constraints. A series that somebody removed is made anew
    // by the next connection, which knows no ids.
    error.code().is_some_and(|code| {
        let class = code.code().get(..2);
        matches!(class, Some("22" | "23")) && *code != SqlState::FOREIGN_KEY_VIOLATION
    })
}

/// Makes what is missing. Each statement may be run by several servers at once, and by a user
/// who may not make anything where everything is there.
async fn make_tables(client: &Client) -> Result<(), Error> {
    let is_there = "SELECT to_regclass('hostler_samples') IS NOT NULL \
                    AND to_regclass('hostler_metrics') IS NOT NULL";
    if client.query_one(is_there, &[]).await?.get(0) {
        return Ok(());
    }
    // Two servers that begin at once would be in each other's way.
    client.batch_execute(SCHEMA).await?;
    let extension = "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'";
    if client.query_opt(extension, &[]).await?.is_some() {
        client.batch_execute(HYPERTABLE).await?;
    }
    Ok(())
}

const SCHEMA: &str = "
BEGIN;
SELECT pg_advisory_xact_lock(5208493016);
CREATE TABLE IF NOT EXISTS hostler_series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    labels jsonb NOT NULL,
    UNIQUE (name, labels)
);
CREATE TABLE IF NOT EXISTS hostler_samples (
    series_id bigint NOT NULL REFERENCES hostler_series (id),
    time timestamptz NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (series_id, time)
);
CREATE INDEX IF NOT EXISTS hostler_samples_time ON hostler_samples (time);
CREATE OR REPLACE VIEW hostler_metrics AS
    SELECT time, name, labels, value
    FROM hostler_samples JOIN hostler_series ON hostler_series.id = series_id;
COMMIT;
";

const HYPERTABLE: &str = "
SELECT create_hypertable('hostler_samples', 'time', if_not_exists => true, migrate_data => true);
";

impl Session {
    async fn write(&mut self, samples: Samples<'_>) -> Result<(), Error> {
        self.name(samples).await?;
        let (mut ids, mut times, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (key, sample) in samples {
            if let Some(id) = self.ids.get(key).filter(|_| !is_end(sample.value)) {
                ids.push(*id);
                times.push(time(sample.at_ms));
                values.push(sample.value);
            }
        }
        let insert = "INSERT INTO hostler_samples (series_id, time, value) \
                      SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::float8[]) \
                      ON CONFLICT DO NOTHING";
        let client = &self.connected.client;
        let statement = client.prepare(insert).await?;
        client.execute(&statement, &[&ids, &times, &values]).await?;
        Ok(())
    }

    /// Finds or makes the ids of series that are not known yet.
    async fn name(&mut self, samples: Samples<'_>) -> Result<(), Error> {
        let of = samples.iter().filter(|(_, sample)| !is_end(sample.value)).map(|(key, _)| key);
        let mut new: Vec<&SeriesKey> = of.filter(|key| !self.ids.contains_key(*key)).collect();
        new.sort_unstable();
        new.dedup();
        if new.is_empty() {
            return Ok(());
        }
        if self.ids.len() + new.len() > SERIES_MAX {
            self.ids.clear();
            // What is needed now is asked for as a whole, once.
            return Box::pin(self.name(samples)).await;
        }
        let names: Vec<&str> = new.iter().map(|key| key.name()).collect();
        let labels: Vec<Json<serde_json::Value>> =
            new.iter().map(|key| Json(labels(key))).collect();
        let client = &self.connected.client;
        let insert = "INSERT INTO hostler_series (name, labels) \
                      SELECT * FROM unnest($1::text[], $2::jsonb[]) ON CONFLICT DO NOTHING";
        client.execute(insert, &[&names, &labels]).await?;
        let find = "SELECT wanted.place, id FROM hostler_series \
                    JOIN unnest($1::text[], $2::jsonb[]) WITH ORDINALITY \
                        AS wanted (name, labels, place) USING (name, labels)";
        for row in client.query(find, &[&names, &labels]).await? {
            let (place, id): (i64, i64) = (row.get(0), row.get(1));
            let key = usize::try_from(place - 1).ok().and_then(|place| new.get(place));
            if let Some(key) = key {
                self.ids.insert((*key).clone(), id);
            }
        }
        Ok(())
    }
}

fn labels(key: &SeriesKey) -> serde_json::Value {
    key.labels().iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn time(at_ms: i64) -> SystemTime {
    let since = Duration::from_millis(at_ms.unsigned_abs());
    let at = match at_ms >= 0 {
        true => SystemTime::UNIX_EPOCH.checked_add(since),
        false => SystemTime::UNIX_EPOCH.checked_sub(since),
    };
    at.unwrap_or(SystemTime::UNIX_EPOCH)
}
