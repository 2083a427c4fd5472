//! One push: every fault of it first, then whether there is room, then the history, then
//! what is held. Made by turns, so that what was checked is still so when it is written.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hostler_core::error::Fault;
use hostler_core::id::{HostId, VmId};
use hostler_core::metrics::MetricKind;
use hostler_core::metrics::custom::{check, family};
use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_core::{Code, Error, Result, Timestamp};
use tokio::time::Instant;

use super::state::{Held, Series, State};
use super::{CustomOf, CustomPush, CustomSample, CustomSettings, Of, limit};
use crate::Inner;
use crate::alerting::Recorded;
use crate::collect::record;
use crate::fleet::snapshot::Snapshot;

/// How far ahead of ours the clock of who pushes may be.
const AHEAD: Duration = Duration::from_secs(5);
/// The most faults that one answer tells.
const FAULTS_MAX: usize = 20;
/// The most candidates that are named where a name is not enough.
const CANDIDATES_MAX: usize = 5;

/// A sample that is sound.
struct Ready {
    series: Series,
    kind: MetricKind,
    value: f64,
    at: Timestamp,
}

/// Takes a push. Blocks on the disk.
pub(super) fn run(
    engine: &Inner,
    settings: &CustomSettings,
    by: &Arc<str>,
    samples: &[CustomSample],
) -> Result<CustomPush> {
    let (now, arrived) = (engine.clock.now(), Instant::now());
    let (snapshot, recorded) = (engine.fleet.snapshot(), engine.alerting.recorded());
    let (ready, rows) = {
        let state = engine.custom.state();
        let known = Known { state: &state, snapshot: &snapshot, recorded: &recorded };
        let ready = read(&known, settings, now, samples)?;
        check_families(&state, &ready)?;
        check_room(&state, settings, by, &ready)?;
        let rows = Rows::of(&state, &snapshot, &ready);
        (ready, rows)
    };
    let kept = match &engine.history {
        None => None,
        Some(archive) => {
            let kept = record::keep(engine, archive, now.as_millis(), &rows.samples, &rows.ended)?;
            Some(kept.written)
        }
    };
    let mut state = engine.custom.state();
    let accepted = ready.len() as u64;
    for (Ready { series, kind, value, at }, written) in ready.into_iter().zip(rows.keys) {
        let (by, lag) = (by.clone(), now.since(at));
        let written = written.filter(|_| kept.is_some());
        state.hold(series, Held { kind, value, at, arrived, lag, by, written });
    }
    let (series, series_max) = (state.of_user(by), settings.series_per_user_max);
    Ok(CustomPush { accepted, kept, series, series_max })
}

/// What goes into the history.
struct Rows {
    samples: Vec<(SeriesKey, Sample)>,
    ended: Vec<SeriesKey>,
    /// The series of each sample.
    keys: Vec<Option<SeriesKey>>,
}

impl Rows {
    fn of(state: &State, snapshot: &Snapshot, ready: &[Ready]) -> Self {
        let mut rows = Self { samples: Vec::new(), ended: Vec::new(), keys: Vec::new() };
        for it in ready {
            let of = CustomOf::find(it.series.of, snapshot);
            let key = of.and_then(|of| of.series(&it.series.key));
            let before = state.get(&it.series).and_then(|held| held.written.clone());
            // Renamed or moved since: it ends under its old labels.
            rows.ended.extend(before.filter(|before| key.as_ref() != Some(before)));
            let sample = Sample { at_ms: it.at.as_millis(), value: it.value };
            rows.samples.extend(key.clone().map(|key| (key, sample)));
            rows.keys.push(key);
        }
        rows
    }
}

/// What a push is judged by.
struct Known<'a> {
    state: &'a State,
    snapshot: &'a Snapshot,
    recorded: &'a Recorded,
}

fn read(
    known: &Known<'_>,
    settings: &CustomSettings,
    now: Timestamp,
    samples: &[CustomSample],
) -> Result<Vec<Ready>> {
    let (mut faults, mut ready) = (Vec::new(), Vec::with_capacity(samples.len()));
    let mut things = Things { snapshot: known.snapshot, found: HashMap::new() };
    let mut seen = HashSet::new();
    for it in samples {
        if faults.len() >= FAULTS_MAX {
            break;
        }
        let checked = check(&it.sample, &settings.sizes, &mut faults);
        let name = it.sample.name.as_str();
        if let Some(rule) = known.recorded.get(name) {
            let why = format!("{name:?} is computed by a recording rule: {rule}");
            faults.push(it.sample.place.fault("name", "reserved", why));
            continue;
        }
        let of = things.of(it, &mut faults);
        let (Some((key, kind)), Some(of)) = (checked, of) else { continue };
        let (series, place) = (Series { key, of }, it.sample.place);
        if !seen.insert(series.clone()) {
            faults.push(place.fault("", "twice", "is a series that is in this push already"));
            continue;
        }
        let at = it.sample.at.unwrap_or(now);
        if let Err((code, why)) = check_time(at, now, settings.ttl, known.state.get(&series)) {
            faults.push(place.fault("time", code, why));
            continue;
        }
        ready.push(Ready { series, kind, value: it.sample.value, at });
    }
    match faults.is_empty() {
        true => Ok(ready),
        false => Err(Error::faults(Code::SpecInvalid, faults)),
    }
}

type Told<T> = std::result::Result<T, (&'static str, String)>;

fn check_time(at: Timestamp, now: Timestamp, ttl: Duration, before: Option<&Held>) -> Told<()> {
    if at > now.plus(AHEAD) {
        let seconds = AHEAD.as_secs();
        let why = format!("is {at}, more than {seconds} s ahead of the server's clock ({now})");
        return Err(("too_far_ahead", why));
    }
    if now.since(at) > ttl {
        let seconds = ttl.as_secs();
        let why = format!("is {at}; metrics.custom.ttl_seconds allows an age of {seconds} s");
        return Err(("too_old", why));
    }
    match before {
        Some(held) if at.as_millis() < held.at.as_millis() => {
            Err(("out_of_order", format!("is {at}; what is held is of {}", held.at)))
        }
        _ => Ok(()),
    }
}

/// Things that samples name, each looked up once.
struct Things<'a> {
    snapshot: &'a Snapshot,
    found: HashMap<(&'static str, &'a str), Told<Of>>,
}

impl<'a> Things<'a> {
    fn of(&mut self, it: &'a CustomSample, faults: &mut Vec<Fault>) -> Option<Of> {
        let (field, wanted) = match (&it.vm, &it.host) {
            (None, None) => return Some(Of::Nothing),
            (Some(vm), None) => ("vm", vm.as_str()),
            (None, Some(host)) => ("host", host.as_str()),
            (Some(_), Some(_)) => {
                let why = "is named beside a VM; a sample is of one thing";
                faults.push(it.sample.place.fault("host", "ambiguous", why));
                return None;
            }
        };
        let snapshot = self.snapshot;
        let found = self.found.entry((field, wanted)).or_insert_with(|| match field {
            "vm" => find_vm(snapshot, wanted).map(Of::Vm),
            _ => find_host(snapshot, wanted).map(Of::Host),
        });
        match found {
            Ok(of) => Some(*of),
            Err((code, why)) => {
                faults.push(it.sample.place.fault(field, code, why.clone()));
                None
            }
        }
    }
}

fn find_vm(snapshot: &Snapshot, wanted: &str) -> Told<VmId> {
    if let Some(id) = wanted.parse().ok().filter(|id| snapshot.vms.get(id).is_some()) {
        return Ok(id);
    }
    let named = snapshot.vms.values().filter(|vm| vm.name == wanted);
    one("VM", wanted, named.map(|vm| vm.id).collect())
}

fn find_host(snapshot: &Snapshot, wanted: &str) -> Told<HostId> {
    if let Some(id) = wanted.parse().ok().filter(|id| snapshot.hosts.get(id).is_some()) {
        return Ok(id);
    }
    let named = snapshot.hosts.values().filter(|host| host.name == wanted);
    one("host", wanted, named.map(|host| host.id).collect())
}

fn one<T: Copy + Ord + ToString>(noun: &str, wanted: &str, mut found: Vec<T>) -> Told<T> {
    let shown: String = wanted.chars().take(64).collect();
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(("unknown", format!("there is no {noun} {shown:?}"))),
        many => {
            let count = many.len();
            found.sort_unstable();
            let ids: Vec<String> =
                found.iter().take(CANDIDATES_MAX).map(ToString::to_string).collect();
            let why = format!("{shown:?} names {count}: {}; give an id", ids.join(", "));
            Err(("ambiguous", why))
        }
    }
}

/// In OpenMetrics a counter `x_total` and a gauge `x` would be one family of two kinds.
fn check_families(state: &State, ready: &[Ready]) -> Result<()> {
    let mut within: HashMap<&str, MetricKind> = HashMap::new();
    for it in ready {
        let name = it.series.key.name();
        let other = state.kind(name).or_else(|| within.insert(family(name), it.kind));
        if let Some(other) = other.filter(|other| *other != it.kind) {
            let (kind, of, family) = (it.kind.as_str(), other.as_str(), family(name));
            let message = format!(
                "{name} is a {kind}, and {family} is pushed as a {of} already; both would be one \
                 family in OpenMetrics"
            );
            let error = Error::new(Code::MetricConflict, message);
            return Err(error.with_detail("name", name).with_detail("kind", of));
        }
    }
    Ok(())
}

fn check_room(state: &State, settings: &CustomSettings, by: &str, ready: &[Ready]) -> Result<()> {
    let before = |it: &Ready| state.get(&it.series);
    let new = ready.iter().filter(|it| before(it).is_none()).count();
    let gained = ready.iter().filter(|it| before(it).is_none_or(|held| *held.by != *by)).count();
    let (all, theirs) = (state.len() + new, state.of_user(by) + gained);
    // Those that are held already go on, also where a limit was lowered since.
    if new > 0 && all > settings.series_max {
        let what = format!("with this push there would be {all} series; of them new: {new}");
        return Err(limit("max_series", settings.series_max, &what));
    }
    if gained > 0 && theirs > settings.series_per_user_max {
        let what = format!("with this push {by} would have {theirs} series; of them new: {gained}");
        return Err(limit("max_series_per_user", settings.series_per_user_max, &what));
    }
    Ok(())
}
