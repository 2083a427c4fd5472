//! The shipped dashboards over a demo that a real Prometheus scrapes: what the demo measures is
//! shown, and what is not shown the demo does not measure.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::prometheus::Prometheus;
use crate::client::Client;
use crate::process::{Process, hostlerd, run, until_it_serves};

/// Within this time the demo was measured often enough, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Panels that stay empty although everything they ask for is told, and why.
const EMPTY: &[(&str, &str)] = &[
    ("Alerts overview: Warnings", "what is wrong in the demo is critical, or not for long enough"),
    ("Alerts overview: Notes", "nothing that is only worth a note"),
    ("Alerts overview: Pending", "conditions come and go"),
    ("Control plane: annotation", "nothing is wrong with the demo itself"),
    ("VM detail: annotation", "nothing is wrong with those VMs"),
    ("Host detail: annotation", "no shipped rule fires for a host of the demo"),
    ("VM overview: Not reached", "every VM of the demo answers"),
    ("Migrations: VMs that were on several hosts", "no VM of the demo moves"),
    ("Capacity planning: Pools: time until full", "its pools do not fill"),
];

/// What no demo tells: the simulator measures no kernel, no guest agent and no jobs.
const UNTOLD: &[&str] =
    &["hostler_container_", "hostler_host_", "hostler_vm_", "hostler_pool_state"];

struct Asked {
    /// The dashboard's title and the panel's.
    at: String,
    text: String,
    is_range: bool,
}

fn list<'a>(of: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    of.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Every query of the dashboards in a folder.
fn queries(folder: &Path) -> Vec<Asked> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let dashboard: Value =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let title = dashboard["title"].as_str().unwrap().trim_start_matches("Hostler / ");
        for panel in list(&dashboard, "/panels") {
            found.extend(list(panel, "/targets").map(|target| Asked {
                at: format!("{title}: {}", panel["title"].as_str().unwrap()),
                text: target["expr"].as_str().unwrap().to_owned(),
                is_range: target["range"] == true,
            }));
        }
        found.extend(list(&dashboard, "/annotations/list").map(|annotation| Asked {
            at: format!("{title}: annotation"),
            text: annotation["expr"].as_str().unwrap().to_owned(),
            is_range: true,
        }));
        for variable in list(&dashboard, "/templating/list") {
            let Some(text) = variable.pointer("/query/query").and_then(Value::as_str) else {
                continue;
            };
            let inner = text.split_once('(').unwrap().1.strip_suffix(')').unwrap();
            let is_label = text.starts_with("label_values");
            let text = if is_label { inner.rsplit_once(',').unwrap().0 } else { inner };
            let at = format!("{title}: variable {}", variable["name"].as_str().unwrap());
            found.push(Asked { at, text: text.to_owned(), is_range: false });
        }
    }
    found
}

/// As Grafana sends it; a few VMs and every host stand for the one that is chosen.
fn filled(text: &str, vms: &str) -> String {
    let text = text
        .replace("vm_id=\"$vm\"", &format!("vm_id=~\"{vms}\""))
        .replace("host=\"$host\"", "host=~\".+\"")
        .replace("$__rate_interval", "1m")
        .replace("$__range", "1h")
        .replace("$top", "10");
    ["provider", "hosts", "project", "pool"]
        .iter()
        .fold(text, |text, name| text.replace(&format!("\"${name}\""), "\".*\""))
}

/// The metrics that a query names.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_metric = |word: &&str| word.starts_with("hostler_");
    words.filter(is_metric).map(str::to_owned).collect()
}

/// A demo, the way to it, and what a scraper has to know.
async fn demo(folder: &Path) -> (Process, Client, String) {
    let data = folder.join("data");
    let log = std::fs::File::create(folder.join("out")).unwrap();
    let child = hostlerd()
        .args(["demo", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data)
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let process = Process(child);
    until_it_serves(&data.join("hostlerd.sock")).await;
    let local = Client::unix(&data.join("hostlerd.sock"));
    let token = json!({ "name": "prometheus", "role": "reader" });
    let token = local.post("/api/v1/tokens", &token).await.json();
    let about = local.get("/api/v1").await;
    assert_eq!(about.status, 200);
    crate::process::until("it says where", || {
        std::fs::read_to_string(folder.join("out")).unwrap().contains("Log in")
    })
    .await;
    let said = std::fs::read_to_string(folder.join("out")).unwrap();
    let url = said.split("https://").nth(1).unwrap().split('/').next().unwrap();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog/alerts/*.yaml");
    let config = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
         rule_files: [ {rules:?} ]\n\
         scrape_configs:\n\
         - job_name: hostler\n  scheme: https\n  static_configs: [ targets: [ {url:?} ] ]\n  \
           authorization: {{ credentials: {} }}\n  tls_config: {{ ca_file: {:?} }}\n",
        token["secret"],
        data.join("tls/ca.pem")
    );
    (process, local, config)
}

/// UX 11: what a demo tells is on the dashboards.
#[tokio::test]
async fn every_panel_shows_what_a_demo_tells() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("dashboards");
    assert!(run(&["dashboards", "--out", written.to_str().unwrap()]).status.success());
    let (_process, local, config) = demo(folder.path()).await;
    let prometheus = Prometheus::start(&config);
    let running = local.get("/api/v1/vms?filter=state=running&limit=20").await.json();
    let ids: Vec<&str> =
        running["items"].as_array().unwrap().iter().filter_map(|vm| vm["id"].as_str()).collect();
    assert!(ids.len() > 5, "{running:#}");
    let mut open: Vec<Asked> = queries(&written);
    assert!(open.len() > 200, "{}", open.len());
    let deadline = Instant::now() + PATIENCE;
    let told = loop {
        let mut left = Vec::new();
        for asked in open {
            let text = filled(&asked.text, &ids.join("|"));
            let found = prometheus.ask(&text, asked.is_range);
            // It must be a query, whatever it finds.
            let found = found.unwrap_or_else(|error| panic!("{}: {error}\n{text}", asked.at));
            if found.is_empty() {
                left.push(asked);
            }
        }
        open = left;
        let told = local.get("/metrics").await.text();
        let is_told = |name: &String| told.lines().any(|line| line.starts_with(name.as_str()));
        let is_explained = |asked: &Asked| {
            let untold = |name: &String| {
                !is_told(name) && UNTOLD.iter().any(|prefix| name.starts_with(prefix))
            };
            EMPTY.iter().any(|(at, _)| *at == asked.at) || metrics(&asked.text).iter().any(untold)
        };
        let wanted: Vec<&Asked> = open.iter().filter(|asked| !is_explained(asked)).collect();
        if wanted.is_empty() {
            break told;
        }
        let lines: Vec<String> =
            wanted.iter().map(|it| format!("{}: {}", it.at, it.text)).collect();
        assert!(Instant::now() < deadline, "{} show nothing:\n{}", lines.len(), lines.join("\n"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    // What was excused is little: the demo tells most of it.
    println!("{} of {} queries find nothing in a demo", open.len(), queries(&written).len());
    assert!(told.contains("hostler_http_requests_total"));
    assert!(open.len() < 90, "{}", open.len());
}
