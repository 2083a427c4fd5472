//! Alerts from a rule to a receiver, by a clock that the test moves: what is
//! measured is put into the history by hand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_core::alert::group::Why;
use hostler_core::alert::inhibit::InhibitRule;
use hostler_core::alert::notice::{Notice, NoticeAlert, Status, Undelivered};
use hostler_core::alert::route::{self, Route};
use hostler_core::alert::rule::{Rule, RuleFile, RuleGroup};
use hostler_core::alert::state::Cause;
use hostler_core::alert::{LabelSet, Period};
use hostler_core::clock::{Clock, ManualClock, SystemClock};
use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_core::{Code, Timestamp};
use hostler_engine::promql::Value;
use hostler_engine::{
    AgentSettings, AlertReceiver, AlertView, AlertingConfig, Answer, Deliver, NewSilence,
    RuleHealth, RuleSource, SilencedFor, When, check_rules,
};
use hostler_provider::{Agent, AgentError, AgentTrouble, Cx, Report};
use hostler_sim::World;
use hostler_store::history::{Archive, Options};
use hostler_store::{AlertChange, AlertChangeFilter};

use crate::world::{Lab, PATIENCE, Tuning, admin, foreign};

/// Who is told, and what happens then.
#[derive(Default)]
struct Ops {
    told: Mutex<Vec<Notice>>,
    fails: Mutex<VecDeque<Undelivered>>,
    /// Whether it wants to be told again all the time, and never takes it.
    forgets: AtomicBool,
}

#[async_trait::async_trait]
impl Deliver for Ops {
    async fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        self.told.lock().unwrap().push(notice.clone());
        self.fails.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }

    fn refresh_interval(&self) -> Option<Duration> {
        self.forgets.load(Ordering::Relaxed).then_some(Duration::from_millis(10))
    }

    async fn refresh(&self, _: &[NoticeAlert]) -> Result<(), Undelivered> {
        Err(Undelivered::for_now("it forgot"))
    }
}

impl Ops {
    fn told(&self) -> Vec<Notice> {
        self.told.lock().unwrap().clone()
    }
}

/// A lab whose time stands still but where the test moves it.
struct Watch {
    lab: Lab,
    archive: Archive,
    clock: ManualClock,
    ops: Arc<Ops>,
    rules: Vec<Rule>,
    _directory: tempfile::TempDir,
}

fn alert(name: &str, expression: &str, severity: &str) -> Rule {
    Rule {
        alert: Some(name.into()),
        expr: expression.into(),
        labels: [("severity".into(), severity.into())].into(),
        annotations: [("summary".into(), "{{ $labels.vm }} at {{ $value }}".into())].into(),
        ..Rule::default()
    }
}

/// Fires when a VM has been hot for half a minute.
fn hot() -> Rule {
    Rule { hold: Some(Period::seconds(30)), ..alert("Hot", "temperature > 50", "warning") }
}

impl Watch {
    async fn over(world: World, rules: Vec<Rule>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::open(&directory.path().join("history"), Options::default()).unwrap();
        let clock = ManualClock::at(SystemClock.now());
        let tuning = Tuning {
            clock: Arc::new(clock.clone()),
            history: Some(archive.clone()),
            ..Tuning::default()
        };
        let lab = Lab::tuned(world, None, tuning).await;
        let ops = Arc::new(Ops::default());
        let watch = Self { lab, archive, clock, ops, rules, _directory: directory };
        watch.configure().await;
        watch
    }

    async fn new(rules: Vec<Rule>) -> Self {
        Self::over(World::small(1), rules).await
    }

    fn config(&self) -> AlertingConfig {
        let group = RuleGroup {
            name: "tests".into(),
            interval: Some(Period::seconds(15)),
            query_offset: None,
            limit: None,
            rules: self.rules.clone(),
        };
        let groups = check_rules(&RuleFile { groups: vec![group] }).unwrap();
        let root = Route {
            receiver: Some("ops".into()),
            group_by: Some(vec!["alertname".into()]),
            group_wait: Some(Period::ZERO),
            group_interval: Some(Period::seconds(60)),
            ..Route::default()
        };
        let receiver = AlertReceiver { kind: "test", delivery: self.ops.clone() };
        AlertingConfig {
            rules: vec![RuleSource { name: "test.yaml".into(), groups }],
            routes: Some(route::check(&root, &["ops".to_owned()].into()).unwrap()),
            inhibit: vec![InhibitRule {
                source_matchers: vec!["severity=\"critical\"".parse().unwrap()],
                target_matchers: vec!["severity=\"warning\"".parse().unwrap()],
                equal: vec!["host".into()],
            }],
            receivers: [("ops".to_owned(), receiver)].into(),
            server_url: Some("https://hostler.example".into()),
        }
    }

    async fn configure(&self) {
        self.lab.engine.alerts().configure(self.config()).await.unwrap();
    }

    /// Measures these now.
    fn measure(&self, some: &[(&str, f64)]) {
        let key = |vm: &str| SeriesKey::new("temperature", [("vm", vm), ("host", "h1")]).unwrap();
        let at_ms = self.clock.now().as_millis();
        let batch: Vec<_> =
            some.iter().map(|(vm, value)| (key(vm), Sample { at_ms, value: *value })).collect();
        let appended = self.archive.append(at_ms, &batch).unwrap();
        assert_eq!(appended.written, batch.len() as u64, "{appended:?}");
    }

    /// A quarter of a minute later, measures these, and evaluates.
    async fn next(&self, some: &[(&str, f64)]) {
        self.clock.advance(Duration::from_secs(15));
        self.measure(some);
        self.lab.engine.alerts().evaluate_now().await;
    }

    async fn rounds(&self, count: usize, some: &[(&str, f64)]) {
        for _ in 0..count {
            self.next(some).await;
        }
    }

    fn alerts(&self) -> Vec<AlertView> {
        self.lab.engine.alerts().list().unwrap()
    }

    /// The alerts there are: name, VM, and whether it fires.
    fn present(&self) -> Vec<(String, String, bool)> {
        let of = |view: &AlertView| {
            let labels = &view.instance.labels;
            let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
            (label("alertname"), label("vm"), view.instance.is_firing())
        };
        self.alerts().iter().map(of).collect()
    }

    /// What happened, oldest first.
    async fn happened(&self) -> Vec<(AlertChange, Option<Cause>)> {
        let all = AlertChangeFilter::default();
        let mut rows = self.lab.engine.alerts().history(None, &all, 100).await.unwrap();
        rows.reverse();
        rows.into_iter().map(|row| (row.change, row.told.cause)).collect()
    }

    /// Waits until so many notices were tried.
    async fn told(&self, count: usize) -> Vec<Notice> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let told = self.ops.told();
            if told.len() >= count {
                assert_eq!(told.len(), count, "{told:#?}");
                return told;
            }
            assert!(tokio::time::Instant::now() < deadline, "only {told:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until nothing waits in the outbox.
    async fn delivered(&self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.lab.store.notices_waiting().await.unwrap().is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "something still waits");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many tries have failed: the next is counted from then.
    async fn failed(&self, count: u64) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.lab.engine.alerts().receivers().await.unwrap()[0].failed != count {
            assert!(tokio::time::Instant::now() < deadline, "it never fails so often");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn restart(&mut self) {
        self.lab.restart().await;
        self.configure().await;
    }

    async fn query(&self, text: &str) -> Vec<(LabelSet, f64)> {
        let at = When::At(self.clock.now());
        match self.lab.engine.metrics().query(text, at).await.unwrap() {
            Answer::Instant(Value::Vector(points)) => points
                .iter()
                .map(|it| {
                    let labels = it.labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
                    (labels.collect::<BTreeMap<_, _>>(), it.value)
                })
                .collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn row(name: &str, vm: &str, fires: bool) -> (String, String, bool) {
    (name.into(), vm.into(), fires)
}

#[tokio::test]
async fn c25c_an_alert_waits_fires_is_told_and_is_over() {
    let watch = Watch::new(vec![hot()]).await;
    watch.next(&[("web", 60.0), ("db", 20.0)]).await;
    assert_eq!(watch.present(), [row("Hot", "web", false)]);
    watch.next(&[("web", 61.0), ("db", 20.0)]).await;
    assert!(watch.ops.told().is_empty(), "it is pending");
    watch.next(&[("web", 62.0), ("db", 20.0)]).await;
    assert_eq!(watch.present(), [row("Hot", "web", true)]);
    let since = watch.clock.now();
    let told = watch.told(1).await.remove(0);
    assert_eq!((told.receiver.as_str(), told.status, told.why), ("ops", Status::Firing, Why::New));
    let one = &told.alerts[0];
    assert_eq!((one.summary(), one.severity(), one.starts_at), ("web at 62", "warning", since));
    let view = watch.alerts().remove(0);
    assert_eq!(one.id, view.id);
    assert_eq!(one.link, Some(format!("https://hostler.example/alerts/{}", view.id)));
    assert_eq!(view.receivers, ["ops".to_owned()].into());
    assert_eq!(view.source, "test.yaml");
    // Cool again; the interval of the group keeps the news back for a while.
    watch.next(&[("web", 40.0), ("db", 20.0)]).await;
    assert_eq!(watch.present(), []);
    let over = watch.clock.now();
    watch.rounds(2, &[("web", 40.0), ("db", 20.0)]).await;
    assert_eq!(watch.ops.told().len(), 1);
    watch.next(&[("web", 40.0), ("db", 20.0)]).await;
    let told = watch.told(2).await.remove(1);
    assert_eq!((told.status, told.alerts[0].ends_at), (Status::Resolved, Some(over)));
    assert_eq!(told.group_key, watch.ops.told()[0].group_key);
    watch.delivered().await;
    let wanted = [(AlertChange::Fired, None), (AlertChange::Resolved, Some(Cause::Over))];
    assert_eq!(watch.happened().await, wanted);
    assert_eq!(
        (watch.lab.told("alert.fired").await, watch.lab.told("alert.resolved").await),
        (1, 1)
    );
    // Nothing is left of it.
    let stored = watch.lab.store.alerts().await.unwrap();
    assert_eq!((stored.instances.len(), stored.ended.len(), stored.groups.len()), (0, 0, 0));
}

/// What is said of alerting: the metric, its labels, and the value.
async fn figures(watch: &Watch) -> BTreeMap<String, f64> {
    let metrics = watch.lab.engine.metrics();
    let said = metrics.said(&metrics.collected(), &metrics.stored().await);
    let points = said.iter().flat_map(|it| &it.points);
    let told = points.map(|point| {
        let labels = point.labels.values().join(",");
        (format!("{} {labels}", point.metric.family().name), point.value)
    });
    let is_ours = |name: &str| name.contains("_alert") || name.contains("_receiver_");
    told.filter(|(name, _)| is_ours(name)).collect()
}

#[tokio::test]
async fn d22_how_alerting_goes_is_told_as_metrics() {
    let broken = alert("Broken", "temperature * on (vm) group_left power", "info");
    let watch = Watch::new(vec![hot(), broken]).await;
    let told = figures(&watch).await;
    let value = |told: &BTreeMap<String, f64>, name: &str| told.get(name).copied();
    assert_eq!(value(&told, "hostler_alert_rules alert"), Some(2.0), "{told:?}");
    assert_eq!(value(&told, "hostler_alert_rules record"), Some(0.0));
    assert_eq!(value(&told, "hostler_receiver_failing ops"), None, "it was not tried yet");
    assert_eq!(value(&told, "hostler_receiver_notices_waiting ops"), Some(0.0));
    watch.ops.fails.lock().unwrap().push_back(Undelivered::for_now("away"));
    // Two rows with the same labels on the one side: an evaluation that fails.
    let power =
        |socket: &str| SeriesKey::new("power", [("vm", "web"), ("socket", socket)]).unwrap();
    for _ in 0..3 {
        watch.clock.advance(Duration::from_secs(15));
        let at_ms = watch.clock.now().as_millis();
        let both = ["1", "2"].map(|socket| (power(socket), Sample { at_ms, value: 1.0 }));
        watch.archive.append(at_ms, &both).unwrap();
        watch.measure(&[("web", 60.0), ("db", 20.0)]);
        watch.lab.engine.alerts().evaluate_now().await;
    }
    watch.failed(1).await;
    let told = figures(&watch).await;
    // The group's own loop may have evaluated it as well.
    let made = value(&told, "hostler_alert_evaluations_total ").unwrap();
    let failed = value(&told, "hostler_alert_evaluations_failed_total ").unwrap();
    assert!(made >= 6.0 && (3.0..made).contains(&failed), "{told:?}");
    assert!(value(&told, "hostler_alert_evaluation_seconds_total ").is_some_and(|it| it > 0.0));
    assert_eq!(value(&told, "hostler_alerts firing"), Some(1.0));
    assert_eq!(value(&told, "hostler_alerts pending"), Some(0.0));
    let of_receiver = |told: &BTreeMap<String, f64>| {
        let metrics = ["tries_failed_total", "notices_sent_total", "failing", "notices_waiting"];
        metrics.map(|metric| value(told, &format!("hostler_receiver_{metric} ops")).unwrap())
    };
    assert_eq!(of_receiver(&told), [1.0, 0.0, 1.0, 1.0]);
    // It answers again.
    watch.clock.advance(Duration::from_secs(6));
    watch.told(2).await;
    watch.delivered().await;
    assert_eq!(of_receiver(&figures(&watch).await), [1.0, 1.0, 0.0, 0.0]);
    // One that will never be taken is lost.
    watch.ops.fails.lock().unwrap().push_back(Undelivered::for_good("no such channel"));
    watch.rounds(8, &[("web", 20.0), ("db", 20.0)]).await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while watch.lab.engine.alerts().receivers().await.unwrap()[0].lost == 0 {
        assert!(tokio::time::Instant::now() < deadline, "it is never given up");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = figures(&watch).await;
    // It is not tried again: lost, and nobody knows whether the next one will be.
    assert_eq!(of_receiver(&told), [2.0, 1.0, 0.0, 0.0]);
    assert_eq!(value(&told, "hostler_receiver_notices_lost_total ops"), Some(1.0));
}

#[tokio::test]
async fn who_could_not_be_told_again_fails_no_longer_than_something_fires() {
    let watch = Watch::new(vec![alert("Hot", "temperature > 50", "warning")]).await;
    watch.ops.forgets.store(true, Ordering::Relaxed);
    watch.configure().await;
    watch.next(&[("web", 60.0)]).await;
    watch.told(1).await;
    let failing = async |wanted: f64| {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while figures(&watch).await.get("hostler_receiver_failing ops") != Some(&wanted) {
            assert!(tokio::time::Instant::now() < deadline, "failing never becomes {wanted}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    failing(1.0).await;
    // It is over; that is not told yet, since the group was told something just now.
    watch.next(&[("web", 40.0)]).await;
    failing(0.0).await;
    assert_eq!(watch.ops.told().len(), 1);
}

#[tokio::test]
async fn c25_neither_waiting_nor_firing_begins_anew_after_a_restart() {
    let mut watch = Watch::new(vec![hot()]).await;
    watch.rounds(2, &[("web", 60.0)]).await;
    watch.restart().await;
    assert_eq!(watch.present(), [row("Hot", "web", false)], "known before anything is evaluated");
    // The time in which nobody watched does not count.
    watch.clock.advance(Duration::from_secs(3600));
    watch.next(&[("web", 60.0)]).await;
    assert_eq!(watch.present(), [row("Hot", "web", false)]);
    watch.next(&[("web", 60.0)]).await;
    assert_eq!(watch.present(), [row("Hot", "web", true)], "15 s of before count");
    let since = watch.clock.now();
    watch.told(1).await;
    watch.delivered().await;
    watch.restart().await;
    assert_eq!(watch.alerts()[0].instance.firing_since, Some(since));
    watch.rounds(8, &[("web", 60.0)]).await;
    assert_eq!(watch.alerts()[0].instance.firing_since, Some(since));
    watch.told(1).await;
    assert_eq!(watch.happened().await, [(AlertChange::Fired, None)], "told once");
    // It ends while nobody watches.
    watch.lab.engine.shutdown().await;
    watch.restart().await;
    watch.next(&[("web", 10.0)]).await;
    let told = watch.told(2).await.remove(1);
    assert_eq!(told.status, Status::Resolved);
}

#[tokio::test]
async fn x17_a_gap_in_what_is_measured_ends_no_alert() {
    let rate = "rate(temperature[5m]) >= 0 and temperature > 50";
    let watch = Watch::new(vec![hot(), alert("Rate", rate, "info")]).await;
    watch.rounds(4, &[("web", 60.0), ("db", 60.0)]).await;
    let firing = [
        row("Hot", "db", true),
        row("Hot", "web", true),
        row("Rate", "db", true),
        row("Rate", "web", true),
    ];
    assert_eq!(watch.present(), firing);
    // Nothing is measured of one of them; for a while the last value counts.
    watch.rounds(40, &[("web", 60.0)]).await;
    assert_eq!(watch.present(), firing);
    let db: Vec<_> =
        watch.alerts().into_iter().filter(|it| it.instance.labels["vm"] == "db").collect();
    assert!(db.iter().all(|it| it.instance.no_data_since.is_some()), "{db:#?}");
    // Nothing at all is: the rule says so.
    watch.rounds(40, &[]).await;
    assert_eq!(watch.present(), firing);
    let health = |watch: &Watch| watch.lab.engine.alerts().rules().unwrap()[0].health.clone();
    assert_eq!(health(&watch), RuleHealth::NoData);
    // It is measured again, and is known to be over.
    watch.rounds(2, &[("web", 60.0), ("db", 20.0)]).await;
    assert_eq!(watch.present(), [row("Hot", "web", true), row("Rate", "web", true)]);
    assert_eq!(health(&watch), RuleHealth::Ok);
    // An hour without data is too long to go on saying so: after the five minutes in which
    // the last value counts, and from the round that first found nothing.
    watch.rounds(20 + 1 + 4 * 60, &[]).await;
    assert_eq!(watch.present(), []);
    let causes: Vec<_> = watch.happened().await.into_iter().filter_map(|it| it.1).collect();
    assert_eq!(causes, [Cause::Over, Cause::Over, Cause::NoData, Cause::NoData]);
}

#[tokio::test]
async fn an_alert_of_a_vm_that_is_known_to_be_gone_is_over() {
    let world = World::small(1);
    let vm = foreign(&world, "web");
    let watch = Watch::over(world, vec![alert("Hot", "temperature > 50", "warning")]).await;
    let vms = watch.lab.engine.vms().list(&hostler_core::query::ListRequest::first(9)).items;
    let id = vms[0].id;
    let measure = |value: f64| {
        let key = SeriesKey::new("temperature", [("vm_id", id.to_string())]).unwrap();
        let at_ms = watch.clock.now().as_millis();
        watch.archive.append(at_ms, &[(key, Sample { at_ms, value })]).unwrap();
    };
    measure(60.0);
    watch.lab.engine.alerts().evaluate_now().await;
    assert_eq!(watch.alerts().len(), 1);
    // Ten minutes without a sample: unknown, as long as the VM may be there.
    watch.rounds(40, &[]).await;
    assert_eq!(watch.alerts().len(), 1);
    watch.lab.world.vanish_vm(&vm);
    watch.lab.until("the VM is gone", || watch.lab.engine.vms().get(id).is_err()).await;
    watch.next(&[]).await;
    assert_eq!(watch.alerts(), []);
    let last = watch.happened().await.pop().unwrap();
    assert_eq!(last, (AlertChange::Resolved, Some(Cause::Over)));
}

/// An agent that nobody hears.
struct Deaf;

#[async_trait::async_trait]
impl Agent for Deaf {
    async fn report(&self, _: &Cx) -> Result<Report, AgentError> {
        Err(AgentError::new(AgentTrouble::Unreachable, "nobody is there"))
    }
}

#[tokio::test]
async fn c25_an_alert_of_a_machine_that_has_fallen_silent_is_not_over() {
    let own = [("severity".into(), "warning".into()), ("provider".into(), "none".into())];
    let named = Rule { labels: own.into(), ..alert("Named", "temperature > 50", "warning") };
    let watch = Watch::new(vec![alert("Hot", "temperature > 50", "warning"), named]).await;
    let settings = AgentSettings {
        name: "a1".into(),
        address: "a1:9177".into(),
        revision: String::new(),
        interval: Duration::from_secs(60),
        host: None,
    };
    watch.lab.engine.agents().set(vec![(settings, Arc::new(Deaf))]);
    // A machine that is no host of a provider is told under its agent's name.
    let key = SeriesKey::new("temperature", [("host", "m1"), ("provider", "a1")]).unwrap();
    let at_ms = watch.clock.now().as_millis();
    watch.archive.append(at_ms, &[(key, Sample { at_ms, value: 60.0 })]).unwrap();
    watch.lab.engine.alerts().evaluate_now().await;
    assert_eq!(watch.alerts().len(), 2);
    watch.rounds(40, &[]).await;
    assert_eq!(watch.alerts().len(), 2, "not to know is not to be well");
    // Nobody of this name is configured any more: then it is; whose series an alert was of
    // that says another provider itself, nobody can tell.
    watch.lab.engine.agents().set(Vec::new());
    watch.next(&[]).await;
    let left: Vec<_> = watch.present().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(left, ["Named"]);
}

#[tokio::test]
async fn an_alert_that_two_rules_raise_is_over_when_neither_does() {
    let empty = ("team".into(), "{{ $labels.nothing }}".into());
    let mut other = alert("Hot", "temperature > 70", "warning");
    other.labels.extend([empty]);
    let two = [alert("Hot", "temperature > 50", "warning"), other];
    let watch = Watch::new(two.into()).await;
    watch.next(&[("web", 80.0)]).await;
    let id = watch.alerts()[0].id.clone();
    assert_eq!(watch.alerts().len(), 1);
    watch.lab.engine.alerts().acknowledge(&admin(), &id, "I look").await.unwrap();
    // One of them ends, and the alert goes on, with who cares for it.
    watch.next(&[("web", 60.0)]).await;
    assert!(watch.alerts()[0].acknowledged.is_some());
    watch.next(&[("web", 40.0)]).await;
    let happened: Vec<_> = watch.happened().await.into_iter().map(|(change, _)| change).collect();
    assert_eq!(happened, [AlertChange::Fired, AlertChange::Acknowledged, AlertChange::Resolved]);
}

#[tokio::test]
async fn c25_a_receiver_that_fails_is_told_again_the_same_also_after_a_restart() {
    let mut watch = Watch::new(vec![alert("Hot", "temperature > 50", "warning")]).await;
    let away = || Undelivered::for_now("nobody is there");
    watch.ops.fails.lock().unwrap().extend([away(), away()]);
    watch.next(&[("web", 60.0)]).await;
    watch.told(1).await;
    watch.failed(1).await;
    let view = watch.lab.engine.alerts().receivers().await.unwrap().remove(0);
    assert_eq!((view.waiting, view.delivered), (1, 0));
    // Not before its time, whatever wakes.
    watch.lab.engine.alerts().evaluate_now().await;
    assert_eq!(watch.ops.told().len(), 1);
    watch.clock.advance(Duration::from_secs(5));
    watch.told(2).await;
    watch.failed(2).await;
    watch.restart().await;
    watch.clock.advance(Duration::from_secs(10));
    let told = watch.told(3).await;
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
    watch.delivered().await;
    let view = watch.lab.engine.alerts().receivers().await.unwrap().remove(0);
    assert_eq!((view.waiting, view.delivered, view.failure), (0, 1, None));
}

#[tokio::test]
async fn a_notice_that_will_never_be_taken_is_given_up_and_told() {
    let watch = Watch::new(vec![alert("Hot", "temperature > 50", "warning")]).await;
    let refused = Undelivered::for_good("there is no such channel");
    watch.ops.fails.lock().unwrap().push_back(refused);
    watch.next(&[("web", 60.0)]).await;
    watch.told(1).await;
    watch.delivered().await;
    watch.failed(1).await;
    assert_eq!(watch.lab.told("alert.notice_lost").await, 1);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let view = loop {
        let view = watch.lab.engine.alerts().receivers().await.unwrap().remove(0);
        if view.lost == 1 {
            break view;
        }
        assert!(tokio::time::Instant::now() < deadline, "{view:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(view.failure.as_deref(), Some("there is no such channel"));
}

#[tokio::test]
async fn c25_what_is_acknowledged_is_not_repeated_and_its_end_is_told() {
    let watch = Watch::new(vec![alert("Hot", "temperature > 50", "warning")]).await;
    watch.next(&[("web", 60.0)]).await;
    watch.told(1).await;
    let id = watch.alerts()[0].id.clone();
    let alerts = watch.lab.engine.alerts();
    let seen = alerts.acknowledge(&admin(), &id, "on it").await.unwrap().acknowledged.unwrap();
    assert_eq!((seen.by.as_str(), seen.comment.as_str()), ("system", "on it"));
    watch.clock.advance(Duration::from_secs(5 * 3600));
    watch.next(&[("web", 60.0)]).await;
    watch.delivered().await;
    assert_eq!(watch.ops.told().len(), 1, "four hours are over, and somebody cares");
    alerts.unacknowledge(&admin(), &id).await.unwrap();
    watch.next(&[("web", 60.0)]).await;
    assert_eq!(watch.told(2).await[1].why, Why::Repeat);
    alerts.acknowledge(&admin(), &id, "").await.unwrap();
    watch.rounds(5, &[("web", 10.0)]).await;
    assert_eq!(watch.told(3).await[2].status, Status::Resolved);
    assert_eq!(watch.lab.store.alerts().await.unwrap().acknowledgements, []);
    let gone = alerts.acknowledge(&admin(), &id, "").await.unwrap_err();
    assert_eq!(gone.code(), Code::AlertNotFound);
    // Another episode is another matter.
    watch.next(&[("web", 60.0)]).await;
    assert_eq!(watch.alerts()[0].acknowledged, None);
}

#[tokio::test]
async fn c25_what_is_silenced_fires_unheard_until_the_silence_ends() {
    let watch = Watch::new(vec![alert("Hot", "temperature > 50", "warning")]).await;
    let alerts = watch.lab.engine.alerts();
    let now = watch.clock.now();
    let of = |matcher: &str| SilencedFor::Matchers(vec![matcher.parse().unwrap()]);
    let new = |of, ends_at: Timestamp| NewSilence {
        of,
        starts_at: now,
        ends_at,
        comment: "a new disk".into(),
    };
    let later = now.plus(Duration::from_secs(3600));
    let made = alerts.silence_for(&admin(), new(of("vm=\"web\""), later)).await.unwrap();
    watch.next(&[("web", 60.0), ("db", 60.0)]).await;
    let told = watch.told(1).await.remove(0);
    let vms: Vec<_> = told.alerts.iter().map(|it| it.labels["vm"].as_str()).collect();
    assert_eq!(vms, ["db"]);
    let web = watch.alerts().into_iter().find(|it| it.instance.labels["vm"] == "web").unwrap();
    assert_eq!((web.silenced_by.as_slice(), alerts.silences()[0].silences), (&[made.id][..], 1));
    alerts.expire_silence(&admin(), made.id).await.unwrap();
    alerts.expire_silence(&admin(), made.id).await.unwrap();
    watch.rounds(4, &[("web", 60.0), ("db", 60.0)]).await;
    assert_eq!(watch.told(2).await[1].alerts.len(), 2);
    assert_eq!(watch.lab.told("silence.expired").await, 1);
    for (bad, why) in [
        (new(of("vm=~\".*\""), later), "/matchers"),
        (new(of("vm=\"x\""), now), "/ends_at"),
        (new(of("vm=\"x\""), now.plus(Duration::from_secs(400 * 86_400))), "/ends_at"),
    ] {
        let refused = alerts.silence_for(&admin(), bad).await.unwrap_err();
        assert_eq!(refused.fault_list()[0].pointer, why);
    }
    let one = new(SilencedFor::Alert(web.id), later.plus(Duration::from_secs(60)));
    assert_eq!(alerts.silence_for(&admin(), one).await.unwrap().silence.matchers.len(), 4);
}

#[tokio::test]
async fn a_consequence_is_not_told_while_its_cause_is() {
    let down = alert("Down", "temperature{vm=\"db\"} > 90", "critical");
    let watch = Watch::new(vec![alert("Hot", "temperature > 50", "warning"), down]).await;
    watch.next(&[("web", 60.0), ("db", 95.0)]).await;
    let told = watch.told(1).await.remove(0);
    assert_eq!(told.alerts.iter().map(|it| it.name()).collect::<Vec<_>>(), ["Down"]);
    let views = watch.alerts();
    assert_eq!(watch.present()[0], row("Down", "db", true), "the gravest first");
    assert!(views[1..].iter().all(|it| it.inhibited_by.as_deref() == Some(&*views[0].id)));
}

#[tokio::test]
async fn d22_what_rules_compute_is_kept_and_may_be_used_by_those_after_them() {
    let record = Rule {
        record: Some("host:temperature:max".into()),
        expr: "max by (host) (temperature)".into(),
        labels: [("made_by".into(), "rule".into())].into(),
        ..Rule::default()
    };
    let warm = alert("Warm", "host:temperature:max > 50", "info");
    let watch = Watch::new(vec![record, warm]).await;
    watch.next(&[("web", 60.0), ("db", 70.0)]).await;
    let kept = watch.query("host:temperature:max").await;
    assert_eq!((kept.len(), kept[0].1, kept[0].0["made_by"].as_str()), (1, 70.0, "rule"));
    assert_eq!(watch.present(), [row("Warm", "", true)]);
    let said = watch.query("ALERTS{alertname=\"Warm\"}").await;
    assert_eq!((said[0].0["alertstate"].as_str(), said[0].1), ("firing", 1.0));
    watch.next(&[("web", 20.0), ("db", 20.0)]).await;
    assert_eq!(watch.query("ALERTS").await, [], "ended at once, not five minutes later");
    let rules = watch.lab.engine.alerts().rules().unwrap();
    assert_eq!((rules[0].written, &rules[0].health), (1, &RuleHealth::Ok));
}

#[tokio::test]
async fn a_rule_that_fails_says_so_and_changes_nothing() {
    let bad = "temperature > on (host) group_left () max by (host) (temperature) - 1 and temperature > 50";
    let watch = Watch::new(vec![
        alert("Hot", "temperature > 50", "warning"),
        alert(
            "Twice",
            "sum by (host) (temperature) > 50 or sum by (vm) (temperature) > 50",
            "info",
        ),
        alert("Bad", bad, "info"),
    ])
    .await;
    watch.next(&[("web", 60.0)]).await;
    let healths: Vec<_> =
        watch.lab.engine.alerts().rules().unwrap().into_iter().map(|it| it.health).collect();
    assert_eq!(healths[0], RuleHealth::Ok);
    assert!(!watch.lab.engine.alerts().freshness().0, "{healths:?}");
    // Two series that are one where they have no host.
    let key = |vm: &str| SeriesKey::new("temperature", [("vm", vm), ("host", "h2")]).unwrap();
    let at_ms = watch.clock.now().as_millis();
    let both = ["a", "b"].map(|vm| (key(vm), Sample { at_ms, value: 60.0 }));
    watch.archive.append(at_ms, &both).unwrap();
    let mut rules = watch.rules.clone();
    rules[0].expr = "label_replace(temperature, \"vm\", \"x\", \"\", \"\") > 50".into();
    let watch = Watch { rules, ..watch };
    watch.configure().await;
    watch.lab.engine.alerts().evaluate_now().await;
    let rules = watch.lab.engine.alerts().rules().unwrap();
    let RuleHealth::Failed(why) = &rules[0].health else { panic!("{:?}", rules[0]) };
    assert!(!why.is_empty());
    assert!(watch.lab.engine.alerts().freshness().0);
    // What it said before stays, since nobody knows better.
    assert_eq!(watch.present()[0], row("Hot", "web", true));
}

#[tokio::test]
async fn an_alert_ends_with_its_rule_and_stays_where_only_the_threshold_is_changed() {
    let mut watch = Watch::new(vec![alert("Hot", "temperature > 50", "warning")]).await;
    watch.next(&[("web", 60.0)]).await;
    watch.told(1).await;
    // Who is reconfigured between a delivery and its note delivers again.
    watch.delivered().await;
    watch.rules[0].expr = "temperature > 55".into();
    watch.configure().await;
    watch.next(&[("web", 60.0)]).await;
    assert_eq!(watch.happened().await, [(AlertChange::Fired, None)]);
    watch.rules.clear();
    watch.configure().await;
    assert_eq!(watch.present(), []);
    let last = watch.happened().await.pop().unwrap();
    assert_eq!(last, (AlertChange::Resolved, Some(Cause::RuleGone)));
    watch.rounds(4, &[]).await;
    assert_eq!(watch.told(2).await[1].status, Status::Resolved);
}

#[tokio::test]
async fn without_a_history_nobody_is_told_that_all_is_well() {
    let lab = Lab::new().await;
    let refused = lab.engine.alerts().list().unwrap_err();
    assert_eq!(refused.code(), Code::CapabilityMissing);
    assert!(refused.message().contains("history.enabled"), "{refused}");
    assert!(lab.engine.alerts().rules().is_err());
}
