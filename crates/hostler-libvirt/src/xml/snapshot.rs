//! Writes and reads snapshots of domains.
//!
//! libvirt has no place for marks in a snapshot's document, so ours is the last line of its
//! description: `[hostler ID CONSISTENCY]`. It is there from the first moment, is seen with
//! virsh, and goes when somebody takes it out.

use hostler_core::id::SnapshotId;
use hostler_core::snapshot::Consistency;

use super::edit::Edits;
use super::element::Element;
use super::parse::{BadXml, Find, parse};

/// Where a snapshot has something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nowhere: it does not hold it.
    No,
    /// Inside of a disk.
    Internal,
    /// In a file of its own; for a disk the one that is written to since.
    External(Option<String>),
}

/// A snapshot's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Its name, unique among those of its domain.
    pub(crate) name: String,
    /// Free text for people.
    pub(crate) description: Option<String>,
    /// Our mark, and how consistent it came out.
    pub(crate) mark: Option<(SnapshotId, Consistency)>,
    /// `running`, `paused`, `shutoff`, `disk-snapshot` …
    pub(crate) state: String,
    /// When it was taken, in seconds since 1970.
    pub(crate) created_s: Option<i64>,
    /// The name of the one that it grew from.
    pub(crate) parent: Option<String>,
    /// Where its memory is.
    pub(crate) memory: Held,
    /// The devices of disks, and where each is.
    pub(crate) disks: Vec<(String, Held)>,
    /// The definition that the domain had, as a document.
    pub(crate) definition: Option<String>,
    /// What ran, as a document, where that was told apart.
    pub(crate) running: Option<String>,
}

impl Snapshot {
    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        let document = parse(xml, "domainsnapshot")?;
        let root = document.root_element();
        let (description, mark) = split(root.text_of("description").unwrap_or_default());
        let disks = root.get("disks");
        let disks = disks.iter().flat_map(|disks| disks.all("disk"));
        let text = |name: &str| Some(xml.get(root.get(name)?.range())?.to_owned());
        let (domain, inactive) = (text("domain"), text("inactiveDomain").map(renamed));
        Ok(Self {
            name: root.text_of("name").ok_or(BadXml::Missing("name"))?.to_owned(),
            description,
            mark,
            state: root.text_of("state").unwrap_or_default().to_owned(),
            created_s: root.text_of("creationTime").and_then(|time| time.trim().parse().ok()),
            parent: root.get("parent").and_then(|p| p.text_of("name")).map(str::to_owned),
            memory: match root.get("memory") {
                Some(memory) => held(memory, memory.attr("file")),
                // As it was told before it could be anywhere else.
                None if root.text_of("state") == Some("running") => Held::Internal,
                None => Held::No,
            },
            disks: disks
                .filter_map(|disk| {
                    let file = disk.get("source").and_then(|source| source.attr("file"));
                    Some((disk.attr("name")?, held(disk, file)))
                })
                .collect(),
            running: inactive.is_some().then(|| domain.clone()).flatten(),
            definition: inactive.or(domain),
        })
    }

    /// Whether any of it is inside of a disk.
    pub(crate) fn is_internal(&self) -> bool {
        self.memory == Held::Internal || self.disks.iter().any(|(_, held)| *held == Held::Internal)
    }

    /// Whether it holds memory.
    pub(crate) fn has_memory(&self) -> bool {
        self.memory != Held::No
    }

    /// The file that its memory is in.
    pub(crate) fn memory_file(&self) -> Option<&str> {
        match &self.memory {
            Held::External(file) => file.as_deref(),
            Held::No | Held::Internal => None,
        }
    }

    /// The disks that are in files, with the file that is written to since.
    pub(crate) fn external(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.disks.iter().filter_map(|(target, held)| match held {
            Held::External(file) => Some((target.as_str(), file.as_deref())),
            Held::No | Held::Internal => None,
        })
    }
}

fn held(node: roxmltree::Node<'_, '_>, file: Option<String>) -> Held {
    match node.attribute("snapshot") {
        Some("internal") => Held::Internal,
        Some("external") => Held::External(file),
        _ => Held::No,
    }
}

/// `<inactiveDomain>` as a document of its own.
fn renamed(text: String) -> String {
    let inner =
        text.strip_prefix("<inactiveDomain").and_then(|t| t.strip_suffix("</inactiveDomain>"));
    inner.map(|inner| format!("<domain{inner}</domain>")).unwrap_or(text)
}

/// The last line of the description of what Hostler took.
fn mark_line(id: SnapshotId, consistency: Consistency) -> String {
    format!("[hostler {id} {}]", consistency.as_str())
}

/// Free text and our mark.
fn split(text: &str) -> (Option<String>, Option<(SnapshotId, Consistency)>) {
    let (before, last) = text.rsplit_once('\n').unwrap_or(("", text));
    match read_mark(last) {
        Some(mark) => (Some(before.trim_end().to_owned()).filter(|t| !t.is_empty()), Some(mark)),
        None => (Some(text.to_owned()).filter(|t| !t.is_empty()), None),
    }
}

fn read_mark(line: &str) -> Option<(SnapshotId, Consistency)> {
    let inner = line.strip_prefix("[hostler ")?.strip_suffix(']')?;
    let (id, word) = inner.split_once(' ')?;
    let consistency = match word {
        "offline" => Consistency::Offline,
        "quiesced" => Consistency::Quiesced,
        "crash" => Consistency::Crash,
        "memory" => Consistency::Memory,
        _ => return None,
    };
    Some((id.parse().ok()?, consistency))
}

/// A snapshot to be taken, or to be told to libvirt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) id: SnapshotId,
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) consistency: Consistency,
    /// The file that the memory goes to.
    pub(crate) memory: Option<String>,
    /// The devices of disks, and the file that is written to from then on.
    pub(crate) disks: Vec<(String, Option<String>)>,
}

impl Wanted<'_> {
    /// The files that are to be made.
    pub(crate) fn files(&self) -> Vec<String> {
        let disks = self.disks.iter().filter_map(|(_, file)| file.clone());
        disks.chain(self.memory.clone()).collect()
    }
}

/// Writes what libvirt takes a snapshot by.
pub(crate) fn build(wanted: &Wanted<'_>) -> Element {
    let line = mark_line(wanted.id, wanted.consistency);
    let description = match wanted.description.is_empty() {
        true => line,
        false => format!("{}\n\n{line}", wanted.description),
    };
    let memory = match &wanted.memory {
        Some(file) => {
            Element::new("memory").attribute("snapshot", "external").attribute("file", file)
        }
        None => Element::new("memory").attribute("snapshot", "no"),
    };
    let disk = |(target, file): &(String, Option<String>)| {
        let disk = Element::new("disk").attribute("name", target);
        match file {
            None => disk.attribute("snapshot", "no"),
            Some(file) => disk
                .attribute("snapshot", "external")
                .attribute("type", "file")
                .child(Element::new("driver").attribute("type", "qcow2"))
                .child(Element::new("source").attribute("file", file)),
        }
    };
    let disks = (!wanted.disks.is_empty())
        .then(|| Element::new("disks").children(wanted.disks.iter().map(disk)));
    Element::new("domainsnapshot")
        .child(Element::text("name", wanted.name))
        .child(Element::text("description", description))
        .child(memory)
        .maybe(disks)
}

/// What libvirt is told of a snapshot of a VM that has nothing to be kept but its definition:
/// it takes none by itself.
pub(crate) fn of_definition(
    wanted: &Wanted<'_>,
    state: &str,
    created_s: i64,
    parent: Option<&str>,
    domain: &str,
) -> Result<String, String> {
    let parent = parent.map(|p| Element::new("parent").child(Element::text("name", p)));
    let told = build(wanted)
        .child(Element::text("state", state))
        .child(Element::text("creationTime", created_s))
        .maybe(parent)
        .to_xml()
        .map_err(|bad| bad.to_string())?;
    let document = parse(&told, "domainsnapshot").map_err(|bad| bad.to_string())?;
    let mut edits = Edits::of(&told);
    edits.append_written(document.root_element(), domain);
    edits.made().map_err(|bad| bad.to_string())
}

/// The document of a snapshot with another file for some disks, the definitions in it changed as
/// `change` does.
pub(crate) fn changed(
    xml: &str,
    files: &[(String, String)],
    change: impl Fn(&str) -> Result<String, String>,
) -> Result<String, String> {
    let document = parse(xml, "domainsnapshot").map_err(|bad| bad.to_string())?;
    let root = document.root_element();
    let mut edits = Edits::of(xml);
    let disks = root.get("disks");
    for disk in disks.iter().flat_map(|disks| disks.all("disk")) {
        let file = files.iter().find(|(target, _)| disk.attribute("name") == Some(target));
        if let (Some((_, file)), Some(source)) = (file, disk.get("source")) {
            let set = edits.set_attribute(source, "file", Some(file));
            set.map_err(|bad| bad.to_string())?;
        }
    }
    for name in ["domain", "inactiveDomain"] {
        let Some(node) = root.get(name) else { continue };
        let text = xml.get(node.range()).unwrap_or_default().to_owned();
        let as_domain = if name == "domain" { text } else { renamed(text) };
        let new = change(&as_domain)?;
        let new =
            match (name, new.strip_prefix("<domain").and_then(|n| n.strip_suffix("</domain>"))) {
                ("inactiveDomain", Some(inner)) => {
                    format!("<inactiveDomain{inner}</inactiveDomain>")
                }
                _ => new,
            };
        edits.replace_by_written(node, new);
    }
    edits.made().map_err(|bad| bad.to_string())
}

/// The document of a snapshot as one that grew from none.
pub(crate) fn without_parent(xml: &str) -> Result<String, String> {
    let document = parse(xml, "domainsnapshot").map_err(|bad| bad.to_string())?;
    let mut edits = Edits::of(xml);
    edits.remove_all(document.root_element(), "parent");
    edits.made().map_err(|bad| bad.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> SnapshotId {
        "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".parse().unwrap()
    }

    fn wanted(description: &str) -> Wanted<'_> {
        Wanted {
            id: id(),
            name: "s1",
            description,
            consistency: Consistency::Quiesced,
            memory: None,
            disks: vec![("vda".into(), Some("/p/a.hostler-1".into())), ("sda".into(), None)],
        }
    }

    #[test]
    fn c14_what_is_asked_is_read_back() {
        let description = "before <the> upgrade & \"so on\"\nsecond";
        let xml = build(&wanted(description)).to_xml().unwrap();
        let read = Snapshot::read(&xml).unwrap();
        assert_eq!(read.description.as_deref(), Some(description));
        assert_eq!(read.mark, Some((id(), Consistency::Quiesced)));
        assert_eq!((read.is_internal(), read.has_memory()), (false, false));
        let external: Vec<_> = read.external().collect();
        assert_eq!(external, [("vda", Some("/p/a.hostler-1"))]);
        let bare = Snapshot::read(&build(&wanted("")).to_xml().unwrap()).unwrap();
        assert_eq!((bare.description, bare.mark.is_some()), (None, true));
    }

    const FOREIGN: &str = "<domainsnapshot><name>s2</name><description>theirs [hostler x]\
        </description><state>running</state><parent><name>s1</name></parent>\
        <creationTime>1700000000</creationTime><memory snapshot='internal'/>\
        <disks><disk name='vda' snapshot='internal'/></disks>\
        <domain type='qemu' id='3'><name>live</name></domain>\
        <inactiveDomain type='qemu'><name>a</name></inactiveDomain></domainsnapshot>";

    #[test]
    fn c14_what_others_took_is_read_as_far_as_it_is_told() {
        let read = Snapshot::read(FOREIGN).unwrap();
        assert_eq!(read.mark, None);
        assert_eq!(read.description.as_deref(), Some("theirs [hostler x]"));
        assert_eq!((read.parent.as_deref(), read.created_s), (Some("s1"), Some(1_700_000_000)));
        assert!(read.is_internal() && read.has_memory());
        let definition = "<domain type='qemu'><name>a</name></domain>";
        assert_eq!(read.definition.as_deref(), Some(definition));
        let running = "<domain type='qemu' id='3'><name>live</name></domain>";
        assert_eq!(read.running.as_deref(), Some(running));
    }

    #[test]
    fn c14_both_definitions_in_a_snapshot_are_changed_alike() {
        let change = |text: &str| Ok(text.replace("</name>", "!</name>"));
        let read = Snapshot::read(&changed(FOREIGN, &[], change).unwrap()).unwrap();
        let definition = "<domain type='qemu'><name>a!</name></domain>";
        assert_eq!(read.definition.as_deref(), Some(definition));
        assert!(read.running.unwrap().contains("live!"));
        let read = Snapshot::read(&without_parent(FOREIGN).unwrap()).unwrap();
        assert_eq!((read.parent, read.name.as_str()), (None, "s2"));
        let xml = build(&wanted("")).to_xml().unwrap();
        let files = [("vda".to_owned(), "/p/b".to_owned())];
        let read = Snapshot::read(&changed(&xml, &files, |t| Ok(t.to_owned())).unwrap()).unwrap();
        assert_eq!(read.external().collect::<Vec<_>>(), [("vda", Some("/p/b"))]);
    }

    #[test]
    fn c14_a_vm_without_disks_is_told_with_its_definition() {
        let bare = Wanted { disks: Vec::new(), ..wanted("") };
        let xml = of_definition(&bare, "shutoff", 7, Some("s0"), "<domain/>").unwrap();
        let read = Snapshot::read(&xml).unwrap();
        assert_eq!((read.state.as_str(), read.created_s), ("shutoff", Some(7)));
        assert_eq!(
            (read.parent.as_deref(), read.definition.as_deref()),
            (Some("s0"), Some("<domain/>"))
        );
    }
}
