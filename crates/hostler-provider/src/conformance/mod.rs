//! The promises of this crate as tests: each one a named function, run against
//! every driver.
//!
//! A driver's tests implement [`Harness`], which gives a connection and says
//! what may be used, and call [`run`]. The [`Report`] names every promise with
//! its outcome: a group that the driver lacks, a thing the harness cannot bring
//! about and a declared limit are *skipped with the reason*, never silently.
//!
//! ```text
//!   for each promise:  connect ─► check ─► remove what it made ─► verdict
//!                                  └ Skipped(why) · Failed(what) ┘
//! ```
//!
//! A promise makes only things whose names carry the harness's prefix and whose
//! ids are fresh, and removes them again even when it fails, so that the suite
//! may run on a host that others use.

mod calls;
mod clones;
mod cluster;
mod configure;
mod console;
mod create;
mod disks;
mod harness;
mod instance_types;
mod late;
mod metrics;
mod migrate;
mod plugged;
mod power;
mod read;
mod report;
mod snapshots;
mod storage;
mod trial;
mod watch;

use std::future::Future;
use std::pin::Pin;

pub use harness::{BootImage, Harness, Limit, Setting};
pub use report::{Outcome, Report, Verdict};

use crate::{Group, groups};
use trial::{Check, Stop, Trial};

/// One promise: its name, the group it belongs to, and the function that
/// checks it.
struct Promise {
    name: &'static str,
    group: Option<Group>,
    check: for<'a> fn(&'a Trial<'a>) -> Pin<Box<dyn Future<Output = Check> + Send + 'a>>,
}

macro_rules! promises {
    ($($group:expr => $module:ident: $($name:ident)*;)*) => {
        &[$($(Promise {
            name: stringify!($name),
            group: $group,
            check: |trial| Box::pin($module::$name(trial)),
        },)*)*]
    };
}

const PROMISES: &[Promise] = promises! {
    None => read:
        groups_match_accessors
        probe_names_what_answers
        inventory_lists_the_host
        references_in_the_inventory_are_unique
        observations_bear_the_time_of_the_context
        an_older_picture_is_told_as_old_and_only_as_long_as_it_is;
    None => calls:
        cancel_is_obeyed
        an_abandoned_call_harms_no_later_one
        deadline_is_kept
        after_a_hang_it_answers_again;
    Some(Group::Create) => create:
        validate_makes_nothing
        ensure_vm_makes_it_stopped
        ensure_vm_twice_makes_one_vm
        ensure_vm_at_the_same_time_makes_one_vm
        find_vm_finds_by_tag
        find_vm_of_an_unknown_id_is_none
        inventory_shows_what_was_made_with_its_tag
        a_stopped_vm_is_on_the_host_it_was_made_on
        description_comes_back_unchanged
        a_nic_is_shown_with_its_network_and_address
        another_vm_of_the_same_name_is_a_conflict
        a_foreign_vm_of_the_same_name_is_a_conflict
        a_foreign_vm_bears_no_tag
        an_unknown_host_is_refused
        remove_vm_takes_it_out_of_inventory_and_search
        remove_of_absent_vm_succeeds
        remove_vm_asks_the_place_before_it_says_absent
        remove_of_a_running_vm_is_a_conflict
        remove_vm_leaves_its_volumes
        definition_names_the_vm
        definition_of_absent_vm_is_not_found;
    Some(Group::Create) => late:
        a_look_after_a_cancelled_ensure_vm_tells_the_truth
        ensure_vm_after_a_cancelled_one_makes_one_vm
        what_a_cancelled_ensure_vm_made_is_removed_for_good;
    Some(Group::Power) => power:
        start_makes_it_run
        start_of_a_running_vm_succeeds
        ensure_vm_of_a_running_vm_succeeds_and_leaves_it_running
        force_stop_turns_it_off
        stop_of_a_stopped_vm_succeeds
        graceful_stop_turns_an_obedient_guest_off
        graceful_stop_of_a_deaf_guest_times_out_and_leaves_it_running
        graceful_then_force_turns_a_deaf_guest_off
        pause_holds_it_and_resume_lets_it_run
        pause_of_a_paused_vm_succeeds
        resume_of_a_running_vm_succeeds
        pause_of_a_stopped_vm_is_a_conflict
        a_paused_vm_can_be_forced_off
        reset_leaves_it_running
        reset_and_reboot_of_a_stopped_vm_are_conflicts
        save_turns_it_off_and_start_resumes_it
        a_saved_vm_can_be_removed
        verbs_on_an_absent_vm_are_not_found;
    Some(Group::Power) => late:
        a_look_after_a_cancelled_start_tells_the_truth;
    Some(Group::Storage) => storage:
        default_pool_can_be_used
        ensure_volume_makes_it_and_it_is_listed
        ensure_volume_twice_makes_one_volume
        volumes_are_sorted_by_name
        volumes_of_an_unknown_pool_are_not_found
        an_upload_reads_every_byte_and_tells_progress
        an_upload_is_grown_to_the_capacity
        an_upload_larger_than_its_volume_is_refused
        a_failed_upload_is_an_error_and_can_be_repeated
        half_filled_volume_is_made_anew
        a_copy_has_its_own_size_and_outlives_its_original
        a_copy_smaller_than_its_original_is_refused
        a_seed_becomes_a_volume
        remove_volume_takes_it_out_of_the_list
        remove_absent_volume_succeeds
        a_volume_of_a_running_vm_is_a_conflict;
    Some(Group::Storage) => late:
        ensure_volume_after_a_cancelled_one_makes_one_whole_volume
        an_upload_after_a_cancelled_one_makes_one_whole_volume;
    Some(Group::Console) => console:
        serial_console_of_a_running_vm_speaks
        vnc_console_begins_with_its_version_and_needs_no_password
        console_of_a_stopped_vm_is_a_conflict
        console_in_use_is_a_conflict_without_take_over
        take_over_disconnects_the_other
        console_closes_when_the_vm_is_turned_off;
    Some(Group::Metrics) => metrics:
        every_declared_pass_can_be_made
        points_are_sound_and_belong_to_their_pass
        nothing_is_measured_twice_in_a_pass
        what_is_measured_is_in_the_inventory
        measurements_bear_the_time_of_the_context
        a_vm_is_measured_in_the_state_it_is_in
        only_a_running_vm_uses_a_processor
        counters_of_a_running_vm_only_grow
        a_deleted_vm_is_measured_no_more
        a_pass_obeys_cancel
        a_pass_keeps_its_deadline;
    Some(Group::Watch) => watch:
        observe_agrees_with_the_inventory
        observe_of_absent_vm_is_none
        a_change_is_told_after_it_was_made
        a_change_is_told_after_start
        a_change_is_told_after_it_was_removed
        every_watcher_is_told;
    Some(Group::Cluster) => cluster:
        whatever_is_not_healthy_has_a_reason
        features_and_hardware_are_told_once_and_why;
    Some(Group::Snapshots) => snapshots:
        a_new_vm_has_no_snapshots
        snapshots_of_an_absent_vm_are_not_found
        ensure_snapshot_makes_it_ready_and_lists_it_with_its_tag
        ensure_snapshot_twice_makes_one_snapshot
        another_snapshot_of_the_same_name_is_a_conflict
        a_snapshot_of_a_stopped_vm_is_offline
        a_snapshot_of_a_running_vm_leaves_it_running
        a_guest_that_has_to_be_at_rest_is_or_there_is_no_snapshot
        memory_is_held_where_limits_say_so_and_refused_elsewhere
        a_snapshot_grows_from_the_one_before_where_there_is_a_tree
        revert_leaves_a_stopped_vm_stopped
        revert_of_a_running_vm_is_as_limits_say
        revert_with_memory_goes_on
        revert_for_one_operation_happens_once
        the_volumes_of_a_vm_that_was_put_back_outlive_it
        revert_to_an_absent_snapshot_is_not_found
        remove_snapshot_takes_it_off_the_list
        remove_of_absent_snapshot_succeeds
        remove_of_a_parent_leaves_its_children
        a_vm_with_snapshots_can_be_removed
        a_look_after_a_cancelled_ensure_snapshot_tells_the_truth
        ensure_snapshot_after_a_cancelled_one_takes_one_snapshot;
    Some(Group::Migrate) => migrate:
        destinations_are_the_other_hosts
        destinations_of_an_absent_vm_are_not_found
        migrate_moves_it_and_it_runs_on
        migrate_twice_moves_it_once
        migrate_back_moves_it_back
        a_migration_is_told_with_our_mark_and_its_hosts
        migrations_of_an_absent_vm_are_none
        migrate_of_a_stopped_vm_is_a_conflict
        migrate_of_an_absent_vm_is_not_found
        migrate_to_an_unknown_host_is_refused
        a_second_migration_at_the_same_time_is_a_conflict
        cancel_leaves_it_running_where_it_was
        cancel_of_what_was_never_asked_succeeds
        cancel_of_what_is_over_changes_nothing
        a_look_after_a_cancelled_migrate_tells_the_truth;
    Some(Group::Clones) => clones:
        ensure_clone_makes_a_stopped_vm_with_its_tag
        ensure_clone_twice_makes_one_vm
        ensure_clone_leaves_its_source_as_it_was
        a_clone_of_a_name_that_is_taken_is_a_conflict
        a_clone_of_an_absent_vm_is_not_found
        a_clone_has_disks_of_its_own
        a_clone_has_addresses_of_its_own
        a_clone_of_a_running_vm_is_as_limits_say
        a_clone_of_a_snapshot_is_as_limits_say
        a_clone_of_an_absent_snapshot_is_not_found
        a_clone_runs_beside_its_source
        remove_clone_takes_its_volumes_and_no_other
        remove_clone_of_what_was_never_made_succeeds
        remove_clone_of_a_running_vm_is_a_conflict
        a_look_after_a_cancelled_ensure_clone_tells_the_truth
        ensure_clone_after_a_cancelled_one_makes_one_vm
        what_a_cancelled_ensure_clone_made_is_removed_for_good;
    Some(Group::Configure) => configure:
        plan_change_tells_what_differs_and_touches_nothing
        plan_change_of_nothing_is_empty
        change_vm_makes_it_so
        change_vm_twice_changes_it_once
        change_vm_back_makes_it_what_it_was
        change_vm_changes_the_description
        change_vm_of_a_running_vm_leaves_it_running
        change_vm_tells_what_waits_for_the_next_start
        a_change_of_disks_is_refused_with_what_to_do
        a_change_that_is_refused_changes_nothing
        plan_and_change_of_an_absent_vm_are_not_found
        fields_of_others_are_shown_and_left_alone
        fields_of_others_are_taken_over_as_they_were_shown
        fields_of_others_that_were_not_shown_stay_theirs
        change_vm_after_a_cancelled_one_makes_it_so;
    Some(Group::InstanceTypes) => instance_types:
        instance_types_are_told_once_in_order_and_with_their_size
        preferences_are_told_once_and_in_order
        a_vm_of_an_instance_type_has_its_size_and_says_so
        a_vm_of_an_instance_type_is_made_once_and_runs
        a_vm_of_a_preference_says_so
        an_unknown_type_or_preference_is_refused_and_nothing_is_made
        a_type_that_has_changed_since_is_refused;
    Some(Group::Disks) => disks:
        a_new_vm_has_the_disks_it_was_made_with
        disks_of_an_absent_vm_are_not_found
        a_volume_goes_where_the_vm_reaches_it
        a_disk_added_to_a_stopped_vm_is_there_and_stays_over_its_start
        a_disk_added_to_a_running_vm_is_there_and_leaves_it_running
        a_disk_added_while_it_ran_is_there_after_it_was_off
        the_inventory_shows_an_added_disk
        attach_twice_adds_one_disk
        attach_of_what_is_there_under_that_name_succeeds
        another_volume_under_the_same_name_is_a_conflict
        a_volume_that_another_vm_has_is_a_conflict
        a_volume_that_is_not_there_is_not_found
        what_limits_exclude_is_refused
        detach_takes_it_off_and_leaves_its_volume
        detach_of_a_stopped_vms_disk_takes_it_off
        a_disk_taken_off_while_it_ran_stays_off
        detach_of_an_absent_disk_succeeds
        detach_leaves_a_newer_disk_of_that_name_alone
        a_guest_that_does_not_give_it_up_is_told
        a_volume_that_is_attached_cannot_be_removed
        a_look_after_a_cancelled_attach_tells_the_truth
        attach_after_a_cancelled_one_adds_one_disk
        what_a_cancelled_detach_did_is_told_and_repeated;
    Some(Group::Disks) => plugged:
        volumes_are_made_in_the_formats_of_the_limits_and_no_other
        what_limits_exclude_is_refused_of_a_stopped_vm
        a_disk_of_a_stopped_vm_grows_and_never_shrinks
        growing_what_is_not_there_is_not_found
        a_revert_tells_an_added_disk_by_the_name_it_was_asked_for
        a_revert_to_before_a_disk_was_taken_off_tells_it_by_its_name
        a_clone_of_a_vm_with_an_added_disk_has_it_by_its_name;
    Some(Group::Create) => plugged:
        a_volume_that_a_vm_has_makes_no_second_vm;
    Some(Group::Storage) => plugged:
        a_volume_of_a_stopped_vm_is_a_conflict;
};

/// The names of all promises, in the order in which they are run.
pub fn promises() -> impl Iterator<Item = &'static str> {
    PROMISES.iter().map(|promise| promise.name)
}

/// Checks every promise.
pub async fn run<H: Harness>(harness: &H) -> Report {
    run_some(harness, |_| true).await
}

/// Checks the promises whose names `wanted` picks; the others are not in the
/// report.
pub async fn run_some<H: Harness>(harness: &H, wanted: impl Fn(&str) -> bool) -> Report {
    let setting = harness.setting();
    let mut report = Report::default();
    for limit in &setting.limits {
        if !promises().any(|name| name == limit.promise) {
            let why = "a limit is declared for a promise that does not exist".to_owned();
            report.add(limit.promise, None, Outcome::Failed(why));
        }
    }
    for promise in PROMISES.iter().filter(|promise| wanted(promise.name)) {
        let outcome = match setting.limit(promise.name) {
            Some(reason) => Outcome::Skipped(format!("declared limit: {reason}")),
            None => keep(harness, &setting, promise).await,
        };
        report.add(promise.name, promise.group, outcome);
    }
    report
}

/// Checks one promise, and leaves nothing behind.
async fn keep(harness: &dyn Harness, setting: &Setting, promise: &Promise) -> Outcome {
    let provider = match harness.connect().await {
        Ok(provider) => provider,
        Err(error) => return Outcome::Failed(format!("cannot connect: {error}")),
    };
    if let Some(group) = promise.group
        && !groups(&*provider).contains(&group)
    {
        return Outcome::Skipped(format!("the provider has no group {}", group.as_str()));
    }
    let trial = Trial::new(harness, setting, provider);
    let checked = tokio::time::timeout(setting.promise_within, (promise.check)(&trial)).await;
    let left = trial.clean_up().await;
    match (checked, left) {
        (Err(_), _) => Outcome::Failed(format!("did not end within {:?}", setting.promise_within)),
        (Ok(Err(Stop::Failed(what))), _) => Outcome::Failed(what),
        (_, Err(left)) => Outcome::Failed(format!("left behind: {left}")),
        (Ok(Err(Stop::Skipped(why))), Ok(())) => Outcome::Skipped(why),
        (Ok(Ok(())), Ok(())) => Outcome::Kept,
    }
}
