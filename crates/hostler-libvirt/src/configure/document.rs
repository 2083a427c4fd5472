//! The definition with what is wanted in it, and nothing else changed.
//!
//! What a part is to look like is taken from the document that would be made for the wanted
//! specification; where it goes is found in the document that is there.

use hostler_core::vm::VmSpec;
use hostler_core::vm::change::ChangePlan;
use hostler_core::vm::devices::BootDevice;
use hostler_provider::{Error, Kind, Result};
use roxmltree::Node;

use crate::xml::domain::facets::is_agent;
use crate::xml::edit::{BadEdit, Edits};
use crate::xml::element::Element;
use crate::xml::parse::{Find, parse};

/// Where a disk of the specification is in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bootable {
    /// Its name in the specification.
    pub(super) name: String,
    /// What the document may call its bytes.
    pub(super) sources: Vec<String>,
}

/// What is to be made of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// What the VM is to be.
    pub(super) spec: &'a VmSpec,
    /// What of that it is not.
    pub(super) plan: &'a ChangePlan,
    /// The document that would be made for it, without disks.
    pub(super) made: &'a Element,
    /// The disks, where the order at boot is to be another one.
    pub(super) disks: &'a [Bootable],
}

/// The document with all changes of the plan in it.
pub(super) fn edited(text: &str, wanted: &Wanted<'_>) -> Result<String> {
    let senseless = |bad: &dyn std::fmt::Display| {
        Error::new(Kind::Bug, "the VM's definition makes no sense").with_raw(bad)
    };
    let document = parse(text, "domain").map_err(|bad| senseless(&bad))?;
    let root = document.root_element();
    let Some(devices) = root.get("devices") else {
        return Err(senseless(&"it has no devices"));
    };
    let mut editing = Editing { wanted, root, devices, edits: Edits::of(text) };
    let all = editing.all().map_err(bad_edit)?;
    if let Some(missing) = all {
        let message = format!("the VM's definition has no disk \"{missing}\" to boot from");
        return Err(Error::new(Kind::Invalid, message));
    }
    editing.edits.made().map_err(bad_edit)
}

fn bad_edit(bad: BadEdit) -> Error {
    let kind = match bad {
        BadEdit::Character(_) => Kind::Invalid,
        BadEdit::Overlap | BadEdit::Misplaced => Kind::Bug,
    };
    Error::new(kind, bad.to_string())
}

struct Editing<'e, 'a> {
    wanted: &'e Wanted<'e>,
    root: Node<'e, 'e>,
    devices: Node<'e, 'e>,
    edits: Edits<'a>,
}

impl Editing<'_, '_> {
    /// Whether the plan changes this field, or one within it.
    fn changes(&self, field: &str) -> bool {
        let is_it = |path: &str| {
            path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.wanted.plan.changes.iter().any(|change| is_it(&change.field.path))
    }

    /// Makes all changes; a disk that was to be booted from and is not there, if so.
    fn all(&mut self) -> Result<Option<String>, BadEdit> {
        let spec = self.wanted.spec;
        if self.changes("/description") {
            let text = Element::text("description", &spec.description);
            let wanted = (!spec.description.is_empty()).then_some(&text);
            self.edits.child(self.root, "description", wanted)?;
        }
        self.size()?;
        self.machine()?;
        self.processor()?;
        self.devices()?;
        if self.changes("/nics") {
            self.nics()?;
        }
        if self.changes("/boot") { self.boot() } else { Ok(None) }
    }

    fn size(&mut self) -> Result<(), BadEdit> {
        let made = self.wanted.made;
        if self.changes("/memory/bytes") {
            for name in ["memory", "currentMemory"] {
                let Some(made) = made.get(name) else { continue };
                let Some(there) = self.root.get(name) else {
                    self.edits.append(self.root, made)?;
                    continue;
                };
                self.edits.set_text(there, made.content().unwrap_or_default())?;
                self.edits.set_attribute(there, "unit", made.value("unit"))?;
            }
        }
        if self.changes("/memory/hugepages") {
            let pages = Element::new("hugepages");
            match (self.root.get("memoryBacking"), self.wanted.spec.memory.hugepages) {
                (Some(backing), wanted) => {
                    self.edits.child(backing, "hugepages", wanted.then_some(&pages))?;
                }
                (None, true) => {
                    self.edits.append(self.root, &Element::new("memoryBacking").child(pages))?;
                }
                (None, false) => {}
            }
        }
        if self.changes("/cpu/count") || self.changes("/cpu/max_count") {
            if let (Some(there), Some(made)) = (self.root.get("vcpu"), made.get("vcpu")) {
                self.edits.set_text(there, made.content().unwrap_or_default())?;
                self.edits.set_attribute(there, "current", made.value("current"))?;
            }
            // It says of each single one whether it is on: of as many as there were.
            self.edits.child(self.root, "vcpus", None)?;
        }
        Ok(())
    }

    fn machine(&mut self) -> Result<(), BadEdit> {
        let made = self.wanted.made;
        if self.changes("/machine/accelerator") {
            self.edits.set_attribute(self.root, "type", made.value("type"))?;
        }
        if self.changes("/machine/kind") {
            let there = self.root.get("os").and_then(|os| os.get("type"));
            let machine = made.get("os").and_then(|os| os.get("type")?.value("machine"));
            if let (Some(there), Some(machine)) = (there, machine) {
                self.edits.set_attribute(there, "machine", Some(machine))?;
            }
        }
        Ok(())
    }

    /// What is asked of the processor; nodes of memory and caches stay.
    fn processor(&mut self) -> Result<(), BadEdit> {
        if !["/cpu/mode", "/cpu/topology", "/cpu/features"].iter().any(|f| self.changes(f)) {
            return Ok(());
        }
        let made = self.wanted.made.get("cpu");
        let Some(there) = self.root.get("cpu") else {
            return made.map_or(Ok(()), |made| self.edits.append(self.root, made));
        };
        for name in ["mode", "match", "check"] {
            self.edits.set_attribute(there, name, made.and_then(|cpu| cpu.value(name)))?;
        }
        for name in ["model", "topology"] {
            self.edits.child(there, name, made.and_then(|cpu| cpu.get(name)))?;
        }
        // Of a mode that was: with the next one they mean nothing, or are refused.
        self.edits.set_attribute(there, "migratable", None)?;
        self.edits.child(there, "vendor", None)?;
        self.edits.child(there, "feature", None)?;
        for feature in made.into_iter().flat_map(|cpu| cpu.all("feature")) {
            self.edits.append(there, feature)?;
        }
        Ok(())
    }

    fn devices(&mut self) -> Result<(), BadEdit> {
        let Some(made) = self.wanted.made.get("devices") else { return Ok(()) };
        for (field, name) in [
            ("/rng", "rng"),
            ("/balloon", "memballoon"),
            ("/tpm", "tpm"),
            ("/watchdog", "watchdog"),
            ("/panic", "panic"),
            ("/graphics", "graphics"),
        ] {
            if self.changes(field) {
                self.edits.child(self.devices, name, made.get(name))?;
            }
        }
        // Nobody chose a card: it is the one that fits the display.
        let follows = self.changes("/graphics") && self.wanted.spec.video.is_none();
        if self.changes("/video") || follows {
            self.edits.child(self.devices, "video", made.get("video"))?;
        }
        if self.changes("/graphics") && self.devices.get("graphics").is_none() {
            for input in made.all("input") {
                self.edits.append(self.devices, input)?;
            }
        }
        if self.changes("/panic") {
            self.edits.child(self.root, "on_crash", self.wanted.made.get("on_crash"))?;
        }
        if self.changes("/guest_agent") {
            let agent = |c: &Node<'_, '_>| c.get("target").is_some_and(is_agent);
            let there = self.devices.all("channel").find(agent);
            match there {
                Some(there) if !self.wanted.spec.guest_agent => self.edits.remove(there),
                None => self.add_all(made, "channel")?,
                Some(_) => {}
            }
        }
        if self.changes("/serial_console") {
            for name in ["serial", "console"] {
                self.edits.child(self.devices, name, None)?;
                self.add_all(made, name)?;
            }
        }
        Ok(())
    }

    fn add_all(&mut self, made: &Element, name: &str) -> Result<(), BadEdit> {
        made.all(name).try_for_each(|added| self.edits.append(self.devices, added))
    }

    /// Interfaces by their numbers: each keeps its place, and what is not asked about it.
    fn nics(&mut self) -> Result<(), BadEdit> {
        let Some(made) = self.wanted.made.get("devices") else { return Ok(()) };
        let there: Vec<_> = self.devices.all("interface").collect();
        let wanted: Vec<_> = made.all("interface").collect();
        let has_length = self.wanted.plan.changes.iter().any(|c| c.field.path == "/nics");
        for (index, made) in wanted.iter().enumerate() {
            let Some(there) = there.get(index).copied() else {
                self.edits.append(self.devices, made)?;
                continue;
            };
            let field = format!("/nics/{index}");
            let changes = |part: &str| has_length || self.changes(&format!("{field}/{part}"));
            let (source, model, mac, link) =
                (changes("source"), changes("model"), changes("mac"), changes("link_up"));
            if source && !has_source(there, made) {
                self.edits.set_attribute(there, "type", made.value("type"))?;
                self.edits.child(there, "source", made.get("source"))?;
            }
            if model {
                self.edits.child(there, "model", made.get("model"))?;
            }
            // Where none is asked for it keeps the one that it was given.
            if let Some(address) = made.get("mac").filter(|_| mac) {
                self.edits.child(there, "mac", Some(address))?;
            }
            if link {
                self.edits.child(there, "link", made.get("link"))?;
            }
        }
        there.iter().skip(wanted.len()).for_each(|more| self.edits.remove(*more));
        Ok(())
    }

    /// Numbers the devices anew; `Some` names a disk that is not there.
    fn boot(&mut self) -> Result<Option<String>, BadEdit> {
        let order = boot_order(self.wanted.spec);
        // Those that are more than are wanted go.
        let kept = self.wanted.spec.nics.len();
        let nics: Vec<_> = self.devices.all("interface").take(kept).collect();
        let disks: Vec<_> = self.devices.all("disk").collect();
        let mut numbered = Vec::new();
        for (index, device) in order.iter().enumerate() {
            let node = match device {
                BootDevice::Nic(number) => nics.get(*number as usize).copied(),
                BootDevice::Disk(name) => match self.disk(&disks, name) {
                    None => return Ok(Some(name.clone())),
                    found => found,
                },
            };
            numbered.extend(node.map(|node| (node, index + 1)));
        }
        for node in nics.iter().chain(&disks) {
            let number = numbered.iter().find(|(there, _)| there == node).map(|(_, n)| n);
            let boot = number.map(|number| Element::new("boot").attribute("order", number));
            self.edits.child(*node, "boot", boot.as_ref())?;
        }
        // The older way of saying it excludes this one.
        match self.root.get("os") {
            Some(os) => self.edits.child(os, "boot", None).map(|()| None),
            None => Ok(None),
        }
    }

    fn disk<'n>(&self, disks: &[Node<'n, 'n>], name: &str) -> Option<Node<'n, 'n>> {
        let sources = &self.wanted.disks.iter().find(|disk| disk.name == name)?.sources;
        let is_it = |disk: &&Node<'_, '_>| {
            let Some(source) = disk.get("source") else { return false };
            let of_pool = source.attr("pool").zip(source.attr("volume"));
            let named = of_pool.map(|(pool, volume)| format!("{pool}/{volume}"));
            let paths = ["file", "dev"].iter().filter_map(|name| source.attr(name));
            paths.chain(named).any(|there| sources.contains(&there))
        };
        disks.iter().find(is_it).copied()
    }
}

/// Whether it comes from there already; the rest of what is said of that stays then.
fn has_source(there: Node<'_, '_>, made: &Element) -> bool {
    let of = |name| there.get("source").and_then(|source| source.attribute(name));
    let wanted = |name| made.get("source").and_then(|source| source.value(name));
    there.attribute("type") == made.value("type")
        && ["network", "bridge", "dev"].into_iter().all(|name| of(name) == wanted(name))
}

/// As the specification says; where it says nothing, disks in their order.
fn boot_order(spec: &VmSpec) -> Vec<BootDevice> {
    if spec.boot.is_empty() {
        spec.disks.iter().map(|disk| BootDevice::Disk(disk.name.clone())).collect()
    } else {
        spec.boot.clone()
    }
}

#[cfg(test)]
mod tests;
