//! Disks of VMs that exist (E8, C7): what a provider tells of each, and whether one can be
//! added or taken off at all. Pure; doing it is a driver's business.
//!
//! ```text
//!  asked: a DiskSpec under a fresh mark
//!    │ DiskLimits::refuses, pure
//!    ▼
//!  attaching ──► attached ──► detaching ──► gone; its volume stays
//!       └──► failed ──────────────┘
//! ```
//!
//! An attachment bears a mark that no other one ever has, so that what was to take it off
//! and comes late never takes off a newer one of the same name (F30).

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Code, Error, Fault, Result};
use crate::vm::PowerState;
use crate::vm::VmSpec;
use crate::vm::check::{DEVICES_MAX, SEED_DISK};
use crate::vm::devices::{
    BootDevice, CacheMode, DiskBus, DiskDevice, DiskSource, DiskSpec, VolumeFormat,
};
use crate::vm::lifecycle::Denial;

/// How many digits a mark has.
const MARK_LEN: usize = 12;

/// What one attachment bears and no other one ever does: twelve hexadecimal digits, short
/// enough to be a part of the names that providers allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DiskMark(String);

impl DiskMark {
    /// The mark made of an id that was never used for another one.
    pub fn of(id: Uuid) -> Self {
        let digits = id.simple().to_string();
        // The last digits of a time-ordered id are its random part.
        Self(digits.get(digits.len() - MARK_LEN..).unwrap_or(&digits).to_owned())
    }

    /// The mark written as `text`, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == MARK_LEN && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DiskMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DiskMark {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a mark is twelve small hexadecimal digits")
    }
}

impl From<DiskMark> for String {
    fn from(mark: DiskMark) -> Self {
        mark.0
    }
}

/// How far an attachment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiskState {
    /// The guest does not have it yet.
    Attaching,
    /// The guest has it; or the VM is off, and will have it when it starts.
    Attached,
    /// The guest was asked to give it up, and has not yet.
    Detaching,
    /// It could not be attached.
    Failed,
    /// The provider does not tell.
    Unknown,
}

impl DiskState {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Detaching => "detaching",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// A volume, as its provider names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VolumeName {
    /// The pool it is in.
    pub pool: String,
    /// Its name there.
    pub volume: String,
}

/// A disk of a VM, as its provider tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedDisk {
    /// The provider's lasting name for this attachment, among those of its VM.
    pub external_ref: String,
    /// Its name for people: as it was asked for, else the provider's own.
    pub name: String,
    /// Our mark, where it was added to a VM that was there.
    pub mark: Option<DiskMark>,
    /// How far it is.
    pub state: DiskState,
    /// Why it failed or waits, in the provider's words.
    pub message: Option<String>,
    /// `disk`, `cdrom`, `lun` …, as the provider says.
    pub device: String,
    /// The bus the guest sees, where the provider says it.
    pub bus: Option<String>,
    /// The volume behind it, where it is one of a pool.
    pub volume: Option<VolumeName>,
    /// Where its bytes are otherwise: a path, an URL without secrets.
    pub source: Option<String>,
    /// The size the guest sees, in bytes.
    pub capacity_bytes: Option<u64>,
    /// Whether the guest may only read.
    pub read_only: bool,
    /// Why it cannot be taken off, in the state that the VM is in.
    pub fixed: Option<String>,
}

/// What can be done about the disks of VMs that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLimits {
    /// On which buses a disk can be added to a VM that is on, and taken off it; the first
    /// is taken where none is asked for. Empty: it has to be stopped.
    pub live_buses: Vec<DiskBus>,
    /// Whether a CD-ROM drive can be added to a VM that is on.
    pub live_cdrom: bool,
    /// Whether disks can be added and taken off while the VM is off.
    pub offline: bool,
    /// On which buses a disk can be added to a VM that is off; the first is taken where none is
    /// asked for.
    pub offline_buses: Vec<DiskBus>,
    /// Whether a CD-ROM drive can be added to a VM that is off.
    pub offline_cdrom: bool,
    /// How many disks a VM can have.
    pub max_per_vm: u32,
    /// In which formats volumes are made for disks; the first is taken where none is asked for.
    pub formats: Vec<VolumeFormat>,
    /// Whether a volume can be made of an image of Hostler's catalogue.
    pub images: bool,
    /// Which ways of caching can be asked for.
    pub caches: Vec<CacheMode>,
    /// Whether it can be asked that what the guest discards is freed.
    pub discard: bool,
    /// Whether a volume that another VM has can be added for reading only.
    pub shares: bool,
}

impl DiskLimits {
    /// Why such a disk cannot be added to a VM in this state that has so many, if so.
    pub fn refuses(&self, disk: &DiskSpec, power: PowerState, existing: usize) -> Option<Denial> {
        let lacks = |message: String| Some(Denial::new(Code::CapabilityMissing, message));
        if existing >= self.max_per_vm as usize {
            let message = format!(
                "the VM has {existing} disks, and can have {}; detach one first",
                self.max_per_vm
            );
            return Some(Denial::new(Code::LimitExceeded, message));
        }
        if let Some(denial) = self.refuses_in(power) {
            return Some(denial);
        }
        if let Some(message) = self.never_makes(disk) {
            return lacks(message);
        }
        if let Some(message) = self.adds_no(disk.device, power.is_live()) {
            return lacks(message);
        }
        let (buses, state) = match power.is_live() {
            true => (&self.live_buses, "on"),
            false => (&self.offline_buses, "off"),
        };
        let bus = disk.bus.filter(|bus| !buses.contains(bus))?;
        // What a VM that is off would take, too.
        let stop = power.is_live() && self.offline && self.offline_buses.contains(&bus);
        lacks(format!(
            "its provider adds no {} disk to a VM that is {state}; ask for {}{}",
            bus.as_str(),
            listed(buses, |bus| bus.as_str()),
            if stop { ", or stop it first" } else { "" }
        ))
    }

    /// Why no such drive is added to a VM that is on, or off.
    fn adds_no(&self, device: DiskDevice, is_on: bool) -> Option<String> {
        if device != DiskDevice::Cdrom {
            return None;
        }
        let words = match (is_on, self.live_cdrom, self.offline && self.offline_cdrom) {
            (true, true, _) | (false, _, true) => return None,
            (true, false, true) => "to a VM that is on; stop it first",
            (false, true, false) => "to a VM that is off; start it first",
            (_, false, false) => "to a VM that exists; make the VM with it",
        };
        Some(format!("its provider adds no CD-ROM drive {words}"))
    }

    /// Why such a disk is not to be had in any state of the VM, if so.
    fn never_makes(&self, disk: &DiskSpec) -> Option<String> {
        let format = match &disk.source {
            DiskSource::Image { .. } if !self.images => {
                let words = "its provider makes no disk of an image; name a volume with its bytes";
                return Some(words.to_owned());
            }
            DiskSource::Empty { format, .. } | DiskSource::Image { format, .. } => *format,
            DiskSource::Volume { .. } | DiskSource::NoMedia {} => None,
        };
        if let Some(format) = format.filter(|format| !self.formats.contains(format)) {
            return Some(format!(
                "its provider keeps no disk as {}; ask for the format {}",
                format.as_str(),
                listed(&self.formats, |format| format.as_str())
            ));
        }
        if let Some(cache) = disk.cache.filter(|cache| !self.caches.contains(cache)) {
            let others = match self.caches.as_slice() {
                [] => "leave it to the provider".to_owned(),
                caches => format!("ask for {}", listed(caches, |cache| cache.as_str())),
            };
            return Some(format!("its provider caches no disk by {}; {others}", cache.as_str()));
        }
        (disk.discard && !self.discard).then(|| {
            "its provider cannot be asked to free what a disk's guest discards; leave that out"
                .to_owned()
        })
    }

    /// Why no disk can be taken off a VM in this state, if so.
    pub fn refuses_in(&self, power: PowerState) -> Option<Denial> {
        let wrong = |message: &str| Some(Denial::new(Code::VmWrongState, message));
        if power.is_live() && self.live_buses.is_empty() {
            return wrong("its provider changes disks of stopped VMs only; stop it first");
        }
        if !power.is_live() && !self.offline {
            return wrong("its provider changes disks of running VMs only; start it first");
        }
        None
    }
}

/// Words with `or` between them.
fn listed<T>(all: &[T], word: impl Fn(&T) -> &'static str) -> String {
    all.iter().map(word).collect::<Vec<_>>().join(" or ")
}

/// Checks a disk that is to be added to a VM: by itself, against what is asked of the VM,
/// and against the names of the disks that it has.
///
/// # Errors
/// `spec_invalid` with all faults at once, `disk_exists`, `limit_exceeded`.
pub fn check_addition(spec: &VmSpec, existing: &[AttachedDisk], disk: &DiskSpec) -> Result<()> {
    let mut alone = VmSpec::new("vm", spec.memory.bytes.max(crate::vm::check::MEMORY_MIN_BYTES));
    alone.disks.push(disk.clone());
    if let Err(error) = alone.check() {
        let faults = error.fault_list().iter().map(|fault| {
            let pointer = fault.pointer.strip_prefix("/disks/0").unwrap_or(&fault.pointer);
            Fault::new(pointer, &fault.code, fault.detail.clone())
        });
        return Err(Error::faults(Code::SpecInvalid, faults.collect::<Vec<_>>()));
    }
    if matches!(disk.source, DiskSource::NoMedia {}) {
        let detail = "an empty drive is of no use to a VM that exists: media cannot be put in";
        let fault = Fault::new("/source/no_media", "useless", detail);
        return Err(Error::faults(Code::SpecInvalid, vec![fault]));
    }
    let asked = spec.disks.iter().map(|there| there.name.as_str());
    let seen = existing.iter().map(|there| there.name.as_str());
    if asked.chain(seen).any(|name| name == disk.name) {
        let message = format!("the VM has a disk \"{}\" already", disk.name);
        return Err(Error::new(Code::DiskExists, message));
    }
    if spec.disks.len() >= DEVICES_MAX {
        let message = format!("the VM has {DEVICES_MAX} disks, and can have no more");
        return Err(Error::new(Code::LimitExceeded, message));
    }
    Ok(())
}

/// Why a disk of a VM in this state has to stay, if so: its guest runs from it, or the VM
/// cannot be without it. `first` is the name of the first disk that the VM is seen to have,
/// which it boots from where nothing else is asked.
pub fn needed(spec: &VmSpec, disk: &str, first: Option<&str>, power: PowerState) -> Option<Denial> {
    if disk == SEED_DISK {
        let message = "it holds what cloud-init reads, and goes together with the VM";
        return Some(Denial::new(Code::DiskNeeded, message));
    }
    let boots = spec.boot.iter().find_map(|device| match device {
        BootDevice::Disk(name) => Some(name.as_str()),
        BootDevice::Nic(_) => None,
    });
    let boots = boots.or_else(|| spec.disks.first().map(|disk| disk.name.as_str())).or(first);
    (power.is_live() && boots == Some(disk)).then(|| {
        let message = "the VM boots from it and may not go on without it; stop it first";
        Denial::new(Code::DiskNeeded, message)
    })
}

impl VmSpec {
    /// The same with this disk, in the place of one of that name or as the last.
    pub fn with_disk(&mut self, disk: DiskSpec) {
        match self.disks.iter_mut().find(|there| there.name == disk.name) {
            Some(there) => *there = disk,
            None => self.disks.push(disk),
        }
    }

    /// The same without the disk of that name, which nothing is tried to boot from either.
    pub fn without_disk(&mut self, name: &str) {
        self.disks.retain(|disk| disk.name != name);
        self.boot.retain(|device| *device != BootDevice::Disk(name.to_owned()));
    }
}

#[cfg(test)]
mod tests;
