//! InfluxDB by its line protocol: `/write` of version 1, `/api/v2/write` of version 2 and 3
//! and of all that speak like them.

use crate::http::{Endpoint, HttpOptions};
use crate::line::Lines;
use crate::{Failed, Options, Samples, Sent};

/// Where to send lines to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfluxOptions {
    /// The server's URL (what stands before `/write`), and as whom.
    pub http: HttpOptions,
    /// Which protocol, and into what.
    pub version: InfluxVersion,
}

/// Which protocol, and into what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InfluxVersion {
    /// `/write`.
    V1 {
        /// The database, which has to be there.
        database: String,
        /// The retention policy; the database's usual one where none is named.
        retention_policy: Option<String>,
    },
    /// `/api/v2/write`.
    V2 {
        /// The organisation.
        organization: String,
        /// The bucket, which has to be there.
        bucket: String,
    },
}

pub(crate) struct Influx {
    endpoint: Endpoint,
}

impl Influx {
    pub(crate) fn new(influx: &InfluxOptions, options: &Options) -> Result<Self, String> {
        let endpoint = Endpoint::new(&influx.http, &influx.http.url, options)?;
        let endpoint = match &influx.version {
            InfluxVersion::V1 { database, retention_policy } => {
                let mut query = vec![("db", database.as_str()), ("precision", "ms")];
                query.extend(retention_policy.as_deref().map(|policy| ("rp", policy)));
                endpoint.below(&["write"], &query)
            }
            InfluxVersion::V2 { organization, bucket } => {
                let query = [("org", &**organization), ("bucket", &**bucket), ("precision", "ms")];
                endpoint.below(&["api", "v2", "write"], &query).with_scheme("Token")
            }
        };
        Ok(Self { endpoint })
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) async fn send(&self, samples: Samples<'_>) -> Result<Sent, Failed> {
        let Lines { text, count, left_out } = Lines::of(samples);
        // Nothing but ends of series: an empty body is refused by some.
        if !text.is_empty() {
            self.endpoint.post(&[("content-type", "text/plain; charset=utf-8")], text).await?;
        }
        Ok(Sent { taken: count, left_out })
    }
}
