//! What a VM is made of, as its template and its running instance both say it.

use serde::Deserialize;

use super::part::{Many, Map, Nest, Part, Present};
use crate::quantity::Quantity;

/// The spec of an instance, and of the template of a VM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct InstanceSpec {
    pub(crate) architecture: Part<String>,
    pub(crate) domain: Part<DomainSpec>,
    pub(crate) networks: Many<Network>,
    pub(crate) volumes: Many<Volume>,
}

impl InstanceSpec {
    /// Whether one of its volumes is this claim of its namespace.
    pub(crate) fn uses_claim(&self, claim: &str) -> bool {
        let is_it = |name: Option<&str>| name == Some(claim);
        self.volumes.iter().any(|volume| {
            let claims = [&volume.persistent_volume_claim, &volume.memory_dump];
            claims.iter().any(|one| one.as_ref().is_some_and(|c| is_it(c.claim_name.text())))
                || volume.data_volume.as_ref().is_some_and(|data| is_it(data.name.text()))
                || volume
                    .ephemeral
                    .as_ref()
                    .is_some_and(|e| is_it(e.persistent_volume_claim.claim_name.text()))
        })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct DomainSpec {
    pub(crate) cpu: Nest<Cpu>,
    pub(crate) memory: Nest<Memory>,
    pub(crate) resources: Nest<Resources>,
    pub(crate) firmware: Nest<Firmware>,
    pub(crate) features: Nest<Features>,
    pub(crate) machine: Nest<Machine>,
    pub(crate) devices: Part<Devices>,
}

/// Also the topology in an instance's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Cpu {
    pub(crate) sockets: Part<u32>,
    pub(crate) cores: Part<u32>,
    pub(crate) threads: Part<u32>,
    pub(crate) max_sockets: Part<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Memory {
    pub(crate) guest: Part<Quantity>,
    pub(crate) max_guest: Part<Quantity>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Resources {
    pub(crate) requests: Map<Quantity>,
    pub(crate) limits: Map<Quantity>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Firmware {
    pub(crate) bootloader: Nest<Bootloader>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Bootloader {
    pub(crate) bios: Part<Present>,
    pub(crate) efi: Part<Present>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Features {
    pub(crate) acpi: Nest<Switch>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Switch {
    pub(crate) enabled: Part<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Machine {
    #[serde(rename = "type")]
    pub(crate) kind: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Devices {
    pub(crate) autoattach_graphics_device: Part<bool>,
    pub(crate) autoattach_serial_console: Part<bool>,
    pub(crate) disks: Many<Disk>,
    pub(crate) filesystems: Many<Named>,
    pub(crate) interfaces: Many<Interface>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Named {
    pub(crate) name: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Disk {
    pub(crate) name: Part<String>,
    pub(crate) disk: Part<Target>,
    pub(crate) cdrom: Part<Target>,
    pub(crate) lun: Part<Target>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Target {
    pub(crate) bus: Part<String>,
    pub(crate) readonly: Part<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Interface {
    pub(crate) name: Part<String>,
    pub(crate) mac_address: Part<String>,
    pub(crate) model: Part<String>,
    pub(crate) masquerade: Part<Present>,
    pub(crate) bridge: Part<Present>,
    pub(crate) sriov: Part<Present>,
    pub(crate) macvtap: Part<Present>,
    pub(crate) passt: Part<Present>,
    pub(crate) passt_binding: Part<Present>,
    pub(crate) slirp: Part<Present>,
    pub(crate) binding: Part<Named>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Network {
    pub(crate) name: Part<String>,
    pub(crate) pod: Part<Present>,
    pub(crate) multus: Part<Multus>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Multus {
    pub(crate) network_name: Part<String>,
    pub(crate) default: Part<bool>,
}

/// A volume: exactly one of the sources is set. Those that hold secrets are
/// read as being there, and no more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) name: Part<String>,
    pub(crate) persistent_volume_claim: Part<ClaimSource>,
    pub(crate) data_volume: Part<DataVolumeSource>,
    pub(crate) container_disk: Part<ContainerDisk>,
    pub(crate) ephemeral: Part<Ephemeral>,
    pub(crate) empty_disk: Part<EmptyDisk>,
    pub(crate) host_disk: Part<HostDisk>,
    pub(crate) memory_dump: Part<ClaimSource>,
    pub(crate) cloud_init_no_cloud: Part<Present>,
    pub(crate) cloud_init_config_drive: Part<Present>,
    pub(crate) sysprep: Part<Present>,
    pub(crate) config_map: Part<Named>,
    pub(crate) secret: Part<SecretSource>,
    pub(crate) service_account: Part<Present>,
    #[serde(rename = "downwardAPI")]
    pub(crate) downward_api: Part<Present>,
    pub(crate) downward_metrics: Part<Present>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ClaimSource {
    pub(crate) claim_name: Part<String>,
    pub(crate) read_only: Part<bool>,
    pub(crate) hotpluggable: Part<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct DataVolumeSource {
    pub(crate) name: Part<String>,
    pub(crate) hotpluggable: Part<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ContainerDisk {
    pub(crate) image: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Ephemeral {
    pub(crate) persistent_volume_claim: Nest<ClaimSource>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EmptyDisk {
    pub(crate) capacity: Part<Quantity>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct HostDisk {
    pub(crate) path: Part<String>,
    pub(crate) capacity: Part<Quantity>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SecretSource {
    pub(crate) secret_name: Part<String>,
}
