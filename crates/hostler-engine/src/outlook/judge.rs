//! One resource: its series, and what the pure rules say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hostler_core::forecast::anomaly::{self, Finding, Strictness};
use hostler_core::forecast::seasonal::{self, Forecast};
use hostler_core::forecast::trend::{self, Arrival, BackTest, Needs, Threshold, Trend};
use hostler_core::forecast::{Interval, NotEnough};
use hostler_core::metrics::series::Sample;
use hostler_core::{Result, Timestamp};

use super::plan::{self, Plan};
use super::read::{self, Own, Read, Reader, Span};
use super::{Full, Look, Missing, Past, RESOURCES_MAX, ResourceOutlook, possible};

/// A trend looks back at least so far, so that days even out.
const TREND_MIN: Duration = Duration::from_secs(3 * 86_400);

/// So many times as far from the line as values usually are is not on it.
const FAR: f64 = 4.0;

/// What was read of one series.
struct Series<'a> {
    recent: Option<f64>,
    limit: Option<f64>,
    /// In the steps that the horizon needs.
    steps: &'a [Sample],
    /// In short ones.
    fine: &'a [Sample],
}

/// What will be of a resource, in at most [`RESOURCES_MAX`] series, and how many more there are.
pub(super) fn resource(
    reader: &Reader<'_>,
    plan: &Plan,
    horizon: Duration,
) -> Result<(Vec<ResourceOutlook>, usize)> {
    let span = Span::ahead(horizon);
    let all = match read_all(reader, plan, span)? {
        Ok(all) => all,
        Err(missing) => return Ok((vec![nothing(plan, span, &missing)], 0)),
    };
    let AllOf { recent, limits, steps, fine } = all;
    let fine = fine.as_ref().unwrap_or(&steps);
    let mut keys: BTreeSet<&Own> = recent.keys().collect();
    if keys.is_empty() {
        // What is gone is told only where nothing else is there.
        keys = steps.series.keys().chain(fine.series.keys()).collect();
    }
    if keys.is_empty() {
        return Ok((vec![nothing(plan, span, &Missing::NotMeasured(plan.told_by))], 0));
    }
    let beyond = keys.len().saturating_sub(RESOURCES_MAX);
    let mut told = Vec::new();
    for own in keys.into_iter().take(RESOURCES_MAX) {
        reader.check_time()?;
        let series = Series {
            recent: recent.get(own).copied(),
            limit: limits.get(own).copied(),
            steps: steps.series.get(own).map(Vec::as_slice).unwrap_or_default(),
            fine: fine.series.get(own).map(Vec::as_slice).unwrap_or_default(),
        };
        let mut judged = judge(plan, &series, span, (reader.now(), horizon));
        judged.labels.clone_from(own);
        judged.past.resolution = steps.resolution;
        told.push(judged);
    }
    Ok((told, beyond))
}

/// All series of a resource.
struct AllOf {
    recent: BTreeMap<Own, f64>,
    limits: BTreeMap<Own, f64>,
    steps: Read,
    /// `None` where the steps are as short.
    fine: Option<Read>,
}

fn read_all(reader: &Reader<'_>, plan: &Plan, span: Span) -> Result<Result<AllOf, Missing>> {
    let recent = match reader.recent(&plan.query)? {
        Ok(recent) => recent,
        Err(missing) => return Ok(Err(missing)),
    };
    let limits = match &plan.limit {
        None => Ok(BTreeMap::new()),
        Some(limit) => reader.recent(limit)?,
    };
    let steps = match reader.steps(&plan.query, span)? {
        Ok(steps) => steps,
        Err(missing) => return Ok(Err(missing)),
    };
    let fine = if span == Span::FINE {
        None
    } else {
        match reader.steps(&plan.query, Span::FINE)? {
            Ok(fine) => Some(fine),
            Err(missing) => return Ok(Err(missing)),
        }
    };
    Ok(limits.map(|limits| AllOf { recent, limits, steps, fine }))
}

fn looks(plan: &Plan) -> &'static [Look] {
    if plan.is_activity { &[Look::HourOfDay, Look::Level] } else { &[Look::Level] }
}

fn past(steps: &[Sample], span: Span) -> Past {
    let half = span.step / 2;
    let at = |sample: &Sample| Timestamp::from_millis(sample.at_ms);
    let first = steps.first().map(|it| at(it).minus(half));
    let last = steps.last().map(|it| at(it).plus(half));
    Past { values: steps.len(), reach: first.zip(last), step: span.step, resolution: None }
}

/// What is told where there is nothing to go by.
fn nothing(plan: &Plan, span: Span, missing: &Missing) -> ResourceOutlook {
    ResourceOutlook {
        resource: plan.resource,
        labels: Own::new(),
        unit: plan.unit,
        query: plan::over(&plan.query, &read::window(span.step)),
        recent: None,
        limit: None,
        past: past(&[], span),
        trend: Err(missing.clone()),
        full: plan.limit.is_some().then(|| Err(missing.clone())),
        forecast: Err(missing.clone()),
        unusual: looks(plan).iter().map(|look| (*look, Err(missing.clone()))).collect(),
    }
}

fn judge(
    plan: &Plan,
    series: &Series<'_>,
    span: Span,
    (now, horizon): (Timestamp, Duration),
) -> ResourceOutlook {
    let past = past(series.steps, span);
    if series.recent.is_none() {
        let last = series.fine.last().map(|it| Timestamp::from_millis(it.at_ms));
        let last = last.map(|last| last.plus(Span::FINE.step / 2));
        // The shorter a step, the better it is known.
        let missing = Missing::Stale(last.or(past.reach.map(|(_, last)| last)));
        return ResourceOutlook { past, limit: series.limit, ..nothing(plan, span, &missing) };
    }
    if let Some((_, last)) =
        past.reach.filter(|(_, last)| now.since(*last) > span.step + read::RECENT)
    {
        // The past ends long ago, and so would all that is told of it; but what is so now.
        let (recent, limit) = (series.recent, series.limit);
        let missing = Missing::Returned(last);
        let full = plan
            .limit
            .as_ref()
            .map(|_| full(&Err(missing.clone()), series, || Err(missing.clone()), horizon));
        return ResourceOutlook { past, recent, limit, full, ..nothing(plan, span, &missing) };
    }
    let back = TREND_MIN.max(horizon);
    let trend = tending(read::newest(series.steps, back)).map_err(Missing::from);
    let tested = || trend::back_test(series.steps, back, horizon).map_err(Missing::from);
    let full = plan.limit.as_ref().map(|_| full(&trend, series, tested, horizon));
    let unusual = looks(plan).iter().map(|look| (*look, unusual(plan, *look, series.fine)));
    ResourceOutlook {
        resource: plan.resource,
        labels: Own::new(),
        unit: plan.unit,
        query: plan::over(&plan.query, &read::window(span.step)),
        recent: series.recent,
        limit: series.limit,
        past,
        full,
        forecast: ahead(plan, series.steps, span, horizon).map_err(Missing::from),
        unusual: unusual.collect(),
        trend,
    }
}

fn tending(samples: &[Sample]) -> Result<Trend, NotEnough> {
    let trend = trend::trend(samples, Needs::default())?;
    trend.still_holds(samples)?;
    Ok(trend)
}

/// When it is full. A date is told only where such lines were better on the past than to
/// say "as now".
fn full(
    trend: &Result<Trend, Missing>,
    series: &Series<'_>,
    tested: impl FnOnce() -> Result<BackTest, Missing>,
    horizon: Duration,
) -> Result<Full, Missing> {
    let now = series.recent.unwrap_or(f64::NAN);
    if series.limit.is_some_and(|limit| now >= limit) {
        // What is so now is measured, whatever the line says, and without one.
        return Ok(Full { arrival: Arrival::Reached, back_test: tested() });
    }
    let trend = trend.as_ref().map_err(Missing::clone)?;
    let limit = series.limit.ok_or(Missing::NoLimit)?;
    let arrival = trend.time_to(Threshold::Above(limit), horizon)?;
    if arrival == Arrival::Reached && limit - now > FAR * trend.spread {
        return Err(NotEnough::Turned { off: limit - now, usual: trend.spread }.into());
    }
    let back_test = tested();
    if let (Arrival::At { .. }, Ok(tested)) = (arrival, &back_test)
        && tested.mean_error > tested.naive_error
    {
        let (error, naive_error) = (tested.mean_error, tested.naive_error);
        return Err(NotEnough::NoModel { error, naive_error }.into());
    }
    Ok(Full { arrival, back_test })
}

fn ahead(
    plan: &Plan,
    steps: &[Sample],
    span: Span,
    horizon: Duration,
) -> Result<Forecast, NotEnough> {
    let count = horizon.as_millis().div_ceil(span.step.as_millis().max(1));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut forecast = seasonal::forecast(steps, span.step, count)?;
    for step in &mut forecast.ahead {
        step.interval = possible(step.interval, plan.unit);
        step.value = possible(Interval { low: step.value, high: step.value }, plan.unit).low;
    }
    Ok(forecast)
}

fn unusual(plan: &Plan, look: Look, fine: &[Sample]) -> Result<Option<Finding>, Missing> {
    let found = match look {
        Look::HourOfDay => anomaly::hour_of_day(fine, Strictness::default())?,
        Look::Level => anomaly::change_of_level(&read::hourly(fine))?,
    };
    let matters = |finding: &Finding| {
        let Interval { low, high } = finding.expected;
        let off = (finding.seen - high).max(low - finding.seen);
        off >= plan.matters
    };
    let found = found.filter(matters);
    Ok(found.map(|finding| Finding { expected: possible(finding.expected, plan.unit), ..finding }))
}
