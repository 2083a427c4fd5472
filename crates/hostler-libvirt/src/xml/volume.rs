//! Writes and reads storage volumes.

use hostler_core::vm::devices::VolumeFormat;

use super::element::Element;
use super::parse::{BadXml, Find, parse, size_bytes};

/// A volume to be made: sparse, never backed by another one.
pub(crate) fn build(name: &str, capacity_bytes: u64, format: VolumeFormat) -> Element {
    let bytes = |name, value: u64| Element::text(name, value).attribute("unit", "bytes");
    Element::new("volume")
        .child(Element::text("name", name))
        .child(bytes("capacity", capacity_bytes))
        .child(bytes("allocation", 0))
        .child(
            Element::new("target").child(Element::new("format").attribute("type", format.as_str())),
        )
}

/// A volume that lies on another one: as large as it, and written to in its place.
pub(crate) fn build_overlay(name: &str, base: &str, base_format: &str) -> Element {
    let format = |format| Element::new("format").attribute("type", format);
    Element::new("volume")
        .child(Element::text("name", name))
        .child(Element::new("target").child(format("qcow2")))
        .child(
            Element::new("backingStore")
                .child(Element::text("path", base))
                .child(format(base_format)),
        )
}

/// A volume's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Its name in the pool.
    pub(crate) name: String,
    /// `file`, `block`, `network`, `dir` …
    pub(crate) kind: Option<String>,
    /// As the pool says.
    pub(crate) format: Option<String>,
    /// The size a guest sees.
    pub(crate) capacity_bytes: u64,
    /// The bytes it takes.
    pub(crate) allocated_bytes: u64,
    /// Where it is.
    pub(crate) path: Option<String>,
    /// What it is an overlay of.
    pub(crate) backing: Option<String>,
    /// How that is to be read, as it says itself.
    pub(crate) backing_format: Option<String>,
}

impl Volume {
    /// Everything that a domain may call it.
    pub(crate) fn names(&self, pool: &str) -> Vec<String> {
        let in_pool = format!("{pool}/{}", self.name);
        self.path.iter().cloned().chain([in_pool]).collect()
    }

    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        let document = parse(xml, "volume")?;
        let root = document.root_element();
        let size = |name| root.get(name).and_then(|node| size_bytes(node, "bytes"));
        let target = root.get("target");
        let backing = root.get("backingStore").and_then(|b| b.text_of("path"));
        Ok(Self {
            name: root.text_of("name").ok_or(BadXml::Missing("name"))?.to_owned(),
            kind: root.attr("type"),
            format: target.and_then(|t| t.get("format")).and_then(|f| f.attr("type")),
            capacity_bytes: size("capacity").ok_or(BadXml::Missing("capacity"))?,
            allocated_bytes: size("allocation").ok_or(BadXml::Missing("allocation"))?,
            path: target.and_then(|t| t.text_of("path")).map(str::to_owned),
            backing: backing.map(str::to_owned),
            backing_format: root
                .get("backingStore")
                .and_then(|b| b.get("format"))
                .and_then(|f| f.attr("type")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_written_as_it_will_be_read() {
        let xml = build("vm-root", 10 << 30, VolumeFormat::Qcow2).to_xml().unwrap();
        let read = Volume::read(&xml).unwrap();
        assert_eq!((read.name.as_str(), read.capacity_bytes), ("vm-root", 10 << 30));
        assert_eq!(read.format.as_deref(), Some("qcow2"));
        assert_eq!((read.allocated_bytes, read.backing), (0, None));
    }

    #[test]
    fn an_overlay_names_what_it_lies_on() {
        let xml = "<volume type='file'><name>a</name><capacity unit='bytes'>5</capacity>\
            <allocation unit='bytes'>1</allocation><target><path>/p/a</path></target>\
            <backingStore><path>/p/base</path></backingStore></volume>";
        let read = Volume::read(xml).unwrap();
        assert_eq!(read.backing.as_deref(), Some("/p/base"));
        assert_eq!(read.path.as_deref(), Some("/p/a"));
        assert_eq!(read.kind.as_deref(), Some("file"));
    }
}
