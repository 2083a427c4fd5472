//! What the agent takes of a machine, beside the limits that were set: a hundredth of a processor
//! with a hundred guests, and a kilobyte for each of them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use hostler_lab::{Error, Result, TestDaemon, poll_until, terminate, timed};

use super::guests::{Guests, populate};
use super::virsh::Session;
use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu};
use crate::product::{Profile, Programs, free_port};
use crate::{needs, say};

const GUESTS: usize = 100;
const DOMAINS: usize = 1000;
/// Shares of a processor are counted over this time.
const WATCHED: Duration = Duration::from_secs(60);
const MEASURED_WITHIN: Duration = Duration::from_secs(180);
/// Of a processor.
const CPU_LIMIT: f64 = 0.01;
/// Bytes for each VM.
const MEMORY_LIMIT: f64 = 1024.0;

/// A running agent; ended when dropped.
struct Agent {
    process: Child,
    port: u16,
}

impl Agent {
    fn start(program: &Path, libvirt: &str) -> Result<Agent> {
        let port = free_port()?;
        let process = Command::new(program)
            .args(["--listen", &format!("127.0.0.1:{port}"), "--libvirt", libvirt])
            .args(["--docker", "off", "--podman", "off", "--log-filter", "error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Agent { process, port })
    }

    /// Waits until so many series of a metric with this label are told.
    fn tells(&self, series: &str, label: &str, count: usize) -> Result<()> {
        poll_until(MEASURED_WITHIN, || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.write_all(
                b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            )?;
            let mut page = String::new();
            stream.read_to_string(&mut page)?;
            let fits = |line: &&str| line.starts_with(series) && line.contains(label);
            let found = page.lines().filter(fits).count();
            let wrong = || Error::new(format!("{found} of {count} are measured"));
            if found == count { Ok(()) } else { Err(wrong()) }
        })
    }

    /// The share of a processor it takes while nobody asks.
    fn share(&self) -> Result<f64> {
        let before = cpu::of(self.process.id())?;
        let ((), took) = timed(|| thread::sleep(WATCHED));
        Ok((cpu::of(self.process.id())? - before) / took.as_secs_f64())
    }

    /// Its memory that is in RAM and nobody else's, in bytes.
    fn memory(&self) -> Result<f64> {
        let path = format!("/proc/{}/smaps_rollup", self.process.id());
        let text = fs::read_to_string(path)?;
        private_bytes(&text).ok_or_else(|| Error::new("the kernel does not tell"))
    }
}

/// What is private of a process, clean or not.
fn private_bytes(rollup: &str) -> Option<f64> {
    let lines = rollup.lines().filter(|line| line.starts_with("Private_"));
    let sizes = lines.map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    sizes.sum::<Option<f64>>().map(|kibibytes| kibibytes * 1024.0).filter(|bytes| *bytes > 0.0)
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = terminate(self.process.id());
        let _ = self.process.wait();
    }
}

/// Measures with real guests, then with a thousand domains.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::lab()?;
    let profile = if settings.is_trial { Profile::Development } else { Profile::Release };
    let program = Programs::agent(profile)?;
    let mut share = Sample::of("hostler-agent");
    let count = settings.sized(GUESTS, 6);
    {
        let guests = Guests::start("bench-agent", count)?;
        let agent = Agent::start(&program, &guests.uri())?;
        agent.tells("hostler_vm_vcpus{", "", count)?;
        for round in 1..=settings.runs {
            say::step(&format!("round {round}: the agent for {} s", WATCHED.as_secs()));
            share.add(agent.share()?);
        }
    }
    // Of fewer, what is not theirs would count for more than what is.
    let domains = DOMAINS;
    say::step(&format!("memory: an agent without and one with {domains} domains"));
    let mut memory = Sample::of("hostler-agent");
    let scratch = Scratch::new("agent")?;
    let daemon = TestDaemon::start("bench-agent-memory", 0)?;
    // The world is there for as long as somebody is connected.
    let mut session = Session::open(&daemon.shared_uri())?;
    populate(&mut session, &scratch, domains)?;
    let few = TestDaemon::start("bench-agent-few", 0)?;
    for _ in 0..settings.runs {
        let of = |daemon: &TestDaemon, count: usize| -> Result<f64> {
            let agent = Agent::start(&program, &daemon.shared_uri())?;
            agent.tells("hostler_vm_state{", "state=\"running\"", count)?;
            // Two passes: what one needs only meanwhile is there already.
            thread::sleep(Duration::from_secs(25));
            agent.memory()
        };
        // Each world has the driver's own domain as well.
        memory.add((of(&daemon, domains + 1)? - of(&few, 1)?) / domains as f64);
    }
    Ok(Report {
        title: format!("The agent with {count} guests of QEMU, and with {domains} domains"),
        comparisons: vec![
            Comparison {
                what: format!("a processor's time, {count} paused guests"),
                unit: Unit::Processor,
                ours: share,
                theirs: Sample::limit(CPU_LIMIT, settings.runs),
            },
            Comparison {
                what: format!("memory for each of {domains} domains"),
                unit: Unit::Bytes,
                ours: memory,
                theirs: Sample::limit(MEMORY_LIMIT, settings.runs),
            },
        ],
        notes: vec![
            format!(
                "CPU is that of the agent over {} s in which nobody scrapes it, by that time; the \
                 kernel of the machine is measured as well, every 5 s.",
                WATCHED.as_secs()
            ),
            format!(
                "Memory is what is private to the process (`smaps_rollup`), with {domains} domains of \
                 libvirt's test driver less that with one. They tell states, interfaces and what they \
                 run by, and no statistics; a guest of QEMU has several times as many series."
            ),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_memory_is_added_up_and_the_rest_left_out() {
        let text = "00400000-7ffe [rollup]\nRss: 900 kB\nShared_Clean: 5 kB\n\
                    Private_Clean:   100 kB\nPrivate_Dirty:   28 kB\n";
        assert_eq!(private_bytes(text), Some(128.0 * 1024.0));
        assert_eq!(private_bytes("Rss: 900 kB\n"), None);
    }
}
