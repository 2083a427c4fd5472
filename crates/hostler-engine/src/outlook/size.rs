//! Whether a VM has the right size, by what it took over weeks and what it has now.
//!
//! Memory goes by what the guest told of itself while that was fresh, never by what the
//! host holds for it.

use hostler_core::Result;
use hostler_core::forecast::sizing::{self, DELAY_MUCH, Figures, Measured, Outcome, Size};
use hostler_core::metrics::series::Sample;

use super::plan::Sizes;
use super::read::{Own, Reader, Span};
use super::{Missing, SizeOutlook, Unit, Verdict};

const NO_CPUS: &str = "its hypervisor tells the use of processors of VMs that run";
const NO_MEMORY: &str = "the guest's balloon driver tells it, and only what it told lately counts";

/// A series, and why there is none.
type Found = Result<Vec<Sample>, Missing>;

pub(super) fn all(reader: &Reader<'_>, sizes: &Sizes) -> Result<Vec<SizeOutlook>> {
    Ok(vec![vcpus(reader, sizes)?, memory(reader, sizes)?])
}

fn vcpus(reader: &Reader<'_>, sizes: &Sizes) -> Result<SizeOutlook> {
    let has = present(reader, &sizes.cpus)?;
    let used = series(reader, &sizes.cpus_used, NO_CPUS)?;
    let delay = series(reader, &sizes.delay, NO_CPUS)?;
    // Counts of the past may have been others: shares of those there are now.
    let share = |used: Vec<Sample>| -> Vec<Sample> {
        let has = *has.as_ref().unwrap_or(&1.0);
        used.into_iter().map(|it| Sample { value: it.value / has, ..it }).collect()
    };
    let used = used.map(share);
    let figures = figures(&[("cpu_usage", Unit::Ratio, &used), ("cpu_delay", Unit::Ratio, &delay)]);
    let verdict = verdict(&has, used.as_ref().err().cloned(), |has| {
        let (used, delay) = (used?, delay?);
        let vcpus = u32::try_from(has).unwrap_or(u32::MAX);
        let of = Measured { vcpus, cpu_usage: &used, cpu_delay: &delay, ..Measured::default() };
        let outcome = sizing::vcpus(&of);
        let waits = Figures::of(&delay).map(|figures| figures.p95);
        match (told(outcome)?, waits) {
            (Verdict::Fits, Ok(waits)) if waits > DELAY_MUCH => Ok(Verdict::HostShort(waits)),
            (verdict, _) => Ok(verdict),
        }
    });
    Ok(SizeOutlook {
        of: Size::Vcpus,
        has: has.ok().map(whole),
        verdict,
        figures,
        step: Span::FINE.step,
    })
}

fn memory(reader: &Reader<'_>, sizes: &Sizes) -> Result<SizeOutlook> {
    let has = present(reader, &sizes.memory)?;
    let used = series(reader, &sizes.memory_used, NO_MEMORY)?;
    let swap_in = series(reader, &sizes.swap_in, NO_MEMORY)?;
    let faults = series(reader, &sizes.major_faults, NO_MEMORY)?;
    let figures = figures(&[
        ("memory_used", Unit::Bytes, &used),
        ("swap_in", Unit::BytesPerSecond, &swap_in),
        ("major_faults", Unit::CountPerSecond, &faults),
    ]);
    let verdict = verdict(&has, used.as_ref().err().cloned(), |memory_bytes| {
        let (used, swap_in, faults) = (used?, swap_in?, faults?);
        told(sizing::memory(&Measured {
            memory_bytes,
            memory_used: &used,
            swap_in: &swap_in,
            major_faults: &faults,
            ..Measured::default()
        }))
    });
    let (of, has) = (Size::MemoryBytes, has.ok().map(whole));
    Ok(SizeOutlook { of, has, verdict, figures, step: Span::FINE.step })
}

/// What would fit where it is known what there is; `unused`: why it is not known what of it
/// is used, which says more where that was never told.
fn verdict(
    has: &Result<f64, Missing>,
    unused: Option<Missing>,
    judge: impl FnOnce(u64) -> Result<Verdict, Missing>,
) -> Result<Verdict, Missing> {
    match has {
        Ok(has) if whole(*has) > 0 => judge(whole(*has)),
        Err(refused @ Missing::Refused(_)) => Err(refused.clone()),
        _ => Err(unused.unwrap_or(Missing::Stale(None))),
    }
}

fn told(outcome: Outcome) -> Result<Verdict, Missing> {
    Ok(match outcome? {
        Some(hint) => Verdict::Change { to: hint.to, reason: hint.reason },
        None => Verdict::Fits,
    })
}

/// What it has at present.
fn present(reader: &Reader<'_>, query: &str) -> Result<Result<f64, Missing>> {
    let found = reader.recent(query)?;
    Ok(found.and_then(|found| found.into_values().next().ok_or(Missing::Stale(None))))
}

fn series(reader: &Reader<'_>, query: &str, told_by: &'static str) -> Result<Found> {
    let found = match reader.steps(query, Span::FINE)? {
        Ok(read) => read.series.into_iter().find(|(own, _)| *own == Own::new()),
        Err(missing) => return Ok(Err(missing)),
    };
    let Some((_, samples)) = found else { return Ok(Err(Missing::NotMeasured(told_by))) };
    if reader.recent(query)?.is_ok_and(|recent| recent.is_empty()) {
        return Ok(Err(Missing::Stale(None)));
    }
    Ok(Ok(samples))
}

fn figures(of: &[(&'static str, Unit, &Found)]) -> Vec<(&'static str, Unit, Figures)> {
    let enough = |(name, unit, found): &(&'static str, Unit, &Found)| {
        let samples = found.as_ref().ok()?;
        Some((*name, *unit, Figures::of(samples).ok()?))
    };
    of.iter().filter_map(enough).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}
