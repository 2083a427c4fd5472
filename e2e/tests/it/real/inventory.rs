//! A thousand domains that are not ours: all are shown, none is touched (C10, X17).

use std::collections::BTreeSet;

use hostler_api::{ListQuery, Nothing, v1};
use hostler_client::Terms;
use hostler_lab::TestDaemon;
use serde_json::Value;

use crate::rig::{Home, check, eventually, virsh};

const DOMAINS: usize = 1000;

/// The test driver reads its file anew for each connection, so its URI has to be given.
fn dumpxml(daemon: &TestDaemon, name: &str) -> Vec<u8> {
    let uri = daemon.uri();
    let words = ["-q", "-c", uri.as_str(), "dumpxml", name];
    let output = std::process::Command::new("virsh").args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[test]
fn c10_a_thousand_foreign_domains_are_shown_and_left_as_they_are() {
    let daemon = TestDaemon::start("e2e-thousand", DOMAINS).unwrap();
    let before = dumpxml(&daemon, "vm500");
    let home = Home::new();
    let _server = home.serve(&[("big", daemon.uri())]);
    let api = home.api();
    eventually("the inventory is complete", || {
        let provider = api.provider("big");
        let count = provider.vm_count.and_then(|count| usize::try_from(count).ok());
        check(count == Some(DOMAINS), || format!("{provider:?}"))
    });

    let mut names = BTreeSet::new();
    let mut query =
        ListQuery { limit: Some(100), sort: Some("-name".into()), ..ListQuery::default() };
    let mut pages = 0;
    loop {
        let terms = Terms::default();
        let page = api.ask::<v1::VmList>(&Nothing {}, &query, &Nothing {}, &terms).unwrap().value;
        assert_eq!(page.approx_total, Some(DOMAINS as u64));
        assert!(page.items.iter().all(|vm| !vm.managed && vm.status.state == "running"));
        names.extend(page.items.into_iter().map(|vm| vm.name));
        pages += 1;
        match page.next_cursor {
            Some(next) => query.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!((pages, names.len()), (DOMAINS / 100, DOMAINS));

    let listed = home.json(&["vm", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(DOMAINS));
    let filtered =
        home.done(&["vm", "list", "--filter", "name=vm99*", "--sort", "-name", "-o", "name"]);
    let expected: String = (990..=999).rev().map(|n| format!("vm{n}\n")).collect();
    assert_eq!(filtered, format!("{expected}vm99\n"));

    // What libvirt says of it goes through unchanged, and looking at it has changed nothing.
    let shown = home.done(&["vm", "xml", "vm500"]).into_bytes();
    assert_eq!(String::from_utf8(shown).unwrap(), String::from_utf8(before.clone()).unwrap());
    assert_eq!(dumpxml(&daemon, "vm500"), before);
    // Ours to see, not to touch: whoever wants to is told so.
    let refused = home.hostler(&["vm", "set", "vm500", "--label", "mine=yes"]);
    assert_eq!(refused.code, 5, "{}", refused.all());
    assert!(refused.err.contains("[vm_not_managed]"), "{}", refused.all());
}

#[test]
fn a_foreign_qemu_domain_is_shown_byte_for_byte_as_libvirt_keeps_it() {
    // What our own generator would never write, and what nobody knows.
    let foreign = "<domain type='qemu' xmlns:x='http://example.org/x'><name>foreign</name>\
        <title>Aé &lt;b&gt; &amp; c</title>\
        <metadata><x:note x:at='1'>  kept\n  as is  </x:note></metadata>\
        <memory unit='KiB'>65536</memory><vcpu placement='static' current='1'>3</vcpu>\
        <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/></os>\
        <on_poweroff>restart</on_poweroff><devices>\
        <disk type='network' device='disk'><driver name='qemu' type='raw'/>\
        <source protocol='nbd' name='x'><host name='192.0.2.1' port='10809'/></source>\
        <target dev='vdz' bus='virtio'/><serial>A_B 1</serial></disk>\
        <sound model='ich6'/><hub type='usb'/></devices></domain>";
    let lab = crate::rig::lab("foreign");
    let file = lab.lib_dir().join("foreign.xml");
    std::fs::write(&file, foreign).unwrap();
    virsh(&lab, &["define", &file.display().to_string()]);
    let before = virsh(&lab, &["dumpxml", "foreign"]);
    let home = Home::new();
    let _server = home.serve(&[("lab", lab.uri())]);
    home.api().until_state("foreign", "stopped");
    assert_eq!(home.done(&["vm", "xml", "foreign"]), before);
    assert_eq!(virsh(&lab, &["dumpxml", "foreign"]), before);
    // What is seen of it is true: the disk that we could not have made, too.
    let shown = home.json(&["vm", "show", "foreign"]);
    assert_eq!(shown["managed"], Value::Bool(false));
    assert_eq!(
        shown["observed"]["machine"]["value"].as_str().map(|m| m.contains("i440fx")),
        Some(true)
    );
    assert_eq!(shown["observed"]["disks"]["value"][0]["target"], "vdz");
    assert_eq!(shown["observed"]["cpu_max"]["value"], 3);
}
