//! What disks a domain has: in what runs, and in what it starts with next.

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::disk::{AttachedDisk, DiskMark, DiskState, VolumeName};
use hostler_core::vm::PowerState;
use hostler_libvirt_rpc::{Domain as Reference, flags};
use hostler_provider::{Cx, Error, Kind, Result, VmRef};

use super::{LIVE_BUSES, alias};
use crate::connection::{Link, domain_of};
use crate::inventory::{PARALLEL, optional, present};
use crate::state::State;
use crate::storage::chains::stem;
use crate::xml::domain::attached::{Attached, Layout};
use crate::xml::parse::BadXml;

/// A domain and its documents, as they were read together.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) domain: Reference,
    pub(super) state: State,
    /// What runs.
    pub(super) live: Option<Layout>,
    /// What it starts with next; `None` where it is gone when it stops.
    pub(super) next: Option<Layout>,
}

/// One attachment in both documents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) live: Option<&'a Attached>,
    pub(super) next: Option<&'a Attached>,
}

impl Look {
    /// Its documents, as far as there are any.
    pub(super) fn layouts(&self) -> impl Iterator<Item = &Layout> {
        self.live.iter().chain(&self.next)
    }

    /// All attachments: those of what runs in their order, and those that are still to come.
    pub(super) fn pairs(&self) -> Vec<Pair<'_>> {
        let live: Vec<&Attached> = self.live.iter().flat_map(|it| &it.disks).collect();
        let next: Vec<&Attached> = self.next.iter().flat_map(|it| &it.disks).collect();
        let of_live = live.iter().map(|disk| {
            let same = next.iter().find(|other| key(other) == key(disk));
            Pair { live: Some(disk), next: same.copied() }
        });
        let to_come = next.iter().filter(|disk| !live.iter().any(|other| key(other) == key(disk)));
        of_live.chain(to_come.map(|disk| Pair { live: None, next: Some(disk) })).collect()
    }

    /// What the pair lacks: in what runs, and for the next start.
    pub(super) fn lacks(&self, pair: Pair<'_>) -> (bool, bool) {
        (self.live.is_some() && pair.live.is_none(), self.next.is_some() && pair.next.is_none())
    }

    /// All attachments as they are told, without what only the pools know, and how each is
    /// stored.
    pub(super) fn seen(&self) -> Vec<(AttachedDisk, Option<String>)> {
        let told = self.pairs().into_iter().filter_map(|pair| {
            let format = pair.any()?.format.clone();
            Some((self.tell(pair)?, format))
        });
        told.collect()
    }

    /// One attachment as it is told.
    pub(super) fn tell(&self, pair: Pair<'_>) -> Option<AttachedDisk> {
        let disk = pair.any()?;
        let (state, message) = self.state_of(pair);
        let ours = pair.ours();
        let reference = if ours.is_some() { disk.alias.as_ref() } else { None };
        let is_fixed = pair.live.is_some() && !can_go_live(disk);
        let bus = disk.bus.clone();
        Some(AttachedDisk {
            external_ref: reference.unwrap_or(&disk.target).clone(),
            name: pair.name()?,
            mark: ours.map(|ours| ours.mark),
            state,
            message,
            device: disk.device.clone(),
            volume: disk.volume.clone().map(|(pool, volume)| VolumeName { pool, volume }),
            source: disk.source.clone(),
            capacity_bytes: None,
            read_only: disk.read_only,
            fixed: is_fixed.then(|| {
                let bus = bus.as_deref().unwrap_or("such a bus");
                format!("nothing on {bus} can be taken off while the VM is on; stop it first")
            }),
            bus,
        })
    }

    fn state_of(&self, pair: Pair<'_>) -> (DiskState, Option<String>) {
        let attached = |message: Option<String>| (DiskState::Attached, message);
        match (self.lacks(pair), pair.ours()) {
            ((true, _), _) => {
                let message = "the VM has it from its next start on";
                (DiskState::Attaching, Some(message.to_owned()))
            }
            ((_, true), Some(_)) => {
                let message = "the guest has not given it up; it is gone at the VM's next start";
                (DiskState::Detaching, Some(message.to_owned()))
            }
            ((_, true), None) => {
                attached(Some("it is gone at the VM's next start: what runs has it alone".into()))
            }
            ((false, false), _) => {
                let sources = pair.live.zip(pair.next).map(|(a, b)| (&a.source, &b.source));
                let differs = sources.is_some_and(|(live, next)| live != next);
                attached(differs.then(|| "it has other bytes at the VM's next start".to_owned()))
            }
        }
    }

    /// Fails where its devices cannot be changed. `guest_takes_part`: it has to answer.
    pub(super) fn check_state(&self, doing: &str, guest_takes_part: bool) -> Result<()> {
        let why = match self.state.power {
            PowerState::Running | PowerState::Stopped | PowerState::Failed => return Ok(()),
            PowerState::Paused if !guest_takes_part => return Ok(()),
            PowerState::Paused => "it is paused, so its guest gives nothing up; resume it first",
            PowerState::Saved => {
                "its memory is saved, with the devices that it has; start it first"
            }
            PowerState::Suspended => "its guest sleeps; resume it first",
            PowerState::Crashed => "its guest has crashed; stop it first",
            _ => "it is in between two states; try again when it has come to rest",
        };
        Err(Error::new(Kind::Conflict, format!("{doing}: {why}")))
    }
}

impl<'a> Pair<'a> {
    /// The attachment as what runs has it, else as it will be.
    pub(super) fn any(self) -> Option<&'a Attached> {
        self.live.or(self.next)
    }

    fn ours(self) -> Option<alias::Ours> {
        alias::read(self.any()?.alias.as_deref()?)
    }

    /// Our mark, if it bears one.
    pub(super) fn mark(self) -> Option<DiskMark> {
        self.ours().map(|ours| ours.mark)
    }

    /// Its name for people.
    pub(super) fn name(self) -> Option<String> {
        match self.ours() {
            Some(ours) => Some(ours.name),
            None => self.any().map(|disk| disk.name.as_ref().unwrap_or(&disk.target).clone()),
        }
    }
}

/// What is the same in both documents: our alias, else the device's name. An alias of
/// libvirt's own is in what runs only.
fn key(disk: &Attached) -> &str {
    match &disk.alias {
        Some(given) if alias::read(given).is_some() => given,
        _ => &disk.target,
    }
}

fn can_go_live(disk: &Attached) -> bool {
    let bus = disk.bus.as_deref();
    LIVE_BUSES.iter().any(|live| Some(live.as_str()) == bus)
}

impl Link {
    /// Looks at a VM's disks now.
    pub(super) async fn look_at_disks(&self, cx: &Cx, doing: &str, vm: &VmRef) -> Result<Look> {
        let uuid = domain_of(vm)?.uuid;
        let read = self.look(cx, doing, |c| async move {
            let domain = c.domain_lookup_by_uuid(uuid).await?;
            let state = c.domain_state(&domain).await?;
            let saved = optional(c.domain_has_managed_save(&domain, 0).await)?;
            let persistent = optional(c.domain_is_persistent(&domain).await)?;
            let live = match domain.is_active() {
                true => Some(c.domain_xml(&domain, 0).await?),
                false => None,
            };
            let next = match persistent.unwrap_or(true) {
                true => Some(c.domain_xml(&domain, flags::domain_xml::INACTIVE).await?),
                false => None,
            };
            let state = State::of(state.state, state.reason);
            Ok((domain, state.with_saved_memory(saved == Some(true)), live, next))
        });
        let (domain, state, live, next) = read.await?;
        let layout = |xml: Option<String>| xml.as_deref().map(Layout::read).transpose();
        let senseless = |bad: BadXml| {
            Error::new(Kind::Bug, format!("{doing}: its configuration makes no sense"))
                .with_raw(bad)
        };
        let live = layout(live).map_err(senseless)?;
        let next = layout(next).map_err(senseless)?;
        Ok(Look { domain, state, live, next })
    }

    /// The same disks with the volumes behind them, and their sizes.
    pub(super) async fn with_volumes(
        &self,
        cx: &Cx,
        doing: &str,
        disks: Vec<(AttachedDisk, Option<String>)>,
    ) -> Result<Vec<AttachedDisk>> {
        let told = stream::iter(disks).map(|(disk, format)| async move {
            self.with_volume(cx, doing, disk, format.as_deref()).await
        });
        told.buffered(PARALLEL).try_collect().await
    }

    async fn with_volume(
        &self,
        cx: &Cx,
        doing: &str,
        mut disk: AttachedDisk,
        format: Option<&str>,
    ) -> Result<AttachedDisk> {
        let (named, source) = (disk.volume.as_ref(), disk.source.as_deref());
        let path = source.filter(|source| source.starts_with('/'));
        if named.is_none() && path.is_none() {
            return Ok(disk);
        }
        let found = self.look(cx, doing, |c| async move {
            match (named, path) {
                (Some(at), _) => {
                    let pool = c.storage_pool_lookup_by_name(&at.pool).await?;
                    c.storage_vol_lookup_by_name(&pool, &at.volume).await
                }
                (None, path) => c.storage_vol_lookup_by_path(path.unwrap_or_default()).await,
            }
        });
        let found = match found.await {
            // Not every driver knows volumes, and not every path is one.
            Err(error) if matches!(error.kind(), Kind::Unsupported | Kind::Invalid) => None,
            found => present(found)?,
        };
        let Some(found) = found else { return Ok(disk) };
        // A pool that is off tells no sizes, and one that cannot be read hides no disk.
        let read = match self.volume(cx, &found).await {
            Err(error) if error.kind().is_transient() || error.kind() == Kind::Cancelled => {
                return Err(error);
            }
            read => read.ok(),
        };
        // What is taken for another format by its bytes has a size that the guest does not see.
        let read = read.filter(|volume| format.is_none() || volume.format.as_deref() == format);
        disk.capacity_bytes = read.map(|volume| volume.capacity_bytes);
        // What a snapshot laid on a volume is of that volume: it is what was asked for.
        let volume = stem(&found.name).to_owned();
        disk.volume = Some(VolumeName { pool: found.pool, volume });
        Ok(disk)
    }
}

#[cfg(test)]
mod tests;
