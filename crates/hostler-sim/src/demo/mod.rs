//! A fleet to look at: three simulated hosts behind two providers, 120 VMs in
//! every state a user may meet, the same for the same seed. [`live`] lets it
//! move.
//!
//! | provider | hosts | VMs |
//! |---|---|---|
//! | `lab` | `alpha`, `beta` (64 processors, 512 GiB each) | 90 |
//! | `edge`, a cluster | `gamma` (32 processors, 256 GiB) | 30 |
//!
//! Both hosts of `lab` reach one pool `fast`: VMs whose disk is there can be migrated
//! between them, and the others cannot, since theirs is on one host alone.
//!
//! Five of six VMs bear a tag, as if Hostler had made them; the sixth is
//! somebody else's, so that there is something to adopt.
//!
//! A larger fleet is more of the same: three more hosts for every 120 VMs.

mod life;

use std::net::Ipv4Addr;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::{Entropy, SeededEntropy, VmId};
use hostler_core::vm::devices::{
    DiskDevice, DiskSource, DiskSpec, GraphicsSpec, NicModel, NicSource, NicSpec, VolumeFormat,
};
use hostler_core::vm::{PowerState, VmSpec};
use hostler_provider::{DiskBinding, VmRef, VolumeRef};

pub use life::{Life, live};

use crate::Sim;
use crate::verb::Verb;
use crate::world::World;
use crate::world::setup::{HostSetup, NetworkSetup, PoolSetup};
use crate::world::vm::Guest;

const GIB: u64 = 1 << 30;

/// How many VMs there are, unless more or fewer are asked for.
pub const FLEET: usize = 120;

/// The most VMs that a fleet can have: each three hosts have subnets of their own.
pub const FLEET_MAX: usize = 20_000;

/// Guests slow enough to be watched and quick enough not to bore.
const GUEST: Guest = Guest {
    start: Duration::from_millis(800),
    boot: Duration::from_secs(5),
    shutdown: Duration::from_secs(3),
    save: Duration::from_secs(2),
    obeys_acpi: true,
};

/// Long enough to be watched, and to be cancelled.
const MIGRATION: Duration = Duration::from_secs(12);

/// A guest that does not hear the power button.
pub const DEAF_GUEST: Guest = Guest { obeys_acpi: false, ..GUEST };

/// What VMs are for: name, processors, memory in GiB, disk in GiB, team.
const ROLES: [(&str, u32, u64, u64, &str); 12] = [
    ("web", 2, 2, 20, "shop"),
    ("api", 2, 4, 20, "shop"),
    ("db", 8, 16, 200, "data"),
    ("cache", 2, 8, 10, "data"),
    ("queue", 2, 4, 40, "data"),
    ("build", 8, 8, 80, "platform"),
    ("runner", 4, 4, 40, "platform"),
    ("mail", 2, 4, 60, "office"),
    ("desktop", 4, 8, 60, "office"),
    ("monitor", 2, 4, 100, "platform"),
    ("gateway", 1, 1, 8, "network"),
    ("sandbox", 1, 1, 10, "research"),
];

/// Every state of the fleet with its reason and how many VMs are in it; the
/// numbers add up to [`FLEET`].
const STATES: [(PowerState, &str, usize); 8] = [
    (PowerState::Running, "booted", 82),
    (PowerState::Stopped, "shutdown", 18),
    (PowerState::Paused, "user", 6),
    (PowerState::Saved, "saved", 4),
    (PowerState::Crashed, "panicked", 3),
    (PowerState::Failed, "crashed", 3),
    (PowerState::Paused, "io_error", 2),
    (PowerState::Suspended, "disk", 2),
];

/// Seeded chance.
pub(crate) struct Dice(SeededEntropy);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A number from 0 to `sides - 1`; 0 when there are no sides.
    pub(crate) fn below(&self, sides: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        let rolled = u64::from_le_bytes(bytes).checked_rem(sides as u64).unwrap_or(0);
        usize::try_from(rolled).unwrap_or(0)
    }

    fn id(&self, at: Timestamp) -> VmId {
        let mut bytes = [0; 10];
        self.0.fill(&mut bytes);
        VmId::new(at, bytes)
    }
}

/// The fleet of `seed`: the providers' names with a connection to each. Ids of
/// tagged VMs were made within the year before `now`.
pub fn fleet(seed: u64, now: Timestamp) -> Vec<(String, Sim)> {
    fleet_of(FLEET, seed, now)
}

/// The same with `count` VMs, at most [`FLEET_MAX`].
pub fn fleet_of(count: usize, seed: u64, now: Timestamp) -> Vec<(String, Sim)> {
    let dice = Dice::new(seed);
    let (lab, edge) = (World::new(seed), World::new(seed.wrapping_add(1)));
    let count = count.min(FLEET_MAX);
    for group in 0..count.div_ceil(FLEET).max(1) {
        for (host, cpus, gib, subnet) in [("alpha", 64, 512, 10), ("beta", 64, 512, 11)] {
            add_host(&lab, &host_name(host, group), cpus, gib, (group, subnet));
        }
        add_host(&edge, &host_name("gamma", group), 32, 256, (group, 20));
        lab.share_pool(&host_name("alpha", group), "fast", &host_name("beta", group));
    }
    let mut deck = Vec::new();
    for index in 0..count {
        if deck.is_empty() {
            let states = STATES.iter();
            deck.extend(states.flat_map(|(power, why, n)| std::iter::repeat_n((*power, *why), *n)));
        }
        let host = ["alpha", "beta", "alpha", "gamma"][index % 4];
        let host = if host == "alpha" && index % 3 == 0 { "beta" } else { host };
        let world = if host == "gamma" { &edge } else { &lab };
        let (power, reason) = deck.swap_remove(dice.below(deck.len()));
        let tag = (index % 6 != 5).then(|| {
            let minutes = dice.below(365 * 24 * 60) as u64;
            dice.id(now.minus(Duration::from_secs(60 * minutes)))
        });
        let vm = add_vm(world, &host_name(host, index / FLEET), index, tag, &dice);
        if tag.is_none() && host == "gamma" {
            // What others made in a cluster says by labels what it belongs to.
            let (role, ..) = ROLES[index % ROLES.len()];
            world.belongs_to(&vm, "shop", role, &vm.name);
        }
        world.set_guest(&vm, GUEST);
        world.set_power(&vm, power, reason);
    }
    edge.set_cluster(crate::cluster::healthy());
    [("lab", lab), ("edge", edge)]
        .map(|(name, world)| {
            world.set_default_guest(GUEST);
            world.set_migration_time(MIGRATION);
            // New VMs with this name show what it is like when others manage fields of one.
            world.set_meddler("shared-", "kubectl-edit");
            // New VMs take a while, so that their operations can be watched.
            world.faults().set_verb_latency(Verb::EnsureVolume, Duration::from_secs(2));
            world.faults().set_verb_latency(Verb::EnsureVm, Duration::from_millis(600));
            (name.to_owned(), Sim::new(&world))
        })
        .into()
}

/// `alpha`, then `alpha-2` and so on.
fn host_name(name: &str, group: usize) -> String {
    match group {
        0 => name.to_owned(),
        _ => format!("{name}-{}", group + 1),
    }
}

fn add_host(
    world: &World,
    name: &str,
    cpu_count: u32,
    memory_gib: u64,
    (group, subnet): (usize, u8),
) {
    // FLEET_MAX keeps this below 256.
    let second = u8::try_from(77 + group).unwrap_or(u8::MAX);
    let memory_bytes = memory_gib * GIB;
    world.add_host(HostSetup { cpu_count, memory_bytes, ..HostSetup::new(name) });
    // The disks of `lab` fill theirs, so that there is a pool without room.
    for (pool, capacity_gib) in [("default", 4096), ("fast", 2000)] {
        let capacity_bytes = capacity_gib * GIB;
        world.add_pool(PoolSetup { capacity_bytes, ..PoolSetup::new(name, pool) });
    }
    for (network, bridge, third) in [("default", "virbr0", subnet), ("lan", "br0", subnet + 100)] {
        let subnet = Ipv4Addr::new(10, second, third, 1);
        let bridge = bridge.to_owned();
        world.add_network(NetworkSetup { bridge, subnet, ..NetworkSetup::new(name, network) });
    }
}

fn add_vm(world: &World, host: &str, index: usize, tag: Option<VmId>, dice: &Dice) -> VmRef {
    let (role, cpus, memory_gib, disk_gib, team) = ROLES[index % ROLES.len()];
    let name = format!("{role}-{:02}", index / ROLES.len() + 1);
    let environment = ["prod", "prod", "staging", "test"][dice.below(4)];
    let pool = if matches!(role, "db" | "cache") { "fast" } else { "default" };
    let volume = VolumeRef {
        host_ref: host.to_owned(),
        pool: pool.to_owned(),
        name: format!("{name}-root"),
    };
    world.add_volume(&volume, disk_gib * GIB, VolumeFormat::Qcow2);

    let mut spec = VmSpec::new(name, memory_gib * GIB);
    spec.cpu.count = cpus;
    spec.description = format!("simulated; tier={role} env={environment} team={team}");
    for (key, value) in [("tier", role), ("env", environment), ("team", team)] {
        spec.labels.insert(key.to_owned(), value.to_owned());
    }
    spec.graphics = Some(GraphicsSpec::Vnc);
    spec.autostart = environment == "prod";
    let network = if environment == "prod" { "lan" } else { "default" };
    spec.nics.push(NicSpec {
        source: NicSource::Network(network.to_owned()),
        model: NicModel::Virtio,
        mac: None,
        link_up: true,
    });
    let source = DiskSource::Volume { pool: volume.pool.clone(), volume: volume.name.clone() };
    spec.disks.push(DiskSpec {
        name: "root".to_owned(),
        device: DiskDevice::Disk,
        bus: None,
        source,
        read_only: false,
        cache: None,
        discard: true,
        serial: None,
    });
    let disk = DiskBinding { disk: "root".to_owned(), volume, owned: true };
    world.add_vm(host, spec, tag, vec![disk])
}
