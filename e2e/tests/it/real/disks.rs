//! A disk attached by the command line to a guest that runs, seen within it and by libvirt, and
//! detached again; then the guest gets a processor (C7, C20).

use hostler_lab::guest;

use crate::rig::{Home, lab, virsh, volumes};

#[test]
fn c7_c20_a_running_guest_gets_a_disk_and_a_processor_by_the_command_line() {
    let lab = lab("hotplug");
    let home = Home::new();
    let _server = home.serve(&[("lab", lab.uri())]);
    let images = guest::build(&guest::checkout_dir(), &mut |line| eprintln!("{line}")).unwrap();
    let image = images.disk_qcow2.display().to_string();
    home.done(&["image", "import", "--name", "sample", &image]);
    let words = ["vm", "create", "web", "--image", "sample", "--memory", "192M"];
    home.done(&[words.as_slice(), &["--accelerator", "tcg"]].concat());
    let console = |typed: &str, text: &str| {
        let words = ["console", "web", "--until", text, "--for", "180s"];
        let ended = home.hostler_with(&words, typed.as_bytes());
        assert_eq!(ended.code, 0, "{}", ended.all());
    };
    console("", guest::BANNER);
    let before = volumes(&lab);

    home.done(&["disk", "attach", "web", "data", "--size", "64M"]);
    let listed = virsh(&lab, &["domblklist", "web"]);
    let line = listed.lines().find(|line| line.contains("data")).unwrap_or(&listed);
    let device = line.split_whitespace().next().unwrap().to_owned();
    let typed = format!("cat /sys/block/{device}/size | sed s/^/size=/\n");
    console(&typed, "size=131072");
    let disks = home.json(&["disk", "list", "web"]);
    let data = disks.as_array().unwrap().iter().find(|disk| disk["name"] == "data").unwrap();
    assert_eq!(data["state"], "attached", "{data}");
    assert_eq!(virsh(&lab, &["domblklist", "web", "--inactive"]), listed);

    home.done(&["disk", "detach", "web", "data", "--delete-volume", "--yes"]);
    console(&format!("test -e /sys/block/{device} || echo is-$((40+2))-gone\n"), "is-42-gone");
    assert_eq!(
        virsh(&lab, &["domblklist", "web", "--inactive"]),
        virsh(&lab, &["domblklist", "web"])
    );
    assert_eq!(volumes(&lab), before, "its volume was deleted with it");

    // It was made without room for more: that comes with its next start.
    home.done(&["vm", "set", "web", "--cpus", "2"]);
    let vm = home.json(&["vm", "show", "web"]);
    assert_eq!(vm["spec"]["cpu"]["count"], 2, "{vm}");
    assert_eq!(virsh(&lab, &["vcpucount", "web", "--live"]).trim(), "1");
    assert_eq!(virsh(&lab, &["vcpucount", "web", "--config"]).trim(), "2");
    home.done(&["stop", "web"]);
    home.done(&["start", "web"]);
    console("", guest::BANNER);
    console("echo has-$(nproc)-cpus\n", "has-2-cpus");
}
