//! From the wire to the core and back, for the documents whose shape is the
//! same on both sides.
//!
//! Wire and core are different types, so that either may change; as long as
//! their JSON is the same, going through it beats two hundred lines that copy
//! field by field. A test gives every field a value and compares.

use hostler_core::error::{Code, Error, Fault, Result};
use hostler_core::vm::devices as core_devices;
use hostler_core::vm::{observed, spec as core_spec};

use super::{ConsoleKind, DiskSpec, ImageFormat, VmSpec, VolumeFormat};

impl VmSpec {
    /// The core's form, checked; all faults at once. What is left to an instance type is 0
    /// there until the type is looked up.
    pub fn to_core(&self) -> Result<core_spec::VmSpec> {
        let mut said = self.clone();
        let is_by_type = said.instance_type.is_some();
        // A 0 that somebody wrote is a fault, and nothing that was left out.
        let written =
            [("/cpu/count", said.cpu.count.map(u64::from)), ("/memory/bytes", said.memory.bytes)];
        if let Some((field, _)) = written.iter().find(|(_, size)| is_by_type && *size == Some(0)) {
            let detail = "must be at least 1; leave it out to take the instance type's";
            return Err(Error::faults(
                Code::SpecInvalid,
                vec![Fault::new(*field, "too_small", detail)],
            ));
        }
        said.cpu.count.get_or_insert(if is_by_type { 0 } else { 1 });
        said.memory.bytes.get_or_insert(0);
        let spec: core_spec::VmSpec = same_shape(&said)?;
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

impl From<ImageFormat> for hostler_core::image::ImageFormat {
    fn from(format: ImageFormat) -> Self {
        match format {
            ImageFormat::Qcow2 => Self::Qcow2,
            ImageFormat::Raw => Self::Raw,
            ImageFormat::Iso => Self::Iso,
            ImageFormat::Vmdk => Self::Vmdk,
            ImageFormat::Vdi => Self::Vdi,
            ImageFormat::Vhdx => Self::Vhdx,
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

    /// A document in which no field has its default but the instance type, which excludes
    /// others; see below.
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
    fn e8_documents_from_before_instance_types_still_decode() {
        let mut old: serde_json::Value = serde_json::from_str(FULL).unwrap();
        let fields = old.as_object_mut().unwrap();
        assert!(fields.remove("instance_type").is_some());
        assert!(fields.remove("preference").is_some());
        let core: core_spec::VmSpec = serde_json::from_value(old).unwrap();
        assert_eq!((core.instance_type, core.preference), (None, None));
    }

    #[test]
    fn e8_a_size_is_left_to_an_instance_type_or_said() {
        let core = |text: &str| serde_json::from_str::<VmSpec>(text).unwrap().to_core();
        let by_type = core(r#"{"name": "web", "instance_type": {"name": "u1.small"}}"#).unwrap();
        assert_eq!((by_type.cpu.count, by_type.memory.bytes), (0, 0));
        let sized = r#"{"name": "web", "instance_type": {"name": "u1.small", "namespace": "shop"},
            "cpu": {"count": 2}, "memory": {"bytes": 2147483648}}"#;
        let told = VmSpec::from_core(&core(sized).unwrap()).unwrap();
        assert_eq!((told.cpu.count, told.memory.bytes), (Some(2), Some(2 << 30)));
        let of = told.instance_type.clone().unwrap();
        assert_eq!((of.name.as_str(), of.namespace.as_deref()), ("u1.small", Some("shop")));
        assert_eq!(told.to_core().unwrap(), core(sized).unwrap());
        let faults = |text: &str| {
            let error = core(text).unwrap_err();
            let all = error.fault_list().iter();
            all.map(|f| format!("{} {}", f.pointer, f.code)).collect::<Vec<_>>()
        };
        assert_eq!(faults(r#"{"name": "web"}"#), ["/memory/bytes too_small"]);
        let zero = r#"{"name": "web", "instance_type": {"name": "u1.small"}, "cpu": {"count": 0}}"#;
        assert_eq!(faults(zero), ["/cpu/count too_small"]);
        let named = r#"{"name": "web", "instance_type": {"name": "../x", "namespace": ""}}"#;
        let both = ["/instance_type/name bad_name", "/instance_type/namespace bad_name"];
        assert_eq!(faults(named), both);
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
