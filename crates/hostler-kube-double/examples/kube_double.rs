//! Serves the double as a process of its own, for stories told by the real programs.
//!
//! `kube_double KUBECONFIG [--vms N] [--stopped N] [--pace MILLISECONDS] [--port PORT] [--tls]`
//!
//! The kubeconfig is written when it listens; from then on it serves until it is interrupted.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use hostler_kube_double::{Double, Options, Pace};

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
    tokio::signal::ctrl_c().await?;
    double.stop().await;
    Ok(())
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
