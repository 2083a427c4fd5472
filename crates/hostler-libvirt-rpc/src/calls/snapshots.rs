//! Snapshots of a domain.

use super::{NEED_RESULTS, calls};
use crate::types::{Domain, DomainSnapshot};

calls! {
    /// Makes a snapshot, by [`snapshot_create`](crate::flags::snapshot_create) flags.
    fn domain_snapshot_create(domain: &Domain, xml: &str, flags: u32) -> DomainSnapshot
        = DOMAIN_SNAPSHOT_CREATE_XML(domain, xml, flags);
    /// The domain's snapshots, by [`snapshot_list`](crate::flags::snapshot_list) flags.
    fn domain_snapshots(domain: &Domain, flags: u32) -> [DomainSnapshot]
        = DOMAIN_LIST_ALL_SNAPSHOTS(domain, NEED_RESULTS, flags);
    /// Finds a snapshot; `NO_DOMAIN_SNAPSHOT` if there is none.
    fn domain_snapshot_lookup(domain: &Domain, name: &str, flags: u32) -> DomainSnapshot
        = DOMAIN_SNAPSHOT_LOOKUP_BY_NAME(domain, name, flags);
    /// A snapshot's description.
    fn domain_snapshot_xml(snapshot: &DomainSnapshot, flags: u32) -> String
        = DOMAIN_SNAPSHOT_GET_XML_DESC(snapshot, flags);
    /// The snapshot it was made on; `NO_DOMAIN_SNAPSHOT` for a first one.
    fn domain_snapshot_parent(snapshot: &DomainSnapshot, flags: u32) -> DomainSnapshot
        = DOMAIN_SNAPSHOT_GET_PARENT(snapshot, flags);
    /// Sets the domain back to a snapshot.
    fn domain_snapshot_revert(snapshot: &DomainSnapshot, flags: u32) -> ()
        = DOMAIN_REVERT_TO_SNAPSHOT(snapshot, flags);
    /// Deletes a snapshot, by [`snapshot_delete`](crate::flags::snapshot_delete) flags.
    fn domain_snapshot_delete(snapshot: &DomainSnapshot, flags: u32) -> ()
        = DOMAIN_SNAPSHOT_DELETE(snapshot, flags);
    /// Whether the domain stands on a snapshot.
    fn domain_has_current_snapshot(domain: &Domain, flags: u32) -> bool
        = DOMAIN_HAS_CURRENT_SNAPSHOT(domain, flags);
    /// The snapshot the domain stands on.
    fn domain_snapshot_current(domain: &Domain, flags: u32) -> DomainSnapshot
        = DOMAIN_SNAPSHOT_CURRENT(domain, flags);
}
