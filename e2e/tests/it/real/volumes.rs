//! Volumes made and deleted by the command line, as libvirt sees them (C6, I5).

use expect_test::{Expect, expect};

use crate::rig::{Golden, Home, lab, virsh, volumes};

#[test]
fn i5_volumes_are_made_and_deleted_and_nobody_s_data_is_touched() {
    let lab = lab("volumes");
    let home = Home::new();
    let _server = home.serve(&[("lab", lab.uri())]);
    let golden = Golden::default();
    let tell = |words: &[&str], expected: &Expect| {
        let ended = home.hostler(words);
        let told = format!("$ hostler {}\n{}", words.join(" "), ended.all());
        expected.assert_eq(&golden.of(&told));
    };
    let create = ["volume", "create", "default", "data", "--size", "8M"];
    tell(
        &create,
        &expect![[r#"
        $ hostler volume create default data --size 8M
        volume "data" of pool "default" created
        exit 0
    "#]],
    );
    assert_eq!(volumes(&lab), ["data"]);
    let info = virsh(&lab, &["vol-dumpxml", "data", "--pool", "default"]);
    assert!(info.contains("<capacity unit='bytes'>8388608</capacity>"), "{info}");
    tell(
        &create,
        &expect![[r#"
        $ hostler volume create default data --size 8M
        error: cannot create volume "data" of pool "default": pool "default" has a volume "data" already, of 8388608 bytes and format qcow2 [volume_exists] (request ID)
        hint: Choose another name.
        exit 5
    "#]],
    );

    // A file that libvirt has not seen is found only when the volume is made.
    let theirs = lab.images_dir().join("theirs");
    std::fs::write(&theirs, "work").unwrap();
    tell(
        &["volume", "create", "default", "theirs", "--size", "8M"],
        &expect![[r#"
        $ hostler volume create default theirs --size 8M
        error: cannot create volume "theirs" of pool "default": pool "default" has a volume "theirs" already, of 4 bytes and format raw [volume_exists]
        hint: Choose another name.
        exit 5
    "#]],
    );
    assert_eq!(std::fs::read(&theirs).unwrap(), b"work");
    assert_eq!(volumes(&lab), ["data", "theirs"], "no marker is left");

    let disk = ["vm", "create", "web", "--memory", "48M", "--accelerator", "tcg", "--no-start"];
    home.done(&[disk.as_slice(), &["--disk", "volume=data,pool=default"]].concat());
    let delete = ["volume", "delete", "default", "data", "--yes"];
    tell(
        &delete,
        &expect![[r#"
        $ hostler volume delete default data --yes
        error: cannot delete volume "data" of pool "default": volume "data" belongs to VM "web" [volume_in_use] (request ID)
        hint: Detach it or delete the VM first.
        exit 5
    "#]],
    );
    home.done(&["vm", "delete", "web", "--yes", "--disks"]);
    assert_eq!(volumes(&lab), ["data", "theirs"], "it was not made for the VM");
    tell(
        &delete,
        &expect![[r#"
        $ hostler volume delete default data --yes
        volume "data" of pool "default" deleted
        exit 0
    "#]],
    );
    assert_eq!(volumes(&lab), ["theirs"]);
}
