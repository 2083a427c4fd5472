//! Load on a web server, by `wrk`, and what it tells of the answers.
//!
//! `wrk` sends the next request of a connection when the last was answered, so its latencies are
//! those of a server that is never asked more than it can do.

use std::process::Command;

use hostler_lab::{Error, Result, run_quietly};

/// How a server is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Connections that ask at once; each is kept.
    pub(super) connections: usize,
    /// For how long.
    pub(super) seconds: usize,
}

/// What it found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Answers in a second.
    pub(super) per_second: f64,
    /// How many answers there were.
    pub(super) requests: f64,
    /// Half of the answers came sooner, in seconds.
    pub(super) p50: f64,
    /// Of a hundred answers, one came later, in seconds.
    pub(super) p99: f64,
}

/// Asks for `url` again and again.
///
/// # Errors
/// When `wrk` fails, or a single answer was not a success or did not come.
pub(super) fn run(url: &str, header: Option<&str>, load: Load) -> Result<Found> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(load.connections);
    let mut command = Command::new("wrk");
    command
        .arg(format!("-t{threads}"))
        .arg(format!("-c{}", load.connections))
        .arg(format!("-d{}s", load.seconds))
        .args(["--timeout", "10s", "--latency"]);
    if let Some(header) = header {
        command.args(["-H", header]);
    }
    let output = run_quietly(command.arg(url))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    parse(&text).map_err(|error| error.context(format!("wrk {url}")))
}

fn parse(text: &str) -> Result<Found> {
    let failed = ["Socket errors:", "Non-2xx or 3xx responses:"];
    let bad = text.lines().map(str::trim).find(|line| failed.iter().any(|f| line.starts_with(f)));
    if let Some(line) = bad {
        return Err(Error::new(format!("not every request was answered well: {line}")));
    }
    let lines = || text.lines().map(str::trim);
    let after = |label: &str| lines().find_map(|line| line.strip_prefix(label)).map(str::trim);
    let per_second = after("Requests/sec:").and_then(|word| word.parse().ok());
    let requests = lines().find_map(|line| line.split_once(" requests in ")?.0.parse().ok());
    let (p50, p99) = (after("50%").and_then(seconds), after("99%").and_then(seconds));
    match (per_second, requests, p50, p99) {
        (Some(per_second), Some(requests), Some(p50), Some(p99)) => {
            Ok(Found { per_second, requests, p50, p99 })
        }
        _ => Err(Error::new(format!("it says something else than it used to: {text}"))),
    }
}

/// `635.91us`, `1.20ms`, `2.00s`, `1.50m`.
fn seconds(text: &str) -> Option<f64> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0)];
    units
        .iter()
        .find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Running 3s test @ https://127.0.0.1:1/
  2 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   635.91us    0.89ms  12.92ms   93.69%
    Req/Sec    56.20k     8.07k   62.00k    86.54%
  Latency Distribution
     50%  250.00us
     75%  491.00us
     90%  700.00us
     99%    5.80ms
  22464 requests in 3.00s, 17.76GB read
Requests/sec:   7488.53
Transfer/sec:    606.33MB
";

    #[test]
    fn the_figures_are_read_with_their_units() {
        let found = parse(TEXT).unwrap();
        assert_eq!(found.requests, 22464.0);
        assert_eq!(found.per_second, 7488.53);
        assert!((found.p50 - 250e-6).abs() < 1e-9 && (found.p99 - 5.8e-3).abs() < 1e-9);
        assert_eq!(
            (seconds("2.00s"), seconds("1.50m"), seconds("7")),
            (Some(2.0), Some(90.0), None)
        );
    }

    #[test]
    fn a_single_bad_answer_spoils_the_whole_measurement() {
        for line in [
            "  Non-2xx or 3xx responses: 1",
            "  Socket errors: connect 0, read 3, write 0, timeout 0",
        ] {
            let error = parse(&TEXT.replace("Requests/sec", &format!("{line}\nRequests/sec")));
            assert!(error.unwrap_err().to_string().contains(line.trim()));
        }
    }

    #[test]
    fn other_words_than_wrks_are_an_error() {
        assert!(parse("Requests/sec: 1\n").is_err());
        assert!(parse("").is_err());
    }
}
