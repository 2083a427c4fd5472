//! What a VM is, read back into the words of its specification.

use hostler_core::clock::Timestamp;
use hostler_core::id::VmId;
use hostler_core::vm::change::differences;
use hostler_libvirt_rpc::Uuid;

use super::*;

fn document(inner: &str) -> Document {
    let devices = "<devices><rng model='virtio'/><memballoon model='virtio'/>\
        <serial type='pty'/><channel><target name='org.qemu.guest_agent.0'/></channel></devices>";
    let xml = format!("<domain><name>n</name>{inner}{devices}</domain>");
    Document::read(xml).unwrap()
}

fn now(live: Option<&str>, next: &str) -> Now {
    let power = if live.is_some() { PowerState::Running } else { PowerState::Stopped };
    Now {
        domain: Reference::by_uuid(Uuid([1; 16])),
        state: State { power, reason: "booted" },
        live: live.map(document),
        next: document(next),
    }
}

fn paths(now: &Now, before: &VmSpec, wanted: &VmSpec) -> Vec<String> {
    let at = VmRef { external_ref: "x".into(), name: "n".into() };
    let request = ChangeVm {
        vm: VmId::new(Timestamp::from_millis(1), [7; 10]),
        at: &at,
        before,
        spec: wanted,
        disks: &[],
        seed: None,
        take_over: &[],
        from_gitops: false,
    };
    let is = as_seen(&request, now);
    differences(&is, wanted).into_iter().map(|field| field.path).collect()
}

const SMALL: &str = "<memory>65536</memory><vcpu current='1'>2</vcpu>";

#[test]
fn c20_what_others_changed_is_told_and_what_is_as_asked_is_not() {
    let mut before = VmSpec::new("n", 64 << 20);
    before.cpu.max_count = Some(2);
    assert_eq!(paths(&now(None, SMALL), &before, &before), [""; 0]);
    let theirs = "<description>x</description><memory>131072</memory><vcpu>4</vcpu>";
    let told = paths(&now(None, theirs), &before, &before);
    assert_eq!(told, ["/cpu/count", "/cpu/max_count", "/description", "/memory/bytes"]);
    let plain = VmSpec::new("n", 64 << 20);
    assert_eq!(paths(&now(None, "<memory>65536</memory><vcpu>1</vcpu>"), &plain, &plain), [""; 0]);
}

#[test]
fn c20_processors_that_are_defined_and_did_not_come_to_the_guest_are_missing() {
    let mut wanted = VmSpec::new("n", 64 << 20);
    wanted.cpu.max_count = Some(2);
    let mut before = wanted.clone();
    wanted.cpu.count = 2;
    let defined = "<memory>65536</memory><vcpu>2</vcpu>";
    assert_eq!(paths(&now(Some(SMALL), defined), &before, &wanted), ["/cpu/count"]);
    // Those that a running guest cannot have are defined, and that is all.
    let fixed = "<memory>65536</memory><vcpu>1</vcpu>";
    before.cpu.count = 2;
    assert_eq!(paths(&now(Some(fixed), defined), &before, &wanted), [""; 0]);
}

#[test]
fn c20_versions_of_a_machine_are_told_from_other_machines() {
    assert_eq!(family("q35"), family("pc-q35-7.2"));
    assert_eq!(family("pc"), family("pc-i440fx-6.0"));
    assert_ne!(family("pc"), family("q35"));
    assert_eq!(family("virt"), family("virt-7.2"));
}
