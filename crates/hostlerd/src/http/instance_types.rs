//! Instance types and preferences.

use hostler_api::v1;
use hostler_api::{ListQuery, Page, Ref, Time};
use hostler_core::query::{Field, Row, Value};
use hostler_core::vm::instance_type::TypeText;
use hostler_core::vm::{InstanceType, Preference, TypeRef};
use hostler_engine::{OfferView, ToldOffers};

use super::error::Result;
use super::facts::Telling;
use super::{Api, Call, Reply, lists};
use crate::app::App;

/// The lists' names in cursors.
const INSTANCE_TYPES: &str = "instance_types";
const PREFERENCES: &str = "preferences";

const INSTANCE_TYPE_FIELDS: &[Field] = &[
    Field::text("name"),
    Field::text("namespace"),
    Field::text("provider"),
    Field::text("class"),
    Field::text("vendor"),
    Field::number("cpu_count"),
    Field::number("memory_bytes"),
];

const PREFERENCE_FIELDS: &[Field] = &[
    Field::text("name"),
    Field::text("namespace"),
    Field::text("provider"),
    Field::text("class"),
    Field::text("vendor"),
    Field::text("firmware"),
    Field::text("arch"),
];

/// The order where none is asked for: as they are chosen from.
const ORDER: &[&str] = &["provider", "namespace", "name"];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::InstanceTypeList, list).route(v1::PreferenceList, preferences)
}

async fn list(app: App, call: Call<v1::InstanceTypeList>) -> Result<Reply<Page<v1::InstanceType>>> {
    let told = app.engine.instance_types().list().await;
    page(&app, INSTANCE_TYPES, &call.query, INSTANCE_TYPE_FIELDS, told, instance_type)
}

async fn preferences(
    app: App,
    call: Call<v1::PreferenceList>,
) -> Result<Reply<Page<v1::Preference>>> {
    let told = app.engine.instance_types().preferences().await;
    page(&app, PREFERENCES, &call.query, PREFERENCE_FIELDS, told, preference)
}

fn page<T, U>(
    app: &App,
    list: &str,
    query: &ListQuery,
    fields: &[Field],
    told: ToldOffers<T>,
    convert: impl Fn(&OfferView<T>) -> U,
) -> Result<Reply<Page<U>>>
where
    Listed<T>: Row,
{
    let rows: Vec<_> = told.items.into_iter().map(Listed).collect();
    let page = lists::in_order(app, list, query, fields, ORDER, &rows, |row| convert(&row.0))?;
    let silent: Vec<_> = told.unread.into_iter().map(lists::silent).collect();
    Ok(Reply::page(lists::without(silent, page)))
}

/// The core's name of one, on the wire.
pub(super) fn type_ref(named: &TypeRef) -> v1::TypeRef {
    v1::TypeRef { name: named.name.clone(), namespace: named.namespace.clone() }
}

fn id<T>(view: &OfferView<T>, named: &TypeRef) -> String {
    format!("{}/{named}", view.provider.0)
}

fn text(text: &TypeText) -> v1::TypeText {
    v1::TypeText {
        display_name: text.display_name.clone(),
        description: text.description.clone(),
        class: text.class.clone(),
        vendor: text.vendor.clone(),
        labels: text.labels.clone(),
    }
}

fn instance_type(view: &OfferView<InstanceType>) -> v1::InstanceType {
    let seen = &view.observed;
    v1::InstanceType {
        id: id(view, &seen.id),
        name: seen.id.name.clone(),
        namespace: seen.id.namespace.clone(),
        provider: Ref::new(view.provider.0, &view.provider.1),
        text: text(&seen.text),
        cpu_count: Telling::of(None).fact(&seen.cpu_count),
        memory_bytes: Telling::of(None).fact(&seen.memory_bytes),
        memory_max_bytes: seen.memory_max_bytes,
        overcommit_percent: seen.overcommit_percent,
        dedicated_cpus: seen.has_dedicated_cpus,
        gpus: seen.gpus.clone(),
        host_devices: seen.host_devices.clone(),
        observed_at: Time(seen.observed_at),
        simulated: view.simulated,
    }
}

fn preference(view: &OfferView<Preference>) -> v1::Preference {
    let seen = &view.observed;
    let asks = &seen.requires;
    v1::Preference {
        id: id(view, &seen.id),
        name: seen.id.name.clone(),
        namespace: seen.id.namespace.clone(),
        provider: Ref::new(view.provider.0, &view.provider.1),
        text: text(&seen.text),
        firmware: seen.firmware.clone(),
        machine: seen.machine.clone(),
        arch: seen.arch.clone(),
        disk_bus: seen.disk_bus.clone(),
        nic_model: seen.nic_model.clone(),
        requires: v1::TypeRequirements {
            cpu_count: asks.cpu_count,
            memory_bytes: asks.memory_bytes,
            arch: asks.arch.clone(),
        },
        observed_at: Time(seen.observed_at),
        simulated: view.simulated,
    }
}

/// Something that is offered, as a row of a list.
struct Listed<T>(OfferView<T>);

/// The fields that both lists have.
fn common<'a, T>(
    view: &'a OfferView<T>,
    id: &'a TypeRef,
    text: &'a TypeText,
    field: &str,
) -> Value<'a> {
    match field {
        "name" => id.name.as_str().into(),
        "namespace" => id.namespace.as_deref().into(),
        "provider" => view.provider.1.as_str().into(),
        "class" => text.class.as_deref().into(),
        "vendor" => text.vendor.as_deref().into(),
        _ => Value::Absent,
    }
}

fn says(id: &TypeRef, text: &TypeText, needle: &str) -> bool {
    let texts = [&id.namespace, &text.display_name, &text.description, &text.class, &text.vendor];
    let mut texts = texts.into_iter().flatten().chain([&id.name]);
    texts.any(|text| text.to_lowercase().contains(needle))
}

impl Row for Listed<InstanceType> {
    fn id(&self) -> String {
        id(&self.0, &self.0.observed.id)
    }

    fn value(&self, field: &str) -> Value<'_> {
        let seen = &self.0.observed;
        match field {
            "cpu_count" => seen.cpu_count.value().map_or(Value::Absent, |it| u64::from(*it).into()),
            "memory_bytes" => seen.memory_bytes.value().map_or(Value::Absent, |it| (*it).into()),
            other => common(&self.0, &seen.id, &seen.text, other),
        }
    }

    fn contains(&self, needle: &str) -> bool {
        says(&self.0.observed.id, &self.0.observed.text, needle)
    }
}

impl Row for Listed<Preference> {
    fn id(&self) -> String {
        id(&self.0, &self.0.observed.id)
    }

    fn value(&self, field: &str) -> Value<'_> {
        let seen = &self.0.observed;
        match field {
            "firmware" => seen.firmware.as_deref().into(),
            "arch" => seen.arch.as_deref().into(),
            other => common(&self.0, &seen.id, &seen.text, other),
        }
    }

    fn contains(&self, needle: &str) -> bool {
        says(&self.0.observed.id, &self.0.observed.text, needle)
    }
}
