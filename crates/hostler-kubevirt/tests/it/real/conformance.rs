//! The promises of the boundary against a real API server. What needs KubeVirt's own server or a
//! controller cannot be had from one that only keeps objects: it is named here with the reason, and
//! checked with the stand-in.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::IdSource;
use hostler_kubevirt::config::{KubeVirtConfig, Source};
use hostler_kubevirt::provider::KubeVirt;
use hostler_provider::conformance::{Harness, Limit, Report, Setting, promises, run_some};
use hostler_provider::{Provider, Result, VmRef};
use serde_json::{Value, json};

use crate::api_server::looks::FirstLooks;
use crate::api_server::{ApiServer, Assets};
use crate::conformance;
use crate::place::{cx, machine};

/// virt-api serves them: start, stop, pause, migrate, addvolume; consoles, too.
const VERBS: &str = "VMs are turned on and off, moved and plugged by KubeVirt's own server";
/// Of KubeVirt, of CDI, of storage.
const CONTROLLERS: &str = "an object is all that comes of it: a controller would do the rest";
/// The stand-in does such things on demand.
const NO_FAULT: &str = "a real server cannot be told to be late with a change, or to refuse a list";

/// The promises that cannot be checked here, by the reason.
const LIMITS: &[(&str, &[&str])] = &[
    (
        VERBS,
        &[
            "remove_of_a_running_vm_is_a_conflict",
            "start_makes_it_run",
            "start_of_a_running_vm_succeeds",
            "ensure_vm_of_a_running_vm_succeeds_and_leaves_it_running",
            "force_stop_turns_it_off",
            "graceful_then_force_turns_a_deaf_guest_off",
            "pause_holds_it_and_resume_lets_it_run",
            "pause_of_a_paused_vm_succeeds",
            "resume_of_a_running_vm_succeeds",
            "a_paused_vm_can_be_forced_off",
            "reset_leaves_it_running",
            "a_volume_of_a_running_vm_is_a_conflict",
            "vnc_console_begins_with_its_version_and_needs_no_password",
            "console_in_use_is_a_conflict_without_take_over",
            "take_over_disconnects_the_other",
            "console_closes_when_the_vm_is_turned_off",
            "a_vm_is_measured_in_the_state_it_is_in",
            "a_change_is_told_after_start",
            "every_watcher_is_told",
            "migrate_moves_it_and_it_runs_on",
            "migrate_twice_moves_it_once",
            "migrate_back_moves_it_back",
            "a_migration_is_told_with_our_mark_and_its_hosts",
            "migrate_to_an_unknown_host_is_refused",
            "destinations_are_the_other_hosts",
            "cancel_of_what_is_over_changes_nothing",
            "change_vm_of_a_running_vm_leaves_it_running",
            "change_vm_tells_what_waits_for_the_next_start",
            "a_vm_of_an_instance_type_is_made_once_and_runs",
            "a_disk_added_to_a_stopped_vm_is_there_and_stays_over_its_start",
            "a_disk_added_to_a_running_vm_is_there_and_leaves_it_running",
            "a_disk_added_while_it_ran_is_there_after_it_was_off",
            "the_inventory_shows_an_added_disk",
            "attach_twice_adds_one_disk",
            "attach_of_what_is_there_under_that_name_succeeds",
            "another_volume_under_the_same_name_is_a_conflict",
            "detach_takes_it_off_and_leaves_its_volume",
            "detach_of_a_stopped_vms_disk_takes_it_off",
            "a_disk_taken_off_while_it_ran_stays_off",
            "detach_leaves_a_newer_disk_of_that_name_alone",
            "a_guest_that_does_not_give_it_up_is_told",
            "a_volume_that_is_attached_cannot_be_removed",
            "what_limits_exclude_is_refused",
            "cancel_of_what_was_never_asked_succeeds",
            "change_vm_makes_it_so",
            "a_volume_goes_where_the_vm_reaches_it",
            "a_volume_that_another_vm_has_is_a_conflict",
            "detach_of_an_absent_disk_succeeds",
            "a_volume_that_a_vm_has_makes_no_second_vm",
        ],
    ),
    (
        CONTROLLERS,
        &[
            "a_copy_smaller_than_its_original_is_refused",
            "ensure_snapshot_makes_it_ready_and_lists_it_with_its_tag",
            "ensure_snapshot_twice_makes_one_snapshot",
            "another_snapshot_of_the_same_name_is_a_conflict",
            "a_snapshot_of_a_stopped_vm_is_offline",
            "a_snapshot_of_a_running_vm_leaves_it_running",
            "a_guest_that_has_to_be_at_rest_is_or_there_is_no_snapshot",
            "memory_is_held_where_limits_say_so_and_refused_elsewhere",
            "a_snapshot_grows_from_the_one_before_where_there_is_a_tree",
            "revert_leaves_a_stopped_vm_stopped",
            "revert_of_a_running_vm_is_as_limits_say",
            "revert_for_one_operation_happens_once",
            "the_volumes_of_a_vm_that_was_put_back_outlive_it",
            "remove_snapshot_takes_it_off_the_list",
            "remove_of_a_parent_leaves_its_children",
            "a_vm_with_snapshots_can_be_removed",
            "ensure_clone_makes_a_stopped_vm_with_its_tag",
            "ensure_clone_twice_makes_one_vm",
            "ensure_clone_leaves_its_source_as_it_was",
            "a_clone_has_disks_of_its_own",
            "a_clone_has_addresses_of_its_own",
            "a_clone_of_a_running_vm_is_as_limits_say",
            "a_clone_of_a_snapshot_is_as_limits_say",
            "a_clone_runs_beside_its_source",
            "remove_clone_takes_its_volumes_and_no_other",
            "remove_clone_of_a_running_vm_is_a_conflict",
            "a_revert_tells_an_added_disk_by_the_name_it_was_asked_for",
            "a_revert_to_before_a_disk_was_taken_off_tells_it_by_its_name",
            "a_clone_of_a_vm_with_an_added_disk_has_it_by_its_name",
            "revert_to_an_absent_snapshot_is_not_found",
            "remove_of_absent_snapshot_succeeds",
            "a_clone_of_an_absent_snapshot_is_not_found",
        ],
    ),
    (
        NO_FAULT,
        &[
            "an_older_picture_is_told_as_old_and_only_as_long_as_it_is",
            "a_look_after_a_cancelled_ensure_vm_tells_the_truth",
            "ensure_vm_after_a_cancelled_one_makes_one_vm",
            "what_a_cancelled_ensure_vm_made_is_removed_for_good",
            "a_look_after_a_cancelled_start_tells_the_truth",
            "ensure_volume_after_a_cancelled_one_makes_one_whole_volume",
            "a_look_after_a_cancelled_ensure_snapshot_tells_the_truth",
            "ensure_snapshot_after_a_cancelled_one_takes_one_snapshot",
            "a_look_after_a_cancelled_migrate_tells_the_truth",
            "a_look_after_a_cancelled_ensure_clone_tells_the_truth",
            "ensure_clone_after_a_cancelled_one_makes_one_vm",
            "what_a_cancelled_ensure_clone_made_is_removed_for_good",
            "change_vm_after_a_cancelled_one_makes_it_so",
            "a_look_after_a_cancelled_attach_tells_the_truth",
            "attach_after_a_cancelled_one_adds_one_disk",
            "what_a_cancelled_detach_did_is_told_and_repeated",
        ],
    ),
];

fn limits() -> Vec<Limit> {
    let of = |(reason, promises): &(&'static str, &'static [&'static str])| {
        let reason = *reason;
        promises.iter().map(move |&promise| Limit { promise, reason }).collect::<Vec<_>>()
    };
    // What the stand-in cannot show, this one cannot either.
    let all = LIMITS.iter().flat_map(of).chain(conformance::limits());
    let mut seen = BTreeSet::new();
    all.filter(|limit| seen.insert(limit.promise)).collect()
}

struct Cluster {
    server: ApiServer,
    _looks: FirstLooks,
    provider: Arc<KubeVirt>,
    ids: IdSource,
}

const TYPES: &str = "/apis/instancetype.kubevirt.io/v1beta1";
/// It answers in milliseconds, and most of what waits for a controller is not checked.
const CALL: Duration = Duration::from_secs(15);
const VMS: &str = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines";

impl Cluster {
    async fn start(assets: Assets) -> Self {
        let server = ApiServer::start(assets).await.unwrap();
        for object in conformance::offered() {
            let kind = object["kind"].as_str().unwrap();
            let place = if kind.contains("Cluster") { "" } else { "namespaces/default/" };
            let path = format!("{TYPES}/{place}{}s", kind.to_lowercase());
            server.ask("POST", &path, &object).await.unwrap();
        }
        let mut config = KubeVirtConfig::new(Source::Text(server.kubeconfig()));
        config.max_backoff = Duration::from_millis(200);
        let provider = Arc::new(KubeVirt::new(config));
        provider.inventory(&cx()).await.unwrap();
        let looks = FirstLooks::at(&server);
        Self { server, _looks: looks, provider, ids: conformance::ids() }
    }

    async fn make(&self, name: &str) -> VmRef {
        let made = self.server.ask("POST", VMS, &machine("default", name, "Halted")).await.unwrap();
        let external_ref = made["metadata"]["uid"].as_str().unwrap().to_owned();
        VmRef { external_ref, name: name.to_owned() }
    }
}

#[async_trait]
impl Harness for Cluster {
    async fn connect(&self) -> Result<Arc<dyn Provider>> {
        Ok(self.provider.clone())
    }

    fn setting(&self) -> Setting {
        Setting { call_within: CALL, ..conformance::setting(self.ids.clone(), limits()) }
    }

    async fn make_foreign_vm(&self, name: &str) -> Option<VmRef> {
        let vm = self.make(name).await;
        let is_seen = async {
            while self.provider.watch()?.observe(&cx(), &vm).await.ok()?.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Some(())
        };
        is_seen.await?;
        Some(vm)
    }

    async fn make_unseen_vm(&self, name: &str) -> Option<VmRef> {
        Some(self.make(name).await)
    }

    async fn remove_foreign_vm(&self, vm: &VmRef) {
        let path = format!("{VMS}/{}", vm.name);
        self.server.ask("DELETE", &path, &Value::Null).await.unwrap();
    }

    async fn edit_memory(&self, vm: &VmRef, bytes: u64) -> bool {
        let memory = json!({ "guest": bytes.to_string() });
        let domain = json!({ "domain": { "memory": memory } });
        let edit = json!({ "spec": { "template": { "spec": domain } } });
        let path = format!("{VMS}/{}?fieldManager=somebody", vm.name);
        self.server.ask("PATCH", &path, &edit).await.is_ok()
    }

    async fn hang(&self, hung: bool) -> bool {
        self.server.hang(hung);
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e22_a_real_api_server_keeps_the_promises_that_need_nothing_beside_it() {
    let Some(assets) = Assets::find() else { return };
    let cluster = Cluster::start(assets).await;
    let mut reports = Vec::new();
    for promise in promises() {
        let report = run_some(&cluster, |name| name == promise).await;
        // It takes minutes, and the first that fails says most.
        let _ = writeln!(std::io::stderr(), "{report}");
        reports.push(report);
    }
    let report = Report::of(reports);
    report.assert_passed();
    assert_eq!(report.verdicts().len(), promises().count(), "each was checked once");
    let skipped: BTreeSet<_> = report.skipped().into_iter().collect();
    let limits: BTreeSet<_> = limits().iter().map(|limit| limit.promise).collect();
    assert_eq!(skipped, limits, "{report}");
}
