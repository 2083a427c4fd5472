//! Volumes of simulated pools. Bytes are read and counted, not kept; a checksum
//! stands for them.

use std::collections::btree_map::Entry;

use async_trait::async_trait;
use bytes::Bytes;
use hostler_core::storage::ObservedVolume;
use hostler_core::vm::devices::VolumeFormat;
use hostler_provider::{
    Change, Cx, EnsureVolume, Error, Kind, Result, Storage, VolumeContent, VolumeInfo,
    VolumeReader, VolumeRef,
};

use crate::faults::{Call, Place};
use crate::late::Landing;
use crate::verb::Verb;
use crate::world::state::{State, Volume};
use crate::{Sim, Target};

/// What an empty volume of a growing format takes.
const QCOW2_EMPTY_BYTES: u64 = 192 << 10;
/// How many bytes of an upload are asked for at a time.
const PIECE: usize = 256 << 10;
/// The size of a simulated cloud-init seed.
const SEED_BYTES: u64 = 1 << 20;
/// How volumes are stored here.
pub(crate) const FORMATS: &[VolumeFormat] = &[VolumeFormat::Qcow2, VolumeFormat::Raw];
/// Where FNV-1a begins.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

#[async_trait]
impl Storage for Sim {
    fn formats(&self) -> &'static [VolumeFormat] {
        FORMATS
    }

    async fn default_pool(&self, cx: &Cx, host_ref: &str) -> Result<String> {
        self.call(cx, Verb::DefaultPool, Target::Host(host_ref), async {
            self.world.read(|state| default_pool(state, host_ref))
        })
        .await
    }

    async fn ensure_volume(&self, cx: &Cx, request: &EnsureVolume<'_>) -> Result<VolumeInfo> {
        // Not by `Sim::call`, since this call has a middle.
        let host = Some(request.volume.host_ref.clone());
        let call = self.world.faults().enter(Verb::EnsureVolume, Place { host, vm: None });
        cx.run(&format!("make volume {}", request.volume), async {
            call.arrive().await?;
            self.world.answers(call.host())?;
            if let Some(late) = call.late() {
                self.world.land_late(late.after, self.landing(request)?);
                return call.give_up(late).await;
            }
            let info = self.fill_unless_there(cx, &call, request).await?;
            call.answer(info)
        })
        .await
    }

    async fn remove_volume(&self, cx: &Cx, volume: &VolumeRef) -> Result<()> {
        let gone = volume.clone();
        let landing = Box::new(move |state: &mut State| drop(remove(state, &gone)));
        let effect = async { self.world.change(|state| remove(state, volume)) };
        self.gate(cx, Verb::RemoveVolume, Target::Host(&volume.host_ref), landing, effect).await
    }

    async fn volumes(&self, cx: &Cx, host_ref: &str, pool: &str) -> Result<Vec<ObservedVolume>> {
        self.call(cx, Verb::Volumes, Target::Host(host_ref), async {
            self.world.read(|state| {
                let volumes = &state.pool(host_ref, pool)?.volumes;
                let (home, _) = state.home(host_ref, pool);
                Ok(volumes.iter().map(|(name, v)| v.observed(&home, pool, name)).collect())
            })
        })
        .await
    }
}

pub(crate) fn default_pool(state: &State, host_ref: &str) -> Result<String> {
    let active = state.reachable().filter(|((host, _), p)| host == host_ref && p.setup.active);
    let best = active.max_by_key(|((_, name), pool)| (name == "default", pool.available()));
    best.map(|((_, name), _)| name.clone()).ok_or_else(|| {
        Error::new(Kind::NotFound, format!("host {host_ref} has no active storage pool"))
    })
}

fn remove(state: &mut State, volume: &VolumeRef) -> Result<()> {
    if let Some(user) = state.user_of(volume) {
        let message = format!("volume {volume} belongs to VM {}", user.vm_ref());
        return Err(Error::new(Kind::Conflict, message));
    }
    state.pool_mut(&volume.host_ref, &volume.pool)?.volumes.remove(&volume.name);
    state.told.push(Change::Inventory);
    Ok(())
}

/// A volume as it will be, before its bytes come.
struct Blank {
    format: VolumeFormat,
    capacity_bytes: u64,
    /// What it takes at once; uploads grow as they come.
    allocated_bytes: u64,
    checksum: u64,
}

impl Sim {
    /// The making of a volume, for when its caller has given up. Bytes come from
    /// the caller, so an upload then ends half filled.
    fn landing(&self, request: &EnsureVolume<'_>) -> Result<Landing> {
        let blank = self.world.read(|state| blank(state, request))?;
        let is_whole = !matches!(request.content, VolumeContent::Upload(_));
        let (volume, filling) = (request.volume.clone(), u64::from_le_bytes(self.world.random()));
        Ok(Box::new(move |state| {
            if lay_out(state, &volume, blank, filling).is_ok()
                && let Ok(made) = current(state, &volume, filling)
            {
                made.complete = is_whole;
                state.told.push(Change::Inventory);
            }
        }))
    }

    async fn fill_unless_there(
        &self,
        cx: &Cx,
        call: &Call<'_>,
        request: &EnsureVolume<'_>,
    ) -> Result<VolumeInfo> {
        let volume = request.volume;
        let info = |capacity_bytes, created| VolumeInfo {
            volume: volume.clone(),
            capacity_bytes,
            created,
        };
        if let Some(there) = self.world.read(|state| state.volume(volume).ok().cloned())
            && there.complete
        {
            return Ok(info(there.capacity_bytes, false));
        }
        let blank = self.world.read(|state| blank(state, request))?;
        let (capacity, filling) = (blank.capacity_bytes, u64::from_le_bytes(self.world.random()));
        self.world.change(|state| lay_out(state, volume, blank, filling))?;
        call.midway()?; // leaves it half filled, as a crash would
        if let VolumeContent::Upload(reader) = request.content
            && let Err(error) = self.upload(cx, volume, filling, reader).await
        {
            self.world.change(|state| {
                if let Ok(pool) = state.pool_mut(&volume.host_ref, &volume.pool)
                    && pool.volumes.get(&volume.name).is_some_and(|v| v.filling == filling)
                {
                    pool.volumes.remove(&volume.name);
                }
            });
            return Err(error);
        }
        self.world.change(|state| {
            current(state, volume, filling)?.complete = true;
            state.told.push(Change::Inventory);
            Ok(info(capacity, true))
        })
    }

    async fn upload(
        &self,
        cx: &Cx,
        volume: &VolumeRef,
        filling: u64,
        reader: &dyn VolumeReader,
    ) -> Result<()> {
        let mut done = 0;
        loop {
            let piece = reader.read_at(done, PIECE).await.map_err(|error| {
                let message = format!("cannot read the bytes for volume {volume}");
                Error::new(Kind::Invalid, message).with_raw(error)
            })?;
            if piece.is_empty() {
                break;
            }
            self.world.change(|state| append(state, volume, filling, &piece))?;
            done += piece.len() as u64;
            cx.transferred(done, Some(reader.len()), format!("uploading {volume}"));
        }
        if done != reader.len() {
            let message =
                format!("the bytes for volume {volume} ended at {done} of {}", reader.len());
            return Err(Error::new(Kind::Invalid, message));
        }
        Ok(())
    }
}

fn blank(state: &State, request: &EnsureVolume<'_>) -> Result<Blank> {
    let (format, capacity_bytes) = (request.format, request.capacity_bytes);
    let empty = |format, capacity: u64| match format {
        VolumeFormat::Raw => capacity,
        VolumeFormat::Qcow2 => QCOW2_EMPTY_BYTES.min(capacity),
    };
    Ok(match &request.content {
        VolumeContent::Empty => Blank {
            format,
            capacity_bytes,
            allocated_bytes: empty(format, capacity_bytes),
            checksum: FNV_START,
        },
        VolumeContent::Upload(reader) => {
            // Of raw bytes the virtual size is known; others are grown or fail
            // when they are read, which the simulator does not do.
            if format == VolumeFormat::Raw && reader.len() > capacity_bytes {
                let message = format!("the bytes do not fit into volume {}", request.volume);
                return Err(Error::new(Kind::Invalid, message));
            }
            Blank { format, capacity_bytes, allocated_bytes: 0, checksum: FNV_START }
        }
        VolumeContent::CopyOf(original) => {
            let from = state.volume(original)?;
            if !from.complete {
                let message = format!("volume {original} is half filled");
                return Err(Error::new(Kind::Conflict, message));
            }
            if capacity_bytes < from.capacity_bytes {
                let message = format!("a copy of {original} cannot be smaller than it");
                return Err(Error::new(Kind::Invalid, message));
            }
            Blank {
                format,
                capacity_bytes,
                allocated_bytes: from.allocated_bytes.max(empty(format, capacity_bytes)),
                checksum: from.checksum,
            }
        }
        VolumeContent::Seed(seed) => {
            let network = seed.network_config.as_deref().unwrap_or_default();
            let texts = [seed.meta_data.as_str(), seed.user_data.as_str(), network];
            let checksum = texts.iter().fold(FNV_START, |sum, text| fnv(sum, text.as_bytes()));
            let (format, size) = (VolumeFormat::Raw, SEED_BYTES);
            Blank { format, capacity_bytes: size, allocated_bytes: size, checksum }
        }
    })
}

/// Begins the volume, in place of a half-filled one of that name.
fn lay_out(state: &mut State, name: &VolumeRef, blank: Blank, filling: u64) -> Result<()> {
    let pool = state.pool_mut(&name.host_ref, &name.pool)?;
    if !pool.setup.active {
        let message = format!("pool \"{}\" of host {} is not active", name.pool, name.host_ref);
        return Err(Error::new(Kind::Conflict, message));
    }
    if let Entry::Occupied(there) = pool.volumes.entry(name.name.clone()) {
        if there.get().complete {
            let message = format!("volume {name} was made by somebody else meanwhile");
            return Err(Error::new(Kind::Conflict, message));
        }
        there.remove();
    }
    if blank.allocated_bytes > pool.available() {
        return Err(pool_full(name));
    }
    let volume = Volume {
        format: blank.format,
        capacity_bytes: blank.capacity_bytes,
        allocated_bytes: blank.allocated_bytes,
        checksum: blank.checksum,
        complete: false,
        foreign: false,
        filling,
    };
    pool.volumes.insert(name.name.clone(), volume);
    Ok(())
}

fn append(state: &mut State, name: &VolumeRef, filling: u64, piece: &Bytes) -> Result<()> {
    let size = piece.len() as u64;
    if state.pool(&name.host_ref, &name.pool)?.available() < size {
        return Err(pool_full(name)); // F17: the caller takes the rest away
    }
    let volume = current(state, name, filling)?;
    volume.allocated_bytes += size;
    volume.checksum = fnv(volume.checksum, piece);
    Ok(())
}

/// The volume, if it is still the one that this filling began.
fn current<'a>(state: &'a mut State, name: &VolumeRef, filling: u64) -> Result<&'a mut Volume> {
    let pool = state.pool_mut(&name.host_ref, &name.pool)?;
    pool.volumes.get_mut(&name.name).filter(|volume| volume.filling == filling).ok_or_else(|| {
        let message = format!("volume {name} was removed or made anew meanwhile");
        Error::new(Kind::Conflict, message)
    })
}

fn pool_full(volume: &VolumeRef) -> Error {
    let message = format!("pool \"{}\" of host {} is full", volume.pool, volume.host_ref);
    Error::new(Kind::Exhausted, message)
}

fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
