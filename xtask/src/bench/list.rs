//! A page of a large fleet under load, beside a web server that sends the same bytes from a file.
//!
//! ```text
//!          ┌─ hostlerd demo, 10,000 VMs: who asks? ► may they? ► sort, page, JSON ─┐
//!  wrk ────┤                                                                       ├─► TLS, HTTP/1.1
//!          └─ nginx: the file ─────────────────────────────────────────────────────┘
//! ```
//!
//! No server of dynamic answers reaches a file server's rate; the ratio says how much of the machine
//! a page costs beyond sending it. The rounds with a writer show what a change costs the readers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hostler_lab::{Error, Result, timed};
use serde_json::{Value, json};

use super::api::{self, Answer, Api, Body};
use super::nginx::{Content, Nginx};
use super::wrk::{self, Found, Load};
use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu};
use crate::product::Demo;
use crate::{needs, say};

const PAGE: &str = "/api/v1/vms?limit=100";
const VMS: usize = 10_000;
const CONNECTIONS: usize = 32;
const SECONDS: usize = 10;
/// How many VMs a writer changes in a second: one every 50 ms.
const WRITES_PER_SECOND: u32 = 20;

/// The two servers and how they are asked.
struct Servers {
    demo: Demo,
    nginx: Nginx,
    api: Api,
    authorization: String,
}

/// The samples of one way of asking both servers.
struct Rows {
    label: String,
    ours: [Sample; 4],
    theirs: [Sample; 4],
}

/// Measures with a simulated fleet.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::bench_list()?;
    let programs = settings.programs()?;
    let (vms, seconds) = (settings.sized(VMS, 500), settings.sized(SECONDS, 2));
    let scratch = Scratch::new("list")?;
    let data = scratch.path().join("data");
    say::step(&format!("starting a demo of {vms} VMs"));
    let demo = programs.running_demo_with(&[
        "--vms".to_owned(),
        vms.to_string(),
        "--data-dir".to_owned(),
        data.display().to_string(),
    ])?;
    let api = Api::at(&data.join("hostlerd.sock"));
    // The page as the token's owner sees it: others may do other things with its VMs.
    let bearer = format!("Bearer {}", token(&api)?);
    let page = api.succeed("GET", PAGE, &[("authorization", &bearer)], &Body::Nothing)?;
    let servers = Servers {
        nginx: nginx(scratch.path(), &data.join("tls"), &page)?,
        authorization: format!("Authorization: {bearer}"),
        demo,
        api,
    };
    let busy = Load { connections: CONNECTIONS, seconds };
    let single = Load { connections: 1, seconds };
    let many = format!("{CONNECTIONS} connections");
    let (mut quiet, mut lone) = (Rows::new(&many), Rows::new("1 connection"));
    let mut changed = Rows::new(&format!("{many}, a writer"));
    let mut writes = Sample::of("writer");
    // What is done once, by either, is done before.
    servers.ask_nginx(Load { seconds: 1, ..busy })?;
    servers.ask_hostlerd(Load { seconds: 1, ..busy })?;
    for round in 1..=settings.runs {
        say::step(&format!("round {round}: nginx, hostlerd, hostlerd with a writer; one by one"));
        let of_nginx = servers.ask_nginx(busy)?;
        quiet.add(servers.ask_hostlerd(busy)?, of_nginx);
        let (found, rate) = servers.ask_hostlerd_while_writing(busy)?;
        changed.add(found, of_nginx);
        writes.add(rate);
        lone.add(servers.ask_hostlerd(single)?, servers.ask_nginx(single)?);
    }
    let notes = notes(vms, seconds, page.body.len(), &writes);
    let comparisons = [quiet, changed, lone].into_iter().flat_map(Rows::into_comparisons);
    Ok(Report {
        title: format!("`GET {PAGE}` of {vms} VMs, beside nginx with the same bytes"),
        comparisons: comparisons.collect(),
        notes,
    })
}

fn notes(vms: usize, seconds: usize, bytes: usize, writes: &Sample) -> Vec<String> {
    let rate = writes.median().map_or("–".into(), super::figures::significant);
    vec![
        format!(
            "hostlerd: `hostlerd demo --vms {vms}`, state on SQLite on disk, an administrator's token in \
             every request. The simulated fleet lives meanwhile: something happens to a VM about every 3 s."
        ),
        format!(
            "nginx: an instance of its own with a worker a processor, no logs, its file cache on, \
             endless keep-alive. It sends the {bytes} bytes of that page from a file, with the same \
             headers."
        ),
        "Both: HTTP/1.1 with keep-alive over TLS 1.3 on 127.0.0.1, with the same certificate."
            .into(),
        format!(
            "`wrk` asks for {seconds} s a round, on the same processors as the servers; `wrk` does \
             not wait between requests, so with {CONNECTIONS} connections p50 and p99 are mostly \
             waiting for each other."
        ),
        format!(
            "The writer changes a label of one of the page's VMs {WRITES_PER_SECOND} times a second \
             over the API (reached: {rate} /s); nginx's file does not change."
        ),
        "CPU is that of the server's processes, for one answer.".into(),
    ]
}

fn nginx(scratch: &Path, tls: &Path, page: &Answer) -> Result<Nginx> {
    let own = |(name, _): &&(String, String)| name != "x-request-id";
    let headers: Vec<_> = page.headers.iter().filter(own).cloned().collect();
    let content = Content { body: &page.body, headers: &headers, tls };
    Nginx::start(&scratch.join("nginx"), &content)
}

/// The secret of an administrator's token: the page of somebody who may do everything.
fn token(api: &Api) -> Result<String> {
    let asked = json!({ "name": "hostler-bench", "role": "admin" });
    let made = api.succeed("POST", "/api/v1/tokens", &[], &Body::Json(&asked))?.json()?;
    api::text(&made, "/secret").map(str::to_owned)
}

/// What a load found, and what it cost the server: seconds of CPU an answer.
#[derive(Debug, Clone, Copy)]
struct Cost {
    found: Found,
    cpu: f64,
}

fn cost(pid: u32, ask: impl FnOnce() -> Result<Found>) -> Result<Cost> {
    let before = cpu::of_family(pid)?;
    let found = ask()?;
    let cpu = (cpu::of_family(pid)? - before) / found.requests.max(1.0);
    Ok(Cost { found, cpu })
}

impl Servers {
    fn ask_nginx(&self, load: Load) -> Result<Cost> {
        // The header that it does not need, so that it reads as much.
        let header = Some(self.authorization.as_str());
        cost(self.nginx.pid(), || wrk::run(&self.nginx.url(), header, load))
    }

    fn ask_hostlerd(&self, load: Load) -> Result<Cost> {
        let url = format!("{}{}", self.demo.url().trim_end_matches('/'), PAGE);
        cost(self.demo.pid(), || wrk::run(&url, Some(&self.authorization), load))
    }

    /// The same while VMs change; gives how many changed in a second as well.
    fn ask_hostlerd_while_writing(&self, load: Load) -> Result<(Cost, f64)> {
        let stop = AtomicBool::new(false);
        let api = &self.api;
        let ((cost, written), took) = timed(|| {
            thread::scope(|scope| {
                let writer = scope.spawn(|| write_until(api, &stop));
                let cost = self.ask_hostlerd(load);
                stop.store(true, Ordering::Relaxed);
                (cost, writer.join())
            })
        });
        let written = written.map_err(|_| Error::new("the writer failed"))??;
        Ok((cost?, f64::from(written) / took.as_secs_f64()))
    }
}

/// Changes VMs of the page, one after another, until told to stop; gives how many times.
fn write_until(api: &Api, stop: &AtomicBool) -> Result<u32> {
    let page = api.get(PAGE)?;
    let items = page.pointer("/items").and_then(Value::as_array);
    let managed = items
        .into_iter()
        .flatten()
        .filter(|vm| vm.pointer("/managed").and_then(Value::as_bool) == Some(true));
    let ids: Vec<&str> = managed.map(|vm| api::text(vm, "/id")).collect::<Result<_>>()?;
    if ids.is_empty() {
        return Err(Error::new("there is no VM on the page that could be changed"));
    }
    let period = Duration::from_secs(1) / WRITES_PER_SECOND;
    let mut count = 0;
    for id in ids.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (written, took) = timed(|| change(api, id, count));
        count += u32::from(written?);
        thread::sleep(period.saturating_sub(took));
    }
    Ok(count)
}

/// Changes a label of a VM; whether nobody else changed the VM or works on it at that moment.
fn change(api: &Api, id: &str, count: u32) -> Result<bool> {
    let path = format!("/api/v1/vms/{id}");
    let seen = api.succeed("GET", &path, &[], &Body::Nothing)?;
    let generation = seen.header("etag").unwrap_or_default();
    let patch = json!({ "labels": { "bench": count.to_string() } });
    let headers = [("if-match", generation)];
    let answer = api.ask("PATCH", &path, &headers, &Body::MergePatch(&patch))?;
    match answer.status {
        200..=299 => Ok(true),
        409 | 412 => Ok(false),
        status => {
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            Err(Error::new(format!("PATCH {path} was answered by {status}: {said}")))
        }
    }
}

impl Rows {
    fn new(label: &str) -> Rows {
        let of = |who: &str| [(); 4].map(|()| Sample::of(who));
        Rows { label: label.to_owned(), ours: of("hostlerd"), theirs: of("nginx") }
    }

    fn add(&mut self, ours: Cost, theirs: Cost) {
        for (samples, Cost { found, cpu }) in [(&mut self.ours, ours), (&mut self.theirs, theirs)] {
            let values = [found.per_second, found.p50, found.p99, cpu];
            samples.iter_mut().zip(values).for_each(|(sample, value)| sample.add(value));
        }
    }

    fn into_comparisons(self) -> impl Iterator<Item = Comparison> {
        let label = self.label;
        let kinds = [
            ("answers", Unit::PerSecond),
            ("p50", Unit::Seconds),
            ("p99", Unit::Seconds),
            ("CPU an answer", Unit::Seconds),
        ];
        self.ours.into_iter().zip(self.theirs).zip(kinds).map(
            move |((ours, theirs), (kind, unit))| Comparison {
                what: format!("{kind}, {label}"),
                unit,
                ours,
                theirs,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_load_found_goes_to_its_own_rows() {
        let cost = |n: f64| {
            let found = Found { per_second: n, requests: 10.0, p50: n + 1.0, p99: n + 2.0 };
            Cost { found, cpu: n + 3.0 }
        };
        let mut rows = Rows::new("x");
        rows.add(cost(100.0), cost(200.0));
        let rows: Vec<Comparison> = rows.into_comparisons().collect();
        let whats: Vec<&str> = rows.iter().map(|row| row.what.as_str()).collect();
        assert_eq!(whats, ["answers, x", "p50, x", "p99, x", "CPU an answer, x"]);
        let values = |row: &Comparison| (row.ours.values.clone(), row.theirs.values.clone());
        assert_eq!(values(&rows[0]), (vec![100.0], vec![200.0]));
        assert_eq!(values(&rows[3]), (vec![103.0], vec![203.0]));
        assert_eq!(rows[0].unit.better(), "above 1");
    }
}
