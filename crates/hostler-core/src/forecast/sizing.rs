//! Which VMs have the wrong size, and what would change. Only a hint: who runs
//! the VM knows what it is for.
//!
//! ```text
//!  CPU      waits for the host's processors  → no hint: more would wait as well
//!           nearly always busy               → more
//!           hardly ever busy                 → fewer
//!  memory   swaps, or is nearly full         → more
//!           much of it never used            → less, unless it ever swapped
//! ```
//!
//! A week at least is looked at, so that a weekend is in it; and a hint to take
//! something away goes by the 99th percentile, not by the mean.

use std::time::Duration;

use super::stats::{number, quantile};
use super::{NotEnough, sound, span};
use crate::metrics::series::Sample;

/// How far back there have to be values.
pub const SPAN_MIN: Duration = Duration::from_secs(7 * 86_400);
/// How many values at least: one for every half an hour.
pub const POINTS_MIN: usize = 336;
/// The least memory that is ever suggested.
pub const MEMORY_MIN_BYTES: u64 = 256 << 20;
/// Memory is suggested in whole parts of this.
pub const MEMORY_STEP_BYTES: u64 = 256 << 20;

/// How busy processors should be at their busiest.
const CPU_AIM: f64 = 0.6;
const CPU_BUSY: f64 = 0.85;
const CPU_IDLE: f64 = 0.3;
/// From here on the host is what is short.
pub const DELAY_MUCH: f64 = 0.1;
/// How full memory should be at its fullest.
const MEMORY_AIM: f64 = 0.75;
const MEMORY_FULL: f64 = 0.9;
const MEMORY_EMPTY: f64 = 0.5;
/// Bytes a second read back from swap that hurt.
const SWAP_MUCH: f64 = 1_048_576.0;
/// Page faults a second that read from disk and hurt.
const FAULTS_MUCH: f64 = 100.0;

/// What was measured of a VM. Empty where it was not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured<'a> {
    /// Virtual processors online now.
    pub vcpus: u32,
    /// Memory the VM has now, in bytes.
    pub memory_bytes: u64,
    /// Share of its processors in use, from 0 to 1.
    pub cpu_usage: &'a [Sample],
    /// Share of the time that a processor was ready and waited (steal), of the worst one.
    pub cpu_delay: &'a [Sample],
    /// Bytes of memory the guest uses.
    pub memory_used: &'a [Sample],
    /// Bytes a second read back from swap.
    pub swap_in: &'a [Sample],
    /// Page faults a second that had to read from disk.
    pub major_faults: &'a [Sample],
}

/// What would fit better.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// Of what.
    pub of: Size,
    /// What it has.
    pub from: u64,
    /// What would fit.
    pub to: u64,
    /// Why, in words and figures.
    pub reason: String,
}

/// What has a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// Virtual processors.
    Vcpus,
    /// Memory, in bytes.
    MemoryBytes,
}

/// What came of looking at one size.
pub type Outcome = Result<Option<Hint>, NotEnough>;

/// The figures that a hint goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// What 95 % of the values are no more than.
    pub p95: f64,
    /// What 99 % of them are no more than.
    pub p99: f64,
    /// How many values there are.
    pub points: usize,
    /// How far back they reach.
    pub span: Duration,
}

impl Figures {
    /// Those of a series.
    ///
    /// # Errors
    /// When there are too few values, or they do not reach back far enough.
    pub fn of(samples: &[Sample]) -> Result<Self, NotEnough> {
        let samples = sound(samples);
        if samples.len() < POINTS_MIN {
            return Err(NotEnough::Points { have: samples.len(), need: POINTS_MIN });
        }
        let have = span(&samples);
        if have < SPAN_MIN {
            return Err(NotEnough::Span { have, need: SPAN_MIN });
        }
        let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
        match (quantile(&values, 0.95), quantile(&values, 0.99)) {
            (Some(p95), Some(p99)) => Ok(Self { p95, p99, points: samples.len(), span: have }),
            _ => Err(NotEnough::Points { have: 0, need: POINTS_MIN }),
        }
    }
}

/// Whether it has the right count of processors; `Ok(None)`: it has.
///
/// # Errors
/// When use or waiting was not measured for long enough.
pub fn vcpus(of: &Measured<'_>) -> Outcome {
    let usage = Figures::of(of.cpu_usage)?;
    let delay = Figures::of(of.cpu_delay)?;
    if of.vcpus == 0 {
        return Err(NotEnough::Points { have: 0, need: 1 });
    }
    // Busy or not: it did not get what it has. That is the host's matter.
    if delay.p95 > DELAY_MUCH {
        return Ok(None);
    }
    let has = f64::from(of.vcpus);
    let fitting = |busiest: f64| (has * busiest / CPU_AIM).ceil().max(1.0);
    let percent = |share: f64| share * 100.0;
    let (p95, p99, waits) = (percent(usage.p95), percent(usage.p99), percent(delay.p95));
    let (to, reason) = if usage.p95 > CPU_BUSY {
        let reason = format!(
            "95 % of the time it uses up to {p95:.0} % of its {has} vCPUs, and it waits for the \
             host no more than {waits:.1} %"
        );
        (fitting(usage.p95), reason)
    } else if usage.p99 < CPU_IDLE {
        let reason = format!(
            "99 % of the time it uses no more than {p99:.0} % of its {has} vCPUs, and it waits \
             for the host no more than {waits:.1} %"
        );
        (fitting(usage.p99), reason)
    } else {
        return Ok(None);
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let to = to as u64;
    let from = u64::from(of.vcpus);
    Ok((to != from).then_some(Hint { of: Size::Vcpus, from, to, reason }))
}

/// Whether it has the right memory; `Ok(None)`: it has.
///
/// # Errors
/// When what is used, swapped or read back was not measured for long enough.
pub fn memory(of: &Measured<'_>) -> Outcome {
    let used = Figures::of(of.memory_used)?;
    let swap = Figures::of(of.swap_in)?;
    let faults = Figures::of(of.major_faults)?;
    // Once is enough: a month's end is less than a hundredth of a month.
    let ever_swapped = of.swap_in.iter().any(|it| it.value > 0.0);
    if of.memory_bytes == 0 {
        return Err(NotEnough::Points { have: 0, need: 1 });
    }
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory stay below 2^53")]
    let has = of.memory_bytes as f64;
    let (full95, full99) = (used.p95 / has, used.p99 / has);
    let is_short = swap.p95 > SWAP_MUCH || faults.p95 > FAULTS_MUCH;
    let pressed = format!(
        "it reads up to {} a second back from swap and has up to {:.0} page faults a second that \
         read from disk",
        mebibytes(swap.p95),
        faults.p95
    );
    let (goal, reason) = if is_short && full95 > MEMORY_EMPTY {
        // How much it lacks nobody sees from outside: a step, and look again.
        let reason = format!(
            "95 % of the time it uses up to {} of {}, and {pressed}",
            mebibytes(used.p95),
            mebibytes(has)
        );
        ((used.p95 / MEMORY_AIM).max(has * 1.25), reason)
    } else if full95 > MEMORY_FULL {
        let (used, has) = (mebibytes(used.p95), mebibytes(has));
        (
            full95 * of_bytes(of) / MEMORY_AIM,
            format!("95 % of the time it uses up to {used} of {has}"),
        )
    } else if full99 < MEMORY_EMPTY && !ever_swapped && faults.p95 <= FAULTS_MUCH {
        let reason = format!(
            "99 % of the time it uses no more than {} of {}, and it never read from swap",
            mebibytes(used.p99),
            mebibytes(has)
        );
        (used.p99 / MEMORY_AIM, reason)
    } else {
        return Ok(None);
    };
    let to = in_steps(goal);
    let is_much = to.abs_diff(of.memory_bytes) >= MEMORY_STEP_BYTES;
    let from = of.memory_bytes;
    Ok(is_much.then_some(Hint { of: Size::MemoryBytes, from, to, reason }))
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory stay below 2^53")]
fn of_bytes(of: &Measured<'_>) -> f64 {
    of.memory_bytes as f64
}

fn in_steps(bytes: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let steps = (bytes / number(1 << 28)).ceil() as u64;
    steps.saturating_mul(MEMORY_STEP_BYTES).max(MEMORY_MIN_BYTES)
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / 1_048_576.0)
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::{DAY, Seeded, hourly, wave};
    use super::*;

    const GIB: f64 = 1_073_741_824.0;
    const WEEKS: usize = 15 * DAY;

    fn series(middle: f64, swing: f64, noise: f64) -> Vec<Sample> {
        let mut seeded = Seeded::new(11);
        hourly(WEEKS, |hour| (middle + swing * wave(hour) + noise * seeded.normal()).max(0.0))
    }

    fn cpu(vcpus: u32, usage: &[Sample], delay: &[Sample]) -> Outcome {
        super::vcpus(&Measured { vcpus, cpu_usage: usage, cpu_delay: delay, ..Measured::default() })
    }

    fn memory(used: &[Sample], swap_in: &[Sample], major_faults: &[Sample]) -> Outcome {
        super::memory(&Measured {
            memory_bytes: 8 << 30,
            memory_used: used,
            swap_in,
            major_faults,
            ..Measured::default()
        })
    }

    #[test]
    fn d22_a_vm_that_is_nearly_always_busy_should_have_more_processors() {
        let hint = cpu(4, &series(0.9, 0.02, 0.01), &series(0.01, 0.0, 0.0)).unwrap().unwrap();
        // 93 % of 4 is 3.7; 3.7 at 60 % is 6.2.
        assert_eq!((hint.of, hint.from, hint.to), (Size::Vcpus, 4, 7));
        assert!(hint.reason.contains("of its 4 vCPUs"), "{}", hint.reason);
        assert!(hint.reason.contains("waits for the host no more than 1.0 %"), "{}", hint.reason);
    }

    #[test]
    fn d22_a_vm_that_is_hardly_ever_busy_should_have_fewer() {
        let hint = cpu(8, &series(0.1, 0.05, 0.01), &series(0.0, 0.0, 0.0)).unwrap().unwrap();
        assert_eq!((hint.from, hint.to), (8, 3));
        let one = cpu(1, &series(0.01, 0.0, 0.0), &series(0.0, 0.0, 0.0)).unwrap();
        assert_eq!(one, None, "it has one already");
    }

    #[test]
    fn d22_a_vm_that_uses_what_it_has_is_right_and_a_starved_one_is_the_hosts_matter() {
        assert_eq!(cpu(4, &series(0.5, 0.2, 0.02), &series(0.01, 0.0, 0.0)), Ok(None));
        let starved = series(0.3, 0.0, 0.0);
        assert_eq!(cpu(4, &series(0.95, 0.0, 0.0), &starved), Ok(None));
        assert_eq!(cpu(4, &series(0.05, 0.0, 0.0), &starved), Ok(None));
    }

    #[test]
    fn d22_a_busy_hour_on_one_day_of_the_week_is_not_taken_away() {
        // 2 % of the time it needs all of it.
        let usage = hourly(WEEKS, |hour| if hour % 50 == 0 { 1.0 } else { 0.05 });
        assert_eq!(cpu(8, &usage, &series(0.0, 0.0, 0.0)), Ok(None));
    }

    #[test]
    fn d22_a_guest_that_swaps_or_is_nearly_full_should_have_more_memory() {
        let none = series(0.0, 0.0, 0.0);
        let full = memory(&series(7.6 * GIB, 0.0, 0.0), &none, &none).unwrap().unwrap();
        assert_eq!((full.of, full.from), (Size::MemoryBytes, 8 << 30));
        assert_eq!(full.to, (10 << 30) + (256 << 20), "7.6 at 75 % is 10.1");
        let swaps = memory(&series(6.0 * GIB, 0.0, 0.0), &series(5e6, 0.0, 0.0), &none);
        let swaps = swaps.unwrap().unwrap();
        assert_eq!(swaps.to, 10 << 30, "a quarter more");
        assert!(swaps.reason.contains("back from swap"), "{}", swaps.reason);
    }

    #[test]
    fn d22_memory_that_is_never_used_can_go_unless_the_guest_ever_swapped() {
        let none = series(0.0, 0.0, 0.0);
        let used = series(1.5 * GIB, 0.0, 0.0);
        let hint = memory(&used, &none, &none).unwrap().unwrap();
        assert_eq!(hint.to, 2 << 30);
        let swapped = hourly(WEEKS, |hour| if hour % 40 == 0 { 1000.0 } else { 0.0 });
        assert_eq!(memory(&used, &swapped, &none), Ok(None));
        // Also only once, which no share of the values shows.
        let once = hourly(WEEKS, |hour| if hour == 40 { 1000.0 } else { 0.0 });
        assert_eq!(memory(&used, &once, &none), Ok(None));
        let faults = series(500.0, 0.0, 0.0);
        assert_eq!(memory(&used, &none, &faults), Ok(None));
        assert_eq!(memory(&series(5.0 * GIB, 0.0, 0.0), &none, &none), Ok(None));
        let tiny = memory(&series(1000.0, 0.0, 0.0), &none, &none).unwrap().unwrap();
        assert_eq!(tiny.to, MEMORY_MIN_BYTES);
    }

    #[test]
    fn d22_nothing_is_said_of_less_than_a_week_or_of_what_was_not_measured() {
        let week = series(0.05, 0.0, 0.0);
        let short: Vec<Sample> =
            (0..POINTS_MIN as i64).map(|at| Sample { at_ms: at * 60_000, value: 0.05 }).collect();
        assert!(matches!(cpu(8, &short, &week), Err(NotEnough::Span { .. })));
        assert!(matches!(cpu(8, &week, &[]), Err(NotEnough::Points { have: 0, .. })));
        assert!(matches!(cpu(8, &[], &week), Err(NotEnough::Points { .. })));
        assert!(cpu(0, &week, &week).is_err());
        assert!(memory(&week, &week, &[]).is_err());
        let broken = vec![Sample { at_ms: 0, value: f64::NAN }; 1000];
        assert!(cpu(8, &broken, &week).is_err());
    }
}
