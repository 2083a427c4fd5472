//! Reads a host's capabilities: who it is and which guests it can run.

use hostler_core::host::GuestSupport;

use super::parse::{BadXml, Find, parse};

/// What a host says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// The host's UUID; the test driver has none.
    pub(crate) uuid: Option<String>,
    /// Its architecture.
    pub(crate) arch: Option<String>,
    /// The model of its processors, in libvirt's names.
    pub(crate) cpu_model: Option<String>,
    /// Its guests, one entry for each kind of operating system and architecture.
    pub(crate) guests: Vec<Guest>,
    /// Its memory nodes.
    pub(crate) cells: Vec<Cell>,
}

/// A memory node of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its number.
    pub(crate) id: u32,
    /// Its pages by size, the smallest first.
    pub(crate) pages: Vec<Pages>,
}

/// Pages of one size on a memory node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pages {
    /// The size of one.
    pub(crate) size_kib: u64,
    /// How many there are.
    pub(crate) count: u64,
}

impl Cell {
    /// Pages that are larger than the ordinary ones.
    pub(crate) fn huge_pages(&self) -> impl Iterator<Item = Pages> {
        self.pages.iter().copied().skip(1)
    }
}

/// One architecture of guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guest {
    /// `hvm`, `exe` (containers), `xen` …
    pub(crate) os_type: String,
    /// The guest's architecture.
    pub(crate) arch: String,
    /// `kvm`, `qemu`, `lxc`, `test` …
    pub(crate) kinds: Vec<String>,
    /// Machine types, aliases beside what they stand for.
    pub(crate) machines: Vec<Machine>,
}

/// A machine type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Its name, for example `q35`.
    pub(crate) name: String,
    /// What the name stands for now, for example `pc-q35-7.2`.
    pub(crate) canonical: Option<String>,
}

impl Guest {
    /// Whether it has that machine type, by either name.
    pub(crate) fn has_machine(&self, name: &str) -> bool {
        self.machines.iter().any(|m| m.name == name || m.canonical.as_deref() == Some(name))
    }
}

impl Capabilities {
    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        let document = parse(xml, "capabilities")?;
        let root = document.root_element();
        let host = root.get("host");
        let cpu = host.and_then(|h| h.get("cpu"));
        let guests = root.all("guest").filter_map(|guest| {
            let arch = guest.get("arch")?;
            let mut machines = Vec::new();
            // A kind may list machines of its own, which differ from the common ones.
            for list in [Some(arch)].into_iter().flatten().chain(arch.all("domain")) {
                for machine in list.all("machine") {
                    let Some(name) = machine.text() else { continue };
                    if !machines.iter().any(|m: &Machine| m.name == name) {
                        let canonical = machine.attr("canonical");
                        machines.push(Machine { name: name.to_owned(), canonical });
                    }
                }
            }
            Some(Guest {
                os_type: guest.text_of("os_type").unwrap_or_default().to_owned(),
                arch: arch.attr("name")?,
                kinds: arch.all("domain").filter_map(|d| d.attr("type")).collect(),
                machines,
            })
        });
        Ok(Self {
            uuid: host.and_then(|h| h.text_of("uuid")).map(str::to_owned),
            arch: cpu.and_then(|c| c.text_of("arch")).map(str::to_owned),
            cpu_model: cpu.and_then(|c| c.text_of("model")).map(str::to_owned),
            guests: guests.collect(),
            cells: host.map(cells).unwrap_or_default(),
        })
    }

    /// The same in the core's words.
    pub(crate) fn support(&self) -> Vec<GuestSupport> {
        let support = |guest: &Guest| GuestSupport {
            arch: guest.arch.clone(),
            hypervisors: guest.kinds.clone(),
            machines: guest.machines.iter().map(|m| m.name.clone()).collect(),
        };
        self.guests.iter().map(support).collect()
    }
}

fn cells(host: roxmltree::Node<'_, '_>) -> Vec<Cell> {
    let cells = host.get("topology").and_then(|topology| topology.get("cells"));
    let number = |node: roxmltree::Node<'_, '_>, name| node.attribute(name)?.parse::<u64>().ok();
    let pages = |cell: roxmltree::Node<'_, '_>| {
        let pages = cell.all("pages").filter(|pages| pages.attribute("unit") == Some("KiB"));
        let mut pages: Vec<_> = pages
            .filter_map(|pages| {
                let count = pages.text()?.trim().parse().ok()?;
                Some(Pages { size_kib: number(pages, "size")?, count })
            })
            .collect();
        pages.sort_by_key(|pages| pages.size_kib);
        pages
    };
    let cell = |node| {
        let id = u32::try_from(number(node, "id")?).ok()?;
        Some(Cell { id, pages: pages(node) })
    };
    cells.map(|cells| cells.all("cell").filter_map(cell).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "<capabilities><host><uuid>8a1d</uuid><cpu><arch>x86_64</arch>\
        <model>EPYC</model></cpu><topology><cells num='2'><cell id='0'>\
        <pages unit='KiB' size='2048'>7</pages><pages unit='KiB' size='4'>9</pages></cell>\
        <cell id='8'/></cells></topology></host>\
        <guest><os_type>hvm</os_type><arch name='x86_64'><wordsize>64</wordsize>\
        <emulator>/usr/bin/qemu-system-x86_64</emulator>\
        <machine maxCpus='255' canonical='pc-i440fx-7.2'>pc</machine>\
        <machine canonical='pc-q35-7.2'>q35</machine>\
        <domain type='qemu'/><domain type='kvm'><machine>microvm</machine></domain></arch></guest>\
        <guest><os_type>exe</os_type></guest></capabilities>";

    #[test]
    fn c1_guests_machines_and_kinds_are_read() {
        let read = Capabilities::read(HOST).unwrap();
        assert_eq!(read.uuid.as_deref(), Some("8a1d"));
        assert_eq!(read.cpu_model.as_deref(), Some("EPYC"));
        let [guest] = read.guests.as_slice() else { panic!("{read:?}") };
        assert_eq!(guest.kinds, ["qemu", "kvm"]);
        assert!(guest.has_machine("q35") && guest.has_machine("pc-q35-7.2"));
        assert!(guest.has_machine("microvm") && !guest.has_machine("virt"));
        assert_eq!(read.support()[0].machines, ["pc", "q35", "microvm"]);
    }

    #[test]
    fn memory_nodes_are_read_with_their_huge_pages() {
        let read = Capabilities::read(HOST).unwrap();
        let ids: Vec<_> = read.cells.iter().map(|cell| cell.id).collect();
        assert_eq!(ids, [0, 8]);
        let huge: Vec<_> = read.cells[0].huge_pages().collect();
        assert_eq!(huge, [Pages { size_kib: 2048, count: 7 }]);
        assert_eq!(read.cells[1].huge_pages().count(), 0);
    }

    #[test]
    fn x17_what_the_test_driver_does_not_say_is_absent() {
        let xml = "<capabilities><host><cpu><arch>i686</arch></cpu></host></capabilities>";
        let read = Capabilities::read(xml).unwrap();
        assert_eq!((read.uuid, read.cpu_model, read.guests.len()), (None, None, 0));
    }
}
