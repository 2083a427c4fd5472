//! Clusters. A kubeconfig comes in here, is looked at, sealed and forgotten; none goes out.

use std::sync::Arc;

use hostler_api::v1;
use hostler_api::{Nothing, Page, Secret, Time};
use hostler_core::cluster::{
    Capabilities, DECLARED, Lack, Reason, Report, StorageClass, Upgrade, WatchLag,
};
use hostler_core::error::Fault;
use hostler_core::id::{ProviderId, TemplateId};
use hostler_core::{Code, Error};
use hostler_engine::{ClusterView, Wanted};
use hostler_store::{ProviderRow, SealedSecret};
use zeroize::Zeroizing;

use super::error::{Refusal, Result};
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;
use crate::listen::Peer;
use crate::sealing::BoundTo;
use crate::wiring::kubeconfig::{Kubeconfig, KubeconfigUse, Reached};
use crate::wiring::without_password;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::ClusterList, list)
        .route(v1::ClusterCreate, create)
        .route(v1::ClusterTest, test)
        .route(v1::ClusterShow, show)
        .route(v1::ClusterDelete, delete)
        .route(v1::ClusterRotate, rotate)
        .route(v1::ClusterDeclare, declare)
}

async fn list(app: App, call: Call<v1::ClusterList>) -> Result<Reply<Page<v1::Cluster>>> {
    let query = &call.query;
    let said = wanted(query.features.as_deref(), query.hardware.as_deref())?;
    let only_fitting = query.compatible_with_template.is_some();
    let named = query.compatible_with_template.as_deref();
    let wanted = with_template(&app, said, "compatible_with_template", named).await?;
    let take = |request: &_| app.engine.clusters().list(request, &wanted, only_fitting);
    let convert = |view: &Arc<ClusterView>| Ok(cluster(view));
    let query = call.query.list();
    let name = list_name(&wanted, only_fitting);
    let page = lists::page(&app, &name, &query, ClusterView::FIELDS, take, convert)?;
    Ok(Reply::page(page))
}

async fn show(app: App, call: Call<v1::ClusterShow>) -> Result<Reply<v1::Cluster>> {
    let query = &call.query;
    let said = wanted(query.features.as_deref(), query.hardware.as_deref())?;
    let wanted = with_template(&app, said, "template", query.template.as_deref()).await?;
    let view = app.engine.clusters().get(ids::of_path(&call.path.cluster)?, &wanted)?;
    Ok(Reply::of(cluster(&view)))
}

async fn create(app: App, call: Call<v1::ClusterCreate>) -> Result<Reply<v1::Cluster>> {
    let v1::ClusterRequest { name, kubeconfig, context, namespaces, at_once, allow_exec } =
        call.body;
    hostler_core::name::check(&name)
        .map_err(|bad| ids::fault("/name", "bad_name", &bad.to_string()))?;
    let given = v1::ClusterKubeconfig { kubeconfig, context, namespaces, at_once, allow_exec };
    let kubeconfig = read(given, call.peer)?;
    let reached = reach(&app, &kubeconfig)?;
    let (id, created_at) = (app.engine.providers().next_id(), app.clock.now());
    let by = &call.caller.actor;
    let secret = seal(&app, id, &reached.uri, &kubeconfig, &by.name)?;
    let row = ProviderRow { id, name, uri: reached.uri, from_config: false, created_at };
    let view = app.engine.clusters().add(by, row, reached.provider, &secret).await?;
    Ok(Reply::of(cluster(&view)).at(&format!("/api/v1/clusters/{id}")))
}

async fn test(app: App, call: Call<v1::ClusterTest>) -> Result<Reply<v1::ClusterTested>> {
    let kubeconfig = read(call.body, call.peer)?;
    let Reached { provider, by, .. } = reach(&app, &kubeconfig)?;
    let (report, took) = app.engine.clusters().test(&call.caller.actor, &provider).await?;
    Ok(Reply::of(v1::ClusterTested {
        server: by.server,
        context: by.context,
        health: report.health.as_str().to_owned(),
        usable: report.lets_us_in().is_ok(),
        reasons: report.reasons.iter().map(reason).collect(),
        capabilities: report.capabilities.as_ref().map(capabilities),
        storage_classes: classes(&report),
        took_seconds: took.as_secs_f64(),
    }))
}

async fn rotate(app: App, call: Call<v1::ClusterRotate>) -> Result<Reply<v1::Cluster>> {
    let id = ids::of_path(&call.path.cluster)?;
    let clusters = app.engine.clusters();
    // Before anything is made of what was sent.
    let before = clusters.get(id, &Wanted::default())?;
    let v1::ClusterRotateRequest { kubeconfig, context, namespaces, at_once, allow_exec } =
        call.body;
    let given = v1::ClusterKubeconfig { kubeconfig, context, namespaces, at_once, allow_exec };
    let kubeconfig =
        read(given, call.peer)?.in_place_of(KubeconfigUse::parse(&before.provider.row.uri));
    let Reached { provider, uri, .. } = reach(&app, &kubeconfig)?;
    let by = &call.caller.actor;
    let secret = seal(&app, id, &uri, &kubeconfig, &by.name)?;
    let view = clusters.rotate(by, id, &uri, provider, &secret).await?;
    Ok(Reply::of(cluster(&view)))
}

async fn declare(app: App, call: Call<v1::ClusterDeclare>) -> Result<Reply<v1::Cluster>> {
    let id = ids::of_path(&call.path.cluster)?;
    let clusters = app.engine.clusters();
    let view = clusters.declare(&call.caller.actor, id, call.body.hardware).await?;
    Ok(Reply::of(cluster(&view)))
}

async fn delete(app: App, call: Call<v1::ClusterDelete>) -> Result<Reply<Nothing>> {
    let id = ids::of_path(&call.path.cluster)?;
    app.engine.clusters().remove(&call.caller.actor, id).await?;
    Ok(Reply::of(Nothing {}))
}

/// Takes over what somebody sent, if they may send it (A29).
fn read(given: v1::ClusterKubeconfig, peer: Peer) -> Result<Kubeconfig> {
    let v1::ClusterKubeconfig { kubeconfig, context, namespaces, at_once, allow_exec } = given;
    if allow_exec && !peer.is_servers_user() {
        let why = "lets a kubeconfig run a command on the server's machine, which only root and \
                   the server's own user may: add the cluster on that machine by its socket";
        return Err(ids::fault("/allow_exec", "not_yours", why));
    }
    if at_once.is_some_and(|count| !(1..=v1::AT_ONCE_MAX).contains(&count)) {
        let why = format!("is not from 1 to {}", v1::AT_ONCE_MAX);
        return Err(ids::fault("/at_once", "out_of_range", &why));
    }
    let text = Zeroizing::new(Secret::into_exposed(kubeconfig));
    if text.len() > v1::KUBECONFIG_MAX {
        let why = format!("is larger than {} bytes", v1::KUBECONFIG_MAX);
        return Err(ids::fault("/kubeconfig", "too_long", &why));
    }
    Ok(Kubeconfig { text, context, namespaces, at_once, allow_exec })
}

fn reach(app: &App, kubeconfig: &Kubeconfig) -> Result<Reached> {
    let reached = app.wiring.connect_kubeconfig(kubeconfig);
    reached.map_err(|why| ids::fault("/kubeconfig", "unusable", &why))
}

fn seal(
    app: &App,
    id: ProviderId,
    uri: &str,
    kubeconfig: &Kubeconfig,
    by: &str,
) -> Result<SealedSecret> {
    let of = BoundTo { id: &id.to_string(), uri };
    let sealed = app.keyring.seal(of, &kubeconfig.text).map_err(|error| {
        let message = "the kubeconfig cannot be kept; the server's log says why";
        Refusal::from(Error::new(Code::StoreUnavailable, message).with_internal(error.to_string()))
    })?;
    Ok(SealedSecret {
        key_id: sealed.key_id,
        sealed: sealed.bytes,
        given_by: by.to_owned(),
        given_at: app.clock.now(),
    })
}

/// What the list is called in cursors. What is wanted decides by `fits` which clusters are in it
/// and in which order, so that a cursor is good for the same wish only.
fn list_name(Wanted { features, hardware }: &Wanted, only_fitting: bool) -> String {
    format!("clusters features={features:?} hardware={hardware:?} only={only_fitting}")
}

/// What is wanted together with what the template requires that the parameter names.
async fn with_template(
    app: &App,
    said: Wanted,
    parameter: &str,
    named: Option<&str>,
) -> Result<Wanted> {
    let Some(named) = named else { return Ok(said) };
    let (id, version) = match named.split_once('@') {
        None => (named.parse::<TemplateId>().ok(), Some(None)),
        Some((id, version)) => (id.parse().ok(), version.parse().ok().map(Some)),
    };
    let (Some(id), Some(version)) = (id, version) else {
        let detail = "must be the id of a template, or ID@VERSION".to_owned();
        let fault = Fault::new(parameter, "malformed", detail);
        return Err(Error::faults(Code::QueryInvalid, vec![fault]).into());
    };
    let required = app.engine.templates().wanted(id, version).await?;
    Ok(said.and(required))
}

/// What clusters are to be compared with.
fn wanted(features: Option<&str>, hardware: Option<&str>) -> Result<Wanted> {
    Ok(Wanted { features: names("features", features)?, hardware: names("hardware", hardware)? })
}

fn names(parameter: &str, list: Option<&str>) -> Result<Vec<String>> {
    let fault = |code: &str, detail: String| -> Refusal {
        Error::faults(Code::QueryInvalid, vec![Fault::new(parameter, code, detail)]).into()
    };
    let Some(list) = list else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for name in list.split(',').map(str::trim) {
        if name.is_empty() || name.len() > v1::REQUIRED_NAME_MAX {
            let detail = format!("names are 1 to {} bytes long", v1::REQUIRED_NAME_MAX);
            return Err(fault("malformed", detail));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        if names.len() > v1::REQUIRED_MAX {
            return Err(fault("too_many", format!("names more than {}", v1::REQUIRED_MAX)));
        }
    }
    Ok(names)
}

fn cluster(view: &ClusterView) -> v1::Cluster {
    let (provider, report) = (&view.provider, view.report.as_deref());
    let used = view.given.as_ref().and_then(|given| {
        let KubeconfigUse { server, context, namespaces, at_once, allow_exec } =
            KubeconfigUse::parse(&provider.row.uri)?;
        let (given_at, given_by) = (Time(given.at), given.by.clone());
        Some(v1::ClusterKubeconfigUse {
            server,
            context,
            namespaces,
            at_once,
            allow_exec,
            given_at,
            given_by,
        })
    });
    v1::Cluster {
        id: provider.row.id.to_string(),
        name: provider.row.name.clone(),
        kind: provider.kind.to_owned(),
        uri: without_password(&provider.row.uri),
        source: view.source().as_str().to_owned(),
        simulated: provider.simulated,
        health: view.health().as_str().to_owned(),
        reasons: view.reasons().map(reason).collect(),
        reported_at: view.reported_at.map(Time),
        age_seconds: view.age.map(|age| age.as_secs_f64()),
        stale: view.stale,
        failure: view.failure.clone(),
        watch_lags: report.into_iter().flat_map(|it| &it.lags).map(lag).collect(),
        capabilities: view.capabilities.as_ref().map(capabilities),
        storage_classes: report.and_then(classes),
        declared_hardware: view.declared.clone(),
        vm_count: provider.vm_count.and_then(|count| u32::try_from(count).ok()),
        host_count: view.host_count.and_then(|count| u32::try_from(count).ok()),
        kubeconfig: used,
        fits: view.fits(),
        lacks: view.lacks.as_ref().map(|lacks| lacks.iter().map(lack).collect()),
    }
}

fn reason(reason: &Reason) -> v1::ClusterReason {
    let Reason { code, message, is_warning } = reason.clone();
    v1::ClusterReason { code, message, warning: is_warning }
}

fn lag(lag: &WatchLag) -> v1::ClusterWatchLag {
    v1::ClusterWatchLag {
        kind: lag.kind.clone(),
        silent_seconds: lag.silent.map(|silent| silent.as_secs_f64()),
        stale_since: lag.stale_since.map(Time),
    }
}

fn capabilities(told: &Capabilities) -> v1::ClusterCapabilities {
    let on = told.features.iter().filter(|feature| feature.is_on == Some(true));
    let features = told.features.iter().map(|feature| v1::ClusterFeature {
        name: feature.name.clone(),
        enabled: feature.is_on,
        stage: feature.stage.as_str().to_owned(),
        why: feature.why.clone(),
        inferred: feature.is_inferred,
        remedy: feature.remedy.clone(),
    });
    let hardware = told.hardware.iter().map(|hardware| v1::ClusterHardware {
        name: hardware.name.clone(),
        present: hardware.is_there,
        hosts: hardware.hosts,
        declared: hardware.source.starts_with(DECLARED),
        source: hardware.source.clone(),
    });
    v1::ClusterCapabilities {
        version: told.version.clone(),
        detected_at: Time(told.detected_at),
        enabled_features: on.map(|feature| feature.name.clone()).collect(),
        features: features.collect(),
        hardware: hardware.collect(),
        upgrades: hostler_api::Fact::from_core(&told.upgrades, |upgrades| {
            upgrades.iter().map(upgrade).collect()
        }),
    }
}

fn upgrade(told: &Upgrade) -> v1::ClusterUpgrade {
    let changes = told.changes.iter().map(|change| v1::ClusterFeatureChange {
        name: change.name.clone(),
        turns_on: change.turns_on,
        why: change.why.clone(),
        inferred: change.is_inferred,
    });
    v1::ClusterUpgrade { version: told.version.clone(), changes: changes.collect() }
}

fn classes(report: &Report) -> Option<Vec<v1::ClusterStorageClass>> {
    let class = |class: &StorageClass| v1::ClusterStorageClass {
        name: class.name.clone(),
        provisioner: class.provisioner.clone(),
        default: class.is_default,
        can_grow: class.can_grow,
    };
    report.storage_classes.as_ref().map(|classes| classes.iter().map(class).collect())
}

fn lack(lack: &Lack) -> v1::ClusterLack {
    let kind = if lack.is_hardware { "hardware" } else { "feature" };
    v1::ClusterLack {
        name: lack.name.clone(),
        kind: kind.to_owned(),
        why: lack.why.clone(),
        remedy: lack.remedy.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e16_what_is_required_is_named_once_and_within_limits() {
        assert_eq!(names("features", Some("a, b,a")).unwrap(), ["a", "b"]);
        assert_eq!(names("features", None).unwrap(), Vec::<String>::new());
        let many: Vec<String> = (0..=v1::REQUIRED_MAX).map(|n| format!("f{n}")).collect();
        for (list, code) in
            [("", "malformed"), ("a,,b", "malformed"), (&many.join(","), "too_many")]
        {
            let refusal = names("features", Some(list)).unwrap_err();
            let fault = &refusal.error().fault_list()[0];
            assert_eq!((fault.pointer.as_str(), fault.code.as_str()), ("features", code));
        }
    }
}
