//! Templates and their versions.

mod convert;

use hostler_api::v1;
use hostler_api::{Endpoint, Nothing, Page};
use hostler_core::access::{self, Permission};
use hostler_core::id::TemplateId;
use hostler_core::query::{Field, Row, Value};
use hostler_core::template::{Transition, VersionHead};
use hostler_engine::{
    DeployedAs, Deployment, NewTemplate, NewVersion, TemplateChange, TemplateView,
};
use tokio::time::Instant;

use super::error::Result;
use super::{Api, Call, Reply, ids, lists, operations, vms};
use crate::app::App;

/// The fields that lists of versions can be filtered and sorted by.
const VERSION_FIELDS: &[Field] = &[
    Field::number("number"),
    Field::text("state"),
    Field::text("created_by"),
    Field::number("created_at"),
];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::TemplateList, list)
        .route(v1::TemplateCreate, create)
        .route(v1::TemplateShow, show)
        .route(v1::TemplateUpdate, update)
        .route(v1::TemplateDelete, delete)
        .route(v1::TemplatePreview, preview)
        .route(v1::TemplateDeploy, deploy)
        .route(v1::TemplateVersionList, list_versions)
        .route(v1::TemplateVersionCreate, create_version)
        .route(v1::TemplateVersionShow, show_version)
        .route(v1::TemplateVersionWrite, write)
        .route(v1::TemplateVersionActivate, |app, call| turn(app, call, Transition::Activate))
        .route(v1::TemplateVersionDeprecate, |app, call| turn(app, call, Transition::Deprecate))
        .route(v1::TemplateVersionArchive, |app, call| turn(app, call, Transition::Archive))
        .route(v1::TemplateVersionPreview, preview_version)
        .route(v1::TemplateVersionDeploy, deploy_version)
}

async fn list(app: App, call: Call<v1::TemplateList>) -> Result<Reply<Page<v1::Template>>> {
    let rows = app.engine.templates().list().await?;
    let fields = TemplateView::FIELDS;
    let page = lists::in_order(
        &app,
        "templates",
        &call.query,
        fields,
        &["name"],
        &rows,
        convert::template,
    )?;
    Ok(Reply::page(page))
}

async fn create(app: App, call: Call<v1::TemplateCreate>) -> Result<Reply<v1::Template>> {
    let v1::TemplateRequest { name, project, description, labels, version, from_vm, copy_disks } =
        call.body;
    let first = new_version((version, "/version"), None, from_vm, copy_disks)?;
    let new = NewTemplate { name, project, description, labels, first };
    let made = app.engine.templates().create(&call.caller.actor, new).await;
    // Its version is a part of the document that was sent.
    let made = made.map_err(convert::in_version)?;
    let at = format!("/api/v1/templates/{}", made.template.id);
    Ok(told(&made).at(&at))
}

async fn show(app: App, call: Call<v1::TemplateShow>) -> Result<Reply<v1::Template>> {
    Ok(told(&app.engine.templates().get(ids::of_path(&call.path.template)?).await?))
}

async fn update(app: App, call: Call<v1::TemplateUpdate>) -> Result<Reply<v1::Template>> {
    let (id, generation) = (ids::of_path(&call.path.template)?, call.generation()?);
    let v1::TemplatePatch { name, description, labels } = call.body.clone();
    let change = TemplateChange { name, description, labels };
    let changed = app.engine.templates().update(&call.caller.actor, id, generation, change).await?;
    Ok(told(&changed))
}

async fn delete(app: App, call: Call<v1::TemplateDelete>) -> Result<Reply<Nothing>> {
    let id = ids::of_path(&call.path.template)?;
    app.engine.templates().delete(&call.caller.actor, id).await?;
    Ok(Reply::of(Nothing {}))
}

async fn list_versions(
    app: App,
    call: Call<v1::TemplateVersionList>,
) -> Result<Reply<Page<v1::TemplateVersionSummary>>> {
    let id: TemplateId = ids::of_path(&call.path.template)?;
    let view = app.engine.templates().get(id).await?;
    let default = view.default_version();
    let rows: Vec<_> = view.versions.into_iter().map(Listed).collect();
    let convert = |row: &Listed| convert::summary(&row.0, default);
    let list = format!("versions of {id}");
    let fields = VERSION_FIELDS;
    let page = lists::in_order(&app, &list, &call.query, fields, &["number"], &rows, convert)?;
    Ok(Reply::page(page))
}

async fn create_version(
    app: App,
    call: Call<v1::TemplateVersionCreate>,
) -> Result<Reply<v1::TemplateVersion>> {
    let id = ids::of_path(&call.path.template)?;
    let v1::TemplateVersionRequest { content, from_version, from_vm, copy_disks } =
        call.body.clone();
    let new = new_version((content, "/content"), from_version, from_vm, copy_disks)?;
    let (view, version) = app.engine.templates().add_version(&call.caller.actor, id, new).await?;
    let at = format!("/api/v1/templates/{id}/versions/{}", version.head.number);
    Ok(Reply::of(convert::version(&view, &version, true))
        .generation(version.head.generation)
        .at(&at))
}

async fn show_version(
    app: App,
    call: Call<v1::TemplateVersionShow>,
) -> Result<Reply<v1::TemplateVersion>> {
    let (id, number) = version_of(&call.path)?;
    let (view, version) = app.engine.templates().version(id, number).await?;
    let sees_all = access::may(&call.caller.actor, Permission::TemplateManage).is_ok();
    let told = convert::version(&view, &version, sees_all);
    Ok(Reply::of(told).generation(version.head.generation))
}

async fn write(
    app: App,
    call: Call<v1::TemplateVersionWrite>,
) -> Result<Reply<v1::TemplateVersion>> {
    let of = version_of(&call.path)?;
    let (read, content) = (call.generation_if_given()?, convert::content(call.body)?);
    let written = app.engine.templates().write(&call.caller.actor, of, read, content).await?;
    Ok(Reply::of(convert::version(&written.0, &written.1, true))
        .generation(written.1.head.generation))
}

async fn turn<E>(
    app: App,
    call: Call<E>,
    transition: Transition,
) -> Result<Reply<v1::TemplateVersion>>
where
    E: Endpoint<Path = v1::TemplateVersionPath, Reply = v1::TemplateVersion>,
{
    let of = version_of(&call.path)?;
    let (view, version) = app.engine.templates().turn(&call.caller.actor, of, transition).await?;
    Ok(Reply::of(convert::version(&view, &version, true)).generation(version.head.generation))
}

async fn preview(
    app: App,
    call: Call<v1::TemplatePreview>,
) -> Result<Reply<v1::TemplatePreviewed>> {
    let id = ids::of_path(&call.path.template)?;
    previewed(&app, &call, id, deployment(&call.body, None)?).await
}

async fn preview_version(
    app: App,
    call: Call<v1::TemplateVersionPreview>,
) -> Result<Reply<v1::TemplatePreviewed>> {
    let (id, number) = version_of(&call.path)?;
    previewed(&app, &call, id, deployment(&call.body, Some(number))?).await
}

async fn previewed<E: Endpoint>(
    app: &App,
    call: &Call<E>,
    id: TemplateId,
    asked: Deployment,
) -> Result<Reply<v1::TemplatePreviewed>> {
    let preview = app.engine.templates().preview(&call.caller.actor, id, &asked).await?;
    Ok(Reply::of(convert::previewed(&preview)?))
}

async fn deploy(app: App, call: Call<v1::TemplateDeploy>) -> Result<Reply<v1::TemplateDeployed>> {
    let id = ids::of_path(&call.path.template)?;
    deployed(&app, &call, id, &call.body, None).await
}

async fn deploy_version(
    app: App,
    call: Call<v1::TemplateVersionDeploy>,
) -> Result<Reply<v1::TemplateDeployed>> {
    let (id, number) = version_of(&call.path)?;
    deployed(&app, &call, id, &call.body, Some(number)).await
}

async fn deployed<E: Endpoint>(
    app: &App,
    call: &Call<E>,
    id: TemplateId,
    body: &v1::TemplateDeployment,
    number: Option<u32>,
) -> Result<Reply<v1::TemplateDeployed>> {
    let (asked, actor) = (deployment(body, number)?, &call.caller.actor);
    let templates = app.engine.templates();
    let done = match body.dry_run {
        true => templates.plan(actor, id, &asked).await?,
        false => templates.deploy(actor, call.key()?, id, &asked).await?,
    };
    let mut replayed = !done.vms.is_empty();
    let deadline = call.wait().map(|patience| Instant::now() + patience);
    let mut vms = Vec::new();
    for vm in done.vms {
        let mut told =
            v1::TemplateDeployedVm { name: vm.name, operation: None, plan: None, error: None };
        match vm.outcome {
            Ok(DeployedAs::Operation(taken)) => {
                replayed &= taken.replayed;
                let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                let operation = taken.operation;
                told.operation = Some(operations::after(app, call, operation, left).await?);
            }
            Ok(DeployedAs::Plan(plan)) => {
                replayed = false;
                told.plan = Some(vms::planned(*plan));
            }
            Err(error) => {
                replayed = false;
                let (code, detail) = (error.code().as_str().to_owned(), error.message().to_owned());
                told.error = Some(v1::TemplateRefusal { code, detail });
            }
        }
        vms.push(told);
    }
    let (warnings, version) = (done.warnings, done.version);
    let template = hostler_api::Ref::new(done.template.id, &done.template.name);
    let reply = Reply::of(v1::TemplateDeployed { template, version, warnings, vms });
    Ok(reply.replayed(replayed))
}

/// What is to be made; the version is the path's where that names one.
fn deployment(body: &v1::TemplateDeployment, of_path: Option<u32>) -> Result<Deployment> {
    if of_path.is_some() && body.version.is_some() && of_path != body.version {
        return Err(ids::fault("/version", "contradicts", "is another one than the path names"));
    }
    let wish = hostler_core::placement::Wish {
        provider: ids::of_document(body.provider.as_deref(), "/provider")?,
        host: ids::of_document(body.host.as_deref(), "/host")?,
    };
    Ok(Deployment {
        version: of_path.or(body.version),
        name: body.name.clone(),
        count: body.count,
        first: body.first,
        project: body.project.clone(),
        parameters: body.parameters.clone(),
        wish,
        start: body.start,
    })
}

/// Exactly one of what a version can be made of.
fn new_version(
    (content, field): (Option<v1::TemplateContent>, &str),
    from_version: Option<u32>,
    from_vm: Option<String>,
    copy_disks: bool,
) -> Result<NewVersion> {
    if copy_disks && from_vm.is_none() {
        return Err(ids::fault("/copy_disks", "useless", "goes with from_vm only"));
    }
    match (content, from_version, from_vm) {
        (Some(content), None, None) => {
            let content = convert::content(content)?;
            Ok(NewVersion::Content(Box::new(content)))
        }
        (None, Some(number), None) => Ok(NewVersion::Version(number)),
        (None, None, Some(vm)) => {
            let vm = vm.parse().map_err(|error: hostler_core::id::ParseIdError| {
                ids::fault("/from_vm", "not_an_id", &error.to_string())
            })?;
            Ok(NewVersion::Vm { vm, copy_disks })
        }
        _ => Err(ids::fault(field, "ambiguous", "say what the version is in exactly one way")),
    }
}

fn version_of(path: &v1::TemplateVersionPath) -> Result<(TemplateId, u32)> {
    let number = path.version.parse().map_err(|_| {
        let message = format!("`{}` is no number of a version", path.version.escape_default());
        super::error::Refusal::new(hostler_core::Code::IdInvalid, message)
    })?;
    Ok((ids::of_path(&path.template)?, number))
}

fn told(view: &TemplateView) -> Reply<v1::Template> {
    Reply::of(convert::template(view)).generation(view.template.generation)
}

/// A version as a row of a list.
struct Listed(VersionHead);

impl Row for Listed {
    fn id(&self) -> String {
        self.0.number.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "number" => u64::from(self.0.number).into(),
            "state" => self.0.state.as_str().into(),
            "created_by" => self.0.created_by.as_str().into(),
            "created_at" => self.0.created_at.as_micros().into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.0.state.as_str().contains(needle) || self.0.created_by.to_lowercase().contains(needle)
    }
}
