//! How logs are written: JSON where a program reads them, text for people.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, journal_reads};
use crate::failure::{Failure, Result};

/// What is logged, while it is.
pub(crate) struct Filter(Box<dyn Fn(EnvFilter) -> Result<()> + Send + Sync>);

impl Filter {
    /// Logs what `directives` say from now on.
    ///
    /// # Errors
    /// When they make no sense; it stays as it was.
    pub(crate) fn set(&self, directives: &str) -> Result<()> {
        (self.0)(parse(directives)?)
    }
}

/// Whether `directives` make sense.
///
/// # Errors
/// When they make none.
pub(crate) fn check(directives: &str) -> Result<()> {
    parse(directives).map(drop)
}

/// Begins to write logs to standard error.
///
/// # Errors
/// When the filter makes no sense.
pub(crate) fn start(format: LogFormat, filter: &str) -> Result<Filter> {
    let filter = parse(filter)?;
    let is_json = match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => journal_reads(),
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let (started, filter) = match is_json {
        true => {
            let subscriber = subscriber.json().flatten_event(true).with_filter_reloading();
            let handle = subscriber.reload_handle();
            (subscriber.try_init(), Filter(Box::new(move |filter| said(handle.reload(filter)))))
        }
        false => {
            let is_terminal = std::io::stderr().is_terminal();
            let subscriber = subscriber.with_ansi(is_terminal).with_filter_reloading();
            let handle = subscriber.reload_handle();
            (subscriber.try_init(), Filter(Box::new(move |filter| said(handle.reload(filter)))))
        }
    };
    started.map_err(|error| Failure::new(format!("logs cannot be written: {error}")))?;
    Ok(filter)
}

fn parse(directives: &str) -> Result<EnvFilter> {
    EnvFilter::try_new(directives)
        .map_err(|error| Failure::usage(format!("log_filter {directives:?}: {error}")))
}

fn said(reloaded: Result<(), tracing_subscriber::reload::Error>) -> Result<()> {
    reloaded.map_err(|error| Failure::new(format!("the log's filter stays: {error}")))
}
