//! The host and the daemon itself.

use super::{NEED_RESULTS, calls};
use crate::connection::Connection;
use crate::error::Result;
use crate::procedure::{NODE_GET_CPU_STATS, NODE_GET_MEMORY_STATS};
use crate::types::{NamedStat, NodeDevice, NodeInfo};

calls! {
    /// Name of the driver, such as `QEMU` or `Test`.
    fn hypervisor_type() -> String = CONNECT_GET_TYPE();
    /// Version of the hypervisor: 1,000,000 × major + 1,000 × minor + release.
    fn hypervisor_version() -> u64 = CONNECT_GET_VERSION();
    /// Version of the daemon's libvirt, numbered like [`Connection::hypervisor_version`].
    fn library_version() -> u64 = CONNECT_GET_LIB_VERSION();
    /// The host's name.
    fn hostname() -> String = CONNECT_GET_HOSTNAME();
    /// The URI as the daemon sees it.
    fn uri() -> String = CONNECT_GET_URI();
    /// What host and driver can do, as XML.
    fn capabilities() -> String = CONNECT_GET_CAPABILITIES();
    /// What domains of an emulator, architecture, machine and virtualisation type can be, as XML.
    /// `None` lets the driver choose.
    fn domain_capabilities(
        emulator: Option<&str>, architecture: Option<&str>, machine: Option<&str>,
        virt_type: Option<&str>, flags: u32,
    ) -> String
        = CONNECT_GET_DOMAIN_CAPABILITIES(emulator, architecture, machine, virt_type, flags);
    /// Which kinds of storage pools there can be, as XML.
    fn storage_pool_capabilities(flags: u32) -> String
        = CONNECT_GET_STORAGE_POOL_CAPABILITIES(flags);
    /// The host's SMBIOS tables, as XML.
    fn sysinfo(flags: u32) -> String = CONNECT_GET_SYSINFO(flags);
    /// Most vCPUs a domain of this type can have.
    fn max_vcpus(virt_type: Option<&str>) -> i32 = CONNECT_GET_MAX_VCPUS(virt_type);
    /// Names of the CPU models known for an architecture.
    fn cpu_model_names(architecture: &str, flags: u32) -> [String]
        = CONNECT_GET_CPU_MODEL_NAMES(architecture, NEED_RESULTS, flags);
    /// Whether driver and daemon have a feature, by libvirt's internal number.
    fn supports_feature(feature: i32) -> bool = CONNECT_SUPPORTS_FEATURE(feature);
    /// Whether nobody can listen in: a local socket or an encrypted connection.
    fn is_secure() -> bool = CONNECT_IS_SECURE();
    /// The host's processors and memory.
    fn node_info() -> NodeInfo = NODE_GET_INFO();
    /// Free memory of the host, in bytes.
    fn node_free_memory() -> u64 = NODE_GET_FREE_MEMORY();
    /// Free memory of NUMA cells, in bytes, from the `first` on.
    fn node_cells_free_memory(first: i32, max: i32) -> Vec<u64>
        = NODE_GET_CELLS_FREE_MEMORY(first, max);
    /// Free pages of the given sizes (in KiB), for one NUMA cell after the other from `first_cell`
    /// on: all sizes of a cell, then those of the next one.
    fn node_free_pages(page_sizes_kib: &[u32], first_cell: i32, cell_count: u32, flags: u32)
        -> Vec<u64> = NODE_GET_FREE_PAGES(page_sizes_kib, first_cell, cell_count, flags);
    /// Devices of the host; `flags` choose by capability.
    fn list_all_node_devices(flags: u32) -> [NodeDevice]
        = CONNECT_LIST_ALL_NODE_DEVICES(NEED_RESULTS, flags);
    /// Finds a device of the host.
    fn node_device_lookup_by_name(name: &str) -> NodeDevice = NODE_DEVICE_LOOKUP_BY_NAME(name);
    /// A host device's description, as XML.
    fn node_device_xml(name: &str, flags: u32) -> String = NODE_DEVICE_GET_XML_DESC(name, flags);
}

impl Connection {
    /// CPU times of the host in nanoseconds: of one CPU, or of all for -1. Two round trips, since
    /// the daemon wants to be told how many values it will give.
    pub async fn node_cpu_stats(&self, cpu: i32) -> Result<Vec<NamedStat>> {
        let (_, count): (Vec<NamedStat>, i32) =
            self.call(NODE_GET_CPU_STATS, &(cpu, 0, 0u32)).await?;
        let (stats, _): (_, i32) = self.call(NODE_GET_CPU_STATS, &(cpu, count, 0u32)).await?;
        Ok(stats)
    }

    /// Memory of the host in KiB: of one NUMA cell, or of all for -1. Two round trips, as
    /// [`Connection::node_cpu_stats`].
    pub async fn node_memory_stats(&self, cell: i32) -> Result<Vec<NamedStat>> {
        let (_, count): (Vec<NamedStat>, i32) =
            self.call(NODE_GET_MEMORY_STATS, &(0, cell, 0u32)).await?;
        let (stats, _): (_, i32) = self.call(NODE_GET_MEMORY_STATS, &(count, cell, 0u32)).await?;
        Ok(stats)
    }
}
