//! What is kept of what was measured, and what is let go.

use hostler_core::metrics::Metric;
use hostler_provider::{Silent, VmRef};

use super::*;

const STATS: Cost = Cost::Stats;

fn provider() -> ProviderId {
    ProviderId::new(Timestamp::from_millis(1), [1; 10])
}

fn vm(name: &str) -> VmRef {
    VmRef { external_ref: name.to_owned(), name: name.to_owned() }
}

fn measured(name: &str, at_ms: i64, cpu: f64) -> Measured<VmRef> {
    let points =
        vec![Point::plain(Metric::VmCpuSecondsTotal, cpu), Point::plain(Metric::VmVcpus, 2.0)];
    Measured { of: vm(name), at: Timestamp::from_millis(at_ms), points }
}

fn take(held: &Held, vms: Vec<Measured<VmRef>>, silent: &[&str]) {
    let silent =
        silent.iter().map(|name| Silent { vm: vm(name), reason: "a backup holds it".to_owned() });
    let batch = Batch { vms, silent: silent.collect(), ..Batch::default() };
    held.take(provider(), STATS, batch, PassNote::default());
}

fn kept(held: &Held, name: &str) -> Option<Kept> {
    held.read().get(&Origin::from(provider()))?.things.get(&Thing::Vm(name.to_owned())).cloned()
}

#[tokio::test(start_paused = true)]
async fn d9_the_second_pass_tells_how_fast() {
    let held = Held::default();
    take(&held, vec![measured("web", 0, 100.0)], &[]);
    let first = kept(&held, "web").unwrap().readings[&STATS].clone();
    assert_eq!((first.rates.as_slice(), first.own.as_slice()), (&[None, None][..], &[][..]));
    tokio::time::advance(Duration::from_secs(10)).await;
    take(&held, vec![measured("web", 10_000, 105.0)], &[]);
    let second = kept(&held, "web").unwrap().readings[&STATS].clone();
    assert_eq!(second.rates, [Some(0.5), None]);
    assert_eq!(second.own, [Point::plain(Metric::VmCpuUsageRatio, 0.25)]);
}

#[tokio::test(start_paused = true)]
async fn f7_who_does_not_answer_keeps_what_was_read_and_others_lose_nothing() {
    let held = Held::default();
    take(&held, vec![measured("web", 0, 1.0), measured("db", 0, 1.0)], &[]);
    tokio::time::advance(Duration::from_secs(10)).await;
    take(&held, vec![measured("web", 10_000, 2.0)], &["db"]);
    let db = kept(&held, "db").unwrap();
    assert_eq!(db.readings[&STATS].at, Timestamp::from_millis(0));
    assert_eq!(&*db.silent[&STATS], "a backup holds it");
    assert_eq!(db.readings[&STATS].age(Instant::now()), Duration::from_secs(10));
    assert!(kept(&held, "web").unwrap().silent.is_empty());
    // It answers again, and nothing is left of its silence.
    take(&held, vec![measured("web", 20_000, 2.0), measured("db", 20_000, 2.0)], &[]);
    assert!(kept(&held, "db").unwrap().silent.is_empty());
}

#[tokio::test(start_paused = true)]
async fn x17_what_is_not_there_any_more_has_no_figures() {
    let held = Held::default();
    take(&held, vec![measured("web", 0, 1.0), measured("db", 0, 1.0)], &[]);
    take(&held, vec![measured("web", 1, 1.0)], &[]);
    assert!(kept(&held, "db").is_none());
    // It was stopped, and other passes still tell of it.
    let batch = Batch { vms: vec![measured("web", 2, 1.0)], ..Batch::default() };
    held.take(provider(), Cost::State, batch, PassNote::default());
    take(&held, vec![], &[]);
    let web = kept(&held, "web").unwrap();
    assert_eq!(web.readings.keys().collect::<Vec<_>>(), [&Cost::State]);
}

#[tokio::test(start_paused = true)]
async fn a16_a_pass_that_failed_takes_nothing_away() {
    let held = Held::default();
    take(&held, vec![measured("web", 0, 1.0)], &[]);
    held.fail(provider(), STATS, "libvirtd does not answer", PassNote::default());
    assert!(kept(&held, "web").is_some());
    let note = held.read()[&Origin::from(provider())].passes[&STATS].clone();
    assert_eq!(note.failure.as_deref(), Some("libvirtd does not answer"));
    assert!(note.succeeded.is_some());
    held.forget(provider());
    assert!(kept(&held, "web").is_none());
}

#[tokio::test(start_paused = true)]
async fn d3_x16_a_container_with_a_vms_id_is_no_vm() {
    let held = Held::default();
    take(&held, vec![measured("same", 0, 1.0)], &[]);
    let of = ContainerRef { id: "same".into(), name: "same".into(), engine: "podman" };
    let points = vec![Point::plain(Metric::ContainerCpuSecondsTotal, 7.0)];
    let container = Measured { of: of.clone(), at: Timestamp::from_millis(0), points };
    let batch = Batch {
        vms: vec![measured("same", 1, 1.0)],
        containers: vec![container],
        ..Batch::default()
    };
    held.take(provider(), STATS, batch, PassNote::default());
    let of_vm = kept(&held, "same").unwrap().readings[&STATS].clone();
    assert_eq!(of_vm.points[0].metric, Metric::VmCpuSecondsTotal);
    let things = &held.read()[&Origin::from(provider())].things;
    assert_eq!(things.len(), 2);
    assert_eq!(things[&Thing::Container(of)].readings[&STATS].points[0].value, 7.0);
}

#[tokio::test(start_paused = true)]
async fn an_unsound_value_is_not_kept() {
    let held = Held::default();
    let mut odd = measured("web", 0, f64::NAN);
    odd.points.push(Point::plain(Metric::VmDiskReadBytesTotal, 1.0));
    take(&held, vec![odd], &[]);
    let kept = kept(&held, "web").unwrap();
    assert_eq!(kept.readings[&STATS].points, [Point::plain(Metric::VmVcpus, 2.0)]);
    assert_eq!(held.unsound(), 2, "and counted");
}
