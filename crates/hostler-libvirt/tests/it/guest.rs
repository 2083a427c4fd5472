//! One real guest through its whole life.

use hostler_core::vm::PowerState;
use hostler_lab::guest::BANNER;
use hostler_provider::*;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_guest_is_made_from_an_uploaded_image_and_boots() {
    let world = World::new("c2-boot").await;
    let vm = world.make(&guest_spec("boots")).await;
    let seen = world.observe(&vm).await.unwrap();
    assert_eq!(seen.power, PowerState::Stopped);
    world.power().start(&cx(), &vm).await.unwrap();
    let seen = world.observe(&vm).await.unwrap();
    assert_eq!((seen.power, seen.power_reason.as_str()), (PowerState::Running, "booted"));
    world.hears(&vm, BANNER).await;
    let stop = StopMode::Graceful { within: std::time::Duration::from_secs(60) };
    world.power().stop(&cx(), &vm, stop).await.unwrap();
    let seen = world.observe(&vm).await.unwrap();
    assert_eq!((seen.power, seen.power_reason.as_str()), (PowerState::Stopped, "shutdown"));
    world.libvirt.create().unwrap().remove_vm(&cx(), &vm).await.unwrap();
    assert!(world.observe(&vm).await.is_none());
}
