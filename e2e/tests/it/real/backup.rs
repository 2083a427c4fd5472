//! Yesterday's backup brought back: the world has gone on, and nothing of it is undone (F15, I17).

use hostler_api::{Nothing, v1};
use hostler_client::Terms;

use super::small_vm;
use crate::rig::{Api, Home, domains, lab, volumes};

fn create(api: &Api, name: &str, start: bool) {
    let (request, terms) = (small_vm(name, start), Terms::default());
    let made = api.ask::<v1::VmCreate>(&Nothing {}, &Nothing {}, &request, &terms).unwrap();
    assert_eq!(api.settled(&made.value.id).state, "succeeded");
}

#[test]
fn f15_i17_a_restored_backup_deletes_nothing_and_shows_the_difference() {
    let lab = lab("backup");
    let home = Home::new();
    let server = home.serve(&[("lab", lab.uri())]);
    let api = home.api();
    create(&api, "old", true);
    create(&api, "gone", false);
    let old = api.vm("old");

    // A copy of the running server's database; it goes on meanwhile.
    let backup = home.path().join("yesterday.db");
    let backup = backup.to_str().unwrap();
    let made = home.hostlerd(&["backup", backup]);
    assert_eq!((made.code, made.out.trim()), (0, backup), "{}", made.all());
    let again = home.hostlerd(&["backup", backup]);
    assert_eq!(again.code, 2, "a backup is never overwritten: {}", again.all());

    create(&api, "new", true);
    home.done(&["vm", "delete", "gone", "--disks", "--yes"]);
    home.done(&["vm", "set", "old", "--label", "changed=yes"]);
    let (domains_before, volumes_before) = (domains(&lab), volumes(&lab));
    assert_eq!(domains_before, ["new", "old"]);

    // Not under a server that runs.
    let refused = home.hostlerd(&["restore", backup]);
    assert_ne!(refused.code, 0, "{}", refused.all());
    assert_eq!(api.vm("old").summary.labels.len(), 1, "the refused restore changed nothing");
    server.stop();
    let restored = home.hostlerd(&["restore", backup]);
    assert_eq!(restored.code, 0, "{}", restored.all());
    assert!(restored.err.contains("kept in"), "what was there is kept: {}", restored.all());

    let _server = home.serve(&[("lab", lab.uri())]);
    let api = home.api();
    api.until_state("old", "running");
    api.until_state("new", "running");
    assert_eq!(api.vm("old").summary.id, old.summary.id);
    assert_eq!(api.vm("old").summary.labels.len(), 0, "yesterday it had no label");
    assert!(api.vm("old").summary.managed);
    assert!(!api.vm("new").summary.managed, "made after the backup: seen, not owned");
    let status = api.vm("gone").summary.status;
    assert_eq!(status.state, "missing", "{status:?}");
    // Not even after several looks: nothing at libvirt went because the database forgot it.
    let first = api.provider("lab").observed_at;
    crate::rig::eventually("libvirt is looked at again", || {
        let now = api.provider("lab").observed_at;
        crate::rig::check(now > first, || format!("{now:?}"))
    });
    assert_eq!((domains(&lab), volumes(&lab)), (domains_before, volumes_before));
    // The VM that is known goes on being managed.
    home.done(&["stop", "old", "--force"]);
    home.done(&["start", "old"]);
}
