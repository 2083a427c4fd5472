//! How old the picture is, and which of two looks counts: the one that was begun later, whatever the clock
//! on the wall shows and whichever ended first.

use super::*;

const STEP: Duration = Duration::from_secs(1);

fn seen_as(power: PowerState, observed_at: Timestamp) -> ObservedVm {
    ObservedVm { observed_at, ..vm("x", Some("a"), None, power, "/x") }
}

fn power(lab: &Lab) -> Option<PowerState> {
    lab.fleet.read().providers[&provider(1)].seen.as_ref()?.vms.get("x").map(|vm| vm.power)
}

/// A single look that ends now.
fn look(lab: &Lab, found: Option<PowerState>, began: Instant) -> usize {
    let found = found.map(|power| seen_as(power, at(6)));
    lab.fleet.apply_vm(provider(1), "x", found, began).len()
}

#[tokio::test(start_paused = true)]
async fn f19_i14_a_clock_that_is_put_back_makes_nothing_old_win() {
    let lab = Lab::new();
    lab.see(1, inventory(vec![seen_as(PowerState::Running, at(7200))]));
    tokio::time::advance(STEP).await;
    // From here on the clock is an hour behind what was seen.
    lab.see(1, inventory(vec![seen_as(PowerState::Stopped, at(3600))]));
    assert_eq!(power(&lab), Some(PowerState::Stopped));
    tokio::time::advance(STEP).await;
    lab.see(1, inventory(Vec::new()));
    assert_eq!(power(&lab), None, "what vanished is not kept for an hour");
}

#[tokio::test(start_paused = true)]
async fn i7_an_inventory_does_not_bring_back_what_it_read_before_a_look() {
    let lab = Lab::new();
    let shows_x = || inventory(vec![seen_as(PowerState::Running, at(9))]);
    lab.see(1, shows_x());
    tokio::time::advance(STEP).await;
    let began = Instant::now();
    tokio::time::advance(STEP).await;
    look(&lab, None, Instant::now());
    lab.see_since(1, shows_x(), began);
    assert_eq!(power(&lab), None, "it was removed while that inventory was taken");
    tokio::time::advance(STEP).await;
    lab.see(1, shows_x());
    assert_eq!(power(&lab), Some(PowerState::Running), "it is there again");
    let began = Instant::now();
    tokio::time::advance(STEP).await;
    look(&lab, Some(PowerState::Paused), Instant::now());
    lab.see_since(1, inventory(Vec::new()), began);
    assert_eq!(power(&lab), Some(PowerState::Paused), "it was made meanwhile");
}

#[tokio::test(start_paused = true)]
async fn i7_a_slow_look_does_not_bring_back_what_is_over() {
    let lab = Lab::new();
    let older_than_all = Instant::now();
    tokio::time::advance(STEP).await;
    lab.see(1, inventory(vec![seen_as(PowerState::Running, at(9))]));
    tokio::time::advance(STEP).await;
    let slow = Instant::now();
    tokio::time::advance(STEP).await;
    assert_eq!(look(&lab, Some(PowerState::Stopped), Instant::now()), 1, "told");
    assert_eq!(look(&lab, Some(PowerState::Running), slow), 0, "not told");
    assert_eq!(look(&lab, None, older_than_all), 0, "the inventory knew more");
    assert_eq!(power(&lab), Some(PowerState::Stopped));
    tokio::time::advance(STEP).await;
    assert_eq!(look(&lab, None, Instant::now()), 1);
    assert_eq!(look(&lab, Some(PowerState::Running), slow), 0);
    assert_eq!(power(&lab), None, "what is gone is not brought back either");
}

#[tokio::test(start_paused = true)]
async fn x17_the_picture_is_as_old_as_what_a_silent_host_showed_last() {
    let lab = Lab::new();
    let all = vec![seen_as(PowerState::Running, at(6)), running("y", Some("b"), "/y")];
    lab.see(1, inventory(all));
    assert_eq!(lab.fleet.snapshot().observed_at, Some(at(5)), "the hosts");
    tokio::time::advance(STEP).await;
    let fresh = |name: &str| {
        let mut host = host(name);
        host.host.observed_at = at(8);
        host
    };
    let answers = |name: &str| Inventory { hosts: vec![fresh(name)], ..Inventory::default() };
    let one_silent = Inventory { unreachable: vec![("b".into(), "down".into())], ..answers("a") };
    lab.see(1, one_silent);
    assert_eq!(lab.fleet.snapshot().observed_at, Some(at(5)), "host b was seen last then");
    tokio::time::advance(STEP).await;
    lab.see(1, answers("a"));
    assert_eq!(lab.fleet.snapshot().observed_at, Some(at(8)), "host b is gone");
}
