//! What goes wrong between the program and the server.

use std::os::unix::fs::PermissionsExt;

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use hostler_core::{Code, error::Fault};
use serde_json::json;

use crate::rig::{fleet, program, run};

#[test]
fn a_refusal_has_the_exit_code_of_its_kind() {
    let cases = [
        (Code::QueryInvalid, 2),
        (Code::CredentialsInvalid, 3),
        (Code::PermissionDenied, 3),
        (Code::EndpointNotFound, 4),
        (Code::EventsExpired, 5),
        (Code::CapabilityMissing, 6),
        (Code::RateLimited, 7),
        (Code::StoreUnavailable, 8),
        (Code::InternalError, 70),
    ];
    for (code, exit) in cases {
        let server = TestServer::start(move |_| Reply::problem(code, "no"));
        let ended = run(&server, &["vm", "list"]);
        assert_eq!(ended.code, exit, "{code}: {}", ended.err);
        assert_eq!(ended.out, "");
        let first = format!("error: no [{code}] (request 0192d0c4-0000-7000-8000-000000000001)\n");
        assert!(ended.err.starts_with(&first), "{}", ended.err);
    }
}

#[test]
fn all_faults_of_a_document_are_listed() {
    let server = TestServer::start(|_| {
        let faults = vec![
            Fault::new("filter", "malformed", "is wrong"),
            Fault::new("sort", "unknown", "is too"),
        ];
        let error = hostler_core::Error::faults(Code::QueryInvalid, faults);
        let problem = hostler_api::Problem::new(&error, 400);
        Reply::Json(400, serde_json::to_value(problem).unwrap())
    });
    expect![[r#"
        error: filter is wrong (and 1 more) [query_invalid]
          filter: is wrong
          sort: is too
        exit 2
    "#]]
    .assert_eq(&run(&server, &["vm", "list"]).all());
}

#[test]
fn a_server_that_is_not_there_is_named_with_a_remedy() {
    let server = TestServer::start(|_| Reply::Drop);
    let ended = run(&server, &["--socket", "/nonexistent/hostlerd.sock", "ls"]);
    expect![[r#"
        error: cannot reach the server at unix:/nonexistent/hostlerd.sock: no such file or directory [server_unreachable]
        hint: is hostlerd running? start it with `systemctl start hostlerd`, or name another server by its URL
        exit 8
    "#]].assert_eq(&ended.all());
    let ended = run(&server, &["--url", "http://127.0.0.1:1", "ls"]);
    assert_eq!(ended.code, 8);
    assert!(ended.err.contains("http://127.0.0.1:1: connection refused"), "{}", ended.err);
}

#[test]
fn what_is_not_hostler_is_no_answer() {
    let server = TestServer::start(|_| Reply::Json(200, json!({"hello": "world"})));
    let ended = run(&server, &["ls"]);
    assert_eq!(ended.code, 70);
    assert!(ended.err.contains("[answer_malformed]"), "{}", ended.err);
}

#[test]
fn usage_errors_are_told_before_anything_is_sent() {
    let server = TestServer::start(|_| Reply::Drop);
    for arguments in [
        &["vm", "lsit"] as &[&str],
        &["vm", "create", "x", "--memory", "much"],
        &["vm", "create", "..", "--memory", "1G"],
        &["start", "x", "--timeout", "soon"],
        &["--url", "https://h1", "--socket", "/x", "ls"],
        &["--url", "http://h1", "ls"],
        &["--context", "absent", "--url", "https://h1", "ls"],
        &["vm", "list", "-o", "xml"],
        &["vm", "list", "--limit", "0"],
        &["op", "resolve", "x"],
        &["provider", "add", "x", "qemu+ssh://root:secret@h2/system"],
    ] {
        let ended = run(&server, arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.err);
        assert_eq!(ended.out, "");
    }
    assert!(server.seen().is_empty());
}

#[test]
fn destroy_means_two_things_and_does_neither() {
    let server = TestServer::start(|_| Reply::Drop);
    expect![[r#"
        error: `destroy` means different things in different programs
        hint: power off: `hostler vm stop --force web-1`; delete: `hostler vm delete web-1`
        exit 2
    "#]]
    .assert_eq(&run(&server, &["destroy", "web-1", "--graceful"]).all());
    assert_eq!(run(&server, &["undefine", "--nvram", "web-1"]).code, 2);
    assert!(server.seen().is_empty());
}

#[test]
fn a_token_comes_from_a_private_file_and_is_never_shown() {
    let server = TestServer::start(fleet);
    let file = server.directory().join("token");
    std::fs::write(&file, "hst_hunter2\n").unwrap();
    let with = |mode: u32| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = program(&server, &["ls", "--debug"]).env("HOSTLER_TOKEN_FILE", &file).output();
        let output = output.unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, err) = with(0o644);
    assert_eq!((code, err.contains("chmod 600")), (2, true), "{err}");
    assert!(server.seen().is_empty());
    let (code, err) = with(0o600);
    assert_eq!(code, 0, "{err}");
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer hst_hunter2"));
    assert!(err.contains("> authorization: ***") && err.contains("< 200"), "{err}");
    assert!(!err.contains("hunter2"), "{err}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let server = TestServer::start(fleet);
    let mut child = program(&server, &["ls", "-o", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let server = TestServer::start(fleet);
    let out = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = program(&server, arguments);
        if let Some((name, value)) = variable {
            command.env(name, value);
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(!out(&["ls"], None).contains('\u{1b}'));
    assert!(out(&["ls", "--color", "always"], None).contains("\u{1b}[32mrunning\u{1b}[0m"));
    assert!(out(&["ls"], Some(("FORCE_COLOR", "1"))).contains('\u{1b}'));
    assert!(!out(&["ls", "--color", "never"], Some(("FORCE_COLOR", "1"))).contains('\u{1b}'));
}
