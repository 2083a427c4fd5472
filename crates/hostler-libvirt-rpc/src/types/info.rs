//! What the daemon tells about things. Units are in the field names; times and counters are as
//! libvirt gives them.

use super::{Domain, TypedParam};
use crate::xdr::{Decode, Decoder, XdrError, wire_struct};

/// State of a domain (`virDomainState`) and the reason for it, whose meaning depends on the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DomainState {
    /// 0 none, 1 running, 2 blocked, 3 paused, 4 shutting down, 5 shut off, 6 crashed, 7 suspended
    /// by the guest.
    pub state: i32,
    /// The reason (`virDomainRunningReason` and its siblings).
    pub reason: i32,
}
wire_struct!(decode DomainState { state, reason } min 8);

/// A domain's size and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainInfo {
    /// As [`DomainState::state`].
    pub state: u8,
    /// Most memory it may have.
    pub max_memory_kib: u64,
    /// Memory it has.
    pub memory_kib: u64,
    /// Virtual CPUs it has.
    pub vcpus: u16,
    /// CPU time used since it started.
    pub cpu_time_ns: u64,
}
wire_struct!(decode DomainInfo { state, max_memory_kib, memory_kib, vcpus, cpu_time_ns } min 32);

/// An interface's counters as the guest sees them; what the host does not count is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceStats {
    /// Bytes received.
    pub rx_bytes: i64,
    /// Packets received.
    pub rx_packets: i64,
    /// Errors while receiving.
    pub rx_errors: i64,
    /// Packets dropped while receiving.
    pub rx_drops: i64,
    /// Bytes sent.
    pub tx_bytes: i64,
    /// Packets sent.
    pub tx_packets: i64,
    /// Errors while sending.
    pub tx_errors: i64,
    /// Packets dropped while sending.
    pub tx_drops: i64,
}
wire_struct!(decode InterfaceStats {
    rx_bytes, rx_packets, rx_errors, rx_drops, tx_bytes, tx_packets, tx_errors, tx_drops
} min 64);

/// Whether a domain's hypervisor can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainControlInfo {
    /// 0 it can, 1 a long job is under way, 2 it is at a command and has not answered yet, 3 it
    /// cannot.
    pub state: u32,
    /// For 3: 1 nobody knows why, 2 its monitor is broken, 3 a fault of the daemon.
    pub details: u32,
    /// For how long it has been in state 1 or 2.
    pub state_time_ms: u64,
}
wire_struct!(decode DomainControlInfo { state, details, state_time_ms } min 16);

/// The host's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// CPU model or architecture, such as `x86_64`.
    pub model: String,
    /// Memory of the host.
    pub memory_kib: u64,
    /// Active CPUs.
    pub cpus: i32,
    /// Expected CPU frequency, 0 where unknown.
    pub mhz: i32,
    /// NUMA nodes.
    pub nodes: i32,
    /// Sockets in a node.
    pub sockets: i32,
    /// Cores in a socket.
    pub cores: i32,
    /// Threads in a core.
    pub threads: i32,
}

/// The model is a fixed `char[32]`, which XDR widens to 32 words of one character each.
impl Decode for NodeInfo {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
        let mut model = Vec::with_capacity(32);
        for _ in 0..32 {
            let [.., byte] = i32::decode(decoder)?.to_be_bytes();
            model.push(byte);
        }
        model.truncate(model.iter().position(|byte| *byte == 0).unwrap_or(model.len()));
        Ok(Self {
            model: String::from_utf8_lossy(&model).into_owned(),
            memory_kib: Decode::decode(decoder)?,
            cpus: Decode::decode(decoder)?,
            mhz: Decode::decode(decoder)?,
            nodes: Decode::decode(decoder)?,
            sockets: Decode::decode(decoder)?,
            cores: Decode::decode(decoder)?,
            threads: Decode::decode(decoder)?,
        })
    }
}

/// A named counter of the host: CPU times in nanoseconds, memory in KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedStat {
    /// Its name, such as `idle` or `free`.
    pub field: String,
    /// Its value.
    pub value: u64,
}
wire_struct!(decode NamedStat { field, value } min 12);

/// Statistics of one domain.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainStats {
    /// The domain.
    pub domain: Domain,
    /// Its statistics; which there are depends on groups, driver and state.
    pub params: Vec<TypedParam>,
}
wire_struct!(decode DomainStats { domain, params } min 28);

/// Progress of a domain's job, in the fixed old form; [`JobStats`] tells more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobInfo {
    /// 0 none, 1 bounded, 2 unbounded, 3 completed, 4 failed, 5 cancelled.
    pub kind: i32,
    /// Time since it began.
    pub time_elapsed_ms: u64,
    /// Expected time to its end.
    pub time_remaining_ms: u64,
    /// Everything to transfer.
    pub data_total_bytes: u64,
    /// What is transferred.
    pub data_processed_bytes: u64,
    /// What is not.
    pub data_remaining_bytes: u64,
    /// Memory to transfer.
    pub memory_total_bytes: u64,
    /// Memory transferred.
    pub memory_processed_bytes: u64,
    /// Memory not transferred.
    pub memory_remaining_bytes: u64,
    /// Disks to transfer.
    pub file_total_bytes: u64,
    /// Disks transferred.
    pub file_processed_bytes: u64,
    /// Disks not transferred.
    pub file_remaining_bytes: u64,
}
wire_struct!(decode JobInfo {
    kind, time_elapsed_ms, time_remaining_ms, data_total_bytes, data_processed_bytes,
    data_remaining_bytes, memory_total_bytes, memory_processed_bytes, memory_remaining_bytes,
    file_total_bytes, file_processed_bytes, file_remaining_bytes,
} min 92);

/// Progress of a domain's job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStats {
    /// As [`JobInfo::kind`].
    pub kind: i32,
    /// What there is to tell, such as `memory_remaining`.
    pub params: Vec<TypedParam>,
}
wire_struct!(decode JobStats { kind, params } min 8);

/// Size of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// Highest byte in use.
    pub allocation_bytes: u64,
    /// Size the guest sees.
    pub capacity_bytes: u64,
    /// Size on the host.
    pub physical_bytes: u64,
}
wire_struct!(decode BlockInfo { allocation_bytes, capacity_bytes, physical_bytes } min 24);

/// Progress of a block job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockJobInfo {
    /// 1 pull, 2 copy, 3 commit, 4 active commit, 5 backup.
    pub kind: i32,
    /// Limit in the unit the job was started with.
    pub bandwidth: u64,
    /// How far it is.
    pub current: u64,
    /// Where it ends; equal to `current` when it is done or mirroring.
    pub end: u64,
}
wire_struct!(decode BlockJobInfo { kind, bandwidth, current, end } min 28);

/// An address of a guest's interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpAddress {
    /// 0 IPv4, 1 IPv6.
    pub kind: i32,
    /// The address as text.
    pub address: String,
    /// Length of the network prefix.
    pub prefix: u32,
}
wire_struct!(decode IpAddress { kind, address, prefix } min 12, list 2_048);

/// An interface of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainInterface {
    /// Its name: the guest's, or the host's for leases.
    pub name: String,
    /// Its MAC address.
    pub hardware_address: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddress>,
}
wire_struct!(decode DomainInterface { name, hardware_address, addresses } min 12, list 2_048);

/// A file system of a guest, as its agent tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesystemInfo {
    /// Where it is mounted.
    pub mount_point: String,
    /// The guest's name of its device.
    pub name: String,
    /// Its type, such as `ext4`.
    pub kind: String,
    /// Disks of the domain that carry it.
    pub device_aliases: Vec<String>,
}
wire_struct!(decode FilesystemInfo { mount_point, name, kind, device_aliases } min 16);

/// A disk that had an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskError {
    /// Its target, such as `vda`.
    pub disk: String,
    /// 1 unspecified, 2 no space.
    pub error: i32,
}
wire_struct!(decode DiskError { disk, error } min 8);

/// One value of a domain's balloon statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryStat {
    /// Which (`virDomainMemoryStatTags`).
    pub tag: i32,
    /// Its value: KiB or a count, by tag.
    pub value: u64,
}
wire_struct!(decode MemoryStat { tag, value } min 12);

/// State and size of a storage pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoragePoolInfo {
    /// 0 inactive, 1 building, 2 running, 3 degraded, 4 inaccessible.
    pub state: u8,
    /// Size.
    pub capacity_bytes: u64,
    /// In use.
    pub allocation_bytes: u64,
    /// Free.
    pub available_bytes: u64,
}
wire_struct!(decode StoragePoolInfo {
    state, capacity_bytes, allocation_bytes, available_bytes
} min 28);

/// Kind and size of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageVolInfo {
    /// 0 file, 1 block, 2 directory, 3 network, 4 network directory, 5 ploop.
    pub kind: i8,
    /// Size a guest sees.
    pub capacity_bytes: u64,
    /// Space it takes.
    pub allocation_bytes: u64,
}
wire_struct!(decode StorageVolInfo { kind, capacity_bytes, allocation_bytes } min 20);

/// A DHCP lease of a virtual network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhcpLease {
    /// The network's bridge.
    pub interface: String,
    /// When it ends, in seconds since 1970.
    pub expiry_time_s: i64,
    /// 0 IPv4, 1 IPv6.
    pub kind: i32,
    /// The guest's MAC address.
    pub mac: Option<String>,
    /// Identity association (IPv6).
    pub iaid: Option<String>,
    /// The address.
    pub address: String,
    /// Length of the network prefix.
    pub prefix: u32,
    /// Name the guest gave.
    pub hostname: Option<String>,
    /// Client id or DUID.
    pub client_id: Option<String>,
}
wire_struct!(decode DhcpLease {
    interface, expiry_time_s, kind, mac, iaid, address, prefix, hostname, client_id
} min 40, list 65_536);
