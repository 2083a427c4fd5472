//! Reads networks.

use std::net::IpAddr;

use super::parse::{BadXml, Find, parse};

/// A network's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    /// `nat`, `route`, `bridge` …; `isolated` when it forwards nothing.
    pub(crate) forward: String,
    /// The host's bridge.
    pub(crate) bridge: Option<String>,
    /// Subnets in CIDR form.
    pub(crate) subnets: Vec<String>,
}

impl Network {
    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        let document = parse(xml, "network")?;
        let root = document.root_element();
        // libvirt's own default for a <forward> without mode is NAT.
        let forward = root
            .get("forward")
            .map_or_else(|| "isolated".into(), |f| f.attr("mode").unwrap_or_else(|| "nat".into()));
        Ok(Self {
            forward,
            bridge: root.get("bridge").and_then(|b| b.attr("name")),
            subnets: root.all("ip").filter_map(subnet).collect(),
        })
    }
}

/// The subnet of an `<ip>` element; nothing when its address makes no sense.
fn subnet(ip: roxmltree::Node<'_, '_>) -> Option<String> {
    let address: IpAddr = ip.attribute("address")?.parse().ok()?;
    let prefix = match (ip.attribute("prefix"), ip.attribute("netmask")) {
        (Some(prefix), _) => prefix.parse().ok()?,
        (None, Some(mask)) => mask_length(mask.parse().ok()?)?,
        (None, None) => class_prefix(address),
    };
    let network = match address {
        IpAddr::V4(a) if prefix <= 32 => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4((u32::from(a) & mask).into())
        }
        IpAddr::V6(a) if prefix <= 128 => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6((u128::from(a) & mask).into())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    Some(format!("{network}/{prefix}"))
}

fn mask_length(mask: std::net::Ipv4Addr) -> Option<u32> {
    let bits = u32::from(mask);
    (bits.leading_ones() + bits.trailing_zeros() == 32).then_some(bits.leading_ones())
}

/// libvirt falls back to the address's historical class, and to 64 for IPv6.
const fn class_prefix(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(a) => match a.octets()[0] {
            0..=127 => 8,
            128..=191 => 16,
            192..=255 => 24,
        },
        IpAddr::V6(_) => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_are_told_in_cidr_form() {
        let xml = "<network><forward mode='nat'/><bridge name='virbr0'/>\
            <ip address='192.168.122.1' netmask='255.255.255.0'/>\
            <ip family='ipv6' address='fd00::5' prefix='64'/>\
            <ip address='10.1.2.3'/><ip address='nonsense'/><ip address='10.0.0.1' prefix='99'/>\
            <ip address='10.0.0.1' netmask='255.0.255.0'/></network>";
        let read = Network::read(xml).unwrap();
        assert_eq!(read.subnets, ["192.168.122.0/24", "fd00::/64", "10.0.0.0/8"]);
        assert_eq!((read.forward.as_str(), read.bridge.as_deref()), ("nat", Some("virbr0")));
    }

    #[test]
    fn a_network_without_forwarding_is_isolated() {
        assert_eq!(Network::read("<network/>").unwrap().forward, "isolated");
        assert_eq!(Network::read("<network><forward/></network>").unwrap().forward, "nat");
    }
}
