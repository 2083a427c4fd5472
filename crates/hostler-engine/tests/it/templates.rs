//! Templates in the engine: made, turned, deployed by ordinary creations, and where they may go
//! (C19, E16).

use std::collections::BTreeMap;

use hostler_core::access::{Actor, Role};
use hostler_core::cluster::Report;
use hostler_core::id::TemplateId;
use hostler_core::operation::OperationState;
use hostler_core::placement::Wish;
use hostler_core::query::ListRequest;
use hostler_core::template::{Content, FromTemplate, Transition, VersionState};
use hostler_core::{Code, Error};
use hostler_engine::{
    Deployed, DeployedAs, Deployment, IdempotencyKey, NewTemplate, NewVersion, TemplateChange,
    Wanted,
};
use hostler_sim::World;
use hostler_sim::cluster::healthy;
use serde_json::{Value, json};

use crate::clusters::{add, cluster, is, soon};
use crate::world::{Lab, Tuning, admin, foreign, vm_of};

fn content() -> Content {
    let user_data = "#cloud-config\nfqdn: ${vm.name}.${domain}\npassword: \"${password}\"\n";
    Content {
        spec: json!({
            "memory": {"bytes": "${memory}"},
            "description": "of ${domain}",
            "disks": [{"name": "root", "source": {"image": {"image": "tiny", "format": "raw"}}}],
            "cloud_init": {"user_data": user_data},
        }),
        parameters: serde_json::from_value(json!([
            {"name": "domain", "kind": "string", "required": true},
            {"name": "memory", "kind": "size", "default": "64MiB"},
            {"name": "password", "kind": "secret"},
        ]))
        .unwrap(),
        ..Content::default()
    }
}

async fn made(lab: &Lab, name: &str, content: Content) -> TemplateId {
    let new = NewTemplate {
        name: name.into(),
        project: "default".into(),
        description: String::new(),
        labels: BTreeMap::new(),
        first: NewVersion::Content(Box::new(content)),
    };
    lab.engine.templates().create(&admin(), new).await.unwrap().template.id
}

async fn active(lab: &Lab, name: &str, content: Content) -> TemplateId {
    let id = made(lab, name, content).await;
    lab.engine.templates().turn(&admin(), (id, 1), Transition::Activate).await.unwrap();
    id
}

fn asked(name: &str, count: u32, parameters: Value) -> Deployment {
    Deployment {
        version: None,
        name: name.into(),
        count,
        first: 1,
        project: None,
        parameters: serde_json::from_value(parameters).unwrap(),
        wish: Wish::default(),
        start: true,
    }
}

fn good(name: &str, count: u32) -> Deployment {
    asked(name, count, json!({"domain": "example.org", "password": "hunter2"}))
}

fn key(text: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey { key: text.into(), body_hash: [7; 32] })
}

async fn refused(lab: &Lab, id: TemplateId, deployment: &Deployment) -> Error {
    let templates = lab.engine.templates();
    let planned = templates.plan(&admin(), id, deployment).await.unwrap_err();
    let deployed = templates.deploy(&admin(), None, id, deployment).await.unwrap_err();
    assert_eq!(planned.code(), deployed.code(), "a plan says what a deployment says");
    deployed
}

fn vms(lab: &Lab) -> Vec<String> {
    let listed = lab.engine.vms().list(&ListRequest::first(999));
    let mut names: Vec<_> = listed.items.iter().map(|vm| vm.name.clone()).collect();
    names.sort();
    names
}

async fn all_end_well(lab: &Lab, deployed: &Deployed) {
    for vm in &deployed.vms {
        let Ok(DeployedAs::Operation(accepted)) = &vm.outcome else { panic!("{vm:?}") };
        let ended = lab.end(accepted).await;
        assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c19_several_vms_are_made_by_ordinary_creations_and_remember_their_template() {
    let lab = Lab::new().await;
    let id = active(&lab, "web", content()).await;
    let templates = lab.engine.templates();
    let plan = templates.plan(&admin(), id, &good("web-{n:02}", 3)).await.unwrap();
    assert!(matches!(&plan.vms[2].outcome, Ok(DeployedAs::Plan(it)) if it.steps.len() > 2));
    assert_eq!(vms(&lab), Vec::<String>::new(), "a plan makes nothing");

    let deployed = templates.deploy(&admin(), None, id, &good("web-{n:02}", 3)).await.unwrap();
    assert_eq!((deployed.version, deployed.warnings.len()), (1, 0));
    all_end_well(&lab, &deployed).await;
    assert_eq!(vms(&lab), ["web-01", "web-02", "web-03"]);
    let listed = lab.engine.vms().list(&ListRequest::first(9));
    let from = FromTemplate { template: id, name: "web".into(), version: 1 };
    for vm in &listed.items {
        assert_eq!(vm.template(), Some(&from));
        let spec = &vm.row.as_ref().unwrap().spec;
        assert_eq!((spec.memory.bytes, spec.description.as_str()), (64 << 20, "of example.org"));
        let user_data = spec.cloud_init.as_ref().unwrap().user_data.as_ref().unwrap();
        assert!(user_data.contains(&format!("fqdn: {}.example.org\n", vm.name)), "{user_data}");
        assert!(user_data.contains("password: \"hunter2\"\n"), "{user_data}");
    }
    let view = templates.get(id).await.unwrap();
    assert_eq!((view.vm_count, view.default_version()), (3, Some(1)));
    assert_eq!(lab.told("template.deployed").await, 1);
    // It goes, and its VMs stay and go on naming it.
    templates.turn(&admin(), (id, 1), Transition::Archive).await.unwrap();
    templates.delete(&admin(), id).await.unwrap();
    assert_eq!(vms(&lab).len(), 3);
    let vm = lab.engine.vms().get(listed.items[0].id).unwrap();
    assert_eq!(vm.template(), Some(&from));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c19_nothing_is_made_where_one_of_several_is_refused() {
    let lab = Lab::new().await;
    let id = active(&lab, "web", content()).await;
    lab.create("web-2").await;
    let error = refused(&lab, id, &good("web-{n}", 3)).await;
    assert_eq!(error.code(), Code::VmExists);
    assert!(error.message().contains("web-2"), "{error}");
    assert_eq!(vms(&lab), ["web-2"]);

    let error = refused(&lab, id, &asked("web", 2, json!({"memory": "x", "x": 1}))).await;
    let told: Vec<_> = error.fault_list().iter().map(|it| it.pointer.as_str()).collect();
    let all = ["/name", "/parameters/x", "/parameters/domain", "/parameters/memory"];
    assert_eq!(told, all, "all faults at once");
    let error =
        refused(&lab, id, &asked("w{n}", 1, json!({"domain": "a", "memory": "64TiB"}))).await;
    assert_eq!(error.code(), Code::NoHostFits);
    assert!(error.message().starts_with("VM \"w1\": "), "{error}");
    let mut elsewhere = content();
    elsewhere.spec["disks"][0]["source"]["image"]["image"] = json!("none");
    let other = active(&lab, "other", elsewhere).await;
    assert_eq!(refused(&lab, other, &good("w{n}", 2)).await.code(), Code::ImageNotFound);
    assert_eq!(vms(&lab), ["web-2"]);
    assert_eq!(lab.told("template.deployed").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_a_deployment_that_is_repeated_under_its_key_makes_nothing_twice() {
    let lab = Lab::new().await;
    let id = active(&lab, "web", content()).await;
    let templates = lab.engine.templates();
    let first = templates.deploy(&admin(), key("a"), id, &good("web-{n}", 2)).await.unwrap();
    all_end_well(&lab, &first).await;
    let again = templates.deploy(&admin(), key("a"), id, &good("web-{n}", 2)).await.unwrap();
    let ids = |deployed: &Deployed| {
        let taken = deployed.vms.iter().map(|vm| match &vm.outcome {
            Ok(DeployedAs::Operation(it)) => it.operation.row.id,
            other => panic!("{other:?}"),
        });
        taken.collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), ids(&again));
    assert_eq!(vms(&lab), ["web-1", "web-2"]);
    assert_eq!(lab.told("template.deployed").await, 1);
    // A crash after the first of several: who asks again gets the rest.
    let one = templates.deploy(&admin(), key("b"), id, &good("db-{n}", 1)).await.unwrap();
    let both = templates.deploy(&admin(), key("b"), id, &good("db-{n}", 2)).await.unwrap();
    assert_eq!(ids(&both)[..1], ids(&one));
    all_end_well(&lab, &both).await;
    assert_eq!(vms(&lab), ["db-1", "db-2", "web-1", "web-2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c19_versions_go_from_draft_to_archived_and_the_newest_active_is_deployed() {
    let lab = Lab::new().await;
    let id = made(&lab, "web", content()).await;
    let templates = lab.engine.templates();
    let wrong = |error: Error| assert_eq!(error.code(), Code::TemplateWrongState, "{error}");
    wrong(refused(&lab, id, &good("web", 1)).await);
    let draft = Deployment { version: Some(1), ..good("web", 1) };
    wrong(refused(&lab, id, &draft).await);
    let preview = templates.preview(&admin(), id, &draft).await.unwrap();
    assert_eq!((preview.specs.len(), preview.warnings.len()), (1, 1));
    let shown = preview.specs[0].shown.cloud_init.as_ref().unwrap().user_data.as_ref().unwrap();
    assert!(!shown.contains("hunter2") && shown.contains("********"), "{shown}");

    let mut better = content();
    better.notes = "better".into();
    let written = templates.write(&admin(), (id, 1), Some(1), better.clone()).await.unwrap();
    assert_eq!((written.1.head.generation, written.1.content.notes.as_str()), (2, "better"));
    let late = templates.write(&admin(), (id, 1), Some(1), content()).await.unwrap_err();
    assert_eq!(late.code(), Code::PreconditionFailed);
    templates.turn(&admin(), (id, 1), Transition::Activate).await.unwrap();
    wrong(templates.write(&admin(), (id, 1), None, content()).await.unwrap_err());
    let (_, second) = templates.add_version(&admin(), id, NewVersion::Version(1)).await.unwrap();
    assert_eq!((second.head.number, second.content.notes.as_str()), (2, "better"));
    assert_eq!(templates.get(id).await.unwrap().default_version(), Some(1));
    templates.turn(&admin(), (id, 2), Transition::Activate).await.unwrap();
    assert_eq!(templates.get(id).await.unwrap().default_version(), Some(2));
    templates.turn(&admin(), (id, 1), Transition::Deprecate).await.unwrap();
    let asked = Deployment { start: false, ..draft.clone() };
    let old = templates.deploy(&admin(), None, id, &asked).await.unwrap();
    assert_eq!((old.version, old.warnings.len()), (1, 1));
    assert!(old.warnings[0].contains("version 2 is the one to deploy"), "{:?}", old.warnings);
    wrong(templates.delete(&admin(), id).await.unwrap_err());
    templates.turn(&admin(), (id, 1), Transition::Archive).await.unwrap();
    let archived = Deployment { name: "other".into(), ..draft };
    wrong(refused(&lab, id, &archived).await);
    wrong(templates.turn(&admin(), (id, 1), Transition::Activate).await.unwrap_err());
    assert_eq!(templates.get(id).await.unwrap().state(), VersionState::Active);
    for kind in ["created", "version_created", "version_changed", "version_archived"] {
        assert_eq!(lab.told(&format!("template.{kind}")).await, 1, "{kind}");
    }
    assert_eq!(lab.told("template.version_activated").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c19_a_template_from_a_vm_tells_what_is_not_in_it_and_pretends_nothing() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let templates = lab.engine.templates();
    let of = |vm, copy_disks| NewTemplate {
        name: "like-web".into(),
        project: "default".into(),
        description: String::new(),
        labels: BTreeMap::new(),
        first: NewVersion::Vm { vm, copy_disks },
    };
    let copied = templates.create(&admin(), of(vm, true)).await.unwrap_err();
    assert_eq!(copied.code(), Code::CapabilityMissing);
    assert!(copied.message().contains("does not seal disks yet"), "{copied}");
    let id = templates.create(&admin(), of(vm, false)).await.unwrap().template.id;
    let (_, version) = templates.version(id, 1).await.unwrap();
    let made_from = version.made_from.unwrap();
    assert_eq!((made_from.vm, made_from.name.as_str()), (vm, "web"));
    let told: Vec<_> = made_from.left_out.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(told, ["not_copied", "not_copied"]);
    templates.turn(&admin(), (id, 1), Transition::Activate).await.unwrap();
    let deployed = templates.deploy(&admin(), None, id, &asked("web-{n}", 2, json!({}))).await;
    all_end_well(&lab, &deployed.unwrap()).await;
    assert_eq!(vms(&lab), ["web", "web-1", "web-2"]);

    foreign(&lab.world, "theirs");
    lab.until("it is seen", || vms(&lab).contains(&"theirs".to_owned())).await;
    let listed = lab.engine.vms().list(&ListRequest::first(9));
    let theirs = listed.items.iter().find(|vm| vm.name == "theirs").unwrap().id;
    let error = templates.create(&admin(), of(theirs, false)).await.unwrap_err();
    assert_eq!(error.code(), Code::VmNotManaged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c19_templates_are_changed_by_who_read_them_and_only_by_who_may() {
    let lab = Lab::new().await;
    let id = made(&lab, "web", content()).await;
    let templates = lab.engine.templates();
    let change = TemplateChange {
        name: Some("www".into()),
        description: Some("servers".into()),
        labels: BTreeMap::from([("team".into(), Some("shop".into()))]),
    };
    let changed = templates.update(&admin(), id, 1, change.clone()).await.unwrap();
    assert_eq!((changed.template.name.as_str(), changed.template.generation), ("www", 2));
    let late = templates.update(&admin(), id, 1, change.clone()).await.unwrap_err();
    assert_eq!(late.code(), Code::PreconditionFailed);
    let reader = Actor { name: "token:x".into(), role: Role::Reader };
    for error in [
        templates.update(&reader, id, 2, change).await.unwrap_err(),
        templates.delete(&reader, id).await.unwrap_err(),
        templates.turn(&reader, (id, 1), Transition::Activate).await.unwrap_err(),
        templates.deploy(&reader, None, id, &good("x", 1)).await.unwrap_err(),
        templates.preview(&reader, id, &good("x", 1)).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::PermissionDenied);
    }
    assert_eq!(templates.list().await.unwrap().len(), 1);
}

fn requiring(features: &[&str], hardware: &[&str]) -> Content {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Content {
        spec: json!({"memory": {"bytes": 64 << 20}}),
        required_features: owned(features),
        required_hardware: owned(hardware),
        ..Content::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e16_a_cluster_passes_where_it_has_all_the_features_and_all_the_hardware() {
    let tuning = Tuning { pace: soon(), ..Tuning::default() };
    let lab = Lab::tuned(World::small(1), None, tuning).await;
    let told = healthy();
    let capabilities = told.capabilities.clone().unwrap();
    let on = capabilities.features.iter().find(|it| it.is_on == Some(true)).unwrap().name.clone();
    let off = capabilities.features.iter().find(|it| it.is_on != Some(true)).unwrap().name.clone();
    let (able, poor) = (cluster(2, told), cluster(3, Report { capabilities: None, ..healthy() }));
    let a = add(&lab, "able", 2, &able).await;
    let b = add(&lab, "poor", 3, &poor).await;
    is(&lab, a, hostler_core::cluster::Health::Healthy).await;
    is(&lab, b, hostler_core::cluster::Health::Healthy).await;
    lab.engine.providers().first_look(crate::world::PATIENCE).await;

    let passing = |wanted: &Wanted| {
        let listed = lab.engine.clusters().list(&ListRequest::first(9), wanted, true);
        listed.items.iter().map(|it| it.provider.row.name.clone()).collect::<Vec<_>>()
    };
    let templates = lab.engine.templates();
    for (name, features, hardware, expected) in [
        ("both", vec![on.as_str()], vec!["kvm"], vec!["able"]),
        ("no-feature", vec![on.as_str(), off.as_str()], vec!["kvm"], vec![]),
        ("no-hardware", vec![on.as_str()], vec!["kvm", "fpga"], vec![]),
        ("nothing", vec![], vec![], vec!["able", "poor"]),
    ] {
        let id = active(&lab, name, requiring(&features, &hardware)).await;
        let wanted = templates.wanted(id, None).await.unwrap();
        assert_eq!(passing(&wanted), expected, "{name}");
        if expected.is_empty() {
            let error = refused(&lab, id, &asked("x", 1, json!({}))).await;
            assert_eq!(error.code(), Code::TemplateIncompatible, "{name}: {error}");
        }
    }
    // What an administrator declares counts.
    let said = BTreeMap::from([("fpga".to_owned(), Some(true))]);
    lab.engine.clusters().declare(&admin(), a, said).await.unwrap();
    let id = templates.list().await.unwrap();
    let id = id.iter().find(|it| it.template.name == "no-hardware").unwrap().template.id;
    assert_eq!(passing(&templates.wanted(id, Some(1)).await.unwrap()), ["able"]);
    // It goes there unasked, and nowhere else when asked.
    let deployed = templates.deploy(&admin(), None, id, &asked("x", 1, json!({}))).await.unwrap();
    let Ok(DeployedAs::Operation(accepted)) = &deployed.vms[0].outcome else { panic!("taken on") };
    let ended = lab.end(accepted).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    let vm = lab.engine.vms().get(vm_of(&ended)).unwrap();
    assert_eq!(vm.provider.as_ref().unwrap().0, a);
    for elsewhere in [b, lab.provider] {
        let wish = Wish { provider: Some(elsewhere), host: None };
        let error = refused(&lab, id, &Deployment { wish, ..asked("y", 1, json!({})) }).await;
        assert_eq!(error.code(), Code::TemplateIncompatible, "{error}");
    }
}
