//! Which operations this server drives now, whose turn it is, and how to cancel
//! their steps.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hostler_core::id::OperationId;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::turns::{Bounds, Lane, Turns, Wish};

/// What became of a wish to drive an operation.
pub(crate) enum Begin {
    /// Drive it; the token interrupts its steps.
    Begun(CancellationToken),
    /// It is being driven, or could not be a moment ago.
    NotNow,
    /// There is no room; who makes some will say so.
    NoRoom,
}

/// There is no room for a while; end the drive and come again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The operations that are driven here.
pub(crate) struct Driving(Mutex<Table>);

struct Table {
    turns: Turns,
    tokens: HashMap<OperationId, CancellationToken>,
    /// Who waits for a turn, and how to say that it has come.
    waiting: HashMap<OperationId, oneshot::Sender<()>>,
    /// What could not be driven lately, and until when it is not tried again:
    /// otherwise whatever another server drives would be tried in a loop.
    deferred: HashMap<OperationId, Instant>,
    /// Whether somebody found no room since the last look at the queue.
    refused: bool,
}

impl Driving {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self(Mutex::new(Table {
            turns: Turns::new(bounds),
            tokens: HashMap::new(),
            waiting: HashMap::new(),
            deferred: HashMap::new(),
            refused: false,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A look at the queue begins.
    pub(crate) fn look(&self, now: Instant) {
        let mut table = self.lock();
        table.refused = false;
        table.deferred.retain(|_, until| *until > now);
    }

    /// Notes that `id` is being driven, if there is room for it. One that was
    /// cancelled needs none until it has to undo something.
    pub(crate) fn begin(&self, id: OperationId, lane: Lane, is_cancelled: bool) -> Begin {
        let mut table = self.lock();
        if table.turns.has_begun(id) || table.deferred.contains_key(&id) {
            return Begin::NotNow;
        }
        let begun = table.turns.begin(id, lane) || (is_cancelled && table.turns.look_in(id, lane));
        if !begun {
            table.refused = true;
            return Begin::NoRoom;
        }
        let token = CancellationToken::new();
        table.tokens.insert(id, token.clone());
        Begin::Begun(token)
    }

    /// Whether `id` may work in this lane now.
    pub(crate) fn has_turn(&self, id: OperationId, lane: Lane) -> bool {
        self.lock().turns.has_turn(id, lane)
    }

    /// Notes that `id` does not work for a while; whether somebody who has not
    /// begun may find room now.
    pub(crate) fn rest(&self, id: OperationId) -> bool {
        let mut table = self.lock();
        table.turns.rest(id);
        table.grant();
        table.refused
    }

    /// Waits until `id` may work in this lane, its own if none is given. What
    /// it held elsewhere is free from the first poll on.
    pub(crate) async fn turn(&self, id: OperationId, lane: Option<Lane>) -> Result<(), Full> {
        let granted = {
            let mut table = self.lock();
            let lane = lane.or_else(|| table.turns.lane_of(id)).ok_or(Full)?;
            let wish = table.turns.wait(id, lane);
            let (grant, granted) = oneshot::channel();
            if wish == Wish::Waits {
                table.waiting.insert(id, grant);
            }
            // What it left elsewhere may be somebody's turn, in the end its own.
            table.grant();
            match wish {
                Wish::Granted => return Ok(()),
                Wish::Full => return Err(Full),
                Wish::Waits => granted,
            }
        };
        granted.await.map_err(|_| Full)
    }

    /// Notes that `id` is not driven any more; whether somebody who has not
    /// begun may find room now.
    pub(crate) fn end(&self, id: OperationId) -> bool {
        let mut table = self.lock();
        table.turns.end(id);
        table.tokens.remove(&id);
        table.waiting.remove(&id);
        table.grant();
        table.refused
    }

    /// Does not try `id` again before `until`.
    pub(crate) fn defer(&self, id: OperationId, until: Instant) {
        self.lock().deferred.insert(id, until);
    }

    /// Interrupts the running step of `id`, if it runs here.
    pub(crate) fn interrupt(&self, id: OperationId) {
        if let Some(token) = self.lock().tokens.get(&id) {
            token.cancel();
        }
    }

    /// How many operations are driven here.
    pub(crate) fn count(&self) -> usize {
        self.lock().turns.begun()
    }
}

impl Table {
    /// Gives free turns to those who wait.
    fn grant(&mut self) {
        while let Some(id) = self.turns.grant() {
            let told = self.waiting.remove(&id).is_some_and(|grant| grant.send(()).is_ok());
            if !told {
                // It has stopped waiting meanwhile; it asks again if it has to.
                self.turns.rest(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hostler_core::Timestamp;

    use super::*;

    fn id(n: u8) -> OperationId {
        OperationId::new(Timestamp::from_millis(i64::from(n)), [n; 10])
    }

    fn one_at_a_time() -> Arc<Driving> {
        Arc::new(Driving::new(Bounds { overall: 1, per_lane: 1, begun_per_lane: 9 }))
    }

    fn begun(driving: &Driving, n: u8) -> bool {
        matches!(driving.begin(id(n), None, false), Begin::Begun(_))
    }

    #[tokio::test(start_paused = true)]
    async fn who_rests_lets_another_in_and_gets_the_turn_back_when_it_is_free() {
        let driving = one_at_a_time();
        assert!(begun(&driving, 1) && !begun(&driving, 2));
        assert!(driving.rest(id(1)), "somebody was refused and is told of the room");
        assert!(begun(&driving, 2));
        let mut waiting = tokio::task::JoinSet::new();
        let table = driving.clone();
        waiting.spawn(async move { table.turn(id(1), None).await });
        tokio::task::yield_now().await;
        assert!(waiting.try_join_next().is_none());
        driving.end(id(2));
        assert_eq!(waiting.join_next().await.unwrap().unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_holds_nothing() {
        let driving = one_at_a_time();
        assert!(begun(&driving, 1));
        driving.rest(id(1));
        assert!(begun(&driving, 2));
        let patience = std::time::Duration::from_millis(1);
        tokio::time::timeout(patience, driving.turn(id(1), None)).await.unwrap_err();
        driving.end(id(2));
        assert!(!driving.has_turn(id(1), None));
        assert!(begun(&driving, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_driven_is_not_tried_at_once() {
        let driving = one_at_a_time();
        let now = Instant::now();
        driving.defer(id(1), now + std::time::Duration::from_secs(2));
        driving.look(now);
        assert!(!begun(&driving, 1));
        driving.look(now + std::time::Duration::from_secs(2));
        assert!(begun(&driving, 1));
    }

    #[tokio::test]
    async fn f6_a_cancel_in_the_queue_is_looked_at_without_a_turn() {
        let driving = one_at_a_time();
        assert!(begun(&driving, 1));
        assert!(matches!(driving.begin(id(2), None, true), Begin::Begun(_)));
        assert!(!driving.has_turn(id(2), None));
    }
}
