//! What a cluster sends, read: only the fields that are used, in hand-made
//! structs (generated ones would be thousands of lines that nobody reads).
//!
//! **What is wrong in an object costs itself.** A server checks what it stores
//! against a schema of its own version, which may be older or newer than this
//! driver. So:
//!
//! * a field that is not known is passed over;
//! * a field that is missing, `null` or of another type than expected is
//!   absent, and so is all beneath it; the object around it stays. The mapper
//!   then tells the fact as absent, with a reason ([`part::Part`]);
//! * an element of a list that cannot be read is left out and counted, so that
//!   the mapper can say that the list is not whole ([`part::Many`]);
//! * only what is no object at all, or says that it is of another kind, is
//!   refused ([`read`]); and the mapper refuses one without name or namespace
//!   (E6).
//!
//! The price is that each level is held as JSON once more while it is read.
//!
//! **Secrets are not read.** The user data of cloud-init, and the copy that
//! `kubectl apply` leaves in an annotation, are passed over and never held.

pub(crate) mod domain;
mod instance_type;
mod kubevirt;
pub(crate) mod meta;
mod migration;
mod node;
pub mod part;
mod pod;
mod snapshot;
mod storage;
mod vm;
mod vmi;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::mapper::Incompatible;
pub(crate) use instance_type::{Device, InstanceTypeSpec, PreferenceSpec};
pub use instance_type::{
    VirtualMachineClusterInstancetype, VirtualMachineClusterPreference, VirtualMachineInstancetype,
    VirtualMachinePreference,
};
pub use kubevirt::KubeVirt;
pub use migration::VirtualMachineInstanceMigration;
pub(crate) use migration::{MigrationState, PhaseTransition};
pub use node::Node;
pub use pod::Pod;
pub use snapshot::{VirtualMachineRestore, VirtualMachineSnapshot};
pub use storage::{PersistentVolumeClaim, StorageClass};
pub(crate) use vm::TypeReference;
pub use vm::VirtualMachine;
pub use vmi::VirtualMachineInstance;
pub(crate) use vmi::{InterfaceStatus, VolumeStatus};

/// A kind of object that a cluster holds.
pub trait Object: DeserializeOwned {
    /// Its word in `kind`.
    const KIND: &'static str;
}

/// Reads an object. The error says that it is none, or one of another kind;
/// servers leave `kind` out in lists, so that it may be absent.
pub fn read<T: Object>(value: Value) -> Result<T, Incompatible> {
    let Value::Object(fields) = &value else {
        return Err(Incompatible::new(T::KIND, "it is not a JSON object"));
    };
    match fields.get("kind") {
        Some(Value::String(kind)) if kind != T::KIND => {
            let kind: String = kind.chars().take(64).collect();
            return Err(Incompatible::new(T::KIND, format!("it says that it is a {kind}")));
        }
        _ => {}
    }
    serde_json::from_value(value).map_err(|error| Incompatible::new(T::KIND, error.to_string()))
}
