//! Adding a disk.
//!
//! ```text
//!   there by its mark, or by its name with this volume? ─ yes, everywhere ─► success
//!      │ no                                             └ in one document ─► the other is mended
//!   limits · the VM's state · room ─ no ─► refused, with what to do instead
//!      │ yes
//!   volume found and judged ─► SCSI controller, where one is needed
//!      │
//!   attached to what runs and to the definition in one call ─► read back
//! ```
//!
//! libvirt changes the definition only after the running guest has the device, and says so as
//! one: a refusal leaves neither.

use hostler_core::Code;
use hostler_core::disk::AttachedDisk;
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::{DiskBus, DiskDevice, DiskSource, VolumeFormat};
use hostler_libvirt_rpc::flags::modify;
use hostler_provider::{AttachDisk, Change, Cx, DiskHandle, DiskRef, Error, Kind, Result};

use super::look::{Look, Pair};
use super::{alias, limits};
use crate::connection::{Link, reference};
use crate::storage::made_as;
use crate::xml::domain::disks::{self, Slot};
use crate::xml::domain::platform::Platform;
use crate::xml::domain::{Place, Placed};

/// Units of a paravirtual SCSI controller that libvirt's numbers reach.
const UNITS: u32 = 256;

/// Adds a disk unless it is there.
pub(super) async fn attach(link: &Link, cx: &Cx, request: &AttachDisk<'_>) -> Result<DiskHandle> {
    let doing = format!("cannot attach disk \"{}\" to {}", request.disk.name, request.vm);
    // Names of devices, units and volumes are chosen by what is there: nobody of ours may
    // change it between the look and the call.
    let _one_at_a_time = cx.run(&doing, async { Ok(link.defining.lock().await) }).await?;
    let look = link.look_at_disks(cx, &doing, request.vm).await?;
    let job = Plugging { link, cx, request, doing, look };
    match job.run().await {
        // What an earlier call asked may come in between, and be in the way itself.
        Err(error) if !error.is_unknown() && error.kind() != Kind::Cancelled => {
            let seen = job.read_back().await.ok();
            seen.map(|seen| DiskHandle { disk: DiskRef::of(&seen), created: false }).ok_or(error)
        }
        ended => ended,
    }
}

/// One disk that is added.
struct Plugging<'a> {
    link: &'a Link,
    cx: &'a Cx,
    request: &'a AttachDisk<'a>,
    doing: String,
    look: Look,
}

impl Plugging<'_> {
    async fn run(&self) -> Result<DiskHandle> {
        let names = self.names_of_volume().await?;
        if let Some(pair) = self.there(&names)? {
            if self.look.lacks(pair) != (false, false) {
                return self.complete(pair).await;
            }
            let seen = self.look.tell(pair).ok_or_else(|| self.error(Kind::Bug, "it is none"))?;
            return Ok(DiskHandle { disk: DiskRef::of(&seen), created: false });
        }
        self.check()?;
        let placed = self.placed().await?;
        let bus = disks::bus_of(self.request.disk);
        let unit = match bus {
            DiskBus::Scsi => Some(self.unit().await?),
            _ => None,
        };
        let taken = |name: &str| self.look.layouts().any(|layout| layout.has_target(name));
        let slot = Slot {
            target: disks::free_target(bus, taken),
            alias: alias::of(&self.request.disk.name, self.request.mark),
            unit,
        };
        self.put(&placed, &slot, self.all()).await
    }

    /// What a domain may call the volume.
    async fn names_of_volume(&self) -> Result<Vec<String>> {
        let volume = self.request.volume;
        let pool = self.link.pool_named(self.cx, &volume.pool).await?;
        let found = self.link.find_volume(self.cx, &pool, &volume.name).await?;
        let missing = || self.error(Kind::NotFound, &format!("there is no volume {volume}"));
        let read = self.link.volume(self.cx, &found.ok_or_else(missing)?).await?;
        Ok(read.names(&pool.name))
    }

    /// The attachment that is asked for, where it is there.
    fn there(&self, volume: &[String]) -> Result<Option<Pair<'_>>> {
        let pairs = self.look.pairs();
        let (mark, name) = (self.request.mark, &self.request.disk.name);
        if let Some(marked) = pairs.iter().find(|pair| pair.mark().as_ref() == Some(mark)) {
            return Ok(Some(*marked));
        }
        let named = pairs.into_iter().find(|pair| pair.name().as_ref() == Some(name));
        let Some(named) = named else { return Ok(None) };
        let source = named.any().and_then(|disk| disk.source.as_ref());
        if source.is_none_or(|source| !volume.contains(source)) {
            return Err(self.error(Kind::Conflict, "the VM has another disk of that name"));
        }
        match self.look.lacks(named) {
            (false, false) => Ok(Some(named)),
            (true, _) => {
                let what = "the VM has one of that name from its next start on; detach it first";
                Err(self.error(Kind::Conflict, what))
            }
            (_, true) => {
                let what = "the guest was asked to give one of that name up, and has not yet";
                Err(self.error(Kind::Conflict, what))
            }
        }
    }

    /// Refuses what cannot be, whichever volume it is.
    fn check(&self) -> Result<()> {
        let (disk, power) = (self.request.disk, self.look.state.power);
        let existing = self.look.pairs().len();
        if let Some(denial) = limits().refuses(disk, power, existing) {
            let kind = match denial.code {
                Code::VmWrongState => Kind::Conflict,
                _ => Kind::Unsupported,
            };
            return Err(self.error(kind, &denial.message).with_code(denial.code));
        }
        self.look.check_state(&self.doing, false)?;
        if let Some(layout) = self.look.layouts().next() {
            let Some(kind) = Some(layout.kind.clone()).filter(|kind| !kind.is_empty()) else {
                return Err(self.error(Kind::Bug, "its configuration does not say what it is"));
            };
            let platform =
                Platform { arch: layout.arch.clone(), machine: layout.machine.clone(), kind };
            let mut alone = VmSpec::new("vm", 1 << 30);
            alone.disks.push(disk.clone());
            alone.disks.iter_mut().for_each(|disk| disk.bus = Some(disks::bus_of(disk)));
            platform.check(&alone).map_err(|error| error.context(&self.doing))?;
        }
        match disks::bus_of(disk) {
            DiskBus::Virtio => self.check_port("ask for the bus scsi or usb"),
            _ => Ok(()),
        }
    }

    /// Refuses where what runs has no place for a device more: ports cannot be added to it.
    fn check_port(&self, or: &str) -> Result<()> {
        let free = self.look.live.as_ref().and_then(|live| live.free_ports);
        if free == Some(0) { Err(self.no_port(or)) } else { Ok(()) }
    }

    fn no_port(&self, or: &str) -> Error {
        let what = format!(
            "no PCI slot of the VM is free, and none can be added while it is on; stop it first, \
             and it gets one, or {or}"
        );
        self.error(Kind::Exhausted, &what)
    }

    /// The volume, as the domain is to name it.
    async fn placed(&self) -> Result<Placed> {
        let AttachDisk { disk, volume, .. } = *self.request;
        let placed = match &disk.source {
            // What was made for this disk is what it was asked to be (A6).
            DiskSource::Empty { format, .. } | DiskSource::Image { format, .. } => {
                self.link.place(self.cx, volume, made_as(*format)).await
            }
            DiskSource::Volume { .. } | DiskSource::NoMedia {} => {
                let reads = disk.read_only || disk.device == DiskDevice::Cdrom;
                self.link.place_given(self.cx, volume, reads).await
            }
        };
        placed.map_err(|error| error.context(&self.doing))
    }

    /// A free unit of a SCSI controller that both documents have.
    async fn unit(&self) -> Result<(u32, u32)> {
        let mut layouts = self.look.layouts();
        let there = layouts.find_map(|layout| layout.scsi);
        let fresh = || self.look.layouts().map(|layout| layout.next_scsi()).max().unwrap_or(0);
        let controller = there.unwrap_or_else(fresh);
        let lacks = |layout: &Option<_>| {
            layout
                .as_ref()
                .is_some_and(|it: &crate::xml::domain::attached::Layout| !it.has_scsi(controller))
        };
        let live = if lacks(&self.look.live) { modify::LIVE } else { 0 };
        let next = if lacks(&self.look.next) { modify::CONFIG } else { 0 };
        if live != 0 {
            self.check_port("detach something on the bus virtio")?;
        }
        if live | next != 0 {
            let xml = disks::scsi_controller(controller)
                .map_err(|bad| self.error(Kind::Bug, &bad.to_string()))?;
            // It is no disk: one that nobody uses does no harm.
            self.call(&xml, live | next).await?;
        }
        let is_free =
            |unit: &u32| !self.look.layouts().any(|layout| layout.has_unit(controller, *unit));
        let unit = (0..UNITS).find(is_free);
        let full = || self.error(Kind::Exhausted, "its SCSI controller has no unit left");
        Ok((controller, unit.ok_or_else(full)?))
    }

    /// The documents that there are.
    fn all(&self) -> u32 {
        let live = if self.look.live.is_some() { modify::LIVE } else { 0 };
        let next = if self.look.next.is_some() { modify::CONFIG } else { 0 };
        live | next
    }

    /// Puts an attachment of ours that only one document has into the other one as well.
    async fn complete(&self, pair: Pair<'_>) -> Result<DiskHandle> {
        let Some(there) = pair.any() else {
            return Err(self.error(Kind::Bug, "it is none"));
        };
        let (lacks_live, _) = self.look.lacks(pair);
        let flags = if lacks_live { modify::LIVE } else { modify::CONFIG };
        self.look.check_state(&self.doing, false)?;
        let format = match there.format.as_deref() {
            Some("raw") => VolumeFormat::Raw,
            Some("qcow2") => VolumeFormat::Qcow2,
            _ => return Err(self.error(Kind::Conflict, "it is there in a format of others")),
        };
        let place = match (there.volume.clone(), there.source.clone()) {
            (Some((pool, volume)), _) => Place::Volume { pool, volume },
            (None, Some(path)) if there.text.starts_with("<disk type='block'") => {
                Place::Block(path)
            }
            (None, Some(path)) => Place::File(path),
            (None, None) => return Err(self.error(Kind::Conflict, "it is there without bytes")),
        };
        let unit = match disks::bus_of(self.request.disk) {
            DiskBus::Scsi => Some(self.unit().await?),
            _ => None,
        };
        let alias = alias::of(&self.request.disk.name, self.request.mark);
        let slot = Slot { target: there.target.clone(), alias, unit };
        self.put(&Placed { place, format }, &slot, flags).await
    }

    /// Attaches it, and reads back that it is there.
    async fn put(&self, placed: &Placed, slot: &Slot, flags: u32) -> Result<DiskHandle> {
        let xml = disks::later(self.request.disk, placed, slot)?;
        self.call(&xml, flags).await?;
        self.touched();
        let seen = self.read_back().await.map_err(Error::with_unknown_effect)?;
        Ok(DiskHandle { disk: DiskRef::of(&seen), created: true })
    }

    async fn call(&self, xml: &str, flags: u32) -> Result<()> {
        let domain = &self.look.domain;
        let made = self.link.change(self.cx, &self.doing, |c| async move {
            c.domain_attach_device(domain, xml, flags).await
        });
        made.await.map_err(|error| self.explained(error))
    }

    async fn read_back(&self) -> Result<AttachedDisk> {
        let look = self.link.look_at_disks(self.cx, &self.doing, self.request.vm).await?;
        let pairs = look.pairs();
        let ours = pairs.iter().find(|pair| pair.mark().as_ref() == Some(self.request.mark));
        let is_whole = |pair: &&Pair<'_>| look.lacks(**pair) == (false, false);
        ours.filter(is_whole).and_then(|pair| look.tell(*pair)).ok_or_else(|| {
            self.error(Kind::Conflict, "libvirt took it, and yet it is not there as it should be")
        })
    }

    /// What libvirt says in words only.
    fn explained(&self, error: Error) -> Error {
        if error.is_unknown() {
            return error;
        }
        let raw = error.raw().unwrap_or_default().to_owned();
        let has = |words: &str| raw.contains(words);
        if has("No more available PCI slots") {
            return self.no_port("ask for the bus scsi or usb").with_raw(raw);
        }
        if has("does not support hotplug") || has("cannot be hotplugged") {
            let what = "this VM's hypervisor cannot add it while it is on; stop it first";
            return self.error(Kind::Unsupported, what).with_raw(raw);
        }
        if has("already exists") || has("non unique alias") {
            let what = "somebody else gave its device name to another disk; try again";
            return self.error(Kind::Unavailable, what).with_raw(raw);
        }
        error
    }

    /// Events tell it too, but not of definitions.
    fn touched(&self) {
        let domain = &self.look.domain;
        self.link.cache.touch(domain.uuid);
        self.link.hub.publish(&Change::Vm(reference(domain)));
    }

    fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.doing))
    }
}
