//! Interfaces, their addresses, and which address is the primary one.

use hostler_core::Quality;
use hostler_kubevirt::mapper::MappedVm;
use serde_json::{Value, json};

use crate::support::{both, off};

/// A VM with these interfaces in its status and these networks.
fn with(networks: Value, statuses: Value) -> MappedVm {
    both(
        json!({}),
        json!({ "spec": { "networks": networks }, "status": { "interfaces": statuses } }),
    )
}

fn primary(mapped: &MappedVm) -> Option<String> {
    let primary = mapped.primary_address.value()?;
    assert_eq!(mapped.vm.primary_address.as_ref(), Some(&primary.address));
    let nic = primary.nic.clone().unwrap_or_else(|| "-".into());
    Some(format!("{} on {nic} by {}", primary.address.address, primary.address.source))
}

fn interface(name: &str, addresses: &[&str]) -> Value {
    json!({ "name": name, "ipAddress": addresses.first(), "ipAddresses": addresses,
        "infoSource": "domain, guest-agent" })
}

fn pod_and_multus() -> Value {
    json!([{ "name": "default", "pod": {} },
           { "name": "backnet", "multus": { "networkName": "shop/backnet" } }])
}

#[test]
fn x23_the_pod_network_is_primary_wherever_it_stands() {
    let spec = json!({ "networks": pod_and_multus(), "domain": { "devices": { "interfaces": [
        { "name": "backnet", "bridge": {} }, { "name": "default", "masquerade": {} }] } } });
    let status = json!({ "interfaces": [
        interface("backnet", &["192.168.7.5"]), interface("default", &["10.244.0.104"])] });
    let mapped = both(json!({}), json!({ "spec": spec, "status": status }));
    assert_eq!(mapped.nics[0].name.as_deref(), Some("backnet"));
    assert_eq!(primary(&mapped).as_deref(), Some("10.244.0.104 on default by pod_network"));
    assert!(mapped.primary_address.value().unwrap().is_on_default_network);
}

#[test]
fn x23_a_network_in_the_pod_networks_stead_counts_as_it() {
    let networks = json!([{ "name": "default", "multus": { "networkName": "a" } },
                          { "name": "backnet", "multus": { "networkName": "b", "default": true } }]);
    let statuses =
        json!([interface("default", &["10.0.0.1"]), interface("backnet", &["192.168.7.5"])]);
    let mapped = with(networks, statuses);
    assert_eq!(primary(&mapped).as_deref(), Some("192.168.7.5 on backnet by guest_agent"));
}

#[test]
fn x23_else_the_first_routable_address_is_primary() {
    let mapped = with(
        pod_and_multus(),
        json!([
            interface("default", &["169.254.1.1", "fe80::1", "127.0.0.1"]),
            interface("backnet", &["fe80::2", "2001:db8::7", "192.168.7.5"])
        ]),
    );
    assert_eq!(primary(&mapped).as_deref(), Some("2001:db8::7 on backnet by guest_agent"));
    assert!(!mapped.primary_address.value().unwrap().is_on_default_network);
}

#[test]
fn x23_without_a_routable_address_there_is_no_primary_one() {
    for addresses in [
        &["169.254.0.9"][..],
        &["0.0.0.0"],
        &["224.0.0.1"],
        &["255.255.255.255"],
        &["::1"],
        &["::"],
        &["ff02::1"],
        &["10.244.0"],
        &[""],
        &[],
    ] {
        let mapped = with(pod_and_multus(), json!([interface("default", addresses)]));
        assert_eq!(primary(&mapped), None, "{addresses:?}");
        assert_eq!(
            mapped.primary_address.reason(),
            Some("no interface has a routable address yet")
        );
    }
    assert!(off(json!({})).primary_address.reason().unwrap().starts_with("it is off"));
}

#[test]
fn x17_what_has_ended_has_no_addresses_though_its_status_still_names_them() {
    for phase in ["Succeeded", "Failed"] {
        let mapped = both(json!({}), json!({ "status": { "phase": phase } }));
        assert!(mapped.vm.nics.value().unwrap().iter().all(|nic| nic.addresses.is_empty()));
        assert!(mapped.primary_address.reason().unwrap().starts_with("it is off"));
        assert!(mapped.vm.hypervisor.reason().unwrap().starts_with("it is off"));
    }
}

#[test]
fn x23_all_addresses_are_told_once_the_named_one_first() {
    let status = json!([{ "name": "default", "ipAddress": "10.0.0.2",
        "ipAddresses": ["10.0.0.1", "10.0.0.2", "nonsense", 5, "fd00::1"] }]);
    let mapped = with(pod_and_multus(), status);
    let nics = mapped.vm.nics.value().unwrap();
    let told: Vec<String> = nics[0].addresses.iter().map(|a| a.address.to_string()).collect();
    assert_eq!(told, ["10.0.0.2", "10.0.0.1", "fd00::1"]);
}

#[test]
fn a43_what_the_guest_may_have_said_is_not_told_as_the_clusters_word() {
    let said = |binding: Value, sources: Value| {
        let spec = json!({ "domain": { "devices": { "interfaces": [binding] } } });
        let status = json!({ "interfaces": [
            { "name": "default", "ipAddress": "10.0.0.2", "infoSource": sources }] });
        let mapped = both(json!({}), json!({ "spec": spec, "status": status }));
        mapped.vm.nics.value().unwrap()[0].addresses[0].source
    };
    let bridge = || json!({ "name": "default", "bridge": {} });
    let masquerade = || json!({ "name": "default", "masquerade": {} });
    assert_eq!(said(bridge(), json!("domain, guest-agent")), "guest_agent");
    assert_eq!(said(bridge(), json!("domain, multus-status")), "multus_status");
    assert_eq!(said(bridge(), json!("domain")), "pod_network");
    assert_eq!(said(bridge(), json!(null)), "pod_network");
    // The guest knows only its side of a translation; the cluster tells the pod's.
    assert_eq!(said(masquerade(), json!("domain, guest-agent")), "pod_network");
}

#[test]
fn x23_every_interface_is_told_with_name_hardware_address_and_source() {
    let mapped = both(json!({}), json!({}));
    let names: Vec<Option<&str>> = mapped.nics.iter().map(|nic| nic.name.as_deref()).collect();
    assert_eq!(names, [Some("default"), Some("backnet"), None]);
    let nics = mapped.vm.nics.value().unwrap();
    assert_eq!(nics.len(), mapped.nics.len());
    assert_eq!(nics[0].mac.as_deref(), Some("02:42:ac:00:00:01"));
    assert_eq!(nics[2].kind, "guest");
    assert_eq!(nics[2].addresses[0].source, "guest_agent");
}

#[test]
fn an_interface_without_a_name_is_found_by_its_hardware_address() {
    let mapped =
        with(pod_and_multus(), json!([{ "mac": "02:42:ac:00:00:01", "ipAddress": "10.0.0.2" }]));
    let nics = mapped.vm.nics.value().unwrap();
    assert_eq!(nics.len(), 2);
    assert_eq!(nics[0].addresses.len(), 1);
    assert_eq!(mapped.nics[0].name.as_deref(), Some("default"));
}

#[test]
fn every_binding_has_its_word() {
    let kinds = |fields: Value| {
        let mut nic = json!({ "name": "default" });
        crate::support::merge(&mut nic, fields);
        let spec = json!({ "domain": { "devices": { "interfaces": [nic] } } });
        both(json!({}), json!({ "spec": spec })).vm.nics.value().unwrap()[0].kind.clone()
    };
    for word in ["masquerade", "bridge", "sriov", "macvtap", "passt", "slirp"] {
        let mut fields = json!({});
        fields[word] = json!({});
        assert_eq!(kinds(fields), word);
    }
    assert_eq!(kinds(json!({ "passtBinding": {} })), "passt");
    assert_eq!(kinds(json!({ "binding": { "name": "l2bridge" } })), "plugin");
    assert_eq!(kinds(json!({ "quantum": {} })), "unknown");
}

#[test]
fn interfaces_that_cannot_be_read_are_counted() {
    let mapped = with(json!([7]), json!([interface("default", &["10.0.0.1"]), "x"]));
    assert_eq!(mapped.vm.nics.quality(), Quality::Partial);
    assert_eq!(mapped.vm.nics.reason(), Some("2 of its interfaces or networks could not be read"));
    let source = mapped.vm.nics.value().unwrap()[0].source.clone();
    assert_eq!(source, None, "its network was not read");
    let strange = json!([{ "name": "default", "resourceClaim": { "claimName": "c" } }]);
    let source = with(strange, json!([])).vm.nics.value().unwrap()[0].source.clone();
    assert_eq!(source, None, "a kind that is not known");
}
