//! Network interfaces of a VM with all their addresses, each with who said so,
//! and which address is the primary one (X23).

use std::net::IpAddr;

use hostler_core::Fact;
use hostler_core::vm::observed::{ObservedAddress, ObservedNic};

use super::resources::View;
use super::source::VMI_STATUS;
use crate::objects::domain::{Interface, Network};
use crate::objects::{InterfaceStatus, VirtualMachineInstance};

/// What the cluster tells of an interface beyond [`ObservedNic`], in the same
/// order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappedNic {
    /// Its name within the VM; `None` for one that only the guest knows.
    pub name: Option<String>,
    /// Whether it is on the pod network, or on the one that stands for it.
    pub is_on_default_network: bool,
}

/// The address under which a VM is to be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrimaryAddress {
    /// The interface's name within the VM, if it has one.
    pub nic: Option<String>,
    /// The address, with who said so.
    pub address: ObservedAddress,
    /// Whether it is on the default pod network, rather than the first one found.
    pub is_on_default_network: bool,
}

/// Interfaces as both structs, in the same order.
pub(super) struct Nics {
    pub(super) observed: Fact<Vec<ObservedNic>>,
    pub(super) mapped: Vec<MappedNic>,
}

/// All interfaces: those of the spec with what the status adds, then those
/// that only the status knows.
pub(super) fn nics(view: &View<'_>) -> Nics {
    let devices = view.domain().and_then(|domain| domain.devices.as_ref());
    // One that has ended has no addresses any more, whatever is left in its status.
    let statuses = view.vmi.filter(|vmi| !vmi.is_over()).map(|vmi| &vmi.status.interfaces);
    let (Some(spec), Some(devices)) = (view.spec, devices) else {
        let observed = Fact::unavailable(view.source(), "its devices are not told");
        return Nics { observed, mapped: Vec::new() };
    };
    let (mut observed, mut mapped, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for interface in devices.interfaces.iter() {
        let found = statuses.and_then(|all| {
            let position = all.iter().position(|status| is_same(interface, status))?;
            used.push(position);
            all.get(position)
        });
        let network = spec.networks.iter().find(|network| {
            network.name.text().is_some() && network.name.text() == interface.name.text()
        });
        observed.push(observe(Some(interface), network, found));
        mapped.push(map(interface.name.owned(), network));
    }
    let others = statuses.into_iter().flat_map(|all| all.iter().enumerate());
    for (_, status) in others.filter(|(position, _)| !used.contains(position)) {
        observed.push(observe(None, None, Some(status)));
        mapped.push(map(status.name.owned(), None));
    }
    let unread = devices.interfaces.unreadable()
        + spec.networks.unreadable()
        + statuses.map_or(0, |all| all.unreadable());
    let observed = if unread == 0 {
        Fact::seen(observed, view.source(), view.at)
    } else {
        let reason = format!("{unread} of its interfaces or networks could not be read");
        Fact::partial(observed, view.source(), view.at, reason)
    };
    Nics { observed, mapped }
}

/// By name, and by address of the hardware where one of them has no name.
fn is_same(interface: &Interface, status: &InterfaceStatus) -> bool {
    match (interface.name.text(), status.name.text()) {
        (Some(one), Some(other)) => one == other,
        _ => match (interface.mac_address.text(), status.mac.text()) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _ => false,
        },
    }
}

fn observe(
    interface: Option<&Interface>,
    network: Option<&Network>,
    status: Option<&InterfaceStatus>,
) -> ObservedNic {
    let mac = status.and_then(|status| status.mac.text());
    let mac = mac.or_else(|| interface?.mac_address.text()).map(str::to_ascii_lowercase);
    let kind = interface.map_or("guest", binding);
    ObservedNic {
        mac,
        kind: kind.to_owned(),
        source: network.and_then(connected_to),
        model: interface.and_then(|interface| interface.model.owned()),
        host_device: None,
        addresses: status.map(|status| addresses(kind, status)).unwrap_or_default(),
    }
}

fn map(name: Option<String>, network: Option<&Network>) -> MappedNic {
    MappedNic { name, is_on_default_network: network.is_some_and(is_default) }
}

fn info_sources(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// How it is connected, in KubeVirt's words.
fn binding(interface: &Interface) -> &'static str {
    let kinds = [
        ("masquerade", interface.masquerade.is_some()),
        ("bridge", interface.bridge.is_some()),
        ("sriov", interface.sriov.is_some()),
        ("macvtap", interface.macvtap.is_some()),
        ("passt", interface.passt.is_some() || interface.passt_binding.is_some()),
        ("slirp", interface.slirp.is_some()),
        ("plugin", interface.binding.is_some()),
    ];
    kinds.iter().find(|(_, is_it)| *is_it).map_or("unknown", |(kind, _)| kind)
}

fn connected_to(network: &Network) -> Option<String> {
    match (network.pod.is_some(), network.multus.as_ref()) {
        (true, _) => Some(super::POD_NETWORK.to_owned()),
        (false, Some(multus)) => multus.network_name.owned(),
        (false, None) => None,
    }
}

/// The pod network, or the network that a pod has in its stead.
fn is_default(network: &Network) -> bool {
    network.pod.is_some() || network.multus.as_ref().is_some_and(|m| m.default.is_true())
}

/// All addresses, the one that KubeVirt names first coming first. What is no
/// address is left out.
fn addresses(kind: &str, status: &InterfaceStatus) -> Vec<ObservedAddress> {
    let source = said_by(kind, status.info_source.text().unwrap_or_default());
    let texts = status.ip_address.text().into_iter();
    let texts = texts.chain(status.ip_addresses.iter().map(String::as_str));
    let mut found: Vec<ObservedAddress> = Vec::new();
    for address in texts.filter_map(|text| text.trim().parse::<IpAddr>().ok()) {
        if found.iter().all(|known| known.address != address) {
            found.push(ObservedAddress { address, source });
        }
    }
    found
}

/// Who said the addresses of an interface. The status tells for the interface
/// as a whole, so that the least trusted of those it names is taken: what the
/// guest may have said is not told as the cluster's word (A43).
fn said_by(kind: &str, text: &str) -> &'static str {
    // Behind a translation the guest knows only its inner address; the one
    // told here is the pod's.
    if matches!(kind, "masquerade" | "slirp" | "passt") {
        return "pod_network";
    }
    let told_by = |wanted| info_sources(text).any(|word| word == wanted);
    if told_by("guest-agent") || kind == "guest" {
        "guest_agent"
    } else if told_by("multus-status") {
        "multus_status"
    } else {
        "pod_network"
    }
}

/// The primary address: the default pod network's first, else the first
/// routable one of any interface (X23).
pub(super) fn primary(view: &View<'_>, nics: &Nics) -> Fact<PrimaryAddress> {
    if view.vmi.is_none_or(VirtualMachineInstance::is_over) {
        return Fact::unavailable(VMI_STATUS, "it is off, and has addresses only while it runs");
    }
    let Some(observed) = nics.observed.value() else {
        return Fact::unavailable(VMI_STATUS, "its interfaces are not told");
    };
    let of = |wanted: Option<bool>| {
        let all = observed.iter().zip(&nics.mapped);
        let mut there = all.filter(|(_, m)| wanted.is_none_or(|w| m.is_on_default_network == w));
        there.find_map(|(nic, mapped)| {
            let address = nic.addresses.iter().find(|a| is_routable(a.address))?;
            Some(PrimaryAddress {
                nic: mapped.name.clone(),
                address: address.clone(),
                is_on_default_network: mapped.is_on_default_network,
            })
        })
    };
    match of(Some(true)).or_else(|| of(None)) {
        Some(primary) => Fact::seen(primary, VMI_STATUS, view.at),
        None => Fact::unavailable(VMI_STATUS, "no interface has a routable address yet"),
    }
}

/// Whether others can reach it under this address at all.
fn is_routable(address: IpAddr) -> bool {
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
        return false;
    }
    match address {
        IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    }
}
