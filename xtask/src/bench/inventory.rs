//! Every fact of a thousand domains: what it takes our driver, what it takes `virsh`, and what both
//! cost the daemon.
//!
//! ```text
//!               ┌── virsh, connected: list --all
//!  libvirtd ────┼── virsh: the lists, the states, a dumpxml for every domain
//!  test driver  ├── hostlerd: first pass  (connects, reads every configuration)
//!  1,000        └── hostlerd: later pass  (reads only configurations that may have changed)
//! ```
//!
//! The test driver's own world, `test:///default`, is one for all connections of a daemon as long as
//! one of them is open; that of a file would be read anew by each, which costs a second of the
//! daemon's time and would be all that was measured.

use std::fs;
use std::thread;
use std::time::Duration;

use hostler_lab::{Error, Result, TestDaemon, poll_until, run_quietly, timed};
use serde_json::{Value, json};

use super::api::{self, Api, Body};
use super::virsh::Session;
use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu};
use crate::product::Server;
use crate::{needs, say};

const DOMAINS: usize = 1000;
/// `virsh list --all` is too short for the clock that counts CPU time.
const REPEATS: u32 = 50;
/// A first pass over a thousand domains takes a fraction of a second.
const PASS_LIMIT: Duration = Duration::from_secs(60);
/// hostlerd takes the inventory every 10 s; this long nothing is asked, so that asking costs nothing.
const QUIET: Duration = Duration::from_secs(9);

/// Who is measured, and by what.
struct Place {
    api: Api,
    // Clients before the daemon: they are ended in this order.
    server: Server,
    session: Session,
    daemon: TestDaemon,
    /// What `virsh` is told to have the facts that our driver has.
    script: String,
}

/// How long something took, and what it cost itself and the daemon.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: f64,
    client: f64,
    daemon: f64,
}

/// The samples of one way to look.
struct Way {
    wall: Sample,
    client: Sample,
    daemon: Sample,
}

/// Measures with a private daemon.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::lab()?;
    let programs = settings.programs()?;
    let domains = settings.sized(DOMAINS, 100);
    let scratch = Scratch::new("inventory")?;
    let daemon = TestDaemon::start("bench-inventory", 0)?;
    say::step(&format!("defining {domains} domains of the test driver"));
    let mut session = Session::open(&daemon.shared_uri())?;
    let names = populate(&mut session, &scratch, domains)?;
    let server = Server::start(programs, &scratch.path().join("data"), None)?;
    let api = Api::at(&server.socket());
    let mut place = Place { api, server, session, daemon, script: script(&names) };
    let (mut list, mut asks) = (Way::of("virsh list --all"), Way::of("virsh, same facts"));
    let (mut first, mut later) = (Way::of("hostlerd, first pass"), Way::of("hostlerd, later pass"));
    for round in 1..=settings.runs {
        say::step(&format!("round {round}: virsh list, virsh with all facts, hostlerd twice"));
        list.add(place.list()?);
        asks.add(place.ask_for_everything()?);
        let (one, two) = place.by_hostlerd(names.len())?;
        first.add(one);
        later.add(two);
    }
    let comparisons = [
        first.beside(&asks, "every fact anew", true),
        later.beside(&asks, "every fact again", true),
        first.beside(&list, "every fact anew, beside names and states", false),
        later.beside(&list, "every fact again, beside names and states", true),
    ];
    Ok(Report {
        title: format!("The inventory of {} domains of libvirt's test driver", names.len()),
        comparisons: comparisons.into_iter().flatten().collect(),
        notes: notes(),
    })
}

fn notes() -> Vec<String> {
    vec![
        "hostlerd, first pass: a provider is added over the API. Time is the driver's own \
         (`inventory_seconds`: connecting, probing, every list, state and configuration); CPU is \
         from the request until the provider is shown with its VMs, ids stored."
            .into(),
        "hostlerd, later pass: the next inventory on the open connection, 10 s later. Time is the \
         driver's own again; CPU is all that was spent in those 10 s. Configurations that were read \
         less than a minute ago are believed unless an event says otherwise."
            .into(),
        "virsh, same facts: one process that connects and runs list --all, the three lists by which \
         persistent, autostarted and saved domains are known, domstats --state, net-list, pool-list, \
         vol-list and a dumpxml for every domain. It does not read what it prints."
            .into(),
        format!(
            "virsh list --all: in a session that is connected already, the mean of {REPEATS}. It \
             tells names and states only."
        ),
        "The test driver keeps its domains in memory: a driver that asks QEMU is slower by the same \
         for all."
            .into(),
    ]
}

/// Makes the domains and starts them; gives the names of all there are.
fn populate(session: &mut Session, scratch: &Scratch, domains: usize) -> Result<Vec<String>> {
    let mut names = vec!["test".to_owned()]; // it is there from the start
    let file = scratch.path().join("domain.xml");
    for (name, xml) in hostler_lab::test_domains(domains) {
        fs::write(&file, xml)?;
        session.run(&format!("define {}", file.display()))?;
        session.run(&format!("start {name}"))?;
        names.push(name);
    }
    Ok(names)
}

/// The calls that our driver makes for a first pass, as `virsh` knows them.
fn script(names: &[String]) -> String {
    let lists = [
        "list --all",
        "list --all --persistent --uuid",
        "list --all --autostart --uuid",
        "list --all --with-managed-save --uuid",
        "domstats --state",
        "net-list --all",
        "pool-list --all --details",
        "vol-list default-pool --details",
    ];
    let configurations = names.iter().map(|name| format!("dumpxml {name}"));
    lists.map(str::to_owned).into_iter().chain(configurations).collect::<Vec<_>>().join("; ")
}

impl Place {
    fn daemon_cpu(&self) -> Result<f64> {
        let pid = u32::try_from(self.daemon.lab().libvirtd_pid()?);
        cpu::of(pid.map_err(|_| Error::new("libvirtd has no process id"))?)
    }

    fn list(&mut self) -> Result<Cost> {
        let (client, daemon) = (cpu::of(self.session.pid())?, self.daemon_cpu()?);
        let mut wall = Duration::ZERO;
        for _ in 0..REPEATS {
            wall += self.session.run("list --all")?.1;
        }
        let each = f64::from(REPEATS);
        Ok(Cost {
            wall: wall.as_secs_f64() / each,
            client: (cpu::of(self.session.pid())? - client) / each,
            daemon: (self.daemon_cpu()? - daemon) / each,
        })
    }

    fn ask_for_everything(&self) -> Result<Cost> {
        let (client, daemon) = (cpu::of_ended_children()?, self.daemon_cpu()?);
        let mut command = std::process::Command::new("virsh");
        command.args(["-q", "-c", &self.daemon.shared_uri(), &self.script]);
        let (said, wall) = timed(|| run_quietly(&mut command));
        said?;
        Ok(Cost {
            wall: wall.as_secs_f64(),
            client: cpu::of_ended_children()? - client,
            daemon: self.daemon_cpu()? - daemon,
        })
    }

    /// Adds the provider, waits for two of its inventories and removes it; the cost of each.
    fn by_hostlerd(&self, expected: usize) -> Result<(Cost, Cost)> {
        let start = (cpu::of(self.server.pid())?, self.daemon_cpu()?);
        let asked = json!({ "name": "hostler-bench", "uri": self.daemon.shared_uri() });
        let body = Body::Json(&asked);
        let made = self.api.succeed("POST", "/api/v1/providers", &[], &body)?.json()?;
        let path = format!("/api/v1/providers/{}", api::text(&made, "/id")?);
        let (seen_at, wall) = self.pass(&path, None, expected)?;
        let first = self.cost_since(start, wall)?;
        let start = (cpu::of(self.server.pid())?, self.daemon_cpu()?);
        thread::sleep(QUIET);
        let (_, wall) = self.pass(&path, Some(&seen_at), expected)?;
        let later = self.cost_since(start, wall)?;
        self.api.succeed("DELETE", &path, &[], &Body::Nothing)?;
        Ok((first, later))
    }

    fn cost_since(&self, (client, daemon): (f64, f64), wall: f64) -> Result<Cost> {
        let client = cpu::of(self.server.pid())? - client;
        Ok(Cost { wall, client, daemon: self.daemon_cpu()? - daemon })
    }

    /// Waits for an inventory later than `after`; gives when it was taken and how long it took.
    fn pass(&self, path: &str, after: Option<&str>, expected: usize) -> Result<(String, f64)> {
        poll_until(PASS_LIMIT, || -> Result<Result<(String, f64)>> {
            let provider = self.api.get(path)?;
            let not_yet = || Error::new(format!("no inventory is shown: {provider}"));
            let at = api::text(&provider, "/observed_at").map_err(|_| not_yet())?;
            let took = provider.pointer("/inventory_seconds").and_then(Value::as_f64);
            let took = took.filter(|_| after != Some(at)).ok_or_else(not_yet)?;
            let count = provider.pointer("/vm_count").and_then(Value::as_u64);
            match count.and_then(|count| usize::try_from(count).ok()) == Some(expected) {
                true => Ok(Ok((at.to_owned(), took))),
                false => Ok(Err(Error::new(format!("{expected} VMs are there: {provider}")))),
            }
        })?
    }
}

impl Way {
    fn of(who: &str) -> Way {
        let sample = || Sample::of(who);
        Way { wall: sample(), client: sample(), daemon: sample() }
    }

    fn add(&mut self, cost: Cost) {
        self.wall.add(cost.wall);
        self.client.add(cost.client);
        self.daemon.add(cost.daemon);
    }

    /// The comparisons of time, and of CPU where `with_cpu`.
    fn beside(&self, other: &Way, what: &str, with_cpu: bool) -> Vec<Comparison> {
        let comparison = |kind: &str, ours: &Sample, theirs: &Sample| Comparison {
            what: format!("{what}: {kind}"),
            unit: Unit::Seconds,
            ours: ours.clone(),
            theirs: theirs.clone(),
        };
        let mut rows = vec![comparison("time", &self.wall, &other.wall)];
        if with_cpu {
            rows.push(comparison("CPU of libvirtd", &self.daemon, &other.daemon));
            rows.push(comparison("CPU of the client", &self.client, &other.client));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virsh_is_asked_for_every_domain() {
        let script = script(&["a".to_owned(), "b".to_owned()]);
        assert!(script.ends_with("; dumpxml a; dumpxml b"), "{script}");
        assert!(script.starts_with("list --all; "), "{script}");
    }

    #[test]
    fn time_is_compared_with_time_and_cpu_with_cpu() {
        let mut one = Way::of("one");
        let mut other = Way::of("other");
        one.add(Cost { wall: 1.0, client: 2.0, daemon: 3.0 });
        other.add(Cost { wall: 10.0, client: 20.0, daemon: 30.0 });
        let rows = one.beside(&other, "x", true);
        let ratios: Vec<f64> = rows.iter().filter_map(Comparison::ratio).collect();
        assert_eq!(ratios, [0.1, 0.1, 0.1]);
        assert_eq!(rows[1].what, "x: CPU of libvirtd");
        assert_eq!(one.beside(&other, "x", false).len(), 1);
    }
}
