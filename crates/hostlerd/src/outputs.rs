//! Puts together what the history is sent to: the queue of each output, and what sends.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_engine::{Again, NotSent, OutputPace, OutputSetup, Sent};
use hostler_outputs::{Failed, Output, Retry};
use hostler_store::history::Outbox;

use crate::config::{Config, ConfiguredOutput};
use crate::failure::{Failure, Result};

/// An output as the engine knows it.
struct Sender(Output);

#[async_trait]
impl hostler_engine::Output for Sender {
    fn wants_each_once(&self) -> bool {
        self.0.wants_each_once()
    }

    async fn send(&self, samples: &[(SeriesKey, Sample)]) -> Result<Sent, NotSent> {
        let sent = self.0.send(samples).await;
        let sent = sent.map(|sent| Sent { taken: sent.taken, left_out: sent.left_out });
        sent.map_err(|Failed { retry, told }| {
            let again = match retry {
                Retry::Later { after } => Again::After(after.unwrap_or(Duration::ZERO)),
                Retry::Never => Again::Never,
            };
            NotSent { again, told }
        })
    }
}

/// Whether each output could be made, without making anything.
///
/// # Errors
/// What is wrong with one, by its name.
pub(crate) fn check(outputs: &[ConfiguredOutput]) -> Result<()> {
    outputs.iter().try_for_each(|output| make(output).map(drop))
}

fn make(output: &ConfiguredOutput) -> Result<Output> {
    Output::new(&output.options())
        .map_err(|why| Failure::usage(format!("history.outputs: {:?}: {why}", output.name)))
}

/// Opens the queues of all outputs. One that cannot be opened is left out and told: the
/// server serves all else (A15).
///
/// # Errors
/// When an output cannot be made of what is configured.
pub(crate) async fn open(config: &Config) -> Result<Vec<OutputSetup>> {
    let directory = config.data_dir.join("outputs");
    tell_orphans(&directory, &config.history.outputs);
    let mut setups = Vec::new();
    for configured in &config.history.outputs {
        let output = make(configured)?;
        if !config.history.enabled {
            continue;
        }
        let name = configured.name.clone();
        let (path, options) = (directory.join(&name), configured.outbox());
        let opened = tokio::task::spawn_blocking(move || Outbox::open(&path, options)).await;
        let outbox = match opened {
            Ok(Ok(outbox)) => outbox,
            Ok(Err(error)) => {
                tracing::error!(output = name, %error, "nothing is sent there: no queue");
                continue;
            }
            Err(error) => return Err(Failure::new(format!("a queue cannot be opened: {error}"))),
        };
        let damaged = outbox.figures().losses.damaged_rows;
        if damaged > 0 {
            tracing::warn!(output = name, damaged, "rows that were to be sent are damaged");
        }
        if output.is_exposed() {
            tracing::warn!(output = name, "credentials go to another machine unencrypted");
        }
        setups.push(OutputSetup {
            name,
            kind: configured.kind.as_str(),
            target: output.target(),
            output: Arc::new(Sender(output)),
            outbox,
            pace: OutputPace::default(),
        });
    }
    Ok(setups)
}

/// What waits for an output that is not configured any more stays, in case that was a
/// mistake.
fn tell_orphans(directory: &Path, outputs: &[ConfiguredOutput]) {
    let known: BTreeSet<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !known.contains(&*name.to_string_lossy()) {
            let path = entry.path();
            tracing::warn!(
                path = %path.display(),
                "a queue of an output that is not configured; remove it if it is not coming back"
            );
        }
    }
}
