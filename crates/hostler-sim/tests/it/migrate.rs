//! Migrations of a simulated world: who may go where, how far one is, and what comes
//! between.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_core::id::OperationId;
use hostler_core::migration::{Migration, MigrationPhase};
use hostler_core::vm::{PowerState, VmSpec};
use hostler_provider::{
    Cx, Error, Kind, Migrate, MigrateVm, Progress, ProgressSink, Provider, Result, VmRef,
};
use hostler_sim::{HostSetup, NetworkSetup, Sim, World};
use serde_json::Value;

use crate::support::{MIB, NOW, cx, vm};

const TAKES: Duration = Duration::from_secs(10);

/// Two hosts, and a VM of 64 MiB without disks that runs on `h1`.
fn two_hosts() -> (World, Sim, VmRef) {
    let world = World::small(1);
    world.add_host(HostSetup::new("h2"));
    world.add_network(NetworkSetup::new("h2", "default"));
    world.set_migration_time(TAKES);
    let vm = world.add_vm("h1", VmSpec::new("web", 64 * MIB), None, vec![]);
    world.set_power(&vm, PowerState::Running, "booted");
    (world.clone(), Sim::new(&world), vm)
}

fn operation(n: u8) -> OperationId {
    OperationId::new(NOW, [n; 10])
}

fn to_h2(vm: &VmRef) -> MigrateVm<'_> {
    MigrateVm { operation: operation(1), vm, from: "h1", to: Some("h2") }
}

async fn told(sim: &Sim, vm: &VmRef) -> Migration {
    sim.migrations(&cx(), Some(vm)).await.unwrap().remove(0)
}

/// Asks for it, and lets something happen halfway.
async fn halfway(sim: &Sim, vm: &VmRef, befalls: impl Future<Output = ()>) -> Result<()> {
    let (request, cx) = (to_h2(vm), cx());
    let meanwhile = async {
        tokio::time::sleep(TAKES / 2).await;
        befalls.await;
    };
    let (ended, ()) = tokio::join!(sim.migrate_vm(&cx, &request), meanwhile);
    ended
}

#[derive(Default)]
struct Heard(Mutex<Vec<Progress>>);

impl ProgressSink for Heard {
    fn progress(&self, progress: Progress) {
        self.0.lock().unwrap().push(progress);
    }

    fn checkpoint(
        &self,
        _: Value,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(start_paused = true)]
async fn e8_a_migration_tells_its_bytes_and_its_times() {
    let (world, sim, vm) = two_hosts();
    let heard = Arc::new(Heard::default());
    let cx: Cx = cx().with_sink(heard.clone());
    let request = to_h2(&vm);
    let looking = async {
        tokio::time::sleep(TAKES / 2).await;
        let half = told(&sim, &vm).await;
        assert_eq!((half.phase, half.ended_at), (MigrationPhase::Copying, None));
        assert_eq!(half.bytes_done.value(), Some(&(32 * MIB)));
        assert_eq!(half.bytes_total.value(), Some(&(64 * MIB)));
        assert_eq!(world.vm_named("web").unwrap().power, PowerState::Migrating);
    };
    let (ended, ()) = tokio::join!(sim.migrate_vm(&cx, &request), looking);
    ended.unwrap();
    let whole = told(&sim, &vm).await;
    assert_eq!((whole.phase, whole.reason), (MigrationPhase::Succeeded, None));
    assert_eq!((whole.started_at, whole.ended_at), (Some(NOW), Some(NOW.plus(TAKES))));
    assert_eq!(whole.bytes_done.value(), Some(&(64 * MIB)));
    let record = world.vm_named("web").unwrap();
    assert_eq!((record.host.as_str(), record.reason.as_str()), ("h2", "migrated"));
    let heard = heard.0.lock().unwrap();
    let fractions: Vec<_> = heard.iter().filter_map(|one| one.fraction).collect();
    assert!(fractions.len() > 10 && fractions.is_sorted(), "{fractions:?}");
}

#[tokio::test(start_paused = true)]
async fn f24_what_befalls_the_vm_or_the_target_ends_a_migration_with_its_reason() {
    for (what, on, power) in [
        ("power", "h1", PowerState::Stopped),
        ("crash", "h1", PowerState::Crashed),
        ("target", "h1", PowerState::Running),
        ("cancel", "h1", PowerState::Running),
    ] {
        let (world, sim, vm) = two_hosts();
        let befalls = async {
            match what {
                "power" => world.set_power(&vm, PowerState::Stopped, "destroyed"),
                "crash" => world.crash_guest(&vm),
                "target" => world.crash_host("h2"),
                _ => sim.cancel(&cx(), &vm, operation(1)).await.unwrap(),
            }
        };
        let error: Error = halfway(&sim, &vm, befalls).await.unwrap_err();
        assert_eq!((error.kind(), error.is_unknown()), (Kind::Conflict, false), "{what}");
        let record = world.vm_named("web").unwrap();
        assert_eq!((record.host.as_str(), record.power), (on, power), "{what}: {error}");
        let told = told(&sim, &vm).await;
        let cancelled = what == "cancel";
        assert_eq!(told.phase == MigrationPhase::Cancelled, cancelled, "{what}");
        assert!(told.phase.is_over() && told.reason.is_some() != cancelled, "{what}: {told:?}");
        // Told again, and not tried anew.
        let again = sim.migrate_vm(&cx(), &to_h2(&vm)).await.unwrap_err();
        assert_eq!(again.kind(), Kind::Conflict, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn e8_a_host_that_does_not_fit_says_why() {
    let (world, sim, vm) = two_hosts();
    let refused = || async {
        let places = sim.destinations(&cx(), &vm).await.unwrap();
        let [place] = places.hosts.as_slice() else { panic!("{places:?}") };
        assert_eq!((place.host_ref.as_str(), places.blocked.as_deref()), ("h2", None));
        let asked = sim.migrate_vm(&cx(), &to_h2(&vm)).await;
        assert_eq!(asked.is_err(), place.refused.is_some());
        (place.refused.clone().unwrap_or_default(), asked.err().map(|error| error.kind()))
    };
    world.close_host("h2", Some("maintenance"));
    assert_eq!(refused().await, ("it takes no VMs: maintenance".into(), Some(Kind::Conflict)));
    world.close_host("h2", None);
    world.isolate_host("h2");
    assert_eq!(refused().await, ("it does not answer".into(), Some(Kind::Conflict)));
    world.restore_host("h2");
    let large = world.add_vm("h2", VmSpec::new("large", (32 << 30) - MIB), None, vec![]);
    world.set_power(&large, PowerState::Running, "booted");
    let (why, kind) = refused().await;
    assert_eq!(
        (why.as_str(), kind),
        ("it has 1 MiB of memory left, 64 are needed", Some(Kind::Exhausted))
    );
    world.set_power(&large, PowerState::Stopped, "destroyed");
    assert_eq!(refused().await, (String::new(), None));
}

#[tokio::test(start_paused = true)]
async fn e8_a_vm_goes_only_where_its_disks_are() {
    let (world, sim, _) = two_hosts();
    let vm = vm(&sim, 7, "db").await;
    world.set_power(&vm, PowerState::Running, "booted");
    let asked = sim.migrate_vm(&cx(), &to_h2(&vm)).await.unwrap_err();
    assert!(asked.message().contains("is on host h1 alone"), "{asked}");
    world.share_pool("h1", "default", "h2");
    sim.migrate_vm(&cx(), &to_h2(&vm)).await.unwrap();
    assert_eq!(world.vm_named("db").unwrap().host, "h2");
    let tag = world.vm_named("db").unwrap().tag.unwrap();
    assert_eq!(world.leaks(&[tag], &[]), Vec::<String>::new());
    let pools = sim.inventory(&cx()).await.unwrap().pools;
    let default = pools.iter().filter(|pool| pool.name == "default").count();
    assert_eq!(default, 2, "it is shown by each host that reaches it");
}
