//! A domain's memory, vCPUs and devices. `flags` say whether the running domain, its definition or
//! both are changed ([`modify`](crate::flags::modify)).

use super::calls;
use crate::types::{Domain, InterfaceStats, MemoryStat};

/// More tags than any libvirt has (13 so far).
const MEMORY_STATS: u32 = 64;

calls! {
    /// Most memory it may have, in KiB.
    fn domain_max_memory(domain: &Domain) -> u64 = DOMAIN_GET_MAX_MEMORY(domain);
    /// Sets its memory, or with `MAXIMUM` the most it may have.
    fn domain_set_memory(domain: &Domain, memory_kib: u64, flags: u32) -> ()
        = DOMAIN_SET_MEMORY_FLAGS(domain, memory_kib, flags);
    /// Sets how often the balloon is asked for statistics; 0 for never.
    fn domain_set_memory_stats_period(domain: &Domain, period_s: i32, flags: u32) -> ()
        = DOMAIN_SET_MEMORY_STATS_PERIOD(domain, period_s, flags);
    /// What its balloon tells.
    fn domain_memory_stats(domain: &Domain, flags: u32) -> Vec<MemoryStat>
        = DOMAIN_MEMORY_STATS(domain, MEMORY_STATS, flags);
    /// Counters of an interface, by its device on the host.
    fn domain_interface_stats(domain: &Domain, device: &str) -> InterfaceStats
        = DOMAIN_INTERFACE_STATS(domain, device);
    /// Sets the number of its vCPUs.
    fn domain_set_vcpus(domain: &Domain, vcpus: u32, flags: u32) -> ()
        = DOMAIN_SET_VCPUS_FLAGS(domain, vcpus, flags);
    /// The number of its vCPUs.
    fn domain_vcpus(domain: &Domain, flags: u32) -> i32 = DOMAIN_GET_VCPUS_FLAGS(domain, flags);
    /// Most vCPUs it may have.
    fn domain_max_vcpus(domain: &Domain) -> i32 = DOMAIN_GET_MAX_VCPUS(domain);
    /// Adds a device.
    fn domain_attach_device(domain: &Domain, xml: &str, flags: u32) -> ()
        = DOMAIN_ATTACH_DEVICE_FLAGS(domain, xml, flags);
    /// Asks for a device to be removed. From a running domain it is gone only when the event
    /// `DeviceRemoved` says so.
    fn domain_detach_device(domain: &Domain, xml: &str, flags: u32) -> ()
        = DOMAIN_DETACH_DEVICE_FLAGS(domain, xml, flags);
    /// As [`Connection::domain_detach_device`](crate::Connection::domain_detach_device), by alias.
    fn domain_detach_device_alias(domain: &Domain, alias: &str, flags: u32) -> ()
        = DOMAIN_DETACH_DEVICE_ALIAS(domain, alias, flags);
    /// Changes a device, such as the medium of a drive.
    fn domain_update_device(domain: &Domain, xml: &str, flags: u32) -> ()
        = DOMAIN_UPDATE_DEVICE_FLAGS(domain, xml, flags);
}
