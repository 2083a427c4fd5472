//! A real Prometheus with our series in it.
//!
//! They are sent by remote write, in one request: the text formats cannot say that a
//! series has ended, and a stale marker is the hardest thing to get right.

use hostler_core::metrics::series::SeriesData;
use hostler_lab::time_series::{Kind, Store};
use serde_json::Value;

/// A running Prometheus; killed when dropped.
pub(super) struct Prometheus {
    store: Store,
    _home: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with these series.
    pub(super) fn with(series: &[SeriesData]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::start(Kind::Prometheus, home.path(), &[]);
        let (_, about) = store.ask("GET", "/api/v1/status/buildinfo").unwrap();
        // Version 3 answers some of the questions otherwise.
        assert!(about.contains("\"version\":\"2."), "compare with Prometheus 2, not {about}");
        let headers = [
            ("Content-Type", "application/x-protobuf"),
            ("Content-Encoding", "snappy"),
            ("X-Prometheus-Remote-Write-Version", "0.1.0"),
        ];
        let body = snappy(&write_request(series));
        let (status, answer) = store.send("POST", "/api/v1/write", &headers, &body).unwrap();
        assert_eq!(status, 204, "{answer}");
        Self { store, _home: home }
    }

    /// What it answers to a query: the result, or its words for why there is none.
    pub(super) fn ask(&self, path: &str, query: &str, times: &str) -> Result<Value, String> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/{path}?query={query}&{times}");
        let (status, answer) = self.store.ask("GET", &path).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        match status {
            200 => Ok(answer["data"].clone()),
            _ => Err(answer["error"].as_str().unwrap().to_owned()),
        }
    }
}

/// The protocol buffer `WriteRequest` of remote write 0.1.
fn write_request(series: &[SeriesData]) -> Vec<u8> {
    let mut request = Vec::new();
    for series in series {
        let name = std::iter::once(("__name__", series.key.name()));
        let labels = series.key.labels().iter().map(|(name, value)| (&**name, &**value));
        let mut all: Vec<(&str, &str)> = name.chain(labels).collect();
        all.sort_unstable();
        let mut message = Vec::new();
        for (name, value) in all {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut message, 1, &label);
        }
        for sample in &series.samples {
            let mut pair = vec![1 << 3 | 1];
            pair.extend(sample.value.to_bits().to_le_bytes());
            pair.push(2 << 3);
            number(&mut pair, sample.at_ms as u64);
            field(&mut message, 2, &pair);
        }
        field(&mut request, 1, &message);
    }
    request
}

fn field(into: &mut Vec<u8>, nth: u8, content: &[u8]) {
    into.push(nth << 3 | 2);
    number(into, content.len() as u64);
    into.extend(content);
}

/// Seven bits to a byte, the lowest first.
fn number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Snappy's block format, of literals alone: nothing is compressed, and it is valid.
fn snappy(content: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    number(&mut block, content.len() as u64);
    for chunk in content.chunks(1 << 16) {
        block.push(61 << 2);
        block.extend(u16::try_from(chunk.len() - 1).unwrap().to_le_bytes());
        block.extend(chunk);
    }
    block
}
