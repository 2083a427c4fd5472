//! What will be of things, over a history that is filled with series whose truth is known.
//! Time stands still.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::{Clock, ManualClock};
use hostler_core::forecast::NotEnough;
use hostler_core::forecast::anomaly::FindingKind;
use hostler_core::forecast::seasonal::Model;
use hostler_core::forecast::sizing::Size;
use hostler_core::forecast::trend::Arrival;
use hostler_core::metrics::Metric;
use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_core::query::ListRequest;
use hostler_core::{Code, Timestamp};
use hostler_engine::{
    Full, HORIZON, Look, Missing, Outlook, RESOURCES_MAX, ResourceOutlook, SizeOutlook, Verdict,
    VmView,
};
use hostler_sim::World;
use hostler_store::history::{Archive, Options};

use crate::world::{Lab, Tuning, foreign};

const GIB: f64 = 1_073_741_824.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;
/// Between two values: as short as the shortest steps.
const EVERY_MS: i64 = 300_000;

/// A value by the seconds until now, which are less than 0, and noise from -1 to 1.
type Law = Box<dyn Fn(f64, f64) -> Option<f64>>;

fn law(of: impl Fn(f64, f64) -> f64 + 'static) -> Law {
    Box::new(move |at, noise| Some(of(at, noise)))
}

/// A wave of a day, from 0 to 1, with its height at the hour of now.
fn wave(at: f64) -> f64 {
    f64::midpoint((at / DAY * std::f64::consts::TAU).cos(), 1.0)
}

struct Past {
    lab: Lab,
    archive: Archive,
    now: Timestamp,
    vm: Arc<VmView>,
    series: Vec<(SeriesKey, Law)>,
    _directory: tempfile::TempDir,
}

impl Past {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::open(&directory.path().join("history"), Options::default()).unwrap();
        let clock = ManualClock::at("2026-11-21T04:07:00.000000Z".parse().unwrap());
        let now = clock.now();
        let tuning =
            Tuning { clock: Arc::new(clock), history: Some(archive.clone()), ..Tuning::default() };
        let world = World::small(1);
        foreign(&world, "web");
        let lab = Lab::tuned(world, None, tuning).await;
        lab.until("the VM", || lab.engine.vms().list(&ListRequest::first(9)).total == 1).await;
        let vm = lab.engine.vms().list(&ListRequest::first(9)).items.remove(0);
        Self { lab, archive, now, vm, series: Vec::new(), _directory: directory }
    }

    /// A series of the VM, with these labels beside its own.
    fn of_vm(&mut self, metric: Metric, labels: &[(&str, &str)], law: Law) {
        let (vm, id) = (self.vm.clone(), self.vm.id.to_string());
        let owner = vm.metric_labels(&id);
        let labels: Vec<(&str, &str)> = owner.iter().chain(labels).copied().collect();
        self.of(metric, &labels, law);
    }

    fn of(&mut self, metric: Metric, labels: &[(&str, &str)], law: Law) {
        let key = SeriesKey::new(metric.name(), labels.iter().copied()).unwrap();
        self.series.push((key, law));
    }

    fn filesystem(&mut self, mountpoint: &str, size: f64, law: Law) {
        let labels = [("mountpoint", mountpoint), ("filesystem", "ext4")];
        self.of_vm(Metric::VmGuestFilesystemSizeBytes, &labels, self::law(move |_, _| size));
        self.of_vm(Metric::VmGuestFilesystemUsedBytes, &labels, law);
    }

    /// Writes so many days of all of them, until now.
    fn fill(&self, days: f64) {
        let until = self.now.as_millis().div_euclid(EVERY_MS) * EVERY_MS;
        #[expect(clippy::cast_possible_truncation, reason = "days")]
        let count = (days * DAY * 1000.0) as i64 / EVERY_MS;
        let mut seed = 42_u64;
        let mut batch = Vec::new();
        for at_ms in (1..=count).rev().map(|back| until - (back - 1) * EVERY_MS) {
            #[expect(clippy::cast_precision_loss, reason = "within some years")]
            let at = (at_ms - self.now.as_millis()) as f64 / 1000.0;
            for (key, law) in &self.series {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                #[expect(clippy::cast_precision_loss, reason = "31 bits")]
                let noise = (seed >> 33) as f64 / f64::from(1_u32 << 30) - 1.0;
                let value = law(at, noise);
                batch.extend(value.map(|value| (key.clone(), Sample { at_ms, value })));
            }
            // Ten at a time: what is older than an hour is late.
            if at_ms / EVERY_MS % 10 == 0 || at_ms == until {
                let appended = self.archive.append(at_ms, &batch).unwrap();
                assert_eq!(appended.written, batch.len() as u64, "{appended:?}");
                batch.clear();
            }
        }
    }

    async fn outlook(&self, horizon: Duration) -> Outlook {
        self.lab.engine.outlooks().of_vm(&self.vm, horizon).await.unwrap()
    }

    /// Seconds from now until then.
    fn until(&self, at_ms: i64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "within some years")]
        let millis = (at_ms - self.now.as_millis()) as f64;
        millis / 1000.0
    }
}

fn of<'a>(outlook: &'a Outlook, resource: &str, label: &str) -> &'a ResourceOutlook {
    let is_it = |it: &&ResourceOutlook| {
        it.resource == resource && (label.is_empty() || it.labels.values().any(|of| of == label))
    };
    outlook.resources.iter().find(is_it).unwrap_or_else(|| panic!("{resource}: {outlook:#?}"))
}

fn size(outlook: &Outlook, of: Size) -> &SizeOutlook {
    outlook.sizes.iter().find(|it| it.of == of).unwrap()
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

fn looked(
    resource: &ResourceOutlook,
    look: Look,
) -> &Result<Option<hostler_core::forecast::anomaly::Finding>, Missing> {
    &resource.unusual.iter().find(|(of, _)| *of == look).unwrap().1
}

#[tokio::test]
async fn d22_a_file_system_that_grows_is_told_when_it_is_full_and_how_good_that_was_on_the_past() {
    let mut past = Past::new().await;
    // A GiB a day; 4 are left.
    let grows = law(|at, noise| (62.0 + at / DAY + 0.05 * noise) * GIB);
    past.filesystem("/", 66.0 * GIB, grows);
    past.filesystem("/data", 100.0 * GIB, law(|_, noise| (30.0 + 0.05 * noise) * GIB));
    past.filesystem("/full", GIB, law(|_, _| GIB));
    past.fill(42.0);
    let outlook = past.outlook(HORIZON).await;
    let root = of(&outlook, "filesystem", "/");
    let trend = root.trend.as_ref().unwrap();
    assert!((trend.slope * DAY / GIB - 1.0).abs() < 0.01, "{trend:?}");
    assert!(trend.slope_interval.holds(GIB / DAY), "{trend:?}");
    assert_eq!(root.limit, Some(66.0 * GIB));
    let Some(Ok(Full { arrival, back_test })) = &root.full else { panic!("{root:#?}") };
    let Arrival::At { earliest_ms, likely_ms, latest_ms } = arrival else { panic!("{root:#?}") };
    let [earliest, likely, latest] =
        [*earliest_ms, *likely_ms, latest_ms.unwrap()].map(|at| past.until(at));
    assert!(earliest <= 4.0 * DAY && 4.0 * DAY <= latest, "{earliest} {latest}");
    assert!((likely - 4.0 * DAY).abs() < HOUR, "{likely}");
    // Such lines looked back a week, and were off by less than the noise a week later.
    let tested = back_test.as_ref().unwrap();
    assert_eq!((tested.ahead, tested.trials), (HORIZON, 8));
    assert!(tested.mean_error < 0.1 * GIB, "{tested:?}");
    assert!((tested.naive_error / GIB - 7.0).abs() < 0.1, "{tested:?}");
    // Another way to the same: a value for each hour of the week ahead.
    let forecast = root.forecast.as_ref().unwrap();
    let last = forecast.ahead.last().unwrap();
    assert_eq!(forecast.ahead.len(), 7 * 24);
    assert!((past.until(last.at_ms) - 7.0 * DAY).abs() < 2.0 * HOUR);
    assert!((last.value / GIB - 69.0).abs() < 0.2, "{last:?}");
    assert!(last.interval.holds(last.value) && last.interval.high - last.interval.low < GIB);
    assert!(forecast.back_test.mean_error < forecast.back_test.naive_error / 10.0);
    // What it is from.
    assert_eq!((root.past.step, root.past.resolution), (days(1) / 24, Some(days(1) / 24)));
    assert!(root.past.values >= 42 * 24 - 1, "{:?}", root.past);
    let metrics = past.lab.engine.metrics();
    let found = metrics.query(&root.query, hostler_engine::When::At(past.now)).await.unwrap();
    assert!(matches!(found, hostler_engine::Answer::Instant(_)), "{found:?}");
    // One that does not grow is not full within a week, and one that is full is.
    let arrival = |of: &ResourceOutlook| of.full.as_ref().unwrap().as_ref().unwrap().arrival;
    assert_eq!(arrival(of(&outlook, "filesystem", "/data")), Arrival::NotWithin);
    assert_eq!(arrival(of(&outlook, "filesystem", "/full")), Arrival::Reached);
    // Others are not measured, and nothing is said of them but that.
    let cpu = of(&outlook, "cpu", "");
    assert!(matches!(cpu.trend, Err(Missing::NotMeasured(_))), "{cpu:#?}");
    assert!(matches!(cpu.forecast, Err(Missing::NotMeasured(_))) && cpu.recent.is_none());
}

#[tokio::test]
async fn d22_a_day_with_its_hours_is_forecast_with_errors_that_hold() {
    let mut past = Past::new().await;
    past.of_vm(Metric::VmCpuUsageRatio, &[], law(|at, noise| 0.2 + 0.5 * wave(at) + 0.02 * noise));
    past.fill(42.0);
    for (horizon, step) in [(HORIZON, 3600), (days(1), 300)] {
        let outlook = past.outlook(horizon).await;
        let cpu = of(&outlook, "cpu", "");
        assert_eq!(cpu.past.step, Duration::from_secs(step));
        let forecast = cpu.forecast.as_ref().unwrap();
        assert!(matches!(forecast.model, Model::Day | Model::Week), "{:?}", forecast.model);
        let held = forecast.ahead.iter().filter(|it| {
            let middle = past.until(it.at_ms) - cpu.past.step.as_secs_f64() / 2.0;
            it.interval.holds(0.2 + 0.5 * wave(middle))
        });
        let share = held.count() as f64 / forecast.ahead.len() as f64;
        assert!(share > 0.9, "the truth is within {share} of {horizon:?}");
        assert!(forecast.back_test.held > 0.8, "{:?}", forecast.back_test);
        assert!(forecast.back_test.mean_error < 0.1 * forecast.back_test.naive_error);
        // It has no limit, so that it is never full; a wave tends nowhere.
        assert!(cpu.full.is_none() && cpu.limit.is_none());
        assert!((cpu.recent.unwrap() - 0.7).abs() < 0.02, "{:?}", cpu.recent);
        // As every day: nothing is unusual.
        for look in [Look::HourOfDay, Look::Level] {
            assert_eq!(looked(cpu, look), &Ok(None), "{look:?}");
        }
    }
}

#[tokio::test]
async fn d22_with_too_little_it_is_said_how_much_there_is_and_how_much_is_needed() {
    let mut past = Past::new().await;
    past.filesystem("/", 66.0 * GIB, law(|at, _| (62.0 + at / DAY) * GIB));
    past.of_vm(Metric::VmCpuUsageRatio, &[], law(|_, noise| 0.5 + 0.1 * noise));
    past.of_vm(Metric::VmVcpus, &[], law(|_, _| 4.0));
    past.of_vm(Metric::VmVcpuDelaySecondsTotal, &[("vcpu", "0")], law(|at, _| at + 1e7));
    past.fill(1.0);
    let outlook = past.outlook(HORIZON).await;
    let root = of(&outlook, "filesystem", "/");
    let have = root.past.values;
    assert!((23..=24).contains(&have), "{:?}", root.past);
    let few = Missing::NotEnough(NotEnough::Points { have, need: 30 });
    assert_eq!(root.trend, Err(few.clone()));
    assert_eq!(root.full, Some(Err(few)));
    let Err(Missing::NotEnough(NotEnough::Span { have, need })) = root.forecast else {
        panic!("{:?}", root.forecast)
    };
    assert!(have < days(1) && need > days(7), "{have:?} {need:?}");
    let cpu = size(&outlook, Size::Vcpus);
    assert_eq!(cpu.has, Some(4));
    assert!(matches!(cpu.verdict, Err(Missing::NotEnough(NotEnough::Points { need: 336, .. }))));
    assert!(cpu.figures.is_empty(), "{:?}", cpu.figures);
    let unusual = looked(of(&outlook, "cpu", ""), Look::HourOfDay).as_ref().unwrap_err();
    assert!(matches!(unusual, Missing::NotEnough(NotEnough::Span { .. })), "{unusual}");
    // A nearer horizon needs less: the same day says when it is full, and tested it.
    let outlook = past.outlook(days(1)).await;
    let root = of(&outlook, "filesystem", "/");
    let full = root.full.as_ref().unwrap().as_ref().unwrap();
    assert_eq!(full.arrival, Arrival::NotWithin, "4 days are left");
    // A further one says how far back it had to go.
    let outlook = past.outlook(days(90)).await;
    let root = of(&outlook, "filesystem", "/");
    assert!(root.full.as_ref().unwrap().is_err() && root.forecast.is_err());
}

#[tokio::test]
async fn d22_gaps_and_silence_are_told_and_nothing_is_made_of_them() {
    let mut past = Past::new().await;
    // Every other six hours are missing.
    let gaps = |at: f64, value: f64| ((at / (6.0 * HOUR)).floor() % 2.0 != 0.0).then_some(value);
    past.filesystem("/", 66.0 * GIB, Box::new(move |at, _| gaps(at, (62.0 + at / DAY) * GIB)));
    // Nothing for an hour.
    let silent = |at: f64, value: f64| (at < -HOUR).then_some(value);
    past.of_vm(
        Metric::VmCpuUsageRatio,
        &[],
        Box::new(move |at, noise| silent(at, 0.5 + 0.1 * noise)),
    );
    past.of_vm(Metric::VmVcpus, &[], Box::new(move |at, _| silent(at, 4.0)));
    past.fill(42.0);
    let outlook = past.outlook(HORIZON).await;
    let root = of(&outlook, "filesystem", "/");
    let Err(Missing::NotEnough(NotEnough::Gaps { have, need })) = root.forecast else {
        panic!("{:?}", root.forecast)
    };
    // An hour that is there in part is there.
    assert!((have - 7.0 / 12.0).abs() < 0.02 && need == 0.8, "{have}");
    // A line bears gaps.
    assert!(matches!(root.full, Some(Ok(Full { arrival: Arrival::At { .. }, .. }))), "{root:#?}");
    let cpu = of(&outlook, "cpu", "");
    let Err(Missing::Stale(Some(last))) = &cpu.forecast else { panic!("{:?}", cpu.forecast) };
    let ago = past.now.since(*last);
    assert!((Duration::from_secs(3300)..=Duration::from_secs(4200)).contains(&ago), "{ago:?}");
    assert!(cpu.past.values > 900 && cpu.recent.is_none());
    assert!(cpu.unusual.iter().all(|(_, it)| matches!(it, Err(Missing::Stale(_)))));
    let of_cpu = size(&outlook, Size::Vcpus);
    assert_eq!((of_cpu.has, &of_cpu.verdict), (None, &Err(Missing::Stale(None))));
    let said = cpu.forecast.as_ref().unwrap_err().to_string();
    assert!(said.starts_with("nothing was measured of it in the last 15 minutes"), "{said}");
}

#[tokio::test]
async fn d22_what_is_measured_again_after_a_pause_is_told_as_it_is_now_and_no_further() {
    let mut past = Past::new().await;
    // Nothing for four hours, and again since ten minutes ago.
    let paused = |at: f64, value: f64| (!(-4.0 * HOUR..=-700.0).contains(&at)).then_some(value);
    past.filesystem("/", 66.0 * GIB, Box::new(move |at, _| paused(at, (20.0 + at / DAY) * GIB)));
    past.filesystem("/full", GIB, Box::new(move |at, _| paused(at, GIB)));
    past.fill(21.0);
    let outlook = past.outlook(HORIZON).await;
    let root = of(&outlook, "filesystem", "/");
    let Err(Missing::Returned(last)) = &root.trend else { panic!("{root:#?}") };
    let ago = past.now.since(*last);
    assert!((Duration::from_secs(3 * 3600)..=Duration::from_secs(5 * 3600)).contains(&ago));
    assert!(root.recent.is_some_and(|recent| (recent / GIB - 20.0).abs() < 0.1), "{root:#?}");
    assert!(matches!(root.full, Some(Err(Missing::Returned(_)))), "{root:#?}");
    let said = root.trend.as_ref().unwrap_err().to_string();
    assert!(said.starts_with("it is measured again only lately"), "{said}");
    // What is full now is so, whatever was before.
    let full = of(&outlook, "filesystem", "/full").full.clone();
    let Some(Ok(Full { arrival: Arrival::Reached, back_test: Err(Missing::Returned(_)) })) = full
    else {
        panic!("{full:#?}")
    };
}

#[tokio::test]
async fn d22_full_is_what_is_full_now_and_not_what_a_line_says() {
    let mut past = Past::new().await;
    // Flat for weeks, and full for half an hour: the line does not bend for that.
    let burst = |at: f64, _| if at > -1800.0 { 66.0 * GIB } else { 20.0 * GIB };
    past.filesystem("/burst", 66.0 * GIB, law(burst));
    // The line arrived two hours ago; somebody made room since.
    let freed = |at: f64, _| match at {
        at if at > -7200.0 => 10.0 * GIB,
        at => (66.1 + at / DAY) * GIB,
    };
    past.filesystem("/freed", 66.0 * GIB, law(freed));
    past.fill(21.0);
    let outlook = past.outlook(HORIZON).await;
    let full = of(&outlook, "filesystem", "/burst").full.clone();
    assert!(matches!(full, Some(Ok(Full { arrival: Arrival::Reached, .. }))), "{full:#?}");
    let full = of(&outlook, "filesystem", "/freed").full.clone();
    let Some(Err(Missing::NotEnough(NotEnough::Turned { off, usual }))) = full else {
        panic!("{full:#?}")
    };
    assert!((off / GIB - 56.0).abs() < 0.1 && off > 4.0 * usual, "{off} {usual}");
}

#[tokio::test]
async fn d22_what_turned_lately_has_no_date_from_before() {
    let mut past = Past::new().await;
    let turned = |at: f64, noise: f64| {
        let grew = (at + DAY).max(0.0) / DAY * 30.0;
        (20.0 + grew + 0.05 * noise) * GIB
    };
    past.filesystem("/", 66.0 * GIB, law(turned));
    past.fill(21.0);
    let outlook = past.outlook(HORIZON).await;
    let root = of(&outlook, "filesystem", "/");
    let Some(Err(Missing::NotEnough(NotEnough::Turned { off, usual }))) = root.full else {
        panic!("{root:#?}")
    };
    assert!(off > 4.0 * usual, "{off} {usual}");
}

#[tokio::test]
async fn d22_what_is_unusual_is_told_with_what_was_seen_and_what_is_usual() {
    let mut past = Past::new().await;
    // Twice as busy as at this hour of other days, for the last half an hour.
    let busy = |at: f64, noise: f64| {
        let more = if at > -1800.0 { 0.4 } else { 0.0 };
        0.1 + 0.4 * wave(at) + more + 0.01 * noise
    };
    past.of_vm(Metric::VmCpuUsageRatio, &[], law(busy));
    // A level that changed five days ago.
    past.of_vm(
        Metric::VmNetworkSentBytesTotal,
        &[("interface", "vnet0")],
        law(|at, noise| {
            // Bytes so far, of 10 MB/s and then 30.
            (at + 30.0 * DAY) * 1e7 + (at + 5.0 * DAY).max(0.0) * 2e7 + noise * 1e7
        }),
    );
    // Unusual, and of no matter to anybody.
    past.of_vm(
        Metric::VmNetworkReceivedBytesTotal,
        &[("interface", "vnet0")],
        law(|at, noise| (at + 30.0 * DAY) * 100.0 + (at + 1800.0).max(0.0) * 900.0 + noise * 100.0),
    );
    past.fill(21.0);
    let outlook = past.outlook(HORIZON).await;
    let cpu = looked(of(&outlook, "cpu", ""), Look::HourOfDay).as_ref().unwrap();
    let cpu = cpu.as_ref().unwrap();
    assert_eq!(cpu.kind, FindingKind::HourOfDay);
    assert!((cpu.seen - 0.9).abs() < 0.05 && cpu.expected.holds(0.5), "{cpu:?}");
    assert!(!cpu.expected.holds(cpu.seen) && cpu.expected.low >= 0.0);
    assert!((-2400.0..=-1200.0).contains(&past.until(cpu.since_ms)), "{cpu:?}");
    assert!(cpu.reason.contains("is usual at this hour"), "{}", cpu.reason);
    let sent = looked(of(&outlook, "network_sent", ""), Look::Level).as_ref().unwrap();
    let sent = sent.as_ref().unwrap();
    assert!((past.until(sent.since_ms) + 5.0 * DAY).abs() < 12.0 * HOUR, "{sent:?}");
    assert!((sent.seen / 3e7 - 1.0).abs() < 0.1 && sent.expected.holds(1e7), "{sent:?}");
    let received = of(&outlook, "network_received", "");
    assert!(received.unusual.iter().all(|(_, it)| !matches!(it, Ok(Some(_)))), "{received:#?}");
}

/// Sizes of a VM of 8 processors and 8 GiB.
fn sized(past: &mut Past, cpu: f64, delay: f64) {
    past.of_vm(Metric::VmVcpus, &[], law(|_, _| 8.0));
    past.of_vm(Metric::VmCpuUsageRatio, &[], law(move |_, noise| cpu + 0.01 * noise));
    let waited = move |at: f64, _| (at + 30.0 * DAY) * delay;
    past.of_vm(Metric::VmVcpuDelaySecondsTotal, &[("vcpu", "0")], law(waited));
    past.of_vm(Metric::VmMemoryBalloonBytes, &[], law(|_, _| 8.0 * GIB));
    past.of_vm(Metric::VmMemoryHostResidentBytes, &[], law(|_, _| GIB));
}

fn guest_memory(past: &mut Past, used: f64) {
    past.of_vm(Metric::VmMemoryGuestAvailableBytes, &[], law(|_, _| 8.0 * GIB));
    past.of_vm(Metric::VmMemoryGuestUsedRatio, &[], law(move |_, noise| used + 0.01 * noise));
    past.of_vm(Metric::VmMemorySwapInBytesTotal, &[], law(|_, _| 7e6));
    past.of_vm(Metric::VmMemoryMajorFaultsTotal, &[], law(|at, _| at + 30.0 * DAY));
}

#[tokio::test]
async fn d22_a_vm_of_the_wrong_size_is_told_what_would_fit_and_why() {
    let mut past = Past::new().await;
    sized(&mut past, 0.05, 0.01);
    guest_memory(&mut past, 0.15);
    past.fill(21.0);
    let outlook = past.outlook(HORIZON).await;
    let cpu = size(&outlook, Size::Vcpus);
    let Ok(Verdict::Change { to, reason }) = &cpu.verdict else { panic!("{cpu:#?}") };
    assert_eq!((cpu.has, *to), (Some(8), 1));
    assert!(reason.contains("of its 8 vCPUs"), "{reason}");
    let [(name, _, usage), (_, _, delay)] = cpu.figures[..] else { panic!("{cpu:#?}") };
    assert!(name == "cpu_usage" && (usage.p99 - 0.06).abs() < 0.005, "{usage:?}");
    assert!((delay.p95 - 0.01).abs() < 1e-3 && delay.span > days(20), "{delay:?}");
    let memory = size(&outlook, Size::MemoryBytes);
    let Ok(Verdict::Change { to, reason }) = &memory.verdict else { panic!("{memory:#?}") };
    assert_eq!((memory.has, *to), (Some(8 << 30), 7 << 28), "1.28 at 75 % is 1.7");
    assert!(reason.contains("never read from swap"), "{reason}");
    assert_eq!(memory.figures.len(), 3, "{memory:#?}");
}

#[tokio::test]
async fn d22_memory_goes_by_what_the_guest_tells_and_never_by_what_the_host_holds() {
    let mut past = Past::new().await;
    sized(&mut past, 0.05, 0.3);
    past.fill(21.0);
    let outlook = past.outlook(HORIZON).await;
    let memory = size(&outlook, Size::MemoryBytes);
    assert_eq!(memory.has, Some(8 << 30));
    let missing = memory.verdict.as_ref().unwrap_err().to_string();
    assert!(missing.contains("the guest's balloon driver tells it"), "{missing}");
    assert!(of(&outlook, "memory", "").trend.is_err());
    // Hardly busy, since it waits: taking away would be as wrong as giving.
    let cpu = size(&outlook, Size::Vcpus);
    let Ok(Verdict::HostShort(waits)) = cpu.verdict else { panic!("{cpu:#?}") };
    assert!((waits - 0.3).abs() < 0.01, "{waits}");
}

#[tokio::test]
async fn x35_a_vm_that_moved_has_one_past() {
    let mut past = Past::new().await;
    let id = past.vm.id.to_string();
    let moved = -10.0 * DAY;
    for (host, is_then) in [("h1", true), ("h2", false)] {
        let labels = [("vm", "web"), ("vm_id", id.as_str()), ("host", host), ("provider", "lab")];
        let law = move |at: f64, noise: f64| ((at < moved) == is_then).then_some(0.5 + 0.1 * noise);
        past.of(Metric::VmCpuUsageRatio, &labels, Box::new(law));
    }
    past.fill(21.0);
    let outlook = past.outlook(HORIZON).await;
    let cpu: Vec<_> = outlook.resources.iter().filter(|it| it.resource == "cpu").collect();
    assert_eq!(cpu.len(), 1);
    assert!(cpu[0].past.values >= 21 * 24 - 1, "{:?}", cpu[0].past);
}

#[tokio::test]
async fn d22_hosts_and_pools_have_outlooks_of_their_own() {
    let mut past = Past::new().await;
    let host = past.lab.engine.hosts().list(&ListRequest::first(9)).items.remove(0);
    let pool = past.lab.engine.pools().get(past.lab.pool()).unwrap();
    let grows = |start: f64| law(move |at, noise| (start + at / DAY + 0.02 * noise) * GIB);
    let all = law(|_, _| 64.0 * GIB);
    past.of(Metric::HostMemoryTotalBytes, &host.metric_labels(), all);
    // 40 of 64 GiB are used now, and it is one more each day.
    let free = law(|at, noise| (24.0 - at / DAY + 0.02 * noise) * GIB);
    past.of(Metric::HostMemoryAvailableBytes, &host.metric_labels(), free);
    let pressure: Vec<_> =
        host.metric_labels().into_iter().chain([("resource", "io"), ("share", "full")]).collect();
    let law_of = law(|at, _| (at + 30.0 * DAY) * 0.05);
    past.of(Metric::HostPressureWaitingSecondsTotal, &pressure, law_of);
    past.of(Metric::PoolCapacityBytes, &pool.metric_labels(), law(|_, _| 100.0 * GIB));
    past.of(Metric::PoolAllocatedBytes, &pool.metric_labels(), grows(97.0));
    // One of the same name that is not made up, if this one is: another pool.
    let mut other = pool.metric_labels();
    match other.iter().position(|(name, _)| *name == "simulated") {
        Some(at) => drop(other.remove(at)),
        None => other.push(("simulated", "true")),
    }
    past.of(Metric::PoolAllocatedBytes, &other, law(|_, _| 5e15));
    past.fill(21.0);
    let outlook = past.lab.engine.outlooks().of_host(&host, HORIZON).await.unwrap();
    let memory = of(&outlook, "memory", "");
    assert!((memory.recent.unwrap() / GIB - 40.0).abs() < 0.1, "{memory:#?}");
    assert!((memory.trend.as_ref().unwrap().slope * DAY / GIB - 1.0).abs() < 0.02);
    let full = memory.full.as_ref().unwrap().as_ref().unwrap();
    assert_eq!((full.arrival, memory.limit), (Arrival::NotWithin, Some(64.0 * GIB)));
    let io = of(&outlook, "pressure_io", "");
    assert!((io.recent.unwrap() - 0.05).abs() < 1e-3, "{io:#?}");
    assert!(outlook.sizes.is_empty());
    let missing = of(&outlook, "pressure_cpu", "").trend.as_ref().unwrap_err().to_string();
    assert!(missing.contains("through an agent there"), "{missing}");
    let outlook = past.lab.engine.outlooks().of_pool(&pool, HORIZON).await.unwrap();
    let [pool] = &outlook.resources[..] else { panic!("{outlook:#?}") };
    let Some(Ok(Full { arrival: Arrival::At { likely_ms, .. }, .. })) = pool.full else {
        panic!("{pool:#?}")
    };
    assert!((past.until(likely_ms) - 3.0 * DAY).abs() < 2.0 * HOUR);
}

#[tokio::test]
async fn a_guest_with_ever_more_file_systems_costs_no_more_than_the_most() {
    let mut past = Past::new().await;
    for at in 0..RESOURCES_MAX + 6 {
        past.filesystem(&format!("/{at:03}"), GIB, law(|_, _| 5.0));
    }
    past.of_vm(Metric::VmDiskReadBytesTotal, &[("device", "vda")], law(|at, _| at + 1e7));
    past.fill(0.1);
    let outlook = past.outlook(HORIZON).await;
    // What comes after them is told all the same.
    assert!(of(&outlook, "disk_read", "").recent.is_some());
    let files = outlook.resources.iter().filter(|it| it.resource == "filesystem").count();
    assert_eq!((files, outlook.left_out), (RESOURCES_MAX, 6));
}

#[tokio::test]
async fn a_horizon_that_is_none_and_no_history_are_refused_by_their_reason() {
    let past = Past::new().await;
    for horizon in [Duration::ZERO, Duration::from_secs(3599), days(91), Duration::MAX] {
        let outlooks = past.lab.engine.outlooks();
        let refused = outlooks.of_vm(&past.vm, horizon).await.unwrap_err();
        assert_eq!(refused.code(), Code::QueryInvalid);
        let wanted = format!(
            "from 3600 (an hour) to 7776000 seconds (90 days), and is {}",
            horizon.as_secs()
        );
        assert!(refused.message().contains(&wanted), "{refused}");
    }
    for horizon in [Duration::from_secs(3600), days(90)] {
        past.lab.engine.outlooks().of_vm(&past.vm, horizon).await.unwrap();
    }
    let world = World::small(1);
    foreign(&world, "web");
    let lab = Lab::with(world, None).await;
    lab.until("the VM", || lab.engine.vms().list(&ListRequest::first(9)).total == 1).await;
    let vm = lab.engine.vms().list(&ListRequest::first(9)).items.remove(0);
    let refused = lab.engine.outlooks().of_vm(&vm, HORIZON).await.unwrap_err();
    assert_eq!(refused.code(), Code::CapabilityMissing);
}
