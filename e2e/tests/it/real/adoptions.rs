//! A VM that somebody made with virsh, adopted, run, and let go, as a new user would by the
//! command line: its definition is the same to the byte all the while (E17, X30).

use crate::rig::{Home, lab, virsh};

/// Made by hand, with what a careless conversion would lose: metadata of others, a comment,
/// devices that Hostler does not know.
const THEIRS: &str = "<domain type='qemu'><name>theirs</name>\
    <metadata><x:app xmlns:x='http://example.org/x'>kept</x:app></metadata>\
    <memory unit='MiB'>48</memory><vcpu>1</vcpu>\
    <os><type arch='x86_64' machine='q35'>hvm</type></os>\
    <devices><serial type='null'/><sound model='ich9'/></devices></domain>";

#[test]
fn e17_x30_a_domain_of_virsh_is_adopted_and_is_the_same_to_the_byte() {
    let lab = lab("adoption");
    let file = lab.lib_dir().join("theirs.xml");
    std::fs::write(&file, THEIRS).unwrap();
    virsh(&lab, &["define", &file.display().to_string()]);
    let document = || virsh(&lab, &["dumpxml", "--inactive", "theirs"]);
    let before = document();
    let home = Home::new();
    let _server = home.serve(&[("lab", lab.uri())]);
    let api = home.api();
    api.until_provider("lab", "healthy");
    api.until_state("theirs", "stopped");

    let told = home.done(&["adopt", "list"]);
    assert!(told.contains("theirs") && told.contains("foreign"), "{told}");
    let told = home.done(&["adopt", "take", "theirs", "--dry-run"]);
    assert!(told.contains("nothing of it changes") && told.contains("emulated"), "{told}");
    assert!(!api.vm("theirs").summary.managed);
    home.done(&["adopt", "take", "theirs", "--reason", "moved from virsh"]);
    let vm = api.vm("theirs");
    assert!(vm.summary.managed);
    assert_eq!(vm.adopted.unwrap().reason.as_deref(), Some("moved from virsh"));
    assert_eq!(document(), before, "adopting changed it");

    // It obeys, and is told to be what it is.
    home.done(&["vm", "start", "theirs"]);
    assert_eq!(virsh(&lab, &["domstate", "theirs"]).trim(), "running");
    home.done(&["vm", "stop", "theirs", "--force"]);
    api.until_state("theirs", "stopped");
    assert_eq!(document(), before, "running it changed it");

    home.done(&["adopt", "release", "theirs"]);
    assert!(!api.vm("theirs").summary.managed);
    assert_eq!(document(), before, "letting it go changed it");
    home.done(&["adopt", "ignore", "theirs", "--reason", "stays with virsh"]);
    assert!(!home.done(&["adopt", "list"]).contains("theirs"));
    let told = home.done(&["adopt", "list", "--all", "-o", "wide"]);
    assert!(told.contains("stays with virsh"), "{told}");

    // Made anew under its name it is another one, and waits.
    virsh(&lab, &["undefine", "theirs"]);
    virsh(&lab, &["define", &file.display().to_string()]);
    crate::rig::eventually("the new one waits", || {
        let told = home.done(&["adopt", "list"]);
        crate::rig::check(told.contains("theirs"), || told.clone())
    });
}
