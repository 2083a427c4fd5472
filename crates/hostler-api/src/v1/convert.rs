//! From the wire to the core and back, for the documents whose shape is the
//! same on both sides.
//!
//! Wire and core are different types, so that either may change; as long as
//! their JSON is the same, going through it beats two hundred lines that copy
//! field by field. A test gives every field a value and compares.

use hostler_core::error::{Code, Error, Fault, Result};
use hostler_core::vm::devices as core_devices;
use hostler_core::vm::{observed, spec as core_spec};

use super::{ConsoleKind, DiskSpec, VmSpec, VolumeFormat};

impl VmSpec {
    /// The core's form, checked; all faults at once.
    pub fn to_core(&self) -> Result<core_spec::VmSpec> {
        let spec: core_spec::VmSpec = same_shape(self)?;
        spec.check()?;
        Ok(spec)
    }

    /// The wire form.
    pub fn from_core(spec: &core_spec::VmSpec) -> Result<Self> {
        same_shape(spec)
    }
}

impl DiskSpec {
    /// The core's form, not checked yet: that takes the VM it is for.
    pub fn to_core(&self) -> Result<core_devices::DiskSpec> {
        same_shape(self)
    }
}

fn same_shape<A: serde::Serialize, B: serde::de::DeserializeOwned>(from: &A) -> Result<B> {
    let value = serde_json::to_value(from)
        .map_err(|error| Error::bug(format!("a specification is not JSON: {error}")))?;
    serde_json::from_value(value).map_err(|error| {
        let fault = Fault::new("", "unreadable", error.to_string());
        Error::faults(Code::SpecInvalid, vec![fault])
    })
}

impl From<VolumeFormat> for core_devices::VolumeFormat {
    fn from(format: VolumeFormat) -> Self {
        match format {
            VolumeFormat::Qcow2 => Self::Qcow2,
            VolumeFormat::Raw => Self::Raw,
        }
    }
}

impl From<core_devices::VolumeFormat> for VolumeFormat {
    fn from(format: core_devices::VolumeFormat) -> Self {
        match format {
            core_devices::VolumeFormat::Qcow2 => Self::Qcow2,
            core_devices::VolumeFormat::Raw => Self::Raw,
        }
    }
}

impl From<ConsoleKind> for observed::ConsoleKind {
    fn from(kind: ConsoleKind) -> Self {
        match kind {
            ConsoleKind::Serial => Self::Serial,
            ConsoleKind::Vnc => Self::Vnc,
            ConsoleKind::Spice => Self::Spice,
        }
    }
}

impl From<observed::ConsoleKind> for ConsoleKind {
    fn from(kind: observed::ConsoleKind) -> Self {
        match kind {
            observed::ConsoleKind::Serial => Self::Serial,
            observed::ConsoleKind::Vnc => Self::Vnc,
            observed::ConsoleKind::Spice => Self::Spice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document in which no field has its default.
    const FULL: &str = include_str!("vm_spec_full.json");

    #[test]
    fn c1_a_document_with_every_field_survives_both_conversions() {
        let wire: VmSpec = serde_json::from_str(FULL).unwrap();
        let core = wire.to_core().unwrap();
        let back = VmSpec::from_core(&core).unwrap();
        assert_eq!(back, wire);
        let given: serde_json::Value = serde_json::from_str(FULL).unwrap();
        assert_eq!(serde_json::to_value(&core).unwrap(), given, "the stored shape");
        assert_eq!(serde_json::to_value(&back).unwrap(), given, "the wire's shape");
    }

    #[test]
    fn the_shortest_document_is_a_name_and_an_amount_of_memory() {
        let wire: VmSpec =
            serde_json::from_str(r#"{"name": "web", "memory": {"bytes": 1073741824}}"#).unwrap();
        let core = wire.to_core().unwrap();
        assert_eq!(core, core_spec::VmSpec::new("web", 1 << 30));
    }

    #[test]
    fn faults_of_the_document_come_with_pointers() {
        let wire: VmSpec =
            serde_json::from_str(r#"{"name": "..", "memory": {"bytes": 1}}"#).unwrap();
        let error = wire.to_core().unwrap_err();
        let pointers: Vec<_> = error.fault_list().iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name", "/memory/bytes"]);
    }
}
