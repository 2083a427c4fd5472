//! Delivers what is in the outbox: at least once each, those of a group one after
//! the other. A receiver that is away keeps only its own notices waiting.
//!
//! ```text
//!            ┌── failed, may be taken later ──► pause, longer each time ──┐
//!            ▼                                                            │
//!  waiting ──┴─ due ──► deliver ── taken ──► gone                         │
//!            ▲             │ never will be, or tried too often            │
//!            │             └──► given up, and told as `alert.notice_lost` │
//!            └────────────────────────────────────────────────────────────┘
//! ```

use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::alert::notice::{Notice, TOLD_MAX, Undelivered};
use hostler_store::{Error, NewEvent, WaitingNotice};
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::{error, info, warn};

use super::known::Deliveries;
use super::{AlertReceiver, Deliver, tell};
use crate::Inner;

/// How long one try may take, however patient the receiver's side is.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause after the first failure.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// The longest that a receiver may ask to be left alone.
const LEFT_ALONE_MAX: Duration = Duration::from_secs(3600);
/// After so many tries a notice is given up: after a day of trying.
const ATTEMPTS_MAX: u64 = 300;
/// How many notices are read at once.
const READ_MAX: u32 = 32;
/// The longest time between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// Works until the configuration changes or the engine stops.
pub(super) async fn run(engine: Arc<Inner>, name: String, receiver: AlertReceiver) {
    let mut sent = engine.alerting.sent.subscribe();
    let mut refresh = receiver.delivery.refresh_interval().map(|pace| {
        let mut tick = tokio::time::interval_at(Instant::now() + pace, pace);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick
    });
    loop {
        sent.borrow_and_update();
        let due = match once(&engine, &name, &*receiver.delivery).await {
            Ok(due) => due,
            Err(error) => {
                warn!(%error, receiver = name, "the notices that wait cannot be read");
                Some(engine.clock.now().plus(LOOK))
            }
        };
        let pause = due.map(|due| due.since(engine.clock.now()).min(LOOK));
        tokio::select! {
            changed = sent.changed() => if changed.is_err() { return },
            () = sleep(pause) => {}
            () = next(&mut refresh) => refreshed(&engine, &name, &*receiver.delivery).await,
        }
    }
}

/// For ever where nothing waits: what is put into the outbox wakes.
async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause + Duration::from_millis(1)).await,
        None => std::future::pending().await,
    }
}

async fn next(tick: &mut Option<Interval>) {
    match tick {
        Some(tick) => drop(tick.tick().await),
        None => std::future::pending().await,
    }
}

/// Tells again what fires, to whom forgets it otherwise.
async fn refreshed(engine: &Arc<Inner>, name: &str, delivery: &dyn Deliver) {
    let alerts = tell::believed(&engine.alerting.known(), name);
    if engine.history.is_none() {
        return; // without a history nobody knows whether they still fire
    }
    if alerts.is_empty() {
        return given_up(engine, name).await;
    }
    let tried = tokio::time::timeout(PATIENCE, delivery.refresh(&alerts)).await;
    let failure = match tried {
        Ok(Ok(())) => {
            return note(engine, name, |it| (it.failure, it.is_trying) = (None, Some(false)));
        }
        Ok(Err(failure)) => failure,
        Err(_) => Undelivered::for_now(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    warn!(receiver = name, why = failure.told, "a receiver could not be told again what fires");
    let now = engine.clock.now();
    note(engine, name, |it| {
        it.failed += 1;
        let told = failure.told.chars().take(TOLD_MAX).collect();
        // It is told again what fires as long as it fires.
        (it.failed_at, it.failure, it.is_trying) = (Some(now), Some(told), Some(true));
    });
}

/// Ends the trying of a refresh that failed: nothing fires that could be told again. What
/// waits in the outbox is still tried.
async fn given_up(engine: &Arc<Inner>, name: &str) {
    if engine.store.next_notices(name, 1).await.is_ok_and(|waiting| waiting.is_empty()) {
        note(engine, name, |it| {
            if it.is_trying == Some(true) {
                it.is_trying = Some(false);
            }
        });
    }
}

/// Delivers what is due; when the next one is, if any waits.
async fn once(
    engine: &Arc<Inner>,
    name: &str,
    delivery: &dyn Deliver,
) -> Result<Option<Timestamp>, Error> {
    loop {
        let waiting = engine.store.next_notices(name, READ_MAX).await?;
        let now = engine.clock.now();
        // What is to be tried later than any pause is so by a clock that went back.
        let latest = now.plus(LEFT_ALONE_MAX);
        let is_due = |it: &WaitingNotice| it.next_try_at <= now || it.next_try_at > latest;
        let (due, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_due);
        if due.is_empty() {
            return Ok(later.iter().map(|it| it.next_try_at).min());
        }
        for waiting in due {
            deliver(engine, name, delivery, waiting).await?;
        }
    }
}

async fn deliver(
    engine: &Arc<Inner>,
    name: &str,
    delivery: &dyn Deliver,
    waiting: WaitingNotice,
) -> Result<(), Error> {
    let WaitingNotice { seq, notice, attempts, .. } = waiting;
    let tried = tokio::time::timeout(PATIENCE, delivery.deliver(&notice)).await;
    let outcome = tried.unwrap_or_else(|_| {
        Err(Undelivered::for_now(format!("there was no answer for {} s", PATIENCE.as_secs())))
    });
    let now = engine.clock.now();
    let Err(failure) = outcome else {
        note(engine, name, |it| {
            it.delivered += 1;
            (it.delivered_at, it.failure, it.is_trying) = (Some(now), None, Some(false));
        });
        if attempts > 0 {
            info!(receiver = name, id = notice.id, attempts, "a notice was delivered at last");
        }
        return engine.store.notice_done(seq, &[]).await;
    };
    let told: String = failure.told.chars().take(TOLD_MAX).collect();
    let is_repeated = failure.is_retryable && attempts + 1 < ATTEMPTS_MAX;
    note(engine, name, |it| {
        it.failed += 1;
        (it.failed_at, it.failure) = (Some(now), Some(told.clone()));
        it.is_trying = Some(is_repeated);
    });
    if is_repeated {
        // Once for each notice: a receiver that is away for a day is no news each time.
        if attempts == 0 {
            warn!(receiver = name, id = notice.id, why = told, "a notice is to be tried again");
        }
        let next = now.plus(pause(attempts, failure.retry_after));
        return engine.store.notice_failed(seq, next, &told).await;
    }
    give_up(engine, seq, &notice, &told).await
}

/// Longer each time, and as long as the receiver asks for.
fn pause(attempts: u64, asked: Option<Duration>) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(16);
    let own = PAUSE.saturating_mul(1 << doublings).min(PAUSE_MAX);
    asked.map_or(own, |asked| asked.min(LEFT_ALONE_MAX).max(own))
}

async fn give_up(engine: &Arc<Inner>, seq: u64, notice: &Notice, why: &str) -> Result<(), Error> {
    error!(receiver = notice.receiver, id = notice.id, why, "a notice is given up");
    engine.store.notice_done(seq, &[lost_event(engine, notice, why)]).await?;
    note(engine, &notice.receiver, |it| it.lost += 1);
    engine.bus.poke();
    Ok(())
}

/// Tells of a notice that went without being delivered.
pub(super) async fn lost(engine: &Arc<Inner>, notice: &Notice, why: &str) {
    note(engine, &notice.receiver, |it| it.lost += 1);
    engine.publish(vec![lost_event(engine, notice, why)]).await;
}

fn lost_event(engine: &Inner, notice: &Notice, why: &str) -> NewEvent {
    let receiver = &notice.receiver;
    let alerts: Vec<_> = notice.alerts.iter().map(|alert| alert.id.clone()).collect();
    NewEvent {
        at: engine.clock.now(),
        kind: "alert.notice_lost".to_owned(),
        resource_kind: Some("receiver".to_owned()),
        resource_id: Some(receiver.clone()),
        resource_name: Some(receiver.clone()),
        message: format!("receiver {receiver} was not told of {} alerts: {why}", alerts.len()),
        data: json!({ "notice": notice.id, "alerts": alerts, "reason": why }),
    }
}

/// Gives up what waits for receivers that are not configured any more.
pub(super) async fn clear(engine: &Arc<Inner>) -> Result<(), Error> {
    for (receiver, _) in engine.store.notices_waiting().await? {
        if engine.alerting.known().config.receivers.contains_key(&receiver) {
            continue;
        }
        loop {
            let waiting = engine.store.next_notices(&receiver, READ_MAX).await?;
            if waiting.is_empty() {
                break;
            }
            for WaitingNotice { seq, notice, .. } in waiting {
                give_up(engine, seq, &notice, "the receiver is not configured any more").await?;
            }
        }
    }
    Ok(())
}

fn note(engine: &Inner, name: &str, change: impl FnOnce(&mut Deliveries)) {
    change(engine.alerting.known_mut().deliveries.entry(name.to_owned()).or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_end_and_a_receiver_may_ask_for_more() {
        let seconds = |attempts| pause(attempts, None).as_secs();
        assert_eq!([0, 1, 2, 5, 6, 7, u64::MAX].map(seconds), [5, 10, 20, 160, 300, 300, 300]);
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(pause(0, asked(60)).as_secs(), 60);
        assert_eq!(pause(3, asked(1)).as_secs(), 40, "no sooner than by itself");
        assert_eq!(pause(0, asked(1_000_000)).as_secs(), 3600);
        let day: u64 = (0..ATTEMPTS_MAX).map(seconds).sum();
        assert!((23 * 3600..26 * 3600).contains(&day), "{day}");
    }
}
