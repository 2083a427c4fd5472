//! Processors: how many, what they did, how many wait for them.

use hostler_core::metrics::Metric;

use crate::points::{Points, count};

/// The columns of `/proc/stat`. Time for guests is within `user` and `nice`
/// already, so the two columns after these would count it twice.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// No machine has more; a list that says so is not one of processors.
const CPUS_MAX: u64 = 1 << 20;

/// Time in each mode, from `/proc/stat`. Old kernels have fewer columns.
pub(super) fn times(text: &str, ticks_per_second: f64, points: &mut Points) {
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("cpu ")) else { return };
    for (mode, ticks) in MODES.iter().zip(line.split_whitespace()) {
        let seconds = ticks.parse().ok().map(|ticks| count(ticks) / ticks_per_second);
        points.labelled(Metric::HostCpuSecondsTotal, &[mode], seconds);
    }
}

/// When the machine booted, in seconds since 1970, from `/proc/stat`.
pub(super) fn booted(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// How many processors `/proc/stat` has lines for.
pub(super) fn lines(text: &str) -> Option<u64> {
    let is_one = |line: &&str| {
        let rest = line.strip_prefix("cpu");
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    u64::try_from(text.lines().filter(is_one).count()).ok().filter(|cpus| *cpus > 0)
}

/// How many processors a list such as `0-3,8` names.
pub(crate) fn listed(text: &str) -> Option<u64> {
    let mut cpus = 0_u64;
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.trim().parse::<u64>().ok()?, last.trim().parse::<u64>().ok()?);
        cpus = cpus.checked_add(last.checked_sub(first)?)?.checked_add(1)?;
    }
    Some(cpus).filter(|cpus| *cpus <= CPUS_MAX)
}

/// What the first processor is called, from `/proc/cpuinfo`. Some
/// architectures do not tell.
pub(super) fn model(text: &str) -> Option<&str> {
    let named = text.lines().filter_map(|line| line.split_once(':'));
    let mut models = named.filter(|(key, _)| key.trim() == "model name");
    models.next().map(|(_, model)| model.trim()).filter(|model| !model.is_empty())
}

/// `/proc/loadavg`.
pub(super) fn load(text: &str, points: &mut Points) {
    for (window, load) in ["1m", "5m", "15m"].iter().zip(text.split_whitespace()) {
        let load = load.parse().ok().filter(|load: &f64| load.is_finite() && *load >= 0.0);
        points.labelled(Metric::HostLoad, &[window], load);
    }
}
