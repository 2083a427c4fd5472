//! What was measured: last, of one thing; and over time, as the history answers.

use std::collections::BTreeMap;
use std::time::Duration;

use hostler_api::v1::{self, AnsweredSeries, Figure, Measured, MeasuredPass, MetricsAnswer};
use hostler_api::{Ref, Time};
use hostler_core::metrics::Point;
use hostler_core::{Code, Error, Timestamp};
use hostler_engine::promql::{LabelSet, Series, Value};
use hostler_engine::{Answer, Answered, MeasuredBy, OWN_MACHINE, PassFigures, Reading, When};

use super::error::Result;
use super::{Api, Call, Reply, ids};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::VmMetrics, of_vm).route(v1::HostMetrics, of_host).route(v1::MetricsQuery, query)
}

async fn of_vm(app: App, call: Call<v1::VmMetrics>) -> Result<Reply<Measured>> {
    let vm = app.engine.vms().get(ids::of_path(&call.path.vm)?)?;
    let passes = app.engine.metrics().of_vm(&vm);
    let provider = vm.provider.as_ref().map_or("", |(_, name)| name);
    Ok(Reply::of(measured(Ref::new(vm.id, &vm.name), vm.simulated, &passes, provider)))
}

async fn of_host(app: App, call: Call<v1::HostMetrics>) -> Result<Reply<Measured>> {
    let host = app.engine.hosts().get(ids::of_path(&call.path.host)?)?;
    let passes = app.engine.metrics().of_host(&host);
    let (of, provider) = (Ref::new(host.id, &host.name), &host.provider.1);
    Ok(Reply::of(measured(of, host.simulated, &passes, provider)))
}

/// What was measured of something; `provider`: whose it is.
pub(super) fn measured(
    of: Ref,
    simulated: bool,
    passes: &[PassFigures],
    provider: &str,
) -> Measured {
    // One that was made and has nothing left to tell is no news of the thing.
    let passes = passes.iter().filter(|figures| {
        figures.reading.as_ref().is_none_or(|reading| {
            reading.points.is_empty() || reading.points.iter().any(|it| figures.tells(it.metric))
        })
    });
    Measured { of, simulated, passes: passes.map(|it| pass(it, provider)).collect() }
}

fn by(figures: &PassFigures, provider: &str) -> v1::MeasuredBy {
    let (kind, name) = match &figures.by {
        MeasuredBy::Provider => ("provider", provider),
        MeasuredBy::Agent(name) => ("agent", &**name),
        MeasuredBy::Own => ("own", OWN_MACHINE),
    };
    v1::MeasuredBy { kind: kind.to_owned(), name: name.to_owned() }
}

fn pass(figures: &PassFigures, provider: &str) -> MeasuredPass {
    let reading = figures.reading.as_deref();
    let (quality, reason) = quality(figures);
    MeasuredPass {
        pass: figures.pass.as_str().to_owned(),
        by: by(figures, provider),
        quality: quality.to_owned(),
        reason: reason.map(str::to_owned),
        observed_at: reading.map(|reading| Time(reading.at)),
        age_seconds: reading.map(|_| figures.age.as_secs_f64()),
        figures: reading.map(|reading| all(figures, reading)).unwrap_or_default(),
    }
}

/// How good what one kind of pass measured is, and why it is not better.
pub(super) fn quality(figures: &PassFigures) -> (&'static str, Option<&str>) {
    let is_ok = figures.is_reached && figures.is_fresh;
    let (quality, reason) = match (&figures.reading, is_ok) {
        (None, _) => ("unavailable", Some("it has not answered yet")),
        (Some(_), true) => ("ok", None),
        (Some(_), false) if figures.is_reached => ("stale", Some("it was measured long ago")),
        (Some(_), false) if figures.by == MeasuredBy::Provider => {
            ("stale", Some("the provider could not be measured"))
        }
        (Some(_), false) => ("stale", Some("the machine was not measured from within")),
    };
    (quality, figures.silent.as_deref().or(reason))
}

/// Everything that was read, and what was computed from it, without what another tells.
fn all(figures: &PassFigures, reading: &Reading) -> Vec<Figure> {
    let rates = reading.rates.iter().copied();
    let read = reading.points.iter().zip(rates);
    let all = read.chain(reading.own.iter().map(|point| (point, None)));
    let told = all.filter(|(point, _)| figures.tells(point.metric));
    told.map(|(point, rate)| figure(point, rate)).collect()
}

fn figure(point: &Point, per_second: Option<f64>) -> Figure {
    let family = point.metric.family();
    let values = point.labels.values().iter().map(ToString::to_string);
    Figure {
        metric: family.name.to_owned(),
        labels: family.labels.iter().map(ToString::to_string).zip(values).collect(),
        value: point.value,
        per_second,
    }
}

/// So many times are asked for when nobody says how many.
const TIMES: u64 = 250;

async fn query(app: App, call: Call<v1::MetricsQuery>) -> Result<Reply<MetricsAnswer>> {
    let terms = &call.query;
    let now = app.clock.now();
    let (when, step) = match (terms.at, terms.start) {
        (Some(_), Some(_)) => {
            return Err(invalid("`at` is one time and `start` the first of several; give one"));
        }
        (at, None) if terms.end.is_none() && terms.step_seconds.is_none() => {
            (When::At(at.map_or(now, |at| at.0)), None)
        }
        (_, None) => return Err(invalid("`end` and `step_seconds` need `start`")),
        (None, Some(start)) => {
            let (start, end) = (start.0, terms.end.map_or(now, |end| end.0));
            let usual = end.since(start).as_secs().div_ceil(TIMES).max(1);
            let step = terms.step_seconds.unwrap_or(u32::try_from(usual).unwrap_or(u32::MAX));
            if step == 0 {
                return Err(invalid("`step_seconds` has to be 1 or more"));
            }
            let every = Duration::from_secs(step.into());
            (When::Range { start, end, step: every }, Some(step))
        }
    };
    let answer = app.engine.metrics().ask(&terms.query, when).await?;
    let at = if let When::At(at) = when { at } else { now };
    Ok(Reply::of(answered(answer, at, step)))
}

fn invalid(why: &str) -> super::Refusal {
    Error::new(Code::QueryInvalid, why).into()
}

fn answered(found: Answered, at: Timestamp, step_seconds: Option<u32>) -> MetricsAnswer {
    let Answered { answer, resolution, warnings } = found;
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let resolution_seconds = resolution.map(seconds);
    let at_ms = at.as_micros().div_euclid(1000);
    let one = |labels: &LabelSet, value: f64| AnsweredSeries {
        labels: labels_of(labels),
        samples: vec![sample(at_ms, value)],
    };
    let mut text = None;
    let (kind, series) = match answer {
        Answer::Instant(Value::Scalar(value)) => ("scalar", vec![one(&LabelSet::empty(), value)]),
        Answer::Instant(Value::Vector(points)) => {
            ("vector", points.iter().map(|point| one(&point.labels, point.value)).collect())
        }
        Answer::Instant(Value::String(found)) => {
            text = Some(found);
            ("string", Vec::new())
        }
        Answer::Instant(Value::Matrix(found)) | Answer::Range(found) => {
            ("matrix", found.iter().map(series).collect())
        }
    };
    MetricsAnswer {
        kind: kind.to_owned(),
        step_seconds,
        resolution_seconds,
        warnings,
        series,
        text,
    }
}

fn series(found: &Series) -> AnsweredSeries {
    let samples = found.samples.iter().map(|it| sample(it.at_ms, it.value));
    AnsweredSeries { labels: labels_of(&found.labels), samples: samples.collect() }
}

fn sample(at_ms: i64, value: f64) -> (i64, Option<f64>) {
    (at_ms, Some(value).filter(|value| value.is_finite()))
}

fn labels_of(labels: &LabelSet) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
