//! What is known does not depend on the clock on the wall: it may stand still or
//! be put back.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::Clock as _;
use hostler_core::clock::{ManualClock, SystemClock};
use hostler_core::query::ListRequest;
use hostler_engine::HostView;
use hostler_sim::{EventFault, World};

use crate::world::{Lab, Tuning, admin, foreign};

const HOUR: Duration = Duration::from_secs(3600);

/// A lab whose clock moves only when it is told to.
async fn lab() -> (Lab, ManualClock) {
    let clock = ManualClock::at(SystemClock.now());
    let tuning = Tuning { clock: Arc::new(clock.clone()), ..Tuning::default() };
    (Lab::tuned(World::small(1), None, tuning).await, clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f19_i14_a_clock_put_back_does_not_freeze_the_picture() {
    let (lab, clock) = lab().await;
    let theirs = foreign(&lab.world, "theirs");
    let is_shown = || {
        let listed = lab.engine.vms().list(&ListRequest::first(10));
        listed.items.iter().any(|vm| vm.name == "theirs")
    };
    lab.until("it is shown", is_shown).await;
    clock.set(clock.now().minus(HOUR));
    // Only inventories are left to notice that it is gone.
    lab.world.faults().set_events(EventFault::Drop);
    lab.world.vanish_vm(&theirs);
    lab.until("it is gone", || !is_shown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i14_i16_a_clock_put_back_does_not_keep_memory_promised() {
    let (lab, clock) = lab().await;
    let with_memory = |name: &str, bytes: u64| {
        let mut request = lab.request(name);
        request.spec.memory.bytes = bytes;
        request
    };
    let vms = lab.engine.vms();
    // Both fit into 32 GiB, but not if the first were counted twice.
    let asked = vms.create(&admin(), None, with_memory("first", 16 << 30)).await.unwrap();
    lab.end(&asked).await;
    clock.set(clock.now().minus(HOUR));
    let is_counted = || {
        let hosts = lab.engine.hosts().list(&ListRequest::first(1)).items;
        let free = |host: &HostView| host.observed.host.memory_free_bytes.value().copied();
        hosts.iter().all(|host| free(host).is_some_and(|bytes| bytes <= 16 << 30))
    };
    lab.until("the first is in the host's figures", is_counted).await;
    let second = with_memory("second", 14 << 30);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while let Err(error) = vms.plan(&admin(), &second).await {
        assert!(tokio::time::Instant::now() < deadline, "never fits: {error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
