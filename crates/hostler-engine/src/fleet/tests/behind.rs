//! A provider that answers with an older picture: it is kept, told as old, and shows nothing
//! to be gone.

use hostler_core::Quality;
use hostler_core::vm::status::VmState;
use hostler_provider::Stale;

use super::super::freshness::Freshness;
use super::super::views::{HostState, ProviderState};
use super::*;

fn older(inventory: Inventory) -> Inventory {
    let stale = Stale { since: at(6), reason: "it is being listed anew".into() };
    Inventory { stale: Some(stale), ..inventory }
}

/// How old all is that is told: two VMs, two hosts, two pools and the provider at most.
fn ages(told: &Snapshot) -> Vec<Freshness> {
    let vms = told.vms.values().map(|view| view.freshness);
    let hosts = told.hosts.values().map(|view| view.freshness);
    let pools = told.pools.values().map(|view| view.freshness);
    let providers = told.providers.values().map(|view| view.freshness);
    let all: Vec<_> = vms.chain(hosts).chain(pools).chain(providers).collect();
    assert_eq!(all.iter().fold(Freshness::Fresh, |all, one| all.and(*one)), told.freshness);
    all
}

/// What is told of the provider; of nothing else.
fn provider_states(events: &[NewEvent]) -> Vec<&str> {
    let state = |event: &NewEvent| event.kind == "provider.state";
    assert!(events.iter().all(state), "{events:?}");
    events.iter().map(|event| event.data["state"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn i7_e10_that_a_provider_is_behind_and_that_it_is_over_is_told_once() {
    let lab = Lab::new();
    let now = || inventory(vec![running("x", Some("a"), "/x")]);
    let apply = |inventory| {
        let probe = Probe { product: "test".into(), version: "1".into() };
        let seen = Seen::new(inventory, probe, at(9), Instant::now());
        lab.fleet.apply(provider(1), seen, PACE * 2)
    };
    lab.see(1, now());
    assert_eq!(provider_states(&apply(now())), [""; 0]);
    assert_eq!(provider_states(&apply(older(now()))), ["rebuilding"]);
    assert_eq!(provider_states(&apply(older(now()))), [""; 0], "told already");
    assert_eq!(provider_states(&apply(now())), ["healthy"]);
    lab.fleet.silence(provider(1), "nobody answers", at(10)).unwrap();
    assert_eq!(provider_states(&apply(older(now()))), ["rebuilding"], "it is not well yet");
    assert_eq!(provider_states(&apply(now())), ["healthy"]);
}

#[tokio::test]
async fn e10_x17_what_is_known_of_a_provider_that_is_behind_is_kept_and_told_as_old() {
    let lab = Lab::new();
    lab.see(1, inventory(vec![running("x", Some("a"), "/x"), running("y", Some("a"), "/y")]));
    // Newer than anything that it can tell now.
    let paused = vm("y", Some("a"), None, PowerState::Paused, "/y");
    lab.fleet.apply_vm(provider(1), "y", Some(paused), Instant::now());
    let events = lab.fleet.apply(
        provider(1),
        Seen::new(
            older(inventory(vec![running("y", Some("a"), "/y")])),
            Probe { product: "test".into(), version: "1".into() },
            at(9),
            Instant::now(),
        ),
        PACE * 2,
    );
    assert_eq!(provider_states(&events), ["rebuilding"], "nothing else is told to have changed");
    let told = lab.fleet.snapshot();
    assert_eq!(ages(&told), [Freshness::Stale { since: Some(at(6)) }; 7]);
    assert_eq!(told.vms.values().count(), 2, "an older picture shows nothing to be gone");
    for view in told.vms.values() {
        assert_eq!((view.status.state, view.status.quality), (VmState::Unknown, Quality::Stale));
        assert!(view.stale().unwrap().contains("listed anew"));
    }
    let y = told.vms.values().find(|view| view.name == "vm y").unwrap();
    assert_eq!(y.status.last_seen, Some(VmState::Paused), "a look showed more since");
    assert!(told.hosts.values().all(|host| host.state == HostState::Degraded));
    assert!(told.pools.values().all(|pool| pool.stale.is_some()));
    let view = told.providers.get(&provider(1)).unwrap();
    assert_eq!((view.state, view.silent_since), (ProviderState::Rebuilding, Some(at(6))));
    assert!(lab.fleet.behind(provider(1)).is_some());
    // And as it is again.
    lab.see(1, inventory(vec![running("y", Some("a"), "/y")]));
    let told = lab.fleet.snapshot();
    assert_eq!(ages(&told), [Freshness::Fresh; 6]);
    assert!(lab.fleet.behind(provider(1)).is_none());
    let only: Vec<_> = told.vms.values().map(|view| view.status.state).collect();
    assert_eq!(only, [VmState::Running]);
}

#[tokio::test]
async fn e10_an_older_picture_that_is_the_first_is_told_as_old() {
    let lab = Lab::new();
    lab.see(1, older(inventory(vec![running("x", Some("a"), "/x")])));
    let told = lab.fleet.snapshot();
    let only: Vec<_> = told.vms.values().map(|view| view.status.clone()).collect();
    assert_eq!((only[0].state, only[0].last_seen), (VmState::Unknown, Some(VmState::Running)));
    assert!(told.freshness.is_stale() && only[0].observed_at == Some(at(6)));
}

#[tokio::test(start_paused = true)]
async fn e10_an_older_picture_witnesses_no_absence() {
    let lab = Lab::new();
    lab.look_on(3, &inventory(vec![running("x", Some("b"), "/x")])).await;
    let gone = inventory(Vec::new());
    lab.look_on(5, &gone).await;
    lab.look_on(200, &older(gone.clone())).await;
    assert_eq!(lab.forgotten(), [""; 0], "however often it is shown");
    lab.look_on(5, &gone).await;
    assert_eq!(lab.forgotten(), [""; 0], "nor does it vouch for the time it took");
    lab.look_on(60, &gone).await;
    assert_eq!(lab.forgotten().len(), 1);
}

#[tokio::test]
async fn e10_a_provider_that_falls_silent_while_it_is_behind_is_silent() {
    let lab = Lab::new();
    lab.see(1, inventory(vec![running("x", Some("a"), "/x")]));
    lab.see(1, older(inventory(Vec::new())));
    lab.fleet.silence(provider(1), "it cannot be listed", at(70));
    let told = lab.fleet.snapshot();
    assert_eq!(told.providers.get(&provider(1)).unwrap().state, ProviderState::Unreachable);
    let reasons: Vec<_> = told.vms.values().map(|view| view.status.reason.clone()).collect();
    assert_eq!(reasons, ["it cannot be listed"]);
    // Nothing newer came between: it is old since it was behind.
    assert_eq!(told.freshness, Freshness::Stale { since: Some(at(6)) });
    assert!(lab.fleet.behind(provider(1)).is_none());
}

#[tokio::test]
async fn e10_what_is_on_a_silent_host_is_old_since_that_was_silent_first() {
    let lab = Lab::new();
    let apply = |inventory, seconds| {
        let probe = Probe { product: "test".into(), version: "1".into() };
        let seen = Seen::new(inventory, probe, at(seconds), Instant::now());
        lab.fleet.apply(provider(1), seen, PACE * 2);
    };
    let mut never_seen = row(9, Some(1), Some("z"), None);
    let all = vec![running("x", Some("a"), "/x"), running("y", Some("b"), "/y")];
    lab.see(1, inventory(all));
    let ids = lab.fleet.read().host_id(provider(1), "b");
    never_seen.host = ids;
    lab.fleet.set(never_seen.id, Some(never_seen.clone()), None);
    let is_silent = || Inventory {
        hosts: vec![host("a")],
        vms: vec![running("x", Some("a"), "/x")],
        pools: vec![pool("local", Some("a")), pool("shared", None)],
        unreachable: vec![("b".into(), "down".into())],
        ..Inventory::default()
    };
    apply(is_silent(), 20);
    apply(is_silent(), 30);
    let told = lab.fleet.snapshot();
    let old = Freshness::Stale { since: Some(at(20)) };
    let vms = ["vm x", "vm y", "ours-9"]
        .map(|name| told.vms.values().find(|view| view.name == name).unwrap().freshness);
    assert_eq!(vms, [Freshness::Fresh, old, old]);
    let hosts = ["host a", "host b"]
        .map(|name| told.hosts.values().find(|view| view.name == name).unwrap().freshness);
    assert_eq!(hosts, [Freshness::Fresh, old]);
    assert_eq!(told.freshness, old, "a part of the whole is");
    let view = told.providers.get(&provider(1)).unwrap();
    assert_eq!(view.freshness, Freshness::Fresh, "it answers itself");

    apply(inventory(vec![running("y", Some("b"), "/y")]), 40);
    assert_eq!(lab.fleet.snapshot().freshness, Freshness::Fresh);
    apply(is_silent(), 50);
    let again = lab.fleet.snapshot().freshness;
    assert_eq!(again, Freshness::Stale { since: Some(at(50)) }, "it answered between");
}

#[tokio::test]
async fn x17_of_what_never_answered_nobody_knows_since_when_it_is_old() {
    let lab = Lab::new();
    lab.fleet.set(vm_id(9), Some(row(9, Some(1), Some("z"), None)), None);
    lab.fleet.set(vm_id(8), Some(row(8, None, None, None)), None);
    let mut unplaced = row(7, None, None, None);
    unplaced.phase = Phase::Creating;
    lab.fleet.set(vm_id(7), Some(unplaced), None);
    let told = lab.fleet.snapshot();
    let unknown = Freshness::Stale { since: None };
    let of = |n| told.vms.get(&vm_id(n)).unwrap().freshness;
    assert_eq!([of(9), of(8), of(7)], [unknown, unknown, Freshness::Fresh]);
    assert_eq!(told.freshness, unknown);
    lab.fleet.silence(provider(1), "nobody answers", at(10));
    assert_eq!(lab.fleet.snapshot().freshness, Freshness::Stale { since: Some(at(10)) });
}
