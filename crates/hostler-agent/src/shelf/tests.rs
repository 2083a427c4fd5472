//! What is kept, and for how long.

use hostler_provider::Silent;

use super::*;

const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn pass() -> Pass {
    let second = Duration::from_secs(1);
    Pass {
        source: "libvirt",
        kind: Kind::Vms,
        cost: Cost::Stats,
        interval: second * 10,
        took: second,
    }
}

fn vm(name: &str) -> VmRef {
    VmRef { external_ref: format!("id-{name}"), name: name.to_owned() }
}

fn measured(name: &str, at: Timestamp, value: f64) -> Measured<VmRef> {
    let points = vec![Point::plain(Metric::VmVcpus, value)];
    Measured { of: vm(name), at, points }
}

fn silent(name: &str) -> Silent {
    Silent { vm: vm(name), reason: "hung".to_owned() }
}

fn held(shelf: &Shelf) -> Vec<(String, Timestamp)> {
    let slot = &shelf.copy().slots[0];
    let batch = &slot.good.as_ref().unwrap().batch;
    batch.vms.iter().map(|one| (one.of.name.clone(), one.at)).collect()
}

#[test]
fn a_silent_vm_ages_alone_and_its_values_end() {
    let shelf = Shelf::default();
    let both = |at| Batch {
        vms: vec![measured("a", at, 1.0), measured("b", at, 1.0)],
        ..Batch::default()
    };
    assert!(shelf.put(pass(), both(T0), T0), "the first answer is news");
    let later = |seconds| T0.plus(Duration::from_secs(seconds));
    let one = |at| Batch {
        vms: vec![measured("a", at, 2.0)],
        silent: vec![silent("b")],
        ..Batch::default()
    };
    assert!(!shelf.put(pass(), one(later(10)), later(10)));
    assert_eq!(held(&shelf), [("a".into(), later(10)), ("b".into(), T0)]);
    shelf.put(pass(), one(later(30)), later(30));
    assert_eq!(held(&shelf), [("a".into(), later(30)), ("b".into(), T0)]);
    shelf.put(pass(), one(later(31)), later(31));
    assert_eq!(held(&shelf), [("a".into(), later(31))], "what is stale is gone, not 0");
}

#[test]
fn a_vm_that_is_gone_is_gone_at_once() {
    let shelf = Shelf::default();
    shelf.put(pass(), Batch { vms: vec![measured("a", T0, 1.0)], ..Batch::default() }, T0);
    shelf.put(pass(), Batch::default(), T0);
    assert_eq!(held(&shelf), []);
}

#[test]
fn d10_a_failure_is_news_once_and_so_is_the_recovery() {
    let shelf = Shelf::default();
    let other = Pass { cost: Cost::State, ..pass() };
    assert!(shelf.fail(pass(), "no answer".into()));
    assert!(!shelf.fail(pass(), "no answer".into()));
    assert!(!shelf.fail(other, "no answer".into()), "one line a source, not one a pass");
    assert!(shelf.put(pass(), Batch::default(), T0));
    assert!(!shelf.put(other, Batch::default(), T0));
    assert!(!shelf.put(pass(), Batch::default(), T0));
    assert!(shelf.fail(pass(), "no answer".into()));
    let slots = shelf.copy().slots;
    let slot = slots.iter().find(|slot| slot.pass.cost == Cost::Stats).unwrap();
    assert!(slot.good.is_some() && slot.error.is_some(), "what was good ages by itself");
}

#[test]
fn a7_what_cannot_be_told_is_counted_and_left_out() {
    let shelf = Shelf::default();
    let mut one = measured("a", T0, 1.0);
    one.points.push(Point::plain(Metric::VmVcpus, 2.0)); // the same series once more
    one.points.push(Point::plain(Metric::VmDiskReadsTotal, 1.0)); // without its label
    one.points.push(Point::plain(Metric::VmVcpusMaximum, f64::NAN));
    let long = Labels::one("x".repeat(LABEL_MAX + 1));
    one.points.push(Point::labelled(Metric::VmDiskReadsTotal, long, 1.0));
    shelf.put(pass(), Batch { vms: vec![one], ..Batch::default() }, T0);
    let copy = shelf.copy();
    let batch = &copy.slots[0].good.as_ref().unwrap().batch;
    assert_eq!(batch.vms[0].points, [Point::plain(Metric::VmVcpus, 1.0)]);
    let expected = BTreeMap::from([(LeftOut::ValueInvalid, 3), (LeftOut::Twice, 1)]);
    assert_eq!(copy.dropped, expected);
}

#[tokio::test(start_paused = true)]
async fn x17_values_of_a_source_that_stopped_answering_end() {
    let shelf = Shelf::default();
    shelf.put(pass(), Batch { vms: vec![measured("a", T0, 1.0)], ..Batch::default() }, T0);
    tokio::time::advance(Duration::from_secs(30)).await;
    shelf.fail(pass(), "no answer".into());
    assert!(shelf.copy().slots[0].fresh().is_some());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(shelf.copy().slots[0].fresh().is_none());
}

#[test]
fn d18_more_than_the_limit_is_counted_and_left_out() {
    let shelf = Shelf::default();
    let many = |n: usize| {
        let labels = Labels::one(n.to_string());
        Point::labelled(Metric::VmDiskReadsTotal, labels, 1.0)
    };
    let points = (0..POINTS_MAX + 2).map(many).collect();
    let one = Measured { of: vm("a"), at: T0, points };
    shelf.put(pass(), Batch { vms: vec![one], ..Batch::default() }, T0);
    let copy = shelf.copy();
    assert_eq!(copy.dropped, BTreeMap::from([(LeftOut::TooMany, 2)]));
    assert_eq!(copy.slots[0].good.as_ref().unwrap().batch.vms[0].points.len(), POINTS_MAX);
}

#[tokio::test(start_paused = true)]
async fn d3_d9_shares_come_from_two_passes_and_end_where_a_counter_began_anew() {
    let shelf = Shelf::default();
    let docker = Pass { source: "docker", kind: Kind::Containers, ..pass() };
    let at = |seconds: u64, spent: f64| {
        let of = ContainerRef { id: "a".into(), name: "web".into(), engine: "docker" };
        let points = vec![
            Point::plain(Metric::ContainerCpuSecondsTotal, spent),
            Point::plain(Metric::ContainerCpus, 0.5),
        ];
        let at = T0.plus(Duration::from_secs(seconds));
        Batch { containers: vec![Measured { of, at, points }], ..Batch::default() }
    };
    let share = || {
        let good = shelf.copy().slots[0].good.clone().unwrap();
        good.own.containers.first().map(|one| one.points[0].value)
    };
    shelf.put(docker, at(0, 1.0), T0);
    assert_eq!(share(), None);
    tokio::time::advance(Duration::from_secs(10)).await;
    shelf.put(docker, at(10, 3.5), T0);
    assert_eq!(share(), Some(0.5));
    tokio::time::advance(Duration::from_secs(10)).await;
    shelf.put(docker, at(20, 0.5), T0);
    assert_eq!(share(), None, "it was started anew");
}
