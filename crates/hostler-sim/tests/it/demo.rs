//! The demo's fleet: varied, marked as simulated, alive, and the same for the
//! same seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hostler_core::vm::{ObservedVm, PowerState};
use hostler_provider::{Change, Provider, Watch};
use hostler_sim::{Census, Sim, demo};

use crate::support::{NOW, cx};

fn censuses(fleet: &[(String, Sim)]) -> Vec<Census> {
    fleet.iter().map(|(_, sim)| sim.world().census()).collect()
}

#[tokio::test]
async fn the_fleet_has_three_hosts_and_120_vms_in_every_state() {
    let fleet = demo::fleet(7, NOW);
    let (mut hosts, mut vms) = (Vec::new(), Vec::new());
    for (_, sim) in &fleet {
        assert!(sim.is_simulated());
        let inventory = sim.inventory(&cx()).await.unwrap();
        hosts.extend(inventory.hosts);
        vms.extend(inventory.vms);
    }
    assert_eq!((hosts.len(), vms.len()), (3, demo::FLEET));
    let mut states = BTreeMap::new();
    for vm in &vms {
        *states.entry(vm.power).or_insert(0) += 1;
        assert!(vm.description.as_ref().unwrap().starts_with("simulated; tier="));
    }
    assert_eq!(states.get(&PowerState::Running), Some(&82));
    assert_eq!(states.get(&PowerState::Paused), Some(&8));
    assert_eq!(states.len(), 7, "{states:?}");
    assert_eq!(vms.iter().filter(|vm| vm.tag.is_none()).count(), 20);
    for host in &hosts {
        let on_it = vms.iter().filter(|vm| vm.host_ref.as_ref() == Some(&host.host.name)).count();
        assert!(on_it >= 20, "{}: {on_it}", host.host.name);
        assert!(*host.host.memory_free_bytes.value().unwrap() > 16 << 30);
    }
}

#[tokio::test]
async fn a_larger_fleet_is_more_of_the_same_on_more_hosts() {
    let fleet = demo::fleet_of(3 * demo::FLEET + 1, 7, NOW);
    let (mut hosts, mut names) = (BTreeMap::new(), BTreeSet::new());
    for (provider, sim) in &fleet {
        let inventory = sim.inventory(&cx()).await.unwrap();
        for host in inventory.hosts {
            let on_it = |vm: &&ObservedVm| vm.host_ref.as_ref() == Some(&host.host.name);
            let count = inventory.vms.iter().filter(on_it).count();
            assert!(hosts.insert(host.host.name.clone(), count).is_none());
        }
        let networks: BTreeSet<_> =
            inventory.networks.iter().flat_map(|network| network.subnets.clone()).collect();
        assert_eq!(networks.len(), inventory.networks.len(), "{provider}: a subnet is shared");
        names.extend(inventory.vms.into_iter().map(|vm| vm.name));
    }
    assert_eq!((hosts.len(), names.len()), (12, 3 * demo::FLEET + 1));
    assert_eq!(hosts.get("alpha"), hosts.get("alpha-3"));
    assert_eq!(hosts.values().filter(|count| **count == 0).count(), 2, "{hosts:?}");
}

#[tokio::test]
async fn x17_names_and_tags_are_unique_and_nothing_hangs_in_the_air() {
    for (_, sim) in demo::fleet(7, NOW) {
        let census = sim.world().census();
        let tags: Vec<_> = census.vms.iter().filter_map(|vm| vm.tag).collect();
        assert_eq!(sim.world().leaks(&tags, &[]), Vec::<String>::new());
        assert!(tags.iter().all(|id| sim.world().vm_of(*id).is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_fleet_with_the_same_future() {
    let mut after = Vec::new();
    for seed in [7, 7, 8] {
        let fleet = demo::fleet(seed, NOW);
        for (_, sim) in &fleet {
            let world = sim.world().clone();
            let life = demo::live(world, seed, Duration::from_millis(500));
            assert!(tokio::time::timeout(Duration::from_secs(60), life).await.is_err());
        }
        after.push(censuses(&fleet));
    }
    assert_eq!(after[0], after[1]);
    assert_ne!(after[0], after[2]);
    assert_ne!(after[0], censuses(&demo::fleet(7, NOW)));
}

#[tokio::test(start_paused = true)]
async fn a_living_fleet_tells_its_changes_and_mostly_runs() {
    let fleet = demo::fleet(7, NOW);
    let (_, sim) = &fleet[0];
    let mut changes = sim.subscribe().await.unwrap();
    let life = demo::Life::new(sim.world(), 1);
    let mut told = 0;
    for _ in 0..2000 {
        life.tick();
        tokio::time::sleep(Duration::from_secs(1)).await;
        while let Ok(change) = changes.try_recv() {
            assert!(matches!(change, Change::Vm(_)));
            told += 1;
        }
    }
    assert!(told > 500, "{told}");
    let vms = sim.world().census().vms;
    let running = vms.iter().filter(|vm| vm.power == PowerState::Running).count();
    assert!(running * 2 > vms.len(), "{running} of {}", vms.len());
}

#[tokio::test(start_paused = true)]
async fn what_a_user_makes_is_left_alone() {
    let fleet = demo::fleet(7, NOW);
    let (_, sim) = &fleet[1];
    let life = demo::Life::new(sim.world(), 1);
    let spec = hostler_core::vm::VmSpec::new("mine", 1 << 20);
    let mine = sim.world().add_vm("gamma", spec, None, vec![]);
    sim.world().set_power(&mine, PowerState::Running, "booted");
    for _ in 0..2000 {
        life.tick();
    }
    assert_eq!(sim.world().vm_named("mine").unwrap().power, PowerState::Running);
}
