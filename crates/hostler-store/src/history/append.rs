//! What is taken into history, and what is dropped and counted instead.

use hostler_core::metrics::series::{Sample, SeriesKey};

use super::Archive;
use super::error::Result;
use super::head::{Head, STALE_BITS, is_stale};
use super::wal::{ROW_MAX, Row, Segment, Unsynced};

/// What became of the samples that were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// How many were written.
    pub written: u64,
    /// How many were not, by reason.
    pub dropped: Dropped,
}

/// Samples that were dropped, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Older than the newest of their series, or than history takes at all.
    pub too_old: u64,
    /// Of the same time as the newest of their series. The first one stays.
    pub duplicate: u64,
    /// Further ahead of now than a clock may be wrong.
    pub too_far_ahead: u64,
    /// Unsound: NaN is no value.
    pub not_a_number: u64,
    /// Of a series that would be one more than may be measured at a time.
    pub over_cap: u64,
    /// Ends of series that had ended, or were not being measured.
    pub not_running: u64,
}

impl Dropped {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.too_old
            + self.duplicate
            + self.too_far_ahead
            + self.not_a_number
            + self.over_cap
            + self.not_running
    }
}

/// Is told what was taken.
pub type Taken<'a> = &'a mut dyn FnMut(&SeriesKey, Sample);

/// A row that is being put together.
struct Draft<'a> {
    row: Row,
    accepted: Vec<(usize, Sample)>,
    taken: Taken<'a>,
}

impl<'a> Draft<'a> {
    fn of(taken: Taken<'a>) -> Self {
        Self { row: Row::default(), accepted: Vec::new(), taken }
    }
}

impl Archive {
    /// Takes samples of any series, as one row of the log. They can be asked for at once, are
    /// there after `kill -9`, and after a power cut once [`Archive::sync`] has confirmed them.
    ///
    /// `now_ms` is the caller's clock. Of a series, a sample has to be newer than the one
    /// before.
    ///
    /// # Errors
    /// When the disk is full or fails: what was not written by then was not taken, and may be
    /// given again (what was written is then dropped as a duplicate).
    pub fn append(&self, now_ms: i64, batch: &[(SeriesKey, Sample)]) -> Result<Appended> {
        self.append_telling(now_ms, batch, &mut |_, _| {})
    }

    /// The same, telling each sample that was taken, also before an error.
    ///
    /// # Errors
    /// As [`Archive::append`].
    pub fn append_telling(
        &self,
        now_ms: i64,
        batch: &[(SeriesKey, Sample)],
        taken: Taken<'_>,
    ) -> Result<Appended> {
        self.make_room()?;
        let mut appended = Appended::default();
        let mut head = self.head();
        let mut draft = Draft::of(taken);
        for (key, sample) in batch {
            if sample.value.is_nan() {
                appended.dropped.not_a_number += 1;
                continue;
            }
            if let Some(place) = self.admit(&mut head, now_ms, key, sample.at_ms, &mut appended)? {
                self.draft(&mut head, &mut draft, place, *sample, &mut appended)?;
            }
        }
        self.write(&mut head, &mut draft, &mut appended)?;
        Ok(appended)
    }

    /// Marks series as ended at a time, or a millisecond after their last sample where a clock
    /// that went ahead, by no more than samples may, put that later: what comes then is a gap, not
    /// their last value for ever. Ending what has ended, or was not measured for longer than
    /// [`Options::late_ms`](super::Options::late_ms), changes nothing and is counted.
    ///
    /// # Errors
    /// As [`Archive::append`].
    pub fn end(&self, now_ms: i64, keys: &[SeriesKey], at_ms: i64) -> Result<Appended> {
        self.end_telling(now_ms, keys, at_ms, &mut |_, _| {})
    }

    /// The same, telling each mark that was written, also before an error.
    ///
    /// # Errors
    /// As [`Archive::append`].
    pub fn end_telling(
        &self,
        now_ms: i64,
        keys: &[SeriesKey],
        at_ms: i64,
        taken: Taken<'_>,
    ) -> Result<Appended> {
        self.make_room()?;
        let mut appended = Appended::default();
        let mut head = self.head();
        let mut draft = Draft::of(taken);
        for key in keys {
            let since_ms = at_ms.saturating_sub(self.inner.options.late_ms);
            let last = match head.place(key).and_then(|place| head.series.get(place)) {
                Some(series) => series.last,
                None => self.last_in_partitions(key, since_ms)?,
            };
            let runs = |last: &Sample| last.at_ms >= since_ms && !is_stale(last.value);
            let Some(last) = last.filter(runs) else {
                appended.dropped.not_running += 1;
                continue;
            };
            // A mark before the last sample would be none, and the series would go on.
            let at_ms = at_ms.max(last.at_ms.saturating_add(1));
            let sample = Sample { at_ms, value: f64::from_bits(STALE_BITS) };
            if let Some(place) = self.admit(&mut head, now_ms, key, at_ms, &mut appended)? {
                self.draft(&mut head, &mut draft, place, sample, &mut appended)?;
            }
        }
        self.write(&mut head, &mut draft, &mut appended)?;
        Ok(appended)
    }

    /// What was appended before survives a power cut from here on.
    ///
    /// # Errors
    /// When the disk does not confirm it.
    pub fn sync(&self) -> Result<()> {
        // Without the lock: a slow disk must not keep others from reading and appending.
        let unsynced = self.head().segment.to_sync();
        let done = unsynced.as_ref().map_or(Ok(()), Unsynced::sync);
        let unconfirmed = {
            let mut head = self.head();
            if let Some(unsynced) = &unsynced {
                let synced = head.segment.synced(unsynced, done);
                head.unconfirmed |= synced.is_err();
                synced?;
            }
            head.unconfirmed
        };
        // Rows of another file were refused: only partitions can make good for them.
        if unconfirmed { self.checkpoint() } else { Ok(()) }
    }

    /// The place of the series that takes a sample of this time, or counts why none does.
    fn admit(
        &self,
        head: &mut Head,
        now_ms: i64,
        key: &SeriesKey,
        at_ms: i64,
        appended: &mut Appended,
    ) -> Result<Option<usize>> {
        let options = &self.inner.options;
        let dropped = &mut appended.dropped;
        if at_ms > now_ms.saturating_add(options.ahead_ms) {
            dropped.too_far_ahead += 1;
            return Ok(None);
        }
        let newest = head.newest_ms.map_or(now_ms, |newest| newest.max(now_ms));
        let floor = newest.saturating_sub(options.late_ms).max(head.closed_until_ms);
        if at_ms < floor {
            dropped.too_old += 1;
            return Ok(None);
        }
        let place = match head.place(key) {
            Some(place) => place,
            None if head.series.len() >= options.series_max => {
                dropped.over_cap += 1;
                return Ok(None);
            }
            None => {
                let last = self.last_in_partitions(key, at_ms)?;
                head.add(key, last)
            }
        };
        match head.series.get(place).and_then(super::head::HeadSeries::newest_ms) {
            Some(newest) if newest == at_ms => dropped.duplicate += 1,
            Some(newest) if newest > at_ms => dropped.too_old += 1,
            _ => return Ok(Some(place)),
        }
        Ok(None)
    }

    /// Adds a sample to the row, which is written before it gets too long.
    fn draft(
        &self,
        head: &mut Head,
        draft: &mut Draft<'_>,
        place: usize,
        sample: Sample,
        appended: &mut Appended,
    ) -> Result<()> {
        if draft.row.len() > ROW_MAX / 2 {
            self.write(head, draft, appended)?;
        }
        if head.segment.is_broken() {
            self.next_segment(head)?;
        }
        let (segment, names) = (head.segment.number(), head.names);
        let Some(series) = head.series.get_mut(place) else { return Ok(()) };
        let reference = match series.named {
            Some((named, reference)) if named == segment => reference,
            _ => {
                draft.row.name(names, &series.key);
                series.named = Some((segment, names));
                head.names += 1;
                names
            }
        };
        series.pending_ms = Some(sample.at_ms);
        draft.row.sample(reference, sample);
        draft.accepted.push((place, sample));
        Ok(())
    }

    /// Writes the row, then takes its samples into the head; after an error, none of them.
    fn write(&self, head: &mut Head, draft: &mut Draft<'_>, appended: &mut Appended) -> Result<()> {
        let row = std::mem::take(&mut draft.row);
        let accepted = std::mem::take(&mut draft.accepted);
        if row.is_empty() {
            return Ok(());
        }
        if let Err(error) = head.segment.append(head.next_row, &row) {
            for (place, _) in accepted {
                if let Some(series) = head.series.get_mut(place) {
                    (series.pending_ms, series.named) = (None, None);
                }
            }
            return Err(error);
        }
        head.next_row += 1;
        appended.written += accepted.len() as u64;
        for (place, sample) in accepted {
            if let Some(series) = head.series.get(place) {
                (draft.taken)(&series.key, sample);
            }
            head.push(place, sample, self.inner.options.chunk_samples);
        }
        Ok(())
    }

    /// Begins another file of the log.
    pub(super) fn next_segment(&self, head: &mut Head) -> Result<()> {
        // A sync that fails here is made good for by the checkpoint that `sync` then makes.
        head.unconfirmed |= head.segment.sync().is_err();
        let next = Segment::create(&self.inner.path.join("wal"), head.segment.number() + 1)?;
        let old = std::mem::replace(&mut head.segment, next);
        head.names = 0;
        head.before.push(old.found());
        Ok(())
    }

    /// Makes a checkpoint when the log has become long.
    fn make_room(&self) -> Result<()> {
        let limit = self.inner.options.log_bytes;
        if self.head().log_bytes() < limit {
            return Ok(());
        }
        let done = match self.inner.writing.try_lock() {
            Ok(mut writing) => self.checkpoint_with(&mut writing),
            // Somebody else makes one; it is waited for only when there is no room at all.
            Err(_) if self.head().log_bytes() < 2 * limit => return Ok(()),
            Err(_) => self.checkpoint(),
        };
        match done {
            // Room for a while yet: it may work next time.
            Err(_) if self.head().log_bytes() < 2 * limit => Ok(()),
            done => done,
        }
    }
}
