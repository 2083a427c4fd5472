//! How logs are written: JSON where a program reads them, text for people.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;

use crate::config::{LogFormat, journal_reads};
use crate::failure::{Failure, Result};

/// Changes what is logged.
pub(crate) type SetFilter = Box<dyn Fn(&str) -> Result<()> + Send + Sync>;

/// Whether `directives` make sense.
///
/// # Errors
/// When they make none.
pub(crate) fn check(directives: &str) -> Result<()> {
    parse(directives).map(drop)
}

fn parse(directives: &str) -> Result<EnvFilter> {
    EnvFilter::try_new(directives)
        .map_err(|error| Failure::Usage(format!("log_filter {directives:?}: {error}")))
}

/// Begins to write logs to standard error; gives what changes them later.
///
/// # Errors
/// When the filter makes no sense.
pub(crate) fn start(format: LogFormat, filter: &str) -> Result<SetFilter> {
    let is_json = match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => journal_reads(),
    };
    let builder = SubscriberBuilder::default()
        .with_env_filter(parse(filter)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // The two formats have handles of two types.
    macro_rules! begin {
        ($builder:expr) => {{
            let builder = $builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let set: SetFilter = Box::new(move |directives| {
                let told = |error| Failure::Failed(format!("the log's filter stays: {error}"));
                handle.reload(parse(directives)?).map_err(told)
            });
            (builder.try_init(), set)
        }};
    }
    let (started, set) = match is_json {
        true => begin!(builder.json().flatten_event(true)),
        false => begin!(builder),
    };
    started.map_err(|error| Failure::Failed(format!("logs cannot be written: {error}")))?;
    Ok(set)
}
