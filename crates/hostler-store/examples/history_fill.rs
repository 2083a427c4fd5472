//! Puts the samples of a file into a history: `history_fill FILE DIRECTORY`. What the bench of
//! the history measures; by hand, a way to look at a history of one's own data.
//!
//! A line is `name{label="value",…} value seconds`, as in OpenMetrics, sorted by time. Samples of
//! one time are one batch, as a pass of a server is; what was appended is confirmed by the disk
//! once a minute of the file's time.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_store::history::{Archive, Options};

/// How much of the file's time passes between two confirmations.
const SYNC_MS: i64 = 60_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [file, directory] = arguments.as_slice() else {
        return Err("history_fill FILE DIRECTORY".into());
    };
    let file = BufReader::new(std::fs::File::open(file)?);
    let archive = Archive::open(Path::new(directory), Options::default())?;
    let (mut batch, mut at_ms, mut synced_ms, mut count) = (Vec::new(), 0, 0, 0);
    for line in file.lines() {
        let line = line?;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, sample) = read(&line).ok_or_else(|| format!("no sample: {line}"))?;
        if sample.at_ms != at_ms {
            count += append(&archive, at_ms, &mut batch)?;
            at_ms = sample.at_ms;
            if at_ms - synced_ms >= SYNC_MS {
                archive.sync()?;
                synced_ms = at_ms;
            }
        }
        batch.push((key, sample));
    }
    count += append(&archive, at_ms, &mut batch)?;
    archive.checkpoint()?;
    archive.sync()?;
    writeln!(std::io::stdout(), "{count}")?;
    Ok(())
}

/// Gives how many were taken; all have to be.
fn append(archive: &Archive, now_ms: i64, batch: &mut Vec<(SeriesKey, Sample)>) -> Result<u64> {
    let appended = archive.append(now_ms, batch)?;
    let count = u64::try_from(batch.len())?;
    batch.clear();
    if appended.written == count {
        Ok(count)
    } else {
        Err(format!("not taken: {:?}", appended.dropped).into())
    }
}

/// One line. Values of labels are without escapes.
fn read(line: &str) -> Option<(SeriesKey, Sample)> {
    let (rest, seconds) = line.rsplit_once(' ')?;
    let (series, value) = rest.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{')?;
    let labels = labels.strip_suffix('}')?.split(',').filter_map(|label| {
        let (name, value) = label.split_once('=')?;
        Some((name, value.trim_matches('"')))
    });
    let key = SeriesKey::new(name, labels).ok()?;
    let seconds: i64 = seconds.parse().ok()?;
    Some((key, Sample { at_ms: seconds.checked_mul(1000)?, value: value.parse().ok()? }))
}
