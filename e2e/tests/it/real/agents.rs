//! An agent on the machine of real guests, and a server that asks it.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hostler_lab::{Lab, TlsListener};
use serde_json::Value;

use crate::rig::{Agent, Exchange, Home, Server, check, eventually, lab};

/// The token that the agent wants.
const TOKEN: &str = "correct-horse-battery-staple";

fn write_token(path: &Path, token: &str) {
    std::fs::write(path, token).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// What a scraper reads.
#[track_caller]
fn scrape(server: &Server) -> String {
    let port = server.metrics_port();
    let answer = Exchange::plain(port).unwrap().ask("GET", "/metrics", &[], b"").unwrap();
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        assert!(seen.insert(series), "X35: {series} is there twice");
    }
    text
}

/// The value of the series that begins and goes on like this, if there is exactly one.
fn value(text: &str, begin: &str, rest: &[&str]) -> Option<f64> {
    let is_it = |line: &&str| line.starts_with(begin) && rest.iter().all(|it| line.contains(it));
    let found: Vec<&str> = text.lines().filter(is_it).collect();
    match found[..] {
        [line] => line.rsplit(' ').next()?.parse().ok(),
        [] => None,
        _ => panic!("{begin} {rest:?}: {found:?}"),
    }
}

/// Scrapes until all of these are there; their values.
#[track_caller]
fn until<const N: usize>(server: &Server, what: &str, wanted: [(&str, &[&str]); N]) -> [f64; N] {
    eventually(what, || {
        let text = scrape(server);
        let values = wanted.map(|(begin, rest)| value(&text, begin, rest));
        match values.iter().all(Option::is_some) {
            true => Ok(values.map(Option::unwrap_or_default)),
            false => Err(text),
        }
    })
}

/// The agent as the command line tells of it.
fn agent(home: &Home) -> Value {
    let list = home.json(&["agent", "list"]);
    let list = list.as_array().or_else(|| list["items"].as_array()).unwrap();
    list.first().cloned().unwrap_or_default()
}

#[track_caller]
fn until_state(home: &Home, state: &str) -> Value {
    eventually(&format!("the agent is {state}"), || {
        let told = agent(home);
        check(told["state"] == state, || format!("{told:#}")).map(|()| told)
    })
}

/// Who told a metric, by the command line.
fn told_by(home: &Home, words: &[&str], metric: &str) -> Vec<String> {
    let measured = home.json(words);
    let passes = measured["passes"].as_array().unwrap().iter();
    let has = |pass: &&Value| {
        let figures = pass["figures"].as_array().unwrap();
        pass["quality"] == "ok" && figures.iter().any(|figure| figure["metric"] == metric)
    };
    passes.filter(has).map(|pass| pass["by"]["kind"].as_str().unwrap().to_owned()).collect()
}

/// What the server is told besides.
const MEASURING: &str = "[metrics]\ninterval_seconds = 1\n";

const LOAD: (&str, &[&str]) = ("hostler_host_load{", &["provider=\"lab\"", "window=\"1m\""]);
const IDLE: (&str, &[&str]) =
    ("hostler_host_cpu_seconds_total{", &["provider=\"lab\"", "mode=\"idle\""]);
const CPU: (&str, &[&str]) = ("hostler_vm_cpu_seconds_total{vm=\"web\"", &["provider=\"lab\""]);
const UP: (&str, &[&str]) = ("hostler_agent_up{", &["agent=\"a1\""]);

/// A server and the agent that it asks, on the machine of one guest.
struct Story {
    _lab: Lab,
    home: Home,
    server: Server,
    agent: Option<Agent>,
    /// The agent's configuration, and its port.
    lines: String,
    port: u16,
    /// The server's way to the hypervisor.
    way: Option<TlsListener>,
}

impl Story {
    fn begin() -> Self {
        let lab = lab("agents");
        let home = Home::new();
        let (theirs, ours) = (home.path().join("theirs"), home.path().join("ours"));
        write_token(&theirs, TOKEN);
        write_token(&ours, TOKEN);
        let lines = format!(
            "token_file = {theirs:?}\nlibvirt = \"{}\"\ndocker = \"off\"\npodman = \"off\"\n\
             [interval_seconds]\nnode = 1\nvms = 1\n",
            lab.uri()
        );
        let agent = Agent::start(&home, 0, &lines);
        let port = agent.port;
        let asking = format!(
            "{MEASURING}[[agents]]\nname = \"a1\"\nurl = \"http://127.0.0.1:{port}\"\n\
             token_file = {ours:?}\ninterval_seconds = 1\n"
        );
        let config = home.path().join("hostlerd.toml");
        std::fs::write(&config, &asking).unwrap();
        // As from another machine, so that the server does not measure this one itself.
        let way = lab.listen_tls().unwrap();
        let server = home.launch().config(&config).provider("lab", &way.uri()).metrics().ready();
        let small = ["--memory", "48M", "--disk", "8M", "--accelerator", "tcg"];
        home.done(&[&["vm", "create", "web"], small.as_slice()].concat());
        home.api().until_state("web", "running");
        Self { _lab: lab, home, server, agent: Some(agent), lines, port, way: Some(way) }
    }
}

#[test]
fn d7_x35_an_agents_figures_arrive_are_told_once_grow_old_and_go_on() {
    let mut story = Story::begin();
    let Story { home, server, .. } = &story;

    // The machine's own figures, as the provider's host, and told once.
    let [_, _, _, up] = until(server, "everything is measured", [LOAD, IDLE, CPU, UP]);
    assert!((up - 1.0).abs() < f64::EPSILON);
    let told = until_state(home, "ok");
    assert_eq!(told["joined"], "host", "{told:#}");
    assert_eq!(told["left_out"], serde_json::json!({}), "{told:#}");
    let host = told["host"]["name"].as_str().unwrap();
    let of_host = ["host", "stats", host];
    assert_eq!(told_by(home, &of_host, "hostler_host_load"), ["agent"]);
    assert_eq!(told_by(home, &of_host, "hostler_host_cpu_seconds_total"), ["agent"]);
    // X22: both measure the guest; one tells it.
    let of_web = ["vm", "stats", "web"];
    // The agent may have measured it before the provider did for the first time.
    eventually("the provider tells of the guest", || {
        let by = told_by(home, &of_web, "hostler_vm_cpu_seconds_total");
        check(by == ["provider"], || format!("{by:?}"))
    });

    // The server loses its way to the hypervisor; the agent there has not.
    drop(story.way.take());
    let Story { home, server, .. } = &story;
    eventually("the agent tells of the guest", || {
        let by = told_by(home, &of_web, "hostler_vm_cpu_seconds_total");
        check(by == ["agent"], || format!("{by:?}"))
    });
    let [load, idle, cpu] = until(server, "the guest is told by the agent", [LOAD, IDLE, CPU]);
    assert!(load >= 0.0 && idle > 0.0 && cpu > 0.0, "{load} {idle} {cpu}");

    // The agent dies: what it told is told with its age, then not at all, and never as 0.
    story.agent.take().unwrap().kill();
    let Story { home, server, .. } = &story;
    let told = until_state(home, "unreachable");
    assert!(told["reason"].as_str().unwrap().contains("cannot be reached"), "{told:#}");
    eventually("nothing of it is told any more", || {
        let text = scrape(server);
        let gone = [LOAD, IDLE, CPU].map(|(begin, rest)| value(&text, begin, rest));
        check(gone == [None; 3], || format!("{gone:?}"))
    });
    let text = scrape(server);
    assert_eq!(value(&text, UP.0, UP.1), Some(0.0));
    let age = value(&text, "hostler_agent_age_seconds{", &["agent=\"a1\""]).unwrap();
    assert!(age > 1.0, "{age}");
    let measured = home.json(&of_host);
    let passes = measured["passes"].as_array().unwrap();
    let of_agent = passes.iter().find(|pass| pass["by"]["kind"] == "agent").unwrap();
    assert_eq!(of_agent["quality"], "stale", "{of_agent:#}");
    assert!(of_agent["age_seconds"].as_f64().unwrap() > 1.0);

    // It is back, and counters go on where they were.
    story.agent = Some(Agent::start(home, story.port, &story.lines));
    let Story { home, server, .. } = &story;
    until_state(home, "ok");
    let [_, idle_now, cpu_now, _] = until(server, "it goes on", [LOAD, IDLE, CPU, UP]);
    assert!(idle_now > idle && cpu_now >= cpu, "{idle} {idle_now} {cpu} {cpu_now}");
}

#[test]
fn x20_tokens_and_agents_change_while_the_server_runs() {
    let story = Story::begin();
    let Story { home, server, .. } = &story;
    until_state(home, "ok");
    let ours = home.path().join("ours");

    // A token that is not taken is told as that, and one that is right again is read anew.
    write_token(&ours, "not-the-token-of-the-agent");
    let told = until_state(home, "refused");
    let why = told["reason"].as_str().unwrap();
    assert!(why.contains("ours") && !why.contains("not-the-token"), "{why}");
    std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = until_state(home, "misconfigured");
    assert!(told["reason"].as_str().unwrap().contains("chmod 600"), "{told:#}");
    write_token(&ours, TOKEN);
    until_state(home, "ok");

    // X20: one that is configured no more is asked no more, while the server runs.
    std::fs::write(home.path().join("hostlerd.toml"), MEASURING).unwrap();
    server.hang_up();
    eventually("the agent is not told any more", || {
        let told = agent(home);
        check(told.is_null(), || format!("{told:#}"))
    });
    let text = scrape(server);
    assert_eq!(value(&text, LOAD.0, LOAD.1), None, "{text}");
}

#[test]
fn d1_a_server_on_the_machine_of_its_guests_measures_it_without_an_agent() {
    let lab = lab("own-machine");
    let home = Home::new();
    let config = home.path().join("hostlerd.toml");
    std::fs::write(&config, "[metrics]\ninterval_seconds = 1\nnode_interval_seconds = 1\n")
        .unwrap();
    let server = home.launch().config(&config).provider("lab", &lab.uri()).metrics().ready();
    let pressure: (&str, &[&str]) = ("hostler_host_memory_available_bytes{", &["provider=\"lab\""]);
    let usage: (&str, &[&str]) = ("hostler_host_cpu_usage_ratio{", &["provider=\"lab\""]);
    let [_, available, share] = until(&server, "this machine is measured", [LOAD, pressure, usage]);
    assert!(available > 1e6 && (0.0..=1.0).contains(&share), "{available} {share}");
    let told = agent(&home);
    assert_eq!((&told["name"], &told["kind"]), (&"hostlerd".into(), &"own".into()), "{told:#}");
    let host = told["host"]["name"].as_str().unwrap();
    assert_eq!(told_by(&home, &["host", "stats", host], "hostler_host_load"), ["own"]);
    // D10: without the hypervisor the rest is served.
    lab.kill_libvirtd().unwrap();
    until(&server, "it goes on without libvirt", [LOAD, usage]);
}

#[test]
fn d1_d10_a_server_without_any_hypervisor_starts_and_measures_its_machine() {
    let home = Home::new();
    let server = home.launch().metrics().alive();
    let load: (&str, &[&str]) = ("hostler_host_load{", &["provider=\"hostlerd\"", "window=\"1m\""]);
    until(&server, "this machine is measured", [load]);
    assert_eq!(told_by(&home, &["agent", "stats", "hostlerd"], "hostler_host_load"), ["own"]);
}
