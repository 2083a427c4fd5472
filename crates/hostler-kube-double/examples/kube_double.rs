//! Serves the double as a process of its own, for stories told by the real programs.
//!
//! `kube_double KUBECONFIG [--vms N] [--stopped N] [--pace MILLISECONDS] [--port PORT] [--tls]`
//!
//! The kubeconfig is written when it listens; from then on it serves until it is interrupted. A
//! line on its standard input asks for more:
//!
//! | line | what it does | what it prints |
//! |---|---|---|
//! | `churn PER_SECOND SECONDS` | changes descriptions of machines, one after the other | `churned N SECONDS` at the end |
//! | `relist` | forgets all changes and tells open watches that they expired (410) | `relisting` |
//! | `digest` | | `digest COUNT SUM` of all machines |

#![expect(clippy::print_stdout, reason = "a program that answers on its standard output")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hostler_kube_double::{Digest, Double, Options, Pace};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Where a machine's description is.
const DESCRIPTION: &str = "/metadata/annotations/kubernetes.io~1description";
/// Changes are made in so many bursts a second.
const BURSTS: u32 = 50;

/// What the command line asks for.
struct Asked {
    kubeconfig: PathBuf,
    running: usize,
    stopped: usize,
    options: Options,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kube_double: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let asked = read(arguments)?;
    let double = Double::start(asked.options).await?;
    double.seed_vms(asked.running)?;
    double.seed_stopped_vms(asked.stopped)?;
    // Under another name first: who waits for the file finds it whole.
    let unfinished = asked.kubeconfig.with_extension("unfinished");
    tokio::fs::write(&unfinished, double.kubeconfig()).await?;
    tokio::fs::rename(&unfinished, &asked.kubeconfig).await?;
    let double = Arc::new(double);
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        failed = obey(&double) => failed?,
    }
    Ok(())
}

/// Does what is asked on the standard input; without one, nothing more.
async fn obey(double: &Arc<Double>) -> Result<(), Box<dyn std::error::Error>> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut tasks = JoinSet::new();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["churn", per_second, seconds] => {
                let (per_second, seconds) = (per_second.parse()?, seconds.parse()?);
                let double = Arc::clone(double);
                tasks.spawn(async move { churn(&double, per_second, seconds).await });
            }
            ["relist"] => {
                double.compact();
                double.expire_watches();
                println!("relisting");
            }
            ["digest"] => {
                let Digest { count, sum } = digest(double);
                println!("digest {count} {sum}");
            }
            _ => return Err(format!("what is {line:?}?").into()),
        }
    }
    drop(tasks.join_all().await);
    std::future::pending().await
}

/// Changes so many machines a second.
async fn churn(double: &Double, per_second: u32, seconds: u32) {
    let machines = double.list("virtualmachines");
    let names: Vec<(String, String)> = machines.iter().map(named).collect();
    let (begun, mut done) = (Instant::now(), 0_u32);
    for (name, number) in names.iter().cycle().zip(0..per_second.saturating_mul(seconds)) {
        let described = double.edit("virtualmachines", &name.0, &name.1, |machine| {
            machine["metadata"]["annotations"]["kubernetes.io/description"] =
                json!(format!("change {number}"));
        });
        done += u32::from(described.is_ok());
        if number % (per_second / BURSTS).max(1) == 0 {
            let due = begun + Duration::from_secs(1) * number / per_second;
            tokio::time::sleep_until(due).await;
        }
    }
    println!("churned {done} {:.1}", begun.elapsed().as_secs_f64());
}

fn named(machine: &Value) -> (String, String) {
    let text = |pointer: &str| machine.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    (text("/metadata/namespace").to_owned(), text("/metadata/name").to_owned())
}

fn digest(double: &Double) -> Digest {
    let mut digest = Digest::default();
    for machine in double.list("virtualmachines") {
        let (namespace, name) = named(&machine);
        let description = machine.pointer(DESCRIPTION).and_then(Value::as_str).unwrap_or_default();
        digest.add(&namespace, &name, description);
    }
    digest
}

fn read(arguments: &[String]) -> Result<Asked, Box<dyn std::error::Error>> {
    let mut asked = Asked {
        kubeconfig: PathBuf::new(),
        running: 0,
        stopped: 0,
        options: Options {
            begins_at: jiff::Timestamp::now(),
            pace: Pace::Every(Duration::from_millis(500)),
            ..Options::default()
        },
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--vms" => asked.running = value()?.parse()?,
            "--stopped" => asked.stopped = value()?.parse()?,
            "--pace" => {
                asked.options.pace = Pace::Every(Duration::from_millis(value()?.parse()?));
            }
            "--port" => asked.options.port = value()?.parse()?,
            "--tls" => asked.options.tls = true,
            path if !path.starts_with('-') => asked.kubeconfig = path.into(),
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    if asked.kubeconfig.as_os_str().is_empty() {
        return Err("name the file for the kubeconfig".into());
    }
    Ok(asked)
}
