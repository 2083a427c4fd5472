//! The simulator keeps every promise of the boundary; and a driver that breaks
//! one is caught, which shows that the suite can fail.

mod clones;
mod configure;
mod disks;
mod instance_types;
mod snapshots;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::clock::ManualClock;
use hostler_core::id::{IdSource, OperationId, SeededEntropy, VmId};
use hostler_core::metrics::{Cost, Labels, Metric, Point};
use hostler_core::migration::{Destinations, Migration};
use hostler_core::storage::ObservedVolume;
use hostler_core::vm::VmSpec;
use hostler_core::vm::observed::ConsoleKind;
use hostler_provider::conformance::{BootImage, Harness, Limit, Outcome, Setting, run, run_some};
use hostler_provider::{
    Batch, Change, Clones, Configure, Console, ConsoleStream, Create, Cx, Disks, EnsureVm,
    EnsureVolume, Error, Group, InstanceTypes, Inventory, Kind, Measured, Metrics, Migrate,
    MigrateVm, Power, Probe, Provider, Result, Snapshots, StopMode, Storage, VmHandle, VmRef,
    VolumeInfo, VolumeRef, Watch,
};
use hostler_sim::{EventFault, Guest, HostSetup, Late, NetworkSetup, Sim, World};
use tokio::sync::mpsc;

use crate::support::{MIB, NOW, Pattern};

/// A fresh world for each promise, and a lie to tell about it.
struct Simulated {
    world: Mutex<World>,
    setting: Setting,
    lie: Option<Lie>,
    /// Whether disks are in other volumes after a revert.
    moves: bool,
    worlds: Mutex<Vec<World>>,
}

impl Simulated {
    fn new(lie: Option<Lie>) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let setting = Setting {
            prefix: "conformance-".into(),
            ids: IdSource::new(clock, Arc::new(SeededEntropy::new(5))),
            host_ref: "h1".into(),
            pool: None,
            network: Some("default".into()),
            memory_bytes: 64 * MIB,
            boot: Some(BootImage {
                bytes: Arc::new(Pattern { bytes: 2 * MIB, fails_at: None }),
                format: hostler_core::vm::devices::VolumeFormat::Raw,
                capacity_bytes: 2 * MIB,
                says: "hello from hostler (simulated)".into(),
            }),
            call_within: Duration::from_secs(10),
            boot_within: Duration::from_secs(30),
            stop_within: Duration::from_secs(20),
            promise_within: Duration::from_secs(120),
            limits: Vec::new(),
        };
        let (world, worlds) = (Mutex::new(World::new(0)), Mutex::default());
        Self { world, setting, lie, moves: false, worlds }
    }

    fn world(&self) -> World {
        self.world.lock().unwrap().clone()
    }
}

#[async_trait]
impl Harness for Simulated {
    async fn connect(&self) -> Result<Arc<dyn Provider>> {
        let world = World::small(3);
        world.set_cluster(hostler_sim::cluster::healthy());
        world.add_host(HostSetup::new("h2"));
        world.add_network(NetworkSetup::new("h2", "default"));
        world.set_migration_time(Duration::from_secs(2));
        world.set_default_guest(Guest {
            start: Duration::from_secs(1),
            boot: Duration::from_secs(8),
            shutdown: Duration::from_secs(3),
            save: Duration::from_secs(2),
            obeys_acpi: true,
        });
        world.faults().set_latency(Duration::from_millis(20));
        if self.moves || self.lie == Some(Lie::TellsMarks) {
            world.move_disks_on_revert();
        }
        *self.world.lock().unwrap() = world.clone();
        self.worlds.lock().unwrap().push(world.clone());
        let sim = Sim::new(&world);
        Ok(match self.lie {
            None => Arc::new(sim),
            Some(lie) => Arc::new(Liar {
                sim,
                lie,
                begun: Mutex::default(),
                cut_off: Mutex::default(),
                measured: Mutex::default(),
            }),
        })
    }

    fn setting(&self) -> Setting {
        self.setting.clone()
    }

    async fn make_foreign_vm(&self, name: &str) -> Option<VmRef> {
        Some(self.world().add_vm("h1", VmSpec::new(name, MIB), None, vec![]))
    }

    async fn remove_foreign_vm(&self, vm: &VmRef) {
        self.world().vanish_vm(vm);
    }

    async fn deafen(&self, vm: &VmRef) -> bool {
        self.world().set_guest(vm, Guest { obeys_acpi: false, ..Guest::default() });
        true
    }

    async fn edit_memory(&self, vm: &VmRef, bytes: u64) -> bool {
        self.world().edit_vm(vm, "somebody", |spec| spec.memory.bytes = bytes);
        true
    }

    async fn delay(&self, effect: Duration) -> bool {
        self.world().faults().late_change(Late::silent(effect));
        true
    }

    async fn hang(&self, hung: bool) -> bool {
        match hung {
            true => self.world().faults().hang(),
            false => self.world().faults().unhang(),
        }
        true
    }

    async fn fall_behind(&self, behind: bool) -> bool {
        match behind {
            true => self.world().fall_behind(NOW, "it is listed anew (simulated)"),
            false => self.world().catch_up(),
        }
        true
    }
}

#[tokio::test(start_paused = true)]
async fn e21_e22_the_simulator_keeps_every_promise_and_skips_none() {
    let harness = Simulated::new(None);
    let report = run(&harness).await;
    report.assert_passed();
    // A simulated world is no cluster; all else that there is, it has.
    let skipped = report.verdicts().iter().filter(|v| matches!(v.outcome, Outcome::Skipped(_)));
    let groups: Vec<_> = skipped.map(|verdict| verdict.group).collect();
    assert!(groups.iter().all(|group| *group == Some(Group::Cluster)), "{report}");
    assert!(report.kept().len() >= 60, "{report}");
    for world in harness.worlds.lock().unwrap().iter() {
        let census = world.census();
        assert!(census.vms.is_empty() && census.volumes.is_empty(), "left behind: {census:?}");
    }
}

/// As where going back makes other volumes: promises about reverts are kept in either world.
#[tokio::test(start_paused = true)]
async fn the_simulator_keeps_its_promises_where_disks_move_on_revert() {
    let harness = Simulated { moves: true, ..Simulated::new(None) };
    let report = run_some(&harness, |name| name.contains("revert")).await;
    report.assert_passed();
    assert!(report.kept().len() >= 6, "{report}");
}

#[tokio::test(start_paused = true)]
async fn groups_that_are_not_there_are_skipped_with_the_reason() {
    let harness = Simulated::new(Some(Lie::HasNothing));
    let report = run(&harness).await;
    report.assert_passed();
    assert_eq!(report.kept().len(), 10, "{report}");
    let text = report.to_string();
    assert!(text.contains("start_makes_it_run: the provider has no group power"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_declared_limit_is_skipped_with_its_reason_and_a_misspelt_one_fails() {
    let mut harness = Simulated::new(None);
    let limit = |promise, reason| Limit { promise, reason };
    harness.setting.limits = vec![
        limit("start_makes_it_run", "nothing runs here"),
        limit("start_makes_it_fly", "nothing flies here"),
    ];
    let report = run_some(&harness, |name| name.starts_with("start_makes")).await;
    let outcomes: Vec<_> = report.verdicts().iter().map(|v| (v.promise, &v.outcome)).collect();
    let declared = Outcome::Skipped("declared limit: nothing runs here".into());
    assert_eq!(report.failed(), ["start_makes_it_fly"]);
    assert!(outcomes.contains(&("start_makes_it_run", &declared)), "{report}");
}

/// A way for a driver to break its promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    HasNothing,
    /// Makes a VM although there is one.
    MakesTwice,
    /// Calls a missing VM an error when removing it.
    FailsOnAbsent,
    /// Removes VMs that run.
    RemovesRunning,
    /// Returns before it runs.
    StartsLater,
    /// Obeys no deadline.
    NeverEnds,
    /// Takes its own time for observations.
    OwnClock,
    /// Tells what was once as what is.
    HidesAge,
    /// Tells of no change.
    SaysNothing,
    /// Forces where it was asked to be graceful.
    AlwaysForces,
    /// Leaves what it should remove.
    RemovesNothing,
    /// Takes what is half filled for whole.
    KeepsHalves,
    /// Tells of no progress.
    KeepsQuiet,
    /// Disconnects others without being asked to.
    TakesOver,
    /// Says that nothing happened when it does not know.
    IsTooSure,
    /// Does not look for what a call that was cut off has made.
    ForgetsCutOff,
    /// Sets the mark in a second step, which a cut-off call never comes to.
    TagsLater,
    /// Measures things twice in a pass.
    MeasuresTwice,
    /// Tells of hosts what can only be told of VMs.
    Misplaces,
    /// Measures what is off, or gone.
    MeasuresNothings,
    /// Begins its counters anew though nothing began anew.
    StartsOver,
    /// Calls everything running.
    CallsAllRunning,
    /// Takes a snapshot though it is there.
    TakesTwice,
    /// Takes what was not at rest for what had to be.
    SettlesForLess,
    /// Puts a VM back again for the same operation.
    RevertsAgain,
    /// Leaves a snapshot that it should remove.
    KeepsSnapshots,
    /// Removes what grew from a snapshot with it.
    RemovesChildren,
    /// Moves a VM each time it is asked, wherever that is.
    MovesAgain,
    /// Ends no migration.
    CancelsNothing,
    /// Does not tell whose a migration is.
    KeepsNoMark,
    /// Makes a clone though it is there.
    ClonesTwice,
    /// Tells the source's volumes as the clone's own.
    SharesDisks,
    /// Starts what it cloned.
    StartsClones,
    /// Says that it changed what it did not.
    ChangesNothing,
    /// Changes what it is asked to plan.
    PlansForReal,
    /// Takes fields of others without showing them.
    TakesFields,
    /// Offers things more than once, in no order.
    OffersTwice,
    /// Makes VMs of no type, whatever was asked.
    ForgetsTypes,
    /// Takes what it saw last for what is there.
    BelievesItsPicture,
    /// Adds a disk though it is there.
    AddsTwice,
    /// Takes off whatever bears the name.
    TakesTheNewer,
    /// Says that a disk is off before the guest let go.
    LetsGoTooSoon,
    /// Removes the volume of a disk that is taken off.
    RemovesItsVolume,
    /// Says that a disk has the size that was asked for, whatever it has.
    TakesAtItsWord,
    /// Makes another disk larger where the one that is meant is gone.
    GrowsTheNewer,
    /// Tells disks that were added with their marks.
    TellsMarks,
    /// Removes volumes that VMs have.
    RemovesUsed,
}

/// The simulator, but for one lie.
struct Liar {
    sim: Sim,
    lie: Lie,
    /// Volumes that were begun.
    begun: Mutex<Vec<VolumeRef>>,
    /// VMs whose making was cut off.
    cut_off: Mutex<Vec<VmId>>,
    /// VMs that were measured in any pass.
    measured: Mutex<Vec<VmRef>>,
}

impl Liar {
    fn tells(&self, lie: Lie) -> bool {
        self.lie == lie
    }

    fn too_sure(&self, error: Error) -> Error {
        match self.tells(Lie::IsTooSure) {
            true => Error::new(error.kind(), error.message()),
            false => error,
        }
    }
}

#[async_trait]
impl Provider for Liar {
    fn kind(&self) -> &'static str {
        "liar"
    }

    async fn probe(&self, cx: &Cx) -> Result<Probe> {
        self.sim.probe(cx).await
    }

    async fn inventory(&self, cx: &Cx) -> Result<Inventory> {
        if self.tells(Lie::NeverEnds) {
            // Without the context, so without a deadline and deaf to cancelling.
            return self.sim.inventory(&Cx::within(Duration::from_secs(3600))).await;
        }
        if self.tells(Lie::OwnClock) {
            let clock = Arc::new(ManualClock::at(NOW));
            return self.sim.inventory(&cx.clone().with_clock(clock)).await;
        }
        let told = self.sim.inventory(cx).await?;
        Ok(match self.lie {
            Lie::HidesAge => Inventory { stale: None, ..told },
            _ => told,
        })
    }

    fn create(&self) -> Option<&dyn Create> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn power(&self) -> Option<&dyn Power> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn storage(&self) -> Option<&dyn Storage> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn console(&self) -> Option<&dyn Console> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn metrics(&self) -> Option<&dyn Metrics> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn snapshots(&self) -> Option<&dyn Snapshots> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn clones(&self) -> Option<&dyn Clones> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn disks(&self) -> Option<&dyn Disks> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn watch(&self) -> Option<&dyn Watch> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn migrate(&self) -> Option<&dyn Migrate> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn configure(&self) -> Option<&dyn Configure> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }

    fn instance_types(&self) -> Option<&dyn InstanceTypes> {
        (!self.tells(Lie::HasNothing)).then_some(self)
    }
}

#[async_trait]
impl Migrate for Liar {
    async fn destinations(&self, cx: &Cx, vm: &VmRef) -> Result<Destinations> {
        self.sim.destinations(cx, vm).await
    }

    async fn migrate_vm(&self, cx: &Cx, request: &MigrateVm<'_>) -> Result<()> {
        if self.tells(Lie::StartsLater) {
            let early = Duration::from_millis(100);
            let _ = tokio::time::timeout(early, self.sim.migrate_vm(cx, request)).await;
            return Ok(());
        }
        if self.tells(Lie::MovesAgain)
            && let Some(record) = self.sim.world().vm_named(&request.vm.name)
        {
            let made = self.begun.lock().unwrap().len() as u8;
            self.begun.lock().unwrap().push(crate::support::volume("moved"));
            let operation = OperationId::new(NOW, [made; 10]);
            let again = MigrateVm { operation, from: &record.host, to: None, ..*request };
            return self.sim.migrate_vm(cx, &again).await;
        }
        self.sim.migrate_vm(cx, request).await.map_err(|error| self.too_sure(error))
    }

    async fn cancel(&self, cx: &Cx, vm: &VmRef, operation: OperationId) -> Result<()> {
        match self.lie {
            Lie::CancelsNothing => Ok(()),
            _ => self.sim.cancel(cx, vm, operation).await,
        }
    }

    async fn migrations(&self, cx: &Cx, vm: Option<&VmRef>) -> Result<Vec<Migration>> {
        let mut all = self.sim.migrations(cx, vm).await?;
        if self.tells(Lie::KeepsNoMark) {
            all.iter_mut().for_each(|one| one.operation = None);
        }
        Ok(all)
    }
}

#[async_trait]
impl Metrics for Liar {
    fn passes(&self) -> &'static [Cost] {
        self.sim.passes()
    }

    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch> {
        let cx = match self.lie {
            Lie::NeverEnds => Cx::within(Duration::from_secs(3600)),
            Lie::OwnClock => cx.clone().with_clock(Arc::new(ManualClock::at(NOW))),
            _ => cx.clone(),
        };
        let mut batch = self.sim.collect(&cx, pass).await?;
        let mut measured = self.measured.lock().unwrap();
        let passes_before = measured.len();
        measured.extend(batch.vms.iter().map(|one| one.of.clone()));
        match self.lie {
            Lie::MeasuresTwice => batch.hosts.extend(batch.hosts.clone()),
            Lie::Misplaces => {
                let hosts = batch.hosts.iter_mut();
                hosts.for_each(|host| host.points.push(Point::plain(Metric::VmVcpus, 1.0)));
            }
            Lie::MeasuresNothings => {
                for of in measured.iter() {
                    if batch.vms.iter().all(|one| one.of != *of) {
                        let points = vec![Point::plain(Metric::VmCpuSecondsTotal, 0.0)];
                        batch.vms.push(Measured { of: of.clone(), at: cx.now(), points });
                    }
                }
            }
            Lie::StartsOver => {
                for point in batch.vms.iter_mut().flat_map(|one| &mut one.points) {
                    point.value = 1e9 - passes_before as f64;
                }
            }
            Lie::CallsAllRunning if pass == Cost::State => {
                let point = || Point::labelled(Metric::VmState, Labels::one("running"), 1.0);
                batch.vms.iter_mut().for_each(|one| one.points.push(point()));
            }
            _ => {}
        }
        Ok(batch)
    }
}

#[async_trait]
impl Create for Liar {
    async fn validate(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<()> {
        Create::validate(&self.sim, cx, request).await
    }

    async fn ensure_vm(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<VmHandle> {
        if self.tells(Lie::MakesTwice) {
            let world = self.sim.world();
            let spec = request.spec.clone();
            let vm = world.add_vm(request.host_ref, spec, Some(request.vm), vec![]);
            return Ok(VmHandle { vm, created: true });
        }
        if self.tells(Lie::ForgetsTypes) {
            let mut spec = request.spec.clone();
            (spec.instance_type, spec.preference) = (None, None);
            return self.sim.ensure_vm(cx, &EnsureVm { spec: &spec, ..request.clone() }).await;
        }
        let was_cut_off = self.cut_off.lock().unwrap().contains(&request.vm);
        let made = self.sim.ensure_vm(cx, request).await;
        let Err(error) = made else {
            if self.tells(Lie::ForgetsCutOff) && was_cut_off {
                let (world, spec) = (self.sim.world(), request.spec.clone());
                world.add_vm(request.host_ref, spec, Some(request.vm), vec![]);
            }
            return made;
        };
        self.cut_off.lock().unwrap().push(request.vm);
        if self.tells(Lie::TagsLater) {
            let world = self.sim.world();
            world.add_vm(request.host_ref, request.spec.clone(), None, vec![]);
        }
        Err(self.too_sure(error))
    }

    async fn find_vm(&self, cx: &Cx, vm: VmId) -> Result<Option<VmHandle>> {
        self.sim.find_vm(cx, vm).await
    }

    async fn remove_vm(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let world = self.sim.world();
        match self.lie {
            Lie::FailsOnAbsent if world.vm_named(&vm.name).is_none() => {
                Err(Error::new(Kind::NotFound, "no such VM"))
            }
            Lie::RemovesRunning => {
                world.vanish_vm(vm);
                Ok(())
            }
            Lie::RemovesNothing => Ok(()),
            Lie::BelievesItsPicture => {
                let seen = self.sim.inventory(cx).await?.vms;
                match seen.iter().any(|one| one.external_ref == vm.external_ref) {
                    true => self.sim.remove_vm(cx, vm).await,
                    false => Ok(()),
                }
            }
            _ => self.sim.remove_vm(cx, vm).await,
        }
    }

    async fn definition(&self, cx: &Cx, vm: &VmRef) -> Result<String> {
        self.sim.definition(cx, vm).await
    }
}

#[async_trait]
impl Power for Liar {
    async fn start(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        if self.tells(Lie::StartsLater) {
            // The world goes on by itself; only nobody waits for it.
            let _ = tokio::time::timeout(Duration::from_millis(100), self.sim.start(cx, vm)).await;
            return Ok(());
        }
        self.sim.start(cx, vm).await.map_err(|error| self.too_sure(error))
    }

    async fn stop(&self, cx: &Cx, vm: &VmRef, mode: StopMode) -> Result<()> {
        let mode = if self.tells(Lie::AlwaysForces) { StopMode::Force } else { mode };
        self.sim.stop(cx, vm, mode).await
    }

    async fn reboot(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.sim.reboot(cx, vm).await
    }

    async fn reset(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.sim.reset(cx, vm).await
    }

    async fn pause(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.sim.pause(cx, vm).await
    }

    async fn resume(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.sim.resume(cx, vm).await
    }

    async fn save(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.sim.save(cx, vm).await
    }
}

#[async_trait]
impl Watch for Liar {
    async fn subscribe(&self) -> Result<mpsc::Receiver<Change>> {
        if self.tells(Lie::SaysNothing) {
            self.sim.world().faults().set_events(EventFault::Drop);
        }
        self.sim.subscribe().await
    }

    async fn observe(&self, cx: &Cx, vm: &VmRef) -> Result<Option<hostler_core::vm::ObservedVm>> {
        self.sim.observe(cx, vm).await
    }
}

#[async_trait]
impl Storage for Liar {
    fn formats(&self) -> &'static [hostler_core::vm::devices::VolumeFormat] {
        self.sim.formats()
    }

    async fn default_pool(&self, cx: &Cx, host_ref: &str) -> Result<String> {
        self.sim.default_pool(cx, host_ref).await
    }

    async fn ensure_volume(&self, cx: &Cx, request: &EnsureVolume<'_>) -> Result<VolumeInfo> {
        let (volume, capacity_bytes) = (request.volume.clone(), request.capacity_bytes);
        let is_begun = {
            let mut begun = self.begun.lock().unwrap();
            begun.push(volume.clone());
            begun.iter().filter(|other| **other == volume).count() > 1
        };
        if self.tells(Lie::ForgetsCutOff) && is_begun {
            // Finds nothing at first, and its name taken afterwards.
            let message = format!("volume {volume} exists already");
            return Err(Error::new(Kind::Conflict, message));
        }
        if self.tells(Lie::KeepsHalves) && is_begun {
            return Ok(VolumeInfo { volume, capacity_bytes, created: false });
        }
        if self.tells(Lie::KeepsQuiet) {
            let quiet = Cx::within(cx.remaining()).with_cancel(cx.cancellation().clone());
            return self.sim.ensure_volume(&quiet, request).await;
        }
        self.sim.ensure_volume(cx, request).await
    }

    async fn remove_volume(&self, cx: &Cx, volume: &VolumeRef) -> Result<()> {
        if self.tells(Lie::RemovesUsed) {
            let world = self.sim.world();
            world.census().vms.iter().for_each(|user| world.vanish_vm(&user.vm));
        }
        self.sim.remove_volume(cx, volume).await
    }

    async fn volumes(&self, cx: &Cx, host_ref: &str, pool: &str) -> Result<Vec<ObservedVolume>> {
        self.sim.volumes(cx, host_ref, pool).await
    }
}

#[async_trait]
impl Console for Liar {
    fn cuts_off_unseen(&self) -> &'static [ConsoleKind] {
        self.sim.cuts_off_unseen()
    }

    async fn open(
        &self,
        cx: &Cx,
        vm: &VmRef,
        kind: ConsoleKind,
        take_over: bool,
    ) -> Result<Box<dyn ConsoleStream>> {
        self.sim.open(cx, vm, kind, take_over || self.tells(Lie::TakesOver)).await
    }
}

#[tokio::test(start_paused = true)]
async fn every_lie_is_caught_by_the_promise_it_breaks() {
    are_caught(&[
        (Lie::MakesTwice, "ensure_vm_twice_makes_one_vm"),
        (Lie::MakesTwice, "another_vm_of_the_same_name_is_a_conflict"),
        (Lie::FailsOnAbsent, "remove_of_absent_vm_succeeds"),
        (Lie::RemovesRunning, "remove_of_a_running_vm_is_a_conflict"),
        (Lie::StartsLater, "start_makes_it_run"),
        (Lie::NeverEnds, "deadline_is_kept"),
        (Lie::NeverEnds, "cancel_is_obeyed"),
        (Lie::OwnClock, "observations_bear_the_time_of_the_context"),
        (Lie::HidesAge, "an_older_picture_is_told_as_old_and_only_as_long_as_it_is"),
        (Lie::SaysNothing, "a_change_is_told_after_start"),
        (Lie::AlwaysForces, "graceful_stop_of_a_deaf_guest_times_out_and_leaves_it_running"),
        (Lie::RemovesNothing, "remove_vm_takes_it_out_of_inventory_and_search"),
        (Lie::KeepsHalves, "half_filled_volume_is_made_anew"),
        (Lie::KeepsHalves, "a_failed_upload_is_an_error_and_can_be_repeated"),
        (Lie::KeepsQuiet, "an_upload_reads_every_byte_and_tells_progress"),
        (Lie::TakesOver, "console_in_use_is_a_conflict_without_take_over"),
        (Lie::IsTooSure, "a_look_after_a_cancelled_ensure_vm_tells_the_truth"),
        (Lie::IsTooSure, "a_look_after_a_cancelled_start_tells_the_truth"),
        (Lie::TagsLater, "a_look_after_a_cancelled_ensure_vm_tells_the_truth"),
        (Lie::ForgetsCutOff, "ensure_vm_after_a_cancelled_one_makes_one_vm"),
        (Lie::ForgetsCutOff, "ensure_volume_after_a_cancelled_one_makes_one_whole_volume"),
        (Lie::KeepsHalves, "an_upload_after_a_cancelled_one_makes_one_whole_volume"),
        (Lie::NeverEnds, "a_pass_keeps_its_deadline"),
        (Lie::NeverEnds, "a_pass_obeys_cancel"),
        (Lie::OwnClock, "measurements_bear_the_time_of_the_context"),
        (Lie::MeasuresTwice, "nothing_is_measured_twice_in_a_pass"),
        (Lie::Misplaces, "points_are_sound_and_belong_to_their_pass"),
        (Lie::MeasuresNothings, "a_deleted_vm_is_measured_no_more"),
        (Lie::MeasuresNothings, "only_a_running_vm_uses_a_processor"),
        (Lie::StartsOver, "counters_of_a_running_vm_only_grow"),
        (Lie::CallsAllRunning, "a_vm_is_measured_in_the_state_it_is_in"),
        (Lie::TakesTwice, "ensure_snapshot_twice_makes_one_snapshot"),
        (Lie::SettlesForLess, "a_guest_that_has_to_be_at_rest_is_or_there_is_no_snapshot"),
        (Lie::RevertsAgain, "revert_for_one_operation_happens_once"),
        (Lie::KeepsSnapshots, "remove_snapshot_takes_it_off_the_list"),
        (Lie::RemovesChildren, "remove_of_a_parent_leaves_its_children"),
        (Lie::IsTooSure, "a_look_after_a_cancelled_ensure_snapshot_tells_the_truth"),
        (Lie::StartsLater, "migrate_moves_it_and_it_runs_on"),
        (Lie::MovesAgain, "migrate_twice_moves_it_once"),
        (Lie::CancelsNothing, "cancel_leaves_it_running_where_it_was"),
        (Lie::KeepsNoMark, "a_migration_is_told_with_our_mark_and_its_hosts"),
        (Lie::IsTooSure, "a_look_after_a_cancelled_migrate_tells_the_truth"),
        (Lie::ClonesTwice, "ensure_clone_twice_makes_one_vm"),
        (Lie::SharesDisks, "a_clone_has_disks_of_its_own"),
        (Lie::StartsClones, "ensure_clone_makes_a_stopped_vm_with_its_tag"),
        (Lie::RemovesNothing, "remove_clone_takes_its_volumes_and_no_other"),
        (Lie::RemovesRunning, "remove_clone_of_a_running_vm_is_a_conflict"),
        (Lie::IsTooSure, "a_look_after_a_cancelled_ensure_clone_tells_the_truth"),
        (Lie::ChangesNothing, "change_vm_makes_it_so"),
        (Lie::PlansForReal, "plan_change_tells_what_differs_and_touches_nothing"),
        (Lie::TakesFields, "fields_of_others_that_were_not_shown_stay_theirs"),
        (Lie::IsTooSure, "change_vm_after_a_cancelled_one_makes_it_so"),
        (Lie::OffersTwice, "instance_types_are_told_once_in_order_and_with_their_size"),
        (Lie::OffersTwice, "preferences_are_told_once_and_in_order"),
        (Lie::ForgetsTypes, "a_vm_of_an_instance_type_has_its_size_and_says_so"),
        (Lie::ForgetsTypes, "a_vm_of_a_preference_says_so"),
        (Lie::ForgetsTypes, "an_unknown_type_or_preference_is_refused_and_nothing_is_made"),
        (Lie::ForgetsTypes, "a_type_that_has_changed_since_is_refused"),
        (Lie::BelievesItsPicture, "remove_vm_asks_the_place_before_it_says_absent"),
    ])
    .await;
}

/// Checks the promise that each lie breaks, and that it fails.
async fn are_caught(lies: &[(Lie, &str)]) {
    for (lie, promise) in lies {
        let harness = Simulated::new(Some(*lie));
        let report = run_some(&harness, |name| name == *promise).await;
        assert_eq!(report.failed(), [*promise], "{lie:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_promise_leaves_behind_is_told() {
    let harness = Simulated::new(Some(Lie::RemovesNothing));
    let report = run_some(&harness, |name| name == "ensure_vm_makes_it_stopped").await;
    let text = report.to_string();
    assert!(text.contains("left behind: the VM of "), "{text}");
}
