//! What users measure themselves.

use hostler_api::v1::{self, CustomMetricPushed, CustomSeries};
use hostler_api::{Page, Ref, Time};
use hostler_core::metrics::custom::{self, Place, Pushed};
use hostler_core::query::{Field, Row, Value};
use hostler_engine::{CustomOf, CustomSample, CustomView};

use super::error::Result;
use super::{Api, Call, Reply, lists};
use crate::app::App;

const FIELDS: &[Field] = &[
    Field::text("name"),
    Field::text("kind"),
    Field::text("vm"),
    Field::text("host"),
    Field::text("quality"),
    Field::text("pushed_by"),
    Field::family("label."),
];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::CustomMetricList, list)
        .route(v1::CustomMetricPush, push)
        .route(v1::CustomMetricPushText, push_text)
}

async fn list(app: App, call: Call<v1::CustomMetricList>) -> Result<Reply<Page<CustomSeries>>> {
    let rows: Vec<_> = app.engine.custom_metrics().list().into_iter().map(Listed).collect();
    let of_row = |row: &Listed| series(&row.0);
    lists::of_rows(&app, "custom metrics", &call.query, FIELDS, &rows, of_row).map(Reply::page)
}

async fn push(app: App, call: Call<v1::CustomMetricPush>) -> Result<Reply<CustomMetricPushed>> {
    let samples = call.body.samples.into_iter().enumerate().map(|(index, it)| CustomSample {
        sample: Pushed {
            place: Place::Item(index),
            name: it.name,
            kind: it.kind,
            labels: it.labels.into_iter().collect(),
            value: it.value,
            at: it.time.map(|time| time.0),
        },
        vm: it.vm,
        host: it.host,
    });
    let (engine, actor) = (app.engine.custom_metrics(), &call.caller.actor);
    let taken = engine.push(actor, samples.collect(), Vec::new()).await?;
    Ok(Reply::of(pushed(taken)))
}

async fn push_text(
    app: App,
    call: Call<v1::CustomMetricPushText>,
) -> Result<Reply<CustomMetricPushed>> {
    let engine = app.engine.custom_metrics();
    let (samples, faults) = custom::read(&call.body, engine.settings().samples_per_push_max);
    let v1::CustomMetricTextQuery { vm, host } = call.query;
    let of_query = |sample: Pushed| CustomSample { sample, vm: vm.clone(), host: host.clone() };
    let samples = samples.into_iter().map(of_query).collect();
    let taken = engine.push(&call.caller.actor, samples, faults).await?;
    Ok(Reply::of(pushed(taken)))
}

fn pushed(taken: hostler_engine::CustomPush) -> CustomMetricPushed {
    CustomMetricPushed {
        accepted: taken.accepted,
        kept: taken.kept,
        series: taken.series as u64,
        series_max: taken.series_max as u64,
    }
}

fn series(view: &CustomView) -> CustomSeries {
    let (vm, host, simulated) = match &view.of {
        CustomOf::Nothing => (None, None, false),
        CustomOf::Vm(vm, id) => (Some(Ref::new(id, &vm.name)), None, vm.simulated),
        CustomOf::Host(host) => (None, Some(Ref::new(host.id, &host.name)), host.simulated),
    };
    let labels = view.key.labels().iter();
    CustomSeries {
        name: view.key.name().to_owned(),
        kind: view.kind.as_str().to_owned(),
        labels: labels.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        vm,
        host,
        simulated,
        value: view.value,
        observed_at: Time(view.at),
        age_seconds: view.age.as_secs_f64(),
        quality: quality(view).to_owned(),
        pushed_by: view.by.to_string(),
    }
}

fn quality(view: &CustomView) -> &'static str {
    if view.is_fresh { "ok" } else { "stale" }
}

/// A series as a row of a list.
struct Listed(CustomView);

impl Row for Listed {
    fn id(&self) -> String {
        let of = match &self.0.of {
            CustomOf::Nothing => String::new(),
            CustomOf::Vm(_, id) => format!(" {id}"),
            CustomOf::Host(host) => format!(" {}", host.id),
        };
        format!("{}{of}", self.0.key)
    }

    fn value(&self, field: &str) -> Value<'_> {
        let view = &self.0;
        match (field, &view.of) {
            ("name", _) => view.key.name().into(),
            ("kind", _) => view.kind.as_str().into(),
            ("vm", CustomOf::Vm(vm, _)) => vm.name.as_str().into(),
            ("host", CustomOf::Host(host)) => host.name.as_str().into(),
            ("quality", _) => quality(view).into(),
            ("pushed_by", _) => (*view.by).into(),
            (other, _) => match other.strip_prefix("label.").map(|label| view.key.label(label)) {
                None | Some("") => Value::Absent,
                Some(value) => value.into(),
            },
        }
    }

    fn contains(&self, needle: &str) -> bool {
        let of = match &self.0.of {
            CustomOf::Nothing => "",
            CustomOf::Vm(vm, _) => &vm.name,
            CustomOf::Host(host) => &host.name,
        };
        [&self.0.key.to_string(), of, &*self.0.by]
            .iter()
            .any(|text| text.to_lowercase().contains(needle))
    }
}
