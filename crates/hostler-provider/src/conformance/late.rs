//! The promises about effects that come after the caller has given up: a place
//! may go on with what it was asked, whoever still waits. Then
//!
//! * an error that says that nothing happened is true for ever;
//! * a later look by tag or name tells what is there;
//! * asking again makes nothing twice;
//! * what one call made comes once, so that removing it is for good.
//!
//! Where the harness can delay effects, they are sure to come late; elsewhere
//! calls are cut off on their way, and come as late as the place lets them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hostler_core::vm::PowerState;
use hostler_core::vm::devices::VolumeFormat;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::trial::{Check, Made, Trial, check, fail};
use crate::{Cx, EnsureVolume, Kind, Result, VolumeContent, VolumeReader, VolumeRef};

/// When calls are cut off: before most places have heard of them, and after.
pub(super) const POINTS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(50)];
/// How late effects come where that can be arranged.
const LAG: Duration = Duration::from_secs(1);
/// After this time what was cut off has come or never will.
pub(super) const SETTLED: Duration = Duration::from_millis(2500);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// The size of each volume.
const BYTES: u64 = 1 << 20;
/// How much of it is read at a time.
const PIECE: u64 = 64 << 10;

/// Makes a call whose effect comes late, and cancels it after a while.
pub(super) async fn cut_off<T, F>(
    t: &Trial<'_>,
    point: Duration,
    call: impl FnOnce(Cx) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    t.harness.delay(LAG).await;
    let token = CancellationToken::new();
    let called = call(t.cx().with_cancel(token.clone()));
    let cancel = async {
        sleep(point).await;
        token.cancel();
        std::future::pending().await
    };
    tokio::select! {
        biased;
        ended = called => ended,
        never = cancel => never,
    }
}

/// Whether the call surely did nothing, by its own words.
pub(super) fn says_nothing<T>(ended: &Result<T>) -> bool {
    ended.as_ref().is_err_and(|error| !error.is_unknown())
}

/// A VM whose making was cut off: by tag, whether it is there in the end. On the
/// way no look may show it without its tag.
pub(super) async fn looked_for(t: &Trial<'_>, made: &Made) -> Check<bool> {
    let until = Instant::now() + SETTLED;
    loop {
        let found = t.create()?.find_vm(&t.cx(), made.id).await?.is_some();
        let listed = t.provider.inventory(&t.cx()).await?.vms;
        let listed: Vec<_> = listed.into_iter().filter(|vm| vm.name == made.spec.name).collect();
        check(listed.len() <= 1, || format!("there are {} VMs of that name", listed.len()))?;
        // A place that is busy may list it and not tell yet what it is.
        for vm in listed.iter().filter(|vm| vm.is_read()) {
            let tag = vm.tag.as_ref().map(|tag| tag.vm);
            check(tag == Some(made.id), || format!("it came with the tag {tag:?}"))?;
        }
        check(!found || !listed.is_empty(), || "it is found and not in the inventory".to_owned())?;
        if Instant::now() >= until {
            return Ok(found);
        }
        sleep(LOOK).await;
    }
}

/// Makes a VM and cuts it off; what is known of it, and how the call ended.
async fn half_made(t: &Trial<'_>, point: Duration) -> Check<(Made, Result<()>)> {
    let (id, spec) = (t.id(), t.spec());
    let vm = crate::VmRef { external_ref: String::new(), name: spec.name.clone() };
    let made = Made { id, spec, disks: Vec::new(), vm };
    let (create, host_ref) = (t.create()?, &t.setting.host_ref);
    let request = crate::EnsureVm { vm: id, spec: &made.spec, host_ref, disks: &[], seed: None };
    let call = |cx: Cx| async move { create.ensure_vm(&cx, &request).await.map(drop) };
    let ended = cut_off(t, point, call).await;
    Ok((made, ended))
}

pub(super) async fn a_look_after_a_cancelled_ensure_vm_tells_the_truth(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let (made, ended) = half_made(t, point).await?;
        let is_there = looked_for(t, &made).await?;
        if says_nothing(&ended) && is_there {
            return fail("it said that nothing happened, and made the VM");
        }
        check(ended.is_err() || is_there, || "it said that it made it, and did not".to_owned())?;
    }
    Ok(())
}

pub(super) async fn ensure_vm_after_a_cancelled_one_makes_one_vm(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let (made, _) = half_made(t, point).await?;
        t.persist(|| async {
            match t.ensure(made.id, &made.spec, &[]).await {
                Ok(ended) => ended.map(drop),
                Err(_) => Ok(()), // the group is there, as the first call has shown
            }
        })
        .await?;
        check(looked_for(t, &made).await?, || "it is not there".to_owned())?;
    }
    Ok(())
}

pub(super) async fn what_a_cancelled_ensure_vm_made_is_removed_for_good(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let (made, _) = half_made(t, point).await?;
        if !looked_for(t, &made).await? {
            continue;
        }
        let create = t.create()?;
        if let Some(found) = create.find_vm(&t.cx(), made.id).await? {
            create.remove_vm(&t.cx(), &found.vm).await?;
        }
        check(!looked_for(t, &made).await?, || "it came back".to_owned())?;
    }
    Ok(())
}

/// A volume's whole content, that knows how far it was read.
#[derive(Default)]
struct Counted(AtomicU64);

impl Counted {
    fn is_read(&self) -> bool {
        self.0.load(Ordering::Relaxed) == BYTES
    }
}

#[async_trait]
impl VolumeReader for Counted {
    fn len(&self) -> u64 {
        BYTES
    }

    async fn read_at(&self, offset: u64, max: usize) -> std::io::Result<Bytes> {
        let size = PIECE.min(BYTES.saturating_sub(offset));
        let size = usize::try_from(size).unwrap_or(max).min(max);
        self.0.fetch_max(offset + size as u64, Ordering::Relaxed);
        Ok(vec![7; size].into())
    }
}

fn filled<'a>(volume: &'a VolumeRef, content: VolumeContent<'a>) -> EnsureVolume<'a> {
    EnsureVolume { volume, capacity_bytes: BYTES, format: VolumeFormat::Raw, content }
}

/// Waits until all has come, and goes on only if that is one volume of the
/// right size, taken for whole, that can be removed for good.
async fn one_volume_came(t: &Trial<'_>, volume: &VolumeRef) -> Check {
    let storage = t.storage()?;
    sleep(SETTLED).await;
    let listed = storage.volumes(&t.cx(), &volume.host_ref, &volume.pool).await?;
    let listed: Vec<_> = listed.into_iter().filter(|seen| seen.name == volume.name).collect();
    let sizes: Vec<_> = listed.iter().map(|seen| seen.capacity_bytes).collect();
    check(sizes == [BYTES], || format!("volumes of that name have {sizes:?} bytes"))?;
    let again = storage.ensure_volume(&t.cx(), &filled(volume, VolumeContent::Empty)).await?;
    check(!again.created, || "it was not whole".to_owned())?;
    storage.remove_volume(&t.cx(), volume).await?;
    sleep(SETTLED).await;
    let left = storage.volumes(&t.cx(), &volume.host_ref, &volume.pool).await?;
    check(left.iter().all(|seen| seen.name != volume.name), || "it came back".to_owned())
}

pub(super) async fn ensure_volume_after_a_cancelled_one_makes_one_whole_volume(
    t: &Trial<'_>,
) -> Check {
    for point in POINTS {
        let (volume, storage) = (t.volume().await?, t.storage()?);
        let request = &filled(&volume, VolumeContent::Empty);
        let call = |cx: Cx| async move { storage.ensure_volume(&cx, request).await.map(drop) };
        let _ = cut_off(t, point, call).await;
        t.persist(|| async { storage.ensure_volume(&t.cx(), request).await.map(drop) }).await?;
        one_volume_came(t, &volume).await?;
    }
    Ok(())
}

/// What was made and never filled must not pass for whole: one of the calls has
/// to have read all that is to be in it.
pub(super) async fn an_upload_after_a_cancelled_one_makes_one_whole_volume(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let (volume, storage) = (t.volume().await?, t.storage()?);
        let (first, second) = (Counted::default(), Counted::default());
        let request = &filled(&volume, VolumeContent::Upload(&first));
        let call = |cx: Cx| async move { storage.ensure_volume(&cx, request).await.map(drop) };
        let ended = cut_off(t, point, call).await;
        check(ended.is_err() || first.is_read(), || "it was not read to its end".to_owned())?;
        let request = &filled(&volume, VolumeContent::Upload(&second));
        t.persist(|| async {
            let made = storage.ensure_volume(&t.cx(), request).await?;
            match made.created {
                true if second.is_read() => Ok(()),
                false if first.is_read() => Ok(()),
                _ => Err(crate::Error::new(Kind::Bug, "what was never filled passed for whole")),
            }
        })
        .await?;
        one_volume_came(t, &volume).await?;
    }
    Ok(())
}

pub(super) async fn a_look_after_a_cancelled_start_tells_the_truth(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let (made, power) = (t.vm().await?, t.power()?);
        let vm = &made.vm;
        let call = |cx: Cx| async move { power.start(&cx, vm).await };
        let ended = cut_off(t, point, call).await;
        sleep(SETTLED).await;
        let seen = t.listed(vm).await?;
        let runs = seen.is_some_and(|seen| seen.power == PowerState::Running);
        if says_nothing(&ended) && runs {
            return fail("it said that nothing happened, and started the VM");
        }
        if let Err(error) = &ended {
            let kinds = [Kind::Cancelled, Kind::Timeout, Kind::Unavailable];
            check(kinds.contains(&error.kind()), || format!("{:?}: {error}", error.kind()))?;
        }
        power.start(&t.cx(), vm).await?;
        t.is(vm, PowerState::Running).await?;
    }
    Ok(())
}
