//! What only the guest knows: mostly through its agent, so every call may fail with
//! `AGENT_UNRESPONSIVE` and takes as long as the guest pleases.

use super::calls;
use crate::types::{Domain, DomainInterface, FilesystemInfo, TypedParam};

calls! {
    /// Addresses of the guest, from an [`interface_source`](crate::flags::interface_source).
    fn domain_interface_addresses(domain: &Domain, source: u32, flags: u32)
        -> Vec<DomainInterface> = DOMAIN_INTERFACE_ADDRESSES(domain, source, flags);
    /// What the agent tells, by [`guest_info`](crate::flags::guest_info) types; all for 0.
    fn domain_guest_info(domain: &Domain, types: u32, flags: u32) -> Vec<TypedParam>
        = DOMAIN_GET_GUEST_INFO(domain, types, flags);
    /// The guest's own name.
    fn domain_guest_hostname(domain: &Domain, flags: u32) -> String
        = DOMAIN_GET_HOSTNAME(domain, flags);
    /// Mounted file systems of the guest.
    fn domain_fs_info(domain: &Domain, flags: u32) -> [FilesystemInfo]
        = DOMAIN_GET_FSINFO(domain, flags);
    /// Stops writes to file systems (all for an empty list); tells how many.
    fn domain_fs_freeze(domain: &Domain, mount_points: &[&str], flags: u32) -> i32
        = DOMAIN_FSFREEZE(domain, mount_points, flags);
    /// Undoes [`Connection::domain_fs_freeze`](crate::Connection::domain_fs_freeze).
    fn domain_fs_thaw(domain: &Domain, mount_points: &[&str], flags: u32) -> i32
        = DOMAIN_FSTHAW(domain, mount_points, flags);
    /// Gives unused blocks back.
    fn domain_fs_trim(
        domain: &Domain, mount_point: Option<&str>, minimum_bytes: u64, flags: u32,
    ) -> () = DOMAIN_FSTRIM(domain, mount_point, minimum_bytes, flags);
    /// Sends JSON to the agent, and waits for its answer up to `timeout_s` seconds or one of
    /// [`agent_timeout`](crate::flags::agent_timeout).
    fn domain_agent_command(domain: &Domain, command: &str, timeout_s: i32, flags: u32)
        -> Option<String> = QEMU_DOMAIN_AGENT_COMMAND(domain, command, timeout_s, flags);
    /// Sends a command to QEMU's monitor. QEMU only; the daemon marks the domain as tainted.
    fn domain_monitor_command(domain: &Domain, command: &str, flags: u32) -> String
        = QEMU_DOMAIN_MONITOR_COMMAND(domain, command, flags);
}

impl crate::connection::Connection {
    /// Sets how long the daemon waits for the agent, in seconds or one of
    /// [`agent_timeout`](crate::flags::agent_timeout).
    pub async fn domain_agent_set_response_timeout(
        &self,
        domain: &Domain,
        timeout_s: i32,
        flags: u32,
    ) -> crate::error::Result<()> {
        let procedure = crate::procedure::DOMAIN_AGENT_SET_RESPONSE_TIMEOUT;
        // The return code is always 0: failures come as errors.
        let _code: i32 = self.call(procedure, &(domain, timeout_s, flags)).await?;
        Ok(())
    }

    /// The guest's clock, in seconds and nanoseconds since 1970.
    pub async fn domain_guest_time(
        &self,
        domain: &Domain,
        flags: u32,
    ) -> crate::error::Result<(i64, u32)> {
        self.call(crate::procedure::DOMAIN_GET_TIME, &(domain, flags)).await
    }

    /// Sets the guest's clock.
    pub async fn domain_set_guest_time(
        &self,
        domain: &Domain,
        seconds: i64,
        nanoseconds: u32,
        flags: u32,
    ) -> crate::error::Result<()> {
        let arguments = (domain, seconds, nanoseconds, flags);
        self.call(crate::procedure::DOMAIN_SET_TIME, &arguments).await
    }
}
