//! A page of `/metrics`: what was measured of many things, put together family
//! by family in the order of the catalogue, as readers ask for it.
//!
//! What would spoil the page for its reader is left out and counted: a value
//! that is none, a series that is there twice, more series than the limit.

use std::collections::{BTreeMap, HashSet};

use super::exposition::{Format, Writer};
use super::{Labels, Metric, Point};

/// The most series of a page. Ten thousand VMs with a hundred series each.
pub const SERIES_MAX: usize = 1_000_000;

/// A label of a thing, before the metric's own.
pub type OwnerLabel<'a> = (&'a str, &'a str);

/// A page in the making.
#[derive(Debug)]
pub struct Page<'a> {
    families: BTreeMap<Metric, Vec<(usize, &'a Labels, f64)>>,
    owners: Vec<Vec<OwnerLabel<'a>>>,
    series: usize,
    series_max: usize,
    dropped: Dropped,
}

/// Series that were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Beyond the limit.
    pub too_many: u64,
    /// With a value that is none, or labels that are not those of the metric.
    pub unsound: u64,
    /// There twice; one of them is on the page.
    pub twice: u64,
}

impl<'a> Page<'a> {
    /// An empty page for at most that many series.
    pub const fn new(series_max: usize) -> Self {
        Self {
            families: BTreeMap::new(),
            owners: Vec::new(),
            series: 0,
            series_max,
            dropped: Dropped { too_many: 0, unsound: 0, twice: 0 },
        }
    }

    /// Adds what was measured of one thing.
    pub fn add(&mut self, owner: Vec<OwnerLabel<'a>>, points: impl IntoIterator<Item = &'a Point>) {
        let index = self.owners.len();
        self.owners.push(owner);
        for point in points {
            if !point.is_sound() {
                self.dropped.unsound += 1;
            } else if self.series == self.series_max {
                self.dropped.too_many += 1;
            } else {
                self.series += 1;
                let family = self.families.entry(point.metric).or_default();
                family.push((index, &point.labels, point.value));
            }
        }
    }

    /// How many series it has.
    pub const fn len(&self) -> usize {
        self.series
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.series == 0
    }

    /// Writes it; tells what was left out.
    pub fn write(mut self, writer: &mut Writer) -> Dropped {
        for (metric, series) in &self.families {
            let family = metric.family();
            writer.family(&family.into());
            let mut seen = HashSet::with_capacity(series.len());
            for (owner, labels, value) in series {
                let owner = self.owners.get(*owner).map_or(&[][..], Vec::as_slice);
                if !seen.insert((owner, *labels)) {
                    self.dropped.twice += 1;
                    continue;
                }
                let own = family.labels.iter().copied();
                let own = own.zip(labels.values().iter().map(|value| &**value));
                writer.sample(family.name, owner.iter().copied().chain(own), *value);
            }
        }
        self.dropped
    }

    /// The whole page as a text.
    pub fn text(self, format: Format) -> String {
        let mut writer = Writer::new(format);
        self.write(&mut writer);
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn owner<'a>(vm: &'a str, host: &'a str) -> Vec<OwnerLabel<'a>> {
        vec![("vm", vm), ("host", host)]
    }

    #[test]
    fn a_family_is_told_once_with_all_its_series() {
        let read =
            |device: &str| Point::labelled(Metric::VmDiskReadBytesTotal, Labels::one(device), 1.0);
        let (web, db) =
            (vec![read("vda"), read("vdb")], vec![read("vda"), Point::plain(Metric::VmVcpus, 2.0)]);
        let mut page = Page::new(SERIES_MAX);
        page.add(owner("web", "h1"), &web);
        page.add(owner("db", ""), &db);
        assert_eq!(page.len(), 4);
        expect![[r#"
            # HELP hostler_vm_vcpus Virtual processors online now
            # TYPE hostler_vm_vcpus gauge
            hostler_vm_vcpus{vm="db"} 2
            # HELP hostler_vm_disk_read_bytes_total Bytes the VM read from this disk
            # TYPE hostler_vm_disk_read_bytes_total counter
            hostler_vm_disk_read_bytes_total{vm="web",host="h1",device="vda"} 1
            hostler_vm_disk_read_bytes_total{vm="web",host="h1",device="vdb"} 1
            hostler_vm_disk_read_bytes_total{vm="db",device="vda"} 1
        "#]]
        .assert_eq(&page.text(Format::Text));
    }

    #[test]
    fn a33_what_would_spoil_the_page_is_left_out_and_counted() {
        let unsound = [Point::plain(Metric::VmVcpus, f64::NAN)];
        let sound = [Point::plain(Metric::VmVcpus, 1.0)];
        let mut page = Page::new(3);
        page.add(owner("a", ""), &unsound);
        page.add(owner("a", ""), &sound);
        page.add(owner("a", ""), &sound);
        page.add(owner("b", ""), &sound);
        page.add(owner("c", ""), &sound);
        let mut writer = Writer::new(Format::Text);
        let dropped = page.write(&mut writer);
        assert_eq!(dropped, Dropped { too_many: 1, unsound: 1, twice: 1 });
        let text = writer.finish();
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 2, "{text}");
    }
}
