//! Results in the caller's own words, the meaning of fields, manual pages.

use expect_test::{expect, expect_file};
use hostler_client::testing::{Reply, TestServer};
use hostler_core::Code;
use serde_json::json;

use crate::rig::{fleet, fleet_and, id, operation, program, run};

#[test]
fn a_template_words_a_line_for_each() {
    let server = TestServer::start(fleet);
    let shown = |template: &str, arguments: &[&str]| {
        let output = format!("template={template}");
        run(&server, &[arguments, &["-o", &output]].concat()).all()
    };
    expect![[r#"
        web-1 is running at h1 with 2 GiB
        web-2 is stopped at h1 with 2 GiB
        exit 0
    "#]]
    .assert_eq(&shown(
        "{{ name }} is {{ status.state }} at {{ host.name }} with {{ memory_bytes | size }}",
        &["ls", "web-*"],
    ));
    expect![[r#"
        web-1 q35
        exit 0
    "#]]
    .assert_eq(&shown("{{ name }} {{ observed.machine.value }}", &["vm", "show", "web-1"]));
    expect![[r#"
        error: there is no field `status.stat` (template, line 1, column 15)
        hint: did you mean state?
        exit 2
    "#]]
    .assert_eq(&shown("{{ name }} {{ status.stat }}", &["ls", "web-*"]));
    expect![[r#"
        error: unexpected `}`, expected end of variable block (template, line 1, column 9)
        hint: write fields as {{ name }}, for example 'template={{ name }} {{ id }}'
        exit 2
    "#]]
    .assert_eq(&shown("{{ name }", &["ls", "web-*"]));
}

#[test]
fn whatever_gives_a_document_takes_a_template() {
    let server = fleet_and(|seen| match seen.path.as_str() {
        "/api/v1/tokens" => Reply::Json(
            201,
            json!({"secret": "hst_new", "token": {
                "id": id(1), "name": "ci", "role": "reader", "created_at": "2026-11-21T04:00:00Z",
                "created_by": "x", "expires_at": null, "last_used_at": null}}),
        ),
        "/nothing" => Reply::problem(Code::EndpointNotFound, "there is nothing"),
        _ => Reply::Json(202, operation("vm.start", "succeeded", 1)),
    });
    let out = |arguments: &[&str], template: &str| {
        let ended = run(&server, &[arguments, &["-o", &format!("template={template}")]].concat());
        (ended.code, ended.out)
    };
    let kind = "{{ kind }} {{ state }}";
    assert_eq!(out(&["start", "web-1"], kind), (0, "vm.start succeeded\n".into()));
    let both = "vm.start succeeded\nvm.start succeeded\n".to_owned();
    assert_eq!(out(&["start", "web-1", "web-2"], kind), (0, both));
    let token = ["token", "create", "ci", "--role", "reader"];
    assert_eq!(out(&token, "{{ secret }}"), (0, "hst_new\n".into()));
    let request = ["api", "GET", "/api/v1/vms"];
    assert_eq!(out(&request, "{{ items | length }}"), (0, "5\n".into()));
    assert_eq!(out(&["api", "GET", "/nothing"], "{{ items }}"), (4, String::new()));
}

#[test]
fn the_environment_may_hold_a_template() {
    let server = TestServer::start(fleet);
    let mut command = program(&server, &["ls", "db"]);
    let output = command.env("HOSTLER_OUTPUT", "template={{ id }}!").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}!\n", id(3)));
}

#[test]
fn fields_are_explained_without_a_server() {
    let server = TestServer::start(|seen| panic!("{}", seen.line()));
    let mut shown = String::new();
    for path in
        ["vm.disks.bus", "vm.disks.source.empty", "vm.labels", "vm.status", "vm.disks.bsu", "vmm"]
    {
        let ended = run(&server, &["explain", path]);
        shown.push_str(&format!("$ hostler explain {path}\n{}", ended.all()));
    }
    expect_file!["golden/explain.txt"].assert_eq(&shown);
    let json = run(&server, &["explain", "vm.memory.bytes", "-o", "json"]).json();
    assert_eq!(
        (&json[0]["type"], &json[0]["required"]),
        (&json!("integer or null"), &json!(false))
    );
    let kind = run(&server, &["explain", "vm.memory.bytes", "-o", "template={{ type }}"]);
    assert_eq!(kind.code, 2, "a list of documents is one document");
}

#[test]
fn every_page_of_the_manual_is_written() {
    let server = TestServer::start(|_| Reply::Drop);
    let folder = server.directory().join("man1");
    let ended = run(&server, &["man", "--dir", &folder.display().to_string()]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    for page in ["hostler", "hostler-vm", "hostler-vm-create", "hostler-op-wait", "hostler-ls"] {
        assert!(folder.join(format!("{page}.1")).exists(), "{page}");
    }
    let count = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(ended.err, format!("{count} pages written to {}\n", folder.display()));
    let page = run(&server, &["man", "vm", "show"]);
    assert_eq!(page.out, std::fs::read_to_string(folder.join("hostler-vm-show.1")).unwrap());
    let steady = page.out.replace(concat!("hostler ", env!("CARGO_PKG_VERSION")), "hostler 0.0.0");
    expect_file!["golden/hostler-vm-show.1"].assert_eq(&steady);
    assert_eq!(run(&server, &["man", "vm", "nothing"]).code, 2);
}
