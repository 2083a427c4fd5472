//! Following a cluster of ten thousand machines: the first list, a thousand changes a second, and
//! a list anew while they go on, beside a plain loop that lists, watches and keeps what it is told.
//!
//! ```text
//!  kube_double ──list, watch──► follow driver │ plain     (each a process, in turn)
//!      │ churn, relist                │
//!      └────────── digest ────────────┴─► equal? ─► how long after the last change
//! ```

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use hostler_lab::{Error, Result, Stopwatch, poll_until};

use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu, memory};
use crate::product::{Profile, Programs};
use crate::{needs, say};

const MACHINES: usize = 10_000;
const CHANGES_A_SECOND: usize = 1_000;
/// How long they go on.
const SECONDS: usize = 60;
/// How much longer they may take than that, as a factor.
const SLOWER_AT_MOST: f64 = 1.05;
/// Until everybody knows the same, after the last change.
const CONVERGE_WITHIN: Duration = Duration::from_secs(120);
/// What a machine and its instance may take, in bytes.
const MEMORY_LIMIT: f64 = 32.0 * 1024.0;

/// What was measured of one who follows.
struct Measured {
    list: Sample,
    memory: Sample,
    work: Sample,
    converge: Sample,
    relist: Sample,
}

impl Measured {
    fn of(who: &str) -> Measured {
        let sample = || Sample::of(who);
        Measured {
            list: sample(),
            memory: sample(),
            work: sample(),
            converge: sample(),
            relist: sample(),
        }
    }
}

/// Measures both in turn, each against a double of its own.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::build()?;
    let profile = if settings.is_trial { Profile::Development } else { Profile::Release };
    let double = Programs::example("hostler-kube-double", "kube_double", profile)?;
    let follow = Programs::example("hostler-kubevirt", "follow", profile)?;
    let mut ours = Measured::of("the driver");
    let mut theirs = Measured::of("plain loop");
    for round in 1..=settings.runs {
        for (who, measured) in [("driver", &mut ours), ("plain", &mut theirs)] {
            say::step(&format!("round {round}: {who}"));
            follow_one(settings, &double, &follow, who, measured)?;
        }
    }
    let limit = Sample::limit(MEMORY_LIMIT, settings.runs);
    let row = |what: &str, unit, ours: &Sample, theirs: Sample| Comparison {
        what: what.into(),
        unit,
        ours: ours.clone(),
        theirs,
    };
    Ok(Report {
        title: format!("A cluster of {MACHINES} machines that run, and what follows it"),
        comparisons: vec![
            row("the first list: time", Unit::Seconds, &ours.list, theirs.list),
            row("memory, a machine with its instance", Unit::Bytes, &ours.memory, theirs.memory),
            row("memory, a machine with its instance", Unit::Bytes, &ours.memory, limit),
            row(
                "a processor's time, 1000 changes a second",
                Unit::Processor,
                &ours.work,
                theirs.work,
            ),
            row(
                "the same known after the last change",
                Unit::Seconds,
                &ours.converge,
                theirs.converge,
            ),
            row("the same known after a list anew", Unit::Seconds, &ours.relist, theirs.relist),
        ],
        notes: notes(),
    })
}

fn notes() -> Vec<String> {
    vec![
        "The cluster is the test double: a process of its own with real connections, without TLS, on \
         the same processors. Each of its machines has an instance, so twice as many objects are \
         followed; the driver follows nodes as well."
            .into(),
        "the driver: what hostlerd has in it, alone in a process, from the kubeconfig to an inventory \
         of all machines, mapped. plain loop: kube-rs' `Api::list` in pages of 500 and `Api::watch`, \
         into a map of dynamic objects; it maps nothing, tells nobody and asks for nothing else."
            .into(),
        format!(
            "Changes are new descriptions of one machine after the other, {CHANGES_A_SECOND} a second \
             for {SECONDS} s; the processor's time is that of the follower meanwhile. Known is what a \
             digest of all names and descriptions says, asked of the cluster and of the follower: all \
             were equal in the end, or there would be no row. Asking makes the driver map all machines, \
             which is in the time."
        ),
        format!(
            "A list anew: in the middle of further changes, for {} s, the cluster forgets its history \
             and ends every watch with 410; time is from the last of these changes until both know the \
             same.",
            relist_seconds(SECONDS)
        ),
        format!(
            "Memory is what is private to the process after the first list, less that with one machine, \
             by machines. limit: {} KiB.",
            MEMORY_LIMIT / 1024.0
        ),
    ]
}

fn follow_one(
    settings: &Settings,
    double: &Path,
    follow: &Path,
    who: &str,
    measured: &mut Measured,
) -> Result<()> {
    let machines = settings.sized(MACHINES, 200);
    let alone = {
        let scratch = Scratch::new("cluster-one")?;
        let _cluster = Talker::cluster(double, scratch.path(), 1)?;
        let mut follower = Talker::follower(follow, scratch.path(), who)?;
        follower.listed(1)?;
        memory::private(follower.process.id())?
    };
    let scratch = Scratch::new("cluster")?;
    let mut cluster = Talker::cluster(double, scratch.path(), machines)?;
    let mut follower = Talker::follower(follow, scratch.path(), who)?;
    measured.list.add(follower.listed(machines)?);
    let pid = follower.process.id();
    measured.memory.add((memory::private(pid)? - alone) / machines as f64);

    let per_second = settings.sized(CHANGES_A_SECOND, 100);
    let seconds = settings.sized(SECONDS, 6);
    let (worked, watch) = (cpu::of(pid)?, Stopwatch::start());
    cluster.say(&format!("churn {per_second} {seconds}"))?;
    let done = cluster.answer("churned")?;
    measured.work.add((cpu::of(pid)? - worked) / watch.elapsed().as_secs_f64());
    check_done(&done, per_second, seconds)?;
    measured.converge.add(until_equal(&mut cluster, &mut follower)?);

    cluster.say(&format!("churn {per_second} {}", relist_seconds(seconds)))?;
    thread::sleep(Duration::from_secs(1));
    cluster.say("relist")?;
    cluster.answer("relisting")?;
    cluster.answer("churned")?;
    measured.relist.add(until_equal(&mut cluster, &mut follower)?);
    Ok(())
}

/// How long the changes go on in the middle of which a list anew is wanted: longer than it takes
/// to ask for it, also in a trial.
fn relist_seconds(seconds: usize) -> usize {
    (seconds / 6).max(3)
}

/// Whether all changes were made, and in their time: slower ones are no measure of so many a
/// second.
fn check_done(told: &str, per_second: usize, seconds: usize) -> Result<()> {
    let (count, took) = told.split_once(' ').unwrap_or((told, ""));
    let (Ok(count), Ok(took)) = (count.parse::<usize>(), took.trim().parse::<f64>()) else {
        return Err(Error::new(format!("the cluster told {told:?} of its changes")));
    };
    let wanted = per_second * seconds;
    if count != wanted {
        return Err(Error::new(format!("the cluster made {count} of {wanted} changes")));
    }
    if took > seconds as f64 * SLOWER_AT_MOST {
        let message =
            format!("the cluster took {took:.1} s for {seconds} s of {per_second} changes");
        return Err(Error::new(message));
    }
    Ok(())
}

/// The seconds until both know the same.
fn until_equal(cluster: &mut Talker, follower: &mut Talker) -> Result<f64> {
    let watch = Stopwatch::start();
    cluster.say("digest")?;
    let wanted = cluster.answer("digest")?;
    poll_until(CONVERGE_WITHIN, || {
        follower.say("digest")?;
        match follower.answer("digest")? {
            known if known == wanted => Ok(()),
            known => Err(Error::new(format!("{known} is known where {wanted} is so"))),
        }
    })?;
    Ok(watch.elapsed().as_secs_f64())
}

/// A program that is told by lines, and answers by lines. Ended when dropped.
struct Talker {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Talker {
    fn start(command: &mut Command) -> Result<Talker> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let gone = || Error::new("a program without input and output");
        let input = process.stdin.take().ok_or_else(gone)?;
        let output = BufReader::new(process.stdout.take().ok_or_else(gone)?).lines();
        Ok(Talker { process, input, output })
    }

    /// A cluster with so many machines that run; its kubeconfig is in the folder.
    fn cluster(double: &Path, folder: &Path, machines: usize) -> Result<Talker> {
        let kubeconfig = folder.join("kubeconfig");
        let mut command = Command::new(double);
        let cluster =
            Talker::start(command.arg(&kubeconfig).arg("--vms").arg(machines.to_string()))?;
        let silent = || Error::new("the cluster wrote no kubeconfig");
        poll_until(CONVERGE_WITHIN, || kubeconfig.exists().then_some(()).ok_or_else(silent))?;
        Ok(cluster)
    }

    fn follower(follow: &Path, folder: &Path, who: &str) -> Result<Talker> {
        Talker::start(Command::new(follow).arg(folder.join("kubeconfig")).arg(who))
    }

    fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}")?;
        self.input.flush()?;
        Ok(())
    }

    /// What follows the word on the next line.
    fn answer(&mut self, word: &str) -> Result<String> {
        let line =
            self.output.next().ok_or_else(|| Error::new(format!("ended without {word}")))??;
        let rest = line.strip_prefix(word).map(|rest| rest.trim().to_owned());
        rest.ok_or_else(|| Error::new(format!("{line:?} where {word} was expected")))
    }

    /// The seconds until so many were listed.
    fn listed(&mut self, machines: usize) -> Result<f64> {
        let told = self.answer("listed")?;
        match told.split_once(' ') {
            Some((count, seconds)) if count == machines.to_string() => {
                seconds.parse().map_err(|_| Error::new(format!("no seconds: {told}")))
            }
            _ => Err(Error::new(format!("{machines} machines, and listed were {told}"))),
        }
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e9_changes_that_were_too_few_or_too_slow_are_no_measure() {
        assert!(check_done("60000 60.0", 1_000, 60).is_ok());
        assert!(check_done("60000 63.0", 1_000, 60).is_ok());
        for (told, why) in [
            ("59999 60.0", "59999 of 60000"),
            ("60000 90.2", "took 90.2 s"),
            ("60000", "told \"60000\""),
            ("", "told \"\""),
        ] {
            let message = check_done(told, 1_000, 60).unwrap_err().to_string();
            assert!(message.contains(why), "{message}");
        }
    }
}
