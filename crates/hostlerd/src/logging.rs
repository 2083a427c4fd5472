//! How logs are written: JSON where a program reads them, text for people.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, journal_reads};
use crate::failure::{Failure, Result};

/// Begins to write logs to standard error.
///
/// # Errors
/// When the filter makes no sense.
pub(crate) fn start(format: LogFormat, filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::usage(format!("log_filter {filter:?}: {error}")))?;
    let is_json = match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => journal_reads(),
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match is_json {
        true => subscriber.json().flatten_event(true).try_init(),
        false => subscriber.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| Failure::new(format!("logs cannot be written: {error}")))
}
