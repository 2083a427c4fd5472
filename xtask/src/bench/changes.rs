//! A thousand domains of which ten change a second: how soon what a VM runs by is told, and what
//! that costs the server.
//!
//! ```text
//!  virsh: resume vm7 ──► libvirtd ──event──► hostlerd ──► /metrics: {name="vm7"} is there
//!        └───────────────────── measured ──────────────────────────┘
//! ```

use std::thread;
use std::time::Duration;

use hostler_lab::{Error, Result, TestDaemon, poll_until, timed};

use super::api::{Api, Body};
use super::guests::populate;
use super::virsh::Session;
use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu};
use crate::product::Server;
use crate::{needs, say};

const DOMAINS: usize = 1000;
/// Changes (A14).
const PER_SECOND: u32 = 10;
/// Seconds of changes a round.
const SECONDS: u32 = 20;
/// The page is made at most once a second: the longest that a scraper sees an older one.
const PAGE_AGE: Duration = Duration::from_secs(1);
const SEEN_WITHIN: Duration = Duration::from_secs(30);
const MEASURED_WITHIN: Duration = Duration::from_secs(120);
/// Seconds for a change to be told (A12): of detecting it and of telling it, and the age of the page.
const TOLD_LIMIT: f64 = 0.1 + 0.01 + 1.0;
/// Seconds of a scrape.
const SCRAPE_LIMIT: f64 = 0.2;
const SCRAPES: u32 = 5;
/// Of a processor for the server; nobody set one for a thousand VMs that change.
const CPU_LIMIT: f64 = 0.1;

/// Measures with a private daemon.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::lab()?;
    let programs = settings.programs()?;
    let domains = settings.sized(DOMAINS, 50);
    let scratch = Scratch::new("changes")?;
    let daemon = TestDaemon::start("bench-changes", 0)?;
    let mut session = Session::open(&daemon.shared_uri())?;
    populate(&mut session, &scratch, domains)?;
    let data = scratch.path().join("data");
    let server = Server::start(programs, &data, Some(&daemon.shared_uri()))?;
    let api = Api::at(&server.socket());
    poll_until(MEASURED_WITHIN, || match told(&page(&api)?) {
        found if found > domains => Ok(()),
        found => Err(Error::new(format!("{found} of {domains} are told"))),
    })?;
    let (mut latency, mut scrape) = (Sample::of("hostlerd"), Sample::of("hostlerd"));
    let (mut busy, mut calm) = (Sample::of("hostlerd, changing"), Sample::of("hostlerd, at rest"));
    for round in 1..=settings.runs {
        say::step(&format!("round {round}: single changes, rest, {PER_SECOND} changes a second"));
        let mut took = Vec::new();
        for number in 0..5 {
            let name = format!("vm{}", (round * 7 + number) % domains + 1);
            took.push(told_after(&mut session, &api, &name)?);
        }
        took.sort_unstable_by(f64::total_cmp);
        latency.add(took.last().copied().unwrap_or(f64::NAN));
        calm.add(share(server.pid(), || {
            thread::sleep(Duration::from_secs(u64::from(SECONDS)));
            Ok(())
        })?);
        busy.add(share(server.pid(), || change(&mut session, round, domains))?);
        complete(&api, domains)?;
        scrape.add(scraped(&api)?);
    }
    let row = |what: &str, unit, ours: &Sample, theirs| Comparison {
        what: what.into(),
        unit,
        ours: ours.clone(),
        theirs,
    };
    let limit = |value| Sample::limit(value, settings.runs);
    let started = "a started VM on /metrics, the slowest of five";
    Ok(Report {
        title: format!("What {domains} domains of the test driver run by, while they change"),
        comparisons: vec![
            row(started, Unit::Seconds, &latency, limit(TOLD_LIMIT)),
            row(
                "a processor's time, 10 changes a second",
                Unit::Processor,
                &busy,
                limit(CPU_LIMIT),
            ),
            row("a scrape of all: time", Unit::Seconds, &scrape, limit(SCRAPE_LIMIT)),
            row("a processor's time, beside that at rest", Unit::Processor, &busy, calm),
        ],
        notes: notes(),
    })
}

fn notes() -> Vec<String> {
    vec![
        format!(
            "A change is `destroy` and `start` of a domain. It is told when \
                 `kubevirt_vmi_hypervisor_info` of that VM is on the page again, looked for as soon as \
                 the page may be a new one. limit: 100 ms to detect it, 10 ms to tell it, and the \
                 {} s that a page is kept for all who scrape.",
            PAGE_AGE.as_secs()
        ),
        format!(
            "CPU is that of hostlerd over {SECONDS} s; {PER_SECOND} domains a second change, and \
                 nobody scrapes. After each round every domain that runs is told. limit: a tenth of a \
                 processor."
        ),
        format!(
            "A scrape is the mean of {SCRAPES}, each of a page of its own, when the changes of a round \
             are over. limit: {} ms.",
            SCRAPE_LIMIT * 1000.0
        ),
    ]
}

fn page(api: &Api) -> Result<String> {
    let answer = api.succeed("GET", "/metrics", &[], &Body::Nothing)?;
    String::from_utf8(answer.body).map_err(|_| Error::new("the page is not UTF-8"))
}

/// Seconds of a scrape, the mean of some of which each makes a page.
fn scraped(api: &Api) -> Result<f64> {
    let mut took = Duration::ZERO;
    for _ in 0..SCRAPES {
        thread::sleep(PAGE_AGE + PAGE_AGE / 10);
        let (done, of_it) = timed(|| page(api));
        done?;
        took += of_it;
    }
    Ok((took / SCRAPES).as_secs_f64())
}

/// How many VMs the page says what they run by.
fn told(page: &str) -> usize {
    page.lines().filter(|line| line.starts_with("kubevirt_vmi_hypervisor_info{")).count()
}

/// Seconds from the start of a domain until the page tells of it.
fn told_after(session: &mut Session, api: &Api, name: &str) -> Result<f64> {
    let series = format!(",name=\"{name}\",");
    let is_told = |page: &str| {
        let mut lines =
            page.lines().filter(|line| line.starts_with("kubevirt_vmi_hypervisor_info{"));
        lines.any(|line| line.contains(&series))
    };
    session.run(&format!("destroy {name}"))?;
    poll_until(SEEN_WITHIN, || match is_told(&page(api)?) {
        true => Err(Error::new(format!("{name} has ended and is told"))),
        false => Ok(()),
    })?;
    let (seen, took) = timed(|| -> Result<()> {
        session.run(&format!("start {name}"))?;
        poll_until(SEEN_WITHIN, || match is_told(&page(api)?) {
            true => Ok(()),
            false => Err(Error::new(format!("{name} runs and is not told"))),
        })
    });
    seen.map(|()| took.as_secs_f64())
}

/// Changes domains at the pace.
fn change(session: &mut Session, round: usize, domains: usize) -> Result<()> {
    let period = Duration::from_secs(1) / PER_SECOND;
    // A domain changes twice: it ends and it starts.
    for number in 0..(SECONDS * PER_SECOND / 2) as usize {
        let name = format!("vm{}", (round * 31 + number) % domains + 1);
        for verb in ["destroy", "start"] {
            let (done, took) = timed(|| session.run(&format!("{verb} {name}")));
            done?;
            thread::sleep(period.saturating_sub(took));
        }
    }
    Ok(())
}

fn share(pid: u32, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let before = cpu::of(pid)?;
    let (done, took) = timed(work);
    done?;
    Ok((cpu::of(pid)? - before) / took.as_secs_f64())
}

/// Waits until every domain is told again: none was lost in the changes.
fn complete(api: &Api, domains: usize) -> Result<()> {
    poll_until(SEEN_WITHIN, || match told(&page(api)?) {
        // The driver's own domain `test` runs as well.
        found if found == domains + 1 => Ok(()),
        found => Err(Error::new(format!("{found} of {} are told", domains + 1))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_series_are_counted() {
        let page = "# TYPE kubevirt_vmi_hypervisor_info gauge\n\
                    kubevirt_vmi_hypervisor_info{name=\"a\"} 1\nhostler_vms{} 2\n";
        assert_eq!(told(page), 1);
    }
}
