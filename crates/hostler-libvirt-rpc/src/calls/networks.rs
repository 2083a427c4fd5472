//! Virtual networks and network filters.

use super::{NEED_RESULTS, calls};
use crate::connection::Connection;
use crate::error::Result;
use crate::procedure::NETWORK_UPDATE;
use crate::types::{DhcpLease, Network, NwFilter, Uuid};

/// `VIR_DRV_FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER`.
const FEATURE_UPDATE_ORDER: i32 = 16;

impl Connection {
    /// Changes a section of a network; numbers are `virNetworkUpdateCommand` and
    /// `virNetworkUpdateSection`, -1 lets the daemon find the parent.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn network_update(
        &self,
        network: &Network,
        command: u32,
        section: u32,
        parent_index: i32,
        xml: &str,
        flags: u32,
    ) -> Result<()> {
        // Daemons before 7.2, but for some that distributions have mended, take the two numbers
        // the other way round than the protocol says. Only the daemon itself knows.
        let (first, second) = match self.supports_feature(FEATURE_UPDATE_ORDER).await? {
            true => (command, section),
            false => (section, command),
        };
        self.call(NETWORK_UPDATE, &(network, first, second, parent_index, xml, flags)).await
    }
}

calls! {
    /// Networks by [`list_networks`](crate::flags::list_networks) flags; all for 0.
    fn list_all_networks(flags: u32) -> [Network] = CONNECT_LIST_ALL_NETWORKS(NEED_RESULTS, flags);
    /// Finds a network; `NO_NETWORK` if there is none.
    fn network_lookup_by_name(name: &str) -> Network = NETWORK_LOOKUP_BY_NAME(name);
    /// Finds a network; `NO_NETWORK` if there is none.
    fn network_lookup_by_uuid(uuid: Uuid) -> Network = NETWORK_LOOKUP_BY_UUID(uuid);
    /// A network's description; flag 1 for the defined instead of the running one.
    fn network_xml(network: &Network, flags: u32) -> String = NETWORK_GET_XML_DESC(network, flags);
    /// Defines a network, or changes one that has the same name and UUID.
    fn network_define_xml(xml: &str) -> Network = NETWORK_DEFINE_XML(xml);
    /// Starts a transient network.
    fn network_create_xml(xml: &str) -> Network = NETWORK_CREATE_XML(xml);
    /// Starts a network.
    fn network_create(network: &Network) -> () = NETWORK_CREATE(network);
    /// Stops a network.
    fn network_destroy(network: &Network) -> () = NETWORK_DESTROY(network);
    /// Removes a network's definition.
    fn network_undefine(network: &Network) -> () = NETWORK_UNDEFINE(network);
    /// Whether it starts with the daemon.
    fn network_autostart(network: &Network) -> bool = NETWORK_GET_AUTOSTART(network);
    /// Lets it start with the daemon, or not.
    fn network_set_autostart(network: &Network, autostart: bool) -> ()
        = NETWORK_SET_AUTOSTART(network, autostart);
    /// Whether it runs.
    fn network_is_active(network: &Network) -> bool = NETWORK_IS_ACTIVE(network);
    /// Whether it stays defined when it stops.
    fn network_is_persistent(network: &Network) -> bool = NETWORK_IS_PERSISTENT(network);
    /// Name of its bridge.
    fn network_bridge_name(network: &Network) -> String = NETWORK_GET_BRIDGE_NAME(network);
    /// Addresses it has given out, to all or to one MAC address.
    fn network_dhcp_leases(network: &Network, mac: Option<&str>, flags: u32) -> [DhcpLease]
        = NETWORK_GET_DHCP_LEASES(network, mac, NEED_RESULTS, flags);
    /// Network filters.
    fn list_all_nwfilters(flags: u32) -> [NwFilter] = CONNECT_LIST_ALL_NWFILTERS(NEED_RESULTS, flags);
    /// Finds a network filter; `NO_NWFILTER` if there is none.
    fn nwfilter_lookup_by_name(name: &str) -> NwFilter = NWFILTER_LOOKUP_BY_NAME(name);
    /// Finds a network filter; `NO_NWFILTER` if there is none.
    fn nwfilter_lookup_by_uuid(uuid: Uuid) -> NwFilter = NWFILTER_LOOKUP_BY_UUID(uuid);
    /// A network filter's description.
    fn nwfilter_xml(filter: &NwFilter, flags: u32) -> String = NWFILTER_GET_XML_DESC(filter, flags);
    /// Defines a network filter.
    fn nwfilter_define_xml(xml: &str) -> NwFilter = NWFILTER_DEFINE_XML(xml);
    /// Removes a network filter.
    fn nwfilter_undefine(filter: &NwFilter) -> () = NWFILTER_UNDEFINE(filter);
}
