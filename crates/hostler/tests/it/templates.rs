//! Templates: what is sent, what is told, and the exit code.

use expect_test::expect;
use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{id, operation, run};

const AT: &str = "2026-11-21T04:00:00.000000Z";

fn head(number: u32, state: &str, default: bool) -> Value {
    json!({ "number": number, "state": state, "default": default, "created_by": "token:ci",
        "created_at": AT, "activated_at": null, "deprecated_at": null, "archived_at": null })
}

fn template() -> Value {
    json!({ "id": id(5), "name": "web", "project": "default", "description": "servers",
        "labels": {}, "state": "active", "default_version": 1,
        "versions": [head(1, "active", true), head(2, "draft", false)], "vm_count": 3,
        "generation": 1, "created_by": "token:ci", "created_at": AT, "updated_at": AT })
}

fn version(number: u32, state: &str) -> Value {
    let mut version = head(number, state, false);
    let more = json!({
        "template": { "id": id(5), "name": "web" }, "generation": 1, "cloud_init_hidden": false,
        "content": { "spec": {}, "parameters": [
            { "name": "domain", "kind": "string", "required": true, "description": "its domain" },
            { "name": "tier", "kind": "enum", "choices": ["a", "b"], "default": "a" },
        ], "required_features": ["GPU"], "required_hardware": [], "notes": "first" },
        "faults": [{ "pointer": "/spec/memory/bytes", "code": "too_small", "detail": "is missing" }],
        "made_from": { "vm": { "id": id(1), "name": "web-1" }, "left_out": [
            { "pointer": "/nics/0/mac", "code": "own", "detail": "is the VM's own" }] },
    });
    for (key, value) in more.as_object().unwrap() {
        version[key] = value.clone();
    }
    version
}

fn answering(change: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> TestServer {
    TestServer::start(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/templates") => Reply::page(vec![template()]),
        ("GET", path) if path.ends_with("/versions/1") => Reply::Json(200, version(1, "draft")),
        ("GET", path) if path.starts_with("/api/v1/vms") => crate::rig::fleet(seen),
        _ => change(seen),
    })
}

fn changed(server: &TestServer) -> Seen {
    server.seen().into_iter().find(|seen| seen.method != "GET").unwrap()
}

#[test]
fn c19_templates_are_listed_and_shown_with_their_versions() {
    let server = answering(|seen| panic!("{seen:?}"));
    let listed =
        run(&server, &["template", "list", "--columns", "name,state,default,versions,vms"]);
    expect![[r"
        NAME  STATE   DEFAULT  VERSIONS  VMS
        web   active  1        2         3
        exit 0
    "]]
    .assert_eq(&listed.all());
    let shown = run(&server, &["template", "show", "web"]).out;
    assert!(shown.contains("Versions\n") && shown.contains("draft"), "{shown}");
    let shown = run(&server, &["template", "show", "web@1"]).out;
    assert!(shown.contains("domain") && shown.contains("is missing"), "{shown}");
    let none = run(&server, &["template", "show", "wbe"]);
    assert_eq!(none.code, 4);
    assert!(none.err.contains("did you mean `web`?") || none.err.contains("web"), "{}", none.err);
}

#[test]
fn c19_a_file_is_a_versions_content_or_a_whole_template() {
    let content = "spec:\n  memory: {bytes: 1073741824}\nnotes: first\n";
    let whole = "description: of the file\nlabels: {team: shop}\nversion:\n  spec: {}\n";
    for (text, description) in [(content, ""), (whole, "of the file")] {
        let server = answering(|_| Reply::Json(201, template()));
        let file = server.directory().join("web.yaml");
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let arguments = ["template", "create", "web", "--file", file, "-l", "tier=web"];
        let ended = run(&server, &arguments);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!(ended.err.contains("to do: /spec/memory/bytes is missing"), "{}", ended.err);
        let sent = changed(&server);
        assert_eq!(sent.line(), "POST /api/v1/templates");
        assert_eq!(sent.json()["name"], "web");
        assert_eq!(sent.json()["description"], description);
        assert_eq!(sent.json()["labels"]["tier"], "web");
        assert!(sent.json()["version"]["spec"].is_object(), "{}", sent.json());
    }
    let server = answering(|seen| panic!("{seen:?}"));
    assert_eq!(run(&server, &["template", "create", "web"]).code, 2, "of what?");
}

#[test]
fn c19_a_template_from_a_vm_tells_what_is_not_in_it() {
    let server = answering(|_| Reply::Json(201, template()));
    let ended = run(&server, &["template", "from-vm", "web-1", "web"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.err.contains("note: /nics/0/mac is the VM's own"), "{}", ended.err);
    assert_eq!(changed(&server).json()["from_vm"], id(1));
}

#[test]
fn c19_versions_are_named_by_an_at_sign() {
    for (verb, word) in
        [("activate", "active"), ("deprecate", "deprecated"), ("archive", "archived")]
    {
        let server = answering(move |_| Reply::Json(200, version(2, word)));
        let ended = run(&server, &["template", verb, "web@2"]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert_eq!(ended.err, format!("version 2 of template \"web\" is {word}\n"));
        let line = format!("POST /api/v1/templates/{}/versions/2/{verb}", id(5));
        assert_eq!(changed(&server).line(), line);
    }
    let server = answering(|seen| panic!("{seen:?}"));
    let none = run(&server, &["template", "activate", "web"]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("as in web@1"), "{}", none.err);
    assert_eq!(run(&server, &["template", "activate", "web@x"]).code, 2);
}

#[test]
fn c19_a_deployment_sends_what_was_said_and_waits_for_every_vm() {
    let deployed = |_: &Seen| {
        let vm = |name: &str, number: u32| json!({ "name": name, "operation": operation("vm.create", "succeeded", number) });
        Reply::Json(
            202,
            json!({ "template": { "id": id(5), "name": "web" }, "version": 1,
                "warnings": ["version 1 is deprecated"], "vms": [vm("web-1", 1), vm("web-2", 2)] }),
        )
    };
    let server = TestServer::start(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/templates") => Reply::page(vec![template()]),
        ("GET", path) if path.starts_with("/api/v1/operations/") => {
            Reply::Json(200, operation("vm.create", "succeeded", 1))
        }
        _ => deployed(seen),
    });
    let secret = server.directory().join("secret");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let secret = format!("password={}", secret.display());
    let ended = run(
        &server,
        &[
            "template",
            "deploy",
            "web@1",
            "web-{n}",
            "-n",
            "2",
            "--set",
            "domain=a=b",
            "--set-file",
            &secret,
            "--no-start",
        ],
    );
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.err.contains("warning: version 1 is deprecated\n"), "{}", ended.err);
    assert!(ended.err.contains("VM \"web-2\" made"), "{}", ended.err);
    let sent = changed(&server);
    assert_eq!(sent.line(), format!("POST /api/v1/templates/{}/deploy", id(5)));
    let body = sent.json();
    assert_eq!(body["parameters"], json!({ "domain": "a=b", "password": "hunter2" }));
    assert_eq!(
        (&body["version"], &body["count"], &body["start"]),
        (&json!(1), &json!(2), &json!(false))
    );
}

#[test]
fn c19_who_is_refused_and_which_vm_is_not_made_end_with_a_code() {
    let server = answering(|_| Reply::problem(Code::TemplateWrongState, "version 1 is a draft"));
    let refused = run(&server, &["template", "deploy", "web", "x"]);
    assert_eq!(refused.code, 5, "{}", refused.err);
    assert!(refused.err.contains("cannot deploy template \"web\""), "{}", refused.err);
    let server = answering(|_| {
        let error = json!({ "code": "vm_exists", "detail": "somebody took the name" });
        Reply::Json(
            202,
            json!({ "template": { "id": id(5), "name": "web" }, "version": 1,
            "warnings": [], "vms": [{ "name": "x", "error": error }] }),
        )
    });
    let taken = run(&server, &["template", "deploy", "web", "x"]);
    assert_eq!(taken.code, 1, "{}", taken.err);
    assert!(taken.err.contains("VM \"x\" is not made: somebody took the name"), "{}", taken.err);
    let server = answering(|seen| panic!("{seen:?}"));
    let twice = ["template", "deploy", "web", "x", "--set", "a=1", "--set", "a=2"];
    assert_eq!(run(&server, &twice).code, 2);
}

#[test]
fn c19_a_preview_shows_specification_and_documents() {
    let server = answering(|_| {
        let vm = json!({ "spec": { "name": "x", "memory": { "bytes": 1 } }, "cloud_init": {
            "user_data": "#cloud-config\n", "meta_data": "instance-id: ID\n", "network_config": null } });
        Reply::Json(
            200,
            json!({ "template": { "id": id(5), "name": "web" }, "version": 1,
            "warnings": [], "vms": [vm] }),
        )
    });
    let shown = run(&server, &["template", "preview", "web", "x"]).out;
    for part in ["--- x\n", "--- x: user-data\n#cloud-config\n", "instance-id: ID"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn e16_clusters_are_listed_by_a_template() {
    let server = TestServer::start(|seen| match seen.path.as_str() {
        "/api/v1/templates" => Reply::page(vec![template()]),
        _ => Reply::page(vec![]),
    });
    let listed = run(&server, &["cluster", "list", "--compatible-with-template", "web@2"]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    let asked = server.seen().into_iter().find(|seen| seen.path == "/api/v1/clusters").unwrap();
    assert_eq!(asked.param("compatible_with_template"), Some(format!("{}@2", id(5)).as_str()));
}
