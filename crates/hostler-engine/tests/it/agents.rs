//! Machines that are measured from within, beside a simulated fleet and alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::Timestamp;
use hostler_core::clock::{Clock, SystemClock};
use hostler_core::metrics::{Cost, Labels, Metric, Point};
use hostler_engine::{
    AgentJoin, AgentSettings, AgentState, AgentView, CollectPace, OWN_MACHINE, OwnMachine,
    OwnSource,
};
use hostler_provider::{
    Agent, AgentError, AgentTrouble, Asked, Batch, ContainerRef, Cx, LeftOut, Machine, Measured,
    Metrics, Report, ReportedPass, Result,
};
use hostler_sim::World;

use crate::world::{Lab, Tuning};

async fn lab() -> Lab {
    let interval = Duration::from_millis(100);
    let collect = Some(CollectPace { interval, ..CollectPace::default() });
    Lab::tuned(World::small(1), None, Tuning { collect, ..Tuning::default() }).await
}

/// An agent that tells one container and its machine's load, or fails.
#[derive(Default)]
struct Fake {
    asked: AtomicU64,
    trouble: Mutex<Option<AgentTrouble>>,
}

fn container(name: &str) -> ContainerRef {
    ContainerRef { id: "c1".to_owned(), name: name.to_owned(), engine: "docker" }
}

fn of_kernel(at: Timestamp, load: f64) -> ReportedPass {
    let points = vec![
        Point::labelled(Metric::HostLoad, Labels::one("1m"), load),
        Point::labelled(Metric::HostCpuSecondsTotal, Labels::one("idle"), load * 10.0),
    ];
    let hosts = vec![Measured { of: "whatever".to_owned(), at, points }];
    reported(Asked::Kernel, Cost::Stats, at, Batch { hosts, ..Batch::default() })
}

fn reported(asked: Asked, pass: Cost, at: Timestamp, batch: Batch) -> ReportedPass {
    ReportedPass {
        asked,
        pass,
        interval: Duration::from_secs(1),
        ended_at: Some(at),
        took: Duration::from_millis(1),
        failure: None,
        batch,
    }
}

#[async_trait]
impl Agent for Fake {
    async fn report(&self, _: &Cx) -> Result<Report, AgentError> {
        if let Some(trouble) = *self.trouble.lock().unwrap() {
            return Err(AgentError::new(trouble, "it is as it is"));
        }
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        // Its clock is a day behind.
        let now = SystemClock.now().as_micros() - 86_400_000_000;
        let now = Timestamp::from_micros(now);
        let points = vec![Point::plain(Metric::ContainerCpuSecondsTotal, 1.0)];
        let containers = vec![Measured { of: container("web"), at: now, points }];
        let batch = Batch { containers, ..Batch::default() };
        Ok(Report {
            machine: Machine { name: "m1".to_owned(), ..Machine::default() },
            version: "9.9".to_owned(),
            started_at: now,
            now,
            passes: vec![
                of_kernel(now, asked as f64),
                reported(Asked::Containers("docker"), Cost::Stats, now, batch),
            ],
            left_out: vec![(LeftOut::Twice, 2)],
        })
    }
}

fn settings(interval_ms: u64) -> AgentSettings {
    AgentSettings {
        name: "a1".to_owned(),
        address: "https://m1:9177".to_owned(),
        revision: String::new(),
        interval: Duration::from_millis(interval_ms),
        host: None,
    }
}

fn agent(lab: &Lab, name: &str) -> Option<AgentView> {
    lab.engine.agents().all().into_iter().find(|it| it.name == name)
}

fn state(lab: &Lab) -> Option<AgentState> {
    agent(lab, "a1").map(|it| it.state)
}

/// Labels of a machine, and its load.
type Loaded = (Vec<(String, String)>, Option<f64>);

/// Of machines that no provider has.
fn loads(lab: &Lab) -> Vec<Loaded> {
    let told = lab.engine.metrics().collected().machines.into_iter().map(|it| {
        let labels = it.of.metric_labels().into_iter();
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let points = it.passes.iter().flat_map(|pass| pass.points());
        let load = points.filter(|point| point.metric == Metric::HostLoad).map(|it| it.value);
        (labels, load.last())
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d7_an_agents_machine_and_its_containers_are_told_with_their_labels() {
    let lab = lab().await;
    let fake = Arc::new(Fake::default());
    lab.engine.agents().set(vec![(settings(50), fake.clone())]);
    let has_rate = || {
        let (_, passes) = lab.engine.agents().figures("a1").ok()?;
        passes.iter().find_map(|it| it.reading.as_ref()?.rates.iter().flatten().next().copied())
    };
    lab.until("it is measured, again and again", || has_rate().is_some()).await;
    let simulated = || lab.engine.metrics().collected().hosts.len();
    lab.until("so is the simulated host", || simulated() > 0).await;
    let view = agent(&lab, "a1").unwrap();
    assert_eq!((view.state, &view.join), (AgentState::Ok, &AgentJoin::None), "{view:?}");
    assert_eq!((view.version.as_deref(), view.machine.as_deref()), (Some("9.9"), Some("m1")));
    assert!(view.left_out[&LeftOut::Twice] >= 4, "{view:?}");
    let ahead = view.clock_ahead_seconds.unwrap();
    assert!((-90_000.0..-80_000.0).contains(&ahead), "{ahead}");
    // Whatever its clock says, what it told is as old as it says, by ours.
    let (_, passes) = lab.engine.agents().figures("a1").unwrap();
    let at = passes[0].reading.as_ref().unwrap().at;
    assert!(SystemClock.now().since(at) < Duration::from_secs(3600), "{at:?}");
    let [(labels, Some(_))] = &loads(&lab)[..] else { panic!("{:?}", loads(&lab)) };
    let pairs: Vec<_> = labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(pairs, [("host", "m1"), ("provider", "a1")]);
    let collected = lab.engine.metrics().collected();
    let [web] = &collected.containers[..] else { panic!("{:?}", collected.containers) };
    assert_eq!((web.of.host.as_str(), web.of.container.name.as_str()), ("m1", "web"));
    // D3, X16: it is no VM, and no VM has its figures.
    assert!(collected.vms.iter().all(|it| it.of.name != "web"));
    // X17: the simulated host is no machine, whatever it is called.
    assert_eq!(collected.hosts.len(), 1);
    let of_hosts = collected.hosts[0].passes.iter().flat_map(|pass| pass.points());
    assert!(of_hosts.into_iter().all(|point| point.metric != Metric::HostLoad));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_an_agent_that_is_not_heard_is_told_and_its_values_grow_old() {
    let lab = lab().await;
    let fake = Arc::new(Fake::default());
    lab.engine.agents().set(vec![(settings(50), fake.clone())]);
    lab.until("it is heard", || state(&lab) == Some(AgentState::Ok)).await;
    for trouble in [AgentTrouble::Unreachable, AgentTrouble::Refused, AgentTrouble::Untrusted] {
        *fake.trouble.lock().unwrap() = Some(trouble);
        let told = AgentState::Trouble(trouble);
        lab.until("that is told", || state(&lab) == Some(told)).await;
    }
    let view = agent(&lab, "a1").unwrap();
    assert_eq!(view.reason.as_deref(), Some("it is as it is"));
    assert!(view.sources.iter().all(|it| it.failure.is_some() && it.age.is_some()), "{view:?}");
    let (_, passes) = lab.engine.agents().figures("a1").unwrap();
    assert!(passes.iter().all(|it| !it.is_reached && it.reading.is_some()));
    *fake.trouble.lock().unwrap() = None;
    lab.until("it is heard again", || state(&lab) == Some(AgentState::Ok)).await;
    let reached = || {
        let (_, passes) = lab.engine.agents().figures("a1").ok()?;
        Some(passes.iter().all(|it| it.is_reached))
    };
    lab.until("and what it tells is new", || reached() == Some(true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x20_agents_come_and_go_while_the_server_runs() {
    let lab = lab().await;
    let (first, second) = (Arc::new(Fake::default()), Arc::new(Fake::default()));
    lab.engine.agents().set(vec![(settings(50), first.clone())]);
    lab.until("it is heard", || state(&lab) == Some(AgentState::Ok)).await;
    // The same again changes nothing: the one that runs goes on.
    lab.engine.agents().set(vec![(settings(50), second.clone())]);
    assert_eq!(state(&lab), Some(AgentState::Ok));
    assert_eq!(second.asked.load(Ordering::Relaxed), 0);
    lab.engine.agents().set(vec![(settings(60), second.clone())]);
    lab.until("another is asked", || second.asked.load(Ordering::Relaxed) > 0).await;
    lab.engine.agents().set(Vec::new());
    assert_eq!(agent(&lab, "a1"), None);
    assert!(lab.engine.metrics().collected().machines.is_empty());
    assert!(lab.engine.agents().figures("a1").is_err());
    assert!(lab.engine.metrics().collected().containers.is_empty(), "nothing of it is held");
}

/// Tells the machine's load.
struct Load;

#[async_trait]
impl Metrics for Load {
    fn passes(&self) -> &'static [Cost] {
        &[Cost::Stats]
    }

    async fn collect(&self, cx: &Cx, _: Cost) -> Result<Batch> {
        Ok(of_kernel(cx.now(), 0.5).batch)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_a_server_measures_its_own_machine_without_an_agent() {
    let lab = lab().await;
    let interval = Duration::from_millis(50);
    lab.engine.agents().measure_own(OwnMachine {
        machine: Machine { name: "here".to_owned(), ..Machine::default() },
        sources: vec![OwnSource { asked: Asked::Kernel, metrics: Arc::new(Load), interval }],
        is_here: |_| false,
    });
    lab.until("it is measured", || loads(&lab).iter().any(|(_, load)| *load == Some(0.5))).await;
    let view = agent(&lab, OWN_MACHINE).unwrap();
    assert!(view.is_own && view.state == AgentState::Ok, "{view:?}");
    // Agents that are configured anew leave it alone.
    lab.engine.agents().set(Vec::new());
    assert!(agent(&lab, OWN_MACHINE).is_some());
}
