//! What is not there any more is forgotten in time, and nothing before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hostler_core::clock::SystemClock;
use hostler_core::query::ListRequest;
use hostler_core::vm::status::VmState;
use hostler_core::{Clock, Timestamp};
use hostler_engine::Pace;
use hostler_sim::World;
use hostler_store::{EventFilter, OperationFilter, ResourceKind};

use crate::world::{Lab, Tuning, foreign, pace};

const YEAR: i64 = 365 * 24 * 3600 * 1_000_000;

/// The machine's clock, and how far it was put forward, in microseconds.
#[derive(Default)]
struct Jumping(AtomicI64);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().as_micros() + self.0.load(Ordering::Relaxed))
    }
}

/// The names of VMs that the store has ids for.
async fn known(lab: &Lab) -> Vec<String> {
    let resources = lab.store.resources(lab.provider).await.unwrap();
    let vms = resources.into_iter().filter(|row| row.key.kind == ResourceKind::Vm);
    vms.map(|row| row.key.external_ref).collect()
}

/// Waits until so many more clean-ups were done.
async fn clean_ups(lab: &Lab, times: usize) {
    let believed = || async { lab.store.setting("retention_believed_at").await.unwrap() };
    for _ in 0..times {
        let before = believed().await;
        while believed().await == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn is_shown(lab: &Lab, name: &str) -> bool {
    let listed = lab.engine.vms().list(&ListRequest::first(100));
    listed.items.iter().any(|vm| vm.name == name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_removed_is_forgotten_and_told_and_what_is_ours_stays_missing() {
    let ms = Duration::from_millis;
    let soon = Pace {
        inventory: ms(20),
        retention: ms(20),
        missing_keep: ms(50),
        missing_inventories: 3,
        ..pace()
    };
    let tuning = Tuning { pace: soon, ..Tuning::default() };
    let lab = Lab::tuned(World::small(1), None, tuning).await;
    let ours = lab.create("ours").await;
    let (theirs, stays) = (foreign(&lab.world, "theirs"), foreign(&lab.world, "stays"));
    lab.until("they are shown", || is_shown(&lab, "theirs") && is_shown(&lab, "stays")).await;
    lab.world.vanish_vm(&theirs);
    lab.world.vanish_vm(&lab.world.vm_of(ours).unwrap().vm);
    let filter = EventFilter { kind: Some("vm.forgotten".into()), ..EventFilter::default() };
    let told = loop {
        let told = lab.engine.events().history(None, &filter, 10).await.unwrap();
        if !told.is_empty() {
            break told;
        }
        tokio::time::sleep(ms(5)).await;
    };
    assert_eq!(told.len(), 1);
    assert!(told[0].message.contains("vm theirs was forgotten"), "{}", told[0].message);
    assert_eq!(known(&lab).await, [stays.external_ref]);
    lab.sees(ours, VmState::Missing).await;
    // Whatever comes back under the old name is something new.
    assert_eq!(told[0].resource_name.as_deref(), Some("theirs"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f19_a_clock_that_jumps_forward_a_year_makes_nothing_old() {
    let ms = Duration::from_millis;
    let soon = Pace { inventory: ms(20), retention: ms(20), missing_inventories: 1, ..pace() };
    let clock = Arc::new(Jumping::default());
    let tuning = Tuning { pace: soon, clock: clock.clone(), ..Tuning::default() };
    let mut lab = Lab::tuned(World::small(1), None, tuning).await;
    lab.create("ours").await;
    let theirs = foreign(&lab.world, "theirs");
    lab.until("it is shown", || is_shown(&lab, "theirs")).await;
    lab.world.vanish_vm(&theirs);
    lab.until("it is missed", || !is_shown(&lab, "theirs")).await;
    clean_ups(&lab, 2).await;
    let (first, _) = lab.store.first_and_last_seq().await.unwrap();
    clock.0.store(YEAR, Ordering::Relaxed);
    clean_ups(&lab, 5).await;
    lab.restart().await;
    clean_ups(&lab, 3).await;
    assert_eq!(known(&lab).await, [theirs.external_ref], "the id of what is missing");
    assert_eq!(lab.store.first_and_last_seq().await.unwrap().0, first, "the events");
    let all = OperationFilter::default();
    assert_eq!(lab.store.count_operations(&all).await.unwrap(), 1, "what was done");
}
