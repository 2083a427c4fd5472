//! The values that travel: names of things (domain, network, pool, volume ...) and what the daemon
//! tells about them. Plain data with public fields; numbers whose meaning libvirt may extend
//! (states, reasons, kinds) stay numbers, so that a newer daemon's value is never lost.

mod info;
mod typed_param;
mod uuid;

pub use info::*;
pub use typed_param::{TypedParam, TypedValue};
pub use uuid::{ParseUuidError, Uuid};

use crate::xdr::wire_struct;

/// A domain (virtual machine) as the daemon names it. It finds the domain by UUID; name and id
/// are carried along.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: Uuid,
    /// Its id while it is active, -1 while it is not.
    pub id: i32,
}
wire_struct!(Domain { name, uuid, id } min 24);

impl Domain {
    /// A domain known by its UUID alone, which is all that drivers look at.
    pub fn by_uuid(uuid: Uuid) -> Self {
        Self { name: String::new(), uuid, id: -1 }
    }

    /// Whether it was active when the daemon told of it.
    pub fn is_active(&self) -> bool {
        self.id >= 0
    }
}

/// A virtual network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: Uuid,
}
wire_struct!(Network { name, uuid } min 20);

/// A storage pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoragePool {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: Uuid,
}
wire_struct!(StoragePool { name, uuid } min 20);

/// A storage volume.
///
/// Names of volumes are names of files and need not be UTF-8; what is not has U+FFFD in it and
/// cannot be used to address the volume.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StorageVol {
    /// Name of its pool.
    pub pool: String,
    /// Its name in the pool.
    pub name: String,
    /// Its key, unique on the host; the path, for files.
    pub key: String,
}
wire_struct!(StorageVol { pool, name, key } min 12);

/// A device of the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeDevice {
    /// Its name, such as `pci_0000_00_02_0`.
    pub name: String,
}
wire_struct!(NodeDevice { name } min 4, list 65_536);

/// A network filter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NwFilter {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: Uuid,
}
wire_struct!(NwFilter { name, uuid } min 20);

/// A snapshot of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DomainSnapshot {
    /// Its name, unique in the domain.
    pub name: String,
    /// The domain.
    pub domain: Domain,
}
wire_struct!(DomainSnapshot { name, domain } min 28);
