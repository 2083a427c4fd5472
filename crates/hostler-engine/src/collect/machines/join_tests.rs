//! Which machine is which host, and what is not guessed.

use std::time::Duration;

use hostler_core::host::{MachineIds, ObservedHost};
use hostler_core::id::ProviderId;
use hostler_core::{Fact, Timestamp};
use hostler_provider::{HostInventory, Machine};
use tokio_util::sync::CancellationToken;

use super::super::{AgentSettings, Heard};
use super::*;
use crate::{Freshness, HostState};

const UUID: &str = "6dad91f5-27f6-4f4b-8b4c-0b1dd9ac1f11";
const OTHER: &str = "0c1e5a4e-6f0e-4d3a-9a64-5a9c7d0c1b22";

fn host(number: u8, provider: &str, name: &str, reference: &str) -> Arc<HostView> {
    let absent = || Fact::unsupported("test", "not told");
    let observed = ObservedHost {
        external_ref: reference.to_owned(),
        name: name.to_owned(),
        ids: MachineIds::default(),
        observed_at: Timestamp::from_millis(1),
        arch: absent(),
        cpu_model: absent(),
        cpu_count: Fact::unsupported("test", "not told"),
        memory_bytes: Fact::unsupported("test", "not told"),
        memory_free_bytes: Fact::unsupported("test", "not told"),
        hypervisor: absent(),
        guests: Fact::unsupported("test", "not told"),
    };
    let at = Timestamp::from_millis(1);
    Arc::new(HostView {
        id: HostId::new(at, [number; 10]),
        name: name.to_owned(),
        provider: (ProviderId::new(at, [number; 10]), provider.to_owned()),
        simulated: false,
        state: HostState::Ready,
        reason: None,
        freshness: Freshness::Fresh,
        observed: Arc::new(HostInventory { host: observed, closed: None }),
        vm_count: 0,
        vm_running_count: 0,
    })
}

/// A node that a cluster knows by its name, and that tells this kernel of itself.
fn node(number: u8, cluster: &str, name: &str, boot: Option<&str>) -> Arc<HostView> {
    let mut view = HostView::clone(&host(number, cluster, name, name));
    let mut told = HostInventory::clone(&view.observed);
    told.host.ids.boot = boot.map(str::to_owned);
    view.observed = Arc::new(told);
    Arc::new(view)
}

/// A machine that said this of itself.
fn machine(agent: &str, name: &str, uuid: Option<&str>) -> Watched {
    let settings = AgentSettings {
        name: agent.to_owned(),
        address: "http://h".to_owned(),
        revision: String::new(),
        interval: Duration::from_secs(5),
        host: None,
    };
    let mut watched = Watched::new(settings, false, CancellationToken::new());
    watched.identity = Some(Heard {
        machine: Machine {
            name: name.to_owned(),
            ids: MachineIds { system: uuid.map(str::to_owned), ..MachineIds::default() },
        },
        hypervisor_ref: None,
        version: "0".to_owned(),
        started_at: Timestamp::from_millis(1),
        at: Timestamp::from_millis(1),
        arrived: Instant::now(),
        ahead_seconds: 0.0,
    });
    watched
}

fn place(hosts: &[Arc<HostView>], machine: &Watched) -> Place {
    Index::of_hosts(hosts.iter().collect()).place(machine)
}

/// The providers whose host it is.
fn found(hosts: &[Arc<HostView>], machine: &Watched) -> Vec<String> {
    match place(hosts, machine) {
        Place::Hosts(hosts) => hosts.iter().map(|host| host.provider.1.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

fn unclear(hosts: &[Arc<HostView>], machine: &Watched) -> String {
    match place(hosts, machine) {
        Place::Unclear(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn x22_a_machine_is_known_by_its_uuid_and_else_by_its_name() {
    let hosts = [host(1, "a", "h1.example.org", UUID), host(2, "b", "h2", OTHER)];
    // By its UUID, whatever it is called now.
    assert_eq!(found(&hosts, &machine("x", "renamed", Some(UUID))), ["a"]);
    assert_eq!(found(&hosts, &machine("x", "H2", None)), ["b"]);
    assert_eq!(found(&hosts, &machine("x", "h1", None)), ["a"], "one of them without its domain");
    assert!(matches!(place(&hosts, &machine("x", "h1.example.com", None)), Place::Alone));
    assert!(matches!(place(&hosts, &machine("x", "h3", None)), Place::Alone));
    let mut unheard = machine("x", "h2", None);
    unheard.identity = None;
    assert!(matches!(place(&hosts, &unheard), Place::Unheard));
    // What its hypervisor calls it is what its provider calls it.
    let mut told = machine("x", "renamed", None);
    told.identity.as_mut().unwrap().hypervisor_ref = Some(OTHER.to_uppercase());
    assert_eq!(found(&hosts, &told), ["b"]);
}

#[tokio::test]
async fn x22_a_machine_that_several_providers_see_is_one() {
    let hosts = [host(1, "vms", "h1", UUID), host(2, "containers", "h1", UUID)];
    assert_eq!(found(&hosts, &machine("x", "h1", Some(UUID))), ["containers", "vms"]);
    let machines = BTreeMap::from([(MachineKey(0), machine("x", "h1", Some(UUID)))]);
    let joined = joined_of(&machines, &hosts);
    let both = [&hosts[0], &hosts[1]].map(|host| (joined.at(host.id), joined.bearer(host.id)));
    let key = Some(MachineKey(0));
    assert_eq!(both, [(key, None), (key, key)], "its figures are told once");
}

#[tokio::test]
async fn what_may_be_either_is_told_and_not_guessed() {
    let hosts = [host(1, "a", "h", UUID), host(2, "b", "h", OTHER), host(3, "c", "k", OTHER)];
    assert!(unclear(&hosts, &machine("x", "h", None)).contains("h of a, h of b"));
    // Firmware that gives each machine the same UUID: the name decides, if it can.
    assert_eq!(found(&hosts, &machine("x", "k", Some(OTHER))), ["c"]);
    assert!(unclear(&hosts, &machine("x", "z", Some(OTHER))).contains("h of b, k of c"));
    // Two machines of one name.
    let why = unclear(&hosts[..1], &machine("x", "h", Some(OTHER)));
    assert!(why.contains(UUID) && why.contains(OTHER), "{why}");
    let mut settled = machine("x", "h", Some(OTHER));
    settled.settings.host = Some(hosts[0].id.to_string());
    assert_eq!(found(&hosts, &settled), ["a"]);
    settled.settings.host = Some("nowhere".to_owned());
    assert!(matches!(place(&hosts, &settled), Place::Alone));
}

#[tokio::test]
async fn x2_nodes_of_two_clusters_that_are_called_the_same_are_not_one_machine() {
    let hosts = [node(1, "a", "worker-1", Some(UUID)), node(2, "b", "worker-1", Some(OTHER))];
    let agent = |boot: Option<&str>| {
        let mut agent = machine("x", "worker-1", None);
        agent.identity.as_mut().unwrap().machine.ids.boot = boot.map(str::to_owned);
        agent
    };
    assert_eq!(found(&hosts, &agent(Some(UUID))), ["a"]);
    assert_eq!(found(&hosts, &agent(Some(OTHER))), ["b"]);
    // One that does not say which it is, may be either.
    let why = unclear(&hosts, &agent(None));
    assert!(why.contains("worker-1 of a, worker-1 of b"), "{why}");
    // It was started anew, and the cluster has not told of that: it may be another one.
    let why = unclear(&hosts[..1], &agent(Some(OTHER)));
    assert!(why.contains("boot id") && why.contains(UUID) && why.contains(OTHER), "{why}");
    // Where it is configured by a name, that holds; of several, it is the one that it can be.
    let mut told = agent(Some(OTHER));
    told.settings.host = Some("worker-1".to_owned());
    assert_eq!(found(&hosts, &told), ["b"]);
    assert_eq!(found(&hosts[..1], &told), ["a"]);
    // One that tells nothing of itself is known by its name, but not as two machines.
    let silent = [node(1, "a", "worker-1", None), node(2, "b", "worker-1", None)];
    assert_eq!(found(&silent[..1], &agent(Some(UUID))), ["a"]);
    assert!(unclear(&silent, &agent(Some(UUID))).contains("worker-1 of a, worker-1 of b"));
    // Containers that play nodes share a kernel, and have names of their own.
    let kernel = [node(1, "a", "one", Some(UUID)), node(2, "b", "two", Some(UUID))];
    let mut one = agent(Some(UUID));
    one.identity.as_mut().unwrap().machine.name = "two".to_owned();
    assert_eq!(found(&kernel, &one), ["b"]);
    // What a hypervisor and a cluster tell of one machine is told of one machine.
    let mut seen = HostInventory::clone(&node(2, "b", "worker-1", None).observed);
    seen.host.ids.system = Some(UUID.to_owned());
    let mut of_cluster = HostView::clone(&hosts[1]);
    of_cluster.observed = Arc::new(seen);
    let both = [host(1, "kvm", "worker-1", UUID), Arc::new(of_cluster)];
    assert_eq!(found(&both, &machine("x", "worker-1", Some(UUID))), ["b", "kvm"]);
}

/// As [`joined`] does with the hosts of the fleet.
fn joined_of(machines: &BTreeMap<MachineKey, Watched>, hosts: &[Arc<HostView>]) -> Joined {
    let mut snapshot = Snapshot::default();
    for host in hosts {
        snapshot.hosts.insert(host.id, host.clone());
    }
    joined(machines, &snapshot, Instant::now())
}

#[tokio::test(start_paused = true)]
async fn x35_one_machine_speaks_for_a_host_and_no_agent_takes_it_from_another() {
    let hosts = [host(1, "a", "h1", UUID)];
    let speaker = |machines: &BTreeMap<MachineKey, Watched>| {
        let joined = joined_of(machines, &hosts);
        joined.at(hosts[0].id).map(|key| joined.name(key).to_string())
    };
    let (first, second) = (MachineKey(0), MachineKey(1));
    let mut machines = BTreeMap::from([
        (first, machine("first", "h1", Some(UUID))),
        (second, machine("second", "h1", Some(UUID))),
    ]);
    // Both say the same, and one of them is not what it says.
    assert_eq!(speaker(&machines), None);
    let told = joined_of(&machines, &hosts);
    let Place::Taken(why) = &told.places[&first].1 else { panic!("{told:?}") };
    assert!(why.contains("the agent second") && why.contains("set `host`"), "{why}");
    machines.get_mut(&second).unwrap().settings.host = Some("h1".to_owned());
    assert_eq!(speaker(&machines).as_deref(), Some("second"), "it was configured for that host");
    machines.get_mut(&first).unwrap().is_own = true;
    assert_eq!(speaker(&machines).as_deref(), Some("first"), "a server knows its own machine");
    // One that has not been heard for long is in nobody's way.
    machines.get_mut(&first).unwrap().is_own = false;
    machines.get_mut(&second).unwrap().settings.host = None;
    tokio::time::advance(Duration::from_secs(3600)).await;
    machines.get_mut(&first).unwrap().identity.as_mut().unwrap().arrived = Instant::now();
    assert_eq!(speaker(&machines).as_deref(), Some("first"));
}

#[tokio::test]
async fn x17_what_is_made_up_is_no_machine() {
    let mut made_up = HostView::clone(&host(1, "demo", "h1", "sim-h1"));
    made_up.simulated = true;
    let machines = BTreeMap::from([(MachineKey(0), machine("x", "h1", None))]);
    let joined = joined_of(&machines, &[Arc::new(made_up)]);
    assert!(matches!(joined.places[&MachineKey(0)].1, Place::Alone));
}
