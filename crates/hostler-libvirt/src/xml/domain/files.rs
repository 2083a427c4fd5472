//! The disks of a domain as files: what a snapshot of it would be of, what a clone would copy,
//! and how a document comes to name other files.

use std::collections::BTreeMap;

use roxmltree::Node;

use super::{NAMESPACE, mark};
use crate::xml::edit::{BadEdit, Edits};
use crate::xml::element::Element;
use crate::xml::parse::{BadXml, Find, parse};

/// A disk whose bytes are in a file of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiskFile {
    /// The name of its device: `vda`.
    pub(crate) target: String,
    /// Its name in the VM's specification, where the document says it, else the device's.
    pub(crate) name: String,
    /// The file.
    pub(crate) path: String,
    /// How it is stored, as the document says.
    pub(crate) format: String,
}

/// What a domain's disks are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DiskFiles {
    /// Those that the guest can write to.
    pub(crate) written: Vec<DiskFile>,
    /// Those that it can only read, and that are files.
    pub(crate) read: Vec<DiskFile>,
    /// Disks that it can write to and that are no files, or not of one VM alone, with what
    /// they are instead.
    pub(crate) others: Vec<(String, &'static str)>,
}

/// What a domain has been put back to, as its document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PutBack {
    /// For which operation.
    pub(crate) operation: String,
    /// Whether all of it was done; else only the disks were put back.
    pub(crate) is_whole: bool,
    /// The disks and the names of the volumes that they were moved to.
    pub(crate) moved: Vec<(String, String)>,
}

/// The namespace of the mark of what a domain was put back for; a domain has one element of
/// each namespace.
pub(crate) const PUT_BACK: &str = "https://hostler.dev/xmlns/1/put-back";

/// The namespace of the mark of a domain that is off and held by a hypervisor for merging files.
const HELD: &str = "https://hostler.dev/xmlns/1/held";

impl DiskFiles {
    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        let document = parse(xml, "domain")?;
        let root = document.root_element();
        let names = names(root);
        let mut found = Self::default();
        for node in root.get("devices").iter().flat_map(|devices| devices.all("disk")) {
            let Some(target) = node.get("target").and_then(|t| t.attr("dev")) else { continue };
            let device = node.attribute("device").unwrap_or("disk");
            let reads = device == "cdrom" || node.get("readonly").is_some();
            let name = names.get(&target).cloned().or_else(|| attached_name(node));
            let name = name.unwrap_or_else(|| target.clone());
            match (file(node), reads) {
                (Some((path, format)), _) if !reads && node.get("shareable").is_none() => {
                    found.written.push(DiskFile { target, name, path, format });
                }
                (Some((path, format)), true) => {
                    found.read.push(DiskFile { target, name, path, format });
                }
                (_, true) => {}
                (None, false) if node.get("source").is_none() => {} // a drive without a medium
                (_, false) => found.others.push((target, what(node))),
            }
        }
        Ok(found)
    }
}

fn file(disk: Node<'_, '_>) -> Option<(String, String)> {
    let path = disk.get("source")?.attr("file")?;
    let format = disk.get("driver").and_then(|d| d.attr("type"));
    (disk.attribute("type") == Some("file"))
        .then(|| (path, format.unwrap_or_else(|| "raw".to_owned())))
}

fn what(disk: Node<'_, '_>) -> &'static str {
    if disk.get("shareable").is_some() {
        return "is shared with other VMs";
    }
    match disk.attribute("type") {
        Some("block") => "is a block device of the host",
        Some("network") => "is reached over the network",
        Some("volume") => "is known only through its pool",
        _ => "is no file",
    }
}

/// What disks are called in the VM's specification, by device, where our mark says so.
pub(super) fn names(root: Node<'_, '_>) -> BTreeMap<String, String> {
    let mark = root
        .get("metadata")
        .and_then(|metadata| metadata.children().find(|n| n.has_tag_name((NAMESPACE, "vm"))));
    let disks = mark
        .into_iter()
        .flat_map(|mark| mark.children().filter(|n| n.has_tag_name((NAMESPACE, "device"))));
    disks.filter_map(|disk| Some((disk.attr("target")?, disk.attr("name")?))).collect()
}

/// What a disk that was attached is called, by the alias that it got then.
fn attached_name(disk: Node<'_, '_>) -> Option<String> {
    let alias = disk.get("alias")?.attr("name")?;
    let (written, _) = alias.strip_prefix("ua-hostler-")?.rsplit_once('-')?;
    Some(written.replace("_d", ".").replace("_u", "_"))
}

/// What our mark says of disks: what the VM's specification calls them. Devices are called by
/// the order of the disks on their bus, which nobody can tell from the document later.
pub(crate) fn name_of(target: &str, name: &str) -> Element {
    Element::new("hostler:device").attribute("target", target).attribute("name", name)
}

/// What a domain was put back for last.
pub(crate) fn put_back(xml: &str) -> Result<Option<PutBack>, BadXml> {
    let document = parse(xml, "domain")?;
    let metadata = document.root_element().get("metadata");
    let mark = metadata.and_then(|m| m.children().find(|n| n.has_tag_name((PUT_BACK, "by"))));
    let Some(mark) = mark else { return Ok(None) };
    let moved = mark.children().filter(|n| n.has_tag_name((PUT_BACK, "moved")));
    Ok(mark.attr("operation").map(|operation| PutBack {
        operation,
        is_whole: mark.attribute("stage") != Some("disks"),
        moved: moved.filter_map(|n| Some((n.attr("disk")?, n.attr("volume")?))).collect(),
    }))
}

impl PutBack {
    /// The mark.
    fn element(&self) -> Element {
        let moved = self.moved.iter().map(|(disk, volume)| {
            Element::new("put-back:moved").attribute("disk", disk).attribute("volume", volume)
        });
        let by = Element::new("put-back:by")
            .attribute("xmlns:put-back", PUT_BACK)
            .attribute("operation", &self.operation);
        let by = if self.is_whole { by } else { by.attribute("stage", "disks") };
        by.children(moved)
    }
}

/// Whether a domain was off when a hypervisor was to hold it.
pub(crate) fn is_held(xml: &str) -> Result<bool, BadXml> {
    let document = parse(xml, "domain")?;
    let metadata = document.root_element().get("metadata");
    Ok(metadata.is_some_and(|m| m.children().any(|n| n.has_tag_name((HELD, "off")))))
}

/// The document with the mark of that, or without.
pub(crate) fn with_held(xml: &str, is_held: bool) -> Result<String, String> {
    let document = parse(xml, "domain").map_err(|bad| bad.to_string())?;
    let mut edits = Edits::of(xml);
    let off = is_held.then(|| Element::new("held:off").attribute("xmlns:held", HELD));
    let marked = mark::set(&mut edits, document.root_element(), HELD, off.as_ref());
    marked.and_then(|()| edits.made()).map_err(|bad| bad.to_string())
}

/// A file that takes the place of a disk's: the device, the file, how it is stored, and on what
/// it lies: files and formats, from the top; `None` for what is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) target: String,
    pub(crate) path: String,
    pub(crate) format: String,
    pub(crate) chain: Option<Vec<(String, String)>>,
}

/// A document with other files for some disks.
pub(crate) fn replace(
    edits: &mut Edits<'_>,
    root: Node<'_, '_>,
    disks: &[Replaced],
) -> Result<(), BadEdit> {
    for node in root.get("devices").iter().flat_map(|devices| devices.all("disk")) {
        let target = node.get("target").and_then(|t| t.attr("dev"));
        let Some(new) = disks.iter().find(|d| target.as_ref() == Some(&d.target)) else { continue };
        edits.set_attribute(node, "type", Some("file"))?;
        match node.get("driver") {
            Some(driver) => edits.set_attribute(driver, "type", Some(&new.format))?,
            None => {
                let driver = Element::new("driver").attribute("name", "qemu");
                edits.append(node, &driver.attribute("type", &new.format))?;
            }
        }
        edits.child(node, "source", Some(&Element::new("source").attribute("file", &new.path)))?;
        edits.child(node, "backingStore", new.chain.as_deref().map(backing).as_ref())?;
    }
    Ok(())
}

/// A chain as documents have it, to its end.
fn backing(chain: &[(String, String)]) -> Element {
    let Some(((path, format), rest)) = chain.split_first() else {
        return Element::new("backingStore");
    };
    Element::new("backingStore")
        .attribute("type", "file")
        .child(Element::new("format").attribute("type", format))
        .child(Element::new("source").attribute("file", path))
        .child(backing(rest))
}

/// Disks whose file a merge has done away with, each with what it lies on since: libvirt deletes a
/// file that it has merged before it writes down that the disk is the one below. Only the next
/// one that the document itself names is taken for it, of disks that the guest writes to, and where
/// `went` says so of the file and that one.
pub(crate) fn merged_away(
    xml: &str,
    went: impl Fn(&str, &str) -> bool,
) -> Result<Vec<Replaced>, BadXml> {
    let document = parse(xml, "domain")?;
    let written = DiskFiles::read(xml)?.written;
    let devices = document.root_element().get("devices");
    let disks = devices.iter().flat_map(|devices| devices.all("disk"));
    let replaced = disks.filter_map(|disk| {
        let target = disk.get("target")?.attr("dev")?;
        let top = written.iter().find(|one| one.target == target)?;
        let mut below = below(disk).into_iter();
        let (path, format) = below.next()?;
        let chain = Some(below.collect());
        went(&top.path, &path).then_some(Replaced { target, path, format, chain })
    });
    Ok(replaced.collect())
}

/// What the document says that a disk lies on, each with its format, from the top.
fn below(disk: Node<'_, '_>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut next = disk.get("backingStore");
    while let Some(store) = next {
        let path = store.get("source").and_then(|source| source.attr("file"));
        let format = store.get("format").and_then(|format| format.attr("type"));
        let (Some(path), Some(format)) = (path, format) else { break };
        all.push((path, format));
        next = store.get("backingStore");
    }
    all
}

/// The document of a domain with other files for some disks, and what it was put back for.
pub(crate) fn with_files(
    xml: &str,
    disks: &[Replaced],
    mark: Option<&PutBack>,
) -> Result<String, String> {
    let document = parse(xml, "domain").map_err(|bad| bad.to_string())?;
    let root = document.root_element();
    let mut edits = Edits::of(xml);
    let replaced = replace(&mut edits, root, disks).and_then(|()| match mark {
        Some(mark) => mark::set(&mut edits, root, PUT_BACK, Some(&mark.element())),
        None => Ok(()),
    });
    replaced.and_then(|()| edits.made()).map_err(|bad| bad.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<domain type='qemu'><name>a</name><metadata>\
        <h:vm xmlns:h='https://hostler.dev/xmlns/1' id='x'><h:device target='vda' name='root'/></h:vm>\
        </metadata><devices>\
        <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>\
        <source file='/p/a &amp; b'/><backingStore/><target dev='vda' bus='virtio'/></disk>\
        <disk type='file' device='disk'><source file='/p/seed'/><target dev='vdb'/><readonly/></disk>\
        <disk type='block' device='disk'><source dev='/dev/x'/><target dev='vdc'/></disk>\
        <disk type='file' device='disk'><source file='/p/s'/><target dev='vdd'/><shareable/></disk>\
        <disk type='file' device='cdrom'><target dev='sda'/></disk>\
        <disk type='file' device='disk'><driver type='raw'/><source file='/p/d'/><target dev='vde'/>\
        <alias name='ua-hostler-my_udata-5f6a7b8c9d0e'/></disk>\
        </devices></domain>";

    #[test]
    fn c14_a_snapshot_is_of_files_that_are_written_to() {
        let read = DiskFiles::read(XML).unwrap();
        let written: Vec<_> = read.written.iter().map(|d| (&*d.name, &*d.path)).collect();
        assert_eq!(written, [("root", "/p/a & b"), ("my_data", "/p/d")]);
        assert_eq!(read.written[0].format, "qcow2");
        assert_eq!(read.read.iter().map(|d| &*d.target).collect::<Vec<_>>(), ["vdb"]);
        let wanted = [
            ("vdc".to_owned(), "is a block device of the host"),
            ("vdd".to_owned(), "is shared with other VMs"),
        ];
        assert_eq!(read.others, wanted);
    }

    #[test]
    fn f26_a_domain_that_is_held_says_so_until_it_is_not() {
        let held = with_held(XML, true).unwrap();
        assert_eq!((is_held(XML).unwrap(), is_held(&held).unwrap()), (false, true));
        let let_go = with_held(&held, false).unwrap();
        assert_eq!(let_go.lines().collect::<String>(), XML);
    }

    #[test]
    fn f26_a_disk_is_what_a_merged_file_lay_on_and_nothing_that_the_document_does_not_say() {
        let chain =
            [("/p/b".to_owned(), "qcow2".to_owned()), ("/p/a".to_owned(), "raw".to_owned())];
        let lies = |target: &str| Replaced {
            target: target.into(),
            path: "/p/c".into(),
            format: "qcow2".into(),
            chain: Some(chain.to_vec()),
        };
        let xml = with_files(XML, &[lies("vda"), lies("vdb")], None).unwrap();
        assert_eq!(merged_away(&xml, |_, _| false).unwrap(), []);
        let went = |top: &str, below: &str| (top, below) == ("/p/c", "/p/b");
        let [to] = &merged_away(&xml, went).unwrap()[..] else { panic!("vdb is only read") };
        let told = (to.target.as_str(), to.path.as_str(), to.format.as_str());
        assert_eq!(told, ("vda", "/p/b", "qcow2"));
        assert_eq!(to.chain.as_deref(), Some(&chain[1..]));
        assert_eq!(merged_away(XML, |_, _| true).unwrap(), [], "nothing is said to lie below");
    }

    #[test]
    fn c14_other_files_take_the_place_of_a_disks_and_all_else_stays() {
        let mark = PutBack {
            operation: "o-1".into(),
            is_whole: false,
            moved: vec![("root".into(), "a.hostler-1".into())],
        };
        let new = Replaced {
            target: "vda".into(),
            path: "/p/a<new>".into(),
            format: "qcow2".into(),
            chain: Some(vec![("/p/a & b".into(), "raw".into())]),
        };
        let changed = with_files(XML, &[new], Some(&mark)).unwrap();
        assert_eq!(put_back(&changed).unwrap(), Some(mark));
        assert_eq!(put_back(XML).unwrap(), None);
        let read = DiskFiles::read(&changed).unwrap();
        assert_eq!(read.written[0].path, "/p/a<new>");
        assert_eq!(read.written[0].name, "root");
        assert!(changed.contains("cache='none'"), "{changed}");
        let chain = "<backingStore type=\"file\"><format type=\"raw\"/>\
            <source file=\"/p/a &amp; b\"/><backingStore/></backingStore>";
        let flat: String = changed.lines().map(str::trim_start).collect();
        assert!(flat.contains(chain), "{changed}");
        let after = |text: &str| text[text.find("<disk type='block'").unwrap()..].to_owned();
        assert_eq!(after(&changed), after(XML));
    }
}
