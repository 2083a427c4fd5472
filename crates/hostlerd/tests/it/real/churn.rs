//! A fleet that never rests, before the real Prometheus: VMs are made, renamed, moved, paused,
//! hung and removed under names that no sane person would give, and every page must be one.
//!
//! ```text
//!              ┌── accept as Prometheus says: OpenMetrics ──┐
//!  Prometheus ─┤                                            ├─► relay ─► hostlerd ◄── churn
//!              └── accept text/plain ───────────────────────┘     │
//!                                                          every page is kept
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_core::vm::{PowerState, VmSpec};
use hostler_provider::VmRef;
use hostler_sim::{HostSetup, NetworkSetup, PoolSetup, World};
use hostlerd::config::ConfiguredMetrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::prometheus::{Prometheus, judged};
use crate::client::Client;
use crate::fixture::Fixture;

const PATIENCE: Duration = Duration::from_secs(600);
/// As many scrapes as there are in an hour, every 10 seconds; something happens between any two.
const ROUNDS: usize = 360;
/// What happens in a round.
const CHANGES: usize = 4;
/// VMs at a time.
const VMS: usize = 40;

const NAMES: &[&str] = &[
    "web",
    "a\"b",
    "back\\slash",
    "ends in \\",
    "new\nline",
    "tab\tand\rreturn",
    "x\",vm_id=\"forged\",y=\"",
    "} 1\n# EOF\nup 0",
    "{__name__=\"up\"}",
    "Größe 機械 🦀",
    "\u{202e}turned",
    "nul\0byte",
    "  spaces  ",
    "#",
    "# TYPE x counter",
];

/// The pages that were served, by format, and how many.
#[derive(Default)]
struct Served {
    pages: Mutex<[Vec<String>; 2]>,
}

impl Served {
    fn counts(&self) -> [usize; 2] {
        self.pages.lock().unwrap().each_ref().map(Vec::len)
    }
}

/// Serves what the server does, in one format, and keeps it; gives the port.
async fn relay(tasks: &mut JoinSet<()>, local: Client, served: Arc<Served>, is_text: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                request.push(byte);
            }
            let request = String::from_utf8(request).unwrap();
            let header = |line: &str| line.strip_prefix("Accept: ").map(str::to_owned);
            let accept = request.lines().find_map(header).unwrap_or_default();
            let accept = if is_text { "text/plain;version=0.0.4" } else { accept.as_str() };
            let answer = local.clone().header("accept", accept).get("/metrics").await;
            let head = format!(
                "HTTP/1.1 {} OK\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                answer.status,
                answer.header("content-type"),
                answer.body.len()
            );
            served.pages.lock().unwrap()[usize::from(is_text)].push(answer.text());
            // One that went away asks again.
            let _ = stream.write_all(&[head.as_bytes(), &answer.body].concat()).await;
        }
    });
    port
}

/// xorshift64*, so that the same happens in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

struct Churn {
    world: World,
    dice: Dice,
    vms: Vec<VmRef>,
    made: usize,
}

impl Churn {
    fn new(world: &World) -> Self {
        world.add_host(HostSetup::new("h2"));
        world.add_pool(PoolSetup::new("h2", "default"));
        world.add_network(NetworkSetup::new("h2", "default"));
        Self { world: world.clone(), dice: Dice(11), vms: Vec::new(), made: 0 }
    }

    fn host(&mut self) -> &'static str {
        ["h1", "h2"][self.dice.below(2)]
    }

    fn name(&mut self) -> String {
        let name = NAMES[self.dice.below(NAMES.len())];
        // Some bear the same name as another.
        if self.dice.below(4) == 0 {
            name.into()
        } else {
            format!("{name}{}", self.dice.below(1000))
        }
    }

    /// Makes one that runs.
    fn make(&mut self) {
        let (host, name) = (self.host(), self.name());
        let vm = self.world.add_vm(host, VmSpec::new(name, 64 << 20), None, Vec::new());
        self.world.set_power(&vm, PowerState::Running, "booted");
        self.vms.push(vm);
        self.made += 1;
    }

    fn step(&mut self) {
        if self.vms.len() < VMS {
            return self.make();
        }
        let at = self.dice.below(self.vms.len());
        let vm = self.vms[at].clone();
        match self.dice.below(100) {
            0..30 => {
                self.world.vanish_vm(&vm);
                self.vms.swap_remove(at);
            }
            30..50 => {
                let name = self.name();
                self.world.rename_vm(&vm, &name);
            }
            50..70 => {
                let host = self.host();
                self.world.move_vm(&vm, host);
            }
            70..80 => self.world.set_power(&vm, PowerState::Paused, "user"),
            80..88 => self.world.set_power(&vm, PowerState::Running, "booted"),
            88..93 => self.world.set_power(&vm, PowerState::Crashed, "panicked"),
            93..95 => self.world.faults().hang_vm(&vm.external_ref),
            95..98 => self.world.faults().unhang(),
            98 => self.world.disconnect(),
            _ => self.world.reconnect(),
        }
    }
}

/// The series of a page with their labels in order; fails at whatever a strict reader would not
/// take.
fn series(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut families, mut family) = (BTreeSet::new(), "");
    for line in page.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            family = told.split(' ').next().unwrap();
            assert!(families.insert(family), "{family} is told twice");
        } else if !line.starts_with('#') {
            let (key, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            // Samples stand with their family, all of them.
            assert!(key.starts_with(family), "{line} stands under {family}");
            assert!(found.insert(sorted(key)), "{key} is there twice");
        }
    }
    found
}

/// A series with its labels sorted: two orders of the same labels are one series.
fn sorted(key: &str) -> String {
    let Some((name, labels)) = key.split_once('{') else { return key.to_owned() };
    let mut rest = labels.strip_suffix('}').unwrap();
    let mut found = BTreeMap::new();
    while let Some((label, quoted)) = rest.split_once("=\"") {
        let mut is_escaped = false;
        let end = quoted.find(|c| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        });
        let (value, after) = quoted.split_at(end.unwrap_or_else(|| panic!("{key} does not end")));
        let label = label.trim_start_matches(',');
        assert!(found.insert(label, value).is_none(), "{key} has {label} twice");
        rest = &after[1..];
    }
    assert!(rest.is_empty(), "{key}: {rest}");
    format!("{name}{found:?}")
}

/// X1, A6, B8: an hour's scrapes in both formats, while everything changes.
#[tokio::test]
async fn x1_an_hour_of_churn_is_scraped_in_both_formats_without_a_fault() {
    let metrics = ConfiguredMetrics { interval_seconds: 1, ..ConfiguredMetrics::default() };
    let fixture = Fixture::measuring(metrics).await;
    let mut churn = Churn::new(&fixture.world);
    let served = Arc::new(Served::default());
    let mut relays = JoinSet::new();
    let open = relay(&mut relays, fixture.local(), Arc::clone(&served), false).await;
    let text = relay(&mut relays, fixture.local(), Arc::clone(&served), true).await;
    let job = |name, port| {
        format!("- job_name: {name}\n  static_configs: [ targets: [ '127.0.0.1:{port}' ] ]\n")
    };
    let config = format!(
        "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}\nscrape_configs:\n{}{}",
        job("open", open),
        job("text", text)
    );
    let prometheus = Prometheus::start(&config);
    let deadline = Instant::now() + PATIENCE;
    for round in 1..=ROUNDS {
        (0..CHANGES).for_each(|_| churn.step());
        fixture.clock.advance(Duration::from_millis(100));
        while served.counts().iter().any(|count| *count < round) {
            assert!(
                Instant::now() < deadline,
                "{:?} of {ROUNDS}: {}",
                served.counts(),
                prometheus.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    fixture.world.reconnect();
    let [open, text] = served.pages.lock().unwrap().clone();
    println!("{} VMs were made; {} and {} pages", churn.made, open.len(), text.len());
    assert!(churn.made > 300);
    let mut distinct = BTreeSet::new();
    for page in open.iter().chain(&text) {
        distinct.extend(series(page));
    }
    assert!(distinct.len() > 5000, "{}", distinct.len());
    let cut = open.iter().find(|page| !page.ends_with("# EOF\n"));
    assert!(cut.is_none(), "{cut:.2000?}");
    assert!(judged("a{b=\"c} 1\n").starts_with("failed"), "it can say no");
    for page in text.iter().step_by(20).chain(text.last()) {
        assert_eq!(judged(page), "");
    }
    nothing_was_refused(&prometheus);
}

/// What the real Prometheus says of all it scraped.
fn nothing_was_refused(prometheus: &Prometheus) {
    for job in ["open", "text"] {
        let of = |query: &str| query.replace("JOB", &format!("job=\"{job}\""));
        let scrapes = prometheus.number(&of("count_over_time(up{JOB}[1h])"));
        assert!(scrapes >= Some(ROUNDS as f64 * 0.9), "{job}: {scrapes:?}");
        let query = of("count(count by (vm) (count_over_time(hostler_vm_state{JOB}[1h])))");
        let names = prometheus.number(&query);
        assert!(names > Some(100.0), "{job}: {names:?}");
        // No label was broken out of.
        let forged = prometheus.number(&of("count(hostler_vm_state{JOB,vm_id=\"forged\"})"));
        assert_eq!(forged, None);
    }
    let own = prometheus.get("/metrics").unwrap();
    for counter in ["duplicate_timestamp", "out_of_order", "out_of_bounds"] {
        let name = format!("prometheus_target_scrapes_sample_{counter}_total ");
        let line = own.lines().find(|line| line.starts_with(&name)).unwrap();
        assert_eq!(line, format!("{name}0"));
    }
    // What it cannot read it says where it says everything. A scrape that is late on a busy machine
    // is no fault of the page.
    let log = prometheus.log();
    assert!(log.contains("level=debug"));
    let faults = ["level=warn", "level=error", "Append failed", "Error on ingesting"];
    let is_fault = |line: &&str| faults.iter().any(|fault| line.contains(fault));
    let faults: Vec<&str> = log.lines().filter(is_fault).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
