//! What was measured last, of one thing.

use hostler_api::v1::{self, Figure, Measured, MeasuredPass};
use hostler_api::{Ref, Time};
use hostler_core::metrics::Point;
use hostler_engine::{PassFigures, Reading};

use super::error::Result;
use super::{Api, Call, Reply, ids};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::VmMetrics, of_vm).route(v1::HostMetrics, of_host)
}

async fn of_vm(app: App, call: Call<v1::VmMetrics>) -> Result<Reply<Measured>> {
    let vm = app.engine.vms().get(ids::of_path(&call.path.vm)?)?;
    let passes = app.engine.metrics().of_vm(&vm);
    Ok(Reply::of(measured(Ref::new(vm.id, &vm.name), vm.simulated, &passes)))
}

async fn of_host(app: App, call: Call<v1::HostMetrics>) -> Result<Reply<Measured>> {
    let host = app.engine.hosts().get(ids::of_path(&call.path.host)?)?;
    let passes = app.engine.metrics().of_host(&host);
    Ok(Reply::of(measured(Ref::new(host.id, &host.name), host.simulated, &passes)))
}

fn measured(of: Ref, simulated: bool, passes: &[PassFigures]) -> Measured {
    Measured { of, simulated, passes: passes.iter().map(pass).collect() }
}

fn pass(figures: &PassFigures) -> MeasuredPass {
    let reading = figures.reading.as_deref();
    let is_ok = figures.is_reached && figures.is_fresh;
    let (quality, reason) = match (reading, is_ok) {
        (None, _) => ("unavailable", Some("it has not answered yet")),
        (Some(_), true) => ("ok", None),
        (Some(_), false) if figures.is_reached => ("stale", Some("it was measured long ago")),
        (Some(_), false) => ("stale", Some("the provider could not be measured")),
    };
    let silent = figures.silent.as_deref();
    MeasuredPass {
        pass: figures.pass.as_str().to_owned(),
        quality: quality.to_owned(),
        reason: silent.or(reason).map(str::to_owned),
        observed_at: reading.map(|reading| Time(reading.at)),
        age_seconds: reading.map(|_| figures.age.as_secs_f64()),
        figures: reading.map(all).unwrap_or_default(),
    }
}

/// Everything that was read, and what was computed from it.
fn all(reading: &Reading) -> Vec<Figure> {
    let rates = reading.rates.iter().copied();
    let read = reading.points.iter().zip(rates).map(|(point, rate)| figure(point, rate));
    read.chain(reading.own.iter().map(|point| figure(point, None))).collect()
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
