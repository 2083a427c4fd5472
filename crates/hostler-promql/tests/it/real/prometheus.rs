//! A real Prometheus with our series in it.
//!
//! They are sent by remote write, in one request: the text formats cannot say that a
//! series has ended, and a stale marker is the hardest thing to get right.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_core::metrics::series::SeriesData;
use serde_json::Value;

/// How long it may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running Prometheus; killed when dropped.
pub(super) struct Prometheus {
    child: Child,
    port: u16,
    _home: tempfile::TempDir,
}

/// Where the program is; fails with what brings it.
fn program() -> PathBuf {
    hostler_lab::prometheus::find("prometheus")
        .expect("Prometheus is not here: `cargo xtask test real` fetches it into build/")
}

impl Prometheus {
    /// Starts one with these series.
    pub(super) fn with(series: &[SeriesData]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("prometheus.yml");
        fs::write(&config, "global: { evaluation_interval: 1m }\n").unwrap();
        let log = home.path().join("log");
        let output = File::create(&log).unwrap();
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", home.path().join("tsdb").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--web.enable-remote-write-receiver"])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let said = || fs::read_to_string(&log).unwrap();
        let mut left = PATIENCE;
        let pause = Duration::from_millis(50);
        let port = loop {
            if let Some(port) = port_in(&said()).filter(|port| is_ready(*port)) {
                break port;
            }
            assert!(child.try_wait().unwrap().is_none(), "Prometheus ended:\n{}", said());
            left = left.checked_sub(pause).unwrap_or_else(|| panic!("not ready:\n{}", said()));
            std::thread::sleep(pause);
        };
        let prometheus = Self { child, port, _home: home };
        let (_, about) = exchange(port, b"GET /api/v1/status/buildinfo HTTP/1.0\r\n\r\n").unwrap();
        // Version 3 answers some of the questions otherwise.
        assert!(about.contains("\"version\":\"2."), "compare with Prometheus 2, not {about}");
        let body = snappy(&write_request(series));
        let head = format!(
            "POST /api/v1/write HTTP/1.0\r\nContent-Type: application/x-protobuf\r\n\
             Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let (status, answer) = exchange(port, &[head.as_bytes(), &body].concat()).unwrap();
        assert_eq!(status, 204, "{answer}");
        prometheus
    }

    /// What it answers to a query: the result, or its words for why there is none.
    pub(super) fn ask(&self, path: &str, query: &str, times: &str) -> Result<Value, String> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = format!("GET /api/v1/{path}?query={query}&{times} HTTP/1.0\r\n\r\n");
        let (status, answer) = exchange(self.port, request.as_bytes()).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        match status {
            200 => Ok(answer["data"].clone()),
            _ => Err(answer["error"].as_str().unwrap().to_owned()),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port it chose, once it says so. One that is chosen here may be somebody else's by then.
fn port_in(log: &str) -> Option<u16> {
    let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
    let address = line.split("address=").nth(1)?.split_whitespace().next()?;
    address.rsplit(':').next()?.parse().ok()
}

fn is_ready(port: u16) -> bool {
    exchange(port, b"GET /-/ready HTTP/1.0\r\n\r\n").is_ok_and(|(status, _)| status == 200)
}

/// By HTTP 1.0, which ends the answer with the connection.
fn exchange(port: u16, request: &[u8]) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
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
