//! The way back after a clock was far ahead: what was measured then makes everything
//! that is measured now too old, for as long as the clock was ahead.

use super::Archive;
use super::error::{Error, Result};
use super::head::Head;
use super::partition::{PartitionId, Tier};

/// How often it is tried to find the head empty while others append.
const TRIES: u32 = 5;

impl Archive {
    /// Removes the days after that of `at_ms`. A roll-up of such a day goes with its partition;
    /// where that begins earlier, the day is rolled up anew once it is over. Answers the
    /// partitions that are gone, by name.
    ///
    /// Call it with the time as it is, when the clock is right again and maintenance has found
    /// samples ahead of it. Appending waits meanwhile.
    ///
    /// # Errors
    /// When the file system fails, or what has to go is being read or added to: then it can be
    /// done again.
    pub fn forget_after(&self, at_ms: i64) -> Result<Vec<String>> {
        let mut writing = self.writing();
        for _ in 0..TRIES {
            self.checkpoint_with(&mut writing)?;
            // Held to the end, so that nothing is added in between.
            let mut head = self.head();
            if head.unpersisted() == 0 {
                writing.rolled_days.clear();
                return self.forget_with(&mut head, at_ms);
            }
        }
        Err(busy("it is being added to"))
    }

    fn forget_with(&self, head: &mut Head, at_ms: i64) -> Result<Vec<String>> {
        let next_day_ms = PartitionId::of(Tier::Raw, at_ms).end_ms();
        // Series are looked up anew in what is left, when they are measured again.
        head.forget(i64::MAX);
        let partitions = &self.inner.partitions;
        let mut gone = Vec::new();
        // Roll-ups first: cut off in between, raw days are still there to roll up again.
        for tier in Tier::ALL.into_iter().rev() {
            for id in partitions.ids(tier).into_iter().filter(|id| id.end_ms() > next_day_ms) {
                if id.start_ms() < next_day_ms {
                    if let Some(partition) = partitions.get(id)?
                        && let Err(fault) = partition.forget_rolled(next_day_ms)
                    {
                        self.told(id, fault)?;
                    }
                } else if partitions.remove(id)? {
                    gone.push(id.name());
                } else {
                    return Err(busy("it is being read"));
                }
            }
        }
        head.newest_ms = partitions.newest_ms();
        head.closed_until_ms = self.rolled_until()?;
        Ok(gone)
    }
}

fn busy(why: &str) -> Error {
    Error::Unavailable { doing: "forget days of the history".into(), why: why.into() }
}
