//! The program itself: its words, its exit codes, its signals.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::client::Client;
use crate::process::{PATIENCE, Process, hostlerd, run, text, until_it_serves};

/// A real server without providers, ready.
async fn server(data: &Path) -> (Process, Client) {
    let child = hostlerd()
        .env("HOSTLER_METRICS_LISTEN", "off")
        .arg("--data-dir")
        .arg(data)
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let process = Process(child);
    let socket = data.join("hostlerd.sock");
    until_it_serves(&socket).await;
    (process, Client::unix(&socket))
}

#[test]
fn e1_the_document_is_printed_as_it_is_checked_in() {
    let printed = run(&["openapi"]);
    assert!(printed.status.success());
    let document: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(text(&printed.stdout).ends_with("}\n"));
}

#[test]
fn the_configuration_can_be_printed_checked_and_started_from() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hostlerd.toml");
    std::fs::write(&file, run(&["config", "default"]).stdout).unwrap();
    let file = file.to_str().unwrap();
    let checked = run(&["config", "--config", file, "check"]);
    assert_eq!((text(&checked.stdout).as_str(), checked.status.code()), ("ok\n", Some(0)));
    let dumped = text(&run(&["config", "--config", file, "--data-dir", "/d", "dump"]).stdout);
    assert!(
        dumped.contains("data_dir = \"/d\"") && dumped.contains("connections = 2048"),
        "{dumped}"
    );
    std::fs::write(file, "listne = []\n").unwrap();
    let wrong = run(&["config", "--config", file, "check"]);
    assert_eq!(wrong.status.code(), Some(2));
    let told = text(&wrong.stderr);
    assert!(
        told.contains("hostlerd.toml:1: unknown key `listne`; did you mean `listen`?"),
        "{told}"
    );
}

#[test]
fn what_makes_no_sense_is_told_with_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().to_str().unwrap();
    for (arguments, told) in [
        (vec!["--data-dir", data, "--provider", "x=ftp://h/"], "there is no provider for it"),
        (vec!["--data-dir", data, "--provider", "nonsense"], "NAME=URI"),
        (vec!["--data-dir", data, "--log", "xml"], "none of auto, json, text"),
        (vec!["admin-link", "--data-dir", empty], "start hostlerd there first"),
        (vec!["--listen", "nonsense"], "invalid"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(told), "{arguments:?} {}", text(&output.stderr));
    }
}

#[tokio::test]
async fn a_server_gives_login_links_while_it_runs_and_while_it_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let (mut process, local) = server(&data).await;
    let printed = run(&["admin-link", "--data-dir", data.to_str().unwrap()]);
    let link = text(&printed.stdout);
    assert!(link.starts_with("https://localhost:") && link.contains("/login#"), "{link}");
    assert_eq!(link.lines().count(), 1, "the link alone, for scripts");
    assert!(text(&printed.stderr).contains("fingerprint"));
    let code = link.trim().split_once('#').unwrap().1;
    let opened = local.post("/api/v1/session", &json!({ "code": code })).await;
    assert_eq!(opened.status, 200, "{}", opened.text());

    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.ended().await.code(), Some(0), "it ends in order");
    assert!(!data.join("hostlerd.sock").exists());
    let url = ["--base-url", "https://h.example:7443/"];
    let printed = run(&[&["admin-link", "--data-dir", data.to_str().unwrap()], &url[..]].concat());
    let link = text(&printed.stdout);
    assert!(link.starts_with("https://h.example:7443/login#"), "{link} {}", text(&printed.stderr));
    let code = link.trim().split_once('#').unwrap().1;
    let (_process, local) = server(&data).await;
    let opened = local.post("/api/v1/session", &json!({ "code": code })).await;
    assert_eq!(opened.status, 200, "{}", opened.text());
}

#[tokio::test]
async fn probes_that_find_it_not_ready_do_not_fill_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let nowhere = format!("away=qemu+unix:///system?socket={}/none", directory.path().display());
    let child = hostlerd()
        .env("HOSTLER_METRICS_LISTEN", "off")
        .arg("--data-dir")
        .arg(directory.path())
        .args(["--listen", "127.0.0.1:0", "--provider", &nowhere])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let _process = Process(child);
    let socket = directory.path().join("hostlerd.sock");
    until_it_serves(&socket).await;
    let local = Client::unix(&socket);
    for _ in 0..20 {
        assert_eq!(local.get("/readyz").await.status, 503);
    }
    let text = std::fs::read_to_string(&log).unwrap();
    let about = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    assert_eq!((about("not ready"), about("answered")), (1, 0), "{text}");
    assert!(text.contains("none of 1 providers answers"), "{text}");
}

#[tokio::test]
async fn one_directory_has_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let (_process, _) = server(directory.path()).await;
    let data = directory.path().to_str().unwrap();
    let second =
        run(&["--data-dir", data, "--listen", "127.0.0.1:0", "--socket", "/nonexistent/x"]);
    assert_eq!(second.status.code(), Some(2), "{}", text(&second.stderr));
}

#[tokio::test]
async fn what_was_backed_up_is_there_again_after_a_restore() {
    let directory = tempfile::tempdir().unwrap();
    let (data, file) = (directory.path().join("data"), directory.path().join("backup.db"));
    let place = ["--data-dir", data.to_str().unwrap(), file.to_str().unwrap()];
    let with = |word: &'static str| [&[word], &place[..]].concat();
    let (mut process, local) = server(&data).await;
    let token = json!({ "name": "before", "role": "reader" });
    assert_eq!(local.post("/api/v1/tokens", &token).await.status, 201);
    let made = run(&with("backup"));
    assert!(made.status.success(), "{}", text(&made.stderr));
    let token = json!({ "name": "after", "role": "reader" });
    assert_eq!(local.post("/api/v1/tokens", &token).await.status, 201);
    let refused = run(&with("restore"));
    assert!(!refused.status.success(), "not under a running server");
    process.signal(rustix::process::Signal::INT);
    assert_eq!(process.ended().await.code(), Some(0));
    let restored = run(&with("restore"));
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let (_process, local) = server(&data).await;
    let tokens = local.get("/api/v1/tokens").await.json();
    let names: Vec<_> =
        tokens["items"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["before"]);
}

#[tokio::test]
async fn x17_a_demo_says_that_it_is_one_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let child = hostlerd()
        .env("TMPDIR", directory.path())
        .args(["demo", "--listen", "127.0.0.1:0", "--seed", "7"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut process = Process(child);
    let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let said: Vec<String> =
        lines.map(Result::unwrap).take_while(|line| !line.starts_with("Ctrl-C")).collect();
    let word = |name: &str| {
        let line = said.iter().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    assert!(said[0].contains("nothing in it is real"), "{said:?}");
    assert!(word("Log in").contains("/login#"));
    let local = Client::unix(Path::new(&word("Socket")));
    assert_eq!(local.get("/api/v1").await.json()["simulated"], true);
    let vms = local.get("/api/v1/vms?limit=1000").await.json();
    let vms = vms["items"].as_array().unwrap();
    assert!(vms.len() >= hostler_sim::demo::FLEET, "{}", vms.len());
    assert!(vms.iter().all(|vm| vm["simulated"] == true));
    assert!(vms.iter().any(|vm| vm["managed"] == false), "something to adopt");
    let deadline = Instant::now() + PATIENCE;
    let path = "/api/v1/operations?filter=state=running%20AND%20kind=vm.stop";
    while local.get(path).await.json()["items"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "something is at work");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.ended().await.code(), Some(0));
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (mut process, local) = server(directory.path()).await;
    // Somebody who sends half a request keeps it at work, and so the server waiting.
    let mut wire = local.open().await;
    let half = "POST /api/v1/tokens HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
        content-length: 10\r\nexpect: 100-continue\r\n\r\n";
    wire.write_all(half.as_bytes()).await.unwrap();
    let mut asked_for_the_rest = [0; 12];
    wire.read_exact(&mut asked_for_the_rest).await.unwrap();
    assert_eq!(&asked_for_the_rest, b"HTTP/1.1 100");
    process.signal(rustix::process::Signal::TERM);
    let deadline = Instant::now() + PATIENCE;
    while local.get("/readyz").await.status != 503 {
        assert!(Instant::now() < deadline, "it drains");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.ended().await.code(), Some(1), "told by its exit code");
}

#[tokio::test]
async fn a36_a_configured_provider_does_not_take_the_place_of_a_cluster_and_its_kubeconfig() {
    let directory = tempfile::tempdir().unwrap();
    let (mut process, local) = server(directory.path()).await;
    let body = json!({ "name": "eu", "kubeconfig": crate::clusters::KUBECONFIG });
    let added = local.post("/api/v1/clusters", &body).await;
    assert_eq!(added.status, 201, "{}", added.text());
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.ended().await.code(), Some(0));

    let data = directory.path().to_str().unwrap();
    let address = ["--listen", "127.0.0.1:0", "--provider", "eu=qemu+unix:///system?socket=/none"];
    let refused = run(&[&["--data-dir", data], &address[..]].concat());
    let told = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("\"eu\"") && told.contains("hostler cluster remove eu"), "{told}");
    let (_process, local) = server(directory.path()).await;
    let kept = local.get("/api/v1/clusters").await.json();
    assert_eq!(kept["items"][0]["source"], "kubeconfig", "{kept}");
    assert_eq!(kept["items"][0]["kubeconfig"]["context"], "lab", "{kept}");
}
