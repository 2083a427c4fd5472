//! What a scraper waits for, with real guests, and when some of them hang.
//!
//! ```text
//!  QEMU × n ◄── libvirtd ◄──(every 10 s)── hostlerd ◄── GET /metrics   from what is known
//!                  ▲
//!                  └──────────────────── exporter ◄──── GET /metrics   asks while you wait
//! ```

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use hostler_lab::{Error, Result, poll_until, timed};

use super::api::{Api, Body};
use super::guests::{Exporter, Guests};
use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu};
use crate::product::Server;
use crate::{needs, say};

const GUESTS: usize = 100;
const HUNG: usize = 10;
/// The page is made at most once a second: so far apart, each scrape makes one.
const APART: Duration = Duration::from_millis(1100);
const SCRAPES: u32 = 5;
/// How long a scraper waits by default.
const SCRAPER_WAITS: Duration = Duration::from_secs(10);
const MEASURED_WITHIN: Duration = Duration::from_secs(180);
/// What a scrape may take.
const LIMIT: f64 = 0.2;

/// Scrapes of a round, each beside the other.
struct Scraped {
    /// Seconds, the mean.
    wall: f64,
    bytes: f64,
    /// Seconds of whom was asked and of libvirtd, the mean.
    cpu: [f64; 2],
}

/// Measures in a lab of its own.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::lab()?;
    needs::bench_scrape()?;
    let programs = settings.programs()?;
    let scratch = Scratch::new("scrape")?;
    let mut guests = Guests::start("bench-scrape", settings.sized(GUESTS, 6))?;
    let server = Server::start(programs, &scratch.path().join("data"), Some(&guests.uri()))?;
    let api = Api::at(&server.socket());
    let ours = || ask_us(&api);
    measured(&ours, guests.count())?;
    let exporter = Exporter::start(&guests.uri())?;
    let theirs = exporter.as_ref().map(|exporter| || ask(exporter.port()));
    if let Some(theirs) = &theirs {
        poll_until(Duration::from_secs(20), || theirs().map(drop))?;
    }
    let mut rows = Rows::new(["hostlerd", "prometheus-libvirt-exporter"]);
    for round in 1..=settings.runs {
        say::step(&format!("round {round}: hostlerd, the exporter"));
        let libvirtd = guests.libvirtd()?;
        let of_us = scrapes(&ours, [server.pid(), libvirtd])?;
        let of_them = match (&theirs, &exporter) {
            (Some(theirs), Some(exporter)) => Some(scrapes(theirs, [exporter.pid(), libvirtd])?),
            _ => None,
        };
        rows.add(&of_us, of_them.as_ref());
    }
    let hung = settings.sized(HUNG, 2);
    say::step(&format!("stopping the processes of {hung} guests"));
    guests.hang(hung)?;
    // Until they were asked in vain.
    poll_until(MEASURED_WITHIN, || {
        match ours()?.contains("hostler_provider_silent_vms{provider=\"local\"} 0\n") {
            true => Err(Error::new("nobody is missed")),
            false => Ok(()),
        }
    })?;
    let (mut with_hung, mut theirs_hung) =
        (Sample::of("hostlerd"), Sample::of("prometheus-libvirt-exporter"));
    for _ in 0..settings.runs {
        with_hung.add(scrapes(&ours, [server.pid(), guests.libvirtd()?])?.wall);
    }
    if let Some(theirs) = &theirs {
        // Once: it never comes back, and each would wait in vain.
        let (_, took) = timed(theirs);
        theirs_hung.took(took);
    }
    let limit = |sample: &Sample, what: String| Comparison {
        what,
        unit: Unit::Seconds,
        ours: sample.clone(),
        theirs: Sample::limit(LIMIT, settings.runs),
    };
    let mut comparisons = vec![
        limit(&rows.ours[0], "a scrape: time".into()),
        limit(&with_hung, format!("a scrape while {hung} guests hang: time")),
    ];
    comparisons.extend(rows.into_comparisons());
    comparisons.push(Comparison {
        what: format!("a scrape while {hung} guests hang: time"),
        unit: Unit::Seconds,
        ours: with_hung,
        theirs: theirs_hung,
    });
    let title = format!("`GET /metrics` with {} paused guests of QEMU", guests.count());
    Ok(Report { title, comparisons, notes: notes() })
}

fn notes() -> Vec<String> {
    vec![
        format!(
            "Time is the mean of {SCRAPES} scrapes a round, {} ms apart: hostlerd makes a page at most \
             once a second, and each of these makes one.",
            APART.as_millis()
        ),
        "hostlerd: over its unix socket, with every check of who asks. It measures every 10 s, whoever \
         scrapes; CPU is that of all this time, by scrapes. Its page tells of hosts, pools and itself \
         as well."
            .into(),
        format!(
            "prometheus-libvirt-exporter: Debian's package, over 127.0.0.1, on the same libvirtd. It \
             asks libvirt while the scraper waits. With hung guests it was asked once, and given up \
             after {} s, as Prometheus does.",
            SCRAPER_WAITS.as_secs()
        ),
        "limit: 200 ms, whatever hangs.".into(),
    ]
}

fn ask_us(api: &Api) -> Result<String> {
    let answer = api.succeed("GET", "/metrics", &[], &Body::Nothing)?;
    String::from_utf8(answer.body).map_err(|_| Error::new("the page is not UTF-8"))
}

fn ask(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(SCRAPER_WAITS))?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => Err(Error::new(format!("no page: {answer:.200}"))),
    }
}

/// Waits until every guest was measured.
fn measured(ask: &dyn Fn() -> Result<String>, count: usize) -> Result<()> {
    poll_until(MEASURED_WITHIN, || {
        let page = ask()?;
        let found = page.lines().filter(|line| line.starts_with("hostler_vm_vcpus{")).count();
        if found == count {
            Ok(())
        } else {
            Err(Error::new(format!("{found} of {count} are measured")))
        }
    })
}

fn scrapes(ask: &dyn Fn() -> Result<String>, pids: [u32; 2]) -> Result<Scraped> {
    let spent = || -> Result<[f64; 2]> { Ok([cpu::of(pids[0])?, cpu::of(pids[1])?]) };
    let before = spent()?;
    let (mut wall, mut bytes) = (Duration::ZERO, 0);
    for _ in 0..SCRAPES {
        thread::sleep(APART);
        let (page, took) = timed(ask);
        bytes = page?.len();
        wall += took;
    }
    let after = spent()?;
    let each = f64::from(SCRAPES);
    Ok(Scraped {
        wall: wall.as_secs_f64() / each,
        bytes: bytes as f64,
        cpu: [(after[0] - before[0]) / each, (after[1] - before[1]) / each],
    })
}

struct Rows {
    ours: [Sample; 4],
    theirs: [Sample; 4],
}

impl Rows {
    fn new([us, them]: [&str; 2]) -> Rows {
        let of = |who: &str| [(); 4].map(|()| Sample::of(who));
        Rows { ours: of(us), theirs: of(them) }
    }

    fn add(&mut self, ours: &Scraped, theirs: Option<&Scraped>) {
        for (samples, found) in [(&mut self.ours, Some(ours)), (&mut self.theirs, theirs)] {
            let Some(Scraped { wall, bytes, cpu }) = found else { continue };
            let values = [*wall, *bytes, cpu[0], cpu[1]];
            samples.iter_mut().zip(values).for_each(|(sample, value)| sample.add(value));
        }
    }

    fn into_comparisons(self) -> impl Iterator<Item = Comparison> {
        let kinds = [
            ("a scrape: time", Unit::Seconds),
            ("a scrape: bytes", Unit::Bytes),
            ("CPU of whom is asked, a scrape", Unit::Seconds),
            ("CPU of libvirtd, a scrape", Unit::Seconds),
        ];
        let both = self.ours.into_iter().zip(self.theirs).zip(kinds);
        both.map(|((ours, theirs), (what, unit))| Comparison {
            what: what.into(),
            unit,
            ours,
            theirs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_scraped_goes_to_its_own_rows_also_without_a_peer() {
        let found = |n: f64| Scraped { wall: n, bytes: n + 1.0, cpu: [n + 2.0, n + 3.0] };
        let mut rows = Rows::new(["a", "b"]);
        rows.add(&found(1.0), Some(&found(10.0)));
        rows.add(&found(2.0), None);
        let rows: Vec<Comparison> = rows.into_comparisons().collect();
        assert_eq!(rows[1].ours.values, [2.0, 3.0]);
        assert_eq!(rows[1].theirs.values, [11.0]);
        assert_eq!((rows[1].unit, rows[3].theirs.values.clone()), (Unit::Bytes, vec![13.0]));
    }
}
