//! Reads what a host offers for one combination of architecture, machine type
//! and kind, so that a specification can be refused before anything is made.

use super::parse::{BadXml, Find, parse};

/// What can be offered; `None` where the daemon does not say, which is then no
/// reason to refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DomainCapabilities {
    /// The most processors.
    pub(crate) vcpu_max: Option<u32>,
    /// Firmware that can be chosen by word: `bios`, `efi`.
    pub(crate) firmware: Option<Vec<String>>,
    /// Whether secure boot can be asked for.
    pub(crate) secure_boot: Option<bool>,
    /// CPU modes.
    pub(crate) cpu_modes: Option<Vec<String>>,
    /// Named CPU models that can be used.
    pub(crate) cpu_models: Option<Vec<String>>,
    /// Kinds of display.
    pub(crate) graphics: Option<Vec<String>>,
    /// Video cards.
    pub(crate) video: Option<Vec<String>>,
    /// Models of TPM; empty when there is no emulator.
    pub(crate) tpm: Option<Vec<String>>,
    /// Disk buses.
    pub(crate) buses: Option<Vec<String>>,
}

impl DomainCapabilities {
    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        let document = parse(xml, "domainCapabilities")?;
        let root = document.root_element();
        let os = root.get("os");
        let loader = os.and_then(|os| os.get("loader"));
        let devices = root.get("devices");
        let device = |name: &str| devices.and_then(|d| d.get(name));
        let cpu = root.get("cpu");
        let modes = cpu.map(|cpu| {
            cpu.all("mode")
                .filter(|m| m.attribute("supported") == Some("yes"))
                .filter_map(|m| m.attr("name"))
                .collect()
        });
        let custom =
            cpu.and_then(|cpu| cpu.all("mode").find(|m| m.attribute("name") == Some("custom")));
        let models = custom.map(|mode| {
            mode.all("model")
                .filter(|m| m.attribute("usable") != Some("no"))
                .filter_map(|m| m.text().map(str::to_owned))
                .collect()
        });
        Ok(Self {
            vcpu_max: root.get("vcpu").and_then(|v| v.attribute("max")?.parse().ok()),
            firmware: os.and_then(|os| values(os, "firmware")),
            secure_boot: loader
                .and_then(|l| values(l, "secure"))
                .map(|v| v.iter().any(|v| v == "yes")),
            cpu_modes: modes,
            cpu_models: models,
            graphics: device("graphics").and_then(|d| offered(d, "type")),
            video: device("video").and_then(|d| offered(d, "modelType")),
            tpm: device("tpm").and_then(|d| tpm_models(d)),
            buses: device("disk").and_then(|d| offered(d, "bus")),
        })
    }
}

type Node<'a> = roxmltree::Node<'a, 'a>;

/// The values of a device's enumeration; none when the device is not supported.
fn offered(device: Node<'_>, name: &str) -> Option<Vec<String>> {
    if device.attribute("supported") == Some("no") {
        return Some(Vec::new());
    }
    values(device, name)
}

fn tpm_models(device: Node<'_>) -> Option<Vec<String>> {
    let backends = offered(device, "backendModel")?;
    if backends.iter().any(|b| b == "emulator") { offered(device, "model") } else { Some(vec![]) }
}

fn values(node: Node<'_>, name: &str) -> Option<Vec<String>> {
    let list = node.all("enum").find(|e| e.attribute("name") == Some(name))?;
    Some(list.all("value").filter_map(|v| v.text().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_what_is_not_offered_is_told_from_what_is_not_said() {
        let xml = "<domainCapabilities><vcpu max='255'/>\
            <os supported='yes'><enum name='firmware'><value>efi</value></enum>\
            <loader supported='yes'><enum name='secure'><value>no</value></enum></loader></os>\
            <cpu><mode name='host-passthrough' supported='no'/>\
            <mode name='custom' supported='yes'><model usable='yes'>qemu64</model>\
            <model usable='no'>EPYC</model></mode></cpu>\
            <devices><graphics supported='no'/><tpm supported='yes'>\
            <enum name='model'><value>tpm-crb</value></enum>\
            <enum name='backendModel'><value>passthrough</value></enum></tpm></devices>\
            </domainCapabilities>";
        let read = DomainCapabilities::read(xml).unwrap();
        assert_eq!(read.vcpu_max, Some(255));
        assert_eq!(read.firmware, Some(vec!["efi".to_owned()]));
        assert_eq!(read.secure_boot, Some(false));
        assert_eq!(read.cpu_modes, Some(vec!["custom".to_owned()]));
        assert_eq!(read.cpu_models, Some(vec!["qemu64".to_owned()]));
        assert_eq!(read.graphics, Some(vec![]));
        assert_eq!(read.tpm, Some(vec![]), "no emulator, so no TPM that we would make");
        assert_eq!(read.video, None);
    }
}
