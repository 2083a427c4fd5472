//! What every call promises: to end when its context says so, and to harm no
//! later one.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::trial::{Check, Trial, check, fail, refused};
use crate::{Cx, Kind};

/// How long a call on a hung provider may take, and then how much longer the
/// suite waits before it says that the deadline was not kept.
const SHORT: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(30);

pub(super) async fn cancel_is_obeyed(t: &Trial<'_>) -> Check {
    let token = CancellationToken::new();
    token.cancel();
    let cx = t.cx().with_cancel(token);
    refused(t.provider.inventory(&cx).await, &[Kind::Cancelled])?;
    t.provider.inventory(&t.cx()).await?;
    Ok(())
}

/// Whoever starts a call may drop it at any await, as a crash would.
pub(super) async fn an_abandoned_call_harms_no_later_one(t: &Trial<'_>) -> Check {
    let cx = t.cx();
    for _ in 0..20 {
        tokio::select! {
            biased;
            ended = t.provider.inventory(&cx) => drop(ended?),
            () = tokio::task::yield_now() => {}
        }
    }
    t.provider.inventory(&t.cx()).await?;
    Ok(())
}

pub(super) async fn deadline_is_kept(t: &Trial<'_>) -> Check {
    // A change may wait for other things than a look does.
    let changed = match (t.provider.create(), t.provider.power()) {
        (Some(_), Some(power)) => Some((power, t.vm().await?.vm)),
        _ => None,
    };
    t.hang().await?;
    let cx = || Cx::within(SHORT);
    let calls = async {
        let started = match &changed {
            Some((power, vm)) => Some(power.start(&cx(), vm).await),
            None => None,
        };
        (t.provider.probe(&cx()).await, t.provider.inventory(&cx()).await, started)
    };
    let Ok((probed, listed, started)) = tokio::time::timeout(SHORT * 3 + GRACE, calls).await else {
        return fail(format!("a call outlived its deadline of {SHORT:?} by {GRACE:?}"));
    };
    // A driver may notice the broken connection before the deadline passes.
    refused(probed, &[Kind::Timeout, Kind::Unavailable])?;
    refused(listed, &[Kind::Timeout, Kind::Unavailable])?;
    if let Some(started) = started {
        refused(started, &[Kind::Timeout, Kind::Unavailable])?;
    }
    t.unhang().await;
    Ok(())
}

pub(super) async fn after_a_hang_it_answers_again(t: &Trial<'_>) -> Check {
    t.hang().await?;
    let late = t.provider.probe(&Cx::within(SHORT)).await;
    check(late.is_err(), || "a hung provider answered".to_owned())?;
    t.unhang().await;
    t.persist(|| async { t.provider.inventory(&t.cx()).await.map(drop) }).await?;
    Ok(())
}
