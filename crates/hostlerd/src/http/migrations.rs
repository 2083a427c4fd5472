//! Live migrations.

use hostler_api::v1;
use hostler_api::{ListQuery, Page, Ref, Time};
use hostler_core::Code;
use hostler_core::id::{HostId, VmId};
use hostler_core::query::{Field, Operator, Row, Value};
use hostler_engine::{DestinationsView, MigrationView, ToldMigrations};

use super::error::Result;
use super::facts::Telling;
use super::operations::accepted;
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;

/// The list's name in cursors.
const LIST: &str = "migrations";

const FIELDS: &[Field] = &[
    Field::text("vm"),
    Field::text("vm_name"),
    Field::text("provider"),
    Field::text("phase"),
    Field::text("source"),
    Field::text("target"),
    Field::text("operation"),
    Field::text("told_by"),
    Field::number("requested_at"),
];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::VmMigrate, migrate)
        .route(v1::VmDestinations, destinations)
        .route(v1::MigrationList, list)
}

async fn migrate(app: App, call: Call<v1::VmMigrate>) -> Result<Reply<v1::Operation>> {
    let id: VmId = ids::of_path(&call.path.vm)?;
    let host: Option<HostId> = ids::of_document(call.body.host.as_deref(), "/host")?;
    let migrations = app.engine.migrations();
    let taken = migrations.begin(&call.caller.actor, call.key()?, id, host).await?;
    accepted(&app, &call, taken).await
}

async fn destinations(app: App, call: Call<v1::VmDestinations>) -> Result<Reply<v1::Destinations>> {
    let id: VmId = ids::of_path(&call.path.vm)?;
    let DestinationsView { blocked, is_chosen_there, hosts } =
        app.engine.migrations().destinations(id).await?;
    let hosts = hosts.into_iter().map(|place| {
        let (id, name) = &place.host;
        v1::Destination { host: Ref::new(id, name), refused: place.refused }
    });
    let chosen_by_provider = is_chosen_there;
    Ok(Reply::of(v1::Destinations { blocked, chosen_by_provider, hosts: hosts.collect() }))
}

async fn list(app: App, call: Call<v1::MigrationList>) -> Result<Reply<Page<v1::Migration>>> {
    let sort = call.query.sort.clone().or_else(|| Some("-requested_at".to_owned()));
    let query = ListQuery { sort, ..call.query.clone() };
    let told = ask(&app, &query).await?;
    let rows: Vec<_> = told.items.into_iter().map(Listed).collect();
    let page = lists::of_rows(&app, LIST, &query, FIELDS, &rows, |row| migration(&row.0))?;
    let silent: Vec<_> = told.silent.into_iter().map(lists::silent).collect();
    Ok(Reply::page(lists::without(silent, page)))
}

/// Asks the provider of one VM alone where only that VM is wanted.
async fn ask(app: &App, query: &ListQuery) -> Result<ToldMigrations> {
    let request = app.cursors.request(LIST, query, FIELDS)?;
    let vm = request.filter.terms.iter().find_map(|term| match (&term.value, &term.operator) {
        (Value::Text(text), Operator::Equal) if term.field == "vm" => text.parse::<VmId>().ok(),
        _ => None,
    });
    match app.engine.migrations().list(vm).await {
        // A VM that is not there has none.
        Err(error) if error.code() == Code::VmNotFound => Ok(ToldMigrations::default()),
        told => Ok(told?),
    }
}

fn migration(view: &MigrationView) -> v1::Migration {
    let seen = &view.observed;
    let named =
        |host: &Option<(HostId, String)>| host.as_ref().map(|(id, name)| Ref::new(id, name));
    let ((vm, vm_name), (provider, provider_name)) = (&view.vm, &view.provider);
    v1::Migration {
        id: seen.external_ref.clone(),
        told_by: view.told_by.as_str().to_owned(),
        vm: Ref::new(vm, vm_name),
        provider: Ref::new(provider, provider_name),
        operation: seen.operation.map(|operation| operation.to_string()),
        phase: seen.phase.as_str().to_owned(),
        phase_said: seen.phase_said.clone(),
        source: named(&view.source),
        target: named(&view.target),
        mode: seen.mode.map(|mode| mode.as_str().to_owned()),
        requested_at: seen.requested_at.map(Time),
        started_at: seen.started_at.map(Time),
        ended_at: seen.ended_at.map(Time),
        bytes_done: Telling::of(None).fact(&seen.bytes_done),
        bytes_total: Telling::of(None).fact(&seen.bytes_total),
        cancel_requested: seen.is_cancel_requested,
        reason: seen.reason.clone(),
        observed_at: Time(seen.observed_at),
        simulated: view.simulated,
    }
}

/// A migration as a row of a list.
struct Listed(MigrationView);

impl Row for Listed {
    /// With the provider: each names its own, so that two may have one name.
    fn id(&self) -> String {
        format!("{} {}", self.0.provider.0, self.0.observed.external_ref)
    }

    fn value(&self, field: &str) -> Value<'_> {
        let (view, seen) = (&self.0, &self.0.observed);
        match field {
            "vm" => view.vm.0.to_string().into(),
            "vm_name" => view.vm.1.as_str().into(),
            "provider" => view.provider.1.as_str().into(),
            "phase" => seen.phase.as_str().into(),
            "source" => view.source.as_ref().map(|(_, name)| name.as_str()).into(),
            "target" => view.target.as_ref().map(|(_, name)| name.as_str()).into(),
            "operation" => match seen.operation {
                Some(operation) => operation.to_string().into(),
                None => Value::Absent,
            },
            "told_by" => view.told_by.as_str().into(),
            "requested_at" => match seen.requested_at.or(seen.started_at) {
                Some(at) => at.as_micros().into(),
                None => Value::Absent,
            },
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(needle);
        let on = |host: &Option<(HostId, String)>| host.as_ref().is_some_and(|(_, name)| has(name));
        let (view, seen) = (&self.0, &self.0.observed);
        has(&view.vm.1)
            || has(seen.phase.as_str())
            || on(&view.source)
            || on(&view.target)
            || seen.reason.as_deref().is_some_and(has)
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::id::ProviderId;
    use hostler_core::migration::{Migration, MigrationPhase};
    use hostler_core::query::ListRequest;
    use hostler_core::{Fact, Timestamp};
    use hostler_engine::ToldBy;

    use super::*;

    fn of(provider: &str) -> Listed {
        let id = |last: u8| format!("0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d{last:02}");
        let provider_id: ProviderId = id(provider.len() as u8).parse().unwrap();
        let observed = Migration {
            external_ref: "default/one".to_owned(),
            operation: None,
            vm_ref: "default/web".to_owned(),
            vm_name: "web".to_owned(),
            phase: MigrationPhase::Copying,
            phase_said: String::new(),
            source_host_ref: None,
            target_host_ref: None,
            mode: None,
            requested_at: None,
            started_at: None,
            ended_at: None,
            bytes_done: Fact::unsupported("test", "not told"),
            bytes_total: Fact::unsupported("test", "not told"),
            is_cancel_requested: false,
            reason: None,
            observed_at: Timestamp::from_millis(0),
        };
        Listed(MigrationView {
            observed,
            told_by: ToldBy::Provider,
            simulated: false,
            provider: (provider_id, provider.to_owned()),
            vm: (id(99).parse().unwrap(), "web".to_owned()),
            source: None,
            target: None,
        })
    }

    #[test]
    fn of_two_providers_that_have_one_name_for_theirs_none_is_left_out_between_pages() {
        let rows = [of("eu"), of("again")];
        let mut request = ListRequest::first(1);
        let mut seen = Vec::new();
        loop {
            let page = request.page(rows.iter());
            seen.extend(page.rows.iter().map(|row| row.0.provider.1.clone()));
            match page.next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, ["again", "eu"]);
    }
}
