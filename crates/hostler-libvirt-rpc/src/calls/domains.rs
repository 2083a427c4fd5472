//! Domains: finding, defining, starting, stopping.

use super::{NEED_RESULTS, calls};
use crate::types::{Domain, DomainControlInfo, DomainInfo, DomainState, DomainStats, Uuid};

calls! {
    /// Domains by [`list_domains`](crate::flags::list_domains) flags; all for 0.
    fn list_all_domains(flags: u32) -> [Domain] = CONNECT_LIST_ALL_DOMAINS(NEED_RESULTS, flags);
    /// Finds a domain; `NO_DOMAIN` if there is none.
    fn domain_lookup_by_name(name: &str) -> Domain = DOMAIN_LOOKUP_BY_NAME(name);
    /// Finds a domain; `NO_DOMAIN` if there is none.
    fn domain_lookup_by_uuid(uuid: Uuid) -> Domain = DOMAIN_LOOKUP_BY_UUID(uuid);
    /// Finds an active domain; `NO_DOMAIN` if there is none.
    fn domain_lookup_by_id(id: i32) -> Domain = DOMAIN_LOOKUP_BY_ID(id);
    /// A domain's description, by [`domain_xml`](crate::flags::domain_xml) flags.
    fn domain_xml(domain: &Domain, flags: u32) -> String = DOMAIN_GET_XML_DESC(domain, flags);
    /// A domain's state and the reason for it.
    fn domain_state(domain: &Domain) -> DomainState = DOMAIN_GET_STATE(domain, 0u32);
    /// Whether the daemon can reach a domain's hypervisor now. Asks the daemon alone, so that it is
    /// answered while the hypervisor hangs.
    fn domain_control_info(domain: &Domain, flags: u32) -> DomainControlInfo
        = DOMAIN_GET_CONTROL_INFO(domain, flags);
    /// A domain's size and use. May wait for its hypervisor.
    fn domain_info(domain: &Domain) -> DomainInfo = DOMAIN_GET_INFO(domain);
    /// Whether it runs.
    fn domain_is_active(domain: &Domain) -> bool = DOMAIN_IS_ACTIVE(domain);
    /// Whether it stays defined when it stops.
    fn domain_is_persistent(domain: &Domain) -> bool = DOMAIN_IS_PERSISTENT(domain);
    /// Whether it was changed since it started.
    fn domain_is_updated(domain: &Domain) -> bool = DOMAIN_IS_UPDATED(domain);
    /// Its OS type, such as `hvm`.
    fn domain_os_type(domain: &Domain) -> String = DOMAIN_GET_OS_TYPE(domain);
    /// Defines a domain, or changes one that has the same name and UUID.
    fn domain_define_xml(xml: &str, flags: u32) -> Domain = DOMAIN_DEFINE_XML_FLAGS(xml, flags);
    /// Starts a transient domain, gone when it stops.
    fn domain_create_xml(xml: &str, flags: u32) -> Domain = DOMAIN_CREATE_XML(xml, flags);
    /// Starts a defined domain; the reply has its id.
    fn domain_create(domain: &Domain, flags: u32) -> Domain
        = DOMAIN_CREATE_WITH_FLAGS(domain, flags);
    /// Asks the guest to shut down; it may ignore that.
    fn domain_shutdown(domain: &Domain, flags: u32) -> () = DOMAIN_SHUTDOWN_FLAGS(domain, flags);
    /// Stops a domain by force.
    fn domain_destroy(domain: &Domain, flags: u32) -> () = DOMAIN_DESTROY_FLAGS(domain, flags);
    /// Asks the guest to reboot; it may ignore that.
    fn domain_reboot(domain: &Domain, flags: u32) -> () = DOMAIN_REBOOT(domain, flags);
    /// Resets a domain by force.
    fn domain_reset(domain: &Domain, flags: u32) -> () = DOMAIN_RESET(domain, flags);
    /// Stops the vCPUs.
    fn domain_suspend(domain: &Domain) -> () = DOMAIN_SUSPEND(domain);
    /// Starts the vCPUs again.
    fn domain_resume(domain: &Domain) -> () = DOMAIN_RESUME(domain);
    /// Asks the guest to suspend itself: to memory 0, disk 1, both 2. Needs the agent.
    fn domain_pm_suspend(domain: &Domain, target: u32, flags: u32) -> ()
        = DOMAIN_PM_SUSPEND_FOR_DURATION(domain, target, 0u64, flags);
    /// Wakes a guest that has suspended itself.
    fn domain_pm_wakeup(domain: &Domain, flags: u32) -> () = DOMAIN_PM_WAKEUP(domain, flags);
    /// Sends a non-maskable interrupt.
    fn domain_inject_nmi(domain: &Domain, flags: u32) -> () = DOMAIN_INJECT_NMI(domain, flags);
    /// Saves a domain where the daemon keeps such files, and stops it. Takes long.
    fn domain_managed_save(domain: &Domain, flags: u32) -> () = DOMAIN_MANAGED_SAVE(domain, flags);
    /// Whether it was saved so.
    fn domain_has_managed_save(domain: &Domain, flags: u32) -> bool
        = DOMAIN_HAS_MANAGED_SAVE_IMAGE(domain, flags);
    /// Throws the saved state away.
    fn domain_managed_save_remove(domain: &Domain, flags: u32) -> ()
        = DOMAIN_MANAGED_SAVE_REMOVE(domain, flags);
    /// Saves a domain to a file of the host, and stops it. Takes long.
    fn domain_save(domain: &Domain, path: &str, xml: Option<&str>, flags: u32) -> ()
        = DOMAIN_SAVE_FLAGS(domain, path, xml, flags);
    /// Starts a domain from such a file.
    fn domain_restore(path: &str, xml: Option<&str>, flags: u32) -> ()
        = DOMAIN_RESTORE_FLAGS(path, xml, flags);
    /// Removes a domain's definition, and what [`undefine`](crate::flags::undefine) flags name.
    fn domain_undefine(domain: &Domain, flags: u32) -> () = DOMAIN_UNDEFINE_FLAGS(domain, flags);
    /// Whether it starts with the daemon.
    fn domain_autostart(domain: &Domain) -> bool = DOMAIN_GET_AUTOSTART(domain);
    /// Lets it start with the daemon, or not.
    fn domain_set_autostart(domain: &Domain, autostart: bool) -> ()
        = DOMAIN_SET_AUTOSTART(domain, autostart);
    /// A part of its metadata; `NO_DOMAIN_METADATA` if there is none.
    fn domain_metadata(domain: &Domain, kind: i32, uri: Option<&str>, flags: u32) -> String
        = DOMAIN_GET_METADATA(domain, kind, uri, flags);
    /// Sets a part of its metadata; `None` removes it.
    fn domain_set_metadata(
        domain: &Domain, kind: i32, metadata: Option<&str>, key: Option<&str>, uri: Option<&str>,
        flags: u32,
    ) -> () = DOMAIN_SET_METADATA(domain, kind, metadata, key, uri, flags);
    /// Groups of statistics ([`stats`](crate::flags::stats)) of the given domains, or of all for
    /// an empty list. The daemon asks one domain after another, without a limit on how long each
    /// may take: give few at a time, and a deadline.
    fn all_domain_stats(domains: &[Domain], stats: u32, flags: u32) -> Vec<DomainStats>
        = CONNECT_GET_ALL_DOMAIN_STATS(domains, stats, flags);
}

impl crate::connection::Connection {
    /// Gives an inactive domain another name.
    pub async fn domain_rename(
        &self,
        domain: &Domain,
        new_name: &str,
        flags: u32,
    ) -> crate::error::Result<()> {
        let arguments = (domain, Some(new_name), flags);
        // The return code is always 0: failures come as errors.
        let _code: i32 = self.call(crate::procedure::DOMAIN_RENAME, &arguments).await?;
        Ok(())
    }
}
