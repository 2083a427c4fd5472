//! The partitions there are: few of them open at a time, damaged ones put aside, old
//! ones removed.
//!
//! ```text
//!  on disk ──get──► open ──used by nobody, others needed──► on disk
//!     │               │
//!     │ damaged       │ beyond retention, used by nobody
//!     ▼               ▼
//!  damaged/        gone-… ──► removed
//! ```

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::{Error, Fault, FindingKind, Findings, Result};
use super::partition::{Partition, PartitionId, Tier, Totals};

/// Partitions that are kept open though nobody reads them. More are open only while they
/// are being read.
const OPEN_MAX: usize = 6;

/// What begins the name of a partition that is being removed.
const GONE: &str = "gone-";
/// Where damaged partitions are put.
pub(super) const DAMAGED: &str = "damaged";

#[derive(Default)]
struct Slot {
    open: Option<Arc<Partition>>,
    /// When it was last asked for, by count.
    used: u64,
    totals: Totals,
}

#[derive(Default)]
struct Slots {
    slots: BTreeMap<PartitionId, Slot>,
    uses: u64,
}

/// All partitions of an archive.
pub(super) struct Partitions {
    directory: PathBuf,
    slots: Mutex<Slots>,
    findings: Arc<Mutex<Findings>>,
}

impl Partitions {
    /// Looks at every partition, so that damage is known from the beginning.
    pub(super) fn open(directory: PathBuf, findings: Arc<Mutex<Findings>>) -> Result<Self> {
        let all = Self { directory, slots: Mutex::default(), findings };
        let mut ids = Vec::new();
        for name in names(&all.directory)? {
            if name.starts_with(GONE) {
                remove(&all.directory.join(name))?;
            } else if let Some(id) = PartitionId::parse(&name) {
                ids.push(id);
            }
        }
        for id in &ids {
            all.lock().slots.insert(*id, Slot::default());
        }
        for id in ids {
            // What the machine does not let us read now is tried again when it is needed.
            let _ = all.get(id);
        }
        Ok(all)
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which there are, oldest first, by tier.
    pub(super) fn ids(&self, tier: Tier) -> Vec<PartitionId> {
        self.lock().slots.keys().filter(|id| id.tier == tier).copied().collect()
    }

    /// Those of a tier that a span of time touches, oldest first.
    pub(super) fn within(
        &self,
        tier: Tier,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Arc<Partition>>> {
        let ids = self.ids(tier);
        let touched = ids.into_iter().filter(|id| id.start_ms() <= to_ms && from_ms < id.end_ms());
        touched.filter_map(|id| self.get(id).transpose()).collect()
    }

    /// One that is there; `None` where it is not, or is damaged and was put aside.
    pub(super) fn get(&self, id: PartitionId) -> Result<Option<Arc<Partition>>> {
        let mut slots = self.lock();
        if !slots.slots.contains_key(&id) {
            return Ok(None);
        }
        match self.opened(&mut slots, id) {
            Ok(partition) => Ok(Some(partition)),
            Err(Fault::Passing(error)) => Err(error),
            Err(Fault::Damaged(why)) => self.put_aside(&mut slots, id, &why).map(|()| None),
        }
    }

    /// One to write to: a new one where none is, or where it is damaged.
    pub(super) fn get_or_begin(&self, id: PartitionId) -> Result<Arc<Partition>> {
        let mut slots = self.lock();
        slots.slots.entry(id).or_default();
        let fault = match self.opened(&mut slots, id) {
            Ok(partition) => return Ok(partition),
            Err(fault) => fault,
        };
        match fault {
            Fault::Passing(error) => Err(error),
            Fault::Damaged(why) => {
                self.put_aside(&mut slots, id, &why)?;
                slots.slots.entry(id).or_default();
                self.opened(&mut slots, id).map_err(|fault| match fault {
                    Fault::Passing(error) => error,
                    Fault::Damaged(why) => Error::Unavailable {
                        doing: format!("begin the history's partition {}", id.name()),
                        why,
                    },
                })
            }
        }
    }

    /// Opens it if it is not, and closes the longest unused beyond [`OPEN_MAX`].
    fn opened(&self, slots: &mut Slots, id: PartitionId) -> Result<Arc<Partition>, Fault> {
        slots.uses += 1;
        let uses = slots.uses;
        let Some(slot) = slots.slots.get_mut(&id) else {
            return Err(Fault::Damaged("it is not there".into()));
        };
        slot.used = uses;
        let partition = match &slot.open {
            Some(open) => open.clone(),
            None => {
                let open = Arc::new(Partition::open(&self.directory, id)?);
                slot.totals = open.totals();
                slot.open = Some(open.clone());
                open
            }
        };
        close_unused(slots);
        Ok(partition)
    }

    /// A partition turned out to be damaged in the midst of work. It is put aside as soon as
    /// nobody has it, unless it is only a part of it: then the rest goes on being read.
    pub(super) fn tell_damaged_chunk(&self, id: PartitionId, why: &str) {
        self.tell(FindingKind::DamagedChunk, id.name(), format!("part of it is lost: {why}"));
    }

    /// Closes one that nobody is reading, to be opened anew when it is needed: after a failed
    /// write nothing is known of it, and what a compaction replaced goes when it is opened.
    pub(super) fn close(&self, id: PartitionId) {
        if let Some(slot) = self.lock().slots.get_mut(&id)
            && let Some(open) = slot.open.take_if(|open| Arc::strong_count(open) == 1)
        {
            slot.totals = open.totals();
        }
    }

    fn put_aside(&self, slots: &mut Slots, id: PartitionId, why: &str) -> Result<()> {
        slots.slots.remove(&id);
        let aside = self.directory.join(DAMAGED);
        let move_it = || {
            std::fs::create_dir_all(&aside)?;
            let free = (0_u32..).map(|number| aside.join(format!("{}.{number}", id.name())));
            let to = free.into_iter().find(|to| !to.exists()).unwrap_or_else(|| aside.clone());
            std::fs::rename(self.directory.join(id.name()), to)?;
            std::fs::File::open(&self.directory)?.sync_all()
        };
        let moved: std::io::Result<()> = move_it();
        moved.map_err(|error| Error::io(format_args!("put {} aside", id.name()), &error))?;
        let lost = format!(
            "its days are lost from history; it lies in {DAMAGED}/ until retention takes it: {why}"
        );
        self.tell(FindingKind::DamagedPartition, id.name(), lost);
        Ok(())
    }

    fn tell(&self, kind: FindingKind, piece: String, lost: String) {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).add(kind, piece, lost);
    }

    /// Removes one that nobody is reading; says whether it is gone.
    pub(super) fn remove(&self, id: PartitionId) -> Result<bool> {
        let mut slots = self.lock();
        let Some(slot) = slots.slots.get_mut(&id) else { return Ok(true) };
        if slot.open.as_ref().is_some_and(|open| Arc::strong_count(open) > 1) {
            return Ok(false);
        }
        slots.slots.remove(&id);
        let (from, to) =
            (self.directory.join(id.name()), self.directory.join(format!("{GONE}{}", id.name())));
        let rename = std::fs::rename(&from, &to);
        drop(slots);
        rename.map_err(|error| Error::io(format_args!("remove {}", id.name()), &error))?;
        remove(&to)?;
        Ok(true)
    }

    /// Removes what was put aside of days that would be gone by now.
    pub(super) fn remove_damaged(&self, is_old: impl Fn(PartitionId) -> bool) -> Result<()> {
        let aside = self.directory.join(DAMAGED);
        for name in names(&aside)? {
            let id = name.rsplit_once('.').and_then(|(name, _)| PartitionId::parse(name));
            if id.is_some_and(&is_old) {
                remove(&aside.join(name))?;
            }
        }
        Ok(())
    }

    /// What each holds; what cannot be read now is left out.
    pub(super) fn totals(&self) -> Vec<(PartitionId, Totals)> {
        let slots = self.lock();
        let totals = slots
            .slots
            .iter()
            .map(|(id, slot)| (*id, slot.open.as_ref().map_or(slot.totals, |open| open.totals())));
        totals.collect()
    }

    /// The newest sample in any.
    pub(super) fn newest_ms(&self) -> Option<i64> {
        let totals = self.totals();
        let raw = totals.iter().filter(|(id, _)| id.tier == Tier::Raw);
        raw.filter_map(|(_, totals)| totals.span.map(|(_, newest)| newest)).max()
    }

    /// The room that one takes, in bytes.
    pub(super) fn bytes(&self, id: PartitionId) -> u64 {
        bytes_of(&self.directory.join(id.name()))
    }
}

fn close_unused(slots: &mut Slots) {
    let idle = |slot: &Slot| slot.open.as_ref().is_some_and(|open| Arc::strong_count(open) == 1);
    while slots.slots.values().filter(|slot| slot.open.is_some()).count() > OPEN_MAX {
        let idlest =
            slots.slots.values_mut().filter(|slot| idle(slot)).min_by_key(|slot| slot.used);
        let Some(slot) = idlest else { break };
        if let Some(open) = slot.open.take() {
            slot.totals = open.totals();
        }
    }
}

/// The names in a directory; none where it is not there.
fn names(directory: &Path) -> Result<Vec<String>> {
    let doing = || format!("read {}", directory.display());
    let list = match std::fs::read_dir(directory) {
        Ok(list) => list,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(doing(), &error)),
    };
    let names = list.map(|entry| entry.map(|entry| entry.file_name()));
    let names: std::io::Result<Vec<_>> = names.collect();
    let names = names.map_err(|error| Error::io(doing(), &error))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format_args!("remove {}", path.display()), &error))
        }
        _ => Ok(()),
    }
}

/// What a file or a directory takes on the disk: blocks, not lengths, since some files
/// are longer than what is in them.
pub(super) fn bytes_of(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return 0 };
    let own = metadata.blocks() * 512;
    if !metadata.is_dir() {
        return own;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return own };
    entries.flatten().map(|entry| bytes_of(&entry.path())).sum::<u64>() + own
}
