//! What is told of disks that two documents have differently.

use hostler_libvirt_rpc::Uuid;

use super::*;

const OURS: &str = "ua-hostler-data-5f6a7b8c9d0e";

fn disk(source: &str, target: &str, bus: &str, alias: &str) -> String {
    format!(
        "<disk type='file' device='disk'><source file='{source}'/>\
         <target dev='{target}' bus='{bus}'/><alias name='{alias}'/></disk>"
    )
}

fn layout(disks: &str) -> Layout {
    Layout::read(&format!("<domain><name>n</name><devices>{disks}</devices></domain>")).unwrap()
}

fn look(power: PowerState, live: Option<&str>, next: Option<&str>) -> Look {
    Look {
        domain: Reference::by_uuid(Uuid([1; 16])),
        state: State { power, reason: "booted" },
        live: live.map(layout),
        next: next.map(layout),
    }
}

fn told(look: &Look) -> Vec<AttachedDisk> {
    look.seen().into_iter().map(|(disk, _)| disk).collect()
}

#[test]
fn c7_an_attachment_is_told_by_what_both_documents_have() {
    let root = |alias: &str| disk("/p/root", "vda", "virtio", alias);
    let data = disk("/p/data", "vdb", "virtio", OURS);
    let (live, next) = (root("virtio-disk0") + &data, root("") + &data);
    let running = |live: &str, next: &str| look(PowerState::Running, Some(live), Some(next));

    let both = running(&live, &next);
    let [first, second] = told(&both).try_into().unwrap();
    assert_eq!((first.external_ref.as_str(), first.name.as_str()), ("vda", "vda"));
    assert_eq!((first.mark, first.message), (None, None));
    assert_eq!((second.external_ref.as_str(), second.name.as_str()), (OURS, "data"));
    assert_eq!(second.mark.as_ref().map(DiskMark::as_str), Some("5f6a7b8c9d0e"));
    assert_eq!(second.state, DiskState::Attached);

    let leaving = told(&running(&live, &root(""))).pop().unwrap();
    assert_eq!(leaving.state, DiskState::Detaching);
    assert!(leaving.message.unwrap().contains("next start"));
    let coming = told(&running(&root("virtio-disk0"), &next)).pop().unwrap();
    assert_eq!(coming.state, DiskState::Attaching);
    let off = look(PowerState::Stopped, None, Some(&next));
    assert!(told(&off).iter().all(|disk| disk.state == DiskState::Attached));
}

#[test]
fn c7_what_others_did_to_one_document_is_told_and_no_detach() {
    let root = disk("/p/root", "vda", "virtio", "virtio-disk0");
    let theirs = root.clone() + &disk("/p/x", "vdb", "virtio", "virtio-disk1");
    let added = told(&look(PowerState::Running, Some(&theirs), Some(&root))).pop().unwrap();
    assert_eq!(added.state, DiskState::Attached);
    assert!(added.message.unwrap().contains("next start"));
    let overlay = disk("/p/root.snap", "vda", "virtio", "");
    let [only] = told(&look(PowerState::Running, Some(&root), Some(&overlay))).try_into().unwrap();
    assert_eq!(only.source.as_deref(), Some("/p/root"), "what runs counts");
    assert!(only.message.unwrap().contains("other bytes"));
    // One that is gone when it stops has no definition that could lack anything.
    let transient = told(&look(PowerState::Running, Some(&theirs), None));
    assert!(transient.iter().all(|disk| disk.message.is_none()));
}

#[test]
fn c7_what_qemu_takes_off_no_running_guest_is_told_as_fixed() {
    for (bus, live) in [("virtio", true), ("scsi", true), ("usb", true), ("sata", false)] {
        let one = disk("/p/a", "sda", bus, "");
        let running = told(&look(PowerState::Running, Some(&one), Some(&one))).pop().unwrap();
        assert_eq!(running.fixed.is_none(), live, "{bus}: {:?}", running.fixed);
        let off = told(&look(PowerState::Stopped, None, Some(&one))).pop().unwrap();
        assert_eq!(off.fixed, None, "{bus}");
    }
}

#[test]
fn c7_states_in_which_devices_stay_are_refused_with_what_to_do() {
    let with = |power, asks| look(power, None, Some("")).check_state("x", asks);
    for power in [PowerState::Running, PowerState::Stopped, PowerState::Failed] {
        with(power, true).unwrap();
    }
    with(PowerState::Paused, false).unwrap();
    for (power, remedy) in [
        (PowerState::Paused, "resume it"),
        (PowerState::Saved, "start it"),
        (PowerState::Crashed, "stop it"),
        (PowerState::Migrating, "try again"),
    ] {
        let error = with(power, true).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.message().contains(remedy), "{error}");
    }
}
