//! Whose turn it is to work: pure bookkeeping, without tasks or time.
//!
//! ```text
//!            begin                    rest                   wait
//!  queued ─────────► at work ───────────────────► resting ───────► waiting ─┐
//!    │                ▲   │ wait (elsewhere)         ▲                ▲     │
//!    │                │   └──────────────────────────┼────────────────┘     │
//!    │ look_in        └──────────────────────────────┼──── grant ───────────┘
//!    └───────────────────────────────────────────────┘        end: from anywhere
//! ```
//!
//! Each provider has a lane of its own, and so have operations whose provider
//! is not decided. What is bounded is work under way: in a lane, so that one
//! provider that hangs holds its own lane and nobody else's (F6), and in all.
//! A lane without any work under way always has room for one, so that many
//! dead providers together cannot starve a good one either.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hostler_core::id::{OperationId, ProviderId};

/// Where an operation works; `None` while that is not decided.
pub(crate) type Lane = Option<ProviderId>;

/// How many may work at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// In all lanes together; exceeded only by lanes that have nobody else.
    pub(crate) overall: usize,
    /// In one lane.
    pub(crate) per_lane: usize,
    /// Begun in one lane, those included that rest or wait: each of them has a
    /// lease to be renewed.
    pub(crate) begun_per_lane: usize,
}

/// What became of a wish to work in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It may work now.
    Granted,
    /// It has to wait until it is granted.
    Waits,
    /// Too many have begun there; it is where it was, at rest.
    Full,
}

#[derive(Default)]
struct Queue {
    at_work: BTreeSet<OperationId>,
    waiting: BTreeSet<OperationId>,
    resting: BTreeSet<OperationId>,
}

impl Queue {
    fn begun(&self) -> usize {
        self.at_work.len() + self.waiting.len() + self.resting.len()
    }
}

/// Who works, rests and waits, and where.
pub(crate) struct Turns {
    bounds: Bounds,
    lanes: BTreeMap<Lane, Queue>,
    lane_of: HashMap<OperationId, Lane>,
    at_work: usize,
}

impl Turns {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, lanes: BTreeMap::new(), lane_of: HashMap::new(), at_work: 0 }
    }

    /// How many have begun.
    pub(crate) fn begun(&self) -> usize {
        self.lane_of.len()
    }

    pub(crate) fn has_begun(&self, id: OperationId) -> bool {
        self.lane_of.contains_key(&id)
    }

    /// Lets one that has not begun work, if there is room and nobody who has
    /// begun waits for it.
    pub(crate) fn begin(&mut self, id: OperationId, lane: Lane) -> bool {
        let queue = self.lanes.get(&lane);
        let nobody_waits = queue.is_none_or(|queue| queue.waiting.is_empty());
        if !nobody_waits || !self.has_room(lane) || !self.may_begin(lane) {
            return false;
        }
        self.start_working(id, lane);
        true
    }

    /// Lets one that has not begun see whether it has to work at all: one that
    /// was cancelled in the queue only has to be ended.
    pub(crate) fn look_in(&mut self, id: OperationId, lane: Lane) -> bool {
        if !self.may_begin(lane) {
            return false;
        }
        self.lane_of.insert(id, lane);
        self.lanes.entry(lane).or_default().resting.insert(id);
        true
    }

    /// Whether it may work in this lane now.
    pub(crate) fn has_turn(&self, id: OperationId, lane: Lane) -> bool {
        self.lanes.get(&lane).is_some_and(|queue| queue.at_work.contains(&id))
    }

    /// Where it is.
    pub(crate) fn lane_of(&self, id: OperationId) -> Option<Lane> {
        self.lane_of.get(&id).copied()
    }

    /// It does not work for a while.
    pub(crate) fn rest(&mut self, id: OperationId) {
        if let Some(lane) = self.remove(id) {
            self.lane_of.insert(id, lane);
            self.lanes.entry(lane).or_default().resting.insert(id);
        }
    }

    /// It wants to work in this lane, whichever it was in before.
    pub(crate) fn wait(&mut self, id: OperationId, lane: Lane) -> Wish {
        if self.has_turn(id, lane) {
            return Wish::Granted;
        }
        let moves = self.lane_of(id) != Some(lane);
        self.rest(id);
        if moves && !self.may_begin(lane) {
            return Wish::Full;
        }
        self.remove(id);
        let queue = self.lanes.entry(lane).or_default();
        let is_first = queue.waiting.first().is_none_or(|first| id < *first);
        if is_first && self.has_room(lane) {
            self.start_working(id, lane);
            return Wish::Granted;
        }
        self.lane_of.insert(id, lane);
        self.lanes.entry(lane).or_default().waiting.insert(id);
        Wish::Waits
    }

    /// It is over.
    pub(crate) fn end(&mut self, id: OperationId) {
        self.remove(id);
    }

    /// Lets the next of those who wait work: in the lane with the least work
    /// under way, the oldest.
    pub(crate) fn grant(&mut self) -> Option<OperationId> {
        let waiting = self.lanes.iter().filter_map(|(lane, queue)| {
            let first = queue.waiting.first()?;
            self.has_room(*lane).then_some((queue.at_work.len(), *first, *lane))
        });
        let (_, id, lane) = waiting.min()?;
        self.remove(id);
        self.start_working(id, lane);
        Some(id)
    }

    fn has_room(&self, lane: Lane) -> bool {
        let here = self.lanes.get(&lane).map_or(0, |queue| queue.at_work.len());
        here == 0 || (here < self.bounds.per_lane && self.at_work < self.bounds.overall)
    }

    fn may_begin(&self, lane: Lane) -> bool {
        self.lanes.get(&lane).map_or(0, Queue::begun) < self.bounds.begun_per_lane.max(1)
    }

    fn start_working(&mut self, id: OperationId, lane: Lane) {
        self.lane_of.insert(id, lane);
        if self.lanes.entry(lane).or_default().at_work.insert(id) {
            self.at_work += 1;
        }
    }

    /// Takes it out; tells which lane it was in.
    fn remove(&mut self, id: OperationId) -> Option<Lane> {
        let lane = self.lane_of.remove(&id)?;
        if let Some(queue) = self.lanes.get_mut(&lane) {
            if queue.at_work.remove(&id) {
                self.at_work -= 1;
            }
            queue.waiting.remove(&id);
            queue.resting.remove(&id);
            if queue.begun() == 0 {
                self.lanes.remove(&lane);
            }
        }
        Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn id(n: u8) -> OperationId {
        OperationId::new(Timestamp::from_millis(i64::from(n)), [n; 10])
    }

    fn lane(n: u8) -> Lane {
        (n > 0).then(|| ProviderId::new(Timestamp::from_millis(1), [n; 10]))
    }

    const BOUNDS: Bounds = Bounds { overall: 4, per_lane: 2, begun_per_lane: 3 };

    #[test]
    fn a_lane_is_bounded_and_leaves_room_for_the_others() {
        let mut turns = Turns::new(BOUNDS);
        let begun: Vec<_> = (0..5).map(|n| turns.begin(id(n), lane(1))).collect();
        assert_eq!(begun, [true, true, false, false, false]);
        assert!(turns.begin(id(10), lane(2)), "another provider is not in its way");
    }

    #[test]
    fn f6_however_many_lanes_are_full_a_lane_without_work_gets_one() {
        let mut turns = Turns::new(BOUNDS);
        for n in 0..10 {
            turns.begin(id(n), lane(1 + n / 2));
        }
        assert!(turns.begin(id(90), lane(90)));
        assert!(!turns.begin(id(91), lane(90)), "the overall bound counts for the second");
    }

    #[test]
    fn who_rests_gives_the_turn_back_and_waits_for_it_before_those_who_have_not_begun() {
        let mut turns = Turns::new(BOUNDS);
        assert!(turns.begin(id(1), lane(1)) && turns.begin(id(2), lane(1)));
        turns.rest(id(1));
        assert!(turns.begin(id(3), lane(1)), "the turn is free");
        assert_eq!(turns.wait(id(1), lane(1)), Wish::Waits);
        turns.end(id(2));
        assert!(!turns.begin(id(4), lane(1)), "somebody who has begun waits");
        assert_eq!((turns.grant(), turns.grant()), (Some(id(1)), None));
        assert!(turns.has_turn(id(1), lane(1)));
    }

    #[test]
    fn who_moves_to_a_lane_where_too_many_have_begun_comes_again_later() {
        let mut turns = Turns::new(BOUNDS);
        for n in 1..=3 {
            assert!(turns.look_in(id(n), lane(1)));
        }
        assert!(!turns.look_in(id(4), lane(1)));
        assert!(turns.begin(id(5), None));
        assert_eq!(turns.wait(id(5), lane(1)), Wish::Full);
        assert!(!turns.has_turn(id(5), None) && turns.has_begun(id(5)));
    }

    #[test]
    fn a_freed_turn_goes_where_the_least_is_under_way_and_to_the_oldest_there() {
        let mut turns = Turns::new(Bounds { overall: 3, per_lane: 3, begun_per_lane: 9 });
        for (n, at) in [(1, 1), (2, 1), (3, 2)] {
            assert!(turns.begin(id(n), lane(at)));
        }
        for (n, at) in [(4, 1), (6, 2), (5, 2)] {
            assert!(turns.look_in(id(n), lane(at)));
            assert_eq!(turns.wait(id(n), lane(at)), Wish::Waits);
        }
        turns.end(id(1));
        assert_eq!(turns.grant(), Some(id(4)), "one under way in each: the oldest");
        turns.end(id(2));
        turns.end(id(4));
        assert_eq!(turns.grant(), Some(id(5)));
    }

    proptest! {
        #[test]
        fn bounds_hold_and_nobody_is_lost_whatever_happens(
            steps in prop::collection::vec((0..6_u8, 0..24_u8, 0..4_u8), 1..200),
        ) {
            let mut turns = Turns::new(BOUNDS);
            let mut begun = BTreeSet::new();
            for (what, who, place) in steps {
                let (who, place) = (id(who), lane(place));
                match what {
                    0 if !begun.contains(&who) => {
                        if turns.begin(who, place) { begun.insert(who); }
                    }
                    1 if !begun.contains(&who) => {
                        if turns.look_in(who, place) { begun.insert(who); }
                    }
                    2 if begun.contains(&who) => turns.rest(who),
                    3 if begun.contains(&who) => { turns.wait(who, place); }
                    4 => { turns.end(who); begun.remove(&who); }
                    _ => { turns.grant(); }
                }
                let at_work: usize = turns.lanes.values().map(|q| q.at_work.len()).sum();
                prop_assert_eq!(at_work, turns.at_work);
                prop_assert_eq!(turns.begun(), begun.len());
                prop_assert_eq!(turns.lanes.values().map(Queue::begun).sum::<usize>(), begun.len());
                let alone = turns.lanes.values().filter(|q| q.at_work.len() == 1).count();
                prop_assert!(at_work <= BOUNDS.overall.max(alone) + alone);
                prop_assert!(turns.lanes.values().all(|q| q.at_work.len() <= BOUNDS.per_lane));
            }
            // Once all who work have ended, all who wait get their turn.
            loop {
                while turns.grant().is_some() {}
                let working: Vec<_> =
                    turns.lanes.values().flat_map(|q| q.at_work.iter().copied()).collect();
                if working.is_empty() { break; }
                working.into_iter().for_each(|id| turns.end(id));
            }
            prop_assert!(turns.lanes.values().all(|q| q.waiting.is_empty()));
        }
    }
}
