//! The promises of [`crate::Storage`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use hostler_core::storage::ObservedVolume;
use hostler_core::vm::cloud_init::CloudInit;
use tokio_util::sync::CancellationToken;

use super::trial::{Check, Trial, check, disk, fail, refused};
use crate::{
    Cx, DiskBinding, EnsureVolume, Error, Kind, Progress, ProgressSink, VolumeContent,
    VolumeReader, VolumeRef,
};
use hostler_core::vm::devices::VolumeFormat;

const MIB: u64 = 1 << 20;
/// How much the suite uploads: several pieces for any driver.
const UPLOAD: u64 = 4 * MIB;

/// What happens to a reader once it has given half of its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    GoesOn,
    Fails,
    /// Waits for ever, after telling that half is read.
    Stays,
}

/// Bytes of a pattern.
struct Pattern {
    half: Half,
    /// The end of what was read so far, in bytes.
    read: AtomicU64,
    halfway: CancellationToken,
}

impl Pattern {
    fn new(half: Half) -> Self {
        Self { half, read: AtomicU64::new(0), halfway: CancellationToken::new() }
    }
}

#[async_trait]
impl VolumeReader for Pattern {
    fn len(&self) -> u64 {
        UPLOAD
    }

    async fn read_at(&self, offset: u64, max: usize) -> std::io::Result<Bytes> {
        if offset >= UPLOAD / 2 {
            match self.half {
                Half::GoesOn => {}
                Half::Fails => return Err(std::io::Error::other("the source closed")),
                Half::Stays => {
                    self.halfway.cancel();
                    std::future::pending::<()>().await;
                }
            }
        }
        // Small pieces, and none across the middle, so that there is a half.
        let end = if offset < UPLOAD / 2 { UPLOAD / 2 } else { UPLOAD };
        let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let size = left.min(max).min(256 << 10);
        self.read.fetch_max(offset + size as u64, Ordering::Relaxed);
        let byte = |index: usize| (offset as usize).wrapping_add(index).wrapping_mul(31) as u8;
        Ok((0..size).map(byte).collect())
    }
}

/// Remembers the progress that was told.
#[derive(Default)]
struct Told(Mutex<Vec<u64>>);

impl ProgressSink for Told {
    fn progress(&self, progress: Progress) {
        if let (Some(done), Ok(mut told)) = (progress.bytes_done, self.0.lock()) {
            told.push(done);
        }
    }

    fn checkpoint(
        &self,
        _: serde_json::Value,
    ) -> std::pin::Pin<Box<dyn Future<Output = crate::Result<()>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }
}

async fn listed(t: &Trial<'_>, volume: &VolumeRef) -> Check<Option<ObservedVolume>> {
    let volumes = t.storage()?.volumes(&t.cx(), &volume.host_ref, &volume.pool).await?;
    Ok(volumes.into_iter().find(|seen| seen.name == volume.name))
}

pub(super) async fn default_pool_can_be_used(t: &Trial<'_>) -> Check {
    let host_ref = &t.setting.host_ref;
    let pool = match t.storage()?.default_pool(&t.cx(), host_ref).await {
        // A host may have none; then it has to say so, and no more is promised.
        Err(error) => return refused::<()>(Err(error), &[Kind::NotFound]).map(drop),
        Ok(pool) => pool,
    };
    t.storage()?.volumes(&t.cx(), host_ref, &pool).await?;
    Ok(())
}

pub(super) async fn ensure_volume_makes_it_and_it_is_listed(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    let info = t.ensure_volume(&volume, 3 * MIB, VolumeContent::Empty).await??;
    check(info.created && info.volume == volume, || format!("it says {info:?}"))?;
    check(info.capacity_bytes == 3 * MIB, || format!("its size is {}", info.capacity_bytes))?;
    match listed(t, &volume).await? {
        None => fail("it is not listed"),
        Some(seen) => check(seen.capacity_bytes == 3 * MIB, || format!("it is listed as {seen:?}")),
    }
}

pub(super) async fn ensure_volume_twice_makes_one_volume(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    t.ensure_volume(&volume, MIB, VolumeContent::Empty).await??;
    let again = t.ensure_volume(&volume, MIB, VolumeContent::Empty).await??;
    check(!again.created, || "the second call says that it made it".to_owned())?;
    check(again.capacity_bytes == MIB, || format!("its size is {}", again.capacity_bytes))
}

pub(super) async fn volumes_are_sorted_by_name(t: &Trial<'_>) -> Check {
    let first = t.volume().await?;
    t.ensure_volume(&first, MIB, VolumeContent::Empty).await??;
    for _ in 0..3 {
        t.ensure_volume(&t.volume().await?, MIB, VolumeContent::Empty).await??;
    }
    let volumes = t.storage()?.volumes(&t.cx(), &first.host_ref, &first.pool).await?;
    let names: Vec<_> = volumes.iter().map(|volume| volume.name.as_str()).collect();
    check(names.len() >= 4 && names.is_sorted(), || format!("the list is {names:?}"))
}

pub(super) async fn volumes_of_an_unknown_pool_are_not_found(t: &Trial<'_>) -> Check {
    let asked = t.storage()?.volumes(&t.cx(), &t.setting.host_ref, "no-such-pool").await;
    refused(asked, &[Kind::NotFound])?;
    Ok(())
}

/// Uploads a pattern, in a context of the caller's making.
async fn upload(
    t: &Trial<'_>,
    cx: &Cx,
    volume: &VolumeRef,
    pattern: &Pattern,
) -> Check<crate::Result<crate::VolumeInfo>> {
    upload_into(t, cx, volume, UPLOAD, pattern).await
}

async fn upload_into(
    t: &Trial<'_>,
    cx: &Cx,
    volume: &VolumeRef,
    capacity_bytes: u64,
    pattern: &Pattern,
) -> Check<crate::Result<crate::VolumeInfo>> {
    let content = VolumeContent::Upload(pattern);
    let format = VolumeFormat::Raw;
    let request = EnsureVolume { volume, capacity_bytes, format, content };
    Ok(t.storage()?.ensure_volume(cx, &request).await)
}

pub(super) async fn an_upload_reads_every_byte_and_tells_progress(t: &Trial<'_>) -> Check {
    let told = std::sync::Arc::new(Told::default());
    let (volume, pattern) = (t.volume().await?, Pattern::new(Half::GoesOn));
    let info = upload(t, &t.cx().with_sink(told.clone()), &volume, &pattern).await??;
    check(info.created && info.capacity_bytes == UPLOAD, || format!("it says {info:?}"))?;
    let read = pattern.read.load(Ordering::Relaxed);
    check(read == UPLOAD, || format!("it read {read} bytes of {UPLOAD}"))?;
    let told = told.0.lock().map(|told| told.clone()).unwrap_or_default();
    check(told.is_sorted() && told.last() == Some(&UPLOAD), || format!("it told {told:?}"))
}

pub(super) async fn an_upload_is_grown_to_the_capacity(t: &Trial<'_>) -> Check {
    let (volume, pattern) = (t.volume().await?, Pattern::new(Half::GoesOn));
    let info = upload_into(t, &t.cx(), &volume, 2 * UPLOAD, &pattern).await??;
    check(info.capacity_bytes == 2 * UPLOAD, || format!("it says {info:?}"))?;
    match listed(t, &volume).await? {
        None => fail("it is not listed"),
        Some(seen) => {
            check(seen.capacity_bytes == 2 * UPLOAD, || format!("it is listed as {seen:?}"))
        }
    }
}

/// The bytes are raw, so their virtual size is their number.
pub(super) async fn an_upload_larger_than_its_volume_is_refused(t: &Trial<'_>) -> Check {
    let (volume, pattern) = (t.volume().await?, Pattern::new(Half::GoesOn));
    refused(upload_into(t, &t.cx(), &volume, UPLOAD / 2, &pattern).await?, &[Kind::Invalid])?;
    check(listed(t, &volume).await?.is_none(), || "something was made".to_owned())
}

pub(super) async fn a_failed_upload_is_an_error_and_can_be_repeated(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    let failed = upload(t, &t.cx(), &volume, &Pattern::new(Half::Fails)).await?;
    check(failed.is_err(), || "an upload whose source failed succeeded".to_owned())?;
    let info = upload(t, &t.cx(), &volume, &Pattern::new(Half::GoesOn)).await??;
    check(info.created, || "what was left of it passed for whole".to_owned())
}

/// A server dies in the middle of an upload: for the provider, the call is
/// cancelled and never heard of again.
pub(super) async fn half_filled_volume_is_made_anew(t: &Trial<'_>) -> Check {
    let (volume, stays) = (t.volume().await?, Pattern::new(Half::Stays));
    let cx = t.cx().with_cancel(stays.halfway.clone());
    let ended = upload(t, &cx, &volume, &stays).await?;
    let cancelled = refused(ended, &[Kind::Cancelled])?;
    check(cancelled.is_unknown(), || "it is sure that it left nothing".to_owned())?;

    let pattern = Pattern::new(Half::GoesOn);
    // What was cut off may hold the volume for a moment.
    let again = || async {
        let request = upload(t, &t.cx(), &volume, &pattern).await;
        match request {
            Ok(Ok(info)) if !info.created => {
                Err(Error::new(Kind::Bug, "what was left of it passed for whole"))
            }
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::new(Kind::Bug, "the storage group is gone")),
        }
    };
    t.persist(again).await?;
    let read = pattern.read.load(Ordering::Relaxed);
    check(read == UPLOAD, || format!("it was made anew from {read} bytes of {UPLOAD}"))
}

pub(super) async fn a_copy_has_its_own_size_and_outlives_its_original(t: &Trial<'_>) -> Check {
    let (original, copy) = (t.volume().await?, t.volume().await?);
    upload(t, &t.cx(), &original, &Pattern::new(Half::GoesOn)).await??;
    let info = t.ensure_volume(&copy, 2 * UPLOAD, VolumeContent::CopyOf(&original)).await??;
    check(info.capacity_bytes == 2 * UPLOAD, || format!("its size is {}", info.capacity_bytes))?;
    t.storage()?.remove_volume(&t.cx(), &original).await?;
    match listed(t, &copy).await? {
        None => fail("it went with its original"),
        // A full copy, not an overlay that needs its original.
        Some(seen) => check(seen.backing.is_none(), || format!("it hangs on {:?}", seen.backing)),
    }
}

pub(super) async fn a_copy_smaller_than_its_original_is_refused(t: &Trial<'_>) -> Check {
    let (original, copy) = (t.volume().await?, t.volume().await?);
    t.ensure_volume(&original, 2 * MIB, VolumeContent::Empty).await??;
    let made = t.ensure_volume(&copy, MIB, VolumeContent::CopyOf(&original)).await?;
    refused(made, &[Kind::Invalid])?;
    check(listed(t, &copy).await?.is_none(), || "something was made".to_owned())
}

pub(super) async fn a_seed_becomes_a_volume(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    let seed = CloudInit::default().seed("conformance", "conformance");
    t.ensure_volume(&volume, 0, VolumeContent::Seed(&seed)).await??;
    match listed(t, &volume).await? {
        None => fail("it is not listed"),
        Some(seen) => check(seen.capacity_bytes > 0, || "it is empty".to_owned()),
    }
}

pub(super) async fn remove_volume_takes_it_out_of_the_list(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    t.ensure_volume(&volume, MIB, VolumeContent::Empty).await??;
    t.storage()?.remove_volume(&t.cx(), &volume).await?;
    check(listed(t, &volume).await?.is_none(), || "it is still listed".to_owned())
}

pub(super) async fn remove_absent_volume_succeeds(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    t.storage()?.remove_volume(&t.cx(), &volume).await?;
    Ok(())
}

pub(super) async fn a_volume_of_a_running_vm_is_a_conflict(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    t.ensure_volume(&volume, MIB, VolumeContent::Empty).await??;
    let mut spec = t.spec();
    spec.disks.push(disk("data", &volume));
    let bound = DiskBinding { disk: "data".to_owned(), volume: volume.clone(), owned: true };
    let made = t.make(spec, vec![bound]).await?;
    t.power()?.start(&t.cx(), &made.vm).await?;
    refused(t.storage()?.remove_volume(&t.cx(), &volume).await, &[Kind::Conflict])?;
    check(listed(t, &volume).await?.is_some(), || "it is gone all the same".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_pattern_has_all_its_bytes_and_a_middle() {
        let pattern = Pattern::new(Half::GoesOn);
        let mut at = 0;
        let mut saw_middle = false;
        loop {
            let piece = pattern.read_at(at, usize::MAX).await.unwrap();
            if piece.is_empty() {
                break;
            }
            saw_middle |= at == UPLOAD / 2;
            at += piece.len() as u64;
        }
        assert!(at == UPLOAD && saw_middle);
        let fails = Pattern::new(Half::Fails);
        assert!(fails.read_at(0, 1).await.is_ok() && fails.read_at(at / 2, 1).await.is_err());
        let stays = Pattern::new(Half::Stays);
        let wait =
            tokio::time::timeout(std::time::Duration::from_millis(1), stays.read_at(at / 2, 1));
        assert!(wait.await.is_err() && stays.halfway.is_cancelled());
    }
}
