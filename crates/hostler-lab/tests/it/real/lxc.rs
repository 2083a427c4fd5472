//! The driver of containers, unpacked and run beside the machine's own.

use hostler_lab::{Lab, LabOptions, lxc};

#[test]
fn a_lab_with_containers_serves_both_drivers() {
    let root = lxc::fetch(&mut |line| eprintln!("{line}")).unwrap();
    assert_eq!(root, lxc::fetch(&mut |line| panic!("it was there: {line}")).unwrap());
    assert!(lxc::need_driver().ends_with("root"));
    let lab = Lab::start(&LabOptions::throwaway("both").with_containers(root)).unwrap();
    for (uri, word) in [(lab.uri(), "QEMU"), (lab.containers_uri(), "LXC")] {
        let output = lab.virsh(["-c", &uri, "version"]).unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(word), "{text}");
    }
}
