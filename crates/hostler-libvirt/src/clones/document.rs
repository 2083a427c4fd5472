//! The definition of a clone: its source's, less what one VM alone may have.

use hostler_core::id::VmId;
use roxmltree::Node;

use crate::xml::domain::files::{PUT_BACK, Replaced, name_of, replace};
use crate::xml::domain::{NAMESPACE, mark};
use crate::xml::edit::{BadEdit, Edits};
use crate::xml::element::Element;
use crate::xml::parse::{Find, parse};

/// What a clone is to be.
pub(super) struct Clone<'a> {
    pub(super) vm: VmId,
    pub(super) name: &'a str,
    /// Its own files, by device.
    pub(super) disks: &'a [Replaced],
}

/// Why two VMs so defined could harm each other, whatever their disks; `None` if they could not.
pub(super) fn shares(definition: &str) -> Option<String> {
    let document = parse(definition, "domain").ok()?;
    let devices = document.root_element().get("devices")?;
    if devices.get("hostdev").is_some() {
        return Some("it has a device of the host passed through".to_owned());
    }
    if devices.get("filesystem").is_some() {
        return Some(
            "it has a folder of the host, which the clone would write to as well".to_owned(),
        );
    }
    let lines = ["serial", "parallel", "console", "channel"];
    let goes = |node: &Node<'_, '_>| {
        let path = node.get("source")?.attr("path")?;
        let is_own = matches!(node.attribute("type"), Some("pty"));
        (!is_own).then_some(path)
    };
    let path = lines.iter().flat_map(|name| devices.all(name)).find_map(|node| goes(&node))?;
    Some(format!("one of its lines goes to {path}, where the clone's would go as well"))
}

/// The definition.
pub(super) fn cloned(definition: &str, of: &Clone<'_>) -> Result<String, String> {
    let document = parse(definition, "domain").map_err(|bad| bad.to_string())?;
    let root = document.root_element();
    let name = root.get("name").ok_or("it has no name")?;
    let mut edits = Edits::of(definition);
    let made = edits.set_text(name, of.name).and_then(|()| {
        identity(&mut edits, root, of)?;
        marks(&mut edits, root, of)?;
        firmware(&mut edits, root)?;
        replace(&mut edits, root, of.disks)?;
        devices(&mut edits, root)?;
        edits.made()
    });
    made.map_err(|bad| bad.to_string())
}

/// Its own mark, and none of what its source was put back to.
fn marks(edits: &mut Edits<'_>, root: Node<'_, '_>, of: &Clone<'_>) -> Result<(), BadEdit> {
    mark::set(edits, root, NAMESPACE, Some(&own_mark(root, of)))?;
    mark::set(edits, root, PUT_BACK, None)
}

/// Our mark, with the project and the names of disks that the source's has.
fn own_mark(root: Node<'_, '_>, of: &Clone<'_>) -> Element {
    let metadata = root.get("metadata");
    let old = metadata.and_then(|m| m.children().find(|n| n.has_tag_name((NAMESPACE, "vm"))));
    let children = |name: &'static str| {
        old.into_iter()
            .flat_map(move |old| old.children().filter(move |n| n.has_tag_name((NAMESPACE, name))))
    };
    let project = children("project").next().and_then(|n| n.text());
    let disks = children("device");
    let disks = disks.filter_map(|n| Some(name_of(n.attribute("target")?, n.attribute("name")?)));
    Element::new("hostler:vm")
        .attribute("xmlns:hostler", NAMESPACE)
        .attribute("id", of.vm)
        .maybe(project.map(|project| Element::text("hostler:project", project)))
        .child(Element::text("hostler:name", of.name))
        .children(disks)
}

/// By what it is told apart, and what firmware tells the guest of that: its own serial number is
/// libvirt's to give.
fn identity(edits: &mut Edits<'_>, root: Node<'_, '_>, of: &Clone<'_>) -> Result<(), BadEdit> {
    let uuid = of.vm.as_uuid().hyphenated();
    edits.child(root, "uuid", Some(&Element::text("uuid", uuid)))?;
    if root.get("genid").is_some() {
        edits.child(root, "genid", Some(&Element::new("genid")))?;
    }
    let entries = root.descendants().filter(|n| n.has_tag_name("entry"));
    let of_system = entries.filter(|n| n.parent().is_some_and(|p| p.has_tag_name("system")));
    for entry in of_system {
        if matches!(entry.attribute("name"), Some("uuid" | "serial")) {
            edits.remove(entry);
        }
    }
    Ok(())
}

/// Variables of the firmware are in a file of the VM's own: libvirt makes another one.
fn firmware(edits: &mut Edits<'_>, root: Node<'_, '_>) -> Result<(), BadEdit> {
    let Some(os) = root.get("os") else { return Ok(()) };
    let template = os.get("nvram").and_then(|nvram| nvram.attribute("template"));
    let own = template.map(|template| Element::new("nvram").attribute("template", template));
    edits.child(os, "nvram", own.as_ref())
}

fn devices(edits: &mut Edits<'_>, root: Node<'_, '_>) -> Result<(), BadEdit> {
    let Some(devices) = root.get("devices") else { return Ok(()) };
    for nic in devices.all("interface") {
        for name in ["mac", "target"] {
            edits.remove_all(nic, name);
        }
        let port = nic.get("virtualport").and_then(|port| port.get("parameters"));
        for name in ["interfaceid", "instanceid"] {
            if let Some(port) = port {
                edits.set_attribute(port, name, None)?;
            }
        }
    }
    devices.all("disk").for_each(|disk| edits.remove_all(disk, "wwn"));
    for name in ["serial", "console", "parallel", "channel"] {
        devices.all(name).for_each(|line| edits.remove_all(line, "log"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hostler_core::vm::observed::Tag;

    use super::*;
    use crate::xml::domain::files::DiskFiles;
    use crate::xml::domain::read::Domain;

    const SOURCE: &str = "<domain type='qemu' xmlns:qemu='u'><name>web</name>\
        <uuid>0192d0c4-7d5a-7bc0-9a3e-000000000001</uuid><genid>x</genid><metadata>\
        <h:vm xmlns:h='https://hostler.dev/xmlns/1' id='0192d0c4-7d5a-7bc0-9a3e-000000000001'>\
        <h:project>shop</h:project><h:name>web</h:name><h:device target='vda' name='root'/></h:vm>\
        <b:by xmlns:b='https://hostler.dev/xmlns/1/put-back' operation='o'/>\
        <app:x xmlns:app='urn:app'/></metadata>\
        <os firmware='efi'><type arch='x86_64'>hvm</type><nvram>/nv/web.fd</nvram></os>\
        <sysinfo type='smbios'><system><entry name='uuid'>1</entry><entry name='family'>f</entry>\
        </system></sysinfo><devices>\
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
        <source file='/p/web.hostler-1'/><backingStore type='file'><source file='/p/web'/>\
        </backingStore><target dev='vda'/><wwn>5000</wwn></disk>\
        <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='b'/>\
        <virtualport type='openvswitch'><parameters interfaceid='i'/></virtualport></interface>\
        <serial type='pty'><log file='/l'/><target port='0'/></serial></devices>\
        <qemu:commandline/></domain>";

    fn clone() -> String {
        let vm: VmId = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".parse().unwrap();
        let disks = [Replaced {
            target: "vda".into(),
            path: "/p/web-2".into(),
            format: "raw".into(),
            chain: Some(Vec::new()),
        }];
        cloned(SOURCE, &Clone { vm, name: "web-2", disks: &disks }).unwrap()
    }

    #[test]
    fn e8_a_clone_is_its_source_but_for_what_only_one_may_have() {
        let xml = clone();
        let read = Domain::read(&xml).unwrap();
        let vm: VmId = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".parse().unwrap();
        assert_eq!((read.name.as_str(), read.tag), ("web-2", Some(Tag { vm })));
        assert_eq!(read.uuid, Some(vm.to_string()));
        assert_eq!(read.volumes, ["/p/web-2"], "neither its disk nor its variables");
        assert_eq!(read.nics[0].mac, None);
        for gone in ["52:54", "put-back", "/nv/", "/p/web.", "5000", "'i'", "/l", "name='uuid'"] {
            assert!(!xml.contains(gone), "{gone}: {xml}");
        }
        for kept in ["app:x", "qemu:commandline", "'family'", "shop", "<genid/>", "openvswitch"] {
            assert!(xml.contains(kept), "{kept}: {xml}");
        }
        let files = DiskFiles::read(&xml).unwrap();
        assert_eq!(
            (files.written[0].name.as_str(), files.written[0].format.as_str()),
            ("root", "raw")
        );
    }

    #[test]
    fn e8_what_both_would_write_to_is_named() {
        assert_eq!(shares(SOURCE), None);
        let with = |device: &str| SOURCE.replace("</devices>", &format!("{device}</devices>"));
        for (device, why) in [
            ("<hostdev mode='subsystem'/>", "passed through"),
            ("<filesystem type='mount'/>", "a folder"),
            ("<serial type='file'><source path='/x.log'/></serial>", "/x.log"),
        ] {
            assert!(shares(&with(device)).unwrap().contains(why), "{device}");
        }
    }
}
