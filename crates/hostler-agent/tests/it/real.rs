//! What the program serves of this machine, judged by promtool.

use std::io::Write as _;
use std::process::{Command, Stdio};

use hostler_lab::prometheus::need;

use crate::program::Running;
use crate::reader::{read, values};
use crate::world::{get, until};

/// What promtool finds; empty when all is well.
fn promtool(text: &str) -> String {
    let mut child = Command::new(need("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is there");
    child.stdin.take().expect("it is piped").write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success() || !said.is_empty());
    said
}

#[tokio::test]
async fn d7_promtool_finds_nothing_in_what_is_served_of_this_machine() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "listen = [\"127.0.0.1:0\"]\nhost = \"here\"\nlog = \"text\"\n\
                [interval_seconds]\nnode = 1\n";
    std::fs::write(file.path(), text).unwrap();
    let agent = Running::start(file.path()).await;
    // The share of the processors needs two passes.
    let reply = until(agent.address, "/metrics", |reply| {
        reply.text().contains("hostler_host_cpu_usage_ratio{")
    });
    let reply = reply.await;
    assert_eq!(promtool(&reply.text()), "");
    let invalid = promtool("# TYPE a info\na 1\n");
    assert!(invalid.contains("info"), "it finds what is wrong (X1): {invalid}");
    let series = read(&reply.text());
    let share = values(&series, "hostler_host_cpu_usage_ratio", &["here"]);
    assert!(matches!(share.as_slice(), [share] if (0.0..=1.0).contains(share)), "{share:?}");
    let openmetrics = "accept: application/openmetrics-text\r\n";
    let openmetrics = read(&get(agent.address, "/metrics", openmetrics).await.text());
    assert!(openmetrics.keys().any(|name| name.starts_with("hostler_host_info{")));
    agent.signal("-TERM");
}
