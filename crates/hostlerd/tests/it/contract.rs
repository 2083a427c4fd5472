//! One golden exchange for every endpoint: what is asked, what is answered.
//! `UPDATE_EXPECT=1` rewrites them; a change of one is a change of the API.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use hostler_api::v1;
use hostler_core::alert::notice::{Notice, Undelivered};
use hostler_core::alert::route::check;
use hostler_engine::{AlertReceiver, AlertingConfig, Deliver, RuleSource, check_rules};
use hostler_provider::Kind;
use hostler_sim::{HostSetup, NetworkSetup, Verb, When};
use hostlerd::config::ConfiguredAgent;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::fixture::Fixture;
use crate::sockets::{self, next};

/// Fields whose values are secrets, random or measured.
const VARYING: &[&str] = &[
    "ticket",
    "secret",
    "request_id",
    "inventory_seconds",
    "cursor",
    "next_cursor",
    "version",
    "seq",
    "took_seconds",
    "age_seconds",
];

/// Exchanges by the endpoint's id.
struct Story {
    fixture: Fixture,
    told: BTreeMap<&'static str, String>,
}

/// Gives what differs between runs the same name in every run.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn value(&mut self, key: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields.iter_mut() {
                    self.value(key, value);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(key, item)),
            Value::Null => {}
            _ if VARYING.contains(&key) => *value = json!(format!("<{key}>")),
            Value::String(text) => *text = self.text(text),
            Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str) -> String {
        if text.starts_with("hostler.ticket.") {
            return "hostler.ticket.<ticket>".to_owned();
        }
        let mut named = String::new();
        let mut rest = text;
        while let Some(at) = (0..rest.len()).find(|at| is_id(rest.get(*at..*at + 36))) {
            let (before, from) = rest.split_at(at);
            let (id, after) = from.split_at(36);
            named.push_str(before);
            let known = self.0.iter().position(|other| other == id).unwrap_or_else(|| {
                self.0.push(id.to_owned());
                self.0.len() - 1
            });
            let _ = write!(named, "<id-{}>", known + 1);
            rest = after;
        }
        named.push_str(rest);
        // Names of volumes end with the last part of their VM's id.
        for (n, id) in self.0.iter().enumerate() {
            named = named.replace(&id[24..], &format!("<tail-{}>", n + 1));
        }
        // So do those of disks that came later, and with them what providers call these.
        for before in ["more-", "more@"] {
            let marks = named.match_indices(before).map(|(at, _)| at + before.len());
            let marks = marks.filter_map(|at| named.get(at..at + 12).map(str::to_owned));
            let is_mark = |mark: &String| mark.bytes().all(|byte| byte.is_ascii_hexdigit());
            for mark in marks.filter(is_mark).collect::<Vec<_>>() {
                named = named.replace(&mark, "<mark>");
            }
        }
        let is_time = named.len() == 27 && named.ends_with('Z') && named.as_bytes()[10] == b'T';
        if is_time { "<time>".to_owned() } else { named }
    }
}

fn is_id(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.parse::<hostler_core::id::VmId>().is_ok())
}

impl Story {
    fn client(&self) -> Client {
        self.fixture.local().header("prefer", "wait=30")
    }

    async fn tell(&mut self, id: &'static str, path: &str, body: Option<Value>) -> Value {
        let endpoint = v1::endpoints().into_iter().find(|one| one.id == id).unwrap();
        let kind = match endpoint.body {
            hostler_api::BodyKind::MergePatch => "application/merge-patch+json",
            hostler_api::BodyKind::Text => "text/plain",
            _ => "application/json",
        };
        let sent = body.as_ref().map(|body| match (kind, body) {
            ("text/plain", Value::String(text)) => (kind, text.clone().into()),
            (kind, body) => (kind, body.to_string().into()),
        });
        // Ids of one moment are in no order; those of this story are in its own.
        self.fixture.clock.advance(std::time::Duration::from_millis(1));
        let client = match id {
            "vm_update" | "template_update" | "template_version_write" => {
                self.client().header("if-match", "\"1\"")
            }
            "vm_change" => self.client().header("if-match", "\"2\""),
            _ => self.client(),
        };
        let answer = client.send(endpoint.method.as_str(), path, sent).await;
        assert_eq!(answer.status, endpoint.status.as_u16(), "{id} {}", answer.text());
        self.record(id, endpoint.method.as_str(), path, body, &answer);
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    fn record(
        &mut self,
        id: &'static str,
        method: &str,
        path: &str,
        body: Option<Value>,
        answer: &Answer,
    ) {
        let mut names = Names::default();
        let mut text = format!("{method} {}\n", names.text(path));
        let show = |names: &mut Names, text: &mut String, mut value: Value| {
            names.value("", &mut value);
            let _ = writeln!(text, "{}", serde_json::to_string_pretty(&value).unwrap());
        };
        if let Some(body) = body {
            show(&mut names, &mut text, body);
        }
        let _ = writeln!(text, "\n{}", answer.status);
        for name in ["content-type", "etag", "preference-applied"] {
            if !answer.header(name).is_empty() {
                let _ = writeln!(text, "{name}: {}", answer.header(name));
            }
        }
        if !answer.header("location").is_empty() {
            let location = names.text(&answer.header("location"));
            let _ = writeln!(text, "location: {location}");
        }
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(value) => show(&mut names, &mut text, value),
            Err(_) => {
                let _ = writeln!(text, "{}", answer.text());
            }
        }
        self.told.insert(id, text);
    }
}

fn id(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_endpoint_answers_as_it_did() {
    let fixture = Fixture::remembering().await;
    let mut story = Story { fixture, told: BTreeMap::new() };
    people(&mut story).await;
    // First, while nothing has changed since the inventory: how soon a change shows varies.
    infrastructure(&mut story).await;
    let image = images(&mut story).await;
    let vm = vms(&mut story).await;
    streams(&mut story, &vm).await;
    operations(&mut story, &vm).await;
    alerts(&mut story).await;
    story.tell("image_delete", &format!("/api/v1/images/{image}"), None).await;
    adoptions(&mut story).await;
    clusters(&mut story).await;
    templates(&mut story).await;
    migrations(&mut story).await;

    let described: BTreeSet<_> = v1::endpoints().iter().map(|endpoint| endpoint.id).collect();
    let told: BTreeSet<_> = story.told.keys().copied().collect();
    assert_eq!(told, described, "every endpoint is exercised");
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden");
    for (id, text) in &story.told {
        let path = std::path::PathBuf::from(format!("{directory}/{id}.txt"));
        expect_test::expect_file![path].assert_eq(text);
    }
}

/// Last, since it takes a second host, which nothing else shows.
async fn migrations(story: &mut Story) {
    let vm = story.fixture.make_vm("mover").await;
    story.fixture.world.add_host(HostSetup::new("h2"));
    story.fixture.world.add_network(NetworkSetup::new("h2", "default"));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let host = loop {
        let page = story.client().get("/api/v1/hosts?filter=name=h2").await.json();
        match page["items"][0]["id"].as_str() {
            Some(host) => break host.to_owned(),
            None => assert!(tokio::time::Instant::now() < deadline, "h2 is seen"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let path = format!("/api/v1/vms/{vm}");
    story.tell("vm_destinations", &format!("{path}/destinations"), None).await;
    let body = Some(json!({ "host": host }));
    let moved = story.tell("vm_migrate", &format!("{path}/migrate"), body).await;
    assert_eq!(moved["state"], "succeeded", "{moved:#}");
    story.tell("migration_list", &format!("/api/v1/migrations?filter=vm={vm}"), None).await;
}

async fn people(story: &mut Story) {
    story.tell("server_show", "/api/v1", None).await;
    let link = story.fixture.server.login_link().await.unwrap();
    let (_, code) = link.split_once('#').unwrap();
    let answer = story.fixture.client().post("/api/v1/session", &json!({ "code": code })).await;
    assert_eq!(answer.status, 200);
    let shown = json!({ "code": "CODE" });
    story.record("session_open", "POST", "/api/v1/session", Some(shown), &answer);
    story.tell("session_show", "/api/v1/session", None).await;
    story.tell("session_close", "/api/v1/session", None).await;
    let body = json!({ "name": "ci", "role": "reader", "expires_in_seconds": 3600 });
    let token = story.tell("token_create", "/api/v1/tokens", Some(body)).await;
    story.tell("token_list", "/api/v1/tokens", None).await;
    let path = format!("/api/v1/tokens/{}", id(&token["token"]["id"]));
    story.tell("token_delete", &path, None).await;
}

async fn clusters(story: &mut Story) {
    let kubeconfig = crate::clusters::KUBECONFIG;
    let body = json!({ "kubeconfig": kubeconfig });
    story.tell("cluster_test", "/api/v1/clusters/test", Some(body)).await;
    let body = json!({ "name": "eu", "kubeconfig": kubeconfig, "namespaces": ["a"] });
    let made = story.tell("cluster_create", "/api/v1/clusters", Some(body)).await;
    let path = format!("/api/v1/clusters/{}", id(&made["id"]));
    crate::clusters::seen(&story.fixture, &path).await;
    let body = json!({ "kubeconfig": kubeconfig, "context": "other" });
    story.tell("cluster_rotate", &format!("{path}/kubeconfig"), Some(body)).await;
    let body = json!({ "hardware": { "fpga": true } });
    story.tell("cluster_declare", &format!("{path}/hardware"), Some(body)).await;
    story.tell("cluster_show", &path, None).await;
    let query = "?features=GPU,Sidecar&hardware=fpga&fields=name,health,fits,lacks";
    story.tell("cluster_list", &format!("/api/v1/clusters{query}"), None).await;
    story.tell("cluster_delete", &path, None).await;
}

async fn templates(story: &mut Story) {
    let user_data = "#cloud-config\nfqdn: ${vm.name}.${domain}\npassword: \"${password}\"\n";
    let content = json!({
        "spec": {
            "memory": { "bytes": "${memory}" },
            "description": "of ${domain}",
            "cloud_init": { "user_data": user_data },
        },
        "parameters": [
            { "name": "domain", "kind": "string", "required": true, "pattern": "[a-z.]+" },
            { "name": "memory", "kind": "size", "default": "64MiB" },
            { "name": "password", "kind": "secret", "min": 4 },
        ],
        "required_features": [],
        "notes": "first",
    });
    let body = json!({ "name": "web", "labels": { "team": "shop" }, "version": content });
    let made = story.tell("template_create", "/api/v1/templates", Some(body)).await;
    let path = format!("/api/v1/templates/{}", id(&made["id"]));
    let first = format!("{path}/versions/1");
    story.tell("template_version_write", &first, Some(content)).await;
    story.tell("template_version_activate", &format!("{first}/activate"), None).await;
    let patch = json!({ "description": "web servers", "labels": { "team": null } });
    story.tell("template_update", &path, Some(patch)).await;
    let from = json!({ "from_version": 1 });
    story.tell("template_version_create", &format!("{path}/versions"), Some(from)).await;
    story.tell("template_version_show", &first, None).await;
    story.tell("template_version_list", &format!("{path}/versions"), None).await;
    story.tell("template_show", &path, None).await;
    story.tell("template_list", "/api/v1/templates", None).await;
    let asked = json!({ "name": "t-{n:02}", "count": 2,
        "parameters": { "domain": "example.org", "password": "hunter2" } });
    for (of, at) in [("template", &path), ("template_version", &first)] {
        let id = if of == "template" { "template_preview" } else { "template_version_preview" };
        let told = story.tell(id, &format!("{at}/preview"), Some(asked.clone())).await;
        assert!(!told.to_string().contains("hunter2"), "{told:#}");
    }
    let done = story.tell("template_deploy", &format!("{path}/deploy"), Some(asked)).await;
    for vm in done["vms"].as_array().unwrap() {
        assert_eq!(vm["operation"]["state"], "succeeded", "{done:#}");
    }
    let plan = json!({ "name": "x", "dry_run": true, "parameters": { "domain": "a" } });
    let deploy = format!("{first}/deploy");
    story.tell("template_version_deploy", &deploy, Some(plan)).await;
    story.tell("template_version_deprecate", &format!("{first}/deprecate"), None).await;
    story.tell("template_version_archive", &format!("{first}/archive"), None).await;
    story.tell("template_delete", &path, None).await;
}

async fn images(story: &mut Story) -> String {
    let path = "/api/v1/images?name=tiny&format=raw&description=nothing%20but%20zeros";
    let body = Some(("application/octet-stream", vec![0_u8; 4096].into()));
    let answer = story.client().send("POST", path, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    story.record("image_import", "POST", path, None, &answer);
    let image = id(&answer.json()["id"]);
    story.tell("image_list", "/api/v1/images", None).await;
    story.tell("image_show", &format!("/api/v1/images/{image}"), None).await;
    image
}

async fn vms(story: &mut Story) -> String {
    let body = json!({
        "spec": {
            "name": "web",
            "memory": { "bytes": 268_435_456 },
            "graphics": "vnc",
            "labels": { "tier": "web" },
            "disks": [
                { "name": "root", "source": { "image": { "image": "tiny", "pool": "default", "format": "raw" } } },
            ],
        },
    });
    story.tell("vm_plan", "/api/v1/vms/plan", Some(body.clone())).await;
    let made = story.tell("vm_create", "/api/v1/vms", Some(body)).await;
    assert_eq!(made["state"], "succeeded", "{made:#}");
    let vm = id(&made["resources"][0]["id"]);
    let path = format!("/api/v1/vms/{vm}");
    story.tell("vm_list", "/api/v1/vms", None).await;
    story.tell("vm_show", &path, None).await;
    let patch = json!({ "description": "in front", "labels": { "tier": null, "env": "test" } });
    let told = story.tell("vm_update", &path, Some(patch)).await;
    change(story, &path, &told["spec"]).await;
    story.tell("vm_definition", &format!("{path}/definition"), None).await;
    story.tell("vm_metrics", &format!("{path}/metrics"), None).await;
    let pushed = json!({ "samples": [
        { "name": "backup_age_seconds", "value": 12.5, "vm": "web", "labels": { "job": "nightly" } },
        { "name": "room_celsius", "kind": "gauge", "value": -3.5, "time": "2020-01-01T00:00:00Z" },
    ] });
    let old = story.client().post("/api/v1/metrics/custom", &pushed).await;
    assert_eq!((old.status, old.code().as_str()), (400, "spec_invalid"), "{}", old.text());
    let mut pushed = pushed;
    pushed["samples"][1].as_object_mut().unwrap().remove("time");
    story.tell("custom_metric_push", "/api/v1/metrics/custom", Some(pushed)).await;
    let text = "# TYPE jobs_total counter\njobs_total{queue=\"mail\"} 7\n";
    let of_host = "/api/v1/metrics/custom/text?host=h1";
    story.tell("custom_metric_push_text", of_host, Some(json!(text))).await;
    story.tell("custom_metric_list", "/api/v1/metrics/custom", None).await;
    story.tell("vm_outlook", &format!("{path}/outlook"), None).await;
    for (id, verb) in [
        ("vm_pause", "pause"),
        ("vm_resume", "resume"),
        ("vm_reboot", "reboot"),
        ("vm_reset", "reset"),
        ("vm_save", "save"),
        ("vm_start", "start"),
    ] {
        let done = story.tell(id, &format!("{path}/{verb}"), None).await;
        assert_eq!(done["state"], "succeeded", "{done:#}");
    }
    vm
}

async fn streams(story: &mut Story, vm: &str) {
    let path = format!("/api/v1/vms/{vm}/consoles");
    let ticket = story.tell("console_open", &path, Some(json!({ "kind": "serial" }))).await;
    let local = story.fixture.local();
    let protocols = format!("hostler.console.v1, hostler.ticket.{}", id(&ticket["ticket"]));
    let mut socket = sockets::open(&local, "/api/v1/consoles", &protocols).await.unwrap();
    assert!(next(&mut socket).await.unwrap().is_binary());
    let text = "GET /api/v1/consoles\n\n101\nbinary messages\n".to_owned();
    story.told.insert("console_connect", text);

    let path = "/api/v1/events/socket?since=0";
    let mut socket = sockets::open(&local, path, "hostler.events.v1").await.unwrap();
    let mut event: Value =
        serde_json::from_str(next(&mut socket).await.unwrap().to_text().unwrap()).unwrap();
    Names::default().value("", &mut event);
    let event = serde_json::to_string_pretty(&event).unwrap();
    story.told.insert("event_socket", format!("GET {path}\n\n101\n{event}\n"));

    let response = local.stream("GET", "/api/v1/events?since=0", None).await;
    assert_eq!(response.status(), 200);
    let frame = http_body_util::BodyExt::frame(&mut response.into_body()).await.unwrap().unwrap();
    let greeting = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
    let text = format!("GET /api/v1/events?since=0\n\n200\n{greeting}");
    story.told.insert("event_stream", text);
    // What is live says first what comes.
    let path = "/api/v1/live/socket?topics=vm:metrics,alerts";
    let mut socket = sockets::open(&local, path, "hostler.live.v1").await.unwrap();
    let told = next(&mut socket).await.unwrap();
    let mut told: Value = serde_json::from_str(told.to_text().unwrap()).unwrap();
    Names::default().value("", &mut told);
    let told = serde_json::to_string_pretty(&told).unwrap();
    story.told.insert("live_socket", format!("GET {path}\n\n101\n{told}\n"));
    let path = "/api/v1/live?topics=alerts";
    let response = local.stream("GET", path, None).await;
    let frame = http_body_util::BodyExt::frame(&mut response.into_body()).await.unwrap().unwrap();
    let greeting = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
    story.told.insert("live_stream", format!("GET {path}\n\n200\n{greeting}"));

    let list = "/api/v1/events/history?filter=kind=operation.changed&limit=1";
    story.tell("event_list", list, None).await;
}

/// A change of what a VM is: of something of others, too.
async fn change(story: &mut Story, path: &str, spec: &Value) {
    let vm = story.fixture.world.vm_named("web").unwrap().vm;
    story.fixture.world.edit_vm(&vm, "kubectl-edit", |spec| spec.memory.bytes = 1 << 30);
    let mut spec = spec.clone();
    spec["cpu"]["count"] = json!(2);
    let body = json!({ "spec": spec });
    let path = format!("{path}/spec");
    let plan = story.tell("vm_change_plan", &format!("{path}/plan"), Some(body.clone())).await;
    let client = story.client().header("if-match", "\"2\"");
    let refused =
        client.send("PUT", &path, Some(("application/json", body.to_string().into()))).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "vm_fields_managed"));
    let told: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(told["errors"][0]["pointer"], "/memory/bytes");
    assert_eq!(told["errors"][0]["detail"], "kubectl-edit");
    let mut body = body;
    body["take_over"] = plan["managed_by_others"].clone();
    let done = story.tell("vm_change", &path, Some(body)).await;
    assert_eq!(done["state"], "succeeded", "{done:#}");
}

async fn snapshots(story: &mut Story, vm: &str) {
    let path = format!("/api/v1/vms/{vm}/snapshots");
    let body = json!({ "name": "before-upgrade", "description": "as it was", "quiesce": "wanted" });
    let taken = story.tell("snapshot_create", &path, Some(body)).await;
    assert_eq!(taken["state"], "succeeded", "{taken:#}");
    story.tell("snapshot_list", &path, None).await;
    let one = format!("{path}/before-upgrade");
    let back = story.tell("snapshot_revert", &format!("{one}/revert"), None).await;
    assert_eq!(back["state"], "succeeded", "{back:#}");
    story.tell("snapshot_delete", &one, None).await;
}

async fn clones(story: &mut Story, vm: &str) {
    let path = format!("/api/v1/vms/{vm}/clone");
    let made = story.tell("vm_clone", &path, Some(json!({ "name": "copy" }))).await;
    assert_eq!(made["state"], "succeeded", "{made:#}");
    // What is listed later does not have it, nor its disks.
    let copy = format!("/api/v1/vms/{}?disks=true", id(&made["resources"][0]["id"]));
    let gone = story.client().delete(&copy).await.json();
    assert_eq!(gone["state"], "succeeded", "{gone:#}");
}

async fn disks(story: &mut Story, vm: &str) {
    let path = format!("/api/v1/vms/{vm}/disks");
    let body = json!({ "name": "more", "source": { "empty": { "size_bytes": 1 << 30 } } });
    story.tell("disk_plan", &format!("/api/v1/vms/{vm}/disk-plan"), Some(body.clone())).await;
    let attached = story.tell("disk_attach", &path, Some(body)).await;
    assert_eq!(attached["state"], "succeeded", "{attached:#}");
    story.tell("disk_list", &path, None).await;
    let larger = json!({ "capacity_bytes": 2_u64 << 30 });
    let grown = story.tell("disk_grow", &format!("{path}/more/grow"), Some(larger)).await;
    assert_eq!(grown["state"], "succeeded", "{grown:#}");
    let detached =
        story.tell("disk_detach", &format!("{path}/more?delete_volume=true"), None).await;
    assert_eq!(detached["state"], "succeeded", "{detached:#}");
}

async fn operations(story: &mut Story, vm: &str) {
    let path = format!("/api/v1/vms/{vm}");
    let stopped =
        story.tell("vm_stop", &format!("{path}/stop"), Some(json!({ "mode": "force" }))).await;
    assert_eq!(stopped["state"], "succeeded", "{stopped:#}");
    story.tell("operation_list", "/api/v1/operations?limit=1", None).await;
    let operation = format!("/api/v1/operations/{}", id(&stopped["id"]));
    story.tell("operation_show", &operation, None).await;
    let faults = story.fixture.world.faults().clone();
    // One that takes long enough to be cancelled.
    faults.set_verb_latency(Verb::EnsureVm, Duration::from_secs(60));
    let before = faults.calls().len();
    let slow = begin(story, "slow", None).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !faults.calls().iter().skip(before).any(|verb| *verb == Verb::EnsureVm) {
        assert!(tokio::time::Instant::now() < deadline, "the VM is being made");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    story.tell("operation_cancel", &format!("{slow}/cancel"), None).await;
    faults.reset();
    // Two that can neither go on nor be undone, until somebody looks.
    for (id, verb, body) in [
        ("operation_retry", "retry", None),
        ("operation_resolve", "resolve", Some(json!({ "note": "removed by hand" }))),
    ] {
        faults.fail_verb(Verb::EnsureVm, 1, When::Before, Kind::Denied);
        faults.fail_verb(Verb::RemoveVolume, 1, When::Before, Kind::Denied);
        let stuck = begin(story, verb, Some("needs_attention")).await;
        story.tell(id, &format!("{stuck}/{verb}"), body).await;
        faults.reset();
    }
    snapshots(story, vm).await;
    clones(story, vm).await;
    disks(story, vm).await;
    story.tell("vm_deletion_show", &format!("{path}/deletion?disks=true"), None).await;
    let gone = story.tell("vm_delete", &format!("{path}?disks=true"), None).await;
    assert_eq!(gone["state"], "succeeded", "{gone:#}");
}

/// Begins to make a VM; gives the address of the operation, when it is in `state`.
async fn begin(story: &Story, name: &str, state: Option<&str>) -> String {
    let empty = json!({ "size_bytes": 1 << 20 });
    let disks = json!([{ "name": "root", "source": { "empty": empty } }]);
    let spec = json!({ "name": name, "memory": { "bytes": 268_435_456 }, "disks": disks });
    let client = if state.is_some() { story.client() } else { story.fixture.local() };
    let operation = client.post("/api/v1/vms", &json!({ "spec": spec })).await.json();
    if let Some(state) = state {
        assert_eq!(operation["state"], state, "{operation:#}");
    }
    format!("/api/v1/operations/{}", id(&operation["id"]))
}

/// One alert that fires, since nothing is as certain as one.
async fn alerts(story: &mut Story) {
    let file = json!({ "groups": [{ "name": "certain", "interval": "1h", "rules": [
        { "alert": "One", "expr": "vector(1)", "labels": { "severity": "warning" },
          "annotations": { "summary": "it is {{ $value }}", "runbook_url": "https://x/One" } },
        { "record": "one:always", "expr": "vector(1)" },
    ] }] });
    let groups = check_rules(&serde_json::from_value(file).unwrap()).unwrap();
    let root = json!({ "receiver": "ops", "group_wait": "1h" });
    let names = ["ops".to_owned()].into();
    let routes = check(&serde_json::from_value(root).unwrap(), &names).unwrap();
    let ops = AlertReceiver { kind: "webhook", delivery: Arc::new(Nobody) };
    let alerts = story.fixture.server.app().engine.clone();
    let config = AlertingConfig {
        rules: vec![RuleSource { name: "rules.yaml".into(), groups }],
        routes: Some(routes),
        receivers: [("ops".to_owned(), ops)].into(),
        ..AlertingConfig::default()
    };
    alerts.alerts().configure(config).await.unwrap();
    alerts.alerts().evaluate_now().await;
    let list = story.tell("alert_list", "/api/v1/alerts", None).await;
    let alert = format!("/api/v1/alerts/{}", id(&list["items"][0]["id"]));
    let body = json!({ "comment": "on it" });
    story.tell("alert_acknowledge", &format!("{alert}/acknowledge"), Some(body)).await;
    let body = json!({ "matchers": ["severity=~\"warn.*\""], "duration_seconds": 3600,
        "comment": "a new disk" });
    let made = story.tell("silence_create", "/api/v1/silences", Some(body)).await;
    story.tell("alert_show", &alert, None).await;
    let silence = format!("/api/v1/silences/{}", id(&made["id"]));
    story.tell("silence_show", &silence, None).await;
    story.tell("silence_expire", &silence, None).await;
    story.tell("silence_list", "/api/v1/silences", None).await;
    story.tell("alert_unacknowledge", &format!("{alert}/unacknowledge"), None).await;
    story.tell("alert_history", "/api/v1/alerts/history?limit=2", None).await;
    story.tell("alert_rule_list", "/api/v1/alert-rules", None).await;
    story.tell("alert_receiver_list", "/api/v1/alert-receivers", None).await;
}

/// A VM that somebody else made, adopted and let go.
async fn adoptions(story: &mut Story) {
    let spec = hostler_core::vm::VmSpec::new("theirs", 64 << 20);
    story.fixture.world.add_vm("h1", spec, None, Vec::new());
    let list = "/api/v1/admin/pending-adoptions";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while story.fixture.local().get(list).await.json()["items"][0]["vm"].is_null() {
        assert!(tokio::time::Instant::now() < deadline, "it is never seen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let found = story.tell("adoption_list", list, None).await;
    let vm = id(&found["items"][0]["vm"]["id"]);
    let pending = format!("{list}/{vm}");
    story.tell("adoption_show", &pending, None).await;
    let reason = json!({ "reason": "the network team's" });
    story.tell("adoption_ignore", &format!("{pending}/ignore"), Some(reason)).await;
    story.tell("adoption_offer", &format!("{pending}/offer"), None).await;
    let body = json!({ "name": "ours", "read_only": true, "reason": "moved" });
    story.tell("adoption_plan", &format!("{pending}/plan"), Some(body.clone())).await;
    story.tell("adoption_adopt", &format!("{pending}/adopt"), Some(body)).await;
    story.tell("vm_release", &format!("/api/v1/vms/{vm}/release"), None).await;
    let many = json!({ "action": "adopt", "vms": [vm, "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e"] });
    story.tell("adoption_decide", list, Some(many)).await;
}

/// A receiver that is told nothing in this story.
struct Nobody;

#[async_trait::async_trait]
impl Deliver for Nobody {
    async fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        panic!("{notice:?}")
    }
}

async fn infrastructure(story: &mut Story) {
    let hosts = story.tell("host_list", "/api/v1/hosts", None).await;
    let host = format!("/api/v1/hosts/{}", id(&hosts["items"][0]["id"]));
    story.tell("host_show", &host, None).await;
    story.tell("host_metrics", &format!("{host}/metrics"), None).await;
    story.tell("host_outlook", &format!("{host}/outlook?horizon_seconds=86400"), None).await;
    let at = "/api/v1/metrics/query?query=1%2B1&at=2026-11-21T04:00:00Z";
    story.tell("metrics_query", at, None).await;
    let agent = ConfiguredAgent {
        name: "h1".into(),
        url: "https://h1.example.org:9177".into(),
        ca_file: None,
        token_file: None,
        interval_seconds: 5,
        host: None,
    };
    // It is not asked: this server measures nothing.
    story.fixture.ask_agents(&[agent]).await;
    story.tell("agent_list", "/api/v1/agents", None).await;
    story.tell("output_list", "/api/v1/outputs", None).await;
    story.tell("agent_metrics", "/api/v1/agents/h1/metrics", None).await;
    let networks = story.tell("network_list", "/api/v1/networks", None).await;
    let network = id(&networks["items"][0]["id"]);
    story.tell("network_show", &format!("/api/v1/networks/{network}"), None).await;
    story.tell("instance_type_list", "/api/v1/instance-types?limit=1", None).await;
    story.tell("preference_list", "/api/v1/preferences?filter=firmware=uefi", None).await;
    let pools = story.tell("pool_list", "/api/v1/pools", None).await;
    let pool = format!("/api/v1/pools/{}", id(&pools["items"][0]["id"]));
    story.tell("pool_show", &pool, None).await;
    story.tell("pool_outlook", &format!("{pool}/outlook"), None).await;
    let body = json!({ "name": "data", "capacity_bytes": 1_048_576, "format": "raw" });
    story.tell("volume_plan", &format!("{pool}/volume-plan"), Some(body.clone())).await;
    story.tell("volume_create", &format!("{pool}/volumes"), Some(body)).await;
    story.tell("volume_list", &format!("{pool}/volumes"), None).await;
    story.tell("volume_delete", &format!("{pool}/volumes/data"), None).await;
    let providers = story.tell("provider_list", "/api/v1/providers", None).await;
    let provider = id(&providers["items"][0]["id"]);
    story.tell("provider_show", &format!("/api/v1/providers/{provider}"), None).await;
    let body = json!({ "name": "far", "uri": "test+unix:///default?socket=/nonexistent/socket" });
    let added = story.tell("provider_create", "/api/v1/providers", Some(body)).await;
    let path = format!("/api/v1/providers/{}", id(&added["id"]));
    story.tell("provider_delete", &path, None).await;
}
