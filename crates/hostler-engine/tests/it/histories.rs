//! Random histories: users, faults, crashes and strangers at once. When the
//! faults stop, everything ends, nothing is left over, nothing runs twice, and
//! what is told equals what is (X13, I1–I4, I7).

use std::time::Duration;

use hostler_core::id::{Entropy, PoolId, SeededEntropy, VmId};
use hostler_core::operation::OperationState;
use hostler_core::query::ListRequest;
use hostler_core::vm::PowerState;
use hostler_core::vm::devices::VolumeFormat;
use hostler_core::vm::status::VmState;
use hostler_engine::{DeleteOptions, PowerVerb, VolumeCreateRequest};
use hostler_provider::{Kind, StopMode};
use hostler_sim::{When, World};
use hostler_store::OperationFilter;

use crate::world::{Lab, admin};

/// Things that happen in one history.
const HAPPENINGS: usize = 120;

struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, sides: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % sides
    }

    fn pick<T: Copy>(&self, from: &[T]) -> Option<T> {
        let sides = u64::try_from(from.len()).ok().filter(|n| *n > 0)?;
        from.get(self.below(sides) as usize).copied()
    }
}

const VERBS: &[PowerVerb] = &[
    PowerVerb::Start,
    PowerVerb::Stop(StopMode::Force),
    PowerVerb::Stop(StopMode::GracefulThenForce { within: Duration::from_secs(1) }),
    PowerVerb::Reboot,
    PowerVerb::Reset,
    PowerVerb::Pause,
    PowerVerb::Resume,
    PowerVerb::Save,
];

const KINDS: &[Kind] =
    &[Kind::Denied, Kind::Unavailable, Kind::Timeout, Kind::Exhausted, Kind::Conflict, Kind::Bug];

async fn history(seed: u64) {
    let dice = Dice(SeededEntropy::new(seed));
    let world = World::small(seed);
    world.add_host(hostler_sim::HostSetup::new("h2"));
    world.add_pool(hostler_sim::PoolSetup::new("h2", "default"));
    let mut lab = Lab::with(world, None).await;
    // It keeps its id, also while nobody sees it.
    let pool = lab.pool();
    for n in 0..HAPPENINGS {
        happen(&mut lab, &dice, pool, seed, n).await;
        if dice.below(3) == 0 {
            tokio::time::sleep(Duration::from_millis(dice.below(6))).await;
        }
    }
    lab.world.faults().reset();
    lab.world.reconnect();
    settle(&lab, seed).await;
    check(&lab, seed).await;
    lab.engine.shutdown().await;
}

async fn happen(lab: &mut Lab, dice: &Dice, pool: PoolId, seed: u64, n: usize) {
    let listed = lab.engine.vms().list(&ListRequest::first(1000)).items;
    let vms: Vec<VmId> = listed.iter().map(|vm| vm.id).collect();
    let api = lab.engine.vms();
    // What is refused is refused; what matters is what is taken on.
    match dice.below(22) {
        0..5 => drop(api.create(&admin(), None, lab.request(&format!("vm-{n}"))).await),
        5..11 => {
            if let (Some(vm), Some(verb)) = (dice.pick(&vms), dice.pick(VERBS)) {
                drop(api.power(&admin(), None, vm, verb).await);
            }
        }
        11..14 => {
            if let Some(vm) = dice.pick(&vms) {
                let options =
                    DeleteOptions { disks: true, force: true, ..DeleteOptions::default() };
                drop(api.delete(&admin(), None, vm, options).await);
            }
        }
        14 => {
            let busy: Vec<_> = listed.iter().filter_map(|vm| vm.operation).collect();
            if let Some(operation) = dice.pick(&busy) {
                drop(lab.engine.operations().cancel(&admin(), operation).await);
            }
        }
        15..18 => {
            if let (Some(when), Some(kind)) = (dice.pick(When::ALL), dice.pick(KINDS)) {
                lab.world.faults().fail_next(1 + dice.below(3) as u32, when, kind);
            }
        }
        18 => {
            lab.world.disconnect();
            tokio::time::sleep(Duration::from_millis(dice.below(30))).await;
            lab.world.reconnect();
        }
        20 => {
            let (name, capacity_bytes) = (format!("vol-{}", dice.below(3)), 1 << 20);
            let request =
                VolumeCreateRequest { pool, name, capacity_bytes, format: Some(VolumeFormat::Raw) };
            drop(lab.engine.volumes().create(&admin(), None, &request).await);
        }
        21 => {
            let name = format!("vol-{}", dice.below(3));
            drop(lab.engine.volumes().delete(&admin(), None, pool, &name).await);
        }
        _ if dice.below(3) == 0 => lab.restart().await,
        _ => {
            // Somebody else uses the provider too.
            let census = lab.world.census();
            let theirs: Vec<_> = census.vms.iter().filter(|vm| vm.power.is_live()).collect();
            if let Some(record) = theirs.get(seed as usize % theirs.len().max(1)) {
                lab.world.kill_vm(&record.vm);
            }
        }
    }
}

/// Everything ends; what needs a person gets one.
async fn settle(lab: &Lab, seed: u64) {
    for _ in 0..50 {
        let open = OperationFilter {
            states: OperationState::ALL.iter().copied().filter(|s| !s.is_final()).collect(),
            limit: 1000,
            ..OperationFilter::default()
        };
        let (open, _) = lab.engine.operations().list(&open).await.unwrap();
        if open.is_empty() {
            return;
        }
        for operation in open {
            let id = operation.row.id;
            let ended = lab.ended(id).await.unwrap();
            if ended.state() == OperationState::NeedsAttention {
                lab.engine.operations().retry(&admin(), id).await.unwrap();
            }
        }
    }
    panic!("seed {seed}: operations do not end");
}

async fn check(lab: &Lab, seed: u64) {
    assert_eq!(lab.claims().await, 0, "seed {seed}: claims");
    let rows = lab.store.vms().await.unwrap();
    let wanted: Vec<VmId> = rows.iter().map(|row| row.id).collect();
    // Of volumes that are nobody's disk only whole ones may be there.
    let volumes = lab.world.census().volumes.into_iter();
    let free: Vec<_> = volumes.filter(|found| found.volume.name.starts_with("vol-")).collect();
    assert!(free.iter().all(|found| found.is_complete), "seed {seed}: {free:?}");
    let kept: Vec<_> = free.into_iter().map(|found| found.volume).collect();
    lab.assert_clean(&wanted, &kept, &format!("seed {seed}"));
    for vm in &wanted {
        assert!(lab.world.live_count(*vm) <= 1, "seed {seed}: {vm} runs twice");
        let is: PowerState = lab.world.vm_of(*vm).expect("leaks() found it").power;
        lab.sees(*vm, VmState::from(is)).await;
    }
}

macro_rules! histories {
    ($($name:ident: $seeds:expr,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            for seed in $seeds {
                history(seed).await;
            }
        }
    )*};
}

histories! {
    x13_when_faults_stop_the_picture_is_true_seeds_0_to_7: 0..8,
    x13_when_faults_stop_the_picture_is_true_seeds_8_to_15: 8..16,
    x13_when_faults_stop_the_picture_is_true_seeds_16_to_23: 16..24,
}
