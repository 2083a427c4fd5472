//! What the agent takes of a machine, beside Debian's exporter for libvirt and the limits that were
//! set: a hundredth of a processor with a hundred guests, and a kilobyte for each of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use hostler_lab::{Error, Result, TestDaemon, poll_until, terminate, timed};

use super::guests::{Exporter, Guests, populate};
use super::virsh::Session;
use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu, memory};
use crate::product::{Profile, Programs, free_port};
use crate::{needs, say};

const PAUSED: usize = 100;
const RUNNING: usize = 20;
const DOMAINS: usize = 1000;
/// Shares of a processor are counted over this time.
const WATCHED: Duration = Duration::from_secs(30);
const SCRAPED_EVERY: Duration = Duration::from_secs(10);
const MEASURED_WITHIN: Duration = Duration::from_secs(180);
/// Of a processor (A13, X6).
const CPU_LIMIT: f64 = 0.01;
/// Bytes for each VM (X6).
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
            .env("MALLOC_ARENA_MAX", "1")
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
            let page = page(self.port)?;
            let fits = |line: &&str| line.starts_with(series) && line.contains(label);
            let found = page.lines().filter(fits).count();
            let wrong = || Error::new(format!("{found} of {count} are measured"));
            if found == count { Ok(()) } else { Err(wrong()) }
        })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = terminate(self.process.id());
        let _ = self.process.wait();
    }
}

/// A program that is scraped, and what it takes.
struct Scraped {
    port: u16,
    pid: u32,
    share: Sample,
    memory: Sample,
}

impl Scraped {
    fn new(who: &str, port: u16, pid: u32) -> Scraped {
        Scraped { port, pid, share: Sample::of(who), memory: Sample::of(who) }
    }
}

/// Measures with real guests, then with a thousand domains.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::lab()?;
    needs::bench_scrape()?;
    let profile = if settings.is_trial { Profile::Development } else { Profile::Release };
    let program = Programs::agent(profile)?;
    let (paused, running) = (settings.sized(PAUSED, 6), settings.sized(RUNNING, 2));
    let mut comparisons = Vec::new();
    {
        let guests = Guests::start("bench-agent", paused)?;
        let [us, them] = both(settings, &program, &guests)?;
        let limit = Sample::limit(CPU_LIMIT, settings.runs);
        let what = format!("a processor's time, {paused} paused guests");
        comparisons.push(row(&what, Unit::Processor, us.share.clone(), limit));
        comparisons.push(row(&what, Unit::Processor, us.share, them.share));
        let what = format!("memory, {paused} paused guests");
        comparisons.push(row(&what, Unit::Bytes, us.memory, them.memory));
    }
    {
        let guests = Guests::running("bench-agent-running", running)?;
        let [us, them] = both(settings, &program, &guests)?;
        let what = format!("a processor's time, {running} running guests");
        comparisons.push(row(&what, Unit::Processor, us.share, them.share));
    }
    comparisons.push(row(
        &format!("memory for each of {DOMAINS} domains"),
        Unit::Bytes,
        for_each_domain(settings, &program)?,
        Sample::limit(MEMORY_LIMIT, settings.runs),
    ));
    Ok(Report {
        title: format!(
            "The agent with {paused} paused and {running} running guests of QEMU, and with {DOMAINS} \
             domains"
        ),
        comparisons,
        notes: notes(),
    })
}

fn row(what: &str, unit: Unit, ours: Sample, theirs: Sample) -> Comparison {
    Comparison { what: what.into(), unit, ours, theirs }
}

fn notes() -> Vec<String> {
    vec![
        format!(
            "CPU is that of the program over {} s, in which both are scraped every {} s at the same \
             times, by that time. The agent measures the kernel of the machine as well, every 5 s. \
             limit: a hundredth of a processor.",
            WATCHED.as_secs(),
            SCRAPED_EVERY.as_secs()
        ),
        "prometheus-libvirt-exporter: Debian's package, on the same libvirtd; it asks libvirt when it \
         is scraped. Running guests run firmware that found nothing to boot."
            .into(),
        format!(
            "Memory is what is private to the process (`smaps_rollup`). For each domain: with {DOMAINS} \
             domains of libvirt's test driver less that with one, by domains. They tell states and what \
             they run by, 15 series each, and no statistics; a guest of QEMU has several times as many. \
             limit: a kilobyte for all that is kept of a VM. `MALLOC_ARENA_MAX=1` is set, as the \
             agent's reference advises."
        ),
    ]
}

/// The agent and the exporter, each round at the same time.
fn both(settings: &Settings, program: &Path, guests: &Guests) -> Result<[Scraped; 2]> {
    let agent = Agent::start(program, &guests.uri())?;
    agent.tells("hostler_vm_vcpus{", "", guests.count())?;
    let exporter = Exporter::start(&guests.uri())?;
    let mut scraped = vec![Scraped::new("hostler-agent", agent.port, agent.process.id())];
    if let Some(exporter) = &exporter {
        let name = "prometheus-libvirt-exporter";
        scraped.push(Scraped::new(name, exporter.port(), exporter.pid()));
        poll_until(MEASURED_WITHIN, || page(exporter.port()).map(drop))?;
    }
    for round in 1..=settings.runs {
        say::step(&format!("round {round}: both for {} s", WATCHED.as_secs()));
        let before: Vec<f64> =
            scraped.iter().map(|one| cpu::of(one.pid)).collect::<Result<Vec<_>>>()?;
        let (done, took) = timed(|| -> Result<()> {
            for _ in 0..WATCHED.as_secs() / SCRAPED_EVERY.as_secs() {
                thread::sleep(SCRAPED_EVERY);
                scraped.iter().try_for_each(|one| page(one.port).map(drop))?;
            }
            Ok(())
        });
        done?;
        for (one, before) in scraped.iter_mut().zip(before) {
            one.share.add((cpu::of(one.pid)? - before) / took.as_secs_f64());
            one.memory.add(memory::private(one.pid)?);
        }
    }
    let nobody = || Scraped::new("prometheus-libvirt-exporter", 0, 0);
    let mut scraped = scraped.into_iter();
    Ok([(); 2].map(|()| scraped.next().unwrap_or_else(nobody)))
}

/// What a domain adds to an agent's memory, in bytes.
fn for_each_domain(settings: &Settings, program: &Path) -> Result<Sample> {
    say::step(&format!("memory: an agent with one and one with {DOMAINS} domains"));
    let mut memory = Sample::of("hostler-agent");
    let scratch = Scratch::new("agent")?;
    let daemon = TestDaemon::start("bench-agent-memory", 0)?;
    // The world is there for as long as somebody is connected.
    let mut session = Session::open(&daemon.shared_uri())?;
    populate(&mut session, &scratch, DOMAINS)?;
    let few = TestDaemon::start("bench-agent-few", 0)?;
    for _ in 0..settings.runs {
        let of = |daemon: &TestDaemon, count: usize| -> Result<f64> {
            let agent = Agent::start(program, &daemon.shared_uri())?;
            agent.tells("hostler_vm_state{", "state=\"running\"", count)?;
            // Two passes: what one needs only meanwhile is there already.
            thread::sleep(Duration::from_secs(25));
            memory::private(agent.process.id())
        };
        // Each world has the driver's own domain as well.
        memory.add((of(&daemon, DOMAINS + 1)? - of(&few, 1)?) / DOMAINS as f64);
    }
    Ok(memory)
}

/// What is told at a port.
fn page(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
