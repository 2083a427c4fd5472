//! The history beside Prometheus' own store, with the same samples from the same file.
//!
//! ```text
//!              ┌─ history_fill ─► our history ─► hostlerd: the same question
//!  one file ───┤
//!              └─ promtool ─────► its blocks ──► prometheus: the same question
//! ```
//!
//! Both begin with a text and end with files on the disk. Ours takes pass after pass, as the server
//! does, and has the disk confirm them; promtool builds its blocks for two hours at once.

use std::fs;
use std::io::{BufWriter, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_lab::{Error, Result, poll_until, prometheus, run_quietly, timed};

use super::api::Api;
use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu};
use crate::product::{Profile, Programs, Server};
use crate::{needs, say};

/// How far apart samples are, and how long they go on.
const INTERVAL: u64 = 10;
const HOURS: u64 = 2;
/// How often each question is asked in a round.
const ASKED: usize = 40;
const START_LIMIT: Duration = Duration::from_secs(60);

/// What is asked of both, over the last hour and every 15 s.
const QUESTIONS: [(&str, &str); 3] = [
    ("one series", "hostler_vm_memory_host_resident_bytes{vm=\"vm-7\"}"),
    ("rate of one VM's disks", "rate(hostler_vm_disk_read_bytes_total{vm=\"vm-7\"}[5m])"),
    ("rate of all VMs by host", "sum by (host) (rate(hostler_vm_cpu_seconds_total[5m]))"),
];

/// Measures with the same samples.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::bench_history()?;
    let programs = settings.programs()?;
    let profile = if settings.is_trial { Profile::Development } else { Profile::Release };
    let fill = Programs::example("hostler-store", "history_fill", profile)?;
    let scratch = Scratch::new("history")?;
    let vms = settings.sized(250, 20) as u64;
    let file = scratch.path().join("samples.om");
    let samples = write_samples(&file, vms)?;
    say::step(&format!("{samples} samples of {vms} VMs"));
    let per = |bytes: u64| bytes as f64 / samples as f64;
    let [mut our_rate, mut their_rate] = [Sample::of("hostler"), Sample::of("promtool")];
    let [mut our_cpu, mut their_cpu] = [Sample::of("hostler"), Sample::of("promtool")];
    let [mut our_bytes, mut their_bytes] = [Sample::of("hostler"), Sample::of("Prometheus")];
    let promtool =
        prometheus::find("promtool").ok_or_else(|| Error::new("there is no promtool"))?;
    let (data, blocks) = (scratch.path().join("data"), scratch.path().join("tsdb"));
    for round in 1..=settings.runs {
        say::step(&format!("round {round}: writing, hostler and promtool"));
        let ours = data.join("history");
        let (wall, spent) = written(Command::new(&fill).arg(&file).arg(&ours), &ours)?;
        our_rate.add(samples as f64 / wall);
        our_cpu.add(spent / samples as f64);
        our_bytes.add(per(size_of(&ours)?));
        let mut command = Command::new(&promtool);
        command.args(["tsdb", "create-blocks-from", "openmetrics", "-q"]).arg(&file).arg(&blocks);
        let (wall, spent) = written(&mut command, &blocks)?;
        their_rate.add(samples as f64 / wall);
        their_cpu.add(spent / samples as f64);
        their_bytes.add(per(size_of(&blocks)?));
    }
    let row = |what: &str, unit, ours, theirs| Comparison { what: what.into(), unit, ours, theirs };
    let mut comparisons = vec![
        row("samples written", Unit::PerSecond, our_rate, their_rate),
        row("CPU a sample", Unit::Seconds, our_cpu, their_cpu),
        row("bytes a sample", Unit::Bytes, our_bytes, their_bytes),
    ];
    comparisons.extend(questions(settings, programs, &data, &blocks)?);
    let title = format!("{samples} samples of {vms} VMs, beside Prometheus with the same");
    Ok(Report { title, comparisons, notes: notes() })
}

fn notes() -> Vec<String> {
    vec![
        format!(
            "Twelve series a VM for {HOURS} hours, a sample every {INTERVAL} s: counters that grow \
             unevenly, gauges that move a little, gauges that stay."
        ),
        "hostler: `history_fill`, an example program of hostler-store: one batch for each time, \
         confirmed by the disk once a minute of the file's time, and a checkpoint at the end. \
         promtool: `tsdb create-blocks-from openmetrics`. Both read the same text, which is part of \
         the time. A server appends what it has in memory, so it takes less."
            .into(),
        "Bytes are what all files that are left take on the disk, indexes included; Prometheus' are of \
         blocks, which it would compact further after days."
            .into(),
        format!(
            "Questions are asked over HTTP, {ASKED} times a round, over the last hour of the samples \
             and every 15 s: of hostlerd over its unix socket with every check of who asks, of \
             prometheus over 127.0.0.1. p95 of the round."
        ),
    ]
}

/// Runs it into an empty folder; the time it took and the CPU.
fn written(command: &mut Command, into: &Path) -> Result<(f64, f64)> {
    if into.exists() {
        fs::remove_dir_all(into)?;
    }
    fs::create_dir_all(into)?;
    let before = cpu::of_ended_children()?;
    let (done, wall) = timed(|| run_quietly(command));
    done?;
    Ok((wall.as_secs_f64(), cpu::of_ended_children()? - before))
}

/// What the files of a folder take on the disk: of a file that was made large before it is filled,
/// the part that is filled.
fn size_of(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        sum += if about.is_dir() { size_of(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(sum)
}

/// Writes the samples in the order of time; gives how many. They end a minute ago, since a server
/// keeps no history of another age.
fn write_samples(path: &Path, vms: u64) -> Result<u64> {
    let end = now()? / INTERVAL * INTERVAL - 60;
    let start = end - HOURS * 3600;
    let mut file = BufWriter::new(fs::File::create(path)?);
    let mut count = 0;
    for at in (start..end).step_by(INTERVAL as usize) {
        for vm in 0..vms {
            for (name, more, value) in series(vm, (at - start) / INTERVAL) {
                let host = vm % 10;
                writeln!(
                    file,
                    "{name}{{vm=\"vm-{vm}\",vm_id=\"0192f0c1-0000-7000-8000-{vm:012}\",host=\"h{host}\",\
                     provider=\"lab\",project=\"default\"{more}}} {value} {at}"
                )?;
                count += 1;
            }
        }
    }
    writeln!(file, "# EOF")?;
    file.flush()?;
    Ok(count)
}

/// What is measured of a VM at a step: name, further labels, value. The same in every run.
fn series(vm: u64, step: u64) -> [(&'static str, &'static str, String); 12] {
    // A number that looks like chance, below `end`.
    let noise = |salt: u64, end: u64| {
        let mixed = (vm * 131 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (step * 0x2545_f491);
        (mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) % end
    };
    let counter = |salt: u64, each: u64| step * each + noise(salt, each) + vm * 1000;
    let seconds = |salt: u64| format!("{}.{:06}", step * 3 + vm, noise(salt, 1_000_000));
    let disk = ",device=\"vda\"";
    let nic = ",interface=\"vnet0\"";
    [
        ("hostler_vm_cpu_seconds_total", "", seconds(1)),
        ("hostler_vm_vcpu_seconds_total", ",vcpu=\"0\"", seconds(2)),
        ("hostler_vm_disk_read_bytes_total", disk, (counter(3, 300) * 4096).to_string()),
        ("hostler_vm_disk_written_bytes_total", disk, (counter(4, 90) * 4096).to_string()),
        ("hostler_vm_disk_reads_total", disk, counter(5, 300).to_string()),
        ("hostler_vm_disk_writes_total", disk, counter(6, 90).to_string()),
        ("hostler_vm_network_received_bytes_total", nic, counter(7, 70_000).to_string()),
        ("hostler_vm_network_sent_bytes_total", nic, counter(8, 50_000).to_string()),
        (
            "hostler_vm_memory_host_resident_bytes",
            "",
            ((200_000 + noise(9, 40)) * 4096).to_string(),
        ),
        ("hostler_vm_memory_balloon_bytes", "", "1073741824".into()),
        ("hostler_vm_vcpus", "", "2".into()),
        ("hostler_vm_cpu_usage_ratio", "", format!("0.{:04}", noise(12, 10_000))),
    ]
}

fn now() -> Result<u64> {
    let said = run_quietly(Command::new("date").arg("+%s"))?.stdout;
    let text = String::from_utf8_lossy(&said).trim().to_owned();
    text.parse().map_err(|_| Error::new(format!("date says {text:?}")))
}

/// A Prometheus over blocks; ended when dropped.
struct Peer {
    process: Child,
    port: u16,
}

impl Peer {
    fn start(scratch: &Path, blocks: &Path) -> Result<Peer> {
        let program = prometheus::find("prometheus").ok_or_else(|| Error::new("no prometheus"))?;
        let (config, log) = (scratch.join("prometheus.yml"), scratch.join("prometheus.log"));
        fs::write(&config, "global: {}\n")?;
        let out = fs::File::create(&log)?;
        let process = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", blocks.display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        let mut peer = Peer { process, port: 0 };
        poll_until(START_LIMIT, || {
            peer.port = port_in(&fs::read_to_string(&log).unwrap_or_default()).unwrap_or(0);
            peer.get("/-/ready").map(drop)
        })?;
        Ok(peer)
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let is_good = answer.split(' ').nth(1) == Some("200");
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        body.filter(|_| is_good).ok_or_else(|| Error::new(format!("GET {path}: {answer:.200}")))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port that it says it chose.
fn port_in(log: &str) -> Option<u16> {
    let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
    let address = line.split("address=").nth(1)?.split_whitespace().next()?;
    address.rsplit(':').next()?.parse().ok()
}

fn questions(
    settings: &Settings,
    programs: Programs,
    data: &Path,
    blocks: &Path,
) -> Result<Vec<Comparison>> {
    let scratch = Scratch::new("history-peer")?;
    let server = Server::start(programs, data, None)?;
    let (api, peer) = (Api::at(&server.socket()), Peer::start(scratch.path(), blocks)?);
    let end = now()? - 60;
    let start = end - 3600;
    let mut rows = Vec::new();
    for (what, query) in QUESTIONS {
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let date = |at: u64| -> Result<String> {
            let said =
                run_quietly(Command::new("date").args(["-u", "+%FT%TZ", "-d", &format!("@{at}")]))?;
            Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
        };
        let (from, to) = (date(start)?, date(end)?);
        let ours =
            format!("/api/v1/metrics/query?query={query}&start={from}&end={to}&step_seconds=15");
        let theirs = format!("/api/v1/query_range?query={query}&start={start}&end={end}&step=15");
        let [mut our_times, mut their_times] = [Sample::of("hostlerd"), Sample::of("prometheus")];
        for _ in 0..settings.runs {
            our_times.add(p95(|| match api.get(&ours)?["series"].as_array() {
                Some(series) if !series.is_empty() => Ok(()),
                _ => Err(Error::new(format!("hostlerd finds nothing: {ours}"))),
            })?);
            their_times.add(p95(|| match peer.get(&theirs)? {
                body if body.contains("\"values\"") => Ok(()),
                body => Err(Error::new(format!("prometheus finds nothing: {body:.200}"))),
            })?);
        }
        let what = format!("p95 of a question: {what}");
        rows.push(Comparison { what, unit: Unit::Seconds, ours: our_times, theirs: their_times });
    }
    Ok(rows)
}

/// The 95th percentile of asking, in seconds.
fn p95(ask: impl Fn() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let (answered, took) = timed(&ask);
        answered?;
        times.push(took.as_secs_f64());
    }
    times.sort_unstable_by(f64::total_cmp);
    let at = times.len().saturating_sub(1) * 95 / 100;
    times.get(at).copied().ok_or_else(|| Error::new("nothing was asked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_never_go_back() {
        for vm in 0..3 {
            let value = |step: u64, nth: usize| series(vm, step)[nth].2.parse::<f64>().unwrap();
            for nth in 0..8 {
                let falls = (0..200).find(|step| value(step + 1, nth) < value(*step, nth));
                assert_eq!(falls, None, "series {nth} of VM {vm}");
            }
        }
    }

    #[test]
    fn the_file_is_in_the_order_of_time_and_whole() {
        let scratch = Scratch::new("history-test").unwrap();
        let path = scratch.path().join("samples");
        let count = write_samples(&path, 2).unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(count, 2 * 12 * HOURS * 3600 / INTERVAL);
        assert_eq!(text.lines().count() as u64, count + 1);
        assert!(text.ends_with("# EOF\n"));
        let times = text.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        assert!(times.is_sorted());
    }

    #[test]
    fn the_95th_percentile_is_nearly_the_slowest() {
        let calls = std::cell::Cell::new(0);
        let found = p95(|| {
            calls.set(calls.get() + 1);
            Ok(())
        });
        assert!(found.unwrap() >= 0.0 && calls.get() == ASKED);
    }
}
