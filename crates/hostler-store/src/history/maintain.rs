//! What has to be done now and then: checkpoints by age, roll-ups of days that are
//! over, and the removal of what is beyond retention or beyond the room.
//!
//! ```text
//!  checkpoint if old ─► each day that is over: checkpoint ─► compact ─► 1h ─► 5m, with marks
//!        ─► retention ─► room ─► series that are not measured any more leave memory
//! ```
//!
//! It can be cut off anywhere: a day is rolled up once both marks are there, each
//! written with the last of its roll-ups, and rolling it up again gives the same. A step
//! that fails does not keep the later ones from freeing room.
//!
//! **A clock that jumps ahead must not empty history.** Time counts for retention only
//! up to the end of the last but one day that has samples.

use hostler_core::metrics::series::SeriesKey;

use super::checkpoint::unwritten;
use super::error::{FindingKind, Result};
use super::partition::{Block, DAY_MS, PartitionId, Tier};
use super::partitions::{DAMAGED, bytes_of};
use super::roll::{self, Bucket, LOOK_BACK_MS};
use super::rolled::{FIVE_MINUTES_MS, HOUR_MS};
use super::{Archive, Writing};

/// How many bytes of roll-ups are collected before they are written.
const WRITE_BYTES: usize = 8 << 20;

/// What maintenance did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Maintained {
    /// The days that were rolled up, by their first millisecond.
    pub rolled_up_ms: Vec<i64>,
    /// The partitions that were beyond retention, by name.
    pub expired: Vec<String>,
    /// The partitions that there was no room for, by name; each is a finding, too.
    pub over_budget: Vec<String>,
}

/// How much there is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stats {
    /// What all of it takes on the disk, in bytes.
    pub bytes: u64,
    /// What the log takes of that.
    pub log_bytes: u64,
    /// What the raw partitions take of that.
    pub raw_bytes: u64,
    /// The series that are being measured.
    pub active_series: usize,
    /// The raw samples there are, in partitions and in the log.
    pub samples: u64,
    /// Bytes of the raw partitions by samples in them.
    pub bytes_per_sample: Option<f64>,
    /// The oldest raw sample or bucket of a roll-up, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
    /// The newest sample.
    pub newest_ms: Option<i64>,
}

/// Roll-ups of a tier that are still to be written.
struct Collected {
    tier: Tier,
    blocks: Vec<Block>,
    bytes: usize,
    buckets: u64,
}

impl Archive {
    /// Does what is due. Cheap when nothing is; call it about once a minute.
    ///
    /// # Errors
    /// The first thing that failed; what came after it was still tried.
    pub fn maintain(&self, now_ms: i64) -> Result<Maintained> {
        let mut writing = self.writing();
        let mut done = Maintained::default();
        let mut failed = self.checkpoint_if_old(&mut writing, now_ms).err();
        let mut keep = |result: Result<()>| {
            if let Err(error) = result {
                failed.get_or_insert(error);
            }
        };
        keep(self.roll_up_days(&mut writing, now_ms, &mut done));
        keep(self.expire(now_ms, &mut done));
        keep(self.make_fit(&mut done));
        let options = &self.inner.options;
        let mut head = self.head();
        let newest_ms = head.newest_ms;
        if let Some(newest_ms) = newest_ms {
            head.forget(newest_ms.saturating_sub(options.late_ms));
        }
        drop(head);
        if newest_ms.is_some_and(|newest| newest > now_ms.saturating_add(options.ahead_ms)) {
            let lost = "what is measured now is dropped as too old: the newest samples are of a \
                        time yet to come; set the clock, or forget what was measured ahead of it";
            self.tell(FindingKind::AheadOfClock, "raw", lost);
        }
        failed.map_or(Ok(done), Err)
    }

    fn checkpoint_if_old(&self, writing: &mut Writing, now_ms: i64) -> Result<()> {
        let last = *writing.checkpoint_ms.get_or_insert(now_ms);
        let crowded = {
            let head = self.head();
            head.series.len() >= self.inner.options.series_max / 10 * 9
                && head.oldest_unpersisted_ms().is_some()
        };
        // A clock that went back counts as one that went on.
        let is_old = now_ms.abs_diff(last) >= self.inner.options.checkpoint_ms.unsigned_abs();
        if !crowded && !is_old {
            return Ok(());
        }
        self.checkpoint_with(writing)?;
        writing.checkpoint_ms = Some(now_ms);
        Ok(())
    }

    fn roll_up_days(
        &self,
        writing: &mut Writing,
        now_ms: i64,
        done: &mut Maintained,
    ) -> Result<()> {
        let over_ms = now_ms.saturating_sub(self.inner.options.late_ms);
        // Days that are only in the log get their partition first.
        let oldest_ms = self.head().oldest_unpersisted_ms();
        if oldest_ms.is_some_and(|at_ms| PartitionId::of(Tier::Raw, at_ms).end_ms() <= over_ms) {
            self.checkpoint_with(writing)?;
            writing.checkpoint_ms = Some(now_ms);
        }
        for id in self.inner.partitions.ids(Tier::Raw) {
            if id.end_ms() > over_ms || writing.rolled_days.contains(&id.first_day) {
                continue;
            }
            if !self.is_rolled_up(id.first_day)? {
                self.roll_up(id)?;
                done.rolled_up_ms.push(id.start_ms());
            }
            writing.rolled_days.insert(id.first_day);
        }
        Ok(())
    }

    fn roll_up(&self, id: PartitionId) -> Result<()> {
        // What came later would be in no roll-up.
        {
            let mut head = self.head();
            head.closed_until_ms = head.closed_until_ms.max(id.end_ms());
        }
        if let Some(partition) = self.inner.partitions.get(id)? {
            let compacted = partition.compact();
            drop(partition);
            self.inner.partitions.close(id);
            if let Err(fault) = compacted {
                self.told(id, fault)?;
            }
        }
        let (from_ms, to_ms) = (id.start_ms(), id.end_ms() - 1);
        let back_ms = from_ms - LOOK_BACK_MS;
        let gathered = self.gather(Tier::Raw, &[], back_ms, to_ms)?;
        let collected = |tier| Collected { tier, blocks: Vec::new(), bytes: 0, buckets: 0 };
        let mut tiers = [collected(Tier::Hour), collected(Tier::FiveMinutes)];
        for key in gathered.keys() {
            let samples = self.samples(&gathered, key, back_ms, to_ms)?;
            let minutes =
                roll::roll(&samples, roll::is_counter(key.name()), from_ms, FIVE_MINUTES_MS);
            let hours = roll::widen(minutes.iter().copied(), HOUR_MS);
            for (collected, buckets) in tiers.iter_mut().zip([hours, minutes]) {
                collected.add(from_ms, key, &buckets);
                if collected.bytes > WRITE_BYTES {
                    self.write_rolled(id, collected, false)?;
                }
            }
        }
        tiers.iter_mut().try_for_each(|collected| self.write_rolled(id, collected, true))
    }

    /// Writes what was collected of a day, and that this was the last of it.
    fn write_rolled(&self, day: PartitionId, collected: &mut Collected, last: bool) -> Result<()> {
        let id = PartitionId::of(collected.tier, day.start_ms());
        let partition = self.inner.partitions.get_or_begin(id)?;
        let blocks = std::mem::take(&mut collected.blocks);
        collected.bytes = 0;
        let rolled = last.then_some((day.first_day, collected.buckets));
        if let Err(fault) = partition.write(blocks, rolled) {
            drop(partition);
            self.inner.partitions.close(id);
            return Err(unwritten(id, fault));
        }
        Ok(())
    }

    fn expire(&self, now_ms: i64, done: &mut Maintained) -> Result<()> {
        let options = &self.inner.options;
        let raw = self.inner.partitions.ids(Tier::Raw);
        let Some(last_but_one) = raw.iter().rev().nth(1) else { return Ok(()) };
        let now_ms = now_ms.min(last_but_one.end_ms());
        let kept_ms = |tier| match tier {
            Tier::Raw => options.raw_ms,
            Tier::FiveMinutes => options.five_minutes_ms,
            Tier::Hour => options.hour_ms,
        };
        let is_old = |id: PartitionId| id.end_ms() <= now_ms.saturating_sub(kept_ms(id.tier));
        for tier in Tier::ALL {
            for id in self.inner.partitions.ids(tier).into_iter().filter(|id| is_old(*id)) {
                // One that is being read goes next time.
                if self.inner.partitions.remove(id)? {
                    done.expired.push(id.name());
                }
            }
        }
        self.inner.partitions.remove_damaged(is_old)
    }

    /// Removes the oldest until everything has room.
    fn make_fit(&self, done: &mut Maintained) -> Result<()> {
        let limit = self.inner.options.max_bytes;
        let mut bytes = bytes_of(&self.inner.path);
        if bytes <= limit {
            return Ok(());
        }
        self.inner.partitions.remove_damaged(|_| true)?;
        for tier in Tier::ALL {
            let ids = self.inner.partitions.ids(tier);
            let but_the_newest = ids.len().saturating_sub(1);
            for id in ids.into_iter().take(but_the_newest) {
                if bytes <= limit {
                    return Ok(());
                }
                let freed = self.inner.partitions.bytes(id);
                if self.inner.partitions.remove(id)? {
                    bytes = bytes.saturating_sub(freed);
                    let lost = format!(
                        "dropped before its time: history may take {limit} bytes, see max_bytes"
                    );
                    self.tell(FindingKind::OverBudget, id.name(), lost);
                    done.over_budget.push(id.name());
                }
            }
        }
        if bytes > limit {
            let lost = "nothing yet, but the newest days alone take more than max_bytes";
            self.tell(FindingKind::OverBudget, "raw", lost);
        }
        Ok(())
    }

    /// How much there is. Looks at every file: not for every scrape.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { bytes: bytes_of(&self.inner.path), ..Stats::default() };
        {
            let head = self.head();
            stats.active_series = head.series.len();
            stats.log_bytes = head.log_bytes();
            stats.samples = head.unpersisted();
            stats.oldest_ms = head.oldest_unpersisted_ms();
            stats.newest_ms = head.newest_ms;
        }
        let mut persisted = 0;
        for (id, totals) in self.inner.partitions.totals() {
            if let Some((oldest_ms, _)) = totals.span {
                stats.oldest_ms = Some(stats.oldest_ms.map_or(oldest_ms, |at| at.min(oldest_ms)));
            }
            if id.tier == Tier::Raw {
                persisted += totals.samples;
                stats.raw_bytes += self.inner.partitions.bytes(id);
            }
        }
        stats.samples += persisted;
        stats.bytes_per_sample = (persisted > 0).then(|| stats.raw_bytes as f64 / persisted as f64);
        stats
    }

    /// Where damaged partitions are put, below the history's directory.
    pub const DAMAGED_DIRECTORY: &'static str = DAMAGED;
}

impl Collected {
    fn add(&mut self, day_start_ms: i64, key: &SeriesKey, buckets: &[Bucket]) {
        let Some(last) = buckets.last() else { return };
        let bytes = roll::encode(day_start_ms, buckets);
        self.bytes += bytes.len() + 64;
        self.buckets += buckets.len() as u64;
        self.blocks.push(Block {
            key: key.clone(),
            start_ms: day_start_ms,
            end_ms: last.start_ms.min(day_start_ms + DAY_MS - 1),
            more: 0,
            bytes,
        });
    }
}
