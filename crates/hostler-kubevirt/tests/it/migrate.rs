//! Migrations over real connections: one object for one operation, followed to its end,
//! ended by deleting it, and remembered.

use std::time::Duration;

use hostler_core::id::OperationId;
use hostler_core::migration::{Migration, MigrationMode, MigrationPhase};
use hostler_core::vm::PowerState;
use hostler_core::{Quality, Timestamp};
use hostler_kube_double::{Fault, Options, Refused, What};
use hostler_provider::{Cx, Error, Kind, MigrateVm, Result, VmRef};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::place::{PATIENCE, Place, busy, cx};

const VMIMS: &str = "virtualmachineinstancemigrations";
const VMIS: &str = "virtualmachineinstances";

fn only<T>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn operation(n: u8) -> OperationId {
    OperationId::new(Timestamp::from_millis(1_795_228_196_000), [n; 10])
}

/// A VM that runs, and the nodes besides its own.
struct Stage {
    place: Place,
    vm: VmRef,
    from: String,
    others: Vec<String>,
}

impl Stage {
    async fn set(options: Options) -> Self {
        let place = Place::start(options).await;
        place.double.seed_vms(1).unwrap();
        let vm = place.vm("vm-00000");
        place.until(&vm, PowerState::Running).await;
        let from = place.seen(&vm).await.unwrap().host_ref.unwrap();
        let others = ["n1", "n2", "n3"].map(str::to_owned);
        let others = others.into_iter().filter(|node| *node != from).collect();
        Self { place, vm, from, others }
    }

    fn to(&self) -> &str {
        &self.others[1]
    }

    async fn ask(&self, cx: &Cx, n: u8, to: Option<&str>) -> Result<()> {
        let request = MigrateVm { operation: operation(n), vm: &self.vm, from: &self.from, to };
        self.place.migrate().migrate_vm(cx, &request).await
    }

    async fn node(&self) -> String {
        self.place.seen(&self.vm).await.unwrap().host_ref.unwrap()
    }

    async fn told(&self, of: Option<&VmRef>) -> Vec<Migration> {
        self.place.migrate().migrations(&cx(), of).await.unwrap()
    }

    fn objects(&self) -> Vec<Value> {
        self.place.double.list(VMIMS)
    }

    fn instance(&self, edit: impl FnOnce(&mut Value)) {
        self.place.double.edit(VMIS, "default", "vm-00000", edit).unwrap();
    }

    /// Asks, gives the call up while the migration has come so many steps, and gives the
    /// end of the call.
    async fn given_up(&self, steps: usize) -> Error {
        let token = CancellationToken::new();
        let cx = cx().with_cancel(token.clone());
        let give_up = async {
            while self.objects().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            for _ in 0..steps {
                self.place.double.step();
            }
            token.cancel();
        };
        let (ended, ()) = tokio::join!(self.ask(&cx, 1, None), give_up);
        ended.unwrap_err()
    }
}

#[tokio::test]
async fn e8_a_vm_moves_to_the_node_that_was_named_and_bears_our_mark() {
    let stage = Stage::set(busy()).await;
    let to = stage.to().to_owned();
    for n in [1, 1, 2] {
        stage.ask(&cx(), n, Some(&to)).await.unwrap();
        assert_eq!(stage.node().await, to);
    }
    let object = only(stage.objects());
    let name = format!("hostler-{}", operation(1));
    assert_eq!(
        (&object["metadata"]["name"], &object["spec"]["vmiName"]),
        (&json!(name), &json!("vm-00000"))
    );
    assert_eq!(
        object["metadata"]["labels"]["hostler.io/operation-id"],
        json!(operation(1).to_string())
    );
    assert_eq!(object["spec"]["addedNodeSelector"], json!({ "kubernetes.io/hostname": to }));
    for of in [Some(&stage.vm), None] {
        let told = only(stage.told(of).await);
        assert_eq!((told.operation, told.phase), (Some(operation(1)), MigrationPhase::Succeeded));
        assert_eq!(told.source_host_ref.as_deref(), Some(stage.from.as_str()));
        assert_eq!(told.target_host_ref.as_deref(), Some(to.as_str()));
        assert_eq!(
            (told.vm_ref.as_str(), told.mode),
            (stage.vm.external_ref.as_str(), Some(MigrationMode::PreCopy))
        );
        assert!(told.started_at.is_some() && told.started_at <= told.ended_at);
        assert_eq!(
            (told.bytes_done.value(), told.bytes_done.quality()),
            (None, Quality::Unsupported)
        );
    }
}

#[tokio::test]
async fn e8_where_no_node_is_named_the_cluster_chooses_one_and_x25_nothing_else_is_written() {
    let stage = Stage::set(busy()).await;
    stage.ask(&cx(), 1, None).await.unwrap();
    assert_ne!(stage.node().await, stage.from);
    assert!(stage.objects()[0]["spec"].get("addedNodeSelector").is_none());
    let counts = stage.place.double.counts();
    let writes: Vec<_> = counts
        .each()
        .filter(|(verb, _, _)| ["create", "update", "patch", "apply", "delete"].contains(verb))
        .map(|(verb, class, count)| (verb.to_owned(), class.to_owned(), count))
        .collect();
    assert_eq!(writes, [("create".to_owned(), VMIMS.to_owned(), 1)]);
}

#[tokio::test]
async fn e8_an_older_kubevirt_cannot_be_told_to_which_node_and_says_so_before_it_begins() {
    let stage = Stage::set(busy()).await;
    stage.place.double.set_node_selector(false);
    let refused = stage.ask(&cx(), 1, Some(stage.to())).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Unsupported, false), "{refused}");
    assert!(refused.message().contains("let it choose"), "{refused}");
    assert!(stage.objects().is_empty() && stage.node().await == stage.from);
    stage.ask(&cx(), 2, None).await.unwrap();
    assert_ne!(stage.node().await, stage.from);
}

#[tokio::test]
async fn e8_who_cannot_be_migrated_is_told_why_and_where_others_could_go() {
    let stage = Stage::set(busy()).await;
    let cordon = |node: &mut Value| node["spec"]["unschedulable"] = json!(true);
    stage.place.double.edit("nodes", "", stage.to(), cordon).unwrap();
    let at = std::sync::Arc::new(hostler_core::clock::ManualClock::at(Timestamp::from_millis(
        1_795_228_200_000,
    )));
    let find = || async {
        let cx = cx().with_clock(at.clone());
        stage.place.migrate().destinations(&cx, &stage.vm).await.unwrap()
    };
    let seen = async {
        while !find().await.hosts.iter().any(|host| host.refused.is_some()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap();
    let places = find().await;
    let mut hosts: Vec<_> =
        places.hosts.iter().map(|host| (host.host_ref.as_str(), host.refused.is_some())).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, [(stage.others[0].as_str(), false), (stage.to(), true)]);
    assert_eq!((places.blocked, places.is_chosen_there), (None, true));
    stage.instance(|instance| {
        let conditions = instance["status"]["conditions"].as_array_mut().unwrap();
        conditions.retain(|one| one["type"] != "LiveMigratable");
        conditions.push(json!({ "type": "LiveMigratable", "status": "False",
            "reason": "DisksNotLiveMigratable", "message": "PVC root is not shared" }));
    });
    let told = async {
        while find().await.blocked.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert_eq!(find().await.blocked.as_deref(), Some("PVC root is not shared"));
    let refused = stage.ask(&cx(), 1, None).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Unsupported, false));
    assert!(refused.message().contains("is not shared"), "{refused}");
    assert!(stage.objects().is_empty());
}

#[tokio::test]
async fn e8_a_migration_that_fails_says_why_once_and_again_and_is_not_tried_anew() {
    let stage = Stage::set(busy()).await;
    stage.place.double.set_migrations_fail(Some("target pod was evicted"));
    for _ in 0..2 {
        let failed = stage.ask(&cx(), 1, None).await.unwrap_err();
        assert_eq!((failed.kind(), failed.is_unknown()), (Kind::Conflict, false), "{failed}");
        assert!(failed.message().contains("target pod was evicted"), "{failed}");
        stage.place.double.set_migrations_fail(None);
    }
    assert_eq!((stage.node().await, stage.objects().len()), (stage.from.clone(), 1));
    let told = only(stage.told(Some(&stage.vm)).await);
    assert_eq!(told.phase, MigrationPhase::Failed);
    assert_eq!(told.reason.as_deref(), Some("target pod was evicted"));
    stage.ask(&cx(), 2, None).await.unwrap();
    assert_ne!(stage.node().await, stage.from);
    let told = stage.told(None).await;
    let phases: Vec<_> = told.iter().map(|one| (one.operation, one.phase)).collect();
    assert!(phases.contains(&(Some(operation(1)), MigrationPhase::Failed)), "{phases:?}");
    assert!(phases.contains(&(Some(operation(2)), MigrationPhase::Succeeded)), "{phases:?}");
}

#[tokio::test]
async fn e8_another_migration_under_way_is_a_conflict() {
    let stage = Stage::set(Options::default()).await;
    let given_up = stage.given_up(3).await;
    assert_eq!((given_up.kind(), given_up.is_unknown()), (Kind::Cancelled, true), "{given_up}");
    let other = stage.ask(&cx(), 2, None).await.unwrap_err();
    assert_eq!((other.kind(), other.is_unknown()), (Kind::Conflict, false), "{other}");
    assert!(other.message().contains("a migration of it is in progress"), "{other}");
    assert_eq!(stage.objects().len(), 1);
    // Asked again, the first is followed to its end.
    let ends = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        stage.place.double.settle();
    };
    let cx = cx();
    let (ended, ()) = tokio::join!(stage.ask(&cx, 1, None), ends);
    ended.unwrap();
    assert_ne!(stage.node().await, stage.from);
}

#[tokio::test]
async fn f24_a_cancel_in_each_phase_leaves_the_vm_where_it_was() {
    for steps in 0..6 {
        let stage = Stage::set(Options::default()).await;
        stage.given_up(steps).await;
        let ends = async {
            while stage.place.double.counts().of("delete", VMIMS) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stage.place.double.settle();
        };
        let (cx, migrate) = (cx(), stage.place.migrate());
        let (ended, ()) = tokio::join!(migrate.cancel(&cx, &stage.vm, operation(1)), ends);
        ended.unwrap();
        migrate.cancel(&cx, &stage.vm, operation(1)).await.unwrap();
        assert!(stage.objects().is_empty(), "{steps}");
        stage.place.until(&stage.vm, PowerState::Running).await;
        assert_eq!(stage.node().await, stage.from, "{steps}");
        let told = stage.told(Some(&stage.vm)).await;
        assert!(told.iter().all(|one| one.phase == MigrationPhase::Cancelled), "{steps}: {told:?}");
        // What the instance tells of the last one is kept, from when it had begun.
        assert_eq!(told.len(), usize::from(steps >= 4), "{steps}: {told:?}");
        assert_eq!(stage.place.double.counts().of("delete", VMIMS), 1, "{steps}");
    }
}

#[tokio::test]
async fn a_cancel_of_what_is_over_or_was_never_asked_changes_nothing() {
    let stage = Stage::set(busy()).await;
    stage.place.migrate().cancel(&cx(), &stage.vm, operation(9)).await.unwrap();
    stage.ask(&cx(), 1, None).await.unwrap();
    let node = stage.node().await;
    stage.place.migrate().cancel(&cx(), &stage.vm, operation(1)).await.unwrap();
    assert_eq!((stage.node().await, stage.objects().len()), (node, 1), "it is the history");
    let ghost = VmRef { external_ref: "6b6ff8b4-aaaa".into(), name: "ghost".into() };
    stage.place.migrate().cancel(&cx(), &ghost, operation(1)).await.unwrap();
    assert!(stage.told(Some(&ghost)).await.is_empty());
}

#[tokio::test]
async fn i17_an_object_of_our_name_without_our_mark_is_left_alone() {
    let stage = Stage::set(Options::default()).await;
    let name = format!("hostler-{}", operation(1));
    let object = json!({ "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
        "metadata": { "name": name, "namespace": "default" }, "spec": { "vmiName": "vm-00000" } });
    stage.place.double.put(object).unwrap();
    let refused = stage.place.migrate().cancel(&cx(), &stage.vm, operation(1)).await.unwrap_err();
    assert_eq!((refused.kind(), stage.objects().len()), (Kind::Conflict, 1), "{refused}");
}

#[tokio::test]
async fn f23_a_lost_answer_is_of_unknown_effect_and_asking_again_makes_no_second_one() {
    let stage = Stage::set(busy()).await;
    stage.place.double.fault(Fault::new(What::LoseAnswer).verb("create").class(VMIMS).times(1));
    let lost = stage.ask(&cx(), 1, None).await.unwrap_err();
    assert!(lost.is_unknown(), "{lost}");
    stage.ask(&cx(), 1, None).await.unwrap();
    assert_eq!(stage.objects().len(), 1);
    assert_ne!(stage.node().await, stage.from);
}

#[tokio::test]
async fn somebody_who_ends_it_in_the_cluster_is_told_and_it_is_not_begun_again() {
    let stage = Stage::set(Options::default()).await;
    let name = format!("hostler-{}", operation(1));
    let ends = async {
        while stage.objects().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..4 {
            stage.place.double.step();
        }
        stage.place.double.remove(VMIMS, "default", &name).unwrap();
        stage.place.double.settle();
    };
    let cx = cx();
    let (ended, ()) = tokio::join!(stage.ask(&cx, 1, None), ends);
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Conflict, false), "{error}");
    assert!(error.message().contains("somebody ended"), "{error}");
    // The same step after a crash: it knows that it had made it.
    let resumed = cx.with_resumed(Some(json!("made")));
    let again = stage.ask(&resumed, 1, None).await.unwrap_err();
    assert_eq!((again.kind(), stage.objects().len()), (Kind::Conflict, 0), "{again}");
}

#[tokio::test]
async fn e8_what_is_off_or_elsewhere_or_nowhere_is_refused_without_asking() {
    let stage = Stage::set(busy()).await;
    let third = MigrateVm {
        operation: operation(1),
        vm: &stage.vm,
        from: &stage.others[0],
        to: Some(stage.to()),
    };
    let overtaken = stage.place.migrate().migrate_vm(&cx(), &third).await.unwrap_err();
    assert_eq!(overtaken.kind(), Kind::Conflict, "{overtaken}");
    let nowhere = stage.ask(&cx(), 1, Some("no-such-node")).await.unwrap_err();
    assert_eq!(nowhere.kind(), Kind::NotFound, "{nowhere}");
    let ghost = VmRef { external_ref: "6b6ff8b4-aaaa".into(), name: "ghost".into() };
    let gone = MigrateVm { operation: operation(1), vm: &ghost, from: "n1", to: None };
    let absent = stage.place.migrate().migrate_vm(&cx(), &gone).await.unwrap_err();
    assert_eq!((absent.kind(), absent.is_unknown()), (Kind::NotFound, false), "{absent}");
    let off = stage.place.made("off", "Halted", PowerState::Stopped).await;
    let stopped = MigrateVm { operation: operation(1), vm: &off, from: "n1", to: None };
    let refused = stage.place.migrate().migrate_vm(&cx(), &stopped).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict, "{refused}");
    assert!(stage.objects().is_empty());
}

#[tokio::test]
async fn a_vm_made_anew_under_its_name_has_not_the_history_of_the_old_one() {
    let stage = Stage::set(busy()).await;
    stage.ask(&cx(), 1, None).await.unwrap();
    stage.place.double.remove("virtualmachines", "default", "vm-00000").unwrap();
    let gone = async {
        while stage.place.double.get("virtualmachines", "default", "vm-00000").is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    // Objects tell whole seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let anew = stage.place.made("vm-00000", "Always", PowerState::Running).await;
    assert_eq!(stage.objects().len(), 1, "it outlives its VM");
    let told = stage.told(Some(&anew)).await;
    assert!(told.is_empty(), "{told:?}");
}

/// Paused on its way, by whoever: it is where it was wanted, and that is what was asked for.
#[tokio::test]
async fn f6_a_vm_that_came_and_does_not_run_has_come() {
    let stage = Stage::set(Options::default()).await;
    let to = stage.to().to_owned();
    let paused = async {
        while stage.objects().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stage.instance(|one| {
            let conditions = one["status"]["conditions"].as_array_mut().unwrap();
            let reason = "PausedIOError";
            conditions.push(json!({ "type": "Paused", "status": "True", "reason": reason }));
        });
        stage.place.double.settle();
    };
    let cx = cx();
    let (ended, ()) = tokio::join!(stage.ask(&cx, 1, Some(&to)), paused);
    ended.unwrap();
    let seen = stage.place.seen(&stage.vm).await.unwrap();
    assert_eq!((seen.power, seen.host_ref), (PowerState::Paused, Some(to)));
}

/// Its guest shut down as it arrived: that is told, and not waited out.
#[tokio::test]
async fn f6_a_vm_that_came_and_is_off_is_told_so() {
    let stage = Stage::set(Options::default()).await;
    let ends = async {
        while stage.objects().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Nobody looks until it is over.
        let slow = What::Slow(Duration::from_secs(2));
        stage.place.double.fault(Fault::new(slow).verb("get").class(VMIMS).times(1));
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        stage.place.double.settle();
        stage.instance(|one| one["status"]["phase"] = json!("Succeeded"));
    };
    let cx = cx();
    let (ended, ()) = tokio::join!(stage.ask(&cx, 1, None), ends);
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Conflict, false), "{error}");
    assert!(error.message().contains("the migration succeeded, and then"), "{error}");
}

/// Not even its name is known any more, and the cluster said itself that it is gone.
#[tokio::test]
async fn f6_a_vm_that_is_deleted_on_its_way_is_not_found() {
    let stage = Stage::set(Options::default()).await;
    let goes = async {
        while stage.objects().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let double = &stage.place.double;
        double.remove(VMIMS, "default", &format!("hostler-{}", operation(1))).unwrap();
        double.remove("virtualmachines", "default", "vm-00000").unwrap();
        double.settle();
        assert!(double.get("virtualmachines", "default", "vm-00000").is_none());
    };
    let cx = cx();
    let (ended, ()) = tokio::join!(stage.ask(&cx, 1, None), goes);
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::NotFound, true), "{error}");
}

#[tokio::test]
async fn f23_what_is_being_ended_is_waited_for_through_a_hiccup() {
    let stage = Stage::set(Options::default()).await;
    let object = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
        "metadata": {
            "name": format!("hostler-{}", operation(1)), "namespace": "default",
            "labels": { "hostler.io/operation-id": operation(1).to_string() },
        },
        "spec": { "vmiName": "vm-00000" },
    });
    stage.place.double.put(object).unwrap();
    stage.place.double.step();
    let hiccup = async {
        while stage.place.double.counts().of("delete", VMIMS) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stage.place.double.fault(Fault::new(What::Drop).verb("get").class(VMIMS).times(2));
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        stage.place.double.settle();
    };
    let cx = cx();
    let (ended, ()) =
        tokio::join!(stage.place.migrate().cancel(&cx, &stage.vm, operation(1)), hiccup);
    ended.unwrap();
    assert!(stage.objects().is_empty());
}

/// A node may have been closed or removed since: whoever asks then is told that nobody knows.
#[tokio::test]
async fn e10_nodes_that_are_not_followed_are_not_offered_as_if_they_were() {
    let stage = Stage::set(busy()).await;
    let offered = || async { stage.place.migrate().destinations(&cx(), &stage.vm).await };
    assert_eq!(offered().await.unwrap().hosts.len(), 2);
    for verb in ["list", "watch"] {
        let no = Refused::new(403, "Forbidden", "no nodes for now", json!({}));
        stage.place.double.fault(Fault::new(What::Answer(no)).verb(verb).class("nodes"));
    }
    stage.place.double.drop_watches();
    let refused = async {
        loop {
            match offered().await {
                Err(error) => return error,
                Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Denied, false), "{error}");
}
