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
use super::virsh::Session;
use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu};
use crate::product::Server;
use crate::{needs, say};

const GUESTS: usize = 100;
const HUNG: usize = 10;
/// The same statistics without us.
const BARE: &str = "domstats --raw --state --cpu-total --balloon --vcpu --block --dirtyrate";
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
    let mut virsh = Session::open(&guests.uri())?;
    let (mut pass, mut bare) = (Sample::of("hostlerd"), Sample::of("virsh domstats"));
    for round in 1..=settings.runs {
        say::step(&format!("round {round}: hostlerd, the exporter"));
        let libvirtd = guests.libvirtd()?;
        let of_us = scrapes(&ours, [server.pid(), libvirtd])?;
        let of_them = match (&theirs, &exporter) {
            (Some(theirs), Some(exporter)) => Some(scrapes(theirs, [exporter.pid(), libvirtd])?),
            _ => None,
        };
        rows.add(&of_us, of_them.as_ref());
        pass.add(pass_seconds(&ours()?)?);
        let (done, took) = timed(|| virsh.run(BARE));
        done?;
        bare.took(took);
    }
    let hung = settings.sized(HUNG, 2);
    hang(&mut guests, hung, &ours)?;
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
        what: "statistics of all guests: time".into(),
        unit: Unit::Seconds,
        ours: pass,
        theirs: bare,
    });
    comparisons.push(Comparison {
        what: format!("a scrape while {hung} guests hang: time"),
        unit: Unit::Seconds,
        ours: with_hung,
        theirs: theirs_hung,
    });
    let title = format!("`GET /metrics` with {} paused guests of QEMU", guests.count());
    Ok(Report { title, comparisons, notes: notes() })
}

/// Stops the processes of some guests, until they were asked in vain.
fn hang(guests: &mut Guests, count: usize, ask: &dyn Fn() -> Result<String>) -> Result<()> {
    say::step(&format!("stopping the processes of {count} guests"));
    guests.hang(count)?;
    poll_until(MEASURED_WITHIN, || {
        match ask()?.contains("hostler_provider_silent_vms{provider=\"local\"} 0\n") {
            true => Err(Error::new("nobody is missed")),
            false => Ok(()),
        }
    })
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
        format!(
            "Statistics of all: the server's last pass over them when a round ends, as it tells itself \
             (`hostler_provider_pass_seconds`), from asking libvirt to values with labels; and `virsh \
             {BARE}` in a session that is open, which prints what it gets. The server asks for a few \
             VMs at a time, so that one that hangs keeps nobody waiting."
        ),
        "limit: 200 ms, whatever hangs.".into(),
    ]
}

fn ask_us(api: &Api) -> Result<String> {
    let answer = api.succeed("GET", "/metrics", &[], &Body::Nothing)?;
    String::from_utf8(answer.body).map_err(|_| Error::new("the page is not UTF-8"))
}

/// How long the last pass over statistics took, by the page.
fn pass_seconds(page: &str) -> Result<f64> {
    let mut lines = page.lines().filter(|line| {
        line.starts_with("hostler_provider_pass_seconds{") && line.contains("cost=\"stats\"")
    });
    let value = lines.next().and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.ok_or_else(|| Error::new("the page tells of no pass over statistics"))
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
    fn the_time_of_a_pass_is_that_over_statistics() {
        let page = "hostler_provider_pass_seconds{provider=\"local\",cost=\"state\"} 0.5\n\
                    hostler_provider_pass_seconds{provider=\"local\",cost=\"stats\"} 0.25\n";
        assert_eq!(pass_seconds(page).unwrap(), 0.25);
        assert!(pass_seconds("").is_err());
    }

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
