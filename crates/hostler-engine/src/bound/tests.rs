//! What is remembered of a VM's volumes, whatever becomes of its disks.

use hostler_core::disk::DiskState;

use super::*;

fn at(name: &str) -> VolumeRef {
    VolumeRef { host_ref: "h1".into(), pool: "default".into(), name: name.to_owned() }
}

fn bound(disk: &str, name: &str, owned: bool) -> DiskBinding {
    DiskBinding { disk: disk.to_owned(), volume: at(name), owned }
}

fn moved(disk: &str, volume: &str) -> MovedDisk {
    MovedDisk { disk: disk.to_owned(), volume: volume.to_owned() }
}

fn seen(name: &str, volume: Option<&str>) -> AttachedDisk {
    let volume = volume.map(|name| VolumeName { pool: "default".into(), volume: name.to_owned() });
    AttachedDisk {
        external_ref: name.to_owned(),
        name: name.to_owned(),
        mark: None,
        state: DiskState::Attached,
        message: None,
        device: "disk".into(),
        bus: None,
        volume,
        source: None,
        capacity_bytes: None,
        read_only: false,
        fixed: None,
    }
}

#[test]
fn c14_disks_that_moved_are_remembered_where_they_are_and_where_they_were() {
    let before = vec![bound("root", "web-root", true), bound("seed", "web-seed", true)];
    let once = rebound(before, &[moved("root", "r1")], Vec::new());
    let wanted =
        [bound("", "web-root", true), bound("root", "r1", true), bound("seed", "web-seed", true)];
    assert_eq!(once, wanted);
    // Told again, as after a lost answer, it is the same.
    assert_eq!(rebound(once.clone(), &[moved("root", "r1")], Vec::new()), wanted);
    let twice = rebound(once, &[moved("root", "r3")], Vec::new());
    let wanted = [
        bound("", "web-root", true),
        bound("", "r1", true),
        bound("root", "r3", true),
        bound("seed", "web-seed", true),
    ];
    assert_eq!(twice, wanted);
}

#[test]
fn i17_what_somebody_gave_stays_theirs() {
    let given = vec![bound("data", "theirs", false)];
    assert_eq!(rebound(given, &[moved("data", "r1")], Vec::new()), [bound("data", "r1", false)]);
}

#[test]
fn c14_a_disk_that_came_back_is_remembered_once() {
    let root = || bound("root", "r1", true);
    let back = || vec![bound("data", "r2", true)];
    let once = rebound(vec![root()], &[moved("data", "r2")], back());
    assert_eq!(once, [root(), bound("data", "r2", true)]);
    assert_eq!(rebound(once.clone(), &[moved("data", "r2")], back()), once);
}

#[test]
fn c14_no_disk_is_told_by_no_name_and_each_by_the_volume_behind_it() {
    let all = [bound("", "web-data", true), bound("data", "r2", true)];
    assert_eq!(name_of(&seen("data", Some("web-data")), &all), "data", "its provider's");
    assert_eq!(name_of(&seen("x", Some("r2")), &all), "data", "as asked for");
    assert_eq!(name_of(&seen("x", None), &all), "x");
}

#[test]
fn i17_a_volume_is_a_disks_own_only_where_it_is_the_one_behind_it() {
    let all = [bound("data", "old", true), bound("given", "theirs", false)];
    let own = |seen: AttachedDisk| own_volume(Some(&seen), "data", &all);
    assert_eq!(own(seen("data", Some("old"))), Some(at("old")));
    assert_eq!(own(seen("data", Some("restored"))), None, "another one, under its name");
    assert_eq!(own(seen("data", None)), None, "nobody knows");
    assert_eq!(own(seen("given", Some("theirs"))), None);
    assert_eq!(own_volume(None, "data", &all), Some(at("old")), "where the VM lacks the disk");
    let left = [bound("", "old", true)];
    assert_eq!(own_volume(None, "", &left), None);
    assert_eq!(own_volume(Some(&seen("x", Some("old"))), "x", &left), Some(at("old")));
}

#[test]
fn i17_detaching_forgets_the_volume_that_was_behind_it_and_no_other() {
    let all = || vec![bound("", "before", true), bound("data", "v2", true), bound("r", "v3", true)];
    let after = detached(all(), "data", &Went::Of(&at("v2")), None);
    assert_eq!(after, [bound("", "before", true), bound("r", "v3", true)]);
    // Another volume was behind it: what was remembered for it is not lost.
    let left = [bound("", "before", true), bound("", "v2", true), bound("r", "v3", true)];
    assert_eq!(detached(all(), "data", &Went::Of(&at("restored")), None), left);
    assert_eq!(detached(all(), "data", &Went::Unknown, None), left);
    let after = detached(all(), "data", &Went::Lacking, None);
    assert_eq!(after, [bound("", "before", true), bound("r", "v3", true)]);
    // And by no name nothing is forgotten.
    assert_eq!(detached(all(), "", &Went::Lacking, None), all());
    let after = detached(all(), "x", &Went::Of(&at("before")), Some(&at("before")));
    assert_eq!(after, [bound("data", "v2", true), bound("r", "v3", true)]);
    let after = detached(all(), "x", &Went::Of(&at("before")), None);
    assert_eq!(after, all(), "what is left behind stays so");
}

#[test]
fn i17_what_was_left_behind_and_is_attached_is_the_vms_own_and_left_behind_again_if_undone() {
    let all = vec![bound("", "before", true), bound("root", "r1", true)];
    let after = attached(all.clone(), bound("old", "before", false));
    assert_eq!(after, [bound("root", "r1", true), bound("old", "before", true)]);
    let undone = unattached(after, "old", &at("before"), false);
    assert_eq!(undone, [bound("root", "r1", true), bound("", "before", true)]);
    let made = attached(all.clone(), bound("new", "v", true));
    assert_eq!(unattached(made, "new", &at("v"), true), all);
    let given = attached(all.clone(), bound("new", "theirs", false));
    assert_eq!(unattached(given, "new", &at("theirs"), false), all);
}

#[test]
fn c14_what_a_vm_does_not_have_any_more_is_left_behind() {
    let all = vec![bound("root", "r1", true), bound("data", "v", true), bound("g", "t", false)];
    let after = with_disks(all, |name| name == "root");
    assert_eq!(after, [bound("root", "r1", true), bound("", "v", true)]);
    let seed = vec![bound(SEED_DISK, "s", true), bound("", "v", true)];
    assert_eq!(with_disks(seed.clone(), |_| false), seed);
}

#[test]
fn x25_a_disk_of_which_nothing_is_written_down_is_found() {
    let mut spec = VmSpec::new("web", 1 << 30);
    let json = |all: &[DiskBinding]| stored(all).unwrap();
    let all = json(&[bound(SEED_DISK, "s", true), bound("", "v", true), bound("root", "r", true)]);
    assert_eq!(unspoken(&all, &spec), Some("root".into()));
    let disk = hostler_core::vm::devices::DiskSpec {
        name: "root".into(),
        device: hostler_core::vm::devices::DiskDevice::Disk,
        bus: None,
        source: DiskSource::Volume { pool: "p".into(), volume: "theirs".into() },
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    };
    spec.disks.push(hostler_core::vm::devices::DiskSpec { name: "gone".into(), ..disk.clone() });
    spec.disks.push(disk);
    assert_eq!(unspoken(&all, &spec), None);
    only_own(&mut spec, &[bound("root", "r", true)], |name| name == "root");
    let own = DiskSource::Volume { pool: "default".into(), volume: "r".into() };
    assert_eq!(spec.disks.iter().map(|disk| &disk.source).collect::<Vec<_>>(), [&own]);
}
