//! What is held, and for how long.

use proptest::prelude::*;

use super::state::{Held, Series};
use super::tidy::Work;
use super::*;

fn series(name: &str, label: &str) -> Series {
    Series { key: SeriesKey::new(name, [("l", label)]).unwrap(), of: Of::Nothing }
}

fn held(kind: MetricKind, by: &str, arrived: Instant) -> Held {
    let written = Some(SeriesKey::new("was", [("l", "1")]).unwrap());
    let (at, lag) = (Timestamp::from_millis(1000), Duration::from_secs(1));
    Held { kind, value: 1.0, at, arrived, lag, by: by.into(), written }
}

fn work(state: &State, now: Instant) -> Work {
    let settings = CustomSettings { ttl: Duration::from_secs(10), ..CustomSettings::default() };
    Work::of(state, &Snapshot::default(), &settings, now)
}

#[tokio::test]
async fn x17_what_is_not_pushed_any_more_ends_once_and_is_forgotten() {
    let (start, mut state) = (Instant::now(), State::default());
    let key = series("depth", "1");
    let written = CustomOf::Nothing.series(&key.key);
    state.hold(key, Held { written, ..held(MetricKind::Gauge, "ada", start) });
    let after = |seconds| start + Duration::from_secs(seconds);
    // It was a second old when it came.
    let fresh = work(&state, after(9));
    assert!(fresh.ended.is_empty(), "{fresh:?}");
    let old = work(&state, after(10) + Duration::from_millis(1));
    assert_eq!(old.ended.len(), 1, "{old:?}");
    old.done(&mut state);
    let again = work(&state, after(12));
    assert!(again.ended.is_empty(), "{again:?}");
    assert_eq!(state.len(), 1, "it is listed as stale");
    work(&state, after(20)).done(&mut state);
    assert_eq!((state.len(), state.of_user("ada"), state.kind("depth")), (0, 0, None));
}

#[tokio::test]
async fn x22_what_is_of_a_thing_that_is_gone_ends_at_once() {
    let mut state = State::default();
    let id = VmId::new(Timestamp::from_millis(1), [1; 10]);
    let of_vm = Series { of: Of::Vm(id), ..series("depth", "1") };
    state.hold(of_vm, held(MetricKind::Gauge, "ada", Instant::now()));
    let gone = work(&state, Instant::now());
    assert_eq!(gone.ended.len(), 1, "{gone:?}");
    gone.done(&mut state);
    assert_eq!(state.len(), 0);
}

#[tokio::test]
async fn x17_x22_what_is_known_by_other_labels_ends_once_and_waits_for_the_next_push() {
    let (start, mut state) = (Instant::now(), State::default());
    let key = series("depth", "1");
    state.hold(key.clone(), held(MetricKind::Gauge, "ada", start));
    let moved = work(&state, start);
    let ended: Vec<String> = moved.ended.iter().map(ToString::to_string).collect();
    assert_eq!(ended, ["was{l=\"1\"}"]);
    moved.done(&mut state);
    assert_eq!(state.len(), 1, "it is told on, by its new labels");
    assert_eq!(state.get(&key).unwrap().written, None, "what was pushed before is not repeated");
    assert!(work(&state, start).ended.is_empty(), "it has ended already");
    // The next push begins it anew.
    let written = CustomOf::Nothing.series(&key.key);
    state.hold(key, Held { written, ..held(MetricKind::Gauge, "ada", start) });
    assert!(work(&state, start).ended.is_empty());
}

proptest! {
    /// Users and families are counted beside the series; they have to agree with them.
    #[test]
    fn what_is_counted_is_what_is_held(
        steps in prop::collection::vec((0_u8..3, 0_u8..4, 0_u8..3, any::<bool>()), 0..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _in = runtime.enter();
        let (now, mut state) = (Instant::now(), State::default());
        for (name, label, by, is_push) in steps {
            let name = ["depth", "jobs_total", "size"][usize::from(name)];
            let kind = hostler_core::metrics::custom::kind_of(name);
            let one = series(name, &label.to_string());
            match is_push {
                true => state.hold(one, held(kind, &by.to_string(), now)),
                false => drop(state.remove(&one)),
            }
            for by in ["0", "1", "2"] {
                let theirs = state.all().filter(|(_, held)| &*held.by == by).count();
                prop_assert_eq!(theirs, state.of_user(by));
            }
            for name in ["depth", "jobs", "size"] {
                let mut kinds = state.all().filter(|(it, _)| it.key.name().starts_with(name));
                prop_assert_eq!(kinds.next().map(|(_, held)| held.kind), state.kind(name));
            }
        }
    }
}
