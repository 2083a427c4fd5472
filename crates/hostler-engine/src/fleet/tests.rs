//! The picture after any changes is the one that would be made from scratch;
//! who uses which volume; what is forgotten and what is not.

use hostler_core::Fact;
use hostler_core::clock::ManualClock;
use hostler_core::host::ObservedHost;
use hostler_core::id::{Entropy as _, IdSource};
use hostler_core::id::{HostId, SeededEntropy};
use hostler_core::storage::{ObservedPool, ObservedVolume};
use hostler_core::vm::observed::{ObservedDisk, Tag};
use hostler_core::vm::status::Phase;
use hostler_core::vm::{Governance, PowerState, VmSpec};
use hostler_provider::{DiskBinding, HostInventory, Inventory, Probe, VolumeRef};
use hostler_sim::{Sim, World};
use hostler_store::Absence;

use super::absence::Rule;
use super::*;

mod behind;
mod naming;
mod order;
mod sharing;

const PACE: Duration = Duration::from_secs(10);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn provider(n: u8) -> ProviderId {
    ProviderId::new(at(1), [n; 10])
}

fn vm_id(n: u8) -> VmId {
    VmId::new(at(2), [n; 10])
}

fn none<T>() -> Fact<T> {
    Fact::unsupported("test", "not read")
}

fn host(name: &str) -> HostInventory {
    let observed = ObservedHost {
        external_ref: name.into(),
        name: format!("host {name}"),
        ids: hostler_core::host::MachineIds::default(),
        observed_at: at(5),
        arch: none(),
        cpu_model: none(),
        cpu_count: none(),
        memory_bytes: none(),
        memory_free_bytes: none(),
        hypervisor: none(),
        guests: none(),
    };
    HostInventory { host: observed, closed: None }
}

fn vm(name: &str, on: Option<&str>, mark: Option<u8>, power: PowerState, disk: &str) -> ObservedVm {
    let disk = ObservedDisk {
        target: "vda".into(),
        device: "disk".into(),
        bus: None,
        source: Some(disk.into()),
        format: None,
        capacity_bytes: None,
        read_only: false,
    };
    ObservedVm {
        external_ref: name.into(),
        host_ref: on.map(str::to_owned),
        name: format!("vm {name}"),
        namespace: None,
        governance: Governance::default(),
        tag: mark.map(|n| Tag { vm: vm_id(n) }),
        power,
        power_reason: "test".into(),
        message: None,
        observed_at: at(6),
        persistent: none(),
        autostart: none(),
        instance_type: None,
        preference: None,
        cpu_count: none(),
        cpu_max: none(),
        memory_bytes: none(),
        memory_max_bytes: none(),
        arch: none(),
        machine: none(),
        hypervisor: none(),
        firmware: none(),
        disks: Fact::seen(vec![disk], "test", at(6)),
        nics: none(),
        primary_address: None,
        needs_restart: Fact::unsupported("test", "not read"),
        guest: none(),
        consoles: none(),
        description: None,
        blocked: Vec::new(),
        kept_by: Vec::new(),
        cautions: Vec::new(),
    }
}

fn running(name: &str, on: Option<&str>, disk: &str) -> ObservedVm {
    vm(name, on, None, PowerState::Running, disk)
}

fn pool(name: &str, on: Option<&str>) -> ObservedPool {
    ObservedPool {
        external_ref: format!("{name}@{on:?}"),
        host_ref: on.map(str::to_owned),
        name: name.into(),
        kind: "dir".into(),
        active: true,
        observed_at: at(5),
        capacity_bytes: none(),
        allocated_bytes: none(),
        available_bytes: none(),
    }
}

fn volume(name: &str, path: Option<&str>) -> ObservedVolume {
    ObservedVolume {
        name: name.into(),
        format: None,
        capacity_bytes: 1,
        allocated_bytes: 1,
        path: path.map(str::to_owned),
        backing: None,
    }
}

/// A VM of ours as it is stored.
fn row(n: u8, at_provider: Option<u8>, name: Option<&str>, volume: Option<VolumeRef>) -> VmRow {
    let bindings: Vec<_> = volume
        .into_iter()
        .map(|volume| DiskBinding { disk: "root".into(), volume, owned: true })
        .collect();
    VmRow {
        id: vm_id(n),
        provider: at_provider.map(provider),
        host: None,
        external_ref: name.map(str::to_owned),
        project: "default".into(),
        name: format!("ours-{n}"),
        phase: Phase::Ready,
        spec: VmSpec::new(format!("ours-{n}"), 1 << 30),
        bindings: serde_json::to_value(bindings).unwrap(),
        generation: 1,
        created_at: at(3),
        updated_at: at(3),
        adopted: None,
        template: None,
    }
}

/// A fleet with what it takes to change it.
struct Lab {
    fleet: Fleet,
    ids: IdSource,
}

impl Lab {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(at(4)));
        let ids = IdSource::new(clock, Arc::new(SeededEntropy::new(1)));
        let lab = Self { fleet: Fleet::default(), ids };
        lab.attach(1);
        lab
    }

    fn attach(&self, n: u8) {
        let row = ProviderRow {
            id: provider(n),
            name: format!("provider {n}"),
            uri: String::new(),
            from_config: false,
            created_at: at(1),
        };
        self.fleet.attach(Entry::new(row, Arc::new(Sim::new(&World::new(1)))), Vec::new());
    }

    /// An inventory, and ids for all that is new in it.
    fn see(&self, n: u8, inventory: Inventory) {
        self.see_since(n, inventory, Instant::now());
    }

    /// The same, begun earlier.
    fn see_since(&self, n: u8, inventory: Inventory, began: Instant) {
        let probe = Probe { product: "test".into(), version: "1".into() };
        let seen = Seen::new(inventory, probe, at(8), began);
        let new = self.fleet.unidentified(provider(n), &seen);
        self.identify(new);
        self.fleet.apply(provider(n), seen, PACE * 2);
    }

    fn identify(&self, new: Vec<Identity>) {
        let ids = new.into_iter().map(|new| (new, self.ids.next(VmId::new).as_uuid(), at(7)));
        self.fleet.identify(&ids.collect::<Vec<_>>());
    }

    fn user(&self, of: &ObservedPool, volume: &ObservedVolume) -> Option<String> {
        let snapshot = self.fleet.snapshot();
        let vm = snapshot.users.of(provider(1), of, volume)?;
        Some(snapshot.vms.get(&vm)?.name.clone())
    }
}

fn inventory(vms: Vec<ObservedVm>) -> Inventory {
    let hosts = vec![host("a"), host("b")];
    let pools = vec![pool("local", Some("a")), pool("shared", None)];
    Inventory { hosts, vms, pools, networks: Vec::new(), ..Inventory::default() }
}

/// Everything a snapshot tells, in an order of its own.
fn dump(snapshot: &Snapshot) -> Vec<String> {
    let mut all: Vec<String> = snapshot.vms.values().map(|view| format!("{view:?}")).collect();
    all.extend(snapshot.hosts.values().map(|view| format!("{view:?}")));
    all.extend(snapshot.pools.values().map(|view| format!("{view:?}")));
    all.extend(snapshot.networks.values().map(|view| format!("{view:?}")));
    all.extend(snapshot.providers.values().map(|view| format!("{view:?}")));
    all.extend(snapshot.users.all());
    all.push(format!("{:?} {:?}", snapshot.observed_at, snapshot.freshness));
    all.sort();
    all
}

/// The picture as it would be made from scratch.
fn afresh(fleet: &Fleet) -> Arc<Snapshot> {
    let everything = Changes { everything: true, ..Changes::default() };
    Picture::default().after(&fleet.read(), everything)
}

/// Numbers that look random and are the same each time.
struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, sides: u8) -> u8 {
        let mut byte = [0];
        self.0.fill(&mut byte);
        byte[0] % sides
    }

    fn vm(&self) -> ObservedVm {
        let (name, disk) = (format!("r{}", self.below(8)), format!("/d{}", self.below(4)));
        let on = [None, Some("a"), Some("b"), Some("c")][usize::from(self.below(4))];
        let mark = (self.below(2) == 0).then(|| self.below(4));
        let power = [PowerState::Running, PowerState::Stopped][usize::from(self.below(2))];
        vm(&name, on, mark, power, &disk)
    }

    fn inventory(&self) -> Inventory {
        let vms = (0..self.below(8)).map(|_| self.vm()).collect();
        let mut inventory = inventory(vms);
        if self.below(3) == 0 {
            inventory.hosts.pop();
        }
        if self.below(4) == 0 {
            inventory.unreachable.push(("b".into(), "down".into()));
        }
        inventory
    }

    fn row(&self, n: u8) -> VmRow {
        let name = (self.below(2) == 0).then(|| format!("r{}", self.below(8)));
        let volume = VolumeRef {
            host_ref: "a".into(),
            pool: "local".into(),
            name: format!("v{}", self.below(3)),
        };
        let volume = (self.below(2) == 0).then_some(volume);
        let at_provider = [None, Some(1), Some(2)][usize::from(self.below(3))];
        row(n, at_provider, name.as_deref(), volume)
    }

    fn change(&self, lab: &Lab) {
        let n = 1 + self.below(2);
        match self.below(12) {
            0..3 => lab.see(n, self.inventory()),
            3..6 => {
                let vm = (self.below(4) > 0).then(|| self.vm());
                let name = vm
                    .as_ref()
                    .map_or_else(|| format!("r{}", self.below(8)), |vm| vm.external_ref.clone());
                lab.fleet.apply_vm(provider(n), &name, vm, Instant::now());
            }
            6 => drop(lab.fleet.silence(provider(n), "gone", at(9))),
            7..10 => {
                let n = self.below(4);
                let row = (self.below(3) > 0).then(|| self.row(n));
                let holder = (self.below(2) == 0).then(|| lab.ids.next(OperationId::new));
                lab.fleet.set(vm_id(n), row, holder);
            }
            10 => {
                // Single looks may show what has no id yet.
                let name = format!("r{}", self.below(8));
                lab.identify(vec![Identity::new(Kind::Vm, provider(n), &name)]);
            }
            _ if self.below(3) == 0 => lab.fleet.detach(provider(2)),
            _ => lab.attach(2),
        }
    }
}

#[tokio::test]
async fn i7_the_picture_after_any_changes_is_the_one_made_from_scratch() {
    for seed in 0..60 {
        let (lab, dice) = (Lab::new(), Dice(SeededEntropy::new(seed)));
        for step in 0..60 {
            dice.change(&lab);
            if dice.below(3) == 0 {
                let kept = lab.fleet.snapshot();
                assert_eq!(dump(&kept), dump(&afresh(&lab.fleet)), "seed {seed} step {step}");
            }
        }
    }
}

#[tokio::test]
async fn a_picture_is_shared_until_something_changes_and_never_changes_itself() {
    let lab = Lab::new();
    lab.see(1, inventory(vec![running("x", Some("a"), "/x")]));
    let first = lab.fleet.snapshot();
    assert!(Arc::ptr_eq(&first, &lab.fleet.snapshot()));
    let before = dump(&first);
    lab.fleet.apply_vm(provider(1), "x", None, Instant::now());
    let second = lab.fleet.snapshot();
    assert_eq!((first.vms.len(), second.vms.len()), (1, 0));
    assert_eq!(dump(&first), before);
    // A provider that is silent for the same reason as before is no change.
    lab.fleet.silence(provider(1), "down", at(9));
    let silent = lab.fleet.snapshot();
    lab.fleet.silence(provider(1), "down", at(10));
    assert!(Arc::ptr_eq(&silent, &lab.fleet.snapshot()));
}

#[tokio::test]
async fn hosts_are_told_with_what_is_on_them_now() {
    let lab = Lab::new();
    let stopped = vm("y", Some("a"), None, PowerState::Stopped, "/y");
    lab.see(1, inventory(vec![running("x", Some("a"), "/x"), stopped]));
    let counts = || {
        let snapshot = lab.fleet.snapshot();
        let mut counts: Vec<_> = snapshot
            .hosts
            .values()
            .map(|host| (host.name.clone(), host.vm_count, host.vm_running_count))
            .collect();
        counts.sort();
        counts
    };
    assert_eq!(counts(), [("host a".to_owned(), 2, 1), ("host b".to_owned(), 0, 0)]);
    lab.fleet.apply_vm(provider(1), "x", Some(running("x", Some("b"), "/x")), Instant::now());
    assert_eq!(counts(), [("host a".to_owned(), 1, 0), ("host b".to_owned(), 1, 1)]);
    lab.fleet.apply_vm(provider(1), "x", None, Instant::now());
    assert_eq!(counts(), [("host a".to_owned(), 1, 0), ("host b".to_owned(), 0, 0)]);
}

#[tokio::test]
async fn the_same_path_on_two_hosts_is_two_volumes_unless_the_pool_is_shared() {
    let lab = Lab::new();
    lab.see(1, inventory(vec![running("x", Some("b"), "/pool/disk")]));
    let disk = volume("disk", Some("/pool/disk"));
    assert_eq!(lab.user(&pool("local", Some("a")), &disk), None);
    assert_eq!(lab.user(&pool("local", Some("b")), &disk).as_deref(), Some("vm x"));
    assert_eq!(lab.user(&pool("shared", None), &disk).as_deref(), Some("vm x"));
    assert_eq!(lab.user(&pool("shared", None), &volume("other", Some("/pool/other"))), None);
}

#[tokio::test]
async fn i5_a_vm_that_is_on_no_host_keeps_its_volume_wherever_it_is() {
    let lab = Lab::new();
    lab.see(1, inventory(vec![running("x", None, "local/disk")]));
    let used = lab.user(&pool("local", Some("a")), &volume("disk", None));
    assert_eq!(used.as_deref(), Some("vm x"));
}

#[tokio::test]
async fn a_volume_made_for_a_vm_is_its_own_before_it_is_seen_with_it() {
    let lab = Lab::new();
    let made = VolumeRef { host_ref: "a".into(), pool: "local".into(), name: "ours-1-root".into() };
    lab.fleet.set(vm_id(1), Some(row(1, Some(1), None, Some(made))), None);
    let disk = volume("ours-1-root", None);
    assert_eq!(lab.user(&pool("local", Some("a")), &disk).as_deref(), Some("ours-1"));
    assert_eq!(lab.user(&pool("local", Some("b")), &disk), None, "another host's pool");
    lab.fleet.set(vm_id(1), None, None);
    assert_eq!(lab.user(&pool("local", Some("a")), &disk), None, "the VM was deleted");
}

#[tokio::test]
async fn a_volume_is_free_when_its_user_vanished_or_let_it_go() {
    let lab = Lab::new();
    let two = || vec![running("x", Some("a"), "/one"), running("y", Some("a"), "/one")];
    lab.see(1, inventory(two()));
    let (here, one) = (pool("local", Some("a")), volume("one", Some("/one")));
    let first = lab.user(&here, &one).unwrap();
    let (left, gone) = if first == "vm x" { ("y", "x") } else { ("x", "y") };
    lab.fleet.apply_vm(provider(1), gone, None, Instant::now());
    assert_eq!(lab.user(&here, &one), Some(format!("vm {left}")));
    let other = running(left, Some("a"), "/two");
    lab.fleet.apply_vm(provider(1), left, Some(other), Instant::now());
    assert_eq!(lab.user(&here, &one), None);
    assert!(lab.user(&here, &volume("two", Some("/two"))).is_some());
    lab.see(1, inventory(Vec::new()));
    assert_eq!(lab.user(&here, &volume("two", Some("/two"))), None);
}

const RULE: Rule = Rule { keep: Duration::from_secs(600), inventories: 10 };

impl Lab {
    /// The same inventory over and over, at its pace.
    async fn look_on(&self, times: u32, inventory: &Inventory) {
        for _ in 0..times {
            tokio::time::advance(PACE).await;
            self.see(1, inventory.clone());
        }
    }

    /// What is forgotten now, and stays so.
    fn forgotten(&self) -> Vec<String> {
        let leaving = self.fleet.leave(provider(1), RULE);
        let wanted: Vec<_> = leaving.iter().map(|thing| thing.told(at(9))).collect();
        let keys: Vec<_> = wanted.iter().map(|thing| thing.key.clone()).collect();
        self.fleet.left(leaving, &keys);
        wanted.into_iter().map(|thing| thing.event.message).collect()
    }

    fn knows(&self, kind: Kind, name: &str) -> bool {
        self.fleet.read().known(kind, provider(1), name).is_some()
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_had_is_forgotten_when_it_was_missing_for_long() {
    let lab = Lab::new();
    lab.look_on(3, &inventory(vec![running("x", Some("b"), "/x")])).await;
    let mut empty = inventory(Vec::new());
    empty.hosts.pop();
    empty.pools.pop();
    lab.look_on(60, &empty).await;
    assert_eq!(lab.forgotten(), [""; 0], "ten seconds are lacking");
    lab.look_on(1, &empty).await;
    let mut forgotten = lab.forgotten();
    forgotten.sort();
    let told = |what: &str| {
        format!("{what} was forgotten: 61 complete inventories in a row did not show it")
    };
    assert_eq!(forgotten, [told("host host b"), told("pool shared"), told("vm vm x")]);
    assert!(!lab.knows(Kind::Vm, "x") && lab.knows(Kind::Host, "a"));
    assert_eq!(lab.forgotten(), [""; 0], "once");
}

#[tokio::test(start_paused = true)]
async fn f19_i6_what_cannot_be_looked_at_is_not_forgotten_however_late_it_is() {
    let lab = Lab::new();
    lab.look_on(3, &inventory(vec![running("x", Some("b"), "/x")])).await;
    let gone = inventory(Vec::new());
    lab.look_on(5, &gone).await;
    // An outage of a year says nothing about what is there.
    lab.fleet.silence(provider(1), "down", at(9));
    tokio::time::advance(Duration::from_secs(365 * 24 * 3600)).await;
    assert_eq!(lab.forgotten(), [""; 0]);
    lab.look_on(20, &gone).await;
    assert_eq!(lab.forgotten(), [""; 0]);
    // Nor does an inventory in which a host did not answer.
    let partial = Inventory { unreachable: vec![("c".into(), "down".into())], ..gone.clone() };
    lab.look_on(100, &partial).await;
    assert_eq!(lab.forgotten(), [""; 0]);
    lab.look_on(60, &gone).await;
    assert_eq!(lab.forgotten().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn i17_what_is_ours_or_worked_on_is_never_forgotten() {
    let lab = Lab::new();
    let there = vec![
        running("ours", Some("a"), "/x"),
        running("busy", Some("a"), "/y"),
        running("theirs", Some("a"), "/z"),
    ];
    lab.look_on(3, &inventory(there)).await;
    let id = |kind, name| lab.fleet.read().known(kind, provider(1), name).unwrap().id;
    // Adopted meanwhile, and on a host that vanishes with it.
    let mut ours = row(1, Some(1), Some("ours"), None);
    ours.host = Some(HostId::from_uuid(id(Kind::Host, "a")));
    lab.fleet.set(vm_id(1), Some(ours), None);
    let busy = VmId::from_uuid(id(Kind::Vm, "busy"));
    lab.fleet.set(busy, None, Some(lab.ids.next(OperationId::new)));
    lab.look_on(100, &Inventory::default()).await;
    let forgotten = lab.forgotten();
    assert!(lab.knows(Kind::Vm, "ours") && lab.knows(Kind::Vm, "busy"), "{forgotten:?}");
    assert!(lab.knows(Kind::Host, "a") && !lab.knows(Kind::Host, "b"), "{forgotten:?}");
    assert!(!lab.knows(Kind::Vm, "theirs"));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_did_not_forget_keeps_its_id() {
    let lab = Lab::new();
    lab.look_on(1, &inventory(vec![running("x", Some("b"), "/x")])).await;
    let before = lab.fleet.read().known(Kind::Vm, provider(1), "x");
    lab.look_on(70, &inventory(Vec::new())).await;
    let leaving = lab.fleet.leave(provider(1), RULE);
    assert!(!lab.knows(Kind::Vm, "x"));
    lab.fleet.left(leaving, &[]);
    assert_eq!(lab.fleet.read().known(Kind::Vm, provider(1), "x"), before);
    assert_eq!(lab.forgotten().len(), 1, "and is tried again");
}

#[tokio::test(start_paused = true)]
async fn how_long_things_were_missing_survives_a_restart() {
    let lab = Lab::new();
    lab.look_on(1, &inventory(vec![running("x", Some("b"), "/x")])).await;
    lab.look_on(51, &inventory(Vec::new())).await;
    let unstored = lab.fleet.unstored_absences(provider(1));
    let absence = Absence { vouched: PACE * 50, inventories: 51 };
    assert_eq!(unstored, [(Kind::Vm, "x".to_owned(), absence)]);
    let known = lab.fleet.read().known(Kind::Vm, provider(1), "x").unwrap();
    let identity = Identity::new(Kind::Vm, provider(1), "x");
    let stored = ResourceRow { absence, ..identity.row(known.id, known.first_seen_at) };
    let next = Lab::new();
    let row = next.fleet.read().providers[&provider(1)].row.clone();
    next.fleet.attach(Entry::new(row, Arc::new(Sim::new(&World::new(1)))), vec![stored]);
    next.look_on(10, &inventory(Vec::new())).await;
    assert_eq!(next.forgotten(), [""; 0]);
    next.look_on(1, &inventory(Vec::new())).await;
    assert_eq!(next.forgotten().len(), 1);
}
